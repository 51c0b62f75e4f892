/*
 * pdf/template_read.c
 *		The first page of a PDF -> what puts it into other documents (libqpdf).
 *
 * The page is kept as a page: its boxes, rotation, group, resources and annotations stay what they are.
 *
 * Nothing here believes the file. libqpdf cannot be interrupted, so it is asked for one thing at a time,
 * all under the guard, and it is not given files that could keep it busy (survey.c). It repairs damaged files
 * on its own, silently leaving out what it does not find; what that must not be is checked here. Knows nothing
 * of documents or caches.
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "guard.h"
#include "pdf/flate.h"
#include "pdf/scan.h"
#include "pdf/survey.h"
#include "pdf/syntax.h"
#include "pdf/template_reader.h"

/* Bytes that must be left when libqpdf is set up, of which nothing can be freed when there are fewer. */
#define LEAST_MEMORY (256 * 1024)

/* The page tree's depth, and the nodes looked at in it. */
#define MAX_TREE_DEPTH 50
#define MAX_TREE_NODES 10000

/* Points. A page larger than that is a program's error. */
#define MAX_SIDE 100000.0

/* Points from the origin at which a page may lie. */
#define MAX_DISTANCE 1e9

/* What content may leave open, of graphics states and of marks: every document would have to close it. */
#define MAX_OPEN 100

/* Points around the page that belong to a form of its content. */
#define BLEED 100.0

/* Starts what is no part of a document's structure (ISO 32000-1, 14.8.2.2). */
#define ARTIFACT "/Artifact BMC"

/* What a page takes from the nodes above it; 0: none. */
typedef struct Inherited
{
	qpdf_oh resources;
	qpdf_oh media_box;
	qpdf_oh crop_box;
	qpdf_oh rotate;
} Inherited;

/* ============================================================ the page */

/* Finds the first page under a node, and what it inherits. 0: there is none. */
static qpdf_oh
find_page(LcReader *reader, qpdf_oh node, Inherited *inherited, int depth, int *nodes)
{
	qpdf_data qpdf = reader->qpdf;
	Inherited own = *inherited;
	qpdf_oh kids;
	int count;

	lc_guard_check();
	if (!qpdf_oh_is_dictionary(qpdf, node))
		return 0;
	if (depth > MAX_TREE_DEPTH || ++*nodes > MAX_TREE_NODES)
		lc_reader_damaged(reader, "Its pages lead in a circle.");

	if (qpdf_oh_has_key(qpdf, node, "/Resources"))
		own.resources = lc_reader_get(reader, node, "/Resources");
	if (qpdf_oh_has_key(qpdf, node, "/MediaBox"))
		own.media_box = lc_reader_get(reader, node, "/MediaBox");
	if (qpdf_oh_has_key(qpdf, node, "/CropBox"))
		own.crop_box = lc_reader_get(reader, node, "/CropBox");
	if (qpdf_oh_has_key(qpdf, node, "/Rotate"))
		own.rotate = lc_reader_get(reader, node, "/Rotate");

	kids = lc_reader_get(reader, node, "/Kids");
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

		lc_reader_check(reader);
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
get_box(LcReader *reader, qpdf_oh array, double *box)
{
	qpdf_data qpdf = reader->qpdf;

	if (array == 0 || !qpdf_oh_is_array(qpdf, array) || qpdf_oh_get_array_n_items(qpdf, array) != 4)
		return false;
	for (int i = 0; i < 4; i++)
	{
		qpdf_oh item = qpdf_oh_get_array_item(qpdf, array, i);
		bool is_number = qpdf_oh_get_value_as_number(qpdf, item, &box[i]);

		qpdf_oh_release(qpdf, item);
		if (!is_number || !(fabs(box[i]) <= MAX_DISTANCE))
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
read_boxes(LcReader *reader, qpdf_oh handle, const Inherited *inherited)
{
	LcTemplatePage *page = reader->page;
	qpdf_data qpdf = reader->qpdf;
	double media[4];
	double crop[4];
	int rotate = 0;
	qpdf_oh unit;

	if (!get_box(reader, inherited->media_box, media))
		lc_reader_damaged(reader, "Its first page has no size.");
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
		lc_reader_unusable(reader,
						   psprintf("Its first page is %g by %g points.", page->right - page->left,
									page->top - page->bottom));

	if (inherited->rotate != 0)
		(void) qpdf_oh_get_value_as_int(qpdf, inherited->rotate, &rotate);
	if (rotate % 90 != 0)
		lc_reader_damaged(reader, "Its first page is rotated, but not by a right angle.");
	page->rotate = (rotate % 360 + 360) % 360;

	page->user_unit = 1;
	unit = lc_reader_get(reader, handle, "/UserUnit");
	(void) qpdf_oh_get_value_as_number(qpdf, unit, &page->user_unit);
	qpdf_oh_release(qpdf, unit);
	if (!(page->user_unit >= 0.001 && page->user_unit <= 1000))
		lc_reader_damaged(reader, "Its first page has no sensible unit.");
}

/*
 * Resources that are added must not have names that the page uses. Ours start with "Lc"; if a name of the
 * page does so too, with "Lc" and one underscore more than follow it there.
 */
static void
note_name(LcReader *reader, const char *name)
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
write_resources(LcReader *reader, LcFragment *to, const char *category, qpdf_oh resources, bool bare)
{
	List *names = lc_reader_keys(reader, resources);
	ListCell *cell;

	if (!bare)
	{
		lc_pdf_name(&to->text, category + 1);
		lc_fragment_add(to, " << ");
	}
	foreach(cell, names)
	{
		const char *name = lfirst(cell);
		qpdf_oh value = lc_reader_get(reader, resources, name);

		note_name(reader, name + 1);
		lc_reader_write_entry(reader, to, name, value, 1);
		qpdf_oh_release(reader->qpdf, value);
	}
	if (!bare)
		lc_fragment_add(to, ">> ");
}

static void
read_resources(LcReader *reader, qpdf_oh resources)
{
	LcTemplatePage *page = reader->page;
	List *categories;
	ListCell *cell;

	if (resources == 0 || !qpdf_oh_is_dictionary(reader->qpdf, resources))
		return;
	categories = lc_reader_keys(reader, resources);
	foreach(cell, categories)
	{
		const char *category = lfirst(cell);
		qpdf_oh value = lc_reader_get(reader, resources, category);
		LcFragment *shared = NULL; /* what resources of ours are added to */

		if (strcmp(category, "/Font") == 0)
			shared = &page->fonts;
		else if (strcmp(category, "/XObject") == 0)
			shared = &page->xobjects;
		else if (strcmp(category, "/ExtGState") == 0)
			shared = &page->extgstates;
		if (!qpdf_oh_is_dictionary(reader->qpdf, value))
		{
			if (shared == NULL)
				lc_reader_write_entry(reader, &page->other_resources, category, value, 1);
		}
		else if (shared != NULL)
			write_resources(reader, shared, category, value, true);
		else
			write_resources(reader, &page->other_resources, category, value, false);
		qpdf_oh_release(reader->qpdf, value);
	}
}

/* Does an annotation stay? Those that show something, and pop-ups belong to others. */
static bool
keep_annotation(LcReader *reader, qpdf_oh annotation)
{
	if (!qpdf_oh_is_dictionary(reader->qpdf, annotation) ||
		lc_reader_is_name(reader, annotation, "/Subtype", "/Popup"))
		return false;
	return qpdf_oh_has_key(reader->qpdf, annotation, "/AP") || !lc_reader_is_active(reader, annotation);
}

static void
read_annotations(LcReader *reader, qpdf_oh handle)
{
	LcFragment *to = &reader->page->page;
	qpdf_oh annotations = lc_reader_get(reader, handle, "/Annots");
	int count;

	if (!qpdf_oh_is_array(reader->qpdf, annotations))
		return;
	lc_fragment_add(to, "/Annots [");
	count = qpdf_oh_get_array_n_items(reader->qpdf, annotations);
	for (int i = 0; i < count; i++)
	{
		qpdf_oh annotation = qpdf_oh_get_array_item(reader->qpdf, annotations, i);

		lc_reader_check(reader);
		if (keep_annotation(reader, annotation))
		{
			lc_reader_write_value(reader, to, annotation, 1, LC_ANNOTATION);
			lc_fragment_add(to, " ");
		}
		qpdf_oh_release(reader->qpdf, annotation);
	}
	lc_fragment_add(to, "] ");
}

static void
read_entries(LcReader *reader, qpdf_oh handle, const Inherited *inherited)
{
	static const char *const own[] = { "/BleedBox", "/TrimBox", "/ArtBox", "/UserUnit", "/Group" };
	LcFragment *to = &reader->page->page;

	lc_reader_write_entry(reader, to, "/MediaBox", inherited->media_box, 1);
	if (inherited->crop_box != 0)
		lc_reader_write_entry(reader, to, "/CropBox", inherited->crop_box, 1);
	if (inherited->rotate != 0)
		lc_reader_write_entry(reader, to, "/Rotate", inherited->rotate, 1);
	for (int i = 0; i < (int) lengthof(own); i++)
	{
		if (qpdf_oh_has_key(reader->qpdf, handle, own[i]))
		{
			qpdf_oh value = lc_reader_get(reader, handle, own[i]);

			lc_reader_write_entry(reader, to, own[i], value, 1);
			qpdf_oh_release(reader->qpdf, value);
		}
	}
	read_annotations(reader, handle);
}

/* ============================================================ the page's content */

/* The page's content as a form, which ends whatever it leaves open. */
static void
wrap_content(LcReader *reader, StringInfo content)
{
	LcTemplatePage *page = reader->page;
	char *drawn = psprintf("q " ARTIFACT " /%sGround Do", page->prefix);
	StringInfoData data;
	LcFragment *entries;
	int number;

	initStringInfo(&data);
	lc_deflate(&data, content->data, content->len);
	number = lc_reader_add_stream(reader, "/Type /XObject /Subtype /Form /Filter /FlateDecode /BBox [",
								  data.data, data.len);
	entries = &page->objects[number - 1].entries;
	/* The form must not be clipped where the page is: the edge of a clip is drawn softly. */
	lc_pdf_numbers(&entries->text, 4, page->left - BLEED, page->bottom - BLEED, page->right + BLEED,
				   page->top + BLEED);
	lc_fragment_add(entries, "]");
	appendStringInfo(&page->xobjects.text, "/%sGround %d 0 R ", page->prefix, number);

	number = lc_reader_add_stream(reader, "", drawn, strlen(drawn));
	appendStringInfo(&page->contents, "%d 0 R ", number);
	appendStringInfoString(&page->closing, "EMC\nQ\n");
}

/*
 * The page's content as it is, between q and Q, with what it leaves open closed. It is marked as an artifact;
 * marked content may be nested, so that what it marks itself stays.
 */
static void
keep_content(LcReader *reader, List *streams, const LcBalance *balance)
{
	LcTemplatePage *page = reader->page;
	ListCell *cell;

	appendStringInfo(&page->contents, "%d 0 R ",
					 lc_reader_add_stream(reader, "", pstrdup("q " ARTIFACT), strlen("q " ARTIFACT)));
	foreach(cell, streams)
		appendStringInfo(&page->contents, "%d 0 R ",
						 lc_reader_number(reader, (qpdf_oh) lfirst_int(cell), LC_PLAIN));
	for (int i = 0; i < balance->marks + 1; i++)
		appendStringInfoString(&page->closing, "EMC\n");
	for (int i = 0; i < balance->states + 1; i++)
		appendStringInfoString(&page->closing, "Q\n");
}

/* Handles of the page's content streams. */
static List *
get_streams(LcReader *reader, qpdf_oh handle)
{
	qpdf_oh contents = lc_reader_get(reader, handle, "/Contents");
	List *streams = NIL;
	ListCell *cell;

	if (qpdf_oh_is_array(reader->qpdf, contents))
	{
		int count = qpdf_oh_get_array_n_items(reader->qpdf, contents);

		for (int i = 0; i < count; i++)
			streams = lappend_int(streams, (int) qpdf_oh_get_array_item(reader->qpdf, contents, i));
	}
	else if (!qpdf_oh_is_null(reader->qpdf, contents))
		streams = list_make1_int((int) contents);
	lc_reader_check(reader);
	foreach(cell, streams)
	{
		if (!qpdf_oh_is_stream(reader->qpdf, (qpdf_oh) lfirst_int(cell)))
			lc_reader_damaged(reader, "Its first page has content that is not a stream.");
	}
	return streams;
}

/* The content stays what it is, unless what follows it could not be drawn undisturbed. */
static void
read_content(LcReader *reader, qpdf_oh handle)
{
	List *streams = get_streams(reader, handle);
	StringInfoData content;
	LcBalance balance;
	ListCell *cell;

	if (streams == NIL)
		return;
	initStringInfo(&content);
	foreach(cell, streams)
	{
		qpdf_oh stream = (qpdf_oh) lfirst_int(cell);
		Size length;
		char *data = lc_reader_data(reader, stream, &length);

		lc_reader_expand(reader, stream, data, length, &content);
		appendStringInfoChar(&content, '\n');
		pfree(data);
	}

	balance = lc_scan_content(content.data, content.len);
	reader->page->first_mark = balance.marked;
	if (balance.broken || balance.text || balance.states > MAX_OPEN || balance.marks > MAX_OPEN)
		wrap_content(reader, &content);
	else
		keep_content(reader, streams, &balance);
	pfree(content.data);
	list_free(streams);
}

/* Marked content may also name its properties, which are resources then. */
static void
note_marks(LcTemplatePage *page)
{
	const StringInfoData *text = &page->other_resources.text;

	page->first_mark = Max(page->first_mark, lc_scan_content(text->data, text->len).marked);
	for (int i = 0; i < page->count; i++)
	{
		if (page->objects[i].is_stream)
			continue;
		text = &page->objects[i].entries.text;
		page->first_mark = Max(page->first_mark, lc_scan_content(text->data, text->len).marked);
	}
}

/* ============================================================ the file */

static void
read_catalog(LcReader *reader, qpdf_oh root)
{
	static const char *const keys[] = { "/OCProperties", "/OutputIntents" };

	for (int i = 0; i < (int) lengthof(keys); i++)
	{
		qpdf_oh value = lc_reader_get(reader, root, keys[i]);

		if (!qpdf_oh_is_null(reader->qpdf, value))
			lc_reader_write_entry(reader, &reader->page->catalog, keys[i], value, 1);
		qpdf_oh_release(reader->qpdf, value);
	}
}

/* The callback that frees what libqpdf has, whichever way the reading ends. */
static void
close_file(void *argument)
{
	LcReader *reader = argument;

	if (reader->qpdf == NULL)
		return;
	/* An error that nobody asked for, libqpdf would write to the server's log. */
	if (qpdf_has_error(reader->qpdf))
		(void) qpdf_get_error(reader->qpdf);
	qpdf_cleanup(&reader->qpdf);
}

/* Looks at an object stream once more, now that it can be decrypted. */
static void
survey_decrypted(LcReader *reader, int number)
{
	qpdf_data qpdf = reader->qpdf;
	qpdf_oh stream = qpdf_get_object_by_id(qpdf, number, 0);

	if (qpdf_oh_is_stream(qpdf, stream))
	{
		qpdf_oh dictionary = qpdf_oh_get_dict(qpdf, stream);
		Size length;
		char *data = lc_reader_data(reader, stream, &length);

		lc_survey_container(&reader->survey, data, length, qpdf_oh_has_key(qpdf, dictionary, "/Filter"),
							qpdf_oh_get_int_value(qpdf, lc_reader_get(reader, dictionary, "/N")),
							qpdf_oh_get_int_value(qpdf, lc_reader_get(reader, dictionary, "/First")));
		pfree(data);
		qpdf_oh_release(qpdf, dictionary);
	}
	qpdf_oh_release(qpdf, stream);
}

/* Looks at the object streams of an encrypted file. Nothing that is in them may have been asked for yet. */
static void
survey_encrypted(LcReader *reader)
{
	LcSurvey *survey = &reader->survey;
	ListCell *cell;

	/* Only if libqpdf may repair the file, the object that has a number is sure to be the one that says so. */
	if (survey->containers != NIL && !survey->repairable)
		lc_reader_unusable(reader, "Its objects are encrypted, and too many.");
	foreach(cell, survey->containers)
	{
		if (lfirst_int(cell) == 0)
			lc_reader_damaged(reader, "It has an object without a number.");
		survey_decrypted(reader, lfirst_int(cell));
		if (survey->refusal != NULL)
			lc_reader_unusable(reader, survey->refusal);
	}
}

static void
open_file(LcReader *reader)
{
	lc_survey(&reader->survey, reader->data, reader->length);
	if (reader->survey.refusal != NULL)
		lc_reader_unusable(reader, reader->survey.refusal);
	lc_guard_need(LEAST_MEMORY);
	reader->qpdf = qpdf_init();
	qpdf_silence_errors(reader->qpdf);
	qpdf_set_suppress_warnings(reader->qpdf, QPDF_TRUE);
	qpdf_set_attempt_recovery(reader->qpdf, reader->survey.repairable);
	(void) qpdf_read_memory(reader->qpdf, "template", (const char *) reader->data, reader->length, "");
	lc_reader_check(reader);
	lc_guard_check();
	if (qpdf_is_encrypted(reader->qpdf))
		survey_encrypted(reader);
}

/*
 * Refuses a repaired file that refers to objects that it does not have. libqpdf takes them for null, which is
 * right in a sound file, but in a damaged one they are lost.
 */
static void
check_completeness(LcReader *reader)
{
	List *references = reader->survey.references;
	int last = 0;
	ListCell *cell;

	list_sort(references, list_int_cmp);
	foreach(cell, references)
	{
		int number = lfirst_int(cell);
		qpdf_oh object;

		if (number == last)
			continue;
		last = number;
		object = qpdf_get_object_by_id(reader->qpdf, number, 0);
		if (qpdf_oh_is_null(reader->qpdf, object))
			lc_reader_damaged(reader, psprintf("Object %d is missing.", number));
		qpdf_oh_release(reader->qpdf, object);
		lc_guard_check();
	}
}

/* What the guard calls: everything between opening and closing the file. */
static void
read_page(void *argument)
{
	LcReader *reader = argument;
	LcTemplatePage *page = reader->page;
	Inherited inherited = { 0 };
	int nodes = 0;
	qpdf_oh root;
	qpdf_oh pages;
	qpdf_oh handle;

	open_file(reader);
	root = qpdf_get_root(reader->qpdf);
	lc_reader_check(reader);
	pages = lc_reader_get(reader, root, "/Pages");
	handle = find_page(reader, pages, &inherited, 0, &nodes);
	lc_reader_note_repairs(reader);
	if (handle == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s has no page", reader->what)));

	read_boxes(reader, handle, &inherited);
	read_entries(reader, handle, &inherited);
	read_resources(reader, inherited.resources);
	page->prefix = palloc0(2 + reader->underscores + 1);
	memcpy(page->prefix, "Lc", 2);
	memset(page->prefix + 2, '_', reader->underscores);
	read_catalog(reader, root);
	read_content(reader, handle);
	lc_reader_write_pending(reader);
	note_marks(page);
	lc_reader_note_repairs(reader);
	if (reader->repairs > 0)
		check_completeness(reader);
}

LcTemplatePage *
lc_template_read(const uint8 *data, Size length, const char *what)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "template reader", ALLOCSET_DEFAULT_SIZES);
	LcReader *reader = MemoryContextAllocZero(context, sizeof(LcReader));
	MemoryContextCallback *callback = MemoryContextAlloc(context, sizeof(MemoryContextCallback));
	LcTemplatePage *page = palloc0(sizeof(LcTemplatePage));
	HASHCTL control = { 0 };
	Size magic = 0;

	/* Readers take a header that stands within the first 1,024 bytes (ISO 32000-1, annex H, 3.4.1). */
	while (magic < 1024 && magic + 5 <= length && memcmp(data + magic, "%PDF-", 5) != 0)
		magic++;
	if (magic >= 1024 || magic + 5 > length)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is not a PDF file", what)));

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
	control.entrysize = sizeof(LcMet);
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
