/*
 * run.c
 *		A run over one configuration: retrieve, queue, issue in batches.
 *
 * The procedures commit after each step, so they are C with invoker's rights: one that is SECURITY
 * DEFINER or has a SET clause cannot commit. They become the extension's owner for each step and go
 * back before they commit.
 *
 * The queue is the table: a row in status "generating" of a run is work, whoever queued it. A run
 * that was cut off (a crash, a cancel) stays "running" with its rows, and the next run of its
 * configuration finishes it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "enqueue.h"
#include "identity.h"
#include "issue.h"
#include "settings.h"
#include "spi.h"
#include "wakeup.h"

PG_FUNCTION_INFO_V1(lc_generate_credentials);
PG_FUNCTION_INFO_V1(lc_generate_all_credentials);
PG_FUNCTION_INFO_V1(lc_request_run);

/* A run that is to be started. */
typedef struct Start
{
	int64 configuration_id;
	int64 run_id;
} Start;

/* ---------------------------------------------------------------- steps of a transaction each */

/*
 * Begins a step: the owner's identity, and READ COMMITTED whatever the session's default is, because
 * what another session has done meanwhile is to be seen and not to be an error.
 */
static void
begin_step(LcIdentity *before)
{
	XactIsoLevel = XACT_READ_COMMITTED;
	EnsurePortalSnapshotExists();
	lc_act_as_owner(before);
}

static void
commit_step(const LcIdentity *before)
{
	lc_act_as_before(before);
	SPI_commit();
}

/* ---------------------------------------------------------------- starting */

/*
 * Makes the configuration's queued run, or else a new one, a running one. Runs in a subtransaction:
 * where there is no configuration (any more) there is no run.
 */
static void
start_run(void *argument)
{
	static LcStatement mark = {
		.sql =
			"UPDATE learning_credentials.credential_configuration SET last_run_at = now() WHERE id = $1",
		.types = { INT8OID },
	};
	static LcStatement take_queued = {
		.sql = "UPDATE learning_credentials.run SET status = 'running', started = clock_timestamp()"
			   " WHERE configuration_id = $1 AND status = 'queued' RETURNING id",
		.types = { INT8OID },
	};
	static LcStatement insert = {
		.sql =
			"INSERT INTO learning_credentials.run (configuration_id, requested_by, trigger, status, started)"
			" VALUES ($1, $2, 'call', 'running', clock_timestamp()) RETURNING id",
		.types = { INT8OID, NAMEOID },
	};
	Start *start = argument;
	Datum values[2];
	bool isnull;

	(void) lc_configuration_load(start->configuration_id); /* error when there is none */
	values[0] = Int64GetDatum(start->configuration_id);
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(GetOuterUserId(), false)));
	lc_spi_execute(&mark, values, NULL, SPI_OK_UPDATE);
	if (lc_spi_execute(&take_queued, values, NULL, SPI_OK_UPDATE_RETURNING) == 0)
		lc_spi_execute(&insert, values, NULL, SPI_OK_INSERT_RETURNING);
	start->run_id = DatumGetInt64(lc_spi_value(0, 1, &isnull));
}

/* Writes down what the retrieval of a run found, or why there was none. */
static void
record_retrieval(int64 run_id, const LcEnqueued *found, const ErrorData *error)
{
	static LcStatement done = {
		.sql = "UPDATE learning_credentials.run"
			   "   SET status = 'running', finished = NULL,"
			   "       seen = $2, eligible = $3, queued = $4, existing = $3 - $4 WHERE id = $1",
		.types = { INT8OID, INT8OID, INT8OID, INT8OID },
	};
	static LcStatement failed = {
		.sql = "UPDATE learning_credentials.run"
			   "   SET status = 'failed', error = $2, finished = clock_timestamp() WHERE id = $1",
		.types = { INT8OID, TEXTOID },
	};
	Datum values[4];

	values[0] = Int64GetDatum(run_id);
	if (error != NULL)
	{
		values[1] = CStringGetTextDatum(lc_error_text(error));
		lc_spi_execute(&failed, values, NULL, SPI_OK_UPDATE);
		return;
	}
	values[1] = Int64GetDatum(found->seen);
	values[2] = Int64GetDatum(found->eligible);
	values[3] = Int64GetDatum(found->queued);
	lc_spi_execute(&done, values, NULL, SPI_OK_UPDATE);
}

/* ---------------------------------------------------------------- issuing */

/* Adds a batch to the counts of its run. */
static void
count_batch(int64 run_id, const LcIssued *issued)
{
	static LcStatement update = {
		.sql =
			"UPDATE learning_credentials.run SET issued = issued + $2, failed = failed + $3 WHERE id = $1",
		.types = { INT8OID, INT8OID, INT8OID },
	};
	Datum values[] = { Int64GetDatum(run_id), Int64GetDatum(issued->available),
					   Int64GetDatum(issued->failed) };

	lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
}

/*
 * Ends a run whose queue is empty. A run that is locked is in the hands of another session, which
 * will come here too. The lock comes first, by a statement of its own: so the other one sees all
 * that was committed before it.
 */
static void
end_run(int64 run_id)
{
	static LcStatement lock = {
		.sql = "SELECT FROM learning_credentials.run WHERE id = $1 AND status = 'running'"
			   " FOR NO KEY UPDATE SKIP LOCKED",
		.types = { INT8OID },
	};
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.run SET status = 'finished', finished = clock_timestamp()"
			   " WHERE id = $1"
			   "   AND NOT EXISTS (SELECT FROM learning_credentials.credential c"
			   "                    WHERE c.run_id = $1 AND c.status = 'generating')",
		.types = { INT8OID },
		.custom = true,
	};
	Datum values[] = { Int64GetDatum(run_id) };

	if (lc_spi_execute(&lock, values, NULL, SPI_OK_SELECT) > 0)
		lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
}

/*
 * Issues all that a run has queued, a batch a transaction. Each batch reads the configuration anew:
 * whose rights it has and what its options are is decided by what stands there now.
 */
static void
work_off(int64 configuration_id, int64 run_id)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "step of a run", ALLOCSET_DEFAULT_SIZES);
	pg_uuid_t position = { { 0 } };
	bool claimed;

	do
	{
		MemoryContext old;
		LcIdentity before;
		LcIssued issued;

		CHECK_FOR_INTERRUPTS();
		begin_step(&before);
		old = MemoryContextSwitchTo(context);
		claimed = lc_issue(lc_configuration_load(configuration_id), run_id, &position, lc_batch_size,
						   true, &issued);
		if (claimed)
			count_batch(run_id, &issued);
		else
			end_run(run_id);
		position = issued.last;
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		commit_step(&before);
	} while (claimed);
	MemoryContextDelete(context);
}

/* The configuration's runs that have not ended, oldest first, allocated in the caller's context. */
static int64 *
running_runs(int64 configuration_id, int *count)
{
	static LcStatement select = {
		.sql = "SELECT id FROM learning_credentials.run"
			   " WHERE configuration_id = $1 AND status = 'running' ORDER BY id",
		.types = { INT8OID },
	};
	Datum values[] = { Int64GetDatum(configuration_id) };
	int64 *ids;
	uint64 i;

	*count = (int) lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	ids = palloc(sizeof(int64) * Max(*count, 1));
	for (i = 0; i < (uint64) *count; i++)
	{
		bool isnull;

		ids[i] = DatumGetInt64(lc_spi_value(i, 1, &isnull));
	}
	return ids;
}

/*
 * One run of a configuration, from retrieval to the last document, and what earlier runs left
 * behind. Commits. Returns why there was no retrieval, in the current context, or NULL.
 */
static ErrorData *
run_configuration(int64 configuration_id)
{
	Start start = { .configuration_id = configuration_id };
	LcEnqueued found;
	ErrorData *error;
	int64 *runs;
	int count;
	int i;
	LcIdentity before;

	begin_step(&before);
	error = lc_attempt(start_run, &start);
	commit_step(&before);
	if (error != NULL)
		return error;

	begin_step(&before);
	error = lc_enqueue(configuration_id, start.run_id, &found);
	record_retrieval(start.run_id, &found, error);
	runs = running_runs(configuration_id, &count);
	commit_step(&before);

	for (i = 0; i < count; i++)
		work_off(configuration_id, runs[i]);
	return error;
}

/* ---------------------------------------------------------------- procedures */

/*
 * Begins a procedure that commits; error 2D000 where it could not. The transaction that the CALL
 * itself began ends here, so that every step can have its own.
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
	lc_spi_connect(true);
	SPI_commit();
}

static void
require_configuration(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("configuration_id must not be NULL")));
}

/* CALL generate_credentials(configuration_id bigint) */
Datum
lc_generate_credentials(PG_FUNCTION_ARGS)
{
	ErrorData *error;

	require_configuration(fcinfo);
	begin_procedure(fcinfo, "generate_credentials");
	error = run_configuration(PG_GETARG_INT64(0));
	if (error != NULL)
		ReThrowError(error);
	lc_spi_finish();
	PG_RETURN_VOID();
}

/* CALL generate_all_credentials() */
Datum
lc_generate_all_credentials(PG_FUNCTION_ARGS)
{
	static LcStatement select = {
		.sql =
			"SELECT c.id, c.learning_context_key"
			"  FROM learning_credentials.credential_configuration c"
			" WHERE (c.enabled AND coalesce(c.starts_at <= now(), true) AND coalesce(c.ends_at > now(), true))"
			"    OR EXISTS (SELECT FROM learning_credentials.run r"
			"                WHERE r.configuration_id = c.id AND r.status = 'queued')"
			" ORDER BY c.id",
		.types = { InvalidOid },
	};
	int64 *ids;
	char **keys;
	uint64 count;
	uint64 i;
	LcIdentity before;

	begin_procedure(fcinfo, "generate_all_credentials");
	begin_step(&before);
	count = lc_spi_execute(&select, NULL, NULL, SPI_OK_SELECT);
	ids = palloc(sizeof(int64) * (count + 1));
	keys = palloc(sizeof(char *) * (count + 1));
	for (i = 0; i < count; i++)
	{
		bool isnull;

		ids[i] = DatumGetInt64(lc_spi_value(i, 1, &isnull));
		keys[i] = lc_spi_text(i, 2);
	}
	commit_step(&before);

	for (i = 0; i < count; i++)
	{
		ErrorData *error = run_configuration(ids[i]);

		if (error != NULL)
			ereport(WARNING,
					(errcode(error->sqlerrcode),
					 errmsg("the run of configuration " INT64_FORMAT " in \"%s\" failed: %s", ids[i],
							keys[i], error->message),
					 error->detail ? errdetail_internal("%s", error->detail) : 0));
	}
	lc_spi_finish();
	PG_RETURN_VOID();
}

/* request_run(configuration_id bigint) RETURNS bigint */
Datum
lc_request_run(PG_FUNCTION_ARGS)
{
	static LcStatement insert = {
		.sql = "INSERT INTO learning_credentials.run (configuration_id, requested_by, trigger)"
			   " VALUES ($1, $2, 'request')"
			   " ON CONFLICT (configuration_id) WHERE status = 'queued' DO NOTHING RETURNING id",
		.types = { INT8OID, NAMEOID },
	};
	static LcStatement select = {
		.sql = "SELECT id FROM learning_credentials.run"
			   " WHERE configuration_id = $1 AND status = 'queued' FOR KEY SHARE",
		.types = { INT8OID },
	};
	Datum values[2];
	LcIdentity before;
	bool isnull;
	int64 id;

	require_configuration(fcinfo);
	lc_refuse_stranger("request a run");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	(void) lc_configuration_load(PG_GETARG_INT64(0)); /* error when there is none */
	values[0] = PG_GETARG_DATUM(0);
	values[1] = DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(GetOuterUserId(), false)));
	/* The queued run that stands in the way may be started before it is read. */
	while (lc_spi_execute(&insert, values, NULL, SPI_OK_INSERT_RETURNING) == 0 &&
		   lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		CHECK_FOR_INTERRUPTS();
	id = DatumGetInt64(lc_spi_value(0, 1, &isnull));
	lc_spi_finish();
	lc_act_as_before(&before);
	lc_wake_worker_at_commit();
	PG_RETURN_INT64(id);
}
