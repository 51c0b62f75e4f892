/*
 * due.c
 *		What is due: queues the runs whose time has come, and says when the next one comes.
 *
 * Only queues. Whether a run is needed at all, and everything that is done in it, is for run.c.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "due.h"
#include "exception.h"
#include "identity.h"
#include "schedule.h"
#include "spi.h"
#include "wakeup.h"

PG_FUNCTION_INFO_V1(lc_queue_due_runs);

/* A configuration whose time has come. */
typedef struct Due
{
	int64 id;
	LcSchedule schedule;
	bool one_off;
	bool queued; /* a run of it was queued */
} Due;

/* A timestamptz of SPI_tuptable, or "otherwise" where it is NULL. */
static TimestampTz
time_value(uint64 row, int column, TimestampTz otherwise)
{
	bool isnull;
	Datum value = lc_spi_value(row, column, &isnull);

	return isnull ? otherwise : DatumGetTimestampTz(value);
}

/* Locks those that are due, and returns them, palloc'd. */
static Due *
take_due(uint64 *count)
{
	static LcStatement select = {
		.sql = "SELECT id, schedule, time_zone, starts_at, ends_at, created, one_off"
			   "  FROM learning_credentials.credential_configuration"
			   " WHERE enabled AND suspension_reason IS NULL AND next_run_at <= now()"
			   " ORDER BY next_run_at, id FOR NO KEY UPDATE SKIP LOCKED",
		.types = { InvalidOid },
	};
	Due *due;
	uint64 i;

	*count = lc_spi_execute(&select, NULL, NULL, SPI_OK_SELECT);
	due = palloc0(sizeof(Due) * (*count + 1));
	for (i = 0; i < *count; i++)
	{
		bool isnull;

		due[i].id = DatumGetInt64(lc_spi_value(i, 1, &isnull));
		due[i].schedule.text = lc_spi_text(i, 2);
		due[i].schedule.time_zone = lc_spi_text(i, 3);
		due[i].schedule.starts_at = time_value(i, 4, DT_NOBEGIN);
		due[i].schedule.ends_at = time_value(i, 5, DT_NOEND);
		due[i].schedule.created = time_value(i, 6, DT_NOBEGIN);
		due[i].one_off = DatumGetBool(lc_spi_value(i, 7, &isnull));
	}
	return due;
}

/* Sets a configuration's next_run_at; "next" NULL: none. */
static void
set_next_run(int64 id, const TimestampTz *next)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential_configuration SET next_run_at = $2 WHERE id = $1",
		.types = { INT8OID, TIMESTAMPTZOID },
	};
	Datum values[] = { Int64GetDatum(id), next ? TimestampTzGetDatum(*next) : (Datum) 0 };

	lc_spi_execute(&update, values, next ? NULL : " n", SPI_OK_UPDATE);
}

/*
 * Queues a run, unless one is queued already that retrieves, and moves next_run_at on. In a
 * subtransaction.
 */
static void
queue_run(void *argument)
{
	static LcStatement insert = {
		.sql = "INSERT INTO learning_credentials.run (configuration_id, trigger)"
			   " VALUES ($1, 'schedule')"
			   " ON CONFLICT (configuration_id) WHERE status = 'queued' DO UPDATE"
			   "   SET trigger = excluded.trigger, requested_by = excluded.requested_by"
			   " WHERE run.trigger = 'retry'",
		.types = { INT8OID },
	};
	Due *due = argument;
	Datum values[] = { Int64GetDatum(due->id) };
	TimestampTz next;
	bool again = !due->one_off &&
		lc_schedule_next(&due->schedule, GetCurrentTransactionStartTimestamp(), &next);

	set_next_run(due->id, again ? &next : NULL);
	due->queued = lc_spi_execute(&insert, values, NULL, SPI_OK_INSERT) > 0;
}

/* A run that failed before it was queued. Nothing more comes until somebody changes the schedule. */
static void
record_failure(const Due *due, const ErrorData *error)
{
	static LcStatement insert = {
		.sql = "INSERT INTO learning_credentials.run"
			   "       (configuration_id, trigger, status, error, started, finished)"
			   " VALUES ($1, 'schedule', 'failed', $2, clock_timestamp(), clock_timestamp())",
		.types = { INT8OID, TEXTOID },
	};
	Datum values[] = { Int64GetDatum(due->id), CStringGetTextDatum(lc_error_text(error)) };

	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("configuration " INT64_FORMAT " is not scheduled any more: %s", due->id,
					error->message)));
	set_next_run(due->id, NULL);
	lc_spi_execute(&insert, values, NULL, SPI_OK_INSERT);
}

uint64
lc_queue_due(void)
{
	LcIdentity before;
	Due *due;
	uint64 count;
	uint64 queued = 0;
	uint64 i;

	lc_act_as_owner(&before);
	lc_spi_connect(false);
	due = take_due(&count);
	for (i = 0; i < count; i++)
	{
		ErrorData *error;

		CHECK_FOR_INTERRUPTS();
		error = lc_attempt(queue_run, &due[i]);
		if (error != NULL)
			record_failure(&due[i], error);
		else if (due[i].queued)
			queued++;
	}
	lc_spi_finish();
	lc_act_as_before(&before);
	return queued;
}

bool
lc_next_due(TimestampTz *when)
{
	/*
	 * A retry waits for the run that is queued, and is looked at again when that is over. What is held is due
	 * when the hold ends.
	 */
	static LcStatement select = {
		.sql =
			"SELECT least("
			"       (SELECT min(next_run_at) FROM learning_credentials.credential_configuration"
			"         WHERE enabled AND suspension_reason IS NULL),"
			"       (SELECT c.retry_at FROM learning_credentials.credential c"
			"          JOIN learning_credentials.credential_configuration f ON f.id = c.configuration_id"
			"         WHERE c.status = 'error' AND c.retry_at IS NOT NULL AND f.suspension_reason IS NULL"
			"           AND NOT " LC_IS_HELD
			"           AND NOT EXISTS (SELECT FROM learning_credentials.run r"
			"                            WHERE r.configuration_id = f.id AND r.status = 'queued')"
			"         ORDER BY c.retry_at LIMIT 1),"
			"       (SELECT min(greatest(c.retry_at, x.ends_at))"
			"          FROM learning_credentials.exception x"
			"          JOIN learning_credentials.credential c"
			"            ON c.configuration_id = x.configuration_id AND c.user_id = x.user_id"
			"          JOIN learning_credentials.credential_configuration f ON f.id = c.configuration_id"
			"         WHERE x.kind = 'hold' AND x.ends_at IS NOT NULL AND " LC_EXCEPTION_COUNTS
			"           AND c.status = 'error' AND c.retry_at IS NOT NULL AND f.suspension_reason IS NULL))",
		.types = { InvalidOid },
		.custom = true,
	};
	LcIdentity before;
	Datum value;
	bool isnull;

	lc_act_as_owner(&before);
	lc_spi_connect(false);
	lc_spi_execute(&select, NULL, NULL, SPI_OK_SELECT);
	value = lc_spi_value(0, 1, &isnull);
	if (!isnull)
		*when = DatumGetTimestampTz(value);
	lc_spi_finish();
	lc_act_as_before(&before);
	return !isnull;
}

/* queue_due_runs() RETURNS bigint */
Datum
lc_queue_due_runs(PG_FUNCTION_ARGS)
{
	uint64 queued;

	lc_refuse_stranger("queue runs");
	queued = lc_queue_due();
	if (queued > 0)
		lc_wake_worker_at_commit();
	PG_RETURN_INT64((int64) queued);
}
