/*
 * options.h
 *		Options: the deep merge, and typed reading with the path in every error.
 *
 * Whoever reads options says what is expected; what does not fit is a problem. The same reading code
 * makes documents, where the first problem is an error, and validates, where problems are collected.
 */
#ifndef LC_OPTIONS_H
#define LC_OPTIONS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "asset.h"

/* base with override laid over it (merge_options() in SQL); palloc'd, or one of the two. */
extern Jsonb *lc_options_merge(Jsonb *base, Jsonb *override);

/* ---- problems ---- */

typedef enum LcProblemKind
{
	LC_PROBLEM_VALUE, /* a value of the wrong type, out of range, missing, contradictory */
	LC_PROBLEM_LIMIT, /* more than a setting allows; as an error 54000, the others are 22023 */
	LC_PROBLEM_KEY,	  /* a key that is not known */
	LC_PROBLEM_ASSET  /* an asset that is not there, or is of another kind */
} LcProblemKind;

typedef struct LcProblem
{
	LcProblemKind kind;
	char *message; /* with its path, without a full stop: the error's message */
	char *hint;	   /* a sentence; NULL: none */
} LcProblem;

/* Where problems go: { .collect = true } collects them, else the first is raised. */
typedef struct LcProblems
{
	bool collect;
	List *list; /* of LcProblem, in the order found */
} LcProblems;

/* ---- places ---- */

/*
 * A value and where it stands. Paths are made only for errors: a place knows its key and its parent,
 * which must live as long as it does.
 */
typedef struct LcOption
{
	LcProblems *problems;
	const struct LcOption *parent; /* NULL: the options themselves */
	const char *key;			   /* in an object; NULL: in an array */
	int index;					   /* in an array, from 0 */
	JsonbValue value;
} LcOption;

/* The options themselves. False, with a problem, when they are no object. */
extern bool lc_options_begin(LcOption *root, Jsonb *options, LcProblems *problems);

/* The path of a place, palloc'd: "text_elements.name.size", "images[0].x". */
extern char *lc_option_path(const LcOption *option);

/*
 * Reports a problem with a place (and, when key is not NULL, with that key in it): "PATH: FORMAT...".
 * Returns only when problems are collected. hint is a sentence or NULL.
 */
extern void lc_option_problem(const LcOption *option, const char *key, LcProblemKind kind,
							  const char *hint, const char *format, ...) pg_attribute_printf(5, 6);

/* ---- typed reading ---- */

/*
 * Each reads a key of an object. They return false and leave the result alone when the key is absent,
 * null (which stands for absent, so that a configuration can take back what its type sets), or not as
 * expected; in the last case they report a problem first. Texts are palloc'd.
 */
extern bool lc_option_get(const LcOption *object, const char *key, LcOption *option);
extern bool lc_option_object(const LcOption *object, const char *key, LcOption *option);
extern bool lc_option_array(const LcOption *object, const char *key, LcOption *option);
extern bool lc_option_text(const LcOption *object, const char *key, char **text);
extern bool lc_option_bool(const LcOption *object, const char *key, bool *value);
/* A number from min to max; above_min: min itself is not allowed. */
extern bool lc_option_number(const LcOption *object, const char *key, double min, bool above_min,
							 double max, double *value);
/* One of a list of words that ends with NULL, in any letter case; *word is its position in the list. */
extern bool lc_option_word(const LcOption *object, const char *key, const char *const *words, int *word);

/* The same for a value already in hand, for example an element of an array. */
extern bool lc_option_is_object(const LcOption *option);
extern bool lc_option_is_text(const LcOption *option, char **text);

/* "expected EXPECTED, not VALUE" as a problem with a value. */
extern void lc_option_unexpected(const LcOption *option, const char *expected);

/* Reports that a key is missing that must be there. */
extern void lc_option_missing(const LcOption *object, const char *key);

/* The members of an object in order of key, or the elements of an array; *count of them, palloc'd. */
extern LcOption *lc_option_members(const LcOption *container, int *count);

/*
 * Reports every key of an object that is in none of the lists, each of which ends with NULL; the hint
 * names the nearest known key. "more" may be NULL. "hint" is given when no key is near.
 */
extern void lc_option_known_keys(const LcOption *object, const char *const *keys,
								 const char *const *more, const char *hint);

/* The asset whose slug this text is; NULL, with a problem, when there is none of this kind. */
extern LcAsset *lc_option_asset(const LcOption *option, const char *slug, LcAssetKind kind);

#endif /* LC_OPTIONS_H */
