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

#endif /* LC_SCHEDULE_H */
