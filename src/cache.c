/*
 * cache.c
 *		What a backend keeps of assets it has read.
 *
 * The lists are short (a backend uses a handful of assets), so that they are searched from the front.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "cache.h"

typedef struct Hold
{
	MemoryContextCallback callback;
	LcCached *entry;
} Hold;

static void
hold_release(void *argument)
{
	Hold *hold = argument;

	hold->entry->holders--;
}

/* Keeps the entry until the current memory context is reset. */
static void
hold_entry(LcCached *entry)
{
	Hold *hold = palloc(sizeof(Hold));

	hold->entry = entry;
	hold->callback.func = hold_release;
	hold->callback.arg = hold;
	entry->holders++;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &hold->callback);
}

void *
lc_cache_get(LcCache *cache, const uint8 *sha256)
{
	dlist_iter iter;

	dlist_foreach(iter, &cache->entries)
	{
		LcCached *entry = dlist_container(LcCached, node, iter.cur);

		if (memcmp(entry->sha256, sha256, sizeof(entry->sha256)) == 0)
		{
			hold_entry(entry);
			dlist_move_head(&cache->entries, &entry->node);
			return entry;
		}
	}
	return NULL;
}

/* Drops entries that nobody holds until what is left is within the limit. */
static void
evict(LcCache *cache)
{
	dlist_node *node = dlist_is_empty(&cache->entries) ? NULL : dlist_tail_node(&cache->entries);

	while (cache->bytes > cache->max_bytes && node != NULL)
	{
		LcCached *entry = dlist_container(LcCached, node, node);

		node = dlist_has_prev(&cache->entries, node) ? dlist_prev_node(&cache->entries, node) : NULL;
		if (entry->holders > 0)
			continue;
		cache->bytes -= entry->bytes;
		dlist_delete(&entry->node);
		MemoryContextDelete(entry->context);
	}
}

void
lc_cache_put(LcCache *cache, LcCached *entry)
{
	entry->holders = 0;
	hold_entry(entry);
	MemoryContextSetParent(entry->context, CacheMemoryContext);
	dlist_push_head(&cache->entries, &entry->node);
	cache->bytes += entry->bytes;
	evict(cache);
}
