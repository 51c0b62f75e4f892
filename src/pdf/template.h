/*
 * pdf/template.h
 *		The ground that a page is drawn on: the first page of a PDF, or a blank page.
 */
#ifndef LC_TEMPLATE_H
#define LC_TEMPLATE_H

#include "postgres.h"

#include "asset.h"
#include "lib/stringinfo.h"
#include "pdf/canvas.h"

typedef struct LcTemplate LcTemplate;

/*
 * The resources that our content uses: entries of the page's resource dictionaries, as in
 * "/LcF1 12 0 R /LcF2 15 0 R ". Every name starts with lc_template_prefix().
 */
typedef struct LcResources
{
	StringInfoData fonts;
	StringInfoData xobjects;
	StringInfoData extgstates;
} LcResources;

/*
 * The template in an asset, read if this backend has not read it yet. Stays valid as long as the memory
 * context that is current in the call. Raises what lc_template_check() raises, with "path" (the option
 * that named the asset) as context.
 */
extern const LcTemplate *lc_template_get(const LcAsset *asset, const char *path);

/* A blank page of this size in points, palloc'd. */
extern const LcTemplate *lc_template_blank(double width, double height);

/* The size in points of the page as a viewer shows it: cropped, rotated and scaled. */
extern double lc_template_width(const LcTemplate *ground);
extern double lc_template_height(const LcTemplate *ground);

/* What every name of a resource of ours must start with: "Lc", or longer if the template uses that. */
extern const char *lc_template_prefix(const LcTemplate *ground);

/* The first mark (MCID) that is free for marked content of ours. */
extern int lc_template_first_mark(const LcTemplate *ground);

/* Takes a box (left, bottom, right, top) from the page as displayed to the page's own coordinates. */
extern void lc_template_box(const LcTemplate *ground, double *box);

/* Empty resources, their memory from the current context. */
extern void lc_resources_init(LcResources *resources);

/* Adds the template's objects to a canvas that has none yet. */
extern void lc_template_begin(LcCanvas *canvas, const LcTemplate *ground);

/*
 * Defines the page: the template's content, then ours, which is written in the page as a viewer shows
 * it: points, origin at the bottom left, y up. "content" is a content stream; what it sets is forgotten
 * at its end. "entries" are further entries of the page ("/StructParents 0 /Tabs /S"), or NULL.
 */
extern void lc_template_finish(LcCanvas *canvas, const LcTemplate *ground, const StringInfo content,
							   const LcResources *resources, const char *entries);

/*
 * Is this a PDF that can be a template? It opens without a password, is not damaged beyond repair, has a
 * page, and its streams decompress to no more than learning_credentials.parse_memory. Raises 22023 or 54000.
 * Returns the bytes that it adds to each document at most, and what had to be repaired: sentences, palloc'd,
 * or NULL.
 */
extern Size lc_template_check(const uint8 *data, Size length, char **repairs);

#endif /* LC_TEMPLATE_H */
