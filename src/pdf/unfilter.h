/*
 * pdf/unfilter.h
 *		The filters of streams but for FlateDecode and those of images.
 */
#ifndef LC_UNFILTER_H
#define LC_UNFILTER_H

#include "postgres.h"

#include "pdf/flate.h"

/* Does this module undo a filter, given with its slash? Does what it undoes grow without bound? */
extern bool lc_can_unfilter(const char *filter);
extern bool lc_unfilter_expands(const char *filter);

/*
 * Undoes a filter of lc_can_unfilter(). What comes out, at most "limit" bytes, is appended to buffer unless that
 * is NULL. "early" is LZWDecode's parameter EarlyChange, which is true unless said otherwise. Data that end
 * early are taken as they are, because viewers do so. Handles interrupts; to be called inside a guard.
 */
extern LcInflated lc_unfilter(StringInfo buffer, const char *filter, bool early, const void *data,
							  Size length, Size limit);

#endif /* LC_UNFILTER_H */
