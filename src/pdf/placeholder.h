/*
 * pdf/placeholder.h
 *		{placeholders} in texts.
 */
#ifndef LC_PLACEHOLDER_H
#define LC_PLACEHOLDER_H

#include "postgres.h"

#include "utils/jsonb.h"

/* What placeholders stand for. All texts in UTF-8, never NULL. */
typedef struct LcValues
{
	const char *name;			 /* {name} */
	const char *context_name;	 /* {context_name} */
	const char *issue_date;		 /* {issue_date}, formatted */
	const char *expires_date;	 /* {expires_date}, formatted; empty: never */
	const char *verify_uuid;	 /* {verify_uuid} */
	const char *verify_url;		 /* {verify_url} */
	const char *credential_type; /* {credential_type} */
	Jsonb *evidence;			 /* {evidence.PATH} */
} LcValues;

/*
 * The text with its placeholders filled in, palloc'd; "{{" and "}}" stand for braces, unknown
 * placeholders stay as they are written, values are not scanned again. Every kind of line break becomes
 * "\n". In a text that holds right-to-left characters, values are isolated from what stands around them
 * (FSI, PDI: Unicode Standard Annex #9). Raises 54000, naming "path", when the result has more
 * characters than learning_credentials.max_text_length.
 */
extern char *lc_placeholder_fill(const char *text, const LcValues *values, const char *path);

/* The same without isolating anything: the text as such, not as it is to be set. */
extern char *lc_placeholder_plain(const char *text, const LcValues *values, const char *path);

/* verify_url with {verify_uuid} in it replaced, palloc'd. */
extern char *lc_placeholder_url(const char *verify_url, const char *verify_uuid);

/* Does the text have a line break of any kind? */
extern bool lc_text_is_multiline(const char *text);

/* Is the first strong character right to left? (Annex #9, rules P2 and P3, by blocks.) */
extern bool lc_text_is_rtl(const char *text);

#endif /* LC_PLACEHOLDER_H */
