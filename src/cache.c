/*
 * cache.c
 *		What a backend keeps of assets it has read.
 *
 * The list is short (a backend uses a handful of assets), so that it is searched from the front. An entry is
 * found by its content's hash alone: one whose asset has changed is never served, but takes memory until it
 * is dropped. A change is heard of as an invalidation of the table's relation cache entry, which the trigger of
 * credential_asset sends (asset.c), and which says no more than that something has changed.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "cache.h"
#include "settings.h"

typedef struct Hold
{
	MemoryContextCallback callback;
	LcCached *entry;
} Hold;

static dlist_head entries = DLIST_STATIC_INIT(entries); /* the last used first */
static Size total;										/* their bytes */
static Oid asset_relation = InvalidOid;

static void
drop(LcCached *entry)
{
	total -= entry->bytes;
	dlist_delete(&entry->node);
	MemoryContextDelete(entry->context);
}

/* Entries grow with use: what is sealed once is kept too. */
static void
weigh(LcCached *entry)
{
	total -= entry->bytes;
	entry->bytes = MemoryContextMemAllocated(entry->context, true);
	total += entry->bytes;
}

/* Drops entries that nobody holds until what is left is within the limit. */
static void
evict(void)
{
	Size limit = (Size) lc_cache_size * 1024 * 1024;
	dlist_node *node = dlist_is_empty(&entries) ? NULL : dlist_tail_node(&entries);

	while (total > limit && node != NULL)
	{
		LcCached *entry = dlist_container(LcCached, node, node);

		if (entry->holders == 0)
		{
			drop(entry);
			/* It may have held others, which are gone now: look anew. */
			node = dlist_is_empty(&entries) ? NULL : dlist_tail_node(&entries);
		}
		else
			node = dlist_has_prev(&entries, node) ? dlist_prev_node(&entries, node) : NULL;
	}
}

static void
release(void *argument)
{
	LcCached *entry = ((Hold *) argument)->entry;

	if (--entry->holders > 0)
		return;
	if (entry->is_stale)
		drop(entry);
	else
		weigh(entry);
	evict();
}

/* Keeps the entry until the current memory context is reset. */
static void
hold(LcCached *entry)
{
	Hold *made = palloc(sizeof(Hold));

	made->entry = entry;
	made->callback.func = release;
	made->callback.arg = made;
	entry->holders++;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &made->callback);
}

/* The callback for a changed relation; InvalidOid: any may have changed. */
static void
forget(Datum argument, Oid relation)
{
	dlist_iter iter;
	LcCached *unheld;

	if (OidIsValid(relation) && relation != asset_relation)
		return;
	/* Dropping one may drop others that it held: look anew each time. */
	do
	{
		unheld = NULL;
		dlist_foreach(iter, &entries)
		{
			LcCached *entry = dlist_container(LcCached, node, iter.cur);

			entry->is_stale = true;
			if (entry->holders == 0)
				unheld = entry;
		}
		if (unheld != NULL)
			drop(unheld);
	} while (unheld != NULL);
}

static bool
is_variant(const LcCached *entry, const char *variant)
{
	if (entry->variant == NULL || variant == NULL)
		return entry->variant == variant;
	return strcmp(entry->variant, variant) == 0;
}

void *
lc_cache_get(LcAssetKind kind, const uint8 *sha256, const char *variant)
{
	dlist_iter iter;

	dlist_foreach(iter, &entries)
	{
		LcCached *entry = dlist_container(LcCached, node, iter.cur);

		if (entry->kind == kind && memcmp(entry->sha256, sha256, sizeof(entry->sha256)) == 0 &&
			is_variant(entry, variant))
		{
			hold(entry);
			dlist_move_head(&entries, &entry->node);
			return entry;
		}
	}
	return NULL;
}

void
lc_cache_put(LcCached *entry)
{
	static bool listens = false;

	/* Another one after DROP and CREATE EXTENSION. */
	asset_relation =
		get_relname_relid("credential_asset", get_namespace_oid("learning_credentials", true));
	if (!listens)
	{
		CacheRegisterRelcacheCallback(forget, (Datum) 0);
		listens = true;
	}
	entry->holders = 0;
	entry->is_stale = false;
	entry->bytes = 0;
	hold(entry);
	MemoryContextSetParent(entry->context, CacheMemoryContext);
	dlist_push_head(&entries, &entry->node);
	weigh(entry);
	evict();
}
