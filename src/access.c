/*
 * access.c
 *		Granting and revoking, for the functions that give and take levels.
 *
 * Which privileges those are, sql/access.sql decides.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "spi.h"

PG_FUNCTION_INFO_V1(lc_change_privileges);

/*
 * Runs GRANT and REVOKE statements with the current user's rights.
 *
 * What a script of the extension grants, PostgreSQL takes for what the extension comes with: it notes
 * it in pg_init_privs, and pg_dump leaves it out of every later dump. What roles of this cluster are
 * given is no part of the extension, so it is granted as if no script were running.
 */
Datum
lc_change_privileges(PG_FUNCTION_ARGS)
{
	bool in_script = creating_extension;
	Datum *statements;
	int count;
	int i;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &statements, NULL,
					  &count);
	lc_spi_connect(false);
	PG_TRY();
	{
		creating_extension = false;
		for (i = 0; i < count; i++)
			lc_spi_execute_text(TextDatumGetCString(statements[i]), 0, NULL, NULL, NULL, SPI_OK_UTILITY);
	}
	PG_FINALLY();
	{
		creating_extension = in_script;
	}
	PG_END_TRY();
	lc_spi_finish();
	PG_RETURN_VOID();
}
