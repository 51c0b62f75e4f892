/*
 * pdf/fontref.h
 *		Fonts as options and settings name them.
 *
 * "Helvetica" is a built-in font, "noto-sans" the font in an asset, "noto-cjk#2" a font of a collection,
 * counted from 0, and {"slug": "inter", "wght": 600} an instance of a variable font.
 */
#ifndef LC_FONTREF_H
#define LC_FONTREF_H

#include "postgres.h"

#include "asset.h"
#include "nodes/pg_list.h"
#include "options.h"

/* An axis of a variable font, and the values that it takes (OpenType specification, fvar). */
typedef struct LcFontAxis
{
	char tag[5]; /* "wght" */
	double min;
	double initial;
	double max;
} LcFontAxis;

/* What an axis is set to. */
typedef struct LcAxisValue
{
	char tag[5];
	double value;
} LcAxisValue;

typedef struct LcFontRef
{
	const char *name;	  /* as it was named, without axes */
	const LcAsset *asset; /* NULL: a built-in font */
	int index;			  /* of the font in a collection, from 0 */
	int axis_count;		  /* axes that are not set have their initial value */
	LcAxisValue *axes;
	const char *variant; /* index and axes as a text: the same for the same font of the asset */
} LcFontRef;

/*
 * Reads a font or a list of them, each with its asset: a list of LcFontRef, palloc'd; NIL when the key is
 * absent. What does not fit is a problem, also a number or axis that the asset's font does not have, for
 * which its file is opened; raises what that raises.
 */
extern List *lc_font_refs_read(const LcOption *object, const char *key);

/*
 * The font that an element of a setting names, palloc'd: a built-in one, "slug" or "slug#2". Raises 42704
 * when there is none.
 */
extern LcFontRef *lc_font_ref_of_setting(const char *name, const char *setting);

/* ---- font.c ---- */

/* How many fonts there are in an asset. Raises what lc_font_get() raises, with "path" as context. */
extern int lc_font_count(const LcAsset *asset, const char *path);

/*
 * The axes of a font, *count of them: none, unless it is a variable font. They are valid as long as the
 * memory context that is current in the call. Raises what lc_font_get() raises.
 */
extern const LcFontAxis *lc_font_axes(const LcFontRef *ref, const char *path, int *count);

#endif /* LC_FONTREF_H */
