/*
 * issue.h
 *		One credential, or a batch: snapshot, generate, store.
 */
#ifndef LC_ISSUE_H
#define LC_ISSUE_H

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "definition.h"

/* What became of a batch. */
typedef struct LcIssued
{
	int available;
	int failed;		/* also for being held */
	pg_uuid_t last; /* the last credential that was tried */
	char *error;	/* why the last that failed did; NULL: none did */
} LcIssued;

/*
 * Makes the documents of those of the credentials that are in status "generating" and that nobody else
 * holds, in the order of their uuids. Stops early when that has taken a second or has made many
 * bytes; what was not tried waits, and so does a replacement of what another session holds. The
 * others end available, or in error with the reason.
 *
 * Called with the owner's identity, inside a SPI connection. "to_errors": what fails for all of
 * them (the function is gone, the source cannot be read) ends in error too, instead of being raised.
 * Returns false when there was nothing to do.
 */
extern bool lc_issue(const LcConfiguration *configuration, const pg_uuid_t *uuids, int count,
					 bool to_errors, LcIssued *result);

/*
 * Finds the next credentials of a run behind "after" that are neither locked nor in "taken" (uuid[]),
 * at most "limit" of them, in the order of their uuids, and locks them. Returns how many.
 */
extern int lc_claim(int64 run_id, const pg_uuid_t *after, Datum taken, int limit, pg_uuid_t *uuids);

/* Ends an attempt at a credential in status "generating" in error; "again": it is retried in time. */
extern void lc_fail(const pg_uuid_t *uuid, const char *message, bool again);

/* What a credential is begun for that is to replace another. */
typedef struct LcReplacing
{
	pg_uuid_t supersedes;
	TimestampTz issue_date; /* to be borne by the new one; DT_NOBEGIN: that of its issue */
	TimestampTz
		expires_at;		/* the same; DT_NOEND: never, or as its configuration says when it is issued */
	const char *reason; /* why the old one is going to be invalidated */
} LcReplacing;

/*
 * Begins credentials: a row in status "generating" and its first event for each user, in the order given
 * and with the first evidence of a user who is named more than once, except for those who have a live one
 * (or a pending replacement, when "replacing" is given, with one user). A run (run_id not 0) also leaves
 * out whoever had one that was invalidated: what was taken away, a schedule does not give back, unless a
 * later grant says so.
 * Returns how many were begun, and the uuid of the last in "uuid".
 */
extern uint64 lc_begin(const LcConfiguration *configuration, const int64 *user_ids,
					   const Datum *evidence, int count, int64 run_id, const LcReplacing *replacing,
					   pg_uuid_t *uuid);

#endif /* LC_ISSUE_H */
