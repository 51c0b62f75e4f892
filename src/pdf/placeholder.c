/*
 * pdf/placeholder.c
 *		{placeholders} in texts.
 *
 * One pass from left to right; what is put in is never looked at again.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "pdf/placeholder.h"
#include "settings.h"

#define EVIDENCE "evidence."

/* Digits of a position in a list. */
#define MAX_POSITION_DIGITS 8

#define FIRST_STRONG_ISOLATE "\xE2\x81\xA8"	   /* U+2068 */
#define POP_DIRECTIONAL_ISOLATE "\xE2\x81\xA9" /* U+2069 */

/* A text being filled in. */
typedef struct Filling
{
	StringInfoData text;
	int64 characters; /* so far, without isolates */
	int values;		  /* placeholders filled in */
	int literals;	  /* bytes that came from the text itself */
	bool isolate;	  /* put values between FSI and PDI */
	const char *path; /* for errors */
} Filling;

/* The bytes of the line break at the start of a text (Unicode Standard, 5.8); 0: there is none. */
static int
line_break(const char *text, const char *end)
{
	if (*text >= '\n' && *text <= '\r') /* LF, VT, FF, CR */
		return end - text >= 2 && memcmp(text, "\r\n", 2) == 0 ? 2 : 1;
	if (end - text >= 2 && memcmp(text, "\xC2\x85", 2) == 0) /* U+0085, next line */
		return 2;
	if (end - text >= 3 &&
		(memcmp(text, "\xE2\x80\xA8", 3) == 0 || /* U+2028, line separator */
		 memcmp(text, "\xE2\x80\xA9", 3) == 0))	 /* U+2029, paragraph separator */
		return 3;
	return 0;
}

/* Appends text with every kind of line break as "\n" and tabs as spaces. Raises 54000. */
static void
append(Filling *filling, const char *text, int length, bool isolate)
{
	const char *end = text + length;

	filling->characters += pg_mbstrlen_with_len(text, length);
	if (filling->characters > lc_max_text_length)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: the text has more than %d characters", filling->path, lc_max_text_length),
				 errdetail("The setting learning_credentials.max_text_length allows no more.")));

	if (isolate)
		appendStringInfoString(&filling->text, FIRST_STRONG_ISOLATE);
	while (text < end)
	{
		int bytes = line_break(text, end);

		if (bytes > 0 && isolate) /* an isolate ends with its line */
			appendStringInfoString(&filling->text, POP_DIRECTIONAL_ISOLATE "\n" FIRST_STRONG_ISOLATE);
		else
			appendStringInfoChar(&filling->text, bytes > 0 ? '\n' : *text == '\t' ? ' ' : *text);
		text += Max(bytes, 1);
	}
	if (isolate)
		appendStringInfoString(&filling->text, POP_DIRECTIONAL_ISOLATE);
}

/* A number as people read it: with at most two decimals. */
static char *
show_number(Numeric number)
{
	char *text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
	char *point = strchr(text, '.');
	char *end;

	if (point == NULL || strlen(point) <= 3)
		return text;
	text =
		DatumGetCString(DirectFunctionCall1(numeric_out,
											DirectFunctionCall2(numeric_round, NumericGetDatum(number),
																Int32GetDatum(2))));
	end = text + strlen(text);
	while (end[-1] == '0')
		end--;
	if (end[-1] == '.')
		end--;
	*end = '\0';
	return text;
}

/*
 * What a path of keys and list positions leads to in evidence; NULL: nothing, or no single value. Keys
 * may hold dots, as those of courses do: the shortest key that leads on is taken.
 */
static const char *
evidence_value(JsonbContainer *container, const char *path, int length)
{
	int end;

	check_stack_depth();
	for (end = 1; end <= length; end++)
	{
		JsonbValue found;
		JsonbValue *value;

		CHECK_FOR_INTERRUPTS();
		if (end < length && path[end] != '.')
			continue;
		if (JsonContainerIsObject(container))
			value = getKeyJsonValueFromContainer(container, path, end, &found);
		else if (end <= MAX_POSITION_DIGITS)
		{
			char *position = pnstrdup(path, end);

			value = NULL;
			if (strspn(position, "0123456789") == (size_t) end)
				value = getIthJsonbValueFromContainer(container, atoi(position));
		}
		else
			break;
		if (value == NULL)
			continue;
		if (end == length)
		{
			switch (value->type)
			{
				case jbvString:
					return pnstrdup(value->val.string.val, value->val.string.len);
				case jbvNumeric:
					return show_number(value->val.numeric);
				case jbvBool:
					return value->val.boolean ? "true" : "false";
				case jbvNull:
					return "";
				default:
					return NULL;
			}
		}
		if (value->type == jbvBinary)
		{
			const char *below = evidence_value(value->val.binary.data, path + end + 1, length - end - 1);

			if (below != NULL)
				return below;
		}
	}
	return NULL;
}

/* What a placeholder stands for, given without its braces; NULL: it is not known. */
static const char *
lookup(const LcValues *values, const char *name, Size length)
{
	const struct
	{
		const char *name;
		const char *value;
	} known[] = {
		{ "name", values->name },
		{ "context_name", values->context_name },
		{ "issue_date", values->issue_date },
		{ "expires_date", values->expires_date },
		{ "verify_uuid", values->verify_uuid },
		{ "verify_url", values->verify_url },
		{ "credential_type", values->credential_type },
	};
	Size i;

	for (i = 0; i < lengthof(known); i++)
		if (strlen(known[i].name) == length && memcmp(known[i].name, name, length) == 0)
			return known[i].value;
	if (length > strlen(EVIDENCE) && memcmp(name, EVIDENCE, strlen(EVIDENCE)) == 0)
		return evidence_value(&values->evidence->root, name + strlen(EVIDENCE),
							  length - strlen(EVIDENCE));
	return NULL;
}

static void
fill(Filling *filling, const char *text, const LcValues *values)
{
	initStringInfo(&filling->text);
	filling->characters = 0;
	filling->values = 0;
	filling->literals = 0;
	while (*text != '\0')
	{
		int length = strcspn(text, "{}");
		int skipped;

		CHECK_FOR_INTERRUPTS();
		skipped = length;
		if (length == 0 && (text[1] == text[0])) /* a doubled brace stands for one */
		{
			length = 1;
			skipped = 2;
		}
		else if (length == 0)
		{
			int name_length = strcspn(text + 1, "{}");
			const char *value = NULL;

			if (text[0] == '{' && text[1 + name_length] == '}')
				value = lookup(values, text + 1, name_length);
			if (value != NULL)
			{
				append(filling, value, strlen(value), filling->isolate);
				filling->values++;
				text += name_length + 2;
				continue;
			}
			length = skipped = 1;
		}
		append(filling, text, length, false);
		filling->literals += length;
		text += skipped;
	}
}

/* Is this a letter of a script that is written from right to left? By blocks of Unicode. */
static bool
is_rtl(pg_wchar c)
{
	return (c >= 0x0590 && c <= 0x08FF) || (c >= 0xFB1D && c <= 0xFDFF) ||
		(c >= 0xFE70 && c <= 0xFEFE) || (c >= 0x10800 && c <= 0x10FFF) || (c >= 0x1E800 && c <= 0x1EFFF);
}

/* Is this a letter of a script that is written from left to right? By blocks of Unicode. */
static bool
is_ltr(pg_wchar c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == 0xAA || c == 0xB5 || c == 0xBA ||
		(c >= 0xC0 && c <= 0x2B8 && c != 0xD7 && c != 0xF7) || (c >= 0x370 && c <= 0x58F) ||
		(c >= 0x900 && c <= 0x1FFF) || (c >= 0x2C00 && c <= 0x2DFF) || (c >= 0x3005 && c <= 0xD7FF) ||
		(c >= 0xF900 && c <= 0xFB1C) || (c >= 0xFF21 && c <= 0xFFDC) || (c >= 0x10000 && c <= 0x1EFFF) ||
		(c >= 0x20000 && c <= 0x3FFFF);
}

static bool
has_rtl(const char *text)
{
	for (; *text != '\0'; text += pg_utf_mblen((const unsigned char *) text))
		if (is_rtl(utf8_to_unicode((const unsigned char *) text)))
			return true;
	return false;
}

char *
lc_placeholder_fill(const char *text, const LcValues *values, const char *path)
{
	Filling filling;

	filling.path = path;
	filling.isolate = false;
	fill(&filling, text, values);
	if (filling.values + Min(filling.literals, 1) > 1 && has_rtl(filling.text.data))
	{
		filling.isolate = true;
		fill(&filling, text, values);
	}
	return filling.text.data;
}

char *
lc_placeholder_plain(const char *text, const LcValues *values, const char *path)
{
	Filling filling;

	filling.path = path;
	filling.isolate = false;
	fill(&filling, text, values);
	return filling.text.data;
}

bool
lc_text_is_rtl(const char *text)
{
	const char *at;
	int depth = 0;

	/* First without what is isolated (rule P2), then, when nothing else is strong, with it. */
	for (at = text; *at != '\0'; at += pg_utf_mblen((const unsigned char *) at))
	{
		pg_wchar c = utf8_to_unicode((const unsigned char *) at);

		if (c >= 0x2066 && c <= 0x2068)
			depth++;
		else if (c == 0x2069)
			depth = Max(depth - 1, 0);
		else if (depth == 0 && (is_rtl(c) || is_ltr(c)))
			return is_rtl(c);
	}
	for (at = text; *at != '\0'; at += pg_utf_mblen((const unsigned char *) at))
	{
		pg_wchar c = utf8_to_unicode((const unsigned char *) at);

		if (is_rtl(c) || is_ltr(c))
			return is_rtl(c);
	}
	return false;
}

bool
lc_text_is_multiline(const char *text)
{
	const char *end = text + strlen(text);

	for (; text < end; text++)
		if (line_break(text, end) > 0)
			return true;
	return false;
}

char *
lc_placeholder_url(const char *verify_url, const char *verify_uuid)
{
	static const char placeholder[] = "{verify_uuid}";
	StringInfoData url;
	const char *found;

	initStringInfo(&url);
	while ((found = strstr(verify_url, placeholder)) != NULL)
	{
		appendBinaryStringInfo(&url, verify_url, found - verify_url);
		appendStringInfoString(&url, verify_uuid);
		verify_url = found + strlen(placeholder);
	}
	appendStringInfoString(&url, verify_url);
	return url.data;
}
