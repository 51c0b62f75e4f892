/*
 * replace.c
 *		Replacing what was issued: reissue, renewal, correction of the issue date.
 *
 * A document never changes: what it should say instead, another says. The new credential and the end of
 * the old one are one transaction; until then the old one is as it was.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "exception.h"
#include "hold.h"
#include "identity.h"
#include "issue.h"
#include "lifecycle.h"
#include "spi.h"
#include "validity.h"

PG_FUNCTION_INFO_V1(lc_reissue_credential);
PG_FUNCTION_INFO_V1(lc_renew_credential);
PG_FUNCTION_INFO_V1(lc_correct_issue_date);
PG_FUNCTION_INFO_V1(lc_expire_credential);

/* What replaces a credential, in the words of messages. */
typedef struct Replacing
{
	const char *doing;
	const char *done;
} Replacing;

static const Replacing reissue = { "reissuing", "reissued" };
static const Replacing renewal = { "renewing", "renewed" };
static const Replacing correction = { "correcting", "corrected" };
static const Replacing expiry = { "expiring", "expired" };

static char *
read_reason(Datum argument, const Replacing *what)
{
	char *reason = TextDatumGetCString(argument);

	if (reason[strspn(reason, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s a credential needs a reason", what->doing)));
	return reason;
}

static void
require_available(const LcFound *found, const Replacing *what)
{
	if (found->is_erased)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential \"%s\" is of a user who was retired and cannot be %s",
						lc_uuid_string(&found->uuid), what->done)));
	if (found->status != LC_AVAILABLE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential \"%s\" is not available and cannot be %s",
						lc_uuid_string(&found->uuid), what->done)));
}

/* Sets the dates of a locked credential, where they are others. The history keeps the reason. */
static void
set_dates(const LcFound *found, TimestampTz issue_date, TimestampTz expires_at, const char *reason)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential SET issue_date = $2, expires_at = $3"
			   " WHERE uuid = $1",
		.types = { UUIDOID, TIMESTAMPTZOID, TIMESTAMPTZOID },
	};
	Datum values[] = { UUIDPGetDatum(&found->uuid), TimestampTzGetDatum(issue_date),
					   TimestampTzGetDatum(expires_at) };
	char nulls[] = { ' ', TIMESTAMP_IS_NOBEGIN(issue_date) ? 'n' : ' ',
					 TIMESTAMP_IS_NOEND(expires_at) ? 'n' : ' ' };

	if (issue_date != found->issue_date || expires_at != found->expires_at)
		(void) lc_correct_dates(&update, values, nulls, reason);
}

/*
 * Refuses to wait for ever: an import may have left a replacement of another credential of the same
 * user, and one that is pending is all there can be.
 */
static void
refuse_other_replacement(const LcFound *found)
{
	static LcStatement select = {
		.sql = "SELECT uuid, supersedes FROM learning_credentials.credential"
			   " WHERE configuration_id = $1 AND user_id = $2 AND supersedes <> $3"
			   "   AND status IN ('generating', 'error')",
		.types = { INT8OID, INT8OID, UUIDOID },
	};
	Datum values[] = { Int64GetDatum(found->configuration_id), Int64GetDatum(found->user_id),
					   UUIDPGetDatum(&found->uuid) };

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential \"%s\" waits to replace \"%s\" of the same user", lc_spi_text(0, 1),
						lc_spi_text(0, 2)),
				 errhint("Delete it and try again.")));
}

/*
 * Makes the replacement of a locked credential, or tries once more one that waits for its document: that
 * one gets the dates, too, unless "keep". Returns its uuid.
 */
static pg_uuid_t *
replace_now(LcConfiguration *configuration, const LcFound *found, const LcReplacing *replacing,
			bool keep, int64 run_id)
{
	pg_uuid_t *result = palloc(sizeof(pg_uuid_t));
	LcFound replacement;

	lc_refuse_held(found->configuration_id, found->user_id);
	if (!lc_lock_replacement(&found->uuid, &replacement))
	{
		Datum evidence = lc_evidence_for(configuration, found->user_id, found->evidence);

		while (lc_begin(configuration, &found->user_id, &evidence, 1, 0, replacing, &replacement.uuid) ==
			   0)
		{
			CHECK_FOR_INTERRUPTS();
			refuse_other_replacement(found);
		}
		replacement.status = LC_GENERATING;
	}
	else if (!keep)
		set_dates(&replacement, replacing->issue_date, replacing->expires_at, replacing->reason);
	if (replacement.status == LC_ERROR)
		lc_begin_again(configuration, &replacement);
	(void) lc_issue_now(configuration, &replacement.uuid, run_id);
	*result = replacement.uuid;
	return result;
}

/*
 * reissue_credential(uuid, reason text) RETURNS uuid, and queue_reissue(uuid, reason text, run_id bigint)
 *
 * What was achieved is the same: so are issue date and expiry.
 */
Datum
lc_reissue_credential(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "uuid", "reason", "run_id" };
	LcReplacing replacing;
	LcConfiguration *configuration;
	LcIdentity before;
	LcFound found;
	pg_uuid_t *result;

	lc_require_arguments(fcinfo, names);
	lc_refuse_stranger("reissue a credential");
	replacing.supersedes = *PG_GETARG_UUID_P(0);
	replacing.reason = read_reason(PG_GETARG_DATUM(1), &reissue);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	lc_lock_credential(&replacing.supersedes, &found);
	require_available(&found, &reissue);
	configuration = lc_configuration_require_active(lc_configuration_load(found.configuration_id));
	replacing.issue_date = found.issue_date;
	replacing.expires_at = found.expires_at;
	result = replace_now(configuration, &found, &replacing, true, lc_run_argument(fcinfo, 2));
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_UUID_P(result);
}

/*
 * When a renewed credential expires: a term counts from the old expiry, so that who renews early loses
 * nothing, but not from one that is past.
 */
static TimestampTz
renewed_expiry(const LcConfiguration *configuration, const LcFound *found)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	TimestampTz expires_at;

	if (TIMESTAMP_IS_NOEND(found->expires_at))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential \"%s\" never expires and cannot be renewed",
						lc_uuid_string(&found->uuid))));
	if (lc_expiry(configuration, Max(now, found->expires_at), &expires_at) &&
		expires_at <= Max(now, found->expires_at))
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("a renewal would not make credential \"%s\" valid for longer",
					lc_uuid_string(&found->uuid)),
			 errdetail("It would expire on %s.", timestamptz_to_str(expires_at)),
			 errhint(
				 "Set a later expires_at, or expires_after, of credential configuration " INT64_FORMAT
				 ".",
				 configuration->id)));
	return expires_at;
}

/*
 * renew_credential(uuid, reason text) RETURNS uuid, and queue_renewal(uuid, reason text, run_id bigint)
 *
 * The successor is issued today, and valid for another term.
 */
Datum
lc_renew_credential(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "uuid", "reason", "run_id" };
	LcReplacing replacing;
	LcConfiguration *configuration;
	LcIdentity before;
	LcFound found;
	pg_uuid_t *result;

	lc_require_arguments(fcinfo, names);
	lc_refuse_stranger("renew a credential");
	replacing.supersedes = *PG_GETARG_UUID_P(0);
	replacing.reason = read_reason(PG_GETARG_DATUM(1), &renewal);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	lc_lock_credential(&replacing.supersedes, &found);
	require_available(&found, &renewal);
	configuration = lc_configuration_require_active(lc_configuration_load(found.configuration_id));
	replacing.issue_date = DT_NOBEGIN;
	replacing.expires_at = renewed_expiry(configuration, &found);
	result = replace_now(configuration, &found, &replacing, false, lc_run_argument(fcinfo, 2));
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_UUID_P(result);
}

/* The issue date that a person sets. */
static TimestampTz
read_issue_date(Datum argument)
{
	TimestampTz issue_date = DatumGetTimestampTz(argument);

	if (TIMESTAMP_NOT_FINITE(issue_date) || issue_date > GetCurrentTransactionStartTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("issue_date must be a time that has come")));
	return issue_date;
}

/* An expiry that counts from the issue date moves with it; any other stays. */
static TimestampTz
corrected_expiry(const LcConfiguration *configuration, const LcFound *found, TimestampTz issue_date)
{
	TimestampTz expires_at;
	bool counts = TIMESTAMP_IS_NOBEGIN(found->issue_date) ? TIMESTAMP_IS_NOEND(found->expires_at)
														  : configuration->expires_after != NULL &&
			lc_expiry(configuration, found->issue_date, &expires_at) && expires_at == found->expires_at;

	if (counts)
		(void) lc_expiry(configuration, issue_date, &expires_at);
	else
		expires_at = found->expires_at;
	if (expires_at <= issue_date)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("issue_date must be earlier than the expiry of credential \"%s\"",
						lc_uuid_string(&found->uuid)),
				 errdetail("It expires on %s.", timestamptz_to_str(expires_at))));
	return expires_at;
}

/* Has a credential a document of ours? It shows the issue date, and never changes. */
static bool
has_document(const LcFound *found)
{
	static LcStatement select = {
		.sql = "SELECT FROM learning_credentials.document WHERE credential_uuid = $1",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(&found->uuid) };

	return lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0;
}

/*
 * correct_issue_date(uuid, issue_date timestamptz, reason text) RETURNS uuid
 *
 * What a document shows and what is verified agree: where there is a document, another takes its place.
 */
Datum
lc_correct_issue_date(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "uuid", "issue_date", "reason" };
	LcReplacing replacing;
	LcConfiguration *configuration;
	LcIdentity before;
	LcFound found;
	pg_uuid_t *result = PG_GETARG_UUID_P(0);

	lc_require_arguments(fcinfo, names);
	lc_refuse_stranger("correct a credential");
	replacing.supersedes = *PG_GETARG_UUID_P(0);
	replacing.issue_date = read_issue_date(PG_GETARG_DATUM(1));
	replacing.reason = read_reason(PG_GETARG_DATUM(2), &correction);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	lc_lock_superseded(&replacing.supersedes);
	lc_lock_credential(&replacing.supersedes, &found);
	if (found.status == LC_INVALIDATED || found.is_erased)
		require_available(&found, &correction);
	if (found.issue_date == replacing.issue_date)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("credential \"%s\" has this issue date already", lc_uuid_string(&found.uuid))));
	configuration = lc_configuration_load(found.configuration_id);
	replacing.expires_at = corrected_expiry(configuration, &found, replacing.issue_date);
	if (has_document(&found))
		result =
			replace_now(lc_configuration_require_active(configuration), &found, &replacing, false, 0);
	else
		set_dates(&found, replacing.issue_date, replacing.expires_at, replacing.reason);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_UUID_P(result);
}

/*
 * expire_credential(uuid, expires_at timestamptz, reason text)
 *
 * Its document may show another date: what is verified counts.
 */
Datum
lc_expire_credential(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "uuid", "expires_at", "reason" };
	TimestampTz expires_at = PG_GETARG_TIMESTAMPTZ(1);
	char *reason;
	LcIdentity before;
	LcFound found;

	lc_require_arguments(fcinfo, names);
	lc_refuse_stranger("expire a credential");
	reason = read_reason(PG_GETARG_DATUM(2), &expiry);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	lc_lock_credential(PG_GETARG_UUID_P(0), &found);
	require_available(&found, &expiry);
	if (expires_at <= found.issue_date)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("credential \"%s\" cannot expire before it was issued",
						lc_uuid_string(&found.uuid)),
				 errdetail("It was issued at %s.", timestamptz_to_str(found.issue_date))));
	set_dates(&found, found.issue_date, expires_at, reason);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_VOID();
}
