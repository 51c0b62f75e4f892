/*
 * lifecycle.h
 *		The four states of a credential.
 */
#ifndef LC_LIFECYCLE_H
#define LC_LIFECYCLE_H

#include "spi.h"

typedef enum LcStatus
{
	LC_GENERATING,
	LC_AVAILABLE,
	LC_ERROR,
	LC_INVALIDATED
} LcStatus;

/* The state that a value of the type credential_status stands for. */
extern LcStatus lc_status_of(Datum status);

/*
 * Runs an UPDATE of credentials that may change the issue date also of those that were issued, and gives
 * the reason to the events of what it changes in dates. Returns how many rows it updated.
 */
extern uint64 lc_correct_dates(LcStatement *update, Datum *values, const char *nulls,
							   const char *reason);

/*
 * Runs an UPDATE of credentials, or a DELETE of documents, by which what they hold of a user is erased, which
 * nothing else may. The reason goes to the event of each credential. Returns how many rows it touched.
 */
extern uint64 lc_erase_from_credentials(LcStatement *statement, Datum *values, const char *nulls,
										int expected, const char *reason);

#endif /* LC_LIFECYCLE_H */
