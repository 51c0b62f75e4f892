/*
 * sieve.h
 *		Whose rows of a retrieval are wanted; the others are only counted.
 */
#ifndef LC_SIEVE_H
#define LC_SIEVE_H

#include "utils/timestamp.h"

typedef struct LcSieve
{
	/* "since" is DT_NOBEGIN where it is not known, and means nothing where the user is not eligible */
	bool (*wants)(int64 user_id, bool is_eligible, TimestampTz since, void *argument);
	void *argument;
	bool others; /* it is asked also of those who are not eligible */
	int64 seen;
	int64 eligible;
	bool taken; /* by the retrieval function itself, see lc_take_sieve() */
} LcSieve;

/* Counts a row. Returns whether it is wanted, and so are its details. */
static inline bool
lc_sieve_passes(LcSieve *sieve, int64 user_id, bool is_eligible, TimestampTz since)
{
	sieve->seen++;
	if (is_eligible)
		sieve->eligible++;
	else if (!sieve->others)
		return false;
	return sieve->wants(user_id, is_eligible, since, sieve->argument);
}

#endif /* LC_SIEVE_H */
