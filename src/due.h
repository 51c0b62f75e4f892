/*
 * due.h
 *		What is due: for the scheduler.
 *
 * Both are called inside a transaction with a snapshot, as whoever; they act as the extension's owner
 * and open their own SPI connection.
 */
#ifndef LC_DUE_H
#define LC_DUE_H

#include "utils/timestamp.h"

/*
 * Queues a run for each configuration whose next_run_at has come, and moves next_run_at on to the
 * schedule's next time after now: what was missed meanwhile runs once, late. Leaves out suspended
 * configurations, and those that somebody else has locked. Where a schedule cannot be evaluated any
 * more, a failed run says why and nothing is scheduled. Returns how many runs were queued.
 */
extern uint64 lc_queue_due(void);

/*
 * When there will be something to queue: the earliest next_run_at or retry_at of configurations that
 * are not suspended. It may have passed. False when there is none.
 */
extern bool lc_next_due(TimestampTz *when);

#endif /* LC_DUE_H */
