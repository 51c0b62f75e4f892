/*
 * caller.c
 *		Who is calling, and with what request, as a REST server says it.
 *
 * A REST server connects as one role, becomes another for each request (SET LOCAL ROLE), and puts the
 * claims of the request's token into the setting request.jwt.claims. The role that it becomes is the
 * outer role here; code that runs with other rights, a SECURITY DEFINER function for one, does not
 * change it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/numeric.h"
#include "utils/syscache.h"

#include "caller.h"
#include "identity.h"
#include "settings.h"
#include "spi.h"

/* The claims of the request's token. */
#define CLAIMS "request.jwt.claims"

PG_FUNCTION_INFO_V1(lc_actor_now);
PG_FUNCTION_INFO_V1(lc_caller_user_id);
PG_FUNCTION_INFO_V1(lc_caller_is_staff_now);

/* ---------------------------------------------------------------- the request */

/*
 * Finds a member of a setting that holds a JSON object; false when it is not there. Error when the setting is
 * no JSON.
 */
static bool
get_member(const char *setting, const char *name, JsonbValue *value)
{
	const char *text = GetConfigOption(setting, true, false);
	Jsonb *object;

	if (text == NULL || text[0] == '\0')
		return false;
	/* What comes with a connection's options is not looked at by anybody before. */
	(void) pg_verifymbstr(text, strlen(text), false);
	object = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	return JB_ROOT_IS_OBJECT(object) &&
		getKeyJsonValueFromContainer(&object->root, name, strlen(name), value) != NULL;
}

typedef struct Header
{
	const char *name;
	char *value;
} Header;

static void
read_header(void *argument)
{
	Header *header = argument;
	JsonbValue value;

	if (get_member("request.headers", header->name, &value) && value.type == jbvString)
		header->value = pnstrdup(value.val.string.val, value.val.string.len);
}

char *
lc_request_header(const char *name)
{
	Header header = { .name = name };

	/* Whoever sends the settings may have written them. */
	if (lc_attempt(read_header, &header) != NULL)
		return NULL;
	return header.value;
}

bool
lc_request_is_head(void)
{
	const char *method = GetConfigOption("request.method", true, false);

	return method != NULL && strcmp(method, "HEAD") == 0;
}

/* ---------------------------------------------------------------- the user */

/* A whole number that fits, written as a number or, as some servers write every claim, as a string. */
static bool
user_number(const JsonbValue *claim, int64 *user_id)
{
	Numeric number;
	Datum whole;

	if (claim->type == jbvNumeric)
		number = claim->val.numeric;
	else if (claim->type == jbvString)
	{
		const char *digits = claim->val.string.val;
		int length = claim->val.string.len;
		int start = length > 0 && digits[0] == '-' ? 1 : 0;
		int i;

		/* bigint has 19 digits at most. */
		if (length - start < 1 || length - start > 19)
			return false;
		for (i = start; i < length; i++)
			if (digits[i] < '0' || digits[i] > '9')
				return false;
		number =
			DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(digits, length)),
												ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	else
		return false;

	whole = DirectFunctionCall1(numeric_int8, NumericGetDatum(number));
	*user_id = DatumGetInt64(whole);
	return DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(number),
											DirectFunctionCall1(int8_numeric, Int64GetDatum(*user_id))));
}

typedef struct Identification
{
	bool known;
	int64 user_id;
} Identification;

/* Whoever sends the claims may have written them: whatever is wrong with them is an error here. */
static void
identify(void *argument)
{
	Identification *identification = argument;
	JsonbValue claim;

	if (get_member(CLAIMS, lc_user_claim, &claim))
		identification->known = user_number(&claim, &identification->user_id);
}

/* Could somebody connect as this role, and then set any claims? */
static bool
can_log_in(Oid role)
{
	HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool result;

	if (!HeapTupleIsValid(tuple))
		return true;
	result = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
	ReleaseSysCache(tuple);
	return result;
}

/* Code that somebody else wrote, and that runs with a role's rights, is not the one who calls. */
static bool
is_stranger(void)
{
	return InSecurityRestrictedOperation();
}

bool
lc_caller_user(int64 *user_id)
{
	Identification identification = { .known = false };
	Oid role = GetOuterUserId();

	if (is_stranger() || (can_log_in(role) && !superuser_arg(role)))
		return false;
	if (lc_attempt(identify, &identification) != NULL)
		return false;
	*user_id = identification.user_id;
	return identification.known;
}

bool
lc_caller_is_staff(void)
{
	static LcStatement select = {
		.sql = "SELECT FROM learning_credentials.access_grant g"
			   "  JOIN pg_catalog.pg_roles r ON r.oid = g.role_oid"
			   " WHERE g.level = 'staff' AND pg_has_role($1, r.oid, 'USAGE')",
		.types = { OIDOID },
	};
	Datum values[] = { ObjectIdGetDatum(GetOuterUserId()) };
	LcIdentity before;
	bool result;

	if (is_stranger())
		return false;
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	result = lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0;
	lc_spi_finish();
	lc_act_as_before(&before);
	return result;
}

/* caller_user_id() RETURNS bigint */
Datum
lc_caller_user_id(PG_FUNCTION_ARGS)
{
	int64 user_id;

	if (!lc_caller_user(&user_id))
		PG_RETURN_NULL();
	PG_RETURN_INT64(user_id);
}

/* caller_is_staff() RETURNS boolean */
Datum
lc_caller_is_staff_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(lc_caller_is_staff());
}

/* ---------------------------------------------------------------- actor */

/* Adds a text member to the object under construction. */
static void
add_member(JsonbParseState **state, const char *name, char *value, int length)
{
	JsonbValue item;

	item.type = jbvString;
	item.val.string.val = unconstify(char *, name);
	item.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &item);
	item.val.string.val = value;
	item.val.string.len = length;
	pushJsonbValue(state, WJB_VALUE, &item);
}

/* actor() RETURNS jsonb */
Datum
lc_actor_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(lc_actor());
}

Jsonb *
lc_actor(void)
{
	JsonbParseState *state = NULL;
	char *role = GetUserNameFromId(GetOuterUserId(), true);
	char *session = GetUserNameFromId(GetSessionUserId(), true);
	JsonbValue subject;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (role)
		add_member(&state, "role", role, strlen(role));
	if (session)
		add_member(&state, "session", session, strlen(session));
	if (get_member(CLAIMS, "sub", &subject) && subject.type == jbvString)
		add_member(&state, "subject", subject.val.string.val, subject.val.string.len);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
