/*
 * pdf/canvas.c
 *		libharu: the document, its objects, its bytes.
 */
#include "postgres.h"
