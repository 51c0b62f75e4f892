/*
 * schedule.c
 *		The times of a schedule, in its time zone, with daylight saving and other changes of the clock.
 *
 * One rule for local times, whatever the kind of schedule: a time that the clock skips stands for the
 * first instant after the gap; one that it shows twice, for the first of the two. Only a cron schedule
 * whose hour field is "*" runs at both.
 *
 * Instants and local times are counted in seconds here, instants since 1970 in UTC, local times as if
 * the zone were UTC. Knows nothing of tables.
 */
#include "postgres.h"

#include "common/int.h"
#include "fmgr.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/datetime.h"

#include "compat.h"
#include "schedule.h"
#include "schedule_text.h"

PG_FUNCTION_INFO_V1(lc_next_run);

/*
 * A matching day comes within eight years (29 February around 2100), and whatever day that is, its
 * first time is run or stood for.
 */
#define LONGEST_WAIT (9 * INT64CONST(366) * SECS_PER_DAY)

/* No change of the clock moves it by as much: seconds. */
#define LONGEST_CHANGE (2 * SECS_PER_DAY)

#define NEVER PG_INT64_MAX

/* A time between two changes of the clock: from "start" on, and before "end". */
typedef struct Segment
{
	pg_time_t start; /* PG_INT64_MIN: whenever */
	pg_time_t end;	 /* NEVER: open */
	int64 offset;	 /* local time is that many seconds ahead of UTC */
} Segment;

/* ---------------------------------------------------------------- instants */

static pg_time_t
seconds_of(TimestampTz time, int *microseconds)
{
	TimestampTz seconds = time / USECS_PER_SEC;

	*microseconds = time % USECS_PER_SEC;
	if (*microseconds < 0)
	{
		*microseconds += USECS_PER_SEC;
		seconds--;
	}
	return seconds + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY;
}

/* False where it is beyond what a timestamp can be. */
static bool
time_of(pg_time_t seconds, int microseconds, TimestampTz *time)
{
	seconds -= (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (int64) SECS_PER_DAY;
	return !pg_mul_s64_overflow(seconds, USECS_PER_SEC, time) &&
		!pg_add_s64_overflow(*time, microseconds, time) && IS_VALID_TIMESTAMP(*time);
}

/* ---------------------------------------------------------------- time zones */

/*
 * Whatever may stand in the setting TimeZone, but for numbers: pg_tzset() would take "+2" for two hours
 * west of Greenwich. Error 22023.
 */
static pg_tz *
zone_of(const char *name)
{
	pg_tz *zone = strchr("+-0123456789<", name[0]) == NULL ? pg_tzset(name) : NULL;

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", name),
				 errhint("The view pg_timezone_names lists those that there are.")));
	if (!pg_tz_acceptable(zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" appears to use leap seconds", name),
				 errdetail("PostgreSQL does not support leap seconds.")));
	return zone;
}

/* Fills in the offset and the end of a segment, from an instant in it. */
static void
find_end(const pg_tz *zone, pg_time_t instant, Segment *segment)
{
	long before;
	long after;
	int before_dst;
	int after_dst;
	pg_time_t boundary;

	switch (pg_next_dst_boundary(&instant, &before, &before_dst, &boundary, &after, &after_dst, zone))
	{
		case 1:
			segment->end = boundary;
			break;
		case 0:
			segment->end = NEVER;
			break;
		default:
			elog(ERROR, "no offset of time zone \"%s\"",
				 pg_get_timezone_name(unconstify(pg_tz *, zone)));
	}
	segment->offset = before;
}

/*
 * The segment in which an instant lies, as the first of a walk: what was before does not matter, and
 * it counts as if it had no beginning.
 */
static Segment
first_segment(const pg_tz *zone, pg_time_t instant)
{
	Segment segment;

	segment.start = PG_INT64_MIN;
	find_end(zone, instant, &segment);
	return segment;
}

/* Goes on to the segment that follows. False when there is none. */
static bool
next_segment(const pg_tz *zone, Segment *segment)
{
	if (segment->end == NEVER)
		return false;
	segment->start = segment->end;
	find_end(zone, segment->start, segment);
	return true;
}

/* The local time at which a segment ends. */
static int64
local_end(const Segment *segment)
{
	return segment->end == NEVER ? NEVER : segment->end + segment->offset;
}

/*
 * The instant that a local time stands for. Nothing is left of its microseconds where the clock
 * skips it.
 */
static pg_time_t
instant_of(const pg_tz *zone, int64 local, int *microseconds)
{
	Segment segment = first_segment(zone, local - LONGEST_CHANGE);

	while (local >= local_end(&segment) && next_segment(zone, &segment))
		;
	if (segment.start != PG_INT64_MIN && local < segment.start + segment.offset)
	{
		*microseconds = 0;
		return segment.start;
	}
	return local - segment.offset;
}

/* The local time at an instant. */
static int64
local_of(const pg_tz *zone, pg_time_t instant)
{
	return instant + first_segment(zone, instant).offset;
}

/* ---------------------------------------------------------------- cron */

static int64
day_of(int64 local)
{
	return local >= 0 ? local / SECS_PER_DAY : -((-local + SECS_PER_DAY - 1) / SECS_PER_DAY);
}

static bool
allows(uint64 bits, int value)
{
	return (bits >> value & 1) != 0;
}

/* Where both day fields leave something out, either is enough. */
static bool
day_matches(const LcScheduleText *cron, int day, int weekday)
{
	bool day_of_month = allows(cron->days, day);
	bool day_of_week = allows(cron->weekdays, weekday);

	if (cron->days == LC_EVERY_DAY || cron->weekdays == LC_EVERY_WEEKDAY)
		return day_of_month && day_of_week;
	return day_of_month || day_of_week;
}

/* The first matching local time from "from" on and before "until", or NEVER. */
static int64
next_match(const LcScheduleText *cron, int64 from, int64 until)
{
	int64 day = day_of(from);
	int64 minute = (from - day * SECS_PER_DAY + SECS_PER_MINUTE - 1) / SECS_PER_MINUTE;

	for (; day * SECS_PER_DAY < until; day++, minute = 0)
	{
		int julian = day + UNIX_EPOCH_JDATE;
		int year;
		int month;
		int day_of_month;

		j2date(julian, &year, &month, &day_of_month);
		if (!allows(cron->months, month))
		{
			day += day_tab[isleap(year)][month - 1] - day_of_month;
			continue;
		}
		if (!day_matches(cron, day_of_month, j2day(julian)))
			continue;
		for (; minute < MINS_PER_HOUR * HOURS_PER_DAY; minute++)
		{
			if (!allows(cron->hours, minute / MINS_PER_HOUR))
				minute += MINS_PER_HOUR - 1 - minute % MINS_PER_HOUR;
			else if (allows(cron->minutes, minute % MINS_PER_HOUR))
			{
				int64 local = day * SECS_PER_DAY + minute * SECS_PER_MINUTE;

				return local < until ? local : NEVER;
			}
		}
	}
	return NEVER;
}

/*
 * The first instant of a cron schedule from "earliest" on. "reached" is the latest local time that the
 * clock has shown: what follows a change and is not later, is shown again.
 */
static bool
next_cron(const LcScheduleText *cron, const pg_tz *zone, pg_time_t earliest, pg_time_t *next)
{
	bool each_hour = cron->hours == LC_EVERY_HOUR;
	pg_time_t limit = earliest + LONGEST_WAIT;
	Segment segment = first_segment(zone, earliest - LONGEST_CHANGE);
	int64 reached = PG_INT64_MIN;

	do
	{
		int64 from = Max(segment.start, earliest) + segment.offset;
		int64 until = Min(segment.end, limit) + segment.offset;
		int64 match;

		/* What was skipped on the way here, is run here. */
		if (segment.start >= earliest && segment.start + segment.offset > reached &&
			next_match(cron, reached, segment.start + segment.offset) != NEVER)
		{
			*next = segment.start;
			return true;
		}
		match = next_match(cron, each_hour ? from : Max(from, reached), until);
		if (match != NEVER)
		{
			*next = match - segment.offset;
			return true;
		}
		reached = Max(reached, local_end(&segment));
	} while (segment.end < limit && next_segment(zone, &segment));
	return false;
}

/* ---------------------------------------------------------------- every */

/*
 * The k-th time after the anchor: months and days by the calendar, a day that the month has not is
 * its last; then hours as they pass. False where that is beyond what a timestamp can be.
 */
static bool
kth_time(const Interval *interval, const pg_tz *zone, TimestampTz anchor, int64 k, TimestampTz *time)
{
	int64 months;
	int64 days;
	int64 rest;

	if (pg_mul_s64_overflow(interval->month, k, &months) ||
		pg_mul_s64_overflow(interval->day, k, &days) || pg_mul_s64_overflow(interval->time, k, &rest))
		return false;
	*time = anchor;
	if (months != 0 || days != 0)
	{
		int microseconds;
		int64 local = local_of(zone, seconds_of(anchor, &microseconds));
		int64 day = day_of(local);
		int64 second = local - day * SECS_PER_DAY;
		int year;
		int month;
		int day_of_month;

		j2date((int) (day + UNIX_EPOCH_JDATE), &year, &month, &day_of_month);
		months += month - 1;
		if (months / MONTHS_PER_YEAR > JULIAN_MAXYEAR - year)
			return false;
		year += months / MONTHS_PER_YEAR;
		month = months % MONTHS_PER_YEAR + 1;
		day_of_month = Min(day_of_month, day_tab[isleap(year)][month - 1]);
		day = date2j(year, month, day_of_month) - UNIX_EPOCH_JDATE + days;
		if (day > TIMESTAMP_END_JULIAN - UNIX_EPOCH_JDATE)
			return false;
		if (!time_of(instant_of(zone, day * SECS_PER_DAY + second, &microseconds), microseconds, time))
			return false;
	}
	return !pg_add_s64_overflow(*time, rest, time) && IS_VALID_TIMESTAMP(*time);
}

/* The first k-th time from "earliest" on: times never go back as k grows, so k is found by halves. */
static bool
next_every(const Interval *interval, const pg_tz *zone, TimestampTz anchor, TimestampTz earliest,
		   TimestampTz *next)
{
	int64 low = 0; /* too early, or nothing is known of it */
	int64 high = 1;

	if (anchor >= earliest)
	{
		*next = anchor;
		return true;
	}
	while (kth_time(interval, zone, anchor, high, next) && *next < earliest)
	{
		low = high;
		high *= 2;
	}
	while (high - low > 1)
	{
		int64 middle = low + (high - low) / 2;

		if (kth_time(interval, zone, anchor, middle, next) && *next < earliest)
			low = middle;
		else
			high = middle;
	}
	return kth_time(interval, zone, anchor, high, next);
}

/* ---------------------------------------------------------------- all of them */

void
lc_schedule_check(const char *text, const char *time_zone)
{
	LcScheduleText parsed;

	lc_schedule_parse(text, &parsed);
	(void) zone_of(time_zone);
}

/* The first time from "earliest" on, whenever the schedule ends. */
static bool
next_time(const LcScheduleText *text, const LcSchedule *schedule, TimestampTz after,
		  TimestampTz earliest, TimestampTz *next)
{
	const pg_tz *zone = zone_of(schedule->time_zone);
	TimestampTz anchor = schedule->starts_at;
	pg_time_t instant;
	int microseconds;

	switch (text->kind)
	{
		case LC_CRON:
			if (TIMESTAMP_NOT_FINITE(earliest))
				return false;
			instant = seconds_of(earliest, &microseconds);
			if (microseconds > 0)
				instant++;
			return next_cron(text, zone, instant, &instant) && time_of(instant, 0, next);

		case LC_EVERY:
			if (TIMESTAMP_NOT_FINITE(anchor))
				anchor = schedule->created;
			if (TIMESTAMP_NOT_FINITE(anchor))
				return !TIMESTAMP_NOT_FINITE(after) && kth_time(&text->every, zone, after, 1, next);
			return next_every(&text->every, zone, anchor, earliest, next);

		case LC_AT:
			*next = text->at;
			if (text->at_is_local)
			{
				instant = seconds_of(text->at, &microseconds);
				instant = instant_of(zone, instant, &microseconds);
				if (!time_of(instant, microseconds, next))
					return false;
			}
			return *next >= earliest;
	}
	return false;
}

bool
lc_schedule_next(const LcSchedule *schedule, TimestampTz after, TimestampTz *next)
{
	LcScheduleText text;
	TimestampTz earliest = schedule->starts_at;

	lc_schedule_parse(schedule->text, &text);
	if (TIMESTAMP_IS_NOEND(after) || TIMESTAMP_IS_NOEND(earliest))
	{
		(void) zone_of(schedule->time_zone);
		return false;
	}
	if (!TIMESTAMP_IS_NOBEGIN(after))
		earliest = Max(earliest, after + 1);
	return next_time(&text, schedule, after, earliest, next) && *next < schedule->ends_at;
}

bool
lc_time_after(const Interval *interval, const char *time_zone, TimestampTz from, TimestampTz *time)
{
	return kth_time(interval, zone_of(time_zone), from, 1, time);
}

/* next_run(schedule text, after timestamptz, time_zone text, starts_at timestamptz) RETURNS timestamptz */
Datum
lc_next_run(PG_FUNCTION_ARGS)
{
	LcSchedule schedule = { .starts_at = DT_NOBEGIN, .ends_at = DT_NOEND, .created = DT_NOBEGIN };
	TimestampTz next;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	schedule.text = text_to_cstring(PG_GETARG_TEXT_PP(0));
	schedule.time_zone = text_to_cstring(PG_GETARG_TEXT_PP(2));
	if (!PG_ARGISNULL(3))
		schedule.starts_at = PG_GETARG_TIMESTAMPTZ(3);
	if (!lc_schedule_next(&schedule, PG_GETARG_TIMESTAMPTZ(1), &next))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(next);
}
