/*
 * hold.c
 *		One credential in hand: finding and locking it, asking for its evidence, making its document.
 *
 * A credential is locked before its replacement, see issue.c.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "callable.h"
#include "exception.h"
#include "hold.h"
#include "identity.h"
#include "issue.h"
#include "run.h"
#include "spi.h"

/* A uuid in words. */
char *
lc_uuid_string(const pg_uuid_t *uuid)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(uuid)));
}

/* Reads one found credential, by the columns of FOUND. */
static bool
take_found(uint64 count, LcFound *found)
{
	bool isnull;

	if (count == 0)
		return false;
	found->uuid = *DatumGetUUIDP(lc_spi_value(0, 1, &isnull));
	found->configuration_id = DatumGetInt64(lc_spi_value(0, 2, &isnull));
	found->user_id = DatumGetInt64(lc_spi_value(0, 3, &isnull));
	found->is_erased = isnull;
	found->status = lc_status_of(lc_spi_value(0, 4, &isnull));
	found->evidence = datumCopy(JsonbPGetDatum(DatumGetJsonbP(lc_spi_value(0, 5, &isnull))), false, -1);
	found->issue_date = DatumGetTimestampTz(lc_spi_value(0, 6, &isnull));
	if (isnull)
		found->issue_date = DT_NOBEGIN;
	found->expires_at = DatumGetTimestampTz(lc_spi_value(0, 7, &isnull));
	if (isnull)
		found->expires_at = DT_NOEND;
	return true;
}

#define FOUND                                                                          \
	"SELECT uuid, configuration_id, user_id, status, evidence, issue_date, expires_at" \
	"  FROM learning_credentials.credential"

/* Locks a credential by its uuid; error 42704 when there is none. */
void
lc_lock_credential(const pg_uuid_t *uuid, LcFound *found)
{
	static LcStatement select = {
		.sql = FOUND " WHERE uuid = $1 FOR NO KEY UPDATE",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(uuid) };

	if (!take_found(lc_spi_execute(&select, values, NULL, SPI_OK_SELECT), found))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("credential \"%s\" does not exist", lc_uuid_string(uuid))));
}

/* Locks what a credential is to replace, if it is to replace one. */
void
lc_lock_superseded(const pg_uuid_t *uuid)
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
bool
lc_lock_replacement(const pg_uuid_t *uuid, LcFound *found)
{
	static LcStatement select = {
		.sql = FOUND " WHERE supersedes = $1 AND status IN ('generating', 'error') FOR NO KEY UPDATE",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(uuid) };

	return take_found(lc_spi_execute(&select, values, NULL, SPI_OK_SELECT), found);
}

/* Finds a user's live credential, not a pending replacement; false when there is none. */
bool
lc_find_live(int64 configuration_id, int64 user_id, LcFound *found)
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
bool
lc_lock_unissued(LcFound *found)
{
	static LcStatement select = {
		.sql = FOUND " WHERE uuid = $1 AND status IN ('generating', 'error') FOR NO KEY UPDATE",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(&found->uuid) };

	return take_found(lc_spi_execute(&select, values, NULL, SPI_OK_SELECT), found);
}

/* ---------------------------------------------------------------- making its document */

typedef struct EvidenceRequest
{
	const LcConfiguration *configuration;
	int64 user_id;
	bool is_eligible;
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
		request->is_eligible = DatumGetBool(slot_getattr(slot, LC_ELIGIBILITY_IS_ELIGIBLE, &isnull));
		MemoryContextSwitchTo(old);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(rows);
}

/*
 * What the retrieval function says of a user, whether eligible or not; "otherwise" when it does not
 * list the user or fails, which is no reason not to issue on request.
 */
Datum
lc_evidence_for(const LcConfiguration *configuration, int64 user_id, Datum otherwise)
{
	EvidenceRequest request = { .configuration = configuration,
								.user_id = user_id,
								.context = CurrentMemoryContext };
	ErrorData *error;
	char *grant;

	(void) lc_callable_for(configuration, LC_RETRIEVAL); /* whose rights is no matter of data */
	error = lc_attempt(request_evidence, &request);
	if (error != NULL)
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("evidence could not be retrieved: %s", error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0));
	if (error == NULL && request.details != 0)
		otherwise = request.details;
	grant = request.is_eligible ? NULL : lc_grant_reason(configuration->id, user_id);
	return grant != NULL ? lc_granted_evidence(otherwise, grant) : otherwise;
}

/*
 * error -> generating; anything else that was issued, the lifecycle refuses. What a credential says is
 * what is known when it is issued: so the evidence is asked for again, and stays if there is none.
 */
void
lc_begin_again(const LcConfiguration *configuration, const LcFound *found)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential SET status = 'generating', evidence = $2"
			   " WHERE uuid = $1",
		.types = { UUIDOID, JSONBOID },
	};
	Datum values[] = { UUIDPGetDatum(&found->uuid), found->evidence };

	if (found->status == LC_ERROR)
		values[1] = lc_evidence_for(configuration, found->user_id, found->evidence);
	lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
}

/* Makes the document of a credential in status "generating", here and now. */
LcStatus
lc_issue_now(const LcConfiguration *configuration, const pg_uuid_t *uuid, int64 run_id)
{
	static LcStatement put = {
		.sql = "UPDATE learning_credentials.credential SET run_id = $2 WHERE uuid = $1",
		.types = { UUIDOID, INT8OID },
	};
	Datum values[] = { UUIDPGetDatum(uuid), Int64GetDatum(run_id) };
	LcIssued issued;

	if (run_id != 0)
	{
		lc_run_hold(run_id, configuration->id);
		lc_spi_execute(&put, values, NULL, SPI_OK_UPDATE);
		return LC_GENERATING;
	}
	if (!lc_issue(configuration, uuid, 1, false, &issued))
		return LC_GENERATING;
	if (issued.failed > 0)
	{
		ereport(WARNING,
				(errmsg("credential \"%s\" could not be issued", lc_uuid_string(uuid)),
				 errdetail_internal("%s", issued.error)));
		return LC_ERROR;
	}
	return LC_AVAILABLE;
}

/* Refuses NULL: doing nothing without a word would pass for having done it. */
void
lc_require_arguments(FunctionCallInfo fcinfo, const char *const *names)
{
	int i;

	for (i = 0; i < PG_NARGS(); i++)
		if (names[i] != NULL && PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be NULL", names[i])));
}

int64
lc_run_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_NARGS() > number ? PG_GETARG_INT64(number) : 0;
}
