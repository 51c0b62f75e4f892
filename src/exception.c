/*
 * exception.c
 *		Grants and holds: what somebody has decided about one user.
 *
 * Whoever decides locks the user's credentials first. So a hold waits for the batch that is just making
 * the document: when it is there, the document is, too, or never will be before the hold ends. And a
 * grant is dated after the withdrawal that it waited for, and so gives back what was withdrawn.
 *
 * What a run makes of exceptions is decided in standing.c.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "caller.h"
#include "definition.h"
#include "exception.h"
#include "identity.h"
#include "lifecycle.h"
#include "retire.h"
#include "spi.h"
#include "wakeup.h"

PG_FUNCTION_INFO_V1(lc_grant_exception);
PG_FUNCTION_INFO_V1(lc_hold_credential);
PG_FUNCTION_INFO_V1(lc_lift_exception);

static Datum decide(FunctionCallInfo fcinfo, const char *kind);

/* grant_exception(configuration_id bigint, user_id bigint, reason text, ends_at timestamptz) RETURNS void */
Datum
lc_grant_exception(PG_FUNCTION_ARGS)
{
	return decide(fcinfo, "grant");
}

/* hold_credential(configuration_id bigint, user_id bigint, reason text, ends_at timestamptz) RETURNS void */
Datum
lc_hold_credential(PG_FUNCTION_ARGS)
{
	return decide(fcinfo, "hold");
}

/* ---------------------------------------------------------------- deciding */

/* Refuses NULL in the first so many arguments. */
static void
require_arguments(FunctionCallInfo fcinfo, int count)
{
	static const char *const names[] = { "configuration_id", "user_id", "reason" };
	int i;

	for (i = 0; i < count; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", names[i])));
}

/* Locks what is live of a user, in the order of all: before its replacement. Returns whether it is issued. */
static bool
lock_live(Datum configuration_id, Datum user_id)
{
	static LcStatement select = {
		.sql = "SELECT status FROM learning_credentials.credential"
			   " WHERE configuration_id = $1 AND user_id = $2 AND status <> 'invalidated'"
			   " ORDER BY supersedes IS NOT NULL AND status IN ('generating', 'error')"
			   " FOR NO KEY UPDATE",
		.types = { INT8OID, INT8OID },
	};
	Datum values[] = { configuration_id, user_id };
	uint64 count = lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	uint64 i;
	bool isnull;

	for (i = 0; i < count; i++)
		if (lc_status_of(lc_spi_value(i, 1, &isnull)) == LC_AVAILABLE)
			return true;
	return false;
}

/* An exception of the other kind counts: it is not replaced by the way. */
static void
refuse_other_kind(Datum configuration_id, Datum user_id)
{
	static LcStatement select = {
		.sql = "SELECT kind, reason FROM learning_credentials.exception"
			   " WHERE configuration_id = $1 AND user_id = $2",
		.types = { INT8OID, INT8OID },
		.latest = true,
	};
	Datum values[] = { configuration_id, user_id };

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is a %s for user " INT64_FORMAT " in configuration " INT64_FORMAT,
						lc_spi_text(0, 1), DatumGetInt64(user_id), DatumGetInt64(configuration_id)),
				 errdetail_internal("%s", lc_spi_text(0, 2)), errhint("lift_exception() ends it.")));
}

static Datum
decide(FunctionCallInfo fcinfo, const char *kind)
{
	static LcStatement upsert = {
		.sql = "INSERT INTO learning_credentials.exception AS x"
			   "       (configuration_id, user_id, kind, reason, author, ends_at)"
			   " VALUES ($1, $2, $3, $4, $5, $6)"
			   " ON CONFLICT (configuration_id, user_id) DO UPDATE"
			   "    SET kind = excluded.kind, reason = excluded.reason, author = excluded.author,"
			   "        ends_at = excluded.ends_at, created = excluded.created,"
			   "        lifted_at = NULL, lifted_by = NULL"
			   "  WHERE x.kind = excluded.kind OR NOT (" LC_EXCEPTION_COUNTS ")",
		.types = { INT8OID, INT8OID, TEXTOID, TEXTOID, JSONBOID, TIMESTAMPTZOID },
	};
	Datum values[6];
	bool has_end = !PG_ARGISNULL(3);
	bool holds = strcmp(kind, "hold") == 0;
	char *reason;
	LcIdentity before;

	require_arguments(fcinfo, 3);
	lc_refuse_stranger("decide on an exception");
	reason = text_to_cstring(PG_GETARG_TEXT_PP(2));
	if (reason[strspn(reason, " \t\r\n")] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a %s needs a reason", kind)));
	if (has_end && PG_GETARG_TIMESTAMPTZ(3) <= GetCurrentTransactionStartTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a %s cannot end before it has begun", kind),
				 errdetail("ends_at is %s.", timestamptz_to_str(PG_GETARG_TIMESTAMPTZ(3)))));

	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_GETARG_DATUM(1);
	values[2] = CStringGetTextDatum(kind);
	values[3] = CStringGetTextDatum(reason);
	values[4] = JsonbPGetDatum(lc_actor());
	values[5] = has_end ? PG_GETARG_DATUM(3) : (Datum) 0;
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	(void) lc_configuration_load(PG_GETARG_INT64(0));
	if (lock_live(values[0], values[1]) && holds)
		ereport(NOTICE,
				(errmsg("user " INT64_FORMAT " has a credential of configuration " INT64_FORMAT
						" already",
						PG_GETARG_INT64(1), PG_GETARG_INT64(0)),
				 errdetail("A hold does not take it away; invalidate_credential() does.")));
	lc_refuse_retired(
		PG_GETARG_INT64(1)); /* who locks credentials waits for who retires, and the reverse */
	if (lc_spi_execute(&upsert, values, has_end ? NULL : "     n", SPI_OK_INSERT) == 0)
		refuse_other_kind(values[0], values[1]);
	lc_spi_finish();
	lc_act_as_before(&before);
	if (holds && has_end)
		lc_expect_worker_at_commit(PG_GETARG_TIMESTAMPTZ(3)); /* what it keeps waiting is due then */
	PG_RETURN_VOID();
}

/* lift_exception(configuration_id bigint, user_id bigint) RETURNS void */
Datum
lc_lift_exception(PG_FUNCTION_ARGS)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.exception x"
			   "   SET lifted_at = clock_timestamp(), lifted_by = $3"
			   " WHERE configuration_id = $1 AND user_id = $2 AND " LC_EXCEPTION_COUNTS,
		.types = { INT8OID, INT8OID, JSONBOID },
	};
	Datum values[3];
	LcIdentity before;

	require_arguments(fcinfo, 2);
	lc_refuse_stranger("lift an exception");
	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_GETARG_DATUM(1);
	values[2] = JsonbPGetDatum(lc_actor());
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	if (lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no exception for user " INT64_FORMAT " in configuration " INT64_FORMAT,
						PG_GETARG_INT64(1), PG_GETARG_INT64(0))));
	lc_spi_finish();
	lc_act_as_before(&before);
	lc_wake_worker_at_commit(); /* what a hold kept from being retried may be due */
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------- holds */

void
lc_refuse_held(int64 configuration_id, int64 user_id)
{
	static LcStatement select = {
		.sql = "SELECT reason FROM learning_credentials.exception x"
			   " WHERE configuration_id = $1 AND user_id = $2 AND kind = 'hold'"
			   "   AND " LC_EXCEPTION_COUNTS,
		.types = { INT8OID, INT8OID },
		.latest = true,
	};
	Datum values[] = { Int64GetDatum(configuration_id), Int64GetDatum(user_id) };

	lc_refuse_retired(user_id);
	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("user " INT64_FORMAT " is held in configuration " INT64_FORMAT, user_id,
						configuration_id),
				 errdetail_internal("%s", lc_spi_text(0, 1)),
				 errhint("lift_exception() ends the hold.")));
}

int
lc_end_held(int64 configuration_id, const Datum *uuids, const int64 *user_ids, int count, bool *held,
			char **error)
{
	static LcStatement select = {
		.sql = "SELECT DISTINCT ON (u.number) u.number, x.reason"
			   "  FROM unnest($2) WITH ORDINALITY AS u (user_id, number)"
			   "  JOIN " LC_HELD_USERS " AS x ON x.user_id = u.user_id"
			   " ORDER BY u.number, x.reason",
		.types = { INT8OID, INT8ARRAYOID },
		.latest = true,
	};
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential c"
			   "   SET status = 'error', error_message = h.message, retry_at = now()"
			   "  FROM unnest($1, $2) AS h (uuid, message) WHERE c.uuid = h.uuid",
		.types = { UUIDARRAYOID, TEXTARRAYOID },
		.custom = true,
	};
	Datum *members = palloc(sizeof(Datum) * count);
	Datum *messages = palloc(sizeof(Datum) * count);
	Datum values[2];
	int rows;
	int i;

	for (i = 0; i < count; i++)
		members[i] = Int64GetDatum(user_ids[i]);
	values[0] = Int64GetDatum(configuration_id);
	values[1] = PointerGetDatum(
		construct_array(members, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	rows = (int) lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	for (i = 0; i < rows; i++)
	{
		bool isnull;
		int number = (int) DatumGetInt64(lc_spi_value(i, 1, &isnull)) - 1;

		held[number] = true;
		*error = psprintf("user " INT64_FORMAT " is held: %s", user_ids[number], lc_spi_text(i, 2));
		members[i] = uuids[number];
		messages[i] = CStringGetTextDatum(*error);
	}
	SPI_freetuptable(SPI_tuptable);
	if (rows == 0)
		return 0;
	values[0] = PointerGetDatum(construct_array(members, rows, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
	values[1] = PointerGetDatum(construct_array(messages, rows, TEXTOID, -1, false, TYPALIGN_INT));
	lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
	return rows;
}

/* ---------------------------------------------------------------- grants */

char *
lc_grant_reason(int64 configuration_id, int64 user_id)
{
	static LcStatement select = {
		.sql = "SELECT reason FROM learning_credentials.exception x"
			   " WHERE configuration_id = $1 AND user_id = $2 AND kind = 'grant'"
			   "   AND " LC_EXCEPTION_COUNTS,
		.types = { INT8OID, INT8OID },
	};
	Datum values[] = { Int64GetDatum(configuration_id), Int64GetDatum(user_id) };

	return lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0 ? lc_spi_text(0, 1) : NULL;
}

Datum
lc_granted_evidence(Datum details, const char *reason)
{
	static const char *const keys[] = { LC_EXCEPTION_MEMBER, "kind", "grant", "reason" };
	JsonbParseState *state = NULL;
	JsonbValue texts[lengthof(keys) + 1];
	int i;

	for (i = 0; i <= (int) lengthof(keys); i++)
	{
		const char *text = i < (int) lengthof(keys) ? keys[i] : reason;

		texts[i].type = jbvString;
		texts[i].val.string.val = unconstify(char *, text);
		texts[i].val.string.len = strlen(text);
	}
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &texts[0]);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	pushJsonbValue(&state, WJB_KEY, &texts[1]);
	pushJsonbValue(&state, WJB_VALUE, &texts[2]);
	pushJsonbValue(&state, WJB_KEY, &texts[3]);
	pushJsonbValue(&state, WJB_VALUE, &texts[4]);
	pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return DirectFunctionCall2(jsonb_concat, details,
							   JsonbPGetDatum(
								   JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL))));
}
