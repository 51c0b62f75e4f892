/*
 * pdf/line.h
 *		What the typesetter's parts share: fonts in use, shaped lines.
 *
 *		typeset.c	chooses fonts and cuts lines into runs
 *		shape.c		shapes a run
 *		show.c		draws lines and finishes fonts
 *		hidden.c	writes down what right-to-left runs say
 */
#ifndef LC_LINE_H
#define LC_LINE_H

#include "postgres.h"

#include <hb.h>

#include "lib/stringinfo.h"
#include "compat.h"
#include "pdf/base14.h"
#include "pdf/font.h"
#include "pdf/itemize.h"
#include "pdf/typeset.h"

/* A glyph of a font standing for a text. */
typedef struct LcGlyphUse
{
	hb_codepoint_t glyph;
	const char *text;
	int text_length;
	int layer; /* how many uses of the glyph were there before */
	int next;  /* the next use of the glyph; -1: none */
} LcGlyphUse;

/* A font that texts of the document name. */
typedef struct LcFontUse
{
	const char *name;		  /* as in options */
	const LcBuiltin *builtin; /* this, or the next */
	const LcFont *font;
	int number; /* of its resource; 0: not drawn with */
	LcGlyphUse *uses;
	int use_count;
	int use_capacity;
	int *first_use;	 /* by glyph; -1: none */
	int glyph_count; /* different glyphs drawn */
	int layers;
} LcFontUse;

/* A place in the content where a glyph's code is to be filled in: four hexadecimal digits. */
typedef struct LcGap
{
	int offset;
	int font;
	hb_codepoint_t glyph;
} LcGap;

/* A character that is there for readers alone, and its width in thousandths of the font size. */
typedef struct LcHidden
{
	uint32 character;
	int width;
} LcHidden;

struct LcTypesetter
{
	MemoryContextCallback callback;
	MemoryContext context;
	StringInfo content;
	const char *prefix;
	hb_buffer_t *buffer;
	LcFontUse *fonts;
	int font_count;
	int font_capacity;
	int drawn_fonts;
	int *fallbacks; /* fonts of learning_credentials.fallback_fonts; NULL: not read yet */
	int fallback_count;
	LcGap *gaps;
	int gap_count;
	int gap_capacity;
	LcHidden *hidden; /* code - 1 -> the character */
	int hidden_count;
	int hidden_capacity;
	int hidden_font; /* whose program their font borrows; valid if there are any */
};

/* A shaped glyph, or the code of a built-in font. Lengths are of the em. */
typedef struct LcGlyph
{
	hb_codepoint_t glyph;
	int start; /* the characters that it stands for: none if it is not the first */
	int end;   /* of its cluster */
	double advance;
	double x_offset;
	double y_offset;
	bool space_after; /* does char_space follow? */
} LcGlyph;

typedef struct LcRun
{
	int start; /* characters */
	int end;
	int font;
	int level;
	LcGlyph *glyphs; /* from left to right */
	int glyph_count;
	double advance; /* of all, in em */
	int spaces;		/* how many have space_after */
} LcRun;

struct LcLine
{
	const char *text; /* the typesetter's copy */
	LcChar *chars;
	int char_count;
	LcRun *runs; /* from left to right */
	int run_count;
	double em;
	double fixed;
	double char_space;
};

/* The characters of a cluster, from start to end, as the code of a built-in font; 0: it has none. */
extern int lc_cluster_code(const LcChar *chars, int start, int end);

/* Where the cluster that starts here ends: a character and what extends it. */
extern int lc_cluster_end(const LcChar *chars, int start, int end);

/*
 * Shapes a run: fills its glyphs. Raises 22P05 as lc_typeset_line() does when the font turns out not to
 * show a character.
 */
extern void lc_shape_run(LcTypesetter *typesetter, const LcTextStyle *style, const LcLine *line,
						 LcRun *run);

/* Notes where char_space goes; is_last: is the run the last of the line, from left to right? */
extern void lc_space_run(const LcLine *line, LcRun *run, bool is_last);

/* What a code of two bytes stands for. */
typedef struct LcCodeText
{
	uint16 code;
	const char *text; /* UTF-8 */
	int length;
} LcCodeText;

/* ---- show.c ---- */

/* Adds the /ToUnicode stream of these codes, which ascend, to the canvas; returns its number. */
extern int lc_add_to_unicode(LcCanvas *canvas, const LcCodeText *codes, int count);

/* ---- hidden.c ---- */

/*
 * Appends the characters of a right-to-left run, not to be seen, each in a part of the room that its glyphs
 * take; the run's left end is at (x, y). Raises 54000 when the document has too many.
 */
extern void lc_hide_run(LcTypesetter *typesetter, const LcLine *line, const LcRun *run, double size,
						double x, double y);

/*
 * Adds the font of the hidden characters, if there are any, and its name to font_resources. "base_font" and
 * "descriptor" are of the cut hidden_font.
 */
extern void lc_hidden_finish(const LcTypesetter *typesetter, LcCanvas *canvas, const char *base_font,
							 int descriptor, StringInfo font_resources);

/* Raises 22P05: no font of the style, or to fall back on, shows the character. */
pg_noreturn extern void lc_missing_glyph(LcTypesetter *typesetter, const LcTextStyle *style,
										 uint32 character);

#endif /* LC_LINE_H */
