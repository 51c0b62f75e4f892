/*
 * eligibility.c
 *		For a REST server: which credentials a learning context has, and who is eligible.
 *
 * Writes nothing. A context is visible through the sources of its configurations, each read as the
 * configuration's role; a configuration whose source does not show the context does not exist for whoever
 * asks, and neither does a context without any. What other people's functions raise, a caller does not
 * get to see, unless it is staff.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/regproc.h"
#include "utils/tuplestore.h"

#include "answer.h"
#include "callable.h"
#include "caller.h"
#include "compat.h"
#include "context.h"
#include "identity.h"
#include "options.h"
#include "place.h"
#include "retrieval.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_api_configured);
PG_FUNCTION_INFO_V1(lc_api_eligibility);

static const LcRefusal no_key = { 400, "The parameter learning_context_key is missing." };
static const LcRefusal malformed_key = { 400, "The learning context key is malformed." };
static const LcRefusal no_context = { 404, "Learning context not found." };

/* A configuration of the context. */
typedef struct Offer
{
	int64 id;
	char *type_id;
	char *type_name;
	bool issues;					/* by its schedule, now */
	LcConfiguration *configuration; /* NULL: it cannot be loaded */
	LcPlace place;
	bool visible;
} Offer;

/* What a caller asks. */
typedef struct Inquiry
{
	const char *key;
	int64 user_id;
	bool staff;
	Offer *offers;
	int count;
	List *places; /* the different ones that show the context; of LcPlace */
} Inquiry;

/* ---------------------------------------------------------------- what there is */

static void
load_offer(void *argument)
{
	Offer *offer = argument;

	offer->configuration = lc_configuration_load(offer->id);
}

/* The request is left out: it may hold a name. */
static void
log_failure(const Offer *offer, const char *what, const ErrorData *error)
{
	ereport(LOG_SERVER_ONLY,
			(errcode(error->sqlerrcode), errhidestmt(true),
			 errmsg("%s under credential configuration " INT64_FORMAT " could not be determined: %s",
					what, offer->id, error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0));
}

static void
load_offers(Inquiry *inquiry)
{
	static LcStatement select = {
		.sql = "SELECT c.id, t.id, t.name,"
			   "       c.enabled AND c.suspension_reason IS NULL"
			   "       AND coalesce(c.starts_at <= now(), true) AND coalesce(c.ends_at > now(), true)"
			   "       AND coalesce(c.available_from <= now(), true)"
			   "       AND coalesce(c.expires_at > now(), true)"
			   "  FROM learning_credentials.credential_configuration c"
			   "  JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id"
			   " WHERE c.learning_context_key = $1"
			   " ORDER BY t.name, t.id",
		.types = { TEXTOID },
	};
	Datum values[] = { CStringGetTextDatum(inquiry->key) };
	bool isnull;
	int i;

	inquiry->count = (int) lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	inquiry->offers = palloc0(sizeof(Offer) * Max(inquiry->count, 1));
	for (i = 0; i < inquiry->count; i++)
	{
		Offer *offer = &inquiry->offers[i];

		offer->id = DatumGetInt64(lc_spi_value(i, 1, &isnull));
		offer->type_id = lc_spi_text(i, 2);
		offer->type_name = lc_spi_text(i, 3);
		offer->issues = DatumGetBool(lc_spi_value(i, 4, &isnull));
	}
	for (i = 0; i < inquiry->count; i++)
	{
		Offer *offer = &inquiry->offers[i];
		ErrorData *error = lc_attempt(load_offer, offer);

		if (error != NULL)
			log_failure(offer, "visibility", error);
		else
		{
			offer->place.source = offer->configuration->source;
			offer->place.run_as = offer->configuration->run_as;
		}
	}
}

/* Asks an offer's place, once, whether it shows the context. To staff everything is visible. */
static void
look_at(Inquiry *inquiry, Offer *offer)
{
	const Offer *other;

	if (offer->configuration == NULL)
	{
		offer->visible = inquiry->staff;
		return;
	}
	for (other = inquiry->offers; other < offer; other++)
		if (other->configuration != NULL && lc_same_place(&other->place, &offer->place))
		{
			offer->visible = other->visible;
			return;
		}
	offer->visible = inquiry->staff || lc_place_shows(&offer->place, inquiry->key, inquiry->user_id);
	if (offer->visible)
		inquiry->places = lappend(inquiry->places, &offer->place);
}

/* Finds what the caller may see of the context; false when it is nothing. */
static bool
look(Inquiry *inquiry)
{
	bool any = inquiry->staff;
	int i;

	load_offers(inquiry);
	if (inquiry->count == 0)
	{
		inquiry->places = list_make1(unconstify(LcPlace *, &lc_default_place));
		return any || lc_place_shows(&lc_default_place, inquiry->key, inquiry->user_id);
	}
	for (i = 0; i < inquiry->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		look_at(inquiry, &inquiry->offers[i]);
		any = any || inquiry->offers[i].visible;
	}
	return any;
}

/* ---------------------------------------------------------------- who is eligible */

/* What retrieval says of one user. */
typedef struct Finding
{
	const LcConfiguration *configuration;
	int64 user_id;
	MemoryContext context;
	bool is_eligible;
	Jsonb *details; /* NULL: the user is not listed, and what is required is not known */
} Finding;

/* A user who is listed twice is eligible if one of the rows says so, as in a run. */
static void
take_row(Finding *finding, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(finding->context);
	bool isnull;
	bool is_eligible = DatumGetBool(slot_getattr(slot, LC_ELIGIBILITY_IS_ELIGIBLE, &isnull));

	if (finding->details == NULL || (is_eligible && !finding->is_eligible))
		finding->details = DatumGetJsonbPCopy(slot_getattr(slot, LC_ELIGIBILITY_DETAILS, &isnull));
	finding->is_eligible = finding->is_eligible || is_eligible;
	MemoryContextSwitchTo(old);
}

static void
find_out(void *argument)
{
	Finding *finding = argument;
	Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(lc_eligibility_desc(), &TTSOpsMinimalTuple);
	Jsonb *requirements;

	lc_retrieve(finding->configuration, &finding->user_id, NULL, rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
		take_row(finding, slot);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(rows);

	/* What is required of somebody who is not listed, or not in every step. */
	requirements = lc_requirements(finding->configuration);
	if (requirements != NULL)
		finding->details = finding->details ? lc_options_merge(requirements, finding->details)
											: requirements;
}

/* ---------------------------------------------------------------- the answer */

/* Begins a member of the object under construction. */
static void
append_name(StringInfo body, const char *name)
{
	if (body->data[body->len - 1] != '{')
		appendStringInfoString(body, ", ");
	escape_json(body, name);
	appendStringInfoString(body, ": ");
}

static void
append_text(StringInfo body, const char *name, const char *value)
{
	append_name(body, name);
	escape_json(body, value);
}

static bool
is_empty(const JsonbValue *value)
{
	return value->type == jbvNull || (value->type == jbvString && value->val.string.len == 0) ||
		(value->type == jbvBinary && JsonContainerSize(value->val.binary.data) == 0);
}

/* Adds what callers are told of the details. */
static void
append_details(StringInfo body, Jsonb *details)
{
	static const char *const names[] = { "current_grades", "required_grades", "current_completion",
										 "required_completion", "steps" };
	int i;

	for (i = 0; i < (int) lengthof(names); i++)
	{
		JsonbValue value;
		Jsonb *member;

		if (getKeyJsonValueFromContainer(&details->root, names[i], strlen(names[i]), &value) == NULL ||
			is_empty(&value))
			continue;
		member = JsonbValueToJsonb(&value);
		append_name(body, names[i]);
		(void) JsonbToCString(body, &member->root, VARSIZE(member));
	}
}

/* Adds the credential that the user has, or is about to have. */
static void
append_existing(StringInfo body, const Offer *offer, int64 user_id)
{
	static LcStatement select = {
		.sql =
			"SELECT c.uuid, c.status = 'available',"
			"       substring(c.download_url FROM " LC_WEB_URL "),"
			"       EXISTS (SELECT FROM learning_credentials.document d WHERE d.credential_uuid = c.uuid)"
			"  FROM learning_credentials.credential c"
			" WHERE c.configuration_id = $1 AND c.user_id = $2"
			"   AND (c.status = 'available' OR (c.status = 'generating' AND c.supersedes IS NULL))",
		.types = { INT8OID, INT8OID },
	};
	Datum values[] = { Int64GetDatum(offer->id), Int64GetDatum(user_id) };
	char *url;
	bool isnull;

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		return;
	append_text(body, "existing_credential", lc_spi_text(0, 1));
	if (!DatumGetBool(lc_spi_value(0, 2, &isnull)))
		return;
	if (DatumGetBool(lc_spi_value(0, 4, &isnull)))
		url = lc_document_link(lc_spi_text(0, 1));
	else
		url = lc_spi_text(0, 3);
	if (url != NULL)
		append_text(body, "existing_credential_url", url);
}

/* What is wrong with the configuration; NULL: nothing, and "finding" says what it gives. */
static char *
examine(const Offer *offer, Finding *finding)
{
	char *what = psprintf("eligibility of user " INT64_FORMAT, finding->user_id);
	ErrorData *error;

	if (offer->configuration == NULL)
		return "The configuration cannot be read.";
	/* A function that brought the server down is called no more. */
	if (offer->configuration->suspension_reason != NULL)
		return psprintf("The configuration is suspended: %s", offer->configuration->suspension_reason);
	finding->configuration = offer->configuration;
	error = lc_attempt(find_out, finding);
	if (error == NULL)
		return NULL;
	log_failure(offer, what, error);
	return lc_error_text(error);
}

static void
append_offer(StringInfo body, const Inquiry *inquiry, const Offer *offer)
{
	Finding finding = { .user_id = inquiry->user_id, .context = CurrentMemoryContext };
	char *error = examine(offer, &finding);

	appendStringInfoChar(body, '{');
	append_name(body, "credential_type_id");
	appendStringInfoString(body, offer->type_id);
	append_text(body, "name", offer->type_name);
	append_name(body, "is_generation_enabled");
	appendStringInfoString(body, offer->issues ? "true" : "false");
	if (error == NULL)
	{
		append_name(body, "is_eligible");
		appendStringInfoString(body, finding.is_eligible ? "true" : "false");
	}
	append_existing(body, offer, inquiry->user_id);
	if (error == NULL && finding.details != NULL)
		append_details(body, finding.details);
	if (error != NULL)
	{
		append_text(body, "error", "Eligibility could not be determined.");
		if (inquiry->staff)
			append_text(body, "error_message", error);
	}
	appendStringInfoChar(body, '}');
}

/* Is this what a filter names: the function as the type has it, or its name without the schema? */
static bool
passes(const Offer *offer, const char *retrieval_func)
{
	const char *name;

	if (retrieval_func == NULL)
		return true;
	if (offer->configuration == NULL)
		return false;
	name = offer->configuration->retrieval_func;
	return strcmp(name, retrieval_func) == 0 ||
		strcmp(strVal(llast(lc_parse_qualified_name(name))), retrieval_func) == 0;
}

/* Fills the body, or says why not. Runs as the owner, inside a SPI connection. */
static const LcRefusal *
answer_eligibility(Inquiry *inquiry, const char *retrieval_func, const char *username, StringInfo body)
{
	const LcRefusal *refusal;
	bool first = true;
	int i;

	if (!look(inquiry))
		return &no_context;
	refusal = lc_choose_user(inquiry->places, username, inquiry->staff, &inquiry->user_id);
	if (refusal != NULL)
		return refusal;

	appendStringInfoChar(body, '{');
	append_text(body, "context_key", inquiry->key);
	append_name(body, "credentials");
	appendStringInfoChar(body, '[');
	for (i = 0; i < inquiry->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!inquiry->offers[i].visible || !passes(&inquiry->offers[i], retrieval_func))
			continue;
		if (!first)
			appendStringInfoString(body, ", ");
		first = false;
		append_offer(body, inquiry, &inquiry->offers[i]);
	}
	appendStringInfoString(body, "]}");
	return NULL;
}

static const LcRefusal *
answer_configured(Inquiry *inquiry, StringInfo body)
{
	int count = 0;
	int i;

	if (!look(inquiry))
		return &no_context;
	for (i = 0; i < inquiry->count; i++)
		if (inquiry->offers[i].visible)
			count++;
	appendStringInfo(body, "{\"has_credentials\": %s, \"credential_count\": %d}",
					 count > 0 ? "true" : "false", count);
	return NULL;
}

/* What both begin with. */
static const LcRefusal *
begin_inquiry(Inquiry *inquiry, const char *key)
{
	inquiry->key = key;
	if (!lc_caller_user(&inquiry->user_id))
		return &lc_refuse_anonymous;
	if (key == NULL)
		return &no_key;
	if (!lc_context_key_is_right(key))
		return &malformed_key;
	inquiry->staff = lc_caller_is_staff();
	return NULL;
}

/* eligibility(learning_context_key text, retrieval_func text, username text) RETURNS json */
Datum
lc_api_eligibility(PG_FUNCTION_ARGS)
{
	Inquiry inquiry = { 0 };
	StringInfoData body;
	const LcRefusal *refusal = begin_inquiry(&inquiry, lc_argument(fcinfo, 0));
	LcIdentity before;

	if (refusal != NULL)
		return lc_refuse(refusal);
	initStringInfo(&body);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	refusal = answer_eligibility(&inquiry, lc_argument(fcinfo, 1), lc_argument(fcinfo, 2), &body);
	lc_spi_finish();
	lc_act_as_before(&before);
	return refusal != NULL ? lc_refuse(refusal) : lc_answer_json(body.data, "no-store");
}

/* configured(learning_context_key text) RETURNS json */
Datum
lc_api_configured(PG_FUNCTION_ARGS)
{
	Inquiry inquiry = { 0 };
	StringInfoData body;
	const LcRefusal *refusal = begin_inquiry(&inquiry, lc_argument(fcinfo, 0));
	LcIdentity before;

	if (refusal != NULL)
		return lc_refuse(refusal);
	initStringInfo(&body);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	refusal = answer_configured(&inquiry, &body);
	lc_spi_finish();
	lc_act_as_before(&before);
	return refusal != NULL ? lc_refuse(refusal) : lc_answer_json(body.data, "no-store");
}
