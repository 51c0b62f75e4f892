/*
 * pdf/syntax.h
 *		PDF syntax (ISO 32000-1, 7.2 and 7.3): writing values, and reading tokens.
 *
 * Writers append to a StringInfo, with nothing before and nothing after but what is said.
 */
#ifndef LC_SYNTAX_H
#define LC_SYNTAX_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "pdf/seal.h"

/* A number with at most 5 decimals, independent of locale: "12", "-0.5", "0.33333". Must be finite. */
extern void lc_pdf_number(StringInfo buffer, double value);

/* Several numbers, each followed by a space: lc_pdf_numbers(buffer, 2, x, y). All double. */
extern void lc_pdf_numbers(StringInfo buffer, int count, ...);

/* A name with its slash: lc_pdf_name(buffer, "F 1") appends "/F#201". */
extern void lc_pdf_name(StringInfo buffer, const char *name);

/* Bytes as a string of a document's object, sealed unless seal is NULL. */
extern void lc_pdf_string(StringInfo buffer, const LcSeal *seal, const void *bytes, Size length);

/* UTF-8 as a text string of a document's object, sealed unless seal is NULL. */
extern void lc_pdf_text(StringInfo buffer, const LcSeal *seal, const char *utf8);

/* ---- reading ---- */

typedef enum LcTokenKind
{
	LC_TOKEN_END, /* nothing left */
	LC_TOKEN_NUMBER,
	LC_TOKEN_NAME,	  /* start is after the slash */
	LC_TOKEN_STRING,  /* with its brackets */
	LC_TOKEN_BRACKET, /* one of << >> [ ] { } ) > */
	LC_TOKEN_KEYWORD, /* true, obj, stream, and operators */
	LC_TOKEN_BROKEN	  /* a string that does not end */
} LcTokenKind;

typedef struct LcToken
{
	LcTokenKind kind;
	const char *start;
	Size length;
} LcToken;

typedef struct LcScanner
{
	const char *at;
	const char *end;
} LcScanner;

/* The next token; comments and white space are skipped. Points into what is scanned. */
extern LcToken lc_pdf_next(LcScanner *scanner);

/* Is the token this keyword, or this name once its #xx escapes are resolved? */
extern bool lc_pdf_is_keyword(const LcToken *token, const char *keyword);
extern bool lc_pdf_is_name(const LcToken *token, const char *name);

#endif /* LC_SYNTAX_H */
