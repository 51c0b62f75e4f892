/*
 * answer.h
 *		Answers to a REST server: status, headers, and what is wrong.
 */
#ifndef LC_ANSWER_H
#define LC_ANSWER_H

#include "postgres.h"

#include "lib/stringinfo.h"

/* Headers under construction: a JSON array of objects with one member each, as PostgREST reads it. */
extern void lc_header_add(StringInfo headers, const char *name, const char *value);

/*
 * Sets the answer's status (0: it stays 200) and headers (NULL: none), for the rest of the transaction.
 * Called outside of lc_act_as..., whose end would take them back.
 */
extern void lc_answer(int status, const StringInfoData *headers);

/*
 * The same for a status that says what is wrong, with the headers that belong to it. Returns the body,
 * palloc'd JSON: {"error": message}, a sentence.
 */
extern char *lc_answer_problem(int status, const char *message);

#endif /* LC_ANSWER_H */
