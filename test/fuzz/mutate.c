/*
 * test/fuzz/mutate.c
 *		Mutators that know a file's frame: checksums of PNG, the table directory of fonts, lengths and
 *		offsets of PDF. Without them nearly every change is refused at the door.
 *
 * One input in eight is left as libFuzzer changed it, so that wrong frames are tried as well.
 */
#include "postgres.h"

#include <zlib.h>

#include "harness.h"

static bool
leave_frame(unsigned int seed)
{
	return (seed >> 7) % 8 == 0;
}

static uint32
get_number(const uint8 *data, int bytes)
{
	uint32 value = 0;

	while (bytes-- > 0)
		value = value << 8 | *data++;
	return value;
}

static void
put_number(uint8 *data, uint32 value)
{
	for (int i = 3; i >= 0; i--, value >>= 8)
		data[i] = (uint8) value;
}

/* ---- PNG ---- */

size_t
fuzz_mutate_png(uint8 *data, size_t size, size_t max_size, unsigned int seed)
{
	size_t at = 8;

	/* The data of one chunk grow and shrink with its length. */
	if (size > 33 && memcmp(data, "\x89PNG", 4) == 0 && !leave_frame(seed))
	{
		for (int skip = seed % 6; at + 12 <= size; at += 12 + get_number(data + at, 4), skip--)
		{
			size_t length = get_number(data + at, 4);
			size_t rest;
			uint8 *copy;
			size_t changed;

			if (length > size - at - 12)
				break;
			if (skip > 0 && at + 24 + length <= size)
				continue;
			rest = size - (at + 8 + length);
			copy = malloc(rest);
			memcpy(copy, data + at + 8 + length, rest);
			changed = LLVMFuzzerMutate(data + at + 8, length, max_size - at - 8 - rest);
			put_number(data + at, (uint32) changed);
			memcpy(data + at + 8 + changed, copy, rest);
			free(copy);
			size = at + 8 + changed + rest;
			break;
		}
	}
	else
		size = LLVMFuzzerMutate(data, size, max_size);

	if (size < 8 || memcmp(data, "\x89PNG", 4) != 0 || leave_frame(seed))
		return size;
	for (at = 8; at + 12 <= size;)
	{
		size_t length = get_number(data + at, 4);

		if (length > size - at - 12)
			break;
		put_number(data + at + 8 + length, (uint32) crc32(0, data + at + 4, (uInt) length + 4));
		at += 12 + length;
	}
	return size;
}

/* ---- fonts ---- */

size_t
fuzz_mutate_font(uint8 *data, size_t size, size_t max_size, unsigned int seed)
{
	uint32 count = size >= 12 ? get_number(data + 4, 2) : 0;
	uint8 *copy;
	size_t used;
	uint32 chosen;

	if (count == 0 || count > 40 || size < 12 + count * 16 || max_size < size + 64 ||
		leave_frame(seed) || memcmp(data, "ttcf", 4) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	for (uint32 i = 0; i < count; i++)
		if (get_number(data + 12 + i * 16 + 8, 4) > size ||
			get_number(data + 12 + i * 16 + 12, 4) > size - get_number(data + 12 + i * 16 + 8, 4))
			return LLVMFuzzerMutate(data, size, max_size);

	/* Changes one table, and puts all of them one after another. */
	copy = malloc(size);
	memcpy(copy, data, size);
	chosen = seed % count;
	used = 12 + count * 16;
	for (uint32 i = 0; i < count; i++)
	{
		uint8 *record = data + 12 + i * 16;
		uint32 start = get_number(record + 8, 4);
		uint32 length = get_number(record + 12, 4);

		if (used + length + 64 > max_size)
		{
			memcpy(data, copy, size);
			free(copy);
			return LLVMFuzzerMutate(data, size, max_size);
		}
		memcpy(data + used, copy + start, length);
		put_number(record + 8, (uint32) used);
		if (i == chosen)
		{
			length = (uint32) LLVMFuzzerMutate(data + used, length, length + 64);
			put_number(record + 12, length);
		}
		used += length;
		while (used % 4 != 0 && used < max_size)
			data[used++] = 0;
	}
	free(copy);
	return used;
}

/* ---- PDF ---- */

static const uint8 *
find(const uint8 *from, const uint8 *end, const char *text)
{
	return from >= end ? NULL : memmem(from, end - from, text, strlen(text));
}

/* Where the digits that end at "at" begin. */
static const uint8 *
digits_before(const uint8 *at, const uint8 *start)
{
	while (at > start && at[-1] >= '0' && at[-1] <= '9')
		at--;
	return at;
}

#define MAX_OBJECTS 400

/*
 * Writes objects again, with right lengths of streams where they stand as numbers, and with a right
 * cross-reference table. 0: there is no such table, or no room.
 */
static size_t
rewrite_pdf(uint8 *to, size_t room, const uint8 *data, size_t size)
{
	const uint8 *end = data + size;
	const uint8 *at = data;
	const uint8 *table = NULL;
	const uint8 *trailer;
	const uint8 *trailer_end;
	size_t offsets[MAX_OBJECTS] = { 0 };
	int highest = 0;
	size_t used = 0;

	while ((at = find(at, end, "\nxref")) != NULL)
		table = at++;
	if (table == NULL || (trailer = find(table, end, "trailer")) == NULL)
		return 0;
	trailer_end = find(trailer, end, "startxref");
	if (trailer_end == NULL)
		trailer_end = end;
	if (room < size + MAX_OBJECTS * 21 + 200)
		return 0;

	for (at = data; at < table;)
	{
		const uint8 *next = find(at, table, " obj");
		const uint8 *generation;
		const uint8 *number;
		const uint8 *stop;
		const uint8 *stream;
		int id;

		if (next == NULL)
		{
			memcpy(to + used, at, table - at);
			used += table - at;
			break;
		}
		next += 4;
		generation = digits_before(next - 4, at);
		number = generation > at ? digits_before(generation - 1, at) : at;
		id = atoi((const char *) number);
		memcpy(to + used, at, number - at);
		used += number - at;
		if (number < generation - 1 && id > 0 && id < MAX_OBJECTS)
		{
			offsets[id] = used;
			highest = Max(highest, id);
		}
		stop = find(next, table, " obj");
		if (stop == NULL)
			stop = table;
		memcpy(to + used, number, next - number);
		used += next - number;
		at = next;

		/* "/Length N" before "stream", with "endstream" after it: what does not fit stays. */
		stream = find(at, stop, "stream");
		if (stream != NULL)
		{
			const uint8 *length = find(at, stream, "/Length ");
			const uint8 *first = stream + 6 + (stream[6] == '\r') + 1;
			const uint8 *last = find(stream + 6, stop, "endstream");

			if (length != NULL && last != NULL && last > first && length[8] >= '0' && length[8] <= '9')
			{
				const uint8 *digit = length + 8;
				size_t bytes = last - first - (last[-1] == '\n');

				memcpy(to + used, at, digit - at);
				used += digit - at;
				used += sprintf((char *) to + used, "%zu", bytes);
				while (*digit >= '0' && *digit <= '9')
					digit++;
				at = digit;
			}
		}
	}

	{
		size_t start = used + 1;

		used += sprintf((char *) to + used, "\nxref\n0 %d\n0000000000 65535 f \n", highest + 1);
		for (int i = 1; i <= highest; i++)
			used += sprintf((char *) to + used, "%010zu %05d %c \n", offsets[i],
							offsets[i] > 0 ? 0 : 65535, offsets[i] > 0 ? 'n' : 'f');
		memcpy(to + used, trailer, trailer_end - trailer);
		used += trailer_end - trailer;
		used += sprintf((char *) to + used, "startxref\n%zu\n%%%%EOF\n", start);
	}
	return used;
}

size_t
fuzz_mutate_pdf(uint8 *data, size_t size, size_t max_size, unsigned int seed)
{
	uint8 *changed;
	size_t room = 2 * max_size + MAX_OBJECTS * 30;
	size_t length;

	size = LLVMFuzzerMutate(data, size, max_size);
	if (leave_frame(seed))
		return size;
	changed = malloc(room);
	length = rewrite_pdf(changed, room, data, size);
	if (length > 0 && length <= max_size)
	{
		memcpy(data, changed, length);
		size = length;
	}
	free(changed);
	return size;
}
