/*
 * judge.h
 *		Judges users by the facts about them, as the facts pass by.
 */
#ifndef LC_JUDGE_H
#define LC_JUDGE_H

#include "postgres.h"

#include "tcop/dest.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "requirement.h"
#include "sieve.h"

/*
 * The columns of a row of facts. A row is about a user, a step (from 1) and, unless NULL, a category
 * there. The rows of a user follow each other.
 */
typedef enum LcFactColumn
{
	LC_COLUMN_USER = 1,
	LC_COLUMN_STEP,
	LC_COLUMN_COMPLETION,
	LC_COLUMN_COMPLETED_AT,
	LC_COLUMN_CATEGORY,
	LC_COLUMN_EARNED,
	LC_COLUMN_POSSIBLE,
	LC_COLUMN_GRADED_AT
} LcFactColumn;

/* A category of a course: one that is in its policy, or required, or both. */
typedef struct LcCategory
{
	char *name;		/* in lower case */
	char *spelling; /* as in the policy; NULL: not in the policy */
	double weight;
	const LcRequirement *required; /* NULL: not required */
	/* of the user at hand */
	bool graded;
	double earned;
	double possible;
	TimestampTz graded_at;
	double grade; /* in percent */
} LcCategory;

typedef struct LcStep
{
	char *course_key;
	const LcRequirement *required_total; /* NULL: not required */
	LcCategory *categories;
	int category_count;
	double required_completion;
	JsonbValue required_completion_value; /* both as details show them */
	JsonbValue required_grades_value;
	/* of the user at hand */
	bool listed;
	double completion;
	TimestampTz completed_at;
	double total; /* in percent */
} LcStep;

/* Receives rows of facts, judges, and fills a tuplestore. */
typedef struct LcJudge
{
	DestReceiver receiver; /* must be first */
	int facts;
	bool is_path;
	LcStep *steps;
	int step_count;
	bool has_user;
	int64 user_id;
	MemoryContext user_context; /* what is made for one user */
	LcSieve *sieve;				/* NULL: every row is wanted */
	TupleDesc desc;
	Tuplestorestate *result;
} LcJudge;

/* Makes a receiver of rows of one that is zero but for its facts, steps, sieve and result. */
extern void lc_judge_begin(LcJudge *judge);

/* Judges the user whose rows have all been seen, if any, and adds the result's row if it is wanted. */
extern void lc_judge_finish(LcJudge *judge);

/* A category of a step by its name in lower case; NULL: there is none. */
extern LcCategory *lc_step_category(const LcStep *step, const char *name);

/* What is required in a step, as details will show it. */
extern void lc_step_require(LcStep *step, const LcRules *rules);

/* What is required, as the details of a user show it: of a Learning Path, in each step. Palloc'd. */
extern Jsonb *lc_judge_requirements(const LcJudge *judge);

#endif /* LC_JUDGE_H */
