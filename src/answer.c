/*
 * answer.c
 *		Answers to a REST server: status, headers, and what is wrong.
 *
 * PostgREST (12 or later) reads the settings response.status and response.headers after its query. What
 * a caller may ask is never answered by an error of the server: its words are not ours, and name
 * things that a caller should not know of.
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"

#include "answer.h"
#include "settings.h"

const LcRefusal lc_refuse_anonymous = { 401, "Authentication required." };

/* ---------------------------------------------------------------- arguments */

char *
lc_argument(FunctionCallInfo fcinfo, int number)
{
	char *argument;

	if (PG_ARGISNULL(number))
		return NULL;
	/* A proxy puts a blank before what a REST server would take for one of its operators. */
	argument = text_to_cstring(PG_GETARG_TEXT_PP(number));
	argument += strspn(argument, " ");
	return argument[0] == '\0' ? NULL : argument;
}

bool
lc_read_uuid(const char *text, pg_uuid_t *uuid)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	int i;

	for (i = 0; form[i] != '\0'; i++)
		if (form[i] == '-' ? text[i] != '-' : !isxdigit((unsigned char) text[i]))
			return false;
	if (text[i] != '\0')
		return false;
	*uuid = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(text)));
	return true;
}

/* ---------------------------------------------------------------- answers */

void
lc_header_add(StringInfo headers, const char *name, const char *value)
{
	if (headers->len == 0)
		appendStringInfoChar(headers, '[');
	else
		headers->data[headers->len - 1] = ',';
	appendStringInfoChar(headers, '{');
	escape_json(headers, name);
	appendStringInfoString(headers, ": ");
	escape_json(headers, value);
	appendStringInfoString(headers, "}]");
}

static void
set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

void
lc_answer(int status, const StringInfoData *headers)
{
	if (status != 0)
		set_local("response.status", psprintf("%d", status));
	set_local("response.headers", headers->data);
}

Datum
lc_refuse(const LcRefusal *refusal)
{
	StringInfoData headers;
	StringInfoData body;

	initStringInfo(&body);
	appendStringInfoString(&body, "{\"error\": ");
	escape_json(&body, refusal->message);
	appendStringInfoChar(&body, '}');

	/* A proxy that lets no error's body through, because a REST server's own names things, takes ours from a header. */
	initStringInfo(&headers);
	lc_header_add(&headers, "Content-Type", "application/json; charset=utf-8");
	lc_header_add(&headers, "Cache-Control", "no-store");
	lc_header_add(&headers, "X-Problem", body.data);
	if (refusal->status == 401)
		lc_header_add(&headers, "WWW-Authenticate", "Bearer");
	lc_answer(refusal->status, &headers);

	return CStringGetTextDatum(body.data);
}

Datum
lc_answer_json(const char *body, const char *cache_control)
{
	StringInfoData headers;

	initStringInfo(&headers);
	lc_header_add(&headers, "Cache-Control", cache_control);
	lc_answer(0, &headers);
	return CStringGetTextDatum(body);
}

char *
lc_document_link(const char *uuid)
{
	int length = strlen(lc_api_url);

	while (length > 0 && lc_api_url[length - 1] == '/')
		length--;
	return psprintf("%.*s/documents/%s.pdf", length, lc_api_url, uuid);
}

void
lc_percent_encode(StringInfo encoded, const char *text)
{
	const unsigned char *p;

	for (p = (const unsigned char *) text; *p != '\0'; p++)
		if ((*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ||
			strchr("-._~", *p) != NULL)
			appendStringInfoChar(encoded, *p);
		else
			appendStringInfo(encoded, "%%%02X", *p);
}
