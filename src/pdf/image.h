/*
 * pdf/image.h
 *		PNG and JPEG -> image objects.
 */
#ifndef LC_IMAGE_H
#define LC_IMAGE_H

#include "postgres.h"

#include "asset.h"
#include "pdf/canvas.h"

typedef struct LcImage LcImage;

/*
 * The image in an asset, read and made ready for documents if this backend has not done that yet. Stays
 * valid as long as the memory context that is current in the call. Raises what lc_image_check() raises,
 * with "path" (the option that named the asset) as context.
 */
extern const LcImage *lc_image_get(const LcAsset *asset, const char *path);

/* Size in pixels of the image as it is drawn, which is upright. */
extern int lc_image_width(const LcImage *image);
extern int lc_image_height(const LcImage *image);

/*
 * Adds the image to a canvas, with a soft mask if it has transparent pixels, and returns the number of
 * its XObject, which is a unit square: to draw it, "q MATRIX cm /NAME Do Q". An image drawn several times is to
 * be added once.
 */
extern int lc_image_place(LcCanvas *canvas, const LcImage *image);

/* The matrix that draws the XObject upright at this place: x, y, width, height in points. */
extern void lc_image_matrix(const LcImage *image, const double place[4], double matrix[6]);

/*
 * Is this a PNG or JPEG that can be drawn: not damaged, with at most
 * learning_credentials.max_image_pixels pixels? Decodes it completely. Raises 22023 or 54000.
 */
extern void lc_image_check(const uint8 *data, Size length);

#endif /* LC_IMAGE_H */
