/*
 * retrieval.c
 *		The built-in retrieval functions: who has completed, who has the grades, who has both.
 *
 * One statement brings the facts of a whole context in order of user; each user is judged as the rows
 * pass by, so that memory does not grow with the number of users. A course is treated as a Learning
 * Path with one step and no membership of its own.
 *
 * Reads a source with the caller's rights and nothing else, and writes nothing.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "context.h"
#include "identity.h"
#include "retrieval.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_retrieve_completions);
PG_FUNCTION_INFO_V1(lc_retrieve_subsection_grades);
PG_FUNCTION_INFO_V1(lc_retrieve_completions_and_grades);

/* What a function judges by; bits. */
#define COMPLETIONS 1
#define GRADES 2

#define DEFAULT_SOURCE "learning_credentials"
#define DEFAULT_REQUIRED_COMPLETION 0.9

/* The name that stands for the weighted sum among required grades. */
#define TOTAL "total"

/* What options demand: completion in 0..1, grades in percent, names of categories in lower case. */
typedef struct Requirement
{
	char *name;
	double percent;
} Requirement;

typedef struct Rules
{
	double completion;
	Requirement *grades;		/* the total among them */
	int grade_count;
} Rules;

/* A category of a course: one that is in its policy, or required, or both. */
typedef struct Category
{
	char *name;					/* in lower case */
	char *spelling;				/* as in the policy; NULL: not in the policy */
	double weight;
	const Requirement *required;	/* NULL: not required */
	/* of the user at hand */
	bool graded;
	double earned;
	double possible;
	TimestampTz graded_at;
} Category;

typedef struct Step
{
	char *course_key;
	const Requirement *required_total;	/* NULL: not required */
	Category *categories;
	int category_count;
	double required_completion;
	JsonbValue required_completion_value;	/* both as details show them */
	JsonbValue required_grades_value;
	/* of the user at hand */
	bool listed;
	double completion;
	TimestampTz completed_at;
} Step;

/* Receives the statement's rows, judges, and fills a tuplestore. */
typedef struct Judge
{
	DestReceiver receiver;		/* must be first */
	int facts;
	bool is_path;
	Step *steps;
	int step_count;
	bool has_user;
	int64 user_id;
	MemoryContext user_context; /* what is made for one user */
	TupleDesc desc;
	Tuplestorestate *result;
} Judge;

/* Columns of the statement, and of its rows. */
enum
{
	COLUMN_USER,
	COLUMN_STEP,
	COLUMN_COMPLETION,
	COLUMN_COMPLETED_AT,
	COLUMN_CATEGORY,
	COLUMN_EARNED,
	COLUMN_POSSIBLE,
	COLUMN_GRADED_AT
};

/* A time that is not known is earlier than any other. */
#define UNKNOWN_TIME DT_NOBEGIN

static const struct
{
	const char *name;
	int facts;
} functions[] = {
	{ "retrieve_completions", COMPLETIONS },
	{ "retrieve_subsection_grades", GRADES },
	{ "retrieve_completions_and_grades", COMPLETIONS | GRADES },
};

/* A step may hold what another of the functions reads; nothing else. */
static const char *const step_keys[] = { "required_completion", "required_grades", NULL };

static Datum retrieve(FunctionCallInfo fcinfo, int facts);

/* Who has completed enough of a course, or of each course of a Learning Path. */
Datum
lc_retrieve_completions(PG_FUNCTION_ARGS)
{
	return retrieve(fcinfo, COMPLETIONS);
}

/* Who has the grades. */
Datum
lc_retrieve_subsection_grades(PG_FUNCTION_ARGS)
{
	return retrieve(fcinfo, GRADES);
}

/* Who has both. */
Datum
lc_retrieve_completions_and_grades(PG_FUNCTION_ARGS)
{
	return retrieve(fcinfo, COMPLETIONS | GRADES);
}

/* ------------------------------------------------------------ numbers */

/*
 * What is compared and shown: nine decimals. So 0.1 + 0.2 reaches 0.3, and 100 * 0.57 reaches 57,
 * whatever the last bits of the floating-point numbers are.
 */
static double
rounded(double value)
{
	return rint(value * 1e9) / 1e9;
}

/* Rounded; error when it is no finite number. "what" is a word for the message. */
static double
finite_of_user(double value, const char *what, const Step *step, int64 user_id)
{
	if (!isfinite(value))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the %s of user " INT64_FORMAT " in course \"%s\" is not a finite number", what,
						user_id, step->course_key)));
	return fabs(value) < 1e15 ? rounded(value) : value;
}

/* A rounded number as a jsonb value. */
static JsonbValue
number_value(double value)
{
	JsonbValue result;

	result.type = jbvNumeric;
	if (fabs(value) < 1e9)
	{
		/* Millions of them are made: this way costs a third of float8_numeric's. */
		int64 scaled = (int64) rint(value * 1e9);
		int digits = 9;

		for (; digits > 0 && scaled % 10 == 0; digits--)
			scaled /= 10;
		result.val.numeric = int64_div_fast_to_numeric(scaled, digits);
	}
	else
		result.val.numeric =
			DatumGetNumeric(DirectFunctionCall1(float8_numeric, Float8GetDatum(value)));
	return result;
}

static void
push_member(JsonbParseState **state, const char *key, JsonbValue *value)
{
	JsonbValue name;

	name.type = jbvString;
	name.val.string.val = unconstify(char *, key);
	name.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &name);
	if (value != NULL)
		pushJsonbValue(state, WJB_VALUE, value);
}

/* ------------------------------------------------------------ options */

static char *
lower_case(const char *name)
{
	return str_tolower(name, strlen(name), DEFAULT_COLLATION_OID);
}

/* Reads required_grades, {"Homework": 0.4, "Total": 0.8}. */
static void
read_required_grades(const LcOption *object, Rules *rules)
{
	LcOption grades;
	LcOption *members;
	bool empty = true;
	int count;
	int i;
	int j;

	if (!lc_option_get(object, "required_grades", &grades))
	{
		lc_option_missing(object, "required_grades");
		return;
	}
	if (!lc_option_is_object(&grades))
		return;

	members = lc_option_members(&grades, &count);
	rules->grades = palloc0(sizeof(Requirement) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		Requirement *requirement = &rules->grades[rules->grade_count];
		double fraction;

		CHECK_FOR_INTERRUPTS();
		empty = empty && members[i].value.type == jbvNull;
		if (!lc_option_number(&grades, members[i].key, 0, false, 1, &fraction))
			continue;
		requirement->name = lower_case(members[i].key);
		requirement->percent = rounded(100 * fraction);
		for (j = 0; j < rules->grade_count; j++)
			if (strcmp(rules->grades[j].name, requirement->name) == 0)
				lc_option_problem(&grades, members[i].key, LC_PROBLEM_VALUE,
								  "Letter case makes no difference in names of categories.",
								  "the category is there twice");
		rules->grade_count++;
	}
	if (empty)
		lc_option_problem(&grades, NULL, LC_PROBLEM_VALUE, NULL,
						  "expected at least one category or \"Total\"");
}

/* Reads what an object (the options, or those of a step) demands. */
static Rules *
read_rules(const LcOption *object, int facts)
{
	Rules *rules = palloc0(sizeof(Rules));

	rules->completion = DEFAULT_REQUIRED_COMPLETION;
	if (facts & COMPLETIONS)
	{
		lc_option_number(object, "required_completion", 0, false, 1, &rules->completion);
		rules->completion = rounded(rules->completion);
	}
	if (facts & GRADES)
		read_required_grades(object, rules);
	return rules;
}

/* Reads the option object of one step, which stands for the whole of the options there. */
static Rules *
read_step_rules(const LcOption *step, int facts)
{
	lc_option_known_keys(step, step_keys, NULL,
						 "A step's options are required_completion and required_grades.");
	return read_rules(step, facts);
}

/* The schema that holds the facts, and its name; a problem when there is none. */
static Oid
read_source(const LcOption *options, char **name)
{
	Oid schema;

	*name = DEFAULT_SOURCE;
	(void) lc_option_text(options, "source", name);
	schema = get_namespace_oid(*name, true);
	if (!OidIsValid(schema))
		lc_option_problem(options, "source", LC_PROBLEM_VALUE, NULL, "there is no schema \"%s\"",
						  *name);
	return schema;
}

bool
lc_retrieval_validate(const char *function, const LcOption *options)
{
	char *source;
	LcOption steps;
	LcOption grades;
	bool has_steps = false;
	int facts = 0;
	int i;

	for (i = 0; i < (int) lengthof(functions); i++)
		if (strcmp(functions[i].name, function) == 0)
			facts = functions[i].facts;
	if (facts == 0)
		return false;

	(void) read_source(options, &source);
	if (lc_option_object(options, "steps", &steps))
	{
		int count;
		LcOption *members = lc_option_members(&steps, &count);

		for (i = 0; i < count; i++)
			if (members[i].value.type != jbvNull && lc_option_is_object(&members[i]))
			{
				(void) read_step_rules(&members[i], facts);
				has_steps = true;
			}
	}
	/* Where there are steps, they may say all that is required. */
	if (has_steps && !lc_option_get(options, "required_grades", &grades))
		facts &= ~GRADES;
	(void) read_rules(options, facts);
	return true;
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
		{ "lms_course_completion", (facts & COMPLETIONS) != 0 },
		{ "lms_grading_policy", (facts & GRADES) != 0 },
		{ "lms_subsection_grade", (facts & GRADES) != 0 },
	};
	char *source;
	Oid schema = read_source(options, &source);
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
course_keys(const Judge *judge)
{
	Datum *keys = palloc(sizeof(Datum) * Max(judge->step_count, 1));
	int i;

	for (i = 0; i < judge->step_count; i++)
		keys[i] = CStringGetTextDatum(judge->steps[i].course_key);
	return PointerGetDatum(
		construct_array(keys, judge->step_count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Names the steps: the course itself, or the courses of the path. */
static void
load_steps(Judge *judge, const char *source, const char *context_key)
{
	Oid types[] = { TEXTOID };
	Datum values[] = { CStringGetTextDatum(context_key) };
	char *sql;
	int i;

	if (!judge->is_path)
	{
		judge->steps = palloc0(sizeof(Step));
		judge->steps[0].course_key = pstrdup(context_key);
		judge->step_count = 1;
		return;
	}

	sql = psprintf("SELECT course_key::text FROM %s.lms_path_step"
				   " WHERE path_key = $1 GROUP BY course_key ORDER BY min(position)",
				   source);
	judge->step_count = (int) lc_spi_read(sql, 1, types, values, NULL, NULL);
	judge->steps = palloc0(sizeof(Step) * Max(judge->step_count, 1));
	for (i = 0; i < judge->step_count; i++)
		judge->steps[i].course_key = lc_spi_text(i, 1);
}

/* A category of a step by its name in lower case; NULL: there is none. */
static Category *
category_named(const Step *step, const char *name)
{
	int i;

	for (i = 0; i < step->category_count; i++)
		if (strcmp(step->categories[i].name, name) == 0)
			return &step->categories[i];
	return NULL;
}

/* Brings together a step's grading policy (rows of SPI_tuptable) and what is required of it. */
static void
load_categories(Step *step, const Rules *rules, uint64 policy_rows)
{
	uint64 row;
	int i;

	step->categories = palloc0(sizeof(Category) * (policy_rows + rules->grade_count + 1));
	for (row = 0; row < policy_rows; row++)
	{
		Category *category = &step->categories[step->category_count];
		bool isnull;

		if (strcmp(lc_spi_text(row, 1), step->course_key) != 0)
			continue;
		category->spelling = lc_spi_text(row, 2);
		category->name = lower_case(category->spelling);
		category->weight = DatumGetFloat8(lc_spi_value(row, 3, &isnull));
		if (strcmp(category->name, TOTAL) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("the grading policy of course \"%s\" has a category \"%s\"",
							step->course_key, category->spelling),
					 errdetail("This name stands for the weighted sum of all categories.")));
		if (category_named(step, category->name) != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("the grading policy of course \"%s\" has the category \"%s\" twice",
							step->course_key, category->spelling),
					 errdetail("Letter case makes no difference in names of categories.")));
		step->category_count++;
	}
	for (i = 0; i < rules->grade_count; i++)
	{
		const Requirement *requirement = &rules->grades[i];
		Category *category = category_named(step, requirement->name);

		if (strcmp(requirement->name, TOTAL) == 0)
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
load_rules(Judge *judge, const char *source, Rules *const *rules)
{
	uint64 policy_rows = 0;
	int i;
	int j;

	if (judge->facts & GRADES)
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
		Step *step = &judge->steps[i];
		JsonbParseState *state = NULL;
		Jsonb *required;

		step->required_completion = rules[i]->completion;
		step->required_completion_value = number_value(step->required_completion);
		load_categories(step, rules[i], policy_rows);

		pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		for (j = 0; j < rules[i]->grade_count; j++)
		{
			JsonbValue percent = number_value(rules[i]->grades[j].percent);

			push_member(&state, rules[i]->grades[j].name, &percent);
		}
		required = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
		step->required_grades_value.type = jbvBinary;
		step->required_grades_value.val.binary.data = &required->root;
		step->required_grades_value.val.binary.len = VARSIZE(required) - VARHDRSZ;
	}
}

/* Reads the rules of each step from the options; a step of its own stands for the whole of them. */
static Rules **
read_all_rules(const Judge *judge, const LcOption *options, const char *context_key)
{
	Rules **rules = palloc0(sizeof(Rules *) * Max(judge->step_count, 1));
	Rules *common = NULL;
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
				rules[i] = read_step_rules(&members[m], judge->facts);
		}
	}
	for (i = 0; i < judge->step_count; i++)
		if (rules[i] == NULL)
		{
			if (common == NULL)
				common = read_rules(options, judge->facts);
			rules[i] = common;
		}
	return rules;
}

/*
 * The statement that brings the facts of a context: a row for each user, step and category (one for
 * each user and step where there are none). $1 is the context's key, $2 the courses' keys, $3 the
 * user. The columns are cast because a source's views may have others of the same kind.
 */
static char *
facts_statement(const Judge *judge, const char *source, bool one_user)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT e.user_id::int8, %s",
					 judge->is_path ? "array_position($2, e.context_key::text)" : "1");
	appendStringInfoString(&sql, judge->facts & COMPLETIONS
						   ? ", c.percent::float8, c.updated_at::timestamptz"
						   : ", NULL::float8, NULL::timestamptz");
	appendStringInfoString(&sql, judge->facts & GRADES
						   ? ", g.category, g.earned, g.possible, g.graded_at"
						   : ", NULL::text, NULL::float8, NULL::float8, NULL::timestamptz");
	appendStringInfo(&sql, " FROM %s.lms_enrollment AS e", source);
	if (judge->facts & COMPLETIONS)
		appendStringInfo(&sql,
						 " JOIN %s.lms_course_completion AS c"
						 " ON c.course_key = e.context_key AND c.user_id = e.user_id",
						 source);
	if (judge->facts & GRADES)
		appendStringInfo(&sql,
						 " LEFT JOIN (SELECT course_key, user_id, assignment_type::text AS category,"
						 " sum(earned)::float8 AS earned, sum(possible)::float8 AS possible,"
						 " max(graded_at)::timestamptz AS graded_at"
						 " FROM %s.lms_subsection_grade WHERE course_key %s"
						 " GROUP BY course_key, user_id, assignment_type::text) AS g"
						 " ON g.course_key = e.context_key AND g.user_id = e.user_id",
						 source, judge->is_path ? "= ANY ($2)" : "= $1");
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
	if (judge->is_path || (judge->facts & GRADES))
		appendStringInfoString(&sql, " ORDER BY 1");
	return sql.data;
}

/* ------------------------------------------------------------ judging */

/* Adds a step's completion to the object under construction. Returns whether it is enough. */
static bool
judge_completion(const Step *step, int64 user_id, JsonbParseState **details, TimestampTz *since)
{
	double completion = finite_of_user(step->completion, "completion", step, user_id);
	JsonbValue current = number_value(completion);
	JsonbValue required = step->required_completion_value;

	push_member(details, "current_completion", &current);
	push_member(details, "required_completion", &required);
	*since = Max(*since, step->completed_at);
	return completion >= step->required_completion;
}

/* The same for a step's grades. */
static bool
judge_grades(const Step *step, int64 user_id, JsonbParseState **details, TimestampTz *since)
{
	bool reached = true;
	double total = 0;
	JsonbValue value;
	int i;

	push_member(details, "current_grades", NULL);
	pushJsonbValue(details, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < step->category_count; i++)
	{
		const Category *category = &step->categories[i];
		double grade = 0;

		if (category->graded)
		{
			if (category->possible > 0)
				grade = 100 * category->earned / category->possible;
			total += grade * category->weight;
			grade = finite_of_user(grade, "grade", step, user_id);
			value = number_value(grade);
			push_member(details, category->name, &value);
			if (category->required != NULL || step->required_total != NULL)
				*since = Max(*since, category->graded_at);
		}
		if (category->required != NULL)
			reached = reached && category->graded && grade >= category->required->percent;
	}
	total = finite_of_user(total, "total grade", step, user_id);
	value = number_value(total);
	push_member(details, TOTAL, &value);
	pushJsonbValue(details, WJB_END_OBJECT, NULL);

	value = step->required_grades_value;
	push_member(details, "required_grades", &value);
	return reached && (step->required_total == NULL || total >= step->required_total->percent);
}

/* Judges a step: its members are added to the object under construction. */
static bool
judge_step(const Judge *judge, const Step *step, JsonbParseState **details, TimestampTz *since)
{
	bool eligible = true;

	if (judge->facts & COMPLETIONS)
		eligible = judge_completion(step, judge->user_id, details, since);
	if (judge->facts & GRADES)
		eligible = judge_grades(step, judge->user_id, details, since) && eligible;
	return eligible;
}

/* Forgets the facts of the user at hand. */
static void
forget_user(Judge *judge)
{
	int i;
	int j;

	judge->has_user = false;
	for (i = 0; i < judge->step_count; i++)
	{
		judge->steps[i].listed = false;
		for (j = 0; j < judge->steps[i].category_count; j++)
			judge->steps[i].categories[j].graded = false;
	}
	MemoryContextReset(judge->user_context);
}

/* Judges the user whose rows have all been seen, if any, and adds the result's row. */
static void
finish_user(Judge *judge)
{
	JsonbParseState *details = NULL;
	bool eligible = true;
	TimestampTz since = UNKNOWN_TIME;
	Datum values[4];
	bool nulls[4] = { false, false, false, false };
	MemoryContext before;
	int i;

	if (!judge->has_user)
		return;
	before = MemoryContextSwitchTo(judge->user_context);

	pushJsonbValue(&details, WJB_BEGIN_OBJECT, NULL);
	if (!judge->is_path)
		eligible = judge_step(judge, &judge->steps[0], &details, &since);
	else
	{
		push_member(&details, "steps", NULL);
		pushJsonbValue(&details, WJB_BEGIN_OBJECT, NULL);
		for (i = 0; i < judge->step_count; i++)
		{
			const Step *step = &judge->steps[i];

			if (!step->listed)
			{
				eligible = false;
				continue;
			}
			push_member(&details, step->course_key, NULL);
			pushJsonbValue(&details, WJB_BEGIN_OBJECT, NULL);
			eligible = judge_step(judge, step, &details, &since) && eligible;
			pushJsonbValue(&details, WJB_END_OBJECT, NULL);
		}
		pushJsonbValue(&details, WJB_END_OBJECT, NULL);
	}

	values[0] = Int64GetDatum(judge->user_id);
	values[1] = BoolGetDatum(eligible);
	values[2] = TimestampTzGetDatum(since);
	nulls[2] = !eligible || since == UNKNOWN_TIME;
	values[3] = JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&details, WJB_END_OBJECT, NULL)));
	tuplestore_putvalues(judge->result, judge->desc, values, nulls);

	MemoryContextSwitchTo(before);
	forget_user(judge);
}

/* The category of a grade, however it is spelled. Error when the course's policy does not have it. */
static Category *
category_of_grade(const Step *step, text *category)
{
	const char *spelling = VARDATA_ANY(category);
	size_t length = VARSIZE_ANY_EXHDR(category);
	Category *found;
	int i;

	for (i = 0; i < step->category_count; i++)
	{
		found = &step->categories[i];
		if (found->spelling != NULL && strlen(found->spelling) == length &&
			memcmp(found->spelling, spelling, length) == 0)
			return found;
	}
	found = category_named(step, lower_case(text_to_cstring(category)));
	if (found == NULL || found->spelling == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("graded category \"%s\" is not in the grading policy of course \"%s\"",
						text_to_cstring(category), step->course_key)));
	return found;
}

/* A column of the row at hand; for one that is NULL, the value given. */
static double
number_column(TupleTableSlot *row, int column)
{
	bool isnull;
	Datum value = slot_getattr(row, column + 1, &isnull);

	return isnull ? 0 : DatumGetFloat8(value);
}

static TimestampTz
time_column(TupleTableSlot *row, int column)
{
	bool isnull;
	Datum value = slot_getattr(row, column + 1, &isnull);

	return isnull ? UNKNOWN_TIME : DatumGetTimestampTz(value);
}

/* Takes a row: the facts of a user in a step, or of one category there. */
static bool
receive_row(TupleTableSlot *row, DestReceiver *receiver)
{
	Judge *judge = (Judge *) receiver;
	Step *step;
	Datum value;
	bool isnull;
	MemoryContext before;

	value = slot_getattr(row, COLUMN_USER + 1, &isnull);
	if (isnull)
		return true;
	if (judge->has_user && judge->user_id != DatumGetInt64(value))
		finish_user(judge);
	judge->has_user = true;
	judge->user_id = DatumGetInt64(value);

	before = MemoryContextSwitchTo(judge->user_context);
	step = &judge->steps[DatumGetInt32(slot_getattr(row, COLUMN_STEP + 1, &isnull)) - 1];
	step->listed = true;
	step->completion = number_column(row, COLUMN_COMPLETION);
	step->completed_at = time_column(row, COLUMN_COMPLETED_AT);

	value = slot_getattr(row, COLUMN_CATEGORY + 1, &isnull);
	if (!isnull)
	{
		Category *category = category_of_grade(step, DatumGetTextPP(value));

		if (!category->graded)
		{
			category->graded = true;
			category->earned = category->possible = 0;
			category->graded_at = UNKNOWN_TIME;
		}
		category->earned += number_column(row, COLUMN_EARNED);
		category->possible += number_column(row, COLUMN_POSSIBLE);
		category->graded_at = Max(category->graded_at, time_column(row, COLUMN_GRADED_AT));
	}
	MemoryContextSwitchTo(before);
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

/* ------------------------------------------------------------ the functions */

/* Makes the tuplestore that is the function's result. */
static void
begin_result(FunctionCallInfo fcinfo, Judge *judge)
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
	judge->result = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false,
										  work_mem);
	MemoryContextSwitchTo(before);

	result->returnMode = SFRM_Materialize;
	result->setResult = judge->result;
	result->setDesc = judge->desc;
}

/* (learning_context_key text, options jsonb, user_id bigint DEFAULT NULL) */
static Datum
retrieve(FunctionCallInfo fcinfo, int facts)
{
	Judge judge = { .receiver = { .receiveSlot = receive_row,
								  .rStartup = begin_rows,
								  .rShutdown = end_rows,
								  .rDestroy = end_rows,
								  .mydest = DestTuplestore },
					.facts = facts };
	LcProblems problems = { .collect = false };
	LcOption options;
	LcIdentity before;
	char *context_key;
	const char *source;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null",
						PG_ARGISNULL(0) ? "learning_context_key" : "options")));
	context_key = text_to_cstring(PG_GETARG_TEXT_PP(0));
	judge.is_path = lc_context_kind(context_key) == LC_CONTEXT_PATH;
	lc_options_begin(&options, PG_GETARG_JSONB_P(1), &problems);
	begin_result(fcinfo, &judge);

	lc_act_as_caller(&before);
	lc_spi_connect(false);
	judge.user_context =
		AllocSetContextCreate(CurrentMemoryContext, "learning_credentials user", ALLOCSET_DEFAULT_SIZES);

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
		finish_user(&judge);
	}
	lc_spi_finish();
	lc_act_as_before(&before);
	return (Datum) 0;
}
