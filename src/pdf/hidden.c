/*
 * pdf/hidden.c
 *		What right-to-left runs say, for readers: characters that are there and cannot be seen.
 *
 * Readers take text from right to left off the page from left to right, and turn it round: the only order in
 * which they take it off rightly is that of its characters as they stand, one by one. Glyphs stand for
 * several characters, and characters for several glyphs, in Arabic nearly always. So the glyphs of such a run
 * say nothing, and its characters, one code each, are put over them with text rendering mode 3 (ISO 32000-1,
 * table 106), as programs do that put text over scanned pages.
 *
 * Each character takes an equal part of the room of the cluster that it belongs to, which is what is
 * highlighted when it is selected. All hidden characters of a document are of one font, whose widths are
 * these parts. It has the program of a font that the document has anyway; its glyphs do not matter. (A CFF
 * program has none for most of these codes, which then show its glyph 0.)
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"

#include "pdf/line.h"
#include "pdf/syntax.h"

/* Codes are numbers from 1 that take two bytes. */
#define MAX_HIDDEN 65535

/* Bytes of a character in UTF-8. */
#define MAX_UTF8 4

/* The fewest thousandths that a character takes, so that the order is never in doubt. */
#define LEAST_WIDTH 1

/* Gives the characters from start to end, which are written, equal parts of a width. */
static void
share_width(const LcLine *line, int start, int end, double width, double *widths)
{
	int count = 0;
	int i;

	for (i = start; i < end; i++)
		if (!line->chars[i].is_bidi_control)
			count++;
	for (i = start; i < end; i++)
		widths[i] = Max(width / Max(count, 1), LEAST_WIDTH);
}

/* The widths of a run's characters in thousandths of the size, from run->start on; palloc'd. */
static double *
character_widths(const LcLine *line, const LcRun *run, double size)
{
	double *widths = palloc_extended(sizeof(double) * (run->end - run->start), MCXT_ALLOC_HUGE);
	double *by_character = widths - run->start;
	int start = run->start; /* of the cluster, with the marks on it */
	double width = 0;
	int i;

	/* In the order of the text. */
	for (i = run->glyph_count - 1; i >= 0; i--)
	{
		const LcGlyph *glyph = &run->glyphs[i];

		if (glyph->end > glyph->start && glyph->start > start && !line->chars[glyph->start].extends)
		{
			share_width(line, start, glyph->start, width, by_character);
			start = glyph->start;
			width = 0;
		}
		width += glyph->advance * 1000;
		if (glyph->space_after)
			width += line->char_space * 1000 / size;
	}
	share_width(line, start, run->end, width, by_character);
	return widths;
}

/* The code of one more hidden character. */
static int
add_hidden(LcTypesetter *typesetter, uint32 character, int width)
{
	if (typesetter->hidden_count == typesetter->hidden_capacity)
	{
		typesetter->hidden_capacity = Max(64, 2 * typesetter->hidden_capacity);
		typesetter->hidden = typesetter->hidden == NULL
			? palloc(sizeof(LcHidden) * typesetter->hidden_capacity)
			: repalloc(typesetter->hidden, sizeof(LcHidden) * typesetter->hidden_capacity);
	}
	if (typesetter->hidden_count == MAX_HIDDEN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a document can have at most %d characters from right to left", MAX_HIDDEN)));
	typesetter->hidden[typesetter->hidden_count].character = character;
	typesetter->hidden[typesetter->hidden_count].width = width;
	return ++typesetter->hidden_count;
}

void
lc_hide_run(LcTypesetter *typesetter, const LcLine *line, const LcRun *run, double size, double x,
			double y)
{
	StringInfo content = typesetter->content;
	double *widths = character_widths(line, run, size);
	double wanted = 0;
	int pen = 0; /* the same in whole thousandths */
	int i;

	if (typesetter->hidden_count == 0)
		typesetter->hidden_font = run->font;
	appendStringInfo(content, "/%sHidden ", typesetter->prefix);
	lc_pdf_number(content, size);
	appendStringInfoString(content, " Tf 3 Tr 1 0 0 1 ");
	lc_pdf_numbers(content, 2, x, y);
	appendStringInfoString(content, "Tm <");
	for (i = run->end - 1; i >= run->start; i--)
	{
		int width;

		if (line->chars[i].is_bidi_control)
			continue;
		wanted += widths[i - run->start];
		width = Max((int) rint(wanted) - pen, LEAST_WIDTH);
		pen += width;
		appendStringInfo(content, "%04X", add_hidden(typesetter, line->chars[i].character, width));
	}
	appendStringInfoString(content, "> Tj 0 Tr\n");
	pfree(widths);
}

/* The /ToUnicode stream of the hidden characters; its number. */
static int
add_to_unicode(const LcTypesetter *typesetter, LcCanvas *canvas)
{
	int count = typesetter->hidden_count;
	LcCodeText *codes = palloc(sizeof(LcCodeText) * count);
	char(*texts)[MAX_UTF8] = palloc(MAX_UTF8 * count);
	int i;

	for (i = 0; i < count; i++)
	{
		(void) unicode_to_utf8(typesetter->hidden[i].character, (unsigned char *) texts[i]);
		codes[i].code = (uint16) (i + 1);
		codes[i].text = texts[i];
		codes[i].length = pg_utf_mblen((const unsigned char *) texts[i]);
	}
	return lc_add_to_unicode(canvas, codes, count);
}

/* The /CIDToGIDMap stream that gives every hidden character the glyph 0; its number. */
static int
add_glyph_map(const LcTypesetter *typesetter, LcCanvas *canvas)
{
	int number = lc_canvas_reserve(canvas);
	Size length = sizeof(uint16) * ((Size) typesetter->hidden_count + 1);

	lc_canvas_stream(canvas, number, "", palloc0(length), length, LC_DEFLATE);
	return number;
}

void
lc_hidden_finish(const LcTypesetter *typesetter, LcCanvas *canvas, const char *base_font, int descriptor,
				 StringInfo font_resources)
{
	bool is_cff = typesetter->fonts[typesetter->hidden_font].font->is_cff;
	int to_unicode = add_to_unicode(typesetter, canvas);
	int cid_font = lc_canvas_reserve(canvas);
	int font = lc_canvas_reserve(canvas);
	StringInfoData entries;
	int i;

	initStringInfo(&entries);
	appendStringInfo(&entries, "/Type /Font /Subtype /CIDFontType%d /BaseFont ", is_cff ? 0 : 2);
	lc_pdf_name(&entries, base_font);
	appendStringInfo(&entries,
					 " /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
					 " /FontDescriptor %d 0 R ",
					 descriptor);
	if (!is_cff)
		appendStringInfo(&entries, "/CIDToGIDMap %d 0 R ", add_glyph_map(typesetter, canvas));
	appendStringInfoString(&entries, "/W [1 [");
	for (i = 0; i < typesetter->hidden_count; i++)
		appendStringInfo(&entries, "%s%d", i == 0 ? "" : " ", typesetter->hidden[i].width);
	appendStringInfoString(&entries, "]]");
	lc_canvas_object(canvas, cid_font, entries.data, entries.len);

	initStringInfo(&entries);
	appendStringInfoString(&entries, "/Type /Font /Subtype /Type0 /Encoding /Identity-H /BaseFont ");
	lc_pdf_name(&entries, is_cff ? psprintf("%s-Identity-H", base_font) : base_font);
	appendStringInfo(&entries, " /DescendantFonts [%d 0 R] /ToUnicode %d 0 R", cid_font, to_unicode);
	lc_canvas_object(canvas, font, entries.data, entries.len);
	appendStringInfo(font_resources, "/%sHidden %d 0 R ", typesetter->prefix, font);
}
