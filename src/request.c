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
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "callable.h"
#include "context.h"
#include "exception.h"
#include "hold.h"
#include "identity.h"
#include "issue.h"
#include "lifecycle.h"
#include "spi.h"
#include "validity.h"

PG_FUNCTION_INFO_V1(lc_generate_credential);
PG_FUNCTION_INFO_V1(lc_retry_credential);
PG_FUNCTION_INFO_V1(lc_invalidate_credential);
PG_FUNCTION_INFO_V1(lc_invalidate_together);
PG_FUNCTION_INFO_V1(lc_current_name);
PG_FUNCTION_INFO_V1(lc_eligible_users);

/* The name of a user in the configuration's source, read as its role; NULL: it does not know the user. */
static char *
source_name(const LcConfiguration *configuration, int64 user_id)
{
	LcIdentity before;
	char **names;

	lc_act_as_stranger(&before, lc_configuration_role(configuration));
	lc_spi_connect(false);
	names = lc_user_names(configuration->source, &user_id, 1);
	lc_spi_finish();
	lc_act_as_before(&before);
	return names[0];
}

/* Refuses to issue to somebody whom the source does not know. */
static void
check_user(const LcConfiguration *configuration, int64 user_id)
{
	if (source_name(configuration, user_id) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("user " INT64_FORMAT " is not in \"%s.lms_user\"", user_id,
						configuration->source)));
}

static Datum
empty_object(void)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
}

/* generate_credential(configuration_id bigint, user_id bigint), and queue_credential(), ... run_id bigint) */
Datum
lc_generate_credential(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "configuration_id", "user_id", "run_id" };
	int64 configuration_id = PG_GETARG_INT64(0);
	int64 user_id = PG_GETARG_INT64(1);
	pg_uuid_t *result = palloc(sizeof(pg_uuid_t));
	LcConfiguration *configuration;
	LcIdentity before;
	LcFound found;

	lc_require_arguments(fcinfo, names);
	lc_refuse_stranger("issue a credential");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	configuration = lc_configuration_require_active(lc_configuration_load(configuration_id));

	/* Somebody else may begin, finish or remove the credential between two statements. */
	for (;;)
	{
		Datum evidence;

		CHECK_FOR_INTERRUPTS();
		if (lc_find_live(configuration_id, user_id, &found))
		{
			if (found.status == LC_AVAILABLE)
				break;
			lc_refuse_held(configuration_id, user_id);
			if (lc_lock_unissued(&found))
				break;
			continue;
		}
		lc_refuse_held(configuration_id, user_id);
		lc_require_issuing(configuration);
		check_user(configuration, user_id);
		evidence = lc_evidence_for(configuration, user_id, empty_object());
		if (lc_begin(configuration, &user_id, &evidence, 1, 0, NULL, &found.uuid) > 0)
		{
			found.status = LC_GENERATING;
			break;
		}
	}
	if (found.status == LC_ERROR)
		lc_begin_again(configuration, &found);
	if (found.status != LC_AVAILABLE)
		(void) lc_issue_now(configuration, &found.uuid, lc_run_argument(fcinfo, 2));
	*result = found.uuid;
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_UUID_P(result);
}

/* retry_credential(uuid) RETURNS credential_status, and queue_retry(uuid, run_id bigint) */
Datum
lc_retry_credential(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "uuid", "run_id" };
	static LcStatement status = {
		.sql = "SELECT status FROM learning_credentials.credential WHERE uuid = $1",
		.types = { UUIDOID },
	};
	pg_uuid_t *uuid = PG_GETARG_UUID_P(0);
	Datum values[] = { UUIDPGetDatum(uuid) };
	LcConfiguration *configuration;
	LcIdentity before;
	LcFound found;
	Datum result;
	bool isnull;

	lc_require_arguments(fcinfo, names);
	lc_refuse_stranger("retry a credential");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	lc_lock_superseded(uuid);
	lc_lock_credential(uuid, &found);
	configuration = lc_configuration_require_active(lc_configuration_load(found.configuration_id));
	lc_refuse_held(found.configuration_id, found.user_id);
	lc_begin_again(configuration, &found);
	(void) lc_issue_now(configuration, uuid, lc_run_argument(fcinfo, 1));
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
	LcFound found;

	lc_require_arguments(fcinfo, names);
	lc_refuse_stranger("invalidate a credential");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	lc_lock_credential(uuid, &found);
	if (found.status == LC_INVALIDATED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential \"%s\" is \"invalidated\" already", lc_uuid_string(uuid))));
	lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_VOID();
}

/*
 * invalidate_together(uuids uuid[], reason text) RETURNS boolean
 *
 * One statement costs a tenth of one for each. False, and nothing done, when not all are available: then each
 * for itself tells why. The array has no uuid twice.
 */
Datum
lc_invalidate_together(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "uuids", "reason" };
	static LcStatement lock = {
		.sql = "SELECT status FROM learning_credentials.credential"
			   " WHERE uuid = ANY ($1) ORDER BY uuid FOR NO KEY UPDATE",
		.types = { UUIDARRAYOID },
		.custom = true,
	};
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential"
			   "   SET status = 'invalidated', invalidation_reason = $2 WHERE uuid = ANY ($1)",
		.types = { UUIDARRAYOID, TEXTOID },
		.custom = true,
	};
	Datum values[] = { PG_GETARG_DATUM(0), PG_GETARG_DATUM(1) };
	LcIdentity before;
	uint64 count;
	uint64 row;
	bool all;

	lc_require_arguments(fcinfo, names);
	lc_refuse_stranger("invalidate a credential");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	count = lc_spi_execute(&lock, values, NULL, SPI_OK_SELECT);
	all = count ==
		(uint64) ArrayGetNItems(ARR_NDIM(PG_GETARG_ARRAYTYPE_P(0)), ARR_DIMS(PG_GETARG_ARRAYTYPE_P(0)));
	for (row = 0; row < count && all; row++)
	{
		bool isnull;

		all = lc_status_of(lc_spi_value(row, 1, &isnull)) == LC_AVAILABLE;
	}
	if (all)
		lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_BOOL(all);
}

/* ---------------------------------------------------------------- what is so now */

/* current_name(configuration_id bigint, user_id bigint) RETURNS text */
Datum
lc_current_name(PG_FUNCTION_ARGS)
{
	LcIdentity before;
	char *name;

	lc_act_as_owner(&before);
	name = source_name(lc_configuration_load(PG_GETARG_INT64(0)), PG_GETARG_INT64(1));
	lc_act_as_before(&before);
	if (name == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

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
	lc_require_arguments(fcinfo, names);

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
