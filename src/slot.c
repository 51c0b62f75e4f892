/*
 * slot.c
 *		What a backend that works on runs has in hand, noted where a crash does not reach it.
 *
 * A document that kills its backend restarts the whole server. So before a backend takes something up
 * it commits a note of it to its row of table executor. While it works it holds a lock by that row's
 * number: a row without the lock was left behind. If the server crashed since (crash_epoch changed)
 * the credentials of the note are suspects. Those are tried one at a time while nobody makes any other
 * document or retrieves, in this database or another, so that the next crash says which of them it was.
 *
 * The locks are of the kind that relations have, held by the session: unlike advisory locks, neither
 * can a user's function release them nor do they survive an error that ends a CALL.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "issue.h"
#include "run.h"
#include "slot.h"
#include "spi.h"

/* Crashes after which a credential is in error, and after which it is not tried again by itself. */
#define CRASHES_TO_ERROR 2
#define CRASHES_FOR_GOOD 3

/* So many credentials of a configuration in that state suspend it; so many retrievals of a run do. */
#define CREDENTIALS_TO_SUSPEND 2
#define RETRIEVALS_TO_SUSPEND 3

/* Keeps a lock of ours apart from those that others make up the same way. */
#define COMPANY_LOCK 0x6c63

/* This backend's row; 0: none. */
static int32 slot_id = 0;
static LOCKTAG slot_tag;

/* How this backend holds the lock of lc_slot_together() and lc_slot_alone(); NoLock: not at all. */
static LOCKMODE company = NoLock;

/* ---------------------------------------------------------------- locks */

/* A lock by a number; "relation" is a table of ours, which keeps it apart from others' locks. */
static void
make_tag(LOCKTAG *tag, const char *relation, uint32 number)
{
	Oid schema = get_namespace_oid("learning_credentials", false);

	SET_LOCKTAG_OBJECT(*tag, MyDatabaseId, get_relname_relid(relation, schema), number, 0);
}

static bool
try_lock(const LOCKTAG *tag, bool session)
{
	return LockAcquire(tag, ExclusiveLock, session, true) != LOCKACQUIRE_NOT_AVAIL;
}

bool
lc_lock_retrieval(int64 run_id, bool wait)
{
	LOCKTAG tag;

	make_tag(&tag, "run", (uint32) run_id);
	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * The lock that everyone holds who makes documents or retrieves. It is one for all databases, because
 * a crash is. No extension has the number 0, so nothing of the server's locks this.
 */
static void
make_company_tag(LOCKTAG *tag)
{
	SET_LOCKTAG_OBJECT(*tag, InvalidOid, ExtensionRelationId, InvalidOid, COMPANY_LOCK);
}

/* Takes part in that lock. */
static void
keep_company(LOCKMODE mode)
{
	LOCKTAG tag;

	if (company == mode)
		return;
	lc_slot_apart();
	make_company_tag(&tag);
	(void) LockAcquire(&tag, mode, true, false);
	company = mode;
}

void
lc_slot_together(void)
{
	keep_company(ShareLock);
}

void
lc_slot_alone(void)
{
	keep_company(ExclusiveLock);
}

void
lc_slot_apart(void)
{
	LOCKTAG tag;

	if (company == NoLock)
		return;
	make_company_tag(&tag);
	(void) LockRelease(&tag, company, true);
	company = NoLock;
}

/* ---------------------------------------------------------------- this backend's row */

/* Names the time since the last crash, in crash_epoch. */
static void
make_epoch(void)
{
	static LcStatement insert = {
		.sql =
			"INSERT INTO learning_credentials.crash_epoch (epoch)"
			" SELECT gen_random_uuid() WHERE NOT EXISTS (SELECT FROM learning_credentials.crash_epoch)"
			" ON CONFLICT DO NOTHING",
	};

	lc_spi_execute(&insert, NULL, NULL, SPI_OK_INSERT);
}

void
lc_slot_open(void)
{
	static LcStatement insert = {
		.sql = "INSERT INTO learning_credentials.executor (epoch, pid)"
			   " SELECT epoch, $1 FROM learning_credentials.crash_epoch RETURNING id",
		.types = { INT4OID },
	};
	Datum values[] = { Int32GetDatum(MyProcPid) };
	bool isnull;

	slot_id = 0; /* an error took the locks of an earlier one, and its row is behind */
	company = NoLock;
	lc_recover();
	if (lc_spi_execute(&insert, values, NULL, SPI_OK_INSERT_RETURNING) != 1)
		elog(ERROR, "crash_epoch is empty");
	slot_id = DatumGetInt32(lc_spi_value(0, 1, &isnull));
	make_tag(&slot_tag, "executor", (uint32) slot_id);
	if (!try_lock(&slot_tag, true))
		elog(ERROR, "executor %d is in use", slot_id);
}

bool
lc_slot_lives(int32 id)
{
	LOCKTAG tag;

	make_tag(&tag, "executor", (uint32) id);
	return id == slot_id || !try_lock(&tag, false);
}

bool
lc_slot_shares(int64 run_id)
{
	static LcStatement select = {
		.sql = "SELECT id FROM learning_credentials.executor WHERE run_id = $1 AND id <> $2",
		.types = { INT8OID, INT4OID },
	};
	Datum values[] = { Int64GetDatum(run_id), Int32GetDatum(slot_id) };
	uint64 count = lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	bool isnull;
	uint64 i;

	for (i = 0; i < count; i++)
		if (lc_slot_lives(DatumGetInt32(lc_spi_value(i, 1, &isnull))))
			return true;
	return false;
}

void
lc_slot_close(void)
{
	static LcStatement remove = {
		.sql = "DELETE FROM learning_credentials.executor WHERE id = $1",
		.types = { INT4OID },
	};
	Datum values[] = { Int32GetDatum(slot_id) };

	lc_spi_execute(&remove, values, NULL, SPI_OK_DELETE);
	lc_slot_apart();
	(void) LockRelease(&slot_tag, ExclusiveLock, true);
	slot_id = 0;
}

/* uuid[] */
static Datum
uuid_array(const pg_uuid_t *uuids, int count)
{
	Datum *values = palloc(sizeof(Datum) * Max(count, 1));
	int i;

	for (i = 0; i < count; i++)
		values[i] = UUIDPGetDatum(&uuids[i]);
	return PointerGetDatum(construct_array(values, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

void
lc_slot_note(int64 run_id, const pg_uuid_t *uuids, int count, int issued, int failed)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.executor"
			   "   SET run_id = $2, uuids = $3, issued = issued + $4, failed = failed + $5"
			   " WHERE id = $1",
		.types = { INT4OID, INT8OID, UUIDARRAYOID, INT8OID, INT8OID },
	};
	Datum values[5];
	char nulls[] = { ' ', ' ', ' ', ' ', ' ' };

	values[0] = Int32GetDatum(slot_id);
	values[1] = Int64GetDatum(run_id);
	values[2] = uuids != NULL ? uuid_array(uuids, count) : (Datum) 0;
	values[3] = Int64GetDatum(issued);
	values[4] = Int64GetDatum(failed);
	if (run_id == 0)
		nulls[1] = 'n';
	if (uuids == NULL)
		nulls[2] = 'n';
	if (lc_spi_execute(&update, values, nulls, SPI_OK_UPDATE) != 1)
		elog(ERROR, "executor %d has no row", slot_id);
}

Datum
lc_slot_taken(void)
{
	static LcStatement select = {
		.sql =
			"SELECT coalesce(array_agg(uuid), '{}')"
			"  FROM (SELECT unnest(uuids) FROM learning_credentials.executor WHERE id <> $1"
			"        UNION ALL SELECT credential_uuid FROM learning_credentials.suspect) AS taken (uuid)",
		.types = { INT4OID },
	};
	Datum values[] = { Int32GetDatum(slot_id) };
	bool isnull;

	lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	return PointerGetDatum(DatumGetArrayTypePCopy(lc_spi_value(0, 1, &isnull)));
}

/* ---------------------------------------------------------------- suspects */

bool
lc_suspect_find(int64 configuration_id, LcSuspect *suspect)
{
	/* Asked for with every batch, and nearly always the answer is no. */
	static LcStatement any = {
		.sql = "SELECT FROM learning_credentials.suspect LIMIT 1",
	};
	static LcStatement select = {
		.sql = "SELECT s.credential_uuid, c.run_id, c.configuration_id"
			   "  FROM learning_credentials.suspect s"
			   "  JOIN learning_credentials.credential c ON c.uuid = s.credential_uuid"
			   "  JOIN learning_credentials.run r ON r.id = c.run_id AND r.status = 'running'"
			   " WHERE c.status = 'generating' AND $1 IN (0, c.configuration_id)"
			   "   AND NOT EXISTS (SELECT FROM learning_credentials.executor e"
			   "                    WHERE e.id <> $2 AND c.uuid = ANY (e.uuids))"
			   "   AND NOT EXISTS (SELECT FROM learning_credentials.credential_configuration d"
			   "                    WHERE d.id = c.configuration_id AND d.suspension_reason IS NOT NULL)"
			   " ORDER BY c.configuration_id, s.credential_uuid LIMIT 1",
		.types = { INT8OID, INT4OID },
		.custom = true,
	};
	Datum values[] = { Int64GetDatum(configuration_id), Int32GetDatum(slot_id) };
	bool isnull;

	if (lc_spi_execute(&any, NULL, NULL, SPI_OK_SELECT) == 0 ||
		lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		return false;
	suspect->uuid = *DatumGetUUIDP(lc_spi_value(0, 1, &isnull));
	suspect->run_id = DatumGetInt64(lc_spi_value(0, 2, &isnull));
	suspect->configuration_id = DatumGetInt64(lc_spi_value(0, 3, &isnull));
	return true;
}

void
lc_suspect_clear(const pg_uuid_t *uuid)
{
	static LcStatement remove = {
		.sql = "DELETE FROM learning_credentials.suspect WHERE credential_uuid = $1",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(uuid) };

	lc_spi_execute(&remove, values, NULL, SPI_OK_DELETE);
}

/* ---------------------------------------------------------------- recovery */

/* The credentials that crashed backends had in hand become suspects, or are so once more. */
static void
suspect_all(Datum uuids)
{
	static LcStatement insert = {
		.sql = "INSERT INTO learning_credentials.suspect AS s (credential_uuid)"
			   " SELECT c.uuid FROM learning_credentials.credential c"
			   "  WHERE c.uuid = ANY ($1) AND c.status = 'generating' ORDER BY c.uuid"
			   " ON CONFLICT (credential_uuid) DO UPDATE SET crashes = s.crashes + 1",
		.types = { UUIDARRAYOID },
		.custom = true,
	};
	static LcStatement condemned = {
		.sql = "SELECT c.uuid, c.run_id, s.crashes FROM learning_credentials.suspect s"
			   "  JOIN learning_credentials.credential c ON c.uuid = s.credential_uuid"
			   " WHERE c.uuid = ANY ($1) AND c.status = 'generating' AND s.crashes >= $2 LIMIT 1",
		.types = { UUIDARRAYOID, INT4OID },
		.custom = true,
	};
	static LcStatement count = {
		.sql = "UPDATE learning_credentials.run SET failed = failed + 1 WHERE id = $1",
		.types = { INT8OID },
	};
	Datum values[] = { uuids, Int32GetDatum(CRASHES_TO_ERROR) };

	lc_spi_execute(&insert, values, NULL, SPI_OK_INSERT);
	while (lc_spi_execute(&condemned, values, NULL, SPI_OK_SELECT) > 0)
	{
		bool isnull;
		pg_uuid_t uuid = *DatumGetUUIDP(lc_spi_value(0, 1, &isnull));
		Datum run[] = { lc_spi_value(0, 2, &isnull) };
		int crashes = DatumGetInt32(lc_spi_value(0, 3, &isnull));

		lc_spi_execute(&count, run, NULL, SPI_OK_UPDATE);
		lc_fail(&uuid,
				psprintf("the server crashed %d times while the document was being made", crashes),
				crashes < CRASHES_FOR_GOOD);
	}
}

/* Suspends the configurations of which more than one credential is known to crash the server. */
static void
suspend_crashing(void)
{
	static LcStatement select = {
		.sql =
			"SELECT c.configuration_id, count(*)"
			"  FROM learning_credentials.suspect s"
			"  JOIN learning_credentials.credential c ON c.uuid = s.credential_uuid"
			"  JOIN learning_credentials.credential_configuration d ON d.id = c.configuration_id"
			" WHERE s.crashes >= $1 AND c.status IN ('generating', 'error') AND d.suspension_reason IS NULL"
			" GROUP BY c.configuration_id HAVING count(*) >= $2 LIMIT 1",
		.types = { INT4OID, INT4OID },
		.custom = true,
	};
	Datum values[] = { Int32GetDatum(CRASHES_TO_ERROR), Int32GetDatum(CREDENTIALS_TO_SUSPEND) };

	while (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0)
	{
		bool isnull;
		int64 configuration_id = DatumGetInt64(lc_spi_value(0, 1, &isnull));
		int64 credentials = DatumGetInt64(lc_spi_value(0, 2, &isnull));

		lc_suspend(configuration_id,
				   psprintf("the server crashed while documents of " INT64_FORMAT
							" credentials were being made, each of them twice",
							credentials));
	}
}

/* A backend crashed while it was retrieving for a run. */
static void
blame_retrieval(int64 run_id)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.run SET crashes = crashes + 1"
			   " WHERE id = $1 AND status = 'running' AND retrieved IS NULL"
			   " RETURNING crashes, configuration_id",
		.types = { INT8OID },
	};
	Datum values[] = { Int64GetDatum(run_id) };
	bool isnull;
	int crashes;

	if (lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE_RETURNING) == 0)
		return;
	crashes = DatumGetInt32(lc_spi_value(0, 1, &isnull));
	if (crashes >= RETRIEVALS_TO_SUSPEND)
		lc_suspend(DatumGetInt64(lc_spi_value(0, 2, &isnull)),
				   psprintf("the server crashed %d times while retrieval was under way", crashes));
}

/*
 * Takes away the row of a backend that is no more. Returns uuid[] of what it had in hand when the
 * server crashed, or 0.
 */
static Datum
clear_slot(int32 id)
{
	static LcStatement select = {
		.sql = "SELECT e.run_id, e.uuids, EXISTS (SELECT FROM learning_credentials.crash_epoch c"
			   "                                   WHERE c.epoch = e.epoch)"
			   "  FROM learning_credentials.executor e WHERE e.id = $1",
		.types = { INT4OID },
	};
	static LcStatement remove = {
		.sql = "DELETE FROM learning_credentials.executor WHERE id = $1",
		.types = { INT4OID },
	};
	Datum values[] = { Int32GetDatum(id) };
	Datum uuids = 0;
	int64 run_id;
	bool no_run;
	bool no_uuids;
	bool intact;
	bool isnull;

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		return 0;
	run_id = DatumGetInt64(lc_spi_value(0, 1, &no_run));
	uuids = lc_spi_value(0, 2, &no_uuids);
	if (!no_uuids)
		uuids = PointerGetDatum(DatumGetArrayTypePCopy(uuids));
	intact = DatumGetBool(lc_spi_value(0, 3, &isnull));
	if (!no_run)
		(void) lc_run_end(run_id);
	lc_spi_execute(&remove, values, NULL, SPI_OK_DELETE);
	if (intact || no_run)
		return 0;
	if (no_uuids)
		blame_retrieval(run_id);
	return no_uuids ? 0 : uuids;
}

void
lc_recover(void)
{
	static LcStatement select = {
		.sql = "SELECT id FROM learning_credentials.executor WHERE id <> $1 ORDER BY id",
		.types = { INT4OID },
	};
	static LcStatement forget = {
		.sql = "DELETE FROM learning_credentials.suspect s USING learning_credentials.credential c"
			   " WHERE c.uuid = s.credential_uuid AND c.status IN ('available', 'invalidated')",
		.custom = true,
	};
	static LcStatement concat = {
		.sql = "SELECT $1 || $2",
		.types = { UUIDARRAYOID, UUIDARRAYOID },
	};
	Datum values[] = { Int32GetDatum(slot_id) };
	Datum suspects = 0;
	LOCKTAG tag;
	int32 *ids;
	uint64 count;
	uint64 i;

	make_epoch();
	count = lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	ids = palloc(sizeof(int32) * (count + 1));
	for (i = 0; i < count; i++)
	{
		bool isnull;

		ids[i] = DatumGetInt32(lc_spi_value(i, 1, &isnull));
	}
	if (count > 0)
	{
		make_tag(&tag, "executor", 0);
		(void) LockAcquire(&tag, ExclusiveLock, false, false); /* one at a time */
	}
	for (i = 0; i < count; i++)
	{
		Datum uuids;

		if (lc_slot_lives(ids[i]))
			continue;
		uuids = clear_slot(ids[i]);
		if (suspects != 0 && uuids != 0)
		{
			Datum both[] = { suspects, uuids };
			bool isnull;

			lc_spi_execute(&concat, both, NULL, SPI_OK_SELECT);
			suspects = PointerGetDatum(DatumGetArrayTypePCopy(lc_spi_value(0, 1, &isnull)));
		}
		else if (uuids != 0)
			suspects = uuids;
	}
	lc_spi_execute(&forget, NULL, NULL, SPI_OK_DELETE);
	if (suspects != 0)
	{
		suspect_all(suspects);
		suspend_crashing();
	}
}
