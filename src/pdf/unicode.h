/*
 * pdf/unicode.h
 *		What ICU knows of languages: upper case, dates, line breaks.
 *
 * A locale is an ICU identifier ("pt_BR") or a BCP 47 language tag ("pt-BR").
 */
#ifndef LC_UNICODE_H
#define LC_UNICODE_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Is the locale well-formed, and its language one of ISO 639? */
extern bool lc_locale_is_known(const char *locale);

/* Does ICU know the time zone ("Europe/Warsaw", "UTC", "GMT+2")? */
extern bool lc_time_zone_is_known(const char *time_zone);

/*
 * Can dates be written like that? One of "short", "medium", "long", "full", or a pattern of ICU such as
 * "d MMMM yyyy". When not, *reason is a phrase that says why.
 */
extern bool lc_date_format_is_valid(const char *date_format, const char **reason);

/*
 * What follows takes only locales, time zones and formats that are known or valid: whoever reads them
 * checks.
 */

/* The text in upper case by the rules of the locale ("straße" -> "STRASSE", Turkish "i" -> "İ"), palloc'd. */
extern char *lc_text_upper(const char *text, const char *locale);

/*
 * The time as a date, palloc'd, in English if ICU has no dates in the language. Raises 22008 for infinite
 * times. The formatter of the last call is kept, so that calls with the same last three arguments are cheap.
 */
extern char *lc_format_date(TimestampTz time, const char *date_format, const char *locale,
							const char *time_zone);

/*
 * Where a line may be broken (Unicode Standard Annex #14): byte offsets greater than 0 and less than
 * length, ascending, palloc'd in *breaks; returns how many.
 */
extern int lc_text_breaks(const char *text, Size length, const char *locale, int **breaks);

#endif /* LC_UNICODE_H */
