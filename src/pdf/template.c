/*
 * pdf/template.c
 *		The ground a page is drawn on: templates read once per backend, and put into documents.
 *
 * A template's objects are serialised once, and once more for each key that seals documents. They come
 * first in each document, so that their numbers are always the same and they can be added as they are.
 * How a PDF is read is template_read.c's business.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "cache.h"
#include "compat.h"
#include "pdf/pack.h"
#include "pdf/syntax.h"
#include "pdf/template.h"
#include "pdf/template_read.h"

/* A stream, or a dictionary and its place in the template's pack. */
typedef struct SerialisedObject
{
	char *entries;
	Size entries_length;
	bool is_stream;
	int place;
	const char *data;
	Size length;
} SerialisedObject;

/* A template's parts as they stand in a document: sealed with one key, or not sealed (serial 0). */
typedef struct Serialised
{
	MemoryContext context;
	uint64 serial;
	SerialisedObject *objects;
	SerialisedObject pack; /* of all dictionaries; without entries if there are none */
	char *page;
	char *fonts;
	char *xobjects;
	char *extgstates;
	char *other_resources;
	char *catalog;
} Serialised;

struct LcTemplate
{
	LcCached cached;
	double width;
	double height;
	LcTemplatePage *page;
	Serialised *plain;
	Serialised *sealed;
};

/* ============================================================ serialising */

/* The fragment's text with its strings in their places, sealed or not. */
static char *
serialise_fragment(const LcFragment *fragment, const LcSeal *seal, Size *length)
{
	StringInfoData text;
	int from = 0;

	initStringInfo(&text);
	for (int i = 0; i < fragment->count; i++)
	{
		const LcFragmentString *string = &fragment->strings[i];

		appendBinaryStringInfo(&text, fragment->text.data + from, string->at - from);
		lc_pdf_string(&text, seal, string->bytes, string->length);
		from = string->at;
	}
	appendBinaryStringInfo(&text, fragment->text.data + from, fragment->text.len - from);
	if (length != NULL)
		*length = text.len;
	return repalloc(text.data, text.len + 1);
}

/* Data of a stream, sealed or not. */
static void
serialise_stream(SerialisedObject *to, char *entries, Size entries_length, const char *data, Size length,
				 const LcSeal *seal)
{
	to->is_stream = true;
	to->entries = entries;
	to->entries_length = entries_length;
	to->data = data;
	to->length = length;
	if (seal != NULL)
	{
		StringInfoData sealed;

		initStringInfo(&sealed);
		lc_seal_append(&sealed, seal, data, length);
		to->data = sealed.data;
		to->length = sealed.len;
	}
}

/* The objects: streams as they are, dictionaries in a pack, which is made in "scratch". */
static void
serialise_objects(Serialised *made, const LcTemplatePage *page, const LcSeal *seal,
				  MemoryContext scratch)
{
	MemoryContext kept = MemoryContextSwitchTo(scratch);
	LcPack pack;

	lc_pack_init(&pack);
	MemoryContextSwitchTo(kept);
	made->objects = palloc0(page->count * sizeof(SerialisedObject) + 1);
	for (int i = 0; i < page->count; i++)
	{
		const LcTemplateObject *object = &page->objects[i];
		SerialisedObject *to = &made->objects[i];
		Size length;
		char *entries = serialise_fragment(&object->entries, object->is_stream ? seal : NULL, &length);

		if (object->is_stream)
			serialise_stream(to, entries, length, object->data, object->length, seal);
		else
		{
			to->place = lc_pack_add(&pack, i + 1, entries, length);
			pfree(entries);
		}
	}
	if (pack.count > 0)
	{
		StringInfoData data;
		char *entries;

		MemoryContextSwitchTo(scratch);
		initStringInfo(&data);
		entries = lc_pack_finish(&pack, &data);
		MemoryContextSwitchTo(kept);
		if (seal == NULL)
			data.data = memcpy(palloc(data.len), data.data, data.len);
		serialise_stream(&made->pack, pstrdup(entries), strlen(entries), data.data, data.len, seal);
	}
}

static Serialised *
serialise(LcTemplate *template, const LcSeal *seal)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "serialised template", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	const LcTemplatePage *page = template->page;
	Serialised *made = palloc0(sizeof(Serialised));

	made->context = context;
	made->serial = seal == NULL ? 0 : lc_seal_serial(seal);
	serialise_objects(made, page, seal, before);
	/* The page is an object that the canvas packs. */
	made->page = serialise_fragment(&page->page, NULL, NULL);
	made->fonts = serialise_fragment(&page->fonts, NULL, NULL);
	made->xobjects = serialise_fragment(&page->xobjects, NULL, NULL);
	made->extgstates = serialise_fragment(&page->extgstates, NULL, NULL);
	made->other_resources = serialise_fragment(&page->other_resources, NULL, NULL);
	made->catalog = serialise_fragment(&page->catalog, seal, NULL);
	MemoryContextSwitchTo(before);

	MemoryContextSetParent(context, template->cached.context);
	return made;
}

/* The template as it stands in documents of this seal. */
static const Serialised *
serialised(const LcTemplate *ground, const LcSeal *seal)
{
	/* What is made once and kept is no change of the template. */
	LcTemplate *template = unconstify(LcTemplate *, ground);

	if (seal == NULL)
	{
		if (template->plain == NULL)
			template->plain = serialise(template, NULL);
		return template->plain;
	}
	if (template->sealed == NULL || template->sealed->serial != lc_seal_serial(seal))
	{
		Serialised *fresh = serialise(template, seal);

		/* Another document in the making may still point into the old one; then it stays. */
		if (template->sealed != NULL && template->cached.holders <= 1)
			MemoryContextDelete(template->sealed->context);
		template->sealed = fresh;
	}
	return template->sealed;
}

/* ============================================================ getting one */

/* A template of a page; both in the current context. */
static LcTemplate *
make_template(LcTemplatePage *page)
{
	LcTemplate *template = palloc0(sizeof(LcTemplate));
	double width = (page->right - page->left) * page->user_unit;
	double height = (page->top - page->bottom) * page->user_unit;
	bool lies = page->rotate % 180 != 0;

	template->cached.context = CurrentMemoryContext;
	template->page = page;
	template->width = lies ? height : width;
	template->height = lies ? width : height;
	return template;
}

const LcTemplate *
lc_template_blank(double width, double height)
{
	LcTemplatePage *page = palloc0(sizeof(LcTemplatePage));

	page->right = width;
	page->top = height;
	page->user_unit = 1;
	page->prefix = "Lc";
	lc_fragment_init(&page->page);
	lc_fragment_init(&page->fonts);
	lc_fragment_init(&page->xobjects);
	lc_fragment_init(&page->extgstates);
	lc_fragment_init(&page->other_resources);
	lc_fragment_init(&page->catalog);
	initStringInfo(&page->contents);
	initStringInfo(&page->closing);
	appendStringInfoString(&page->page.text, "/MediaBox [0 0 ");
	lc_pdf_numbers(&page->page.text, 2, width, height);
	appendStringInfoString(&page->page.text, "] ");
	return make_template(page);
}

const LcTemplate *
lc_template_get(const LcAsset *asset, const char *path)
{
	LcTemplate *template = lc_cache_get(LC_ASSET_TEMPLATE, asset->sha256, NULL);
	MemoryContext before;
	MemoryContext context;
	char *what;
	bytea *content;

	if (template != NULL)
		return template;
	what = psprintf("PDF template \"%s\" (option \"%s\")", asset->slug, path);
	content = lc_asset_content(asset);
	context = AllocSetContextCreate(CurrentMemoryContext, "template", ALLOCSET_DEFAULT_SIZES);
	before = MemoryContextSwitchTo(context);
	template = make_template(
		lc_template_read((const uint8 *) VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content), what));
	template->cached.kind = LC_ASSET_TEMPLATE;
	memcpy(template->cached.sha256, asset->sha256, sizeof(asset->sha256));
	MemoryContextSwitchTo(before);
	pfree(content);
	lc_cache_put(&template->cached);
	return template;
}

Size
lc_template_check(const uint8 *data, Size length, char **repairs)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "template", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	LcTemplatePage *page = lc_template_read(data, length, "PDF template");
	Size added = 0;

	for (int i = 0; i < page->count; i++)
		added += page->objects[i].length + page->objects[i].entries.text.len;
	MemoryContextSwitchTo(before);
	*repairs = page->repairs == NULL ? NULL : pstrdup(page->repairs);
	MemoryContextDelete(context);
	return added;
}

/* ============================================================ using one */

double
lc_template_width(const LcTemplate *ground)
{
	return ground->width;
}

double
lc_template_height(const LcTemplate *ground)
{
	return ground->height;
}

const char *
lc_template_prefix(const LcTemplate *ground)
{
	return ground->page->prefix;
}

int
lc_template_first_mark(const LcTemplate *ground)
{
	return ground->page->first_mark;
}

void
lc_resources_init(LcResources *resources)
{
	initStringInfo(&resources->fonts);
	initStringInfo(&resources->xobjects);
	initStringInfo(&resources->extgstates);
}

static void
add_stream(LcCanvas *canvas, int number, const SerialisedObject *object)
{
	lc_canvas_sealed_stream(canvas, number, object->entries, object->entries_length, object->data,
							object->length);
}

void
lc_template_begin(LcCanvas *canvas, const LcTemplate *ground)
{
	const Serialised *parts = serialised(ground, lc_canvas_seal(canvas));
	int count = ground->page->count;
	int pack = count + 1;

	for (int i = 0; i < count; i++)
	{
		const SerialisedObject *object = &parts->objects[i];
		int number = lc_canvas_reserve(canvas);

		if (number != i + 1)
			elog(ERROR, "the canvas has objects before the template's");
		if (object->is_stream)
			add_stream(canvas, number, object);
		else
			lc_canvas_packed(canvas, number, pack, object->place);
	}
	if (parts->pack.entries != NULL)
		add_stream(canvas, lc_canvas_reserve(canvas), &parts->pack);
	if (parts->catalog[0] != '\0')
		lc_canvas_catalog(canvas, parts->catalog, strlen(parts->catalog));
}

/*
 * The matrix that takes the page as displayed to the page's own coordinates: undoes the rotation, the unit
 * and the place of the box (ISO 32000-1, 7.7.3.3 and 8.3.2.3).
 */
static void
get_matrix(const LcTemplatePage *page, double matrix[6])
{
	/* The cosine and the sine of the rotation. */
	int cosine = page->rotate == 0 ? 1 : page->rotate == 180 ? -1 : 0;
	int sine = page->rotate == 90 ? 1 : page->rotate == 270 ? -1 : 0;

	matrix[0] = cosine / page->user_unit;
	matrix[1] = sine / page->user_unit;
	matrix[2] = -sine / page->user_unit;
	matrix[3] = cosine / page->user_unit;
	matrix[4] = page->rotate == 90 || page->rotate == 180 ? page->right : page->left;
	matrix[5] = page->rotate == 180 || page->rotate == 270 ? page->top : page->bottom;
}

void
lc_template_box(const LcTemplate *ground, double *box)
{
	double matrix[6];
	double x[2];
	double y[2];

	get_matrix(ground->page, matrix);
	for (int i = 0; i < 2; i++)
	{
		x[i] = matrix[0] * box[2 * i] + matrix[2] * box[2 * i + 1] + matrix[4];
		y[i] = matrix[1] * box[2 * i] + matrix[3] * box[2 * i + 1] + matrix[5];
	}
	box[0] = Min(x[0], x[1]);
	box[1] = Min(y[0], y[1]);
	box[2] = Max(x[0], x[1]);
	box[3] = Max(y[0], y[1]);
}

/* Appends a category of resources: the template's, then ours. */
static void
append_category(StringInfo to, const char *category, const char *theirs, const StringInfoData *ours)
{
	if (theirs[0] != '\0' || ours->len > 0)
		appendStringInfo(to, "/%s << %s%s >> ", category, theirs, ours->data);
}

void
lc_template_finish(LcCanvas *canvas, const LcTemplate *ground, const StringInfo content,
				   const LcResources *resources, const char *entries)
{
	const LcTemplatePage *page = ground->page;
	const Serialised *parts = serialised(ground, lc_canvas_seal(canvas));
	int number = lc_canvas_reserve(canvas);
	double matrix[6];
	StringInfoData drawn;
	StringInfoData body;

	initStringInfo(&drawn);
	appendStringInfo(&drawn, "%sq ", page->closing.data);
	get_matrix(page, matrix);
	lc_pdf_numbers(&drawn, 6, matrix[0], matrix[1], matrix[2], matrix[3], matrix[4], matrix[5]);
	appendStringInfoString(&drawn, "cm\n");
	appendBinaryStringInfo(&drawn, content->data, content->len);
	appendStringInfoString(&drawn, "\nQ");
	lc_canvas_stream(canvas, number, "", drawn.data, drawn.len, LC_DEFLATE);
	pfree(drawn.data);

	initStringInfo(&body);
	appendStringInfo(&body, "/Type /Page /Parent %d 0 R %s/Resources << %s", lc_canvas_pages(canvas),
					 parts->page, parts->other_resources);
	append_category(&body, "Font", parts->fonts, &resources->fonts);
	append_category(&body, "XObject", parts->xobjects, &resources->xobjects);
	append_category(&body, "ExtGState", parts->extgstates, &resources->extgstates);
	appendStringInfo(&body, ">> /Contents [%s%d 0 R]", page->contents.data, number);
	if (entries != NULL)
		appendStringInfo(&body, " %s", entries);
	lc_canvas_object(canvas, lc_canvas_page(canvas), body.data, body.len);
}
