/*
 * run.h
 *		Runs: asking for them, starting, ending and cancelling them.
 *
 * All of this is called with the owner's identity inside a SPI connection.
 */
#ifndef LC_RUN_H
#define LC_RUN_H

#include "utils/elog.h"

/* A run that there may be something to do for. */
typedef struct LcRun
{
	int64 id;
	int64 configuration_id;
	bool queued;	/* not started yet */
	bool retrieved; /* its credentials are queued */
	bool retrieves; /* and does not only see to what was queued for it, or to failed attempts */
	bool retry;		/* failed attempts that are due are tried again */
	bool crashed;	/* the server did, while its retrieval was under way */
} LcRun;

/*
 * Queues a run of a configuration, or finds the one that is queued already, and returns its id. Errors:
 * 42704 there is no such configuration, 55000 it is suspended. "trigger" as in table run.
 */
extern int64 lc_run_request(int64 configuration_id, const char *trigger);

/*
 * The run that there is something to do for, and the last to come if there are two; 0: there is none.
 */
extern int64 lc_run_find_open(int64 configuration_id);

/*
 * Holds a queued run of a configuration until the transaction ends, so that credentials can be put into it;
 * error 55000 when it is none.
 */
extern void lc_run_hold(int64 run_id, int64 configuration_id);

/*
 * The runs that are running, and those that are queued and could start, of a configuration or (0) of
 * all that are not suspended; those that the fewest backends work on first. Palloc'd.
 */
extern LcRun *lc_runs_open(int64 configuration_id, int *count);

/*
 * For the scheduler: how many executors could find something to do for these runs now, those that work
 * already left out.
 */
extern int lc_executors_wanted(void);

/* queued -> running; false when somebody else was faster. */
extern bool lc_run_start(LcRun *run);

/*
 * Is a running run's retrieval still to be done, and is nobody at it? Waits for who cancels it just now,
 * so that a retrieval that was interrupted to be cancelled does not begin again.
 */
extern bool lc_run_unretrieved(int64 run_id);

/*
 * Queues the run's credentials; returns why that failed, palloc'd, and the run is failed then. Begins
 * nothing when another backend is at it or the run is past it: *done is false.
 */
extern ErrorData *lc_run_retrieve(const LcRun *run, bool *done);

/*
 * Counts what the run's executors have done, and ends the run if nothing of it waits any more. Returns
 * whether it has.
 */
extern bool lc_run_end(int64 run_id);

/*
 * Waits until another session is done with the retrieval or with the batch of the configuration's running
 * run that it has in hand, not for what it takes up next; where none is running, until the queued one is
 * nobody's who puts credentials into it.
 */
extern void lc_run_wait(int64 configuration_id);

/* Ends a run that is running as failed; otherwise does nothing. */
extern void lc_run_fail(int64 run_id, const char *error);

/* The status of a run, and its error or NULL; palloc'd. Error 42704 when it is gone. */
extern char *lc_run_status(int64 run_id, char **error);

/* Suspends a configuration: its run fails, and what waits is in error until the suspension is lifted. */
extern void lc_suspend(int64 configuration_id, const char *reason);

/*
 * For the scheduler: queues a run of trigger "retry" for each configuration with failed attempts that
 * are due again and that nobody else has in hand; not for suspended ones.
 */
extern void lc_queue_retries(void);

/* For the scheduler: removes runs that ended longer ago than the setting keep_runs says. */
extern void lc_prune_runs(void);

#endif /* LC_RUN_H */
