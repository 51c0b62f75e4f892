/*
 * retire.c
 *		Erasing a person: what the triggers of the lifecycle allow to nobody else.
 *
 * Which rows there are besides, and who waits for whom, retire_user() says. What is committed to in the
 * history stays committed to: a personal field goes with its salt, and nobody can try out names then.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "event.h"
#include "identity.h"
#include "lifecycle.h"
#include "retire.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_erase_user);
PG_FUNCTION_INFO_V1(lc_erase_actor);

/*
 * A transaction whose snapshot is older than a credential neither finds nor erases it, and would leave the
 * user retired with it.
 */
static void
refuse_remains(Datum user_id)
{
	static LcStatement select = {
		.sql = "SELECT FROM learning_credentials.credential WHERE user_id = $1 LIMIT 1",
		.types = { INT8OID },
		.latest = true,
	};

	CommandCounterIncrement();
	if (lc_spi_execute(&select, &user_id, NULL, SPI_OK_SELECT) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("user " INT64_FORMAT " has credentials that this transaction does not see",
						DatumGetInt64(user_id)),
				 errhint("Retire users in transactions with isolation level READ COMMITTED.")));
}

/* erase_user(user_id bigint, reason text) RETURNS void */
Datum
lc_erase_user(PG_FUNCTION_ARGS)
{
	static LcStatement reasons = {
		.sql = "UPDATE learning_credentials.credential_event e SET reason = NULL, reason_salt = NULL"
			   "  FROM learning_credentials.credential c"
			   " WHERE c.user_id = $1 AND e.credential_uuid = c.uuid AND e.reason IS NOT NULL",
		.types = { INT8OID },
		.custom = true,
	};
	static LcStatement documents = {
		.sql = "DELETE FROM learning_credentials.document d USING learning_credentials.credential c"
			   " WHERE c.user_id = $1 AND d.credential_uuid = c.uuid",
		.types = { INT8OID },
		.custom = true,
	};
	static LcStatement credentials = {
		.sql = "UPDATE learning_credentials.credential"
			   "   SET user_id = NULL, user_full_name = NULL, evidence = '{}', download_url = NULL,"
			   "       legacy_id = NULL, invalidation_reason = NULL, erased_at = now()"
			   " WHERE user_id = $1",
		.types = { INT8OID },
		.custom = true,
	};
	Datum values[] = { PG_GETARG_DATUM(0) };
	char *reason = text_to_cstring(PG_GETARG_TEXT_PP(1));
	LcIdentity before;

	lc_refuse_stranger("erase a user");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	(void) lc_erase_from_events(&reasons, values, NULL);
	(void) lc_erase_from_credentials(&documents, values, NULL, SPI_OK_DELETE, reason);
	(void) lc_erase_from_credentials(&credentials, values, NULL, SPI_OK_UPDATE, reason);
	refuse_remains(values[0]);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_VOID();
}

/* erase_actor(subjects text[]) RETURNS void */
Datum
lc_erase_actor(PG_FUNCTION_ARGS)
{
	static LcStatement actors = {
		.sql = "UPDATE learning_credentials.credential_event SET actor = NULL, actor_salt = NULL"
			   " WHERE actor ? 'subject' AND actor->>'subject' = ANY ($1)",
		.types = { TEXTARRAYOID },
		.custom = true,
	};
	Datum values[] = { PG_GETARG_DATUM(0) };
	LcIdentity before;

	lc_refuse_stranger("erase a user");
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	(void) lc_erase_from_events(&actors, values, NULL);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------- not issuing any more */

void
lc_refuse_retired(int64 user_id)
{
	static LcStatement select = {
		.sql = "SELECT FROM learning_credentials.retired_user WHERE user_id = $1",
		.types = { INT8OID },
		.latest = true,
	};
	Datum values[] = { Int64GetDatum(user_id) };

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("user " INT64_FORMAT " is retired", user_id),
			 errhint(
				 "To issue to the user again, delete the row from learning_credentials.retired_user.")));
}

void
lc_refuse_begun(Datum user_ids)
{
	static LcStatement select = {
		.sql = "SELECT user_id FROM learning_credentials.retired_user WHERE user_id = ANY ($1) LIMIT 1",
		.types = { INT8ARRAYOID },
		.latest = true,
	};

	if (lc_spi_execute(&select, &user_ids, NULL, SPI_OK_SELECT) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("user %s was retired meanwhile", lc_spi_text(0, 1))));
}
