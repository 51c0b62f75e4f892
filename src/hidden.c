/*
 * hidden.c
 *		Which configurations hide the names of holders.
 *
 * The view metadata asks for each credential, and is to cost no more than a look-up: a join with the
 * configuration would. So each session remembers the few that hide names. While there are none, the
 * planner settles the question, and no look-up asks it. Whoever changes the column tells all sessions that
 * table credential has changed: they forget what they remember, and every plan over that table, which is
 * where the planner's answer may stand. A transaction hears of it when it next locks a table: one that has
 * looked up before goes on as it began.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/supportnodes.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "compat.h"

PG_FUNCTION_INFO_V1(lc_hides_name);
PG_FUNCTION_INFO_V1(lc_hides_name_support);
PG_FUNCTION_INFO_V1(lc_name_hiding_changed);

/* The configurations that hide names, ascending. */
static int64 *hiding = NULL;
static int hiding_count = 0;
static bool remembered = false;

/* Table credential, when they were read. */
static Oid credential_table = InvalidOid;

static Oid
table_of(const char *name)
{
	return get_relname_relid(name, get_namespace_oid("learning_credentials", false));
}

/* Callback: some relation, or all, has changed. */
static void
forget(Datum argument, Oid relation)
{
	if (relation == InvalidOid || relation == credential_table)
		remembered = false;
}

static int
compare_numbers(const void *a, const void *b)
{
	int64 left = *(const int64 *) a;
	int64 right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

static AttrNumber
column_of(Relation table, const char *name)
{
	AttrNumber number = get_attnum(RelationGetRelid(table), name);

	if (number == InvalidAttrNumber)
		elog(ERROR, "column \"%s\" is missing", name);
	return number;
}

/*
 * The configurations that hide names, in TopMemoryContext. Reads what is committed now, whatever the
 * transaction's snapshot: what has been hidden is not to be shown to whoever began before. Reads the table
 * itself, because who reads the view has no right to it.
 */
static int64 *
read_hiding(int *count)
{
	Relation table = table_open(table_of("credential_configuration"), AccessShareLock);
	AttrNumber id = column_of(table, "id");
	AttrNumber hide_name = column_of(table, "hide_name");
	SysScanDesc scan = systable_beginscan(table, InvalidOid, false, NULL, 0, NULL);
	int room = 16;
	int64 *found = palloc(sizeof(int64) * room);
	int64 *result;
	HeapTuple row;

	*count = 0;
	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		bool isnull;

		CHECK_FOR_INTERRUPTS();
		if (!DatumGetBool(heap_getattr(row, hide_name, RelationGetDescr(table), &isnull)))
			continue;
		if (*count == room)
			found = repalloc(found, sizeof(int64) * (room *= 2));
		found[(*count)++] = DatumGetInt64(heap_getattr(row, id, RelationGetDescr(table), &isnull));
	}
	systable_endscan(scan);
	table_close(table, AccessShareLock);

	qsort(found, *count, sizeof(int64), compare_numbers);
	result = MemoryContextAlloc(TopMemoryContext, sizeof(int64) * Max(*count, 1));
	memcpy(result, found, sizeof(int64) * *count);
	pfree(found);
	return result;
}

static void
remember(void)
{
	static bool registered = false;
	int64 *found;
	int count;

	if (!registered)
		CacheRegisterRelcacheCallback(forget, (Datum) 0);
	registered = true;
	credential_table = table_of("credential");

	PG_TRY();
	{
		remembered = true; /* unless it is forgotten while it is read */
		found = read_hiding(&count);
	}
	PG_CATCH();
	{
		remembered = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (hiding != NULL)
		pfree(hiding);
	hiding = found;
	hiding_count = count;
}

/* hides_name(configuration_id bigint) RETURNS boolean */
Datum
lc_hides_name(PG_FUNCTION_ARGS)
{
	int64 configuration_id = PG_GETARG_INT64(0);

	if (!remembered)
		remember();
	PG_RETURN_BOOL(hiding_count > 0 &&
				   bsearch(&configuration_id, hiding, hiding_count, sizeof(int64), compare_numbers) !=
					   NULL);
}

/* Planner support of hides_name(). Without a query there may be no plan that is forgotten. */
Datum
lc_hides_name_support(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestSimplify *simplify = (SupportRequestSimplify *) request;

	if (!IsA(request, SupportRequestSimplify) || simplify->root == NULL)
		PG_RETURN_POINTER(NULL);
	if (!remembered)
		remember();
	PG_RETURN_POINTER(hiding_count == 0 ? makeBoolConst(false, false) : NULL);
}

/* Trigger, AFTER INSERT or UPDATE of credential_configuration. */
Datum
lc_name_hiding_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "name_hiding_changed() is a trigger function");
	CacheInvalidateRelcacheByRelid(table_of("credential"));
	return PointerGetDatum(NULL);
}
