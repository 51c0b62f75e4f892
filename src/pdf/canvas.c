/*
 * pdf/canvas.c
 *		libharu: the document, its objects, its bytes.
 *
 * Only libharu's object layer is used: its cross-reference table numbers and holds the objects, and every
 * object is one of its dictionaries, whose entries and stream data we write ourselves. Its value objects lose
 * digits and bytes, and its own encryption is RC4. This file knows no fonts, images or templates.
 *
 * The file is one of PDF 1.5 and later: all dictionaries that may be are in object streams, and a
 * cross-reference stream says where everything is, which takes less room than what libharu would write, above
 * all in sealed documents.
 *
 * libharu's memory is palloc'd, so it goes with the context and nothing of it is ever freed.
 */
#include "postgres.h"

#include <hpdf.h>
#include <hpdf_objects.h>

#include "common/hashfn.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pdf/canvas.h"
#include "pdf/flate.h"
#include "pdf/pack.h"
#include "pdf/syntax.h"
#include "settings.h"

/*
 * Bytes that libharu and the canvas add to an object that is written: its number, brackets, /Length, stream and
 * end marks; those of a row of the cross-reference stream; those of its entries, of header and end.
 */
#define OBJECT_OVERHEAD 128
#define ROW_SIZE 7
#define FILE_OVERHEAD 512

/* Bytes at the end of a document that is not sealed, of which its /ID is a hash; of the others it is a checksum. */
#define HASHED ((Size) 16384)

#define PRODUCER "learning_credentials"

/* The second line says that what follows is not text (ISO 32000-1, 7.5.2). */
#define HEADER "%PDF-1.7\n%\xE2\xE3\xCF\xD3\n"

/* What a dictionary of libharu's writes; its attr. */
typedef struct Object
{
	LcCanvas *canvas;
	const char *entries;
	Size entries_length;
	const void *data; /* of a stream; its length */
	Size length;
	int pack; /* the object stream that it is in, where it is not written; 0: none */
	int place;
	bool is_stream;
	bool stands_alone; /* no stream, and never in one */
	bool is_defined;
} Object;

struct LcCanvas
{
	MemoryContext context;
	const LcSeal *seal;
	HPDF_Error_Rec error;
	HPDF_MMgr memory;
	HPDF_Xref xref;
	HPDF_Stream out;
	StringInfoData catalog;
	int pages; /* numbers of objects; 0: none */
	int page;
	int info;
	int root;
	int encrypt;
	char *bytes; /* the file, while it is written */
	Size written;
	Size room;
};

/* Where libharu's memory comes from: its callback has no argument to say so. */
static MemoryContext allocation_context;

/* ---- callbacks of libharu: they must not raise errors ---- */

static void *
allocate(HPDF_UINT size)
{
	return MemoryContextAllocExtended(allocation_context, size, MCXT_ALLOC_NO_OOM);
}

static void
release(void *memory)
{
	pfree(memory);
}

static HPDF_STATUS
write_bytes(HPDF_Stream stream, const HPDF_BYTE *bytes, HPDF_UINT size)
{
	LcCanvas *canvas = stream->attr;

	if (size > canvas->room - canvas->written)
		return HPDF_FILE_IO_ERROR;
	memcpy(canvas->bytes + canvas->written, bytes, size);
	canvas->written += size;
	return HPDF_OK;
}

/* Between << and >>. */
static HPDF_STATUS
write_entries(HPDF_Dict dict, HPDF_Stream stream)
{
	Object *object = dict->attr;
	HPDF_STATUS status = HPDF_Stream_Write(stream, (const HPDF_BYTE *) object->entries,
										   (HPDF_UINT) object->entries_length);

	if (status == HPDF_OK && object->is_stream)
	{
		char length[32];

		snprintf(length, sizeof(length), " /Length %zu", object->length);
		status = HPDF_Stream_WriteStr(stream, length);
	}
	return status;
}

/* After >>. */
static HPDF_STATUS
write_stream(HPDF_Dict dict)
{
	Object *object = dict->attr;
	HPDF_Stream out = object->canvas->out;
	HPDF_STATUS status;

	if (!object->is_stream)
		return HPDF_OK;
	status = HPDF_Stream_WriteStr(out, "\nstream\n");
	if (status == HPDF_OK && object->length > 0)
		status = HPDF_Stream_Write(out, object->data, (HPDF_UINT) object->length);
	if (status == HPDF_OK)
		status = HPDF_Stream_WriteStr(out, "\nendstream");
	return status;
}

/* ---- the document ---- */

static void
require(LcCanvas *canvas, bool done)
{
	if (done)
		return;
	if (HPDF_Error_GetCode(&canvas->error) == HPDF_FAILD_TO_ALLOC_MEM)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	elog(ERROR, "libharu: error %lx", (unsigned long) HPDF_Error_GetCode(&canvas->error));
}

LcCanvas *
lc_canvas_create(const LcSeal *seal)
{
	LcCanvas *canvas = palloc0(sizeof(LcCanvas));

	canvas->context = CurrentMemoryContext;
	canvas->seal = seal;
	initStringInfo(&canvas->catalog);

	allocation_context = canvas->context;
	HPDF_Error_Init(&canvas->error, NULL);
	canvas->memory = HPDF_MMgr_New(&canvas->error, 0, allocate, release);
	require(canvas, canvas->memory != NULL);
	canvas->xref = HPDF_Xref_New(canvas->memory, 0);
	require(canvas, canvas->xref != NULL);
	canvas->out = HPDF_CallbackWriter_New(canvas->memory, write_bytes, canvas);
	require(canvas, canvas->out != NULL);
	return canvas;
}

const LcSeal *
lc_canvas_seal(const LcCanvas *canvas)
{
	return canvas->seal;
}

int
lc_canvas_reserve(LcCanvas *canvas)
{
	Object *object = MemoryContextAllocZero(canvas->context, sizeof(Object));
	HPDF_Dict dict;

	allocation_context = canvas->context;
	dict = HPDF_Dict_New(canvas->memory);
	require(canvas, dict != NULL);
	require(canvas, HPDF_Xref_Add(canvas->xref, dict) == HPDF_OK);
	object->canvas = canvas;
	dict->attr = object;
	dict->write_fn = write_entries;
	dict->after_write_fn = write_stream;
	return (int) canvas->xref->entries->count - 1;
}

/* The object of this number. */
static Object *
get_object(const LcCanvas *canvas, int number)
{
	HPDF_XrefEntry entry = NULL;

	if (number > 0)
		entry = HPDF_Xref_GetEntry(canvas->xref, (HPDF_UINT) number);
	if (entry == NULL)
		elog(ERROR, "object %d was not reserved", number);
	return ((HPDF_Dict) entry->obj)->attr;
}

/* The same, to be defined now. */
static Object *
define(LcCanvas *canvas, int number, const char *entries, Size entries_length)
{
	Object *object = get_object(canvas, number);

	if (object->is_defined)
		elog(ERROR, "object %d is defined twice", number);
	object->is_defined = true;
	object->entries = entries;
	object->entries_length = entries_length;
	return object;
}

void
lc_canvas_object(LcCanvas *canvas, int number, const char *entries, Size length)
{
	(void) define(canvas, number, entries, length);
}

void
lc_canvas_packed(LcCanvas *canvas, int number, int pack, int place)
{
	Object *object = define(canvas, number, "", 0);

	object->pack = pack;
	object->place = place;
}

void
lc_canvas_sealed_stream(LcCanvas *canvas, int number, const char *entries, Size entries_length,
						const void *data, Size length)
{
	Object *object = define(canvas, number, entries, entries_length);

	object->is_stream = true;
	object->data = data;
	object->length = length;
}

void
lc_canvas_stream(LcCanvas *canvas, int number, const char *entries, const void *data, Size length,
				 LcCoding coding)
{
	MemoryContext before = MemoryContextSwitchTo(canvas->context);

	if (coding == LC_DEFLATE)
	{
		StringInfoData deflated;

		initStringInfo(&deflated);
		lc_deflate(&deflated, data, length);
		entries = psprintf("%s /Filter /FlateDecode", entries);
		data = deflated.data;
		length = deflated.len;
	}
	if (canvas->seal != NULL)
	{
		StringInfoData sealed;

		initStringInfo(&sealed);
		lc_seal_append(&sealed, canvas->seal, data, length);
		data = sealed.data;
		length = sealed.len;
	}
	lc_canvas_sealed_stream(canvas, number, entries, strlen(entries), data, length);
	MemoryContextSwitchTo(before);
}

void
lc_canvas_catalog(LcCanvas *canvas, const char *entries, Size length)
{
	appendStringInfoChar(&canvas->catalog, ' ');
	appendBinaryStringInfo(&canvas->catalog, entries, (int) length);
}

int
lc_canvas_pages(LcCanvas *canvas)
{
	if (canvas->pages == 0)
		canvas->pages = lc_canvas_reserve(canvas);
	return canvas->pages;
}

int
lc_canvas_page(LcCanvas *canvas)
{
	if (canvas->page == 0)
		canvas->page = lc_canvas_reserve(canvas);
	return canvas->page;
}

/* ---- what the document says of itself ---- */

/* Appends text as XML character data. Characters that XML 1.0 has not are left out. */
static void
append_xml(StringInfo buffer, const char *text)
{
	for (; *text != '\0'; text++)
	{
		switch (*text)
		{
			case '&':
				appendStringInfoString(buffer, "&amp;");
				break;
			case '<':
				appendStringInfoString(buffer, "&lt;");
				break;
			case '>':
				appendStringInfoString(buffer, "&gt;");
				break;
			default:
				if ((unsigned char) *text >= ' ' || *text == '\n' || *text == '\t')
					appendStringInfoChar(buffer, *text);
		}
	}
}

/* Appends an XMP property between "open" and "close", unless there is no value. */
static void
append_property(StringInfo buffer, const char *open, const char *value, const char *close)
{
	if (value == NULL)
		return;
	appendStringInfoString(buffer, open);
	append_xml(buffer, value);
	appendStringInfoString(buffer, close);
}

/* Appends an entry of the Info dictionary, unless there is no value. */
static void
append_info(StringInfo buffer, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(buffer, "/%s ", key);
	lc_pdf_text(buffer, NULL, value);
	appendStringInfoChar(buffer, ' ');
}

/* The XMP packet (ISO 16684-1): the same as the Info dictionary, which PDF/A and search engines do not read. */
static void
write_metadata(LcCanvas *canvas, const LcDocumentInfo *info, const char *created)
{
	StringInfoData xmp;
	int number = lc_canvas_reserve(canvas);

	initStringInfo(&xmp);
	appendStringInfoString(&xmp,
						   "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
						   "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n"
						   "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n"
						   "<rdf:Description rdf:about=\"\"\n"
						   " xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n"
						   " xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n"
						   " xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\">\n"
						   "<dc:format>application/pdf</dc:format>\n"
						   "<pdf:Producer>" PRODUCER "</pdf:Producer>\n");
	append_property(&xmp, "<dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">", info->title,
					"</rdf:li></rdf:Alt></dc:title>\n");
	append_property(&xmp, "<dc:creator><rdf:Seq><rdf:li>", info->author,
					"</rdf:li></rdf:Seq></dc:creator>\n");
	append_property(&xmp, "<dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">", info->subject,
					"</rdf:li></rdf:Alt></dc:description>\n");
	append_property(&xmp, "<dc:language><rdf:Bag><rdf:li>", info->language,
					"</rdf:li></rdf:Bag></dc:language>\n");
	append_property(&xmp, "<xmp:CreateDate>", created, "</xmp:CreateDate>\n");
	appendStringInfoString(&xmp, "</rdf:Description>\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"r\"?>");

	/* Programs that know no PDF look for it in the file, and find it if it is neither sealed nor compressed. */
	lc_canvas_stream(canvas, number, "/Type /Metadata /Subtype /XML", xmp.data, xmp.len,
					 canvas->seal == NULL ? LC_RAW : LC_DEFLATE);
	appendStringInfo(&canvas->catalog, " /Metadata %d 0 R", number);
}

void
lc_canvas_info(LcCanvas *canvas, const LcDocumentInfo *info)
{
	MemoryContext before = MemoryContextSwitchTo(canvas->context);
	StringInfoData entries;
	char *created = NULL;
	char *created_xmp = NULL;

	if (info->created != 0 && !TIMESTAMP_NOT_FINITE(info->created))
	{
		struct pg_tm tm;
		fsec_t fraction;

		/* Without a zone, the time is broken down as UTC. */
		if (timestamp2tm(info->created, NULL, &tm, &fraction, NULL, NULL) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
		/* Both formats have years of four digits. */
		if (tm.tm_year >= 0 && tm.tm_year <= 9999)
		{
			created = psprintf("D:%04d%02d%02d%02d%02d%02dZ", tm.tm_year, tm.tm_mon, tm.tm_mday,
							   tm.tm_hour, tm.tm_min, tm.tm_sec);
			created_xmp = psprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year, tm.tm_mon, tm.tm_mday,
								   tm.tm_hour, tm.tm_min, tm.tm_sec);
		}
	}

	initStringInfo(&entries);
	append_info(&entries, "Title", info->title);
	append_info(&entries, "Author", info->author);
	append_info(&entries, "Subject", info->subject);
	append_info(&entries, "Producer", PRODUCER);
	append_info(&entries, "CreationDate", created);
	canvas->info = lc_canvas_reserve(canvas);
	lc_canvas_object(canvas, canvas->info, entries.data, entries.len);

	write_metadata(canvas, info, created_xmp);
	if (info->language != NULL)
	{
		appendStringInfoString(&canvas->catalog, " /Lang ");
		lc_pdf_text(&canvas->catalog, canvas->seal, info->language);
	}
	if (info->title != NULL)
		appendStringInfoString(&canvas->catalog, " /ViewerPreferences << /DisplayDocTitle true >>");
	MemoryContextSwitchTo(before);
}

/* ---- the file ---- */

/*
 * Reserves and defines the objects that hold the document together. The catalog and the encryption dictionary
 * stand alone: readers want them before they can open a pack of a sealed document.
 */
static void
define_frame(LcCanvas *canvas)
{
	char *pages = psprintf("/Type /Pages /Count 1 /Kids [%d 0 R]", lc_canvas_page(canvas));

	lc_canvas_object(canvas, lc_canvas_pages(canvas), pages, strlen(pages));

	/* AES-256 came with extension level 8 of version 1.7, before version 2.0 had it. */
	appendStringInfo(&canvas->catalog, " /Type /Catalog /Pages %d 0 R%s", canvas->pages,
					 canvas->seal == NULL
						 ? ""
						 : " /Extensions << /ADBE << /BaseVersion /1.7 /ExtensionLevel 8 >> >>");
	canvas->root = lc_canvas_reserve(canvas);
	define(canvas, canvas->root, canvas->catalog.data, canvas->catalog.len)->stands_alone = true;

	if (canvas->seal != NULL)
	{
		StringInfoData entries;

		initStringInfo(&entries);
		lc_seal_entries(&entries, canvas->seal);
		canvas->encrypt = lc_canvas_reserve(canvas);
		define(canvas, canvas->encrypt, entries.data, entries.len)->stands_alone = true;
	}
}

/* Packs what is neither a stream nor to stand alone, nor packed already. */
static void
pack_objects(LcCanvas *canvas)
{
	int count = (int) canvas->xref->entries->count;
	int number = lc_canvas_reserve(canvas);
	LcPack pack;
	StringInfoData data;
	char *entries;

	lc_pack_init(&pack);
	for (int i = 1; i < count; i++)
	{
		Object *object = get_object(canvas, i);

		if (!object->is_defined)
			elog(ERROR, "object %d is not defined", i);
		if (object->is_stream || object->stands_alone || object->pack != 0)
			continue;
		object->pack = number;
		object->place = lc_pack_add(&pack, i, object->entries, object->entries_length);
	}
	initStringInfo(&data);
	entries = lc_pack_finish(&pack, &data);
	lc_canvas_stream(canvas, number, entries, data.data, data.len, LC_RAW);
}

/* Bytes that the document takes at most. */
static Size
document_size(const LcCanvas *canvas)
{
	int count = (int) canvas->xref->entries->count;
	Size size = FILE_OVERHEAD + (Size) count * ROW_SIZE;

	for (int i = 1; i < count; i++)
	{
		const Object *object = get_object(canvas, i);

		if (object->pack == 0)
			size += object->entries_length + object->length + OBJECT_OVERHEAD;
	}
	return size;
}

/* Writes an object, and notes where it is. */
static void
write_object(LcCanvas *canvas, int number)
{
	HPDF_XrefEntry entry = HPDF_Xref_GetEntry(canvas->xref, (HPDF_UINT) number);
	char start[32];

	entry->byte_offset = (HPDF_UINT) canvas->written;
	snprintf(start, sizeof(start), "%d 0 obj\n", number);
	require(canvas,
			HPDF_Stream_WriteStr(canvas->out, start) == HPDF_OK &&
				HPDF_Obj_WriteValue(entry->obj, canvas->out, NULL) == HPDF_OK &&
				HPDF_Stream_WriteStr(canvas->out, "\nendobj\n") == HPDF_OK);
}

/*
 * The file's /ID is random in a sealed document; in another it is a hash of what has been written, so that the
 * same document has the same.
 */
static void
make_id(const LcCanvas *canvas, uint64 id[2])
{
	Size rest = Min(canvas->written, HASHED);
	pg_crc32c checksum;

	if (canvas->seal != NULL)
	{
		if (!pg_strong_random(id, 2 * sizeof(uint64)))
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make random bytes")));
		return;
	}
	/* Every byte counts, those of a large template in the fastest way there is. */
	INIT_CRC32C(checksum);
	COMP_CRC32C(checksum, canvas->bytes, canvas->written);
	FIN_CRC32C(checksum);
	for (int i = 0; i < 2; i++)
		id[i] = hash_bytes_extended((unsigned char *) canvas->bytes + canvas->written - rest, (int) rest,
									(uint64) checksum << 1 | i);
}

/* Appends a whole number in this many bytes, the highest first. */
static void
append_whole(StringInfo buffer, Size number, int bytes)
{
	while (bytes-- > 0)
		appendStringInfoCharMacro(buffer, (char) (number >> (8 * bytes)));
}

/* How many bytes a whole number takes. */
static int
whole_size(Size number)
{
	int bytes = 1;

	while (number >>= 8)
		bytes++;
	return bytes;
}

/* Writes the cross-reference stream (7.5.8), which is never sealed, and the end of the file. */
static void
write_table(LcCanvas *canvas)
{
	int number = lc_canvas_reserve(canvas);
	Size start = canvas->written;
	int last_place = 0;
	int size_of_second; /* an offset, or the number of an object stream */
	int size_of_third;	/* a place in it */
	uint64 id[2];
	StringInfoData rows;
	StringInfoData entries;
	char end[64];

	for (int i = 1; i < number; i++)
		last_place = Max(last_place, get_object(canvas, i)->place);
	size_of_second = whole_size(Max(start, (Size) number));
	size_of_third = whole_size(last_place);

	initStringInfo(&rows);
	append_whole(&rows, 0, 1 + size_of_second + size_of_third); /* there is no object 0 */
	for (int i = 1; i < number; i++)
	{
		const Object *object = get_object(canvas, i);
		Size offset = HPDF_Xref_GetEntry(canvas->xref, (HPDF_UINT) i)->byte_offset;

		append_whole(&rows, object->pack == 0 ? 1 : 2, 1);
		append_whole(&rows, object->pack == 0 ? offset : (Size) object->pack, size_of_second);
		append_whole(&rows, object->place, size_of_third);
	}
	append_whole(&rows, 1, 1);
	append_whole(&rows, start, size_of_second);
	append_whole(&rows, 0, size_of_third);

	initStringInfo(&entries);
	appendStringInfo(&entries, "/Type /XRef /W [1 %d %d] /Size %d /Root %d 0 R", size_of_second,
					 size_of_third, number + 1, canvas->root);
	if (canvas->info != 0)
		appendStringInfo(&entries, " /Info %d 0 R", canvas->info);
	if (canvas->encrypt != 0)
		appendStringInfo(&entries, " /Encrypt %d 0 R", canvas->encrypt);
	make_id(canvas, id);
	appendStringInfo(&entries, " /ID [<%016llX%016llX> <%016llX%016llX>]", (unsigned long long) id[0],
					 (unsigned long long) id[1], (unsigned long long) id[0], (unsigned long long) id[1]);
	lc_canvas_sealed_stream(canvas, number, entries.data, entries.len, rows.data, rows.len);
	write_object(canvas, number);
	snprintf(end, sizeof(end), "startxref\n%zu\n%%%%EOF\n", start);
	require(canvas, HPDF_Stream_WriteStr(canvas->out, end) == HPDF_OK);
}

bytea *
lc_canvas_finish(LcCanvas *canvas)
{
	MemoryContext before = MemoryContextSwitchTo(canvas->context);
	Size limit = (Size) lc_max_document_size * 1024;
	Size size;
	int count;
	bytea *document;

	allocation_context = canvas->context;
	define_frame(canvas);
	pack_objects(canvas);

	size = document_size(canvas);
	if (size > limit || size > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("document is too large"),
				 errdetail("It takes up to %zu bytes, and %zu are allowed "
						   "(learning_credentials.max_document_size).",
						   size, Min(limit, MaxAllocSize - VARHDRSZ))));
	document = MemoryContextAlloc(before, size + VARHDRSZ);
	canvas->bytes = VARDATA(document);
	canvas->room = size;

	require(canvas, HPDF_Stream_WriteStr(canvas->out, HEADER) == HPDF_OK);
	count = (int) canvas->xref->entries->count;
	for (int i = 1; i < count; i++)
		if (get_object(canvas, i)->pack == 0)
			write_object(canvas, i);
	write_table(canvas);
	SET_VARSIZE(document, canvas->written + VARHDRSZ);
	MemoryContextSwitchTo(before);
	return document;
}
