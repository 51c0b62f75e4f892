/*
 * issue.h
 *		One credential, or a batch: snapshot, generate, store.
 */
#ifndef LC_ISSUE_H
#define LC_ISSUE_H

#include "utils/uuid.h"

#include "definition.h"

/* What became of a batch. */
typedef struct LcIssued
{
	int available;
	int failed;
	pg_uuid_t last; /* the last credential that was tried */
	char *error;	/* why the last that failed did; NULL: none did */
} LcIssued;

/*
 * Claims credentials in status "generating" and tries to make their documents: at most "limit" of
 * run "run_id" behind "after", in the order of their uuids, that nobody else holds; or, with run_id
 * 0, the one credential "after", which the caller has locked in that status, after what it replaces.
 * Stops early when the batch has taken a second or holds many bytes; what was not tried waits, and
 * so does a replacement of what another session holds. The others end available, or in error with
 * the reason.
 *
 * Called with the owner's identity, inside a SPI connection. "to_errors": what fails for all of
 * them (the function is gone, the source cannot be read) ends in error too, instead of being raised.
 * Returns false when there was nothing to claim.
 */
extern bool lc_issue(const LcConfiguration *configuration, int64 run_id, const pg_uuid_t *after,
					 int limit, bool to_errors, LcIssued *result);

/*
 * Begins credentials: a row in status "generating" and its first event for each user, except those
 * who have a live one (or a pending replacement, when "supersedes" is given, with one user). A run
 * (run_id not 0) also leaves out whoever had one that was invalidated: what a person took away, a
 * schedule does not give back. Returns how many were begun, and the uuid of the last in "uuid".
 */
extern uint64 lc_begin(const LcConfiguration *configuration, const int64 *user_ids,
					   const Datum *evidence, int count, int64 run_id, const pg_uuid_t *supersedes,
					   const char *reason, pg_uuid_t *uuid);

#endif /* LC_ISSUE_H */
