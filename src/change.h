/*
 * change.h
 *		One row as a trigger found it and is about to leave it: its columns by name.
 */
#ifndef LC_CHANGE_H
#define LC_CHANGE_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "commands/trigger.h"

#include "lifecycle.h"

/* The statuses are a credential's, and nothing for a row of another table. */
typedef struct LcChange
{
	TupleDesc desc;
	HeapTuple old_row;
	HeapTuple new_row;
	LcStatus from;
	LcStatus to;
} LcChange;

/* The value of a column. */
extern Datum lc_column_value(HeapTuple row, TupleDesc desc, const char *column, bool *isnull);

/* The value of a column in words, palloc'd; NULL where it is NULL. */
extern char *lc_column_text(HeapTuple row, TupleDesc desc, const char *column);

/* Is a column the same, byte for byte, in both rows? */
extern bool lc_same_value(TupleDesc desc, HeapTuple a, HeapTuple b, const char *column);

/* Sets a column of the row as it will be. */
extern void lc_set_column(LcChange *change, const char *column, Datum value, bool isnull);

/* Refuses a TRUNCATE, by the table's name. */
extern void lc_refuse_truncate(TriggerData *trigdata);

#endif /* LC_CHANGE_H */
