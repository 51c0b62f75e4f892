/*
 * pdf/scan.c
 *		Looks at a content stream, operator by operator.
 *
 * Builds nothing and raises nothing but the guard's errors.
 */
#include "postgres.h"

#include "guard.h"
#include "pdf/scan.h"
#include "pdf/syntax.h"

/* Marks of a page (MCIDs) are numbered from 0; no page has so many. */
#define MAX_MARK 100000

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

			is_end = after == at + 2 ? c <= ' '
									 : (c >= ' ' && c < 0x7f) || c == '\n' || c == '\r' || c == '\t';
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

/* The number of a token as an MCID; 0 when it is none that anybody uses. */
static int
mark_of(const LcToken *token)
{
	int mark = 0;

	for (Size i = 0; i < token->length; i++)
	{
		if (token->start[i] < '0' || token->start[i] > '9' || mark > MAX_MARK / 10)
			return 0;
		mark = mark * 10 + (token->start[i] - '0');
	}
	return mark;
}

LcBalance
lc_scan_content(const char *content, Size length)
{
	LcScanner scanner = { content, content + length };
	LcBalance balance = { 0 };
	bool after_mark = false;
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
			brackets += (*token.start == '[' || *token.start == '<') ? 1
				: (*token.start == ']' || *token.start == '>')		 ? -1
																	 : 0;
		else if (token.kind == LC_TOKEN_NAME)
		{
			after_mark = lc_pdf_is_name(&token, "MCID");
			continue;
		}
		else if (token.kind == LC_TOKEN_NUMBER)
		{
			if (after_mark)
				balance.marked = Max(balance.marked, mark_of(&token) + 1);
			after_mark = false;
		}
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
