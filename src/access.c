/*
 * access.c
 *		Granting and revoking, for the functions that give and take levels.
 *
 * What the levels are, and who has them, sql/access.sql says. It takes a lock first: whoever comes second
 * has to see here what the first has done, also with a snapshot from before.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "spi.h"

PG_FUNCTION_INFO_V1(lc_change_privileges);
PG_FUNCTION_INFO_V1(lc_give_level);
PG_FUNCTION_INFO_V1(lc_take_level);

/*
 * Runs GRANT and REVOKE statements with the current user's rights, inside a SPI connection.
 *
 * What a script of the extension grants, PostgreSQL takes for what the extension comes with: it notes
 * it in pg_init_privs, and pg_dump leaves it out of every later dump. What roles of this cluster are
 * given is no part of the extension, so it is granted as if no script were running.
 */
static void
run_statements(char **statements, uint64 count)
{
	bool in_script = creating_extension;
	uint64 i;

	PG_TRY();
	{
		creating_extension = false;
		for (i = 0; i < count; i++)
			lc_spi_execute_text(statements[i], 0, NULL, NULL, NULL, SPI_OK_UTILITY);
	}
	PG_FINALLY();
	{
		creating_extension = in_script;
	}
	PG_END_TRY();
}

/* Runs the statements that a query finds for a role (name) and a level (text). */
static void
run_found(LcStatement *query, Datum role, Datum level)
{
	Datum values[2];
	char **statements;
	uint64 count;
	uint64 i;

	values[0] = role;
	values[1] = level;
	lc_spi_connect(false);
	count = lc_spi_execute(query, values, NULL, SPI_OK_SELECT);
	statements = palloc(sizeof(char *) * (count + 1));
	for (i = 0; i < count; i++)
		statements[i] = lc_spi_text(i, 1);
	run_statements(statements, count);
	lc_spi_finish();
}

/* change_privileges(statements text[]) RETURNS void */
Datum
lc_change_privileges(PG_FUNCTION_ARGS)
{
	Datum *elements;
	char **statements;
	int count;
	int i;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL,
					  &count);
	statements = palloc(sizeof(char *) * (count + 1));
	for (i = 0; i < count; i++)
		statements[i] = TextDatumGetCString(elements[i]);
	lc_spi_connect(false);
	run_statements(statements, count);
	lc_spi_finish();
	PG_RETURN_VOID();
}

/* give_level(role_name name, level text) RETURNS void: grants what the level may do. */
Datum
lc_give_level(PG_FUNCTION_ARGS)
{
	static LcStatement found = {
		.sql = "SELECT pg_catalog.format('GRANT %s ON %s TO %I', a.privilege, a.object, $1)"
			   "  FROM learning_credentials.access_level a"
			   " WHERE a.level = $2",
		.types = { NAMEOID, TEXTOID },
		.latest = true,
	};

	run_found(&found, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1));
	PG_RETURN_VOID();
}

/* take_level(role_name name, level text) RETURNS void: revokes it, but for what other levels of the role give. */
Datum
lc_take_level(PG_FUNCTION_ARGS)
{
	static LcStatement found = {
		.sql = "SELECT pg_catalog.format('REVOKE %s ON %s FROM %I', p.privilege, p.object, $1)"
			   "  FROM (SELECT a.object, unnest(string_to_array(a.privilege, ', ')) AS privilege"
			   "          FROM learning_credentials.access_level a"
			   "         WHERE a.level = $2"
			   "        EXCEPT"
			   "        SELECT a.object, unnest(string_to_array(a.privilege, ', '))"
			   "          FROM learning_credentials.access_level a"
			   "          JOIN learning_credentials.access_grant g ON g.level = a.level"
			   "          LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.role_oid"
			   "         WHERE g.level <> $2 AND coalesce(r.rolname, g.role_name) = $1) AS p",
		.types = { NAMEOID, TEXTOID },
		.latest = true,
	};

	run_found(&found, PG_GETARG_DATUM(0), PG_GETARG_DATUM(1));
	PG_RETURN_VOID();
}
