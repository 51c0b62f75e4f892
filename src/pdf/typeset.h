/*
 * pdf/typeset.h
 *		Text -> glyphs: shaping, metrics, drawing, embedding of fonts.
 *
 * A document's texts are set in this order:
 *
 *		typesetter = lc_typeset_begin(&content, lc_template_prefix(ground));
 *		line = lc_typeset_line(typesetter, &style, text, strlen(text));		as often as needed
 *		lc_typeset_draw(typesetter, line, size, x, y);						as often as needed
 *		lc_typeset_finish(typesetter, canvas, &resources.fonts);
 *
 * The content may be appended to by others between the calls, but not otherwise changed until
 * lc_typeset_finish(), which fills in the glyphs' codes: they are known only when every glyph is.
 */
#ifndef LC_TYPESET_H
#define LC_TYPESET_H

#include "postgres.h"

#include "asset.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "pdf/canvas.h"
#include "pdf/fontref.h"

typedef struct LcTypesetter LcTypesetter;
typedef struct LcLine LcLine;

/*
 * Is this the name of a built-in font: one of the twelve text fonts that every PDF viewer has
 * ("Helvetica", "Times-BoldItalic", ...)? They show the characters of WinAnsiEncoding (ISO 32000-1,
 * annex D). Names are case-sensitive. A built-in font comes before an asset of the same name.
 */
extern bool lc_font_is_builtin(const char *name);

typedef struct LcTextStyle
{
	List *fonts;		  /* of LcFontRef, in the order in which they are tried */
	double char_space;	  /* points between characters; ligatures are off unless it is 0 */
	const char *language; /* a locale, as "sr" or "tr_TR": forms of letters; NULL: none */
	bool rtl;			  /* is the paragraph set from right to left? */
	const char *path;	  /* the option, for errors */
} LcTextStyle;

/*
 * Starts a document's texts. Everything is allocated in the memory context that is current, which also
 * holds the fonts open until it is reset. "prefix" starts the names of font resources.
 */
extern LcTypesetter *lc_typeset_begin(StringInfo content, const char *prefix);

/*
 * Shapes one line of UTF-8 text. Each stretch of one script is set in the first font that shows all its
 * letters; if none does, each word; if none does, each character. The fallback fonts come last.
 *
 * Line breaks and other control characters have no glyphs and are errors, but a tab is a space. Raises
 * 22P05 (untranslatable_character), naming the character, style->path and the fonts, when neither the
 * fonts nor those of learning_credentials.fallback_fonts show it; what the font's bytes raise
 * (lc_font_check) when it is first used. The style is not kept.
 */
extern LcLine *lc_typeset_line(LcTypesetter *typesetter, const LcTextStyle *style, const char *text,
							   Size length);

/*
 * The line's width in points at a font size: em * size + fixed. "fixed" is the space between characters.
 * The second form is the sum.
 */
extern void lc_typeset_extent(const LcLine *line, double *em, double *fixed);
extern double lc_typeset_width(const LcLine *line, double size);

/*
 * Draws the line with the left end of its baseline at (x, y), all in points: appends one BT ... ET to the
 * content. The fill colour is the caller's.
 */
extern void lc_typeset_draw(LcTypesetter *typesetter, const LcLine *line, double size, double x,
							double y);

/*
 * Adds the fonts that were drawn with to the canvas, cut to the glyphs drawn, and their names to
 * font_resources ("/LcF1 12 0 R "); fills the codes into the content. The typesetter cannot be used
 * afterwards.
 */
extern void lc_typeset_finish(LcTypesetter *typesetter, LcCanvas *canvas, StringInfo font_resources);

/*
 * Is this a font that can be embedded, or a collection of such: TrueType or OpenType, sound, with outlines
 * (glyf or CFF, not CFF2 or bitmaps alone), not coloured, and with leave to embed (OS/2 fsType)? Raises 22023
 * or 54000.
 */
extern void lc_font_check(const uint8 *data, Size length);

#endif /* LC_TYPESET_H */
