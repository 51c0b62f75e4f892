/*
 * pdf/fontfile.c
 *		Font files: what they hold, and whether it can be embedded.
 *
 * Reads the tables' directory and a few numbers, as the OpenType specification has them, and believes none.
 */
#include "postgres.h"

#include "pdf/fontfile.h"

/* OS/2 fsType (OpenType specification, OS/2): who may embed the font, and how. */
#define FSTYPE_LEVELS 0x000f
#define FSTYPE_RESTRICTED 0x0002
#define FSTYPE_NO_SUBSETTING 0x0100
#define FSTYPE_BITMAP_ONLY 0x0200

/* The most tables that a font is believed to have. */
#define MAX_TABLES 200

/* The most fonts that a collection may hold: that of Noto Sans CJK holds ten. */
#define MAX_FONTS 64

#define TAG(a, b, c, d) ((uint32) (a) << 24 | (uint32) (b) << 16 | (uint32) (c) << 8 | (uint32) (d))

/* ---- reading bytes ---- */

static uint32
read_number(const uint8 *data, int bytes)
{
	uint32 value = 0;

	while (bytes-- > 0)
		value = value << 8 | *data++;
	return value;
}

static void
broken(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("font is damaged"),
			 errdetail("%s", detail)));
}

/* ---- what a font must have ---- */

/* A table's place in the file; NULL: there is none. */
static const uint8 *
find_table(const uint8 *data, uint32 directory, const char *tag, uint32 *length)
{
	uint32 count = read_number(data + directory + 4, 2);
	uint32 i;

	for (i = 0; i < count; i++)
	{
		const uint8 *record = data + directory + 12 + i * 16;

		if (memcmp(record, tag, 4) == 0)
		{
			*length = read_number(record + 12, 4);
			return data + read_number(record + 8, 4);
		}
	}
	*length = 0;
	return NULL;
}

int
lc_font_file_count(const uint8 *data, Size length)
{
	uint32 count;

	if (length < 12)
		broken("The file is too short to be a font.");
	if (memcmp(data, "ttcf", 4) != 0)
		return 1;
	count = read_number(data + 8, 4);
	if (count == 0 || length - 12 < (Size) count * 4)
		broken("The file ends within its list of fonts.");
	if (count > MAX_FONTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("font collection has %u fonts, more than %d", count, MAX_FONTS)));
	return (int) count;
}

/* Where the font's table directory begins, all of whose tables lie within the file. */
static uint32
check_directory(const uint8 *data, Size length, int index)
{
	uint32 directory = 0;
	uint32 version;
	uint32 count;
	uint32 i;

	if (index >= lc_font_file_count(data, length))
		elog(ERROR, "there is no font %d in the file", index);
	if (memcmp(data, "ttcf", 4) == 0)
		directory = read_number(data + 12 + 4 * index, 4);
	if (directory > length - 12)
		broken("The file is too short to be a font.");
	version = read_number(data + directory, 4);
	if (version != 0x00010000 && version != TAG('t', 'r', 'u', 'e') &&
		version != TAG('O', 'T', 'T', 'O'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("file is not a font"),
				 errdetail("TrueType and OpenType fonts and collections of them are supported.")));
	count = read_number(data + directory + 4, 2);
	if (count == 0 || count > MAX_TABLES)
		broken(psprintf("It claims to have %u tables.", count));
	if (length - directory - 12 < (Size) count * 16)
		broken("The file ends within its list of tables.");
	for (i = 0; i < count; i++)
	{
		const uint8 *record = data + directory + 12 + i * 16;
		uint32 start = read_number(record + 8, 4);
		uint32 size = read_number(record + 12, 4);
		char tag[5];
		int c;

		for (c = 0; c < 4; c++)
			tag[c] = record[c] >= ' ' && record[c] <= '~' ? (char) record[c] : '?';
		tag[4] = '\0';
		if (start > length || size > length - start)
			broken(
				psprintf("Its table \"%s\" reaches beyond the end of the file: the file has %zu bytes.",
						 tag, length));
	}
	return directory;
}

/* The tables that every font of ours must have, and the least bytes that are read of them here. */
static void
check_tables(const uint8 *data, uint32 directory, LcFontFacts *facts)
{
	static const struct
	{
		const char *tag;
		uint32 least;
	} required[] = { { "cmap", 4 }, { "head", 54 }, { "hhea", 36 }, { "hmtx", 4 }, { "maxp", 6 } };
	const uint8 *table;
	uint32 length;
	uint32 ignored;
	Size i;

	for (i = 0; i < lengthof(required); i++)
	{
		table = find_table(data, directory, required[i].tag, &length);
		if (table == NULL || length < required[i].least)
			broken(psprintf("It has no table \"%s\".", required[i].tag));
	}
	facts->head = table = find_table(data, directory, "head", &length);
	if (read_number(table + 18, 2) < 16 || read_number(table + 18, 2) > 16384)
		broken("Its size of the em is out of range.");
	table = find_table(data, directory, "maxp", &length);
	if (read_number(table + 4, 2) == 0)
		broken("It has no glyphs.");

	facts->outlines = find_table(data, directory, "CFF ", &length);
	facts->is_cff = facts->outlines != NULL && length > 0;
	if (facts->is_cff)
		return;
	facts->outlines = find_table(data, directory, "glyf", &length);
	if (facts->outlines != NULL && length > 0)
	{
		if (find_table(data, directory, "loca", &ignored) == NULL)
			broken("It has no table \"loca\".");
		return;
	}
	if (find_table(data, directory, "CFF2", &ignored) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("font cannot be embedded: its outlines are in the format CFF2"),
				 errhint("Use a static instance of the font, as .otf or .ttf.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("font cannot be embedded: it has no outlines"),
			 errdetail("Its glyphs are bitmaps or colour pictures only.")));
}

/* A font that paints its glyphs, or shows pictures, may have outlines too: but those are not its glyphs. */
static void
check_colors(const uint8 *data, uint32 directory)
{
	static const char *const colored[] = { "CBDT", "COLR", "SVG ", "sbix" };
	uint32 length;
	Size i;

	for (i = 0; i < lengthof(colored); i++)
		if (find_table(data, directory, colored[i], &length) != NULL && length > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("font cannot be embedded: its glyphs are coloured"),
					 errdetail("It has a table \"%s\".", colored[i]),
					 errhint("Use a font whose glyphs are outlines of one colour.")));
}

/* May the font be embedded, and cut? */
static void
check_embedding(const uint8 *data, uint32 directory, bool *whole)
{
	uint32 length;
	const uint8 *table = find_table(data, directory, "OS/2", &length);
	uint32 type = table != NULL && length >= 10 ? read_number(table + 8, 2) : 0;

	if ((type & FSTYPE_LEVELS) == FSTYPE_RESTRICTED)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("font cannot be embedded: it says that its licence forbids it"),
				 errdetail("The embedding level of its table OS/2 (fsType 0x%04X) is \"restricted\".",
						   type)));
	if (type & FSTYPE_BITMAP_ONLY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("font cannot be embedded: it says that its licence allows bitmaps only"),
				 errdetail("Its table OS/2 has fsType 0x%04X.", type)));
	*whole = (type & FSTYPE_NO_SUBSETTING) != 0;
}

void
lc_font_file_check(const uint8 *data, Size length, int index, LcFontFacts *facts)
{
	uint32 directory = check_directory(data, length, index);

	memset(facts, 0, sizeof(LcFontFacts));
	check_tables(data, directory, facts);
	check_colors(data, directory);
	check_embedding(data, directory, &facts->whole);
}
