/*
 * requirement.c
 *		What the options of the built-in retrieval functions demand.
 *
 * Knows options and no facts: what a course or a Learning Path is like is retrieval.c's business.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "miscadmin.h"
#include "utils/formatting.h"

#include "requirement.h"

#define DEFAULT_SOURCE "learning_credentials"
#define DEFAULT_REQUIRED_COMPLETION 0.9

static const struct
{
	const char *name;
	int facts;
} functions[] = {
	{ "retrieve_completions", LC_COMPLETIONS },
	{ "retrieve_subsection_grades", LC_GRADES },
	{ "retrieve_completions_and_grades", LC_COMPLETIONS | LC_GRADES },
};

/* A step may hold what another of the functions reads; nothing else. */
static const char *const step_keys[] = { "required_completion", "required_grades", NULL };

double
lc_rounded(double value)
{
	return rint(value * 1e9) / 1e9;
}

char *
lc_category_fold(const char *name)
{
	return str_tolower(name, strlen(name), DEFAULT_COLLATION_OID);
}

/* Reads required_grades, {"Homework": 0.4, "Total": 0.8}. */
static void
read_required_grades(const LcOption *object, LcRules *rules)
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
	rules->grades = palloc0(sizeof(LcRequirement) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		LcRequirement *requirement = &rules->grades[rules->grade_count];
		double fraction;

		CHECK_FOR_INTERRUPTS();
		empty = empty && members[i].value.type == jbvNull;
		if (!lc_option_number(&grades, members[i].key, 0, false, 1, &fraction))
			continue;
		requirement->name = lc_category_fold(members[i].key);
		requirement->percent = lc_rounded(100 * fraction);
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

LcRules *
lc_rules_read(const LcOption *object, int facts)
{
	LcRules *rules = palloc0(sizeof(LcRules));

	rules->completion = DEFAULT_REQUIRED_COMPLETION;
	if (facts & LC_COMPLETIONS)
	{
		lc_option_number(object, "required_completion", 0, false, 1, &rules->completion);
		rules->completion = lc_rounded(rules->completion);
	}
	if (facts & LC_GRADES)
		read_required_grades(object, rules);
	return rules;
}

LcRules *
lc_step_rules_read(const LcOption *step, int facts)
{
	lc_option_known_keys(step, step_keys, NULL,
						 "A step's options are required_completion and required_grades.");
	return lc_rules_read(step, facts);
}

Oid
lc_source_read(const LcOption *options, char **name)
{
	Oid schema;

	*name = DEFAULT_SOURCE;
	(void) lc_option_text(options, "source", name);
	schema = get_namespace_oid(*name, true);
	if (!OidIsValid(schema))
		lc_option_problem(options, "source", LC_PROBLEM_VALUE, NULL, "there is no schema \"%s\"", *name);
	return schema;
}

int
lc_retrieval_facts(const char *function)
{
	int i;

	for (i = 0; i < (int) lengthof(functions); i++)
		if (strcmp(functions[i].name, function) == 0)
			return functions[i].facts;
	return 0;
}

bool
lc_retrieval_validate(const char *function, const LcOption *options)
{
	char *source;
	LcOption steps;
	LcOption grades;
	bool has_steps = false;
	int facts = lc_retrieval_facts(function);
	int i;

	if (facts == 0)
		return false;

	(void) lc_source_read(options, &source);
	if (lc_option_object(options, "steps", &steps))
	{
		int count;
		LcOption *members = lc_option_members(&steps, &count);

		for (i = 0; i < count; i++)
			if (members[i].value.type != jbvNull && lc_option_is_object(&members[i]))
			{
				(void) lc_step_rules_read(&members[i], facts);
				has_steps = true;
			}
	}
	/* Where there are steps, they may say all that is required. */
	if (has_steps && !lc_option_get(options, "required_grades", &grades))
		facts &= ~LC_GRADES;
	(void) lc_rules_read(options, facts);
	return true;
}
