/*
 * pdf/elements.c
 *		Text elements, images and QR codes: defaults, precedence, checks.
 *
 * Reads options and assets' metadata; draws nothing.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/float.h"

#include "pdf/elements.h"
#include "pdf/fontref.h"
#include "pdf/typeset.h"
#include "pdf/unicode.h"

/* Bounds: a page of PDF is at most 14,400 points wide and high (ISO 32000-1, annex C). */
#define MAX_LENGTH 14400
#define MAX_SIZE 2000
#define MAX_CHAR_SPACE 1000
#define MAX_LINE_HEIGHT 10
#define MAX_ELEMENTS 500 /* of each kind */

/* Free at the edges of a page, of its width. */
#define MARGIN (1.0 / 12)

#define QR_TEXT "{verify_url}"
#define QR_SIZE 72

/* Elements that reach over the page's edge by less than this, in points, are on it: rounding. */
#define TOLERANCE 0.01

#define MILLIMETRE (72 / 25.4)

const char *const lc_page_keys[] = { "template",	  "template_multiline",
									 "page",		  "defaults",
									 "text_elements", "images",
									 "qr_codes",	  "locale",
									 "date_format",	  "time_zone",
									 "protection",	  NULL };

static const char *const page_keys[] = { "size", "orientation", NULL };
static const char *const styling_keys[] = { "x",		 "align",		"size",		 "min_size",
											"max_width", "font",		"color",	 "char_space",
											"uppercase", "line_height", "direction", NULL };
static const char *const own_keys[] = { "text", "y", NULL }; /* what an element has besides */
static const char *const image_keys[] = { "slug", "x", "y", "width", "height", "alt", NULL };
static const char *const qr_keys[] = { "text", "x", "y", "size", NULL };

static const char *const align_words[] = { "left", "center", "right", "start", "end", NULL };
static const char *const direction_words[] = { "auto", "ltr", "rtl", NULL };
static const char *const protection_words[] = { "encrypt", "none", NULL };
static const char *const orientation_words[] = { "landscape", "portrait", NULL };

/* ISO 216 and ANSI Y14.1, upright, in points; the words of "size" in the same order. */
static const char *const size_words[] = { "A4", "Letter", "A3", "A5", "A6", "Legal", "Tabloid", NULL };
static const struct
{
	double width;
	double height;
} sizes[] = {
	{ 210 * MILLIMETRE, 297 * MILLIMETRE },
	{ 612, 792 },
	{ 297 * MILLIMETRE, 420 * MILLIMETRE },
	{ 148 * MILLIMETRE, 210 * MILLIMETRE },
	{ 105 * MILLIMETRE, 148 * MILLIMETRE },
	{ 612, 1008 },
	{ 792, 1224 },
};

static const struct
{
	const char *name;
	const char *text;
	double y;
	double size;
} standard_elements[] = {
	{ "name", "{name}", 290, 32 },
	{ "context", "{context_name}", 220, 28 },
	{ "date", "{issue_date}", 120, 12 },
};

/* ------------------------------------------------------------ reading values */

/* The asset that a text names; NULL, with a problem, when it is not there. *given: is there a text? */
static LcAsset *
read_asset(const LcOption *object, const char *key, LcAssetKind kind, bool *given)
{
	LcOption option;
	char *slug;

	*given = lc_option_get(object, key, &option);
	if (!*given || !lc_option_is_text(&option, &slug))
		return NULL;
	return lc_option_asset(&option, slug, kind);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* A colour: rgb or rrggbb in hexadecimal digits, after an optional "#". */
static void
read_color(const LcOption *object, const char *key, LcColor *color)
{
	LcOption option;
	int digits[6];
	int count = 0;
	char *text;

	if (!lc_option_get(object, key, &option))
		return;
	if (option.value.type == jbvString)
	{
		text = pnstrdup(option.value.val.string.val, option.value.val.string.len);
		if (*text == '#')
			text++;
		while (count < 6 && *text != '\0' && (digits[count] = hex_digit(*text)) >= 0)
		{
			count++;
			text++;
		}
		if (*text == '\0' && (count == 3 || count == 6))
		{
			int each = count / 3;

			color->red = (digits[0] * 16 + digits[each - 1]) / 255.0;
			color->green = (digits[each] * 16 + digits[2 * each - 1]) / 255.0;
			color->blue = (digits[2 * each] * 16 + digits[3 * each - 1]) / 255.0;
			return;
		}
	}
	lc_option_unexpected(&option, "a color such as \"#1a5276\" or \"#fff\"");
}

/* ------------------------------------------------------------ texts */

/* A text element of which nothing is said. */
static LcTextElement *
unset_element(const char *path)
{
	LcTextElement *element = palloc0(sizeof(LcTextElement));

	element->path = path;
	element->x = element->y = element->size = element->min_size = element->max_width =
		element->char_space = element->line_height = element->color.red = get_float8_nan();
	return element;
}

/* Reads what an object says of a text element. */
static LcTextElement *
read_element(const LcOption *object)
{
	LcTextElement *element = unset_element(lc_option_path(object));
	int word;

	lc_option_number(object, "x", 0, false, MAX_LENGTH, &element->x);
	lc_option_number(object, "size", 0, true, MAX_SIZE, &element->size);
	lc_option_number(object, "min_size", 0, true, MAX_SIZE, &element->min_size);
	lc_option_number(object, "max_width", 0, true, MAX_LENGTH, &element->max_width);
	lc_option_number(object, "char_space", -MAX_CHAR_SPACE, false, MAX_CHAR_SPACE, &element->char_space);
	lc_option_number(object, "line_height", 0, true, MAX_LINE_HEIGHT, &element->line_height);
	if (lc_option_word(object, "align", align_words, &word))
		element->align = LC_ALIGN_LEFT + word;
	if (lc_option_word(object, "direction", direction_words, &word))
		element->direction = LC_DIRECTION_AUTO + word;
	element->uppercase_set = lc_option_bool(object, "uppercase", &element->uppercase);
	read_color(object, "color", &element->color);
	element->fonts = lc_font_refs_read(object, "font");
	return element;
}

/* Fills in what an element leaves open. */
static void
inherit(LcTextElement *element, const LcTextElement *from)
{
	if (element->text == NULL)
		element->text = from->text;
	if (isnan(element->x))
		element->x = from->x;
	if (isnan(element->y))
		element->y = from->y;
	if (isnan(element->size))
		element->size = from->size;
	if (isnan(element->min_size))
		element->min_size = from->min_size;
	if (isnan(element->max_width))
		element->max_width = from->max_width;
	if (isnan(element->char_space))
		element->char_space = from->char_space;
	if (isnan(element->line_height))
		element->line_height = from->line_height;
	if (element->align == LC_ALIGN_UNSET)
		element->align = from->align;
	if (element->direction == LC_DIRECTION_UNSET)
		element->direction = from->direction;
	if (!element->uppercase_set)
	{
		element->uppercase = from->uppercase;
		element->uppercase_set = from->uppercase_set;
	}
	if (isnan(element->color.red))
		element->color = from->color;
	if (element->fonts == NIL)
		element->fonts = from->fonts;
}

/* The styling of a text of which options say nothing. */
static LcTextElement *
builtin_styling(void)
{
	LcTextElement *element = unset_element(NULL);
	LcFontRef *font = palloc0(sizeof(LcFontRef));

	font->name = "Helvetica";
	element->fonts = list_make1(font);
	element->size = 12;
	element->char_space = 0;
	element->line_height = 1.1;
	element->align = LC_ALIGN_CENTER;
	element->direction = LC_DIRECTION_AUTO;
	element->uppercase_set = true;
	element->color.red = 0;
	return element;
}

/* Its own keys, else defaults, else the standard element of the name, else the built-in styling. */
static LcTextElement *
finish_element(LcTextElement *element, const LcTextElement *defaults, const LcTextElement *standard)
{
	inherit(element, defaults);
	if (standard != NULL)
		inherit(element, standard);
	inherit(element, builtin_styling());
	if (isnan(element->min_size))
		element->min_size = element->size / 2;
	element->min_size = Min(element->min_size, element->size);
	return element;
}

/*
 * Reads one member of text_elements, or makes the standard element when there is no member; NULL: it is
 * hidden, or not as expected.
 */
static LcTextElement *
read_text(const LcOption *member, const LcTextElement *defaults, const LcTextElement *standard)
{
	LcTextElement *element;

	if (member == NULL)
		return finish_element(unset_element(standard->path), defaults, standard);
	if (member->value.type == jbvBool && !member->value.val.boolean)
		return NULL;
	if (member->value.type != jbvBinary || !JsonContainerIsObject(member->value.val.binary.data))
	{
		lc_option_unexpected(member, "an object, or false to hide the element");
		return NULL;
	}

	element = read_element(member);
	lc_option_text(member, "text", &element->text);
	lc_option_number(member, "y", 0, false, MAX_LENGTH, &element->y);
	lc_option_known_keys(member, styling_keys, own_keys, NULL);
	if (standard == NULL)
	{
		LcOption own;

		/* A value that is there and was no good has been reported. */
		if (!lc_option_get(member, "text", &own))
			lc_option_missing(member, "text");
		if (!lc_option_get(member, "y", &own))
			lc_option_missing(member, "y");
		if (element->text == NULL || isnan(element->y))
			return NULL;
	}
	return finish_element(element, defaults, standard);
}

/* The standard elements in their order, then the others in the order of their keys. */
static void
read_texts(const LcOption *root, LcPage *page)
{
	LcOption option;
	LcTextElement *defaults;
	LcTextElement *element;
	LcOption elements;
	LcOption *members = NULL;
	int count = 0;
	Size i;
	int j;

	if (lc_option_object(root, "defaults", &option))
	{
		LcOption own;

		defaults = read_element(&option);
		lc_option_known_keys(&option, styling_keys, own_keys, NULL);
		for (i = 0; own_keys[i] != NULL; i++)
			if (lc_option_get(&option, own_keys[i], &own))
				lc_option_problem(&own, NULL, LC_PROBLEM_KEY,
								  "It belongs into an element of \"text_elements\".",
								  "not among what elements have in common");
	}
	else
		defaults = unset_element(NULL);
	if (lc_option_object(root, "text_elements", &elements))
	{
		members = lc_option_members(&elements, &count);
		if (count > MAX_ELEMENTS)
		{
			lc_option_problem(&elements, NULL, LC_PROBLEM_LIMIT, NULL, "more than %d elements on a page",
							  MAX_ELEMENTS);
			count = MAX_ELEMENTS;
		}
	}

	for (i = 0; i < lengthof(standard_elements); i++)
	{
		LcTextElement *standard = unset_element(psprintf("text_elements.%s", standard_elements[i].name));
		LcOption *member = NULL;

		standard->text = pstrdup(standard_elements[i].text);
		standard->y = standard_elements[i].y;
		standard->size = standard_elements[i].size;
		for (j = 0; j < count; j++)
			if (strcmp(members[j].key, standard_elements[i].name) == 0 &&
				members[j].value.type != jbvNull)
				member = &members[j];
		element = read_text(member, defaults, standard);
		if (element != NULL)
			page->texts = lappend(page->texts, element);
		if (strcmp(standard_elements[i].name, "context") == 0)
			page->context = element;
	}
	for (j = 0; j < count; j++)
	{
		bool is_standard = false;

		CHECK_FOR_INTERRUPTS();
		for (i = 0; i < lengthof(standard_elements); i++)
			is_standard |= strcmp(members[j].key, standard_elements[i].name) == 0;
		if (is_standard || members[j].value.type == jbvNull)
			continue;
		element = read_text(&members[j], defaults, NULL);
		if (element != NULL)
			page->texts = lappend(page->texts, element);
	}
}

/* ------------------------------------------------------------ images and QR codes */

/* Reads a number that must be there; false when it is not, or is no good. */
static bool
required_number(const LcOption *object, const char *key, double *value)
{
	LcOption option;

	if (!lc_option_get(object, key, &option))
	{
		lc_option_missing(object, key);
		return false;
	}
	return lc_option_number(object, key, 0, false, MAX_LENGTH, value);
}

static void
read_image(const LcOption *object, LcPage *page)
{
	LcImageElement *image = palloc0(sizeof(LcImageElement));
	bool given;
	bool placed;

	image->path = lc_option_path(object);
	image->asset = read_asset(object, "slug", LC_ASSET_IMAGE, &given);
	if (!given)
		lc_option_missing(object, "slug");
	placed = required_number(object, "x", &image->x);
	placed &= required_number(object, "y", &image->y);
	image->width = image->height = get_float8_nan();
	lc_option_number(object, "width", 0, true, MAX_LENGTH, &image->width);
	lc_option_number(object, "height", 0, true, MAX_LENGTH, &image->height);
	if (image->asset != NULL)
		image->alt = image->asset->description[0] != '\0' ? image->asset->description
														  : image->asset->slug;
	lc_option_text(object, "alt", &image->alt);
	lc_option_known_keys(object, image_keys, NULL, NULL);
	if (image->asset != NULL && placed)
		page->images = lappend(page->images, image);
}

static void
read_qr_code(const LcOption *object, LcPage *page)
{
	LcQrElement *code = palloc0(sizeof(LcQrElement));
	bool placed;

	code->path = lc_option_path(object);
	code->text = pstrdup(QR_TEXT);
	lc_option_text(object, "text", &code->text);
	placed = required_number(object, "x", &code->x);
	placed &= required_number(object, "y", &code->y);
	code->size = QR_SIZE;
	lc_option_number(object, "size", 0, true, MAX_LENGTH, &code->size);
	lc_option_known_keys(object, qr_keys, NULL, NULL);
	if (placed)
		page->qr_codes = lappend(page->qr_codes, code);
}

/* Reads a list of objects with one of the two functions above. */
static void
read_list(const LcOption *root, const char *key, void (*read)(const LcOption *object, LcPage *page),
		  LcPage *page)
{
	LcOption list;
	LcOption *members;
	int count;
	int i;

	if (!lc_option_array(root, key, &list))
		return;
	members = lc_option_members(&list, &count);
	if (count > MAX_ELEMENTS)
	{
		lc_option_problem(&list, NULL, LC_PROBLEM_LIMIT, NULL, "more than %d elements on a page",
						  MAX_ELEMENTS);
		count = MAX_ELEMENTS;
	}
	for (i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (lc_option_is_object(&members[i]))
			read(&members[i], page);
	}
}

/* ------------------------------------------------------------ the page */

/* A template, or the size of a page without one: exactly one of the two. */
static void
read_ground(const LcOption *root, LcPage *page)
{
	LcOption option;
	bool has_template;
	bool has_multiline;
	bool has_page;

	page->ground = read_asset(root, "template", LC_ASSET_TEMPLATE, &has_template);
	page->multiline_ground = read_asset(root, "template_multiline", LC_ASSET_TEMPLATE, &has_multiline);
	has_page = lc_option_get(root, "page", &option);

	if (has_page && lc_option_is_object(&option))
	{
		int size = 0;
		int orientation = 0;

		lc_option_word(&option, "size", size_words, &size);
		lc_option_word(&option, "orientation", orientation_words, &orientation);
		lc_option_known_keys(&option, page_keys, NULL, NULL);
		page->width = orientation == 0 ? sizes[size].height : sizes[size].width;
		page->height = orientation == 0 ? sizes[size].width : sizes[size].height;
	}

	if (!has_template && !has_page)
		lc_option_problem(
			root, "template", LC_PROBLEM_VALUE,
			"Name the asset with the page's design, or set \"page\" for a page without one.", "missing");
	else if (has_template && has_page)
		lc_option_problem(root, "page", LC_PROBLEM_VALUE,
						  "Set one of the two to null to take back what the credential type sets.",
						  "not together with \"template\"");
	if (has_multiline && has_page)
		lc_option_problem(root, "page", LC_PROBLEM_VALUE,
						  "Set one of the two to null to take back what the credential type sets.",
						  "not together with \"template_multiline\"");
}

static void
read_language(const LcOption *root, LcPage *page)
{
	LcOption option;
	const char *reason;

	page->locale = pstrdup("en");
	page->date_format = pstrdup("long");
	page->time_zone = pstrdup("UTC");
	if (lc_option_get(root, "locale", &option) && lc_option_is_text(&option, &page->locale) &&
		!lc_locale_is_known(page->locale))
		lc_option_unexpected(&option, "a locale such as \"en\" or \"pt-BR\"");
	if (lc_option_get(root, "date_format", &option) && lc_option_is_text(&option, &page->date_format) &&
		!lc_date_format_is_valid(page->date_format, &reason))
		lc_option_problem(
			&option, NULL, LC_PROBLEM_VALUE,
			"Use \"short\", \"medium\", \"long\", \"full\", or a pattern of ICU such as \"d MMMM yyyy\".",
			"%s", reason);
	if (lc_option_get(root, "time_zone", &option) && lc_option_is_text(&option, &page->time_zone) &&
		!lc_time_zone_is_known(page->time_zone))
		lc_option_unexpected(&option, "a time zone such as \"UTC\" or \"Europe/Warsaw\"");
}

LcPage *
lc_page_read(const LcOption *root)
{
	LcPage *page = palloc0(sizeof(LcPage));
	int protection = 0;

	read_ground(root, page);
	read_texts(root, page);
	read_list(root, "images", read_image, page);
	read_list(root, "qr_codes", read_qr_code, page);
	read_language(root, page);
	lc_option_word(root, "protection", protection_words, &protection);
	page->encrypt = protection == 0;
	return page;
}

/* Reports what reaches from "from" to "to" on an axis along which the page is "length" points. */
static void
check_extent(const LcOption *root, const char *path, const char *key, double from, double to,
			 double length, const char *dimension)
{
	if (from >= -TOLERANCE && to <= length + TOLERANCE)
		return;
	if (from == to)
		lc_option_problem(root, psprintf("%s.%s", path, key), LC_PROBLEM_VALUE, NULL,
						  "%g is off the page, which is %.6g points %s", from, length, dimension);
	else
		lc_option_problem(root, psprintf("%s.%s", path, key), LC_PROBLEM_VALUE, NULL,
						  "from %g to %g is off the page, which is %.6g points %s", from, to, length,
						  dimension);
}

void
lc_page_place(LcPage *page, const LcOption *root, double width, double height)
{
	ListCell *cell;

	foreach(cell, page->texts)
	{
		LcTextElement *text = lfirst(cell);

		if (!isnan(text->x))
			check_extent(root, text->path, "x", text->x, text->x, width, "wide");
		check_extent(root, text->path, "y", text->y, text->y, height, "high");
	}
	foreach(cell, page->images)
	{
		LcImageElement *image = lfirst(cell);
		double proportion;

		image->image = lc_image_get(image->asset, image->path);
		proportion = (double) lc_image_width(image->image) / lc_image_height(image->image);
		if (isnan(image->width) && isnan(image->height))
			image->width = lc_image_width(image->image);
		if (isnan(image->width))
			image->width = image->height * proportion;
		if (isnan(image->height))
			image->height = image->width / proportion;
		check_extent(root, image->path, "x", image->x, image->x + image->width, width, "wide");
		check_extent(root, image->path, "y", image->y, image->y + image->height, height, "high");
	}
	foreach(cell, page->qr_codes)
	{
		LcQrElement *code = lfirst(cell);

		check_extent(root, code->path, "x", code->x, code->x + code->size, width, "wide");
		check_extent(root, code->path, "y", code->y, code->y + code->size, height, "high");
	}
}

LcAlign
lc_element_align(const LcTextElement *element, bool rtl)
{
	switch (element->align)
	{
		case LC_ALIGN_START:
			return rtl ? LC_ALIGN_RIGHT : LC_ALIGN_LEFT;
		case LC_ALIGN_END:
			return rtl ? LC_ALIGN_LEFT : LC_ALIGN_RIGHT;
		default:
			return element->align;
	}
}

double
lc_element_x(const LcTextElement *element, double page_width, bool rtl)
{
	if (!isnan(element->x))
		return element->x;
	switch (lc_element_align(element, rtl))
	{
		case LC_ALIGN_LEFT:
			return page_width * MARGIN;
		case LC_ALIGN_RIGHT:
			return page_width * (1 - MARGIN);
		default:
			return page_width / 2;
	}
}

/* What a text may take on its way from x to an edge at "distance". */
static double
room(double distance, double page_width)
{
	return distance - Min(page_width * MARGIN, distance / 2);
}

double
lc_element_max_width(const LcTextElement *element, double page_width, bool rtl)
{
	double x = lc_element_x(element, page_width, rtl);
	double left = room(x, page_width);
	double right = room(page_width - x, page_width);

	if (!isnan(element->max_width))
		return element->max_width;
	switch (lc_element_align(element, rtl))
	{
		case LC_ALIGN_LEFT:
			return right;
		case LC_ALIGN_RIGHT:
			return left;
		default:
			return 2 * Min(left, right);
	}
}
