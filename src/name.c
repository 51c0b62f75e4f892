/*
 * name.c
 *		Are two names the same?
 *
 * An employer copies a name from a paper: without the accents that the keyboard lacks, the family name
 * first, in capitals. What counts is the first level of the root collation (Unicode Technical Standard 10,
 * sections 1.1 and 8): the letters. Spaces and punctuation are left out (alternate "shifted"). Names are the
 * same if their letters are, or their words in any order.
 *
 * Both are reduced to digests, which are compared in full: where names begin to differ takes no time.
 */
#include "postgres.h"

#include <unicode/uchar.h>
#include <unicode/ucol.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "name.h"

PG_FUNCTION_INFO_V1(lc_same_name_of);

#define SHA256_BYTES 32

/* What is compared of a name. */
typedef struct Digests
{
	bool has_letters;
	uint8 letters[SHA256_BYTES];
	uint8 words[SHA256_BYTES];
} Digests;

/* The sort key of a piece of a name. */
typedef struct Key
{
	uint8 *bytes;
	int length;
} Key;

/* The collator, opened once and kept. */
static const UCollator *
get_collator(void)
{
	static UCollator *kept = NULL;
	UErrorCode status = U_ZERO_ERROR;
	UCollator *collator;

	if (kept != NULL)
		return kept;
	collator = ucol_open("root", &status);
	if (U_FAILURE(status))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not open the root collation: %s", u_errorName(status))));
	ucol_setStrength(collator, UCOL_PRIMARY);
	ucol_setAttribute(collator, UCOL_ALTERNATE_HANDLING, UCOL_SHIFTED, &status);
	ucol_setAttribute(collator, UCOL_NORMALIZATION_MODE, UCOL_ON, &status);
	if (U_FAILURE(status))
	{
		ucol_close(collator);
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not set up the root collation: %s", u_errorName(status))));
	}
	kept = collator;
	return kept;
}

/* A text in UTF-16, palloc'd. */
static UChar *
to_utf16(const char *text, int32_t *length)
{
	char *utf8 = pg_server_to_any(text, strlen(text), PG_UTF8);
	int32_t bytes = strlen(utf8);
	UErrorCode status = U_ZERO_ERROR;
	UChar *result = palloc(sizeof(UChar) * (bytes + 1));

	u_strFromUTF8WithSub(result, bytes + 1, length, utf8, bytes, 0xFFFD, NULL, &status);
	if (U_FAILURE(status))
		elog(ERROR, "u_strFromUTF8WithSub: %s", u_errorName(status));
	return result;
}

/* The sort key, palloc'd, without its closing zero. */
static Key
make_key(const UCollator *collator, const UChar *text, int32_t length)
{
	int32_t size = ucol_getSortKey(collator, text, length, NULL, 0);
	Key key = { .bytes = palloc(size), .length = size - 1 };

	(void) ucol_getSortKey(collator, text, length, key.bytes, size);
	return key;
}

/* Is it part of a word? An apostrophe is: O'Brien is one name. */
static bool
in_word(UChar32 c)
{
	return u_isalnum(c) || (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0 || c == '\'' || c == 0x2019 ||
		c == 0x02BC || c == '`' || c == 0xB4;
}

static int
compare_keys(const void *a, const void *b)
{
	const Key *left = a;
	const Key *right = b;
	int result = memcmp(left->bytes, right->bytes, Min(left->length, right->length));

	return result != 0 ? result : left->length - right->length;
}

static void
digest(const Key *keys, int count, uint8 *result)
{
	StringInfoData joined;
	bytea *argument;
	bytea *sum;
	int i;

	initStringInfo(&joined);
	appendStringInfoSpaces(&joined, VARHDRSZ);
	for (i = 0; i < count; i++)
		appendBinaryStringInfo(&joined, (char *) keys[i].bytes, keys[i].length + 1);
	argument = (bytea *) joined.data;
	SET_VARSIZE(argument, joined.len);
	sum = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea, PointerGetDatum(argument)));
	memcpy(result, VARDATA_ANY(sum), SHA256_BYTES);
}

static void
reduce(const char *name, Digests *digests)
{
	const UCollator *collator = get_collator();
	int32_t length;
	UChar *text = to_utf16(name, &length);
	Key *words = palloc(sizeof(Key) * (length + 1));
	Key whole = make_key(collator, text, length);
	int count = 0;
	int32_t begin = -1;
	int32_t i = 0;

	while (i <= length)
	{
		int32_t here = i;
		UChar32 c = ' ';

		CHECK_FOR_INTERRUPTS();
		if (i < length)
			U16_NEXT(text, i, length, c);
		else
			i++;
		if (in_word(c))
		{
			if (begin < 0)
				begin = here;
			continue;
		}
		if (begin >= 0)
		{
			words[count] = make_key(collator, text + begin, here - begin);
			count += words[count].length > 0 ? 1 : 0;
		}
		begin = -1;
	}
	qsort(words, count, sizeof(Key), compare_keys);
	digest(&whole, 1, digests->letters);
	digest(count > 0 ? words : &whole, Max(count, 1), digests->words);
	digests->has_letters = whole.length > 0;
}

/* Compares all of it, whatever differs. */
static bool
same_digest(const uint8 *a, const uint8 *b)
{
	uint8 difference = 0;
	int i;

	for (i = 0; i < SHA256_BYTES; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

bool
lc_same_name(const char *name, const char *other)
{
	Digests of_name;
	Digests of_other;
	bool same_letters;
	bool same_words;

	reduce(name, &of_name);
	reduce(other, &of_other);
	same_letters = same_digest(of_name.letters, of_other.letters);
	same_words = same_digest(of_name.words, of_other.words);
	return (same_letters | same_words) & of_name.has_letters & of_other.has_letters;
}

/* same_name(name text, other text) RETURNS boolean */
Datum
lc_same_name_of(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(
		lc_same_name(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1))));
}
