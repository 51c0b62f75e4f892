/*
 * scheduler.c
 *		The worker in a database: a scheduler that queues what is due, and executors that work on it.
 *
 * The scheduler holds no transaction while it waits, and leaves when it has been idle for a while: a
 * connection keeps a database from being dropped, renamed or used as a template. An error ends the
 * process, is logged on the way, and whoever started it tries again after a pause.
 *
 * What is done here is deciding who looks when; what is due and what work is, due.h, executor.h and
 * history_seal.h say.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "due.h"
#include "executor.h"
#include "history_seal.h"
#include "identity.h"
#include "run.h"
#include "settings.h"
#include "slot.h"
#include "spi.h"
#include "wakeup.h"
#include "worker.h"

PGDLLEXPORT void lc_scheduler_main(Datum argument);
PGDLLEXPORT void lc_executor_main(Datum argument);

/* What is still due after it was looked at is in somebody's hands: time until it is looked at again. */
#define HELD_SECONDS 5

/* An executor's place stays empty for a while when the one before had nothing to do, or failed. */
#define SHORT_LIFE_MILLISECONDS 1000
#define SHORTEST_PAUSE_MILLISECONDS 100
#define LONGEST_IDLE_PAUSE_MILLISECONDS 5000

/* A place for an executor, as its scheduler sees it. */
typedef struct Place
{
	BackgroundWorkerHandle *handle; /* NULL: this scheduler has started none */
	TimestampTz started;
	int short_lives; /* in a row */
	int failures;	 /* in a row */
	TimestampTz not_before;
} Place;

/* This process's entry, and its name in the setting. */
static LcDatabase *database = NULL;
static char *database_name = NULL;

static Place places[LC_MAX_WORKERS];
static int my_place = -1; /* of an executor */
static bool came_to_its_end = false;

/* ---------------------------------------------------------------- coming and going */

/* A scheduler leaves. Where it did not get to say when something is due, another one is to look soon. */
static void
scheduler_leaves(int code, Datum argument)
{
	LcWorkerState *state = lc_worker_state();

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	database->scheduler = 0;
	database->scheduler_latch = NULL;
	if (came_to_its_end)
	{
		database->failures = 0;
		database->not_before = 0;
	}
	else
	{
		TimestampTz soon =
			TimestampTzPlusMilliseconds(GetCurrentTimestamp(), lc_pause_seconds(1) * 1000);

		database->due = 0;
		database->not_before = Max(database->not_before, soon);
	}
	if (state->launcher_latch != NULL)
		SetLatch(state->launcher_latch);
	LWLockRelease(&state->lock);
}

static void
executor_leaves(int code, Datum argument)
{
	LcWorkerState *state = lc_worker_state();

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	database->executors[my_place] = came_to_its_end ? 0 : LC_ENDED_BADLY;
	if (database->scheduler_latch != NULL)
		SetLatch(database->scheduler_latch);
	LWLockRelease(&state->lock);
}

/* Takes the place of the scheduler, or one of an executor. False when it is taken, or not wanted. */
static bool
take_place(Oid oid, int place)
{
	LcWorkerState *state = lc_worker_state();
	bool taken = false;

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	database = lc_worker_database(state, oid);
	if (database != NULL && database->listed)
	{
		if (place < 0 && database->scheduler == 0)
		{
			database->scheduler = MyProcPid;
			database->scheduler_latch = MyLatch;
			taken = true;
		}
		else if (place >= 0 && database->executors[place] <= 0)
		{
			database->executors[place] = MyProcPid;
			my_place = place;
			taken = true;
		}
	}
	LWLockRelease(&state->lock);
	if (taken)
		on_shmem_exit(place < 0 ? scheduler_leaves : executor_leaves, (Datum) 0);
	return taken;
}

/* Connects to the database and finds out its name, which cannot change while somebody is connected. */
static void
connect_to_database(Oid oid)
{
	lc_connect_process(oid);
	StartTransactionCommand();
	database_name = MemoryContextStrdup(TopMemoryContext, get_database_name(oid));
	CommitTransactionCommand();
}

/* ---------------------------------------------------------------- looking */

/*
 * Looks after what was left behind, queues what is due, and counts the executors that would find work.
 * When there will be something due comes into the shared entry: from the beginning on all that is
 * committed counts there, so that nothing gets lost between the snapshot and the end. Returns the
 * number of executors wanted.
 */
static int
look(void)
{
	LcWorkerState *state = lc_worker_state();
	TimestampTz next = DT_NOEND;
	TimestampTz now;
	int wanted = 0;

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	database->due = DT_NOEND;
	LWLockRelease(&state->lock);

	pgstat_report_activity(STATE_RUNNING, "looking for what is due");
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (lc_hold_extension())
	{
		LcIdentity before;

		(void) lc_queue_due();
		lc_act_as_owner(&before);
		lc_spi_connect(false);
		lc_recover();
		lc_queue_retries();
		lc_prune_runs();
		wanted = lc_executors_wanted();
		lc_spi_finish();
		lc_act_as_before(&before);
		if (!lc_next_due(&next))
			next = DT_NOEND;
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(true);

	now = GetCurrentTimestamp();
	if (next <= now)
		next = TimestampTzPlusMilliseconds(now, HELD_SECONDS * 1000);
	next = Min(next, TimestampTzPlusMilliseconds(now, LC_LONGEST_SLEEP_SECONDS * 1000));
	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	database->due = Min(database->due, next);
	database->failures = 0;
	LWLockRelease(&state->lock);
	return wanted;
}

/* ---------------------------------------------------------------- executors */

/*
 * Notes that the executor of a place has ended. Where it failed, or lived for a moment only because it
 * found nothing to do, the place stays empty for a while, longer each time.
 */
static void
note_end(Place *place, bool badly)
{
	TimestampTz now = GetCurrentTimestamp();
	int pause = 0;

	pfree(place->handle);
	place->handle = NULL;
	place->failures = badly ? place->failures + 1 : 0;
	if (badly)
		pause = lc_pause_seconds(place->failures) * 1000;
	else if (TimestampDifferenceExceeds(place->started, now, SHORT_LIFE_MILLISECONDS))
		place->short_lives = 0;
	else
	{
		pause = SHORTEST_PAUSE_MILLISECONDS << Min(place->short_lives, 6);
		pause = Min(pause, LONGEST_IDLE_PAUSE_MILLISECONDS);
		place->short_lives++;
	}
	place->not_before = TimestampTzPlusMilliseconds(now, pause);
}

/* The executors by place, as in the shared entry. */
static void
read_executors(pid_t *pids)
{
	LcWorkerState *state = lc_worker_state();

	LWLockAcquire(&state->lock, LW_SHARED);
	memcpy(pids, database->executors, sizeof(database->executors));
	LWLockRelease(&state->lock);
}

/*
 * Counts the executors that are there or coming, also those of a scheduler before this one. Writes
 * whether one has ended since the last time.
 */
static int
count_executors(bool *ended)
{
	static int before = 0;
	bool stopped[LC_MAX_WORKERS];
	pid_t pids[LC_MAX_WORKERS];
	pid_t pid;
	int running = 0;
	int i;

	*ended = false;
	for (i = 0; i < LC_MAX_WORKERS; i++)
		stopped[i] = places[i].handle != NULL &&
			GetBackgroundWorkerPid(places[i].handle, &pid) == BGWH_STOPPED;
	read_executors(pids); /* after that: what has stopped has left its place */
	for (i = 0; i < LC_MAX_WORKERS; i++)
	{
		if (stopped[i])
		{
			note_end(&places[i], pids[i] == LC_ENDED_BADLY);
			*ended = true;
		}
		else if (pids[i] > 0 || places[i].handle != NULL)
			running++;
	}
	*ended = *ended || running < before;
	before = running;
	return running;
}

/*
 * Starts so many executors, if there are places for them. Returns when it is to be tried again with
 * those that could not be started; DT_NOEND: with none.
 */
static TimestampTz
start_executors(int wanted)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz again = DT_NOEND;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	pid_t pids[LC_MAX_WORKERS];
	int i;

	read_executors(pids);
	for (i = 0; i < lc_max_workers && wanted > 0; i++)
	{
		Place *place = &places[i];
		BackgroundWorker worker;

		if (pids[i] > 0 || place->handle != NULL)
			continue;
		wanted--;
		if (place->not_before > now)
		{
			again = Min(again, place->not_before);
			continue;
		}
		lc_describe_process(&worker, LC_EXECUTOR, "lc_executor_main");
		snprintf(worker.bgw_name, sizeof(worker.bgw_name), "%s %d for database %u", LC_EXECUTOR, i + 1,
				 database->oid);
		worker.bgw_main_arg = ObjectIdGetDatum(database->oid);
		memcpy(worker.bgw_extra, &i, sizeof(i));
		place->handle = lc_start_process(&worker);
		place->started = now;
		if (place->handle == NULL)
		{
			again = TimestampTzPlusMilliseconds(now, LC_SLOT_RETRY_SECONDS * 1000);
			break;
		}
	}
	MemoryContextSwitchTo(old);
	return again;
}

/* Forgets that executors found nothing to do: there is other work now, or none. */
static void
forget_short_lives(void)
{
	int i;

	for (i = 0; i < LC_MAX_WORKERS; i++)
	{
		places[i].short_lives = 0;
		if (places[i].failures == 0)
			places[i].not_before = 0;
	}
}

/* ---------------------------------------------------------------- the scheduler */

/* When a scheduler has to look next. */
static TimestampTz
due_time(TimestampTz now)
{
	LcWorkerState *state = lc_worker_state();
	TimestampTz due;

	LWLockAcquire(&state->lock, LW_SHARED);
	due = database->due;
	LWLockRelease(&state->lock);
	return lc_too_far(due, now) ? now : due;
}

void
lc_scheduler_main(Datum argument)
{
	Oid oid = DatumGetObjectId(argument);
	TimestampTz busy;	   /* when there was last something to do */
	TimestampTz again = 0; /* when to look, whatever the shared entry says */

	lc_begin_process(true);
	if (!take_place(oid, -1))
		proc_exit(0);
	connect_to_database(oid);
	busy = GetCurrentTimestamp();
	for (;;)
	{
		TimestampTz now;
		TimestampTz leave;
		bool ended;
		bool due;
		int running;

		if (lc_reload_settings())
			again = 0;
		if (!lc_database_listed(database_name))
			break;
		running = count_executors(&ended);
		now = GetCurrentTimestamp();
		due = due_time(now) <= now;
		if (due || ended || again <= now)
		{
			int wanted = look();

			if (due || wanted == 0)
				forget_short_lives();
			again = start_executors(wanted);
			if (lc_seal_when_due())
				again = 0; /* the next batch */
			running = count_executors(&ended);
			now = GetCurrentTimestamp();
		}
		if (running > 0 || again != DT_NOEND)
			busy = now;
		leave = TimestampTzPlusMilliseconds(busy, lc_worker_idle_time);
		if (leave <= now)
			break;
		if (running > 0)
			lc_wait_until(Min(due_time(now), again), "waiting for executors");
		else
			lc_wait_until(Min(Min(due_time(now), again), leave), "waiting for something to do");
	}
	came_to_its_end = true;
	proc_exit(0);
}

/* ---------------------------------------------------------------- an executor */

bool
lc_executor_goes_on(void)
{
	if (my_place < 0)
		return true;
	(void) lc_reload_settings();
	return my_place < lc_max_workers && lc_database_listed(database_name);
}

/* An error is none when the extension is not there any more: it was dropped under the executor's feet. */
static void
execute_runs(void)
{
	ErrorData *volatile error = NULL;

	PG_TRY();
	{
		if (lc_executor_goes_on())
			lc_execute_runs();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(TopMemoryContext);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	if (error == NULL)
		return;

	HOLD_INTERRUPTS();
	AbortOutOfAnyTransaction();
	RESUME_INTERRUPTS();
	StartTransactionCommand();
	if (lc_hold_extension())
		ReThrowError(error);
	CommitTransactionCommand();
}

void
lc_executor_main(Datum argument)
{
	Oid oid = DatumGetObjectId(argument);
	int place;

	memcpy(&place, MyBgworkerEntry->bgw_extra, sizeof(place));
	lc_begin_process(true);
	if (!take_place(oid, place))
		proc_exit(0);
	connect_to_database(oid);
	execute_runs();
	pgstat_report_stat(true);
	came_to_its_end = true;
	proc_exit(0);
}
