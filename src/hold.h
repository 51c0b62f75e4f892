/*
 * hold.h
 *		One credential in hand: finding and locking it, asking for its evidence, making its document.
 *
 * Called with the owner's identity, inside a SPI connection.
 */
#ifndef LC_HOLD_H
#define LC_HOLD_H

#include "fmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "definition.h"
#include "lifecycle.h"

/* A credential as it was found. */
typedef struct LcFound
{
	pg_uuid_t uuid;
	int64 configuration_id;
	int64 user_id;
	bool is_erased; /* it is nobody's any more */
	LcStatus status;
	Datum evidence;
	TimestampTz issue_date; /* DT_NOBEGIN: none yet */
	TimestampTz expires_at; /* DT_NOEND: none */
} LcFound;

/* Locks a credential by its uuid; error 42704 when there is none. */
extern void lc_lock_credential(const pg_uuid_t *uuid, LcFound *found);

/* Locks what a credential is to replace, if it is to replace one. */
extern void lc_lock_superseded(const pg_uuid_t *uuid);

/* Locks the pending replacement of a credential that is locked; false when there is none. */
extern bool lc_lock_replacement(const pg_uuid_t *uuid, LcFound *found);

/* Finds a user's live credential, not a pending replacement; false when there is none. */
extern bool lc_find_live(int64 configuration_id, int64 user_id, LcFound *found);

/* Locks a found credential that is not issued yet; false when that is no longer so. */
extern bool lc_lock_unissued(LcFound *found);

/*
 * What the retrieval function says of a user, whether eligible or not; "otherwise" when it does not
 * list the user or fails, which is no reason not to issue on request. With the grant of a user who is not
 * eligible.
 */
extern Datum lc_evidence_for(const LcConfiguration *configuration, int64 user_id, Datum otherwise);

/*
 * error -> generating; anything else that was issued, the lifecycle refuses. What a credential says is
 * what is known when it is issued: so the evidence is asked for again, and stays if there is none.
 */
extern void lc_begin_again(const LcConfiguration *configuration, const LcFound *found);

/*
 * Makes the document of a credential in status "generating", here and now, or (run_id not 0) leaves that to a
 * queued run.
 */
extern LcStatus lc_issue_now(const LcConfiguration *configuration, const pg_uuid_t *uuid, int64 run_id);

/* The run that the last argument of a function names; 0 where there is no such argument. */
extern int64 lc_run_argument(FunctionCallInfo fcinfo, int number);

/* Refuses NULL (22004): doing nothing without a word would pass for having done it. */
extern void lc_require_arguments(FunctionCallInfo fcinfo, const char *const *names);

/* A uuid in words, palloc'd. */
extern char *lc_uuid_string(const pg_uuid_t *uuid);

#endif /* LC_HOLD_H */
