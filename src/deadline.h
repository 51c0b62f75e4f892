/*
 * deadline.h
 *		Limits the time that somebody else's code may take.
 */
#ifndef LC_DEADLINE_H
#define LC_DEADLINE_H

#include "utils/timestamp.h"

/* A limit, and what it is for. */
typedef struct LcDeadline
{
	const char *what;	 /* what may take that long: "function" */
	const char *name;	 /* its name */
	const char *setting; /* the setting that says so, without learning_credentials. */
	int limit;			 /* its value in milliseconds; 0: no limit */

	TimestampTz due; /* deadline.c's own: when it has to be done */
} LcDeadline;

/*
 * Calls work(argument) in whatever process: unlike statement_timeout this also works in a background
 * worker.
 *
 * Raises 54000, as in 'function "NAME" took too long', when work() needs more than the limit, whether it
 * ended in an error, trapped it, or came to its end after all. Code that does not look for interrupts is
 * not stopped, but refused when it ends. An error of work() in good time passes through, and so does the
 * cancel of somebody else, a user or statement_timeout. Deadlines nest; the earlier one counts.
 */
extern void lc_deadline(LcDeadline *deadline, void (*work)(void *argument), void *argument);

#endif /* LC_DEADLINE_H */
