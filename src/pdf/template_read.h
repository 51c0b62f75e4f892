/*
 * pdf/template_read.h
 *		The first page of a PDF, taken apart so that it can be put into other documents.
 */
#ifndef LC_TEMPLATE_READ_H
#define LC_TEMPLATE_READ_H

#include "postgres.h"

#include "lib/stringinfo.h"

/* A string and where it stands in a fragment's text. */
typedef struct LcFragmentString
{
	int at;
	int length;
	char *bytes;
} LcFragmentString;

/* PDF syntax without its strings, which are kept apart so that they can be sealed. */
typedef struct LcFragment
{
	StringInfoData text;
	int count;
	int room;
	LcFragmentString *strings;
} LcFragment;

/* A dictionary, or a stream with its data as they are in the file (compressed, say). */
typedef struct LcTemplateObject
{
	LcFragment entries; /* without /Length */
	bool is_stream;
	char *data;
	Size length;
} LcTemplateObject;

typedef struct LcTemplatePage
{
	/* What a viewer shows, in the page's own coordinates, and how: /Rotate is 0, 90, 180 or 270. */
	double left;
	double bottom;
	double right;
	double top;
	int rotate;
	double user_unit;

	/* The objects. Number i + 1 is objects[i], and they refer to each other by these numbers. */
	int count;
	LcTemplateObject *objects;

	/* Entries: of the page (boxes, annotations and so on), of its resources, of the catalog. */
	LcFragment page;
	LcFragment fonts;
	LcFragment xobjects;
	LcFragment extgstates;
	LcFragment other_resources;
	LcFragment catalog;

	/* What had to be repaired, in sentences; NULL: nothing. */
	char *repairs;

	/* What every name of a resource that is added must start with. */
	char *prefix;

	/* References to the content streams, and what closes what they leave open. */
	StringInfoData contents;
	StringInfoData closing;

	/* The first mark (MCID) that the content does not use. */
	int first_mark;
} LcTemplatePage;

/*
 * Reads the first page. Everything is palloc'd. "what" is the template in messages. A damaged file is
 * repaired where that takes bounded time and loses nothing. Raises 22023 when it is no PDF, or one that
 * cannot be repaired or needs a password; 54000 when reading it exceeds the guard's limits or a stream
 * decompresses to more than learning_credentials.parse_memory.
 */
extern LcTemplatePage *lc_template_read(const uint8 *data, Size length, const char *what);

extern void lc_fragment_init(LcFragment *fragment);

#endif /* LC_TEMPLATE_READ_H */
