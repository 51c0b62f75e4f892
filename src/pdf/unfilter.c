/*
 * pdf/unfilter.c
 *		The filters of streams but for FlateDecode and those of images.
 *
 * Section numbers are those of ISO 32000-1. libqpdf has these filters too, but none that can be interrupted or
 * told how much to give. Knows nothing of documents.
 */
#include "postgres.h"

#include "guard.h"
#include "pdf/unfilter.h"

/* Bytes that come out between two looks at the clock, about. */
#define CHUNK 65536

/* LZW's codes (7.4.4.2). */
#define LZW_CLEAR 256
#define LZW_END 257
#define LZW_FIRST 258
#define LZW_CODES 4096
#define LZW_BITS 9 /* of the first codes */
#define LZW_MOST_BITS 12

/* What comes out, and how much of it may. */
typedef struct Output
{
	StringInfo buffer; /* NULL: it is only counted */
	Size limit;
	Size produced;
	Size checked; /* produced when the clock was looked at last */
} Output;

/* What LZW's codes stand for: what an earlier code does, and one byte more. */
typedef struct LzwTable
{
	uint16 before[LZW_CODES];
	uint16 length[LZW_CODES];
	uint8 last[LZW_CODES];
	int count;
} LzwTable;

/* Makes room for some more bytes, or for none when they are only counted. False: they are too many. */
static bool
make_room(Output *output, Size bytes)
{
	output->produced += bytes;
	if (output->produced > output->limit)
		return false;
	if (output->produced - output->checked >= CHUNK)
	{
		output->checked = output->produced;
		lc_guard_check();
	}
	if (output->buffer != NULL)
		enlargeStringInfo(output->buffer, (int) bytes);
	return true;
}

static bool
put_bytes(Output *output, const void *bytes, Size count)
{
	if (!make_room(output, count))
		return false;
	if (output->buffer != NULL)
		appendBinaryStringInfo(output->buffer, bytes, (int) count);
	return true;
}

static bool
is_space(uint8 c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == '\0';
}

/* ---- ASCIIHexDecode (7.4.2) ---- */

static LcInflated
unfilter_hex(Output *output, const uint8 *data, Size length)
{
	uint8 byte = 0;
	bool half = false;

	for (Size i = 0; i < length && data[i] != '>'; i++)
	{
		int digit = data[i] >= '0' && data[i] <= '9' ? data[i] - '0'
			: data[i] >= 'a' && data[i] <= 'f'		 ? data[i] - 'a' + 10
			: data[i] >= 'A' && data[i] <= 'F'		 ? data[i] - 'A' + 10
													 : -1;

		if (is_space(data[i]))
			continue;
		if (digit < 0)
			return LC_INFLATE_BROKEN;
		byte = (uint8) (byte << 4 | digit);
		half = !half;
		if (!half && !put_bytes(output, &byte, 1))
			return LC_INFLATE_TOO_LONG;
	}
	byte = (uint8) (byte << 4); /* a digit that is missing is 0 */
	return half && !put_bytes(output, &byte, 1) ? LC_INFLATE_TOO_LONG : LC_INFLATE_DONE;
}

/* ---- ASCII85Decode (7.4.3) ---- */

/* Puts the first bytes of a group of five digits. */
static bool
put_group(Output *output, uint32 value, int bytes)
{
	uint8 group[4] = { value >> 24, value >> 16 & 0xff, value >> 8 & 0xff, value & 0xff };

	return put_bytes(output, group, bytes);
}

static LcInflated
unfilter_base85(Output *output, const uint8 *data, Size length)
{
	uint32 value = 0;
	int digits = 0;
	int bytes;

	for (Size i = 0; i < length && data[i] != '~'; i++)
	{
		if (is_space(data[i]))
			continue;
		if (data[i] == 'z' && digits == 0)
		{
			if (!put_group(output, 0, 4))
				return LC_INFLATE_TOO_LONG;
			continue;
		}
		if (data[i] < '!' || data[i] > 'u')
			return LC_INFLATE_BROKEN;
		value = value * 85 + (data[i] - '!');
		if (++digits < 5)
			continue;
		if (!put_group(output, value, 4))
			return LC_INFLATE_TOO_LONG;
		value = 0;
		digits = 0;
	}

	/* The last group has one digit more than bytes; those that are missing count as the highest. */
	bytes = digits - 1;
	for (; digits > 0 && digits < 5; digits++)
		value = value * 85 + 84;
	return bytes > 0 && !put_group(output, value, bytes) ? LC_INFLATE_TOO_LONG : LC_INFLATE_DONE;
}

/* ---- RunLengthDecode (7.4.5) ---- */

static LcInflated
unfilter_runs(Output *output, const uint8 *data, Size length)
{
	uint8 run[128];
	Size at = 0;

	while (at < length && data[at] != 128)
	{
		Size count = data[at] < 128 ? data[at] + 1 : 257 - data[at];
		const uint8 *bytes = data + at + 1;

		if (data[at] < 128)
		{
			count = Min(count, length - at - 1);
			at += 1 + count;
		}
		else if (at + 1 < length)
		{
			memset(run, data[at + 1], count);
			bytes = run;
			at += 2;
		}
		else
			break;
		if (!put_bytes(output, bytes, count))
			return LC_INFLATE_TOO_LONG;
	}
	return LC_INFLATE_DONE;
}

/* ---- LZWDecode (7.4.4) ---- */

/* The first byte of what a code stands for. */
static uint8
lzw_first(const LzwTable *table, int code)
{
	while (table->length[code] > 1)
		code = table->before[code];
	return table->last[code];
}

/* Puts what a code stands for, whose bytes are found from the last to the first. */
static bool
lzw_put(Output *output, const LzwTable *table, int code)
{
	int length = table->length[code];
	char *to;

	if (!make_room(output, length))
		return false;
	if (output->buffer == NULL)
		return true;
	to = output->buffer->data + output->buffer->len + length;
	output->buffer->len += length;
	*to = '\0';
	for (; length > 0; length--, code = table->before[code])
		*--to = (char) table->last[code];
	return true;
}

static LcInflated
unfilter_lzw(Output *output, const uint8 *data, Size length, bool early)
{
	LzwTable *table = palloc(sizeof(LzwTable));
	LcInflated result = LC_INFLATE_DONE;
	uint32 pending = 0; /* bits read and not used yet */
	int pending_bits = 0;
	int bits = LZW_BITS;
	int previous = -1;
	Size at = 0;

	for (int byte = 0; byte < LZW_CLEAR; byte++)
	{
		table->length[byte] = 1;
		table->last[byte] = (uint8) byte;
	}
	table->count = LZW_FIRST;
	for (;;)
	{
		int code;

		while (pending_bits < bits && at < length)
		{
			pending = pending << 8 | data[at++];
			pending_bits += 8;
		}
		if (pending_bits < bits)
			break;
		pending_bits -= bits;
		code = (int) (pending >> pending_bits & ((1u << bits) - 1));
		if (code == LZW_END)
			break;
		if (code == LZW_CLEAR)
		{
			table->count = LZW_FIRST;
			bits = LZW_BITS;
			previous = -1;
			continue;
		}
		/* A code that is only now being made begins and ends with the same byte. */
		if (code > table->count || (code == table->count && (previous < 0 || code == LZW_CODES)))
		{
			result = LC_INFLATE_BROKEN;
			break;
		}
		if (previous >= 0 && table->count < LZW_CODES)
		{
			table->before[table->count] = (uint16) previous;
			table->length[table->count] = table->length[previous] + 1;
			table->last[table->count] = lzw_first(table, code == table->count ? previous : code);
			table->count++;
			while (bits < LZW_MOST_BITS && table->count + (early ? 1 : 0) >= 1 << bits)
				bits++;
		}
		if (!lzw_put(output, table, code))
		{
			result = LC_INFLATE_TOO_LONG;
			break;
		}
		previous = code;
	}
	pfree(table);
	return result;
}

/* ---- all ---- */

/* The filters' names, and how they are abbreviated in inline images, which some files have elsewhere too. */
typedef enum Kind
{
	ASCII_HEX,
	ASCII_85,
	RUN_LENGTH,
	LZW,
	OTHER
} Kind;

static Kind
kind_of(const char *filter)
{
	static const char *const names[][2] = { [ASCII_HEX] = { "/ASCIIHexDecode", "/AHx" },
											[ASCII_85] = { "/ASCII85Decode", "/A85" },
											[RUN_LENGTH] = { "/RunLengthDecode", "/RL" },
											[LZW] = { "/LZWDecode", "/LZW" } };
	int kind = 0;

	while (kind < OTHER && strcmp(filter, names[kind][0]) != 0 && strcmp(filter, names[kind][1]) != 0)
		kind++;
	return (Kind) kind;
}

bool
lc_can_unfilter(const char *filter)
{
	return kind_of(filter) != OTHER;
}

bool
lc_unfilter_expands(const char *filter)
{
	return kind_of(filter) == RUN_LENGTH || kind_of(filter) == LZW;
}

LcInflated
lc_unfilter(StringInfo buffer, const char *filter, bool early, const void *data, Size length, Size limit)
{
	Output output = { buffer, limit, 0, 0 };

	switch (kind_of(filter))
	{
		case ASCII_HEX:
			return unfilter_hex(&output, data, length);
		case ASCII_85:
			return unfilter_base85(&output, data, length);
		case RUN_LENGTH:
			return unfilter_runs(&output, data, length);
		case LZW:
			return unfilter_lzw(&output, data, length, early);
		case OTHER:
			break;
	}
	return LC_INFLATE_BROKEN;
}
