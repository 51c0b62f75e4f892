/*
 * archive.c
 *		The parts of a tar archive (POSIX ustar), of which export_context() is put together.
 */
#include "postgres.h"

#include <time.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(lc_tar_header);
PG_FUNCTION_INFO_V1(lc_tar_padding);

#define BLOCK 512

/* Numbers stand in octal digits that end with a NUL. */
typedef struct Header
{
	char path[100];
	char mode[8];
	char owner[8];
	char group[8];
	char size[12];
	char modified[12];
	char checksum[8];
	char kind;
	char link[100];
	char magic[6];
	char version[2];
	char owner_name[32];
	char group_name[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char rest[12];
} Header;

StaticAssertDecl(sizeof(Header) == BLOCK, "a tar header is a block");

#define LARGEST_SIZE ((INT64CONST(1) << 33) - 1) /* what eleven octal digits hold */

static void
put_octal(char *field, int length, int64 value)
{
	int i;

	for (i = length - 2; i >= 0; i--)
	{
		field[i] = '0' + (char) (value & 7);
		value >>= 3;
	}
}

/* tar_header(path text, size bigint, modified timestamptz) RETURNS bytea */
Datum
lc_tar_header(PG_FUNCTION_ARGS)
{
	text *path = PG_GETARG_TEXT_PP(0);
	int64 size = PG_GETARG_INT64(1);
	TimestampTz modified = PG_GETARG_TIMESTAMPTZ(2);
	bytea *result = palloc0(VARHDRSZ + BLOCK);
	Header *header = (Header *) VARDATA(result);
	const unsigned char *bytes = (const unsigned char *) header;
	int64 seconds = 0;
	int sum = 0;
	int i;

	if (VARSIZE_ANY_EXHDR(path) == 0 || VARSIZE_ANY_EXHDR(path) > sizeof(header->path))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a path in a tar archive has 1 to %d bytes, and this one %d",
						(int) sizeof(header->path), (int) VARSIZE_ANY_EXHDR(path))));
	if (size < 0 || size > LARGEST_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a file in a tar archive cannot have " INT64_FORMAT " bytes", size)));
	if (!TIMESTAMP_NOT_FINITE(modified))
		seconds = Max(timestamptz_to_time_t(modified), 0);

	SET_VARSIZE(result, VARHDRSZ + BLOCK);
	memcpy(header->path, VARDATA_ANY(path), VARSIZE_ANY_EXHDR(path));
	put_octal(header->mode, sizeof(header->mode), 0644);
	put_octal(header->owner, sizeof(header->owner), 0);
	put_octal(header->group, sizeof(header->group), 0);
	put_octal(header->size, sizeof(header->size), size);
	put_octal(header->modified, sizeof(header->modified), Min(seconds, LARGEST_SIZE));
	header->kind = '0';
	memcpy(header->magic, "ustar", 6);
	memcpy(header->version, "00", 2);
	/* The sum of all bytes, its own counted as blanks; six digits, a NUL and a blank. */
	memset(header->checksum, ' ', sizeof(header->checksum));
	for (i = 0; i < BLOCK; i++)
		sum += bytes[i];
	put_octal(header->checksum, 7, sum);
	header->checksum[6] = '\0';
	PG_RETURN_BYTEA_P(result);
}

/* tar_padding(size bigint) RETURNS bytea */
Datum
lc_tar_padding(PG_FUNCTION_ARGS)
{
	int64 size = PG_GETARG_INT64(0);
	Size padding = (Size) ((BLOCK - Max(size, 0) % BLOCK) % BLOCK);
	bytea *result = palloc0(VARHDRSZ + padding);

	SET_VARSIZE(result, VARHDRSZ + padding);
	PG_RETURN_BYTEA_P(result);
}
