/*
 * callable.c
 *		Finding, checking and calling retrieve_* and generate_*.
 *
 * With EXECUTE granted to PUBLIC by default, a function that anybody wrote would act with the rights
 * of whoever calls it. So a function is called only when the role that it runs as may execute it, and
 * when its owner could act as that role anyway.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "callable.h"
#include "compat.h"
#include "deadline.h"
#include "identity.h"
#include "settings.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_check_callables);

#define SCHEMA "learning_credentials"

typedef struct CallableForm
{
	const char *role; /* in messages */
	const char *prefix;
	const char *signature;
} CallableForm;

static const CallableForm forms[] = {
	[LC_RETRIEVAL] = { "retrieval function", "retrieve_",
					   "(learning_context_key text, options jsonb, user_id bigint) RETURNS SETOF "
					   "learning_credentials.eligibility" },
	[LC_GENERATION] = { "generation function", "generate_",
						"(credential learning_credentials.credential, options jsonb) RETURNS bytea" },
};

/* A composite type of ours. */
static Oid
our_type(const char *name)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
						   ObjectIdGetDatum(get_namespace_oid(SCHEMA, false)));
}

/* The function in a schema that has the signature of its kind; InvalidOid when there is none. */
static Oid
find_in_schema(Oid schema, const char *name, LcCallableKind kind)
{
	Oid arguments[3];
	int count = 0;
	Oid result;
	HeapTuple tuple;
	Oid found = InvalidOid;

	if (kind == LC_RETRIEVAL)
	{
		arguments[count++] = TEXTOID;
		arguments[count++] = JSONBOID;
		arguments[count++] = INT8OID;
		result = our_type("eligibility");
	}
	else
	{
		arguments[count++] = our_type("credential");
		arguments[count++] = JSONBOID;
		result = BYTEAOID;
	}
	tuple = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum(name),
							PointerGetDatum(buildoidvector(arguments, count)), ObjectIdGetDatum(schema));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_proc function = (Form_pg_proc) GETSTRUCT(tuple);

		if (function->prokind == PROKIND_FUNCTION && function->prorettype == result &&
			function->proretset == (kind == LC_RETRIEVAL))
			found = function->oid;
		ReleaseSysCache(tuple);
	}
	return found;
}

/* Does the schema hold a function of this name, with whatever arguments? */
static bool
name_in_schema(Oid schema, const char *name)
{
	CatCList *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	bool found = false;
	int i;

	for (i = 0; i < list->n_members; i++)
		if (((Form_pg_proc) GETSTRUCT(&list->members[i]->tuple))->pronamespace == schema)
			found = true;
	ReleaseSysCacheList(list);
	return found;
}

/* The schemas in which a name is looked for; no temporary ones, whose functions end with their session. */
static List *
schemas_for(const char *schema)
{
	List *schemas = NIL;
	ListCell *cell;

	if (schema == NULL)
	{
		schemas = list_make1_oid(get_namespace_oid(SCHEMA, false));
		schemas = list_concat(schemas, fetch_search_path(true));
	}
	else
	{
		Oid oid = get_namespace_oid(schema, true);

		if (OidIsValid(oid))
			schemas = list_make1_oid(oid);
	}
	foreach(cell, schemas)
		if (isAnyTempNamespace(lfirst_oid(cell)))
			schemas = foreach_delete_current(schemas, cell);
	return schemas;
}

/*
 * Finds a function by the text that names it. Errors say whether it does not exist, has the wrong
 * prefix or the wrong signature.
 */
static Oid
find_callable(const char *text, LcCallableKind kind)
{
	List *names = lc_parse_qualified_name(text);
	const CallableForm *form = &forms[kind];
	char *schema;
	char *name;
	bool named = false;
	ListCell *cell;

	DeconstructQualifiedName(names, &schema, &name);
	foreach(cell, schemas_for(schema))
	{
		Oid found = find_in_schema(lfirst_oid(cell), name, kind);

		if (OidIsValid(found) && strncmp(name, form->prefix, strlen(form->prefix)) == 0)
			return found;
		named = named || name_in_schema(lfirst_oid(cell), name);
	}
	if (!named)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("function \"%s\" does not exist", text)));
	if (strncmp(name, form->prefix, strlen(form->prefix)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("function \"%s\" cannot be a %s", text, form->role),
				 errdetail("The name of a %s begins with \"%s\".", form->role, form->prefix)));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
			 errmsg("function \"%s\" has the wrong signature for a %s", text, form->role),
			 errdetail("The signature is %s.", form->signature)));
	return InvalidOid; /* not reached */
}

/* Error 42501 when the role may not execute the function. */
static void
check_execute(Oid function, Oid role, const char *text)
{
	if (lc_schema_aclcheck(get_func_namespace(function), role) != ACLCHECK_OK ||
		lc_function_aclcheck(function, role) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function \"%s\"", text),
				 errdetail("Role \"%s\" may not execute it.", GetUserNameFromId(role, false))));
}

char *
lc_callable_check(const char *name, LcCallableKind kind)
{
	Oid function = find_callable(name, kind);

	check_execute(function, GetUserId(), name);
	return quote_qualified_identifier(get_namespace_name(get_func_namespace(function)),
									  get_func_name(function));
}

static const char *
callable_name(const LcConfiguration *configuration, LcCallableKind kind)
{
	return kind == LC_RETRIEVAL ? configuration->retrieval_func : configuration->generation_func;
}

Oid
lc_callable_for(const LcConfiguration *configuration, LcCallableKind kind)
{
	const char *name = callable_name(configuration, kind);
	Oid role = lc_configuration_role(configuration);
	Oid function = find_callable(name, kind);
	HeapTuple tuple;
	Oid owner;

	check_execute(function, role, name);

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	if (!superuser_arg(owner) && owner != lc_extension_owner() && owner != role &&
		!lc_can_set_role(owner, role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to run function \"%s\" as role \"%s\"", name,
						configuration->run_as),
				 errdetail("Its owner \"%s\" cannot SET ROLE to that role.",
						   GetUserNameFromId(owner, false))));
	return function;
}

/* check_callables(configuration_id bigint) */
Datum
lc_check_callables(PG_FUNCTION_ARGS)
{
	LcIdentity before;
	LcConfiguration *configuration;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("configuration_id must not be NULL")));
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	configuration = lc_configuration_load(PG_GETARG_INT64(0));
	(void) lc_callable_for(configuration, LC_RETRIEVAL);
	(void) lc_callable_for(configuration, LC_GENERATION);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------- calling */

/* A call of a retrieval function; receives its rows. */
typedef struct Retrieval
{
	DestReceiver receiver; /* must be first */
	const LcConfiguration *configuration;
	const int64 *user_id; /* NULL: everybody */
	LcSieve *sieve;		  /* NULL: every row is wanted */
	Tuplestorestate *rows;
	TupleDesc desc;
	Datum no_details;
	MemoryContext row_context; /* what is made of one row */
} Retrieval;

/* The sieve that a function may take, and which function; see lc_take_sieve(). */
static struct
{
	LcSieve *sieve;
	Oid function;
} offer;

LcSieve *
lc_take_sieve(Oid function)
{
	LcSieve *sieve = offer.sieve;

	if (sieve == NULL || function != offer.function)
		return NULL;
	offer.sieve = NULL;
	sieve->taken = true;
	return sieve;
}

/*
 * The details of a row in one piece, which do not depend on the table that they may come from. Error
 * when they are no object.
 */
static Datum
take_details(const Retrieval *retrieval, Datum details, int64 user_id)
{
	Jsonb *object = DatumGetJsonbP(details);

	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("function \"%s\" returned details that are not an object for user " INT64_FORMAT,
						retrieval->configuration->retrieval_func, user_id)));
	return JsonbPGetDatum(object);
}

/*
 * Takes a row: keeps it if it is wanted; error when it is none that a retrieval function may return.
 * Asked for one user, a function may list others too; they are left out.
 */
static bool
receive_row(TupleTableSlot *slot, DestReceiver *receiver)
{
	Retrieval *retrieval = (Retrieval *) receiver;
	LcSieve *sieve = retrieval->sieve;
	MemoryContext old;
	Datum values[LC_ELIGIBILITY_DETAILS];
	bool nulls[LC_ELIGIBILITY_DETAILS];
	Datum *is_eligible = &values[LC_ELIGIBILITY_IS_ELIGIBLE - 1];
	Datum *details = &values[LC_ELIGIBILITY_DETAILS - 1];
	TimestampTz since;
	int64 user_id;

	slot_getallattrs(slot);
	memcpy(values, slot->tts_values, sizeof(values));
	memcpy(nulls, slot->tts_isnull, sizeof(nulls));
	if (nulls[LC_ELIGIBILITY_USER - 1])
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("function \"%s\" returned a row without user_id",
						retrieval->configuration->retrieval_func)));
	user_id = DatumGetInt64(values[LC_ELIGIBILITY_USER - 1]);
	if (retrieval->user_id != NULL && user_id != *retrieval->user_id)
		return true;

	old = MemoryContextSwitchTo(retrieval->row_context);
	if (nulls[LC_ELIGIBILITY_IS_ELIGIBLE - 1])
		*is_eligible = BoolGetDatum(false);
	if (nulls[LC_ELIGIBILITY_DETAILS - 1])
		*details = retrieval->no_details;
	else
		*details = take_details(retrieval, *details, user_id);
	nulls[LC_ELIGIBILITY_IS_ELIGIBLE - 1] = nulls[LC_ELIGIBILITY_DETAILS - 1] = false;
	since = nulls[LC_ELIGIBILITY_SINCE - 1] ? DT_NOBEGIN
											: DatumGetTimestampTz(values[LC_ELIGIBILITY_SINCE - 1]);
	if (sieve == NULL || sieve->taken ||
		lc_sieve_passes(sieve, user_id, DatumGetBool(*is_eligible), since))
		tuplestore_putvalues(retrieval->rows, retrieval->desc, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(retrieval->row_context);
	return true;
}

static void
begin_rows(DestReceiver *receiver, int operation, TupleDesc desc)
{
}

static void
end_rows(DestReceiver *receiver)
{
}

static void
call_retrieval(void *argument)
{
	Retrieval *retrieval = argument;
	const LcConfiguration *configuration = retrieval->configuration;
	Oid types[] = { TEXTOID, JSONBOID, INT8OID };
	char nulls[] = { ' ', ' ', retrieval->user_id ? ' ' : 'n' };
	Datum values[] = { CStringGetTextDatum(configuration->learning_context_key),
					   JsonbPGetDatum(configuration->options),
					   retrieval->user_id ? Int64GetDatum(*retrieval->user_id) : (Datum) 0 };
	char *sql = psprintf("SELECT user_id, is_eligible, eligible_since, details FROM %s($1, $2, $3)",
						 configuration->retrieval_func);

	lc_spi_select(sql, 3, types, values, nulls, &retrieval->receiver);
}

TupleDesc
lc_eligibility_desc(void)
{
	return lookup_rowtype_tupdesc_copy(our_type("eligibility"), -1);
}

void
lc_retrieve(const LcConfiguration *configuration, const int64 *user_id, LcSieve *sieve,
			Tuplestorestate *rows)
{
	Retrieval retrieval = {
		.receiver = { .receiveSlot = receive_row,
					  .rStartup = begin_rows,
					  .rShutdown = end_rows,
					  .rDestroy = end_rows,
					  .mydest = DestTuplestore },
		.configuration = configuration,
		.user_id = user_id,
		.sieve = sieve,
		.rows = rows,
	};
	LcDeadline deadline = { .what = "function",
							.name = configuration->retrieval_func,
							.setting = "retrieval_timeout",
							.limit = lc_retrieval_timeout };
	Oid function = lc_callable_for(configuration, LC_RETRIEVAL);
	LcIdentity before;

	lc_spi_connect(false);
	retrieval.desc = lc_eligibility_desc();
	retrieval.no_details = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	retrieval.row_context =
		AllocSetContextCreate(CurrentMemoryContext, "row of a retrieval", ALLOCSET_DEFAULT_SIZES);
	offer.sieve = sieve;
	offer.function = function;
	lc_act_as_stranger(&before, lc_configuration_role(configuration));
	PG_TRY();
	{
		lc_deadline(&deadline, call_retrieval, &retrieval);
	}
	PG_FINALLY();
	{
		offer.sieve = NULL;
	}
	PG_END_TRY();
	lc_act_as_before(&before);
	lc_spi_finish();
}

/* A call of a generation function. */
typedef struct Generation
{
	FunctionCallInfo fcinfo;
	Datum result;
} Generation;

static void
call_generation(void *argument)
{
	Generation *generation = argument;

	generation->result = FunctionCallInvoke(generation->fcinfo);
}

bytea *
lc_generate(const LcConfiguration *configuration, FmgrInfo *function, Datum credential)
{
	LOCAL_FCINFO(fcinfo, 2);
	Generation generation = { .fcinfo = fcinfo };
	LcDeadline deadline = { .what = "function",
							.name = configuration->generation_func,
							.setting = "document_timeout",
							.limit = lc_document_timeout };
	Size limit = (Size) lc_max_document_size * 1024;
	LcIdentity before;
	bytea *document;

	InitFunctionCallInfoData(*fcinfo, function, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = credential;
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = JsonbPGetDatum(configuration->options);
	fcinfo->args[1].isnull = false;

	lc_act_as_stranger(&before, lc_configuration_role(configuration));
	lc_deadline(&deadline, call_generation, &generation);
	lc_act_as_before(&before);

	document = fcinfo->isnull ? NULL : DatumGetByteaP(generation.result);
	if (document == NULL || VARSIZE(document) == VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("function \"%s\" returned no document", configuration->generation_func)));
	if (VARSIZE(document) - VARHDRSZ > limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("function \"%s\" returned a document of %zu bytes",
						configuration->generation_func, (Size) VARSIZE(document) - VARHDRSZ),
				 errdetail("The setting learning_credentials.max_document_size allows %d kB.",
						   lc_max_document_size)));
	return document;
}
