/*
 * pdf/typeset.c
 *		Text -> lines of shaped glyphs: choice of fonts, runs.
 *
 * A line is cut into runs of one font, one script and one direction, which are shaped one by one (shape.c)
 * and drawn (show.c).
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/varlena.h"

#include "pdf/line.h"
#include "settings.h"

/* ---- fonts ---- */

static void
typesetter_release(void *argument)
{
	LcTypesetter *typesetter = argument;

	hb_buffer_destroy(typesetter->buffer);
	typesetter->buffer = NULL;
}

LcTypesetter *
lc_typeset_begin(StringInfo content, const char *prefix)
{
	LcTypesetter *typesetter = palloc0(sizeof(LcTypesetter));

	typesetter->context = CurrentMemoryContext;
	typesetter->content = content;
	typesetter->prefix = prefix;
	typesetter->font_capacity = 4;
	typesetter->fonts = palloc(sizeof(LcFontUse) * typesetter->font_capacity);
	typesetter->gap_capacity = 256;
	typesetter->gaps = palloc(sizeof(LcGap) * typesetter->gap_capacity);
	typesetter->callback.func = typesetter_release;
	typesetter->callback.arg = typesetter;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &typesetter->callback);
	typesetter->buffer = hb_buffer_create();
	if (!hb_buffer_allocation_successful(typesetter->buffer))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return typesetter;
}

bool
lc_font_is_builtin(const char *name)
{
	return lc_builtin_find(name) != NULL;
}

/* The number of the font in the typesetter, which opens it at the first time. */
static int
use_font(LcTypesetter *typesetter, const LcFontRef *ref, const char *path)
{
	MemoryContext old;
	LcFontUse *use;
	int i;

	for (i = 0; i < typesetter->font_count; i++)
	{
		use = &typesetter->fonts[i];
		if (ref->asset == NULL ? use->builtin != NULL && strcmp(use->name, ref->name) == 0
							   : use->font != NULL &&
					memcmp(use->font->cached.sha256, ref->asset->sha256, sizeof(ref->asset->sha256)) ==
						0 &&
					strcmp(use->font->cached.variant, ref->variant) == 0)
			return i;
	}

	old = MemoryContextSwitchTo(typesetter->context);
	if (typesetter->font_count == typesetter->font_capacity)
	{
		typesetter->font_capacity *= 2;
		typesetter->fonts = repalloc(typesetter->fonts, sizeof(LcFontUse) * typesetter->font_capacity);
	}
	use = &typesetter->fonts[typesetter->font_count];
	memset(use, 0, sizeof(LcFontUse));
	use->name = pstrdup(ref->name);
	if (ref->asset != NULL)
		use->font = lc_font_get(ref, path);
	else
		use->builtin = lc_builtin_find(ref->name);
	if (ref->asset == NULL && use->builtin == NULL)
		elog(ERROR, "\"%s\" is not a built-in font", ref->name);
	MemoryContextSwitchTo(old);
	return typesetter->font_count++;
}

/* Reads learning_credentials.fallback_fonts at the first time. */
static void
read_fallbacks(LcTypesetter *typesetter)
{
	static const char setting[] = "learning_credentials.fallback_fonts";
	List *names;
	ListCell *cell;

	if (typesetter->fallbacks != NULL)
		return;
	if (!SplitGUCList(pstrdup(lc_fallback_fonts), ',', &names))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("setting %s is not a list of names separated by commas", setting)));
	typesetter->fallbacks =
		MemoryContextAlloc(typesetter->context, sizeof(int) * (list_length(names) + 1));
	foreach(cell, names)
		typesetter->fallbacks[typesetter->fallback_count++] =
			use_font(typesetter, lc_font_ref_of_setting(lfirst(cell), setting), setting);
}

/* Has the font a glyph for this character, or for one that is drawn the same? */
static bool
has_glyph(const LcFontUse *use, uint32 character, bool is_space)
{
	hb_codepoint_t glyph;

	if (use->builtin != NULL)
		return lc_builtin_code(character) != 0;
	if (hb_font_get_nominal_glyph(use->font->font, character, &glyph))
		return true;
	/* HarfBuzz makes these of others. */
	if (is_space)
		return hb_font_get_nominal_glyph(use->font->font, ' ', &glyph);
	if (character == 0x2011)
		return hb_font_get_nominal_glyph(use->font->font, 0x2010, &glyph);
	return false;
}

/* Does the font show a cluster: a character and what extends it? */
static bool
shows_cluster(const LcFontUse *use, const LcChar *chars, int start, int end)
{
	uint32 other[32];
	int form;
	int i;

	for (i = start; i < end && chars[i].is_ignorable; i++)
		;
	if (i == end)
		return true;
	if (use->builtin != NULL)
		return lc_cluster_code(chars, start, end) != 0;
	for (i = start; i < end; i++)
		if (!chars[i].is_ignorable && !has_glyph(use, chars[i].character, chars[i].is_space))
			break;
	if (i == end)
		return true;
	/* HarfBuzz composes and decomposes as the font can. */
	for (form = 0; form < 2; form++)
	{
		int count = lc_normalize(chars + start, end - start, form == 0, other, lengthof(other));

		for (i = 0; i < count && has_glyph(use, other[i], false); i++)
			;
		if (count > 0 && i == count)
			return true;
	}
	return false;
}

/* The i-th font to be tried for a style, the fallback fonts last; -1: no more. */
static int
candidate(LcTypesetter *typesetter, const LcTextStyle *style, int i)
{
	if (i < list_length(style->fonts))
		return use_font(typesetter, list_nth(style->fonts, i), style->path);
	i -= list_length(style->fonts);
	read_fallbacks(typesetter);
	return i < typesetter->fallback_count ? typesetter->fallbacks[i] : -1;
}

void
lc_missing_glyph(LcTypesetter *typesetter, const LcTextStyle *style, uint32 character)
{
	StringInfoData names;
	unsigned char utf8[8] = { 0 };
	bool printable = character >= ' ' && (character < 0x7f || character > 0x9f);
	int named = list_length(style->fonts);
	int i;

	initStringInfo(&names);
	for (i = 0; i < named; i++)
		appendStringInfo(&names, "%s\"%s\"", i == 0 ? "" : ", ",
						 ((const LcFontRef *) list_nth(style->fonts, i))->name);
	read_fallbacks(typesetter);
	if (typesetter->fallback_count > 0)
		appendStringInfo(&names, " and the %d of learning_credentials.fallback_fonts",
						 typesetter->fallback_count);
	unicode_to_utf8(character, utf8);
	if (!printable)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("%s: the text has a control character (U+%04X), which cannot be shown",
						style->path, character)));
	ereport(
		ERROR,
		(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
		 errmsg("%s: the %s %s cannot show the character \"%s\" (U+%04X)", style->path,
				named + typesetter->fallback_count > 1 ? "fonts" : "font", names.data, (char *) utf8,
				character),
		 errhint(
			 "Store a font that has it as an asset and name it in \"font\", or in the setting learning_credentials.fallback_fonts.")));
}

/*
 * Chooses fonts for the characters from start to end: the first that shows all their letters, for what
 * looks best is a name in one font; else word by word; else character by character.
 */
static void
choose_fonts(LcTypesetter *typesetter, const LcTextStyle *style, LcChar *chars, int start, int end,
			 bool is_word)
{
	int chosen = -1;
	int font;
	int next;
	int i;
	int at;

	CHECK_FOR_INTERRUPTS();
	for (i = 0; chosen < 0 && (font = candidate(typesetter, style, i)) >= 0; i++)
	{
		for (at = start; at < end; at = next)
		{
			next = lc_cluster_end(chars, at, end);
			if (chars[at].is_letter && !shows_cluster(&typesetter->fonts[font], chars, at, next))
				break;
		}
		if (at == end)
			chosen = font;
	}
	if (chosen < 0 && !is_word)
	{
		for (at = start; at < end; at = next)
		{
			/* A word with the spaces after it. */
			for (next = at; next < end && !chars[next].is_space; next++)
				;
			for (; next < end && chars[next].is_space; next++)
				;
			choose_fonts(typesetter, style, chars, at, next, true);
		}
		return;
	}
	for (at = start; at < end; at = next)
	{
		next = lc_cluster_end(chars, at, end);
		font = chosen;
		if (font < 0 || !shows_cluster(&typesetter->fonts[font], chars, at, next))
			for (i = 0; (font = candidate(typesetter, style, i)) >= 0; i++)
				if (shows_cluster(&typesetter->fonts[font], chars, at, next))
					break;
		if (font < 0)
		{
			/* Of the cluster, name the first character that the first font lacks. */
			font = candidate(typesetter, style, 0);
			for (i = at; i < next - 1 && font >= 0 &&
				 has_glyph(&typesetter->fonts[font], chars[i].character, false);
				 i++)
				;
			lc_missing_glyph(typesetter, style, chars[i].character);
		}
		for (i = at; i < next; i++)
			chars[i].font = (int16) font;
	}
}

/* ---- lines ---- */

/* Puts the runs from left to right (Unicode Standard Annex #9, rule L2). */
static void
order_runs(LcRun *runs, int count)
{
	int highest = 0;
	int level;
	int i;

	for (i = 0; i < count; i++)
		highest = Max(highest, runs[i].level);
	for (level = highest; level > 0; level--)
	{
		int start = 0;

		while (start < count)
		{
			int end = start;
			int low;
			int high;

			while (end < count && runs[end].level >= level)
				end++;
			for (low = start, high = end - 1; low < high; low++, high--)
			{
				LcRun swap = runs[low];

				runs[low] = runs[high];
				runs[high] = swap;
			}
			start = Max(end, start + 1);
		}
	}
}

LcLine *
lc_typeset_line(LcTypesetter *typesetter, const LcTextStyle *style, const char *text, Size length)
{
	MemoryContext old = MemoryContextSwitchTo(typesetter->context);
	LcLine *line = palloc0(sizeof(LcLine));
	LcChar *chars;
	int run_capacity = 4;
	int start;
	int end;
	int i;

	line->text = pnstrdup(text, length);
	line->chars = chars = lc_itemize(line->text, length, style->rtl, &line->char_count);
	line->char_space = style->char_space;
	/* A soft hyphen at the end of a line is one that the line was broken at. */
	if (line->char_count > 0 && chars[line->char_count - 1].character == 0xad)
	{
		chars[line->char_count - 1].character = '-';
		chars[line->char_count - 1].is_ignorable = false;
	}
	for (start = 0; start < line->char_count; start = end)
	{
		for (end = start + 1; end < line->char_count && chars[end].script == chars[start].script; end++)
			;
		choose_fonts(typesetter, style, chars, start, end, false);
	}

	line->runs = palloc(sizeof(LcRun) * run_capacity);
	for (start = 0; start < line->char_count; start = end)
	{
		LcRun *run;
		bool alone;

		CHECK_FOR_INTERRUPTS();
		/* From right to left, each cluster of a built-in font is a run: show.c says what it is. */
		alone = chars[start].level % 2 && typesetter->fonts[chars[start].font].builtin != NULL;
		for (end = start + 1; end < line->char_count && chars[end].script == chars[start].script &&
			 chars[end].font == chars[start].font && chars[end].level == chars[start].level &&
			 (!alone || chars[end].extends);
			 end++)
			;
		if (line->run_count == run_capacity)
		{
			run_capacity *= 2;
			line->runs = repalloc_huge(line->runs, sizeof(LcRun) * run_capacity);
		}
		run = &line->runs[line->run_count++];
		memset(run, 0, sizeof(LcRun));
		run->start = start;
		run->end = end;
		run->font = chars[start].font;
		run->level = chars[start].level;
		lc_shape_run(typesetter, style, line, run);
	}
	order_runs(line->runs, line->run_count);
	for (i = 0; i < line->run_count; i++)
	{
		lc_space_run(line, &line->runs[i], i == line->run_count - 1);
		line->em += line->runs[i].advance;
		line->fixed += line->runs[i].spaces * line->char_space;
	}
	MemoryContextSwitchTo(old);
	return line;
}

void
lc_typeset_extent(const LcLine *line, double *em, double *fixed)
{
	*em = line->em;
	*fixed = line->fixed;
}

double
lc_typeset_width(const LcLine *line, double size)
{
	return line->em * size + line->fixed;
}
