/*
 * lookup.c
 *		For a REST server: what anybody may know who has a verification code, or a document.
 *
 * All is answered from the view metadata, so that nothing is told here that it does not show. Writes
 * nothing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "answer.h"
#include "identity.h"
#include "name.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_api_metadata);
PG_FUNCTION_INFO_V1(lc_api_match_name);
PG_FUNCTION_INFO_V1(lc_api_verify_document);

#define SHA256_DIGITS 64

/* A credential as the view shows it. */
typedef struct Shown
{
	char *object; /* the view's columns, palloc'd */
	bool is_available;
	bool is_valid;
} Shown;

/*
 * Finds the credential with this code; false when there is none. JSON has no infinite time: what never
 * expires has null. (Within a text quotes are escaped, so that what is replaced is none.)
 */
static bool
find_credential(const pg_uuid_t *code, Shown *shown)
{
	static LcStatement select = {
		.sql =
			"SELECT replace(row_to_json(m)::text, '\"expires_at\":\"infinity\"', '\"expires_at\":null'),"
			"       m.status = 'available', m.is_valid"
			"  FROM learning_credentials_api.metadata m"
			" WHERE m.verify_uuid = $1",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(code) };
	bool isnull;

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		return false;
	shown->object = lc_spi_text(0, 1);
	shown->is_available = DatumGetBool(lc_spi_value(0, 2, &isnull));
	shown->is_valid = DatumGetBool(lc_spi_value(0, 3, &isnull));
	return true;
}

/* metadata(verify_uuid text) RETURNS json */
Datum
lc_api_metadata(PG_FUNCTION_ARGS)
{
	static const LcRefusal missing = { 400, "The parameter verify_uuid is missing." };
	static const LcRefusal malformed = { 400, "The verification code is malformed." };
	static const LcRefusal unknown = { 404, "Credential not found." };
	MemoryContext caller = CurrentMemoryContext;
	char *text = lc_argument(fcinfo, 0);
	char *body = NULL;
	pg_uuid_t code;
	Shown shown;
	LcIdentity before;

	if (text == NULL)
		return lc_refuse(&missing);
	if (!lc_read_uuid(text, &code))
		return lc_refuse(&malformed);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	if (find_credential(&code, &shown))
		body = MemoryContextStrdup(caller, shown.object);
	lc_spi_finish();
	lc_act_as_before(&before);
	return body == NULL ? lc_refuse(&unknown) : lc_answer_json(body, "no-cache");
}

/*
 * The code of the credential that a document was issued for; false when there is none. Of several, one that
 * is still valid. "shared": they are not one person's. No more than a hundred are looked at.
 */
static bool
find_document(const char *sha256, pg_uuid_t *code, bool *shared)
{
	static LcStatement select = {
		.sql =
			"SELECT c.verify_uuid, min(c.user_id) OVER () <> max(c.user_id) OVER ()"
			"  FROM (SELECT d.credential_uuid FROM learning_credentials.document d"
			"         WHERE d.sha256 = decode($1, 'hex') LIMIT 100) d"
			"  JOIN learning_credentials.credential c ON c.uuid = d.credential_uuid"
			" WHERE c.status IN ('available', 'invalidated')"
			" ORDER BY c.status = 'available' DESC, coalesce(c.expires_at, 'infinity') DESC, c.uuid DESC"
			" LIMIT 1",
		.types = { TEXTOID },
	};
	Datum values[] = { CStringGetTextDatum(sha256) };
	bool isnull;

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		return false;
	*code = *DatumGetUUIDP(lc_spi_value(0, 1, &isnull));
	*shared = DatumGetBool(lc_spi_value(0, 2, &isnull));
	return true;
}

/* ---------------------------------------------------------------- a name */

/* Longer names are nobody's, and would cost time. */
#define LONGEST_NAME 1000 /* bytes */

/*
 * Is it the name of the credential's holder? NULL, or why that is not told. A credential that is not shown is
 * not there, nor is the name of one whose first attempt is still to come.
 */
static const LcRefusal *
match_name(const pg_uuid_t *code, const char *name, bool *matches)
{
	static const LcRefusal unknown = { 404, "Credential not found." };
	static const LcRefusal erased = { 410, "The data of the credential's holder was erased." };
	static LcStatement select = {
		.sql = "SELECT c.user_full_name, c.erased_at IS NOT NULL"
			   "  FROM learning_credentials_api.metadata m"
			   "  JOIN learning_credentials.credential c ON c.verify_uuid = m.verify_uuid"
			   " WHERE m.verify_uuid = $1",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(code) };
	char *holder;
	bool isnull;

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		return &unknown;
	if (DatumGetBool(lc_spi_value(0, 2, &isnull)))
		return &erased;
	holder = lc_spi_text(0, 1);
	if (holder == NULL)
		return &unknown;
	*matches = lc_same_name(holder, name);
	return NULL;
}

/* match_name(verify_uuid text, name text) RETURNS json */
Datum
lc_api_match_name(PG_FUNCTION_ARGS)
{
	static const LcRefusal missing = { 400, "The parameters verify_uuid and name are needed." };
	static const LcRefusal malformed = { 400, "The verification code is malformed." };
	static const LcRefusal too_long = { 400, "The name is too long." };
	char *text = lc_argument(fcinfo, 0);
	char *name = lc_argument(fcinfo, 1);
	const LcRefusal *refusal;
	bool matches;
	pg_uuid_t code;
	LcIdentity before;

	if (text == NULL || name == NULL)
		return lc_refuse(&missing);
	if (!lc_read_uuid(text, &code))
		return lc_refuse(&malformed);
	if (strlen(name) > LONGEST_NAME)
		return lc_refuse(&too_long);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	refusal = match_name(&code, name, &matches);
	lc_spi_finish();
	lc_act_as_before(&before);
	if (refusal != NULL)
		return lc_refuse(refusal);
	return lc_answer_json(matches ? "{\"matches\":true}" : "{\"matches\":false}", "no-store");
}

/* ---------------------------------------------------------------- a document */

/* verify_document(sha256 text) RETURNS json */
Datum
lc_api_verify_document(PG_FUNCTION_ARGS)
{
	static const LcRefusal missing = { 400, "The parameter sha256 is missing." };
	static const LcRefusal malformed = { 400,
										 "The SHA-256 is malformed: it has 64 hexadecimal digits." };
	static const LcRefusal unknown = { 404, "Document not found." };
	MemoryContext caller = CurrentMemoryContext;
	char *sha256 = lc_argument(fcinfo, 0);
	char *body = NULL;
	pg_uuid_t code;
	bool shared;
	Shown shown;
	LcIdentity before;

	if (sha256 == NULL)
		return lc_refuse(&missing);
	if (strlen(sha256) != SHA256_DIGITS || strspn(sha256, "0123456789abcdefABCDEF") != SHA256_DIGITS)
		return lc_refuse(&malformed);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	if (find_document(sha256, &code, &shared) && find_credential(&code, &shown))
	{
		MemoryContext old = MemoryContextSwitchTo(caller);

		/* Whoever has a document that is the same for many may be one of them, and learns of no other. */
		if (shared)
			body = psprintf("{\"is_current\":%s,\"is_shared\":true,\"is_valid\":%s}",
							shown.is_available ? "true" : "false", shown.is_valid ? "true" : "false");
		else
			body = psprintf("{\"is_current\":%s,%s", shown.is_available ? "true" : "false",
							shown.object + 1);
		MemoryContextSwitchTo(old);
	}
	lc_spi_finish();
	lc_act_as_before(&before);
	return body == NULL ? lc_refuse(&unknown) : lc_answer_json(body, "no-cache");
}
