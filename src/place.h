/*
 * place.h
 *		Sources, each as the role that reads it: who is there, and what they may see.
 */
#ifndef LC_PLACE_H
#define LC_PLACE_H

#include "nodes/pg_list.h"

#include "answer.h"

/* A source as a configuration reads it. */
typedef struct LcPlace
{
	const char *source;
	const char *run_as; /* NULL: the extension's owner */
} LcPlace;

/* The built-in source, read as the extension's owner: what is known without any configuration. */
extern const LcPlace lc_default_place;

/* Every place that a configuration reads, and the default place; of LcPlace, palloc'd. */
extern List *lc_all_places(void);

extern bool lc_same_place(const LcPlace *a, const LcPlace *b);

/*
 * Does the place show the context to the user? A place that cannot be read shows nothing, and the server's
 * log says why.
 */
extern bool lc_place_shows(const LcPlace *place, const char *context_key, int64 user_id);

/*
 * Whom a caller asks about: without a username the caller; with one, for staff, the user whom the places
 * (of LcPlace) know by it; for others only themselves. "user_id" is the caller and becomes that user. NULL,
 * or why not.
 *
 * These functions are called with the owner's identity, inside a SPI connection.
 */
extern const LcRefusal *lc_choose_user(const List *places, const char *username, bool staff,
									   int64 *user_id);

#endif /* LC_PLACE_H */
