/*
 * event.c
 *		The trigger that keeps the history: events are appended, and never change but for what is erased.
 *
 * A personal field stands beside a random salt and the commitment to both: it can be erased with its salt,
 * and what was proved over the commitment still holds.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "replication/logicalworker.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/xid8.h"

#include "change.h"
#include "event.h"
#include "identity.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_keep_event);
PG_FUNCTION_INFO_V1(lc_erase_events);
PG_FUNCTION_INFO_V1(lc_event_transaction);

/* Whether one of the functions that may erase personal fields of events is about to. */
static bool erasing_events = false;

/* A personal field of an event, with the columns that stand beside it. */
typedef struct PersonalField
{
	const char *value;
	const char *salt;
	const char *commitment;
} PersonalField;

static const PersonalField personal_fields[] = {
	{ "actor", "actor_salt", "actor_commitment" },
	{ "reason", "reason_salt", "reason_commitment" },
};

#define SALT_BYTES 16

static bytea *
make_bytea(const void *data, Size length)
{
	bytea *result = palloc(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(VARDATA(result), data, length);
	return result;
}

/*
 * Fills salt and commitment = SHA-256(salt || field as text in UTF-8) of a field that has a value
 * and no commitment yet. One that comes with its commitment is being restored.
 */
static void
commit_to(LcChange *event, const PersonalField *field)
{
	char *text = SPI_getvalue(event->new_row, event->desc, SPI_fnumber(event->desc, field->value));
	char salt[SALT_BYTES];
	StringInfoData salted;
	bool isnull;

	(void) lc_column_value(event->new_row, event->desc, field->commitment, &isnull);
	if (text == NULL || !isnull)
		return;
	if (!pg_strong_random(salt, sizeof(salt)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random salt")));
	initStringInfo(&salted);
	appendBinaryStringInfo(&salted, salt, sizeof(salt));
	appendBinaryStringInfo(&salted, text, strlen(text));
	lc_set_column(event, field->salt, PointerGetDatum(make_bytea(salt, sizeof(salt))), false);
	lc_set_column(event, field->commitment,
				  DirectFunctionCall1(sha256_bytea,
									  PointerGetDatum(make_bytea(salted.data, salted.len))),
				  false);
}

/*
 * Everything stays but a personal field and its salt, which one of the functions that are there for it may
 * erase together. What comes by logical replication one of them has erased on the publisher.
 */
static void
allow_only_erasing(const LcChange *event)
{
	bool may_erase = erasing_events || IsLogicalWorker();
	int column;
	int i;

	for (column = 0; column < event->desc->natts; column++)
	{
		const char *name = NameStr(TupleDescAttr(event->desc, column)->attname);
		bool erasing = false;

		if (TupleDescAttr(event->desc, column)->attgenerated != '\0')
			continue; /* made when the trigger is done */
		for (i = 0; i < (int) lengthof(personal_fields); i++)
			if (strcmp(name, personal_fields[i].value) == 0 ||
				strcmp(name, personal_fields[i].salt) == 0)
				(void) lc_column_value(event->new_row, event->desc, name, &erasing);
		if (!(erasing && may_erase) && !lc_same_value(event->desc, event->old_row, event->new_row, name))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("\"%s\" of an event of credential \"%s\" cannot change", name,
							lc_column_text(event->old_row, event->desc, "credential_uuid")),
					 errdetail("The history is append-only."),
					 erasing ? errhint("Personal fields are removed by erase_events().") : 0));
	}
}

/* Trigger, BEFORE INSERT, UPDATE, DELETE (row) or TRUNCATE of credential_event. */
Datum
lc_keep_event(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	LcChange event;
	int i;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "keep_event() is a trigger function");
	if (TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event))
		lc_refuse_truncate(trigdata);

	event.desc = RelationGetDescr(trigdata->tg_relation);
	event.old_row = trigdata->tg_trigtuple;
	if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("an event of credential \"%s\" cannot be deleted",
						lc_column_text(event.old_row, event.desc, "credential_uuid")),
				 errdetail("The history is append-only.")));
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
	{
		event.new_row = trigdata->tg_newtuple;
		allow_only_erasing(&event);
		return PointerGetDatum(event.new_row);
	}
	event.new_row = trigdata->tg_trigtuple;
	for (i = 0; i < (int) lengthof(personal_fields); i++)
		commit_to(&event, &personal_fields[i]);
	return PointerGetDatum(event.new_row);
}

/* ---------------------------------------------------------------- erasing */

uint64
lc_erase_from_events(LcStatement *update, Datum *values, const char *nulls)
{
	uint64 rows;

	PG_TRY();
	{
		erasing_events = true;
		rows = lc_spi_execute(update, values, nulls, SPI_OK_UPDATE);
	}
	PG_FINALLY();
	{
		erasing_events = false;
	}
	PG_END_TRY();
	return rows;
}

/* erase_events(credential_uuid uuid, seq integer) */
Datum
lc_erase_events(PG_FUNCTION_ARGS)
{
	static LcStatement erase = {
		.sql = "UPDATE learning_credentials.credential_event"
			   "   SET actor = NULL, actor_salt = NULL, reason = NULL, reason_salt = NULL"
			   " WHERE credential_uuid = $1 AND ($2 IS NULL OR seq = $2)"
			   "   AND (actor IS NOT NULL OR reason IS NOT NULL)",
		.types = { UUIDOID, INT4OID },
	};
	Datum values[2];
	LcIdentity before;
	uint64 erased;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("credential_uuid must not be NULL")));
	lc_refuse_stranger("erase events");
	values[0] = PG_GETARG_DATUM(0);
	values[1] = PG_ARGISNULL(1) ? (Datum) 0 : PG_GETARG_DATUM(1);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	erased = lc_erase_from_events(&erase, values, PG_ARGISNULL(1) ? " n" : NULL);
	lc_spi_finish();
	lc_act_as_before(&before);
	PG_RETURN_INT64(erased);
}

/* event_transaction(credential_uuid uuid) */
Datum
lc_event_transaction(PG_FUNCTION_ARGS)
{
	if (lc_restoring())
		PG_RETURN_NULL();
	PG_RETURN_FULLTRANSACTIONID(GetTopFullTransactionId());
}
