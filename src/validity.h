/*
 * validity.h
 *		From when to when a configuration issues, and until when what it issues is valid.
 */
#ifndef LC_VALIDITY_H
#define LC_VALIDITY_H

#include "definition.h"

/*
 * Does the configuration issue now? Not before its available_from, nor what would have expired already.
 * "Now" is the time at which the transaction began.
 */
extern bool lc_issues_now(const LcConfiguration *configuration);

/* Error 55000, with the date, for one that does not issue now. Returns it. */
extern LcConfiguration *lc_require_issuing(LcConfiguration *configuration);

/*
 * When a credential of the configuration expires whose validity begins at "from"; false: never. Error
 * 22008 where that is beyond what a timestamp can be.
 */
extern bool lc_expiry(const LcConfiguration *configuration, TimestampTz from, TimestampTz *expires_at);

#endif /* LC_VALIDITY_H */
