/*
 * run.h
 *		Runs: asking for them, starting, ending and cancelling them.
 *
 * All of this is called with the owner's identity inside a SPI connection.
 */
#ifndef LC_RUN_H
#define LC_RUN_H

/*
 * For the scheduler: queues a run of trigger "retry" for each configuration with failed attempts that
 * are due again and that nobody else has in hand; not for suspended ones.
 */
extern void lc_queue_retries(void);

/* For the scheduler: removes runs that ended longer ago than the setting keep_runs says. */
extern void lc_prune_runs(void);

/* For the scheduler: looks after what backends left behind that crashed or went away, see slot.h. */
extern void lc_recover(void);

#endif /* LC_RUN_H */
