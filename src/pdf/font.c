/*
 * pdf/font.c
 *		Fonts that are assets: checked, opened, kept.
 *
 * Knows nothing of texts.
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include <hb-ot.h>

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "guard.h"
#include "pdf/font.h"
#include "pdf/fontfile.h"
#include "pdf/syntax.h"
#include "pdf/typeset.h"

/* Flags of a font descriptor (ISO 32000-1, table 123). */
#define FLAG_FIXED_PITCH (1 << 0)
#define FLAG_SYMBOLIC (1 << 2)
#define FLAG_ITALIC (1 << 6)

/* The file of an asset, kept for the fonts that are made of it. */
typedef struct FontFile
{
	LcCached cached;
	const uint8 *data;
	Size length;
} FontFile;

/*
 * Bytes that must be left when HarfBuzz sets up what it keeps of a font: it crashes when it cannot note what it has
 * been given (version 6).
 */
#define LEAST_MEMORY (1024 * 1024)

/* A font being opened: what goes into the guard. */
typedef struct Opening
{
	LcFont *font;
	const uint8 *data; /* the file, which outlives the font */
	Size length;
	const LcFontRef *ref;
} Opening;

/* Outlines, and what says how to read them. The rest of a font is for shaping, done before. */
static const hb_tag_t outline_tables[] = { HB_TAG('C', 'F', 'F', ' '), HB_TAG('g', 'l', 'y', 'f'),
										   HB_TAG('h', 'e', 'a', 'd'), HB_TAG('h', 'h', 'e', 'a'),
										   HB_TAG('h', 'm', 't', 'x'), HB_TAG('l', 'o', 'c', 'a'),
										   HB_TAG('m', 'a', 'x', 'p') };

/* What an instance of a variable font is made of besides. */
static const hb_tag_t variation_tables[] = { HB_TAG('H', 'V', 'A', 'R'), HB_TAG('a', 'v', 'a', 'r'),
											 HB_TAG('f', 'v', 'a', 'r'), HB_TAG('g', 'v', 'a', 'r') };

/* What else a font has when it must be embedded whole: its hints. */
static const hb_tag_t hint_tables[] = { HB_TAG('c', 'v', 't', ' '), HB_TAG('f', 'p', 'g', 'm'),
										HB_TAG('p', 'r', 'e', 'p') };

/* ---- opening ---- */

static void
font_release(void *argument)
{
	LcFont *font = argument;

	hb_face_destroy(font->outlines);
	hb_font_destroy(font->font);
	hb_face_destroy(font->face);
	hb_blob_destroy(font->blob);
	font->outlines = NULL;
	font->font = NULL;
	font->face = NULL;
	font->blob = NULL;
}

/* The PostScript name, of the characters that need no escape in PDF. */
static void
read_name(LcFont *font)
{
	unsigned length = sizeof(font->name);
	char *to = font->name;
	const char *from;

	hb_ot_name_get_utf8(font->face, HB_OT_NAME_ID_POSTSCRIPT_NAME, HB_LANGUAGE_INVALID, &length,
						font->name);
	for (from = font->name; *from != '\0'; from++)
		if ((*from >= 'a' && *from <= 'z') || (*from >= 'A' && *from <= 'Z') ||
			(*from >= '0' && *from <= '9') || *from == '-' || *from == '_' || *from == '.')
			*to++ = *from;
	*to = '\0';
	if (to == font->name)
		strcpy(font->name, "Unnamed");
}

static int
thousandths(const LcFont *font, int value)
{
	double exact = rint(value * 1000.0 / font->units_per_em);

	return (int) Max(Min(exact, INT_MAX), -INT_MAX); /* what a font says may be senseless */
}

/* The font descriptor's entries (ISO 32000-1, table 122), in thousandths of the font size. */
static void
describe(LcFont *font, const uint8 *head)
{
	StringInfoData entries;
	hb_font_extents_t extents = { 0 };
	hb_position_t cap_height;
	float angle = hb_style_get_value(font->font, HB_STYLE_TAG_SLANT_ANGLE);
	float weight = hb_style_get_value(font->font, HB_STYLE_TAG_WEIGHT);
	int flags = FLAG_SYMBOLIC;
	int i;

	hb_font_get_h_extents(font->font, &extents);
	hb_ot_metrics_get_position_with_fallback(font->font, HB_OT_METRICS_TAG_CAP_HEIGHT, &cap_height);
	if (angle != 0)
		flags |= FLAG_ITALIC;
	initStringInfo(&entries);
	appendStringInfo(&entries, "/Flags %d /FontBBox [", flags);
	for (i = 0; i < 4; i++)
		appendStringInfo(&entries, i == 0 ? "%d" : " %d",
						 thousandths(font, (int16) (head[36 + 2 * i] << 8 | head[37 + 2 * i])));
	appendStringInfo(&entries, "] /Ascent %d /Descent %d /CapHeight %d",
					 thousandths(font, extents.ascender), thousandths(font, extents.descender),
					 thousandths(font, cap_height));
	appendStringInfoString(&entries, " /ItalicAngle ");
	lc_pdf_number(&entries, Max(Min(angle, 90), -90));
	/* No font says how thick its stems are: a usual guess from its weight, 50 to 200 from thin to black. */
	appendStringInfo(&entries, " /StemV %d", (int) (50 + Max(Min(weight, 1000), 1) * 0.15));
	font->descriptor = entries.data;
}

/* Adds tables of the font to its outlines. */
static void
take_tables(LcFont *font, const hb_tag_t *tags, Size count)
{
	Size i;

	for (i = 0; i < count; i++)
	{
		/* No palloc in between: the blob is ours for a moment. */
		hb_blob_t *table = hb_face_reference_table(font->face, tags[i]);

		if (hb_blob_get_length(table) > 0)
			hb_face_builder_add_table(font->outlines, tags[i], table);
		hb_blob_destroy(table);
	}
}

/* Reads the axes, of which there are few in a sound font. */
static void
read_axes(LcFont *font)
{
	unsigned count = hb_ot_var_get_axis_count(font->face);
	unsigned i;

	font->axes = palloc0(sizeof(LcFontAxis) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		hb_ot_var_axis_info_t info;
		LcFontAxis *axis = &font->axes[font->axis_count];
		unsigned one = 1;
		int c;

		hb_ot_var_get_axis_infos(font->face, i, &one, &info);
		if (one != 1)
			break;
		hb_tag_to_string(info.tag, axis->tag);
		for (c = 0; c < 4; c++)
			if (axis->tag[c] < ' ' || axis->tag[c] > '~')
				axis->tag[c] = '?';
		axis->min = info.min_value;
		axis->initial = info.default_value;
		axis->max = info.max_value;
		font->axis_count++;
	}
}

/* Opens a font into opening->font, whose memory context is there and whose callback is registered. */
static void
open_font(void *argument)
{
	const Opening *opening = argument;
	LcFont *font = opening->font;
	MemoryContext old = MemoryContextSwitchTo(font->cached.context);
	LcFontFacts facts;

	lc_font_file_check(opening->data, opening->length, opening->ref->index, &facts);
	font->is_cff = facts.is_cff;
	font->whole = facts.whole;
	lc_guard_need(LEAST_MEMORY);
	font->blob = hb_blob_create((const char *) opening->data, opening->length, HB_MEMORY_MODE_READONLY,
								NULL, NULL);
	font->face = hb_face_create(font->blob, opening->ref->index);
	font->font = hb_font_create(font->face);
	font->outlines = hb_face_builder_create();
	if (font->blob == hb_blob_get_empty() || font->face == hb_face_get_empty() ||
		font->font == hb_font_get_empty() || font->outlines == hb_face_get_empty())
		lc_guard_memory_error();
	font->units_per_em = (int) hb_face_get_upem(font->face);
	hb_font_set_scale(font->font, font->units_per_em, font->units_per_em);
	take_tables(font, outline_tables, lengthof(outline_tables));
	if (font->whole)
		take_tables(font, hint_tables, lengthof(hint_tables));
	read_name(font);
	if (!font->is_cff)
		read_axes(font);
	if (opening->ref->axis_count > 0)
	{
		take_tables(font, variation_tables, lengthof(variation_tables));
		lc_font_make_instance(font, opening->ref);
	}
	describe(font, facts.head);
	MemoryContextSwitchTo(old);
}

/* A font that is not open yet, in a memory context below the current one, which closes it. */
static LcFont *
new_font(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "font", ALLOCSET_SMALL_SIZES);
	LcFont *font = MemoryContextAllocZero(context, sizeof(LcFont));

	font->cached.context = context;
	return font;
}

/* Has the font closed with its memory context, before what that context holds. */
static void
close_with_context(LcFont *font)
{
	MemoryContextCallback *callback =
		MemoryContextAllocZero(font->cached.context, sizeof(MemoryContextCallback));

	callback->func = font_release;
	callback->arg = font;
	MemoryContextRegisterResetCallback(font->cached.context, callback);
}

/* ---- checking ---- */

/* All the 65,535 glyphs of a CJK font at once would take 300 MB. */
#define GLYPHS_AT_A_TIME 8192

/* A file being checked: what goes into the guard. */
typedef struct Checking
{
	const uint8 *data;
	Size length;
} Checking;

/* Has the font a glyph with an outline for some character? */
static bool
shows_something(const LcFont *font)
{
	hb_set_t *characters = hb_set_create();
	hb_font_t *outlines = hb_font_create(font->outlines);
	hb_codepoint_t character = HB_SET_VALUE_INVALID;
	bool found = false;

	/* Nothing between here and the end raises an error. */
	hb_face_collect_unicodes(font->face, characters);
	while (!found && hb_set_next(characters, &character))
	{
		hb_codepoint_t glyph;
		hb_glyph_extents_t extents;

		if (hb_font_get_nominal_glyph(font->font, character, &glyph) &&
			hb_font_get_glyph_extents(outlines, glyph, &extents))
			found = extents.width != 0 && extents.height != 0;
	}
	hb_font_destroy(outlines);
	hb_set_destroy(characters);
	return found;
}

/* Cuts the font to all its glyphs, some at a time, which reads all outlines. */
static void
read_outlines(const LcFont *font)
{
	hb_codepoint_t count = hb_face_get_glyph_count(font->face);
	hb_codepoint_t *glyphs = palloc(sizeof(hb_codepoint_t) * GLYPHS_AT_A_TIME);
	hb_codepoint_t glyph = 0;

	while (glyph < count)
	{
		LcFontCut cut;
		int i;

		for (i = 0; i < GLYPHS_AT_A_TIME && glyph < count; i++)
			glyphs[i] = glyph++;
		lc_guard_check();
		lc_font_cut(font, glyphs, i, &cut);
		pfree(cut.data);
		pfree(cut.codes);
	}
	lc_guard_check();
	pfree(glyphs);
}

/* Opens a font of the file, for as long as the current memory context lives. */
static LcFont *
open_for_check(const Checking *checking, const LcFontRef *ref)
{
	Opening opening = { new_font(), checking->data, checking->length, ref };

	close_with_context(opening.font);
	open_font(&opening);
	return opening.font;
}

/* Checks a font of the file; read: its outlines too, also those of the far end of a variable font's axes. */
static void
check_font(const Checking *checking, int index, bool read)
{
	LcFontRef ref = { .index = index };
	LcFont *font = open_for_check(checking, &ref);
	int i;

	lc_guard_check();
	if (!read)
		return;
	read_outlines(font);
	if (!shows_something(font))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("font cannot be embedded: no character of it has an outline")));
	if (font->axis_count == 0)
		return;
	ref.axis_count = font->axis_count;
	ref.axes = palloc(sizeof(LcAxisValue) * font->axis_count);
	for (i = 0; i < font->axis_count; i++)
	{
		memcpy(ref.axes[i].tag, font->axes[i].tag, sizeof(ref.axes[i].tag));
		ref.axes[i].value = font->axes[i].max;
	}
	read_outlines(open_for_check(checking, &ref));
}

/* Names the font of a collection in errors of checking it. */
static void
collection_context(void *index)
{
	errcontext("font %d of the collection", *(int *) index);
}

static void
check_file(void *argument)
{
	const Checking *checking = argument;
	int count = lc_font_file_count(checking->data, checking->length);
	const uint8 **seen = palloc(sizeof(uint8 *) * count);
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "font check", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ErrorContextCallback callback = { error_context_stack, collection_context, NULL };
	int index;
	int i;

	callback.arg = &index;
	if (count > 1)
		error_context_stack = &callback;
	for (index = 0; index < count; index++)
	{
		LcFontFacts facts;

		lc_font_file_check(checking->data, checking->length, index, &facts);
		/* Fonts of a collection mostly share their outlines. */
		for (i = 0; i < index && seen[i] != facts.outlines; i++)
			;
		seen[index] = facts.outlines;
		check_font(checking, index, i == index);
		MemoryContextReset(context);
	}
	error_context_stack = callback.previous;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

void
lc_font_check(const uint8 *data, Size length)
{
	Checking checking = { data, length };

	lc_guard("font", check_file, &checking);
}

/* ---- fonts of assets ---- */

/* Names the option in errors of reading a font. */
static void
font_context(void *path)
{
	errcontext("font of option \"%s\"", (const char *) path);
}

/* The file of an asset, held by the current memory context. */
static const FontFile *
get_file(const LcAsset *asset)
{
	FontFile *file = lc_cache_get(LC_ASSET_FONT, asset->sha256, NULL);
	MemoryContext context;
	MemoryContext old;
	bytea *content;

	if (file != NULL)
		return file;
	context = AllocSetContextCreate(CurrentMemoryContext, "font file", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	content = lc_asset_content(asset);
	file = palloc0(sizeof(FontFile));
	file->data = (const uint8 *) VARDATA_ANY(content);
	file->length = VARSIZE_ANY_EXHDR(content);
	file->cached.kind = LC_ASSET_FONT;
	file->cached.context = context;
	memcpy(file->cached.sha256, asset->sha256, sizeof(asset->sha256));
	MemoryContextSwitchTo(old);
	lc_cache_put(&file->cached);
	return file;
}

const LcFont *
lc_font_get(const LcFontRef *ref, const char *path)
{
	LcFont *font = lc_cache_get(LC_ASSET_FONT, ref->asset->sha256, ref->variant);
	ErrorContextCallback callback = { error_context_stack, font_context, unconstify(char *, path) };
	const FontFile *file;
	Opening opening;
	MemoryContext old;

	if (font != NULL)
		return font;
	error_context_stack = &callback;
	font = new_font();
	old = MemoryContextSwitchTo(font->cached.context);
	file = get_file(ref->asset);
	MemoryContextSwitchTo(old);
	opening.font = font;
	opening.data = file->data;
	opening.length = file->length;
	opening.ref = ref;
	close_with_context(font);
	lc_guard("font", open_font, &opening);
	error_context_stack = callback.previous;

	font->cached.kind = LC_ASSET_FONT;
	memcpy(font->cached.sha256, ref->asset->sha256, sizeof(font->cached.sha256));
	font->cached.variant = MemoryContextStrdup(font->cached.context, ref->variant);
	lc_cache_put(&font->cached);
	return font;
}

int
lc_font_count(const LcAsset *asset, const char *path)
{
	ErrorContextCallback callback = { error_context_stack, font_context, unconstify(char *, path) };
	const FontFile *file;
	int count;

	error_context_stack = &callback;
	file = get_file(asset);
	count = lc_font_file_count(file->data, file->length);
	error_context_stack = callback.previous;
	return count;
}

const LcFontAxis *
lc_font_axes(const LcFontRef *ref, const char *path, int *count)
{
	const LcFont *font = lc_font_get(ref, path);

	*count = font->axis_count;
	return font->axes;
}

int
lc_font_advance(const LcFont *font, hb_codepoint_t glyph)
{
	return thousandths(font, hb_font_get_glyph_h_advance(font->font, glyph));
}
