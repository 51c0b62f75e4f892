/*
 * exception.h
 *		Grants and holds: what somebody has decided about one user.
 *
 * All of this is called with the owner's identity inside a SPI connection.
 */
#ifndef LC_EXCEPTION_H
#define LC_EXCEPTION_H

#include "postgres.h"

/* In SQL, with "x" for table exception and "c" for a row with configuration_id and user_id. */

/* Does the exception count? */
#define LC_EXCEPTION_COUNTS "x.lifted_at IS NULL AND (x.ends_at IS NULL OR x.ends_at > now())"

/* The exception of the row's user of a kind that follows, quoted; after a FROM. */
#define LC_EXCEPTION_OF                                                                                 \
	"learning_credentials.exception x"                                                                  \
	" WHERE x.configuration_id = c.configuration_id AND x.user_id = c.user_id AND " LC_EXCEPTION_COUNTS \
	" AND x.kind = "

/* Who is held in configuration $1, and why: also whoever is retired. A table of user_id and reason. */
#define LC_HELD_USERS                                                              \
	"(SELECT x.user_id, x.reason FROM learning_credentials.exception x"            \
	"  WHERE x.configuration_id = $1 AND x.kind = 'hold' AND " LC_EXCEPTION_COUNTS \
	" UNION ALL SELECT r.user_id, '" LC_RETIRED "' FROM learning_credentials.retired_user r)"
#define LC_RETIRED "the user is retired"

/* Is the user held? Has the user a grant? */
#define LC_IS_HELD "EXISTS (SELECT FROM " LC_EXCEPTION_OF "'hold')"
#define LC_IS_GRANTED "EXISTS (SELECT FROM " LC_EXCEPTION_OF "'grant')"

/* Does a later grant give back the credential, which was invalidated? */
#define LC_IS_GIVEN_BACK \
	"EXISTS (SELECT FROM " LC_EXCEPTION_OF "'grant' AND x.created > c.invalidated_at)"

/* The member of a credential's evidence that tells of a grant. */
#define LC_EXCEPTION_MEMBER "exception"

/* Error 55000, with the reason, when the user is held, or retired: nothing is issued then. */
extern void lc_refuse_held(int64 configuration_id, int64 user_id);

/* The reason of a user's grant that counts, palloc'd; NULL: there is none. */
extern char *lc_grant_reason(int64 configuration_id, int64 user_id);

/* Evidence (jsonb) of what is issued by a grant: the details, with the grant laid over them. Palloc'd. */
extern Datum lc_granted_evidence(Datum details, const char *reason);

/*
 * What is in error because of a hold. Those of the credentials, which are locked and in status
 * "generating", whose users are held, by all that is committed, end in error; due again, so that they are
 * retried when the hold counts no more. Returns how many, and their numbers from 0 in "held".
 */
extern int lc_end_held(int64 configuration_id, const Datum *uuids, const int64 *user_ids, int count,
					   bool *held, char **error);

#endif /* LC_EXCEPTION_H */
