/*
 * pdf/fontcut.c
 *		Fonts cut to what a document needs: instances of variable fonts, the glyphs shown.
 */
#include "postgres.h"

#include <hb-ot.h>
#include <hb-subset.h>

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "guard.h"
#include "pdf/cff.h"
#include "pdf/font.h"
#include "pdf/syntax.h"

/* Handles of HarfBuzz's while a font is cut. */
typedef struct CutOwner
{
	MemoryContextCallback callback;
	hb_subset_input_t *input;
	hb_subset_plan_t *plan;
	hb_face_t *face;
	hb_blob_t *blob;
} CutOwner;

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

/* HarfBuzz does not say why it failed: the font is damaged, unless there was no memory for as much again. */
static void
cut_failed(const LcFont *font)
{
	lc_guard_need(2 * (Size) hb_blob_get_length(font->blob));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("font \"%s\" is damaged", font->name),
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
		hb_subset_input_set_flags(owner->input,
								  HB_SUBSET_FLAGS_NO_HINTING | HB_SUBSET_FLAGS_NOTDEF_OUTLINE);
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

static unsigned
read_short(const char *data)
{
	return (unsigned) (uint8) data[0] << 8 | (uint8) data[1];
}

/* Does a composite glyph consist of whole components that the font has (OpenType specification, glyf)? */
static bool
composite_is_sound(const char *data, unsigned length, unsigned glyphs)
{
	unsigned at = 10; /* after the header */
	unsigned flags;

	do
	{
		if (at + 4 > length || read_short(data + at + 2) >= glyphs)
			return false;
		flags = read_short(data + at);
		at += 4 + (flags & 0x0001 ? 4 : 2) +
			(flags & 0x0008		  ? 2
				 : flags & 0x0040 ? 4
				 : flags & 0x0080 ? 8
								  : 0);
	} while (flags & 0x0020);
	if (flags & 0x0100)
		at = at + 2 <= length ? at + 2 + read_short(data + at) : length + 1;
	return at <= length;
}

/*
 * Are all outlines readable where the axes are set so? HarfBuzz 6 frees memory that is not its own when one is
 * not while it makes an instance, which ends the process. No palloc here: the handles are ours for a moment.
 */
static bool
outlines_are_sound(hb_face_t *outlines, const hb_variation_t *values, int count)
{
	hb_font_t *font = hb_font_create(outlines);
	hb_blob_t *head = hb_face_reference_table(outlines, HB_TAG('h', 'e', 'a', 'd'));
	hb_blob_t *loca = hb_face_reference_table(outlines, HB_TAG('l', 'o', 'c', 'a'));
	hb_blob_t *glyf = hb_face_reference_table(outlines, HB_TAG('g', 'l', 'y', 'f'));
	const char *offsets = hb_blob_get_data(loca, NULL);
	const char *data = hb_blob_get_data(glyf, NULL);
	unsigned size = hb_blob_get_length(head) >= 54 && hb_blob_get_data(head, NULL)[51] != 0 ? 4 : 2;
	unsigned glyphs = hb_face_get_glyph_count(outlines);
	bool sound = hb_blob_get_length(loca) / size > glyphs;

	hb_font_set_variations(font, values, count);
	for (unsigned i = 0; sound && i < glyphs; i++)
	{
		hb_glyph_extents_t ink;
		unsigned place[2];

		for (int end = 0; end < 2; end++)
		{
			const char *offset = offsets + (i + end) * size;

			place[end] = size == 2 ? read_short(offset) * 2
								   : read_short(offset) << 16 | read_short(offset + 2);
		}
		sound = place[0] <= place[1] && place[1] <= hb_blob_get_length(glyf) &&
			hb_font_get_glyph_extents(font, i, &ink);
		if (sound && place[1] - place[0] >= 10 && (data[place[0]] & 0x80) != 0)
			sound = composite_is_sound(data + place[0], place[1] - place[0], glyphs);
	}
	hb_blob_destroy(glyf);
	hb_blob_destroy(loca);
	hb_blob_destroy(head);
	hb_font_destroy(font);
	return sound;
}

void
lc_font_make_instance(LcFont *font, const LcFontRef *ref)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "instance", ALLOCSET_SMALL_SIZES);
	CutOwner *owner = MemoryContextAllocZero(context, sizeof(CutOwner));
	hb_variation_t *values = MemoryContextAlloc(context, sizeof(hb_variation_t) * ref->axis_count);
	int i;

	owner->callback.func = cut_release;
	owner->callback.arg = owner;
	MemoryContextRegisterResetCallback(context, &owner->callback);

	owner->input = hb_subset_input_create_or_fail();
	if (owner->input == NULL)
		lc_guard_memory_error();
	hb_subset_input_set_flags(owner->input,
							  HB_SUBSET_FLAGS_NO_HINTING | HB_SUBSET_FLAGS_RETAIN_GIDS |
								  HB_SUBSET_FLAGS_NOTDEF_OUTLINE);
	hb_set_add_range(hb_subset_input_glyph_set(owner->input), 0,
					 hb_face_get_glyph_count(font->face) - 1);
	for (i = 0; i < font->axis_count; i++)
		hb_subset_input_pin_axis_to_default(owner->input, font->outlines,
											hb_tag_from_string(font->axes[i].tag, 4));
	for (i = 0; i < ref->axis_count; i++)
	{
		values[i].tag = hb_tag_from_string(ref->axes[i].tag, 4);
		values[i].value = (float) ref->axes[i].value;
		hb_subset_input_pin_axis_location(owner->input, font->outlines, values[i].tag, values[i].value);
		snprintf(font->name + strlen(font->name), sizeof(font->name) - strlen(font->name), "_%g%s",
				 ref->axes[i].value, ref->axes[i].tag);
	}
	lc_guard_check();
	/* HarfBuzz 6 crashes as well when memory runs out here: there must be plenty. */
	lc_guard_need(4 * (Size) hb_blob_get_length(font->blob));
	if (!outlines_are_sound(font->outlines, values, ref->axis_count))
		cut_failed(font);
	owner->plan = hb_subset_plan_create_or_fail(font->outlines, owner->input);
	if (owner->plan != NULL)
		owner->face = hb_subset_plan_execute_or_fail(owner->plan);
	if (owner->face == NULL)
		cut_failed(font);
	hb_face_destroy(font->outlines);
	font->outlines = hb_face_reference(owner->face);
	hb_font_set_variations(font->font, values, ref->axis_count);
	MemoryContextDelete(context);
	lc_guard_check();
}

/* ---- embedding ---- */

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
	appendStringInfo(&entries,
					 " /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
					 " /FontDescriptor %d 0 R ",
					 descriptor);
	if (!font->is_cff)
		appendStringInfoString(&entries, "/CIDToGIDMap /Identity ");
	append_widths(&entries, font, glyphs, count, cut->codes);
	lc_canvas_object(canvas, cid_font, entries.data, entries.len);
	return cid_font;
}
