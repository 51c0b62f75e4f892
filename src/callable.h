/*
 * callable.h
 *		The functions that users name: retrieve_* and generate_*.
 */
#ifndef LC_CALLABLE_H
#define LC_CALLABLE_H

#include "fmgr.h"
#include "utils/tuplestore.h"

#include "definition.h"
#include "sieve.h"

typedef enum LcCallableKind
{
	LC_RETRIEVAL,
	LC_GENERATION
} LcCallableKind;

/*
 * Checks a function that the current user names in a credential type: it exists (42883), its name
 * carries the prefix (42602), it has the signature (42P13), the user may execute it (42501). Returns
 * the name schema-qualified and quoted, palloc'd. An unqualified name is looked for in
 * learning_credentials first, then along the search_path.
 */
extern char *lc_callable_check(const char *name, LcCallableKind kind);

/*
 * The function of a configuration that is about to be called with the rights of the configuration's
 * role. Errors: role or function gone, no EXECUTE, or written by somebody who could not act as that
 * role anyway (42501).
 */
extern Oid lc_callable_for(const LcConfiguration *configuration, LcCallableKind kind);

/* The columns of type eligibility, which never change. */
enum
{
	LC_ELIGIBILITY_USER = 1,
	LC_ELIGIBILITY_IS_ELIGIBLE,
	LC_ELIGIBILITY_SINCE,
	LC_ELIGIBILITY_DETAILS
};

/* The type's description, palloc'd. */
extern TupleDesc lc_eligibility_desc(void);

/*
 * Calls the configuration's retrieval function as its role, for everybody or for one user
 * ("user_id" not NULL), and adds its rows to "rows", of type eligibility: is_eligible is not NULL and
 * details is an object. With a sieve only the rows that it lets pass are added. Errors of the function
 * pass through.
 */
extern void lc_retrieve(const LcConfiguration *configuration, const int64 *user_id, LcSieve *sieve,
						Tuplestorestate *rows);

/*
 * The sieve of the lc_retrieve() that is calling this function itself; NULL: there is none, or it calls
 * a function that calls this one, and whose rows that one needs is its affair. Whoever takes the sieve
 * returns the rows that it lets pass and no others. It can be taken once.
 */
extern LcSieve *lc_take_sieve(Oid function);

/*
 * Calls a generation function as the configuration's role. "credential" is a row of the table
 * credential; the result is palloc'd in the current context. Errors of the function pass through.
 */
extern bytea *lc_generate(const LcConfiguration *configuration, FmgrInfo *function, Datum credential);

#endif /* LC_CALLABLE_H */
