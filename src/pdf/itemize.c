/*
 * pdf/itemize.c
 *		What Unicode says of the characters of a line.
 *
 * Properties by ICU, scripts by HarfBuzz's copy of the same data, levels by FriBidi. Knows nothing of
 * fonts.
 */
#include "postgres.h"

#include <fribidi.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "mb/pg_wchar.h"

#include "pdf/itemize.h"

/* Below this no character is written from right to left, and none is a bidirectional control. */
#define FIRST_BIDI 0x0590

static bool
is_bidi_control(uint32 character)
{
	return (character >= 0x202a && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

static void
read_properties(LcChar *one)
{
	uint32 c = one->character;
	int8_t category;

	if (c < 0x300)
	{
		/* Latin, without marks: most of what there is. */
		one->is_space = c == ' ' || c == 0xa0;
		one->is_ignorable = c == 0xad;
		return;
	}
	category = u_charType((UChar32) c);
	one->is_space = category == U_SPACE_SEPARATOR;
	one->is_ignorable = u_hasBinaryProperty((UChar32) c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT);
	one->is_bidi_control = is_bidi_control(c);
	one->extends = category == U_NON_SPACING_MARK || category == U_COMBINING_SPACING_MARK ||
		category == U_ENCLOSING_MARK || one->is_ignorable;
	one->combining_class = u_getCombiningClass((UChar32) c);
}

/* Gives common characters the script before them, and those at the start the first one after them. */
static void
resolve_scripts(LcChar *chars, int count)
{
	hb_unicode_funcs_t *functions = hb_unicode_funcs_get_default();
	hb_script_t script = HB_SCRIPT_COMMON;
	int leading = 0;
	int i;

	for (i = 0; i < count; i++)
	{
		hb_script_t own = hb_unicode_script(functions, chars[i].character);

		if (own != HB_SCRIPT_COMMON && own != HB_SCRIPT_INHERITED && own != HB_SCRIPT_UNKNOWN)
		{
			if (script == HB_SCRIPT_COMMON)
				leading = i;
			script = own;
			chars[i].is_letter = true;
		}
		chars[i].script = script;
	}
	for (i = 0; i < leading; i++)
		chars[i].script = chars[leading].script;
}

/* Embedding levels (Unicode Standard Annex #9), rule L1 included. */
static void
resolve_levels(LcChar *chars, int count, bool rtl)
{
	FriBidiChar *characters = palloc(sizeof(FriBidiChar) * count);
	FriBidiCharType *types = palloc(sizeof(FriBidiCharType) * count);
	FriBidiBracketType *brackets = palloc(sizeof(FriBidiBracketType) * count);
	FriBidiLevel *levels = palloc(sizeof(FriBidiLevel) * count);
	FriBidiParType direction = rtl ? FRIBIDI_PAR_RTL : FRIBIDI_PAR_LTR;
	int i;

	for (i = 0; i < count; i++)
		characters[i] = chars[i].character;
	fribidi_get_bidi_types(characters, count, types);
	fribidi_get_bracket_types(characters, count, types, brackets);
	if (fribidi_get_par_embedding_levels_ex(types, brackets, count, &direction, levels) == 0)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	for (i = 0; i < count; i++)
		chars[i].level = (uint8) levels[i];
	for (i = count - 1; i >= 0 && (chars[i].is_space || chars[i].is_bidi_control); i--)
		chars[i].level = rtl ? 1 : 0;
	pfree(characters);
	pfree(types);
	pfree(brackets);
	pfree(levels);
}

LcChar *
lc_itemize(const char *text, Size length, bool rtl, int *count)
{
	LcChar *chars = palloc_extended(sizeof(LcChar) * (length + 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	bool bidi = rtl;
	Size at = 0;
	int n = 0;

	while (at < length)
	{
		LcChar *one = &chars[n++];

		one->offset = (int) at;
		one->character = utf8_to_unicode((const unsigned char *) text + at);
		if (one->character == '\t')
			one->character = ' ';
		if (one->character >= FIRST_BIDI)
			bidi = true;
		read_properties(one);
		at += pg_utf_mblen((const unsigned char *) text + at);
	}
	chars[0].extends = false;
	chars[n].offset = (int) length;
	resolve_scripts(chars, n);
	if (bidi && n > 0)
		resolve_levels(chars, n, rtl);
	*count = n;
	return chars;
}

int
lc_normalize(const LcChar *chars, int count, bool compose, uint32 *result, int capacity)
{
	UErrorCode status = U_ZERO_ERROR;
	const UNormalizer2 *normalizer = compose ? unorm2_getNFCInstance(&status)
											 : unorm2_getNFDInstance(&status);
	UChar from[64];
	UChar to[128];
	int32_t length = 0;
	int32_t at = 0;
	int made = 0;
	int i;

	for (i = 0; i < count; i++)
	{
		if (chars[i].is_ignorable)
			continue;
		if (length + 2 > (int32_t) lengthof(from))
			return 0;
		if (chars[i].character > 0xffff)
		{
			from[length++] = U16_LEAD(chars[i].character);
			from[length++] = U16_TRAIL(chars[i].character);
		}
		else
			from[length++] = (UChar) chars[i].character;
	}
	length = unorm2_normalize(normalizer, from, length, to, lengthof(to), &status);
	if (U_FAILURE(status))
		return 0;
	while (at < length)
	{
		UChar32 c;

		if (made == capacity)
			return 0;
		U16_NEXT(to, at, length, c);
		result[made++] = (uint32) c;
	}
	return made;
}

uint32
lc_mirror(uint32 character)
{
	return (uint32) u_charMirror((UChar32) character);
}
