/*
 * pdf/survey.c
 *		What reading a foreign PDF may cost libqpdf: time that grows faster than the file, and stack.
 *
 * libqpdf reads an object when it is asked for, in one call that cannot be interrupted, with all that it needs
 * for that. What can make such a call long or deep is found here, at every place of the file where an object
 * can start, whatever seems to be around it:
 *
 * - a stream's length may be said by another stream, and so on: each takes stack;
 * - an object stream is decompressed and read as a whole, and its objects may overlap, as may others;
 * - streams may be compressed more than once, which takes time without memory;
 * - repairing looks at the first word after each line's start, and for the end of each stream whose length
 *   is wrong.
 *
 * What is counted is an upper bound of what libqpdf does. Section numbers are those of ISO 32000-1. Builds
 * nothing of the file, and raises nothing but the guard's errors.
 */
#include "postgres.h"

#include <limits.h>

#include "lib/stringinfo.h"

#include "guard.h"
#include "pdf/flate.h"
#include "pdf/survey.h"
#include "pdf/syntax.h"

/* How deep libqpdf nests values before it gives up. */
#define MAX_DEPTH 512

/* How often a byte may be looked at: sound objects do not overlap. */
#define MAX_OVERLAP 16

/* Bytes that all object streams and cross-reference streams may hold, and one object stream. */
#define MAX_EXPANDED ((Size) 64 * 1024 * 1024)

/* Objects that may be read inside the reading of another: each takes a few kB of stack. */
#define MAX_CHAIN 500

/* What repairing may cost: lines looked at; things looked at in one call, of two kinds (1 us and 10 ns each). */
#define MAX_LINES 1000000
#define MAX_SLOW_STEPS ((Size) 4000000)
#define MAX_QUICK_STEPS ((Size) 200000000)

/* A place where an object starts, up to its stream or its end. */
typedef struct Place
{
	int64 number;	 /* 0: not clear */
	int64 length_in; /* the object that says the stream's length; 0: it does so itself */
	int64 count;	 /* of an object stream: /N and /First; -1: none */
	int64 first;
	bool is_stream;
	bool is_table;		/* a cross-reference stream */
	bool holds_objects; /* it has /First */
	bool has_parameters;
	bool unclear; /* /N or /First are no whole numbers, said twice, or elsewhere */
	bool filter_elsewhere;
	int references; /* to objects that reading this one needs, but for its length */
	int filters;
	int flate_filters;
	const char *data; /* of the stream */
	Size looked_at;	  /* bytes */
} Place;

/* ============================================================ objects */

static bool
is_filter_name(const LcToken *token)
{
	static const char *const names[] = { "LZWDecode",	  "LZW", "RunLengthDecode", "RL",
										 "ASCII85Decode", "A85", "ASCIIHexDecode",	"AHx",
										 "Crypt" };

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (lc_pdf_is_name(token, names[i]))
			return true;
	}
	return false;
}

static bool
is_flate_name(const LcToken *token)
{
	return lc_pdf_is_name(token, "FlateDecode") || lc_pdf_is_name(token, "Fl");
}

/* A whole number that can be one of an object; -1: none. */
static int64
whole_number(const LcToken *token)
{
	int64 value = 0;

	if (token->kind != LC_TOKEN_NUMBER)
		return -1;
	for (Size i = *token->start == '+' ? 1 : 0; i < token->length; i++)
	{
		if (token->start[i] < '0' || token->start[i] > '9' || value > INT_MAX)
			return -1;
		value = value * 10 + (token->start[i] - '0');
	}
	return value;
}

/* The number before "GENERATION obj", whose "obj" is here; 0: something else is there. */
static int64
number_before(const char *start, const char *obj)
{
	const char *at = obj;
	LcToken token = { LC_TOKEN_NUMBER, NULL, 0 };

	for (int i = 0; i < 2; i++)
	{
		const char *end;

		while (at > start && strchr(" \t\r\n\f", at[-1]) != NULL && at[-1] != '\0')
			at--;
		end = at;
		while (at > start && at[-1] >= '0' && at[-1] <= '9')
			at--;
		token.start = at;
		token.length = end - at;
		if (token.length == 0)
			return 0;
	}
	return Max(whole_number(&token), 0);
}

/* Notes an entry's value: a number, or a reference to an object (7.3.10). */
static void
note_value(Place *place, const LcToken *key, int64 value, bool is_reference)
{
	if (key->kind != LC_TOKEN_NAME)
		return;
	if (lc_pdf_is_name(key, "N"))
	{
		place->unclear |= is_reference || value < 0 || (place->count >= 0 && place->count != value);
		place->count = value;
	}
	else if (lc_pdf_is_name(key, "First"))
	{
		place->unclear |= is_reference || value < 0 || (place->first >= 0 && place->first != value);
		place->first = value;
	}
	else if (is_reference && lc_pdf_is_name(key, "Length"))
		place->length_in = value;
	else if (is_reference && lc_pdf_is_name(key, "Filter"))
		place->filter_elsewhere = true;
	else if (is_reference && !lc_pdf_is_name(key, "Root") && !lc_pdf_is_name(key, "Info") &&
			 !lc_pdf_is_name(key, "Encrypt") && !lc_pdf_is_name(key, "Extends"))
		place->references++;
}

/* Moves to where libqpdf takes a stream's data to start, after the keyword (7.3.8.1). */
static const char *
after_keyword(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\f' || *at == '\v'))
		at++;
	if (at < end && *at == '\r')
		at++;
	if (at < end && *at == '\n')
		at++;
	return at;
}

/* Notes what an entry of a place's dictionary says. "last" are the numbers just before the token. */
static void
note_token(Place *place, LcToken *key, const LcToken *token, const int64 *last)
{
	if (token->kind == LC_TOKEN_NUMBER && last[1] < 0)
		note_value(place, key, whole_number(token), false);
	else if (lc_pdf_is_keyword(token, "R"))
		note_value(place, key, last[0], true);
	else if (token->kind == LC_TOKEN_NAME)
	{
		*key = *token;
		place->is_table |= lc_pdf_is_name(token, "XRef");
		place->holds_objects |= lc_pdf_is_name(token, "First");
		place->flate_filters += is_flate_name(token);
		place->filters += is_flate_name(token) || is_filter_name(token);
		place->has_parameters |= lc_pdf_is_name(token, "DecodeParms") || lc_pdf_is_name(token, "DP");
	}
}

/*
 * Moves past a value as libqpdf reads it, which minds no keyword and no bracket of the other kind. Notes the
 * objects that it refers to, and what its entries say unless "place" is NULL.
 */
static void
skip_value(LcSurvey *survey, LcScanner *scanner, Place *place)
{
	char open[MAX_DEPTH];
	int depth = 0;
	int64 last[2] = { -1, -1 };
	LcToken key = { LC_TOKEN_END, NULL, 0 };

	do
	{
		LcToken token = lc_pdf_next(scanner);
		char c;

		if (token.kind == LC_TOKEN_END || token.kind == LC_TOKEN_BROKEN)
			return;
		if (place != NULL)
			note_token(place, &key, &token, last);
		if (lc_pdf_is_keyword(&token, "R") && last[0] > 0 && last[0] <= INT_MAX)
			survey->references = lappend_int(survey->references, (int) last[0]);
		last[0] = last[1];
		last[1] = whole_number(&token);
		if (token.kind != LC_TOKEN_BRACKET)
			continue;
		c = *token.start;
		if (c == '[' || c == '<')
		{
			if (depth == MAX_DEPTH)
				return;
			open[depth++] = c;
		}
		else if (depth > 0 &&
				 ((c == ']' && open[depth - 1] == '[') ||
				  (c == '>' && token.length == 2 && open[depth - 1] == '<')))
			depth--;
	} while (depth > 0);
}

/* Looks at what follows an "obj": a value, and the keyword if it is a stream. */
static void
look_at_place(LcSurvey *survey, Place *place, const char *at, const char *end)
{
	LcScanner scanner = { at, end };
	LcToken token;

	memset(place, 0, sizeof(*place));
	place->count = place->first = -1;
	skip_value(survey, &scanner, place);
	token = lc_pdf_next(&scanner);
	place->looked_at = scanner.at - at;
	if (token.kind == LC_TOKEN_KEYWORD && token.length >= 6 && memcmp(token.start, "stream", 6) == 0)
	{
		place->is_stream = true;
		place->data = after_keyword(token.start + 6, end);
	}
}

/* How many bytes it takes to read the value here. */
static Size
value_length(LcSurvey *survey, const char *at, const char *end)
{
	LcScanner scanner = { at, end };

	skip_value(survey, &scanner, NULL);
	return scanner.at - at;
}

/* ============================================================ object streams (7.5.7) */

/* Looks at what a decompressed object stream holds: numbers and places, then the objects. */
static void
look_into_container(LcSurvey *survey, const char *data, Size length, int64 count, int64 first)
{
	const char *end = data + length;
	LcScanner scanner = { data, end };
	Size looked_at = 0;

	for (int64 i = 0; i < count; i++)
	{
		LcToken number = lc_pdf_next(&scanner);
		LcToken place = lc_pdf_next(&scanner);
		int64 at = whole_number(&place);

		if (number.kind != LC_TOKEN_NUMBER || place.kind != LC_TOKEN_NUMBER)
			break;
		if (at < 0)
		{
			survey->refusal = "Its objects are stored in an unusual way.";
			return;
		}
		if (at + first >= (int64) length)
			continue;
		looked_at += value_length(survey, data + first + at, end);
		if (looked_at > MAX_OVERLAP * length + 65536)
		{
			survey->refusal = "Its objects overlap.";
			return;
		}
		lc_guard_check();
	}
}

void
lc_survey_container(LcSurvey *survey, const char *data, Size length, bool compressed, int64 count,
					int64 first)
{
	StringInfoData expanded;

	if (!compressed)
	{
		look_into_container(survey, data, length, count, first);
		return;
	}
	initStringInfo(&expanded);
	if (lc_inflate(&expanded, data, length, 1, MAX_EXPANDED - survey->expanded) == LC_INFLATE_TOO_LONG)
		survey->refusal =
			psprintf("Its object streams decompress to more than %zu kB.", MAX_EXPANDED / 1024);
	else
	{
		/* What was decompressed before an error counts too. */
		survey->expanded += expanded.len;
		look_into_container(survey, expanded.data, expanded.len, count, first);
	}
	pfree(expanded.data);
}

/* Looks at an object stream or a cross-reference stream, which libqpdf reads on its own. */
static void
look_at_container(LcSurvey *survey, const Place *place, const char *end)
{
	const char *data = place->data;

	/* Compressed data (RFC 1950, 2.2) never start with white space, but it may stand before them. */
	while (place->filters > 0 && data < end && strchr(" \t\r\n\f\v", *data) != NULL)
		data++;

	if (place->filters > 1 || place->filter_elsewhere)
		survey->refusal = "Its objects are compressed twice.";
	else if (place->filters != place->flate_filters || place->unclear ||
			 (place->holds_objects && (place->has_parameters || place->count < 0 || place->first < 0)))
		survey->refusal = "Its objects are stored in an unusual way.";
	else if (place->holds_objects || place->filters > 0)
		lc_survey_container(survey, data, end - data, place->filters > 0, place->count,
							Max(place->first, 0));
	if (place->holds_objects)
		survey->containers = lappend_int(survey->containers, (int) Min(place->number, INT_MAX));
}

/* ============================================================ the file */

/* Do both lists have a number? Sorts them. */
static bool
have_common(List *one, List *other)
{
	int i = 0;
	int j = 0;

	list_sort(one, list_int_cmp);
	list_sort(other, list_int_cmp);
	while (i < list_length(one) && j < list_length(other))
	{
		int a = list_nth_int(one, i);
		int b = list_nth_int(other, j);

		if (a == b)
			return true;
		if (a < b)
			i++;
		else
			j++;
	}
	return false;
}

static Size
count_word(const char *data, Size length, const char *word)
{
	const char *at = data;
	const char *end = data + length;
	Size letters = strlen(word);
	Size count = 0;

	while ((at = memchr(at, word[0], end - at)) != NULL)
	{
		if ((Size) (end - at) >= letters && memcmp(at, word, letters) == 0)
			count++;
		at++;
	}
	return count;
}

/*
 * How many bytes of white space and comments are read when the first word after each line's start is. Also
 * counts the lines.
 */
static Size
blank_bytes(const char *data, Size length, Size *all_lines)
{
	Size bytes = 0;
	Size lines = 1; /* that started in the blank that is here */
	bool comment = false;
	bool after_end = false;

	*all_lines = 1;
	for (Size i = 0; i < length; i++)
	{
		char c = data[i];
		bool is_end = c == '\n' || c == '\r';

		if (after_end && !is_end)
		{
			lines++;
			(*all_lines)++;
			comment = false;
		}
		after_end = is_end;
		bytes += lines;
		if (c == '%')
			comment = true;
		else if (!comment && !is_end && c != ' ' && c != '\t' && c != '\f' && c != '\0')
			lines = 0;
	}
	return bytes;
}

/* Is this a word that ends a stream whose length is not known? */
static bool
is_end(const char *at, const char *end)
{
	Size letters = end - at >= 9 && memcmp(at, "endstream", 9) == 0 ? 9
		: end - at >= 6 && memcmp(at, "endobj", 6) == 0				? 6
																	: 0;

	return letters > 0 && (at + letters == end || strchr(" \t\r\n\f%/<>[](){}", at[letters]) != NULL);
}

/* Where a stream that starts here ends, if its length is not known. */
static const char *
find_end(const char *at, const char *end)
{
	for (; (at = memchr(at, 'e', end - at)) != NULL; at++)
	{
		if (is_end(at, end))
			return at;
	}
	return end;
}

/* Looks at each cross-reference table's trailer (7.5.5), also where repairing looks for one. */
static void
look_at_trailers(LcSurvey *survey, const char *data, Size length)
{
	const char *at = data;
	const char *end = data + length;
	Size looked_at = 0;

	while (survey->refusal == NULL && (at = memchr(at, 't', end - at)) != NULL)
	{
		if (end - at >= 7 && memcmp(at, "trailer", 7) == 0)
		{
			looked_at += value_length(survey, at + 7, end);
			if (looked_at > MAX_OVERLAP * length + 65536)
				survey->refusal = "Its trailers overlap.";
			lc_guard_check();
		}
		at++;
	}
}

void
lc_survey(LcSurvey *survey, const uint8 *bytes, Size length)
{
	const char *data = (const char *) bytes;
	const char *at = data;
	const char *end = data + length;
	List *streams = NIL; /* that say their length elsewhere */
	List *lengths = NIL;
	Size places = 0;
	Size chained = 0; /* what can need objects that it does not name, or not by a number */
	Size looked_at = 0;
	Size gaps = 0; /* bytes from each stream's start to its end */
	Size all_streams = 0;
	Size lines;
	const char *next_end = data;
	bool tangled = false;

	memset(survey, 0, sizeof(*survey));
	look_at_trailers(survey, data, length);
	while (survey->refusal == NULL && (at = memchr(at, 'o', end - at)) != NULL)
	{
		Place place;
		bool is_container;

		if (end - at < 3 || memcmp(at, "obj", 3) != 0)
		{
			at++;
			continue;
		}
		lc_guard_check();
		look_at_place(survey, &place, at + 3, end);
		place.number = number_before(data, at);
		places++;
		is_container = place.is_stream && (place.holds_objects || place.is_table);
		if (is_container)
			look_at_container(survey, &place, end);
		if (is_container && (place.references > 0 || place.length_in != 0))
			chained++;
		if (place.is_stream)
		{
			if (next_end < place.data)
				next_end = find_end(place.data, end);
			gaps += next_end - place.data;
			all_streams++;
		}
		if (place.is_stream && place.length_in != 0)
		{
			streams = lappend_int(streams, (int) Min(place.number, INT_MAX));
			lengths = lappend_int(lengths, (int) Min(Max(place.length_in, 0), INT_MAX));
			tangled |= place.number == 0;
		}
		looked_at += place.looked_at;
		if (looked_at > MAX_OVERLAP * length + 65536)
			survey->refusal = "Its objects overlap.";
		at += 3;
	}
	if (survey->refusal != NULL)
		return;

	/* Repairing makes sure that an object is the one that was asked for; then numbers can be relied on. */
	tangled |= have_common(streams, lengths);
	survey->repairable = !tangled && chained <= MAX_CHAIN / 8 &&
		(places + count_word(data, length, "end")) * (chained + 1) <= MAX_SLOW_STEPS &&
		places * all_streams <= MAX_QUICK_STEPS && gaps <= MAX_OVERLAP * length + 1024 * 1024 &&
		blank_bytes(data, length, &lines) <= MAX_OVERLAP * length + 1024 * 1024 && lines <= MAX_LINES;
	if (!survey->repairable && list_length(streams) + chained > MAX_CHAIN)
		survey->refusal = "Its objects lead from one to the next without end.";
	list_free(streams);
	list_free(lengths);
}
