/*
 * history_seal.c
 *		Sealing: appends events that were committed to the log, and signs what it is then.
 *
 * An event's column transaction_id says in which transaction it was written. The log remembers a snapshot
 * in which all transactions that are visible are sealed; what is visible now and was not then comes next,
 * ordered by transaction. So whoever issues never waits for the log, a transaction that stays open for
 * days holds up its own events and no others, and one that commits late is sealed late and not passed over.
 * After a restore the numbers of transactions are others: the snapshot is not known, and everything that
 * has no leaf is sealed.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/xid8.h"

#include "compat.h"
#include "history.h"
#include "history_note.h"
#include "history_seal.h"
#include "identity.h"
#include "settings.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_seal_history);

/* Leaves that are written by one statement. */
#define CHUNK 1000

/* Events that the worker seals in one transaction, more if one transaction wrote more. */
#define WORKER_BATCH 100000

/* Events in their order within the log. */
#define ORDER " ORDER BY e.transaction_id NULLS FIRST, e.occurred_at, e.credential_uuid, e.seq"

/* Which transactions are sealed: those that are visible in this snapshot. */
typedef struct Horizon
{
	uint64 xmin;
	uint64 xmax;
	char *text; /* as pg_snapshot writes it */
} Horizon;

/* A node that is to be stored. */
typedef struct NewNode
{
	int height;
	int64 index;
	LcHash hash;
} NewNode;

typedef struct Sealing
{
	LcHasher *hasher;
	LcFrontier frontier;
	MemoryContext chunk_context;
	int leaf_count;
	pg_uuid_t uuids[CHUNK];
	int32 seqs[CHUNK];
	LcHash leaves[CHUNK];
	int node_count;
	NewNode nodes[CHUNK];
	int64 sealed;
} Sealing;

/* ---------------------------------------------------------------- how far */

/*
 * The transactions that are visible now, but for those from "end" on (0: none are left out) and our own,
 * which may write more events.
 */
static void
read_horizon(Horizon *horizon, uint64 end)
{
	static LcStatement select = {
		.sql = "SELECT pg_current_snapshot()::text",
		.types = { InvalidOid },
	};
	uint64 own = U64FromFullTransactionId(GetTopFullTransactionId());
	StringInfoData running;
	char *snapshot;
	char *at;

	lc_spi_execute(&select, NULL, NULL, SPI_OK_SELECT);
	snapshot = lc_spi_text(0, 1);
	SPI_freetuptable(SPI_tuptable);
	horizon->xmin = strtoull(snapshot, &at, 10);
	horizon->xmax = strtoull(at + 1, &at, 10);
	at++;
	if (end != 0)
		horizon->xmax = Min(horizon->xmax, end);
	horizon->xmin = Min(horizon->xmin, Min(own, horizon->xmax));
	initStringInfo(&running);
	while (*at != '\0')
	{
		uint64 transaction = strtoull(at, &at, 10);

		if (own < transaction && own < horizon->xmax)
		{
			appendStringInfo(&running, "," UINT64_FORMAT, own);
			own = PG_UINT64_MAX;
		}
		if (transaction < horizon->xmax)
			appendStringInfo(&running, "," UINT64_FORMAT, transaction);
		if (*at == ',')
			at++;
	}
	if (own < horizon->xmax)
		appendStringInfo(&running, "," UINT64_FORMAT, own);
	horizon->text = psprintf(UINT64_FORMAT ":" UINT64_FORMAT ":%s", horizon->xmin, horizon->xmax,
							 running.len > 0 ? running.data + 1 : "");
}

/*
 * Where a batch of about so many events ends, of those of transactions from "first" to before "end": the
 * first transaction that is not in it.
 */
static uint64
end_of_batch(uint64 first, uint64 end, int64 events)
{
	static LcStatement select = {
		.sql = "SELECT transaction_id, EXISTS ("
			   "           SELECT FROM learning_credentials.credential_event b"
			   "            WHERE b.transaction_id >= $1 AND b.transaction_id < e.transaction_id)"
			   "  FROM learning_credentials.credential_event e"
			   " WHERE transaction_id >= $1 AND transaction_id < $2"
			   " ORDER BY transaction_id OFFSET $3 LIMIT 1",
		.types = { XID8OID, XID8OID, INT8OID },
		.custom = true,
	};
	Datum values[] = { FullTransactionIdGetDatum(FullTransactionIdFromU64(first)),
					   FullTransactionIdGetDatum(FullTransactionIdFromU64(end)), Int64GetDatum(events) };

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0)
	{
		bool isnull;

		end = U64FromFullTransactionId(DatumGetFullTransactionId(lc_spi_value(0, 1, &isnull)));
		if (!DatumGetBool(lc_spi_value(0, 2, &isnull)))
			end++; /* a single transaction that large */
	}
	SPI_freetuptable(SPI_tuptable);
	return end;
}

/* ---------------------------------------------------------------- growing the tree */

static void
keep_node(void *argument, int height, int64 index, const LcHash *hash)
{
	Sealing *sealing = argument;
	NewNode *node = &sealing->nodes[sealing->node_count++];

	node->height = height;
	node->index = index;
	node->hash = *hash;
}

static Datum
array_of(Datum *values, int count, Oid type, int length, bool by_value, char alignment)
{
	return PointerGetDatum(construct_array(values, count, type, length, by_value, alignment));
}

/* Writes the leaves and nodes that were collected. */
static void
write_chunk(Sealing *sealing)
{
	static LcStatement insert_leaves = {
		.sql =
			"INSERT INTO learning_credentials.history_leaf (leaf_index, credential_uuid, seq, leaf_hash)"
			" SELECT $1 + l.number - 1, l.credential_uuid, l.seq, l.leaf_hash"
			"   FROM unnest($2, $3, $4) WITH ORDINALITY AS l (credential_uuid, seq, leaf_hash, number)",
		.types = { INT8OID, UUIDARRAYOID, INT4ARRAYOID, BYTEAARRAYOID },
	};
	static LcStatement insert_nodes = {
		.sql =
			"INSERT INTO learning_credentials.history_node (height, node_index, hash)"
			" SELECT n.height, n.node_index, n.hash FROM unnest($1, $2, $3) AS n (height, node_index, hash)",
		.types = { INT4ARRAYOID, INT8ARRAYOID, BYTEAARRAYOID },
	};
	MemoryContext old = MemoryContextSwitchTo(sealing->chunk_context);
	Datum first[CHUNK];
	Datum second[CHUNK];
	Datum third[CHUNK];
	Datum values[4];
	int i;

	for (i = 0; i < sealing->leaf_count; i++)
	{
		first[i] = UUIDPGetDatum(&sealing->uuids[i]);
		second[i] = Int32GetDatum(sealing->seqs[i]);
		third[i] = lc_hash_datum(&sealing->leaves[i]);
	}
	values[0] = Int64GetDatum(sealing->frontier.size - sealing->leaf_count);
	values[1] = array_of(first, sealing->leaf_count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
	values[2] = array_of(second, sealing->leaf_count, INT4OID, sizeof(int32), true, TYPALIGN_INT);
	values[3] = array_of(third, sealing->leaf_count, BYTEAOID, -1, false, TYPALIGN_INT);
	lc_spi_execute(&insert_leaves, values, NULL, SPI_OK_INSERT);

	if (sealing->node_count > 0)
	{
		for (i = 0; i < sealing->node_count; i++)
		{
			first[i] = Int32GetDatum(sealing->nodes[i].height);
			second[i] = Int64GetDatum(sealing->nodes[i].index);
			third[i] = lc_hash_datum(&sealing->nodes[i].hash);
		}
		values[0] = array_of(first, sealing->node_count, INT4OID, sizeof(int32), true, TYPALIGN_INT);
		values[1] = array_of(second, sealing->node_count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
							 TYPALIGN_DOUBLE);
		values[2] = array_of(third, sealing->node_count, BYTEAOID, -1, false, TYPALIGN_INT);
		lc_spi_execute(&insert_nodes, values, NULL, SPI_OK_INSERT);
	}
	sealing->sealed += sealing->leaf_count;
	sealing->leaf_count = 0;
	sealing->node_count = 0;
	MemoryContextSwitchTo(old);
	MemoryContextReset(sealing->chunk_context);
}

/* Appends the events that a statement selects. */
static void
seal_rows(Sealing *sealing, const char *sql, int nargs, Oid *types, Datum *values)
{
	StringInfoData text;
	LcRows rows;
	HeapTuple row;

	initStringInfo(&text);
	lc_rows_open(&rows, sql, nargs, types, values, NULL, true);
	while ((row = lc_rows_next(&rows)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(sealing->chunk_context);
		int n = sealing->leaf_count;
		bool isnull;

		lc_event_text(&rows, row, &text);
		lc_hash_leaf(sealing->hasher, text.data, text.len, &sealing->leaves[n]);
		sealing->uuids[n] = *DatumGetUUIDP(lc_rows_value(&rows, row, 1, &isnull));
		sealing->seqs[n] = DatumGetInt32(lc_rows_value(&rows, row, 2, &isnull));
		lc_frontier_append(&sealing->frontier, sealing->hasher, &sealing->leaves[n], keep_node, sealing);
		sealing->leaf_count++;
		MemoryContextSwitchTo(old);
		if (sealing->leaf_count == CHUNK)
			write_chunk(sealing);
	}
	if (sealing->leaf_count > 0)
		write_chunk(sealing);
	lc_rows_close(&rows);
	pfree(text.data);
}

/* Reads where the tree stands, and refuses to go on from what its last checkpoint does not say. */
static void
read_tree(Sealing *sealing, LcHash *root, char **note)
{
	LcHash signed_root;
	int64 signed_size = 0;
	bool found;
	LcTree tree;

	lc_log_tree(&tree, sealing->hasher);
	lc_tree_frontier(&tree, lc_log_size(), &sealing->frontier);
	lc_frontier_root(&sealing->frontier, sealing->hasher, root);
	found = lc_log_checkpoint(&signed_size, &signed_root, note);
	if (sealing->frontier.size != signed_size || (found && !lc_same_hash(root, &signed_root)))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the log of the history is not what its last checkpoint says"),
				 errdetail("It has " INT64_FORMAT " leaves, and the checkpoint is of " INT64_FORMAT ".",
						   sealing->frontier.size, signed_size),
				 errhint("verify_history() tells what is wrong.")));
}

/* Appends what is visible in "now" and was not in "before", which may be NULL. */
static void
seal_events(Sealing *sealing, const Horizon *before, const Horizon *now)
{
	Oid types[] = { TEXTOID, TEXTOID, XID8OID, XID8OID };
	Datum values[4];

	values[0] = CStringGetTextDatum(now->text);
	if (before == NULL)
	{
		seal_rows(sealing,
				  "SELECT " LC_EVENT_COLUMNS " FROM learning_credentials.credential_event e"
				  " WHERE (e.transaction_id IS NULL"
				  "        OR pg_visible_in_snapshot(e.transaction_id, $1::pg_snapshot))"
				  "   AND " LC_NO_LEAF ORDER,
				  1, types, values);
		return;
	}
	values[1] = CStringGetTextDatum(before->text);
	seal_rows(sealing,
			  "SELECT " LC_EVENT_COLUMNS " FROM learning_credentials.credential_event e"
			  " WHERE e.transaction_id = ANY (ARRAY(SELECT pg_snapshot_xip($2::pg_snapshot)))"
			  "   AND pg_visible_in_snapshot(e.transaction_id, $1::pg_snapshot)"
			  "   AND " LC_NO_LEAF_EACH ORDER,
			  2, types, values);
	values[2] = FullTransactionIdGetDatum(FullTransactionIdFromU64(before->xmax));
	values[3] = FullTransactionIdGetDatum(FullTransactionIdFromU64(now->xmax));
	seal_rows(sealing,
			  "SELECT " LC_EVENT_COLUMNS " FROM learning_credentials.credential_event e"
			  " WHERE e.transaction_id >= $3 AND e.transaction_id < $4"
			  "   AND pg_visible_in_snapshot(e.transaction_id, $1::pg_snapshot)"
			  "   AND " LC_NO_LEAF_EACH ORDER,
			  4, types, values);
}

/* ---------------------------------------------------------------- a sealing */

/* Takes the log's state, which nobody else can have until the transaction ends. NULL: not known. */
static Horizon *
take_state(void)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.history_state SET sealed_at = clock_timestamp()"
			   " RETURNING sealed::text",
		.types = { InvalidOid },
	};
	Horizon *horizon;
	char *end;

	if (lc_spi_execute(&update, NULL, NULL, SPI_OK_UPDATE_RETURNING) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the row of table \"history_state\" is missing")));
	horizon = palloc0(sizeof(Horizon));
	horizon->text = lc_spi_text(0, 1);
	SPI_freetuptable(SPI_tuptable);
	if (horizon->text == NULL)
		return NULL;
	horizon->xmin = strtoull(horizon->text, &end, 10);
	horizon->xmax = strtoull(end + 1, NULL, 10);
	return horizon;
}

static void
write_state(const Horizon *horizon)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.history_state SET sealed = $1::pg_snapshot",
		.types = { TEXTOID },
	};
	Datum values[] = { CStringGetTextDatum(horizon->text) };

	lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
}

/* Signs the tree; NULL, with a WARNING unless no key is set, when that cannot be done. */
static char *
sign_tree(int64 size, const LcHash *root)
{
	char *problem;
	char *note = lc_sign_checkpoint(size, root, &problem);

	if (problem != NULL)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIG_FILE_ERROR), errmsg("a checkpoint of the history is not signed"),
				 errdetail("%s.", problem)));
	return note;
}

static void
write_checkpoint(int64 size, const LcHash *root, const char *note)
{
	static LcStatement upsert = {
		.sql = "INSERT INTO learning_credentials.history_checkpoint AS c (tree_size, root_hash, note)"
			   " VALUES ($1, $2, $3)"
			   " ON CONFLICT (tree_size) DO UPDATE SET note = excluded.note",
		.types = { INT8OID, BYTEAOID, TEXTOID },
	};
	Datum values[] = { Int64GetDatum(size), lc_hash_datum(root),
					   note == NULL ? (Datum) 0 : CStringGetTextDatum(note) };

	lc_spi_execute(&upsert, values, note == NULL ? "  n" : NULL, SPI_OK_INSERT);
}

/*
 * Seals what can be sealed, in a SPI connection as the owner; with a limit about so many events. Returns
 * how many, and writes the size of the log and the checkpoint (NULL: not signed). *more: there are others.
 */
static int64
seal(int64 limit, int64 *size, char **note, bool *more)
{
	Sealing *sealing = palloc0(sizeof(Sealing));
	Horizon *before = take_state();
	Horizon now;
	LcHash root;
	uint64 end;

	/* How many events there are to seal is not known to the planner. Until the caller is who it was. */
	(void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	sealing->hasher = lc_hasher_new();
	sealing->chunk_context =
		AllocSetContextCreate(CurrentMemoryContext, "sealed events", ALLOCSET_DEFAULT_SIZES);

	/* Who sealed before has committed, and that is seen from here on. */
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	read_tree(sealing, &root, note);
	PopActiveSnapshot();

	*more = false;
	read_horizon(&now, 0);
	if (before != NULL && before->xmax > now.xmax)
		before = NULL; /* those were numbers of another life of this server */
	if (before != NULL && limit > 0)
	{
		end = end_of_batch(before->xmax, now.xmax, limit);
		*more = end < now.xmax;
		if (*more)
			read_horizon(&now, end);
	}
	seal_events(sealing, before, &now);
	write_state(&now);

	*size = sealing->frontier.size;
	if (sealing->sealed > 0 || (*size > 0 && *note == NULL))
	{
		bool unsigned_yet = sealing->sealed == 0;

		lc_frontier_root(&sealing->frontier, sealing->hasher, &root);
		*note = sign_tree(*size, &root);
		if (!unsigned_yet || *note != NULL)
			write_checkpoint(*size, &root, *note);
	}
	lc_hasher_free(sealing->hasher);
	MemoryContextDelete(sealing->chunk_context);
	return sealing->sealed;
}

/* seal_history() */
Datum
lc_seal_history(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	LcIdentity before;
	TupleDesc desc;
	Datum values[3];
	bool nulls[3] = { false, false, false };
	int64 size;
	char *note;
	bool more;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "seal_history() must return a composite type");
	lc_refuse_stranger("seal the history");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	MemoryContextSwitchTo(context);
	values[0] = Int64GetDatum(seal(0, &size, &note, &more));
	values[1] = Int64GetDatum(size);
	nulls[2] = note == NULL;
	values[2] = note == NULL ? (Datum) 0 : CStringGetTextDatum(note);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ---------------------------------------------------------------- by the worker */

/*
 * Has it been so many seconds since somebody sealed, is there something, and has nobody else the log in hand? In a database that was just restored, or is
 * being restored, that begins with the first event of its own: what would be sealed while the log is still
 * to come would keep it out.
 */
static bool
is_due(int interval)
{
	static LcStatement select = {
		.sql =
			"SELECT FROM learning_credentials.history_state s"
			" WHERE (s.sealed_at IS NULL"
			"        OR s.sealed_at <= clock_timestamp() - make_interval(secs => $1))"
			"   AND (EXISTS (SELECT FROM learning_credentials.credential_event e"
			"                 WHERE e.transaction_id >= coalesce(pg_snapshot_xmax(s.sealed), '0'))"
			"        OR EXISTS (SELECT FROM learning_credentials.credential_event e"
			"                    WHERE e.transaction_id = ANY (ARRAY(SELECT pg_snapshot_xip(s.sealed)))"
			"                      AND " LC_NO_LEAF_EACH "))"
			"   FOR UPDATE SKIP LOCKED",
		.types = { FLOAT8OID },
	};
	Datum values[] = { Float8GetDatum(interval) };
	bool due = lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0;

	SPI_freetuptable(SPI_tuptable);
	return due;
}

static void
seal_batch(void *argument)
{
	bool *more = argument;
	LcIdentity before;
	int64 size;
	char *note;

	lc_act_as_owner(&before);
	lc_spi_connect(false);
	if (is_due(*more ? 0 : lc_seal_interval))
		(void) seal(WORKER_BATCH, &size, &note, more);
	else
		*more = false;
	lc_spi_finish();
	lc_act_as_before(&before);
}

bool
lc_seal_when_due(void)
{
	static bool more = false; /* the batch before left some */
	ErrorData *error = NULL;

	if (lc_seal_interval == 0)
		return false;
	pgstat_report_activity(STATE_RUNNING, "sealing the history");
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (lc_hold_extension())
		error = lc_attempt(seal_batch, &more);
	else
		more = false;
	if (error != NULL)
	{
		more = false;
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("the history of database \"%s\" could not be sealed",
						get_database_name(MyDatabaseId)),
				 errdetail("%s", lc_error_text(error))));
	}
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(true);
	return more;
}
