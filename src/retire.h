/*
 * retire.h
 *		Users who were retired.
 */
#ifndef LC_RETIRE_H
#define LC_RETIRE_H

#include "postgres.h"

/*
 * Error 55000 when a user is retired, by all that is committed: nothing is issued, and nothing decided. Called
 * with the owner's identity inside a SPI connection.
 */
extern void lc_refuse_retired(int64 user_id);

/*
 * Error 40001 when one of the users (bigint[]), to whom something was just begun, is retired by what is
 * committed and the transaction's snapshot does not show.
 */
extern void lc_refuse_begun(Datum user_ids);

#endif /* LC_RETIRE_H */
