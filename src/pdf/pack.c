/*
 * pdf/pack.c
 *		Object streams: what stands in them, and how. Knows nothing of documents.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "pdf/flate.h"
#include "pdf/pack.h"

void
lc_pack_init(LcPack *pack)
{
	initStringInfo(&pack->places);
	initStringInfo(&pack->bodies);
	pack->count = 0;
}

int
lc_pack_add(LcPack *pack, int number, const char *entries, Size length)
{
	char place[2 * 12];
	int end = pg_ltoa(number, place);

	place[end++] = ' ';
	end += pg_ltoa(pack->bodies.len, place + end);
	place[end++] = ' ';
	appendBinaryStringInfo(&pack->places, place, end);
	appendStringInfoString(&pack->bodies, "<<");
	appendBinaryStringInfo(&pack->bodies, entries, (int) length);
	appendStringInfoString(&pack->bodies, ">> ");
	return pack->count++;
}

char *
lc_pack_finish(LcPack *pack, StringInfo buffer)
{
	int first = pack->places.len;

	appendBinaryStringInfo(&pack->places, pack->bodies.data, pack->bodies.len);
	lc_deflate(buffer, pack->places.data, pack->places.len);
	pfree(pack->places.data);
	pfree(pack->bodies.data);
	return psprintf("/Type /ObjStm /N %d /First %d /Filter /FlateDecode", pack->count, first);
}
