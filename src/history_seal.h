/*
 * history_seal.h
 *		Sealing events by the worker.
 */
#ifndef LC_HISTORY_SEAL_H
#define LC_HISTORY_SEAL_H

#include "utils/timestamp.h"

/*
 * For the scheduler, outside of a transaction: seals a batch of events if it is time to. Returns whether
 * there is another one to be sealed now. What goes wrong is logged, and keeps nobody from anything else.
 */
extern bool lc_seal_when_due(void);

#endif /* LC_HISTORY_SEAL_H */
