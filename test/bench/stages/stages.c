/*
 * stages.c
 *		Tells how long documents spend in each stage. Not part of the extension.
 *
 * The bench links the extension's own objects once more, with the linker's --wrap for the functions below: a
 * call from one file to another goes through a clock first. So what is measured is what is installed, and
 * the extension has neither a switch nor a counter for it. A stage's time is what no stage within it takes.
 */
#include "postgres.h"

#include <time.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

#include "options.h"
#include "pdf/elements.h"
#include "pdf/font.h"
#include "pdf/placeholder.h"
#include "pdf/seal.h"
#include "pdf/typeset.h"
#include "pdf/unicode.h"

PG_FUNCTION_INFO_V1(lc_stage_times);

typedef enum Stage
{
	COMPOSE,					/* all that no other stage does, the SQL around it included */
	READ,						/* options, assets' rows, placeholders */
	TYPESET,
	SUBSET,
	SEAL,
	STAGE_COUNT
} Stage;

static Stage current = COMPOSE;
static int64 since;
static int64 times[STAGE_COUNT];

/* Goes to another stage; returns the one before. */
static Stage
enter(Stage stage)
{
	Stage before = current;
	struct timespec now;
	int64 nanoseconds;

	clock_gettime(CLOCK_MONOTONIC, &now);
	nanoseconds = (int64) now.tv_sec * 1000000000 + now.tv_nsec;
	times[current] += nanoseconds - since;
	since = nanoseconds;
	current = stage;
	return before;
}

#define WRAP(stage, type, name, parameters, arguments) \
	extern type __real_##name parameters; \
	extern type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		Stage before = enter(stage); \
		type result = __real_##name arguments; \
\
		enter(before); \
		return result; \
	}

#define WRAP_VOID(stage, name, parameters, arguments) \
	extern void __real_##name parameters; \
	extern void __wrap_##name parameters; \
	void __wrap_##name parameters \
	{ \
		Stage before = enter(stage); \
\
		__real_##name arguments; \
		enter(before); \
	}

WRAP(READ, LcPage *, lc_page_read, (const LcOption *root), (root))
WRAP(READ, char *, lc_placeholder_fill, (const char *text, const LcValues *values, const char *path),
	 (text, values, path))
WRAP(READ, char *, lc_format_date,
	 (TimestampTz when, const char *format, const char *locale, const char *time_zone),
	 (when, format, locale, time_zone))

WRAP(TYPESET, LcLine *, lc_typeset_line,
	 (LcTypesetter *typesetter, const LcTextStyle *style, const char *text, Size length),
	 (typesetter, style, text, length))
WRAP_VOID(TYPESET, lc_typeset_draw,
		  (LcTypesetter *typesetter, const LcLine *line, double size, double x, double y),
		  (typesetter, line, size, x, y))

WRAP_VOID(SUBSET, lc_typeset_finish,
		  (LcTypesetter *typesetter, LcCanvas *canvas, StringInfo font_resources),
		  (typesetter, canvas, font_resources))

WRAP(SEAL, const LcSeal *, lc_seal_get, (void), ())
WRAP_VOID(SEAL, lc_seal_append,
		  (StringInfo buffer, const LcSeal *seal, const void *data, Size length),
		  (buffer, seal, data, length))

/*
 * lc_stage_times() -> double precision[]: the milliseconds since the last call spent in read, typeset,
 * subset, compose and seal.
 */
Datum
lc_stage_times(PG_FUNCTION_ARGS)
{
	static const Stage order[] = { READ, TYPESET, SUBSET, COMPOSE, SEAL };
	Datum values[lengthof(order)];
	int i;

	(void) enter(COMPOSE);
	for (i = 0; i < (int) lengthof(order); i++)
		values[i] = Float8GetDatum(times[order[i]] / 1e6);
	memset(times, 0, sizeof(times));
	PG_RETURN_ARRAYTYPE_P(construct_array(values, lengthof(order), FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL,
										  TYPALIGN_DOUBLE));
}
