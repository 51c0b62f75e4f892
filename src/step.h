/*
 * step.h
 *		A step: one transaction of a work of many, in a procedure or in a background worker.
 */
#ifndef LC_STEP_H
#define LC_STEP_H

#include "identity.h"

typedef struct LcStepState
{
	LcIdentity before;
	bool own; /* the transaction is the step's, not the procedure's */
} LcStepState;

/*
 * Begins a step: a transaction that is READ COMMITTED and commits synchronously whatever the session's
 * defaults are, with the owner's identity and a SPI connection. Called in a procedure whose SPI
 * connection is nonatomic, or in a background worker outside of a transaction.
 */
extern void lc_step_begin(LcStepState *step);

/* Commits it. The current memory context is the one before lc_step_begin(). */
extern void lc_step_commit(LcStepState *step);

#endif /* LC_STEP_H */
