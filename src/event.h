/*
 * event.h
 *		Events, which stay as they were written.
 */
#ifndef LC_EVENT_H
#define LC_EVENT_H

#include "spi.h"

/*
 * Runs an UPDATE of events that removes personal fields together with their salts, which nothing else may.
 * Returns how many rows it updated.
 */
extern uint64 lc_erase_from_events(LcStatement *update, Datum *values, const char *nulls);

#endif /* LC_EVENT_H */
