/*
 * guard.c
 *		Bounds the memory and the time that parsing foreign bytes may take.
 *
 * A library that meets a decompression bomb takes all the memory there is, in one call that cannot be
 * interrupted. The soft limit of the address space makes its malloc fail instead, which every library
 * here turns into an error. This file knows nothing of any library or format.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#include "guard.h"
#include "settings.h"

/* How far the stack is made to reach at least, in steps: what is deeper than max_stack_depth is no use. */
#define STACK_STEP (64 * 1024)
#define STACK_STEPS 64

/* catch.cpp */
extern bool lc_catch(void (*work)(void *argument), void *argument);

/* What is being read, or NULL outside a guard; since when, by processor_seconds(); the earliest it can be too long. */
static const char *guarded = NULL;
static double began;
static TimestampTz deadline;

/*
 * The size of this process's address space in bytes: the first field of /proc/self/statm (proc(5)), in
 * pages. 0 where there is no such file: then memory is not bounded.
 */
static rlim_t
address_space(void)
{
	char text[64];
	ssize_t length;
	int file = OpenTransientFile("/proc/self/statm", O_RDONLY);

	if (file < 0)
		return 0;
	length = read(file, text, sizeof(text) - 1);
	CloseTransientFile(file);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	return (rlim_t) strtoul(text, NULL, 10) * (rlim_t) sysconf(_SC_PAGESIZE);
}

/*
 * Has the stack reach as far as it may before the limit is there. It grows into the same address space when it
 * is used, and a process whose stack cannot grow is killed: it gets no error that it could handle.
 */
static pg_noinline void
grow_stack(int steps)
{
	volatile char step[STACK_STEP];

	step[0] = 0;
	if (steps > 1 && !stack_is_too_deep())
		grow_stack(steps - 1);
	(void) step[0]; /* a use after the call, else it is none */
}

/*
 * The seconds that this process has had a processor: the measure of what a file costs. A machine that has much to do
 * makes no file costly.
 */
static double
processor_seconds(void)
{
	struct timespec spent = { 0 };

	(void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
	return spent.tv_sec + spent.tv_nsec / 1e9;
}

/* Lowers the limit of the address space; what it was. False: it stays. */
static bool
lower_limit(struct rlimit *before)
{
	rlim_t present = address_space();
	struct rlimit lowered;

	if (present == 0 || getrlimit(RLIMIT_AS, before) != 0)
		return false;
	lowered = *before;
	lowered.rlim_cur = present + (rlim_t) lc_parse_memory * 1024;
	if (before->rlim_cur != RLIM_INFINITY && lowered.rlim_cur >= before->rlim_cur)
		return false;
	return setrlimit(RLIMIT_AS, &lowered) == 0;
}

void
lc_guard(const char *what, void (*work)(void *argument), void *argument)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorContextCallback *error_contexts = error_context_stack;
	struct rlimit before;
	bool limited;

	if (guarded != NULL)
		elog(ERROR, "reading a %s inside the reading of a %s", what, guarded);

	grow_stack(STACK_STEPS);
	limited = lower_limit(&before);
	guarded = what;
	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LC_GUARD_SECONDS * 1000);
	began = processor_seconds();
	PG_TRY();
	{
		sigjmp_buf *handler = PG_exception_stack;

		if (!lc_catch(work, argument))
		{
			/* What the functions that it passed through had set. */
			PG_exception_stack = handler;
			error_context_stack = error_contexts;
			MemoryContextSwitchTo(context);
			lc_guard_memory_error();
		}
	}
	PG_CATCH();
	{
		if (limited)
			(void) setrlimit(RLIMIT_AS, &before);
		/* palloc found no memory: say which limit it was. */
		if (limited && geterrcode() == ERRCODE_OUT_OF_MEMORY)
		{
			MemoryContextSwitchTo(context);
			FlushErrorState();
			lc_guard_memory_error();
		}
		guarded = NULL;
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (limited)
		(void) setrlimit(RLIMIT_AS, &before);
	guarded = NULL;
}

void
lc_guard_check(void)
{
	CHECK_FOR_INTERRUPTS();
	/* The clock is cheaper to ask than the processor's time, which runs no faster. */
	if (guarded != NULL && GetCurrentTimestamp() > deadline &&
		processor_seconds() - began > LC_GUARD_SECONDS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("%s takes too long to read", guarded),
				 errdetail("Reading it was stopped after %d seconds of the processor's time.",
						   LC_GUARD_SECONDS)));
}

void
lc_guard_need(Size bytes)
{
	void *room = palloc_extended(bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);

	if (room == NULL)
		lc_guard_memory_error();
	pfree(room);
}

void
lc_guard_memory_error(void)
{
	const char *what = guarded != NULL ? guarded : "file";

	guarded = NULL;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("%s needs too much memory to read", what),
			 errdetail("The limit is %d kB (learning_credentials.parse_memory).", lc_parse_memory)));
}
