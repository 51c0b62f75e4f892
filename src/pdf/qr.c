/*
 * pdf/qr.c
 *		QR codes as rectangles of a content stream.
 *
 * Encodes (libqrencode) and draws; knows nothing of pages, colours or options.
 */
#include "postgres.h"

#include <errno.h>
#include <qrencode.h>

#include "utils/memutils.h"

#include "pdf/qr.h"
#include "pdf/syntax.h"

/* Modules left free around the code (ISO/IEC 18004, 9.1). */
#define QUIET_ZONE 4

/* Bytes that version 40 holds at level M in byte mode (ISO/IEC 18004, table 7). */
#define MAX_BYTES 2331

typedef struct CodeOwner
{
	MemoryContextCallback callback;
	QRcode *code;
} CodeOwner;

static void
code_release(void *argument)
{
	CodeOwner *owner = argument;

	if (owner->code != NULL)
		QRcode_free(owner->code);
	owner->code = NULL;
}

/* Writes a whole number from 0 to 999 and a space, and returns where they end. */
static char *
write_whole(char *to, int number)
{
	if (number >= 100)
		*to++ = (char) ('0' + number / 100);
	if (number >= 10)
		*to++ = (char) ('0' + number / 10 % 10);
	*to++ = (char) ('0' + number % 10);
	*to++ = ' ';
	return to;
}

/* Appends a rectangle (ISO 32000-1, 8.5.2.1). A code has hundreds: printf() would take longer than encoding. */
static void
append_rectangle(StringInfo content, int left, int bottom, int width, int height)
{
	char text[4 * 4 + 3];
	char *to = write_whole(text, left);

	to = write_whole(to, bottom);
	to = write_whole(to, width);
	to = write_whole(to, height);
	memcpy(to, "re\n", 3);
	appendBinaryStringInfo(content, text, (int) (to + 3 - text));
}

/*
 * Appends the dark modules: runs of a row that also stand in the rows below, with the same ends, become
 * one rectangle. Coordinates are modules, y down from the top left.
 */
static void
append_rectangles(StringInfo content, const QRcode *code)
{
	int width = code->width;
	bool *done = palloc0((Size) width * width);
	int row;

	for (row = 0; row < width; row++)
	{
		int start = 0;

		while (start < width)
		{
			const unsigned char *modules = code->data + row * width;
			int end;
			int below;

			if (!(modules[start] & 1))
			{
				start++;
				continue;
			}
			for (end = start; end < width && (modules[end] & 1); end++)
				;
			if (!done[row * width + start])
			{
				/* The rows below in which exactly this run stands. */
				for (below = row + 1; below < width; below++)
				{
					const unsigned char *other = code->data + below * width;
					int column;

					if ((start > 0 && (other[start - 1] & 1)) || (end < width && (other[end] & 1)))
						break;
					for (column = start; column < end && (other[column] & 1); column++)
						;
					if (column < end)
						break;
					done[below * width + start] = true;
				}
				append_rectangle(content, start, width - below, end - start, below - row);
			}
			start = end;
		}
	}
	pfree(done);
}

void
lc_qr_draw(StringInfo content, const char *text, double x, double y, double size, const char *path)
{
	Size length = strlen(text);
	MemoryContext context;
	CodeOwner *owner;
	double module;

	if (length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s: the text of a QR code is empty", path)));
	if (length > MAX_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s: the text is too long for a QR code: %zu bytes", path, length),
				 errdetail("A QR code holds %d bytes.", MAX_BYTES)));

	context = AllocSetContextCreate(CurrentMemoryContext, "QR code", ALLOCSET_SMALL_SIZES);
	owner = MemoryContextAllocZero(context, sizeof(CodeOwner));
	owner->callback.func = code_release;
	owner->callback.arg = owner;
	MemoryContextRegisterResetCallback(context, &owner->callback);

	owner->code = QRcode_encodeData((int) length, (const unsigned char *) text, 0, QR_ECLEVEL_M);
	if (owner->code == NULL)
	{
		if (errno == ENOMEM)
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		elog(ERROR, "could not encode a QR code of %zu bytes: %m", length);
	}

	module = size / (owner->code->width + 2 * QUIET_ZONE);
	appendStringInfoString(content, "q 0 g ");
	lc_pdf_numbers(content, 6, module, 0.0, 0.0, module, x + QUIET_ZONE * module,
				   y + QUIET_ZONE * module);
	appendStringInfoString(content, "cm\n");
	append_rectangles(content, owner->code);
	appendStringInfoString(content, "f Q\n");
	MemoryContextDelete(context);
}
