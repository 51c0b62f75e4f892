/*
 * pdf/jpegfile.c
 *		JPEG files: what stands before the picture's data.
 *
 * Reads the segments before the first scan (ITU-T T.81, annex B), and of EXIF (CIPA DC-008) only how the
 * picture is turned. Believes no length.
 */
#include "postgres.h"

#include "pdf/jpegfile.h"

/* Markers (T.81, table B.1). */
#define MARKER_TEM 0x01
#define MARKER_RST0 0xd0
#define MARKER_SOI 0xd8
#define MARKER_EOI 0xd9
#define MARKER_SOS 0xda
#define MARKER_APP0 0xe0
#define MARKER_APP1 0xe1
#define MARKER_APP14 0xee
#define MARKER_APP15 0xef
#define MARKER_COM 0xfe

/* What EXIF begins with in its segment, and the least bytes of what follows (TIFF 6.0, section 2). */
#define EXIF_MAGIC "Exif\0"
#define EXIF_MAGIC_LENGTH 6
#define TIFF_HEADER_LENGTH 8
#define TIFF_ENTRY_LENGTH 12
#define TIFF_SHORT 3
#define TAG_ORIENTATION 0x0112

/* A marker, and if it has any, the parameters that follow its length. */
typedef struct Segment
{
	int marker;
	Size start; /* of the marker */
	Size end;
	const uint8 *data;
	Size length;
} Segment;

/*
 * Finds the next segment from *at on, and moves that behind it. What is no marker is passed over, as libjpeg
 * does. False: it is a scan or the end of the picture, or there is none, or not all of it.
 */
static bool
next_segment(const uint8 *file, Size length, Size *at, Segment *segment)
{
	Size parameters;

	while (length - *at >= 2 && (file[*at] != 0xff || file[*at + 1] == 0 || file[*at + 1] == 0xff))
		(*at)++;
	segment->start = *at;
	if (length - *at < 2)
		return false;
	segment->marker = file[*at + 1];
	segment->data = file + *at + 2;
	segment->length = 0;
	*at += 2;
	if (segment->marker == MARKER_EOI || segment->marker == MARKER_SOS)
		return false;
	if (segment->marker != MARKER_TEM && (segment->marker < MARKER_RST0 || segment->marker > MARKER_SOI))
	{
		if (length - *at < 2)
			return false;
		parameters = (Size) file[*at] << 8 | file[*at + 1];
		if (parameters < 2 || parameters > length - *at)
			return false;
		segment->data += 2;
		segment->length = parameters - 2;
		*at += parameters;
	}
	segment->end = *at;
	return true;
}

/* Starts of frame (T.81, table B.1): all of their range that are not of tables. */
static bool
is_frame(int marker)
{
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* ---- EXIF ---- */

/* A number of a TIFF file, in whose order of bytes. */
static uint32
read_number(const uint8 *data, int bytes, bool little)
{
	uint32 value = 0;
	int i;

	for (i = 0; i < bytes; i++)
		value = value << 8 | data[little ? bytes - 1 - i : i];
	return value;
}

/* The orientation that the first directory of a TIFF file has; 1 when it has none that makes sense. */
static int
read_orientation(const uint8 *tiff, Size length)
{
	bool little;
	Size at;
	uint32 count;

	if (length < TIFF_HEADER_LENGTH)
		return 1;
	little = memcmp(tiff, "II*\0", 4) == 0;
	if (!little && memcmp(tiff, "MM\0*", 4) != 0)
		return 1;
	at = read_number(tiff + 4, 4, little);
	if (at > length || length - at < 2)
		return 1;
	count = read_number(tiff + at, 2, little);
	at += 2;
	for (; count > 0 && length - at >= TIFF_ENTRY_LENGTH; count--, at += TIFF_ENTRY_LENGTH)
	{
		const uint8 *entry = tiff + at;
		uint32 value = read_number(entry + 8, 2, little);

		if (read_number(entry, 2, little) == TAG_ORIENTATION)
			return read_number(entry + 2, 2, little) == TIFF_SHORT && value >= 1 &&
					value <= LC_ORIENTATIONS
				? (int) value
				: 1;
	}
	return 1;
}

/* ---- the file ---- */

void
lc_jpeg_file_read(const uint8 *data, Size length, LcJpegFacts *facts)
{
	bool has_exif = false;
	Size at = 0;
	Segment segment;

	memset(facts, 0, sizeof(LcJpegFacts));
	facts->orientation = 1;
	while (next_segment(data, length, &at, &segment))
	{
		if (is_frame(segment.marker) && !facts->has_frame && segment.length >= 5)
		{
			facts->has_frame = true;
			facts->height = (int) read_number(segment.data + 1, 2, false);
			facts->width = (int) read_number(segment.data + 3, 2, false);
		}
		else if (segment.marker == MARKER_APP1 && !has_exif && segment.length >= EXIF_MAGIC_LENGTH &&
				 memcmp(segment.data, EXIF_MAGIC, EXIF_MAGIC_LENGTH) == 0)
		{
			has_exif = true;
			facts->orientation =
				read_orientation(segment.data + EXIF_MAGIC_LENGTH, segment.length - EXIF_MAGIC_LENGTH);
		}
	}
}

/* Says the segment nothing of how the picture's numbers become colours? APP0 and APP14 do: JFIF, Adobe. */
static bool
is_besides(int marker)
{
	return marker == MARKER_COM ||
		(marker > MARKER_APP0 && marker <= MARKER_APP15 && marker != MARKER_APP14);
}

Size
lc_jpeg_file_copy(uint8 *to, const uint8 *data, Size length)
{
	Size used = 0;
	Size at = 0;
	Segment segment;

	while (next_segment(data, length, &at, &segment))
		if (!is_besides(segment.marker))
		{
			memcpy(to + used, data + segment.start, segment.end - segment.start);
			used += segment.end - segment.start;
		}
	/* The scans, and whatever could not be told, as they are. */
	memcpy(to + used, data + segment.start, length - segment.start);
	return used + length - segment.start;
}
