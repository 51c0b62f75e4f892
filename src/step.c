/*
 * step.c
 *		A step: one transaction of a work of many, in a procedure or in a background worker.
 *
 * What another session has done meanwhile is to be seen and not to be an error, so a step is READ
 * COMMITTED. What it notes must be there after a crash, so it commits synchronously.
 */
#include "postgres.h"

#include "access/xact.h"
#include "pgstat.h"
#include "tcop/pquery.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "spi.h"
#include "step.h"

void
lc_step_begin(LcStepState *step)
{
	MemoryContext caller = CurrentMemoryContext;

	step->own = !IsTransactionState();
	if (step->own)
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		XactReadOnly = false;
		XactIsoLevel = XACT_READ_COMMITTED;
		PushActiveSnapshot(GetTransactionSnapshot());
	}
	else
	{
		XactIsoLevel = XACT_READ_COMMITTED;
		EnsurePortalSnapshotExists();
	}
	lc_spi_connect(false); /* what SPI allocates in the step, ends with it */
	if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
		(void) set_config_option("synchronous_commit", "local", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	(void) lc_hold_extension();
	lc_act_as_owner(&step->before);
	MemoryContextSwitchTo(caller);
}

void
lc_step_commit(LcStepState *step)
{
	MemoryContext caller = CurrentMemoryContext;

	lc_act_as_before(&step->before);
	lc_spi_finish();
	if (step->own)
	{
		PopActiveSnapshot();
		CommitTransactionCommand();
		pgstat_report_stat(false);
	}
	else
	{
		SPI_commit();
		SPI_start_transaction(); /* SPI_commit() does since 14.3 */
	}
	MemoryContextSwitchTo(caller);
}
