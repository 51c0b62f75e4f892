/*
 * change.c
 *		One row as a trigger found it and is about to leave it: its columns by name.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "utils/datum.h"
#include "utils/rel.h"

#include "change.h"

Datum
lc_column_value(HeapTuple row, TupleDesc desc, const char *column, bool *isnull)
{
	int number = SPI_fnumber(desc, column);

	if (number <= 0)
		elog(ERROR, "column \"%s\" is missing", column);
	return SPI_getbinval(row, desc, number, isnull);
}

bool
lc_same_value(TupleDesc desc, HeapTuple a, HeapTuple b, const char *column)
{
	Form_pg_attribute attribute = TupleDescAttr(desc, SPI_fnumber(desc, column) - 1);
	bool a_null;
	bool b_null;
	Datum a_value = lc_column_value(a, desc, column, &a_null);
	Datum b_value = lc_column_value(b, desc, column, &b_null);

	if (a_null || b_null)
		return a_null && b_null;
	return datum_image_eq(a_value, b_value, attribute->attbyval, attribute->attlen);
}

void
lc_set_column(LcChange *change, const char *column, Datum value, bool isnull)
{
	int number = SPI_fnumber(change->desc, column);

	change->new_row =
		heap_modify_tuple_by_cols(change->new_row, change->desc, 1, &number, &value, &isnull);
}

char *
lc_column_text(HeapTuple row, TupleDesc desc, const char *column)
{
	return SPI_getvalue(row, desc, SPI_fnumber(desc, column));
}

void
lc_refuse_truncate(TriggerData *trigdata)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" cannot be truncated",
					RelationGetRelationName(trigdata->tg_relation))));
}
