/*
 * pdf/font.c
 *		Fonts that are assets: checked, opened, kept, cut, embedded.
 *
 * Tables are read as the OpenType specification has them. Knows nothing of texts.
 */
#include "postgres.h"

#include <math.h>

#include <hb-ot.h>
#include <hb-subset.h>

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "guard.h"
#include "pdf/cff.h"
#include "pdf/font.h"
#include "pdf/syntax.h"
#include "pdf/typeset.h"

/* OS/2 fsType (OpenType specification, OS/2): who may embed the font, and how. */
#define FSTYPE_LEVELS 0x000f
#define FSTYPE_RESTRICTED 0x0002
#define FSTYPE_NO_SUBSETTING 0x0100
#define FSTYPE_BITMAP_ONLY 0x0200

/* The most tables that a font is believed to have. */
#define MAX_TABLES 200

/* Flags of a font descriptor (ISO 32000-1, table 123). */
#define FLAG_FIXED_PITCH (1 << 0)
#define FLAG_SYMBOLIC (1 << 2)
#define FLAG_ITALIC (1 << 6)

/* Handles of HarfBuzz's while a font is cut. */
typedef struct CutOwner
{
	MemoryContextCallback callback;
	hb_subset_input_t *input;
	hb_subset_plan_t *plan;
	hb_face_t *face;
	hb_blob_t *blob;
} CutOwner;

/* A font being read: what goes into the guard. */
typedef struct Reading
{
	const uint8 *data;
	Size length;
	LcFont *font;
	bool thorough;				/* cut all its glyphs too? */
} Reading;

/* Outlines, and what says how to read them. The rest of a font is for shaping, done before. */
static const hb_tag_t outline_tables[] = {
	HB_TAG('C', 'F', 'F', ' '), HB_TAG('g', 'l', 'y', 'f'), HB_TAG('h', 'e', 'a', 'd'),
	HB_TAG('h', 'h', 'e', 'a'), HB_TAG('h', 'm', 't', 'x'), HB_TAG('l', 'o', 'c', 'a'),
	HB_TAG('m', 'a', 'x', 'p')
};

/* What else a font has when it must be embedded whole: its hints. */
static const hb_tag_t hint_tables[] = {
	HB_TAG('c', 'v', 't', ' '), HB_TAG('f', 'p', 'g', 'm'), HB_TAG('p', 'r', 'e', 'p')
};

/* ---- reading bytes ---- */

static uint32
read_number(const uint8 *data, int bytes)
{
	uint32 value = 0;

	while (bytes-- > 0)
		value = value << 8 | *data++;
	return value;
}

static void
broken(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("font is damaged"),
			 errdetail("%s", detail)));
}

/* ---- what a font must have ---- */

/* A table's place in the file; NULL: there is none. */
static const uint8 *
find_table(const uint8 *data, uint32 directory, const char *tag, uint32 *length)
{
	uint32 count = read_number(data + directory + 4, 2);
	uint32 i;

	for (i = 0; i < count; i++)
	{
		const uint8 *record = data + directory + 12 + i * 16;

		if (memcmp(record, tag, 4) == 0)
		{
			*length = read_number(record + 12, 4);
			return data + read_number(record + 8, 4);
		}
	}
	*length = 0;
	return NULL;
}

/* Where the (first) font's table directory begins, all of whose tables lie within the file. */
static uint32
check_directory(const uint8 *data, Size length)
{
	uint32 directory = 0;
	uint32 version;
	uint32 count;
	uint32 i;

	if (length >= 16 && memcmp(data, "ttcf", 4) == 0)
		directory = read_number(data + 12, 4);
	if (length < 12 || directory > length - 12)
		broken("The file is too short to be a font.");
	version = read_number(data + directory, 4);
	if (version != 0x00010000 && version != HB_TAG('t', 'r', 'u', 'e') &&
		version != HB_TAG('O', 'T', 'T', 'O'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("file is not a font"),
				 errdetail("TrueType and OpenType fonts and collections of them are supported.")));
	count = read_number(data + directory + 4, 2);
	if (count == 0 || count > MAX_TABLES)
		broken(psprintf("It claims to have %u tables.", count));
	if (length - directory - 12 < (Size) count * 16)
		broken("The file ends within its list of tables.");
	for (i = 0; i < count; i++)
	{
		const uint8 *record = data + directory + 12 + i * 16;
		uint32 start = read_number(record + 8, 4);
		uint32 size = read_number(record + 12, 4);
		char tag[5];
		int c;

		for (c = 0; c < 4; c++)
			tag[c] = record[c] >= ' ' && record[c] <= '~' ? (char) record[c] : '?';
		tag[4] = '\0';
		if (start > length || size > length - start)
			broken(psprintf("Its table \"%s\" reaches beyond the end of the file: the file has %zu bytes.",
							tag, length));
	}
	return directory;
}

/* The tables that every font of ours must have, and the least bytes that are read of them here. */
static void
check_tables(const uint8 *data, uint32 directory, bool *is_cff)
{
	static const struct
	{
		const char *tag;
		uint32 least;
	} required[] = {
		{ "cmap", 4 }, { "head", 54 }, { "hhea", 36 }, { "hmtx", 4 }, { "maxp", 6 }
	};
	const uint8 *table;
	uint32 length;
	uint32 ignored;
	Size i;

	for (i = 0; i < lengthof(required); i++)
	{
		table = find_table(data, directory, required[i].tag, &length);
		if (table == NULL || length < required[i].least)
			broken(psprintf("It has no table \"%s\".", required[i].tag));
	}
	table = find_table(data, directory, "head", &length);
	if (read_number(table + 18, 2) < 16 || read_number(table + 18, 2) > 16384)
		broken("Its size of the em is out of range.");
	table = find_table(data, directory, "maxp", &length);
	if (read_number(table + 4, 2) == 0)
		broken("It has no glyphs.");

	*is_cff = find_table(data, directory, "CFF ", &length) != NULL && length > 0;
	if (*is_cff)
		return;
	if (find_table(data, directory, "glyf", &length) != NULL && length > 0)
	{
		if (find_table(data, directory, "loca", &ignored) == NULL)
			broken("It has no table \"loca\".");
		return;
	}
	if (find_table(data, directory, "CFF2", &ignored) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("font cannot be embedded: its outlines are in the format CFF2"),
				 errhint("Use a static instance of the font, as .otf or .ttf.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("font cannot be embedded: it has no outlines"),
			 errdetail("Its glyphs are bitmaps or colour pictures only.")));
}

/* May the font be embedded, and cut? */
static void
check_embedding(const uint8 *data, uint32 directory, bool *whole)
{
	uint32 length;
	const uint8 *table = find_table(data, directory, "OS/2", &length);
	uint32 type = table != NULL && length >= 10 ? read_number(table + 8, 2) : 0;

	if ((type & FSTYPE_LEVELS) == FSTYPE_RESTRICTED)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("font cannot be embedded: it says that its licence forbids it"),
				 errdetail("The embedding level of its table OS/2 (fsType 0x%04X) is \"restricted\".", type)));
	if (type & FSTYPE_BITMAP_ONLY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("font cannot be embedded: it says that its licence allows bitmaps only"),
				 errdetail("Its table OS/2 has fsType 0x%04X.", type)));
	*whole = (type & FSTYPE_NO_SUBSETTING) != 0;
}

/* ---- cutting ---- */

static void
cut_release(void *argument)
{
	CutOwner *owner = argument;

	hb_blob_destroy(owner->blob);
	hb_face_destroy(owner->face);
	hb_subset_plan_destroy(owner->plan);
	hb_subset_input_destroy(owner->input);
	owner->blob = NULL;
	owner->face = NULL;
	owner->plan = NULL;
	owner->input = NULL;
}

/* A random-looking tag that is the same for the same glyphs (ISO 32000-1, 9.6.4). */
static void
subset_tag(char *tag, const hb_codepoint_t *glyphs, int count)
{
	uint64 hash = UINT64CONST(0xcbf29ce484222325);
	int i;

	for (i = 0; i < count; i++)
		hash = (hash ^ glyphs[i]) * UINT64CONST(0x100000001b3);
	for (i = 0; i < 6; i++)
	{
		tag[i] = 'A' + (char) ((hash >> 20) % 26);
		hash = (hash >> 20) / 26 ^ hash << 11;
	}
}

static void
cut_failed(const LcFont *font)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("font \"%s\" is damaged", font->name),
			 errdetail("Its outlines cannot be read.")));
}

void
lc_font_cut(const LcFont *font, const hb_codepoint_t *glyphs, int count, LcFontCut *cut)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "font cut", ALLOCSET_SMALL_SIZES);
	CutOwner *owner = MemoryContextAllocZero(context, sizeof(CutOwner));
	const hb_map_t *new_glyphs = NULL;
	const uint16 *cids = NULL;
	uint32 cid_count = 0;
	const char *data;
	unsigned length;
	int i;

	owner->callback.func = cut_release;
	owner->callback.arg = owner;
	MemoryContextRegisterResetCallback(context, &owner->callback);
	if (font->whole)
		owner->face = hb_face_reference(font->outlines);
	else
	{
		hb_set_t *wanted;

		owner->input = hb_subset_input_create_or_fail();
		if (owner->input == NULL)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		hb_subset_input_set_flags(owner->input, HB_SUBSET_FLAGS_NO_HINTING | HB_SUBSET_FLAGS_NOTDEF_OUTLINE);
		wanted = hb_subset_input_glyph_set(owner->input);
		for (i = 0; i < count; i++)
			hb_set_add(wanted, glyphs[i]);
		owner->plan = hb_subset_plan_create_or_fail(font->outlines, owner->input);
		if (owner->plan != NULL)
			owner->face = hb_subset_plan_execute_or_fail(owner->plan);
		if (owner->face == NULL)
			cut_failed(font);
		new_glyphs = hb_subset_plan_old_to_new_glyph_mapping(owner->plan);
	}
	if (font->is_cff)
		owner->blob = hb_face_reference_table(owner->face, HB_TAG('C', 'F', 'F', ' '));
	else
		owner->blob = hb_face_reference_blob(owner->face);
	data = hb_blob_get_data(owner->blob, &length);
	if (length == 0)
		cut_failed(font);
	cut->data = MemoryContextAllocHuge(CurrentMemoryContext, length);
	cut->length = length;
	memcpy(cut->data, data, length);

	/* A CID-keyed CFF is addressed by CIDs, everything else by glyph numbers. */
	if (font->is_cff)
		cids = lc_cff_cids(cut->data, cut->length, &cid_count);
	cut->codes = palloc(sizeof(uint16) * Max(count, 1));
	for (i = 0; i < count; i++)
	{
		hb_codepoint_t glyph = font->whole ? glyphs[i] : hb_map_get(new_glyphs, glyphs[i]);

		if (glyph >= hb_face_get_glyph_count(owner->face) || (cids != NULL && glyph >= cid_count))
			cut_failed(font);
		cut->codes[i] = cids != NULL ? cids[glyph] : (uint16) glyph;
	}
	if (font->whole)
		snprintf(cut->name, sizeof(cut->name), "%s", font->name);
	else
	{
		char tag[7] = { 0 };

		subset_tag(tag, glyphs, count);
		snprintf(cut->name, sizeof(cut->name), "%s+%s", tag, font->name);
	}
	MemoryContextDelete(context);
}

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
	return (int) rint(value * 1000.0 / font->units_per_em);
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
						 thousandths(font, (int16) read_number(head + 36 + 2 * i, 2)));
	appendStringInfo(&entries, "] /Ascent %d /Descent %d /CapHeight %d", thousandths(font, extents.ascender),
					 thousandths(font, extents.descender), thousandths(font, cap_height));
	appendStringInfoString(&entries, " /ItalicAngle ");
	lc_pdf_number(&entries, Max(Min(angle, 90), -90));
	/* No font says how thick its stems are: a usual guess from its weight, 50 to 200 from thin to black. */
	appendStringInfo(&entries, " /StemV %d", (int) (50 + Max(Min(weight, 1000), 1) * 0.15));
	font->descriptor = entries.data;
}

/* Opens a font into reading->font, whose memory context is there and whose callback is registered. */
static void
open_font(void *argument)
{
	Reading *reading = argument;
	LcFont *font = reading->font;
	MemoryContext old = MemoryContextSwitchTo(font->cached.context);
	uint32 directory;
	uint32 length;
	uint8 *data;
	Size i;

	directory = check_directory(reading->data, reading->length);
	check_tables(reading->data, directory, &font->is_cff);
	check_embedding(reading->data, directory, &font->whole);

	data = MemoryContextAllocHuge(CurrentMemoryContext, reading->length);
	memcpy(data, reading->data, reading->length);
	font->blob = hb_blob_create((const char *) data, reading->length, HB_MEMORY_MODE_READONLY, NULL, NULL);
	font->face = hb_face_create(font->blob, 0);
	font->font = hb_font_create(font->face);
	font->outlines = hb_face_builder_create();
	if (font->blob == hb_blob_get_empty() || font->face == hb_face_get_empty() ||
		font->font == hb_font_get_empty() || font->outlines == hb_face_get_empty())
		lc_guard_memory_error();
	font->units_per_em = (int) hb_face_get_upem(font->face);
	hb_font_set_scale(font->font, font->units_per_em, font->units_per_em);
	for (i = 0; i < lengthof(outline_tables) + lengthof(hint_tables); i++)
	{
		hb_tag_t tag = i < lengthof(outline_tables) ? outline_tables[i]
			: hint_tables[i - lengthof(outline_tables)];
		hb_blob_t *table;

		if (i >= lengthof(outline_tables) && !font->whole)
			break;
		/* No palloc in between: the blob is ours for a moment. */
		table = hb_face_reference_table(font->face, tag);
		if (hb_blob_get_length(table) > 0)
			hb_face_builder_add_table(font->outlines, tag, table);
		hb_blob_destroy(table);
	}
	read_name(font);
	describe(font, find_table(data, directory, "head", &length));
	MemoryContextSwitchTo(old);

	if (reading->thorough)
	{
		unsigned count = hb_face_get_glyph_count(font->face);
		hb_codepoint_t *glyphs = palloc_extended(sizeof(hb_codepoint_t) * count, MCXT_ALLOC_HUGE);
		LcFontCut cut;

		for (i = 0; i < count; i++)
			glyphs[i] = (hb_codepoint_t) i;
		lc_guard_check();
		lc_font_cut(font, glyphs, (int) count, &cut);
		lc_guard_check();
	}
}

/* A font opened for the current memory context. */
static LcFont *
read_font(const uint8 *data, Size length, bool thorough)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "font", ALLOCSET_SMALL_SIZES);
	LcFont *font = MemoryContextAllocZero(context, sizeof(LcFont));
	MemoryContextCallback *callback = MemoryContextAllocZero(context, sizeof(MemoryContextCallback));
	Reading reading = { data, length, font, thorough };

	font->cached.context = context;
	callback->func = font_release;
	callback->arg = font;
	MemoryContextRegisterResetCallback(context, callback);
	lc_guard("font", open_font, &reading);
	return font;
}

/* Has the font a glyph with an outline for some character? A font of colour layers alone has none. */
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

void
lc_font_check(const uint8 *data, Size length)
{
	LcFont *font = read_font(data, length, true);
	bool shows = shows_something(font);

	MemoryContextDelete(font->cached.context);
	if (!shows)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("font cannot be embedded: no character of it has an outline")));
}

/* Names the option in errors of reading a font. */
static void
font_context(void *path)
{
	errcontext("font of option \"%s\"", (const char *) path);
}

const LcFont *
lc_font_get(const LcAsset *asset, const char *path)
{
	LcFont *font = lc_cache_get(LC_ASSET_FONT, asset->sha256, NULL);
	ErrorContextCallback callback = { error_context_stack, font_context, unconstify(char *, path) };
	bytea *content;

	if (font != NULL)
		return font;
	content = lc_asset_content(asset);
	error_context_stack = &callback;
	font = read_font((const uint8 *) VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content), false);
	error_context_stack = callback.previous;
	pfree(content);
	memcpy(font->cached.sha256, asset->sha256, sizeof(asset->sha256));
	font->cached.kind = LC_ASSET_FONT;
	lc_cache_put(&font->cached);
	return font;
}

/* ---- measuring and embedding ---- */

int
lc_font_advance(const LcFont *font, hb_codepoint_t glyph)
{
	return thousandths(font, hb_font_get_glyph_h_advance(font->font, glyph));
}

/* Codes of glyphs in ascending order, for /W. */
typedef struct CodeWidth
{
	uint16 code;
	int width;
} CodeWidth;

static int
compare_codes(const void *a, const void *b)
{
	return (int) ((const CodeWidth *) a)->code - (int) ((const CodeWidth *) b)->code;
}

/* /W: runs of neighbouring codes with their widths (ISO 32000-1, 9.7.4.3). */
static void
append_widths(StringInfo entries, const LcFont *font, const hb_codepoint_t *glyphs, int count,
			  const uint16 *codes)
{
	CodeWidth *widths = palloc(sizeof(CodeWidth) * Max(count, 1));
	int i;

	for (i = 0; i < count; i++)
	{
		widths[i].code = codes[i];
		widths[i].width = lc_font_advance(font, glyphs[i]);
	}
	qsort(widths, count, sizeof(CodeWidth), compare_codes);
	appendStringInfoString(entries, "/DW 0 /W [");
	for (i = 0; i < count; i++)
	{
		if (i == 0 || widths[i].code != widths[i - 1].code + 1)
			appendStringInfo(entries, i == 0 ? "%u [" : "] %u [", widths[i].code);
		else
			appendStringInfoChar(entries, ' ');
		appendStringInfo(entries, "%d", widths[i].width);
	}
	appendStringInfoString(entries, "]]");
	pfree(widths);
}

int
lc_font_embed(LcCanvas *canvas, const LcFont *font, const hb_codepoint_t *glyphs, int count,
			  LcFontCut *cut)
{
	const LcSeal *seal = lc_canvas_seal(canvas);
	int program = lc_canvas_reserve(canvas);
	int descriptor = lc_canvas_reserve(canvas);
	int cid_font = lc_canvas_reserve(canvas);
	StringInfoData entries;

	cut->descriptor = descriptor;

	/* The program. TrueType says how long it is when it is not compressed (table 127). */
	lc_canvas_stream(canvas, program,
					 font->is_cff ? "/Subtype /CIDFontType0C" : psprintf("/Length1 %zu", cut->length),
					 cut->data, cut->length, LC_DEFLATE);

	initStringInfo(&entries);
	appendStringInfoString(&entries, "/Type /FontDescriptor /FontName ");
	lc_pdf_name(&entries, cut->name);
	appendStringInfo(&entries, " %s /%s %d 0 R", font->descriptor,
					 font->is_cff ? "FontFile3" : "FontFile2", program);
	lc_canvas_object(canvas, descriptor, entries.data, entries.len);

	initStringInfo(&entries);
	appendStringInfo(&entries, "/Type /Font /Subtype /CIDFontType%d /BaseFont ", font->is_cff ? 0 : 2);
	lc_pdf_name(&entries, cut->name);
	appendStringInfoString(&entries, " /CIDSystemInfo << /Registry ");
	lc_pdf_string(&entries, seal, "Adobe", 5);
	appendStringInfoString(&entries, " /Ordering ");
	lc_pdf_string(&entries, seal, "Identity", 8);
	appendStringInfo(&entries, " /Supplement 0 >> /FontDescriptor %d 0 R ", descriptor);
	if (!font->is_cff)
		appendStringInfoString(&entries, "/CIDToGIDMap /Identity ");
	append_widths(&entries, font, glyphs, count, cut->codes);
	lc_canvas_object(canvas, cid_font, entries.data, entries.len);
	return cid_font;
}
