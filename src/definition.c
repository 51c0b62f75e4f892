/*
 * definition.c
 *		Credential types and configurations: the checks when they are written, and reading them.
 *
 * The triggers judge whoever writes. Somebody's functions and options run with the rights of the
 * role that a configuration names, so only those may write them who could act as that role anyway.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "callable.h"
#include "compat.h"
#include "definition.h"
#include "identity.h"
#include "options.h"
#include "schedule.h"
#include "spi.h"
#include "validate.h"
#include "wakeup.h"

PG_FUNCTION_INFO_V1(lc_check_type);
PG_FUNCTION_INFO_V1(lc_check_configuration);

#define DEFAULT_SOURCE "learning_credentials"

/* The row that a BEFORE ROW trigger may still change, or that goes. */
typedef struct Row
{
	TupleDesc desc;
	HeapTuple old_row; /* NULL: inserted */
	HeapTuple new_row; /* deleted: the old one */
	bool deleted;
} Row;

static Row
trigger_row(FunctionCallInfo fcinfo)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	Row row;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "this function can only be called as a trigger");
	row.desc = RelationGetDescr(trigdata->tg_relation);
	row.deleted = TRIGGER_FIRED_BY_DELETE(trigdata->tg_event);
	if (row.deleted)
		row.old_row = row.new_row = trigdata->tg_trigtuple;
	else if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
	{
		row.old_row = trigdata->tg_trigtuple;
		row.new_row = trigdata->tg_newtuple;
	}
	else
	{
		row.old_row = NULL;
		row.new_row = trigdata->tg_trigtuple;
	}
	return row;
}

static Datum
row_value(const Row *row, const char *column, bool *isnull)
{
	return SPI_getbinval(row->new_row, row->desc, SPI_fnumber(row->desc, column), isnull);
}

static char *
row_text(const Row *row, const char *column)
{
	return SPI_getvalue(row->new_row, row->desc, SPI_fnumber(row->desc, column));
}

static void
row_set(Row *row, const char *column, Datum value, bool isnull)
{
	int number = SPI_fnumber(row->desc, column);

	row->new_row = heap_modify_tuple_by_cols(row->new_row, row->desc, 1, &number, &value, &isnull);
}

/* Does the statement give the column another value? Not for an INSERT. */
static bool
row_changes(const Row *row, const char *column)
{
	char *old_value;
	char *new_value;

	if (row->old_row == NULL)
		return false;
	old_value = SPI_getvalue(row->old_row, row->desc, SPI_fnumber(row->desc, column));
	new_value = row_text(row, column);
	if (old_value == NULL || new_value == NULL)
		return old_value != new_value;
	return strcmp(old_value, new_value) != 0;
}

/*
 * Refuses a writer who could not act as the role. A role that does not exist (any more) can not be
 * named; where it stands already, the extension's owner may go on, to name another.
 */
static void
check_writer_may_be(const char *role, bool naming, const char *what)
{
	Oid role_id = get_role_oid(role, true);

	if (!OidIsValid(role_id))
	{
		if (lc_restoring() || (!naming && has_privs_of_role(GetUserId(), lc_extension_owner())))
			return;
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("role \"%s\" does not exist", role),
				 errdetail("%s runs as this role.", what)));
	}
	if (!lc_can_set_role(GetUserId(), role_id))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to write what runs as role \"%s\"", role),
				 errdetail("%s runs as this role, and \"%s\" cannot SET ROLE to it.", what,
						   GetUserNameFromId(GetUserId(), false))));
}

/*
 * The writer of a type writes it for each of its configurations. The trigger holds the type's row, which
 * every new configuration locks first: so those that there are, are seen.
 */
static void
check_writer_of_configurations(const Row *row)
{
	static LcStatement select = {
		.sql = "SELECT run_as, min(learning_context_key)"
			   "  FROM learning_credentials.credential_configuration"
			   " WHERE credential_type_id = $1 GROUP BY run_as ORDER BY run_as",
		.types = { INT8OID },
		.latest = true,
	};
	Datum values[1];
	bool isnull;
	LcIdentity before;
	uint64 rows;
	uint64 i;
	char **roles;
	char **keys;

	values[0] = SPI_getbinval(row->old_row, row->desc, SPI_fnumber(row->desc, "id"), &isnull);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	rows = lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	roles = palloc(sizeof(char *) * (rows + 1));
	keys = palloc(sizeof(char *) * (rows + 1));
	for (i = 0; i < rows; i++)
	{
		roles[i] = lc_spi_text(i, 1);
		keys[i] = lc_spi_text(i, 2);
	}
	lc_act_as_before(&before);
	for (i = 0; i < rows; i++)
		check_writer_may_be(roles[i], false, psprintf("The type's configuration in \"%s\"", keys[i]));
	lc_spi_finish();
}

/* Does the statement change what a type is to its configurations? */
static bool
type_changes(const Row *row)
{
	static const char *const columns[] = {
		"id", "name", "retrieval_func", "generation_func", "custom_options", "media_type"
	};
	bool changes = false;
	size_t i;

	for (i = 0; i < lengthof(columns); i++)
		changes = changes || row_changes(row, columns[i]);
	return changes;
}

/* Trigger, BEFORE INSERT OR UPDATE OR DELETE of credential_type. */
Datum
lc_check_type(PG_FUNCTION_ARGS)
{
	Row row = trigger_row(fcinfo);
	char *retrieval_func = row_text(&row, "retrieval_func");
	char *generation_func = row_text(&row, "generation_func");
	bool isnull;
	Datum options = row_value(&row, "custom_options", &isnull);

	if (row.deleted)
	{
		check_writer_of_configurations(&row);
		return PointerGetDatum(row.old_row);
	}
	if (row.old_row != NULL)
		row_set(&row, "modified", TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()), false);
	if (lc_restoring() || retrieval_func == NULL || generation_func == NULL || isnull)
		return PointerGetDatum(row.new_row);

	retrieval_func = lc_callable_check(retrieval_func, LC_RETRIEVAL);
	generation_func = lc_callable_check(generation_func, LC_GENERATION);
	row_set(&row, "retrieval_func", CStringGetTextDatum(retrieval_func), false);
	row_set(&row, "generation_func", CStringGetTextDatum(generation_func), false);

	if (type_changes(&row))
		check_writer_of_configurations(&row);

	lc_options_warn(retrieval_func, generation_func, DatumGetJsonbP(options));
	return PointerGetDatum(row.new_row);
}

/*
 * Keeps a type as it is until the configuration that comes to it is there for all to see: else its
 * functions or options could be changed in between by somebody who may not act for the configuration.
 */
static void
lock_type(int64 type_id)
{
	static LcStatement lock = {
		.sql = "SELECT FROM learning_credentials.credential_type WHERE id = $1 FOR SHARE",
		.types = { INT8OID },
	};
	Datum values[] = { Int64GetDatum(type_id) };
	LcIdentity before;

	lc_act_as_owner(&before);
	lc_spi_connect(false);
	lc_spi_execute(&lock, values, NULL, SPI_OK_SELECT);
	lc_spi_finish();
	lc_act_as_before(&before);
}

/* Warns about options that do not fit the functions of the configuration's type. */
static void
warn_about_options(int64 type_id, Datum options)
{
	static LcStatement select = {
		.sql = "SELECT retrieval_func, generation_func,"
			   "       learning_credentials.merge_options(custom_options, $2)"
			   "  FROM learning_credentials.credential_type WHERE id = $1",
		.types = { INT8OID, JSONBOID },
	};
	Datum values[] = { Int64GetDatum(type_id), options };
	LcIdentity before;
	bool found;

	lc_act_as_owner(&before);
	lc_spi_connect(false);
	found = lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0;
	lc_act_as_before(&before);
	if (found) /* else the foreign key speaks */
	{
		bool isnull;
		char *retrieval_func = lc_spi_text(0, 1);
		char *generation_func = lc_spi_text(0, 2);

		lc_options_warn(retrieval_func, generation_func,
						DatumGetJsonbPCopy(lc_spi_value(0, 3, &isnull)));
	}
	lc_spi_finish();
}

/* A timestamptz of the row, or "otherwise" where it is NULL. */
static TimestampTz
row_time(const Row *row, const char *column, TimestampTz otherwise)
{
	bool isnull;
	Datum value = row_value(row, column, &isnull);

	return isnull ? otherwise : DatumGetTimestampTz(value);
}

/*
 * Sets next_run_at when the configuration is new, and when one of the columns changes that it follows
 * from: that arms a one_off anew. The time comes after now, whatever was missed before.
 */
static void
schedule_configuration(Row *row)
{
	static const char *const columns[] = { "schedule", "time_zone", "starts_at",
										   "ends_at",  "enabled",	"one_off" };
	LcSchedule schedule = {
		.text = row_text(row, "schedule"),
		.time_zone = row_text(row, "time_zone"),
		.starts_at = row_time(row, "starts_at", DT_NOBEGIN),
		.ends_at = row_time(row, "ends_at", DT_NOEND),
		.created = row_time(row, "created", DT_NOBEGIN),
	};
	bool changes = row->old_row == NULL;
	TimestampTz next = 0;
	bool isnull;
	bool enabled;
	size_t i;

	if (schedule.text == NULL || schedule.time_zone == NULL) /* the constraint speaks */
		return;
	if (row->old_row == NULL || row_changes(row, "schedule") || row_changes(row, "time_zone"))
		lc_schedule_check(schedule.text, schedule.time_zone);
	for (i = 0; i < lengthof(columns); i++)
		changes = changes || row_changes(row, columns[i]);
	if (!changes)
		return;
	enabled = DatumGetBool(row_value(row, "enabled", &isnull)) && !isnull;
	isnull = !enabled || !lc_schedule_next(&schedule, GetCurrentTransactionStartTimestamp(), &next);
	row_set(row, "next_run_at", TimestampTzGetDatum(next), isnull);
}

/* The worker is to look when the next run is due, and at what waited while nothing was issued. */
static void
expect_worker(const Row *row)
{
	bool isnull;
	Datum next = row_value(row, "next_run_at", &isnull);

	if (!isnull && (row->old_row == NULL || row_changes(row, "next_run_at")))
		lc_expect_worker_at_commit(DatumGetTimestampTz(next));
	if (row_changes(row, "suspension_reason"))
		lc_wake_worker_at_commit();
}

/* Trigger, BEFORE INSERT OR UPDATE OR DELETE of credential_configuration. */
Datum
lc_check_configuration(PG_FUNCTION_ARGS)
{
	Row row = trigger_row(fcinfo);
	char *run_as = row_text(&row, "run_as");
	char *key = row_text(&row, "learning_context_key");
	bool no_type;
	bool no_options;
	Datum type_id = row_value(&row, "credential_type_id", &no_type);
	Datum options = row_value(&row, "custom_options", &no_options);

	if (row.deleted)
	{
		check_writer_may_be(run_as, false, psprintf("The configuration in \"%s\"", key));
		return PointerGetDatum(row.old_row);
	}
	if (row.old_row != NULL)
		row_set(&row, "modified", TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()), false);
	if (run_as == NULL || key == NULL || no_type || no_options)
		return PointerGetDatum(row.new_row);

	check_writer_may_be(run_as, row.old_row == NULL || row_changes(&row, "run_as"),
						psprintf("The configuration in \"%s\"", key));
	/* Whose configuration it was, is asked too: else anyone could take it over. */
	if (row_changes(&row, "run_as"))
		check_writer_may_be(SPI_getvalue(row.old_row, row.desc, SPI_fnumber(row.desc, "run_as")), false,
							psprintf("The configuration in \"%s\"", key));
	if (!lc_restoring() &&
		(row.old_row == NULL || row_changes(&row, "run_as") || row_changes(&row, "credential_type_id")))
		lock_type(DatumGetInt64(type_id));
	if (!lc_restoring())
		schedule_configuration(&row);
	expect_worker(&row);
	if (!lc_restoring() &&
		(row.old_row == NULL || row_changes(&row, "custom_options") ||
		 row_changes(&row, "credential_type_id")))
		warn_about_options(DatumGetInt64(type_id), options);
	return PointerGetDatum(row.new_row);
}

/* Reads the schema of the facts from the options. */
static void
find_source(LcConfiguration *configuration)
{
	JsonbValue source;

	configuration->source = pstrdup(DEFAULT_SOURCE);
	if (getKeyJsonValueFromContainer(&configuration->options->root, "source", strlen("source"),
									 &source) == NULL)
		return;
	if (source.type != jbvString)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source: expected the name of a schema")));
	configuration->source = pnstrdup(source.val.string.val, source.val.string.len);
}

LcConfiguration *
lc_configuration_load(int64 id)
{
	static LcStatement select = {
		.sql =
			"SELECT c.learning_context_key, c.run_as, t.name, t.retrieval_func, t.generation_func,"
			"       t.media_type, learning_credentials.merge_options(t.custom_options, c.custom_options),"
			"       c.suspension_reason, c.time_zone, c.available_from, c.expires_at, c.expires_after,"
			"       c.issue_from, c.withdraw"
			"  FROM learning_credentials.credential_configuration c"
			"  JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id"
			" WHERE c.id = $1",
		.types = { INT8OID },
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum values[] = { Int64GetDatum(id) };
	LcConfiguration *configuration;
	Datum value;
	bool isnull;
	MemoryContext old;

	lc_spi_connect(false);
	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("credential configuration " INT64_FORMAT " does not exist", id)));
	old = MemoryContextSwitchTo(caller);
	configuration = palloc0(sizeof(LcConfiguration));
	configuration->id = id;
	configuration->learning_context_key = lc_spi_text(0, 1);
	configuration->run_as = lc_spi_text(0, 2);
	configuration->type_name = lc_spi_text(0, 3);
	configuration->retrieval_func = lc_spi_text(0, 4);
	configuration->generation_func = lc_spi_text(0, 5);
	configuration->media_type = lc_spi_text(0, 6);
	configuration->options = DatumGetJsonbPCopy(lc_spi_value(0, 7, &isnull));
	configuration->suspension_reason = lc_spi_text(0, 8);
	configuration->time_zone = lc_spi_text(0, 9);
	value = lc_spi_value(0, 10, &isnull);
	configuration->available_from = isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
	value = lc_spi_value(0, 11, &isnull);
	configuration->expires_at = isnull ? DT_NOEND : DatumGetTimestampTz(value);
	value = lc_spi_value(0, 12, &isnull);
	if (!isnull)
		configuration->expires_after = DatumGetIntervalP(datumCopy(value, false, sizeof(Interval)));
	value = lc_spi_value(0, 13, &isnull);
	configuration->has_issue_from = !isnull;
	configuration->issue_from = isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
	configuration->withdraw = DatumGetBool(lc_spi_value(0, 14, &isnull));
	find_source(configuration);
	MemoryContextSwitchTo(old);
	lc_spi_finish();
	return configuration;
}

void
lc_configuration_lay_over(LcConfiguration *configuration, Jsonb *options, Oid asks)
{
	if (!JB_ROOT_IS_OBJECT(options))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be an object")));
	if (JB_ROOT_COUNT(options) == 0)
		return;
	if (!lc_can_set_role(asks, lc_configuration_role(configuration)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to plan with other options as role \"%s\"",
						configuration->run_as),
				 errdetail("Configuration " INT64_FORMAT
						   " runs as this role, and \"%s\" cannot SET ROLE to it.",
						   configuration->id, GetUserNameFromId(asks, false))));
	configuration->options = lc_options_merge(configuration->options, options);
	find_source(configuration);
}

LcConfiguration *
lc_configuration_require_active(LcConfiguration *configuration)
{
	if (configuration->suspension_reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credential configuration " INT64_FORMAT " is suspended", configuration->id),
				 errdetail_internal("%s", configuration->suspension_reason),
				 errhint("Setting its suspension_reason to NULL lifts the suspension.")));
	return configuration;
}

Oid
lc_configuration_role(const LcConfiguration *configuration)
{
	Oid role = get_role_oid(configuration->run_as, true);

	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to run as role \"%s\"", configuration->run_as),
				 errdetail("The role does not exist. Configuration " INT64_FORMAT
						   " in \"%s\" runs as it.",
						   configuration->id, configuration->learning_context_key)));
	return role;
}
