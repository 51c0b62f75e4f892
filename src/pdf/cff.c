/*
 * pdf/cff.c
 *		CFF font programs: which glyph has which CID.
 *
 * Section numbers are of Adobe Technical Note 5176, "The Compact Font Format Specification". Reads the few
 * bytes it needs, and believes none of them.
 */
#include "postgres.h"

#include "pdf/cff.h"

/* Operators of a top DICT (9, 18); those of two bytes have their second byte with this added. */
#define ESCAPE 1200
#define OPERATOR_CHARSET 15
#define OPERATOR_CHAR_STRINGS 17
#define OPERATOR_ROS (ESCAPE + 30)

/* Charsets below are predefined ones, which hold names. */
#define FIRST_OWN_CHARSET 3

typedef struct Reader
{
	const uint8 *data;
	Size length;
	Size at;
} Reader;

/* What of a top DICT matters here. */
typedef struct TopDict
{
	bool is_cid_keyed;
	uint32 charset; /* offsets from the start of the program */
	uint32 char_strings;
} TopDict;

static void
unreadable(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("font is damaged"),
			 errdetail("Its table \"CFF \" cannot be read.")));
}

static uint32
read_number(Reader *reader, int bytes)
{
	uint32 value = 0;

	if (reader->at > reader->length || reader->length - reader->at < (Size) bytes)
		unreadable();
	while (bytes-- > 0)
		value = value << 8 | reader->data[reader->at++];
	return value;
}

/* Skips an INDEX (5); where its first element begins and ends. */
static void
read_index(Reader *reader, Size *first, Size *first_end)
{
	uint32 count = read_number(reader, 2);
	int size;
	Size offsets;
	Size base;
	uint32 last;

	if (count == 0)
		unreadable();
	size = (int) read_number(reader, 1);
	if (size < 1 || size > 4)
		unreadable();
	offsets = reader->at;
	base = offsets + (Size) (count + 1) * size - 1; /* offsets count from the byte before the data */
	*first = base + read_number(reader, size);
	*first_end = base + read_number(reader, size);
	reader->at = offsets + (Size) count * size;
	last = read_number(reader, size);
	reader->at = base + last;
}

/* Reads a DICT (4): operands, then their operator. Of numbers only integers matter here. */
static void
read_top_dict(Reader *reader, Size end, TopDict *dict)
{
	uint32 operand = 0; /* the last one */

	memset(dict, 0, sizeof(TopDict));
	while (reader->at < end)
	{
		uint32 byte = read_number(reader, 1);

		if (byte <= 21)
		{
			uint32 operator= byte == 12 ? ESCAPE + read_number(reader, 1) : byte;

			if (operator== OPERATOR_ROS)
				dict->is_cid_keyed = true;
			else if (operator== OPERATOR_CHARSET)
				dict->charset = operand;
			else if (operator== OPERATOR_CHAR_STRINGS)
				dict->char_strings = operand;
			operand = 0;
		}
		else if (byte == 28)
			operand = read_number(reader, 2);
		else if (byte == 29)
			operand = read_number(reader, 4);
		else if (byte == 30)
		{
			/* A real number: half-bytes, the last of them 15. */
			uint32 pair;

			do
				pair = read_number(reader, 1);
			while ((pair & 0x0f) != 0x0f && pair >> 4 != 0x0f);
			operand = 0;
		}
		else if (byte <= 246)
			operand = byte - 139;
		else if (byte <= 250)
			operand = (byte - 247) * 256 + read_number(reader, 1) + 108;
		else
		{
			read_number(reader, 1);
			operand = 0; /* negative, which no offset is */
		}
	}
}

uint16 *
lc_cff_cids(const uint8 *data, Size length, uint32 *cid_count)
{
	Reader reader = { data, length, 0 };
	TopDict dict;
	Size first;
	Size first_end;
	uint32 format;
	uint32 count;
	uint32 glyph = 1; /* glyph 0 is CID 0 and not listed */
	uint16 *cids;

	/* The header (6), whose third byte is its length; the INDEX of names (7), that of top DICTs (8). */
	read_number(&reader, 2);
	reader.at = read_number(&reader, 1);
	read_index(&reader, &first, &first_end);
	read_index(&reader, &first, &first_end);
	reader.at = first;
	read_top_dict(&reader, Min(first_end, length), &dict);
	if (!dict.is_cid_keyed)
		return NULL;

	reader.at = dict.char_strings;
	count = read_number(&reader, 2);
	cids = palloc0(sizeof(uint16) * Max(count, 1));
	*cid_count = count;

	/* The charset (13): CIDs one by one, or ranges of a first CID and how many follow it. */
	if (dict.charset < FIRST_OWN_CHARSET)
		unreadable();
	reader.at = dict.charset;
	format = read_number(&reader, 1);
	if (format > 2)
		unreadable();
	while (glyph < count)
	{
		uint32 cid = read_number(&reader, 2);
		uint32 more = read_number(&reader, (int) format);

		do
			cids[glyph++] = (uint16) cid++;
		while (glyph < count && more-- > 0);
	}
	return cids;
}
