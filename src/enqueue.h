/*
 * enqueue.h
 *		Retrieving and queueing: who is eligible and new becomes a row in status "generating".
 */
#ifndef LC_ENQUEUE_H
#define LC_ENQUEUE_H

/* What the retrieval of a run found, in rows of the retrieval function. */
typedef struct LcEnqueued
{
	int64 seen;
	int64 eligible; /* of these */
	int64 queued;	/* new, or in error and due again: of these, and of the granted */
	int64 granted;	/* of the queued: not eligible */
	int64 held;		/* of the eligible */
	int64 too_early;
	int64 too_late;
	int64 withdrawn; /* invalidated, because eligibility was lost */
	char *warning;	 /* what somebody should look at; NULL: nothing */
} LcEnqueued;

/*
 * Calls the configuration's retrieval function and does with the users what standing.h says: queues for the
 * run whoever is eligible and new or has a grant, and invalidates what is to be withdrawn.
 * Called with the owner's identity, inside a SPI connection. The caller has seen to it that nobody else
 * retrieves for the configuration. Returns NULL; or else why there was no retrieval, palloc'd, with
 * nothing queued and nothing found. A cancel or a shutdown is raised.
 */
extern ErrorData *lc_enqueue(int64 configuration_id, int64 run_id, LcEnqueued *found);

#endif /* LC_ENQUEUE_H */
