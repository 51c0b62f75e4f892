/*
 * pdf/syntax.c
 *		PDF syntax: writing values, and reading tokens.
 *
 * Knows nothing of documents, objects or files. Section numbers are those of ISO 32000-1.
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "pdf/syntax.h"

/* Decimals of a number, and 10 to that power: a hundred-thousandth of a point is far below a pixel. */
#define DECIMALS 5
#define SCALE 100000

static const char hex_digits[] = "0123456789ABCDEF";

void
lc_pdf_number(StringInfo buffer, double value)
{
	char digits[32];
	char *at = digits + sizeof(digits);
	int64 scaled;
	int64 whole;
	int fraction;

	if (!(fabs(value) < 1e12))
		elog(ERROR, "number cannot be written into a PDF");
	scaled = llrint(fabs(value) * SCALE);
	whole = scaled / SCALE;
	fraction = (int) (scaled % SCALE);

	if (fraction != 0)
	{
		int decimals = DECIMALS;

		for (; fraction % 10 == 0; fraction /= 10)
			decimals--;
		for (; decimals > 0; decimals--, fraction /= 10)
			*--at = '0' + fraction % 10;
		*--at = '.';
	}
	do
		*--at = '0' + (char) (whole % 10);
	while ((whole /= 10) > 0);
	if (value < 0 && scaled != 0)
		*--at = '-';
	appendBinaryStringInfo(buffer, at, digits + sizeof(digits) - at);
}

void
lc_pdf_numbers(StringInfo buffer, int count, ...)
{
	va_list values;

	va_start(values, count);
	for (int i = 0; i < count; i++)
	{
		lc_pdf_number(buffer, va_arg(values, double));
		appendStringInfoChar(buffer, ' ');
	}
	va_end(values);
}

/* 7.2.2, tables 1 and 2. */
static inline bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == '\0';
}

static inline bool
is_delimiter(char c)
{
	return c != '\0' && strchr("()<>[]{}/%", c) != NULL;
}

static inline bool
is_regular(char c)
{
	return !is_space(c) && !is_delimiter(c);
}

/* 7.3.5: what is not a regular printable character is written as # and two hexadecimal digits. */
void
lc_pdf_name(StringInfo buffer, const char *name)
{
	appendStringInfoChar(buffer, '/');
	for (; *name != '\0'; name++)
	{
		unsigned char c = (unsigned char) *name;

		if (c > ' ' && c < 0x7f && c != '#' && is_regular((char) c))
			appendStringInfoChar(buffer, (char) c);
		else
		{
			appendStringInfoChar(buffer, '#');
			appendStringInfoChar(buffer, hex_digits[c >> 4]);
			appendStringInfoChar(buffer, hex_digits[c & 15]);
		}
	}
}

/* 7.3.4.3 */
/*
 * Appends a literal string (ISO 32000-1, 7.3.4.2). Every byte may stand in one as it is but for the escape, the
 * brackets, and CR, which would be read as LF; NUL is escaped for whoever takes objects for C strings.
 */
static void
append_literal(StringInfo buffer, const uint8 *bytes, Size length)
{
	char *to;

	if (length > MaxAllocSize / 4 - 1)
		elog(ERROR, "string is too long for a PDF");
	enlargeStringInfo(buffer, (int) (4 * length + 2));
	to = buffer->data + buffer->len;
	*to++ = '(';
	for (Size i = 0; i < length; i++)
	{
		switch (bytes[i])
		{
			case '\0':
				memcpy(to, "\\000", 4);
				to += 4;
				break;
			case '\r':
				*to++ = '\\';
				*to++ = 'r';
				break;
			case '(':
			case ')':
			case '\\':
				*to++ = '\\';
				/* FALLTHROUGH */
			default:
				*to++ = (char) bytes[i];
		}
	}
	*to++ = ')';
	*to = '\0';
	buffer->len = (int) (to - buffer->data);
}

void
lc_pdf_string(StringInfo buffer, const LcSeal *seal, const void *bytes, Size length)
{
	StringInfoData sealed;

	if (seal == NULL)
	{
		append_literal(buffer, bytes, length);
		return;
	}
	initStringInfo(&sealed);
	lc_seal_append(&sealed, seal, bytes, length);
	append_literal(buffer, (const uint8 *) sealed.data, sealed.len);
	pfree(sealed.data);
}

/* Appends a UTF-16 code unit, the high byte first. */
static void
append_unit(StringInfo buffer, uint32 unit)
{
	appendStringInfoChar(buffer, (char) (unit >> 8));
	appendStringInfoChar(buffer, (char) (unit & 0xff));
}

/* 7.9.2.2: printable ASCII stands for itself, all else is UTF-16BE after a byte order mark. */
void
lc_pdf_text(StringInfo buffer, const LcSeal *seal, const char *utf8)
{
	StringInfoData units;
	const char *c = utf8;

	while (*c >= ' ' && *c <= '~')
		c++;
	if (*c == '\0')
	{
		lc_pdf_string(buffer, seal, utf8, c - utf8);
		return;
	}

	initStringInfo(&units);
	append_unit(&units, 0xfeff);
	for (c = utf8; *c != '\0'; c += pg_utf_mblen((const unsigned char *) c))
	{
		pg_wchar character = utf8_to_unicode((const unsigned char *) c);

		if (character < 0x10000)
			append_unit(&units, character);
		else
		{
			append_unit(&units, 0xd800 + ((character - 0x10000) >> 10));
			append_unit(&units, 0xdc00 + ((character - 0x10000) & 0x3ff));
		}
	}
	lc_pdf_string(buffer, seal, units.data, units.len);
	pfree(units.data);
}

/* Moves past a literal string (7.3.4.2), which starts here. False: it does not end. */
static bool
skip_literal(LcScanner *scanner)
{
	int depth = 0;

	for (; scanner->at < scanner->end; scanner->at++)
	{
		char c = *scanner->at;

		if (c == '\\' && scanner->at + 1 < scanner->end)
			scanner->at++;
		else if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0)
		{
			scanner->at++;
			return true;
		}
	}
	return false;
}

/* Moves past a comment, to the end of its line. */
static void
skip_comment(LcScanner *scanner)
{
	while (scanner->at < scanner->end && *scanner->at != '\n' && *scanner->at != '\r')
		scanner->at++;
}

static void
skip_regular(LcScanner *scanner)
{
	while (scanner->at < scanner->end && is_regular(*scanner->at))
		scanner->at++;
}

LcToken
lc_pdf_next(LcScanner *scanner)
{
	LcToken token = { LC_TOKEN_END, scanner->end, 0 };
	char c;
	char second;

	for (; scanner->at < scanner->end; scanner->at++)
	{
		if (*scanner->at == '%')
			skip_comment(scanner);
		else if (!is_space(*scanner->at))
			break;
		if (scanner->at == scanner->end)
			break;
	}
	if (scanner->at >= scanner->end)
		return token;

	token.start = scanner->at;
	c = *scanner->at;
	second = scanner->at + 1 < scanner->end ? scanner->at[1] : '\0';
	if (c == '/')
	{
		token.kind = LC_TOKEN_NAME;
		token.start = ++scanner->at;
		skip_regular(scanner);
	}
	else if (c == '(')
		token.kind = skip_literal(scanner) ? LC_TOKEN_STRING : LC_TOKEN_BROKEN;
	else if (c == '<' && second != '<')
	{
		const char *close = memchr(scanner->at, '>', scanner->end - scanner->at);

		token.kind = close != NULL ? LC_TOKEN_STRING : LC_TOKEN_BROKEN;
		scanner->at = close != NULL ? close + 1 : scanner->end;
	}
	else if (is_delimiter(c))
	{
		token.kind = LC_TOKEN_BRACKET;
		scanner->at += (c == '<' || (c == '>' && second == '>')) ? 2 : 1;
	}
	else
	{
		token.kind = strchr("+-.0123456789", c) != NULL ? LC_TOKEN_NUMBER : LC_TOKEN_KEYWORD;
		skip_regular(scanner);
	}
	token.length = scanner->at - token.start;
	return token;
}

bool
lc_pdf_is_keyword(const LcToken *token, const char *keyword)
{
	return token->kind == LC_TOKEN_KEYWORD && token->length == strlen(keyword) &&
		memcmp(token->start, keyword, token->length) == 0;
}

static int
hex_value(char c)
{
	const char *digit = c == '\0' ? NULL : strchr(hex_digits, pg_ascii_toupper((unsigned char) c));

	return digit == NULL ? -1 : (int) (digit - hex_digits);
}

bool
lc_pdf_is_name(const LcToken *token, const char *name)
{
	const char *c = token->start;
	const char *end = c + token->length;

	if (token->kind != LC_TOKEN_NAME)
		return false;
	for (; c < end; c++, name++)
	{
		char expected = *c;

		if (expected == '#' && end - c > 2 && hex_value(c[1]) >= 0 && hex_value(c[2]) >= 0)
		{
			expected = (char) (hex_value(c[1]) * 16 + hex_value(c[2]));
			c += 2;
		}
		if (*name == '\0' || *name != expected)
			return false;
	}
	return *name == '\0';
}
