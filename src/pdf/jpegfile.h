/*
 * pdf/jpegfile.h
 *		JPEG files: what stands before the picture's data.
 */
#ifndef LC_JPEGFILE_H
#define LC_JPEGFILE_H

#include "postgres.h"

/* How many ways there are to hold a camera: the values of EXIF's orientation, counted from 1. */
#define LC_ORIENTATIONS 8

typedef struct LcJpegFacts
{
	bool has_frame; /* the size is known before the first scan */
	int width;		/* of the picture as it is stored */
	int height;
	int orientation; /* 1: as it is stored, to LC_ORIENTATIONS */
} LcJpegFacts;

/* Looks into the head of a file, which may end or be senseless anywhere. Raises no error. */
extern void lc_jpeg_file_read(const uint8 *data, Size length, LcJpegFacts *facts);

/*
 * Copies a sound file without what is not of the picture: EXIF (with the place, the time, and a second
 * picture), XMP, profiles of colour, which PDF does not read here, comments. "to" has room for the whole file;
 * returns the length of the copy.
 */
extern Size lc_jpeg_file_copy(uint8 *to, const uint8 *data, Size length);

#endif /* LC_JPEGFILE_H */
