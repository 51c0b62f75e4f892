/*
 * context.h
 *		Learning context keys, and the names that a source knows.
 */
#ifndef LC_CONTEXT_H
#define LC_CONTEXT_H

typedef enum LcContextKind
{
	LC_CONTEXT_COURSE,
	LC_CONTEXT_PATH
} LcContextKind;

/* The kind of a key; error 22023 that says what is wrong with it when it has no right form. */
extern LcContextKind lc_context_kind(const char *key);

/*
 * The name of a context for a document, palloc'd: certificate_name if not blank, else display_name,
 * else the key. Reads SOURCE.lms_context with the current user's rights, inside a SPI connection.
 */
extern char *lc_context_name(const char *source, const char *key);

/*
 * The names of users for a document, palloc'd, in the order of "user_ids"; NULL for a user whom the
 * source does not know: full_name if not blank, else first and last name, else username. Reads
 * SOURCE.lms_user with the current user's rights, inside a SPI connection.
 */
extern char **lc_user_names(const char *source, const int64 *user_ids, int count);

#endif /* LC_CONTEXT_H */
