/*
 * requirement.h
 *		What the options of the built-in retrieval functions demand.
 */
#ifndef LC_REQUIREMENT_H
#define LC_REQUIREMENT_H

#include "options.h"

/* What a function judges by; bits. */
#define LC_COMPLETIONS 1
#define LC_GRADES 2

/* The name that stands for the weighted sum among required grades. */
#define LC_TOTAL "total"

/* What options demand: completion in 0..1, grades in percent, names of categories in lower case. */
typedef struct LcRequirement
{
	char *name;
	double percent;
} LcRequirement;

typedef struct LcRules
{
	double completion;
	LcRequirement *grades; /* the total among them */
	int grade_count;
} LcRules;

/*
 * What is compared and shown: nine decimals. So 0.1 + 0.2 reaches 0.3, and 100 * 0.57 reaches 57,
 * whatever the last bits of the floating-point numbers are.
 */
extern double lc_rounded(double value);

/* The name of a category in lower case, palloc'd: letter case makes no difference in them. */
extern char *lc_category_fold(const char *name);

/* The schema that holds the facts, and its name; a problem when there is none. */
extern Oid lc_source_read(const LcOption *options, char **name);

/* What an object, the options or those of a step, demands; palloc'd. */
extern LcRules *lc_rules_read(const LcOption *object, int facts);

/* The same for the option object of one step, which stands for the whole of the options there. */
extern LcRules *lc_step_rules_read(const LcOption *step, int facts);

/* What a built-in retrieval function judges by ("function" is its name without a schema); 0: it is none. */
extern int lc_retrieval_facts(const char *function);

/*
 * Reports every problem with the options of a built-in retrieval function ("function" is its name
 * without a schema) that shows without a learning context. Top-level keys that are not known are not
 * judged; they may be the generation function's. False when the function is not one of them.
 */
extern bool lc_retrieval_validate(const char *function, const LcOption *options);

#endif /* LC_REQUIREMENT_H */
