/*
 * pdf/survey.h
 *		What reading a foreign PDF may cost, found out before a library reads it.
 */
#ifndef LC_SURVEY_H
#define LC_SURVEY_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct LcSurvey
{
	/* Why libqpdf must not have the file: a sentence. NULL: it may read it. */
	const char *refusal;

	/* May it also try to repair the file? */
	bool repairable;

	/* Numbers of all objects that are referred to, more than once too. */
	List *references;

	/* Numbers of the object streams, 0 where it is not clear; bytes that they have been found to hold. */
	List *containers;
	Size expanded;
} LcSurvey;

/*
 * Surveys a file. libqpdf cannot be interrupted, and what it does in one call can take hours or all of the
 * stack, not only memory, which the guard bounds. Handles interrupts; to be called inside a guard.
 */
extern void lc_survey(LcSurvey *survey, const uint8 *data, Size length);

/*
 * Surveys what an object stream holds, which is compressed or not: "count" objects, the first of which
 * starts at "first". For streams that can only be read once the file is open: encrypted ones. May set
 * survey->refusal.
 */
extern void lc_survey_container(LcSurvey *survey, const char *data, Size length, bool compressed,
								int64 count, int64 first);

#endif /* LC_SURVEY_H */
