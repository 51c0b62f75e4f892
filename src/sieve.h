/*
 * sieve.h
 *		Whose rows of a retrieval are wanted; the others are only counted.
 */
#ifndef LC_SIEVE_H
#define LC_SIEVE_H

typedef struct LcSieve
{
	bool (*wants)(int64 user_id, const void *argument); /* asked of the eligible only */
	const void *argument;
	int64 seen;
	int64 eligible;
	bool taken; /* by the retrieval function itself, see lc_take_sieve() */
} LcSieve;

/* Counts a row. Returns whether it is wanted, and so are its details. */
static inline bool
lc_sieve_passes(LcSieve *sieve, int64 user_id, bool is_eligible)
{
	sieve->seen++;
	if (!is_eligible)
		return false;
	sieve->eligible++;
	return sieve->wants(user_id, sieve->argument);
}

#endif /* LC_SIEVE_H */
