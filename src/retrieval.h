/*
 * retrieval.h
 *		What a configuration requires of everybody.
 */
#ifndef LC_RETRIEVAL_H
#define LC_RETRIEVAL_H

#include "utils/jsonb.h"

#include "definition.h"

/*
 * What a configuration's retrieval function requires, in the form of its details and without a user,
 * palloc'd; NULL: the function is none of the built-in ones, and what it requires is not known. Reads the
 * source as the configuration's role. Called with the owner's identity, inside a SPI connection. Errors:
 * those of the function for options that do not fit.
 */
extern Jsonb *lc_requirements(const LcConfiguration *configuration);

#endif /* LC_RETRIEVAL_H */
