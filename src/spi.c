/*
 * spi.c
 *		Checked SPI with plans kept for the life of the backend, and attempts that may fail.
 *
 * SPI reports many mistakes as a negative result and not as an ERROR; nobody else in this extension
 * calls its execution functions. The callers run with a pinned search_path (identity.c), because
 * statements name operators without their schema.
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "spi.h"

/* What is kept of an error's words, in bytes: a function may raise whole documents. */
#define LONGEST_ERROR_TEXT 8000

/* Prepares the statement if this backend has not done so. */
static void
prepare(LcStatement *statement)
{
	SPIPlanPtr plan;
	int nargs = 0;

	if (statement->plan != NULL)
		return;
	while (nargs < LC_MAX_PARAMETERS && OidIsValid(statement->types[nargs]))
		nargs++;
	plan = SPI_prepare_cursor(statement->sql, nargs, statement->types,
							  statement->custom ? CURSOR_OPT_CUSTOM_PLAN : 0);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	statement->plan = plan;
}

/* SPI leaves its own memory context behind as the current one; the caller's stays. */
static uint64
checked(int result, int expected, MemoryContext caller)
{
	MemoryContextSwitchTo(caller);
	if (result != expected)
		elog(ERROR, "unexpected SPI result %s", SPI_result_code_string(result));
	return SPI_processed;
}

uint64
lc_spi_execute(LcStatement *statement, Datum *values, const char *nulls, int expected)
{
	MemoryContext caller = CurrentMemoryContext;
	int result;

	prepare(statement);
	if (statement->latest)
		result = SPI_execute_snapshot(statement->plan, values, nulls, GetLatestSnapshot(),
									  InvalidSnapshot, true, false, 0);
	else
		result = SPI_execute_plan(statement->plan, values, nulls, false, 0);
	return checked(result, expected, caller);
}

uint64
lc_spi_execute_text(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls,
					int expected)
{
	MemoryContext caller = CurrentMemoryContext;
	int result = SPI_execute_with_args(sql, nargs, types, values, nulls, false, 0);

	return checked(result, expected, caller);
}

/* Runs a SELECT whose rows go to "dest". */
static uint64
select_into(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls, bool read_only,
			DestReceiver *dest)
{
	MemoryContext caller = CurrentMemoryContext;
	SPIExecuteOptions options;
	int result;
	int i;

	memset(&options, 0, sizeof(options));
	options.params = makeParamList(nargs);
	options.read_only = read_only;
	options.dest = dest;
	for (i = 0; i < nargs; i++)
	{
		options.params->params[i].value = values[i];
		options.params->params[i].isnull = nulls != NULL && nulls[i] == 'n';
		options.params->params[i].pflags = PARAM_FLAG_CONST;
		options.params->params[i].ptype = types[i];
	}
	result = SPI_execute_extended(sql, &options);
	return checked(result, SPI_OK_SELECT, caller);
}

uint64
lc_spi_read(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls, DestReceiver *dest)
{
	return select_into(sql, nargs, types, values, nulls, true, dest);
}

uint64
lc_spi_select(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls,
			  DestReceiver *dest)
{
	return select_into(sql, nargs, types, values, nulls, false, dest);
}

void
lc_spi_connect(bool nonatomic)
{
	if (SPI_connect_ext(nonatomic ? SPI_OPT_NONATOMIC : 0) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
lc_spi_finish(void)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

void
lc_spi_name_rows(char *name, TupleDesc desc, Tuplestorestate *rows, double count)
{
	EphemeralNamedRelation relation = palloc0(sizeof(EphemeralNamedRelationData));

	relation->md.name = name;
	relation->md.reliddesc = InvalidOid;
	relation->md.tupdesc = desc;
	relation->md.enrtype = ENR_NAMED_TUPLESTORE;
	relation->md.enrtuples = count;
	relation->reldata = rows;
	if (SPI_register_relation(relation) != SPI_OK_REL_REGISTER)
		elog(ERROR, "SPI_register_relation failed");
}

Datum
lc_spi_value(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

char *
lc_spi_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

/* Runs an action in a subtransaction, and keeps what it did or rolls it back. */
static ErrorData *
attempt(LcAction action, void *argument, bool keep)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		action(argument);
		if (keep)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	if (error != NULL &&
		(error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		 ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION))
		ReThrowError(error);
	return error;
}

ErrorData *
lc_attempt(LcAction action, void *argument)
{
	return attempt(action, argument, true);
}

void
lc_rehearse(LcAction action, void *argument)
{
	ErrorData *error = attempt(action, argument, false);

	if (error != NULL)
		ReThrowError(error);
}

char *
lc_error_text(const ErrorData *error)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, error->message ? error->message : "unknown error");
	if (error->detail)
		appendStringInfo(&text, "\n%s", error->detail);
	if (error->hint)
		appendStringInfo(&text, "\n%s", error->hint);
	if (text.len > LONGEST_ERROR_TEXT)
	{
		text.len = pg_mbcliplen(text.data, text.len, LONGEST_ERROR_TEXT);
		text.data[text.len] = '\0';
	}
	return text.data;
}
