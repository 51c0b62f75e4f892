/*
 * history.c
 *		The log of the history as it lies in its tables: events as canonical bytes, and the tree.
 *
 * Reads only. Sealing, verifying and proving have files of their own.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "history.h"
#include "identity.h"

PG_FUNCTION_INFO_V1(lc_keep_history);
PG_FUNCTION_INFO_V1(lc_history_leaf_text);

#define ROWS_AT_ONCE 1000

/* The first line of the canonical bytes. Another format of them is another version. */
#define FORMAT "learning_credentials/event/v1\n"

/* ---------------------------------------------------------------- append-only */

/* Trigger, BEFORE UPDATE, DELETE (row) or TRUNCATE of the log's tables. */
Datum
lc_keep_history(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "keep_history() is a trigger function");
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" is append-only", RelationGetRelationName(trigdata->tg_relation))));
}

/* ---------------------------------------------------------------- rows */

void
lc_rows_open(LcRows *rows, const char *sql, int nargs, Oid *types, Datum *values, const char *nulls,
			 bool fresh)
{
	MemoryContext caller = CurrentMemoryContext;

	memset(rows, 0, sizeof(LcRows));
	rows->portal = SPI_cursor_open_with_args(NULL, sql, nargs, types, values, nulls, !fresh, 0);
	MemoryContextSwitchTo(caller);
}

HeapTuple
lc_rows_next(LcRows *rows)
{
	if (rows->at == rows->count)
	{
		MemoryContext caller = CurrentMemoryContext;

		if (rows->table != NULL)
			SPI_freetuptable(rows->table);
		SPI_cursor_fetch(rows->portal, true, ROWS_AT_ONCE);
		MemoryContextSwitchTo(caller);
		rows->table = SPI_tuptable;
		rows->count = SPI_processed;
		rows->at = 0;
		CHECK_FOR_INTERRUPTS();
	}
	return rows->at < rows->count ? rows->table->vals[rows->at++] : NULL;
}

Datum
lc_rows_value(const LcRows *rows, HeapTuple row, int column, bool *isnull)
{
	return SPI_getbinval(row, rows->table->tupdesc, column, isnull);
}

void
lc_rows_close(LcRows *rows)
{
	if (rows->table != NULL)
		SPI_freetuptable(rows->table);
	SPI_cursor_close(rows->portal);
}

/* ---------------------------------------------------------------- canonical bytes */

static void
add_integer(StringInfo bytes, int64 value)
{
	char digits[24];

	pg_lltoa(value, digits);
	appendStringInfoString(bytes, digits);
}

/* Microseconds since 1970, in UTC. */
static void
add_time(StringInfo bytes, TimestampTz time)
{
	if (TIMESTAMP_IS_NOBEGIN(time))
		appendStringInfoString(bytes, "-infinity");
	else if (TIMESTAMP_IS_NOEND(time))
		appendStringInfoString(bytes, "infinity");
	else
		add_integer(bytes,
					time +
						(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY *
							USECS_PER_SEC);
}

static void
add_hex(StringInfo bytes, bytea *value)
{
	int length = VARSIZE_ANY_EXHDR(value);

	enlargeStringInfo(bytes, 2 * length);
	bytes->len += hex_encode(VARDATA_ANY(value), length, bytes->data + bytes->len);
	bytes->data[bytes->len] = '\0';
}

void
lc_event_text(const LcRows *rows, HeapTuple row, StringInfo bytes)
{
	static const struct
	{
		const char *label;
		Oid type;
	} fields[LC_EVENT_COLUMN_COUNT] = {
		{ "credential_uuid ", UUIDOID },
		{ "seq ", INT4OID },
		{ "kind ", TEXTOID },
		{ "occurred_at ", TIMESTAMPTZOID },
		{ "configuration_id ", INT8OID },
		{ "run_id ", INT8OID },
		{ "old_status ", TEXTOID },
		{ "new_status ", TEXTOID },
		{ "old_issue_date ", TIMESTAMPTZOID },
		{ "old_expires_at ", TIMESTAMPTZOID },
		{ "issue_date ", TIMESTAMPTZOID },
		{ "expires_at ", TIMESTAMPTZOID },
		{ "actor_commitment ", BYTEAOID },
		{ "reason_commitment ", BYTEAOID },
	};
	int i;

	resetStringInfo(bytes);
	appendStringInfoString(bytes, FORMAT);
	for (i = 0; i < LC_EVENT_COLUMN_COUNT; i++)
	{
		bool isnull;
		Datum value = lc_rows_value(rows, row, i + 1, &isnull);

		appendStringInfoString(bytes, fields[i].label);
		if (isnull)
			appendStringInfoChar(bytes, '-');
		else
			switch (fields[i].type)
			{
				case UUIDOID:
					appendStringInfoString(bytes, DatumGetCString(DirectFunctionCall1(uuid_out, value)));
					break;
				case INT4OID:
					add_integer(bytes, DatumGetInt32(value));
					break;
				case INT8OID:
					add_integer(bytes, DatumGetInt64(value));
					break;
				case TIMESTAMPTZOID:
					add_time(bytes, DatumGetTimestampTz(value));
					break;
				case TEXTOID:
					appendBinaryStringInfo(bytes, VARDATA_ANY(DatumGetTextPP(value)),
										   VARSIZE_ANY_EXHDR(DatumGetTextPP(value)));
					break;
				case BYTEAOID:
					add_hex(bytes, DatumGetByteaPP(value));
					break;
			}
		appendStringInfoChar(bytes, '\n');
	}
}

/* history_leaf_text(credential_uuid uuid, seq integer) */
Datum
lc_history_leaf_text(PG_FUNCTION_ARGS)
{
	Oid types[] = { UUIDOID, INT4OID };
	Datum values[] = { PG_GETARG_DATUM(0), PG_GETARG_DATUM(1) };
	StringInfoData bytes;
	LcIdentity before;
	LcRows rows;
	HeapTuple row;

	initStringInfo(&bytes);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	lc_rows_open(&rows,
				 "SELECT " LC_EVENT_COLUMNS " FROM learning_credentials.credential_event e"
				 " WHERE e.credential_uuid = $1 AND e.seq = $2",
				 2, types, values, NULL, false);
	row = lc_rows_next(&rows);
	if (row == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("event %d of credential \"%s\" does not exist", PG_GETARG_INT32(1),
						DatumGetCString(DirectFunctionCall1(uuid_out, values[0])))));
	lc_event_text(&rows, row, &bytes);
	lc_rows_close(&rows);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(bytes.data, bytes.len));
}

/* ---------------------------------------------------------------- the tree */

void
lc_hash_of(Datum value, LcHash *hash)
{
	bytea *bytes = DatumGetByteaPP(value);

	if (VARSIZE_ANY_EXHDR(bytes) == LC_HASH_BYTES)
		memcpy(hash->bytes, VARDATA_ANY(bytes), LC_HASH_BYTES);
	else
		memset(hash->bytes, 0,
			   LC_HASH_BYTES); /* whoever took the constraint away: nothing has this hash */
}

Datum
lc_hash_datum(const LcHash *hash)
{
	bytea *bytes = palloc(VARHDRSZ + LC_HASH_BYTES);

	SET_VARSIZE(bytes, VARHDRSZ + LC_HASH_BYTES);
	memcpy(VARDATA(bytes), hash->bytes, LC_HASH_BYTES);
	return PointerGetDatum(bytes);
}

int64
lc_log_size(void)
{
	bool isnull;
	int64 size;

	(void) lc_spi_read("SELECT coalesce(max(leaf_index), -1) + 1 FROM learning_credentials.history_leaf",
					   0, NULL, NULL, NULL, NULL);
	size = DatumGetInt64(lc_spi_value(0, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return size;
}

static void
read_nodes(void *argument, int height, int64 first, int count, LcHash *hashes)
{
	Oid types[] = { INT8OID, INT8OID, INT4OID };
	Datum values[] = { Int64GetDatum(first), Int64GetDatum(first + count), Int32GetDatum(height) };
	uint64 found;
	uint64 i;

	if (height == 0)
		found = lc_spi_read("SELECT leaf_hash FROM learning_credentials.history_leaf"
							" WHERE leaf_index >= $1 AND leaf_index < $2 ORDER BY leaf_index",
							2, types, values, NULL, NULL);
	else
		found = lc_spi_read("SELECT hash FROM learning_credentials.history_node"
							" WHERE height = $3 AND node_index >= $1 AND node_index < $2"
							" ORDER BY node_index",
							3, types, values, NULL, NULL);
	if (found != (uint64) count)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("nodes of height %d are missing in the log between " INT64_FORMAT
						" and " INT64_FORMAT,
						height, first, first + count - 1),
				 errhint("verify_history() tells what else is wrong.")));
	for (i = 0; i < found; i++)
	{
		bool isnull;

		lc_hash_of(lc_spi_value(i, 1, &isnull), &hashes[i]);
	}
	SPI_freetuptable(SPI_tuptable);
}

void
lc_log_tree(LcTree *tree, LcHasher *hasher)
{
	tree->hasher = hasher;
	tree->source = read_nodes;
	tree->argument = NULL;
}

bool
lc_log_checkpoint(int64 *size, LcHash *root, char **note)
{
	Oid types[] = { INT8OID };
	Datum values[] = { Int64GetDatum(*size) };
	bool isnull;
	bool found;

	*note = NULL;
	found = lc_spi_read("SELECT tree_size, root_hash, note FROM learning_credentials.history_checkpoint"
						" WHERE $1 = 0 OR tree_size = $1 ORDER BY tree_size DESC LIMIT 1",
						1, types, values, NULL, NULL) > 0;
	if (found)
	{
		*size = DatumGetInt64(lc_spi_value(0, 1, &isnull));
		lc_hash_of(lc_spi_value(0, 2, &isnull), root);
		*note = lc_spi_text(0, 3);
	}
	SPI_freetuptable(SPI_tuptable);
	return found;
}
