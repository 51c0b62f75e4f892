/*
 * pdf/generate_pdf.c
 *		generate_pdf() and preview_pdf(): options and values -> a document.
 *
 * Joins the rooms: elements say what stands where, the template is the ground, the typesetter makes glyphs
 * of texts, layout fits them, the canvas makes the bytes. Everything of one document lives in one memory
 * context.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "options.h"
#include "pdf/canvas.h"
#include "pdf/elements.h"
#include "pdf/image.h"
#include "pdf/layout.h"
#include "pdf/placeholder.h"
#include "pdf/qr.h"
#include "pdf/structure.h"
#include "pdf/syntax.h"
#include "pdf/template.h"
#include "pdf/typeset.h"
#include "pdf/unicode.h"
#include "settings.h"
#include "validate.h"

PG_FUNCTION_INFO_V1(lc_generate_pdf);
PG_FUNCTION_INFO_V1(lc_preview_pdf);

/* What a preview shows for what only a credential has. */
#define PREVIEW_TYPE "Credential type"
#define PREVIEW_UUID "00000000-0000-0000-0000-000000000000"
#define PREVIEW_VALIDITY (365 * USECS_PER_DAY)

/* Widths that differ by less than this, in points, are the same. */
#define TOLERANCE 0.01

/* How high capital letters are in most fonts, of the size. */
#define CAP_HEIGHT 0.7

/* What a document is about. */
typedef struct Subject
{
	char *user_full_name;
	char *context_name;
	char *context_key; /* NULL in a preview */
	char *type_name;
	char *verify_uuid;
	TimestampTz issue_date;
	TimestampTz expires_at;
	bool expires;
	Jsonb *evidence;
} Subject;

/* A document being made. */
typedef struct Document
{
	const LcPage *page;
	const LcTemplate *ground;
	LcCanvas *canvas;
	StringInfoData content;
	LcResources resources;
	LcTypesetter *typesetter;
	LcStructure *structure;
} Document;

/* ------------------------------------------------------------ texts */

/* What the layout's callbacks need. */
typedef struct Setting
{
	LcTypesetter *typesetter;
	const LcTextStyle *style;
	const char *locale;
} Setting;

/* Shapes a piece of text. */
static LcMeasured
measure(void *argument, const char *text, Size length)
{
	const Setting *setting = argument;
	LcMeasured measured;
	LcLine *line;

	line = lc_typeset_line(setting->typesetter, setting->style, text, length);
	lc_typeset_extent(line, &measured.em, &measured.fixed);
	measured.line = line;
	return measured;
}

static int
find_breaks(void *argument, const char *text, Size length, int **offsets)
{
	const Setting *setting = argument;

	return lc_text_breaks(text, length, setting->locale, offsets);
}

/*
 * Fits a text, its placeholders filled in, and draws it. "said" is the same as it is to be read out and
 * copied: not in upper case, nothing isolated.
 */
static void
draw_text(Document *document, const LcTextElement *element, const char *text, const char *said)
{
	double page_width = lc_template_width(document->ground);
	double page_height = lc_template_height(document->ground);
	LcTextStyle style = { 0 };
	Setting setting;
	LcLayoutInput input = { 0 };
	LcLayout layout;
	double x;
	LcAlign align;
	int i;

	if (text[strspn(text, " \n")] == '\0')
		return;
	if (element->uppercase)
		text = lc_text_upper(text, document->page->locale);
	style.fonts = element->fonts;
	style.char_space = element->char_space;
	style.language = document->page->locale;
	style.rtl = element->direction == LC_DIRECTION_AUTO ? lc_text_is_rtl(text)
														: element->direction == LC_DIRECTION_RTL;
	style.path = element->path;
	align = lc_element_align(element, style.rtl);
	x = lc_element_x(element, page_width, style.rtl);

	setting.typesetter = document->typesetter;
	setting.style = &style;
	setting.locale = document->page->locale;
	input.text = text;
	input.size = element->size;
	input.min_size = element->min_size;
	input.max_width = lc_element_max_width(element, page_width, style.rtl);
	input.measure = measure;
	input.breaks = find_breaks;
	input.argument = &setting;
	if (!lc_layout_fit(&input, &layout))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s: the text is %.6g points wide, more than the %.6g points it may take",
					element->path, layout.widest, input.max_width),
			 errdetail("It is as small as min_size allows (%g), and there is no place to break a line.",
					   element->min_size),
			 errhint("Lower \"min_size\", widen \"max_width\", or shorten the text.")));

	if (element->y + CAP_HEIGHT * layout.size > page_height)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s: the text reaches above the page, which is %.6g points high", element->path,
						page_height),
				 errhint("Set a smaller \"y\" or \"size\".")));

	lc_structure_open(document->structure, LC_ROLE_TEXT, said, x,
					  lc_layout_baseline(&layout, element->y, element->line_height, 0) +
						  CAP_HEIGHT * layout.size);
	lc_pdf_numbers(&document->content, 3, element->color.red, element->color.green, element->color.blue);
	appendStringInfoString(&document->content, "rg\n");
	for (i = 0; i < layout.line_count; i++)
	{
		const LcLayoutLine *line = &layout.lines[i];
		double y = lc_layout_baseline(&layout, element->y, element->line_height, i);
		double left = x;

		CHECK_FOR_INTERRUPTS();
		if (align == LC_ALIGN_CENTER)
			left = x - line->width / 2;
		else if (align == LC_ALIGN_RIGHT)
			left = x - line->width;
		if (left < -TOLERANCE || left + line->width > page_width + TOLERANCE)
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg(
					 "%s: a line of the text reaches from %.6g to %.6g, off the page, which is %.6g points wide",
					 element->path, left, left + line->width, page_width),
				 errhint("Set a smaller \"max_width\", or another \"x\".")));
		if (y < -TOLERANCE)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s: line %d of the text lies at %.6g, below the page", element->path, i + 1,
							y),
					 errhint("Set a larger \"y\" or \"max_width\", or a smaller \"line_height\".")));
		lc_typeset_draw(document->typesetter, line->line, layout.size, left, y);
	}
	lc_structure_close(document->structure);
}

/* ------------------------------------------------------------ images */

/* Starts a figure at this place; one without a text is decoration. */
static void
open_figure(Document *document, const char *text, double x, double y, double width, double height)
{
	double box[4] = { x, y, x + width, y + height };

	if (text[0] == '\0')
	{
		lc_structure_open_artifact(document->structure);
		return;
	}
	lc_structure_open(document->structure, LC_ROLE_FIGURE, text, x, y + height);
	lc_template_box(document->ground, box);
	lc_structure_box(document->structure, box);
}

/* Draws the images; one that is drawn several times is in the document once. */
static void
draw_images(Document *document, const LcValues *values)
{
	List *images = document->page->images;
	int *numbers = palloc0(sizeof(int) * (list_length(images) + 1));
	int i;

	for (i = 0; i < list_length(images); i++)
	{
		const LcImageElement *image = list_nth(images, i);
		const double place[4] = { image->x, image->y, image->width, image->height };
		double matrix[6];
		int name = 0;
		int c;

		CHECK_FOR_INTERRUPTS();
		while (((const LcImageElement *) list_nth(images, name))->image != image->image)
			name++;
		if (name == i)
		{
			numbers[i] = lc_image_place(document->canvas, image->image);
			appendStringInfo(&document->resources.xobjects, "/%sIm%d %d 0 R ",
							 lc_template_prefix(document->ground), name, numbers[i]);
		}
		open_figure(document, lc_placeholder_plain(image->alt, values, image->path), image->x, image->y,
					image->width, image->height);
		appendStringInfoString(&document->content, "q ");
		lc_image_matrix(image->image, place, matrix);
		for (c = 0; c < 6; c++)
			lc_pdf_numbers(&document->content, 1, matrix[c]);
		appendStringInfo(&document->content, "cm /%sIm%d Do Q\n", lc_template_prefix(document->ground),
						 name);
		lc_structure_close(document->structure);
	}
}

/* Draws the QR codes. What is read out in place of one is what it says. */
static void
draw_qr_codes(Document *document, const LcValues *values)
{
	const char *prefix = lc_template_prefix(document->ground);

	for (int i = 0; i < list_length(document->page->qr_codes); i++)
	{
		const LcQrElement *code = list_nth(document->page->qr_codes, i);
		char *text = lc_placeholder_plain(code->text, values, code->path);
		double quiet;
		double size;

		CHECK_FOR_INTERRUPTS();
		open_figure(document, text, code->x, code->y, code->size, code->size);
		appendStringInfo(&document->resources.xobjects, "/%sQr%d %d 0 R ", prefix, i,
						 lc_qr_place(document->canvas, text, code->path, &quiet));
		quiet *= code->size;
		size = code->size - 2 * quiet;
		appendStringInfoString(&document->content, "q 0 g ");
		lc_pdf_numbers(&document->content, 6, size, 0.0, 0.0, size, code->x + quiet, code->y + quiet);
		appendStringInfo(&document->content, "cm /%sQr%d Do Q\n", prefix, i);
		lc_structure_close(document->structure);
	}
}

/* ------------------------------------------------------------ the document */

static void
fill_values(LcValues *values, const Subject *subject, const LcPage *page)
{
	values->name = subject->user_full_name;
	values->context_name = subject->context_name;
	values->credential_type = subject->type_name;
	values->issue_date =
		lc_format_date(subject->issue_date, page->date_format, page->locale, page->time_zone);
	values->expires_date = subject->expires
		? lc_format_date(subject->expires_at, page->date_format, page->locale, page->time_zone)
		: "";
	values->verify_uuid = subject->verify_uuid;
	values->verify_url = lc_placeholder_url(lc_verify_url, subject->verify_uuid);
	values->evidence = subject->evidence;
}

/* A locale as a BCP 47 language tag, which is what a document's language is. */
static char *
language_tag(const char *locale)
{
	char *tag = pnstrdup(locale, strcspn(locale, "@."));
	char *at;

	for (at = tag; *at != '\0'; at++)
		if (*at == '_')
			*at = '-';
	return tag;
}

/* The organisation in a context's key: what stands between the first ":" and the first "+"; or NULL. */
static char *
organisation(const char *context_key)
{
	const char *start;

	if (context_key == NULL || (start = strchr(context_key, ':')) == NULL)
		return NULL;
	return pnstrdup(start + 1, strcspn(start + 1, "+"));
}

static void
describe(Document *document, const Subject *subject)
{
	LcDocumentInfo info = { 0 };
	char *title = psprintf("%s: %s", subject->type_name, subject->context_name);
	char *at;

	for (at = title; *at != '\0'; at++)
		if (*at == '\n' || *at == '\r')
			*at = ' ';
	info.title = title;
	info.author = organisation(subject->context_key);
	info.subject = subject->user_full_name;
	info.language = language_tag(document->page->locale);
	/* Not the time of making, so that the same credential gives the same document. */
	info.created = subject->issue_date;
	lc_canvas_info(document->canvas, &info);
}

/* The template for texts of several lines, if there is one and there are; else the template or blank page. */
static const LcTemplate *
choose_ground(const LcPage *page, bool multiline)
{
	if (multiline && page->multiline_ground != NULL)
		return lc_template_get(page->multiline_ground, "template_multiline");
	if (page->ground != NULL)
		return lc_template_get(page->ground, "template");
	return lc_template_blank(page->width, page->height);
}

/* Makes the document, all but its bytes, in the current memory context. */
static LcCanvas *
make(const Subject *subject, const LcOption *root)
{
	LcPage *page = lc_page_read(root);
	Document document;
	LcValues values;
	char **texts = palloc0(sizeof(char *) * (list_length(page->texts) + 1));
	bool multiline;
	char *entries;
	int i;

	fill_values(&values, subject, page);
	multiline = lc_text_is_multiline(subject->context_name);
	for (i = 0; i < list_length(page->texts); i++)
	{
		const LcTextElement *element = list_nth(page->texts, i);

		CHECK_FOR_INTERRUPTS();
		texts[i] = lc_placeholder_fill(element->text, &values, element->path);
		if (element == page->context)
			multiline |= lc_text_is_multiline(texts[i]);
	}

	document.page = page;
	document.ground = choose_ground(page, multiline);
	lc_page_place(page, root, lc_template_width(document.ground), lc_template_height(document.ground));
	document.canvas = lc_canvas_create(page->encrypt ? lc_seal_get() : NULL);
	lc_template_begin(document.canvas, document.ground);
	initStringInfo(&document.content);
	lc_resources_init(&document.resources);

	document.structure =
		lc_structure_begin(document.canvas, &document.content, lc_template_first_mark(document.ground));

	draw_images(&document, &values);
	draw_qr_codes(&document, &values);
	document.typesetter = lc_typeset_begin(&document.content, lc_template_prefix(document.ground));
	for (i = 0; i < list_length(page->texts); i++)
	{
		const LcTextElement *element = list_nth(page->texts, i);

		draw_text(&document, element, texts[i],
				  lc_placeholder_plain(element->text, &values, element->path));
	}
	lc_typeset_finish(document.typesetter, document.canvas, &document.resources.fonts);

	entries = lc_structure_finish(document.structure);
	describe(&document, subject);
	lc_template_finish(document.canvas, document.ground, &document.content, &document.resources,
					   entries);
	return document.canvas;
}

/* Makes the document in a memory context of its own; the result is in the current one. */
static Datum
make_document(const Subject *subject, Jsonb *options, bool is_preview)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context =
		AllocSetContextCreate(caller, "learning_credentials document", ALLOCSET_DEFAULT_SIZES);
	LcProblems problems = { 0 };
	LcOption root;
	LcCanvas *canvas;
	bytea *pdf;

	MemoryContextSwitchTo(context);
	lc_options_begin(&root, options, &problems);
	if (is_preview)
		lc_options_check_keys(
			&root, "Options of retrieval functions of your own do not belong into a preview.");
	canvas = make(subject, &root);
	MemoryContextSwitchTo(caller);
	pdf = lc_canvas_finish(canvas);
	MemoryContextDelete(context);
	PG_RETURN_BYTEA_P(pdf);
}

/* ------------------------------------------------------------ functions */

/* A column of the credential that a document needs; error when it is NULL. */
static Datum
required_column(HeapTupleHeader credential, const char *name)
{
	bool isnull;
	Datum value = GetAttributeByName(credential, name, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the credential has no %s", name)));
	return value;
}

/* generate_pdf(credential, options) */
Datum
lc_generate_pdf(PG_FUNCTION_ARGS)
{
	HeapTupleHeader credential = PG_GETARG_HEAPTUPLEHEADER(0);
	Subject subject = { 0 };
	Datum value;
	bool isnull;

	subject.user_full_name = TextDatumGetCString(required_column(credential, "user_full_name"));
	subject.context_name = TextDatumGetCString(required_column(credential, "learning_context_name"));
	subject.context_key = TextDatumGetCString(required_column(credential, "learning_context_key"));
	subject.type_name = TextDatumGetCString(required_column(credential, "credential_type_name"));
	subject.verify_uuid =
		DatumGetCString(DirectFunctionCall1(uuid_out, required_column(credential, "verify_uuid")));
	subject.evidence = DatumGetJsonbP(required_column(credential, "evidence"));
	value = GetAttributeByName(credential, "issue_date", &isnull);
	subject.issue_date = isnull ? GetCurrentTransactionStartTimestamp() : DatumGetTimestampTz(value);
	value = GetAttributeByName(credential, "expires_at", &isnull);
	subject.expires = !isnull;
	subject.expires_at = isnull ? 0 : DatumGetTimestampTz(value);
	return make_document(&subject, PG_GETARG_JSONB_P(1), false);
}

/* preview_pdf(options, user_full_name, learning_context_name, issue_date, evidence) */
Datum
lc_preview_pdf(PG_FUNCTION_ARGS)
{
	Subject subject = { 0 };

	subject.user_full_name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	subject.context_name = text_to_cstring(PG_GETARG_TEXT_PP(2));
	subject.type_name = PREVIEW_TYPE;
	subject.verify_uuid = PREVIEW_UUID;
	subject.issue_date = PG_GETARG_TIMESTAMPTZ(3);
	subject.expires = subject.issue_date < END_TIMESTAMP - PREVIEW_VALIDITY;
	subject.expires_at = subject.expires ? subject.issue_date + PREVIEW_VALIDITY : 0;
	subject.evidence = PG_GETARG_JSONB_P(4);
	if (!JB_ROOT_IS_OBJECT(subject.evidence))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("evidence must be an object")));
	return make_document(&subject, PG_GETARG_JSONB_P(0), true);
}
