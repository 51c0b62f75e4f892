/*
 * pdf/fontref.c
 *		Fonts as options and settings name them.
 *
 * Finds assets, and looks into their files only for what is named of them: the number in a collection, the
 * axes of a variable font.
 */
#include "postgres.h"

#include "pdf/fontref.h"
#include "pdf/typeset.h"

#define MAX_FONTS 16 /* in one list */

/* What every font's file has: its first font as it is. */
#define FIRST_FONT "#0"

/* Digits of the number of a font in a collection. */
#define MAX_DIGITS 4

/*
 * Splits "slug#2" into the slug, palloc'd, and the number, which is 0 when there is none. False when what
 * follows "#" is no number.
 */
static bool
split_name(const char *name, char **slug, int *index)
{
	const char *hash = strchr(name, '#');
	Size digits;

	*index = 0;
	*slug = hash != NULL ? pnstrdup(name, hash - name) : pstrdup(name);
	if (hash == NULL)
		return true;
	digits = strspn(hash + 1, "0123456789");
	if (digits == 0 || digits > MAX_DIGITS || hash[1 + digits] != '\0')
		return false;
	*index = atoi(hash + 1);
	return true;
}

static char *
count_of_fonts(int count)
{
	return count == 1 ? pstrdup("one font") : psprintf("%d fonts", count);
}

/* Reads the axes that an object sets, by their tags. */
static void
read_axes(const LcOption *object, LcFontRef *ref)
{
	static const char *const slug_key[] = { "slug", NULL };
	const LcFontAxis *axes = NULL;
	const char **tags;
	StringInfoData variant;
	StringInfoData hint;
	int count = 0;
	int i;

	if (ref->asset != NULL)
		axes = lc_font_axes(ref, lc_option_path(object), &count);
	tags = palloc0(sizeof(char *) * (count + 1));
	ref->axes = palloc(sizeof(LcAxisValue) * Max(count, 1));
	initStringInfo(&variant);
	appendStringInfo(&variant, "#%d", ref->index);
	initStringInfo(&hint);
	for (i = 0; i < count; i++)
	{
		double value = axes[i].initial;

		tags[i] = axes[i].tag;
		appendStringInfo(&hint, "%s\"%s\" (%g to %g)", i == 0 ? "The font has the axes " : ", ",
						 axes[i].tag, axes[i].min, axes[i].max);
		lc_option_number(object, axes[i].tag, axes[i].min, false, axes[i].max, &value);
		if (value == axes[i].initial)
			continue;
		memcpy(ref->axes[ref->axis_count].tag, axes[i].tag, sizeof(axes[i].tag));
		ref->axes[ref->axis_count++].value = value;
		appendStringInfo(&variant, " %s=%.9g", axes[i].tag, value);
	}
	appendStringInfoString(&hint, count > 0 ? "." : "It has no axes: it is not a variable font.");
	lc_option_known_keys(object, slug_key, tags, hint.data);
	ref->variant = variant.data;
}

/* Appends the font that a value names, unless there is none. */
static List *
append_font(List *fonts, const LcOption *option)
{
	bool is_object = option->value.type == jbvBinary &&
		JsonContainerIsObject(option->value.val.binary.data);
	LcOption named = *option;
	LcFontRef *ref = palloc0(sizeof(LcFontRef));
	char *name;
	char *slug;

	if (is_object && !lc_option_get(option, "slug", &named))
	{
		lc_option_missing(option, "slug");
		return fonts;
	}
	if (!lc_option_is_text(&named, &name))
		return fonts;
	ref->name = name;
	ref->variant = FIRST_FONT;
	if (!lc_font_is_builtin(name))
	{
		if (!split_name(name, &slug, &ref->index))
		{
			lc_option_unexpected(&named, "a number after \"#\", as in \"noto-cjk#2\"");
			return fonts;
		}
		ref->asset = lc_option_asset(&named, slug, LC_ASSET_FONT);
		if (ref->asset == NULL)
			return fonts;
	}
	if (ref->index > 0)
	{
		int count = lc_font_count(ref->asset, lc_option_path(&named));

		if (ref->index >= count)
		{
			lc_option_problem(&named, NULL, LC_PROBLEM_ASSET,
							  "Fonts of a collection are counted from 0.",
							  "asset \"%s\" has %s, and none with the number %d", ref->asset->slug,
							  count_of_fonts(count), ref->index);
			return fonts;
		}
		ref->variant = psprintf("#%d", ref->index);
	}
	if (is_object)
		read_axes(option, ref);
	return lappend(fonts, ref);
}

List *
lc_font_refs_read(const LcOption *object, const char *key)
{
	LcOption option;
	LcOption *members;
	List *fonts = NIL;
	int count;
	int i;

	if (!lc_option_get(object, key, &option))
		return NIL;
	if (option.value.type == jbvBinary && JsonContainerIsArray(option.value.val.binary.data))
	{
		members = lc_option_members(&option, &count);
		if (count == 0 || count > MAX_FONTS)
			lc_option_problem(&option, NULL, LC_PROBLEM_VALUE, NULL,
							  "expected from 1 to %d fonts, not %d", MAX_FONTS, count);
		for (i = 0; i < Min(count, MAX_FONTS); i++)
			fonts = append_font(fonts, &members[i]);
		return fonts;
	}
	if (option.value.type != jbvString && option.value.type != jbvBinary)
	{
		lc_option_unexpected(&option,
							 "the name of a font, an object with its \"slug\", or a list of these");
		return NIL;
	}
	return append_font(NIL, &option);
}

LcFontRef *
lc_font_ref_of_setting(const char *name, const char *setting)
{
	LcFontRef *ref = palloc0(sizeof(LcFontRef));
	char *slug;
	int count;

	ref->name = pstrdup(name);
	ref->variant = FIRST_FONT;
	if (lc_font_is_builtin(name))
		return ref;
	if (split_name(name, &slug, &ref->index))
		ref->asset = lc_asset_find(slug, LC_ASSET_FONT, setting);
	if (ref->asset == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("setting %s: there is no font asset \"%s\"", setting, name)));
	if (ref->index > 0)
	{
		count = lc_font_count(ref->asset, setting);
		if (ref->index >= count)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("setting %s: asset \"%s\" has %s, and none with the number %d", setting,
							slug, count_of_fonts(count), ref->index)));
		ref->variant = psprintf("#%d", ref->index);
	}
	return ref;
}
