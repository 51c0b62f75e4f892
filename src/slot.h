/*
 * slot.h
 *		What a backend that works on runs has in hand, noted where a crash does not reach it.
 *
 * Everything here is called in a step (step.h). The notes are rows of table executor.
 */
#ifndef LC_SLOT_H
#define LC_SLOT_H

#include "utils/uuid.h"

/*
 * Makes this backend one that works on runs, after looking after what others left behind. An error
 * of the step, or the backend's end, undoes it.
 */
extern void lc_slot_open(void);

/*
 * Does the backend of a row work still? If not, nobody else comes to another answer before the step
 * ends.
 */
extern bool lc_slot_lives(int32 id);

/* Does another backend work on a run? */
extern bool lc_slot_shares(int64 run_id);

/* Ends that. Nothing is in hand, and lc_run_end() has counted what was. */
extern void lc_slot_close(void);

/*
 * Notes what is about to be in hand when the step has been committed: credentials of a run, or, with
 * "uuids" NULL, its retrieval; with run 0 nothing. Adds to what this backend did for the run at hand.
 */
extern void lc_slot_note(int64 run_id, const pg_uuid_t *uuids, int count, int issued, int failed);

/* The uuids that are in other backends' hands, and those of suspects: uuid[], palloc'd. */
extern Datum lc_slot_taken(void);

/*
 * What crashed the server may do so again. So a backend that makes documents or retrieves holds a lock
 * together with the others, also those in other databases, and one that tries what is suspected holds
 * it alone. Either outlives the step and ends with lc_slot_apart(), or an error.
 */
extern void lc_slot_together(void);
extern void lc_slot_alone(void);
extern void lc_slot_apart(void);

/* A credential that is to be tried alone. */
typedef struct LcSuspect
{
	pg_uuid_t uuid;
	int64 run_id;
	int64 configuration_id;
} LcSuspect;

/* Finds one, of a configuration or (0) of any; false: there is none, or others have them in hand. */
extern bool lc_suspect_find(int64 configuration_id, LcSuspect *suspect);

/* It has been tried, and the server lives. */
extern void lc_suspect_clear(const pg_uuid_t *uuid);

/*
 * Looks after what backends left behind that crashed or went away: counts what they did, and takes
 * what they had in hand when the server crashed for suspects.
 */
extern void lc_recover(void);

/* Locks a run's retrieval until the step ends; false: another backend is at it, and "wait" is not set. */
extern bool lc_lock_retrieval(int64 run_id, bool wait);

#endif /* LC_SLOT_H */
