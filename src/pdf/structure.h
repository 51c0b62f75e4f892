/*
 * pdf/structure.h
 *		A document's structure: what stands on its page, for people and programs that do not see it.
 *
 * What is drawn between lc_structure_open() and lc_structure_close() is an element. The order in which
 * elements are read is not that of drawing, but from the top of the page to the bottom.
 */
#ifndef LC_STRUCTURE_H
#define LC_STRUCTURE_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "pdf/canvas.h"

typedef struct LcStructure LcStructure;

typedef enum LcRole
{
	LC_ROLE_TEXT,
	LC_ROLE_FIGURE
} LcRole;

/*
 * The structure of the canvas's page, of which "content" is what is drawn. Marks (MCIDs) are numbered from
 * first_mark. All memory is of the current context.
 */
extern LcStructure *lc_structure_begin(LcCanvas *canvas, StringInfo content, int first_mark);

/*
 * Starts an element. "text" is what a text says, or what stands for a figure; kept, not copied. It is read
 * where its top left corner is, in points from the bottom left of the page as a viewer shows it.
 */
extern void lc_structure_open(LcStructure *structure, LcRole role, const char *text, double left,
							  double top);

/* Where a figure is, in the page's own coordinates: left, bottom, right, top. Of the element that is open. */
extern void lc_structure_box(LcStructure *structure, const double *box);

/* Starts what is decoration. */
extern void lc_structure_open_artifact(LcStructure *structure);

/* Ends an element or an artifact. */
extern void lc_structure_close(LcStructure *structure);

/* Adds the structure to the canvas; returns the entries that the page needs, palloc'd. */
extern char *lc_structure_finish(LcStructure *structure);

#endif /* LC_STRUCTURE_H */
