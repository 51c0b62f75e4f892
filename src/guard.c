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
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

#include "guard.h"
#include "settings.h"

/* What is being read, or NULL outside a guard; and when it has to be done. */
static const char *guarded = NULL;
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

void
lc_guard(const char *what, void (*work)(void *argument), void *argument)
{
	MemoryContext context = CurrentMemoryContext;
	rlim_t present = address_space();
	struct rlimit before;
	struct rlimit lowered;
	bool limited = false;

	if (guarded != NULL)
		elog(ERROR, "reading a %s inside the reading of a %s", what, guarded);

	if (present > 0 && getrlimit(RLIMIT_AS, &before) == 0)
	{
		lowered = before;
		lowered.rlim_cur = present + (rlim_t) lc_parse_memory * 1024;
		if (before.rlim_cur == RLIM_INFINITY || lowered.rlim_cur < before.rlim_cur)
			limited = setrlimit(RLIMIT_AS, &lowered) == 0;
	}

	guarded = what;
	deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LC_GUARD_SECONDS * 1000);
	PG_TRY();
	{
		work(argument);
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
	if (guarded != NULL && GetCurrentTimestamp() > deadline)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("%s takes too long to read", guarded),
				 errdetail("Reading it was stopped after %d seconds.", LC_GUARD_SECONDS)));
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
