/*
 * pdf/shape.c
 *		Characters -> glyphs, for a run of one font, one script and one direction.
 *
 * HarfBuzz shapes; the built-in fonts show one code for each cluster.
 */
#include "postgres.h"

#include <hb-ot.h>

#include "pdf/line.h"

/* Canonical combining classes of marks right above and right below their base. */
#define CLASS_ABOVE 230
#define CLASS_BELOW 220

/* What is left free between a base and a mark that is placed here, in em. */
#define MARK_GAP 0.04

int
lc_cluster_code(const LcChar *chars, int start, int end)
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

int
lc_cluster_end(const LcChar *chars, int start, int end)
{
	int i = start + 1;

	while (i < end && chars[i].extends)
		i++;
	return i;
}

/* Shapes a run of a built-in font: a code a cluster. */
static void
shape_builtin(const LcFontUse *use, const LcLine *line, LcRun *run)
{
	int at;
	int next;
	int i;

	run->glyphs = palloc0(sizeof(LcGlyph) * (run->end - run->start));
	for (at = run->start; at < run->end; at = next)
	{
		int code;

		next = lc_cluster_end(line->chars, at, run->end);
		code = lc_cluster_code(line->chars, at, next);
		if (code == 0)
			continue; /* ignorable */
		run->glyphs[run->glyph_count].glyph = code;
		run->glyphs[run->glyph_count].start = at;
		run->glyphs[run->glyph_count].end = next;
		run->glyphs[run->glyph_count++].advance = lc_builtin_width(use->builtin, code) / 1000.0;
	}
	if (run->level % 2)
		for (i = 0; i < run->glyph_count / 2; i++)
		{
			LcGlyph swap = run->glyphs[i];

			run->glyphs[i] = run->glyphs[run->glyph_count - 1 - i];
			run->glyphs[run->glyph_count - 1 - i] = swap;
		}
}

/*
 * Tells each glyph which characters it stands for. Clusters are numbered by their first character; of
 * several glyphs of a cluster, the logically first stands for all of it.
 */
static void
set_clusters(LcRun *run, const hb_glyph_info_t *infos)
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
		LcGlyph *glyph = &run->glyphs[at];

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

/*
 * Places marks that the font left where they are: one beside its base goes above or below it, as its
 * combining class says, and one that touches it away from it. Fonts that know combinations do not need
 * this, but most know only those of the languages they were made for.
 */
static void
place_marks(const LcFont *font, const LcLine *line, LcRun *run)
{
	double em = font->units_per_em;
	const LcGlyph *base = NULL;
	double left = 0; /* the ink of the base and the marks placed on it, from its origin */
	double right = 0;
	double top = 0;
	double bottom = 0;
	int i;

	for (i = 0; i < run->glyph_count; i++)
	{
		LcGlyph *glyph = &run->glyphs[i];
		int class = line->chars[glyph->start].combining_class;
		hb_glyph_extents_t ink;
		double x;

		if (!hb_font_get_glyph_extents(font->font, glyph->glyph, &ink))
		{
			base = NULL;
			continue;
		}
		if (glyph->advance > 0)
		{
			base = ink.width != 0 ? glyph : NULL;
			left = ink.x_bearing / em;
			right = left + ink.width / em;
			top = ink.y_bearing / em;
			bottom = top + ink.height / em;
			continue;
		}
		if (base == NULL || glyph->x_offset != 0 || glyph->y_offset != 0 ||
			(class != CLASS_ABOVE && class != CLASS_BELOW))
			continue;

		x = base->advance + (ink.x_bearing + ink.width / 2.0) / em;
		if (x < left || x > right)
			glyph->x_offset = (left + right) / 2 - x;
		if (class == CLASS_ABOVE)
		{
			glyph->y_offset = Max(top + MARK_GAP - (ink.y_bearing + ink.height) / em, 0);
			top = ink.y_bearing / em + glyph->y_offset;
		}
		else
		{
			glyph->y_offset = Min(bottom - MARK_GAP - ink.y_bearing / em, 0);
			bottom = (ink.y_bearing + ink.height) / em + glyph->y_offset;
		}
	}
}

/* Are the letters of a script connected with each other, so that nothing may come between them? */
static bool
is_joined(hb_script_t script)
{
	switch (script)
	{
			/* Cursive scripts */
		case HB_SCRIPT_ADLAM:
		case HB_SCRIPT_ARABIC:
		case HB_SCRIPT_CHORASMIAN:
		case HB_SCRIPT_HANIFI_ROHINGYA:
		case HB_SCRIPT_MANDAIC:
		case HB_SCRIPT_MANICHAEAN:
		case HB_SCRIPT_MONGOLIAN:
		case HB_SCRIPT_NKO:
		case HB_SCRIPT_OLD_UYGHUR:
		case HB_SCRIPT_PHAGS_PA:
		case HB_SCRIPT_PSALTER_PAHLAVI:
		case HB_SCRIPT_SOGDIAN:
		case HB_SCRIPT_SYRIAC:
			/* Scripts whose letters hang from a line */
		case HB_SCRIPT_BENGALI:
		case HB_SCRIPT_DEVANAGARI:
		case HB_SCRIPT_DOGRA:
		case HB_SCRIPT_GURMUKHI:
		case HB_SCRIPT_MODI:
		case HB_SCRIPT_NANDINAGARI:
		case HB_SCRIPT_SHARADA:
		case HB_SCRIPT_SYLOTI_NAGRI:
		case HB_SCRIPT_TIRHUTA:
			return true;
		default:
			return false;
	}
}

/* Shapes a run of any other font with HarfBuzz. */
static void
shape_with_harfbuzz(LcTypesetter *typesetter, const LcTextStyle *style, const LcLine *line, LcRun *run)
{
	static const hb_feature_t no_ligatures[] = {
		{ HB_TAG('l', 'i', 'g', 'a'), 0, HB_FEATURE_GLOBAL_START, HB_FEATURE_GLOBAL_END },
		{ HB_TAG('c', 'l', 'i', 'g'), 0, HB_FEATURE_GLOBAL_START, HB_FEATURE_GLOBAL_END }
	};
	const LcFontUse *use = &typesetter->fonts[run->font];
	double em = use->font->units_per_em;
	hb_buffer_t *buffer = typesetter->buffer;
	hb_glyph_info_t *infos;
	hb_glyph_position_t *positions;
	unsigned glyph_count = hb_face_get_glyph_count(use->font->face);
	unsigned count;
	int i;

	hb_buffer_reset(buffer);
	for (i = run->start; i < run->end; i++)
		hb_buffer_add(buffer, line->chars[i].character, i);
	hb_buffer_set_content_type(buffer, HB_BUFFER_CONTENT_TYPE_UNICODE);
	hb_buffer_set_flags(buffer,
						HB_BUFFER_FLAG_REMOVE_DEFAULT_IGNORABLES |
							(run->start == 0 ? HB_BUFFER_FLAG_BOT : 0) |
							(run->end == line->char_count ? HB_BUFFER_FLAG_EOT : 0));
	hb_buffer_set_cluster_level(buffer, HB_BUFFER_CLUSTER_LEVEL_MONOTONE_CHARACTERS);
	hb_buffer_set_direction(buffer, run->level % 2 ? HB_DIRECTION_RTL : HB_DIRECTION_LTR);
	hb_buffer_set_script(buffer, line->chars[run->start].script);
	hb_buffer_set_language(buffer,
						   style->language != NULL ? hb_language_from_string(style->language, -1)
												   : HB_LANGUAGE_INVALID);
	hb_shape(use->font->font, buffer, no_ligatures,
			 line->char_space != 0 && !is_joined(line->chars[run->start].script) ? lengthof(no_ligatures)
																				 : 0);
	if (!hb_buffer_allocation_successful(buffer))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));

	infos = hb_buffer_get_glyph_infos(buffer, &count);
	positions = hb_buffer_get_glyph_positions(buffer, &count);
	run->glyphs = palloc_extended(sizeof(LcGlyph) * Max(count, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	run->glyph_count = (int) count;
	for (i = 0; i < run->glyph_count; i++)
	{
		/* A damaged font may name glyphs that it does not have. */
		if (infos[i].codepoint == 0 || infos[i].codepoint >= glyph_count)
			lc_missing_glyph(typesetter, style, line->chars[infos[i].cluster].character);
		run->glyphs[i].glyph = infos[i].codepoint;
		run->glyphs[i].advance = positions[i].x_advance / em;
		run->glyphs[i].x_offset = positions[i].x_offset / em;
		run->glyphs[i].y_offset = positions[i].y_offset / em;
	}
	set_clusters(run, infos);
	if (run->level % 2 == 0)
		place_marks(use->font, line, run);
}

void
lc_shape_run(LcTypesetter *typesetter, const LcTextStyle *style, const LcLine *line, LcRun *run)
{
	int i;

	if (typesetter->fonts[run->font].builtin != NULL)
		shape_builtin(&typesetter->fonts[run->font], line, run);
	else
		shape_with_harfbuzz(typesetter, style, line, run);
	for (i = 0; i < run->glyph_count; i++)
		run->advance += run->glyphs[i].advance;
}

void
lc_space_run(const LcLine *line, LcRun *run, bool is_last)
{
	int i;

	if (line->char_space == 0 || is_joined(line->chars[run->start].script))
		return;
	for (i = 0; i < run->glyph_count; i++)
	{
		LcGlyph *glyph = &run->glyphs[i];
		const LcGlyph *next = glyph + 1;

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
