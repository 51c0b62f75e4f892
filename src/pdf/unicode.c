/*
 * pdf/unicode.c
 *		ICU services: upper case, dates, line breaks.
 *
 * Texts come and go as UTF-8; ICU's UTF-16 stays in here. Opening a formatter or a break iterator costs
 * more than using it, so the last one of each is kept.
 */
#include "postgres.h"

#include <math.h>
#include <unicode/ubrk.h>
#include <unicode/ucal.h>
#include <unicode/ucasemap.h>
#include <unicode/udat.h>
#include <unicode/uloc.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pdf/unicode.h"

/* Bytes of the longest date format and of the longest name of a time zone that are taken. */
#define MAX_FORMAT 200
#define MAX_ZONE 100

/* UTF-16 units of the longest date that is made. */
#define MAX_DATE 1000

/* A handle of ICU kept from call to call, and what it was opened with. */
typedef struct Kept
{
	void *handle;
	char locale[ULOC_FULLNAME_CAPACITY];
	char format[MAX_FORMAT + 1];
	char zone[MAX_ZONE + 1];
} Kept;

typedef struct NamedStyle
{
	const char *name;
	UDateFormatStyle style;
} NamedStyle;

static const NamedStyle named_styles[] = {
	{ "short", UDAT_SHORT },
	{ "medium", UDAT_MEDIUM },
	{ "long", UDAT_LONG },
	{ "full", UDAT_FULL },
};

/* Letters that mean something in a pattern (Unicode Technical Standard 35, part 4). */
static const char pattern_letters[] = "GyYuUrQqMLlwWdDFgEecabBhHKkjJCmsSAzZOvVXx";

/* ---- locales and time zones ---- */

/*
 * The ICU identifier of a locale, in "name" of ULOC_FULLNAME_CAPACITY bytes. False when it is malformed
 * or its language is not one that ICU has data for.
 */
static bool
resolve_locale(const char *locale, char *name)
{
	static char known_locale[ULOC_FULLNAME_CAPACITY]; /* the last one that was found */
	static char known_name[ULOC_FULLNAME_CAPACITY];
	char language[ULOC_LANG_CAPACITY];
	UErrorCode status = U_ZERO_ERROR;
	const char *c;

	if (strlen(locale) >= ULOC_FULLNAME_CAPACITY)
		return false;
	if (known_locale[0] != '\0' && strcmp(locale, known_locale) == 0)
	{
		strcpy(name, known_name);
		return true;
	}
	for (c = locale; *c != '\0'; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
			  strchr("-_@=;", *c) != NULL))
			return false;
	if (strchr(locale, '-') != NULL && strchr(locale, '_') == NULL && strchr(locale, '@') == NULL)
	{
		int32_t parsed;

		uloc_forLanguageTag(locale, name, ULOC_FULLNAME_CAPACITY, &parsed, &status);
		if (U_FAILURE(status) || parsed != (int32_t) strlen(locale))
			return false;
	}
	else
		uloc_canonicalize(locale, name, ULOC_FULLNAME_CAPACITY, &status);
	uloc_getLanguage(name, language, sizeof(language), &status);
	if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING || language[0] == '\0')
		return false;

	/* A language of ISO 639, even if ICU has no more than its name. */
	if (uloc_getISO3Language(name)[0] == '\0')
		return false;
	strcpy(known_locale, locale);
	strcpy(known_name, name);
	return true;
}

/* The same for a locale that is known. */
static void
require_locale(const char *locale, char *name)
{
	if (!resolve_locale(locale, name))
		elog(ERROR, "locale \"%s\" is not known", locale);
}

bool
lc_locale_is_known(const char *locale)
{
	char name[ULOC_FULLNAME_CAPACITY];

	return resolve_locale(locale, name);
}

/* A time zone's name in UTF-16, terminated, in "id" of MAX_ZONE + 1 units; false when ICU does not know it. */
static bool
resolve_time_zone(const char *time_zone, UChar *id)
{
	UErrorCode status = U_ZERO_ERROR;
	UChar canonical[MAX_ZONE + 1];
	UBool is_system;

	if (time_zone[0] == '\0' || strlen(time_zone) > MAX_ZONE)
		return false;
	u_strFromUTF8(id, MAX_ZONE + 1, NULL, time_zone, -1, &status);
	ucal_getCanonicalTimeZoneID(id, -1, canonical, lengthof(canonical), &is_system, &status);
	return U_SUCCESS(status) && u_strcmp(canonical, u"Etc/Unknown") != 0;
}

bool
lc_time_zone_is_known(const char *time_zone)
{
	UChar id[MAX_ZONE + 1];

	return resolve_time_zone(time_zone, id);
}

/* Has ICU words for the locale's dates? If not, it takes those of whatever locale the server runs in. */
static bool
has_dates(const char *name)
{
	int i;

	for (i = 0; i < uloc_countAvailable(); i++)
	{
		char language[ULOC_LANG_CAPACITY];
		char available[ULOC_LANG_CAPACITY];
		UErrorCode status = U_ZERO_ERROR;

		uloc_getLanguage(name, language, sizeof(language), &status);
		uloc_getLanguage(uloc_getAvailable(i), available, sizeof(available), &status);
		if (U_SUCCESS(status) && strcmp(language, available) == 0)
			return true;
	}
	return false;
}

/* ---- upper case ---- */

static void
casemap_release(void *argument)
{
	ucasemap_close(argument);
}

char *
lc_text_upper(const char *text, const char *locale)
{
	static Kept kept;
	UErrorCode status = U_ZERO_ERROR;
	char name[ULOC_FULLNAME_CAPACITY];
	int32_t capacity = (int32_t) strlen(text) + 32;
	int32_t length;
	char *upper;

	require_locale(locale, name);
	if (kept.handle == NULL || strcmp(kept.locale, name) != 0)
	{
		if (kept.handle != NULL)
			casemap_release(kept.handle);
		kept.handle = ucasemap_open(name, 0, &status);
		if (U_FAILURE(status))
		{
			kept.handle = NULL;
			elog(ERROR, "could not open the case map of locale \"%s\": %s", name, u_errorName(status));
		}
		strcpy(kept.locale, name);
	}
	for (;;)
	{
		upper = palloc(capacity);
		length = ucasemap_utf8ToUpper(kept.handle, upper, capacity, text, -1, &status);
		if (U_SUCCESS(status) && length < capacity)
			return upper;
		pfree(upper);
		if (status != U_BUFFER_OVERFLOW_ERROR && status != U_STRING_NOT_TERMINATED_WARNING)
			elog(ERROR, "could not make a text upper case: %s", u_errorName(status));
		capacity = length + 1;
		status = U_ZERO_ERROR;
	}
}

/* ---- dates ---- */

/* The style with this name; NULL: it is a pattern. */
static const NamedStyle *
find_style(const char *date_format)
{
	Size i;

	for (i = 0; i < lengthof(named_styles); i++)
		if (strcmp(date_format, named_styles[i].name) == 0)
			return &named_styles[i];
	return NULL;
}

bool
lc_date_format_is_valid(const char *date_format, const char **reason)
{
	bool quoted = false;
	bool has_letter = false;
	const char *c;

	*reason = NULL;
	if (find_style(date_format) != NULL)
		return true;
	if (strlen(date_format) > MAX_FORMAT)
	{
		*reason = "it is too long";
		return false;
	}
	for (c = date_format; *c != '\0'; c++)
	{
		if (*c == '\'')
			quoted = !quoted;
		else if (!quoted && ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')))
		{
			if (strchr(pattern_letters, *c) == NULL)
			{
				*reason = psprintf("the letter \"%c\" has no meaning in it", *c);
				return false;
			}
			has_letter = true;
		}
	}
	if (quoted)
		*reason = "a quote is not closed";
	else if (!has_letter)
		*reason = "it has no field of a date";
	return *reason == NULL;
}

/* The formatter for these, valid until the next call. */
static UDateFormat *
get_formatter(const char *date_format, const char *locale, const char *time_zone)
{
	static Kept kept;
	UErrorCode status = U_ZERO_ERROR;
	UChar pattern[MAX_FORMAT + 1];
	UChar zone[MAX_ZONE + 1];
	char name[ULOC_FULLNAME_CAPACITY];
	const NamedStyle *style;
	const char *words;
	const char *reason;

	require_locale(locale, name);
	if (kept.handle != NULL && strcmp(kept.locale, name) == 0 && strcmp(kept.format, date_format) == 0 &&
		strcmp(kept.zone, time_zone) == 0)
		return kept.handle;

	if (!lc_date_format_is_valid(date_format, &reason))
		elog(ERROR, "date format \"%s\" is not valid: %s", date_format, reason);
	if (!resolve_time_zone(time_zone, zone))
		elog(ERROR, "time zone \"%s\" is not known", time_zone);
	if (kept.handle != NULL)
		udat_close(kept.handle);
	kept.handle = NULL;

	words = has_dates(name) ? name : "en";
	style = find_style(date_format);
	if (style != NULL)
		kept.handle = udat_open(UDAT_NONE, style->style, words, zone, -1, NULL, 0, &status);
	else
	{
		u_strFromUTF8(pattern, lengthof(pattern), NULL, date_format, -1, &status);
		kept.handle = udat_open(UDAT_PATTERN, UDAT_PATTERN, words, zone, -1, pattern, -1, &status);
	}
	if (U_FAILURE(status))
	{
		kept.handle = NULL;
		elog(ERROR, "could not open the date format \"%s\": %s", date_format, u_errorName(status));
	}
	strcpy(kept.locale, name);
	strcpy(kept.format, date_format);
	strcpy(kept.zone, time_zone);
	return kept.handle;
}

char *
lc_format_date(TimestampTz time, const char *date_format, const char *locale, const char *time_zone)
{
	UErrorCode status = U_ZERO_ERROR;
	UDateFormat *formatter;
	UChar date[MAX_DATE];
	char utf8[MAX_DATE * 3 + 1];
	double milliseconds;

	if (TIMESTAMP_NOT_FINITE(time))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("an infinite time cannot be written as a date")));
	formatter = get_formatter(date_format, locale, time_zone);
	/* PostgreSQL counts microseconds from 2000, ICU milliseconds from 1970. */
	milliseconds = (double) time / 1000.0 +
		(double) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * 1000.0;
	udat_format(formatter, floor(milliseconds), date, MAX_DATE, NULL, &status);
	if (U_SUCCESS(status))
		u_strToUTF8(utf8, sizeof(utf8), NULL, date, -1, &status);
	if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a date cannot be written in the format \"%s\"", date_format),
				 errdetail("ICU says %s.", u_errorName(status))));
	return pstrdup(utf8);
}

/* ---- line breaks ---- */

/* A view of ICU's on our text, closed whatever happens. */
typedef struct TextOwner
{
	MemoryContextCallback callback;
	UText *text;
} TextOwner;

static void
text_release(void *argument)
{
	TextOwner *owner = argument;

	if (owner->text != NULL)
		utext_close(owner->text);
	owner->text = NULL;
}

int
lc_text_breaks(const char *text, Size length, const char *locale, int **breaks)
{
	static Kept kept;
	UErrorCode status = U_ZERO_ERROR;
	char name[ULOC_FULLNAME_CAPACITY];
	MemoryContext context;
	TextOwner *owner;
	int capacity = 16;
	int count = 0;
	int32_t at;

	require_locale(locale, name);
	if (kept.handle == NULL || strcmp(kept.locale, name) != 0)
	{
		if (kept.handle != NULL)
			ubrk_close(kept.handle);
		kept.handle = ubrk_open(UBRK_LINE, name, NULL, 0, &status);
		if (U_FAILURE(status))
		{
			kept.handle = NULL;
			elog(ERROR, "could not open the line breaks of locale \"%s\": %s", name,
				 u_errorName(status));
		}
		strcpy(kept.locale, name);
	}

	*breaks = palloc(sizeof(int) * capacity);
	context = AllocSetContextCreate(CurrentMemoryContext, "line breaks", ALLOCSET_SMALL_SIZES);
	owner = MemoryContextAllocZero(context, sizeof(TextOwner));
	owner->callback.func = text_release;
	owner->callback.arg = owner;
	MemoryContextRegisterResetCallback(context, &owner->callback);
	owner->text = utext_openUTF8(NULL, text, (int64_t) length, &status);
	ubrk_setUText(kept.handle, owner->text, &status);
	if (U_FAILURE(status))
		elog(ERROR, "could not look for line breaks: %s", u_errorName(status));

	/* With a UText of UTF-8, positions are bytes. */
	for (at = ubrk_first(kept.handle); at != UBRK_DONE; at = ubrk_next(kept.handle))
	{
		if (at == 0 || at >= (int32_t) length)
			continue;
		if (count == capacity)
		{
			capacity *= 2;
			*breaks = repalloc_huge(*breaks, sizeof(int) * capacity);
		}
		(*breaks)[count++] = at;
	}
	/* The iterator keeps a shallow copy of the view: give it another text before ours goes away. */
	ubrk_setText(kept.handle, u"", 0, &status);
	MemoryContextDelete(context);
	return count;
}
