/*
 * caller.h
 *		Who is calling, and with what request, as a REST server says it.
 */
#ifndef LC_CALLER_H
#define LC_CALLER_H

#include "utils/jsonb.h"

/*
 * The LMS's number of the user who is calling: the claim named by the setting
 * learning_credentials.user_claim, in the setting request.jwt.claims. False when there is none: no
 * claims, claims that are no JSON, a claim that is no whole number; or when the outer role can log in,
 * because whoever connects as it could claim to be anybody (superusers excepted); or to code that runs as a
 * stranger (identity.h).
 */
extern bool lc_caller_user(int64 *user_id);

/* Has the outer role the rights of a role that has level "staff"? A stranger has not. */
extern bool lc_caller_is_staff(void);

/*
 * Who acts, palloc'd: {"role": outer role, "session": session user, "subject": the claim "sub" of
 * the setting request.jwt.claims, where it is there}. The outer role is not changed by SECURITY
 * DEFINER or by lc_act_as. Error 22P02 when the claims are no JSON.
 */
extern Jsonb *lc_actor(void);

/* A header of the request by its name in lower case, palloc'd; NULL: it is not there. */
extern char *lc_request_header(const char *name);

/* Are only the headers of the answer wanted? */
extern bool lc_request_is_head(void);

#endif /* LC_CALLER_H */
