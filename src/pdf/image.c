/*
 * pdf/image.c
 *		PNG and JPEG -> image objects.
 *
 * A PNG is decoded and compressed again as PDF wants it, its transparency as a soft mask; a JPEG is
 * decoded once to see that it is sound, then the bytes of its picture are passed through, which is drawn
 * upright as its EXIF says. Nothing is decoded before its size is known from its header.
 */
#include "postgres.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>
#include <jerror.h>
#include <png.h>
#include <zlib.h>

#include "lib/stringinfo.h"
#include "utils/memutils.h"

#include "cache.h"
#include "guard.h"
#include "pdf/image.h"
#include "pdf/jpegfile.h"
#include "pdf/seal.h"
#include "settings.h"

/* Pixels a side: what common viewers can draw. */
#define MAX_SIDE 32767

/* Rows between two looks at the clock. */
#define ROWS_PER_CHECK 64

/* A stream of an image object, as it stands in a document that is not encrypted. */
typedef struct ImageStream
{
	char *entries; /* of its dictionary, but for /SMask */
	uint8 *data;   /* encoded */
	Size length;
	StringInfoData sealed; /* the data sealed; empty: not yet */
	uint64 serial;		   /* for which key material */
} ImageStream;

struct LcImage
{
	LcCached cached;
	int width; /* upright */
	int height;
	int orientation; /* how the picture is stored: 1 upright, to LC_ORIENTATIONS */
	ImageStream picture;
	ImageStream mask; /* data NULL: none */
};

/* An image being read: what goes into the guard. */
typedef struct Reading
{
	const uint8 *data;
	Size length;
	LcImage *image; /* NULL: only check it */
} Reading;

/* The setting is for images that are stored: those that are there stay usable when it is lowered. */
static void
check_size(const Reading *reading, uint64 width, uint64 height)
{
	if (width == 0 || height == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("image is empty: " UINT64_FORMAT " x " UINT64_FORMAT " pixels", width, height)));
	if (width > MAX_SIDE || height > MAX_SIDE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("image is too large: " UINT64_FORMAT " x " UINT64_FORMAT " pixels", width,
						height),
				 errdetail("A side may have %d pixels.", MAX_SIDE)));
	if (reading->image == NULL && width * height > (uint64) lc_max_image_pixels)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("image is too large: " UINT64_FORMAT " x " UINT64_FORMAT " pixels", width,
						height),
				 errdetail("The setting learning_credentials.max_image_pixels allows %d pixels.",
						   lc_max_image_pixels)));
}

/* ---- PNG ---- */

typedef struct PngOwner
{
	MemoryContextCallback callback;
	png_image image;
} PngOwner;

static void
png_release(void *argument)
{
	PngOwner *owner = argument;

	png_image_free(&owner->image);
}

static void
png_failed(const png_image *image)
{
	if (strstr(image->message, "memory") != NULL && strstr(image->message, "emory read") == NULL)
		lc_guard_memory_error();
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("PNG image is damaged"),
			 errdetail("The decoder says: %s.", image->message)));
}

/* The size from the IHDR chunk, which is the first (PNG specification, 11.2.1). */
static void
check_png_header(const Reading *reading)
{
	const uint8 *data = reading->data;
	uint64 width;
	uint64 height;

	if (reading->length < 33 || memcmp(data + 12, "IHDR", 4) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("PNG image is damaged"),
				 errdetail("It has no header.")));
	width = ((uint64) data[16] << 24) | (data[17] << 16) | (data[18] << 8) | data[19];
	height = ((uint64) data[20] << 24) | (data[21] << 16) | (data[22] << 8) | data[23];
	check_size(reading, width, height);
}

/*
 * The pixels, palloc'd, rows from the top: one byte a channel, *channels of them: grey or red, green,
 * blue, then alpha for an even number. 16 bits are cut to 8, colours are sRGB.
 */
static uint8 *
decode_png(const Reading *reading, int *width, int *height, int *channels)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "PNG", ALLOCSET_SMALL_SIZES);
	PngOwner *owner = MemoryContextAllocZero(context, sizeof(PngOwner));
	png_image *image = &owner->image;
	uint8 *pixels;

	check_png_header(reading);
	owner->callback.func = png_release;
	owner->callback.arg = owner;
	MemoryContextRegisterResetCallback(context, &owner->callback);
	image->version = PNG_IMAGE_VERSION;
	if (!png_image_begin_read_from_memory(image, reading->data, reading->length))
		png_failed(image);
	check_size(reading, image->width, image->height);
	image->flags |= PNG_IMAGE_FLAG_16BIT_sRGB; /* else 16 bits without gAMA are taken for linear light */
	image->format &= PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA;
	*width = (int) image->width;
	*height = (int) image->height;
	*channels = (int) PNG_IMAGE_SAMPLE_CHANNELS(image->format);
	pixels = palloc_extended((Size) *width * *height * *channels, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
	if (pixels == NULL)
		lc_guard_memory_error();
	if (!png_image_finish_read(image, NULL, pixels, 0, NULL))
		png_failed(image);
	MemoryContextDelete(context);
	return pixels;
}

/* ---- Flate with PNG predictors ---- */

typedef struct DeflateOwner
{
	MemoryContextCallback callback;
	z_stream stream;
	bool open;
} DeflateOwner;

static void
deflate_release(void *argument)
{
	DeflateOwner *owner = argument;

	if (owner->open)
		deflateEnd(&owner->stream);
	owner->open = false;
}

/* The Paeth predictor (PNG specification, 9.4). */
static uint8
paeth(int left, int above, int corner)
{
	int guess = left + above - corner;
	int to_left = abs(guess - left);
	int to_above = abs(guess - above);
	int to_corner = abs(guess - corner);

	if (to_left <= to_above && to_left <= to_corner)
		return (uint8) left;
	return (uint8) (to_above <= to_corner ? above : corner);
}

/*
 * Filters a row with each of the five filters (PNG specification, 9.2) into "best": its filter byte and
 * what that leaves, the one with the least sum of absolute differences. "previous" is zero for the first.
 */
static void
filter_row(const uint8 *row, const uint8 *previous, int length, int channels, uint8 *best,
		   uint8 *candidate)
{
	uint64 best_sum = PG_UINT64_MAX;
	int filter;

	for (filter = 0; filter < 5; filter++)
	{
		uint64 sum = 0;
		int i;

		candidate[0] = (uint8) filter;
		for (i = 0; i < length; i++)
		{
			int left = i >= channels ? row[i - channels] : 0;
			int corner = i >= channels ? previous[i - channels] : 0;
			int above = previous[i];
			int predicted = 0;

			switch (filter)
			{
				case 1:
					predicted = left;
					break;
				case 2:
					predicted = above;
					break;
				case 3:
					predicted = (left + above) / 2;
					break;
				case 4:
					predicted = paeth(left, above, corner);
					break;
			}
			candidate[i + 1] = (uint8) (row[i] - predicted);
			sum += (uint64) abs((int8) candidate[i + 1]);
		}
		if (sum < best_sum)
		{
			best_sum = sum;
			memcpy(best, candidate, length + 1);
		}
	}
}

/*
 * Makes the stream of "count" channels, from channel "first" on, of the pixels. Its memory is of the
 * current context.
 */
static void
encode_channels(ImageStream *stream, const uint8 *pixels, int width, int height, int channels, int first,
				int count)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "image rows", ALLOCSET_DEFAULT_SIZES);
	DeflateOwner *owner = MemoryContextAllocZero(context, sizeof(DeflateOwner));
	int length = width * count;
	uint8 *row = MemoryContextAllocZero(context, length);
	uint8 *previous = MemoryContextAllocZero(context, length);
	uint8 *filtered = MemoryContextAlloc(context, length + 1);
	uint8 *candidate = MemoryContextAlloc(context, length + 1);
	Size capacity = 64 * 1024;
	uint8 *data = palloc(capacity);
	int y;
	int code;

	owner->callback.func = deflate_release;
	owner->callback.arg = owner;
	MemoryContextRegisterResetCallback(context, &owner->callback);
	if (deflateInit(&owner->stream, Z_DEFAULT_COMPRESSION) != Z_OK)
		lc_guard_memory_error();
	owner->open = true;
	owner->stream.next_out = data;
	owner->stream.avail_out = (uInt) capacity;

	for (y = 0; y < height; y++)
	{
		const uint8 *source = pixels + (Size) y * width * channels + first;
		uint8 *swap = previous;
		int x;

		if (y % ROWS_PER_CHECK == 0)
			lc_guard_check();
		previous = row;
		row = swap;
		for (x = 0; x < width; x++)
			memcpy(row + x * count, source + (Size) x * channels, count);
		filter_row(row, previous, length, count, filtered, candidate);
		owner->stream.next_in = filtered;
		owner->stream.avail_in = length + 1;
		do
		{
			if (owner->stream.avail_out == 0)
			{
				Size used = owner->stream.next_out - data;

				data = repalloc_huge(data, capacity * 2);
				owner->stream.next_out = data + used;
				owner->stream.avail_out = (uInt) capacity;
				capacity *= 2;
			}
			code = deflate(&owner->stream, y == height - 1 ? Z_FINISH : Z_NO_FLUSH);
			if (code == Z_STREAM_ERROR)
				elog(ERROR, "could not compress an image");
		} while (owner->stream.avail_out == 0 || (y == height - 1 && code != Z_STREAM_END));
	}
	stream->length = owner->stream.next_out - data;
	stream->data = repalloc_huge(data, stream->length);
	stream->entries = psprintf("/Type /XObject /Subtype /Image /Width %d /Height %d"
							   " /ColorSpace /Device%s /BitsPerComponent 8 /Filter /FlateDecode"
							   " /DecodeParms << /Predictor 15 /Colors %d /Columns %d >>",
							   width, height, count == 3 ? "RGB" : "Gray", count, width);
	MemoryContextDelete(context);
}

static bool
is_opaque(const uint8 *pixels, Size count, int channels)
{
	Size i;

	for (i = 0; i < count; i++)
		if (pixels[i * channels + channels - 1] != 255)
			return false;
	return true;
}

static void
read_png(Reading *reading)
{
	int width;
	int height;
	int channels;
	uint8 *pixels = decode_png(reading, &width, &height, &channels);

	if (reading->image != NULL)
	{
		LcImage *image = reading->image;
		bool has_alpha = channels == 2 || channels == 4;
		MemoryContext old = MemoryContextSwitchTo(image->cached.context);

		image->orientation = 1;
		image->width = width;
		image->height = height;
		encode_channels(&image->picture, pixels, width, height, channels, 0,
						has_alpha ? channels - 1 : channels);
		if (has_alpha && !is_opaque(pixels, (Size) width * height, channels))
			encode_channels(&image->mask, pixels, width, height, channels, channels - 1, 1);
		MemoryContextSwitchTo(old);
	}
	pfree(pixels);
}

/* ---- JPEG ---- */

typedef struct JpegOwner
{
	MemoryContextCallback callback;
	struct jpeg_decompress_struct decoder;
	struct jpeg_error_mgr errors;
	jmp_buf failed;
	int code; /* of the error, or of the first warning that means damage */
	char message[JMSG_LENGTH_MAX];
} JpegOwner;

static void
jpeg_release(void *argument)
{
	JpegOwner *owner = argument;

	jpeg_destroy_decompress(&owner->decoder);
}

/* libjpeg's: an error leaves the library with longjmp, within which nothing of PostgreSQL runs. */
static void
jpeg_error_exit(j_common_ptr common)
{
	JpegOwner *owner = common->client_data;

	owner->code = common->err->msg_code;
	common->err->format_message(common, owner->message);
	longjmp(owner->failed, 1);
}

/* libjpeg's: warnings have level -1. Those of missing or senseless data mean damage. */
static void
jpeg_emit_message(j_common_ptr common, int level)
{
	JpegOwner *owner = common->client_data;

	if (level >= 0 || owner->code != 0)
		return;
	switch (common->err->msg_code)
	{
		case JWRN_JPEG_EOF:
		case JWRN_HIT_MARKER:
		case JWRN_HUFF_BAD_CODE:
		case JWRN_MUST_RESYNC:
		case JWRN_NOT_SEQUENTIAL:
			owner->code = common->err->msg_code;
			common->err->format_message(common, owner->message);
			break;
	}
}

static void
jpeg_output_message(j_common_ptr common)
{
}

static void
jpeg_failed(const JpegOwner *owner)
{
	if (owner->code == JERR_OUT_OF_MEMORY)
		lc_guard_memory_error();
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("JPEG image is damaged"),
			 errdetail("The decoder says: %s.", owner->message)));
}

/*
 * The steps of decoding, each of which may longjmp to the caller. Bounded: a JPEG of several scans is
 * only read, scan by scan; lc_guard_check() ends what takes too long.
 */
static void
decode_jpeg_steps(JpegOwner *owner, const Reading *reading, const LcJpegFacts *facts)
{
	j_decompress_ptr decoder = &owner->decoder;

	/* libjpeg reads on to the first scan before it tells the size. */
	if (facts->has_frame)
		check_size(reading, facts->width, facts->height);
	jpeg_mem_src(decoder, reading->data, reading->length);
	jpeg_read_header(decoder, TRUE);
	check_size(reading, decoder->image_width, decoder->image_height);
	if (decoder->arith_code)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("JPEG image cannot be drawn: it is coded arithmetically"),
				 errhint("Save it as an ordinary (Huffman-coded) JPEG.")));
	if (decoder->num_components != 1 && decoder->num_components != 3 && decoder->num_components != 4)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("JPEG image cannot be drawn: it has %d colour components",
						decoder->num_components),
				 errhint("Save it as grey, RGB or CMYK.")));

	decoder->out_color_space = decoder->jpeg_color_space;
	decoder->dct_method = JDCT_IFAST;
	decoder->do_fancy_upsampling = FALSE;
	if (jpeg_has_multiple_scans(decoder))
	{
		int steps = 0;

		decoder->buffered_image = TRUE;
		jpeg_start_decompress(decoder);
		while (jpeg_consume_input(decoder) != JPEG_REACHED_EOI)
			if (++steps % ROWS_PER_CHECK == 0)
				lc_guard_check();
	}
	else
	{
		JSAMPROW row = palloc((Size) decoder->image_width * decoder->num_components);

		jpeg_start_decompress(decoder);
		while (decoder->output_scanline < decoder->output_height)
		{
			if (decoder->output_scanline % ROWS_PER_CHECK == 0)
				lc_guard_check();
			jpeg_read_scanlines(decoder, &row, 1);
		}
		jpeg_finish_decompress(decoder);
		pfree(row);
	}
}

/* Orientations from 5 on have the picture's rows as columns. */
static bool
is_on_its_side(const LcImage *image)
{
	return image->orientation >= 5;
}

static void
read_jpeg(Reading *reading)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "JPEG", ALLOCSET_SMALL_SIZES);
	JpegOwner *owner = MemoryContextAllocZero(context, sizeof(JpegOwner));
	j_decompress_ptr decoder = &owner->decoder;
	LcJpegFacts facts;

	lc_jpeg_file_read(reading->data, reading->length, &facts);
	decoder->err = jpeg_std_error(&owner->errors);
	decoder->client_data = owner;
	owner->errors.error_exit = jpeg_error_exit;
	owner->errors.emit_message = jpeg_emit_message;
	owner->errors.output_message = jpeg_output_message;
	owner->callback.func = jpeg_release;
	owner->callback.arg = owner;
	MemoryContextRegisterResetCallback(context, &owner->callback);

	if (setjmp(owner->failed) == 0)
	{
		jpeg_create_decompress(decoder);
		decode_jpeg_steps(owner, reading, &facts);
	}
	if (owner->code != 0)
		jpeg_failed(owner);

	if (reading->image != NULL)
	{
		LcImage *image = reading->image;
		ImageStream *stream = &image->picture;
		MemoryContext old = MemoryContextSwitchTo(image->cached.context);
		const char *space = "RGB";
		const char *decode = "";

		image->orientation = facts.orientation;
		image->width = (int) (is_on_its_side(image) ? decoder->image_height : decoder->image_width);
		image->height = (int) (is_on_its_side(image) ? decoder->image_width : decoder->image_height);
		if (decoder->num_components == 1)
			space = "Gray";
		else if (decoder->num_components == 4)
		{
			space = "CMYK";
			/* Adobe's programs write inks inverted, and say that they wrote it. */
			if (decoder->saw_Adobe_marker)
				decode = " /Decode [1 0 1 0 1 0 1 0]";
		}
		else if (decoder->jpeg_color_space == JCS_RGB && !decoder->saw_Adobe_marker)
			/* Else three components are taken for YCbCr (ISO 32000-1, table 13). */
			decode = " /DecodeParms << /ColorTransform 0 >>";
		stream->entries = psprintf("/Type /XObject /Subtype /Image /Width %d /Height %d"
								   " /ColorSpace /Device%s /BitsPerComponent 8 /Filter /DCTDecode%s",
								   (int) decoder->image_width, (int) decoder->image_height, space,
								   decode);
		stream->data = MemoryContextAllocHuge(CurrentMemoryContext, reading->length);
		stream->length = lc_jpeg_file_copy(stream->data, reading->data, reading->length);
		MemoryContextSwitchTo(old);
	}
	MemoryContextDelete(context);
}

/* ---- both ---- */

static void
read_image(void *argument)
{
	Reading *reading = argument;

	if (reading->length >= 8 && memcmp(reading->data, "\x89PNG\r\n\x1a\n", 8) == 0)
		read_png(reading);
	else if (reading->length >= 3 && memcmp(reading->data, "\xff\xd8\xff", 3) == 0)
		read_jpeg(reading);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("image is neither a PNG nor a JPEG")));
}

void
lc_image_check(const uint8 *data, Size length)
{
	Reading reading = { data, length, NULL };

	lc_guard("image", read_image, &reading);
}

/* Names the option in errors of reading an image. */
static void
image_context(void *path)
{
	errcontext("image of option \"%s\"", (const char *) path);
}

const LcImage *
lc_image_get(const LcAsset *asset, const char *path)
{
	LcImage *image = lc_cache_get(LC_ASSET_IMAGE, asset->sha256, NULL);
	ErrorContextCallback callback = { error_context_stack, image_context, unconstify(char *, path) };
	MemoryContext context;
	bytea *content;
	Reading reading;

	if (image != NULL)
		return image;
	content = lc_asset_content(asset);
	context = AllocSetContextCreate(CurrentMemoryContext, "image", ALLOCSET_SMALL_SIZES);
	image = MemoryContextAllocZero(context, sizeof(LcImage));
	image->cached.kind = LC_ASSET_IMAGE;
	image->cached.context = context;
	memcpy(image->cached.sha256, asset->sha256, sizeof(asset->sha256));

	reading.data = (const uint8 *) VARDATA_ANY(content);
	reading.length = VARSIZE_ANY_EXHDR(content);
	reading.image = image;
	error_context_stack = &callback;
	lc_guard("image", read_image, &reading);
	error_context_stack = callback.previous;
	pfree(content);

	lc_cache_put(&image->cached);
	return image;
}

int
lc_image_width(const LcImage *image)
{
	return image->width;
}

int
lc_image_height(const LcImage *image)
{
	return image->height;
}

void
lc_image_matrix(const LcImage *image, const double place[4], double matrix[6])
{
	/*
	 * Where the unit square goes: x = a u + c v + e, y = b u + d v + f (ISO 32000-1, 8.3.3). An orientation
	 * says on which sides the first row, at v = 1, and the first column, at u = 0, belong (CIPA DC-008).
	 */
	static const int8 turns[LC_ORIENTATIONS][6] = {
		{ 1, 0, 0, 1, 0, 0 },	/* 1: top, left */
		{ -1, 0, 0, 1, 1, 0 },	/* 2: top, right */
		{ -1, 0, 0, -1, 1, 1 }, /* 3: bottom, right */
		{ 1, 0, 0, -1, 0, 1 },	/* 4: bottom, left */
		{ 0, -1, -1, 0, 1, 1 }, /* 5: left, top */
		{ 0, -1, 1, 0, 0, 1 },	/* 6: right, top */
		{ 0, 1, 1, 0, 0, 0 },	/* 7: right, bottom */
		{ 0, 1, -1, 0, 1, 0 },	/* 8: left, bottom */
	};
	const int8 *turn = turns[image->orientation - 1];
	int i;

	for (i = 0; i < 6; i++)
		matrix[i] = turn[i] * place[2 + i % 2] + (i < 4 ? 0 : place[i % 2]);
}

/* Adds a stream to the canvas, sealed once for each key material; "more" are further entries. */
static int
place_stream(LcCanvas *canvas, MemoryContext context, ImageStream *stream, const char *more)
{
	const LcSeal *seal = lc_canvas_seal(canvas);
	int number = lc_canvas_reserve(canvas);
	char *entries = psprintf("%s%s", stream->entries, more);

	if (seal == NULL)
	{
		lc_canvas_sealed_stream(canvas, number, entries, strlen(entries), stream->data, stream->length);
		return number;
	}
	if (stream->serial != lc_seal_serial(seal))
	{
		stream->serial = 0;
		if (stream->sealed.data == NULL)
		{
			MemoryContext old = MemoryContextSwitchTo(context);

			initStringInfo(&stream->sealed);
			MemoryContextSwitchTo(old);
		}
		resetStringInfo(&stream->sealed);
		lc_seal_append(&stream->sealed, seal, stream->data, stream->length);
		stream->serial = lc_seal_serial(seal);
	}
	lc_canvas_sealed_stream(canvas, number, entries, strlen(entries), stream->sealed.data,
							stream->sealed.len);
	return number;
}

int
lc_image_place(LcCanvas *canvas, const LcImage *image)
{
	/* What is kept sealed is no part of what the image is. */
	LcImage *kept = unconstify(LcImage *, image);
	const char *mask = "";

	if (image->mask.data != NULL)
		mask = psprintf(" /SMask %d 0 R", place_stream(canvas, image->cached.context, &kept->mask, ""));
	return place_stream(canvas, image->cached.context, &kept->picture, mask);
}
