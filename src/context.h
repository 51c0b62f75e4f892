/*
 * context.h
 *		Learning context keys, the names that a source knows, and who may see a context.
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

/* Has it the right form? */
extern bool lc_context_key_is_right(const char *key);

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

/*
 * The number of the user with this username; false when the source knows none. Reads SOURCE.lms_user
 * likewise.
 */
extern bool lc_user_by_name(const char *source, const char *username, int64 *user_id);

/* Is that this user's username? Reads SOURCE.lms_user likewise, and of nobody else. */
extern bool lc_user_is_called(const char *source, int64 user_id, const char *username);

/*
 * May the user see the context? A course: whoever is enrolled in it, or may see a Learning Path that
 * holds it. A Learning Path: its members, and everybody if it is not invite-only. Reads
 * SOURCE.lms_enrollment, and lms_context and lms_path_step where they are there, likewise.
 */
extern bool lc_context_visible(const char *source, const char *key, int64 user_id);

/*
 * The course keys of a Learning Path in its order, palloc'd. Reads SOURCE.lms_path_step with the current
 * user's rights, inside a SPI connection.
 */
extern char **lc_path_steps(const char *source, const char *key, int *count);

#endif /* LC_CONTEXT_H */
