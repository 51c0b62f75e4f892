/*
 * executor.h
 *		Works on runs: takes one, retrieves, makes its documents, ends it.
 */
#ifndef LC_EXECUTOR_H
#define LC_EXECUTOR_H

/*
 * What an executor of the worker does: works on the runs of this database until there is nothing that
 * it could do. Called in a connected background worker outside of a transaction; begins and commits
 * its own. An error is raised and leaves everything to whoever comes next.
 */
extern void lc_execute_runs(void);

#endif /* LC_EXECUTOR_H */
