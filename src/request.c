/*
 * request.c
 *		One credential, on request: the functions that applications call.
 *
 * Each is one transaction with the caller's other work. They act as the extension's owner (SECURITY
 * DEFINER would do the same; here the identity is changed in one way everywhere), call other people's
 * functions as the configuration's role, and raise what is wrong with the request itself. What goes
 * wrong in a generation function is recorded with the credential, and a WARNING says so.
 *
 * A credential is locked before its replacement, see issue.c.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "callable.h"
#include "context.h"
#include "identity.h"
#include "issue.h"
#include "lifecycle.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_generate_credential);
PG_FUNCTION_INFO_V1(lc_retry_credential);
PG_FUNCTION_INFO_V1(lc_invalidate_credential);
PG_FUNCTION_INFO_V1(lc_reissue_credential);
PG_FUNCTION_INFO_V1(lc_eligible_users);

/* Refuses NULL: doing nothing without a word would pass for having done it. */
static void
require_arguments(FunctionCallInfo fcinfo, const char *const *names)
{
	int i;

	for (i = 0; i < PG_NARGS(); i++)
		if (names[i] != NULL && PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", names[i])));
}

typedef struct EvidenceRequest
{
	const LcConfiguration *configuration;
	int64 user_id;
	Datum details; /* 0: the user is not listed */
	MemoryContext context;
} EvidenceRequest;

/* Keeps the details of the one user that is asked for. */
static void
request_evidence(void *argument)
{
	EvidenceRequest *request = argument;
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(lc_eligibility_desc(), &TTSOpsMinimalTuple);

	lc_retrieve(request->configuration, &request->user_id, NULL, rows);
	if (tuplestore_gettupleslot(rows, true, false, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(request->context);
		bool isnull;
		Datum details = slot_getattr(slot, LC_ELIGIBILITY_DETAILS, &isnull);

		request->details = datumCopy(details, false, -1);
		MemoryContextSwitchTo(old);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(rows);
}

/*
 * What the retrieval function says of a user, whether eligible or not; "otherwise" when it does not
 * list the user or fails, which is no reason not to issue on request.
 */
static Datum
evidence_for(const LcConfiguration *configuration, int64 user_id, Datum otherwise)
{
	EvidenceRequest request = { configuration, user_id, 0, CurrentMemoryContext };
	ErrorData *error;

	(void) lc_callable_for(configuration, LC_RETRIEVAL); /* whose rights is no matter of data */
	error = lc_attempt(request_evidence, &request);
	if (error != NULL)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("evidence could not be retrieved: %s", error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0));
	return error == NULL && request.details != 0 ? request.details : otherwise;
}

/* Makes the document of a credential in status "generating", here and now. */
static LcStatus
issue_now(const LcConfiguration *configuration, const pg_uuid_t *uuid)
{
	LcIssued issued;

	if (!lc_issue(configuration, uuid, 1, false, &issued))
		return LC_GENERATING;
	if (issued.failed > 0)
	{
		ereport(WARNING,
				(errmsg("credential \"%s\" could not be issued",
						DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(uuid)))),
				 errdetail_internal("%s", issued.error)));
		return LC_ERROR;
	}
	return LC_AVAILABLE;
}

/* A credential as a function of this file found it. */
typedef struct Found
{
	pg_uuid_t uuid;
	int64 configuration_id;
	int64 user_id;
	LcStatus status;
	Datum evidence;
} Found;

/* Reads one found credential: columns uuid, configuration_id, user_id, status, evidence. */
static bool
take_found(uint64 count, Found *found)
{
	bool isnull;

	if (count == 0)
		return false;
	found->uuid = *DatumGetUUIDP(lc_spi_value(0, 1, &isnull));
	found->configuration_id = DatumGetInt64(lc_spi_value(0, 2, &isnull));
	found->user_id = DatumGetInt64(lc_spi_value(0, 3, &isnull));
	found->status = lc_status_of(lc_spi_value(0, 4, &isnull));
	found->evidence = datumCopy(JsonbPGetDatum(DatumGetJsonbP(lc_spi_value(0, 5, &isnull))), false, -1);
	return true;
}

#define FOUND \
	"SELECT uuid, configuration_id, user_id, status, evidence FROM learning_credentials.credential"

/* Locks a credential by its uuid; error 42704 when there is none. */
static void
lock_credential(const pg_uuid_t *uuid, Found *found)
{
	static LcStatement select = {
		.sql = FOUND " WHERE uuid = $1 FOR NO KEY UPDATE",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(uuid) };

	if (!take_found(lc_spi_execute(&select, values, NULL, SPI_OK_SELECT), found))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("credential \"%s\" does not exist",
						DatumGetCString(DirectFunctionCall1(uuid_out, values[0])))));
}

/* Locks what a credential is to replace, if it is to replace one. */
static void
lock_superseded(const pg_uuid_t *uuid)
{
	static LcStatement select = {
		.sql = "SELECT FROM learning_credentials.credential"
			   " WHERE uuid = (SELECT supersedes FROM learning_credentials.credential WHERE uuid = $1)"
			   " FOR NO KEY UPDATE",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(uuid) };

	lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
}

/* Locks the pending replacement of a credential that is locked; false when there is none. */
static bool
lock_replacement(const pg_uuid_t *uuid, Found *found)
{
	static LcStatement select = {
		.sql = FOUND " WHERE supersedes = $1 AND status IN ('generating', 'error') FOR NO KEY UPDATE",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(uuid) };

	return take_found(lc_spi_execute(&select, values, NULL, SPI_OK_SELECT), found);
}

/* Finds a user's live credential, not a pending replacement; false when there is none. */
static bool
find_live(int64 configuration_id, int64 user_id, Found *found)
{
	static LcStatement select = {
		.sql = FOUND " WHERE configuration_id = $1 AND user_id = $2 AND status <> 'invalidated'"
					 "   AND NOT (supersedes IS NOT NULL AND status IN ('generating', 'error'))",
		.types = { INT8OID, INT8OID },
	};
	Datum values[] = { Int64GetDatum(configuration_id), Int64GetDatum(user_id) };

	return take_found(lc_spi_execute(&select, values, NULL, SPI_OK_SELECT), found);
}

/* Locks a found credential that is not issued yet; false when that is no longer so. */
static bool
lock_unissued(Found *found)
{
	static LcStatement select = {
		.sql = FOUND " WHERE uuid = $1 AND status IN ('generating', 'error') FOR NO KEY UPDATE",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(&found->uuid) };

	return take_found(lc_spi_execute(&select, values, NULL, SPI_OK_SELECT), found);
}

/*
 * Refuses to wait for ever: an import may have left a replacement of another credential of the same
 * user, and one that is pending is all there can be.
 */
static void
refuse_other_replacement(const Found *found)
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

/* Refuses to issue to somebody whom the source does not know. */
static void
check_user(const LcConfiguration *configuration, int64 user_id)
{
	LcIdentity before;
	char **names;

	lc_act_as_stranger(&before, lc_configuration_role(configuration));
	lc_spi_connect(false);
	names = lc_user_names(configuration->source, &user_id, 1);
	if (names[0] == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("user " INT64_FORMAT " is not in \"%s.lms_user\"", user_id,
						configuration->source)));
	lc_spi_finish();
	lc_act_as_before(&before);
}

static Datum
empty_object(void)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
}

/*
 * error -> generating; anything else that was issued, the lifecycle refuses. What a credential says is
 * what is known when it is issued: so the evidence is asked for again, and stays if there is none.
 */
static void
begin_again(const LcConfiguration *configuration, const Found *found)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential SET status = 'generating', evidence = $2"
			   " WHERE uuid = $1",
		.types = { UUIDOID, JSONBOID },
	};
	Datum values[] = { UUIDPGetDatum(&found->uuid), found->evidence };

	if (found->status == LC_ERROR)
		values[1] = evidence_for(configuration, found->user_id, found->evidence);
	lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
}

/* generate_credential(configuration_id bigint, user_id bigint) RETURNS uuid */
Datum
lc_generate_credential(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "configuration_id", "user_id" };
	int64 configuration_id = PG_GETARG_INT64(0);
	int64 user_id = PG_GETARG_INT64(1);
	pg_uuid_t *result = palloc(sizeof(pg_uuid_t));
	LcConfiguration *configuration;
	LcIdentity before;
	Found found;

	require_arguments(fcinfo, names);
	lc_refuse_stranger("issue a credential");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	configuration = lc_configuration_require_active(lc_configuration_load(configuration_id));

	/* Somebody else may begin, finish or remove the credential between two statements. */
	for (;;)
	{
		Datum evidence;

		CHECK_FOR_INTERRUPTS();
		if (find_live(configuration_id, user_id, &found))
		{
			if (found.status == LC_AVAILABLE || lock_unissued(&found))
				break;
			continue;
		}
		check_user(configuration, user_id);
		evidence = evidence_for(configuration, user_id, empty_object());
		if (lc_begin(configuration, &user_id, &evidence, 1, 0, NULL, NULL, &found.uuid) > 0)
		{
			found.status = LC_GENERATING;
			break;
		}
	}
	if (found.status == LC_ERROR)
		begin_again(configuration, &found);
	if (found.status != LC_AVAILABLE)
		(void) issue_now(configuration, &found.uuid);
	*result = found.uuid;
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_UUID_P(result);
}

/* retry_credential(uuid) RETURNS credential_status */
Datum
lc_retry_credential(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "uuid" };
	static LcStatement status = {
		.sql = "SELECT status FROM learning_credentials.credential WHERE uuid = $1",
		.types = { UUIDOID },
	};
	pg_uuid_t *uuid = PG_GETARG_UUID_P(0);
	Datum values[] = { UUIDPGetDatum(uuid) };
	LcConfiguration *configuration;
	LcIdentity before;
	Found found;
	Datum result;
	bool isnull;

	require_arguments(fcinfo, names);
	lc_refuse_stranger("retry a credential");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	lock_superseded(uuid);
	lock_credential(uuid, &found);
	configuration = lc_configuration_require_active(lc_configuration_load(found.configuration_id));
	begin_again(configuration, &found);
	(void) issue_now(configuration, uuid);
	lc_spi_execute(&status, values, NULL, SPI_OK_SELECT);
	result = lc_spi_value(0, 1, &isnull);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_DATUM(result);
}

/* invalidate_credential(uuid, reason text) RETURNS void */
Datum
lc_invalidate_credential(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "uuid", "reason" };
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential"
			   "   SET status = 'invalidated', invalidation_reason = $2 WHERE uuid = $1",
		.types = { UUIDOID, TEXTOID },
	};
	pg_uuid_t *uuid = PG_GETARG_UUID_P(0);
	Datum values[] = { UUIDPGetDatum(uuid), PG_GETARG_DATUM(1) };
	LcIdentity before;
	Found found;

	require_arguments(fcinfo, names);
	lc_refuse_stranger("invalidate a credential");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	lock_credential(uuid, &found);
	if (found.status == LC_INVALIDATED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential \"%s\" is \"invalidated\" already",
						DatumGetCString(DirectFunctionCall1(uuid_out, values[0])))));
	lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_VOID();
}

/* reissue_credential(uuid, reason text) RETURNS uuid */
Datum
lc_reissue_credential(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "uuid", "reason" };
	pg_uuid_t *uuid = PG_GETARG_UUID_P(0);
	char *reason;
	pg_uuid_t *result = palloc(sizeof(pg_uuid_t));
	LcConfiguration *configuration;
	LcIdentity before;
	Found replacement;
	Found found;

	require_arguments(fcinfo, names);
	lc_refuse_stranger("reissue a credential");
	reason = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (reason[strspn(reason, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reissuing a credential needs a reason")));

	lc_act_as_owner(&before);
	lc_spi_connect(false);
	lock_credential(uuid, &found);
	if (found.status != LC_AVAILABLE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential \"%s\" is not available and cannot be reissued",
						DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(uuid))))));
	configuration = lc_configuration_require_active(lc_configuration_load(found.configuration_id));
	if (!lock_replacement(uuid, &replacement))
	{
		Datum evidence = evidence_for(configuration, found.user_id, found.evidence);

		while (lc_begin(configuration, &found.user_id, &evidence, 1, 0, uuid, reason,
						&replacement.uuid) == 0)
		{
			CHECK_FOR_INTERRUPTS();
			refuse_other_replacement(&found);
		}
		replacement.status = LC_GENERATING;
	}
	if (replacement.status == LC_ERROR)
		begin_again(configuration, &replacement);
	(void) issue_now(configuration, &replacement.uuid);
	*result = replacement.uuid;
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_UUID_P(result);
}

/* ---------------------------------------------------------------- who is eligible */

/* eligible_users(configuration_id bigint, user_id bigint) RETURNS SETOF eligibility */
Datum
lc_eligible_users(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "configuration_id", NULL };
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	TupleDesc desc;
	Tuplestorestate *rows;
	MemoryContext old;
	LcIdentity before;
	int64 user_id;

	if (info == NULL || !IsA(info, ReturnSetInfo) || !(info->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("eligible_users() is called where no set of rows is accepted")));
	require_arguments(fcinfo, names);

	old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "eligible_users() must return a composite type");
	desc = CreateTupleDescCopy(desc);
	rows = tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	MemoryContextSwitchTo(old);

	lc_act_as_owner(&before);
	lc_spi_connect(false);
	if (!PG_ARGISNULL(1))
		user_id = PG_GETARG_INT64(1);
	lc_retrieve(lc_configuration_load(PG_GETARG_INT64(0)), PG_ARGISNULL(1) ? NULL : &user_id, NULL,
				rows);
	lc_spi_finish();
	lc_act_as_before(&before);

	info->returnMode = SFRM_Materialize;
	info->setResult = rows;
	info->setDesc = desc;
	return (Datum) 0;
}
