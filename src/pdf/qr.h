/*
 * pdf/qr.h
 *		QR codes.
 */
#ifndef LC_QR_H
#define LC_QR_H

#include "postgres.h"

#include "pdf/canvas.h"

/*
 * Adds a QR code (ISO/IEC 18004; level M) of a text to the canvas, as an image that is painted in the colour that
 * is set where the code is dark, and not at all elsewhere: the ground must be light. Returns the number of the
 * object. The image is without the quiet zone, which must be left free on each side of it: *quiet is its width,
 * as a part of the width of both. Raises 54000, naming "path", when the text is too long for a code (2,331
 * bytes, 2,330 if any is not ASCII), 22023 when it is empty.
 */
extern int lc_qr_place(LcCanvas *canvas, const char *text, const char *path, double *quiet);

#endif /* LC_QR_H */
