/*
 * answer.c
 *		Answers to a REST server: status, headers, and what is wrong.
 *
 * PostgREST (12 or later) reads the settings response.status and response.headers after its query. What
 * a caller may ask is never answered by an error of the server: its words are not ours, and name
 * things that a caller should not know of.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"

#include "answer.h"

PG_FUNCTION_INFO_V1(lc_problem);

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
	if (headers != NULL)
		set_local("response.headers", headers->data);
}

char *
lc_answer_problem(int status, const char *message)
{
	StringInfoData headers;
	StringInfoData body;

	initStringInfo(&headers);
	lc_header_add(&headers, "Content-Type", "application/json; charset=utf-8");
	lc_header_add(&headers, "Cache-Control", "no-store");
	if (status == 401)
		lc_header_add(&headers, "WWW-Authenticate", "Bearer");
	lc_answer(status, &headers);

	initStringInfo(&body);
	appendStringInfoString(&body, "{\"error\": ");
	escape_json(&body, message);
	appendStringInfoChar(&body, '}');
	return body.data;
}

/* problem(status integer, message text) RETURNS json */
Datum
lc_problem(PG_FUNCTION_ARGS)
{
	char *body = lc_answer_problem(PG_GETARG_INT32(0), text_to_cstring(PG_GETARG_TEXT_PP(1)));

	PG_RETURN_TEXT_P(cstring_to_text(body));
}
