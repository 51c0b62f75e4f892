/*
 * issue.c
 *		One credential, or a batch: snapshot, generate, store.
 *
 * Snapshot, document, status and event of a credential are one transaction. Only the call of the
 * generation function stands in a subtransaction; the rows of a batch are written by one statement
 * each outside of it, because a row locked outside and updated inside a subtransaction costs two
 * multixacts. Statements over a batch are planned for each execution: a plan made while a table was
 * small would read it whole for the rest of a run.
 *
 * Locks are taken in one order by all: a credential that is to be replaced, then its replacement.
 * Batches never wait for a credential: what is in another session's hands is left to it.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "callable.h"
#include "caller.h"
#include "context.h"
#include "design.h"
#include "exception.h"
#include "identity.h"
#include "issue.h"
#include "lifecycle.h"
#include "retire.h"
#include "settings.h"
#include "spi.h"
#include "validity.h"
#include "wakeup.h"

/* A batch ends after this long, or when it holds this much. */
#define BATCH_MILLISECONDS 1000
#define BATCH_BYTES (64 * 1024 * 1024)

/* Retries never wait longer than this. */
#define LONGEST_RETRY_DELAY_SECONDS 86400

/* A credential that was claimed, and what became of it. */
typedef struct Claimed
{
	Datum row; /* of type credential, as it was claimed */
	pg_uuid_t *uuid;
	pg_uuid_t *supersedes; /* NULL: it is no replacement */
	bool waits;			   /* what it replaces is in another session's hands */
	int64 user_id;
	int attempts;
	TimestampTz issue_date; /* as those of the batch, unless it was to bear others */
	TimestampTz expires_at; /* DT_NOEND: never */
	char *name;
	bytea *document; /* NULL: failed */
	char *error;
} Claimed;

typedef struct Batch
{
	const LcConfiguration *configuration;
	Claimed *items;
	int count;
	int tried;
	char *context_name;
	FmgrInfo function;
	int64 design;
	MemoryContext context; /* of the batch */
	MemoryContext scratch; /* of one document */
	Claimed *current;
} Batch;

/* ---------------------------------------------------------------- arrays for set-based statements */

static Datum
array_of(Datum *values, const bool *nulls, int count, Oid type)
{
	int dimension = count;
	int lower_bound = 1;
	int16 length;
	bool by_value;
	char alignment;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	return PointerGetDatum(construct_md_array(values, unconstify(bool *, nulls), 1, &dimension,
											  &lower_bound, type, length, by_value, alignment));
}

/* ---------------------------------------------------------------- a batch */

/* A time of SPI_tuptable, "otherwise" where it is NULL. */
static TimestampTz
time_at(uint64 row, int column, TimestampTz otherwise)
{
	bool isnull;
	Datum value = lc_spi_value(row, column, &isnull);

	return isnull ? otherwise : DatumGetTimestampTz(value);
}

/* Takes the rows that wait out of SPI_tuptable. */
static void
take_items(Batch *batch, uint64 count)
{
	MemoryContext old = MemoryContextSwitchTo(batch->context);
	uint64 i;

	batch->items = palloc0(sizeof(Claimed) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		Claimed *item = &batch->items[batch->count];
		bool isnull;

		if (lc_status_of(lc_spi_value(i, 6, &isnull)) != LC_GENERATING)
			continue;
		batch->count++;
		item->row = PointerGetDatum(DatumGetHeapTupleHeaderCopy(lc_spi_value(i, 1, &isnull)));
		item->uuid = palloc(sizeof(pg_uuid_t));
		*item->uuid = *DatumGetUUIDP(lc_spi_value(i, 2, &isnull));
		item->user_id = DatumGetInt64(lc_spi_value(i, 3, &isnull));
		item->attempts = DatumGetInt32(lc_spi_value(i, 4, &isnull));
		(void) lc_spi_value(i, 5, &isnull);
		if (!isnull)
		{
			item->supersedes = palloc(sizeof(pg_uuid_t));
			*item->supersedes = *DatumGetUUIDP(lc_spi_value(i, 5, &isnull));
		}
		item->issue_date = time_at(i, 7, DT_NOBEGIN);
		item->expires_at = time_at(i, 8, DT_NOEND);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Locks what the batch's replacements are to replace. It may be gone, or in another session's hands,
 * which then has its replacement in hand, too.
 */
static void
hold_superseded(Batch *batch)
{
	static LcStatement hold = {
		.sql =
			"WITH held AS ("
			"    SELECT uuid FROM learning_credentials.credential"
			"     WHERE uuid = ANY ($1) AND status = 'available' FOR NO KEY UPDATE SKIP LOCKED)"
			" SELECT s.uuid, o.uuid IS NOT NULL"
			"   FROM unnest($1) AS s (uuid)"
			"   LEFT JOIN learning_credentials.credential o ON o.uuid = s.uuid AND o.status = 'available'"
			"  WHERE NOT EXISTS (SELECT FROM held WHERE held.uuid = s.uuid)",
		.types = { UUIDARRAYOID },
		.custom = true,
	};
	Datum *uuids = palloc(sizeof(Datum) * batch->count);
	Datum values[1];
	int count = 0;
	uint64 rows;
	uint64 row;
	int i;

	for (i = 0; i < batch->count; i++)
		if (batch->items[i].supersedes != NULL)
			uuids[count++] = UUIDPGetDatum(batch->items[i].supersedes);
	if (count == 0)
		return;
	values[0] = array_of(uuids, NULL, count, UUIDOID);
	rows = lc_spi_execute(&hold, values, NULL, SPI_OK_SELECT);
	for (row = 0; row < rows; row++)
	{
		bool isnull;
		pg_uuid_t *missed = DatumGetUUIDP(lc_spi_value(row, 1, &isnull));
		bool waits = DatumGetBool(lc_spi_value(row, 2, &isnull));

		for (i = 0; i < batch->count; i++)
		{
			Claimed *item = &batch->items[i];

			if (item->supersedes == NULL || memcmp(item->supersedes, missed, sizeof(pg_uuid_t)) != 0)
				continue;
			item->waits = waits;
			if (!waits)
				item->error = pstrdup("the credential that this one replaces is not available any more");
		}
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * The dates of those that do not bear any yet. A replacement has them from what it replaces: a reissue
 * both, a renewal its expiry. What waited until it would have expired is not issued any more.
 */
static void
set_dates(Batch *batch)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	TimestampTz expires_at;
	int i;

	(void) lc_expiry(batch->configuration, now, &expires_at);
	for (i = 0; i < batch->count; i++)
	{
		Claimed *item = &batch->items[i];

		if (!TIMESTAMP_IS_NOBEGIN(item->issue_date))
			continue;
		item->issue_date = now;
		if (TIMESTAMP_IS_NOEND(item->expires_at))
			item->expires_at = expires_at;
		if (item->expires_at <= now && item->error == NULL)
			item->error = MemoryContextStrdup(batch->context,
											  psprintf("it would have expired on %s",
													   timestamptz_to_str(item->expires_at)));
	}
}

/*
 * What all documents of a batch need: the function, the dates, and the names that the source knows now.
 * Reads the source as the configuration's role, because a view there runs its owner's code.
 */
static void
prepare_batch(void *argument)
{
	Batch *batch = argument;
	const LcConfiguration *configuration = batch->configuration;
	Oid function = lc_callable_for(configuration, LC_GENERATION);
	int64 *user_ids = palloc(sizeof(int64) * batch->count);
	LcIdentity before;
	char *context_name;
	char **names;
	int i;

	fmgr_info_cxt(function, &batch->function, batch->context);
	batch->design = lc_design(configuration, function); /* before: what changes meanwhile, differs */
	set_dates(batch);
	for (i = 0; i < batch->count; i++)
		user_ids[i] = batch->items[i].user_id;

	lc_act_as_stranger(&before, lc_configuration_role(configuration));
	lc_spi_connect(false);
	context_name = lc_context_name(configuration->source, configuration->learning_context_key);
	names = lc_user_names(configuration->source, user_ids, batch->count);
	batch->context_name = MemoryContextStrdup(batch->context, context_name);
	for (i = 0; i < batch->count; i++)
		if (names[i] != NULL)
			batch->items[i].name = MemoryContextStrdup(batch->context, names[i]);
	lc_spi_finish();
	lc_act_as_before(&before);
}

/* The row of a credential with its snapshot filled in, as a generation function is to see it. */
static Datum
row_with_snapshot(const Batch *batch, const Claimed *item)
{
	static const char *const columns[] = { "credential_type_name", "user_full_name",
										   "learning_context_name", "issue_date", "expires_at" };
	Datum values[lengthof(columns)];
	bool nulls[lengthof(columns)] = { false };
	int numbers[lengthof(columns)];
	HeapTupleHeader header = DatumGetHeapTupleHeader(item->row);
	TupleDesc desc =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple;
	Datum row;
	int i;

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;

	for (i = 0; i < (int) lengthof(columns); i++)
		numbers[i] = SPI_fnumber(desc, columns[i]);
	values[0] = CStringGetTextDatum(batch->configuration->type_name);
	values[1] = CStringGetTextDatum(item->name);
	values[2] = CStringGetTextDatum(batch->context_name);
	values[3] = TimestampTzGetDatum(item->issue_date);
	values[4] = TimestampTzGetDatum(item->expires_at);
	nulls[4] = TIMESTAMP_IS_NOEND(item->expires_at);
	row = heap_copy_tuple_as_datum(heap_modify_tuple_by_cols(&tuple, desc, lengthof(columns), numbers,
															 values, nulls),
								   desc);
	ReleaseTupleDesc(desc);
	return row;
}

/* Makes one document; runs in a subtransaction. */
static void
generate_item(void *argument)
{
	Batch *batch = argument;
	Claimed *item = batch->current;
	bytea *document =
		lc_generate(batch->configuration, &batch->function, row_with_snapshot(batch, item));
	MemoryContext old = MemoryContextSwitchTo(batch->context);

	item->document = DatumGetByteaPCopy(PointerGetDatum(document));
	MemoryContextSwitchTo(old);
}

/* Tries the items one after the other, until the batch is large or old enough. */
static void
generate_items(Batch *batch)
{
	TimestampTz began = GetCurrentTimestamp();
	Size bytes = 0;

	for (batch->tried = 0; batch->tried < batch->count; batch->tried++)
	{
		Claimed *item = &batch->items[batch->tried];
		MemoryContext old;
		ErrorData *error;

		CHECK_FOR_INTERRUPTS();
		if (batch->tried > 0 &&
			(bytes > BATCH_BYTES ||
			 TimestampDifferenceExceeds(began, GetCurrentTimestamp(), BATCH_MILLISECONDS)))
			break;
		if (item->waits || item->error != NULL)
			continue;
		if (item->name == NULL)
		{
			item->error = psprintf("user " INT64_FORMAT " is not in \"%s.lms_user\"", item->user_id,
								   batch->configuration->source);
			continue;
		}
		batch->current = item;
		old = MemoryContextSwitchTo(batch->scratch);
		error = lc_attempt(generate_item, batch);
		if (error != NULL)
			item->error = MemoryContextStrdup(batch->context, lc_error_text(error));
		MemoryContextSwitchTo(old);
		MemoryContextReset(batch->scratch);
		if (item->document != NULL)
			bytes += VARSIZE(item->document);
	}
}

static void
store_documents(const Batch *batch)
{
	static LcStatement insert = {
		.sql = "INSERT INTO learning_credentials.document (credential_uuid, content, media_type)"
			   " SELECT u, c, $3 FROM unnest($1, $2) AS made (u, c)",
		.types = { UUIDARRAYOID, BYTEAARRAYOID, TEXTOID },
	};
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential c"
			   "   SET status = 'available', attempts = c.attempts + 1, user_full_name = made.name,"
			   "       learning_context_name = $3, credential_type_name = $4, design = $5,"
			   "       issue_date = made.issue_date, expires_at = made.expires_at"
			   "  FROM unnest($1, $2, $6, $7) AS made (uuid, name, issue_date, expires_at)"
			   " WHERE c.uuid = made.uuid",
		.types = { UUIDARRAYOID, TEXTARRAYOID, TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZARRAYOID,
				   TIMESTAMPTZARRAYOID },
		.custom = true,
	};
	Datum *uuids = palloc(sizeof(Datum) * batch->count);
	Datum *contents = palloc(sizeof(Datum) * batch->count);
	Datum *names = palloc(sizeof(Datum) * batch->count);
	Datum *issue_dates = palloc(sizeof(Datum) * batch->count);
	Datum *expiries = palloc(sizeof(Datum) * batch->count);
	bool *never = palloc(sizeof(bool) * batch->count);
	Datum values[7];
	int count = 0;
	int i;

	for (i = 0; i < batch->tried; i++)
	{
		const Claimed *item = &batch->items[i];

		if (item->document == NULL)
			continue;
		uuids[count] = UUIDPGetDatum(item->uuid);
		contents[count] = PointerGetDatum(item->document);
		names[count] = CStringGetTextDatum(item->name);
		issue_dates[count] = TimestampTzGetDatum(item->issue_date);
		expiries[count] = TimestampTzGetDatum(item->expires_at);
		never[count] = TIMESTAMP_IS_NOEND(item->expires_at);
		count++;
	}
	if (count == 0)
		return;
	values[0] = array_of(uuids, NULL, count, UUIDOID);
	values[1] = array_of(contents, NULL, count, BYTEAOID);
	values[2] = CStringGetTextDatum(batch->configuration->media_type);
	lc_spi_execute(&insert, values, NULL, SPI_OK_INSERT);

	values[1] = array_of(names, NULL, count, TEXTOID);
	values[2] = CStringGetTextDatum(batch->context_name);
	values[3] = CStringGetTextDatum(batch->configuration->type_name);
	values[4] = Int64GetDatum(batch->design);
	values[5] = array_of(issue_dates, NULL, count, TIMESTAMPTZOID);
	values[6] = array_of(expiries, never, count, TIMESTAMPTZOID);
	lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
}

/* When a credential that has failed so often is due again; 0: not without being asked for. */
static TimestampTz
retry_time(int attempts)
{
	double seconds;

	if (attempts >= lc_max_attempts)
		return 0;
	seconds = ldexp((double) lc_retry_delay, Min(attempts - 1, 30));
	return GetCurrentTransactionStartTimestamp() +
		(TimestampTz) (Min(seconds, LONGEST_RETRY_DELAY_SECONDS) * USECS_PER_SEC);
}

static void
store_errors(const Batch *batch)
{
	static LcStatement update = {
		.sql =
			"UPDATE learning_credentials.credential c"
			"   SET status = 'error', attempts = c.attempts + 1, error_message = failed.message,"
			"       retry_at = failed.retry_at, user_full_name = failed.name, learning_context_name = $5"
			"  FROM unnest($1, $2, $3, $4) AS failed (uuid, message, retry_at, name)"
			" WHERE c.uuid = failed.uuid",
		.types = { UUIDARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, TEXTOID },
		.custom = true,
	};
	Datum *uuids = palloc(sizeof(Datum) * batch->count);
	Datum *messages = palloc(sizeof(Datum) * batch->count);
	Datum *retries = palloc(sizeof(Datum) * batch->count);
	bool *never = palloc(sizeof(bool) * batch->count);
	Datum *names = palloc(sizeof(Datum) * batch->count);
	bool *unknown = palloc(sizeof(bool) * batch->count);
	Datum values[5];
	char nulls[] = "     ";
	TimestampTz first = DT_NOEND;
	int count = 0;
	int i;

	for (i = 0; i < batch->tried; i++)
	{
		const Claimed *item = &batch->items[i];
		TimestampTz retry;

		if (item->waits || item->document != NULL)
			continue;
		retry = retry_time(item->attempts + 1);
		uuids[count] = UUIDPGetDatum(item->uuid);
		messages[count] = CStringGetTextDatum(item->error);
		retries[count] = TimestampTzGetDatum(retry);
		never[count] = retry == 0;
		if (retry != 0)
			first = Min(first, retry);
		unknown[count] = item->name == NULL;
		names[count] = unknown[count] ? (Datum) 0 : CStringGetTextDatum(item->name);
		count++;
	}
	if (count == 0)
		return;
	values[0] = array_of(uuids, NULL, count, UUIDOID);
	values[1] = array_of(messages, NULL, count, TEXTOID);
	values[2] = array_of(retries, never, count, TIMESTAMPTZOID);
	values[3] = array_of(names, unknown, count, TEXTOID);
	if (batch->context_name != NULL)
		values[4] = CStringGetTextDatum(batch->context_name);
	else
		nulls[4] = 'n';
	lc_spi_execute(&update, values, nulls, SPI_OK_UPDATE);
	lc_expect_worker_at_commit(first);
}

/* Locks those of the credentials that wait and that nobody else holds, and takes them into the batch. */
static void
take(Batch *batch, const pg_uuid_t *uuids, int count)
{
	/* no condition on the status: the queue's index would look cheap, and be read whole */
	static LcStatement lock = {
		.sql =
			"SELECT c, c.uuid, c.user_id, c.attempts, c.supersedes, c.status, c.issue_date, c.expires_at"
			"  FROM learning_credentials.credential c"
			" WHERE c.uuid = ANY ($1) ORDER BY c.uuid FOR NO KEY UPDATE SKIP LOCKED",
		.types = { UUIDARRAYOID },
	};
	Datum *members = palloc(sizeof(Datum) * count);
	Datum values[1];
	int i;

	for (i = 0; i < count; i++)
		members[i] = UUIDPGetDatum(&uuids[i]);
	values[0] = array_of(members, NULL, count, UUIDOID);
	take_items(batch, lc_spi_execute(&lock, values, NULL, SPI_OK_SELECT));
	SPI_freetuptable(SPI_tuptable);
	hold_superseded(batch);
}

/*
 * Ends in error whatever is held, by the exceptions that are there now that the batch is locked. Returns how
 * many, and counts them.
 */
static int
put_held_aside(Batch *batch, LcIssued *result)
{
	Datum *uuids = palloc(sizeof(Datum) * Max(batch->count, 1));
	int64 *user_ids = palloc(sizeof(int64) * Max(batch->count, 1));
	bool *held = palloc0(sizeof(bool) * Max(batch->count, 1));
	int count = 0;
	int i;

	if (batch->count == 0)
		return 0;
	for (i = 0; i < batch->count; i++)
	{
		uuids[i] = UUIDPGetDatum(batch->items[i].uuid);
		user_ids[i] = batch->items[i].user_id;
	}
	result->failed =
		lc_end_held(batch->configuration->id, uuids, user_ids, batch->count, held, &result->error);
	result->last = *batch->items[batch->count - 1].uuid;
	for (i = 0; i < batch->count; i++)
		if (!held[i])
			batch->items[count++] = batch->items[i];
	batch->count = count;
	return result->failed;
}

int
lc_claim(int64 run_id, const pg_uuid_t *after, Datum taken, int limit, pg_uuid_t *uuids)
{
	/*
	 * The bounds are those of the queue's index and no equality: one would leave an order by uuid alone,
	 * which the primary key has too, and that would be read from the table's beginning.
	 */
	static LcStatement select = {
		.sql = "SELECT c.uuid FROM learning_credentials.credential c"
			   " WHERE (c.run_id, c.uuid) > ($1, $2) AND c.run_id <= $1 AND c.status = 'generating'"
			   "   AND c.uuid <> ALL ($3)"
			   " ORDER BY c.run_id, c.uuid LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED",
		.types = { INT8OID, UUIDOID, UUIDARRAYOID, INT4OID },
		.custom = true,
	};
	Datum values[] = { Int64GetDatum(run_id), UUIDPGetDatum(after), taken, Int32GetDatum(limit) };
	int count = (int) lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	int i;

	for (i = 0; i < count; i++)
	{
		bool isnull;

		uuids[i] = *DatumGetUUIDP(lc_spi_value(i, 1, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
	return count;
}

void
lc_fail(const pg_uuid_t *uuid, const char *message, bool again)
{
	static LcStatement lock = {
		.sql = "SELECT attempts FROM learning_credentials.credential"
			   " WHERE uuid = $1 AND status = 'generating' FOR NO KEY UPDATE",
		.types = { UUIDOID },
	};
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential"
			   "   SET status = 'error', attempts = attempts + 1, error_message = $2, retry_at = $3"
			   " WHERE uuid = $1",
		.types = { UUIDOID, TEXTOID, TIMESTAMPTZOID },
	};
	Datum values[] = { UUIDPGetDatum(uuid), CStringGetTextDatum(message), 0 };
	char nulls[] = { ' ', ' ', ' ' };
	TimestampTz retry_at = 0;
	bool isnull;

	if (lc_spi_execute(&lock, values, NULL, SPI_OK_SELECT) == 0)
		return;
	if (again)
		retry_at = retry_time(DatumGetInt32(lc_spi_value(0, 1, &isnull)) + 1);
	values[2] = TimestampTzGetDatum(retry_at);
	if (retry_at == 0)
		nulls[2] = 'n';
	lc_spi_execute(&update, values, nulls, SPI_OK_UPDATE);
}

bool
lc_issue(const LcConfiguration *configuration, const pg_uuid_t *uuids, int count, bool to_errors,
		 LcIssued *result)
{
	MemoryContext caller = CurrentMemoryContext;
	Batch batch = { .configuration = configuration };
	int held;
	int i;

	memset(result, 0, sizeof(LcIssued));
	batch.context = AllocSetContextCreate(caller, "batch of credentials", ALLOCSET_DEFAULT_SIZES);
	batch.scratch = AllocSetContextCreate(batch.context, "document", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(batch.context);

	take(&batch, uuids, count);
	held = put_held_aside(&batch, result);
	if (batch.count > 0)
	{
		ErrorData *error = NULL;

		if (to_errors)
			error = lc_attempt(prepare_batch, &batch);
		else
			prepare_batch(&batch);
		if (error != NULL)
			for (i = 0; i < batch.count; i++)
				batch.items[i].error = lc_error_text(error);
		generate_items(&batch);
		store_documents(&batch);
		store_errors(&batch);
		for (i = 0; i < batch.tried; i++)
		{
			const Claimed *item = &batch.items[i];

			if (item->document != NULL)
				result->available++;
			else if (!item->waits)
			{
				result->failed++;
				result->error = item->error;
			}
		}
		result->last = *batch.items[batch.tried - 1].uuid;
	}
	MemoryContextSwitchTo(caller);
	if (result->error != NULL)
		result->error = pstrdup(result->error);
	held += batch.count;
	MemoryContextDelete(batch.context);
	return held > 0;
}

uint64
lc_begin(const LcConfiguration *configuration, const int64 *user_ids, const Datum *evidence, int count,
		 int64 run_id, const LcReplacing *replacing, pg_uuid_t *uuid)
{
	static LcStatement insert = {
		.sql = "WITH new AS ("
			   "    INSERT INTO learning_credentials.credential"
			   "           (configuration_id, credential_type_name, learning_context_key, user_id,"
			   "            evidence, run_id, supersedes, issue_date, expires_at)"
			   "    SELECT $1, $2, $3, u.user_id, u.evidence, $6, $7, $10, $11"
			   "      FROM unnest($4, $5) WITH ORDINALITY AS u (user_id, evidence, number)"
			   "     WHERE NOT EXISTS (SELECT FROM learning_credentials.retired_user r"
			   "                        WHERE r.user_id = u.user_id)"
			   "       AND ($6 IS NULL"
			   "            OR NOT EXISTS (SELECT FROM learning_credentials.credential c"
			   "                            WHERE c.configuration_id = $1 AND c.user_id = u.user_id"
			   "                              AND c.status = 'invalidated' AND NOT " LC_IS_GIVEN_BACK
			   "))"
			   "     ORDER BY u.number"
			   "    ON CONFLICT DO NOTHING"
			   "    RETURNING uuid),"
			   " event AS ("
			   "    INSERT INTO learning_credentials.credential_event"
			   "           (credential_uuid, seq, configuration_id, run_id, new_status, actor, reason)"
			   "    SELECT uuid, 1, $1, $6, 'generating', $8, $9 FROM new)"
			   " SELECT uuid FROM new",
		.types = { INT8OID, TEXTOID, TEXTOID, INT8ARRAYOID, JSONBARRAYOID, INT8OID, UUIDOID, JSONBOID,
				   TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID },
		.custom = true,
	};
	Datum *ids = palloc(sizeof(Datum) * count);
	Datum values[11] = { 0 };
	char nulls[] = "           ";
	uint64 begun;
	int i;

	for (i = 0; i < count; i++)
		ids[i] = Int64GetDatum(user_ids[i]);
	values[0] = Int64GetDatum(configuration->id);
	values[1] = CStringGetTextDatum(configuration->type_name);
	values[2] = CStringGetTextDatum(configuration->learning_context_key);
	values[3] = array_of(ids, NULL, count, INT8OID);
	values[4] = array_of(unconstify(Datum *, evidence), NULL, count, JSONBOID);
	values[5] = Int64GetDatum(run_id);
	values[7] = JsonbPGetDatum(lc_actor());
	if (run_id == 0)
		nulls[5] = 'n';
	if (replacing != NULL)
	{
		values[6] = UUIDPGetDatum(&replacing->supersedes);
		values[8] = CStringGetTextDatum(replacing->reason);
		values[9] = TimestampTzGetDatum(replacing->issue_date);
		values[10] = TimestampTzGetDatum(replacing->expires_at);
	}
	if (replacing == NULL)
		nulls[6] = nulls[8] = 'n';
	if (replacing == NULL || TIMESTAMP_IS_NOBEGIN(replacing->issue_date))
		nulls[9] = 'n';
	if (replacing == NULL || TIMESTAMP_IS_NOEND(replacing->expires_at))
		nulls[10] = 'n';
	begun = lc_spi_execute(&insert, values, nulls, SPI_OK_SELECT);
	if (begun > 0 && uuid != NULL)
	{
		bool isnull;

		*uuid = *DatumGetUUIDP(lc_spi_value(begun - 1, 1, &isnull));
	}
	SPI_freetuptable(SPI_tuptable);
	if (IsolationUsesXactSnapshot())
		lc_refuse_begun(values[3]);
	return begun;
}
