/*
 * pdf/template_read.c
 *		The first page of a PDF -> its objects as serialised PDF (libqpdf).
 *
 * The page is kept as a page: its boxes, rotation, group, resources and annotations stay what they are.
 * Every object that the page reaches is written down once, with new numbers. What leads away from the page
 * (other pages, structure, actions, attachments) is not followed.
 *
 * Nothing here believes the file. libqpdf cannot be interrupted, so it decompresses only what it must to
 * find the objects, never under more than one compression (check_object_streams()), and all under the
 * guard. Streams are copied as they are in the file. Knows nothing of documents or caches.
 */
#include "postgres.h"

#include <math.h>

#include <qpdf/qpdf-c.h>

#include "nodes/pg_list.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "guard.h"
#include "pdf/flate.h"
#include "pdf/syntax.h"
#include "pdf/template_read.h"
#include "settings.h"

/* Values inside values; the page tree's depth and the nodes looked at in it; filters of a stream. */
#define MAX_NESTING 100
#define MAX_TREE_DEPTH 50
#define MAX_TREE_NODES 10000
#define MAX_FILTERS 8

/* Points. Larger pages than these are an error of some program. */
#define MAX_SIDE 100000.0
#define BLEED 100.0

/* How a dictionary is read. */
typedef enum Kind
{
	PLAIN,
	ANNOTATION
} Kind;

/* An object that was met: the key in the table of numbers, and what will be written down. */
typedef struct Met
{
	int id;						/* the key, in the file read */
	int number;
	Kind kind;
	qpdf_oh handle;
} Met;

/* A stream's filters. */
typedef struct Filters
{
	int count;
	char *names[MAX_FILTERS];
	bool plain[MAX_FILTERS];	/* no predictor, nor other parameters */
} Filters;

typedef struct Reader
{
	const char *what;
	const uint8 *data;
	Size length;
	qpdf_data qpdf;
	HTAB *numbers;				/* of Met, without handles */
	List *pending;				/* of Met, to be written down */
	int met;
	LcTemplatePage *page;
	int room;					/* of page->objects */
	int underscores;			/* see note_name() */
} Reader;

/* What a page takes from the nodes above it; 0: none. */
typedef struct Inherited
{
	qpdf_oh resources;
	qpdf_oh media_box;
	qpdf_oh crop_box;
	qpdf_oh rotate;
} Inherited;

static void write_value(Reader *reader, LcFragment *to, qpdf_oh value, int depth, Kind kind);

/* ============================================================ errors */

static void damaged(Reader *reader, const char *detail) pg_attribute_noreturn();
static void not_supported(Reader *reader, const char *detail) pg_attribute_noreturn();

static void
damaged(Reader *reader, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is damaged", reader->what),
					errdetail("%s", detail),
					errhint("Open it in a PDF program and save it as a new file.")));
}

static void
not_supported(Reader *reader, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("%s cannot be used as a background", reader->what), errdetail("%s", detail),
					errhint("Open it in a PDF program and print it to a new PDF file.")));
}

/* What a stream may decompress to, in bytes. The page's content is also taken into memory, as a whole. */
static Size
stream_limit(bool is_content)
{
	return (Size) lc_parse_memory * 1024 / (is_content ? 4 : 1);
}

static void
too_long(Reader *reader, Size limit)
{
	ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("%s has a stream that decompresses to more than %zu kB", reader->what,
						   limit / 1024),
					errdetail("The limit comes from learning_credentials.parse_memory.")));
}

/* The sentence that libqpdf said, without the file's name and the place in it. */
static char *
sentence(Reader *reader, qpdf_error error)
{
	const char *detail = qpdf_get_error_message_detail(reader->qpdf, error);
	char *copy = pstrdup(detail != NULL && detail[0] != '\0' ? detail : "unknown error");

	/* It may quote bytes of the file. */
	for (char *c = copy; *c != '\0'; c++)
	{
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	copy[0] = (char) pg_toupper((unsigned char) copy[0]);
	return psprintf("%s.", copy);
}

/* Raises what libqpdf has complained of, be it an error or a warning. */
static void
raise_complaint(Reader *reader, qpdf_error error)
{
	char *detail = sentence(reader, error);

	if (strstr(detail, "bad_alloc") != NULL || strstr(detail, "memory") != NULL)
		lc_guard_memory_error();
	if (qpdf_get_error_code(reader->qpdf, error) == qpdf_e_password)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s needs a password", reader->what),
						errhint("Save it without a password.")));
	damaged(reader, detail);
}

/* To be called after every call of libqpdf that may fail. */
static void
check(Reader *reader)
{
	if (qpdf_has_error(reader->qpdf))
		raise_complaint(reader, qpdf_get_error(reader->qpdf));
}

/* libqpdf warns where it repairs or leaves out; a background with something left out is no good. */
static void
check_warnings(Reader *reader)
{
	while (qpdf_more_warnings(reader->qpdf))
	{
		qpdf_error warning = qpdf_next_warning(reader->qpdf);

		if (qpdf_get_error_code(reader->qpdf, warning) != qpdf_e_object)
			raise_complaint(reader, warning);
	}
}

/* ============================================================ before libqpdf */

static bool
is_filter_name(const LcToken *token)
{
	static const char *const names[] = {"FlateDecode", "Fl", "LZWDecode", "LZW", "RunLengthDecode",
										"RL", "ASCII85Decode", "A85", "ASCIIHexDecode", "AHx"};

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (lc_pdf_is_name(token, names[i]))
			return true;
	}
	return false;
}

/*
 * Looks at an object that starts after "obj". Object streams and cross-reference streams have /First
 * or are of type /XRef; libqpdf decompresses them on its own. Two compressions, one in the other, can take
 * it hours, and a /Filter elsewhere could not be seen here. Returns the bytes looked at.
 */
static Size
check_object(Reader *reader, const char *start, const char *end)
{
	LcScanner scanner = {start, end};
	bool decompressed = false;
	bool indirect = false;
	bool after_filter = false;
	int filters = 0;

	for (;;)
	{
		LcToken token = lc_pdf_next(&scanner);

		if (token.kind == LC_TOKEN_END || token.kind == LC_TOKEN_BROKEN ||
			lc_pdf_is_keyword(&token, "endobj") || lc_pdf_is_keyword(&token, "obj"))
			break;
		if (token.kind == LC_TOKEN_KEYWORD && token.length >= 6 &&
			memcmp(token.start, "stream", 6) == 0)
		{
			if (decompressed && (filters > 1 || indirect))
				not_supported(reader, "Its objects are compressed twice.");
			break;
		}
		if (lc_pdf_is_name(&token, "First") || lc_pdf_is_name(&token, "XRef"))
			decompressed = true;
		if (is_filter_name(&token))
			filters++;
		if (after_filter && token.kind == LC_TOKEN_NUMBER)
			indirect = true;
		after_filter = lc_pdf_is_name(&token, "Filter");
	}
	return scanner.at - start;
}

/* Looks at every place where libqpdf could find an object, whatever seems to be around it. */
static void
check_object_streams(Reader *reader)
{
	const char *at = (const char *) reader->data;
	const char *end = at + reader->length;
	Size looked_at = 0;

	while ((at = memchr(at, 'o', end - at)) != NULL)
	{
		if (end - at < 3 || memcmp(at, "obj", 3) != 0)
		{
			at++;
			continue;
		}
		at += 3;
		looked_at += check_object(reader, at, end);
		if (looked_at > 16 * reader->length + 65536)
			not_supported(reader, "Its objects overlap.");
		lc_guard_check();
	}
}

/* ============================================================ writing down */

void
lc_fragment_init(LcFragment *fragment)
{
	memset(fragment, 0, sizeof(*fragment));
	initStringInfo(&fragment->text);
}

static void
add_string(LcFragment *to, const char *bytes, Size length)
{
	LcFragmentString *string;

	if (to->count == to->room)
	{
		to->room = Max(8, to->room * 2);
		to->strings = to->strings == NULL
						  ? palloc(to->room * sizeof(LcFragmentString))
						  : repalloc(to->strings, to->room * sizeof(LcFragmentString));
	}
	string = &to->strings[to->count++];
	string->at = to->text.len;
	string->length = (int) length;
	string->bytes = palloc(length + 1);
	memcpy(string->bytes, bytes, length);
}

/* Appends a string as it is: what is between tokens and needs no escapes. */
static inline void
add(LcFragment *to, const char *text)
{
	appendStringInfoString(&to->text, text);
}

/* The keys of a dictionary or stream, each with its slash. libqpdf has one iterator: collect them. */
static List *
keys_of(Reader *reader, qpdf_oh dictionary)
{
	List *keys = NIL;

	qpdf_oh_begin_dict_key_iter(reader->qpdf, dictionary);
	while (qpdf_oh_dict_more_keys(reader->qpdf))
		keys = lappend(keys, pstrdup(qpdf_oh_dict_next_key(reader->qpdf)));
	check(reader);
	return keys;
}

static qpdf_oh
get(Reader *reader, qpdf_oh dictionary, const char *key)
{
	qpdf_oh value = qpdf_oh_get_key(reader->qpdf, dictionary, key);

	check(reader);
	return value;
}

static bool
is_type(Reader *reader, qpdf_oh dictionary, const char *key, const char *name)
{
	qpdf_oh value = get(reader, dictionary, key);
	bool is = qpdf_oh_is_name_and_equals(reader->qpdf, value, name);

	qpdf_oh_release(reader->qpdf, value);
	return is;
}

/* Does this indirect object lead away from the page? */
static bool
leads_away(Reader *reader, qpdf_oh object)
{
	static const char *const types[] = {"/Page", "/Pages", "/Catalog", "/StructTreeRoot",
										"/StructElem", "/Filespec", "/EmbeddedFile", "/Action",
										"/Outlines"};
	bool away = false;
	qpdf_oh type = get(reader, object, "/Type");

	for (int i = 0; i < (int) lengthof(types) && !away; i++)
		away = qpdf_oh_is_name_and_equals(reader->qpdf, type, types[i]);
	qpdf_oh_release(reader->qpdf, type);
	return away;
}

/* The new number of an indirect dictionary or stream, which is written down later if it is not yet. */
static int
number_of(Reader *reader, qpdf_oh object, Kind kind)
{
	int id = qpdf_oh_get_object_id(reader->qpdf, object);
	bool found;
	Met *met = hash_search(reader->numbers, &id, HASH_ENTER, &found);

	if (!found)
	{
		Met *pending = palloc(sizeof(Met));

		met->number = ++reader->met;
		*pending = *met;
		pending->kind = kind;
		pending->handle = qpdf_oh_new_object(reader->qpdf, object);
		reader->pending = lappend(reader->pending, pending);
	}
	return met->number;
}

/*
 * Is this an annotation that does something: plays, holds a file, is a field of a form? Of such a one
 * only the picture is kept, as a stamp.
 */
static bool
is_active(Reader *reader, qpdf_oh annotation)
{
	static const char *const subtypes[] = {"/FileAttachment", "/Sound", "/Movie", "/Screen", "/Widget",
										   "/RichMedia", "/3D", "/TrapNet"};

	for (int i = 0; i < (int) lengthof(subtypes); i++)
	{
		if (is_type(reader, annotation, "/Subtype", subtypes[i]))
			return true;
	}
	return false;
}

/* Is the key of an annotation kept? Those that draw. /Subtype and /A are written apart. */
static bool
is_annotation_key(const char *key)
{
	static const char *const keys[] = {
		"/Type", "/Rect", "/Contents", "/NM", "/M", "/F", "/AP", "/AS", "/Border", "/C",
		"/BS", "/BE", "/CA", "/ca", "/BM", "/IC", "/Q", "/DA", "/DS", "/MK", "/H", "/QuadPoints",
		"/Vertices", "/L", "/LE", "/LL", "/LLE", "/LLO", "/CL", "/CO", "/RD", "/IT", "/Cap", "/CP",
		"/InkList", "/Name", "/Sy", "/OC", "/Lang", "/Open"};

	for (int i = 0; i < (int) lengthof(keys); i++)
	{
		if (strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}

/* Is the key of a stream kept? Not its length, what leads away, and files that are not in the file. */
static bool
is_stream_key(const char *key)
{
	static const char *const keys[] = {"/Length", "/DL", "/F", "/FFilter", "/FDecodeParms",
									   "/StructParent", "/StructParents", "/PieceInfo", "/Metadata",
									   "/OPI", "/Ref", "/AF", "/LastModified"};

	for (int i = 0; i < (int) lengthof(keys); i++)
	{
		if (strcmp(key, keys[i]) == 0)
			return false;
	}
	return true;
}

/* Writes down an entry. */
static void
write_entry(Reader *reader, LcFragment *to, const char *key, qpdf_oh value, int depth)
{
	lc_pdf_name(&to->text, key + 1);
	add(to, " ");
	write_value(reader, to, value, depth, PLAIN);
	add(to, " ");
}

/* What an annotation is and does: of its actions only a link to an address stays. */
static void
write_subtype(Reader *reader, LcFragment *to, qpdf_oh annotation, int depth)
{
	qpdf_oh subtype = get(reader, annotation, "/Subtype");
	qpdf_oh action = get(reader, annotation, "/A");

	if (is_active(reader, annotation))
		add(to, "/Subtype /Stamp ");
	else
		write_entry(reader, to, "/Subtype", subtype, depth);
	qpdf_oh_release(reader->qpdf, subtype);
	if (qpdf_oh_is_dictionary(reader->qpdf, action) && is_type(reader, action, "/S", "/URI"))
	{
		qpdf_oh address = get(reader, action, "/URI");

		if (qpdf_oh_is_string(reader->qpdf, address))
		{
			add(to, "/A << /S /URI ");
			write_entry(reader, to, "/URI", address, depth);
			add(to, ">> ");
		}
		qpdf_oh_release(reader->qpdf, address);
	}
	qpdf_oh_release(reader->qpdf, action);
}

/* Writes down what stands between the brackets of a dictionary, or of a stream's. */
static void
write_entries(Reader *reader, LcFragment *to, qpdf_oh dictionary, int depth, Kind kind)
{
	bool is_stream = qpdf_oh_is_stream(reader->qpdf, dictionary);
	qpdf_oh from = is_stream ? qpdf_oh_get_dict(reader->qpdf, dictionary) : dictionary;
	List *keys = keys_of(reader, from);
	ListCell *cell;

	foreach (cell, keys)
	{
		const char *key = lfirst(cell);
		qpdf_oh value;

		if ((is_stream && !is_stream_key(key)) || (kind == ANNOTATION && !is_annotation_key(key)))
			continue;
		value = get(reader, from, key);
		write_entry(reader, to, key, value, depth);
		qpdf_oh_release(reader->qpdf, value);
	}
	list_free_deep(keys);
	if (kind == ANNOTATION)
		write_subtype(reader, to, from, depth);
	if (is_stream)
		qpdf_oh_release(reader->qpdf, from);
}

static void
write_array(Reader *reader, LcFragment *to, qpdf_oh array, int depth)
{
	int count = qpdf_oh_get_array_n_items(reader->qpdf, array);

	add(to, "[");
	for (int i = 0; i < count; i++)
	{
		qpdf_oh item = qpdf_oh_get_array_item(reader->qpdf, array, i);

		check(reader);
		if (i > 0)
			add(to, " ");
		write_value(reader, to, item, depth, PLAIN);
		qpdf_oh_release(reader->qpdf, item);
	}
	add(to, "]");
}

/*
 * Writes down a value. Dictionaries and streams that are objects of their own stay so; all else is
 * written where it is used, because the canvas has no other objects.
 */
static void
write_value(Reader *reader, LcFragment *to, qpdf_oh value, int depth, Kind kind)
{
	qpdf_data qpdf = reader->qpdf;
	enum qpdf_object_type_e type = qpdf_oh_get_type_code(qpdf, value);

	check(reader);
	lc_guard_check();
	if (depth > MAX_NESTING)
		not_supported(reader, "Its objects are nested too deeply.");

	switch (type)
	{
		case ot_boolean:
			add(to, qpdf_oh_get_bool_value(qpdf, value) ? "true" : "false");
			break;
		case ot_integer:
			appendStringInfo(&to->text, "%lld", qpdf_oh_get_int_value(qpdf, value));
			break;
		case ot_real:
			add(to, qpdf_oh_get_real_value(qpdf, value));
			break;
		case ot_name:
			lc_pdf_name(&to->text, qpdf_oh_get_name(qpdf, value) + 1);
			break;
		case ot_string:
			{
				Size length;
				const char *bytes = qpdf_oh_get_binary_string_value(qpdf, value, &length);

				add_string(to, bytes, length);
				break;
			}
		case ot_array:
			write_array(reader, to, value, depth + 1);
			break;
		case ot_dictionary:
		case ot_stream:
			if (!qpdf_oh_is_indirect(qpdf, value))
			{
				add(to, "<< ");
				write_entries(reader, to, value, depth + 1, kind);
				add(to, ">>");
			}
			else if (leads_away(reader, value))
				add(to, "null");
			else
				appendStringInfo(&to->text, "%d 0 R", number_of(reader, value, kind));
			break;
		default:
			add(to, "null");
	}
	check(reader);
}

/* ============================================================ streams */

static bool
is_expanding(const char *filter)
{
	return strcmp(filter, "/FlateDecode") == 0 || strcmp(filter, "/Fl") == 0 ||
		strcmp(filter, "/LZWDecode") == 0 || strcmp(filter, "/LZW") == 0 ||
		strcmp(filter, "/RunLengthDecode") == 0 || strcmp(filter, "/RL") == 0;
}

static bool
is_ascii(const char *filter)
{
	return strcmp(filter, "/ASCII85Decode") == 0 || strcmp(filter, "/A85") == 0 ||
		strcmp(filter, "/ASCIIHexDecode") == 0 || strcmp(filter, "/AHx") == 0;
}

static bool
is_flate(const char *filter)
{
	return strcmp(filter, "/FlateDecode") == 0 || strcmp(filter, "/Fl") == 0;
}

static void
add_filter(Reader *reader, Filters *filters, qpdf_oh name, qpdf_oh parameters)
{
	if (!qpdf_oh_is_name(reader->qpdf, name))
		damaged(reader, "A stream has a filter that is not a name.");
	if (filters->count == MAX_FILTERS)
		not_supported(reader, "A stream has too many filters.");
	filters->names[filters->count] = pstrdup(qpdf_oh_get_name(reader->qpdf, name));
	if (strcmp(filters->names[filters->count], "/Crypt") == 0)
		not_supported(reader, "A stream has an encryption of its own.");
	filters->plain[filters->count] = !qpdf_oh_is_dictionary(reader->qpdf, parameters) ||
		!qpdf_oh_has_key(reader->qpdf, parameters, "/Predictor");
	filters->count++;
}

/* Which filters a stream has, in the order in which they are undone. */
static void
get_filters(Reader *reader, qpdf_oh stream, Filters *filters)
{
	qpdf_data qpdf = reader->qpdf;
	qpdf_oh dictionary = qpdf_oh_get_dict(qpdf, stream);
	qpdf_oh filter = get(reader, dictionary, "/Filter");
	qpdf_oh parameters = get(reader, dictionary, "/DecodeParms");

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

			check(reader);
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

/* A stream's data, palloc'd: as in the file (qpdf_dl_none), or decoded by libqpdf. */
static char *
get_data(Reader *reader, qpdf_oh stream, enum qpdf_stream_decode_level_e level, Size *length)
{
	QPDF_BOOL filtered = QPDF_FALSE;
	unsigned char *malloced = NULL;
	char *data;

	*length = 0;
	if (qpdf_oh_get_stream_data(reader->qpdf, stream, level, &filtered, &malloced, length) &
		QPDF_ERRORS)
	{
		free(malloced);
		check_warnings(reader); /* they tell more */
		check(reader);
		damaged(reader, "A stream cannot be read.");
	}
	data = MemoryContextAllocExtended(CurrentMemoryContext, *length + 1,
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
	if (data != NULL && *length > 0)
		memcpy(data, malloced, *length);
	free(malloced);
	if (data == NULL)
		lc_guard_memory_error();
	check_warnings(reader);
	if (level != qpdf_dl_none && !filtered)
		damaged(reader, "A stream cannot be decoded.");
	return data;
}

/*
 * Undoes a stream's compressions, to see that they end within bounds; into "to", if that is not NULL, and
 * then all of its filters. libqpdf does what is not plain FlateDecode, but only where its output is what
 * expands, for that is what the guard bounds.
 */
static void
expand(Reader *reader, qpdf_oh stream, const char *data, Size length, StringInfo to)
{
	Size limit = stream_limit(to != NULL);
	Filters filters;
	int layers = 0;

	get_filters(reader, stream, &filters);
	while (layers < filters.count && is_flate(filters.names[layers]) && filters.plain[layers])
		layers++;

	if (layers > 0 && (to == NULL || layers == filters.count))
	{
		switch (lc_inflate(to, data, length, layers, limit))
		{
			case LC_INFLATE_BROKEN:
				damaged(reader, "A stream cannot be decompressed.");
				break;
			case LC_INFLATE_TOO_LONG:
				too_long(reader, limit);
				break;
			case LC_INFLATE_DONE:
				break;
		}
	}
	if (layers == filters.count)
	{
		if (layers == 0 && to != NULL)
			appendBinaryStringInfo(to, data, (int) length);
		return;
	}

	/* Not plain: nothing expands but the last filter, or the last but those of an image. */
	for (int i = layers; i < filters.count; i++)
	{
		bool last = i + 1 == filters.count;

		if (is_expanding(filters.names[i]) && !last && (i > 0 || to != NULL))
			not_supported(reader, "A stream is compressed twice.");
		if (last && (is_expanding(filters.names[i]) || (to != NULL && is_ascii(filters.names[i]))))
		{
			Size expanded_length;
			char *expanded;

			if (layers > 0)
				not_supported(reader, "A stream is compressed twice.");
			expanded = get_data(reader, stream, qpdf_dl_specialized, &expanded_length);
			if (expanded_length > limit)
				too_long(reader, limit);
			if (to != NULL)
				appendBinaryStringInfo(to, expanded, (int) expanded_length);
			pfree(expanded);
			return;
		}
	}
	if (to != NULL)
		damaged(reader, "The page's content has a filter that is not for content.");
}

/* ============================================================ objects */

/* The next object of the page, which has the number that comes next. */
static LcTemplateObject *
next_object(Reader *reader)
{
	LcTemplatePage *page = reader->page;

	if (page->count == reader->room)
	{
		reader->room = Max(16, reader->room * 2);
		page->objects = page->objects == NULL
							? palloc(reader->room * sizeof(LcTemplateObject))
							: repalloc(page->objects, reader->room * sizeof(LcTemplateObject));
	}
	memset(&page->objects[page->count], 0, sizeof(LcTemplateObject));
	lc_fragment_init(&page->objects[page->count].entries);
	return &page->objects[page->count++];
}

/* Writes down what was met, and what that leads to. */
static void
write_pending(Reader *reader)
{
	while (reader->pending != NIL)
	{
		List *pending = reader->pending;
		ListCell *cell;

		reader->pending = NIL;
		foreach (cell, pending)
		{
			Met *met = lfirst(cell);
			LcTemplateObject *object = next_object(reader);
			StringInfo text = &object->entries.text;

			lc_guard_check();
			Assert(reader->page->count == met->number);
			write_entries(reader, &object->entries, met->handle, 1, met->kind);
			text->maxlen = text->len + 1;
			text->data = repalloc(text->data, text->maxlen);
			if (qpdf_oh_is_stream(reader->qpdf, met->handle))
			{
				object->is_stream = true;
				object->data = get_data(reader, met->handle, qpdf_dl_none, &object->length);
				expand(reader, met->handle, object->data, object->length, NULL);
			}
			qpdf_oh_release(reader->qpdf, met->handle);
		}
		list_free_deep(pending);
	}
}

/* Adds a stream of our own, and returns its number. */
static int
add_stream(Reader *reader, const char *entries, char *data, Size length)
{
	LcTemplateObject *object;

	write_pending(reader);
	reader->met++;
	object = next_object(reader);
	add(&object->entries, entries);
	object->is_stream = true;
	object->data = data;
	object->length = length;
	return reader->page->count;
}

/* ============================================================ the page */

/* Finds the first page under a node, and what it inherits. 0: there is none. */
static qpdf_oh
find_page(Reader *reader, qpdf_oh node, Inherited *inherited, int depth, int *nodes)
{
	qpdf_data qpdf = reader->qpdf;
	Inherited own = *inherited;
	qpdf_oh kids;
	int count;

	lc_guard_check();
	if (!qpdf_oh_is_dictionary(qpdf, node))
		return 0;
	if (depth > MAX_TREE_DEPTH || ++*nodes > MAX_TREE_NODES)
		damaged(reader, "Its pages lead in a circle.");

	if (qpdf_oh_has_key(qpdf, node, "/Resources"))
		own.resources = get(reader, node, "/Resources");
	if (qpdf_oh_has_key(qpdf, node, "/MediaBox"))
		own.media_box = get(reader, node, "/MediaBox");
	if (qpdf_oh_has_key(qpdf, node, "/CropBox"))
		own.crop_box = get(reader, node, "/CropBox");
	if (qpdf_oh_has_key(qpdf, node, "/Rotate"))
		own.rotate = get(reader, node, "/Rotate");

	kids = get(reader, node, "/Kids");
	if (!qpdf_oh_is_array(qpdf, kids))
	{
		*inherited = own;
		return node;
	}
	count = qpdf_oh_get_array_n_items(qpdf, kids);
	for (int i = 0; i < count; i++)
	{
		Inherited theirs = own;
		qpdf_oh kid = qpdf_oh_get_array_item(qpdf, kids, i);
		qpdf_oh page;

		check(reader);
		page = find_page(reader, kid, &theirs, depth + 1, nodes);
		if (page != 0)
		{
			*inherited = theirs;
			return page;
		}
		qpdf_oh_release(qpdf, kid);
	}
	return 0;
}

/* Reads a rectangle, its corners put in order. False: it is none. */
static bool
get_box(Reader *reader, qpdf_oh array, double *box)
{
	qpdf_data qpdf = reader->qpdf;

	if (array == 0 || !qpdf_oh_is_array(qpdf, array) || qpdf_oh_get_array_n_items(qpdf, array) != 4)
		return false;
	for (int i = 0; i < 4; i++)
	{
		qpdf_oh item = qpdf_oh_get_array_item(qpdf, array, i);
		bool is_number = qpdf_oh_get_value_as_number(qpdf, item, &box[i]);

		qpdf_oh_release(qpdf, item);
		if (!is_number || !isfinite(box[i]))
			return false;
	}
	for (int i = 0; i < 2; i++)
	{
		double low = Min(box[i], box[i + 2]);

		box[i + 2] = Max(box[i], box[i + 2]);
		box[i] = low;
	}
	return true;
}

/* What a viewer shows of the page, and how. */
static void
read_boxes(Reader *reader, qpdf_oh handle, const Inherited *inherited)
{
	LcTemplatePage *page = reader->page;
	qpdf_data qpdf = reader->qpdf;
	double media[4];
	double crop[4];
	int rotate = 0;
	qpdf_oh unit;

	if (!get_box(reader, inherited->media_box, media))
		damaged(reader, "Its first page has no size.");
	page->left = media[0];
	page->bottom = media[1];
	page->right = media[2];
	page->top = media[3];
	if (get_box(reader, inherited->crop_box, crop) && Max(crop[0], media[0]) < Min(crop[2], media[2]) &&
		Max(crop[1], media[1]) < Min(crop[3], media[3]))
	{
		page->left = Max(crop[0], media[0]);
		page->bottom = Max(crop[1], media[1]);
		page->right = Min(crop[2], media[2]);
		page->top = Min(crop[3], media[3]);
	}
	if (page->right - page->left < 1 || page->top - page->bottom < 1 ||
		page->right - page->left > MAX_SIDE || page->top - page->bottom > MAX_SIDE)
		not_supported(reader, psprintf("Its first page is %g by %g points.", page->right - page->left,
									   page->top - page->bottom));

	if (inherited->rotate != 0)
		(void) qpdf_oh_get_value_as_int(qpdf, inherited->rotate, &rotate);
	if (rotate % 90 != 0)
		damaged(reader, "Its first page is rotated, but not by a right angle.");
	page->rotate = (rotate % 360 + 360) % 360;

	page->user_unit = 1;
	unit = get(reader, handle, "/UserUnit");
	(void) qpdf_oh_get_value_as_number(qpdf, unit, &page->user_unit);
	qpdf_oh_release(qpdf, unit);
	if (!(page->user_unit >= 0.001 && page->user_unit <= 1000))
		damaged(reader, "Its first page has no sensible unit.");
}

/*
 * Resources that are added must not have names that the page uses. Ours start with "Lc"; if a name of the
 * page does so too, with "Lc" and one underscore more than follow it there.
 */
static void
note_name(Reader *reader, const char *name)
{
	int underscores = 0;

	if (strncmp(name, "Lc", 2) != 0)
		return;
	while (name[2 + underscores] == '_')
		underscores++;
	reader->underscores = Max(reader->underscores, underscores + 1);
}

/* Writes down a category of resources, with or without its name and brackets. */
static void
write_resources(Reader *reader, LcFragment *to, const char *category, qpdf_oh resources, bool bare)
{
	List *names = keys_of(reader, resources);
	ListCell *cell;

	if (!bare)
	{
		add(to, category);
		add(to, " << ");
	}
	foreach (cell, names)
	{
		const char *name = lfirst(cell);
		qpdf_oh value = get(reader, resources, name);

		note_name(reader, name + 1);
		write_entry(reader, to, name, value, 1);
		qpdf_oh_release(reader->qpdf, value);
	}
	if (!bare)
		add(to, ">> ");
}

static void
read_resources(Reader *reader, qpdf_oh resources)
{
	LcTemplatePage *page = reader->page;
	List *categories;
	ListCell *cell;

	if (resources == 0 || !qpdf_oh_is_dictionary(reader->qpdf, resources))
		return;
	categories = keys_of(reader, resources);
	foreach (cell, categories)
	{
		const char *category = lfirst(cell);
		qpdf_oh value = get(reader, resources, category);

		if (!qpdf_oh_is_dictionary(reader->qpdf, value))
			write_entry(reader, &page->other_resources, category, value, 1);
		else if (strcmp(category, "/Font") == 0)
			write_resources(reader, &page->fonts, category, value, true);
		else if (strcmp(category, "/XObject") == 0)
			write_resources(reader, &page->xobjects, category, value, true);
		else if (strcmp(category, "/ExtGState") == 0)
			write_resources(reader, &page->extgstates, category, value, true);
		else
			write_resources(reader, &page->other_resources, category, value, false);
		qpdf_oh_release(reader->qpdf, value);
	}
}

/* Does an annotation stay? Those that show something, and pop-ups belong to others. */
static bool
keep_annotation(Reader *reader, qpdf_oh annotation)
{
	if (!qpdf_oh_is_dictionary(reader->qpdf, annotation) ||
		is_type(reader, annotation, "/Subtype", "/Popup"))
		return false;
	return qpdf_oh_has_key(reader->qpdf, annotation, "/AP") || !is_active(reader, annotation);
}

static void
read_annotations(Reader *reader, qpdf_oh handle)
{
	LcFragment *to = &reader->page->page;
	qpdf_oh annotations = get(reader, handle, "/Annots");
	int count;

	if (!qpdf_oh_is_array(reader->qpdf, annotations))
		return;
	add(to, "/Annots [");
	count = qpdf_oh_get_array_n_items(reader->qpdf, annotations);
	for (int i = 0; i < count; i++)
	{
		qpdf_oh annotation = qpdf_oh_get_array_item(reader->qpdf, annotations, i);

		check(reader);
		if (keep_annotation(reader, annotation))
		{
			write_value(reader, to, annotation, 1, ANNOTATION);
			add(to, " ");
		}
		qpdf_oh_release(reader->qpdf, annotation);
	}
	add(to, "] ");
}

static void
read_entries(Reader *reader, qpdf_oh handle, const Inherited *inherited)
{
	static const char *const own[] = {"/BleedBox", "/TrimBox", "/ArtBox", "/UserUnit", "/Group"};
	LcFragment *to = &reader->page->page;

	write_entry(reader, to, "/MediaBox", inherited->media_box, 1);
	if (inherited->crop_box != 0)
		write_entry(reader, to, "/CropBox", inherited->crop_box, 1);
	if (inherited->rotate != 0)
		write_entry(reader, to, "/Rotate", inherited->rotate, 1);
	for (int i = 0; i < (int) lengthof(own); i++)
	{
		if (qpdf_oh_has_key(reader->qpdf, handle, own[i]))
		{
			qpdf_oh value = get(reader, handle, own[i]);

			write_entry(reader, to, own[i], value, 1);
			qpdf_oh_release(reader->qpdf, value);
		}
	}
	read_annotations(reader, handle);
}

/* ============================================================ the page's content */

/* What a content stream leaves open. */
typedef struct Balance
{
	int states;					/* q without Q */
	int marks;					/* BDC or BMC without EMC */
	bool text;					/* BT without ET */
	bool broken;				/* Q without q, or it ends amid something */
} Balance;

/*
 * Moves past the data of an inline image, which start after "ID" and end with an EI of its own, that is
 * one with text after it. The data may hold the letters too.
 */
static bool
skip_image(LcScanner *scanner)
{
	const char *at = scanner->at;

	while ((at = memchr(at, 'E', scanner->end - at)) != NULL)
	{
		const char *after = at + 2;
		bool is_end = scanner->end - at >= 2 && at[1] == 'I' && at > scanner->at &&
			strchr(" \n\r\t", at[-1]) != NULL && at[-1] != '\0';

		for (; is_end && after < scanner->end && after < at + 12; after++)
		{
			unsigned char c = (unsigned char) *after;

			is_end = after == at + 2 ? c <= ' ' : (c >= ' ' && c < 0x7f) || c == '\n' || c == '\r' || c == '\t';
		}
		if (is_end)
		{
			scanner->at = at + 2;
			return true;
		}
		at++;
	}
	return false;
}

static Balance
balance_of(const char *content, Size length)
{
	LcScanner scanner = {content, content + length};
	Balance balance = {0};
	int brackets = 0;

	for (int tokens = 0;; tokens++)
	{
		LcToken token = lc_pdf_next(&scanner);

		if (tokens % 1024 == 0)
			lc_guard_check();
		if (token.kind == LC_TOKEN_END)
			break;
		if (token.kind == LC_TOKEN_BROKEN)
			balance.broken = true;
		else if (token.kind == LC_TOKEN_BRACKET)
			brackets += (*token.start == '[' || *token.start == '<')
							? 1
							: (*token.start == ']' || *token.start == '>') ? -1 : 0;
		else if (token.kind != LC_TOKEN_KEYWORD)
			continue;
		else if (lc_pdf_is_keyword(&token, "q"))
			balance.states++;
		else if (lc_pdf_is_keyword(&token, "Q"))
			balance.broken |= --balance.states < 0;
		else if (lc_pdf_is_keyword(&token, "BT"))
			balance.text = true;
		else if (lc_pdf_is_keyword(&token, "ET"))
			balance.text = false;
		else if (lc_pdf_is_keyword(&token, "BMC") || lc_pdf_is_keyword(&token, "BDC"))
			balance.marks++;
		else if (lc_pdf_is_keyword(&token, "EMC"))
			balance.broken |= --balance.marks < 0;
		else if (lc_pdf_is_keyword(&token, "ID"))
			balance.broken |= !skip_image(&scanner);
	}
	balance.broken |= brackets != 0;
	return balance;
}

/* The page's content as a form, which ends whatever it leaves open. */
static void
wrap_content(Reader *reader, StringInfo content)
{
	LcTemplatePage *page = reader->page;
	StringInfoData data;
	LcFragment *entries;
	int number;

	initStringInfo(&data);
	lc_deflate(&data, content->data, content->len);
	number = add_stream(reader, "/Type /XObject /Subtype /Form /Filter /FlateDecode /BBox [", data.data,
						data.len);
	entries = &page->objects[number - 1].entries;
	/* The form must not be clipped where the page is: the edge of a clip is drawn softly. */
	lc_pdf_numbers(&entries->text, 4, page->left - BLEED, page->bottom - BLEED, page->right + BLEED,
				   page->top + BLEED);
	add(entries, "]");
	appendStringInfo(&page->xobjects.text, "/%sGround %d 0 R ", page->prefix, number);

	number = add_stream(reader, "", psprintf("q /%sGround Do", page->prefix),
						strlen(page->prefix) + strlen("q /Ground Do"));
	appendStringInfo(&page->contents, "%d 0 R ", number);
	appendStringInfoString(&page->closing, "Q\n");
}

static void
append_content(Reader *reader, qpdf_oh stream, StringInfo content, StringInfo references)
{
	Size length;
	char *data;

	if (!qpdf_oh_is_stream(reader->qpdf, stream))
		damaged(reader, "Its first page has content that is not a stream.");
	appendStringInfo(references, "%d 0 R ", number_of(reader, stream, PLAIN));
	data = get_data(reader, stream, qpdf_dl_none, &length);
	expand(reader, stream, data, length, content);
	appendStringInfoChar(content, '\n');
	pfree(data);
}

/*
 * The page's content stays as it is if what follows it can be drawn undisturbed: it is put between q and Q,
 * and what it leaves open is closed.
 */
static void
read_content(Reader *reader, qpdf_oh handle)
{
	LcTemplatePage *page = reader->page;
	qpdf_oh contents = get(reader, handle, "/Contents");
	StringInfoData content;
	StringInfoData references;
	Balance balance;

	if (qpdf_oh_is_null(reader->qpdf, contents))
		return;
	initStringInfo(&content);
	initStringInfo(&references);
	if (qpdf_oh_is_array(reader->qpdf, contents))
	{
		int count = qpdf_oh_get_array_n_items(reader->qpdf, contents);

		for (int i = 0; i < count; i++)
		{
			qpdf_oh stream = qpdf_oh_get_array_item(reader->qpdf, contents, i);

			check(reader);
			append_content(reader, stream, &content, &references);
			qpdf_oh_release(reader->qpdf, stream);
		}
	}
	else
		append_content(reader, contents, &content, &references);

	balance = balance_of(content.data, content.len);
	if (balance.broken || balance.text)
		wrap_content(reader, &content);
	else
	{
		int number = add_stream(reader, "", pstrdup("q"), 1);

		appendStringInfo(&page->contents, "%d 0 R %s", number, references.data);
		for (; balance.marks > 0; balance.marks--)
			appendStringInfoString(&page->closing, "EMC\n");
		for (; balance.states >= 0; balance.states--)
			appendStringInfoString(&page->closing, "Q\n");
	}
	pfree(content.data);
}

/* ============================================================ the file */

static void
read_catalog(Reader *reader, qpdf_oh root)
{
	static const char *const keys[] = {"/OCProperties", "/OutputIntents"};

	for (int i = 0; i < (int) lengthof(keys); i++)
	{
		qpdf_oh value = get(reader, root, keys[i]);

		if (!qpdf_oh_is_null(reader->qpdf, value))
			write_entry(reader, &reader->page->catalog, keys[i], value, 1);
		qpdf_oh_release(reader->qpdf, value);
	}
}

/* The callback that frees what libqpdf has, whichever way the reading ends. */
static void
close_file(void *argument)
{
	Reader *reader = argument;

	if (reader->qpdf != NULL)
		qpdf_cleanup(&reader->qpdf);
}

static void
open_file(Reader *reader)
{
	reader->qpdf = qpdf_init();
	qpdf_silence_errors(reader->qpdf);
	qpdf_set_suppress_warnings(reader->qpdf, QPDF_TRUE);
	/* Repairing takes time without bound, and guesses. */
	qpdf_set_attempt_recovery(reader->qpdf, QPDF_FALSE);
	(void) qpdf_read_memory(reader->qpdf, "template", (const char *) reader->data, reader->length, "");
	check(reader);
	lc_guard_check();
}

/* What the guard calls: everything between opening and closing the file. */
static void
read_page(void *argument)
{
	Reader *reader = argument;
	LcTemplatePage *page = reader->page;
	Inherited inherited = {0};
	int nodes = 0;
	qpdf_oh root;
	qpdf_oh pages;
	qpdf_oh handle;

	check_object_streams(reader);
	open_file(reader);
	root = qpdf_get_root(reader->qpdf);
	check(reader);
	pages = get(reader, root, "/Pages");
	handle = find_page(reader, pages, &inherited, 0, &nodes);
	check_warnings(reader);
	if (handle == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s has no page", reader->what)));

	read_boxes(reader, handle, &inherited);
	read_entries(reader, handle, &inherited);
	read_resources(reader, inherited.resources);
	page->prefix = palloc0(2 + reader->underscores + 1);
	memcpy(page->prefix, "Lc", 2);
	memset(page->prefix + 2, '_', reader->underscores);
	read_catalog(reader, root);
	read_content(reader, handle);
	write_pending(reader);
	check_warnings(reader);
}

LcTemplatePage *
lc_template_read(const uint8 *data, Size length, const char *what)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "template reader", ALLOCSET_DEFAULT_SIZES);
	Reader *reader = MemoryContextAllocZero(context, sizeof(Reader));
	MemoryContextCallback *callback = MemoryContextAlloc(context, sizeof(MemoryContextCallback));
	LcTemplatePage *page = palloc0(sizeof(LcTemplatePage));
	HASHCTL control = {0};
	Size magic = 0;

	/* Readers take a header that stands within the first 1,024 bytes (ISO 32000-1, annex H, 3.4.1). */
	while (magic < 1024 && magic + 5 <= length && memcmp(data + magic, "%PDF-", 5) != 0)
		magic++;
	if (magic >= 1024 || magic + 5 > length)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is not a PDF file", what)));

	lc_fragment_init(&page->page);
	lc_fragment_init(&page->fonts);
	lc_fragment_init(&page->xobjects);
	lc_fragment_init(&page->extgstates);
	lc_fragment_init(&page->other_resources);
	lc_fragment_init(&page->catalog);
	initStringInfo(&page->contents);
	initStringInfo(&page->closing);

	reader->what = what;
	reader->data = data;
	reader->length = length;
	reader->page = page;
	control.keysize = sizeof(int);
	control.entrysize = sizeof(Met);
	control.hcxt = context;
	reader->numbers =
		hash_create("template objects", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	callback->func = close_file;
	callback->arg = reader;
	MemoryContextRegisterResetCallback(context, callback);
	lc_guard(what, read_page, reader);
	MemoryContextDelete(context);
	return page;
}
