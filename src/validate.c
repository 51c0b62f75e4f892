/*
 * validate.c
 *		What is wrong with options, before anybody's document depends on them.
 *
 * The options of generate_pdf are read by the code that makes documents. Those of the retrieval
 * functions are read by the code that judges with them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/resowner.h"

#include "compat.h"
#include "options.h"
#include "pdf/elements.h"
#include "pdf/template.h"
#include "retrieval.h"
#include "validate.h"

PG_FUNCTION_INFO_V1(lc_validate_options);

#define SCHEMA "learning_credentials"

/* A function whose options we know. */
typedef struct BuiltIn
{
	const char *name;
	bool makes_page;			/* generate_pdf */
} BuiltIn;

static const BuiltIn built_ins[] = {
	{ "generate_pdf", true },
	{ "retrieve_completions", false },
	{ "retrieve_subsection_grades", false },
	{ "retrieve_completions_and_grades", false },
};

const char *const lc_retrieval_keys[] = { "source", "required_completion", "required_grades", "steps",
										  NULL };

/* The built-in function of this name in our schema; NULL: none. */
static const BuiltIn *
find_built_in(const char *name)
{
	Size i;

	for (i = 0; i < lengthof(built_ins); i++)
		if (strcmp(built_ins[i].name, name) == 0)
			return &built_ins[i];
	return NULL;
}

/* ------------------------------------------------------------ the page */

/* Finds elements that lie outside the page, on each of the pages that a document may have. */
static void
check_places(LcPage *page, const LcOption *root)
{
	if (page->ground != NULL)
	{
		const LcTemplate *ground = lc_template_get(page->ground, "template");

		lc_page_place(page, root, lc_template_width(ground), lc_template_height(ground));
	}
	if (page->multiline_ground != NULL)
	{
		const LcTemplate *ground = lc_template_get(page->multiline_ground, "template_multiline");

		lc_page_place(page, root, lc_template_width(ground), lc_template_height(ground));
	}
	if (page->width > 0)
		lc_page_place(page, root, page->width, page->height);
}

/* ------------------------------------------------------------ validate_options() */

/* The built-in function that a name stands for, NULL for any other. Error when there is no such function. */
static const BuiltIn *
resolve(const char *func)
{
	List *names = lc_parse_qualified_name(func);
	FuncCandidateList candidate = FuncnameGetCandidates(names, -1, NIL, false, false, false, true);

	if (candidate == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("function \"%s\" does not exist", func),
				 errhint("Functions are listed by the view learning_credentials.available_functions.")));
	for (; candidate != NULL; candidate = candidate->next)
	{
		const BuiltIn *built_in = find_built_in(get_func_name(candidate->oid));
		char *schema = get_namespace_name(get_func_namespace(candidate->oid));

		if (built_in != NULL && strcmp(schema, SCHEMA) == 0)
			return built_in;
	}
	return NULL;
}

/* The problems of options for a function, as a list of LcProblem. */
static List *
find_problems(const BuiltIn *func, Jsonb *options)
{
	LcProblems problems = { .collect = true };
	LcOption root;

	if (!lc_options_begin(&root, options, &problems))
		return problems.list;
	lc_option_known_keys(&root, lc_page_keys, lc_retrieval_keys,
						 "No built-in function has such an option.");
	if (func->makes_page)
		check_places(lc_page_read(&root), &root);
	else
		lc_retrieval_validate(func->name, &root);
	return problems.list;
}

/* A problem as sentences. */
static char *
sentence(const LcProblem *problem)
{
	return psprintf("%s.%s%s", problem->message, problem->hint != NULL ? " " : "",
					problem->hint != NULL ? problem->hint : "");
}

Datum
lc_validate_options(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		const BuiltIn *func;

		if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("neither the function nor the options may be null")));
		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		func = resolve(text_to_cstring(PG_GETARG_TEXT_PP(0)));
		if (func != NULL)
			context->user_fctx = find_problems(func, PG_GETARG_JSONB_P(1));
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	if (context->call_cntr < (uint64) list_length((List *) context->user_fctx))
	{
		LcProblem *problem = list_nth((List *) context->user_fctx, context->call_cntr);

		SRF_RETURN_NEXT(context, CStringGetTextDatum(sentence(problem)));
	}
	SRF_RETURN_DONE(context);
}

/* ------------------------------------------------------------ warnings */

/* The built-in function of a schema-qualified name as types store it; NULL: any other. */
static const BuiltIn *
stored_built_in(const char *func)
{
	static const char prefix[] = SCHEMA ".";

	return strncmp(func, prefix, strlen(prefix)) == 0 ? find_built_in(func + strlen(prefix)) : NULL;
}

static void
warn(const char *retrieval_func, const char *generation_func, Jsonb *options)
{
	const BuiltIn *retrieval = stored_built_in(retrieval_func);
	const BuiltIn *generation = stored_built_in(generation_func);
	LcProblems problems = { .collect = true };
	LcOption root;
	ListCell *cell;

	if (!lc_options_begin(&root, options, &problems))
		return;
	if (retrieval != NULL && generation != NULL)
		lc_option_known_keys(&root, lc_page_keys, lc_retrieval_keys,
							 "No built-in function has such an option.");
	if (retrieval != NULL)
		lc_retrieval_validate(retrieval->name, &root);
	if (generation != NULL)
		lc_page_read(&root);

	foreach (cell, problems.list)
	{
		LcProblem *problem = lfirst(cell);

		if (problem->kind == LC_PROBLEM_ASSET || problem->kind == LC_PROBLEM_KEY)
			ereport(WARNING,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg_internal("%s", problem->message),
					 problem->hint != NULL ? errhint("%s", problem->hint) : 0));
	}
}

void
lc_options_warn(const char *retrieval_func, const char *generation_func, Jsonb *options)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	/* In a subtransaction, because even reading assets may be refused to whoever writes options. */
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		warn(retrieval_func, generation_func, options);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->elevel > ERROR)
			PG_RE_THROW();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		ereport(WARNING,
				(errcode(error->sqlerrcode), errmsg("the options could not be checked: %s", error->message)));
		FreeErrorData(error);
	}
	PG_END_TRY();
}
