/*
 * schedule_text.h
 *		What a schedule's text says. For schedule.c alone.
 */
#ifndef LC_SCHEDULE_TEXT_H
#define LC_SCHEDULE_TEXT_H

#include "utils/timestamp.h"

/* Every value of a cron field: the bits of what it allows. */
#define LC_EVERY_HOUR UINT64CONST(0xFFFFFF)
#define LC_EVERY_DAY UINT64CONST(0xFFFFFFFE)
#define LC_EVERY_WEEKDAY UINT64CONST(0x7F)

typedef enum LcScheduleKind
{
	LC_CRON,
	LC_EVERY,
	LC_AT
} LcScheduleKind;

typedef struct LcScheduleText
{
	LcScheduleKind kind;

	/* LC_CRON: bit n stands for value n; Sunday is weekday 0. */
	uint64 minutes;
	uint64 hours;
	uint64 days;
	uint64 months;
	uint64 weekdays;

	/* LC_EVERY: no part negative, a minute at least */
	Interval every;

	/* LC_AT: local time, unless the text has an offset: then it is UTC. */
	Timestamp at;
	bool at_is_local;
} LcScheduleText;

/* Reads a schedule's text. Error 22023, with the position and what was expected there. */
extern void lc_schedule_parse(const char *text, LcScheduleText *result);

#endif /* LC_SCHEDULE_TEXT_H */
