/*
 * lookup.c
 *		For a REST server: what anybody may know who has a verification code, or a document.
 *
 * Both are answered from the view metadata, so that nothing is told here that it does not show. Writes
 * nothing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "answer.h"
#include "identity.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_api_metadata);
PG_FUNCTION_INFO_V1(lc_api_verify_document);

#define SHA256_DIGITS 64

/*
 * The columns of the view as an object, palloc'd; NULL: no credential has this code. JSON has no infinite
 * time: what never expires has null. (Within a text quotes are escaped, so that what is replaced is none.)
 * "is_available", unless it is NULL, is set to what its name says.
 */
static char *
metadata(const pg_uuid_t *code, bool *is_available)
{
	static LcStatement select = {
		.sql =
			"SELECT replace(row_to_json(m)::text, '\"expires_at\":\"infinity\"', '\"expires_at\":null'),"
			"       m.status = 'available'"
			"  FROM learning_credentials_api.metadata m"
			" WHERE m.verify_uuid = $1",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(code) };
	bool isnull;

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		return NULL;
	if (is_available != NULL)
		*is_available = DatumGetBool(lc_spi_value(0, 2, &isnull));
	return lc_spi_text(0, 1);
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
	char *body;
	pg_uuid_t code;
	LcIdentity before;

	if (text == NULL)
		return lc_refuse(&missing);
	if (!lc_read_uuid(text, &code))
		return lc_refuse(&malformed);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	body = metadata(&code, NULL);
	if (body != NULL)
		body = MemoryContextStrdup(caller, body);
	lc_spi_finish();
	lc_act_as_before(&before);
	return body == NULL ? lc_refuse(&unknown) : lc_answer_json(body, "no-cache");
}

/*
 * The code of the credential that a document was issued for; false when there is none. A document that
 * says the same for everybody belongs to many; one that is still valid counts.
 */
static bool
find_document(const char *sha256, pg_uuid_t *code)
{
	static LcStatement select = {
		.sql =
			"SELECT c.verify_uuid FROM learning_credentials.document d"
			"  JOIN learning_credentials.credential c ON c.uuid = d.credential_uuid"
			" WHERE d.sha256 = decode($1, 'hex') AND c.status IN ('available', 'invalidated')"
			" ORDER BY c.status = 'available' DESC, coalesce(c.expires_at, 'infinity') DESC, c.uuid DESC"
			" LIMIT 1",
		.types = { TEXTOID },
	};
	Datum values[] = { CStringGetTextDatum(sha256) };
	bool isnull;

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		return false;
	*code = *DatumGetUUIDP(lc_spi_value(0, 1, &isnull));
	return true;
}

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
	LcIdentity before;

	if (sha256 == NULL)
		return lc_refuse(&missing);
	if (strlen(sha256) != SHA256_DIGITS || strspn(sha256, "0123456789abcdefABCDEF") != SHA256_DIGITS)
		return lc_refuse(&malformed);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	if (find_document(sha256, &code))
	{
		bool is_current;
		char *object = metadata(&code, &is_current);
		MemoryContext old = MemoryContextSwitchTo(caller);

		if (object != NULL)
			body = psprintf("{\"is_current\":%s,%s", is_current ? "true" : "false", object + 1);
		MemoryContextSwitchTo(old);
	}
	lc_spi_finish();
	lc_act_as_before(&before);
	return body == NULL ? lc_refuse(&unknown) : lc_answer_json(body, "no-cache");
}
