/*
 * retrieval.h
 *		The built-in retrieval functions.
 */
#ifndef LC_RETRIEVAL_H
#define LC_RETRIEVAL_H

#include "options.h"

/*
 * The keys of a retrieval function's options, a list that ends with NULL. NULL when "function" (its
 * name without a schema) is not built in.
 */
extern const char *const *lc_retrieval_keys(const char *function);

/*
 * Reports every problem with the options of a built-in retrieval function that shows without a
 * learning context. Keys of "options" itself are not judged; they may be the generation function's.
 */
extern void lc_retrieval_validate(const char *function, const LcOption *options);

#endif							/* LC_RETRIEVAL_H */
