/*
 * worker.c
 *		The launcher of the worker, and what its processes have in common.
 *
 * The launcher is connected to no database, so that each of them can be dropped, renamed or used as a
 * template. It starts a scheduler (scheduler.c) in a listed database when something is due there; the
 * scheduler leaves when it is idle, and says when something will be due again.
 *
 * A process that is told to stop does so without a word: a FATAL "terminating background worker due to
 * administrator command" is expected on every stop of the server. It is FATAL all the same, so that no
 * handler of errors in a user's function can hold it up.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "fmgr.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "settings.h"
#include "wakeup.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(lc_start_worker);
PG_FUNCTION_INFO_V1(lc_worker_state_text);

PGDLLEXPORT void lc_launcher_main(Datum argument);

/* The postmaster starts a launcher again that has failed or was told to stop. */
#define LAUNCHER_RESTART_SECONDS 5

/* Where there is no free slot for a process: time between two complaints. */
#define SLOT_COMPLAINT_SECONDS 600

/* The schedulers that this launcher has started, by the database's entry. */
static BackgroundWorkerHandle *schedulers[LC_MAX_DATABASES];

static emit_log_hook_type previous_log_hook = NULL;
static bool connecting = false;

/* ---------------------------------------------------------------- what processes have in common */

void
lc_describe_process(BackgroundWorker *worker, const char *type, const char *function)
{
	memset(worker, 0, sizeof(BackgroundWorker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_name, type, sizeof(worker->bgw_name));
	strlcpy(worker->bgw_type, type, sizeof(worker->bgw_type));
	strlcpy(worker->bgw_library_name, "learning_credentials", sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, function, sizeof(worker->bgw_function_name));
}

BackgroundWorkerHandle *
lc_start_process(BackgroundWorker *worker)
{
	BackgroundWorkerHandle *handle;
	LcWorkerState *state = lc_worker_state();
	TimestampTz now = GetCurrentTimestamp();
	bool complain;

	worker->bgw_notify_pid = MyProcPid;
	if (RegisterDynamicBackgroundWorker(worker, &handle))
		return handle;

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	complain = state->complained == 0 ||
		TimestampDifferenceExceeds(state->complained, now, SLOT_COMPLAINT_SECONDS * 1000);
	if (complain)
		state->complained = now;
	LWLockRelease(&state->lock);
	if (complain)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no free slot for a %s", worker->bgw_type),
				 errdetail("It is tried again every %d seconds.", LC_SLOT_RETRY_SECONDS),
				 errhint("Raise max_worker_processes, or lower learning_credentials.max_workers.")));
	return NULL;
}

/* Keeps out of the log what is no failure: being told to stop, and a database that has just gone. */
static void
filter_log(ErrorData *edata)
{
	if (edata->elevel == FATAL &&
		(edata->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
		 (connecting && edata->sqlerrcode == ERRCODE_UNDEFINED_DATABASE)))
		edata->output_to_server = false;
	else if (previous_log_hook != NULL)
		previous_log_hook(edata);
}

void
lc_begin_process(bool may_be_cancelled)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, may_be_cancelled ? StatementCancelHandler : SIG_IGN);
	previous_log_hook = emit_log_hook;
	emit_log_hook = filter_log;
	BackgroundWorkerUnblockSignals();
}

static void
set_application_name(void)
{
	SetConfigOption("application_name", MyBgworkerEntry->bgw_type, PGC_USERSET, PGC_S_OVERRIDE);
}

void
lc_connect_process(Oid database)
{
	/* What a database may have been given by ALTER DATABASE, and must not count here. */
	static const char *const settings[][2] = {
		{ "search_path", "pg_catalog, pg_temp" },
		{ "role", "none" },
		{ "session_replication_role", "origin" },
		{ "default_transaction_read_only", "off" },
		{ "default_transaction_isolation", "read committed" },
		{ "default_transaction_deferrable", "off" },
		{ "check_function_bodies", "on" },
		{ "row_security", "on" },
		{ "statement_timeout", "0" },
		{ "lock_timeout", "0" },
		{ "idle_in_transaction_session_timeout", "0" },
	};
	int i;

	connecting = true;
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	connecting = false;
	for (i = 0; i < (int) lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	set_application_name();
}

bool
lc_reload_settings(void)
{
	if (!ConfigReloadPending)
		return false;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	return true;
}

void
lc_wait_until(TimestampTz when, const char *activity)
{
	long milliseconds = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), when);

	pgstat_report_activity(STATE_IDLE, activity);
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 Min(milliseconds, LC_LONGEST_SLEEP_SECONDS * 1000L), PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

int
lc_pause_seconds(int failures)
{
	return failures < 7 ? 1 << Max(failures - 1, 0) : 60;
}

/* ---------------------------------------------------------------- the databases */

/*
 * The databases that are listed and can be connected to, at most LC_MAX_DATABASES: writes their oids
 * and returns how many.
 */
static int
find_databases(Oid *oids)
{
	Relation rel;
	TableScanDesc scan;
	HeapTuple tuple;
	int count = 0;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (count < LC_MAX_DATABASES && (tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		/* a limit below -1: DROP DATABASE was cut off */
		if (database->datallowconn && database->datconnlimit >= -1 &&
			lc_database_listed(NameStr(database->datname)))
			oids[count++] = database->oid;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	return count;
}

/* Has a process that the launcher knows of come to its end, or never begun? Frees its handle. */
static bool
scheduler_runs(int number)
{
	pid_t pid;

	if (schedulers[number] == NULL)
		return false;
	if (GetBackgroundWorkerPid(schedulers[number], &pid) != BGWH_STOPPED)
		return true;
	pfree(schedulers[number]);
	schedulers[number] = NULL;
	return false;
}

static bool
has_processes(const LcDatabase *database)
{
	int i;

	if (database->scheduler != 0)
		return true;
	for (i = 0; i < LC_MAX_WORKERS; i++)
		if (database->executors[i] > 0)
			return true;
	return false;
}

/* Brings the entries in line with the databases that there are. What is new is looked at, at once. */
static void
update_entries(LcWorkerState *state)
{
	Oid oids[LC_MAX_DATABASES];
	int count = find_databases(oids);
	int i;

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	for (i = 0; i < LC_MAX_DATABASES; i++)
	{
		LcDatabase *database = &state->databases[i];
		int j;

		for (j = 0; j < count && oids[j] != database->oid; j++)
			;
		if (j < count || !OidIsValid(database->oid))
			continue;
		database->listed = false;
		if (!scheduler_runs(i) && !has_processes(database))
			memset(database, 0, sizeof(LcDatabase));
	}
	for (i = 0; i < count; i++)
	{
		LcDatabase *database = lc_worker_database(state, oids[i]);

		if (database == NULL)
			database = lc_worker_database(state, InvalidOid);
		if (database == NULL || database->listed)
			continue; /* without an entry: processes of databases that are gone are about to leave theirs */
		database->oid = oids[i];
		database->listed = true;
		database->due = 0;
	}
	LWLockRelease(&state->lock);
}

/* ---------------------------------------------------------------- starting schedulers */

/* Is it time for a scheduler? The caller holds the lock. Writes when it will be, if it is not. */
static bool
wants_scheduler(LcDatabase *database, int number, TimestampTz now, TimestampTz *when)
{
	*when = DT_NOEND;
	if (!OidIsValid(database->oid) || !database->listed || database->scheduler != 0 ||
		scheduler_runs(number))
		return false;
	*when = Max(database->due, database->not_before);
	return *when <= now || lc_too_far(*when, now);
}

/*
 * Starts a scheduler wherever it is time for one. Until it says otherwise it counts as one that
 * failed: then the next one has to wait. Returns when there will be something to do.
 */
static TimestampTz
start_schedulers(LcWorkerState *state)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = TimestampTzPlusMilliseconds(now, LC_LONGEST_SLEEP_SECONDS * 1000);
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	int i;

	for (i = 0; i < LC_MAX_DATABASES; i++)
	{
		LcDatabase *database = &state->databases[i];
		BackgroundWorker worker;
		TimestampTz when;
		bool wanted;
		Oid oid;

		LWLockAcquire(&state->lock, LW_EXCLUSIVE);
		wanted = wants_scheduler(database, i, now, &when);
		oid = database->oid;
		if (wanted)
		{
			database->failures++;
			database->not_before =
				TimestampTzPlusMilliseconds(now, lc_pause_seconds(database->failures) * 1000);
		}
		LWLockRelease(&state->lock);
		if (!wanted)
		{
			next = Min(next, when);
			continue;
		}

		lc_describe_process(&worker, LC_SCHEDULER, "lc_scheduler_main");
		snprintf(worker.bgw_name, sizeof(worker.bgw_name), "%s for database %u", LC_SCHEDULER, oid);
		worker.bgw_main_arg = ObjectIdGetDatum(oid);
		schedulers[i] = lc_start_process(&worker);
		if (schedulers[i] == NULL)
		{
			next = Min(next, TimestampTzPlusMilliseconds(now, LC_SLOT_RETRY_SECONDS * 1000));
			LWLockAcquire(&state->lock, LW_EXCLUSIVE);
			database->failures--;
			database->not_before = next;
			LWLockRelease(&state->lock);
		}
	}
	MemoryContextSwitchTo(old);
	return next;
}

/* ---------------------------------------------------------------- the launcher */

static void
launcher_leaves(int code, Datum argument)
{
	LcWorkerState *state = lc_worker_state();

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	state->launcher = 0;
	state->launcher_latch = NULL;
	LWLockRelease(&state->lock);
}

/* Takes the launcher's place; false when there is one. */
static bool
become_launcher(LcWorkerState *state)
{
	bool free;

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	free = state->launcher == 0;
	if (free)
	{
		state->launcher = MyProcPid;
		state->launcher_latch = MyLatch;
	}
	LWLockRelease(&state->lock);
	if (free)
		on_shmem_exit(launcher_leaves, (Datum) 0);
	return free;
}

void
lc_launcher_main(Datum argument)
{
	LcWorkerState *state = lc_worker_state();
	MemoryContext context;

	lc_begin_process(false);
	if (!become_launcher(state))
		proc_exit(0);
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	set_application_name();
	context =
		AllocSetContextCreate(TopMemoryContext, "learning_credentials launcher", ALLOCSET_SMALL_SIZES);
	for (;;)
	{
		TimestampTz next;

		pgstat_report_activity(STATE_RUNNING, "looking for databases in which something is due");
		MemoryContextSwitchTo(context);
		(void) lc_reload_settings();
		update_entries(state);
		next = start_schedulers(state);
		MemoryContextReset(context);
		lc_wait_until(next, "waiting until something is due in a database");
	}
}

/* ---------------------------------------------------------------- starting the launcher */

/* The launcher. The postmaster starts it again when it has failed or was told to stop. */
static void
describe_launcher(BackgroundWorker *worker)
{
	lc_describe_process(worker, LC_LAUNCHER, "lc_launcher_main");
	worker->bgw_restart_time = LAUNCHER_RESTART_SECONDS;
}

void
lc_worker_register(void)
{
	BackgroundWorker worker;

	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	describe_launcher(&worker);
	RegisterBackgroundWorker(&worker);
}

static pid_t
launcher_pid(void)
{
	LcWorkerState *state = lc_worker_state();
	pid_t pid;

	LWLockAcquire(&state->lock, LW_SHARED);
	pid = state->launcher;
	LWLockRelease(&state->lock);
	return pid;
}

/* worker_state() RETURNS text */
Datum
lc_worker_state_text(PG_FUNCTION_ARGS)
{
	if (!lc_database_listed(get_database_name(MyDatabaseId)))
		PG_RETURN_TEXT_P(cstring_to_text("not listed"));
	PG_RETURN_TEXT_P(cstring_to_text(launcher_pid() != 0 ? "running" : "stopped"));
}

/* start_worker() RETURNS boolean */
Datum
lc_start_worker(PG_FUNCTION_ARGS)
{
	const char *database = get_database_name(MyDatabaseId);
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;
	pid_t pid = launcher_pid();

	if (IsBinaryUpgrade)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the worker cannot be started during a binary upgrade")));
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the worker cannot be started during recovery"),
				 errhint("Start it after promotion; a server with learning_credentials in "
						 "shared_preload_libraries does that by itself.")));
	if (!lc_database_listed(database))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("database \"%s\" is not listed in learning_credentials.databases", database),
				 errhint("Set it in postgresql.conf or with ALTER SYSTEM, and reload with "
						 "pg_reload_conf().")));

	if (pid != 0)
	{
		ereport(NOTICE, (errmsg("the worker is running already, with process id %d", (int) pid)));
		PG_RETURN_BOOL(false);
	}

	describe_launcher(&worker);
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no free slot for a %s", worker.bgw_type),
				 errdetail("All of max_worker_processes = %d are in use.", max_worker_processes),
				 errhint("Raise max_worker_processes, which needs a restart of the server, or try again "
						 "when less is going on.")));
	if (WaitForBackgroundWorkerStartup(handle, &pid) != BGWH_STARTED && launcher_pid() == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES), errmsg("the worker did not start"),
				 errhint("The server's log may say more.")));
	PG_RETURN_BOOL(true);
}
