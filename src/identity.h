/*
 * identity.h
 *		Whose rights code runs with.
 */
#ifndef LC_IDENTITY_H
#define LC_IDENTITY_H

/* What lc_act_as() puts aside. */
typedef struct LcIdentity
{
	Oid user;
	int security_context;
	int guc_level;
} LcIdentity;

/* The role that owns the extension. Error when the extension is not there. */
extern Oid lc_extension_owner(void);

/*
 * Keeps the extension from being dropped until the transaction ends; false when it is not there. Taken
 * before the locks of tables, as DROP EXTENSION does, so that it waits for us and no deadlock comes of it.
 */
extern bool lc_hold_extension(void);

/*
 * From here on with the rights of a role and search_path = pg_catalog, pg_temp, until
 * lc_act_as_before(). After an error the transaction's end restores both.
 *
 * lc_act_as_owner: the extension's owner, for the extension's own statements.
 * lc_act_as_stranger: for code that somebody else wrote: in a security-restricted operation.
 * lc_act_as_caller: nobody else; only pins the search_path.
 */
extern void lc_act_as_owner(LcIdentity *before);
extern void lc_act_as_stranger(LcIdentity *before, Oid role);
extern void lc_act_as_caller(LcIdentity *before);
extern void lc_act_as_before(const LcIdentity *before);

/*
 * Refuses (42501) to do what changes credentials for code that runs as a stranger: a retrieval or
 * generation function, or a view that one of them reads. It would pull a batch from under the feet
 * of whoever works on it, and act on credentials of other configurations.
 */
extern void lc_refuse_stranger(const char *what);

/*
 * Is a dump being restored? Then checks that depend on other objects or settings wait until the use.
 * Anybody can turn check_function_bodies off, so it counts only for whoever has the owner's rights.
 */
extern bool lc_restoring(void);

#endif /* LC_IDENTITY_H */
