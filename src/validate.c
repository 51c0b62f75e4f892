/*
 * validate.c
 *		What is wrong with options, before anybody's document depends on them.
 *
 * Options are read by the code that uses them, elements.c and retrieval.c; here their problems are
 * collected instead of raised.
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
#include "requirement.h"
#include "validate.h"

PG_FUNCTION_INFO_V1(lc_validate_options);

#define SCHEMA "learning_credentials"
#define UNKNOWN_HINT "No built-in function has such an option."

/* A function whose options we know. */
typedef enum BuiltIn
{
	BUILT_IN_NONE,
	BUILT_IN_PAGE, /* generate_pdf */
	BUILT_IN_RETRIEVAL
} BuiltIn;

static const struct
{
	const char *name;
	BuiltIn kind;
} built_ins[] = {
	{ "generate_pdf", BUILT_IN_PAGE },
	{ "retrieve_completions", BUILT_IN_RETRIEVAL },
	{ "retrieve_subsection_grades", BUILT_IN_RETRIEVAL },
	{ "retrieve_completions_and_grades", BUILT_IN_RETRIEVAL },
};

/* The top-level keys of all built-in retrieval functions. */
static const char *const retrieval_keys[] = { "source", "required_completion", "required_grades",
											  "steps", NULL };

/* What a function of our schema is. */
static BuiltIn
built_in(const char *name)
{
	Size i;

	for (i = 0; i < lengthof(built_ins); i++)
		if (strcmp(built_ins[i].name, name) == 0)
			return built_ins[i].kind;
	return BUILT_IN_NONE;
}

void
lc_options_check_keys(const LcOption *root, const char *hint)
{
	lc_option_known_keys(root, lc_page_keys, retrieval_keys, hint);
}

static bool
is_in_list(const char *const *keys, const char *key, int length)
{
	for (; *keys != NULL; keys++)
		if (strlen(*keys) == (Size) length && memcmp(*keys, key, length) == 0)
			return true;
	return false;
}

bool
lc_option_is_for_document(const char *generation, const char *key, int length)
{
	if (strcmp(generation, SCHEMA ".generate_pdf") == 0)
		return is_in_list(lc_page_keys, key, length);
	return !is_in_list(retrieval_keys, key, length);
}

/* ------------------------------------------------------------ the page */

/* Finds elements that lie outside the page, on each size of page that a document may have. */
static void
check_places(LcPage *page, const LcOption *root)
{
	double width = page->width;
	double height = page->height;

	if (page->ground != NULL)
	{
		const LcTemplate *ground = lc_template_get(page->ground, "template");

		width = lc_template_width(ground);
		height = lc_template_height(ground);
	}
	if (width > 0)
		lc_page_place(page, root, width, height);
	if (page->multiline_ground != NULL)
	{
		const LcTemplate *ground = lc_template_get(page->multiline_ground, "template_multiline");

		if (lc_template_width(ground) != width || lc_template_height(ground) != height)
			lc_page_place(page, root, lc_template_width(ground), lc_template_height(ground));
	}
}

/* ------------------------------------------------------------ validate_options() */

/*
 * What a function is; if it is built in, *name is its name without schema. Error when there is none. As
 * in a credential type, a name without schema is looked for among ours first.
 */
static BuiltIn
resolve(const char *func, char **name)
{
	List *names = lc_parse_qualified_name(func);
	FuncCandidateList candidate;

	*name = strVal(llast(names));
	if (list_length(names) == 1 && built_in(*name) != BUILT_IN_NONE)
		return built_in(*name);
	candidate = FuncnameGetCandidates(names, -1, NIL, false, false, false, true);
	if (candidate == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("function \"%s\" does not exist", func),
				 errhint("Functions are listed by the view learning_credentials.available_functions.")));
	for (; candidate != NULL; candidate = candidate->next)
	{
		*name = get_func_name(candidate->oid);
		if (strcmp(get_namespace_name(get_func_namespace(candidate->oid)), SCHEMA) == 0 &&
			built_in(*name) != BUILT_IN_NONE)
			return built_in(*name);
	}
	return BUILT_IN_NONE;
}

/* The problems of options for a function, as a list of LcProblem. */
static List *
find_problems(const char *func, Jsonb *options)
{
	LcProblems problems = { .collect = true };
	LcOption root;
	char *name;
	BuiltIn kind = resolve(func, &name);

	if (kind == BUILT_IN_NONE || !lc_options_begin(&root, options, &problems))
		return problems.list;
	lc_options_check_keys(&root, UNKNOWN_HINT);
	if (kind == BUILT_IN_PAGE)
		check_places(lc_page_read(&root), &root);
	else
		lc_retrieval_validate(name, &root);
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

		if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("neither the function nor the options may be null")));
		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		context->user_fctx = find_problems(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_JSONB_P(1));
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

/* The name without schema of a function that is of our schema, as types store it; NULL: it is not. */
static const char *
name_in_schema(const char *func)
{
	static const char prefix[] = SCHEMA ".";

	return strncmp(func, prefix, strlen(prefix)) == 0 ? func + strlen(prefix) : NULL;
}

static void
warn(const char *retrieval_func, const char *generation_func, Jsonb *options)
{
	const char *retrieval = name_in_schema(retrieval_func);
	const char *generation = name_in_schema(generation_func);
	bool retrieval_known = retrieval != NULL && built_in(retrieval) == BUILT_IN_RETRIEVAL;
	bool generation_known = generation != NULL && built_in(generation) == BUILT_IN_PAGE;
	LcProblems problems = { .collect = true };
	LcOption root;
	ListCell *cell;

	if (!lc_options_begin(&root, options, &problems))
		return;
	if (retrieval_known && generation_known)
		lc_options_check_keys(&root, UNKNOWN_HINT);
	if (retrieval_known)
		lc_retrieval_validate(retrieval, &root);
	if (generation_known)
		lc_page_read(&root);

	foreach(cell, problems.list)
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
				(errcode(error->sqlerrcode),
				 errmsg("the options could not be checked: %s", error->message)));
		FreeErrorData(error);
	}
	PG_END_TRY();
}
