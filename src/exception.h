/*
 * exception.h
 *		Grants and holds: what somebody has decided about one user.
 *
 * All of this is called with the owner's identity inside a SPI connection.
 */
#ifndef LC_EXCEPTION_H
#define LC_EXCEPTION_H

#include "postgres.h"

/* In SQL: whether an exception counts; "x" is the alias of table exception. */
#define LC_EXCEPTION_COUNTS(x) \
	"(" x ".lifted_at IS NULL AND (" x ".ends_at IS NULL OR " x ".ends_at > now()))"

/* In SQL: whether the user of a credential is not held; "c" is the alias of table credential. */
#define LC_NOT_HELD(c)                                                                 \
	"NOT EXISTS (SELECT FROM learning_credentials.exception h"                         \
	" WHERE h.configuration_id = " c ".configuration_id AND h.user_id = " c ".user_id" \
	" AND h.kind = 'hold' AND " LC_EXCEPTION_COUNTS("h") ")"

/* In SQL: an exception of kind grant that counts, as "g", for the user of a credential. */
#define LC_GRANT_OF(c)                                                                 \
	"learning_credentials.exception g"                                                 \
	" WHERE g.configuration_id = " c ".configuration_id AND g.user_id = " c ".user_id" \
	" AND g.kind = 'grant' AND " LC_EXCEPTION_COUNTS("g")

/* In SQL: whether an invalidated credential, "c", is not given back by a later grant of somebody's. */
#define LC_NOT_GIVEN_BACK(c) \
	"NOT EXISTS (SELECT FROM " LC_GRANT_OF(c) " AND g.created > " c ".invalidated_at)"

/* The member of a credential's evidence that tells of a grant. */
#define LC_EXCEPTION_MEMBER "exception"

/* Error 55000, with the reason, when the user is held: nothing is issued then. */
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
