/*
 * pdf/template_streams.c
 *		The streams of a PDF: their data, as libqpdf finds them in the file, and what these decompress to.
 *
 * Streams are copied as they are. They are decompressed to see that they end within bounds, and the page's
 * content to be looked at.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "guard.h"
#include "pdf/flate.h"
#include "pdf/template_reader.h"
#include "pdf/unfilter.h"
#include "settings.h"

/* Filters of a stream. */
#define MAX_FILTERS 8

/* Bytes that libqpdf needs for reading a stream besides the data. */
#define DATA_SLACK (256 * 1024)

/* A stream's filters. */
typedef struct Filters
{
	int count;
	char *names[MAX_FILTERS];
	bool plain[MAX_FILTERS]; /* no predictor */
	bool early[MAX_FILTERS]; /* LZWDecode's EarlyChange */
} Filters;

/* What a stream may decompress to, in bytes. The page's content is also taken into memory, as a whole. */
static Size
stream_limit(bool is_content)
{
	return (Size) lc_parse_memory * 1024 / (is_content ? 4 : 1);
}

static void
too_long(LcReader *reader, Size limit)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s has a stream that decompresses to more than %zu kB", reader->what, limit / 1024),
			 errdetail("The limit comes from learning_credentials.parse_memory.")));
}

/* ---- filters ---- */

static bool
is_flate(const char *filter)
{
	return strcmp(filter, "/FlateDecode") == 0 || strcmp(filter, "/Fl") == 0;
}

static bool
is_expanding(const char *filter)
{
	return is_flate(filter) || lc_unfilter_expands(filter);
}

static void
add_filter(LcReader *reader, Filters *filters, qpdf_oh name, qpdf_oh parameters)
{
	if (!qpdf_oh_is_name(reader->qpdf, name))
		lc_reader_damaged(reader, "A stream has a filter that is not a name.");
	if (filters->count == MAX_FILTERS)
		lc_reader_unusable(reader, "A stream has too many filters.");
	filters->names[filters->count] = pstrdup(qpdf_oh_get_name(reader->qpdf, name));
	if (strcmp(filters->names[filters->count], "/Crypt") == 0)
		lc_reader_unusable(reader, "A stream has an encryption of its own.");
	filters->plain[filters->count] = true;
	filters->early[filters->count] = true;
	if (qpdf_oh_is_dictionary(reader->qpdf, parameters))
	{
		qpdf_oh early = lc_reader_get(reader, parameters, "/EarlyChange");

		filters->plain[filters->count] = !qpdf_oh_has_key(reader->qpdf, parameters, "/Predictor");
		filters->early[filters->count] = !qpdf_oh_is_integer(reader->qpdf, early) ||
			qpdf_oh_get_int_value(reader->qpdf, early) != 0;
		qpdf_oh_release(reader->qpdf, early);
	}
	filters->count++;
}

/* Which filters a stream has, in the order in which they are undone. */
static void
get_filters(LcReader *reader, qpdf_oh stream, Filters *filters)
{
	qpdf_data qpdf = reader->qpdf;
	qpdf_oh dictionary = qpdf_oh_get_dict(qpdf, stream);
	qpdf_oh filter = lc_reader_get(reader, dictionary, "/Filter");
	qpdf_oh parameters = lc_reader_get(reader, dictionary, "/DecodeParms");

	filters->count = 0;
	if (qpdf_oh_is_array(qpdf, filter))
	{
		int count = qpdf_oh_get_array_n_items(qpdf, filter);

		for (int i = 0; i < count; i++)
		{
			qpdf_oh name = qpdf_oh_get_array_item(qpdf, filter, i);
			bool has_own = qpdf_oh_is_array(qpdf, parameters) &&
				i < qpdf_oh_get_array_n_items(qpdf, parameters);
			qpdf_oh own = has_own ? qpdf_oh_get_array_item(qpdf, parameters, i) : parameters;

			lc_reader_check(reader);
			add_filter(reader, filters, name, own);
			qpdf_oh_release(qpdf, name);
			if (has_own)
				qpdf_oh_release(qpdf, own);
		}
	}
	else if (!qpdf_oh_is_null(qpdf, filter))
		add_filter(reader, filters, filter, parameters);
	qpdf_oh_release(qpdf, parameters);
	qpdf_oh_release(qpdf, filter);
	qpdf_oh_release(qpdf, dictionary);
}

/* ---- data ---- */

/* The length that a stream says it has; -1: it says none. */
static int64
get_length(LcReader *reader, qpdf_oh stream)
{
	qpdf_oh dictionary = qpdf_oh_get_dict(reader->qpdf, stream);
	qpdf_oh value = lc_reader_get(reader, dictionary, "/Length");
	int64 length = qpdf_oh_is_integer(reader->qpdf, value) ? qpdf_oh_get_int_value(reader->qpdf, value)
														   : -1;

	qpdf_oh_release(reader->qpdf, value);
	qpdf_oh_release(reader->qpdf, dictionary);
	return length;
}

/*
 * A stream's data from libqpdf, palloc'd: as in the file, or decoded. "most" is how many bytes they may be. It
 * crashes when there is no memory for the copy that it makes at last (version 11), so there must be enough.
 */
static char *
get_data(LcReader *reader, qpdf_oh stream, enum qpdf_stream_decode_level_e level, Size most,
		 Size *length)
{
	QPDF_BOOL filtered = QPDF_FALSE;
	unsigned char *malloced = NULL;
	char *data;

	*length = 0;
	lc_reader_note_repairs(reader);
	lc_guard_need(4 * most + DATA_SLACK);
	if (qpdf_oh_get_stream_data(reader->qpdf, stream, level, &filtered, &malloced, length) & QPDF_ERRORS)
	{
		free(malloced);
		lc_reader_check_warnings(reader); /* they tell more */
		lc_reader_check(reader);
		lc_reader_damaged(reader, "A stream cannot be read.");
	}
	data = MemoryContextAllocExtended(CurrentMemoryContext, *length + 1,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
	if (data != NULL && *length > 0)
		memcpy(data, malloced, *length);
	free(malloced);
	if (data == NULL)
		lc_guard_memory_error();
	lc_reader_check_warnings(reader);
	if (level != qpdf_dl_none && !filtered)
		lc_reader_damaged(reader, "A stream cannot be decoded.");
	return data;
}

char *
lc_reader_data(LcReader *reader, qpdf_oh stream, Size *length)
{
	int64 said = get_length(reader, stream);
	bool is_sure = said >= 0 && said <= (int64) reader->length && reader->repairs == 0;
	char *data = get_data(reader, stream, qpdf_dl_none, is_sure ? (Size) said : reader->length, length);

	if (*length == 0 && said != 0)
		lc_reader_damaged(reader, "A stream's data cannot be found.");
	return data;
}

/* ---- undoing filters ---- */

/* Raises the error of what could not be undone, if it could not. */
static void
check_result(LcReader *reader, LcInflated result, Size limit)
{
	switch (result)
	{
		case LC_INFLATE_BROKEN:
			lc_reader_damaged(reader, "A stream cannot be decompressed.");
			break;
		case LC_INFLATE_TOO_LONG:
			too_long(reader, limit);
			break;
		case LC_INFLATE_DONE:
			break;
	}
}

/*
 * Undoes filters one after another, of which only the last may expand: then it is the output that grows. Filters
 * of images are not undone. Predictors are left to libqpdf.
 */
static void
expand_otherwise(LcReader *reader, qpdf_oh stream, const Filters *filters, const char *data, Size length,
				 StringInfo to)
{
	Size limit = stream_limit(to != NULL);
	int last = filters->count - 1;
	bool is_predicted = to != NULL && !filters->plain[last];
	StringInfoData undone[2];

	for (int i = 0; i < last; i++)
	{
		if (is_expanding(filters->names[i]))
			lc_reader_unusable(reader, "A stream is compressed twice.");
	}
	for (int i = 0; i <= last; i++)
	{
		if (is_flate(filters->names[i]) || lc_can_unfilter(filters->names[i]))
			continue;
		if (to != NULL)
			lc_reader_damaged(reader, "The page's content has a filter that is not for content.");
		return;
	}

	initStringInfo(&undone[0]);
	initStringInfo(&undone[1]);
	for (int i = 0; i <= last; i++)
	{
		StringInfo into = i < last || is_predicted ? &undone[i % 2] : to;

		if (into != NULL && into != to)
			resetStringInfo(into);
		check_result(reader,
					 is_flate(filters->names[i])
						 ? lc_inflate(into, data, length, 1, limit)
						 : lc_unfilter(into, filters->names[i], filters->early[i], data, length, limit),
					 limit);
		if (into != NULL)
		{
			data = into->data;
			length = into->len;
		}
	}
	pfree(undone[0].data);
	pfree(undone[1].data);
	if (is_predicted)
	{
		char *predicted = get_data(reader, stream, qpdf_dl_specialized, length, &length);

		appendBinaryStringInfo(to, predicted, (int) length);
		pfree(predicted);
	}
}

void
lc_reader_expand(LcReader *reader, qpdf_oh stream, const char *data, Size length, StringInfo to)
{
	Size limit = stream_limit(to != NULL);
	Filters filters;
	int layers = 0;

	/* Who wants only to know whether it ends, does not mind a predictor, which comes after FlateDecode. */
	get_filters(reader, stream, &filters);
	while (layers < filters.count && is_flate(filters.names[layers]) &&
		   (filters.plain[layers] || to == NULL))
	{
		if (!filters.plain[layers++])
			break;
	}

	if (filters.count == 0)
	{
		if (to != NULL)
			appendBinaryStringInfo(to, data, (int) length);
		return;
	}
	if (layers == 0 || (to != NULL && layers < filters.count))
	{
		expand_otherwise(reader, stream, &filters, data, length, to);
		return;
	}
	check_result(reader, lc_inflate(to, data, length, layers, limit), limit);
	for (int i = layers; i < filters.count; i++)
	{
		if (is_expanding(filters.names[i]))
			lc_reader_unusable(reader, "A stream is compressed twice.");
	}
}
