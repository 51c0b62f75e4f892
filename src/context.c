/*
 * context.c
 *		Learning context keys, the names that a source knows, and who may see a context.
 *
 * A key is "course-v1:ORG+COURSE+RUN" or "path-v1:ORG+NUMBER+RUN+GROUP". Its parts are not empty and
 * hold letters and digits of any script, "-", "_", ".", "~" and ":" (the characters that Open edX
 * allows in its keys).
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

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

/* What a key is, or what is wrong with it. */
typedef enum KeyProblem
{
	KEY_IS_RIGHT,
	KEY_HAS_NO_KIND,
	KEY_HAS_EMPTY_PART,
	KEY_HAS_CHARACTER,
	KEY_HAS_PARTS
} KeyProblem;

typedef struct Key
{
	int kind;
	int parts; /* so many were seen */
	int at;	   /* the byte where the reading ended */
} Key;

static KeyProblem
read_key(const char *text, Key *key)
{
	const char *p;
	const char *part_start;

	key->parts = 1;
	for (key->kind = 0; key->kind < (int) lengthof(kinds); key->kind++)
		if (strncmp(text, kinds[key->kind].prefix, strlen(kinds[key->kind].prefix)) == 0)
			break;
	if (key->kind == (int) lengthof(kinds))
		return KEY_HAS_NO_KIND;

	part_start = p = text + strlen(kinds[key->kind].prefix);
	for (;;)
	{
		key->at = (int) (p - text);
		if (*p == '+' || *p == '\0')
		{
			if (p == part_start)
				return KEY_HAS_EMPTY_PART;
			if (*p == '\0')
				break;
			key->parts++;
			part_start = ++p;
			continue;
		}
		if (!allowed_in_part(utf8_to_unicode((const unsigned char *) p)))
			return KEY_HAS_CHARACTER;
		p += pg_utf_mblen((const unsigned char *) p);
	}
	return key->parts == kinds[key->kind].parts ? KEY_IS_RIGHT : KEY_HAS_PARTS;
}

bool
lc_context_key_is_right(const char *key)
{
	Key parsed;

	return read_key(key, &parsed) == KEY_IS_RIGHT;
}

LcContextKind
lc_context_kind(const char *key)
{
	Key parsed;

	switch (read_key(key, &parsed))
	{
		case KEY_IS_RIGHT:
			break;
		case KEY_HAS_NO_KIND:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" is not a learning context key", key),
					 errdetail("A key begins with \"%s\" or \"%s\".", kinds[0].prefix,
							   kinds[1].prefix)));
			break;
		case KEY_HAS_EMPTY_PART:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("part %d of the learning context key \"%s\" is empty", parsed.parts, key),
					 errdetail("The form is %s.", kinds[parsed.kind].form)));
			break;
		case KEY_HAS_CHARACTER:
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg(
					 "the learning context key \"%s\" holds a character that is not allowed, at byte %d",
					 key, parsed.at + 1),
				 errdetail("A part holds letters, digits, \"-\", \"_\", \".\", \"~\" and \":\".")));
			break;
		case KEY_HAS_PARTS:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg_plural("the learning context key \"%s\" has %d part instead of %d",
								   "the learning context key \"%s\" has %d parts instead of %d",
								   parsed.parts, key, parsed.parts, kinds[parsed.kind].parts),
					 errdetail("The form is %s.", kinds[parsed.kind].form)));
			break;
	}
	return (LcContextKind) parsed.kind;
}

/* A statement over a source. */
typedef struct Reading
{
	const char *sql;
	int parameters;
	Oid *types;
	Datum *values;
	uint64 rows;
} Reading;

static void
execute(void *argument)
{
	Reading *reading = argument;

	reading->rows = lc_spi_execute_text(reading->sql, reading->parameters, reading->types,
										reading->values, NULL, SPI_OK_SELECT);
}

/*
 * Returns the number of rows in SPI_tuptable. A view of the source may take its time, or wait for a
 * server elsewhere: it may do so as long as a document.
 */
static uint64
read_source(const char *source, const char *sql, int parameters, Oid *types, Datum *values)
{
	Reading reading = { .sql = sql, .parameters = parameters, .types = types, .values = values };
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
	Oid types[] = { TEXTOID };
	Datum values[] = { CStringGetTextDatum(key) };
	char *name = NULL;

	if (read_source(source, sql, 1, types, values) > 0)
		name = lc_spi_text(0, 1);
	return name ? name : pstrdup(key);
}

char **
lc_user_names(const char *source, const int64 *user_ids, int count)
{
	Datum *ids = palloc(sizeof(Datum) * Max(count, 1));
	Oid types[] = { INT8ARRAYOID };
	Datum values[1];
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
	values[0] = PointerGetDatum(
		construct_array(ids, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	rows = read_source(source, sql, 1, types, values);
	for (row = 0; row < rows; row++)
	{
		bool isnull;
		int at = DatumGetInt32(lc_spi_value(row, 1, &isnull));

		names[at] = lc_spi_text(row, 2);
	}
	return names;
}

bool
lc_user_by_name(const char *source, const char *username, int64 *user_id)
{
	char *sql =
		psprintf("SELECT id::int8 FROM %s.lms_user WHERE username = $1", quote_identifier(source));
	Oid types[] = { TEXTOID };
	Datum values[] = { CStringGetTextDatum(username) };
	Datum id;
	bool isnull;

	/* Two users of one name are nobody. */
	if (read_source(source, sql, 1, types, values) != 1)
		return false;
	id = lc_spi_value(0, 1, &isnull);
	*user_id = isnull ? 0 : DatumGetInt64(id);
	return !isnull;
}

bool
lc_user_is_called(const char *source, int64 user_id, const char *username)
{
	char *sql =
		psprintf("SELECT FROM %s.lms_user WHERE id = $1 AND username = $2", quote_identifier(source));
	Oid types[] = { INT8OID, TEXTOID };
	Datum values[] = { Int64GetDatum(user_id), CStringGetTextDatum(username) };

	return read_source(source, sql, 2, types, values) > 0;
}

/* Adds a condition, with OR where there is one already. */
static void
append_way(StringInfo sql, const char *source, const char *format)
{
	if (sql->len > 0)
		appendStringInfoString(sql, " OR ");
	for (; *format != '\0'; format++)
		if (*format == '@')
			appendStringInfoString(sql, quote_identifier(source));
		else
			appendStringInfoChar(sql, *format);
}

bool
lc_context_visible(const char *source, const char *key, int64 user_id)
{
	Oid schema = get_namespace_oid(source, false);
	bool has_contexts = OidIsValid(get_relname_relid("lms_context", schema));
	Oid types[] = { TEXTOID, INT8OID };
	Datum values[] = { CStringGetTextDatum(key), Int64GetDatum(user_id) };
	StringInfoData ways;
	bool isnull;

	initStringInfo(&ways);
	append_way(&ways, source,
			   "EXISTS (SELECT FROM @.lms_enrollment e"
			   " WHERE e.context_key = $1 AND e.user_id = $2 AND e.is_active)");
	if (lc_context_kind(key) == LC_CONTEXT_PATH)
	{
		if (has_contexts)
			append_way(&ways, source,
					   "EXISTS (SELECT FROM @.lms_context c WHERE c.key = $1 AND NOT c.invite_only)");
	}
	else if (OidIsValid(get_relname_relid("lms_path_step", schema)))
	{
		append_way(&ways, source,
				   "EXISTS (SELECT FROM @.lms_path_step s"
				   " JOIN @.lms_enrollment e ON e.context_key = s.path_key"
				   " WHERE s.course_key = $1 AND e.user_id = $2 AND e.is_active)");
		if (has_contexts)
			append_way(&ways, source,
					   "EXISTS (SELECT FROM @.lms_path_step s"
					   " JOIN @.lms_context c ON c.key = s.path_key"
					   " WHERE s.course_key = $1 AND NOT c.invite_only)");
	}
	read_source(source, psprintf("SELECT %s", ways.data), 2, types, values);
	return DatumGetBool(lc_spi_value(0, 1, &isnull));
}

char **
lc_path_steps(const char *source, const char *key, int *count)
{
	char *sql = psprintf("SELECT course_key::text FROM %s.lms_path_step"
						 " WHERE path_key = $1 GROUP BY course_key ORDER BY min(position)",
						 quote_identifier(source));
	Oid types[] = { TEXTOID };
	Datum values[] = { CStringGetTextDatum(key) };
	char **steps;
	int i;

	*count = (int) read_source(source, sql, 1, types, values);
	steps = palloc(sizeof(char *) * Max(*count, 1));
	for (i = 0; i < *count; i++)
		steps[i] = lc_spi_text(i, 1);
	return steps;
}
