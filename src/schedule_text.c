/*
 * schedule_text.c
 *		Reads the text of a schedule: cron, @daily and the like, "every INTERVAL", "at TIMESTAMP".
 *
 * The text means the same in every session: no setting (DateStyle, IntervalStyle, TimeZone) has a say
 * in it. Knows nothing of time zones and of what comes next.
 *
 * Cron is crontab(5) without its extensions. A step without a range ("5/15") goes on to the field's
 * end. A field that allows every value counts as "*", however it is written.
 */
#include "postgres.h"

#include <limits.h>

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/datetime.h"

#include "compat.h"
#include "schedule_text.h"

/* Longest schedule, in bytes. One that lists all values of all fields has less than 400. */
#define LONGEST_SCHEDULE 1000

/* How much of what is wrong an error shows, in bytes. */
#define LONGEST_QUOTE 40

#define FORMS "five cron fields, a word such as @daily, \"every INTERVAL\" or \"at TIMESTAMP\""
#define FIELDS "minute, hour, day of month, month, day of week"
#define INTERVAL_EXAMPLES "such as \"10 days\" or \"1 month 12 hours\""
#define AT_EXAMPLES "such as \"2026-05-31 09:00\" or \"2026-05-31 09:00+02:00\""

typedef struct Parser
{
	const char *text;
	const char *at; /* the next character */
} Parser;

typedef struct Field
{
	const char *name;
	int min;
	int max;
	const char *names; /* of three letters each, the first of which stands for "min" */
	const char *expected;
} Field;

static const Field minute_field = { "minute", 0, 59, NULL, "0 to 59" };
static const Field hour_field = { "hour", 0, 23, NULL, "0 to 23" };
static const Field day_field = { "day of month", 1, 31, NULL, "1 to 31" };
static const Field month_field = { "month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec",
								   "1 to 12 or JAN to DEC" };
static const Field weekday_field = { "day of week", 0, 7, "sunmontuewedthufrisat",
									 "0 to 7 or SUN to SAT" };

/* ---------------------------------------------------------------- errors */

/* Error 22023: what is wrong at a place of the text, and what was expected. */
pg_noreturn static void complain(const Parser *parser, const char *place, const char *format, ...)
	pg_attribute_printf(3, 4);

static void
complain(const Parser *parser, const char *place, const char *format, ...)
{
	StringInfoData problem;
	int position = pg_mbstrlen_with_len(parser->text, place - parser->text) + 1;

	initStringInfo(&problem);
	for (;;)
	{
		va_list arguments;
		int needed;

		va_start(arguments, format);
		needed = appendStringInfoVA(&problem, format, arguments);
		va_end(arguments);
		if (needed == 0)
			break;
		enlargeStringInfo(&problem, needed);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid schedule at character %d: %s", position, problem.data)));
}

/* What stands at a place, up to "length" bytes, in quotes. */
static char *
quoted(const char *place, int length)
{
	int shown = pg_mbcliplen(place, length, LONGEST_QUOTE);

	return psprintf("\"%.*s%s\"", shown, place, shown < length ? "..." : "");
}

/* The word at a place: up to the next space. */
static char *
quoted_word(const char *place)
{
	return quoted(place, strcspn(place, " \t\n\v\f\r"));
}

/* The single character at a place. */
static char *
quoted_character(const char *place)
{
	return quoted(place, pg_utf_mblen((const unsigned char *) place));
}

/* ---------------------------------------------------------------- words and numbers */

static bool
is_space(char c)
{
	return c != '\0' && strchr(" \t\n\v\f\r", c) != NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
skip_spaces(Parser *parser)
{
	while (is_space(*parser->at))
		parser->at++;
}

/* Length in bytes of the letters at a place. */
static int
letters(const char *place)
{
	return strspn(place, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
}

static bool
is_word(const char *place, int length, const char *word)
{
	return length == (int) strlen(word) && pg_strncasecmp(place, word, length) == 0;
}

/* Passes digits, of which there is at least one; more than INT_MAX counts as INT_MAX. */
static int
number(Parser *parser)
{
	int64 value = 0;

	for (; is_digit(*parser->at); parser->at++)
		value = Min(value * 10 + (*parser->at - '0'), INT_MAX);
	return (int) value;
}

/* ---------------------------------------------------------------- cron */

/* Passes a number or a name of a field. */
static int
field_value(Parser *parser, const Field *field)
{
	const char *place = parser->at;
	int value;
	int length;

	if (is_digit(*place))
	{
		value = number(parser);
		if (value < field->min || value > field->max)
			complain(parser, place, "%s %.*s is out of range, expected %s", field->name,
					 Min((int) (parser->at - place), LONGEST_QUOTE), place, field->expected);
		return value;
	}
	if (*place == '\0' || is_space(*place) || *place == ',')
		complain(parser, place, "a value of the %s is missing, expected %s", field->name,
				 field->expected);
	length = letters(place);
	if (field->names != NULL && length == 3)
	{
		const char *name = field->names;

		for (value = field->min; *name != '\0'; value++, name += 3)
		{
			if (pg_strncasecmp(place, name, 3) == 0)
			{
				parser->at += 3;
				return value;
			}
		}
	}
	if (*place == '?' || is_word(place, length, "L") || is_word(place, length, "LW") ||
		is_word(place, length, "W"))
		complain(parser, place, "%s in the %s is not supported, expected %s", quoted_word(place),
				 field->name, field->expected);
	complain(parser, place, "%s is no %s, expected %s", quoted_word(place), field->name,
			 field->expected);
}

/* Passes an item of a field's list: "*", a value or a range, each with or without a step. */
static uint64
field_item(Parser *parser, const Field *field)
{
	const char *place = parser->at;
	bool range = true;
	int low = field->min;
	int high = field->max;
	int step = 1;
	uint64 bits = 0;

	if (*parser->at == '*')
		parser->at++;
	else
	{
		low = high = field_value(parser, field);
		range = *parser->at == '-';
		if (range)
		{
			parser->at++;
			high = field_value(parser, field);
			if (field == &weekday_field && high == 0 && low > 0)
				high = 7; /* FRI-SUN */
			if (high < low)
				complain(parser, place,
						 "range %s of the %s runs backwards, expected the lower value first",
						 quoted(place, parser->at - place), field->name);
		}
	}
	if (*parser->at == '/')
	{
		const char *step_place = ++parser->at;

		if (!is_digit(*step_place))
			complain(parser, step_place, "the step of the %s is missing, expected 1 to %d", field->name,
					 field->max);
		step = number(parser);
		if (step < 1 || step > field->max)
			complain(parser, step_place, "step %.*s of the %s is out of range, expected 1 to %d",
					 Min((int) (parser->at - step_place), LONGEST_QUOTE), step_place, field->name,
					 field->max);
		if (!range)
			high = field->max;
	}
	for (; low <= high; low += step)
		bits |= UINT64CONST(1) << low;
	return bits;
}

/* Passes a field. */
static uint64
field(Parser *parser, const Field *field)
{
	uint64 bits = 0;

	skip_spaces(parser);
	if (*parser->at == '\0')
		complain(parser, parser->at, "the %s is missing, expected five fields: " FIELDS, field->name);
	for (;;)
	{
		bits |= field_item(parser, field);
		if (*parser->at != ',')
			break;
		parser->at++;
	}
	if (*parser->at == '#' || is_word(parser->at, letters(parser->at), "L") ||
		is_word(parser->at, letters(parser->at), "W"))
		complain(parser, parser->at, "%s in the %s is not supported, expected %s",
				 quoted_character(parser->at), field->name, field->expected);
	if (*parser->at != '\0' && !is_space(*parser->at))
		complain(parser, parser->at, "unexpected %s in the %s, expected \",\", \"-\", \"/\" or a space",
				 quoted_character(parser->at), field->name);
	return bits;
}

static void
cron(Parser *parser, LcScheduleText *result)
{
	result->kind = LC_CRON;
	result->minutes = field(parser, &minute_field);
	result->hours = field(parser, &hour_field);
	result->days = field(parser, &day_field);
	result->months = field(parser, &month_field);
	result->weekdays = field(parser, &weekday_field);
	result->weekdays = (result->weekdays | result->weekdays >> 7) & LC_EVERY_WEEKDAY;
	skip_spaces(parser);
	if (*parser->at != '\0')
		complain(parser, parser->at, "%s is a sixth field, expected five: " FIELDS,
				 quoted_word(parser->at));
}

/* "@daily" and the like */
static void
macro(Parser *parser, LcScheduleText *result)
{
	static const struct
	{
		const char *word;
		const char *cron;
	} macros[] = {
		{ "@hourly", "0 * * * *" },	  { "@daily", "0 0 * * *" },   { "@midnight", "0 0 * * *" },
		{ "@weekly", "0 0 * * 0" },	  { "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" },
		{ "@annually", "0 0 1 1 *" },
	};
	const char *place = parser->at;
	int length = strcspn(place, " \t\n\v\f\r");
	size_t i;

	for (i = 0; i < lengthof(macros); i++)
	{
		Parser expanded = { macros[i].cron, macros[i].cron };

		if (!is_word(place, length, macros[i].word))
			continue;
		parser->at += length;
		skip_spaces(parser);
		if (*parser->at != '\0')
			complain(parser, parser->at, "%s follows %s, expected nothing more", quoted_word(parser->at),
					 macros[i].word);
		cron(&expanded, result);
		return;
	}
	complain(
		parser, place,
		"%s is not known, expected @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually",
		quoted_word(place));
}

/* ---------------------------------------------------------------- every */

/*
 * Reads an interval as PostgreSQL does with IntervalStyle "postgres". 0, or one of the DTERR codes of
 * utils/datetime.h. The functions that it calls raise no error.
 */
static int
decode_interval(char *text, Interval *interval)
{
	LcIntervalParts parts;
	char work[256];
	char *fields[MAXDATEFIELDS];
	int types[MAXDATEFIELDS];
	int count;
	int type;
	int error;
	int style = IntervalStyle;

	memset(&parts, 0, sizeof(parts));
	IntervalStyle = INTSTYLE_POSTGRES;
	error = ParseDateTime(text, work, sizeof(work), fields, types, MAXDATEFIELDS, &count);
	if (error == 0)
		error = lc_decode_interval(fields, types, count, &type, &parts);
	if (error == DTERR_BAD_FORMAT)
		error = lc_decode_iso8601_interval(text, &type, &parts);
	IntervalStyle = style;
	if (error == 0 && type != DTK_DELTA)
		error = DTERR_BAD_FORMAT;
	if (error == 0 && lc_interval_of_parts(&parts, interval) != 0)
		error = DTERR_INTERVAL_OVERFLOW;
	return error;
}

static void
every(Parser *parser, LcScheduleText *result)
{
	Interval *interval = &result->every;
	const char *place;
	char *text;
	int length;
	int error;

	result->kind = LC_EVERY;
	skip_spaces(parser);
	place = parser->at;
	length = strlen(place);
	while (length > 0 && is_space(place[length - 1]))
		length--;
	if (length == 0)
		complain(parser, place, "the interval is missing, expected one " INTERVAL_EXAMPLES);

	text = pnstrdup(place, length);
	error = decode_interval(text, interval);
	if (error == DTERR_FIELD_OVERFLOW || error == DTERR_INTERVAL_OVERFLOW)
		complain(parser, place, "interval %s is too long, expected one " INTERVAL_EXAMPLES,
				 quoted(place, length));
	if (error != 0)
		complain(parser, place, "%s is not an interval, expected one " INTERVAL_EXAMPLES,
				 quoted(place, length));
	if (interval->month < 0 || interval->day < 0 || interval->time < 0)
		complain(parser, place, "a part of interval %s is negative, expected one " INTERVAL_EXAMPLES,
				 quoted(place, length));
	if (interval->month == 0 && interval->day == 0 && interval->time < USECS_PER_MINUTE)
		complain(parser, place, "interval %s is too short, expected a minute or longer",
				 quoted(place, length));
}

/* ---------------------------------------------------------------- at */

/* Passes a number that is part of a time, written with "digits" digits or fewer, but one at least. */
static int
time_part(Parser *parser, const char *name, int digits, int min, int max)
{
	const char *place = parser->at;
	int value;

	if (!is_digit(*place))
		complain(parser, place, "the %s is missing, expected %d to %d", name, min, max);
	value = number(parser);
	if (parser->at - place > digits || value < min || value > max)
		complain(parser, place, "%s %.*s is out of range, expected %d to %d", name,
				 Min((int) (parser->at - place), LONGEST_QUOTE), place, min, max);
	return value;
}

static void
expect(Parser *parser, char c, const char *after)
{
	if (*parser->at != c)
		complain(parser, parser->at, "no \"%c\" after the %s, expected a time " AT_EXAMPLES, c, after);
	parser->at++;
}

/* Passes an offset from UTC, if there is one: Z, +HH, +HHMM, +HH:MM, +HH:MM:SS. In seconds. */
static bool
time_offset(Parser *parser, int *seconds)
{
	bool west = *parser->at == '-';

	*seconds = 0;
	if (*parser->at == 'Z' || *parser->at == 'z')
	{
		parser->at++;
		return true;
	}
	if (*parser->at != '+' && !west)
		return false;
	parser->at++;
	if (strspn(parser->at, "0123456789") == 4)
	{
		const char *place = parser->at;
		int both = number(parser);

		if (both / 100 > MAX_TZDISP_HOUR || both % 100 > 59)
			complain(parser, place, "offset %.4s is out of range, expected -%d59 to +%d59", place,
					 MAX_TZDISP_HOUR, MAX_TZDISP_HOUR);
		*seconds = both / 100 * SECS_PER_HOUR + both % 100 * SECS_PER_MINUTE;
	}
	else
	{
		*seconds = time_part(parser, "offset's hour", 2, 0, MAX_TZDISP_HOUR) * SECS_PER_HOUR;
		if (*parser->at == ':')
		{
			parser->at++;
			*seconds += time_part(parser, "offset's minute", 2, 0, 59) * SECS_PER_MINUTE;
			if (*parser->at == ':')
			{
				parser->at++;
				*seconds += time_part(parser, "offset's second", 2, 0, 59);
			}
		}
	}
	if (west)
		*seconds = -*seconds;
	return true;
}

/* Passes a fraction of a second, if there is one; microseconds. Digits beyond the sixth are dropped. */
static fsec_t
fraction(Parser *parser)
{
	fsec_t microseconds = 0;
	fsec_t unit = USECS_PER_SEC;

	if (*parser->at != '.')
		return 0;
	parser->at++;
	if (!is_digit(*parser->at))
		complain(parser, parser->at, "the second's fraction is missing, expected digits");
	for (; is_digit(*parser->at); parser->at++)
	{
		unit /= 10;
		microseconds += unit * (*parser->at - '0');
	}
	return microseconds;
}

/* ISO 8601, with a space or T before the time, and everything from the time on optional */
static void
at(Parser *parser, LcScheduleText *result)
{
	struct pg_tm tm;
	fsec_t microseconds = 0;
	const char *place;
	int offset = 0;

	result->kind = LC_AT;
	memset(&tm, 0, sizeof(tm));
	skip_spaces(parser);
	place = parser->at;
	if (*place == '\0')
		complain(parser, place, "the time is missing, expected one " AT_EXAMPLES);
	if (!is_digit(*place))
		complain(parser, place, "%s is not a time, expected one " AT_EXAMPLES, quoted_word(place));
	tm.tm_year = time_part(parser, "year", 6, 1970, 294276);
	expect(parser, '-', "year");
	tm.tm_mon = time_part(parser, "month", 2, 1, MONTHS_PER_YEAR);
	expect(parser, '-', "month");
	tm.tm_mday = time_part(parser, "day", 2, 1, day_tab[isleap(tm.tm_year)][tm.tm_mon - 1]);
	if ((*parser->at == 'T' || *parser->at == 't') && is_digit(parser->at[1]))
		parser->at++;
	else
		skip_spaces(parser);
	if (is_digit(*parser->at))
	{
		tm.tm_hour = time_part(parser, "hour", 2, 0, 23);
		expect(parser, ':', "hour");
		tm.tm_min = time_part(parser, "minute", 2, 0, 59);
		if (*parser->at == ':')
		{
			parser->at++;
			tm.tm_sec = time_part(parser, "second", 2, 0, 59);
			microseconds = fraction(parser);
		}
		skip_spaces(parser);
	}
	result->at_is_local = !time_offset(parser, &offset);
	skip_spaces(parser);
	if (*parser->at != '\0')
		complain(parser, parser->at,
				 "unexpected %s after the time, expected an offset from UTC or nothing",
				 quoted_word(parser->at));
	if (tm2timestamp(&tm, microseconds, NULL, &result->at) != 0 ||
		!IS_VALID_TIMESTAMP(result->at - offset * USECS_PER_SEC))
		complain(parser, place, "time %s is out of range, expected one before the year 294277",
				 quoted(place, strlen(place)));
	result->at -= offset * USECS_PER_SEC;
}

/* ---------------------------------------------------------------- all of it */

void
lc_schedule_parse(const char *text, LcScheduleText *result)
{
	Parser parser = { text, text };
	const char *place;
	int length;

	memset(result, 0, sizeof(LcScheduleText));
	if (strlen(text) > LONGEST_SCHEDULE)
		complain(&parser, text, "it is %zu bytes long, expected at most %d", strlen(text),
				 LONGEST_SCHEDULE);
	skip_spaces(&parser);
	place = parser.at;
	length = letters(place);
	if (*place == '\0')
		complain(&parser, place, "nothing is there, expected " FORMS);
	if (*place == '@')
		macro(&parser, result);
	else if (is_digit(*place) || *place == '*')
		cron(&parser, result);
	else
	{
		bool word = place[length] == '\0' || is_space(place[length]);

		parser.at += length;
		if (word && is_word(place, length, "every"))
			every(&parser, result);
		else if (word && is_word(place, length, "at"))
			at(&parser, result);
		else
			complain(&parser, place, "%s begins no schedule, expected " FORMS, quoted_word(place));
	}
}
