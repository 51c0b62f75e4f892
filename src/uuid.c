/*
 * uuid.c
 *		Identifiers (libuuid).
 *
 * A credential has two: one of version 7, which ascends with time so that the primary key grows at
 * its right end only, and one of version 4, which nobody can guess.
 */
#include "postgres.h"

#include <sys/time.h>
#include <uuid.h>

#include "fmgr.h"
#include "utils/uuid.h"

PG_FUNCTION_INFO_V1(lc_uuid_time_ordered);
PG_FUNCTION_INFO_V1(lc_uuid_random);

static pg_uuid_t *
random_uuid(void)
{
	pg_uuid_t *result = (pg_uuid_t *) palloc(sizeof(pg_uuid_t));

	uuid_generate_random(result->data);
	return result;
}

/* A UUID of version 4. */
Datum
lc_uuid_random(PG_FUNCTION_ARGS)
{
	PG_RETURN_UUID_P(random_uuid());
}

/*
 * A UUID of version 7: 48 bits of milliseconds since 1970, 12 bits of fraction, the rest random
 * (RFC 9562, section 5.7 and method 3 of section 6.2). The 60 bits of time never repeat or go back
 * in a backend, also when the clock does.
 */
Datum
lc_uuid_time_ordered(PG_FUNCTION_ARGS)
{
	static uint64 last = 0;
	pg_uuid_t *result = random_uuid();
	struct timeval now;
	uint64 ticks; /* of 1/4096 millisecond */
	int i;

	gettimeofday(&now, NULL);
	ticks = ((uint64) now.tv_sec * 1000 + now.tv_usec / 1000) << 12;
	ticks += (uint64) (now.tv_usec % 1000) * 4096 / 1000;
	if (ticks <= last)
		ticks = last + 1;
	last = ticks;

	for (i = 0; i < 6; i++)
		result->data[i] = (unsigned char) (ticks >> (12 + 8 * (5 - i)));
	result->data[6] = (unsigned char) (0x70 | ((ticks >> 8) & 0x0F));
	result->data[7] = (unsigned char) (ticks & 0xFF);
	PG_RETURN_UUID_P(result);
}
