/*
 * pdf/canvas.h
 *		One output document of one page.
 *
 * A document is made in this order:
 *
 *		canvas = lc_canvas_create(seal);
 *		lc_template_begin(canvas, template);			the ground's objects come first
 *		... lc_canvas_reserve(), lc_canvas_object(), lc_canvas_stream() for fonts, images and so on
 *		lc_canvas_info(canvas, &info);
 *		lc_template_finish(canvas, template, content, resources);
 *		pdf = lc_canvas_finish(canvas);
 *
 * All memory is of the context that was current in lc_canvas_create().
 */
#ifndef LC_CANVAS_H
#define LC_CANVAS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "pdf/seal.h"

typedef struct LcCanvas LcCanvas;

typedef enum LcCoding
{
	LC_RAW,	   /* data as they are; "entries" has the /Filter, if any */
	LC_DEFLATE /* the canvas compresses, and writes /Filter /FlateDecode */
} LcCoding;

typedef struct LcDocumentInfo
{
	const char *title; /* UTF-8, as the rest; NULL: none */
	const char *author;
	const char *subject;
	const char *language; /* BCP 47, for example "en" or "pt-BR" */
	TimestampTz created;  /* 0: none */
} LcDocumentInfo;

/* A new document; seal NULL: not encrypted. */
extern LcCanvas *lc_canvas_create(const LcSeal *seal);

/* What streams, and strings outside of packs, are sealed with (lc_pdf_text, lc_pdf_string); NULL: not encrypted. */
extern const LcSeal *lc_canvas_seal(const LcCanvas *canvas);

/* The number of a new object, which lc_canvas_object() or a stream must then define. From 1. */
extern int lc_canvas_reserve(LcCanvas *canvas);

/*
 * Defines an object: always a dictionary, of which "entries" is what stands between << and >>. (Arrays and
 * other values are written into the dictionary that uses them: libharu writes no raw objects but
 * dictionaries.) It is packed (pdf/pack.h), so its strings are not sealed. "entries" is kept, not copied: it
 * must live until lc_canvas_finish().
 */
extern void lc_canvas_object(LcCanvas *canvas, int number, const char *entries, Size length);

/*
 * Defines an object by saying where it is: in the pack that is, or will be, the stream of this number, at this
 * place.
 */
extern void lc_canvas_packed(LcCanvas *canvas, int number, int pack, int place);

/*
 * Defines a stream. "entries" are those of its dictionary without /Length, and for LC_DEFLATE without
 * /Filter; NUL-terminated, strings already sealed. The canvas seals the data. "entries" and, for LC_RAW,
 * "data" are kept, not copied: they must live until lc_canvas_finish().
 */
extern void lc_canvas_stream(LcCanvas *canvas, int number, const char *entries, const void *data,
							 Size length, LcCoding coding);

/* The same for data already sealed with lc_canvas_seal(), or without a seal: written as they are. */
extern void lc_canvas_sealed_stream(LcCanvas *canvas, int number, const char *entries,
									Size entries_length, const void *data, Size length);

/* Appends entries to the catalog, for example "/StructTreeRoot 12 0 R", strings already sealed. Copied. */
extern void lc_canvas_catalog(LcCanvas *canvas, const char *entries, Size length);

/* What the document says of itself: Info dictionary, XMP metadata and /Lang. */
extern void lc_canvas_info(LcCanvas *canvas, const LcDocumentInfo *info);

/* The object number of the page tree's root: the page's /Parent. */
extern int lc_canvas_pages(LcCanvas *canvas);

/* The object number of the page; reserved by the first call, so that structure may point at it. */
extern int lc_canvas_page(LcCanvas *canvas);

/*
 * The document's bytes, palloc'd. Raises 54000 when they are more than
 * learning_credentials.max_document_size. The canvas cannot be used afterwards.
 */
extern bytea *lc_canvas_finish(LcCanvas *canvas);

#endif /* LC_CANVAS_H */
