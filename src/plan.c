/*
 * plan.c
 *		What a run would do, with whom and to how many.
 *
 * By the rules of standing.c, by which a run does it. Writes nothing: the retrieval function is called in a
 * subtransaction that is rolled back. A user whom it lists more than once counts once, as in a run.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "callable.h"
#include "context.h"
#include "deadline.h"
#include "definition.h"
#include "exception.h"
#include "identity.h"
#include "shortfall.h"
#include "spi.h"
#include "standing.h"

PG_FUNCTION_INFO_V1(lc_plan_run);
PG_FUNCTION_INFO_V1(lc_plan_summary);
PG_FUNCTION_INFO_V1(lc_announce_first_run);

/* What the count of a transaction's first runs may take. */
#define ANNOUNCEMENT_MILLISECONDS 1000

/* The columns of a row of the plan before it is joined to what there is. */
enum
{
	PLANNED_USER = 1,
	PLANNED_ACTION,
	PLANNED_IS_ELIGIBLE,
	PLANNED_SINCE,
	PLANNED_DETAILS,
	PLANNED_SHORTFALL,
	PLANNED_COLUMNS = PLANNED_SHORTFALL
};

typedef struct RunPlan
{
	DestReceiver receiver; /* must be first; of what retrieval lists, each user once */
	LcConfiguration *configuration;
	LcStanding *standing;
	LcSieve sieve; /* only counted: who is listed goes into "listed", without details */
	bool counting;
	Tuplestorestate *listed; /* rows of type eligibility */
	TupleDesc eligibility;
	int64 rows; /* in "listed" */

	Tuplestorestate *planned; /* NULL: only counted */
	TupleDesc desc;			  /* of that */
	int64 users;			  /* in "planned" */
	char **steps;
	int step_count;
	MemoryContext row_context;
	bool *grant_listed; /* for each grant */

	int64 counts[LC_VERDICTS];
	int64 losing; /* listed ones of whom LC_HAS_ONE was counted */
	bool withdraws;
} RunPlan;

/* ---------------------------------------------------------------- who is listed */

/* Takes a user down. */
static bool
take_down(int64 user_id, bool is_eligible, TimestampTz since, void *argument)
{
	RunPlan *plan = argument;
	Datum values[LC_ELIGIBILITY_DETAILS] = { Int64GetDatum(user_id), BoolGetDatum(is_eligible),
											 TimestampTzGetDatum(since), 0 };
	bool nulls[LC_ELIGIBILITY_DETAILS] = { false, false, since == DT_NOBEGIN, true };

	tuplestore_putvalues(plan->listed, plan->eligibility, values, nulls);
	return false;
}

/* The courses of a Learning Path, of which the built-in functions list the users' own. */
static void
load_steps(RunPlan *plan)
{
	const char *built_in = "learning_credentials.retrieve_";
	LcConfiguration *configuration = plan->configuration;
	LcIdentity before;

	if (lc_context_kind(configuration->learning_context_key) != LC_CONTEXT_PATH ||
		strncmp(configuration->retrieval_func, built_in, strlen(built_in)) != 0)
		return;
	lc_act_as_stranger(&before, lc_configuration_role(configuration));
	plan->steps =
		lc_path_steps(configuration->source, configuration->learning_context_key, &plan->step_count);
	lc_act_as_before(&before);
}

/* Runs in a subtransaction that is rolled back: a function or a view of somebody's may write. */
static void
retrieve(void *argument)
{
	RunPlan *plan = argument;

	lc_retrieve(plan->configuration, NULL, plan->counting ? &plan->sieve : NULL, plan->listed);
	if (!plan->counting)
		load_steps(plan);
}

/* ---------------------------------------------------------------- what becomes of them */

/* Adds a row to the plan. */
static void
add_planned(RunPlan *plan, int64 user_id, LcVerdict verdict, bool is_eligible, Datum since,
			bool since_known, Jsonb *details)
{
	MemoryContext old;
	Datum values[PLANNED_COLUMNS];
	bool nulls[PLANNED_COLUMNS] = { false };
	Jsonb *shortfall = NULL;

	plan->users++;
	if (plan->planned == NULL)
		return;
	old = MemoryContextSwitchTo(plan->row_context);
	if (!is_eligible && details != NULL)
		shortfall = lc_shortfall(details, plan->steps, plan->step_count);
	values[PLANNED_USER - 1] = Int64GetDatum(user_id);
	values[PLANNED_ACTION - 1] = CStringGetTextDatum(lc_verdict_names[verdict]);
	values[PLANNED_IS_ELIGIBLE - 1] = BoolGetDatum(is_eligible);
	values[PLANNED_SINCE - 1] = since;
	nulls[PLANNED_SINCE - 1] = !since_known;
	values[PLANNED_DETAILS - 1] = JsonbPGetDatum(details);
	nulls[PLANNED_DETAILS - 1] = details == NULL;
	values[PLANNED_SHORTFALL - 1] = JsonbPGetDatum(shortfall);
	nulls[PLANNED_SHORTFALL - 1] = shortfall == NULL;
	tuplestore_putvalues(plan->planned, plan->desc, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(plan->row_context);
}

/* Takes a listed user. Whether anything is withdrawn is known when all have been taken. */
static bool
receive_listed(TupleTableSlot *slot, DestReceiver *receiver)
{
	RunPlan *plan = (RunPlan *) receiver;
	bool isnull;
	bool no_details;
	int64 user_id = DatumGetInt64(slot_getattr(slot, LC_ELIGIBILITY_USER, &isnull));
	bool is_eligible = DatumGetBool(slot_getattr(slot, LC_ELIGIBILITY_IS_ELIGIBLE, &isnull));
	Datum since = slot_getattr(slot, LC_ELIGIBILITY_SINCE, &isnull);
	Datum details = slot_getattr(slot, LC_ELIGIBILITY_DETAILS, &no_details);
	LcVerdict verdict = lc_verdict(plan->standing, user_id, is_eligible,
								   isnull ? DT_NOBEGIN : DatumGetTimestampTz(since));
	const LcGrant *grant = lc_standing_grant(plan->standing, user_id);

	if (grant != NULL)
	{
		int count;

		plan->grant_listed[grant - lc_standing_grants(plan->standing, &count)] = true;
	}
	plan->counts[verdict]++;
	if (lc_standing_note(plan->standing, user_id, is_eligible) && verdict == LC_HAS_ONE)
	{
		plan->losing++;
		verdict = LC_TO_WITHDRAW;
	}
	if (plan->planned == NULL)
		plan->users++;
	else
	{
		MemoryContext old = MemoryContextSwitchTo(plan->row_context);
		Jsonb *object = no_details ? NULL : DatumGetJsonbP(details);

		MemoryContextSwitchTo(old);
		add_planned(plan, user_id, verdict, is_eligible, since, !isnull, object);
	}
	return true;
}

static void
begin_listed(DestReceiver *receiver, int operation, TupleDesc desc)
{
}

static void
end_listed(DestReceiver *receiver)
{
}

/* Goes through the listed users, each once: by a row that says eligible if there is one, and by the first. */
static void
judge_listed(RunPlan *plan)
{
	plan->receiver.receiveSlot = receive_listed;
	plan->receiver.rStartup = begin_listed;
	plan->receiver.rShutdown = end_listed;
	plan->receiver.rDestroy = end_listed;
	plan->receiver.mydest = DestTuplestore;
	lc_spi_name_rows("listed", plan->eligibility, plan->listed, (double) plan->rows);
	(void) lc_spi_read("SELECT DISTINCT ON (user_id) user_id, is_eligible, eligible_since, details"
					   "  FROM (SELECT *, row_number() OVER () AS number FROM listed) AS l"
					   " ORDER BY user_id, is_eligible DESC, eligible_since DESC NULLS LAST, number",
					   0, NULL, NULL, NULL, &plan->receiver);
}

/* Adds those who have a grant and are not listed. */
static void
add_granted(RunPlan *plan)
{
	int count;
	const LcGrant *grants = lc_standing_grants(plan->standing, &count);
	int i;

	for (i = 0; i < count; i++)
	{
		LcVerdict verdict;

		CHECK_FOR_INTERRUPTS();
		if (plan->grant_listed[i])
			continue;
		verdict = lc_verdict(plan->standing, grants[i].user_id, false, DT_NOBEGIN);
		plan->counts[verdict]++;
		add_planned(plan, grants[i].user_id, verdict, false, 0, false, NULL);
	}
}

/* Adds those who would lose what they have and are not listed; or warns that a run would withdraw nothing. */
static void
add_lost(RunPlan *plan)
{
	char *refusal;
	int count;
	int64 *users = lc_standing_lost(plan->standing, plan->rows, true, &count, &refusal);
	int i;

	if (refusal != NULL)
	{
		ereport(WARNING, (errmsg_internal("%s", refusal)));
		return;
	}
	plan->withdraws = true;
	plan->counts[LC_HAS_ONE] -= plan->losing;
	plan->counts[LC_TO_WITHDRAW] = plan->losing + count;
	for (i = 0; plan->planned != NULL && i < count; i++)
		add_planned(plan, users[i], LC_TO_WITHDRAW, false, 0, false, NULL);
}

/*
 * Makes a plan: its counts, and its rows if they are wanted. Called with the owner's identity inside a SPI
 * connection.
 */
static void
make_plan(RunPlan *plan)
{
	int grant_count;

	plan->eligibility = lc_eligibility_desc();
	plan->row_context =
		AllocSetContextCreate(CurrentMemoryContext, "row of a plan", ALLOCSET_DEFAULT_SIZES);
	plan->counting = plan->planned == NULL;
	plan->sieve.wants = take_down;
	plan->sieve.argument = plan;
	plan->sieve.others = true;
	plan->listed = tuplestore_begin_heap(false, false, work_mem);

	(void) lc_callable_for(plan->configuration, LC_GENERATION);
	plan->standing = lc_standing_load(plan->configuration);
	(void) lc_standing_grants(plan->standing, &grant_count);
	plan->grant_listed = palloc0(Max(grant_count, 1));
	lc_rehearse(retrieve, plan);
	plan->rows = tuplestore_tuple_count(plan->listed);
	judge_listed(plan);
	add_granted(plan);
	add_lost(plan);
	tuplestore_end(plan->listed);
}

/* ---------------------------------------------------------------- the functions */

/* Makes the tuplestore that is the function's result. */
static Tuplestorestate *
begin_result(FunctionCallInfo fcinfo, TupleDesc *desc)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (info == NULL || !IsA(info, ReturnSetInfo) || !(info->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	info->returnMode = SFRM_Materialize;
	info->setDesc = CreateTupleDescCopy(*desc);
	info->setResult =
		tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
	MemoryContextSwitchTo(old);
	return info->setResult;
}

/* The configuration that is asked about, with other options if they are given. */
static LcConfiguration *
asked_configuration(FunctionCallInfo fcinfo, Oid asks)
{
	LcConfiguration *configuration = lc_configuration_load(PG_GETARG_INT64(0));

	if (!PG_ARGISNULL(1))
		lc_configuration_lay_over(configuration, PG_GETARG_JSONB_P(1), asks);
	return configuration;
}

static TupleDesc
planned_desc(void)
{
	TupleDesc desc = CreateTemplateTupleDesc(PLANNED_COLUMNS);

	TupleDescInitEntry(desc, PLANNED_USER, "user_id", INT8OID, -1, 0);
	TupleDescInitEntry(desc, PLANNED_ACTION, "action", TEXTOID, -1, 0);
	TupleDescInitEntry(desc, PLANNED_IS_ELIGIBLE, "is_eligible", BOOLOID, -1, 0);
	TupleDescInitEntry(desc, PLANNED_SINCE, "eligible_since", TIMESTAMPTZOID, -1, 0);
	TupleDescInitEntry(desc, PLANNED_DETAILS, "details", JSONBOID, -1, 0);
	TupleDescInitEntry(desc, PLANNED_SHORTFALL, "shortfall", JSONBOID, -1, 0);
	return desc;
}

/* plan_run(configuration_id bigint, options jsonb) RETURNS SETOF record */
Datum
lc_plan_run(PG_FUNCTION_ARGS)
{
	/* Of the live credentials of a user the one that the action is about; of the invalidated the last. */
	static const char *const sql =
		"SELECT p.user_id, CASE WHEN p.action = 'withdraw' AND NOT $2 THEN 'exists' ELSE p.action END,"
		"       p.is_eligible, p.eligible_since, coalesce(c.uuid, i.uuid), p.details, p.shortfall,"
		"       CASE p.action"
		"       WHEN 'issue' THEN x.reason"
		"       WHEN 'held' THEN coalesce(x.reason, '" LC_RETIRED "')"
		"       WHEN 'withdraw' THEN CASE WHEN $2 THEN $3 END"
		"       WHEN 'too_early' THEN $4"
		"       WHEN 'too_late' THEN 'expires_at is past'"
		"       WHEN 'invalidated' THEN i.invalidation_reason"
		"       ELSE c.error_message END"
		"  FROM planned p"
		"  LEFT JOIN learning_credentials.credential c"
		"    ON c.configuration_id = $1 AND c.user_id = p.user_id AND c.status <> 'invalidated'"
		"   AND CASE WHEN p.action = 'retry' THEN c.status = 'error' AND c.retry_at <= now()"
		"            ELSE NOT (c.supersedes IS NOT NULL AND c.status IN ('generating', 'error')) END"
		"  LEFT JOIN LATERAL ("
		"       SELECT e.uuid, e.invalidation_reason FROM learning_credentials.credential e"
		"        WHERE p.action = 'invalidated'"
		"          AND e.configuration_id = $1 AND e.user_id = p.user_id AND e.status = 'invalidated'"
		"        ORDER BY e.invalidated_at DESC, e.uuid DESC LIMIT 1) AS i ON true"
		"  LEFT JOIN learning_credentials.exception x"
		"    ON x.configuration_id = $1 AND x.user_id = p.user_id"
		"   AND x.kind = CASE WHEN p.action = 'held' THEN 'hold' WHEN NOT p.is_eligible THEN 'grant' END"
		"   AND " LC_EXCEPTION_COUNTS;
	Oid types[] = { INT8OID, BOOLOID, TEXTOID, TEXTOID };
	Datum values[lengthof(types)];
	RunPlan plan = { .desc = planned_desc() };
	DestReceiver *receiver;
	MemoryContext context;
	Tuplestorestate *result;
	TupleDesc desc;
	LcIdentity before;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("configuration_id must not be NULL")));
	result = begin_result(fcinfo, &desc);
	context = ((ReturnSetInfo *) fcinfo->resultinfo)->econtext->ecxt_per_query_memory;
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	plan.configuration = asked_configuration(fcinfo, before.user);
	plan.planned = tuplestore_begin_heap(false, false, work_mem);
	make_plan(&plan);

	values[0] = Int64GetDatum(plan.configuration->id);
	values[1] = BoolGetDatum(plan.withdraws);
	values[2] = CStringGetTextDatum(LC_WITHDRAWN_REASON);
	values[3] =
		CStringGetTextDatum(plan.configuration->available_from > GetCurrentTransactionStartTimestamp()
								? "available_from is not reached"
								: "not eligible since later than issue_from");
	receiver = CreateTuplestoreDestReceiver();
	SetTuplestoreDestReceiverParams(receiver, result, context, false, NULL, NULL);
	lc_spi_name_rows("planned", plan.desc, plan.planned, (double) plan.users);
	(void) lc_spi_read(sql, lengthof(types), types, values, NULL, receiver);
	tuplestore_end(plan.planned);
	lc_spi_finish();
	lc_act_as_before(&before);
	return (Datum) 0;
}

/* plan_summary(configuration_id bigint, options jsonb) RETURNS SETOF record */
Datum
lc_plan_summary(PG_FUNCTION_ARGS)
{
	RunPlan plan = { 0 };
	Tuplestorestate *result;
	TupleDesc desc;
	LcIdentity before;
	int i;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("configuration_id must not be NULL")));
	result = begin_result(fcinfo, &desc);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	plan.configuration = asked_configuration(fcinfo, before.user);
	make_plan(&plan);
	for (i = 0; i < LC_VERDICTS; i++)
	{
		Datum values[] = { CStringGetTextDatum(lc_verdict_names[i]), Int64GetDatum(plan.counts[i]) };
		bool nulls[] = { false, false };

		tuplestore_putvalues(result, desc, values, nulls);
	}
	lc_spi_finish();
	lc_act_as_before(&before);
	return (Datum) 0;
}

/* ---------------------------------------------------------------- the first run of a schedule */

/* Runs in time, in a subtransaction. */
static void
count_in_time(void *argument)
{
	LcIdentity before;

	lc_act_as_owner(&before);
	lc_spi_connect(false);
	make_plan(argument);
	lc_spi_finish();
	lc_act_as_before(&before);
}

typedef struct Announcement
{
	int64 configuration_id;
	int milliseconds;
	RunPlan plan;
} Announcement;

static void
count_first_run(void *argument)
{
	Announcement *announcement = argument;
	LcDeadline deadline = { .what = "plan", .setting = "", .limit = announcement->milliseconds };
	LcIdentity before;

	lc_act_as_owner(&before);
	announcement->plan.configuration = lc_configuration_load(announcement->configuration_id);
	lc_act_as_before(&before);
	deadline.name = announcement->plan.configuration->learning_context_key;
	lc_deadline(&deadline, count_in_time, &announcement->plan);
}

/*
 * What is left of the time for announcements in this transaction, in milliseconds; less where
 * statement_timeout is short, because its end would be that of the write.
 */
static int
time_left(TimestampTz *transaction, int *spent)
{
	int most = ANNOUNCEMENT_MILLISECONDS;

	if (StatementTimeout > 0)
		most = Min(most, StatementTimeout / 4);
	if (*transaction != GetCurrentTransactionStartTimestamp())
	{
		*transaction = GetCurrentTransactionStartTimestamp();
		*spent = 0;
	}
	return most - *spent;
}

/* Trigger, AFTER INSERT OR UPDATE of credential_configuration, for one that is enabled and never ran. */
Datum
lc_announce_first_run(PG_FUNCTION_ARGS)
{
	static TimestampTz transaction = 0;
	static int spent = 0;
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TimestampTz began = GetCurrentTimestamp();
	Announcement announcement = { 0 };
	ErrorData *error = NULL;
	TupleDesc desc;
	HeapTuple row;
	bool isnull;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "announce_first_run() is a trigger function");
	desc = RelationGetDescr(trigdata->tg_relation);
	row = trigdata->tg_trigtuple;
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
	{
		if (DatumGetBool(SPI_getbinval(row, desc, SPI_fnumber(desc, "enabled"), &isnull)))
			return PointerGetDatum(NULL);
		row = trigdata->tg_newtuple;
	}
	if (lc_restoring() || !message_level_is_interesting(NOTICE)) /* nobody would see it */
		return PointerGetDatum(NULL);

	announcement.configuration_id =
		DatumGetInt64(SPI_getbinval(row, desc, SPI_fnumber(desc, "id"), &isnull));
	announcement.milliseconds = time_left(&transaction, &spent);
	if (announcement.milliseconds > 0)
		error = lc_attempt(count_first_run, &announcement);
	spent += (int) TimestampDifferenceMilliseconds(began, GetCurrentTimestamp());
	if (announcement.milliseconds <= 0 || error != NULL)
		ereport(
			NOTICE,
			(errmsg("it is not known how many credentials the first run of configuration " INT64_FORMAT
					" would issue",
					announcement.configuration_id),
			 error != NULL ? errdetail_internal("%s", error->message) : 0,
			 errhint("plan_summary(" INT64_FORMAT ") tells.", announcement.configuration_id)));
	else if (announcement.plan.counts[LC_TO_ISSUE] > 0)
		ereport(NOTICE,
				(errmsg_plural("the first run of configuration " INT64_FORMAT
							   " would issue %ld credential now",
							   "the first run of configuration " INT64_FORMAT
							   " would issue %ld credentials now",
							   announcement.plan.counts[LC_TO_ISSUE], announcement.configuration_id,
							   (long) announcement.plan.counts[LC_TO_ISSUE]),
				 errhint("plan_run(" INT64_FORMAT
						 ") lists them. issue_from limits it to those who become eligible later.",
						 announcement.configuration_id)));
	return PointerGetDatum(NULL);
}
