/*
 * judge.c
 *		Judges users by the facts about them, as the facts pass by.
 *
 * Memory does not grow with the number of users. Knows no statement and no source.
 */
#include "postgres.h"

#include <math.h>

#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "compat.h"
#include "judge.h"

/* A time that is not known is earlier than any other. */
#define UNKNOWN_TIME DT_NOBEGIN

/*
 * The rounded number; error when it is not finite. What is so large that it has no nine decimals is
 * left as it is. "what" is a word for the message.
 */
static double
finite_of_user(double value, const char *what, const LcStep *step, int64 user_id)
{
	if (!isfinite(value))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the %s of user " INT64_FORMAT " in course \"%s\" is not a finite number", what,
						user_id, step->course_key)));
	return fabs(value) < 1e15 ? lc_rounded(value) : value;
}

/* A rounded number as a jsonb value. */
static JsonbValue
rounded_value(double value)
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
		if (LC_NUMERIC_MAY_HAVE_DIGITS(digits))
		{
			result.val.numeric = int64_div_fast_to_numeric(scaled, digits);
			return result;
		}
	}
	result.val.numeric = DatumGetNumeric(DirectFunctionCall1(float8_numeric, Float8GetDatum(value)));
	return result;
}

/* Adds a key, and its value unless that is NULL and follows, to the object under construction. */
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

LcCategory *
lc_step_category(const LcStep *step, const char *name)
{
	int i;

	for (i = 0; i < step->category_count; i++)
		if (strcmp(step->categories[i].name, name) == 0)
			return &step->categories[i];
	return NULL;
}

void
lc_step_require(LcStep *step, const LcRules *rules)
{
	JsonbParseState *state = NULL;
	Jsonb *required;
	int i;

	step->required_completion = rules->completion;
	step->required_completion_value = rounded_value(rules->completion);

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < rules->grade_count; i++)
	{
		JsonbValue percent = rounded_value(rules->grades[i].percent);

		push_member(&state, rules->grades[i].name, &percent);
	}
	required = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	step->required_grades_value.type = jbvBinary;
	step->required_grades_value.val.binary.data = &required->root;
	step->required_grades_value.val.binary.len = VARSIZE(required) - VARHDRSZ;
}

/* ------------------------------------------------------------ judging */

/* Is a step's completion enough? "since" becomes later by it. */
static bool
judge_completion(LcStep *step, int64 user_id, TimestampTz *since)
{
	step->completion = finite_of_user(step->completion, "completion", step, user_id);
	*since = Max(*since, step->completed_at);
	return step->completion >= step->required_completion;
}

/* The same for a step's grades, which are worked out here. */
static bool
judge_grades(LcStep *step, int64 user_id, TimestampTz *since)
{
	bool reached = true;
	double total = 0;
	int i;

	for (i = 0; i < step->category_count; i++)
	{
		LcCategory *category = &step->categories[i];

		if (category->graded)
		{
			double grade = category->possible > 0 ? 100 * category->earned / category->possible : 0;

			total += grade * category->weight;
			category->grade = finite_of_user(grade, "grade", step, user_id);
			if (category->required != NULL || step->required_total != NULL)
				*since = Max(*since, category->graded_at);
		}
		if (category->required != NULL)
			reached = reached && category->graded && category->grade >= category->required->percent;
	}
	step->total = finite_of_user(total, "total grade", step, user_id);
	return reached && (step->required_total == NULL || step->total >= step->required_total->percent);
}

static bool
judge_step(const LcJudge *judge, LcStep *step, TimestampTz *since)
{
	bool eligible = true;

	if (!step->listed)
		return false;
	if (judge->facts & LC_COMPLETIONS)
		eligible = judge_completion(step, judge->user_id, since);
	if (judge->facts & LC_GRADES)
		eligible = judge_grades(step, judge->user_id, since) && eligible;
	return eligible;
}

/* ------------------------------------------------------------ details */

/* Adds a step's members to the object under construction. */
static void
describe_step(const LcJudge *judge, const LcStep *step, JsonbParseState **details)
{
	JsonbValue value;
	int i;

	if (judge->facts & LC_COMPLETIONS)
	{
		value = rounded_value(step->completion);
		push_member(details, "current_completion", &value);
	}
	if (judge->facts & LC_GRADES)
	{
		push_member(details, "current_grades", NULL);
		pushJsonbValue(details, WJB_BEGIN_OBJECT, NULL);
		for (i = 0; i < step->category_count; i++)
		{
			if (!step->categories[i].graded)
				continue;
			value = rounded_value(step->categories[i].grade);
			push_member(details, step->categories[i].name, &value);
		}
		value = rounded_value(step->total);
		push_member(details, LC_TOTAL, &value);
		pushJsonbValue(details, WJB_END_OBJECT, NULL);
	}
}

/* The same of what it demands. */
static void
describe_requirements(const LcJudge *judge, const LcStep *step, JsonbParseState **details)
{
	JsonbValue value;

	if (judge->facts & LC_COMPLETIONS)
	{
		value = step->required_completion_value;
		push_member(details, "required_completion", &value);
	}
	if (judge->facts & LC_GRADES)
	{
		value = step->required_grades_value;
		push_member(details, "required_grades", &value);
	}
}

/*
 * Why the user at hand is eligible, or not: what the user has in the steps that list them, and what they
 * demand. Without a user, what every step demands.
 */
static Jsonb *
describe(const LcJudge *judge, bool of_user)
{
	JsonbParseState *details = NULL;
	int i;

	pushJsonbValue(&details, WJB_BEGIN_OBJECT, NULL);
	if (!judge->is_path)
	{
		if (of_user)
			describe_step(judge, &judge->steps[0], &details);
		describe_requirements(judge, &judge->steps[0], &details);
	}
	else
	{
		push_member(&details, "steps", NULL);
		pushJsonbValue(&details, WJB_BEGIN_OBJECT, NULL);
		for (i = 0; i < judge->step_count; i++)
		{
			if (of_user && !judge->steps[i].listed)
				continue;
			push_member(&details, judge->steps[i].course_key, NULL);
			pushJsonbValue(&details, WJB_BEGIN_OBJECT, NULL);
			if (of_user)
				describe_step(judge, &judge->steps[i], &details);
			describe_requirements(judge, &judge->steps[i], &details);
			pushJsonbValue(&details, WJB_END_OBJECT, NULL);
		}
		pushJsonbValue(&details, WJB_END_OBJECT, NULL);
	}
	return JsonbValueToJsonb(pushJsonbValue(&details, WJB_END_OBJECT, NULL));
}

Jsonb *
lc_judge_requirements(const LcJudge *judge)
{
	return describe(judge, false);
}

/* ------------------------------------------------------------ users, one after the other */

/* Forgets the facts of the user at hand. */
static void
forget_user(LcJudge *judge)
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

void
lc_judge_finish(LcJudge *judge)
{
	bool eligible = true;
	TimestampTz since = UNKNOWN_TIME;
	MemoryContext before;
	int i;

	if (!judge->has_user)
		return;
	for (i = 0; i < judge->step_count; i++)
		eligible = judge_step(judge, &judge->steps[i], &since) && eligible;

	if (judge->sieve == NULL || lc_sieve_passes(judge->sieve, judge->user_id, eligible, since))
	{
		Datum values[4];
		bool nulls[4] = { false, false, false, false };

		before = MemoryContextSwitchTo(judge->user_context);
		values[0] = Int64GetDatum(judge->user_id);
		values[1] = BoolGetDatum(eligible);
		values[2] = TimestampTzGetDatum(since);
		nulls[2] = !eligible || since == UNKNOWN_TIME;
		values[3] = JsonbPGetDatum(describe(judge, true));
		tuplestore_putvalues(judge->result, judge->desc, values, nulls);
		MemoryContextSwitchTo(before);
	}
	forget_user(judge);
}

/* The category of a grade, however it is spelled. Error when the course's policy does not have it. */
static LcCategory *
category_of_grade(const LcStep *step, text *category)
{
	const char *spelling = VARDATA_ANY(category);
	size_t length = VARSIZE_ANY_EXHDR(category);
	LcCategory *found;
	int i;

	for (i = 0; i < step->category_count; i++)
	{
		found = &step->categories[i];
		if (found->spelling != NULL && strlen(found->spelling) == length &&
			memcmp(found->spelling, spelling, length) == 0)
			return found;
	}
	found = lc_step_category(step, lc_category_fold(text_to_cstring(category)));
	if (found == NULL || found->spelling == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("graded category \"%s\" is not in the grading policy of course \"%s\"",
						text_to_cstring(category), step->course_key)));
	return found;
}

/* A number of the row at hand; NULL counts as 0. */
static double
number_column(TupleTableSlot *row, int column)
{
	bool isnull;
	Datum value = slot_getattr(row, column, &isnull);

	return isnull ? 0 : DatumGetFloat8(value);
}

/* A time of the row at hand; NULL: it is not known. */
static TimestampTz
time_column(TupleTableSlot *row, int column)
{
	bool isnull;
	Datum value = slot_getattr(row, column, &isnull);

	return isnull ? UNKNOWN_TIME : DatumGetTimestampTz(value);
}

/* Takes a row: the facts of a user in a step, or of one category there. */
static bool
receive_row(TupleTableSlot *row, DestReceiver *receiver)
{
	LcJudge *judge = (LcJudge *) receiver;
	LcStep *step;
	Datum step_number;
	Datum value;
	bool no_step;
	bool isnull;
	MemoryContext before;

	/* Nobody's row, or of a key that is equal to a step's only to the source. */
	step_number = slot_getattr(row, LC_COLUMN_STEP, &no_step);
	value = slot_getattr(row, LC_COLUMN_USER, &isnull);
	if (isnull || no_step)
		return true;
	if (judge->has_user && judge->user_id != DatumGetInt64(value))
		lc_judge_finish(judge);
	judge->has_user = true;
	judge->user_id = DatumGetInt64(value);

	before = MemoryContextSwitchTo(judge->user_context);
	step = &judge->steps[DatumGetInt32(step_number) - 1];
	step->listed = true;
	step->completion = number_column(row, LC_COLUMN_COMPLETION);
	step->completed_at = time_column(row, LC_COLUMN_COMPLETED_AT);

	value = slot_getattr(row, LC_COLUMN_CATEGORY, &isnull);
	if (!isnull)
	{
		LcCategory *category = category_of_grade(step, DatumGetTextPP(value));

		if (!category->graded)
		{
			category->graded = true;
			category->earned = category->possible = 0;
			category->graded_at = UNKNOWN_TIME;
		}
		category->earned += number_column(row, LC_COLUMN_EARNED);
		category->possible += number_column(row, LC_COLUMN_POSSIBLE);
		category->graded_at = Max(category->graded_at, time_column(row, LC_COLUMN_GRADED_AT));
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

void
lc_judge_begin(LcJudge *judge)
{
	judge->receiver.receiveSlot = receive_row;
	judge->receiver.rStartup = begin_rows;
	judge->receiver.rShutdown = end_rows;
	judge->receiver.rDestroy = end_rows;
	judge->receiver.mydest = DestTuplestore;
	judge->user_context =
		AllocSetContextCreate(CurrentMemoryContext, "learning_credentials user", ALLOCSET_DEFAULT_SIZES);
}
