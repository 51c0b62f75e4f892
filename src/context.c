/*
 * context.c
 *		Learning context keys, and the names that a source knows.
 *
 * A key is "course-v1:ORG+COURSE+RUN" or "path-v1:ORG+NUMBER+RUN+GROUP". Its parts are not empty and
 * hold letters and digits of any script, "-", "_", ".", "~" and ":" (the characters that Open edX
 * allows in its keys).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "context.h"
#include "deadline.h"
#include "settings.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_learning_context_kind);

static const struct
{
	const char *prefix;
	int parts;
	const char *form;
	const char *name;
} kinds[] = {
	[LC_CONTEXT_COURSE] = { "course-v1:", 3, "course-v1:ORG+COURSE+RUN", "course" },
	[LC_CONTEXT_PATH] = { "path-v1:", 4, "path-v1:ORG+NUMBER+RUN+GROUP", "path" },
};

/* The word for what a key names: "course" or "path". */
Datum
lc_learning_context_kind(PG_FUNCTION_ARGS)
{
	LcContextKind kind = lc_context_kind(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_TEXT_P(cstring_to_text(kinds[kind].name));
}

/* May this code point stand in a part of a key? Beyond ASCII everything but blanks and controls. */
static bool
allowed_in_part(pg_wchar c)
{
	if (c < 0x80)
		return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c != 0 && strchr("-_.~:", (int) c) != NULL);
	return c > 0xA0 && c != 0x1680 && !(c >= 0x2000 && c <= 0x200F) && !(c >= 0x2028 && c <= 0x202F) &&
		!(c >= 0x205F && c <= 0x206F) && c != 0x3000 && c != 0xFEFF;
}

LcContextKind
lc_context_kind(const char *key)
{
	int kind;
	int parts = 1;
	const char *p;
	const char *part_start;

	for (kind = 0; kind < (int) lengthof(kinds); kind++)
		if (strncmp(key, kinds[kind].prefix, strlen(kinds[kind].prefix)) == 0)
			break;
	if (kind == (int) lengthof(kinds))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a learning context key", key),
				 errdetail("A key begins with \"%s\" or \"%s\".", kinds[0].prefix, kinds[1].prefix)));

	part_start = p = key + strlen(kinds[kind].prefix);
	for (;;)
	{
		if (*p == '+' || *p == '\0')
		{
			if (p == part_start)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("part %d of the learning context key \"%s\" is empty", parts, key),
						 errdetail("The form is %s.", kinds[kind].form)));
			if (*p == '\0')
				break;
			parts++;
			part_start = ++p;
			continue;
		}
		if (!allowed_in_part(utf8_to_unicode((const unsigned char *) p)))
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg(
					 "the learning context key \"%s\" holds a character that is not allowed, at byte %d",
					 key, (int) (p - key) + 1),
				 errdetail("A part holds letters, digits, \"-\", \"_\", \".\", \"~\" and \":\".")));
		p += pg_utf_mblen((const unsigned char *) p);
	}
	if (parts != kinds[kind].parts)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg_plural("the learning context key \"%s\" has %d part instead of %d",
							   "the learning context key \"%s\" has %d parts instead of %d", parts, key,
							   parts, kinds[kind].parts),
				 errdetail("The form is %s.", kinds[kind].form)));
	return (LcContextKind) kind;
}

/* A statement over a source, with one parameter. */
typedef struct Reading
{
	const char *sql;
	Oid type;
	Datum value;
	uint64 rows;
} Reading;

static void
execute(void *argument)
{
	Reading *reading = argument;

	reading->rows =
		lc_spi_execute_text(reading->sql, 1, &reading->type, &reading->value, NULL, SPI_OK_SELECT);
}

/*
 * Returns the number of rows in SPI_tuptable. A view of the source may take its time, or wait for a
 * server elsewhere: it may do so as long as a document.
 */
static uint64
read_source(const char *source, const char *sql, Oid type, Datum value)
{
	Reading reading = { .sql = sql, .type = type, .value = value };
	LcDeadline deadline = {
		.what = "source", .name = source, .setting = "document_timeout", .limit = lc_document_timeout
	};

	lc_deadline(&deadline, execute, &reading);
	return reading.rows;
}

char *
lc_context_name(const char *source, const char *key)
{
	char *sql = psprintf("SELECT coalesce(CASE WHEN certificate_name ~ '\\S' THEN certificate_name END,"
						 "                CASE WHEN display_name ~ '\\S' THEN display_name END)"
						 "  FROM %s.lms_context WHERE key = $1",
						 quote_identifier(source));
	char *name = NULL;

	if (read_source(source, sql, TEXTOID, CStringGetTextDatum(key)) > 0)
		name = lc_spi_text(0, 1);
	return name ? name : pstrdup(key);
}

char **
lc_user_names(const char *source, const int64 *user_ids, int count)
{
	Datum *ids = palloc(sizeof(Datum) * Max(count, 1));
	ArrayType *array;
	char **names = palloc0(sizeof(char *) * Max(count, 1));
	uint64 rows;
	uint64 row;
	int i;
	char *sql = psprintf(
		"SELECT (i.n - 1)::int4,"
		"       coalesce(CASE WHEN u.full_name ~ '\\S' THEN u.full_name END,"
		"                nullif(btrim(concat_ws(' ', btrim(u.first_name), btrim(u.last_name))), ''),"
		"                u.username)"
		"  FROM unnest($1) WITH ORDINALITY AS i (id, n)"
		"  JOIN %s.lms_user u ON u.id = i.id",
		quote_identifier(source));

	for (i = 0; i < count; i++)
		ids[i] = Int64GetDatum(user_ids[i]);
	array = construct_array(ids, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	rows = read_source(source, sql, INT8ARRAYOID, PointerGetDatum(array));
	for (row = 0; row < rows; row++)
	{
		bool isnull;
		int at = DatumGetInt32(lc_spi_value(row, 1, &isnull));

		names[at] = lc_spi_text(row, 2);
	}
	return names;
}
