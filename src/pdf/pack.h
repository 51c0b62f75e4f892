/*
 * pdf/pack.h
 *		Object streams (ISO 32000-1, 7.5.7): dictionaries that are compressed, and sealed, as one.
 */
#ifndef LC_PACK_H
#define LC_PACK_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct LcPack
{
	StringInfoData places; /* the objects' numbers, and where in the bodies they start */
	StringInfoData bodies;
	int count;
} LcPack;

/* An empty pack; its memory is of the current context. */
extern void lc_pack_init(LcPack *pack);

/*
 * Adds an object: a dictionary, of which "entries" is what stands between << and >>. Strings are not sealed:
 * the pack is. Returns the object's place in the pack, from 0.
 */
extern int lc_pack_add(LcPack *pack, int number, const char *entries, Size length);

/*
 * Appends the stream's data to buffer, compressed and not sealed; returns the entries of its dictionary
 * without /Length, palloc'd. The pack cannot be used afterwards.
 */
extern char *lc_pack_finish(LcPack *pack, StringInfo buffer);

#endif /* LC_PACK_H */
