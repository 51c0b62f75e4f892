/*
 * pdf/scan.h
 *		Looks at a content stream (ISO 32000-1, 7.8.2).
 */
#ifndef LC_SCAN_H
#define LC_SCAN_H

#include "postgres.h"

/* What a content stream leaves open, and which marks it uses. */
typedef struct LcBalance
{
	int states;	 /* q without Q */
	int marks;	 /* BDC or BMC without EMC */
	bool text;	 /* BT without ET */
	int marked;	 /* one more than the highest /MCID; */
	bool broken; /* Q without q, or it ends amid something */
} LcBalance;

extern LcBalance lc_scan_content(const char *content, Size length);

#endif /* LC_SCAN_H */
