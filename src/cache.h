/*
 * cache.h
 *		What a backend keeps of assets it has read, by the SHA-256 of their content.
 *
 * An entry starts with an LcCached and lives in a memory context of its own, together with the owners of
 * its foreign handles, if any. Whoever gets an entry holds it until the memory context that is current
 * then is reset; beyond its limit a cache drops the entries that nobody holds, the longest unused first.
 */
#ifndef LC_CACHE_H
#define LC_CACHE_H

#include "postgres.h"

#include "lib/ilist.h"

typedef struct LcCached
{
	uint8 sha256[32];
	MemoryContext context;		/* holds the entry */
	Size bytes;					/* about the memory it takes */
	int holders;
	dlist_node node;
} LcCached;

typedef struct LcCache
{
	Size max_bytes;
	Size bytes;
	dlist_head entries;			/* the last used first */
} LcCache;

/* An empty cache, as in "static LcCache fonts = LC_CACHE(fonts, 64 * 1024 * 1024);". */
#define LC_CACHE(name, max) { (max), 0, DLIST_STATIC_INIT((name).entries) }

/* The entry, held by the current memory context; NULL when there is none. */
extern void *lc_cache_get(LcCache *cache, const uint8 *sha256);

/*
 * Takes over an entry that is complete but for "holders" and "node", and its context; holds it for the
 * current memory context, which must not be the entry's.
 */
extern void lc_cache_put(LcCache *cache, LcCached *entry);

#endif							/* LC_CACHE_H */
