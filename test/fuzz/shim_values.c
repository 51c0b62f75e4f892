/*
 * test/fuzz/shim_values.c
 *		StringInfo, List, hash tables, texts and dates, as much of them as the rooms of src/ use.
 */
#include "postgres.h"

#include <fcntl.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/pg_list.h"
#include "pgtime.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "utils/varlena.h"

#include "shim.h"

/* 2001-02-03 04:05:06 UTC: the time is always the same, except for guards. */
#define THE_TIME INT64CONST(34488306000000)

pg_tz *session_timezone;

/* ---- StringInfo ---- */

StringInfo
makeStringInfo(void)
{
	StringInfo string = palloc(sizeof(StringInfoData));

	initStringInfo(string);
	return string;
}

void
initStringInfo(StringInfo string)
{
	/* Small, so that what does not ask for room is seen. */
	string->maxlen = 16;
	string->data = palloc(string->maxlen);
	resetStringInfo(string);
}

void
resetStringInfo(StringInfo string)
{
	string->data[0] = '\0';
	string->len = 0;
	string->cursor = 0;
}

void
enlargeStringInfo(StringInfo string, int needed)
{
	Size size = string->maxlen;

	if (needed < 0)
		elog(ERROR, "invalid string enlargement request size: %d", needed);
	if ((Size) needed >= MaxAllocSize - (Size) string->len)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("out of memory"),
				 errdetail("Cannot enlarge string buffer containing %d bytes by %d more bytes.",
						   string->len, needed)));
	if ((Size) string->len + needed < size)
		return;
	while (size < (Size) string->len + needed + 1)
		size *= 2;
	size = Min(size, MaxAllocSize);
	string->data = repalloc(string->data, size);
	string->maxlen = (int) size;
}

void
appendBinaryStringInfo(StringInfo string,
#if PG_VERSION_NUM >= 160000
					   const void *data,
#else
					   const char *data,
#endif
					   int length)
{
	enlargeStringInfo(string, length);
	memcpy(string->data + string->len, data, length);
	string->len += length;
	string->data[string->len] = '\0';
}

void
appendStringInfoString(StringInfo string, const char *text)
{
	appendBinaryStringInfo(string, text, strlen(text));
}

#undef appendStringInfoChar
void
appendStringInfoChar(StringInfo string, char c)
{
	appendBinaryStringInfo(string, &c, 1);
}

int
appendStringInfoVA(StringInfo string, const char *fmt, va_list args)
{
	int room = string->maxlen - string->len;
	int length = vsnprintf(string->data + string->len, room, fmt, args);

	if (length < room)
	{
		string->len += length;
		return 0;
	}
	string->data[string->len] = '\0';
	return length + 1;
}

void
appendStringInfo(StringInfo string, const char *fmt, ...)
{
	for (;;)
	{
		va_list args;
		int needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(string, fmt, args);
		va_end(args);
		if (needed == 0)
			return;
		enlargeStringInfo(string, needed);
	}
}

int
pg_ltoa(int32 value, char *text)
{
	return sprintf(text, "%d", value);
}

char *
psprintf(const char *fmt, ...)
{
	va_list args;
	int length;
	char *text;

	va_start(args, fmt);
	length = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	text = palloc(length + 1);
	va_start(args, fmt);
	vsnprintf(text, length + 1, fmt, args);
	va_end(args);
	return text;
}

/* ---- List ---- */

static List *
new_list(NodeTag type, int room)
{
	List *list = palloc0(sizeof(List));

	list->type = type;
	list->max_length = room;
	list->elements = palloc0(sizeof(ListCell) * room);
	return list;
}

List *
list_make1_impl(NodeTag t, ListCell datum1)
{
	List *list = new_list(t, 1);

	list->length = 1;
	list->elements[0] = datum1;
	return list;
}

static List *
append(List *list, NodeTag type, ListCell cell)
{
	if (list == NIL)
		return list_make1_impl(type, cell);
	if (list->length == list->max_length)
	{
		list->max_length *= 2;
		list->elements = repalloc(list->elements, sizeof(ListCell) * list->max_length);
	}
	list->elements[list->length++] = cell;
	return list;
}

List *
lappend(List *list, void *datum)
{
	return append(list, T_List, list_make_ptr_cell(datum));
}

List *
lappend_int(List *list, int datum)
{
	return append(list, T_IntList, list_make_int_cell(datum));
}

void
list_free(List *list)
{
	if (list == NIL)
		return;
	pfree(list->elements);
	pfree(list);
}

void
list_free_deep(List *list)
{
	for (int i = 0; i < list_length(list); i++)
		pfree(list_nth(list, i));
	list_free(list);
}

void
list_sort(List *list, list_sort_comparator cmp)
{
	if (list != NIL)
		qsort(list->elements, list->length, sizeof(ListCell), (int (*)(const void *, const void *)) cmp);
}

int
list_int_cmp(const ListCell *p1, const ListCell *p2)
{
	return lfirst_int(p1) < lfirst_int(p2) ? -1 : lfirst_int(p1) > lfirst_int(p2);
}

/* ---- hash tables: of binary keys ---- */

typedef struct Entry
{
	struct Entry *next;
} Entry; /* the element follows */

struct HTAB
{
	MemoryContext context;
	Size key_size;
	Size entry_size;
	Entry *buckets[1024];
};

HTAB *
hash_create(const char *tabname, long nelem, const HASHCTL *info, int flags)
{
	HTAB *table;

	if ((flags & ~HASH_CONTEXT) != (HASH_ELEM | HASH_BLOBS))
		fuzz_find("the shim has only hash tables of binary keys");
	table = MemoryContextAllocZero((flags & HASH_CONTEXT) != 0 ? info->hcxt : TopMemoryContext,
								   sizeof(HTAB));
	table->context = (flags & HASH_CONTEXT) != 0 ? info->hcxt : TopMemoryContext;
	table->key_size = info->keysize;
	table->entry_size = info->entrysize;
	return table;
}

void *
hash_search(HTAB *hashp, const void *keyPtr, HASHACTION action, bool *foundPtr)
{
	uint32 hash = 2166136261u;
	Entry **place;
	Entry *entry;

	for (Size i = 0; i < hashp->key_size; i++)
		hash = (hash ^ ((const uint8 *) keyPtr)[i]) * 16777619u;
	place = &hashp->buckets[(hash ^ hash >> 16) % lengthof(hashp->buckets)];
	while (*place != NULL && memcmp(*place + 1, keyPtr, hashp->key_size) != 0)
		place = &(*place)->next;
	entry = *place;
	if (foundPtr != NULL)
		*foundPtr = entry != NULL;
	if (action == HASH_REMOVE && entry != NULL)
		*place = entry->next; /* it stays readable until the context goes, as in the server */
	if (action == HASH_ENTER && entry == NULL)
	{
		entry = *place = MemoryContextAlloc(hashp->context, sizeof(Entry) + hashp->entry_size);
		entry->next = NULL;
		memset(entry + 1, 0x7f, hashp->entry_size);
		memcpy(entry + 1, keyPtr, hashp->key_size);
	}
	return entry != NULL ? entry + 1 : NULL;
}

/* ---- texts ---- */

text *
cstring_to_text_with_len(const char *s, int len)
{
	text *result = palloc(len + VARHDRSZ);

	SET_VARSIZE(result, len + VARHDRSZ);
	memcpy(VARDATA(result), s, len);
	return result;
}

text *
cstring_to_text(const char *s)
{
	return cstring_to_text_with_len(s, strlen(s));
}

char *
text_to_cstring(const text *t)
{
	return pnstrdup(VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

struct varlena *
pg_detoast_datum(struct varlena *datum)
{
	return datum;
}

struct varlena *
pg_detoast_datum_packed(struct varlena *datum)
{
	return datum;
}

/* The bytes of the character at the start of a text; within "length" even if it is cut. */
static int
character(const char *text, int length)
{
	return Min(pg_utf_mblen((const unsigned char *) text), length);
}

int
pg_mbstrlen_with_len(const char *mbstr, int limit)
{
	int count = 0;

	for (; limit > 0 && *mbstr != '\0'; count++)
	{
		int bytes = character(mbstr, limit);

		mbstr += bytes;
		limit -= bytes;
	}
	return count;
}

int
pg_mbcliplen(const char *mbstr, int len, int limit)
{
	int kept = 0;

	while (kept < len && mbstr[kept] != '\0' && kept + character(mbstr + kept, len - kept) <= limit)
		kept += character(mbstr + kept, len - kept);
	return kept;
}

void
escape_json(StringInfo buf, const char *str)
{
	appendStringInfoChar(buf, '"');
	for (; *str != '\0'; str++)
	{
		if (*str == '"' || *str == '\\')
			appendStringInfo(buf, "\\%c", *str);
		else if ((unsigned char) *str < ' ')
			appendStringInfo(buf, "\\u%04x", *str);
		else
			appendStringInfoChar(buf, *str);
	}
	appendStringInfoChar(buf, '"');
}

bool
SplitGUCList(char *rawstring, char separator, List **namelist)
{
	char *end;

	*namelist = NIL;
	for (; *rawstring != '\0'; rawstring = end)
	{
		end = rawstring + strcspn(rawstring, ", ");
		while (*end == separator || *end == ' ')
			*end++ = '\0';
		*namelist = lappend(*namelist, rawstring);
	}
	return true;
}

int
varstr_levenshtein_less_equal(const char *source, int slen, const char *target, int tlen, int ins_c,
							  int del_c, int sub_c, int max_d, bool trusted)
{
	int row[256];

	if (tlen > 255 || slen > 255)
		elog(ERROR, "levenshtein argument exceeds maximum length");
	for (int j = 0; j <= tlen; j++)
		row[j] = j * ins_c;
	for (int i = 1; i <= slen; i++)
	{
		int diagonal = row[0];

		row[0] = i * del_c;
		for (int j = 1; j <= tlen; j++)
		{
			int above = row[j];

			row[j] = Min(Min(above + del_c, row[j - 1] + ins_c),
						 diagonal + (source[i - 1] == target[j - 1] ? 0 : sub_c));
			diagonal = above;
		}
	}
	return row[tlen] > max_d ? max_d + 1 : row[tlen];
}

/* ---- time ---- */

TimestampTz
GetCurrentTimestamp(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return THE_TIME + (TimestampTz) now.tv_sec * USECS_PER_SEC + now.tv_nsec / 1000;
}

TimestampTz
GetCurrentTransactionStartTimestamp(void)
{
	return THE_TIME;
}

const char *
pg_get_timezone_name(pg_tz *tz)
{
	return "UTC";
}

int
timestamp2tm(Timestamp dt, int *tzp, struct pg_tm *tm, fsec_t *fsec, const char **tzn, pg_tz *attimezone)
{
	int64 days = dt / USECS_PER_DAY;
	int64 time = dt % USECS_PER_DAY;

	if (tzp != NULL)
		fuzz_find("the shim has no time zones");
	if (time < 0)
	{
		time += USECS_PER_DAY;
		days--;
	}
	j2date((int) (days + POSTGRES_EPOCH_JDATE), &tm->tm_year, &tm->tm_mon, &tm->tm_mday);
	*fsec = time % USECS_PER_SEC;
	time /= USECS_PER_SEC;
	tm->tm_sec = time % 60;
	tm->tm_min = time / 60 % 60;
	tm->tm_hour = time / 3600;
	return 0;
}

/* The Gregorian date of a Julian day, by counting from 0000-03-01 in periods of 400 years. */
void
j2date(int jd, int *year, int *month, int *day)
{
	int64 days = (int64) jd - 1721120;
	int64 period = (days >= 0 ? days : days - 146096) / 146097;
	int of_period = (int) (days - period * 146097);
	int of_years = (of_period - of_period / 1460 + of_period / 36524 - of_period / 146096) / 365;
	int of_year = of_period - (365 * of_years + of_years / 4 - of_years / 100);
	int from_march = (5 * of_year + 2) / 153;

	*day = of_year - (153 * from_march + 2) / 5 + 1;
	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = (int) (of_years + period * 400) + (*month <= 2);
}

/* ---- functions ---- */

Datum
DirectFunctionCall1Coll(PGFunction func, Oid collation, Datum arg1)
{
	LOCAL_FCINFO(fcinfo, 1);

	InitFunctionCallInfoData(*fcinfo, NULL, 1, collation, NULL, NULL);
	fcinfo->args[0].value = arg1;
	fcinfo->args[0].isnull = false;
	return func(fcinfo);
}

Datum
DirectFunctionCall2Coll(PGFunction func, Oid collation, Datum arg1, Datum arg2)
{
	LOCAL_FCINFO(fcinfo, 2);

	InitFunctionCallInfoData(*fcinfo, NULL, 2, collation, NULL, NULL);
	fcinfo->args[0].value = arg1;
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = arg2;
	fcinfo->args[1].isnull = false;
	return func(fcinfo);
}

/* generate_pdf() is not called: preview_pdf() makes the same page of a simpler input. */
Datum
uuid_out(PG_FUNCTION_ARGS)
{
	fuzz_find("uuid_out() is not in the shim");
}

Datum
GetAttributeByName(HeapTupleHeader tuple, const char *attname, bool *isNull)
{
	fuzz_find("GetAttributeByName() is not in the shim");
}

#ifndef DatumGetHeapTupleHeader
HeapTupleHeader
DatumGetHeapTupleHeader(Datum d)
{
	fuzz_find("DatumGetHeapTupleHeader() is not in the shim");
}
#endif

/* ---- the rest ---- */

int
OpenTransientFile(const char *fileName, int fileFlags)
{
	return open(fileName, fileFlags);
}

int
CloseTransientFile(int fd)
{
	return close(fd);
}

static uint64 random_state;

void
shim_random_begin(uint64 seed)
{
	random_state = seed;
}

/* Not strong, but the same each time (Vigna's splitmix64). */
bool
pg_strong_random(void *buf, size_t len)
{
	uint8 *to = buf;

	for (size_t i = 0; i < len; i++)
	{
		uint64 z = random_state += UINT64CONST(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64CONST(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64CONST(0x94d049bb133111eb);
		to[i] = (uint8) (z ^ z >> 31);
	}
	return true;
}
