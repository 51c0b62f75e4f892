/*
 * shortfall.h
 *		By how much somebody is not eligible, from the details of the built-in retrieval functions.
 */
#ifndef LC_SHORTFALL_H
#define LC_SHORTFALL_H

#include "utils/jsonb.h"

/*
 * What is missing by the details of a user who is not eligible; palloc'd. NULL: they say nothing of what
 * is required, as those of other people's functions. "steps" are the course keys of a Learning Path; a step
 * in which the details do not list the user is missing altogether, and is null.
 */
extern Jsonb *lc_shortfall(Jsonb *details, char *const *steps, int step_count);

#endif /* LC_SHORTFALL_H */
