/*
 * pdf/image.c
 *		PNG and JPEG -> image objects (libpng, libjpeg).
 */
#include "postgres.h"
