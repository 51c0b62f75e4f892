/*
 * pdf/fontfile.h
 *		Font files: what they hold, and whether it can be embedded.
 */
#ifndef LC_FONTFILE_H
#define LC_FONTFILE_H

#include "postgres.h"

/* What a font in a file is. */
typedef struct LcFontFacts
{
	const uint8 *head;	   /* its table "head", in the file */
	const uint8 *outlines; /* its outlines, which fonts of a collection may share */
	bool is_cff;		   /* else TrueType */
	bool whole;			   /* must not be cut (OS/2 fsType) */
} LcFontFacts;

/*
 * How many fonts the file holds: one, unless it is a collection. Raises 22023 when it is no font, 54000
 * when a collection has too many.
 */
extern int lc_font_file_count(const uint8 *data, Size length);

/*
 * Looks at a font of the file, counted from 0, less than lc_font_file_count(): do its tables lie within the
 * file, are those there that we need, has it outlines of a kind that documents can hold, does it allow to be
 * embedded? Raises 22023 when not.
 */
extern void lc_font_file_check(const uint8 *data, Size length, int index, LcFontFacts *facts);

#endif /* LC_FONTFILE_H */
