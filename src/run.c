/*
 * run.c
 *		Runs: asking for them, starting, ending and cancelling them.
 *
 * A run is queued, running, and then finished, failed or cancelled. Of a configuration one at most is
 * queued and one at most is running; two unique indexes see to that. The queue of its credentials is the
 * table of credentials: a row in status "generating" of a running run is work, whoever queued it. A run
 * that was cut off (a crash, a cancel) stays running, and whoever looks for work next goes on with it.
 *
 * Locks are taken in one order by all: a run's row, then credentials. Who makes documents (executor.c)
 * never waits for a run's row while it holds credentials.
 */
#include "postgres.h"

#include <signal.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "utils/builtins.h"

#include "definition.h"
#include "enqueue.h"
#include "exception.h"
#include "identity.h"
#include "run.h"
#include "settings.h"
#include "slot.h"
#include "spi.h"
#include "wakeup.h"

PG_FUNCTION_INFO_V1(lc_bulk_run);
PG_FUNCTION_INFO_V1(lc_request_run);
PG_FUNCTION_INFO_V1(lc_cancel_run);

/* ---------------------------------------------------------------- asking for a run */

/* The name of whoever asks. */
static Datum
asking_role(void)
{
	return DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(GetOuterUserId(), false)));
}

int64
lc_run_request(int64 configuration_id, const char *trigger)
{
	static LcStatement insert = {
		.sql = "INSERT INTO learning_credentials.run (configuration_id, requested_by, trigger)"
			   " VALUES ($1, $2, $3)"
			   " ON CONFLICT (configuration_id) WHERE status = 'queued' DO NOTHING RETURNING id",
		.types = { INT8OID, NAMEOID, TEXTOID },
	};
	/* Who asks for a retrieval gets one; what else the run was queued for, it does as well. */
	static LcStatement widen = {
		.sql = "UPDATE learning_credentials.run SET requested_by = $2, trigger = $3"
			   " WHERE configuration_id = $1 AND status = 'queued' AND trigger IN ('retry', 'bulk')"
			   "   AND $3 <> 'bulk' RETURNING id",
		.types = { INT8OID, NAMEOID, TEXTOID },
	};
	static LcStatement select = {
		.sql = "SELECT id FROM learning_credentials.run"
			   " WHERE configuration_id = $1 AND status = 'queued' FOR KEY SHARE",
		.types = { INT8OID },
	};
	Datum values[] = { Int64GetDatum(configuration_id), asking_role(), CStringGetTextDatum(trigger) };
	bool isnull;

	lc_configuration_require_active(lc_configuration_load(configuration_id));
	/* One that is queued may be started before it is read, and somebody else may queue one first. */
	while (lc_spi_execute(&widen, values, NULL, SPI_OK_UPDATE_RETURNING) == 0 &&
		   lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0 &&
		   lc_spi_execute(&insert, values, NULL, SPI_OK_INSERT_RETURNING) == 0)
		CHECK_FOR_INTERRUPTS();
	return DatumGetInt64(lc_spi_value(0, 1, &isnull));
}

/* request_run(configuration_id bigint) RETURNS bigint */
Datum
lc_request_run(PG_FUNCTION_ARGS)
{
	LcIdentity before;
	int64 id;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("configuration_id must not be NULL")));
	lc_refuse_stranger("request a run");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	id = lc_run_request(PG_GETARG_INT64(0), "request");
	lc_spi_finish();
	lc_act_as_before(&before);
	lc_wake_worker_at_commit();
	PG_RETURN_INT64(id);
}

/* bulk_run(configuration_id bigint) RETURNS bigint */
Datum
lc_bulk_run(PG_FUNCTION_ARGS)
{
	LcIdentity before;
	int64 id;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("configuration_id must not be NULL")));
	lc_refuse_stranger("request a run");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	id = lc_run_request(PG_GETARG_INT64(0), "bulk");
	lc_spi_finish();
	lc_act_as_before(&before);
	lc_wake_worker_at_commit();
	PG_RETURN_INT64(id);
}

int64
lc_run_find_open(int64 configuration_id)
{
	static LcStatement select = {
		.sql = "SELECT coalesce(max(id), 0) FROM learning_credentials.run"
			   " WHERE configuration_id = $1 AND status IN ('queued', 'running')",
		.types = { INT8OID },
	};
	Datum values[] = { Int64GetDatum(configuration_id) };
	bool isnull;

	lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	return DatumGetInt64(lc_spi_value(0, 1, &isnull));
}

void
lc_run_hold(int64 run_id, int64 configuration_id)
{
	static LcStatement select = {
		.sql = "SELECT FROM learning_credentials.run"
			   " WHERE id = $1 AND configuration_id = $2 AND status = 'queued' FOR SHARE",
		.types = { INT8OID, INT8OID },
	};
	Datum values[] = { Int64GetDatum(run_id), Int64GetDatum(configuration_id) };

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run " INT64_FORMAT " is not a queued run of configuration " INT64_FORMAT,
						run_id, configuration_id)));
}

void
lc_queue_retries(void)
{
	static LcStatement insert = {
		.sql = "INSERT INTO learning_credentials.run (configuration_id, requested_by, trigger)"
			   " SELECT DISTINCT due.configuration_id, session_user, 'retry'"
			   "   FROM (SELECT c.configuration_id FROM learning_credentials.credential c"
			   "          WHERE c.status = 'error' AND c.retry_at <= now() AND NOT " LC_IS_HELD
			   "            FOR NO KEY UPDATE SKIP LOCKED) AS due"
			   "   JOIN learning_credentials.credential_configuration d ON d.id = due.configuration_id"
			   "  WHERE d.suspension_reason IS NULL"
			   "    AND NOT EXISTS (SELECT FROM learning_credentials.run r"
			   "                     WHERE r.configuration_id = d.id AND r.status = 'queued')"
			   " ON CONFLICT (configuration_id) WHERE status = 'queued' DO NOTHING",
		.custom = true,
	};

	lc_spi_execute(&insert, NULL, NULL, SPI_OK_INSERT);
}

/* ---------------------------------------------------------------- from queued to ended */

/* Runs that there may be something to do for. */
#define OPEN_RUNS                                                                         \
	"  FROM learning_credentials.run r"                                                   \
	"  JOIN learning_credentials.credential_configuration d ON d.id = r.configuration_id" \
	"  JOIN learning_credentials.run_progress p ON p.id = r.id"                           \
	" WHERE (r.status = 'running'"                                                        \
	"        OR (r.status = 'queued'"                                                     \
	"            AND NOT EXISTS (SELECT FROM learning_credentials.run o"                  \
	"                             WHERE o.configuration_id = r.configuration_id"          \
	"                               AND o.status = 'running')))"                          \
	"   AND d.suspension_reason IS NULL"

LcRun *
lc_runs_open(int64 configuration_id, int *count)
{
	static LcStatement select = {
		.sql = "SELECT r.id, r.configuration_id, r.status = 'queued', r.retrieved IS NOT NULL,"
			   "       r.trigger NOT IN ('retry', 'bulk'), r.trigger <> 'bulk', r.crashes > 0" OPEN_RUNS
			   " AND $1 IN (0, r.configuration_id) ORDER BY p.executors, r.id",
		.types = { INT8OID },
		.custom = true,
	};
	Datum values[] = { Int64GetDatum(configuration_id) };
	LcRun *runs;
	int i;

	*count = (int) lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	runs = palloc(sizeof(LcRun) * Max(*count, 1));
	for (i = 0; i < *count; i++)
	{
		bool isnull;

		runs[i].id = DatumGetInt64(lc_spi_value(i, 1, &isnull));
		runs[i].configuration_id = DatumGetInt64(lc_spi_value(i, 2, &isnull));
		runs[i].queued = DatumGetBool(lc_spi_value(i, 3, &isnull));
		runs[i].retrieved = DatumGetBool(lc_spi_value(i, 4, &isnull));
		runs[i].retrieves = DatumGetBool(lc_spi_value(i, 5, &isnull));
		runs[i].retry = DatumGetBool(lc_spi_value(i, 6, &isnull));
		runs[i].crashed = DatumGetBool(lc_spi_value(i, 7, &isnull));
	}
	return runs;
}

int
lc_executors_wanted(void)
{
	static LcStatement select = {
		.sql = "SELECT least(coalesce(sum(greatest(wanted - executors, 0)), 0), 1000)::int4"
			   "  FROM (SELECT CASE WHEN r.retrieved IS NULL THEN 1"
			   "                    ELSE greatest(ceil((r.queued - p.done) / $1::float8), 1) END,"
			   "               p.executors" OPEN_RUNS ") AS open (wanted, executors)",
		.types = { INT4OID },
		.custom = true,
	};
	Datum values[] = { Int32GetDatum(lc_batch_size) };
	bool isnull;

	lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	return DatumGetInt32(lc_spi_value(0, 1, &isnull));
}

bool
lc_run_start(LcRun *run)
{
	/*
	 * A running one that this does not see would stand in the way of the queued one's insertion, too. One
	 * that somebody puts credentials into is passed by.
	 */
	static LcStatement start = {
		.sql =
			"UPDATE learning_credentials.run r SET status = 'running', started = clock_timestamp()"
			" WHERE id = (SELECT id FROM learning_credentials.run"
			"              WHERE id = $1 AND status = 'queued' FOR NO KEY UPDATE SKIP LOCKED)"
			"   AND NOT EXISTS (SELECT FROM learning_credentials.run o"
			"                    WHERE o.configuration_id = r.configuration_id AND o.status = 'running')",
		.types = { INT8OID },
	};
	static LcStatement mark = {
		.sql =
			"UPDATE learning_credentials.credential_configuration SET last_run_at = now() WHERE id = $1",
		.types = { INT8OID },
	};
	Datum values[] = { Int64GetDatum(run->id) };
	Datum configuration[] = { Int64GetDatum(run->configuration_id) };

	if (lc_spi_execute(&start, values, NULL, SPI_OK_UPDATE) == 0)
		return false;
	if (run->retrieves)
		lc_spi_execute(&mark, configuration, NULL, SPI_OK_UPDATE);
	run->queued = false;
	return true;
}

/* error -> generating for the configuration's failed attempts that are due; what somebody holds is his. */
static uint64
requeue_due(const LcRun *run)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential t SET status = 'generating', run_id = $2"
			   "  FROM (SELECT c.uuid FROM learning_credentials.credential c"
			   "         WHERE c.configuration_id = $1 AND c.status = 'error' AND c.retry_at <= now()"
			   "           AND NOT " LC_IS_HELD " FOR NO KEY UPDATE SKIP LOCKED) AS due"
			   " WHERE t.uuid = due.uuid",
		.types = { INT8OID, INT8OID },
		.custom = true,
	};
	Datum values[] = { Int64GetDatum(run->configuration_id), Int64GetDatum(run->id) };

	return lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
}

/* The credentials that were put into a run while it was queued. */
static int64
count_attached(int64 run_id)
{
	static LcStatement select = {
		.sql = "SELECT count(*) FROM learning_credentials.credential"
			   " WHERE run_id = $1 AND status = 'generating'",
		.types = { INT8OID },
		.custom = true,
	};
	Datum values[] = { Int64GetDatum(run_id) };
	bool isnull;

	lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	return DatumGetInt64(lc_spi_value(0, 1, &isnull));
}

/* Whatever of a run waits ends in error. */
static void
fail_waiting(int64 run_id, const char *why, bool due_again)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential"
			   "   SET status = 'error', error_message = $2, retry_at = CASE WHEN $3 THEN now() END"
			   " WHERE run_id = $1 AND status = 'generating'",
		.types = { INT8OID, TEXTOID, BOOLOID },
		.custom = true,
	};
	Datum values[] = { Int64GetDatum(run_id), CStringGetTextDatum(why), BoolGetDatum(due_again) };

	lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
}

#define CANCELLED "cancelled"

/* Writes down what the retrieval of a run found. */
static void
record_retrieval(int64 run_id, const LcEnqueued *found, ErrorData *error)
{
	static LcStatement queued = {
		.sql =
			"UPDATE learning_credentials.run"
			"   SET retrieved = clock_timestamp(), seen = $2, eligible = $3, queued = $4, granted = $5,"
			"       held = $6, too_early = $7, too_late = $8,"
			"       existing = $3 - ($4 - $5) - $6 - $7 - $8, withdrawn = $9, warning = $10"
			" WHERE id = $1 AND status = 'running'",
		.types = { INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
				   TEXTOID },
	};
	Datum values[] = {
		Int64GetDatum(run_id),			 Int64GetDatum(found->seen),
		Int64GetDatum(found->eligible),	 Int64GetDatum(found->queued),
		Int64GetDatum(found->granted),	 Int64GetDatum(found->held),
		Int64GetDatum(found->too_early), Int64GetDatum(found->too_late),
		Int64GetDatum(found->withdrawn), found->warning ? CStringGetTextDatum(found->warning) : (Datum) 0
	};
	const char *nulls = found->warning ? NULL : "         n";

	if (error != NULL)
	{
		lc_run_fail(run_id, lc_error_text(error));
		fail_waiting(run_id, lc_error_text(error), true);
	}
	else if (lc_spi_execute(&queued, values, nulls, SPI_OK_UPDATE) == 0)
		fail_waiting(run_id, CANCELLED, false); /* it was, meanwhile */
	else if (found->queued > lc_batch_size)
		lc_wake_worker_at_commit(); /* there is work for more than one executor */
}

bool
lc_run_unretrieved(int64 run_id)
{
	static LcStatement select = {
		.sql = "SELECT FROM learning_credentials.run"
			   " WHERE id = $1 AND status = 'running' AND retrieved IS NULL FOR SHARE",
		.types = { INT8OID },
	};
	Datum values[] = { Int64GetDatum(run_id) };

	return lc_lock_retrieval(run_id, false) && lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0;
}

ErrorData *
lc_run_retrieve(const LcRun *run, bool *done)
{
	/* The configuration stays as long as this lasts: who deletes it waits, and is refused. */
	static LcStatement select = {
		.sql = "SELECT FROM learning_credentials.run r"
			   "  JOIN learning_credentials.credential_configuration d ON d.id = r.configuration_id"
			   " WHERE r.id = $1 AND r.status = 'running' AND r.retrieved IS NULL FOR KEY SHARE OF d",
		.types = { INT8OID },
	};
	Datum values[] = { Int64GetDatum(run->id) };
	LcEnqueued found = { 0 };
	ErrorData *error = NULL;
	int64 attached;

	*done = lc_lock_retrieval(run->id, false) &&
		lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0;
	if (!*done)
		return NULL;
	attached = count_attached(run->id);
	if (run->retrieves)
		error = lc_enqueue(run->configuration_id, run->id, &found);
	else if (run->retry)
		found.seen = found.eligible = found.queued = (int64) requeue_due(run);
	found.seen += attached;
	found.eligible += attached;
	found.queued += attached;
	record_retrieval(run->id, &found, error);
	return error;
}

bool
lc_run_end(int64 run_id)
{
	/* The locks come first, by statements of their own: so the last one sees all that others did before. */
	static LcStatement lock_run = {
		.sql = "SELECT FROM learning_credentials.run WHERE id = $1 FOR NO KEY UPDATE",
		.types = { INT8OID },
	};
	static LcStatement lock_executors = {
		.sql = "SELECT FROM learning_credentials.executor WHERE run_id = $1 ORDER BY id FOR UPDATE",
		.types = { INT8OID },
	};
	/*
	 * One UPDATE and not two: the second would check the foreign key again, and so wait for who deletes
	 * the configuration, who waits for this run.
	 */
	static LcStatement end = {
		.sql = "WITH done AS ("
			   "    SELECT coalesce(sum(issued), 0) AS issued, coalesce(sum(failed), 0) AS failed"
			   "      FROM learning_credentials.executor WHERE run_id = $1),"
			   " counted AS ("
			   "    UPDATE learning_credentials.executor SET issued = 0, failed = 0 WHERE run_id = $1),"
			   " ended AS ("
			   "    SELECT status = 'running' AND retrieved IS NOT NULL"
			   "           AND NOT EXISTS (SELECT FROM learning_credentials.credential c"
			   "                            WHERE c.run_id = $1 AND c.status = 'generating') AS now"
			   "      FROM learning_credentials.run WHERE id = $1)"
			   " UPDATE learning_credentials.run r"
			   "    SET issued = r.issued + done.issued, failed = r.failed + done.failed,"
			   "        status = CASE WHEN ended.now THEN 'finished' ELSE r.status END,"
			   "        finished = CASE WHEN ended.now THEN clock_timestamp() ELSE r.finished END"
			   "   FROM done, ended"
			   "  WHERE r.id = $1 AND (ended.now OR done.issued + done.failed > 0)"
			   " RETURNING ended.now",
		.types = { INT8OID },
		.custom = true,
	};
	Datum values[] = { Int64GetDatum(run_id) };
	bool isnull;

	lc_spi_execute(&lock_run, values, NULL, SPI_OK_SELECT);
	lc_spi_execute(&lock_executors, values, NULL, SPI_OK_SELECT);
	return lc_spi_execute(&end, values, NULL, SPI_OK_UPDATE_RETURNING) > 0 &&
		DatumGetBool(lc_spi_value(0, 1, &isnull));
}

void
lc_run_wait(int64 configuration_id)
{
	static LcStatement running = {
		.sql = "SELECT id, retrieved IS NULL FROM learning_credentials.run"
			   " WHERE configuration_id = $1 AND status = 'running'",
		.types = { INT8OID },
	};
	static LcStatement queued = {
		.sql = "SELECT FROM learning_credentials.run"
			   " WHERE configuration_id = $1 AND status = 'queued' FOR NO KEY UPDATE",
		.types = { INT8OID },
	};
	static LcStatement lock = {
		.sql = "SELECT FROM learning_credentials.credential"
			   " WHERE run_id = $1 AND status = 'generating' LIMIT 1 FOR NO KEY UPDATE",
		.types = { INT8OID },
		.custom = true,
	};
	Datum values[] = { Int64GetDatum(configuration_id) };
	bool isnull;

	if (lc_spi_execute(&running, values, NULL, SPI_OK_SELECT) == 0)
	{
		lc_spi_execute(&queued, values, NULL, SPI_OK_SELECT);
		return;
	}
	values[0] = lc_spi_value(0, 1, &isnull);
	if (DatumGetBool(lc_spi_value(0, 2, &isnull)))
		(void) lc_lock_retrieval(DatumGetInt64(values[0]), true);
	else
		lc_spi_execute(&lock, values, NULL, SPI_OK_SELECT);
}

char *
lc_run_status(int64 run_id, char **error)
{
	static LcStatement select = {
		.sql = "SELECT status, error FROM learning_credentials.run WHERE id = $1",
		.types = { INT8OID },
	};
	Datum values[] = { Int64GetDatum(run_id) };

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("run " INT64_FORMAT " does not exist", run_id)));
	*error = lc_spi_text(0, 2);
	return lc_spi_text(0, 1);
}

void
lc_run_fail(int64 run_id, const char *error)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.run"
			   "   SET status = 'failed', error = $2, finished = clock_timestamp()"
			   " WHERE id = $1 AND status = 'running'",
		.types = { INT8OID, TEXTOID },
	};
	Datum values[] = { Int64GetDatum(run_id), CStringGetTextDatum(error) };

	lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
}

void
lc_suspend(int64 configuration_id, const char *reason)
{
	static LcStatement suspend = {
		.sql = "UPDATE learning_credentials.credential_configuration SET suspension_reason = $2"
			   " WHERE id = $1",
		.types = { INT8OID, TEXTOID },
	};
	static LcStatement fail = {
		.sql = "UPDATE learning_credentials.run"
			   "   SET status = 'failed', error = $2, finished = clock_timestamp()"
			   " WHERE configuration_id = $1 AND status = 'running' RETURNING id",
		.types = { INT8OID, TEXTOID },
	};
	char *why = psprintf("the configuration is suspended: %s", reason);
	Datum values[] = { Int64GetDatum(configuration_id), CStringGetTextDatum(reason) };
	bool isnull;

	lc_spi_execute(&suspend, values, NULL, SPI_OK_UPDATE);
	values[1] = CStringGetTextDatum(why);
	if (lc_spi_execute(&fail, values, NULL, SPI_OK_UPDATE_RETURNING) > 0)
		fail_waiting(DatumGetInt64(lc_spi_value(0, 1, &isnull)), why, true);
	ereport(LOG,
			(errmsg("credential configuration " INT64_FORMAT " is suspended", configuration_id),
			 errdetail_internal("%s", reason)));
}

/* ---------------------------------------------------------------- cancelling and forgetting */

/*
 * Interrupts whoever retrieves for a run; whoever makes its documents goes on with the batch at hand. A
 * row that was left behind may name a process id that is somebody else's by now.
 */
static void
interrupt_retrieval(int64 run_id)
{
	static LcStatement select = {
		.sql = "SELECT pid, id FROM learning_credentials.executor WHERE run_id = $1 AND uuids IS NULL",
		.types = { INT8OID },
	};
	Datum values[] = { Int64GetDatum(run_id) };
	uint64 count = lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	uint64 i;

	for (i = 0; i < count; i++)
	{
		bool isnull;
		int pid = DatumGetInt32(lc_spi_value(i, 1, &isnull));

		if (pid != MyProcPid && lc_slot_lives(DatumGetInt32(lc_spi_value(i, 2, &isnull))) &&
			BackendPidGetProc(pid) != NULL)
			(void) kill(pid, SIGINT);
	}
}

/* cancel_run(run_id bigint) RETURNS void */
Datum
lc_cancel_run(PG_FUNCTION_ARGS)
{
	static LcStatement cancel = {
		.sql = "UPDATE learning_credentials.run SET status = 'cancelled', finished = clock_timestamp()"
			   " WHERE id = $1 AND status IN ('queued', 'running')",
		.types = { INT8OID },
	};
	Datum values[] = { PG_GETARG_DATUM(0) };
	LcIdentity before;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("run_id must not be NULL")));
	lc_refuse_stranger("cancel a run");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	if (lc_spi_execute(&cancel, values, NULL, SPI_OK_UPDATE) == 0)
	{
		char *error;
		char *status = lc_run_status(PG_GETARG_INT64(0), &error);

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run " INT64_FORMAT " is \"%s\" already", PG_GETARG_INT64(0), status)));
	}
	interrupt_retrieval(PG_GETARG_INT64(0));
	fail_waiting(PG_GETARG_INT64(0), CANCELLED, false);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_VOID();
}

void
lc_prune_runs(void)
{
	static LcStatement prune = {
		.sql = "DELETE FROM learning_credentials.run WHERE finished < now() - $1 * interval '1 minute'",
		.types = { INT4OID },
	};
	Datum values[] = { Int32GetDatum(lc_keep_runs) };

	if (lc_keep_runs > 0)
		lc_spi_execute(&prune, values, NULL, SPI_OK_DELETE);
}
