/*
 * validity.c
 *		From when to when a configuration issues, and until when what it issues is valid.
 *
 * Knows nothing of credentials: what becomes of one that is reissued, renewed or corrected is request.c's.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/timestamp.h"

#include "schedule.h"
#include "validity.h"

static bool
is_too_early(const LcConfiguration *configuration)
{
	return GetCurrentTransactionStartTimestamp() < configuration->available_from;
}

static bool
is_too_late(const LcConfiguration *configuration)
{
	return GetCurrentTransactionStartTimestamp() >= configuration->expires_at;
}

bool
lc_issues_now(const LcConfiguration *configuration)
{
	return !is_too_early(configuration) && !is_too_late(configuration);
}

LcConfiguration *
lc_require_issuing(LcConfiguration *configuration)
{
	if (is_too_early(configuration))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential configuration " INT64_FORMAT " issues nothing before %s",
						configuration->id, timestamptz_to_str(configuration->available_from)),
				 errhint("That is its available_from.")));
	if (is_too_late(configuration))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential configuration " INT64_FORMAT " issues nothing that expired on %s",
						configuration->id, timestamptz_to_str(configuration->expires_at)),
				 errhint("That is its expires_at.")));
	return configuration;
}

bool
lc_expiry(const LcConfiguration *configuration, TimestampTz from, TimestampTz *expires_at)
{
	*expires_at = configuration->expires_at;
	if (configuration->expires_after != NULL &&
		!lc_time_after(configuration->expires_after, configuration->time_zone, from, expires_at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("expires_after of credential configuration " INT64_FORMAT " is out of range",
						configuration->id)));
	return !TIMESTAMP_IS_NOEND(*expires_at);
}
