/*
 * enqueue.c
 *		Retrieving and queueing: who is eligible and new becomes a row in status "generating".
 *
 * One transaction, of which only the retrieval and what it queues stand in a subtransaction. Knows
 * nothing of the states of runs: what was found goes back to the caller.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "callable.h"
#include "enqueue.h"
#include "issue.h"
#include "spi.h"

/* A retrieval under way. */
typedef struct Enqueue
{
	int64 configuration_id;
	LcConfiguration *configuration;
	int64 run_id;
	LcEnqueued *found;
} Enqueue;

/*
 * error -> generating for users of whom an earlier attempt failed and is due again, with what is known
 * of them now. One that is locked is being retried by somebody else.
 */
static uint64
requeue_due(const Enqueue *enqueue, const Datum *user_ids, const Datum *evidence, int count)
{
	static LcStatement update = {
		.sql = "UPDATE learning_credentials.credential c"
			   "   SET status = 'generating', run_id = $2, evidence = due.evidence"
			   "  FROM (SELECT e.uuid, u.evidence"
			   "          FROM unnest($3, $4) AS u (user_id, evidence)"
			   "          JOIN learning_credentials.credential e"
			   "            ON e.configuration_id = $1 AND e.user_id = u.user_id"
			   "           AND e.status = 'error' AND e.retry_at <= now()"
			   "           FOR NO KEY UPDATE OF e SKIP LOCKED) AS due"
			   " WHERE c.uuid = due.uuid",
		.types = { INT8OID, INT8OID, INT8ARRAYOID, JSONBARRAYOID },
		.custom = true,
	};
	Datum values[4];

	values[0] = Int64GetDatum(enqueue->configuration->id);
	values[1] = Int64GetDatum(enqueue->run_id);
	values[2] = PointerGetDatum(construct_array(unconstify(Datum *, user_ids), count, INT8OID,
												sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[3] = PointerGetDatum(
		construct_array(unconstify(Datum *, evidence), count, JSONBOID, -1, false, TYPALIGN_INT));
	return lc_spi_execute(&update, values, NULL, SPI_OK_UPDATE);
}

/* Receives rows of the retrieval function: queues those who are eligible and new. */
static void
receive(const LcEligibility *rows, int count, void *argument)
{
	Enqueue *enqueue = argument;
	int64 *user_ids = palloc(sizeof(int64) * count);
	Datum *ids = palloc(sizeof(Datum) * count);
	Datum *evidence = palloc(sizeof(Datum) * count);
	int eligible = 0;
	int i;

	for (i = 0; i < count; i++)
	{
		if (!rows[i].is_eligible)
			continue;
		user_ids[eligible] = rows[i].user_id;
		ids[eligible] = Int64GetDatum(rows[i].user_id);
		evidence[eligible] = rows[i].details;
		eligible++;
	}
	enqueue->found->seen += count;
	enqueue->found->eligible += eligible;
	if (eligible == 0)
		return;
	enqueue->found->queued += requeue_due(enqueue, ids, evidence, eligible);
	enqueue->found->queued += lc_begin(enqueue->configuration, user_ids, evidence, eligible,
									   enqueue->run_id, NULL, NULL, NULL);
}

/*
 * Until the retrieval's transaction ends nobody else retrieves for the configuration, which would
 * queue the same users in another order and deadlock, and nobody ends the run as one with nothing
 * left to do.
 */
static void
lock_run(int64 run_id)
{
	static LcStatement lock = {
		.sql = "SELECT FROM learning_credentials.credential_configuration c"
			   "  JOIN learning_credentials.run r ON r.configuration_id = c.id"
			   " WHERE r.id = $1 FOR NO KEY UPDATE",
		.types = { INT8OID },
	};
	Datum values[] = { Int64GetDatum(run_id) };

	lc_spi_execute(&lock, values, NULL, SPI_OK_SELECT);
}

/* Runs in a subtransaction: what cannot be retrieved queues nothing. */
static void
retrieve_and_enqueue(void *argument)
{
	Enqueue *enqueue = argument;

	enqueue->configuration = lc_configuration_load(enqueue->configuration_id);
	(void) lc_callable_for(enqueue->configuration, LC_GENERATION);
	lc_retrieve(enqueue->configuration, NULL, receive, enqueue);
}

ErrorData *
lc_enqueue(int64 configuration_id, int64 run_id, LcEnqueued *found)
{
	Enqueue enqueue = { .configuration_id = configuration_id, .run_id = run_id, .found = found };
	ErrorData *error;

	memset(found, 0, sizeof(LcEnqueued));
	lock_run(run_id);
	error = lc_attempt(retrieve_and_enqueue, &enqueue);
	if (error != NULL)
		memset(found, 0, sizeof(LcEnqueued));
	return error;
}
