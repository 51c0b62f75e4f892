/*
 * retrieval.h
 *		The built-in retrieval functions.
 */
#ifndef LC_RETRIEVAL_H
#define LC_RETRIEVAL_H

#include "options.h"

/*
 * Reports every problem with the options of a built-in retrieval function ("function" is its name
 * without a schema) that shows without a learning context. Top-level keys that are not known are not
 * judged; they may be the generation function's. False when the function is not one of them.
 */
extern bool lc_retrieval_validate(const char *function, const LcOption *options);

#endif							/* LC_RETRIEVAL_H */
