/*
 * definition.h
 *		Credential types and configurations.
 */
#ifndef LC_DEFINITION_H
#define LC_DEFINITION_H

#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* A configuration together with its type, as it was when it was loaded. */
typedef struct LcConfiguration
{
	int64 id;
	char *learning_context_key;
	char *run_as;
	char *type_name;
	char *retrieval_func;  /* schema-qualified and quoted */
	char *generation_func; /* the same */
	char *media_type;
	Jsonb *options;			 /* the type's, with the configuration's laid over them */
	char *source;			 /* schema of the LMS facts */
	char *suspension_reason; /* NULL: it is not suspended */
	char *time_zone;
	TimestampTz available_from; /* DT_NOBEGIN: no bound */
	TimestampTz expires_at;		/* DT_NOEND: it does not say */
	Interval *expires_after;	/* NULL: it does not say */
	bool has_issue_from;
	TimestampTz issue_from; /* runs issue to whoever is eligible since later; has_issue_from */
	bool withdraw;			/* runs invalidate what they issued to whoever is eligible no longer */
} LcConfiguration;

/*
 * Loads a configuration into the current memory context. Error 42704 when there is none. Reads with
 * the current user's rights, which are the owner's wherever it is called.
 */
extern LcConfiguration *lc_configuration_load(int64 id);

/*
 * Lays options over those of a configuration that was loaded, for whoever "asks": error 42501 for one who
 * cannot SET ROLE to the configuration's role, and so could not write its options either; 22023 for what is
 * no object.
 */
extern void lc_configuration_lay_over(LcConfiguration *configuration, Jsonb *options, Oid asks);

/* Error 55000, with the reason, for one that is suspended. Returns it. */
extern LcConfiguration *lc_configuration_require_active(LcConfiguration *configuration);

/* The role that a configuration runs as; error 42501 when it does not exist (any more). */
extern Oid lc_configuration_role(const LcConfiguration *configuration);

#endif /* LC_DEFINITION_H */
