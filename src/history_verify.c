/*
 * history_verify.c
 *		Verifying: events against the log, the log against its checkpoints, those against their signatures.
 *
 * Two passes, each in the order of an index and with memory that does not grow: events, leaves and
 * credentials side by side by uuid and seq; then the leaves in their order, from which the tree grows
 * anew. An event that was altered is so compared with what was sealed, and the tree is computed from what
 * was sealed, so that one finding does not turn everything after it into another. All is read in the
 * snapshot of the calling statement, also on a standby.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "compat.h"
#include "history.h"
#include "history_note.h"
#include "identity.h"
#include "settings.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_verify_history);

/* Rows after which what they took is freed. */
#define ROWS_TO_FREE 1000

#define HEIGHTS (LC_MAX_PATH / LC_NODE_STEP)

/* Where findings go. */
typedef struct Report
{
	Tuplestorestate *rows;
	TupleDesc desc;
} Report;

/* The keys that signatures are checked with; none: they are not. */
typedef struct Keys
{
	LcVerifierKey *keys;
	int count;
} Keys;

/* ---------------------------------------------------------------- findings */

/* A finding; "leaf" -1, "uuid" NULL and "seq" 0 where there is none. */
static void
report(Report *report, const char *finding, int64 leaf, const pg_uuid_t *uuid, int seq,
	   const char *detail)
{
	Datum values[5];
	bool nulls[5];

	memset(nulls, 0, sizeof(nulls));
	values[0] = CStringGetTextDatum(finding);
	values[1] = Int64GetDatum(leaf);
	nulls[1] = leaf < 0;
	values[2] = UUIDPGetDatum(uuid);
	nulls[2] = uuid == NULL;
	values[3] = Int32GetDatum(seq);
	nulls[3] = seq == 0;
	values[4] = CStringGetTextDatum(detail);
	tuplestore_putvalues(report->rows, report->desc, values, nulls);
}

/* ---------------------------------------------------------------- events against leaves */

/* A row of one of the readers that go side by side. */
typedef struct Row
{
	HeapTuple tuple; /* NULL: there are no more */
	pg_uuid_t uuid;
	int32 seq;
} Row;

typedef struct Comparison
{
	Report *report;
	LcHasher *hasher;
	StringInfoData text;
	LcRows events;
	LcRows leaves;
	LcRows credentials;
	Row event;
	Row leaf;
	Row credential;
	/* The credential at hand. */
	bool begun;
	pg_uuid_t uuid;
	int32 seq;				  /* the last event or leaf of it */
	bool has_event;			  /* that was an event */
	char status[NAMEDATALEN]; /* the status after it; empty: it was deleted */
} Comparison;

static void
next_row(LcRows *rows, Row *row, bool has_seq)
{
	bool isnull;

	row->tuple = lc_rows_next(rows);
	if (row->tuple == NULL)
		return;
	row->uuid = *DatumGetUUIDP(lc_rows_value(rows, row->tuple, 1, &isnull));
	row->seq = has_seq ? DatumGetInt32(lc_rows_value(rows, row->tuple, 2, &isnull)) : 0;
}

static int
compare_uuids(const pg_uuid_t *a, const pg_uuid_t *b)
{
	return memcmp(a->data, b->data, UUID_LEN);
}

/* As an index orders them; one without a row is behind all others. */
static int
compare_rows(const Row *a, const Row *b)
{
	int order;

	if (a->tuple == NULL || b->tuple == NULL)
		return (a->tuple == NULL) - (b->tuple == NULL);
	order = compare_uuids(&a->uuid, &b->uuid);
	return order != 0 ? order : (a->seq > b->seq) - (a->seq < b->seq);
}

/* A column of text; empty where it is NULL. */
static void
read_status(const LcRows *rows, HeapTuple row, int column, char *status)
{
	bool isnull;
	Datum value = lc_rows_value(rows, row, column, &isnull);

	status[0] = '\0';
	if (!isnull)
		text_to_cstring_buffer(DatumGetTextPP(value), status, NAMEDATALEN);
}

/* The events of the credential at hand are done: is it what the last one says? */
static void
end_credential(Comparison *comparison)
{
	char status[NAMEDATALEN] = "";

	if (!comparison->begun)
		return;
	while (comparison->credential.tuple != NULL &&
		   compare_uuids(&comparison->credential.uuid, &comparison->uuid) < 0)
		next_row(&comparison->credentials, &comparison->credential, false);
	if (comparison->credential.tuple != NULL &&
		compare_uuids(&comparison->credential.uuid, &comparison->uuid) == 0)
		read_status(&comparison->credentials, comparison->credential.tuple, 2, status);
	if (comparison->has_event && strcmp(status, comparison->status) != 0)
		report(comparison->report, "contradiction", -1, &comparison->uuid, comparison->seq,
			   psprintf("the last event says that the credential is %s, and it is %s",
						comparison->status[0] == '\0' ? "deleted" : comparison->status,
						status[0] == '\0' ? "not there" : status));
	comparison->begun = false;
}

/* Begins the credential of a row, if it is another one, and looks for events that are missing before it. */
static void
begin_row(Comparison *comparison, const Row *row)
{
	int32 first;

	if (!comparison->begun || compare_uuids(&comparison->uuid, &row->uuid) != 0)
	{
		end_credential(comparison);
		comparison->begun = true;
		comparison->uuid = row->uuid;
		comparison->seq = 0;
		comparison->has_event = false;
		comparison->status[0] = '\0';
	}
	first = comparison->seq + 1;
	if (first == row->seq)
		return;
	comparison->has_event = false;
	/* One finding for all of them: a forged number may leave room for millions. */
	report(comparison->report, "removed", -1, &row->uuid, first,
		   first == row->seq - 1
			   ? "the event is gone; it was not sealed yet"
			   : psprintf("events %d to %d are gone; they were not sealed yet", first, row->seq - 1));
}

static void
check_event(Comparison *comparison)
{
	const Row *row = &comparison->event;
	char status[NAMEDATALEN];
	bool isnull;

	read_status(&comparison->events, row->tuple, LC_EVENT_OLD_STATUS, status);
	if (comparison->has_event && strcmp(status, comparison->status) != 0)
		report(comparison->report, "contradiction", -1, &row->uuid, row->seq,
			   psprintf("the event is of a credential that was %s, and the one before left it %s",
						status[0] == '\0' ? "new" : status,
						comparison->status[0] == '\0' ? "deleted" : comparison->status));
	if (DatumGetBool(
			lc_rows_value(&comparison->events, row->tuple, LC_EVENT_COLUMN_COUNT + 2, &isnull)) &&
		!isnull)
		report(comparison->report, "commitment", -1, &row->uuid, row->seq,
			   "the actor is not the one that was committed to");
	if (DatumGetBool(
			lc_rows_value(&comparison->events, row->tuple, LC_EVENT_COLUMN_COUNT + 3, &isnull)) &&
		!isnull)
		report(comparison->report, "commitment", -1, &row->uuid, row->seq,
			   "the reason is not the one that was committed to");
	read_status(&comparison->events, row->tuple, LC_EVENT_NEW_STATUS, comparison->status);
	comparison->has_event = true;
}

/* The place of the leaf at hand in the log. */
static int64
leaf_index(const Comparison *comparison)
{
	bool isnull;

	return DatumGetInt64(lc_rows_value(&comparison->leaves, comparison->leaf.tuple, 3, &isnull));
}

static void
check_leaf(Comparison *comparison)
{
	LcHash sealed;
	LcHash hash;
	bool isnull;

	lc_event_text(&comparison->events, comparison->event.tuple, &comparison->text);
	lc_hash_leaf(comparison->hasher, comparison->text.data, comparison->text.len, &hash);
	lc_hash_of(lc_rows_value(&comparison->leaves, comparison->leaf.tuple, 4, &isnull), &sealed);
	if (!lc_same_hash(&hash, &sealed))
		report(comparison->report, "altered", leaf_index(comparison), &comparison->event.uuid,
			   comparison->event.seq, "the event is not what was sealed");
}

static void
compare_events(Report *findings, LcHasher *hasher)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "events", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;
	Comparison *comparison = palloc0(sizeof(Comparison));
	int64 rows = 0;

	comparison->report = findings;
	comparison->hasher = hasher;
	initStringInfo(&comparison->text);
	lc_rows_open(
		&comparison->events,
		"SELECT " LC_EVENT_COLUMNS ","
		"       s.sealed IS NOT NULL AND (e.transaction_id IS NULL"
		"                                 OR pg_visible_in_snapshot(e.transaction_id, s.sealed)),"
		"       e.actor_commitment <> sha256(e.actor_salt || convert_to(e.actor::text, 'UTF8')),"
		"       e.reason_commitment IS DISTINCT FROM"
		"       sha256(e.reason_salt || convert_to(e.reason, 'UTF8')) AND e.reason IS NOT NULL"
		"  FROM learning_credentials.credential_event e"
		"  LEFT JOIN learning_credentials.history_state s ON true"
		" ORDER BY e.credential_uuid, e.seq",
		0, NULL, NULL, NULL, false);
	lc_rows_open(
		&comparison->leaves,
		"SELECT credential_uuid, seq, leaf_index, leaf_hash FROM learning_credentials.history_leaf"
		" ORDER BY credential_uuid, seq",
		0, NULL, NULL, NULL, false);
	lc_rows_open(&comparison->credentials,
				 "SELECT uuid, status::text FROM learning_credentials.credential ORDER BY uuid", 0, NULL,
				 NULL, NULL, false);
	next_row(&comparison->events, &comparison->event, true);
	next_row(&comparison->leaves, &comparison->leaf, true);
	next_row(&comparison->credentials, &comparison->credential, false);

	MemoryContextSwitchTo(scratch);
	while (comparison->event.tuple != NULL || comparison->leaf.tuple != NULL)
	{
		int order = compare_rows(&comparison->event, &comparison->leaf);
		const Row *row = order <= 0 ? &comparison->event : &comparison->leaf;
		bool sealed;
		bool isnull;

		begin_row(comparison, row);
		if (order <= 0)
			check_event(comparison);
		else
			comparison->has_event = false;
		comparison->seq = row->seq;
		if (order == 0)
			check_leaf(comparison);
		else if (order > 0)
			report(findings, "removed", leaf_index(comparison), &row->uuid, row->seq,
				   "the event is gone; it was sealed");
		else
		{
			sealed = DatumGetBool(
				lc_rows_value(&comparison->events, row->tuple, LC_EVENT_COLUMN_COUNT + 1, &isnull));
			if (!isnull && sealed)
				report(findings, "added", -1, &row->uuid, row->seq,
					   "the event is not sealed, and those of its time are");
		}
		if (order <= 0)
			next_row(&comparison->events, &comparison->event, true);
		if (order >= 0)
			next_row(&comparison->leaves, &comparison->leaf, true);
		if (++rows % ROWS_TO_FREE == 0)
			MemoryContextReset(scratch);
	}
	end_credential(comparison);
	MemoryContextSwitchTo(old);
	lc_rows_close(&comparison->events);
	lc_rows_close(&comparison->leaves);
	lc_rows_close(&comparison->credentials);
	MemoryContextDelete(scratch);
}

/* ---------------------------------------------------------------- leaves against nodes and checkpoints */

/* The stored nodes of a height, read as the tree grows. */
typedef struct Level
{
	bool open;
	LcRows rows;
	HeapTuple row; /* the next */
} Level;

typedef struct Growing
{
	Report *report;
	LcHasher *hasher;
	LcFrontier frontier;
	Level levels[HEIGHTS];
	int64 wrong_until; /* leaves before this one are in a node that was found to be wrong */
	bool broken;	   /* leaves are missing: nothing can be said of the tree from here on */
	LcRows checkpoints;
	HeapTuple checkpoint; /* the next */
	int64 agreed;		  /* the size of the last checkpoint that the tree agrees with */
	int64 disagreed;	  /* of the first with which it does not; 0: none */
	int64 disagreements;
	int64 last_size; /* of all checkpoints */
} Growing;

static Level *
open_level(Growing *growing, int height)
{
	Level *level = &growing->levels[height / LC_NODE_STEP];

	if (!level->open)
	{
		Oid types[] = { INT4OID };
		Datum values[] = { Int32GetDatum(height) };

		lc_rows_open(&level->rows,
					 "SELECT node_index, hash FROM learning_credentials.history_node"
					 " WHERE height = $1 ORDER BY node_index",
					 1, types, values, NULL, false);
		level->open = true;
		level->row = lc_rows_next(&level->rows);
	}
	return level;
}

static int64
node_index(const Level *level)
{
	bool isnull;

	return DatumGetInt64(lc_rows_value(&level->rows, level->row, 1, &isnull));
}

/* A node that is to be stored has come to be: is it? */
static void
check_node(void *argument, int height, int64 index, const LcHash *hash)
{
	Growing *growing = argument;
	Level *level = open_level(growing, height);
	int64 first = index << height;
	int64 end = first + (INT64CONST(1) << height);
	LcHash stored;
	bool isnull;

	if (level->row == NULL || node_index(level) > index)
	{
		report(growing->report, "log", -1, NULL, 0,
			   psprintf("the node of height %d over leaves " INT64_FORMAT " to " INT64_FORMAT
						" is missing",
						height, first, end - 1));
		return;
	}
	lc_hash_of(lc_rows_value(&level->rows, level->row, 2, &isnull), &stored);
	level->row = lc_rows_next(&level->rows);
	if (lc_same_hash(hash, &stored) || growing->wrong_until > first)
		return;
	growing->wrong_until = end;
	report(growing->report, "log", -1, NULL, 0,
		   psprintf("leaves " INT64_FORMAT " to " INT64_FORMAT
					" were altered or reordered, or the node over them was",
					first, end - 1));
}

/* Counts whether the tree as it is has this root. */
static void
compare_root(Growing *growing, int64 size, const LcHash *expected)
{
	LcHash root;

	if (!growing->broken)
		lc_frontier_root(&growing->frontier, growing->hasher, &root);
	if (!growing->broken && growing->frontier.size == size && lc_same_hash(&root, expected))
	{
		if (growing->disagreements == 0)
			growing->agreed = size;
		return;
	}
	if (growing->disagreements++ == 0)
		growing->disagreed = size;
}

static int64
checkpoint_size(const Growing *growing)
{
	bool isnull;

	return DatumGetInt64(lc_rows_value(&growing->checkpoints, growing->checkpoint, 1, &isnull));
}

/* Checkpoints of the size that the tree has now, or of all sizes that are left. */
static void
check_checkpoints(Growing *growing, bool all)
{
	while (growing->checkpoint != NULL && (all || checkpoint_size(growing) <= growing->frontier.size))
	{
		LcHash root;
		bool isnull;

		growing->last_size = checkpoint_size(growing);
		lc_hash_of(lc_rows_value(&growing->checkpoints, growing->checkpoint, 2, &isnull), &root);
		compare_root(growing, growing->last_size, &root);
		growing->checkpoint = lc_rows_next(&growing->checkpoints);
	}
}

/* What is left over when all leaves were read. */
static void
end_tree(Growing *growing, int64 size)
{
	int height;

	check_checkpoints(growing, true);
	if (growing->last_size > size)
		report(growing->report, "checkpoint", -1, NULL, 0,
			   psprintf("the log ends at size " INT64_FORMAT
						", and the last checkpoint is of size " INT64_FORMAT,
						size, growing->last_size));
	else if (growing->last_size < size)
		report(growing->report, "checkpoint", -1, NULL, 0,
			   psprintf("the log ends at size " INT64_FORMAT
						", and the last checkpoint is of size " INT64_FORMAT,
						size, growing->last_size));
	if (growing->disagreements > 0 && growing->disagreed <= size)
		report(growing->report, "checkpoint", -1, NULL, 0,
			   psprintf("the root of size " INT64_FORMAT
						" is another one than that of its checkpoint: leaves from " INT64_FORMAT
						" on are not what they were",
						growing->disagreed, growing->agreed));

	for (height = LC_NODE_STEP; height < LC_MAX_PATH - LC_NODE_STEP; height += LC_NODE_STEP)
	{
		Level *level = open_level(growing, height);

		if (level->row != NULL && !growing->broken)
			report(growing->report, "log", -1, NULL, 0,
				   psprintf("a node of height %d is over leaves from " INT64_FORMAT
							" on, which are not there",
							height, node_index(level) << height));
		lc_rows_close(&level->rows);
	}
	lc_rows_close(&growing->checkpoints);
}

/* Grows the tree anew. "published", if it is not NULL, is a checkpoint that it must agree with. */
static void
compare_tree(Report *findings, LcHasher *hasher, const LcCheckpoint *published)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "leaves", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;
	Growing *growing = palloc0(sizeof(Growing));
	bool published_agrees = false;
	int64 next = 0;
	LcRows leaves;
	HeapTuple row;

	growing->report = findings;
	growing->hasher = hasher;
	lc_rows_open(
		&growing->checkpoints,
		"SELECT tree_size, root_hash FROM learning_credentials.history_checkpoint ORDER BY tree_size", 0,
		NULL, NULL, NULL, false);
	growing->checkpoint = lc_rows_next(&growing->checkpoints);
	lc_rows_open(
		&leaves,
		"SELECT leaf_index, leaf_hash FROM learning_credentials.history_leaf ORDER BY leaf_index", 0,
		NULL, NULL, NULL, false);
	MemoryContextSwitchTo(scratch);
	while ((row = lc_rows_next(&leaves)) != NULL)
	{
		bool isnull;
		int64 index = DatumGetInt64(lc_rows_value(&leaves, row, 1, &isnull));
		LcHash hash;

		if (index != next)
		{
			report(findings, "log", -1, NULL, 0,
				   psprintf("leaves " INT64_FORMAT " to " INT64_FORMAT " are missing", next, index - 1));
			growing->broken = true;
		}
		next = index + 1;
		if (!growing->broken)
		{
			lc_hash_of(lc_rows_value(&leaves, row, 2, &isnull), &hash);
			lc_frontier_append(&growing->frontier, hasher, &hash, check_node, growing);
			check_checkpoints(growing, false);
			if (published != NULL && published->size == next)
			{
				LcHash root;

				lc_frontier_root(&growing->frontier, hasher, &root);
				published_agrees = lc_same_hash(&root, &published->root);
			}
		}
		if (next % ROWS_TO_FREE == 0)
			MemoryContextReset(scratch);
	}
	end_tree(growing, next);
	if (published != NULL && !published_agrees)
		report(findings, "checkpoint", -1, NULL, 0,
			   published->size > next
				   ? psprintf("the log ends at size " INT64_FORMAT
							  ", and the checkpoint that was given is of size " INT64_FORMAT,
							  next, published->size)
				   : psprintf("the root of size " INT64_FORMAT
							  " is another one than that of the checkpoint that was given",
							  published->size));
	MemoryContextSwitchTo(old);
	lc_rows_close(&leaves);
	MemoryContextDelete(scratch);
}

/* ---------------------------------------------------------------- checkpoints against signatures */

static void
read_keys(FunctionCallInfo fcinfo, Keys *keys)
{
	memset(keys, 0, sizeof(Keys));
	if (PG_ARGISNULL(1))
	{
		char *problem;

		keys->keys = palloc(sizeof(LcVerifierKey));
		keys->count = lc_own_verifier_key(keys->keys, &problem) ? 1 : 0;
		if (problem != NULL)
			ereport(WARNING,
					(errcode(ERRCODE_CONFIG_FILE_ERROR),
					 errmsg("signatures of checkpoints are not checked"), errdetail("%s.", problem)));
	}
	else
	{
		Datum *values;
		bool *nulls;
		int i;

		deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls,
						  &keys->count);
		keys->keys = palloc(sizeof(LcVerifierKey) * (keys->count + 1));
		for (i = 0; i < keys->count; i++)
		{
			if (nulls[i])
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("verifier_keys must not hold NULL")));
			lc_parse_verifier_key(TextDatumGetCString(values[i]), &keys->keys[i]);
		}
	}
}

/* What is wrong with the signatures of a note; NULL: nothing. */
static const char *
signature_problem(const char *note, const Keys *keys)
{
	if (keys->count == 0)
		return NULL;
	switch (lc_check_signatures(note, keys->keys, keys->count))
	{
		case LC_UNSIGNED:
			return "is not signed by a known key";
		case LC_BAD_SIGNED:
			return "has a signature that is not its key's";
		case LC_SIGNED:
			break;
	}
	return NULL;
}

/*
 * Those that were made before there was a key are not signed. After one that is, and at the end, that is a
 * finding.
 */
static void
check_notes(Report *findings, const Keys *keys)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "notes", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;
	bool signed_before = false;
	int64 unsigned_size = 0;
	LcRows rows;
	HeapTuple row;

	lc_rows_open(&rows,
				 "SELECT tree_size, root_hash, note FROM learning_credentials.history_checkpoint"
				 " ORDER BY tree_size",
				 0, NULL, NULL, NULL, false);
	MemoryContextSwitchTo(scratch);
	while ((row = lc_rows_next(&rows)) != NULL)
	{
		bool isnull;
		int64 size = DatumGetInt64(lc_rows_value(&rows, row, 1, &isnull));
		Datum value = lc_rows_value(&rows, row, 3, &isnull);
		LcCheckpoint checkpoint;
		const char *problem;
		LcHash root;
		char *note;

		if (unsigned_size != 0 && signed_before)
			report(findings, "signature", -1, NULL, 0,
				   psprintf("the checkpoint of size " INT64_FORMAT " is not signed", unsigned_size));
		unsigned_size = 0;
		if (isnull)
		{
			unsigned_size = size;
			continue;
		}
		signed_before = true;
		note = TextDatumGetCString(value);
		lc_hash_of(lc_rows_value(&rows, row, 2, &isnull), &root);
		if (!lc_parse_checkpoint(note, &checkpoint, &problem))
			report(findings, "checkpoint", -1, NULL, 0,
				   psprintf("the note of the checkpoint of size " INT64_FORMAT " is none: %s", size,
							problem));
		else if (checkpoint.size != size || !lc_same_hash(&checkpoint.root, &root))
			report(findings, "checkpoint", -1, NULL, 0,
				   psprintf("the note of the checkpoint of size " INT64_FORMAT " is of another tree",
							size));
		problem = signature_problem(note, keys);
		if (problem != NULL)
			report(findings, "signature", -1, NULL, 0,
				   psprintf("the checkpoint of size " INT64_FORMAT " %s", size, problem));
		MemoryContextReset(scratch);
	}
	if (unsigned_size != 0 && (signed_before || keys->count > 0))
		report(findings, "signature", -1, NULL, 0,
			   psprintf("the checkpoint of size " INT64_FORMAT " is not signed", unsigned_size));
	MemoryContextSwitchTo(old);
	lc_rows_close(&rows);
	MemoryContextDelete(scratch);
}

/* The checkpoint that was given; NULL: none. */
static LcCheckpoint *
read_published(FunctionCallInfo fcinfo, Report *findings, const Keys *keys)
{
	LcCheckpoint *checkpoint;
	const char *problem;
	char *note;
	char *end;

	if (PG_ARGISNULL(0))
		return NULL;
	note = text_to_cstring(PG_GETARG_TEXT_PP(0));
	/* psql ends what it prints with a line feed of its own. */
	for (end = note + strlen(note); end - note >= 2 && end[-1] == '\n' && end[-2] == '\n'; end--)
		end[-1] = '\0';
	checkpoint = palloc(sizeof(LcCheckpoint));
	if (!lc_parse_checkpoint(note, checkpoint, &problem))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("checkpoint is not a signed note"),
				 errdetail("Of what was given, %s.", problem)));
	problem = signature_problem(note, keys);
	if (problem != NULL)
		report(findings, "signature", -1, NULL, 0,
			   psprintf("the checkpoint that was given %s", problem));
	return checkpoint;
}

/* ---------------------------------------------------------------- the function */

/* verify_history(checkpoint text, verifier_keys text[]) */
Datum
lc_verify_history(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	LcCheckpoint *published;
	LcIdentity before;
	MemoryContext old;
	LcHasher *hasher;
	Report findings;
	Keys keys;

	if (info == NULL || !IsA(info, ReturnSetInfo) || !(info->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("verify_history() is called where no set of rows is accepted")));
	old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &findings.desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "verify_history() must return a composite type");
	findings.desc = CreateTupleDescCopy(findings.desc);
	findings.rows =
		tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	MemoryContextSwitchTo(old);

	lc_act_as_owner(&before);
	lc_spi_connect(false);
	hasher = lc_hasher_new();
	read_keys(fcinfo, &keys);
	published = read_published(fcinfo, &findings, &keys);
	compare_events(&findings, hasher);
	compare_tree(&findings, hasher, published);
	check_notes(&findings, &keys);
	lc_hasher_free(hasher);
	lc_spi_finish();
	lc_act_as_before(&before);

	info->returnMode = SFRM_Materialize;
	info->setResult = findings.rows;
	info->setDesc = findings.desc;
	return (Datum) 0;
}
