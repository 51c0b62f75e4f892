/*
 * cache.h
 *		What a backend keeps of assets it has read, by the SHA-256 of their content.
 *
 * An entry starts with an LcCached and lives in a memory context of its own, together with the owners of
 * its foreign handles, if any. Whoever gets an entry holds it until the memory context that is current
 * then is reset. Entries that nobody holds are dropped, the longest unused first, while all together are
 * larger than learning_credentials.cache_size; all of them when an asset is changed or deleted, by whomever.
 */
#ifndef LC_CACHE_H
#define LC_CACHE_H

#include "postgres.h"

#include "lib/ilist.h"

#include "asset.h"

typedef struct LcCached
{
	LcAssetKind kind;
	uint8 sha256[32];
	const char
		*variant; /* what else it was made by, such as the number in a collection; NULL: nothing */
	MemoryContext context; /* holds the entry */
	Size bytes;			   /* of that context and those below it; kept by cache.c, as what follows */
	int holders;
	bool is_stale; /* to be dropped when nobody holds it any more */
	dlist_node node;
} LcCached;

/* The entry, held by the current memory context; NULL when there is none. */
extern void *lc_cache_get(LcAssetKind kind, const uint8 *sha256, const char *variant);

/*
 * Takes over an entry, and its context, of which "kind", "sha256", "variant" and "context" are set; holds it
 * for the current memory context, which must not be the entry's.
 */
extern void lc_cache_put(LcCached *entry);

#endif /* LC_CACHE_H */
