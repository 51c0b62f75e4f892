/*
 * schedule.h
 *		Schedules: their text, and the times that it stands for.
 */
#ifndef LC_SCHEDULE_H
#define LC_SCHEDULE_H

#include "utils/timestamp.h"

/* A schedule with all that its times depend on. */
typedef struct LcSchedule
{
	const char *text;
	const char *time_zone;
	TimestampTz starts_at; /* no time before this; DT_NOBEGIN: no bound */
	TimestampTz ends_at;   /* no time from this on; DT_NOEND: no bound */
	TimestampTz created;   /* what "every" counts from without starts_at; DT_NOBEGIN: each last time */
} LcSchedule;

/*
 * Checks the text and the time zone. Error 22023, with the position and what was expected there; the
 * same error comes from lc_schedule_next().
 */
extern void lc_schedule_check(const char *text, const char *time_zone);

/* The first time of the schedule after "after". False when there is none. */
extern bool lc_schedule_next(const LcSchedule *schedule, TimestampTz after, TimestampTz *next);

/*
 * The time that is an interval, of which no part is negative, after another in a time zone: months and
 * days by the calendar, a day that the month has not is its last; then hours as they pass. A local time
 * that the clock skips stands for the first instant after the gap, one that it shows twice for the first
 * of the two. False where that is beyond what a timestamp can be.
 */
extern bool lc_time_after(const Interval *interval, const char *time_zone, TimestampTz from,
						  TimestampTz *time);

#endif /* LC_SCHEDULE_H */
