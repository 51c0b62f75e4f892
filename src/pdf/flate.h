/*
 * pdf/flate.h
 *		The filter FlateDecode (zlib, RFC 1950): compressing, and decompressing within bounds.
 */
#ifndef LC_FLATE_H
#define LC_FLATE_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef enum LcInflated
{
	LC_INFLATE_DONE,
	LC_INFLATE_BROKEN,	/* not compressed data */
	LC_INFLATE_TOO_LONG /* more than the limit */
} LcInflated;

/* Appends the data compressed. */
extern void lc_deflate(StringInfo buffer, const void *data, Size length);

/*
 * Decompresses data that are compressed "layers" times over (from 1), no layer of which may be longer than
 * "limit" bytes. What comes out is appended to buffer unless that is NULL. Data that end early are taken
 * as they are, because viewers do so. Handles interrupts; to be called inside a guard.
 */
extern LcInflated lc_inflate(StringInfo buffer, const void *data, Size length, int layers, Size limit);

#endif /* LC_FLATE_H */
