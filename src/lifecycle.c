/*
 * lifecycle.c
 *		The lifecycle triggers.
 *
 * They hold whoever writes the tables, also the extension itself, to the rules: which status follows
 * which, what never changes, what is never removed, and that every change of a status leaves an
 * event. A row may be inserted in any consistent state, for a restore and for imports; an INSERT
 * writes no event, because a trigger that fills a second dumped table breaks every restore.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "catalog/pg_enum.h"

#include "caller.h"
#include "change.h"
#include "event.h"
#include "identity.h"
#include "lifecycle.h"
#include "settings.h"
#include "spi.h"

/* Where it is told what became of credentials. */
#define CHANNEL "learning_credentials"

PG_FUNCTION_INFO_V1(lc_credential_lifecycle);
PG_FUNCTION_INFO_V1(lc_record_events);
PG_FUNCTION_INFO_V1(lc_keep_document);

static const char *const status_names[] = {
	[LC_GENERATING] = "generating",
	[LC_AVAILABLE] = "available",
	[LC_ERROR] = "error",
	[LC_INVALIDATED] = "invalidated",
};

/* The four transitions; the diagonal is no change. */
static const bool transitions[4][4] = {
	[LC_GENERATING] = { [LC_AVAILABLE] = true, [LC_ERROR] = true },
	[LC_ERROR] = { [LC_GENERATING] = true },
	[LC_AVAILABLE] = { [LC_INVALIDATED] = true },
};

/* What a credential is: never changes. */
static const char *const identity_columns[] = { "uuid",		"verify_uuid", "configuration_id",
												"user_id",	"supersedes",  "created",
												"erased_at" };

/* What it says: frozen once it was available. */
static const char *const snapshot_columns[] = { "credential_type_name",
												"learning_context_key",
												"learning_context_name",
												"user_full_name",
												"evidence",
												"issue_date",
												"design",
												"legacy_id" };

/* How it ended: frozen once it is invalidated. */
static const char *const ending_columns[] = { "superseded_by", "successor_code", "invalidated_at",
											  "invalidation_reason", "expires_at" };

/* Why dates are being corrected; NULL: they are not. */
static const char *correction_reason = NULL;

/* What leaves a credential when its user does. */
static const char *const personal_columns[] = { "user_id",	 "user_full_name",		"evidence",
												"legacy_id", "invalidation_reason", "erased_at" };

/* Why what credentials hold of their user is being erased; NULL: it is not. */
static const char *erasure_reason = NULL;

LcStatus
lc_status_of(Datum status)
{
	HeapTuple tuple = SearchSysCache1(ENUMOID, status);
	const char *label;
	int i;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "unknown credential_status %u", DatumGetObjectId(status));
	label = NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel);
	for (i = 0; i < (int) lengthof(status_names); i++)
		if (strcmp(label, status_names[i]) == 0)
			break;
	ReleaseSysCache(tuple);
	if (i == (int) lengthof(status_names))
		elog(ERROR, "unknown credential_status");
	return (LcStatus) i;
}

uint64
lc_correct_dates(LcStatement *update, Datum *values, const char *nulls, const char *reason)
{
	volatile uint64 rows = 0;

	PG_TRY();
	{
		correction_reason = reason;
		rows = lc_spi_execute(update, values, nulls, SPI_OK_UPDATE);
	}
	PG_FINALLY();
	{
		correction_reason = NULL;
	}
	PG_END_TRY();
	return rows;
}

uint64
lc_erase_from_credentials(LcStatement *statement, Datum *values, const char *nulls, int expected,
						  const char *reason)
{
	uint64 rows;

	PG_TRY();
	{
		erasure_reason = reason;
		rows = lc_spi_execute(statement, values, nulls, expected);
	}
	PG_FINALLY();
	{
		erasure_reason = NULL;
	}
	PG_END_TRY();
	return rows;
}

/* Is a column allowed to change that otherwise never does? */
static bool
is_excepted(const char *column)
{
	int i;

	if (correction_reason != NULL && strcmp(column, "issue_date") == 0)
		return true;
	for (i = 0; erasure_reason != NULL && i < (int) lengthof(personal_columns); i++)
		if (strcmp(column, personal_columns[i]) == 0)
			return true;
	return false;
}

/* Refuses a change of any of the columns. */
static void
refuse_changes(const LcChange *change, const char *const *columns, int count, const char *why)
{
	int i;

	for (i = 0; i < count; i++)
		if (!lc_same_value(change->desc, change->old_row, change->new_row, columns[i]) &&
			!is_excepted(columns[i]))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("\"%s\" of credential \"%s\" cannot change", columns[i],
							lc_column_text(change->old_row, change->desc, "uuid")),
					 errdetail("%s", why)));
}

/* ---------------------------------------------------------------- credential */

/*
 * A replacement becomes available: the credential that it supersedes is invalidated first, in the
 * same transaction. The reason is the last one given when the replacement was asked for, which the events
 * of it keep that began it or set its dates.
 */
static void
invalidate_superseded(const LcChange *change)
{
	static LcStatement update = {
		.sql =
			"UPDATE learning_credentials.credential"
			"   SET status = 'invalidated', superseded_by = $2,"
			"       invalidation_reason = coalesce((SELECT e.reason FROM learning_credentials.credential_event e"
			"                                        WHERE e.credential_uuid = $2"
			"                                          AND (e.seq = 1 OR e.kind = 'dates')"
			"                                          AND e.reason IS NOT NULL"
			"                                        ORDER BY e.seq DESC LIMIT 1), 'Replaced')"
			" WHERE uuid = $1 AND status = 'available'",
		.types = { UUIDOID, UUIDOID },
	};
	bool isnull;
	Datum values[2];
	LcIdentity before;

	values[0] = lc_column_value(change->new_row, change->desc, "supersedes", &isnull);
	if (isnull)
		return;
	values[1] = lc_column_value(change->new_row, change->desc, "uuid", &isnull);

	lc_act_as_caller(&before);
	lc_spi_connect(false);
	if (lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential \"%s\" cannot replace \"%s\", which is not available",
						lc_column_text(change->new_row, change->desc, "uuid"),
						lc_column_text(change->new_row, change->desc, "supersedes"))));
	lc_spi_finish();
	lc_act_as_before(&before);
}

/*
 * superseded_by names a credential that says it supersedes this one. Its code is kept here, too: who verifies
 * the old one is told the new one by the row that is read anyway.
 */
static void
take_successor(LcChange *change)
{
	static LcStatement select = {
		.sql = "SELECT verify_uuid FROM learning_credentials.credential"
			   " WHERE uuid = $1 AND supersedes = $2",
		.types = { UUIDOID, UUIDOID },
	};
	bool isnull;
	Datum values[2];
	LcIdentity before;
	pg_uuid_t code;

	values[0] = lc_column_value(change->new_row, change->desc, "superseded_by", &isnull);
	if (isnull)
		return;
	values[1] = lc_column_value(change->new_row, change->desc, "uuid", &isnull);

	lc_act_as_caller(&before);
	lc_spi_connect(false);
	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential \"%s\" is not superseded by \"%s\"",
						lc_column_text(change->new_row, change->desc, "uuid"),
						lc_column_text(change->new_row, change->desc, "superseded_by"))));
	code = *DatumGetUUIDP(lc_spi_value(0, 1, &isnull));
	lc_spi_finish();
	lc_act_as_before(&before);
	lc_set_column(change, "successor_code", UUIDPGetDatum(&code), false);
}

/*
 * A credential ends without a successor: a replacement that waits for its document has nothing to
 * replace any more, and would stand in the way of the next.
 */
static void
drop_replacement(const LcChange *change)
{
	static LcStatement drop = {
		.sql = "DELETE FROM learning_credentials.credential"
			   " WHERE supersedes = $1 AND status IN ('generating', 'error')",
		.types = { UUIDOID },
	};
	bool isnull;
	Datum values[1];
	LcIdentity before;

	(void) lc_column_value(change->new_row, change->desc, "superseded_by", &isnull);
	if (!isnull)
		return;
	values[0] = lc_column_value(change->new_row, change->desc, "uuid", &isnull);

	lc_act_as_owner(&before); /* whoever may invalidate need not be one who may delete */
	lc_spi_connect(false);
	lc_spi_execute(&drop, values, NULL, SPI_OK_DELETE);
	lc_spi_finish();
	lc_act_as_before(&before);
}

static void
begin_generating(LcChange *change)
{
	lc_set_column(change, "error_message", (Datum) 0, true);
	lc_set_column(change, "retry_at", (Datum) 0, true);
}

static void
become_available(LcChange *change)
{
	bool isnull;

	(void) lc_column_value(change->new_row, change->desc, "issue_date", &isnull);
	if (isnull)
		lc_set_column(change, "issue_date", TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()),
					  false);
	invalidate_superseded(change);
}

static void
become_invalidated(LcChange *change)
{
	char *reason = lc_column_text(change->new_row, change->desc, "invalidation_reason");

	if (reason == NULL || reason[strspn(reason, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalidating credential \"%s\" needs a reason",
						lc_column_text(change->old_row, change->desc, "uuid"))));
	take_successor(change);
	drop_replacement(change);
	lc_set_column(change, "invalidated_at", TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()),
				  false);
}

static HeapTuple
credential_updated(LcChange *change)
{
	if (change->from != change->to && !transitions[change->from][change->to])
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential \"%s\" is \"%s\" and cannot become \"%s\"",
						lc_column_text(change->old_row, change->desc, "uuid"),
						status_names[change->from], status_names[change->to])));
	refuse_changes(change, identity_columns, lengthof(identity_columns),
				   "What a credential is never changes.");
	if (change->from == LC_AVAILABLE || change->from == LC_INVALIDATED)
		refuse_changes(change, snapshot_columns, lengthof(snapshot_columns),
					   "What a credential says is frozen once it was available.");
	if (change->from == LC_INVALIDATED)
		refuse_changes(change, ending_columns, lengthof(ending_columns),
					   "How a credential ended is frozen.");

	if (change->from != change->to)
	{
		switch (change->to)
		{
			case LC_GENERATING:
				begin_generating(change);
				break;
			case LC_AVAILABLE:
				become_available(change);
				break;
			case LC_INVALIDATED:
				become_invalidated(change);
				break;
			case LC_ERROR:
				break;
		}
	}
	lc_set_column(change, "modified", TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()), false);
	return change->new_row;
}

/* Trigger, BEFORE UPDATE, DELETE (row) or TRUNCATE of credential. */
Datum
lc_credential_lifecycle(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	LcChange change;
	bool isnull;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "credential_lifecycle() is a trigger function");
	if (TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event))
		lc_refuse_truncate(trigdata);

	lc_refuse_stranger("change a credential");

	change.desc = RelationGetDescr(trigdata->tg_relation);
	change.old_row = trigdata->tg_trigtuple;
	change.from = lc_status_of(lc_column_value(change.old_row, change.desc, "status", &isnull));

	if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
	{
		if (change.from == LC_AVAILABLE || change.from == LC_INVALIDATED)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("credential \"%s\" is \"%s\" and cannot be deleted",
							lc_column_text(change.old_row, change.desc, "uuid"),
							status_names[change.from]),
					 errhint("Invalidate it instead: invalidated credentials stay verifiable.")));
		return PointerGetDatum(change.old_row);
	}

	change.new_row = trigdata->tg_newtuple;
	(void) lc_column_value(change.new_row, change.desc, "status", &isnull);
	if (isnull) /* the NOT NULL constraint speaks */
		return PointerGetDatum(change.new_row);
	change.to = lc_status_of(lc_column_value(change.new_row, change.desc, "status", &isnull));
	return PointerGetDatum(credential_updated(&change));
}

/*
 * Tells whoever listens what became of credentials: rows of SPI_tuptable with status, configuration_id,
 * user_id and run_id. Everybody who may connect may listen, so no codes and no names.
 */
static void
notify(uint64 count)
{
	uint64 i;

	for (i = 0; i < count; i++)
	{
		bool isnull;
		LcStatus status = lc_status_of(lc_spi_value(i, 1, &isnull));
		int64 configuration_id = DatumGetInt64(lc_spi_value(i, 2, &isnull));
		int64 user_id;
		int64 run_id;
		char user[50] = "null";
		char run[50] = "";
		char payload[250];

		CHECK_FOR_INTERRUPTS();
		user_id = DatumGetInt64(lc_spi_value(i, 3, &isnull));
		if (!isnull)
			snprintf(user, sizeof(user), INT64_FORMAT, user_id);
		run_id = DatumGetInt64(lc_spi_value(i, 4, &isnull));
		if (!isnull)
			snprintf(run, sizeof(run), ", \"run_id\": " INT64_FORMAT, run_id);
		snprintf(payload, sizeof(payload),
				 "{\"status\": \"%s\", \"configuration_id\": " INT64_FORMAT ", \"user_id\": %s%s}",
				 status_names[status], configuration_id, user, run);
		Async_Notify(CHANNEL, payload);
	}
}

/* Trigger, AFTER UPDATE or DELETE of credential, once a statement. */
Datum
lc_record_events(PG_FUNCTION_ARGS)
{
	/* Planned for each statement, which may change one row or a million. */
	static LcStatement updated = {
		.sql =
			"WITH changed AS ("
			"    SELECT n.uuid, n.configuration_id, n.user_id, n.run_id, o.status AS old_status, n.status,"
			"           o.status <> n.status AS moves, n.erased_at IS DISTINCT FROM o.erased_at AS erased,"
			"           n.error_message, n.invalidation_reason,"
			"           o.issue_date AS old_issue_date, o.expires_at AS old_expires_at,"
			"           n.issue_date, n.expires_at"
			"      FROM new_rows n JOIN old_rows o ON o.uuid = n.uuid"
			"     WHERE o.status <> n.status OR o.issue_date IS DISTINCT FROM n.issue_date"
			"        OR o.expires_at IS DISTINCT FROM n.expires_at"
			"        OR o.erased_at IS DISTINCT FROM n.erased_at),"
			" event AS ("
			"    INSERT INTO learning_credentials.credential_event"
			"           (credential_uuid, seq, kind, configuration_id, run_id, old_status, new_status,"
			"            old_issue_date, old_expires_at, issue_date, expires_at, actor, reason)"
			"    SELECT c.uuid,"
			"           1 + coalesce((SELECT max(e.seq) FROM learning_credentials.credential_event e"
			"                          WHERE e.credential_uuid = c.uuid), 0),"
			"           d.kind, c.configuration_id, c.run_id, c.old_status, c.status,"
			"           CASE WHEN d.kind = 'dates' THEN c.old_issue_date END,"
			"           CASE WHEN d.kind = 'dates' THEN c.old_expires_at END,"
			"           CASE WHEN d.kind = 'dates' OR d.kind = 'status' AND c.status = 'available' THEN c.issue_date END,"
			"           CASE WHEN d.kind = 'dates' OR d.kind = 'status' AND c.status = 'available' THEN c.expires_at END, $1,"
			"           CASE WHEN NOT c.moves THEN $3 WHEN c.status = 'error' THEN c.error_message"
			"                WHEN c.status = 'invalidated' THEN c.invalidation_reason END"
			"      FROM changed c,"
			"           LATERAL (SELECT CASE WHEN c.moves THEN 'status' WHEN c.erased THEN 'erasure'"
			"                                ELSE 'dates' END) AS d (kind))"
			" SELECT status, configuration_id, user_id, run_id FROM changed"
			"  WHERE $2 AND moves AND status <> 'generating'",
		.types = { JSONBOID, BOOLOID, TEXTOID },
		.custom = true,
	};
	static LcStatement deleted = {
		.sql = "INSERT INTO learning_credentials.credential_event"
			   "       (credential_uuid, seq, configuration_id, run_id, old_status, actor)"
			   " SELECT o.uuid,"
			   "        1 + coalesce((SELECT max(e.seq) FROM learning_credentials.credential_event e"
			   "                       WHERE e.credential_uuid = o.uuid), 0),"
			   "        o.configuration_id, o.run_id, o.status, $1"
			   "   FROM old_rows o",
		.types = { JSONBOID },
		.custom = true,
	};
	static LcStatement without_document = {
		.sql =
			"SELECT n.uuid FROM new_rows n JOIN old_rows o ON o.uuid = n.uuid"
			" WHERE n.status = 'available' AND o.status <> 'available' AND n.download_url IS NULL"
			"   AND NOT EXISTS (SELECT FROM learning_credentials.document d WHERE d.credential_uuid = n.uuid)"
			" LIMIT 1",
		.types = { InvalidOid },
		.custom = true,
	};
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	/* What was never issued is nobody's when it is deleted: why it failed could never be erased later. */
	static LcStatement forget_reasons = {
		.sql = "UPDATE learning_credentials.credential_event e SET reason = NULL, reason_salt = NULL"
			   "  FROM old_rows o WHERE e.credential_uuid = o.uuid AND e.reason IS NOT NULL",
		.types = { InvalidOid },
		.custom = true,
	};
	const char *reason = erasure_reason != NULL ? erasure_reason : correction_reason;
	Datum values[3];
	const char *nulls = reason != NULL ? NULL : "  n";
	LcIdentity before;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "record_events() is a trigger function");

	values[0] = JsonbPGetDatum(lc_actor());
	values[1] = BoolGetDatum(lc_notify);
	values[2] = reason != NULL ? CStringGetTextDatum(reason) : (Datum) 0;
	lc_act_as_owner(&before); /* nobody else may write the history */
	lc_spi_connect(false);
	if (SPI_register_trigger_data(trigdata) != SPI_OK_TD_REGISTER)
		elog(ERROR, "SPI_register_trigger_data failed");
	if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
	{
		lc_spi_execute(&deleted, values, NULL, SPI_OK_INSERT);
		(void) lc_erase_from_events(&forget_reasons, NULL, NULL);
	}
	else
	{
		if (lc_spi_execute(&without_document, NULL, NULL, SPI_OK_SELECT) > 0)
			ereport(
				ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg(
					 "credential \"%s\" cannot become \"available\" without a document or a download_url",
					 lc_spi_text(0, 1))));
		notify(lc_spi_execute(&updated, values, nulls, SPI_OK_SELECT));
	}
	lc_spi_finish();
	lc_act_as_before(&before);
	return PointerGetDatum(NULL);
}

/* ---------------------------------------------------------------- document */

/* Trigger, BEFORE UPDATE, DELETE (row) or TRUNCATE of document. */
Datum
lc_keep_document(PG_FUNCTION_ARGS)
{
	static LcStatement issued = {
		.sql = "SELECT FROM learning_credentials.credential"
			   " WHERE uuid = $1 AND status IN ('available', 'invalidated')",
		.types = { UUIDOID },
	};
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc desc;
	Datum values[1];
	LcIdentity before;
	bool isnull;
	bool updating;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "keep_document() is a trigger function");
	if (TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event))
		lc_refuse_truncate(trigdata);

	desc = RelationGetDescr(trigdata->tg_relation);
	updating = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event);
	values[0] = lc_column_value(trigdata->tg_trigtuple, desc, "credential_uuid", &isnull);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	if (updating || (erasure_reason == NULL && lc_spi_execute(&issued, values, NULL, SPI_OK_SELECT) > 0))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the document of credential \"%s\" cannot be %s",
						lc_column_text(trigdata->tg_trigtuple, desc, "credential_uuid"),
						updating ? "changed" : "deleted")));
	lc_spi_finish();
	lc_act_as_before(&before);
	return PointerGetDatum(trigdata->tg_trigtuple);
}
