/*
 * enqueue.c
 *		Retrieving and queueing: who is eligible and new becomes a row in status "generating".
 *
 * One transaction, of which only the retrieval and what it queues stand in a subtransaction. Whom it is to
 * queue, and from whom it is to withdraw, says standing.c. Knows nothing of the states of runs: what was
 * found goes back to the caller.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "callable.h"
#include "enqueue.h"
#include "exception.h"
#include "issue.h"
#include "spi.h"
#include "standing.h"

/* What is queued by a statement: so many users, or so many bytes of their details. */
#define MOST_ROWS 10000
#define MOST_BYTES (4 * 1024 * 1024)

typedef struct Enqueue
{
	int64 configuration_id;
	LcConfiguration *configuration;
	int64 run_id;
	LcStanding *standing;
	LcSieve sieve;
	LcEnqueued *found;
	MemoryContext context; /* of the standing */
} Enqueue;

/* Is there something to do for a user? */
static bool
is_wanted(int64 user_id, bool is_eligible, TimestampTz since, void *argument)
{
	Enqueue *enqueue = argument;
	LcVerdict verdict = lc_verdict(enqueue->standing, user_id, is_eligible, since);

	(void) lc_standing_note(enqueue->standing, user_id, is_eligible);
	if (is_eligible && verdict == LC_HELD)
		enqueue->found->held++;
	if (is_eligible && verdict == LC_TOO_EARLY)
		enqueue->found->too_early++;
	if (is_eligible && verdict == LC_TOO_LATE)
		enqueue->found->too_late++;
	return verdict == LC_TO_ISSUE || verdict == LC_TO_RETRY;
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

/* Queues some users; returns how many. */
static uint64
queue_users(const Enqueue *enqueue, const int64 *user_ids, const Datum *evidence, int count)
{
	uint64 queued = 0;

	if (lc_standing_has_due(enqueue->standing))
		queued = requeue_due(enqueue, user_ids, evidence, count);
	return queued +
		lc_begin(enqueue->configuration, user_ids, evidence, count, enqueue->run_id, NULL, NULL);
}

/*
 * Queues the users of whom there is a row, the eligible or the others, who have a grant. Of several rows of
 * a user the first counts. Returns how many.
 */
static uint64
queue_rows(const Enqueue *enqueue, Tuplestorestate *rows, bool eligible)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(lc_eligibility_desc(), &TTSOpsMinimalTuple);
	MemoryContext chunk =
		AllocSetContextCreate(CurrentMemoryContext, "users to queue", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(chunk);
	uint64 queued = 0;
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
			Datum details;

			if (DatumGetBool(slot_getattr(slot, LC_ELIGIBILITY_IS_ELIGIBLE, &isnull)) != eligible)
				continue;
			user_ids[count] = DatumGetInt64(slot_getattr(slot, LC_ELIGIBILITY_USER, &isnull));
			details = slot_getattr(slot, LC_ELIGIBILITY_DETAILS, &isnull);
			if (eligible)
				evidence[count] = datumCopy(details, false, -1);
			else
				evidence[count] =
					lc_granted_evidence(details,
										lc_standing_grant(enqueue->standing, user_ids[count])->reason);
			bytes += VARSIZE_ANY(DatumGetPointer(evidence[count]));
			count++;
		}
		if (count > 0)
			queued += queue_users(enqueue, user_ids, evidence, count);
		ExecClearTuple(slot); /* what it holds may stand in the context */
		MemoryContextReset(chunk);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(chunk);
	ExecDropSingleTupleTableSlot(slot);
	return queued;
}

/* Queues those who have a grant: those whom retrieval lists, then whoever it does not. Returns how many. */
static uint64
queue_granted(const Enqueue *enqueue, Tuplestorestate *rows)
{
	Datum nothing = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	int grant_count;
	const LcGrant *grants = lc_standing_grants(enqueue->standing, &grant_count);
	uint64 queued;
	int next = 0;

	if (grant_count == 0)
		return 0;
	tuplestore_rescan(rows);
	queued = queue_rows(enqueue, rows, false);
	while (next < grant_count)
	{
		int64 *user_ids = palloc(sizeof(int64) * MOST_ROWS);
		Datum *evidence = palloc(sizeof(Datum) * MOST_ROWS);
		int count = 0;

		CHECK_FOR_INTERRUPTS();
		for (; next < grant_count && count < MOST_ROWS; next++)
		{
			LcVerdict verdict = lc_verdict(enqueue->standing, grants[next].user_id, false, DT_NOBEGIN);

			if (verdict != LC_TO_ISSUE && verdict != LC_TO_RETRY)
				continue;
			user_ids[count] = grants[next].user_id;
			evidence[count++] = lc_granted_evidence(nothing, grants[next].reason);
		}
		if (count > 0) /* who has been queued already is found there */
			queued += queue_users(enqueue, user_ids, evidence, count);
	}
	return queued;
}

/* ---------------------------------------------------------------- withdrawing */

/*
 * Invalidates what the users have lost. What somebody has in hand is left to the next run, and so is what
 * has a grant by now.
 */
static void
withdraw(const Enqueue *enqueue)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential t"
			   "   SET status = 'invalidated', invalidation_reason = $3"
			   "  FROM (SELECT c.uuid FROM learning_credentials.credential c"
			   "         WHERE c.configuration_id = $1 AND c.user_id = ANY ($2)"
			   "           AND c.status = 'available' AND NOT " LC_IS_GRANTED
			   "           FOR NO KEY UPDATE SKIP LOCKED) AS lost"
			   " WHERE t.uuid = lost.uuid",
		.types = { INT8OID, INT8ARRAYOID, TEXTOID },
		.custom = true,
	};
	Datum values[] = { Int64GetDatum(enqueue->configuration_id), 0,
					   CStringGetTextDatum(LC_WITHDRAWN_REASON) };
	MemoryContext chunk =
		AllocSetContextCreate(CurrentMemoryContext, "users to withdraw from", ALLOCSET_DEFAULT_SIZES);
	int count;
	int64 *lost = lc_standing_lost(enqueue->standing, enqueue->sieve.seen, false, &count,
								   &enqueue->found->warning);
	int next = 0;

	if (enqueue->found->warning != NULL)
		ereport(WARNING,
				(errmsg_internal("%s", enqueue->found->warning),
				 errdetail("Run " INT64_FORMAT " of configuration " INT64_FORMAT ".", enqueue->run_id,
						   enqueue->configuration_id)));
	while (next < count)
	{
		MemoryContext old = MemoryContextSwitchTo(chunk);
		int few = Min(count - next, MOST_ROWS);
		Datum *users = palloc(sizeof(Datum) * few);
		int i;

		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < few; i++)
			users[i] = Int64GetDatum(lost[next + i]);
		values[1] = PointerGetDatum(
			construct_array(users, few, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
		enqueue->found->withdrawn += lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
		next += few;
		MemoryContextSwitchTo(old);
		MemoryContextReset(chunk);
	}
	MemoryContextDelete(chunk);
}

/* ---------------------------------------------------------------- all of it */

/* Runs in a subtransaction: what cannot be retrieved queues nothing. */
static void
retrieve_and_enqueue(void *argument)
{
	Enqueue *enqueue = argument;
	MemoryContext old;
	Tuplestorestate *rows;
	int grant_count;

	enqueue->configuration = lc_configuration_load(enqueue->configuration_id);
	(void) lc_callable_for(enqueue->configuration, LC_GENERATION);
	old = MemoryContextSwitchTo(enqueue->context);
	enqueue->standing = lc_standing_load(enqueue->configuration);
	MemoryContextSwitchTo(old);
	(void) lc_standing_grants(enqueue->standing, &grant_count);
	enqueue->sieve.others = grant_count > 0;

	rows = tuplestore_begin_heap(false, false, work_mem);
	lc_retrieve(enqueue->configuration, NULL, &enqueue->sieve, rows);
	enqueue->found->queued = queue_rows(enqueue, rows, true);
	enqueue->found->granted = queue_granted(enqueue, rows);
	enqueue->found->queued += enqueue->found->granted;
	tuplestore_end(rows);
	withdraw(enqueue);
}

ErrorData *
lc_enqueue(int64 configuration_id, int64 run_id, LcEnqueued *found)
{
	Enqueue enqueue = { .configuration_id = configuration_id, .run_id = run_id, .found = found };
	ErrorData *error;

	memset(found, 0, sizeof(LcEnqueued));
	enqueue.sieve.wants = is_wanted;
	enqueue.sieve.argument = &enqueue;
	enqueue.context =
		AllocSetContextCreate(CurrentMemoryContext, "where users stand", ALLOCSET_DEFAULT_SIZES);
	error = lc_attempt(retrieve_and_enqueue, &enqueue);
	if (error != NULL)
		memset(found, 0, sizeof(LcEnqueued));
	found->seen = error == NULL ? enqueue.sieve.seen : 0;
	found->eligible = error == NULL ? enqueue.sieve.eligible : 0;
	MemoryContextDelete(enqueue.context);
	return error;
}
