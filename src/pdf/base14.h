/*
 * pdf/base14.h
 *		The built-in fonts: the twelve text fonts of the fourteen that every PDF viewer has (ISO 32000-1,
 *		9.6.2.2), with the characters of WinAnsiEncoding.
 */
#ifndef LC_BASE14_H
#define LC_BASE14_H

#include "postgres.h"

typedef struct LcBuiltin
{
	const char *name;	  /* as in PDF, "Times-Roman" */
	const uint16 *widths; /* of the codes from 32 to 255; NULL: all are 600 */
} LcBuiltin;

/* The font with this name, in this letter case; NULL: none. */
extern const LcBuiltin *lc_builtin_find(const char *name);

/* The WinAnsi code of a Unicode character; 0: none. Other spaces than U+0020 share its code. */
extern int lc_builtin_code(uint32 character);

/* The width of a code in thousandths of the font size. */
extern int lc_builtin_width(const LcBuiltin *font, int code);

#endif /* LC_BASE14_H */
