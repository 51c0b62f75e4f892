/*
 * history.h
 *		The log of the history as it lies in its tables: events as canonical bytes, and the tree.
 *
 * All of this is called with the owner's identity inside a SPI connection.
 */
#ifndef LC_HISTORY_H
#define LC_HISTORY_H

#include "lib/stringinfo.h"
#include "utils/portal.h"
#include "utils/uuid.h"

#include "history_tree.h"
#include "spi.h"

/* What a statement selects of an event "e" so that lc_event_text() finds it: the first columns of its rows. */
#define LC_EVENT_COLUMNS                                                                         \
	"e.credential_uuid, e.seq, e.kind, e.occurred_at, e.configuration_id, e.run_id,"             \
	" e.old_status::text, e.new_status::text, e.old_issue_date, e.old_expires_at, e.issue_date," \
	" e.expires_at, e.actor_commitment, e.reason_commitment"
#define LC_EVENT_COLUMN_COUNT 14
#define LC_EVENT_OLD_STATUS 7
#define LC_EVENT_NEW_STATUS 8

/* An event that has no leaf. */
#define LC_NO_LEAF                                                \
	"NOT EXISTS (SELECT FROM learning_credentials.history_leaf l" \
	"             WHERE l.credential_uuid = e.credential_uuid AND l.seq = e.seq)"
/* The same, looked up for each event: where they are few, whatever the planner expects. */
#define LC_NO_LEAF_EACH                                             \
	"(SELECT l.leaf_index FROM learning_credentials.history_leaf l" \
	"  WHERE l.credential_uuid = e.credential_uuid AND l.seq = e.seq) IS NULL"

/* Rows of a statement, read some at a time. */
typedef struct LcRows
{
	Portal portal;
	SPITupleTable *table;
	uint64 count;
	uint64 at;
} LcRows;

/*
 * Begins to read. "fresh": sees what is committed now; otherwise what the calling statement sees, also
 * where nothing may be written.
 */
extern void lc_rows_open(LcRows *rows, const char *sql, int nargs, Oid *types, Datum *values,
						 const char *nulls, bool fresh);

/* The next row, valid until the next call; NULL when there is none. */
extern HeapTuple lc_rows_next(LcRows *rows);
extern Datum lc_rows_value(const LcRows *rows, HeapTuple row, int column, bool *isnull);
extern void lc_rows_close(LcRows *rows);

/* Puts the canonical bytes of a row that begins with LC_EVENT_COLUMNS into "text", which it clears. */
extern void lc_event_text(const LcRows *rows, HeapTuple row, StringInfo text);

/* A bytea of 32 bytes as a hash, and back. */
extern void lc_hash_of(Datum value, LcHash *hash);
extern Datum lc_hash_datum(const LcHash *hash);

/* How many leaves the log has; and the tree as the active snapshot sees it. */
extern int64 lc_log_size(void);
extern void lc_log_tree(LcTree *tree, LcHasher *hasher);

/* The last checkpoint, or with a size the one of that size; false: there is none. "note" NULL: unsigned. */
extern bool lc_log_checkpoint(int64 *size, LcHash *root, char **note);

#endif /* LC_HISTORY_H */
