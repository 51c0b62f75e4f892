/*
 * pdf/template_reader.h
 *		What template_read.c (the page), template_objects.c (its objects) and template_streams.c (their data)
 *		share. Nobody else includes it.
 */
#ifndef LC_TEMPLATE_READER_H
#define LC_TEMPLATE_READER_H

#include "postgres.h"

#include <qpdf/qpdf-c.h>

#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "compat.h"
#include "pdf/survey.h"
#include "pdf/template_read.h"

/* How a dictionary is read. */
typedef enum LcKind
{
	LC_PLAIN,
	LC_ANNOTATION
} LcKind;

/* An object that was met: where it is in the file, and the number that it has in the page. */
typedef struct LcMet
{
	int id; /* its number in the file: the key of the table */
	int number;
	LcKind kind;
	qpdf_oh handle;
} LcMet;

/*
 * The reading of a file. All but the page, and what is handed out, is in a context that is deleted when
 * it is over.
 */
typedef struct LcReader
{
	const char *what; /* the template, in messages */
	const uint8 *data;
	Size length;
	qpdf_data qpdf;
	LcSurvey survey;
	HTAB *numbers; /* of LcMet, handles aside */
	List *pending; /* of LcMet, to be written down */
	int met;	   /* the last number given */
	LcTemplatePage *page;
	int room;		 /* of page->objects */
	int underscores; /* of the prefix, see note_name() */
	int repairs;	 /* that libqpdf made, the first of which are told in page->repairs */
} LcReader;

/* Raises 22023. "detail" is a sentence. */
pg_noreturn extern void lc_reader_damaged(LcReader *reader, const char *detail);
pg_noreturn extern void lc_reader_unusable(LcReader *reader, const char *detail);

/* Raises the error that libqpdf has, if any: to be called after every call of it that may fail. */
extern void lc_reader_check(LcReader *reader);

/*
 * Takes libqpdf's warnings, by which it tells what it repairs. Notes them in page->repairs; raises the first
 * if the file is not to be repaired.
 */
extern void lc_reader_note_repairs(LcReader *reader);

/* Raises the first of libqpdf's warnings, if any. */
extern void lc_reader_check_warnings(LcReader *reader);

/* Parts of a dictionary: its keys, each with the slash; a value, null if there is none; is it this name? */
extern List *lc_reader_keys(LcReader *reader, qpdf_oh dictionary);
extern qpdf_oh lc_reader_get(LcReader *reader, qpdf_oh dictionary, const char *key);
extern bool lc_reader_is_name(LcReader *reader, qpdf_oh dictionary, const char *key, const char *name);

/* Does this annotation do something: play, hold a file, belong to a form? */
extern bool lc_reader_is_active(LcReader *reader, qpdf_oh annotation);

/* Appends PDF syntax that has no strings. */
static inline void
lc_fragment_add(LcFragment *to, const char *text)
{
	appendStringInfoString(&to->text, text);
}

/*
 * Writes down a value. Dictionaries and streams that are objects of their own stay so, and are written
 * down later; all else is written where it is used, because the canvas has no other objects. "depth" is
 * how many values the value is in, from 0.
 */
extern void lc_reader_write_value(LcReader *reader, LcFragment *to, qpdf_oh value, int depth,
								  LcKind kind);
extern void lc_reader_write_entry(LcReader *reader, LcFragment *to, const char *key, qpdf_oh value,
								  int depth);

/* The number of an indirect dictionary or stream, which is written down later if it is not yet. */
extern int lc_reader_number(LcReader *reader, qpdf_oh object, LcKind kind);

/* Writes down what has been met, and what that leads to. */
extern void lc_reader_write_pending(LcReader *reader);

/* Adds a stream that is not in the file, and returns its number. "data" is kept. */
extern int lc_reader_add_stream(LcReader *reader, const char *entries, char *data, Size length);

/* ---- template_streams.c ---- */

/* A stream's data as they are in the file, palloc'd. */
extern char *lc_reader_data(LcReader *reader, qpdf_oh stream, Size *length);

/*
 * Undoes a stream's compressions, to see that they end within bounds. If "to" is not NULL, all filters
 * are undone and the result appended to it.
 */
extern void lc_reader_expand(LcReader *reader, qpdf_oh stream, const char *data, Size length,
							 StringInfo to);

#endif /* LC_TEMPLATE_READER_H */
