/*
 * wakeup.h
 *		What the worker's processes know of each other, in shared memory, and how others wake them.
 */
#ifndef LC_WAKEUP_H
#define LC_WAKEUP_H

#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

/* Most names in learning_credentials.databases, and most that learning_credentials.max_workers may be. */
#define LC_MAX_DATABASES 64
#define LC_MAX_WORKERS 32

/* A scheduler looks at its database at least this often, so that a lost wake-up is repaired. */
#define LC_LONGEST_SLEEP_SECONDS 60

/* In LcDatabase.executors, for a process that did not come to its own end. */
#define LC_ENDED_BADLY ((pid_t) -1)

/* A database that the worker looks after. */
typedef struct LcDatabase
{
	Oid oid;				/* InvalidOid: the entry is free */
	bool listed;			/* in learning_credentials.databases, and there */
	TimestampTz due;		/* when a scheduler has to look at it */
	TimestampTz not_before; /* no scheduler is started before, because the last one failed */
	int failures;			/* schedulers in a row that were started and had no success */
	pid_t scheduler;		/* 0: none */
	Latch *scheduler_latch;
	pid_t executors[LC_MAX_WORKERS]; /* by place; 0: none; LC_ENDED_BADLY */
} LcDatabase;

typedef struct LcWorkerState
{
	LWLock lock; /* of all that follows */
	pid_t launcher;
	Latch *launcher_latch;
	TimestampTz complained; /* when it was last logged that there is no free slot for a process */
	LcDatabase databases[LC_MAX_DATABASES];
} LcWorkerState;

/* The state, made by whoever comes first. Error when shared memory has no room for it. */
extern LcWorkerState *lc_worker_state(void);

/* The entry of a database, or NULL; the caller holds the lock. */
extern LcDatabase *lc_worker_database(LcWorkerState *state, Oid oid);

/* Is a time farther away than any can be? Then the clock was set back, and it has come. */
extern bool lc_too_far(TimestampTz when, TimestampTz now);

/* The check of the setting. */
extern bool lc_check_databases(char **newval, void **extra, GucSource source);

/* Is the database named in learning_credentials.databases? */
extern bool lc_database_listed(const char *name);

/*
 * When the transaction commits, and not when it or the subtransaction of the call rolls back, the
 * worker looks at this database: at once, or at the time given. Does nothing for a database that is
 * not listed. A transaction that is prepared for two-phase commit wakes nobody.
 */
extern void lc_wake_worker_at_commit(void);
extern void lc_expect_worker_at_commit(TimestampTz due);

#endif /* LC_WAKEUP_H */
