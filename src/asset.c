/*
 * asset.c
 *		Assets by slug: kinds, checks, limits.
 *
 * What a file is, its first bytes say; whether it is sound, the room that reads such files says.
 */
#include "postgres.h"

#include "access/heaptoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "asset.h"
#include "identity.h"
#include "pdf/image.h"
#include "pdf/template.h"
#include "pdf/typeset.h"
#include "settings.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_asset_media_type);
PG_FUNCTION_INFO_V1(lc_check_asset);

/* The header of a PDF may stand anywhere in the first 1024 bytes (ISO 32000-1, annex H, note 13). */
#define PDF_HEADER_WINDOW 1024

/* A template of more bytes is stored with a warning. */
#define LARGE_TEMPLATE ((Size) 300 * 1024)

typedef struct MediaType
{
	const char *name;
	LcAssetKind kind;
	const char *magic;
	Size magic_length;
} MediaType;

static const MediaType media_types[] = {
	{ "image/png", LC_ASSET_IMAGE, "\x89PNG\r\n\x1a\n", 8 },
	{ "image/jpeg", LC_ASSET_IMAGE, "\xff\xd8\xff", 3 },
	{ "font/ttf", LC_ASSET_FONT, "\0\1\0\0", 4 },
	{ "font/ttf", LC_ASSET_FONT, "true", 4 },
	{ "font/otf", LC_ASSET_FONT, "OTTO", 4 },
	{ "font/collection", LC_ASSET_FONT, "ttcf", 4 },
};
static const MediaType pdf_type = { "application/pdf", LC_ASSET_TEMPLATE, "%PDF-", 5 };

/* The type of a file by its first bytes; NULL: none that can be an asset. */
static const MediaType *
media_type_of(const uint8 *data, Size length)
{
	Size i;

	for (i = 0; i < lengthof(media_types); i++)
		if (length >= media_types[i].magic_length &&
			memcmp(data, media_types[i].magic, media_types[i].magic_length) == 0)
			return &media_types[i];
	for (i = 0; i + pdf_type.magic_length <= Min(length, PDF_HEADER_WINDOW); i++)
		if (memcmp(data + i, pdf_type.magic, pdf_type.magic_length) == 0)
			return &pdf_type;
	return NULL;
}

Datum
lc_asset_media_type(PG_FUNCTION_ARGS)
{
	bytea *content = PG_GETARG_BYTEA_PP(0);
	const MediaType *type =
		media_type_of((const uint8 *) VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content));

	if (type == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(type->name));
}

const char *
lc_asset_kind_name(LcAssetKind kind)
{
	switch (kind)
	{
		case LC_ASSET_TEMPLATE:
			return "PDF template";
		case LC_ASSET_FONT:
			return "font";
		case LC_ASSET_IMAGE:
			return "image";
	}
	return NULL; /* not reached */
}

/* Checks a template, and warns of one that had to be repaired or makes large documents. */
static void
check_template(const char *slug, const uint8 *data, Size length)
{
	char *repairs;
	Size added = lc_template_check(data, length, &repairs);

	if (repairs != NULL)
		ereport(WARNING,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("PDF template \"%s\" is damaged and is used as repaired", slug),
				 errdetail("%s", repairs),
				 errhint("Look at a preview, or open it in a PDF program and save it as a new file.")));

	/* Each document contains what the template shows, stored in pieces, four a page. */
	if (length > LARGE_TEMPLATE)
	{
		double on_disk = (double) added * BLCKSZ / (4 * TOAST_MAX_CHUNK_SIZE);

		ereport(
			WARNING,
			(errmsg("PDF template \"%s\" is large: %zu kB", slug, length / 1024),
			 errdetail(
				 "Each document contains the %zu kB that its first page needs: 100,000 credentials take %.0f MB on disk.",
				 added / 1024 + 1, on_disk * 100000 / (1024 * 1024)),
			 added > LARGE_TEMPLATE
				 ? errhint(
					   "Images of fewer pixels make it smaller, and fonts cut to the characters that it shows.")
				 : errhint("Save its first page as a file of its own.")));
	}
}

/* Raises an error when the content is too large for its kind, or is not sound; warns of what is odd. */
static void
check_content(const char *slug, const uint8 *data, Size length)
{
	const MediaType *type = media_type_of(data, length);
	int limit = 0;
	const char *setting = NULL;

	if (type == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("asset \"%s\" is neither a PDF, a font nor an image", slug),
				 errdetail(
					 "Its first bytes are of no PDF, TrueType or OpenType font, PNG or JPEG file.")));
	switch (type->kind)
	{
		case LC_ASSET_TEMPLATE:
			limit = lc_max_template_size;
			setting = "max_template_size";
			break;
		case LC_ASSET_FONT:
			limit = lc_max_font_size;
			setting = "max_font_size";
			break;
		case LC_ASSET_IMAGE:
			limit = lc_max_image_size;
			setting = "max_image_size";
			break;
	}
	if (length > (Size) limit * 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s \"%s\" is too large: %zu bytes", lc_asset_kind_name(type->kind), slug,
						length),
				 errdetail("The setting learning_credentials.%s allows %d kB.", setting, limit)));
	switch (type->kind)
	{
		case LC_ASSET_TEMPLATE:
			check_template(slug, data, length);
			break;
		case LC_ASSET_FONT:
			lc_font_check(data, length);
			break;
		case LC_ASSET_IMAGE:
			lc_image_check(data, length);
			break;
	}
}

/* Names the asset in errors that the rooms which read files raise. */
static void
asset_context(void *slug)
{
	errcontext("asset \"%s\"", (const char *) slug);
}

/*
 * Trigger, BEFORE INSERT OR UPDATE OR DELETE of credential_asset: checks the content, sets the time of the
 * change, and has all sessions forget the assets they have read once the transaction commits (cache.c).
 */
Datum
lc_check_asset(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	HeapTuple tuple;
	TupleDesc desc;
	bool updating;
	bool isnull;
	Datum content;
	char *slug;

	if (!CALLED_AS_TRIGGER(fcinfo))
		elog(ERROR, "check_asset() is a trigger function");
	desc = RelationGetDescr(trigdata->tg_relation);
	updating = TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event);
	if (!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		CacheInvalidateRelcache(trigdata->tg_relation);
	if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		return PointerGetDatum(trigdata->tg_trigtuple);
	tuple = updating ? trigdata->tg_newtuple : trigdata->tg_trigtuple;

	if (updating)
	{
		int column = SPI_fnumber(desc, "modified");
		Datum now = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
		bool null = false;

		tuple = heap_modify_tuple_by_cols(tuple, desc, 1, &column, &now, &null);
	}
	/* A dump is restored whatever the limits are now: its content was checked when it was stored. */
	if (lc_restoring())
		return PointerGetDatum(tuple);

	content = SPI_getbinval(tuple, desc, SPI_fnumber(desc, "content"), &isnull);
	if (updating && !isnull)
	{
		Datum stored =
			SPI_getbinval(trigdata->tg_trigtuple, desc, SPI_fnumber(desc, "content"), &isnull);

		if (datum_image_eq(stored, content, false, -1))
			return PointerGetDatum(tuple);
	}
	slug = SPI_getvalue(tuple, desc, SPI_fnumber(desc, "slug"));
	if (!isnull && slug != NULL) /* else the NOT NULL constraint speaks */
	{
		bytea *bytes = DatumGetByteaPP(content);
		ErrorContextCallback callback = { error_context_stack, asset_context, slug };

		error_context_stack = &callback;
		check_content(slug, (const uint8 *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
		error_context_stack = callback.previous;
	}
	return PointerGetDatum(tuple);
}

LcAsset *
lc_asset_lookup(const char *slug)
{
	static LcStatement select = {
		.sql =
			"SELECT media_type, sha256, description FROM learning_credentials.credential_asset WHERE slug = $1",
		.types = { TEXTOID },
	};
	MemoryContext caller = CurrentMemoryContext;
	LcAsset *asset = NULL;
	LcIdentity before;
	Datum values[1];

	lc_act_as_caller(&before);
	lc_spi_connect(false);
	values[0] = CStringGetTextDatum(slug);
	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0)
	{
		bool isnull;
		char *media_type = lc_spi_text(0, 1);
		bytea *sha256 = DatumGetByteaPP(lc_spi_value(0, 2, &isnull));

		asset = MemoryContextAllocZero(caller, sizeof(LcAsset));
		asset->slug = MemoryContextStrdup(caller, slug);
		asset->media_type = MemoryContextStrdup(caller, media_type);
		asset->description = MemoryContextStrdup(caller, lc_spi_text(0, 3));
		memcpy(asset->sha256, VARDATA_ANY(sha256), sizeof(asset->sha256));
		if (strncmp(media_type, "image/", 6) == 0)
			asset->kind = LC_ASSET_IMAGE;
		else if (strncmp(media_type, "font/", 5) == 0)
			asset->kind = LC_ASSET_FONT;
		else
			asset->kind = LC_ASSET_TEMPLATE;
	}
	lc_spi_finish();
	lc_act_as_before(&before);
	return asset;
}

LcAsset *
lc_asset_find(const char *slug, LcAssetKind kind, const char *path)
{
	LcAsset *asset = lc_asset_lookup(slug);

	if (asset != NULL && asset->kind != kind)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s: asset \"%s\" has the kind %s, not %s", path, slug,
						lc_asset_kind_name(asset->kind), lc_asset_kind_name(kind))));
	return asset;
}

bytea *
lc_asset_content(const LcAsset *asset)
{
	static LcStatement select = {
		.sql =
			"SELECT content FROM learning_credentials.credential_asset WHERE slug = $1 AND sha256 = $2",
		.types = { TEXTOID, BYTEAOID },
	};
	MemoryContext caller = CurrentMemoryContext;
	bytea *content = NULL;
	bytea *sha256;
	LcIdentity before;
	Datum values[2];

	lc_act_as_caller(&before);
	lc_spi_connect(false);
	sha256 = palloc(VARHDRSZ + sizeof(asset->sha256));
	SET_VARSIZE(sha256, VARHDRSZ + sizeof(asset->sha256));
	memcpy(VARDATA(sha256), asset->sha256, sizeof(asset->sha256));
	values[0] = CStringGetTextDatum(asset->slug);
	values[1] = PointerGetDatum(sha256);
	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) > 0)
	{
		bool isnull;
		MemoryContext old = MemoryContextSwitchTo(caller);

		content = DatumGetByteaPCopy(lc_spi_value(0, 1, &isnull));
		MemoryContextSwitchTo(old);
	}
	lc_spi_finish();
	lc_act_as_before(&before);
	if (content == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("asset \"%s\" changed while it was read", asset->slug), errhint("Try again.")));
	return content;
}
