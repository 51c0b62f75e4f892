/*
 * pdf/typeset.c
 *		Text -> glyphs: choice of fonts, shaping, metrics, drawing.
 *
 * A line is cut into runs of one font, one script and one direction, which HarfBuzz shapes. Glyphs are
 * drawn with the codes that they have once the font is cut, so that lc_typeset_draw() leaves a place for
 * each code, and lc_typeset_finish() fills it.
 *
 * What a glyph means is told twice: by /ToUnicode for each glyph, and by /ActualText for runs that this
 * would not give back character by character. A glyph that stands for different texts ("A" for Latin and
 * Greek) is shown through several fonts that differ in /ToUnicode alone: layers.
 */
#include "postgres.h"

#include <math.h>

#include <hb-ot.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "pdf/base14.h"
#include "pdf/font.h"
#include "pdf/itemize.h"
#include "pdf/syntax.h"
#include "pdf/typeset.h"
#include "settings.h"

/* The fewest thousandths of the font size that readers take for a space between words. */
#define LEAST_SPACE 190

/* Entries of one list of a CMap (Adobe Technical Note 5014). */
#define CMAP_ENTRIES 100

/* A glyph of a font standing for a text. */
typedef struct GlyphUse
{
	hb_codepoint_t glyph;
	const char *text;
	int text_length;
	int layer;					/* how many uses of the glyph were there before */
	int next;					/* the next use of the glyph; -1: none */
} GlyphUse;

/* A font that texts of the document name. */
typedef struct FontUse
{
	const char *name;			/* as in options */
	const LcBuiltin *builtin;	/* this, or the next */
	const LcFont *font;
	int number;					/* of its resource; 0: not drawn with */
	GlyphUse *uses;
	int use_count;
	int use_capacity;
	int *first_use;				/* by glyph; -1: none */
	int glyph_count;			/* different glyphs drawn */
	int layers;
} FontUse;

/* A place in the content where a glyph's code is to be filled in: four hexadecimal digits. */
typedef struct Gap
{
	int offset;
	int font;
	hb_codepoint_t glyph;
} Gap;

struct LcTypesetter
{
	MemoryContext context;
	StringInfo content;
	const char *prefix;
	hb_buffer_t *buffer;
	FontUse *fonts;
	int font_count;
	int font_capacity;
	int drawn_fonts;
	int *fallbacks;				/* fonts of learning_credentials.fallback_fonts; NULL: not read yet */
	int fallback_count;
	Gap *gaps;
	int gap_count;
	int gap_capacity;
};

/* A shaped glyph, or the code of a built-in font. Lengths are of the em. */
typedef struct Glyph
{
	hb_codepoint_t glyph;
	int start;					/* the characters that it stands for: none if it is not the first */
	int end;					/* of its cluster */
	double advance;
	double x_offset;
	double y_offset;
	bool space_after;			/* does char_space follow? */
} Glyph;

typedef struct Run
{
	int start;					/* characters */
	int end;
	int font;
	int level;
	Glyph *glyphs;				/* from left to right */
	int glyph_count;
	double advance;				/* of all, in em */
	int spaces;					/* how many have space_after */
} Run;

struct LcLine
{
	const char *text;			/* the typesetter's copy */
	LcChar *chars;
	int char_count;
	Run *runs;					/* from left to right */
	int run_count;
	double em;
	double fixed;
	double char_space;
};

/* ---- fonts ---- */

static void
buffer_release(void *buffer)
{
	hb_buffer_destroy(buffer);
}

LcTypesetter *
lc_typeset_begin(StringInfo content, const char *prefix)
{
	LcTypesetter *typesetter = palloc0(sizeof(LcTypesetter));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	typesetter->context = CurrentMemoryContext;
	typesetter->content = content;
	typesetter->prefix = prefix;
	typesetter->font_capacity = 4;
	typesetter->fonts = palloc(sizeof(FontUse) * typesetter->font_capacity);
	typesetter->gap_capacity = 256;
	typesetter->gaps = palloc(sizeof(Gap) * typesetter->gap_capacity);
	callback->func = buffer_release;
	typesetter->buffer = hb_buffer_create();
	callback->arg = typesetter->buffer;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
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
use_font(LcTypesetter *typesetter, const char *name, const LcAsset *asset, const char *path)
{
	MemoryContext old;
	FontUse *use;
	int i;

	for (i = 0; i < typesetter->font_count; i++)
	{
		use = &typesetter->fonts[i];
		if (asset == NULL ? use->builtin != NULL && strcmp(use->name, name) == 0
						  : use->font != NULL &&
							  memcmp(use->font->cached.sha256, asset->sha256, sizeof(asset->sha256)) == 0)
			return i;
	}

	old = MemoryContextSwitchTo(typesetter->context);
	if (typesetter->font_count == typesetter->font_capacity)
	{
		typesetter->font_capacity *= 2;
		typesetter->fonts =
			repalloc(typesetter->fonts, sizeof(FontUse) * typesetter->font_capacity);
	}
	use = &typesetter->fonts[typesetter->font_count];
	memset(use, 0, sizeof(FontUse));
	use->name = pstrdup(name);
	if (asset != NULL)
		use->font = lc_font_get(asset, path);
	else
		use->builtin = lc_builtin_find(name);
	if (asset == NULL && use->builtin == NULL)
		elog(ERROR, "\"%s\" is not a built-in font", name);
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
	foreach (cell, names)
	{
		const char *name = lfirst(cell);
		LcAsset *asset = NULL;

		if (!lc_font_is_builtin(name) &&
			(asset = lc_asset_find(name, LC_ASSET_FONT, setting)) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("setting %s: there is no font asset \"%s\"", setting, name)));
		typesetter->fallbacks[typesetter->fallback_count++] =
			use_font(typesetter, name, asset, setting);
	}
}

/* Has the font a glyph for this character, or for one that is drawn the same? */
static bool
has_glyph(const FontUse *use, uint32 character, bool is_space)
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

/* The characters of a cluster composed into the one that the built-in fonts show; 0: they do not. */
static int
builtin_code(const LcChar *chars, int start, int end)
{
	uint32 composed[4];
	int first = start;

	while (first < end && chars[first].is_ignorable)
		first++;
	if (end - first == 1)
		return lc_builtin_code(chars[first].level % 2 ? lc_mirror(chars[first].character)
													  : chars[first].character);
	if (lc_normalize(chars + first, end - first, true, composed, lengthof(composed)) == 1)
		return lc_builtin_code(composed[0]);
	return 0;
}

/* Does the font show a cluster: a character and what extends it? */
static bool
shows_cluster(const FontUse *use, const LcChar *chars, int start, int end)
{
	uint32 other[32];
	int form;
	int i;

	for (i = start; i < end && chars[i].is_ignorable; i++)
		;
	if (i == end)
		return true;
	if (use->builtin != NULL)
		return builtin_code(chars, start, end) != 0;
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

static int
cluster_end(const LcChar *chars, int start, int end)
{
	int i = start + 1;

	while (i < end && chars[i].extends)
		i++;
	return i;
}

/* The i-th font to be tried for a style, the fallback fonts last; -1: no more. */
static int
candidate(LcTypesetter *typesetter, const LcTextStyle *style, int i)
{
	const LcFontRef *ref;

	if (i < list_length(style->fonts))
	{
		ref = list_nth(style->fonts, i);
		return use_font(typesetter, ref->name, ref->asset, style->path);
	}
	i -= list_length(style->fonts);
	read_fallbacks(typesetter);
	return i < typesetter->fallback_count ? typesetter->fallbacks[i] : -1;
}

static void
missing_glyph(LcTypesetter *typesetter, const LcTextStyle *style, uint32 character)
{
	StringInfoData names;
	unsigned char utf8[8] = { 0 };
	bool printable = character >= ' ' && (character < 0x7f || character > 0x9f);
	bool several;
	int font;
	int i;

	initStringInfo(&names);
	for (i = 0; (font = candidate(typesetter, style, i)) >= 0; i++)
		appendStringInfo(&names, "%s\"%s\"", i == 0 ? "" : ", ", typesetter->fonts[font].name);
	several = i > 1;
	unicode_to_utf8(character, utf8);
	if (!printable)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("%s: the text has a control character (U+%04X), which cannot be shown",
						style->path, character)));
	ereport(ERROR,
			(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
			 errmsg("%s: the %s %s cannot show the character \"%s\" (U+%04X)", style->path,
					several ? "fonts" : "font", names.data, (char *) utf8, character),
			 errhint("Store a font that has it as an asset and name it in \"font\", or in the setting learning_credentials.fallback_fonts.")));
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
			next = cluster_end(chars, at, end);
			if (chars[at].is_letter &&
				!shows_cluster(&typesetter->fonts[font], chars, at, next))
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
		next = cluster_end(chars, at, end);
		font = chosen;
		if (font < 0 || !shows_cluster(&typesetter->fonts[font], chars, at, next))
			for (i = 0; (font = candidate(typesetter, style, i)) >= 0; i++)
				if (shows_cluster(&typesetter->fonts[font], chars, at, next))
					break;
		if (font < 0)
		{
			/* The character to name: the first that no font has, of a cluster the first. */
			missing_glyph(typesetter, style, chars[at].character);
		}
		for (i = at; i < next; i++)
			chars[i].font = (int16) font;
	}
}

/* ---- shaping ---- */

/* Shapes a run of a built-in font: a code a cluster. */
static void
shape_builtin(const FontUse *use, const LcLine *line, Run *run)
{
	int at;
	int next;
	int i;

	run->glyphs = palloc0(sizeof(Glyph) * (run->end - run->start));
	for (at = run->start; at < run->end; at = next)
	{
		int code;

		next = cluster_end(line->chars, at, run->end);
		code = builtin_code(line->chars, at, next);
		if (code == 0)
			continue;			/* ignorable */
		run->glyphs[run->glyph_count].glyph = code;
		run->glyphs[run->glyph_count].start = at;
		run->glyphs[run->glyph_count].end = next;
		run->glyphs[run->glyph_count++].advance = lc_builtin_width(use->builtin, code) / 1000.0;
	}
	if (run->level % 2)
		for (i = 0; i < run->glyph_count / 2; i++)
		{
			Glyph swap = run->glyphs[i];

			run->glyphs[i] = run->glyphs[run->glyph_count - 1 - i];
			run->glyphs[run->glyph_count - 1 - i] = swap;
		}
}

/*
 * Tells each glyph which characters it stands for. Clusters are numbered by their first character; of
 * several glyphs of a cluster, the logically first stands for all of it.
 */
static void
set_clusters(Run *run, const hb_glyph_info_t *infos)
{
	int count = run->glyph_count;
	bool rtl = run->level % 2;
	int end = run->end;
	int i;

	/* From the logically last glyph to the first. */
	for (i = 0; i < count; i++)
	{
		int at = rtl ? i : count - 1 - i;
		int before = rtl ? i + 1 : at - 1;
		Glyph *glyph = &run->glyphs[at];

		glyph->start = glyph->end = (int) infos[at].cluster;
		if (i == count - 1 || infos[before].cluster != infos[at].cluster)
		{
			glyph->end = end;
			end = glyph->start;
		}
	}
	/* What HarfBuzz left out before the first glyph, belongs to it. */
	if (count > 0)
		run->glyphs[rtl ? count - 1 : 0].start = run->start;
}

/* Shapes a run with HarfBuzz. */
static void
shape_run(LcTypesetter *typesetter, const LcTextStyle *style, const LcLine *line, Run *run)
{
	static const hb_feature_t no_ligatures[] = {
		{ HB_TAG('l', 'i', 'g', 'a'), 0, HB_FEATURE_GLOBAL_START, HB_FEATURE_GLOBAL_END },
		{ HB_TAG('c', 'l', 'i', 'g'), 0, HB_FEATURE_GLOBAL_START, HB_FEATURE_GLOBAL_END }
	};
	const FontUse *use = &typesetter->fonts[run->font];
	double em = use->font->units_per_em;
	hb_buffer_t *buffer = typesetter->buffer;
	hb_glyph_info_t *infos;
	hb_glyph_position_t *positions;
	unsigned count;
	int i;

	hb_buffer_reset(buffer);
	for (i = run->start; i < run->end; i++)
		hb_buffer_add(buffer, line->chars[i].character, i);
	hb_buffer_set_content_type(buffer, HB_BUFFER_CONTENT_TYPE_UNICODE);
	hb_buffer_set_flags(buffer, HB_BUFFER_FLAG_REMOVE_DEFAULT_IGNORABLES |
						(run->start == 0 ? HB_BUFFER_FLAG_BOT : 0) |
						(run->end == line->char_count ? HB_BUFFER_FLAG_EOT : 0));
	hb_buffer_set_cluster_level(buffer, HB_BUFFER_CLUSTER_LEVEL_MONOTONE_CHARACTERS);
	hb_buffer_set_direction(buffer, run->level % 2 ? HB_DIRECTION_RTL : HB_DIRECTION_LTR);
	hb_buffer_set_script(buffer, line->chars[run->start].script);
	hb_buffer_set_language(buffer, style->language != NULL
						   ? hb_language_from_string(style->language, -1) : HB_LANGUAGE_INVALID);
	hb_shape(use->font->font, buffer, no_ligatures,
			 line->char_space != 0 ? lengthof(no_ligatures) : 0);
	if (!hb_buffer_allocation_successful(buffer))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));

	infos = hb_buffer_get_glyph_infos(buffer, &count);
	positions = hb_buffer_get_glyph_positions(buffer, &count);
	run->glyphs = palloc_extended(sizeof(Glyph) * Max(count, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	run->glyph_count = (int) count;
	for (i = 0; i < run->glyph_count; i++)
	{
		if (infos[i].codepoint == 0)
			missing_glyph(typesetter, style, line->chars[infos[i].cluster].character);
		run->glyphs[i].glyph = infos[i].codepoint;
		run->glyphs[i].advance = positions[i].x_advance / em;
		run->glyphs[i].x_offset = positions[i].x_offset / em;
		run->glyphs[i].y_offset = positions[i].y_offset / em;
	}
	set_clusters(run, infos);
}

/* Puts the space between characters after the glyphs that end one, but for the last of the line. */
static void
set_spaces(const LcLine *line, Run *run, bool is_last)
{
	int i;

	if (line->char_space == 0)
		return;
	for (i = 0; i < run->glyph_count; i++)
	{
		Glyph *glyph = &run->glyphs[i];
		const Glyph *next = glyph + 1;

		if (i == run->glyph_count - 1)
			glyph->space_after = !is_last;
		else if (run->level % 2)
			glyph->space_after = glyph->end > glyph->start && !line->chars[glyph->start].extends;
		else
			glyph->space_after = next->end > next->start && !line->chars[next->start].extends;
		if (glyph->space_after)
			run->spaces++;
	}
}

/* Puts the runs from left to right (Unicode Standard Annex #9, rule L2). */
static void
order_runs(Run *runs, int count)
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
				Run swap = runs[low];

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

	line->runs = palloc(sizeof(Run) * run_capacity);
	for (start = 0; start < line->char_count; start = end)
	{
		Run *run;

		CHECK_FOR_INTERRUPTS();
		for (end = start + 1; end < line->char_count && chars[end].script == chars[start].script &&
			 chars[end].font == chars[start].font && chars[end].level == chars[start].level; end++)
			;
		if (line->run_count == run_capacity)
		{
			run_capacity *= 2;
			line->runs = repalloc_huge(line->runs, sizeof(Run) * run_capacity);
		}
		run = &line->runs[line->run_count++];
		memset(run, 0, sizeof(Run));
		run->start = start;
		run->end = end;
		run->font = chars[start].font;
		run->level = chars[start].level;
		if (typesetter->fonts[run->font].builtin != NULL)
			shape_builtin(&typesetter->fonts[run->font], line, run);
		else
			shape_run(typesetter, style, line, run);
		for (i = 0; i < run->glyph_count; i++)
			run->advance += run->glyphs[i].advance;
	}
	order_runs(line->runs, line->run_count);
	for (i = 0; i < line->run_count; i++)
	{
		set_spaces(line, &line->runs[i], i == line->run_count - 1);
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

/* Appends UTF-8 as the hexadecimal digits of UTF-16BE. */
static void
append_utf16(StringInfo buffer, const char *text, int length)
{
	const unsigned char *at = (const unsigned char *) text;
	const unsigned char *end = at + length;

	for (; at < end; at += pg_utf_mblen(at))
	{
		uint32 c = utf8_to_unicode(at);

		if (c > 0xffff)
			appendStringInfo(buffer, "%04X%04X", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
		else
			appendStringInfo(buffer, "%04X", c);
	}
}

/*
 * Do readers get the run's text back from its glyphs alone? They do not where they reorder, take or make
 * spaces, or join marks: then /ActualText says it.
 */
static bool
is_plain(const LcLine *line, const Run *run, bool is_builtin)
{
	const LcChar *chars = line->chars;
	int i;

	if (run->level % 2 || line->char_space != 0)
		return false;
	for (i = run->start; i < run->end; i++)
	{
		if (chars[i].extends || chars[i].is_ignorable || chars[i].character > 0xffff ||
			line->text[chars[i].offset] == '\t')
			return false;
		if (chars[i].is_space &&
			(chars[i].character != ' ' || i == run->start || i == run->end - 1 ||
			 chars[i + 1].is_space))
			return false;
	}
	for (i = 0; i < run->glyph_count; i++)
	{
		const Glyph *glyph = &run->glyphs[i];

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
use_glyph(FontUse *use, hb_codepoint_t glyph, const char *text, int length)
{
	int last = -1;
	int at;
	GlyphUse *entry;

	if (use->first_use == NULL)
	{
		unsigned count = hb_face_get_glyph_count(use->font->face);

		use->first_use = palloc(sizeof(int) * count);
		memset(use->first_use, -1, sizeof(int) * count);
		use->use_capacity = 64;
		use->uses = palloc(sizeof(GlyphUse) * use->use_capacity);
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
		use->uses = repalloc_huge(use->uses, sizeof(GlyphUse) * use->use_capacity);
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
append_font_name(const LcTypesetter *typesetter, StringInfo buffer, const FontUse *use, int layer)
{
	appendStringInfo(buffer, "/%sF%d", typesetter->prefix, use->number);
	if (layer > 0)
		appendStringInfo(buffer, "x%d", layer);
}

static void
append_code(LcTypesetter *typesetter, int font, hb_codepoint_t glyph)
{
	StringInfo content = typesetter->content;
	Gap *gap;

	if (typesetter->fonts[font].builtin != NULL)
	{
		appendStringInfo(content, "%02X", glyph);
		return;
	}
	if (typesetter->gap_count == typesetter->gap_capacity)
	{
		typesetter->gap_capacity *= 2;
		typesetter->gaps = repalloc_huge(typesetter->gaps, sizeof(Gap) * typesetter->gap_capacity);
	}
	gap = &typesetter->gaps[typesetter->gap_count++];
	gap->offset = content->len;
	gap->font = font;
	gap->glyph = glyph;
	appendStringInfoString(content, "0000");
}

/* Draws the glyphs of a run (ISO 32000-1, 9.4.3: TJ); the text matrix is at its left end. */
static void
draw_glyphs(LcTypesetter *typesetter, const LcLine *line, const Run *run, double size, int *last_font,
			int *last_layer)
{
	StringInfo content = typesetter->content;
	FontUse *use = &typesetter->fonts[run->font];
	double wanted = 0;			/* where the next glyph's origin is to be, in thousandths of the size */
	double pen = 0;				/* where it would be, as widths in the document are whole thousandths */
	double rise = 0;
	bool in_array = false;
	bool in_string = false;
	int i;

	for (i = 0; i < run->glyph_count; i++)
	{
		const Glyph *glyph = &run->glyphs[i];
		int layer = 0;
		double adjustment;
		int text_length;
		const char *text = readable_text(line, glyph->start, glyph->end, &text_length);

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
		const Run *run = &line->runs[i];
		FontUse *use = &typesetter->fonts[run->font];
		bool plain = is_plain(line, run, use->builtin != NULL);

		CHECK_FOR_INTERRUPTS();
		if (run->glyph_count == 0)
			continue;
		if (use->number == 0)
			use->number = ++typesetter->drawn_fonts;
		if (!plain)
		{
			int length;
			const char *text = readable_text(line, run->start, run->end, &length);

			appendStringInfoString(content, "/Span <</ActualText <FEFF");
			append_utf16(content, text, length);
			appendStringInfoString(content, ">>> BDC\n");
		}
		appendStringInfoString(content, "1 0 0 1 ");
		lc_pdf_numbers(content, 2, x, y);
		appendStringInfoString(content, "Tm ");
		draw_glyphs(typesetter, line, run, size, &last_font, &last_layer);
		if (!plain)
			appendStringInfoString(content, "EMC\n");
		x += run->advance * size + run->spaces * line->char_space;
	}
	appendStringInfoString(content, "ET\n");
	MemoryContextSwitchTo(old);
}

/* ---- finishing ---- */

/* The codes of a font's glyphs, as long as it is finished. */
typedef struct CodedGlyphs
{
	hb_codepoint_t *glyphs;		/* ascending */
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
	const hb_codepoint_t *found = bsearch(&glyph, coded->glyphs, coded->count, sizeof(glyph), compare_glyphs);

	if (found == NULL)
		elog(ERROR, "glyph %u has no code", glyph);
	return coded->cut.codes[found - coded->glyphs];
}

/* The /ToUnicode stream of a layer (ISO 32000-1, 9.10.3); its number. */
static int
add_to_unicode(LcCanvas *canvas, const FontUse *use, int layer, const CodedGlyphs *coded)
{
	int number = lc_canvas_reserve(canvas);
	StringInfoData map;
	int left = 0;
	int in_list = 0;
	int i;

	for (i = 0; i < use->use_count; i++)
		if (use->uses[i].layer == layer)
			left++;
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
	for (i = 0; i < use->use_count; i++)
	{
		const GlyphUse *entry = &use->uses[i];

		if (entry->layer != layer)
			continue;
		if (in_list == 0)
		{
			in_list = Min(left, CMAP_ENTRIES);
			left -= in_list;
			appendStringInfo(&map, "%d beginbfchar\n", in_list);
		}
		appendStringInfo(&map, "<%04X> <", code_of(coded, entry->glyph));
		/* A glyph of a cluster that another one stands for: readers take no empty text. */
		if (entry->text_length == 0)
			appendStringInfoString(&map, "200B");
		else
			append_utf16(&map, entry->text, entry->text_length);
		appendStringInfoString(&map, ">\n");
		if (--in_list == 0)
			appendStringInfoString(&map, "endbfchar\n");
	}
	appendStringInfoString(&map,
						   "endcmap\n"
						   "CMapName currentdict /CMap defineresource pop\n"
						   "end\n"
						   "end\n");
	lc_canvas_stream(canvas, number, "", map.data, map.len, LC_DEFLATE);
	return number;
}

static void
add_font_object(const LcTypesetter *typesetter, LcCanvas *canvas, const FontUse *use, int layer,
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
	FontUse *use = &typesetter->fonts[font];
	CodedGlyphs coded = { 0 };
	StringInfoData entries;
	int cid_font;
	int layer;
	int i;

	initStringInfo(&entries);
	if (use->builtin != NULL)
	{
		appendStringInfo(&entries, "/Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding",
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
		lc_pdf_name(&entries, use->font->is_cff ? psprintf("%s-Identity-H", coded.cut.name) : coded.cut.name);
		appendStringInfo(&entries, " /DescendantFonts [%d 0 R] /ToUnicode %d 0 R", cid_font,
						 add_to_unicode(canvas, use, layer, &coded));
		add_font_object(typesetter, canvas, use, layer, &entries, font_resources);
	}

	for (i = 0; i < typesetter->gap_count; i++)
	{
		const Gap *gap = &typesetter->gaps[i];
		char digits[5];

		if (gap->font != font)
			continue;
		snprintf(digits, sizeof(digits), "%04X", code_of(&coded, gap->glyph));
		memcpy(typesetter->content->data + gap->offset, digits, 4);
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
