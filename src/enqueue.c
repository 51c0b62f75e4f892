/*
 * enqueue.c
 *		Retrieving and queueing: who is eligible and new becomes a row in status "generating".
 *
 * One transaction, of which only the retrieval and what it queues stand in a subtransaction. Knows
 * nothing of the states of runs: what was found goes back to the caller.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "lib/integerset.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "callable.h"
#include "enqueue.h"
#include "issue.h"
#include "spi.h"
#include "validity.h"

/* What is queued by a statement: so many users, or so many bytes of their details. */
#define MOST_ROWS 10000
#define MOST_BYTES (4 * 1024 * 1024)

/*
 * The users who have, or had, a credential of the configuration, and those of them of whom an attempt
 * failed and is due again: read before the retrieval, at about a byte for each. They spare the work for
 * whoever is not new, which in most runs is nearly everybody. What is queued is decided when it is
 * inserted: whoever gets a credential meanwhile is found there.
 */
typedef struct Enqueue
{
	int64 configuration_id;
	LcConfiguration *configuration;
	int64 run_id;
	IntegerSet *known;
	IntegerSet *due;
	LcSieve sieve;
	int64 queued;
	MemoryContext context; /* of the sets */
} Enqueue;

/* ---------------------------------------------------------------- sets of users */

/* Receives user ids in ascending order. */
typedef struct UserReader
{
	DestReceiver receiver; /* must be first */
	IntegerSet *users;
	uint64 last;
} UserReader;

/* As the set orders them, which knows no numbers below 0. */
static uint64
member_of(int64 user_id)
{
	return (uint64) user_id ^ (UINT64CONST(1) << 63);
}

static bool
receive_user(TupleTableSlot *slot, DestReceiver *receiver)
{
	UserReader *reader = (UserReader *) receiver;
	bool isnull;
	uint64 user = member_of(DatumGetInt64(slot_getattr(slot, 1, &isnull)));

	if (user != reader->last || intset_num_entries(reader->users) == 0)
		intset_add_member(reader->users, user);
	reader->last = user;
	return true;
}

static void
begin_users(DestReceiver *receiver, int operation, TupleDesc desc)
{
}

static void
end_users(DestReceiver *receiver)
{
}

/* The users that a statement finds for a configuration, in ascending order. */
static IntegerSet *
read_users(const char *sql, int64 configuration_id)
{
	UserReader reader = { .receiver = { .receiveSlot = receive_user,
										.rStartup = begin_users,
										.rShutdown = end_users,
										.rDestroy = end_users,
										.mydest = DestTuplestore } };
	Oid types[] = { INT8OID };
	Datum values[] = { Int64GetDatum(configuration_id) };

	reader.users = intset_create();
	PushActiveSnapshot(GetTransactionSnapshot());
	(void) lc_spi_read(sql, 1, types, values, NULL, &reader.receiver);
	PopActiveSnapshot();
	return reader.users;
}

static void
read_known(Enqueue *enqueue)
{
	MemoryContext old = MemoryContextSwitchTo(enqueue->context);

	enqueue->known = read_users("SELECT user_id FROM learning_credentials.credential"
								" WHERE configuration_id = $1 AND status <> 'invalidated'"
								" UNION ALL"
								" SELECT user_id FROM learning_credentials.credential"
								" WHERE configuration_id = $1 AND status = 'invalidated'"
								" ORDER BY 1",
								enqueue->configuration_id);
	enqueue->due = read_users("SELECT user_id FROM learning_credentials.credential"
							  " WHERE configuration_id = $1 AND status = 'error' AND retry_at <= now()"
							  " ORDER BY 1",
							  enqueue->configuration_id);
	MemoryContextSwitchTo(old);
}

/* Is there something to do for a user who is eligible? What is begun is finished, whatever the date. */
static bool
is_wanted(int64 user_id, const void *argument)
{
	const Enqueue *enqueue = argument;
	uint64 user = member_of(user_id);

	return (!intset_is_member(enqueue->known, user) && lc_issues_now(enqueue->configuration)) ||
		intset_is_member(enqueue->due, user);
}

/* ---------------------------------------------------------------- queueing */

/*
 * error -> generating for users of whom an earlier attempt failed and is due again, with what is known
 * of them now. One that is locked is being retried by somebody else. Of several rows of a user the
 * first counts.
 */
static uint64
requeue_due(const Enqueue *enqueue, const int64 *user_ids, const Datum *evidence, int count)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential c"
			   "   SET status = 'generating', run_id = $2, evidence = due.evidence"
			   "  FROM (SELECT e.uuid, u.evidence"
			   "          FROM (SELECT DISTINCT ON (user_id) user_id, evidence"
			   "                  FROM unnest($3, $4) WITH ORDINALITY AS u (user_id, evidence, number)"
			   "                 ORDER BY user_id, number) AS u"
			   "          JOIN learning_credentials.credential e"
			   "            ON e.configuration_id = $1 AND e.user_id = u.user_id"
			   "           AND e.status = 'error' AND e.retry_at <= now()"
			   "           FOR NO KEY UPDATE OF e SKIP LOCKED) AS due"
			   " WHERE c.uuid = due.uuid",
		.types = { INT8OID, INT8OID, INT8ARRAYOID, JSONBARRAYOID },
		.custom = true,
	};
	Datum *ids = palloc(sizeof(Datum) * count);
	Datum values[4];
	int i;

	for (i = 0; i < count; i++)
		ids[i] = Int64GetDatum(user_ids[i]);
	values[0] = Int64GetDatum(enqueue->configuration_id);
	values[1] = Int64GetDatum(enqueue->run_id);
	values[2] = PointerGetDatum(
		construct_array(ids, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[3] = PointerGetDatum(
		construct_array(unconstify(Datum *, evidence), count, JSONBOID, -1, false, TYPALIGN_INT));
	return lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
}

/* Queues the users of whom there is a row. Of several rows of a user the first counts. */
static void
queue_rows(Enqueue *enqueue, Tuplestorestate *rows)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(lc_eligibility_desc(), &TTSOpsMinimalTuple);
	MemoryContext chunk =
		AllocSetContextCreate(CurrentMemoryContext, "users to queue", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(chunk);
	bool more = true;

	while (more)
	{
		int64 *user_ids = palloc(sizeof(int64) * MOST_ROWS);
		Datum *evidence = palloc(sizeof(Datum) * MOST_ROWS);
		Size bytes = 0;
		int count = 0;

		CHECK_FOR_INTERRUPTS();
		while (count < MOST_ROWS && bytes < MOST_BYTES &&
			   (more = tuplestore_gettupleslot(rows, true, false, slot)))
		{
			bool isnull;

			user_ids[count] = DatumGetInt64(slot_getattr(slot, LC_ELIGIBILITY_USER, &isnull));
			evidence[count] = datumCopy(slot_getattr(slot, LC_ELIGIBILITY_DETAILS, &isnull), false, -1);
			bytes += VARSIZE_ANY(DatumGetPointer(evidence[count]));
			count++;
		}
		if (count > 0 && intset_num_entries(enqueue->due) > 0)
			enqueue->queued += requeue_due(enqueue, user_ids, evidence, count);
		if (count > 0)
			enqueue->queued +=
				lc_begin(enqueue->configuration, user_ids, evidence, count, enqueue->run_id, NULL, NULL);
		ExecClearTuple(slot); /* what it holds may stand in the context */
		MemoryContextReset(chunk);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(chunk);
	ExecDropSingleTupleTableSlot(slot);
}

/* Runs in a subtransaction: what cannot be retrieved queues nothing. */
static void
retrieve_and_enqueue(void *argument)
{
	Enqueue *enqueue = argument;
	Tuplestorestate *rows;

	enqueue->configuration = lc_configuration_load(enqueue->configuration_id);
	(void) lc_callable_for(enqueue->configuration, LC_GENERATION);
	read_known(enqueue);
	rows = tuplestore_begin_heap(false, false, work_mem);
	lc_retrieve(enqueue->configuration, NULL, &enqueue->sieve, rows);
	queue_rows(enqueue, rows);
	tuplestore_end(rows);
}

ErrorData *
lc_enqueue(int64 configuration_id, int64 run_id, LcEnqueued *found)
{
	Enqueue enqueue = { .configuration_id = configuration_id, .run_id = run_id };
	ErrorData *error;

	memset(found, 0, sizeof(LcEnqueued));
	enqueue.sieve.wants = is_wanted;
	enqueue.sieve.argument = &enqueue;
	enqueue.context = AllocSetContextCreate(CurrentMemoryContext, "known users", ALLOCSET_DEFAULT_SIZES);
	error = lc_attempt(retrieve_and_enqueue, &enqueue);
	if (error == NULL)
	{
		found->seen = enqueue.sieve.seen;
		found->eligible = enqueue.sieve.eligible;
		found->queued = enqueue.queued;
	}
	MemoryContextDelete(enqueue.context);
	return error;
}
