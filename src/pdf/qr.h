/*
 * pdf/qr.h
 *		QR codes.
 */
#ifndef LC_QR_H
#define LC_QR_H

#include "postgres.h"

#include "lib/stringinfo.h"

/*
 * Draws a QR code (ISO/IEC 18004; level M; the text's UTF-8 bytes) in a square of "size" points with its
 * bottom left corner at (x, y), the quiet zone of four modules included: appends black rectangles to a
 * content stream, between q and Q. The ground is not painted: it must be light. Raises 54000, naming
 * "path", when the text is too long for a code (more than 2,331 bytes), 22023 when it is empty.
 */
extern void lc_qr_draw(StringInfo content, const char *text, double x, double y, double size,
					   const char *path);

#endif /* LC_QR_H */
