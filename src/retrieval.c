/*
 * retrieval.c
 *		The built-in retrieval functions: who has completed, who has the grades, who has both.
 *
 * One statement brings the facts of a whole context; each user is judged (judge.c) as the rows pass
 * by. A course is treated as a Learning Path with one step and no membership of its own.
 *
 * Reads a source with the caller's rights and nothing else, and writes nothing.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "callable.h"
#include "context.h"
#include "deadline.h"
#include "identity.h"
#include "judge.h"
#include "requirement.h"
#include "retrieval.h"
#include "settings.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_retrieve_completions);
PG_FUNCTION_INFO_V1(lc_retrieve_subsection_grades);
PG_FUNCTION_INFO_V1(lc_retrieve_completions_and_grades);

static Datum retrieve(FunctionCallInfo fcinfo, int facts);

/* Who has completed enough of a course, or of each course of a Learning Path. */
Datum
lc_retrieve_completions(PG_FUNCTION_ARGS)
{
	return retrieve(fcinfo, LC_COMPLETIONS);
}

/* Who has the grades. */
Datum
lc_retrieve_subsection_grades(PG_FUNCTION_ARGS)
{
	return retrieve(fcinfo, LC_GRADES);
}

/* Who has both. */
Datum
lc_retrieve_completions_and_grades(PG_FUNCTION_ARGS)
{
	return retrieve(fcinfo, LC_COMPLETIONS | LC_GRADES);
}

/* ------------------------------------------------------------ the source */

/* The schema to read, quoted; error when it, or a relation of it that will be read, is not there. */
static const char *
find_source(const LcOption *options, int facts, bool is_path)
{
	const struct
	{
		const char *name;
		bool needed;
	} relations[] = {
		{ "lms_enrollment", true },
		{ "lms_path_step", is_path },
		{ "lms_course_completion", (facts & LC_COMPLETIONS) != 0 },
		{ "lms_grading_policy", (facts & LC_GRADES) != 0 },
		{ "lms_subsection_grade", (facts & LC_GRADES) != 0 },
	};
	char *source;
	Oid schema = lc_source_read(options, &source);
	int i;

	for (i = 0; i < (int) lengthof(relations); i++)
		if (relations[i].needed && !OidIsValid(get_relname_relid(relations[i].name, schema)))
			lc_option_problem(options, "source", LC_PROBLEM_VALUE,
							  "A source is a schema with the relations that start with lms_.",
							  "schema \"%s\" has no relation \"%s\"", source, relations[i].name);
	return quote_identifier(source);
}

/* The course keys of the steps, as text[]. */
static Datum
course_keys(const LcJudge *judge)
{
	Datum *keys = palloc(sizeof(Datum) * Max(judge->step_count, 1));
	int i;

	for (i = 0; i < judge->step_count; i++)
		keys[i] = CStringGetTextDatum(judge->steps[i].course_key);
	return PointerGetDatum(construct_array(keys, judge->step_count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Names the steps: the course itself, or the courses of the path. */
static void
load_steps(LcJudge *judge, const char *source, const char *context_key)
{
	Oid types[] = { TEXTOID };
	Datum values[] = { CStringGetTextDatum(context_key) };
	char *sql;
	int i;

	if (!judge->is_path)
	{
		judge->steps = palloc0(sizeof(LcStep));
		judge->steps[0].course_key = pstrdup(context_key);
		judge->step_count = 1;
		return;
	}

	sql = psprintf("SELECT course_key::text FROM %s.lms_path_step"
				   " WHERE path_key = $1 GROUP BY course_key ORDER BY min(position)",
				   source);
	judge->step_count = (int) lc_spi_read(sql, 1, types, values, NULL, NULL);
	judge->steps = palloc0(sizeof(LcStep) * Max(judge->step_count, 1));
	for (i = 0; i < judge->step_count; i++)
		judge->steps[i].course_key = lc_spi_text(i, 1);
}

/* Brings together a step's grading policy (rows of SPI_tuptable) and what is required of it. */
static void
load_categories(LcStep *step, const LcRules *rules, uint64 policy_rows)
{
	uint64 row;
	int i;

	step->categories = palloc0(sizeof(LcCategory) * (policy_rows + rules->grade_count + 1));
	for (row = 0; row < policy_rows; row++)
	{
		LcCategory *category = &step->categories[step->category_count];
		bool isnull;

		if (strcmp(lc_spi_text(row, 1), step->course_key) != 0)
			continue;
		category->spelling = lc_spi_text(row, 2);
		category->name = lc_category_fold(category->spelling);
		category->weight = DatumGetFloat8(lc_spi_value(row, 3, &isnull));
		if (strcmp(category->name, LC_TOTAL) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("the grading policy of course \"%s\" has a category \"%s\"",
							step->course_key, category->spelling),
					 errdetail("This name stands for the weighted sum of all categories.")));
		if (lc_step_category(step, category->name) != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("the grading policy of course \"%s\" has the category \"%s\" twice",
							step->course_key, category->spelling),
					 errdetail("Letter case makes no difference in names of categories.")));
		step->category_count++;
	}
	for (i = 0; i < rules->grade_count; i++)
	{
		const LcRequirement *requirement = &rules->grades[i];
		LcCategory *category = lc_step_category(step, requirement->name);

		if (strcmp(requirement->name, LC_TOTAL) == 0)
		{
			step->required_total = requirement;
			continue;
		}
		if (category == NULL)
		{
			ereport(WARNING,
					(errcode(ERRCODE_WARNING),
					 errmsg("required category \"%s\" is not in the grading policy of course \"%s\"",
							requirement->name, step->course_key),
					 errdetail("Nobody can reach it.")));
			category = &step->categories[step->category_count++];
			category->name = requirement->name;
		}
		category->required = requirement;
	}
}

/* Loads the policies and puts the rules into the steps, in the form in which users are judged. */
static void
load_rules(LcJudge *judge, const char *source, LcRules *const *rules)
{
	uint64 policy_rows = 0;
	int i;

	if (judge->facts & LC_GRADES)
	{
		Oid types[] = { TEXTARRAYOID };
		Datum values[] = { course_keys(judge) };
		char *sql = psprintf("SELECT course_key::text, assignment_type::text, weight::float8"
							 "  FROM %s.lms_grading_policy"
							 " WHERE course_key = ANY ($1) AND assignment_type IS NOT NULL",
							 source);

		policy_rows = lc_spi_read(sql, 1, types, values, NULL, NULL);
	}
	for (i = 0; i < judge->step_count; i++)
	{
		load_categories(&judge->steps[i], rules[i], policy_rows);
		lc_step_require(&judge->steps[i], rules[i]);
	}
}

/* Reads the rules of each step from the options; a step of its own stands for the whole of them. */
static LcRules **
read_all_rules(const LcJudge *judge, const LcOption *options, const char *context_key)
{
	LcRules **rules = palloc0(sizeof(LcRules *) * Max(judge->step_count, 1));
	LcRules *common = NULL;
	LcOption steps;
	int i;

	if (judge->is_path && lc_option_object(options, "steps", &steps))
	{
		int count;
		LcOption *members = lc_option_members(&steps, &count);
		int m;

		for (m = 0; m < count; m++)
		{
			if (members[m].value.type == jbvNull)
				continue;
			for (i = 0; i < judge->step_count; i++)
				if (strcmp(judge->steps[i].course_key, members[m].key) == 0)
					break;
			if (i == judge->step_count)
				lc_option_problem(&members[m], NULL, LC_PROBLEM_VALUE, NULL,
								  "Learning Path \"%s\" has no such step", context_key);
			if (lc_option_is_object(&members[m]))
				rules[i] = lc_step_rules_read(&members[m], judge->facts);
		}
	}
	for (i = 0; i < judge->step_count; i++)
		if (rules[i] == NULL)
		{
			if (common == NULL)
				common = lc_rules_read(options, judge->facts);
			rules[i] = common;
		}
	return rules;
}

/* Joins a relation of the source that is about a course and a user to the enrolments. */
static void
append_join(StringInfo sql, const char *kind, const char *source, const char *relation, char alias,
			bool is_path)
{
	/* Its keys are compared with the parameter too, which the planner does not conclude by itself. */
	appendStringInfo(sql, " %s %s.%s AS %c ON %c.user_id = e.user_id AND %c.course_key %s", kind, source,
					 relation, alias, alias, alias, is_path ? "= ANY ($2)" : "= $1");
	if (is_path)
		appendStringInfo(sql, " AND %c.course_key = e.context_key", alias);
}

/*
 * The statement that brings the facts of a context: a row for each user, step and subsection (one for
 * each user and step where there are none). $1 is the context's key, $2 the courses' keys, $3 the
 * user. The columns are cast because a source's views may have others of the same kind. Grades are
 * summed up by the judge: grouping them here costs more than the rows that it saves.
 */
static char *
facts_statement(const LcJudge *judge, const char *source, bool one_user)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT e.user_id::int8, %s",
					 judge->is_path ? "array_position($2, e.context_key::text)" : "1");
	appendStringInfoString(&sql,
						   judge->facts & LC_COMPLETIONS
							   ? ", c.percent::float8, c.updated_at::timestamptz"
							   : ", NULL::float8, NULL::timestamptz");
	appendStringInfoString(&sql,
						   judge->facts & LC_GRADES
							   ? ", g.assignment_type::text, g.earned::float8, g.possible::float8,"
								 " g.graded_at::timestamptz"
							   : ", NULL::text, NULL::float8, NULL::float8, NULL::timestamptz");
	appendStringInfo(&sql, " FROM %s.lms_enrollment AS e", source);
	if (judge->facts & LC_COMPLETIONS)
		append_join(&sql, "JOIN", source, "lms_course_completion", 'c', judge->is_path);
	if (judge->facts & LC_GRADES)
		append_join(&sql, "LEFT JOIN", source, "lms_subsection_grade", 'g', judge->is_path);
	appendStringInfo(&sql, " WHERE e.context_key %s AND e.is_active",
					 judge->is_path ? "= ANY ($2)" : "= $1");
	if (judge->is_path)
		appendStringInfo(&sql,
						 " AND e.user_id IN (SELECT p.user_id FROM %s.lms_enrollment AS p"
						 " WHERE p.context_key = $1 AND p.is_active)",
						 source);
	if (one_user)
		appendStringInfoString(&sql, " AND e.user_id = $3");
	/* The rows of a user follow each other; those of a course's completion are one each. */
	if (judge->is_path || (judge->facts & LC_GRADES))
		appendStringInfoString(&sql, " ORDER BY 1");
	return sql.data;
}

/* ------------------------------------------------------------ what is required */

/* A judge without users, for a configuration. */
typedef struct Requirements
{
	LcJudge judge;
	const LcConfiguration *configuration;
} Requirements;

static void
read_requirements(void *argument)
{
	Requirements *requirements = argument;
	const LcConfiguration *configuration = requirements->configuration;
	const char *key = configuration->learning_context_key;
	LcJudge *judge = &requirements->judge;
	LcProblems problems = { .collect = false };
	LcOption options;
	LcRules **rules;
	int i;

	judge->is_path = lc_context_kind(key) == LC_CONTEXT_PATH;
	lc_options_begin(&options, configuration->options, &problems);
	load_steps(judge, find_source(&options, judge->facts, judge->is_path), key);
	rules = read_all_rules(judge, &options, key);
	for (i = 0; i < judge->step_count; i++)
		lc_step_require(&judge->steps[i], rules[i]);
}

Jsonb *
lc_requirements(const LcConfiguration *configuration)
{
	Requirements requirements = { .configuration = configuration };
	LcDeadline deadline = { .what = "source",
							.name = configuration->source,
							.setting = "document_timeout",
							.limit = lc_document_timeout };
	Oid function = lc_callable_for(configuration, LC_RETRIEVAL);
	MemoryContext caller = CurrentMemoryContext;
	Jsonb *result;
	LcIdentity before;

	if (get_func_namespace(function) == get_namespace_oid("learning_credentials", false))
		requirements.judge.facts = lc_retrieval_facts(get_func_name(function));
	if (requirements.judge.facts == 0)
		return NULL;
	lc_act_as_stranger(&before, lc_configuration_role(configuration));
	lc_spi_connect(false);
	lc_deadline(&deadline, read_requirements, &requirements);
	MemoryContextSwitchTo(caller);
	result = lc_judge_requirements(&requirements.judge);
	lc_spi_finish();
	lc_act_as_before(&before);
	return result;
}

/* ------------------------------------------------------------ the functions */

/* Makes the tuplestore that is the function's result. */
static void
begin_result(FunctionCallInfo fcinfo, LcJudge *judge)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext before;

	if (result == NULL || !IsA(result, ReturnSetInfo) || !(result->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	before = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &judge->desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	judge->desc = CreateTupleDescCopy(judge->desc);
	judge->result =
		tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	MemoryContextSwitchTo(before);

	result->returnMode = SFRM_Materialize;
	result->setResult = judge->result;
	result->setDesc = judge->desc;
}

/* (learning_context_key text, options jsonb, user_id bigint DEFAULT NULL) */
static Datum
retrieve(FunctionCallInfo fcinfo, int facts)
{
	LcJudge judge = { .facts = facts, .sieve = lc_take_sieve(fcinfo->flinfo->fn_oid) };
	LcProblems problems = { .collect = false };
	LcOption options;
	LcIdentity before;
	char *context_key;
	const char *source;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", PG_ARGISNULL(0) ? "learning_context_key" : "options")));
	context_key = text_to_cstring(PG_GETARG_TEXT_PP(0));
	judge.is_path = lc_context_kind(context_key) == LC_CONTEXT_PATH;
	lc_options_begin(&options, PG_GETARG_JSONB_P(1), &problems);
	begin_result(fcinfo, &judge);

	lc_act_as_caller(&before);
	lc_spi_connect(false);
	lc_judge_begin(&judge);

	source = find_source(&options, facts, judge.is_path);
	load_steps(&judge, source, context_key);
	load_rules(&judge, source, read_all_rules(&judge, &options, context_key));
	if (judge.step_count > 0)
	{
		Oid types[] = { TEXTOID, TEXTARRAYOID, INT8OID };
		Datum values[] = { CStringGetTextDatum(context_key), course_keys(&judge),
						   PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2) };
		char nulls[] = { ' ', ' ', PG_ARGISNULL(2) ? 'n' : ' ' };

		(void) lc_spi_read(facts_statement(&judge, source, !PG_ARGISNULL(2)), 3, types, values, nulls,
						   &judge.receiver);
		lc_judge_finish(&judge);
	}
	lc_spi_finish();
	lc_act_as_before(&before);
	return (Datum) 0;
}
