/*
 * executor.c
 *		Works on runs: takes one, retrieves, makes its documents, ends it.
 *
 * The worker's executors and whoever CALLs generate_credentials() do the same, the latter for one
 * configuration. Any number of them share the runs and the credentials of a run. Every step is a
 * transaction of its own (step.h). The step that stores a batch also claims the next one and notes it:
 * so there is one commit a batch, and what crashes a server stands in a note that was there before.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "definition.h"
#include "executor.h"
#include "issue.h"
#include "run.h"
#include "settings.h"
#include "slot.h"
#include "spi.h"
#include "step.h"
#include "wakeup.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(lc_generate_credentials);
PG_FUNCTION_INFO_V1(lc_generate_all_credentials);

/* An executor looks for a run that nobody works on after this long. */
#define MILLISECONDS_AT_A_RUN 5000

/* How long a CALL waits for other backends before it looks again: at first, and at most. */
#define SHORTEST_WAIT_MILLISECONDS 5
#define LONGEST_WAIT_MILLISECONDS 500

/* Why there was no retrieval. */
typedef struct Failure
{
	int64 run_id;
	int sqlerrcode;
	char *message;
	char *detail;
	char *hint;
} Failure;

typedef struct Executor
{
	int64 only;			   /* the configuration that it works on; 0: all */
	MemoryContext context; /* of the executor */
	MemoryContext scratch; /* of a step */
	pg_uuid_t *uuids;	   /* the batch that is noted */
	int count;
	int limit;
	int64 walking;		/* the run whose queue it walks */
	pg_uuid_t position; /* behind it is what is to be claimed next of that run */
	int64 retrieving;	/* the run whose retrieval is under way; 0: none */
	Failure *failure;	/* of the last retrieval that failed here; NULL: none did */
} Executor;

/* ---------------------------------------------------------------- batches */

typedef struct Attempt
{
	const LcConfiguration *configuration;
	const pg_uuid_t *uuids;
	int count;
	LcIssued issued;
	bool tried;
} Attempt;

/* Runs in a subtransaction. */
static void
attempt_batch(void *argument)
{
	Attempt *attempt = argument;

	attempt->tried =
		lc_issue(attempt->configuration, attempt->uuids, attempt->count, true, &attempt->issued);
}

/*
 * Issues the batch that is noted. What keeps it from being stored (a trigger of somebody's, a full disk)
 * is an error of the credential alone whose turn it is. Returns what became of it.
 */
static LcIssued
issue_batch(const Executor *executor, const LcConfiguration *configuration)
{
	Attempt all = { .configuration = configuration, .uuids = executor->uuids, .count = executor->count };
	LcIssued total = { 0 };
	ErrorData *error = lc_attempt(attempt_batch, &all);
	int i;

	if (error == NULL)
	{
		total = all.issued;
		if (!all.tried)
			total.last = executor->uuids[executor->count - 1];
		return total;
	}
	for (i = 0; i < executor->count; i++)
	{
		Attempt one = { .configuration = configuration, .uuids = &executor->uuids[i], .count = 1 };

		CHECK_FOR_INTERRUPTS();
		error = lc_attempt(attempt_batch, &one);
		if (error != NULL)
		{
			lc_fail(&executor->uuids[i], lc_error_text(error), true);
			one.issued.failed = 1;
		}
		total.available += one.issued.available;
		total.failed += one.issued.failed;
		total.last = executor->uuids[i];
	}
	return total;
}

/*
 * Claims the next batch of a run, from where this executor is in its queue: what is done lies behind, and to
 * read over a million of that takes as long as to make many documents. Nothing while there are suspects:
 * they are tried alone.
 */
static void
claim_batch(Executor *executor, int64 run_id)
{
	LcSuspect suspect;

	if (executor->walking != run_id)
	{
		executor->walking = run_id;
		memset(&executor->position, 0, sizeof(pg_uuid_t));
	}
	executor->count = 0;
	if (!lc_suspect_find(executor->only, &suspect))
		executor->count =
			lc_claim(run_id, &executor->position, lc_slot_taken(), executor->limit, executor->uuids);
}

/* Begins a step, whose memory is there until the next begins. */
static void
begin(Executor *executor, LcStepState *step)
{
	MemoryContextReset(executor->scratch);
	MemoryContextSwitchTo(executor->scratch);
	lc_step_begin(step);
}

/*
 * The step at which nothing of a run is in hand any more. Returns whether there is more to do: the run has
 * ended and another may begin; or, at the queue's end, what others left lies behind this executor, who begins
 * at its start again unless it has just been there. While others work on the run that is left to the last of
 * them.
 */
static bool
leave_run(Executor *executor, int64 run_id, bool at_end)
{
	static const pg_uuid_t start = { { 0 } };
	LcStepState step;
	bool more;

	begin(executor, &step);
	more = lc_run_end(run_id);
	if (!more && at_end && !lc_slot_shares(run_id))
	{
		more = memcmp(&executor->position, &start, sizeof(pg_uuid_t)) != 0;
		executor->walking = 0;
	}
	lc_slot_note(0, NULL, 0, 0, 0);
	lc_slot_apart();
	lc_step_commit(&step);
	return more;
}

/* Tells pg_stat_activity. */
static void
report(const LcConfiguration *configuration, const LcRun *run, const char *what)
{
	char *text;

	if (!AmBackgroundWorkerProcess())
		return;
	text = psprintf("run " INT64_FORMAT " of configuration " INT64_FORMAT " (%s): %s", run->id,
					run->configuration_id, configuration->learning_context_key, what);
	pgstat_report_activity(STATE_RUNNING, text);
}

/*
 * Makes documents of a run until it has none left or others deserve a turn. Each batch reads the
 * configuration anew: whose rights it has and what its options are is decided by what stands there now.
 * Returns whether there were any, or the run has ended.
 */
static bool
make_documents(Executor *executor, const LcRun *run)
{
	TimestampTz began = GetCurrentTimestamp();
	LcStepState step;

	begin(executor, &step);
	lc_slot_together();
	claim_batch(executor, run->id);
	lc_slot_note(run->id, executor->uuids, executor->count, 0, 0);
	lc_step_commit(&step);
	if (executor->count == 0)
		return leave_run(executor, run->id, true);
	while (executor->count > 0)
	{
		LcConfiguration *configuration;
		LcIssued issued = { 0 };
		bool goes_on;

		CHECK_FOR_INTERRUPTS();
		goes_on = lc_executor_goes_on();
		begin(executor, &step);
		configuration = lc_configuration_load(run->configuration_id);
		report(configuration, run, "making documents");
		if (configuration->suspension_reason == NULL)
		{
			issued = issue_batch(executor, configuration);
			executor->position = issued.last;
		}
		if (configuration->suspension_reason != NULL || !goes_on ||
			TimestampDifferenceExceeds(began, GetCurrentTimestamp(), MILLISECONDS_AT_A_RUN))
			executor->count = 0;
		else
			claim_batch(executor, run->id);
		lc_slot_note(run->id, executor->uuids, executor->count, issued.available, issued.failed);
		lc_step_commit(&step);
	}
	(void) leave_run(executor, run->id, false);
	return true;
}

/* Tries a suspect, alone. Returns whether one could be tried. */
static bool
try_suspect(Executor *executor)
{
	LcSuspect suspect;
	LcRun run = { 0 };
	LcStepState step;
	LcConfiguration *configuration;
	LcIssued issued;
	bool found;

	begin(executor, &step);
	found = lc_suspect_find(executor->only, &suspect);
	lc_step_commit(&step);
	if (!found)
		return false;

	/* Until the lock is there, nothing is noted: what waits is not what crashes. */
	begin(executor, &step);
	lc_slot_alone();
	lc_step_commit(&step);

	begin(executor, &step);
	found = lc_suspect_find(executor->only, &suspect);
	if (found)
		lc_slot_note(suspect.run_id, &suspect.uuid, 1, 0, 0);
	else
		lc_slot_apart();
	lc_step_commit(&step);
	if (!found)
		return true;

	begin(executor, &step);
	run.id = suspect.run_id;
	run.configuration_id = suspect.configuration_id;
	configuration = lc_configuration_load(run.configuration_id);
	report(configuration, &run, "making a document that was being made when the server crashed");
	executor->uuids[0] = suspect.uuid;
	executor->count = 1;
	issued = issue_batch(executor, configuration);
	executor->count = 0;
	if (issued.available + issued.failed > 0)
		lc_suspect_clear(&suspect.uuid);
	lc_slot_note(run.id, executor->uuids, 0, issued.available, issued.failed);
	lc_step_commit(&step);
	(void) leave_run(executor, run.id, false);
	return issued.available + issued.failed > 0;
}

/* ---------------------------------------------------------------- runs */

static Failure *
keep_failure(const Executor *executor, int64 run_id, const ErrorData *error)
{
	MemoryContext old = MemoryContextSwitchTo(executor->context);
	Failure *failure = palloc0(sizeof(Failure));

	failure->run_id = run_id;
	failure->sqlerrcode = error->sqlerrcode;
	failure->message = pstrdup(error->message ? error->message : "unknown error");
	failure->detail = error->detail ? pstrdup(error->detail) : NULL;
	failure->hint = error->hint ? pstrdup(error->hint) : NULL;
	MemoryContextSwitchTo(old);
	return failure;
}

/* Queues the credentials of a run that is running. Returns whether it was to be done. */
static bool
retrieve(Executor *executor, const LcRun *run)
{
	LcStepState step;
	ErrorData *error;
	bool done;

	executor->retrieving = run->id;
	begin(executor, &step);
	report(lc_configuration_load(run->configuration_id), run, "retrieving who is eligible");
	error = lc_run_retrieve(run, &done);
	lc_slot_note(0, NULL, 0, 0, 0);
	if (error != NULL)
		executor->failure = keep_failure(executor, run->id, error);
	if (done)
		lc_wake_worker_at_commit(); /* others may help with the documents */
	lc_step_commit(&step);
	executor->retrieving = 0;
	return done;
}

/* Does what there is to do for a run. Returns whether there was anything. */
static bool
work_on(Executor *executor, LcRun *run)
{
	LcStepState step;
	bool mine;

	if (!run->retrieved)
	{
		/* As with documents: what may have crashed the server is tried alone. */
		begin(executor, &step);
		if (run->crashed)
			lc_slot_alone();
		else
			lc_slot_together();
		lc_step_commit(&step);

		begin(executor, &step);
		mine = (!run->queued || lc_run_start(run)) && lc_run_unretrieved(run->id);
		if (mine)
			lc_slot_note(run->id, NULL, 0, 0, 0);
		lc_step_commit(&step);
		mine = mine && retrieve(executor, run);
		if (!mine)
		{
			begin(executor, &step);
			lc_slot_apart();
			lc_step_commit(&step);
			return false;
		}
		(void) make_documents(executor, run);
		return true;
	}
	return make_documents(executor, run);
}

/* Does something, if there is anything to do. */
static bool
work(Executor *executor)
{
	LcStepState step;
	LcRun *runs;
	int count;
	int i;

	if (try_suspect(executor))
		return true;

	begin(executor, &step);
	MemoryContextSwitchTo(executor->context);
	runs = lc_runs_open(executor->only, &count);
	lc_step_commit(&step);
	for (i = 0; i < count; i++)
		if (work_on(executor, &runs[i]))
			break;
	pfree(runs);
	return i < count;
}

/* Allocated in the current context, and so is all that it keeps. */
static Executor *
start_work(void)
{
	Executor *executor = palloc0(sizeof(Executor));
	LcStepState step;

	executor->context = CurrentMemoryContext;
	executor->scratch =
		AllocSetContextCreate(executor->context, "step of an executor", ALLOCSET_DEFAULT_SIZES);
	executor->limit = lc_batch_size;
	executor->uuids = palloc(sizeof(pg_uuid_t) * executor->limit);
	begin(executor, &step);
	lc_slot_open();
	lc_step_commit(&step);
	return executor;
}

static void
end_work(Executor *executor)
{
	LcStepState step;

	begin(executor, &step);
	lc_slot_close();
	lc_step_commit(&step);
	MemoryContextSwitchTo(executor->context);
}

/* ---------------------------------------------------------------- the worker's executors */

/* A retrieval that somebody interrupted is not begun again, be it cancel_run() or pg_cancel_backend(). */
static void
give_up_retrieval(int64 run_id)
{
	LcStepState step;

	lc_step_begin(&step);
	lc_run_fail(run_id, "retrieval was cancelled");
	lc_step_commit(&step);
}

void
lc_execute_runs(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "executor", ALLOCSET_DEFAULT_SIZES);
	Executor *volatile executor = NULL;
	volatile bool interrupted;

	do
	{
		interrupted = false;
		MemoryContextSwitchTo(context);
		PG_TRY();
		{
			executor = start_work();
			while (lc_executor_goes_on() && work(executor))
				CHECK_FOR_INTERRUPTS();
			end_work(executor);
		}
		PG_CATCH();
		{
			if (geterrcode() != ERRCODE_QUERY_CANCELED)
				PG_RE_THROW();
			interrupted = true;
			HOLD_INTERRUPTS();
			AbortCurrentTransaction();
			FlushErrorState();
			RESUME_INTERRUPTS();
			if (executor != NULL && executor->retrieving != 0)
				give_up_retrieval(executor->retrieving);
			executor = NULL;
		}
		PG_END_TRY();
		MemoryContextReset(context);
	} while (interrupted);
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextDelete(context);
}

/* ---------------------------------------------------------------- CALL */

/*
 * Begins a procedure that commits; error 2D000 where it could not, 25006 on a standby. The transaction
 * that the CALL itself began ends here, so that every step can have its own.
 */
static void
begin_procedure(FunctionCallInfo fcinfo, const char *name)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("%s() commits after each batch and cannot run inside a transaction block", name),
				 errhint("CALL it on its own, not in BEGIN ... COMMIT and not from a function.")));
	PreventCommandDuringRecovery(psprintf("%s()", name));
	lc_spi_connect(true);
	SPI_commit();
	SPI_start_transaction(); /* as in lc_step_commit() */
}

/*
 * Waits for what other backends have in hand, and a little longer each time that it is in vain. What one of
 * them leaves behind that ends meanwhile is nobody's until somebody recovers it.
 */
static void
wait_for_others(Executor *executor, int *milliseconds)
{
	LcStepState step;

	begin(executor, &step);
	lc_run_wait(executor->only);
	lc_recover();
	lc_step_commit(&step);
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, *milliseconds,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	*milliseconds = Min(*milliseconds * 2, LONGEST_WAIT_MILLISECONDS);
}

typedef struct Request
{
	int64 configuration_id;
	int64 run_id;
} Request;

/* Runs in a subtransaction. */
static void
request(void *argument)
{
	Request *request = argument;

	request->run_id = lc_run_request(request->configuration_id, "call");
}

/* Runs in a subtransaction. */
static void
require_active(void *argument)
{
	Request *request = argument;

	(void) lc_configuration_require_active(lc_configuration_load(request->configuration_id));
}

/* What a run's end has to say to whoever called for it; NULL: it is finished. */
static Failure *
outcome(const Executor *executor, int64 run_id, const char *status, const char *error)
{
	ErrorData told = { .sqlerrcode = ERRCODE_EXTERNAL_ROUTINE_INVOCATION_EXCEPTION };

	if (strcmp(status, "finished") == 0)
		return NULL;
	if (executor->failure != NULL && executor->failure->run_id == run_id)
		return executor->failure;
	if (strcmp(status, "failed") == 0)
		told.message = unconstify(char *, error);
	else
	{
		told.sqlerrcode = ERRCODE_QUERY_CANCELED;
		told.message = psprintf("run " INT64_FORMAT " was cancelled", run_id);
	}
	return keep_failure(executor, run_id, &told);
}

/*
 * One run of a configuration, from retrieval to the last document, after the one that is running, if
 * there is; without "anew" no more than what is queued or running. Helps whoever works on either.
 */
static Failure *
call_run(Executor *executor, int64 configuration_id, bool anew)
{
	Request request_of = { .configuration_id = configuration_id };
	int milliseconds = SHORTEST_WAIT_MILLISECONDS;
	LcStepState step;
	ErrorData *error;
	Failure *failure = NULL;

	executor->only = configuration_id;
	begin(executor, &step);
	if (anew && (error = lc_attempt(request, &request_of)) != NULL)
		failure = keep_failure(executor, 0, error);
	if (!anew && (request_of.run_id = lc_run_find_open(configuration_id)) == 0)
	{
		lc_step_commit(&step);
		return NULL;
	}
	lc_step_commit(&step);
	while (failure == NULL)
	{
		bool worked;
		char *status;
		char *why;

		CHECK_FOR_INTERRUPTS();
		worked = work(executor);
		begin(executor, &step);
		status = lc_run_status(request_of.run_id, &why);
		error = lc_attempt(require_active, &request_of);
		if (strcmp(status, "queued") != 0 && strcmp(status, "running") != 0)
		{
			failure = outcome(executor, request_of.run_id, status, why);
			lc_step_commit(&step);
			break;
		}
		if (error != NULL)
			failure = keep_failure(executor, 0, error);
		lc_step_commit(&step);
		if (worked)
			milliseconds = SHORTEST_WAIT_MILLISECONDS;
		else if (failure == NULL)
			wait_for_others(executor, &milliseconds);
	}
	return failure;
}

/* CALL generate_credentials(configuration_id bigint) */
Datum
lc_generate_credentials(PG_FUNCTION_ARGS)
{
	Executor *executor;
	Failure *failure;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("configuration_id must not be NULL")));
	begin_procedure(fcinfo, "generate_credentials");
	executor = start_work();
	failure = call_run(executor, PG_GETARG_INT64(0), true);
	end_work(executor);
	if (failure != NULL)
		ereport(ERROR,
				(errcode(failure->sqlerrcode), errmsg_internal("%s", failure->message),
				 failure->detail ? errdetail_internal("%s", failure->detail) : 0,
				 failure->hint ? errhint("%s", failure->hint) : 0));
	lc_spi_finish();
	PG_RETURN_VOID();
}

/* CALL generate_all_credentials() */
Datum
lc_generate_all_credentials(PG_FUNCTION_ARGS)
{
	static LcStatement select = {
		.sql = "SELECT c.id, c.learning_context_key, d.due"
			   "  FROM learning_credentials.credential_configuration c"
			   " CROSS JOIN LATERAL (SELECT c.enabled AND coalesce(c.starts_at <= now(), true)"
			   "                           AND coalesce(c.ends_at > now(), true)) AS d (due)"
			   " WHERE d.due"
			   "    OR EXISTS (SELECT FROM learning_credentials.run r"
			   "                WHERE r.configuration_id = c.id AND r.status IN ('queued', 'running'))"
			   " ORDER BY c.id",
	};
	Executor *executor;
	int64 *ids;
	char **keys;
	bool *due;
	uint64 count;
	uint64 i;
	LcStepState step;

	begin_procedure(fcinfo, "generate_all_credentials");
	executor = start_work();
	begin(executor, &step);
	MemoryContextSwitchTo(executor->context);
	count = lc_spi_execute(&select, NULL, NULL, SPI_OK_SELECT);
	ids = palloc(sizeof(int64) * (count + 1));
	keys = palloc(sizeof(char *) * (count + 1));
	due = palloc(sizeof(bool) * (count + 1));
	for (i = 0; i < count; i++)
	{
		bool isnull;

		ids[i] = DatumGetInt64(lc_spi_value(i, 1, &isnull));
		keys[i] = lc_spi_text(i, 2);
		due[i] = DatumGetBool(lc_spi_value(i, 3, &isnull));
	}
	lc_prune_runs();
	lc_step_commit(&step);

	for (i = 0; i < count; i++)
	{
		Failure *failure = call_run(executor, ids[i], due[i]);

		if (failure != NULL)
			ereport(WARNING,
					(errcode(failure->sqlerrcode),
					 errmsg("the run of configuration " INT64_FORMAT " in \"%s\" failed: %s", ids[i],
							keys[i], failure->message),
					 failure->detail ? errdetail_internal("%s", failure->detail) : 0));
	}
	end_work(executor);
	lc_spi_finish();
	PG_RETURN_VOID();
}
