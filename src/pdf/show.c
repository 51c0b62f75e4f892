/*
 * pdf/show.c
 *		Draws shaped lines, and finishes the fonts they were drawn with.
 *
 * Glyphs are drawn with the codes that they have once the font is cut, so that lc_typeset_draw() leaves a
 * gap for each code, and lc_typeset_finish() fills it.
 *
 * What a run says is told by /ToUnicode for each glyph, and where this would not give it back character by
 * character, by an /ActualText for the run. From right to left, neither does: readers turn round what they
 * take off the page, an /ActualText too. There the glyphs say nothing, which /ToUnicode (a zero-width space)
 * and an empty /ActualText both tell, and hidden characters (hidden.c) say it.
 *
 * A glyph that stands for different texts ("A" for Latin and Greek) is shown through several fonts that
 * differ in /ToUnicode alone: layers.
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "pdf/line.h"
#include "pdf/syntax.h"

/* The fewest thousandths of the font size that readers take for a space between words. */
#define LEAST_SPACE 190

/* Entries of one list of a CMap (Adobe Technical Note 5014). */
#define CMAP_ENTRIES 100

/* ---- drawing ---- */

/*
 * The text of the characters from start to end for readers, without the controls of direction, which are
 * ours or mean nothing there: a part of the line's text, or a copy.
 */
static const char *
readable_text(const LcLine *line, int start, int end, int *length)
{
	const LcChar *chars = line->chars;
	StringInfoData copy;
	int i;

	for (i = start; i < end && !chars[i].is_bidi_control; i++)
		;
	if (i == end)
	{
		*length = chars[end].offset - chars[start].offset;
		return line->text + chars[start].offset;
	}
	initStringInfo(&copy);
	for (i = start; i < end; i++)
		if (!chars[i].is_bidi_control)
			appendBinaryStringInfo(&copy, line->text + chars[i].offset,
								   chars[i + 1].offset - chars[i].offset);
	*length = copy.len;
	return copy.data;
}

/* Writes a code as four hexadecimal digits. There are thousands in a document, too many for printf(). */
static void
write_code(char *to, uint32 code)
{
	static const char digits[] = "0123456789ABCDEF";

	for (int i = 3; i >= 0; i--, code >>= 4)
		to[i] = digits[code & 15];
}

/* Appends UTF-8 as the hexadecimal digits of UTF-16BE. */
static void
append_text(StringInfo buffer, const char *text, int length)
{
	const unsigned char *at = (const unsigned char *) text;
	const unsigned char *end = at + length;

	for (; at < end; at += pg_utf_mblen(at))
	{
		uint32 c = utf8_to_unicode(at);
		char digits[8];

		write_code(digits, c > 0xffff ? 0xd7c0 + (c >> 10) : c);
		write_code(digits + 4, 0xdc00 + (c & 0x3ff));
		appendBinaryStringInfo(buffer, digits, c > 0xffff ? 8 : 4);
	}
}

/*
 * Do readers get the text of a left-to-right run back from its glyphs alone? They do not where they reorder,
 * take or make spaces, or join marks: then /ActualText says it.
 */
static bool
is_plain(const LcLine *line, const LcRun *run, bool is_builtin)
{
	const LcChar *chars = line->chars;
	int word = 0; /* the length of a word, and of the longest */
	int longest = 0;
	int i;

	if (run->level % 2 || line->char_space != 0)
		return false;
	for (i = run->start; i < run->end; i++)
	{
		if (chars[i].extends || chars[i].is_ignorable || chars[i].character > 0xffff ||
			line->text[chars[i].offset] == '\t')
			return false;
		if (chars[i].is_space &&
			(chars[i].character != ' ' || i == run->start || i == run->end - 1 || chars[i + 1].is_space))
			return false;
		word = chars[i].is_space ? 0 : word + 1;
		longest = Max(longest, word);
	}
	/* Letters with spaces between them all are taken for spaced letters of a word. */
	if (longest == 1 && run->end - run->start > 1)
		return false;
	for (i = 0; i < run->glyph_count; i++)
	{
		const LcGlyph *glyph = &run->glyphs[i];

		if (glyph->end == glyph->start || glyph->advance <= 0 || glyph->y_offset != 0)
			return false;
		/* A space that readers overlook; a code that shows another character than its own. */
		if (is_builtin ? chars[glyph->start].character > 0xff && glyph->glyph < 0x80
					   : chars[glyph->start].is_space && glyph->advance * 1000 < LEAST_SPACE)
			return false;
	}
	return true;
}

/* The layer of a glyph standing for a text, noted for lc_typeset_finish(). */
static int
use_glyph(LcFontUse *use, hb_codepoint_t glyph, const char *text, int length)
{
	int last = -1;
	int at;
	LcGlyphUse *entry;

	if (use->first_use == NULL)
	{
		unsigned count = hb_face_get_glyph_count(use->font->face);

		use->first_use = palloc(sizeof(int) * count);
		memset(use->first_use, -1, sizeof(int) * count);
		use->use_capacity = 64;
		use->uses = palloc(sizeof(LcGlyphUse) * use->use_capacity);
	}
	for (at = use->first_use[glyph]; at >= 0; at = use->uses[at].next)
	{
		entry = &use->uses[at];
		if (entry->text_length == length && memcmp(entry->text, text, length) == 0)
			return entry->layer;
		last = at;
	}
	if (use->use_count == use->use_capacity)
	{
		use->use_capacity *= 2;
		use->uses = repalloc_huge(use->uses, sizeof(LcGlyphUse) * use->use_capacity);
	}
	entry = &use->uses[use->use_count];
	entry->glyph = glyph;
	entry->text = text;
	entry->text_length = length;
	entry->layer = last < 0 ? 0 : use->uses[last].layer + 1;
	entry->next = -1;
	if (last < 0)
	{
		use->first_use[glyph] = use->use_count;
		use->glyph_count++;
	}
	else
		use->uses[last].next = use->use_count;
	use->use_count++;
	use->layers = Max(use->layers, entry->layer + 1);
	return entry->layer;
}

static void
append_font_name(const LcTypesetter *typesetter, StringInfo buffer, const LcFontUse *use, int layer)
{
	appendStringInfo(buffer, "/%sF%d", typesetter->prefix, use->number);
	if (layer > 0)
		appendStringInfo(buffer, "x%d", layer);
}

static void
append_code(LcTypesetter *typesetter, int font, hb_codepoint_t glyph)
{
	StringInfo content = typesetter->content;
	LcGap *gap;

	if (typesetter->fonts[font].builtin != NULL)
	{
		appendStringInfo(content, "%02X", glyph);
		return;
	}
	if (typesetter->gap_count == typesetter->gap_capacity)
	{
		typesetter->gap_capacity *= 2;
		typesetter->gaps = repalloc_huge(typesetter->gaps, sizeof(LcGap) * typesetter->gap_capacity);
	}
	gap = &typesetter->gaps[typesetter->gap_count++];
	gap->offset = content->len;
	gap->font = font;
	gap->glyph = glyph;
	appendStringInfoString(content, "0000");
}

/*
 * Draws the glyphs of a run (ISO 32000-1, 9.4.3: TJ); the text matrix is at its left end. is_hidden: is what
 * they stand for said by hidden characters?
 */
static void
draw_glyphs(LcTypesetter *typesetter, const LcLine *line, const LcRun *run, double size, bool is_hidden,
			int *last_font, int *last_layer)
{
	StringInfo content = typesetter->content;
	LcFontUse *use = &typesetter->fonts[run->font];
	double wanted = 0; /* where the next glyph's origin is to be, in thousandths of the size */
	double pen = 0;	   /* where it would be, as widths in the document are whole thousandths */
	double rise = 0;
	bool in_array = false;
	bool in_string = false;
	int i;

	for (i = 0; i < run->glyph_count; i++)
	{
		const LcGlyph *glyph = &run->glyphs[i];
		int layer = 0;
		double adjustment;
		int text_length = 0;
		const char *text = is_hidden ? "" : readable_text(line, glyph->start, glyph->end, &text_length);

		if (use->font != NULL)
			layer = use_glyph(use, glyph->glyph, text, text_length);
		if (run->font != *last_font || layer != *last_layer || glyph->y_offset != rise)
		{
			if (in_array)
				appendStringInfoString(content, in_string ? ">] TJ\n" : "] TJ\n");
			in_array = in_string = false;
			if (run->font != *last_font || layer != *last_layer)
			{
				append_font_name(typesetter, content, use, layer);
				appendStringInfoChar(content, ' ');
				lc_pdf_number(content, size);
				appendStringInfoString(content, " Tf ");
				*last_font = run->font;
				*last_layer = layer;
			}
			if (glyph->y_offset != rise)
			{
				rise = glyph->y_offset;
				lc_pdf_number(content, rise * size);
				appendStringInfoString(content, " Ts ");
			}
		}
		if (!in_array)
			appendStringInfoChar(content, '[');
		in_array = true;
		adjustment = rint(wanted + glyph->x_offset * 1000 - pen);
		if (adjustment != 0)
		{
			appendStringInfo(content, in_string ? ">%d" : "%d", (int) -adjustment);
			in_string = false;
			pen += adjustment;
		}
		if (!in_string)
			appendStringInfoChar(content, '<');
		in_string = true;
		append_code(typesetter, run->font, glyph->glyph);

		pen += use->builtin != NULL ? lc_builtin_width(use->builtin, glyph->glyph)
									: lc_font_advance(use->font, glyph->glyph);
		wanted += glyph->advance * 1000;
		if (glyph->space_after)
			wanted += line->char_space * 1000 / size;
	}
	if (in_array)
		appendStringInfoString(content, in_string ? ">] TJ\n" : "] TJ\n");
	if (rise != 0)
		appendStringInfoString(content, "0 Ts\n");
}

void
lc_typeset_draw(LcTypesetter *typesetter, const LcLine *line, double size, double x, double y)
{
	MemoryContext old = MemoryContextSwitchTo(typesetter->context);
	StringInfo content = typesetter->content;
	int last_font = -1;
	int last_layer = -1;
	int i;

	appendStringInfoString(content, "BT\n");
	for (i = 0; i < line->run_count; i++)
	{
		const LcRun *run = &line->runs[i];
		LcFontUse *use = &typesetter->fonts[run->font];
		bool is_hidden = run->level % 2 && use->font != NULL;
		bool says_it = is_hidden || !is_plain(line, run, use->builtin != NULL);

		CHECK_FOR_INTERRUPTS();
		if (run->glyph_count == 0)
			continue;
		if (use->number == 0)
			use->number = ++typesetter->drawn_fonts;
		if (says_it)
		{
			int length = 0;
			const char *text = is_hidden ? "" : readable_text(line, run->start, run->end, &length);

			appendStringInfoString(content, "/Span <</ActualText <FEFF");
			append_text(content, text, length);
			appendStringInfoString(content, ">>> BDC\n");
		}
		appendStringInfoString(content, "1 0 0 1 ");
		lc_pdf_numbers(content, 2, x, y);
		appendStringInfoString(content, "Tm ");
		draw_glyphs(typesetter, line, run, size, is_hidden, &last_font, &last_layer);
		if (says_it)
			appendStringInfoString(content, "EMC\n");
		if (is_hidden)
		{
			lc_hide_run(typesetter, line, run, size, x, y);
			last_font = -1;
		}
		x += run->advance * size + run->spaces * line->char_space;
	}
	appendStringInfoString(content, "ET\n");
	MemoryContextSwitchTo(old);
}

/* ---- finishing ---- */

/* The codes of a font's glyphs, as long as it is finished. */
typedef struct CodedGlyphs
{
	hb_codepoint_t *glyphs; /* ascending */
	int count;
	LcFontCut cut;
} CodedGlyphs;

static int
compare_glyphs(const void *a, const void *b)
{
	hb_codepoint_t left = *(const hb_codepoint_t *) a;
	hb_codepoint_t right = *(const hb_codepoint_t *) b;

	return left < right ? -1 : left > right;
}

static uint16
code_of(const CodedGlyphs *coded, hb_codepoint_t glyph)
{
	const hb_codepoint_t *found =
		bsearch(&glyph, coded->glyphs, coded->count, sizeof(glyph), compare_glyphs);

	if (found == NULL)
		elog(ERROR, "glyph %u has no code", glyph);
	return coded->cut.codes[found - coded->glyphs];
}

int
lc_add_to_unicode(LcCanvas *canvas, const LcCodeText *codes, int count)
{
	int number = lc_canvas_reserve(canvas);
	StringInfoData map;
	int start;
	int end;

	initStringInfo(&map);
	appendStringInfoString(&map,
						   "/CIDInit /ProcSet findresource begin\n"
						   "12 dict begin\n"
						   "begincmap\n"
						   "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
						   "/CMapName /Adobe-Identity-UCS def\n"
						   "/CMapType 2 def\n"
						   "1 begincodespacerange\n"
						   "<0000> <FFFF>\n"
						   "endcodespacerange\n");
	for (start = 0; start < count; start = end)
	{
		/* Neighbours, which must not differ but in the last byte. */
		for (end = start + 1; end < count && codes[end].code == codes[end - 1].code + 1 &&
			 codes[end].code % 256 != 0 && end - start < CMAP_ENTRIES;
			 end++)
			;
		appendStringInfo(&map, "1 beginbfrange\n<%04X> <%04X> [", codes[start].code,
						 codes[end - 1].code);
		for (; start < end; start++)
		{
			appendStringInfoChar(&map, '<');
			append_text(&map, codes[start].text, codes[start].length);
			appendStringInfoChar(&map, '>');
		}
		appendStringInfoString(&map, "]\nendbfrange\n");
	}
	appendStringInfoString(&map,
						   "endcmap\n"
						   "CMapName currentdict /CMap defineresource pop\n"
						   "end\n"
						   "end");
	lc_canvas_stream(canvas, number, "", map.data, map.len, LC_DEFLATE);
	return number;
}

static int
compare_codes(const void *a, const void *b)
{
	return (int) ((const LcCodeText *) a)->code - (int) ((const LcCodeText *) b)->code;
}

/* The /ToUnicode stream of a layer; its number. */
static int
add_layer(LcCanvas *canvas, const LcFontUse *use, int layer, const CodedGlyphs *coded)
{
	LcCodeText *codes = palloc_extended(sizeof(LcCodeText) * use->use_count, MCXT_ALLOC_HUGE);
	int count = 0;
	int i;

	for (i = 0; i < use->use_count; i++)
	{
		const LcGlyphUse *entry = &use->uses[i];

		if (entry->layer != layer)
			continue;
		codes[count].code = code_of(coded, entry->glyph);
		/* A glyph that says nothing, or of which another one says it: readers take no empty text. */
		codes[count].text = entry->text_length == 0 ? "\xE2\x80\x8B" : entry->text;
		codes[count].length = entry->text_length == 0 ? 3 : entry->text_length;
		count++;
	}
	qsort(codes, count, sizeof(LcCodeText), compare_codes);
	i = lc_add_to_unicode(canvas, codes, count);
	pfree(codes);
	return i;
}

static void
add_font_object(const LcTypesetter *typesetter, LcCanvas *canvas, const LcFontUse *use, int layer,
				const StringInfo entries, StringInfo font_resources)
{
	int number = lc_canvas_reserve(canvas);

	lc_canvas_object(canvas, number, entries->data, entries->len);
	append_font_name(typesetter, font_resources, use, layer);
	appendStringInfo(font_resources, " %d 0 R ", number);
}

static void
finish_font(LcTypesetter *typesetter, LcCanvas *canvas, int font, StringInfo font_resources)
{
	LcFontUse *use = &typesetter->fonts[font];
	CodedGlyphs coded = { 0 };
	StringInfoData entries;
	int cid_font;
	int layer;
	int i;

	initStringInfo(&entries);
	if (use->builtin != NULL)
	{
		appendStringInfo(&entries,
						 "/Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding",
						 use->builtin->name);
		add_font_object(typesetter, canvas, use, 0, &entries, font_resources);
		return;
	}

	coded.glyphs = palloc(sizeof(hb_codepoint_t) * use->glyph_count);
	for (i = 0; i < use->use_count; i++)
		if (use->uses[i].layer == 0)
			coded.glyphs[coded.count++] = use->uses[i].glyph;
	qsort(coded.glyphs, coded.count, sizeof(hb_codepoint_t), compare_glyphs);
	lc_font_cut(use->font, coded.glyphs, coded.count, &coded.cut);
	cid_font = lc_font_embed(canvas, use->font, coded.glyphs, coded.count, &coded.cut);
	for (layer = 0; layer < use->layers; layer++)
	{
		if (layer > 0)
			initStringInfo(&entries);
		appendStringInfoString(&entries, "/Type /Font /Subtype /Type0 /Encoding /Identity-H /BaseFont ");
		lc_pdf_name(&entries,
					use->font->is_cff ? psprintf("%s-Identity-H", coded.cut.name) : coded.cut.name);
		appendStringInfo(&entries, " /DescendantFonts [%d 0 R] /ToUnicode %d 0 R", cid_font,
						 add_layer(canvas, use, layer, &coded));
		add_font_object(typesetter, canvas, use, layer, &entries, font_resources);
	}
	if (typesetter->hidden_count > 0 && font == typesetter->hidden_font)
		lc_hidden_finish(typesetter, canvas, coded.cut.name, coded.cut.descriptor, font_resources);

	for (i = 0; i < typesetter->gap_count; i++)
	{
		const LcGap *gap = &typesetter->gaps[i];

		if (gap->font == font)
			write_code(typesetter->content->data + gap->offset, code_of(&coded, gap->glyph));
	}
}

void
lc_typeset_finish(LcTypesetter *typesetter, LcCanvas *canvas, StringInfo font_resources)
{
	MemoryContext old = MemoryContextSwitchTo(typesetter->context);
	int i;

	for (i = 0; i < typesetter->font_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (typesetter->fonts[i].number > 0)
			finish_font(typesetter, canvas, i, font_resources);
	}
	MemoryContextSwitchTo(old);
}
