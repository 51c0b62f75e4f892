/*
 * worker.h
 *		The worker: a launcher, a scheduler per database while there is something to do, executors.
 */
#ifndef LC_WORKER_H
#define LC_WORKER_H

#include "postmaster/bgworker.h"
#include "utils/timestamp.h"

/* The name that pg_stat_activity shows as backend_type, by what a process is. */
#define LC_LAUNCHER "learning_credentials launcher"
#define LC_SCHEDULER "learning_credentials scheduler"
#define LC_EXECUTOR "learning_credentials executor"

/* Where there is no free slot for a process: time to the next try. */
#define LC_SLOT_RETRY_SECONDS 5

/* Registers the launcher when the library is preloaded; not for pg_upgrade. */
extern void lc_worker_register(void);

/*
 * For an executor, between two batches and outside of a transaction: reads the settings again where
 * that was asked for. False when it is to leave, because there are to be fewer executors or the
 * database is not listed any more. Always true elsewhere.
 */
extern bool lc_executor_goes_on(void);

/* ---------------------------------------------------------------- among the worker's processes */

/* Fills in what all of the worker's processes have in common; "function" is the one that it calls. */
extern void lc_describe_process(BackgroundWorker *worker, const char *type, const char *function);

/* Registers a process for a database. NULL when there is no free slot, which is logged now and then. */
extern BackgroundWorkerHandle *lc_start_process(BackgroundWorker *worker);

/* Signals and the log, at the start of a process. A cancel is for processes that run statements. */
extern void lc_begin_process(bool may_be_cancelled);

/* Connects a process to its database as the bootstrap superuser, with settings that it can work under. */
extern void lc_connect_process(Oid database);

/* Reads the settings again if that was asked for; returns whether it was. */
extern bool lc_reload_settings(void);

/* Waits until the latch is set or the time has come, a minute at most; handles interrupts. */
extern void lc_wait_until(TimestampTz when, const char *activity);

/* Seconds to wait before another try, after so many failures in a row: 1, 2, 4, ... 60. */
extern int lc_pause_seconds(int failures);

#endif /* LC_WORKER_H */
