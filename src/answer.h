/*
 * answer.h
 *		Answers to a REST server: status, headers, and what is wrong.
 */
#ifndef LC_ANSWER_H
#define LC_ANSWER_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/uuid.h"

/* A status that says what is wrong, and a sentence that does. */
typedef struct LcRefusal
{
	int status;
	const char *message;
} LcRefusal;

extern const LcRefusal lc_refuse_anonymous;

/*
 * A text argument without the blanks that it begins with, palloc'd; NULL where it is NULL or empty, which is
 * what a missing one may look like.
 */
extern char *lc_argument(FunctionCallInfo fcinfo, int number);

/* Reads a UUID in its usual form, in any letter case; false when it is something else. */
extern bool lc_read_uuid(const char *text, pg_uuid_t *uuid);

/* Headers under construction: a JSON array of objects with one member each, as PostgREST reads it. */
extern void lc_header_add(StringInfo headers, const char *name, const char *value);

/*
 * Sets the answer's status (0: it stays 200) and headers, for the rest of the transaction. Called outside
 * of lc_act_as..., whose end would take them back.
 */
extern void lc_answer(int status, const StringInfoData *headers);

/*
 * The results of functions that answer a REST server in JSON: {"error": message}, with the status and the
 * headers that belong to it; and a body that answers well. The first is also a file's bytes.
 */
extern Datum lc_refuse(const LcRefusal *refusal);
extern Datum lc_answer_json(const char *body, const char *cache_control);

/* Where a credential's document is, palloc'd. */
extern char *lc_document_link(const char *uuid);

/* In SQL: a pattern for addresses of the web that are written so that they may stand in a header. */
#define LC_WEB_URL "'^https?://[\\x21-\\x7e]+$'"

/*
 * Adds a text in UTF-8, percent-encoded but for the unreserved characters of RFC 3986, section 2.3. So it can
 * stand in an address, and in an extended parameter of a header (RFC 8187).
 */
extern void lc_percent_encode(StringInfo encoded, const char *text);

#endif /* LC_ANSWER_H */
