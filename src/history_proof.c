/*
 * history_proof.c
 *		Proofs about the log that a third party checks without the database, as JSON.
 *
 * Reads only, also on a standby. docs/history.md describes what is made here.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "history.h"
#include "history_note.h"
#include "identity.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_history_inclusion_proof);
PG_FUNCTION_INFO_V1(lc_history_consistency_proof);
PG_FUNCTION_INFO_V1(lc_history_verifier_key);

static void
require(bool given, const char *name)
{
	if (!given)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", name)));
}

/* The size of the tree that is asked for, or NULL: that of the last checkpoint. */
static int64
tree_size(FunctionCallInfo fcinfo, int argument, const char *name, int64 smallest)
{
	int64 log_size = lc_log_size();
	int64 size = 0;
	LcHash root;
	char *note;

	if (!PG_ARGISNULL(argument))
		size = PG_GETARG_INT64(argument);
	else if (!lc_log_checkpoint(&size, &root, &note))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("nothing of the history is sealed"), errhint("seal_history() does it.")));
	if (size < smallest || size > log_size)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be from " INT64_FORMAT " to " INT64_FORMAT ", not " INT64_FORMAT, name,
						smallest, log_size, size)));
	return size;
}

/* ---------------------------------------------------------------- JSON */

static void
add_text(StringInfo json, const char *name, const char *value)
{
	appendStringInfo(json, ", \"%s\": ", name);
	if (value == NULL)
		appendStringInfoString(json, "null");
	else
		escape_json(json, value);
}

static void
add_hash(StringInfo json, const char *name, const LcHash *hash)
{
	add_text(json, name, lc_base64(hash->bytes, LC_HASH_BYTES));
}

static void
add_path(StringInfo json, const LcPath *path)
{
	int i;

	appendStringInfoString(json, ", \"path\": [");
	for (i = 0; i < path->count; i++)
		appendStringInfo(json, "%s\"%s\"", i > 0 ? ", " : "",
						 lc_base64(path->hashes[i].bytes, LC_HASH_BYTES));
	appendStringInfoString(json, "]");
}

/* The root of a tree and its checkpoint, if there is a signed one of this size. */
static void
add_tree(StringInfo json, const LcTree *tree, int64 size, const char *root_name, const char *note_name)
{
	LcHash root;
	LcHash signed_root;
	char *note = NULL;

	lc_tree_root(tree, size, &root);
	add_hash(json, root_name, &root);
	if (!lc_log_checkpoint(&size, &signed_root, &note))
		note = NULL;
	add_text(json, note_name, note);
}

static Datum
finished(StringInfo json)
{
	appendStringInfoChar(json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json->data));
}

/* ---------------------------------------------------------------- inclusion */

/* Reads an event's leaf: its text, its place in the log or -1, and whether the log has this text. */
static void
read_leaf(FunctionCallInfo fcinfo, LcHasher *hasher, StringInfo text, LcHash *hash, int64 *place)
{
	Oid types[] = { UUIDOID, INT4OID };
	Datum values[] = { PG_GETARG_DATUM(0), PG_GETARG_DATUM(1) };
	char *uuid = DatumGetCString(DirectFunctionCall1(uuid_out, values[0]));
	LcHash sealed;
	LcRows rows;
	HeapTuple row;
	bool isnull;
	Datum value;

	lc_rows_open(&rows,
				 "SELECT " LC_EVENT_COLUMNS ", l.leaf_index, l.leaf_hash"
				 "  FROM learning_credentials.credential_event e"
				 "  LEFT JOIN learning_credentials.history_leaf l USING (credential_uuid, seq)"
				 " WHERE e.credential_uuid = $1 AND e.seq = $2",
				 2, types, values, NULL, false);
	row = lc_rows_next(&rows);
	if (row == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("event %d of credential \"%s\" does not exist", PG_GETARG_INT32(1), uuid)));
	lc_event_text(&rows, row, text);
	lc_hash_leaf(hasher, text->data, text->len, hash);
	value = lc_rows_value(&rows, row, LC_EVENT_COLUMN_COUNT + 1, &isnull);
	*place = isnull ? -1 : DatumGetInt64(value);
	if (!isnull)
	{
		lc_hash_of(lc_rows_value(&rows, row, LC_EVENT_COLUMN_COUNT + 2, &isnull), &sealed);
		if (!lc_same_hash(hash, &sealed))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("event %d of credential \"%s\" is not what was sealed", PG_GETARG_INT32(1),
							uuid)));
	}
	lc_rows_close(&rows);
}

/* history_inclusion_proof(credential_uuid uuid, seq integer, tree_size bigint) */
Datum
lc_history_inclusion_proof(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	StringInfoData json;
	StringInfoData text;
	LcIdentity before;
	LcHash hash;
	LcPath path;
	LcTree tree;
	int64 place;
	int64 size;

	require(!PG_ARGISNULL(0), "credential_uuid");
	require(!PG_ARGISNULL(1), "seq");
	initStringInfo(&json);
	initStringInfo(&text);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	MemoryContextSwitchTo(context);
	lc_log_tree(&tree, lc_hasher_new());

	read_leaf(fcinfo, tree.hasher, &text, &hash, &place);
	if (place < 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("event %d of credential \"%s\" is not sealed yet", PG_GETARG_INT32(1),
						DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(0)))),
				 errhint("seal_history() does it.")));
	size = tree_size(fcinfo, 2, "tree_size", 1);
	if (place >= size)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the tree of size " INT64_FORMAT " does not have leaf " INT64_FORMAT, size,
						place)));
	lc_inclusion_path(&tree, place, size, &path);

	appendStringInfoString(&json, "{\"format\": \"learning_credentials/inclusion/v1\"");
	add_text(&json, "leaf", text.data);
	add_hash(&json, "leaf_hash", &hash);
	appendStringInfo(&json, ", \"leaf_index\": " INT64_FORMAT ", \"tree_size\": " INT64_FORMAT, place,
					 size);
	add_path(&json, &path);
	add_tree(&json, &tree, size, "root_hash", "checkpoint");

	lc_hasher_free(tree.hasher);
	lc_spi_finish();
	lc_act_as_before(&before);
	MemoryContextSwitchTo(context);
	return finished(&json);
}

/* ---------------------------------------------------------------- consistency */

/* history_consistency_proof(old_size bigint, new_size bigint) */
Datum
lc_history_consistency_proof(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	StringInfoData json;
	LcIdentity before;
	LcPath path;
	LcTree tree;
	int64 old_size;
	int64 new_size;

	require(!PG_ARGISNULL(0), "old_size");
	initStringInfo(&json);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	MemoryContextSwitchTo(context);
	lc_log_tree(&tree, lc_hasher_new());

	old_size = tree_size(fcinfo, 0, "old_size", 1);
	new_size = tree_size(fcinfo, 1, "new_size", old_size);
	lc_consistency_path(&tree, old_size, new_size, &path);

	appendStringInfo(&json,
					 "{\"format\": \"learning_credentials/consistency/v1\", \"old_size\": " INT64_FORMAT
					 ", \"new_size\": " INT64_FORMAT,
					 old_size, new_size);
	add_path(&json, &path);
	add_tree(&json, &tree, old_size, "old_root_hash", "old_checkpoint");
	add_tree(&json, &tree, new_size, "new_root_hash", "new_checkpoint");

	lc_hasher_free(tree.hasher);
	lc_spi_finish();
	lc_act_as_before(&before);
	MemoryContextSwitchTo(context);
	return finished(&json);
}

/* ---------------------------------------------------------------- the key */

/* history_verifier_key() */
Datum
lc_history_verifier_key(PG_FUNCTION_ARGS)
{
	LcVerifierKey key;
	char *problem;

	if (!lc_own_verifier_key(&key, &problem))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s",
						problem != NULL
							? problem
							: "setting learning_credentials.history_key_file names no key")));
	PG_RETURN_TEXT_P(cstring_to_text(lc_verifier_key_text(&key)));
}
