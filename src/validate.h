/*
 * validate.h
 *		What is wrong with options, before anybody's document depends on them.
 */
#ifndef LC_VALIDATE_H
#define LC_VALIDATE_H

#include "postgres.h"

#include "options.h"
#include "utils/jsonb.h"

/* Reports top-level keys that no built-in function knows; the hint is for those that are near to none. */
extern void lc_options_check_keys(const LcOption *root, const char *hint);

/*
 * For when a type or configuration is saved: one WARNING for each asset that is missing and each key that
 * is not known, as far as the functions (schema-qualified names) are built in. Top-level keys are judged
 * only when both are. Raises nothing: what is not yet there may still come.
 */
extern void lc_options_warn(const char *retrieval_func, const char *generation_func, Jsonb *options);

/*
 * May a top-level option, "length" bytes of "key", change what a generation function (schema-qualified)
 * makes? The options of the built-in retrieval functions do not, and the built-in generation function
 * looks at no others than its own.
 */
extern bool lc_option_is_for_document(const char *generation, const char *key, int length);

#endif /* LC_VALIDATE_H */
