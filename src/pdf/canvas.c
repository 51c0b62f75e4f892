/*
 * pdf/canvas.c
 *		libharu: the document, its objects, its bytes.
 *
 * Only libharu's object layer is used: its cross-reference table numbers the objects and writes the file,
 * and every object is one of its dictionaries, whose entries and stream data we write ourselves. Its
 * value objects lose digits and bytes, and its own encryption is RC4. This file knows no fonts, images
 * or templates.
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
#include "pdf/syntax.h"
#include "settings.h"

/*
 * Bytes that libharu and the canvas add to an object: its number, brackets, /Length, stream and end marks, and
 * 20 in the cross-reference table; and those of header and trailer.
 */
#define OBJECT_OVERHEAD 128
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
	bool is_stream;
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
	Size size; /* bytes at most, of the objects defined so far */
	StringInfoData catalog;
	int pages; /* numbers of objects; 0: none */
	int page;
	int info;
	uint64 id[2];
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

/* The object of this number, to be defined now. */
static Object *
define(LcCanvas *canvas, int number, const char *entries, Size entries_length)
{
	HPDF_XrefEntry entry = NULL;
	Object *object;

	if (number > 0)
		entry = HPDF_Xref_GetEntry(canvas->xref, (HPDF_UINT) number);
	if (entry == NULL)
		elog(ERROR, "object %d was not reserved", number);
	object = ((HPDF_Dict) entry->obj)->attr;
	if (object->is_defined)
		elog(ERROR, "object %d is defined twice", number);
	object->is_defined = true;
	object->entries = entries;
	object->entries_length = entries_length;
	canvas->size += entries_length;
	return object;
}

void
lc_canvas_object(LcCanvas *canvas, int number, const char *entries, Size length)
{
	(void) define(canvas, number, entries, length);
}

void
lc_canvas_sealed_stream(LcCanvas *canvas, int number, const char *entries, Size entries_length,
						const void *data, Size length)
{
	Object *object = define(canvas, number, entries, entries_length);

	object->is_stream = true;
	object->data = data;
	object->length = length;
	canvas->size += length;
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
append_info(StringInfo buffer, LcCanvas *canvas, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(buffer, "/%s ", key);
	lc_pdf_text(buffer, canvas->seal, value);
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
	append_info(&entries, canvas, "Title", info->title);
	append_info(&entries, canvas, "Author", info->author);
	append_info(&entries, canvas, "Subject", info->subject);
	append_info(&entries, canvas, "Producer", PRODUCER);
	append_info(&entries, canvas, "CreationDate", created);
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
 * The entries of the trailer that libharu does not write. The file's /ID is random in a sealed document;
 * in another it is a hash of what has been written, so that the same document has the same.
 */
static HPDF_STATUS
write_trailer(HPDF_Dict trailer, HPDF_Stream stream)
{
	Object *object = trailer->attr;
	LcCanvas *canvas = object->canvas;
	char text[128];
	HPDF_STATUS status = write_entries(trailer, stream);

	if (canvas->seal == NULL)
	{
		/* Every byte counts, those of a large template in the fastest way there is. */
		Size rest = Min(canvas->written, HASHED);
		pg_crc32c checksum;

		INIT_CRC32C(checksum);
		COMP_CRC32C(checksum, canvas->bytes, canvas->written);
		FIN_CRC32C(checksum);
		for (int i = 0; i < (int) lengthof(canvas->id); i++)
			canvas->id[i] = hash_bytes_extended((unsigned char *) canvas->bytes + canvas->written - rest,
												(int) rest, (uint64) checksum << 1 | i);
	}
	snprintf(text, sizeof(text), " /ID [<%016llX%016llX> <%016llX%016llX>] ",
			 (unsigned long long) canvas->id[0], (unsigned long long) canvas->id[1],
			 (unsigned long long) canvas->id[0], (unsigned long long) canvas->id[1]);
	return status == HPDF_OK ? HPDF_Stream_WriteStr(stream, text) : status;
}

/* Reserves and defines the objects that hold the document together; returns the trailer's entries. */
static char *
write_frame(LcCanvas *canvas)
{
	char *pages = psprintf("/Type /Pages /Count 1 /Kids [%d 0 R]", lc_canvas_page(canvas));
	int catalog = lc_canvas_reserve(canvas);
	StringInfoData trailer;

	lc_canvas_object(canvas, lc_canvas_pages(canvas), pages, strlen(pages));

	/* AES-256 came with extension level 8 of version 1.7, before version 2.0 had it. */
	appendStringInfo(&canvas->catalog, " /Type /Catalog /Pages %d 0 R%s", canvas->pages,
					 canvas->seal == NULL
						 ? ""
						 : " /Extensions << /ADBE << /BaseVersion /1.7 /ExtensionLevel 8 >> >>");
	lc_canvas_object(canvas, catalog, canvas->catalog.data, canvas->catalog.len);

	initStringInfo(&trailer);
	appendStringInfo(&trailer, "/Root %d 0 R", catalog);
	if (canvas->info != 0)
		appendStringInfo(&trailer, " /Info %d 0 R", canvas->info);
	if (canvas->seal != NULL)
	{
		int encrypt = lc_canvas_reserve(canvas);
		StringInfoData entries;

		initStringInfo(&entries);
		lc_seal_entries(&entries, canvas->seal);
		lc_canvas_object(canvas, encrypt, entries.data, entries.len);
		appendStringInfo(&trailer, " /Encrypt %d 0 R", encrypt);
		if (!pg_strong_random(canvas->id, sizeof(canvas->id)))
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make random bytes")));
	}
	return trailer.data;
}

bytea *
lc_canvas_finish(LcCanvas *canvas)
{
	MemoryContext before = MemoryContextSwitchTo(canvas->context);
	Object *trailer = palloc0(sizeof(Object));
	Size limit = (Size) lc_max_document_size * 1024;
	Size size;
	bytea *document;

	trailer->canvas = canvas;
	trailer->entries = write_frame(canvas);
	trailer->entries_length = strlen(trailer->entries);
	canvas->xref->trailer->attr = trailer;
	canvas->xref->trailer->write_fn = write_trailer;

	size = canvas->size + canvas->xref->entries->count * OBJECT_OVERHEAD + FILE_OVERHEAD;
	if (size > limit || size > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("document is too large"),
				 errdetail("It takes up to %zu bytes, and %zu are allowed "
						   "(learning_credentials.max_document_size).",
						   size, Min(limit, MaxAllocSize - VARHDRSZ))));

	MemoryContextSwitchTo(before);
	document = palloc(size + VARHDRSZ);
	canvas->bytes = VARDATA(document);
	canvas->room = size;
	allocation_context = canvas->context;
	require(canvas, HPDF_Stream_WriteStr(canvas->out, HEADER) == HPDF_OK);
	require(canvas, HPDF_Xref_WriteToStream(canvas->xref, canvas->out, NULL) == HPDF_OK);
	SET_VARSIZE(document, canvas->written + VARHDRSZ);
	return document;
}
