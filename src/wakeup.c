/*
 * wakeup.c
 *		What the worker's processes know of each other, in shared memory, and how others wake them.
 *
 * The state fits the room that PostgreSQL keeps for libraries that were not preloaded, and is made by
 * whoever needs it first. A crash of any backend clears it, as it ends all processes that stand in it.
 *
 * Backends wake the worker when they have committed, never earlier: it would look, see nothing, and
 * sleep again.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "compat.h"
#include "settings.h"
#include "wakeup.h"

/* Changes with LcWorkerState: a library that is newer than the one that was preloaded has its own. */
#define STATE_NAME "learning_credentials worker 1"

/* What a transaction asked for, and at which level of subtransactions; the deepest level comes first. */
typedef struct Wish
{
	struct Wish *outer;
	int level;
	TimestampTz due;
} Wish;

static LcWorkerState *worker_state = NULL;
static Wish *wishes = NULL;

LcWorkerState *
lc_worker_state(void)
{
	bool found;

	if (worker_state != NULL)
		return worker_state;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	worker_state = ShmemInitStruct(STATE_NAME, sizeof(LcWorkerState), &found);
	if (!found)
	{
		memset(worker_state, 0, sizeof(LcWorkerState));
		LWLockInitialize(&worker_state->lock, LWLockNewTrancheId());
	}
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(worker_state->lock.tranche, "learning_credentials");
	return worker_state;
}

LcDatabase *
lc_worker_database(LcWorkerState *state, Oid oid)
{
	int i;

	for (i = 0; i < LC_MAX_DATABASES; i++)
		if (state->databases[i].oid == oid)
			return &state->databases[i];
	return NULL;
}

bool
lc_too_far(TimestampTz when, TimestampTz now)
{
	return when > TimestampTzPlusMilliseconds(now, LC_LONGEST_SLEEP_SECONDS * 1000);
}

/* ---------------------------------------------------------------- the setting databases */

bool
lc_check_databases(char **newval, void **extra, GucSource source)
{
	char *text = pstrdup(*newval);
	List *names;
	bool sound = SplitIdentifierString(text, ',', &names);

	if (!sound)
		GUC_check_errdetail("It is no list of names, separated by commas.");
	else if (list_length(names) > LC_MAX_DATABASES)
	{
		GUC_check_errdetail("It names %d databases, and %d are possible.", list_length(names),
							LC_MAX_DATABASES);
		sound = false;
	}
	list_free(names);
	pfree(text);
	return sound;
}

bool
lc_database_listed(const char *name)
{
	char *text = pstrdup(lc_databases);
	List *names;
	ListCell *cell;
	bool found = false;

	if (SplitIdentifierString(text, ',', &names))
		foreach(cell, names)
			found = found || strcmp(lfirst(cell), name) == 0;
	list_free(names);
	pfree(text);
	return found;
}

/* ---------------------------------------------------------------- waking at commit */

/*
 * Tells the scheduler of this database, or the launcher where there is none. Of a database that the
 * launcher does not know yet it finds out by itself when it is woken.
 */
static void
wake(TimestampTz due)
{
	LcWorkerState *state = worker_state;
	LcDatabase *database;
	Latch *latch = NULL;

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	database = lc_worker_database(state, MyDatabaseId);
	if (database == NULL)
		latch = state->launcher_latch;
	else if (due < database->due)
	{
		database->due = due;
		latch = database->scheduler != 0 ? database->scheduler_latch : state->launcher_latch;
	}
	if (latch != NULL)
		SetLatch(latch);
	LWLockRelease(&state->lock);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			if (wishes != NULL)
				wake(wishes->due);
			wishes = NULL;
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			wishes = NULL;
			break;
		default:
			break;
	}
}

/* A subtransaction's wish becomes its parent's, or is forgotten. */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int level = GetCurrentTransactionNestLevel();

	if (wishes == NULL || wishes->level < level)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		wishes = wishes->outer;
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		if (wishes->outer != NULL && wishes->outer->level == level - 1)
		{
			wishes->outer->due = Min(wishes->outer->due, wishes->due);
			wishes = wishes->outer;
		}
		else
			wishes->level = level - 1;
	}
}

void
lc_expect_worker_at_commit(TimestampTz due)
{
	static bool registered = false;
	int level = GetCurrentTransactionNestLevel();

	if (TIMESTAMP_NOT_FINITE(due) || lc_databases[0] == '\0' ||
		!lc_database_listed(get_database_name(MyDatabaseId)))
		return;
	(void) lc_worker_state(); /* here, where an error does no harm */
	if (!registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
		registered = true;
	}
	if (wishes == NULL || wishes->level < level)
	{
		Wish *wish = MemoryContextAlloc(TopTransactionContext, sizeof(Wish));

		wish->outer = wishes;
		wish->level = level;
		wish->due = due;
		wishes = wish;
	}
	else
		wishes->due = Min(wishes->due, due);
}

void
lc_wake_worker_at_commit(void)
{
	lc_expect_worker_at_commit(GetCurrentTransactionStartTimestamp());
}
