/*
 * pdf/template_objects.c
 *		The objects of a PDF -> serialised PDF (libqpdf).
 *
 * Every object that the page reaches is written down once, with a new number. What leads away from the
 * page (other pages, structure, actions, attachments) is not followed. What belongs to a page is
 * template_read.c's business, and what streams hold template_streams.c's.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "guard.h"
#include "pdf/syntax.h"
#include "pdf/template_reader.h"

/* Values inside values. */
#define MAX_NESTING 100

/* ============================================================ errors */

void
lc_reader_damaged(LcReader *reader, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is damaged", reader->what),
			 errdetail("%s", detail), errhint("Open it in a PDF program and save it as a new file.")));
}

void
lc_reader_unusable(LcReader *reader, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s cannot be used as a background", reader->what), errdetail("%s", detail),
			 errhint("Open it in a PDF program and print it to a new PDF file.")));
}

/* Repairs that are told one by one. */
#define MAX_TOLD 4

/* The sentence that libqpdf said, without the file's name and the place in it. */
static char *
sentence(LcReader *reader, qpdf_error error)
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

/* Was it that memory was used up? libqpdf takes that for a fault of the file. */
static bool
is_of_memory(LcReader *reader, qpdf_error error)
{
	const char *detail = qpdf_get_error_message_detail(reader->qpdf, error);

	return detail != NULL && (strstr(detail, "bad_alloc") != NULL || strstr(detail, "memory") != NULL);
}

/* Raises what libqpdf has complained of, be it an error or a warning. */
static void
raise_complaint(LcReader *reader, qpdf_error error)
{
	if (is_of_memory(reader, error))
		lc_guard_memory_error();
	if (qpdf_get_error_code(reader->qpdf, error) == qpdf_e_password)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s needs a password", reader->what),
				 errhint("Save it without a password.")));
	lc_reader_damaged(reader, sentence(reader, error));
}

void
lc_reader_check(LcReader *reader)
{
	if (qpdf_has_error(reader->qpdf))
		raise_complaint(reader, qpdf_get_error(reader->qpdf));
}

/* The next of libqpdf's warnings that is about the file, not about how we use it; NULL: there is none. */
static qpdf_error
next_warning(LcReader *reader)
{
	while (qpdf_more_warnings(reader->qpdf))
	{
		qpdf_error warning = qpdf_next_warning(reader->qpdf);

		if (qpdf_get_error_code(reader->qpdf, warning) != qpdf_e_object)
			return warning;
	}
	return NULL;
}

void
lc_reader_check_warnings(LcReader *reader)
{
	qpdf_error warning = next_warning(reader);

	if (warning != NULL)
		raise_complaint(reader, warning);
}

void
lc_reader_note_repairs(LcReader *reader)
{
	LcTemplatePage *page = reader->page;
	qpdf_error warning;

	while ((warning = next_warning(reader)) != NULL)
	{
		if (!reader->survey.repairable || is_of_memory(reader, warning))
			raise_complaint(reader, warning);
		if (++reader->repairs == 1)
			page->repairs = sentence(reader, warning);
		else if (reader->repairs <= MAX_TOLD)
			page->repairs = psprintf("%s %s", page->repairs, sentence(reader, warning));
		else if (reader->repairs == MAX_TOLD + 1)
			page->repairs = psprintf("%s And so on.", page->repairs);
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
		to->strings = to->strings == NULL ? palloc(to->room * sizeof(LcFragmentString))
										  : repalloc(to->strings, to->room * sizeof(LcFragmentString));
	}
	string = &to->strings[to->count++];
	string->at = to->text.len;
	string->length = (int) length;
	string->bytes = palloc(length + 1);
	memcpy(string->bytes, bytes, length);
}

/* libqpdf has one iterator for all dictionaries, so the keys are collected before anything else is done. */
List *
lc_reader_keys(LcReader *reader, qpdf_oh dictionary)
{
	List *keys = NIL;

	qpdf_oh_begin_dict_key_iter(reader->qpdf, dictionary);
	while (qpdf_oh_dict_more_keys(reader->qpdf))
		keys = lappend(keys, pstrdup(qpdf_oh_dict_next_key(reader->qpdf)));
	lc_reader_check(reader);
	return keys;
}

qpdf_oh
lc_reader_get(LcReader *reader, qpdf_oh dictionary, const char *key)
{
	qpdf_oh value = qpdf_oh_get_key(reader->qpdf, dictionary, key);

	lc_reader_check(reader);
	return value;
}

bool
lc_reader_is_name(LcReader *reader, qpdf_oh dictionary, const char *key, const char *name)
{
	qpdf_oh value = lc_reader_get(reader, dictionary, key);
	bool is = qpdf_oh_is_name_and_equals(reader->qpdf, value, name);

	qpdf_oh_release(reader->qpdf, value);
	return is;
}

/* Does this indirect object lead away from the page? */
static bool
leads_away(LcReader *reader, qpdf_oh object)
{
	static const char *const types[] = { "/Page",			"/Pages",	   "/Catalog",
										 "/StructTreeRoot", "/StructElem", "/Filespec",
										 "/EmbeddedFile",	"/Action",	   "/Outlines" };
	bool away = false;
	bool is_stream = qpdf_oh_is_stream(reader->qpdf, object);
	qpdf_oh dictionary = is_stream ? qpdf_oh_get_dict(reader->qpdf, object) : object;
	qpdf_oh type = lc_reader_get(reader, dictionary, "/Type");

	for (int i = 0; i < (int) lengthof(types) && !away; i++)
		away = qpdf_oh_is_name_and_equals(reader->qpdf, type, types[i]);
	qpdf_oh_release(reader->qpdf, type);
	if (is_stream)
		qpdf_oh_release(reader->qpdf, dictionary);
	return away;
}

int
lc_reader_number(LcReader *reader, qpdf_oh object, LcKind kind)
{
	int id = qpdf_oh_get_object_id(reader->qpdf, object);
	bool found;
	LcMet *met = hash_search(reader->numbers, &id, HASH_ENTER, &found);

	if (!found)
	{
		LcMet *pending = palloc(sizeof(LcMet));

		met->number = ++reader->met;
		*pending = *met;
		pending->kind = kind;
		pending->handle = qpdf_oh_new_object(reader->qpdf, object);
		reader->pending = lappend(reader->pending, pending);
	}
	return met->number;
}

bool
lc_reader_is_active(LcReader *reader, qpdf_oh annotation)
{
	static const char *const subtypes[] = { "/FileAttachment", "/Sound",	 "/Movie", "/Screen",
											"/Widget",		   "/RichMedia", "/3D",	   "/TrapNet" };

	for (int i = 0; i < (int) lengthof(subtypes); i++)
	{
		if (lc_reader_is_name(reader, annotation, "/Subtype", subtypes[i]))
			return true;
	}
	return false;
}

/* Is the key of an annotation kept? Those that draw. /Subtype and /A are written apart. */
static bool
is_annotation_key(const char *key)
{
	static const char *const keys[] = {
		"/Type",   "/Rect", "/Contents", "/NM",	  "/M",	 "/F",			"/AP",		 "/AS",
		"/Border", "/C",	"/BS",		 "/BE",	  "/CA", "/ca",			"/BM",		 "/IC",
		"/Q",	   "/DA",	"/DS",		 "/MK",	  "/H",	 "/QuadPoints", "/Vertices", "/L",
		"/LE",	   "/LL",	"/LLE",		 "/LLO",  "/CL", "/CO",			"/RD",		 "/IT",
		"/Cap",	   "/CP",	"/InkList",	 "/Name", "/Sy", "/OC",			"/Lang",	 "/Open"
	};

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
	static const char *const keys[] = { "/Length",		  "/DL",		   "/F",
										"/FFilter",		  "/FDecodeParms", "/StructParent",
										"/StructParents", "/PieceInfo",	   "/Metadata",
										"/OPI",			  "/Ref",		   "/AF",
										"/LastModified" };

	for (int i = 0; i < (int) lengthof(keys); i++)
	{
		if (strcmp(key, keys[i]) == 0)
			return false;
	}
	return true;
}

void
lc_reader_write_entry(LcReader *reader, LcFragment *to, const char *key, qpdf_oh value, int depth)
{
	lc_pdf_name(&to->text, key + 1);
	lc_fragment_add(to, " ");
	lc_reader_write_value(reader, to, value, depth, LC_PLAIN);
	lc_fragment_add(to, " ");
}

/* Is this string an address of the web? Other schemes name files, run scripts, or do what viewers add. */
static bool
is_web_address(LcReader *reader, qpdf_oh value)
{
	static const char *const schemes[] = { "http://", "https://" };
	Size length;
	const char *address;

	if (!qpdf_oh_is_string(reader->qpdf, value))
		return false;
	address = qpdf_oh_get_binary_string_value(reader->qpdf, value, &length);
	for (int i = 0; i < (int) lengthof(schemes); i++)
	{
		if (length > strlen(schemes[i]) && pg_strncasecmp(address, schemes[i], strlen(schemes[i])) == 0)
			return true;
	}
	return false;
}

/*
 * What an annotation is and does. Of one that is active only the picture is kept, as a stamp, and of actions
 * only a link to the web.
 */
static void
write_subtype(LcReader *reader, LcFragment *to, qpdf_oh annotation, int depth)
{
	qpdf_oh subtype = lc_reader_get(reader, annotation, "/Subtype");
	qpdf_oh action = lc_reader_get(reader, annotation, "/A");

	if (lc_reader_is_active(reader, annotation))
		lc_fragment_add(to, "/Subtype /Stamp ");
	else
		lc_reader_write_entry(reader, to, "/Subtype", subtype, depth);
	qpdf_oh_release(reader->qpdf, subtype);
	if (qpdf_oh_is_dictionary(reader->qpdf, action) && lc_reader_is_name(reader, action, "/S", "/URI"))
	{
		qpdf_oh address = lc_reader_get(reader, action, "/URI");

		if (is_web_address(reader, address))
		{
			lc_fragment_add(to, "/A << /S /URI ");
			lc_reader_write_entry(reader, to, "/URI", address, depth);
			lc_fragment_add(to, ">> ");
		}
		qpdf_oh_release(reader->qpdf, address);
	}
	qpdf_oh_release(reader->qpdf, action);
}

/* Writes down what stands between the brackets of a dictionary, or of a stream's. */
static void
write_entries(LcReader *reader, LcFragment *to, qpdf_oh dictionary, int depth, LcKind kind)
{
	bool is_stream = qpdf_oh_is_stream(reader->qpdf, dictionary);
	qpdf_oh from = is_stream ? qpdf_oh_get_dict(reader->qpdf, dictionary) : dictionary;
	List *keys = lc_reader_keys(reader, from);
	ListCell *cell;

	foreach(cell, keys)
	{
		const char *key = lfirst(cell);
		qpdf_oh value;

		if ((is_stream && !is_stream_key(key)) || (kind == LC_ANNOTATION && !is_annotation_key(key)))
			continue;
		value = lc_reader_get(reader, from, key);
		lc_reader_write_entry(reader, to, key, value, depth);
		qpdf_oh_release(reader->qpdf, value);
	}
	list_free_deep(keys);
	if (kind == LC_ANNOTATION)
		write_subtype(reader, to, from, depth);
	if (is_stream)
		qpdf_oh_release(reader->qpdf, from);
}

static void
write_array(LcReader *reader, LcFragment *to, qpdf_oh array, int depth)
{
	int count = qpdf_oh_get_array_n_items(reader->qpdf, array);

	lc_fragment_add(to, "[");
	for (int i = 0; i < count; i++)
	{
		qpdf_oh item = qpdf_oh_get_array_item(reader->qpdf, array, i);

		lc_reader_check(reader);
		if (i > 0)
			lc_fragment_add(to, " ");
		lc_reader_write_value(reader, to, item, depth, LC_PLAIN);
		qpdf_oh_release(reader->qpdf, item);
	}
	lc_fragment_add(to, "]");
}

void
lc_reader_write_value(LcReader *reader, LcFragment *to, qpdf_oh value, int depth, LcKind kind)
{
	qpdf_data qpdf = reader->qpdf;
	enum qpdf_object_type_e type = qpdf_oh_get_type_code(qpdf, value);

	lc_reader_check(reader);
	lc_guard_check();
	if (depth > MAX_NESTING)
		lc_reader_unusable(reader, "Its objects are nested too deeply.");

	switch (type)
	{
		case ot_boolean:
			lc_fragment_add(to, qpdf_oh_get_bool_value(qpdf, value) ? "true" : "false");
			break;
		case ot_integer:
			appendStringInfo(&to->text, "%lld", qpdf_oh_get_int_value(qpdf, value));
			break;
		case ot_real:
			lc_fragment_add(to, qpdf_oh_get_real_value(qpdf, value));
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
				lc_fragment_add(to, "<< ");
				write_entries(reader, to, value, depth + 1, kind);
				lc_fragment_add(to, ">>");
			}
			else if (leads_away(reader, value))
				lc_fragment_add(to, "null");
			else
				appendStringInfo(&to->text, "%d 0 R", lc_reader_number(reader, value, kind));
			break;
		default:
			lc_fragment_add(to, "null");
	}
	lc_reader_check(reader);
}

/* ============================================================ objects */

/* The next object of the page, which has the number that comes next. */
static LcTemplateObject *
next_object(LcReader *reader)
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

void
lc_reader_write_pending(LcReader *reader)
{
	while (reader->pending != NIL)
	{
		List *pending = reader->pending;
		ListCell *cell;

		reader->pending = NIL;
		foreach(cell, pending)
		{
			LcMet *met = lfirst(cell);
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
				object->data = lc_reader_data(reader, met->handle, &object->length);
				lc_reader_expand(reader, met->handle, object->data, object->length, NULL);
			}
			qpdf_oh_release(reader->qpdf, met->handle);
		}
		list_free_deep(pending);
	}
}

int
lc_reader_add_stream(LcReader *reader, const char *entries, char *data, Size length)
{
	LcTemplateObject *object;

	lc_reader_write_pending(reader);
	reader->met++;
	object = next_object(reader);
	lc_fragment_add(&object->entries, entries);
	object->is_stream = true;
	object->data = data;
	object->length = length;
	return reader->page->count;
}
