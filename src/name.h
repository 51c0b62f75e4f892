/*
 * name.h
 *		Are two names the same?
 */
#ifndef LC_NAME_H
#define LC_NAME_H

#include "postgres.h"

/*
 * Are two names (in the encoding of the database) the same to a person who reads them? Upper case, accents,
 * spaces and punctuation do not count, nor does the order of the words. Names of which nothing is left are
 * the same as none. The time that it takes depends on each name, and not on whether they are the same.
 */
extern bool lc_same_name(const char *name, const char *other);

#endif /* LC_NAME_H */
