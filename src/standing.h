/*
 * standing.h
 *		Where the users of a configuration stand, and what a run does with them.
 *
 * The one place of these rules: a run (enqueue.c) does what they say, a plan (plan.c) tells it.
 */
#ifndef LC_STANDING_H
#define LC_STANDING_H

#include "utils/timestamp.h"

#include "definition.h"

/* What a run does with a user. */
typedef enum LcVerdict
{
	LC_TO_ISSUE,	 /* begins a credential */
	LC_TO_RETRY,	 /* tries again the one that failed and is due */
	LC_TO_WITHDRAW,	 /* invalidates what runs have issued; see lc_standing_lost() */
	LC_HAS_ONE,		 /* nothing: there is one, or one is under way, or failed and is not due */
	LC_NOT_ELIGIBLE, /* nothing */
	LC_TOO_EARLY,	 /* nothing: before available_from, or eligible since before issue_from */
	LC_TOO_LATE,	 /* nothing: it would have expired already */
	LC_HELD,		 /* nothing: somebody has decided so */
	LC_HAD_ONE		 /* nothing: what was invalidated, a run does not give back */
} LcVerdict;

#define LC_VERDICTS (LC_HAD_ONE + 1)

/* As plans show it. */
extern const char *const lc_verdict_names[LC_VERDICTS];

/* Why a run invalidates. */
#define LC_WITHDRAWN_REASON "Eligibility was lost after issue"

/* A grant that counts. */
typedef struct LcGrant
{
	int64 user_id;
	char *reason;
} LcGrant;

typedef struct LcStanding LcStanding;

/*
 * Reads where the users stand, at about a byte for each, and nine for each holder if the configuration
 * withdraws. Palloc'd in the current context. Called with the owner's identity, inside a SPI connection.
 */
extern LcStanding *lc_standing_load(const LcConfiguration *configuration);

/*
 * What a run does with a user whom retrieval lists, or (not eligible) does not list. "since" is DT_NOBEGIN
 * where it is not known. Never LC_TO_WITHDRAW: that is known at the end.
 */
extern LcVerdict lc_verdict(const LcStanding *standing, int64 user_id, bool is_eligible,
							TimestampTz since);

/* Is any user's verdict LC_TO_RETRY? */
extern bool lc_standing_has_due(const LcStanding *standing);

/* The grants, in ascending order of users. */
extern const LcGrant *lc_standing_grants(const LcStanding *standing, int *count);

/* A user's grant; NULL: there is none. */
extern const LcGrant *lc_standing_grant(const LcStanding *standing, int64 user_id);

/*
 * Notes that retrieval lists a user. Returns whether what the user has is to be withdrawn, unless another
 * row says eligible and if lc_standing_lost() does not refuse.
 */
extern bool lc_standing_note(LcStanding *standing, int64 user_id, bool is_eligible);

/*
 * When all rows have been noted, those of the eligible at least: the users whose credentials are to be
 * withdrawn, in ascending order, palloc'd; "unlisted": only those who were not noted at all. None, and the
 * reason in *refusal, palloc'd, where so great a loss is more likely one of facts: retrieval listed
 * nobody ("seen" is 0), or more than ten and more than half of those who have one would lose it.
 */
extern int64 *lc_standing_lost(const LcStanding *standing, int64 seen, bool unlisted, int *count,
							   char **refusal);

#endif /* LC_STANDING_H */
