/*
 * pdf/qr.c
 *		QR codes as images of one bit a pixel.
 *
 * Encodes (libqrencode), with the mask that suits the code best; knows nothing of pages, colours or options.
 */
#include "postgres.h"

#include <errno.h>
#include <limits.h>
#include <qrencode.h>

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "pdf/qr.h"

/* Modules left free around the code (ISO/IEC 18004, 9.1). */
#define QUIET_ZONE 4

/* Bytes that version 40 holds at level M in byte mode (ISO/IEC 18004, table 7); what says that they are UTF-8. */
#define MAX_BYTES 2331
#define ECI_BYTES 1
#define ECI_UTF8 26

/*
 * Pixels along a module. Where a module takes no whole number of a screen's pixels, viewers give some modules more
 * than others, or shade their edges: this is the share of a module that they can err by. Rectangles would have
 * edges just as sharp, but a code has hundreds, which take four times the room and the time.
 */
#define SCALE 4

typedef struct CodeOwner
{
	MemoryContextCallback callback;
	QRinput *input;
	QRcode *code;
} CodeOwner;

static void
code_release(void *argument)
{
	CodeOwner *owner = argument;

	if (owner->code != NULL)
		QRcode_free(owner->code);
	if (owner->input != NULL)
		QRinput_free(owner->input);
	owner->code = NULL;
	owner->input = NULL;
}

/* ------------------------------------------------------------ the mask */

/*
 * Makes a code with this mask (0 to 7). libqrencode does not declare it, but exports it where it was built with
 * its tests, as Debian's was; elsewhere this is NULL. What it declares makes codes with all eight masks and
 * compares them, which takes nine tenths of its time.
 */
extern QRcode *QRcode_encodeMask(QRinput *input, int mask) __attribute__((weak));

#define MASKS 8
/* The rows and columns in which the masks repeat themselves. */
#define PERIOD 12
/* Modules along a side of the codes that are compared here: a line of them and its quiet zone is a number. */
#define MAX_WIDTH (64 - 2 * QUIET_ZONE)
/* What libqrencode says of a module that no mask changes. */
#define FIXED 0x80

/* The lines of a code from top to bottom, or from left to right; the lowest bit is the first module. */
typedef uint64 Lines[MAX_WIDTH];

/* Does a mask turn over the module in this row and column (ISO/IEC 18004, table 10)? */
static bool
turns_over(int mask, int i, int j)
{
	switch (mask)
	{
		case 0:
			return (i + j) % 2 == 0;
		case 1:
			return i % 2 == 0;
		case 2:
			return j % 3 == 0;
		case 3:
			return (i + j) % 3 == 0;
		case 4:
			return (i / 2 + j / 3) % 2 == 0;
		case 5:
			return i * j % 2 + i * j % 3 == 0;
		case 6:
			return (i * j % 2 + i * j % 3) % 2 == 0;
		default:
			return ((i + j) % 2 + i * j % 3) % 2 == 0;
	}
}

/* Penalties for what runs along lines (table 11): five and more alike, and what looks like a finder pattern. */
static int
runs_penalty(const Lines lines, int width)
{
	uint64 all = ~UINT64CONST(0) >> (64 - width);
	int penalty = 0;

	for (int i = 0; i < width; i++)
	{
		uint64 dark = lines[i];
		uint64 light = ~(dark << QUIET_ZONE);						/* with the quiet zone */
		uint64 alike = ~(dark ^ dark >> 1) & all >> 1;				/* a module and the next */
		uint64 five = alike & alike >> 1 & alike >> 2 & alike >> 3; /* the first of five */
		uint64 four_light = light & light >> 1 & light >> 2 & light >> 3;
		uint64 finder = dark & ~(dark >> 1) & dark >> 2 & dark >> 3 & dark >> 4 & ~(dark >> 5) &
			dark >> 6;

		/* Three for a run of five, and one for each more. */
		penalty += pg_popcount64(five) + 2 * pg_popcount64(five & ~(five << 1));
		penalty += 40 * pg_popcount64(finder & (four_light | four_light >> 11));
	}
	return penalty;
}

/* Penalties for what does not depend on the direction (table 11): blocks of one colour, more of one than the other. */
static int
area_penalty(const Lines rows, int width)
{
	uint64 all = ~UINT64CONST(0) >> (64 - width);
	int blocks = 0;
	int dark = 0;

	for (int i = 0; i < width; i++)
	{
		uint64 alike = ~(rows[i] ^ rows[i] >> 1) & all >> 1;

		dark += pg_popcount64(rows[i]);
		if (i + 1 < width)
			blocks +=
				pg_popcount64(alike & ~(rows[i + 1] ^ rows[i + 1] >> 1) & ~(rows[i] ^ rows[i + 1]));
	}
	return 3 * blocks + 10 * (abs(20 * dark - 10 * width * width) / (width * width));
}

/*
 * The mask with the lowest penalty; the code has mask 0. The few modules that name the mask are taken as they are
 * for mask 0.
 */
static int
best_mask(const QRcode *code)
{
	static uint64 changes[MASKS][2][PERIOD]; /* against mask 0, in rows and in columns */
	static bool has_changes = false;
	Lines dark[2] = { { 0 } };
	Lines open[2] = { { 0 } };
	int best = 0;
	int least = INT_MAX;

	if (!has_changes)
	{
		for (int mask = 0; mask < MASKS; mask++)
			for (int i = 0; i < PERIOD; i++)
				for (int j = 0; j < MAX_WIDTH; j++)
				{
					changes[mask][0][i] |= (uint64) (turns_over(mask, i, j) != turns_over(0, i, j)) << j;
					changes[mask][1][i] |= (uint64) (turns_over(mask, j, i) != turns_over(0, j, i)) << j;
				}
		has_changes = true;
	}
	for (int i = 0; i < code->width; i++)
		for (int j = 0; j < code->width; j++)
		{
			unsigned char module = code->data[i * code->width + j];
			uint64 is_dark = module & 1;
			uint64 is_open = (module & FIXED) == 0;

			dark[0][i] |= is_dark << j;
			dark[1][j] |= is_dark << i;
			open[0][i] |= is_open << j;
			open[1][j] |= is_open << i;
		}
	for (int mask = 0; mask < MASKS; mask++)
	{
		int penalty = 0;

		for (int direction = 0; direction < 2; direction++)
		{
			Lines lines;

			for (int i = 0; i < code->width; i++)
				lines[i] = dark[direction][i] ^
					(changes[mask][direction][i % PERIOD] & open[direction][i]);
			penalty += runs_penalty(lines, code->width);
			if (direction == 0)
				penalty += area_penalty(lines, code->width);
		}
		if (penalty < least)
		{
			least = penalty;
			best = mask;
		}
	}
	return best;
}

/* The code of an input, or NULL with errno set. */
static QRcode *
make_code(QRinput *input)
{
	QRcode *code;
	int mask;

	if (QRcode_encodeMask == NULL)
		return QRcode_encodeInput(input);
	code = QRcode_encodeMask(input, 0);
	if (code == NULL)
		return NULL;
	if (code->width > MAX_WIDTH)
	{
		QRcode_free(code);
		return QRcode_encodeInput(input);
	}
	mask = best_mask(code);
	if (mask == 0)
		return code;
	QRcode_free(code);
	return QRcode_encodeMask(input, mask);
}

/* ------------------------------------------------------------ the code */

static bool
is_ascii(const char *text)
{
	while (*text != '\0' && !IS_HIGHBIT_SET(*text))
		text++;
	return *text == '\0';
}

/* Bytes that are not said to be of a character set are taken for one or another, ASCII for ASCII by all. */
static void
encode(CodeOwner *owner, const char *text, Size length, bool ascii)
{
	owner->input = QRinput_new2(0, QR_ECLEVEL_M);
	if (owner->input != NULL && (ascii || QRinput_appendECIheader(owner->input, ECI_UTF8) == 0) &&
		QRinput_append(owner->input, QR_MODE_8, (int) length, (const unsigned char *) text) == 0)
		owner->code = make_code(owner->input);
	if (owner->code != NULL)
		return;
	if (errno == ENOMEM)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	elog(ERROR, "could not encode a QR code of %zu bytes: %m", length);
}

/* The code's pixels, palloc'd: rows of whole bytes from the top, the highest bit first, 0 where it is dark. */
static uint8 *
make_pixels(const QRcode *code, Size *length)
{
	int row_size = (code->width * SCALE + 7) / 8;
	uint8 *pixels;

	*length = (Size) row_size * code->width * SCALE;
	pixels = palloc(*length);
	memset(pixels, 0xff, *length);
	for (int y = 0; y < code->width; y++)
	{
		uint8 *row = pixels + (Size) y * SCALE * row_size;

		for (int x = 0; x < code->width; x++)
			if (code->data[y * code->width + x] & 1)
				row[x / 2] &= x % 2 == 0 ? 0x0f : 0xf0; /* two modules in a byte, as SCALE is 4 */
		for (int copy = 1; copy < SCALE; copy++)
			memcpy(row + copy * row_size, row, row_size);
	}
	return pixels;
}

int
lc_qr_place(LcCanvas *canvas, const char *text, const char *path, double *quiet)
{
	Size length = strlen(text);
	bool ascii = is_ascii(text);
	Size room = ascii ? MAX_BYTES : MAX_BYTES - ECI_BYTES;
	int number = lc_canvas_reserve(canvas);
	MemoryContext context;
	CodeOwner *owner;
	uint8 *pixels;
	Size size;
	int width;

	if (length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s: the text of a QR code is empty", path)));
	if (length > room)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: the text is too long for a QR code: %zu bytes", path, length),
				 errdetail("A QR code holds %zu bytes.", room)));

	context = AllocSetContextCreate(CurrentMemoryContext, "QR code", ALLOCSET_SMALL_SIZES);
	owner = MemoryContextAllocZero(context, sizeof(CodeOwner));
	owner->callback.func = code_release;
	owner->callback.arg = owner;
	MemoryContextRegisterResetCallback(context, &owner->callback);

	encode(owner, text, length, ascii);
	width = owner->code->width;
	pixels = make_pixels(owner->code, &size);
	lc_canvas_stream(canvas, number,
					 psprintf("/Type /XObject /Subtype /Image /ImageMask true /BitsPerComponent 1"
							  " /Width %d /Height %d",
							  width * SCALE, width * SCALE),
					 pixels, size, LC_DEFLATE);
	pfree(pixels);
	MemoryContextDelete(context);
	*quiet = (double) QUIET_ZONE / (width + 2 * QUIET_ZONE);
	return number;
}
