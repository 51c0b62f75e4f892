/*
 * pdf/scan.h
 *		Looks at the bytes of a foreign PDF, before or without a library that understands them.
 */
#ifndef LC_SCAN_H
#define LC_SCAN_H

#include "postgres.h"

typedef enum LcObjectsScan
{
	LC_OBJECTS_SOUND,
	LC_OBJECTS_COMPRESSED_TWICE,
	LC_OBJECTS_OVERLAP
} LcObjectsScan;

/*
 * Looks at every place where a library could find an object, whatever seems to be around it. Object streams
 * and cross-reference streams are what libqpdf decompresses on its own, in a call that cannot be
 * interrupted: one compression is bounded by the memory it may take, but two, one in the other, can take
 * hours without taking memory. Handles interrupts.
 */
extern LcObjectsScan lc_scan_objects(const uint8 *data, Size length);

/* What a content stream leaves open. */
typedef struct LcBalance
{
	int states;					/* q without Q */
	int marks;					/* BDC or BMC without EMC */
	bool text;					/* BT without ET */
	bool broken;				/* Q without q, or it ends amid something */
} LcBalance;

extern LcBalance lc_scan_content(const char *content, Size length);

#endif							/* LC_SCAN_H */
