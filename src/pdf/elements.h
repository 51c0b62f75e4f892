/*
 * pdf/elements.h
 *		What stands on a page, as the options of generate_pdf say: pure data, the same for everyone who
 *		gets the credential.
 *
 * Lengths are points, coordinates count from the bottom left of the page as a viewer shows it.
 */
#ifndef LC_ELEMENTS_H
#define LC_ELEMENTS_H

#include "postgres.h"

#include "asset.h"
#include "nodes/pg_list.h"
#include "options.h"
#include "pdf/image.h"

typedef enum LcAlign
{
	LC_ALIGN_UNSET, /* only while options are read, as LC_DIRECTION_UNSET */
	LC_ALIGN_LEFT,
	LC_ALIGN_CENTER,
	LC_ALIGN_RIGHT,
	LC_ALIGN_START, /* left, or right in a right-to-left text */
	LC_ALIGN_END
} LcAlign;

typedef enum LcDirection
{
	LC_DIRECTION_UNSET,
	LC_DIRECTION_AUTO, /* by the first strong character */
	LC_DIRECTION_LTR,
	LC_DIRECTION_RTL
} LcDirection;

typedef struct LcColor
{
	double red; /* 0 to 1 */
	double green;
	double blue;
} LcColor;

typedef struct LcTextElement
{
	const char *path; /* "text_elements.name" */
	char *text;		  /* placeholders not filled in */
	double x;		  /* NaN: as align says, see lc_element_x() */
	double y;		  /* of the first line's baseline */
	double size;
	double min_size;  /* NaN: half of size */
	double max_width; /* NaN: see lc_element_max_width() */
	double char_space;
	double line_height; /* of size */
	LcAlign align;
	LcDirection direction;
	bool uppercase;
	bool uppercase_set; /* only while options are read */
	LcColor color;
	List *fonts; /* of LcFontRef */
} LcTextElement;

typedef struct LcImageElement
{
	const char *path; /* "images[0]" */
	LcAsset *asset;
	const LcImage *image; /* set by lc_page_place() */
	char *alt;			  /* what stands for it, placeholders not filled in; empty: it is decoration */
	double x;			  /* of the bottom left corner */
	double y;
	double width; /* NaN until lc_page_place(), if it is not given */
	double height;
} LcImageElement;

typedef struct LcQrElement
{
	const char *path; /* "qr_codes[0]" */
	char *text;		  /* placeholders not filled in */
	double x;		  /* of the bottom left corner, quiet zone included */
	double y;
	double size;
} LcQrElement;

typedef struct LcPage
{
	LcAsset *ground;		   /* NULL: a blank page of width and height */
	LcAsset *multiline_ground; /* NULL: ground */
	double width;			   /* of the blank page */
	double height;
	List *texts;			/* of LcTextElement, in the order of drawing */
	LcTextElement *context; /* the element "context" among them; NULL: hidden */
	List *images;			/* of LcImageElement */
	List *qr_codes;			/* of LcQrElement */
	char *locale;
	char *date_format;
	char *time_zone;
	bool encrypt;
} LcPage;

/* The top-level keys of generate_pdf; ends with NULL. */
extern const char *const lc_page_keys[];

/*
 * Reads the page from options, assets with the current user's rights. Problems go to root->problems;
 * where they are collected, what has one is left out.
 */
extern LcPage *lc_page_read(const LcOption *root);

/*
 * Gives images the size that they do not name (by the other one and the picture's proportions, else 72
 * pixels an inch), and reports elements that lie outside a page of this size. Raises what reading an
 * image raises. LcImageElement.image stays valid as long as the current memory context.
 */
extern void lc_page_place(LcPage *page, const LcOption *root, double width, double height);

/*
 * Where a text is aligned that names no x, on a page of this width: the middle for center, else a twelfth
 * of the width from the edge. rtl is the text's direction, for start and end.
 */
extern double lc_element_x(const LcTextElement *element, double page_width, bool rtl);

/* Left, center or right, with start and end resolved. */
extern LcAlign lc_element_align(const LcTextElement *element, bool rtl);

/*
 * The width that a text may take: its max_width, else what leaves a twelfth of the page's width free at
 * each edge towards which it grows, or half of the way there if that is less.
 */
extern double lc_element_max_width(const LcTextElement *element, double page_width, bool rtl);

#endif /* LC_ELEMENTS_H */
