/*
 * deadline.c
 *		Limits the time that somebody else's code may take.
 *
 * PostgreSQL stops code by cancelling the query, and nothing in a cancel says who asked for it. So when
 * a deadline passes, SIGINT is listened in on: a cancel that was there already, or comes in until the
 * code has ended, is somebody else's and stays theirs. The rest is the deadline's, and becomes an error of
 * its own, which, unlike a cancel, can be recorded as the failure of one document.
 *
 * Arming and disarming costs no system call: a timeout that is later than the one the kernel knows of
 * leaves the kernel's timer as it is (timeout.c).
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timeout.h"

#include "deadline.h"

static bool registered = false;
static TimeoutId timeout;

/* The deadline that is watched, or NULL. */
static LcDeadline *watched = NULL;

/* It has passed; and somebody else cancelled, too. */
static volatile sig_atomic_t passed;
static volatile sig_atomic_t cancelled;

/* What SIGINT did before we listened in. */
static struct sigaction sigint_before;

/* ---------------------------------------------------------------- cancelling */

static void
cancel(void)
{
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* SIGINT while a deadline has passed. */
static void
listen_in(int signal_number)
{
	if (sigint_before.sa_handler == SIG_IGN || sigint_before.sa_handler == SIG_DFL)
		return;
	cancelled = true;
	sigint_before.sa_handler(signal_number);
}

/* The timeout's handler, in a handler of SIGALRM. */
static void
cancel_work(void)
{
	if (!passed)
	{
		struct sigaction action = { .sa_handler = listen_in, .sa_flags = SA_RESTART };

		sigemptyset(&action.sa_mask);
		(void) sigaction(SIGINT, &action, &sigint_before);
		if (QueryCancelPending)
			cancelled = true;
		passed = true;
	}
	cancel();
}

/*
 * At the end of a subtransaction. Code that traps the cancel, as with EXCEPTION WHEN query_canceled, rolls
 * one back and goes on; it is cancelled again, outside of what trapped it.
 */
static void
cancel_again(SubXactEvent event, SubTransactionId subtransaction, SubTransactionId parent,
			 void *argument)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && watched != NULL && passed)
		cancel();
}

/* ---------------------------------------------------------------- watching */

static void
watch(LcDeadline *deadline)
{
	watched = deadline;
	passed = false;
	cancelled = false;
	enable_timeout_at(timeout, deadline->due);
}

/* Ends the watch, and goes on with that for the deadline around it. Returns whether this one passed. */
static bool
unwatch(LcDeadline *outer)
{
	bool late;

	disable_timeout(timeout, false);
	late = passed;
	if (late)
	{
		/* The cancel that is pending is somebody else's; or ours, which must not hit what comes next. */
		QueryCancelPending = false;
		if (cancelled)
			cancel();
		(void) sigaction(SIGINT, &sigint_before, NULL);
	}
	watched = NULL;
	if (outer != NULL)
		watch(outer);
	return late;
}

/* Stops to watch a deadline if the one inside it is the earlier one; otherwise false. */
static bool
give_way(const LcDeadline *outer, const LcDeadline *inner)
{
	disable_timeout(timeout, false);
	if (!passed && inner->due < outer->due)
		return true;
	enable_timeout_at(timeout, outer->due);
	return false;
}

static void
raise_too_long(const LcDeadline *deadline)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s \"%s\" took too long", deadline->what, deadline->name),
			 errdetail("The setting learning_credentials.%s allows %d ms.", deadline->setting,
					   deadline->limit)));
}

void
lc_deadline(LcDeadline *deadline, void (*work)(void *argument), void *argument)
{
	MemoryContext context = CurrentMemoryContext;
	LcDeadline *outer = watched;

	if (deadline->limit == 0)
	{
		work(argument);
		return;
	}
	deadline->due = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), deadline->limit);
	if (outer != NULL && !give_way(outer, deadline))
	{
		work(argument);
		return;
	}

	if (!registered)
	{
		timeout = RegisterTimeout(USER_TIMEOUT, cancel_work);
		RegisterSubXactCallback(cancel_again, NULL);
		registered = true;
	}
	watch(deadline);
	PG_TRY();
	{
		work(argument);
	}
	PG_CATCH();
	{
		bool ours = passed && !cancelled;

		(void) unwatch(outer);
		if (ours)
		{
			MemoryContextSwitchTo(context);
			FlushErrorState();
			raise_too_long(deadline);
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (unwatch(outer))
	{
		CHECK_FOR_INTERRUPTS();
		raise_too_long(deadline);
	}
}
