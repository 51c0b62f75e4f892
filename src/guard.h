/*
 * guard.h
 *		Bounds the memory and the time that parsing foreign bytes may take.
 */
#ifndef LC_GUARD_H
#define LC_GUARD_H

#include "compat.h"

/* Seconds of the processor's time that one parse may take. */
#define LC_GUARD_SECONDS 10

/*
 * Calls work(argument) while the process may grow by learning_credentials.parse_memory at most: beyond
 * it the library's malloc returns NULL (C++: std::bad_alloc) and palloc raises "out of memory". What the
 * limit was is restored on every way out. Guards do not nest. "what" is the thing that is read, for
 * messages, as "PDF template" in "PDF template takes too long to read".
 *
 * Memory comes from whatever context is current; errors of work() pass through.
 */
extern void lc_guard(const char *what, void (*work)(void *argument), void *argument);

/*
 * To be called between steps of work(), outside a library's callbacks: handles interrupts, and raises
 * 54000 when LC_GUARD_SECONDS have passed. Does nothing but handle interrupts outside a guard.
 */
extern void lc_guard_check(void);

/*
 * Raises lc_guard_memory_error() unless there are so many bytes left. For libraries that do not look whether
 * they got what they asked for.
 */
extern void lc_guard_need(Size bytes);

/* Raises 54000: "what" needs more memory than the guard allows. For work() whose library said so. */
pg_noreturn extern void lc_guard_memory_error(void);

#endif /* LC_GUARD_H */
