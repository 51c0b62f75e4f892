/*
 * pdf/font.h
 *		Fonts that are assets: opened, measured, cut and embedded.
 */
#ifndef LC_FONT_H
#define LC_FONT_H

#include "postgres.h"

#include <hb.h>

#include "cache.h"
#include "pdf/canvas.h"
#include "pdf/fontref.h"

typedef struct LcFont
{
	LcCached cached;
	char name[64];		 /* its PostScript name, fit for PDF */
	hb_blob_t *blob;	 /* the file */
	hb_face_t *face;	 /* all of it: for shaping */
	hb_font_t *font;	 /* at a scale of units_per_em */
	hb_face_t *outlines; /* only what is embedded: for cutting */
	int units_per_em;
	bool is_cff;	  /* else TrueType */
	bool whole;		  /* must not be cut (OS/2 fsType) */
	char *descriptor; /* entries of the font descriptor but for name and file */
	LcFontAxis *axes; /* of a variable font */
	int axis_count;
} LcFont;

/*
 * A font of an asset, opened if this backend has not done that yet; an instance of a variable font is made
 * then. Stays open as long as the memory context that is current in the call. The reference's number and
 * axes are those of the asset's font. Raises what lc_font_check() raises, with "path" as context.
 */
extern const LcFont *lc_font_get(const LcFontRef *ref, const char *path);

/* The advance width of a glyph in thousandths of the font size, as it is written to the document. */
extern int lc_font_advance(const LcFont *font, hb_codepoint_t glyph);

/* ---- fontcut.c ---- */

/*
 * Sets the axes of a font being opened: for shaping, in its name, and in its outlines, to which the tables
 * have been added that say how they vary. Raises 22023 when they cannot be read.
 */
extern void lc_font_make_instance(LcFont *font, const LcFontRef *ref);

/* What of a font goes into a document. */
typedef struct LcFontCut
{
	uint8 *data; /* the font program, palloc'd */
	Size length;
	uint16 *codes;	/* the code of each of the glyphs asked for, palloc'd */
	char name[80];	/* of the font in the document */
	int descriptor; /* number of the FontDescriptor, once embedded */
} LcFontCut;

/* Cuts the font to these glyphs and those they are made of. */
extern void lc_font_cut(const LcFont *font, const hb_codepoint_t *glyphs, int count, LcFontCut *cut);

/*
 * Adds the cut font's program, descriptor and CIDFont (ISO 32000-1, 9.7.4) to the canvas; returns the
 * number of the latter, and notes the descriptor's.
 */
extern int lc_font_embed(LcCanvas *canvas, const LcFont *font, const hb_codepoint_t *glyphs, int count,
						 LcFontCut *cut);

#endif /* LC_FONT_H */
