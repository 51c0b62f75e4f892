/*
 * test/fuzz/shim.h
 *		What the rooms of src/ use of the server, made so that sanitizers see through it.
 *
 *		shim_memory.c	memory contexts, of which each chunk is a malloc of its own
 *		shim_error.c	ereport, with the setjmp and longjmp of the server
 *		shim_values.c	StringInfo, List, hash tables, texts, dates
 *		shim_jsonb.c	jsonb and numeric
 *
 * Compiled against the server's headers; nothing is copied from the server. What is not here, the server's
 * libraries libpgcommon and libpgport have. When a room begins to use another function of the server, the
 * harness does not link until that is here: as strict as the server's, and no cleverer.
 */
#ifndef LC_SHIM_H
#define LC_SHIM_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "compat.h"

/* Reports a find, and aborts. */
extern void fuzz_find(const char *format, ...) pg_attribute_printf(1, 2) pg_attribute_noreturn();

/* Is this valid UTF-8 without a NUL, as every text in the server is? */
extern bool fuzz_is_utf8(const char *text, Size length);

/* ---- memory ---- */

/* Makes TopMemoryContext and those below it. */
extern void shim_memory_begin(void);

/*
 * The bytes that malloc, palloc and C++ may have given out before they fail; 0: no bound. It is what
 * setrlimit(RLIMIT_AS), which lc_guard() calls, becomes, because a process with AddressSanitizer has
 * terabytes of address space.
 */
extern Size shim_memory_limit;

/* Is every allocation held to that bound, or only large ones and some others? It takes time. */
extern bool shim_memory_strict;

/* May that many bytes more be given out? */
extern bool shim_memory_allows(Size bytes);

/* ---- errors ---- */

/* The error that was raised last, for messages and for oracles. */
extern int shim_error_code;
extern char shim_error_text[4096];

/* Print every error? */
extern bool shim_verbose;

/* ---- values ---- */

/* Starts the random numbers anew, so that what follows can be repeated. */
extern void shim_random_begin(uint64 seed);

/* ---- jsonb ---- */

/* Reads JSON as jsonb's input function does; NULL where that raises an error. */
extern Jsonb *shim_jsonb(const char *text, Size length);

#endif /* LC_SHIM_H */
