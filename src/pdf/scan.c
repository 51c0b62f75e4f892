/*
 * pdf/scan.c
 *		Looks at the bytes of a foreign PDF, token by token.
 *
 * Section numbers are those of ISO 32000-1. Builds nothing and raises nothing but the guard's errors.
 */
#include "postgres.h"

#include "guard.h"
#include "pdf/scan.h"
#include "pdf/syntax.h"

static bool
is_filter_name(const LcToken *token)
{
	static const char *const names[] = {"FlateDecode", "Fl", "LZWDecode", "LZW", "RunLengthDecode",
										"RL", "ASCII85Decode", "A85", "ASCIIHexDecode", "AHx"};

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (lc_pdf_is_name(token, names[i]))
			return true;
	}
	return false;
}

/*
 * Looks at an object that starts after "obj" at scanner->at, up to its end or its stream. Returns whether it
 * may be an object stream or a cross-reference stream, which have /First or are of type /XRef, and which
 * is compressed more than once, or in a way that is said elsewhere.
 */
static bool
is_compressed_twice(LcScanner *scanner)
{
	bool decompressed = false;
	bool indirect = false;
	bool after_filter = false;
	int filters = 0;

	for (;;)
	{
		LcToken token = lc_pdf_next(scanner);

		if (token.kind == LC_TOKEN_END || token.kind == LC_TOKEN_BROKEN ||
			lc_pdf_is_keyword(&token, "endobj") || lc_pdf_is_keyword(&token, "obj"))
			return false;
		if (token.kind == LC_TOKEN_KEYWORD && token.length >= 6 &&
			memcmp(token.start, "stream", 6) == 0)
			return decompressed && (filters > 1 || indirect);
		if (lc_pdf_is_name(&token, "First") || lc_pdf_is_name(&token, "XRef"))
			decompressed = true;
		if (is_filter_name(&token))
			filters++;
		if (after_filter && token.kind == LC_TOKEN_NUMBER)
			indirect = true;
		after_filter = lc_pdf_is_name(&token, "Filter");
	}
}

LcObjectsScan
lc_scan_objects(const uint8 *data, Size length)
{
	const char *at = (const char *) data;
	const char *end = at + length;
	Size looked_at = 0;

	while ((at = memchr(at, 'o', end - at)) != NULL)
	{
		LcScanner scanner;

		if (end - at < 3 || memcmp(at, "obj", 3) != 0)
		{
			at++;
			continue;
		}
		at += 3;
		scanner.at = at;
		scanner.end = end;
		if (is_compressed_twice(&scanner))
			return LC_OBJECTS_COMPRESSED_TWICE;
		looked_at += scanner.at - at;
		if (looked_at > 16 * length + 65536)
			return LC_OBJECTS_OVERLAP;
		lc_guard_check();
	}
	return LC_OBJECTS_SOUND;
}

/*
 * Moves past the data of an inline image, which start after "ID" and end with an EI of its own, that is
 * one with text after it. The data may hold the letters too.
 */
static bool
skip_image(LcScanner *scanner)
{
	const char *at = scanner->at;

	while ((at = memchr(at, 'E', scanner->end - at)) != NULL)
	{
		const char *after = at + 2;
		bool is_end = scanner->end - at >= 2 && at[1] == 'I' && at > scanner->at &&
			strchr(" \n\r\t", at[-1]) != NULL && at[-1] != '\0';

		for (; is_end && after < scanner->end && after < at + 12; after++)
		{
			unsigned char c = (unsigned char) *after;

			is_end = after == at + 2 ? c <= ' ' : (c >= ' ' && c < 0x7f) || c == '\n' || c == '\r' || c == '\t';
		}
		if (is_end)
		{
			scanner->at = at + 2;
			return true;
		}
		at++;
	}
	return false;
}

LcBalance
lc_scan_content(const char *content, Size length)
{
	LcScanner scanner = {content, content + length};
	LcBalance balance = {0};
	int brackets = 0;

	for (int tokens = 0;; tokens++)
	{
		LcToken token = lc_pdf_next(&scanner);

		if (tokens % 1024 == 0)
			lc_guard_check();
		if (token.kind == LC_TOKEN_END)
			break;
		if (token.kind == LC_TOKEN_BROKEN)
			balance.broken = true;
		else if (token.kind == LC_TOKEN_BRACKET)
			brackets += (*token.start == '[' || *token.start == '<')
							? 1
							: (*token.start == ']' || *token.start == '>') ? -1 : 0;
		else if (token.kind != LC_TOKEN_KEYWORD)
			continue;
		else if (lc_pdf_is_keyword(&token, "q"))
			balance.states++;
		else if (lc_pdf_is_keyword(&token, "Q"))
			balance.broken |= --balance.states < 0;
		else if (lc_pdf_is_keyword(&token, "BT"))
			balance.text = true;
		else if (lc_pdf_is_keyword(&token, "ET"))
			balance.text = false;
		else if (lc_pdf_is_keyword(&token, "BMC") || lc_pdf_is_keyword(&token, "BDC"))
			balance.marks++;
		else if (lc_pdf_is_keyword(&token, "EMC"))
			balance.broken |= --balance.marks < 0;
		else if (lc_pdf_is_keyword(&token, "ID"))
			balance.broken |= !skip_image(&scanner);
	}
	balance.broken |= brackets != 0;
	return balance;
}
