/*
 * spi.h
 *		Checked SPI with plans kept for the life of the backend.
 */
#ifndef LC_SPI_H
#define LC_SPI_H

#include "executor/spi.h"
#include "utils/tuplestore.h"

#define LC_MAX_PARAMETERS 12

/*
 * A statement: SQL with every name schema-qualified, and the types of its parameters (the list ends
 * at the first InvalidOid). Defined static where it is used; prepared at its first use.
 */
typedef struct LcStatement
{
	const char *sql;
	Oid types[LC_MAX_PARAMETERS];
	bool custom; /* planned anew for each execution: its best plan changes as tables grow */
	bool latest; /* a SELECT that sees all that is committed, also in REPEATABLE READ */
	SPIPlanPtr plan;
} LcStatement;

/*
 * Runs a statement inside a SPI connection, and returns SPI_processed; the rows are in
 * SPI_tuptable, and the current memory context is still the caller's. "nulls" as in
 * SPI_execute_plan, or NULL. Anything but "expected" (SPI_OK_SELECT ...) as SPI's result is an error.
 */
extern uint64 lc_spi_execute(LcStatement *statement, Datum *values, const char *nulls, int expected);

/* The same for a statement whose text is made at run time; its plan is not kept. */
extern uint64 lc_spi_execute_text(const char *sql, int nargs, Oid *types, Datum *values,
								  const char *nulls, int expected);

/*
 * The same for a SELECT that sees what the calling statement sees and cannot write: what a STABLE
 * function needs. Its rows go to "dest", or to SPI_tuptable where that is NULL.
 */
extern uint64 lc_spi_read(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls,
						  DestReceiver *dest);

/* The same for a SELECT that sees what is there now and may call what writes. */
extern uint64 lc_spi_select(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls,
							DestReceiver *dest);

/* SPI_connect and SPI_finish, whose negative results are errors here. */
extern void lc_spi_connect(bool nonatomic);
extern void lc_spi_finish(void);

/* Column "column" (from 1) of row "row" (from 0) of SPI_tuptable; NULL gives 0 and *isnull. */
extern Datum lc_spi_value(uint64 row, int column, bool *isnull);

/* The same as text allocated in the current context; NULL where it is NULL. */
extern char *lc_spi_text(uint64 row, int column);

/*
 * Runs an action in a subtransaction. NULL when it succeeded; after an error what it left is rolled
 * back, identity and settings are as before, and the error is returned, palloc'd in the current
 * context. A cancel or a shutdown is not caught.
 */
typedef void (*LcAction)(void *argument);
extern ErrorData *lc_attempt(LcAction action, void *argument);

/* Runs an action in a subtransaction that is rolled back whatever comes; errors are raised. */
extern void lc_rehearse(LcAction action, void *argument);

/* From here on, until lc_spi_finish(), statements of lc_spi_read() find rows under a name. */
extern void lc_spi_name_rows(char *name, TupleDesc desc, Tuplestorestate *rows, double count);

/*
 * An error in words for a person who reads it later: message, detail and hint, cut after 8000 bytes.
 * Palloc'd.
 */
extern char *lc_error_text(const ErrorData *error);

#endif /* LC_SPI_H */
