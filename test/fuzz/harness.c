/*
 * test/fuzz/harness.c
 *		The server's side of an input: settings, assets, a call of preview_pdf(), and the oracles.
 */
#include "postgres.h"

#include <openssl/sha.h>
#include <qpdf/qpdf-c.h>
#include <sanitizer/lsan_interface.h>
#include <stdarg.h>

#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "harness.h"
#include "pdf/elements.h"
#include "settings.h"
#include "validate.h"

/* Limits low enough that inputs reach them. */
#define PARSE_MEMORY (64 * 1024)
#define MOST_LITTLE_MEMORY 2048
#define MAX_IMAGE_PIXELS (1024 * 1024)
#define MAX_SIZE (4 * 1024)
#define CACHE_SIZE 4

/* Bytes that contexts may keep between inputs: what the cache may, and a little for what is not in it. */
#define KEPT (CACHE_SIZE * 1024 * 1024 + 256 * 1024)

/* After how many inputs the known document is made again. */
#define CANARY_EVERY 100

/* After how many inputs the table of assets is changed, as far as caches can tell. */
#define CHANGE_EVERY 970

/*
 * How many documents libqpdf looks at, and after these, one of how many: it takes ten times as long as
 * making them. Those on the fuzzed template are all looked at.
 */
#define LOOKED_AT 500
#define LOOK_EVERY 20

extern void _PG_init(void);
extern Datum lc_preview_pdf(PG_FUNCTION_ARGS);

typedef struct Asset
{
	const char *slug;
	LcAssetKind kind;
	const char *media_type;
	const uint8 *data; /* NULL: to be read from the file of this name */
	Size length;
	uint8 sha256[SHA256_DIGEST_LENGTH];
} Asset;

static Asset assets[] = {
	{ "fuzzed", LC_ASSET_FONT, "application/octet-stream", (const uint8 *) "", 0, { 0 } },
	{ "template.pdf", LC_ASSET_TEMPLATE, "application/pdf", NULL, 0, { 0 } },
	{ "turned.pdf", LC_ASSET_TEMPLATE, "application/pdf", NULL, 0, { 0 } },
	{ "latin.ttf", LC_ASSET_FONT, "font/ttf", NULL, 0, { 0 } },
	{ "arabic.ttf", LC_ASSET_FONT, "font/ttf", NULL, 0, { 0 } },
	{ "devanagari.ttf", LC_ASSET_FONT, "font/ttf", NULL, 0, { 0 } },
	{ "serif.otf", LC_ASSET_FONT, "font/otf", NULL, 0, { 0 } },
	{ "every.ttf", LC_ASSET_FONT, "font/ttf", NULL, 0, { 0 } },
	{ "variable.ttf", LC_ASSET_FONT, "font/ttf", NULL, 0, { 0 } },
	{ "two.ttc", LC_ASSET_FONT, "font/collection", NULL, 0, { 0 } },
	{ "seal.png", LC_ASSET_IMAGE, "image/png", NULL, 0, { 0 } },
	{ "photo.jpg", LC_ASSET_IMAGE, "image/jpeg", NULL, 0, { 0 } },
};

static const FuzzDocument canary = {
	.options =
		"{\"template\": \"template.pdf\", \"protection\": \"none\", \"text_elements\": {"
		"\"name\": {\"font\": [\"latin.ttf\", \"serif.otf\"]}, \"a\": {\"text\": \"{name}\", \"y\": 60, \"font\": \"every.ttf\"},"
		"\"b\": {\"text\": \"\\u0633\\u0644\\u0627\\u0645\", \"y\": 90, \"font\": \"arabic.ttf\"}},"
		"\"images\": [{\"slug\": \"seal.png\", \"x\": 1, \"y\": 1, \"width\": 20}],"
		"\"qr_codes\": [{\"x\": 100, \"y\": 1}]}",
	.name = "Anna Maria",
	.context_name = "Celestial Navigation",
	.evidence = "{}",
};
static uint8 *canary_bytes;
static Size canary_length;

void
fuzz_find(const char *format, ...)
{
	va_list args;

	fputs("==find== ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

/* ---- sanitizers ---- */

extern const char *__asan_default_options(void);
extern const char *__lsan_default_options(void);
extern const char *__ubsan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1:max_allocation_size_mb=512:detect_stack_use_after_return=0:"
		   "quarantine_size_mb=32:malloc_context_size=12:max_malloc_fill_size=256:handle_abort=1";
}

/* The headers of chunks are poisoned, and chunks are found through them. */
const char *
__lsan_default_options(void)
{
	return "use_poisoned=1:print_suppressions=0";
}

const char *
__ubsan_default_options(void)
{
	return "print_stacktrace=1:halt_on_error=1";
}

/* ---- settings: _PG_init() defines them, here they get their values ---- */

void
ResetPlanCache(void)
{
}

bool
lc_check_history_origin(char **newval, void **extra, GucSource source)
{
	return true;
}

#if PG_VERSION_NUM >= 160000
struct config_generic **
get_guc_variables(int *num_vars)
{
	*num_vars = 0;
	return NULL;
}
#else
int
GetNumConfigOptions(void)
{
	return 0;
}

struct config_generic **
get_guc_variables(void)
{
	return NULL;
}
#endif

void
DefineCustomIntVariable(const char *name, const char *short_desc, const char *long_desc, int *valueAddr,
						int bootValue, int minValue, int maxValue, GucContext context, int flags,
						GucIntCheckHook check_hook, GucIntAssignHook assign_hook, GucShowHook show_hook)
{
	*valueAddr = bootValue;
}

void
DefineCustomStringVariable(const char *name, const char *short_desc, const char *long_desc,
						   char **valueAddr, const char *bootValue, GucContext context, int flags,
						   GucStringCheckHook check_hook, GucStringAssignHook assign_hook,
						   GucShowHook show_hook)
{
	*valueAddr = bootValue != NULL ? strdup(bootValue) : NULL;
}

void
DefineCustomBoolVariable(const char *name, const char *short_desc, const char *long_desc,
						 bool *valueAddr, bool bootValue, GucContext context, int flags,
						 GucBoolCheckHook check_hook, GucBoolAssignHook assign_hook,
						 GucShowHook show_hook)
{
	*valueAddr = bootValue;
}

void
MarkGUCPrefixReserved(const char *className)
{
}

/* What the worker has, which is not built in: it knows nothing of documents. */
bool
lc_check_databases(char **newval, void **extra, GucSource source)
{
	return true;
}

void
lc_worker_register(void)
{
}

/* ---- assets ---- */

const char *
lc_asset_kind_name(LcAssetKind kind)
{
	return kind == LC_ASSET_TEMPLATE ? "PDF template" : kind == LC_ASSET_FONT ? "font" : "image";
}

static Asset *
find_asset(const char *slug)
{
	for (Size i = 0; i < lengthof(assets); i++)
		if (strcmp(assets[i].slug, slug) == 0)
			return &assets[i];
	return NULL;
}

LcAsset *
lc_asset_lookup(const char *slug)
{
	const Asset *own = find_asset(slug);
	LcAsset *asset;

	if (own == NULL)
		return NULL;
	asset = palloc0(sizeof(LcAsset));
	asset->description = pstrdup("");
	asset->slug = pstrdup(slug);
	asset->kind = own->kind;
	asset->media_type = pstrdup(own->media_type);
	memcpy(asset->sha256, own->sha256, sizeof(asset->sha256));
	return asset;
}

LcAsset *
lc_asset_find(const char *slug, LcAssetKind kind, const char *path)
{
	LcAsset *asset = lc_asset_lookup(slug);

	if (asset != NULL && asset->kind != kind)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s: asset \"%s\" is a %s, expected a %s", path, slug,
						lc_asset_kind_name(asset->kind), lc_asset_kind_name(kind))));
	return asset;
}

bytea *
lc_asset_content(const LcAsset *asset)
{
	const Asset *own = find_asset(asset->slug);

	return cstring_to_text_with_len((const char *) own->data, (int) own->length);
}

void
fuzz_limit_memory(const uint8 *data, Size length)
{
	uint32 hash = 2166136261u;

	for (Size i = 0; i < length; i++)
		hash = (hash ^ data[i]) * 16777619u;
	if ((hash >> 8) % 8 != 0)
		return;
	shim_memory_strict = true;
	lc_parse_memory = 1 + (int) ((hash >> 11) % MOST_LITTLE_MEMORY);
	__lsan_disable(); /* what a library loses then is its own affair */
}

static void
set_content(Asset *asset, const uint8 *data, Size length)
{
	asset->data = data;
	asset->length = length;
	SHA256(data, length, asset->sha256);
}

void
fuzz_set_asset(LcAssetKind kind, const uint8 *data, Size length)
{
	assets[0].kind = kind;
	set_content(&assets[0], data, length);
}

static void
load_asset(Asset *asset)
{
	char path[MAXPGPATH];
	uint8 *data = malloc(1024 * 1024);
	Size length;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", FUZZ_ASSETS, asset->slug);
	file = fopen(path, "rb");
	if (file == NULL)
		fuzz_find("cannot read %s", path);
	length = fread(data, 1, 1024 * 1024, file);
	fclose(file);
	set_content(asset, data, length);
}

/* ---- the table of assets, as caches see it: a number, and somebody who says that it has changed ---- */

#define ASSET_TABLE 16384

static RelcacheCallbackFunction asset_callback;
static Datum asset_argument;

Oid
get_namespace_oid(const char *nspname, bool missing_ok)
{
	return ASSET_TABLE - 1;
}

Oid
get_relname_relid(const char *relname, Oid relnamespace)
{
	return ASSET_TABLE;
}

void
CacheRegisterRelcacheCallback(RelcacheCallbackFunction func, Datum arg)
{
	asset_callback = func;
	asset_argument = arg;
}

/* ---- running ---- */

bool
fuzz_try(void (*work)(void *argument), void *argument)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "input", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = CurrentMemoryContext;
	volatile bool done = false;

	CurTransactionContext = TopTransactionContext = context;
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(argument);
		done = true;
	}
	PG_CATCH();
	{
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(before);
	CurTransactionContext = TopTransactionContext = TopMemoryContext;
	if (shim_memory_limit != 0)
		fuzz_find("the limit of memory is still there");
	MemoryContextDelete(context);
	return done;
}

/* ---- documents ---- */

/* Keeps a document that is no good, to be looked at: FUZZ_DOCUMENT names the file. */
static void
keep_document(const bytea *pdf)
{
	const char *path = getenv("FUZZ_DOCUMENT");
	FILE *file = path != NULL ? fopen(path, "wb") : NULL;

	if (file == NULL)
		return;
	(void) fwrite(VARDATA_ANY(pdf), 1, VARSIZE_ANY_EXHDR(pdf), file);
	fclose(file);
}

/* Is a document that is not sealed what libqpdf takes for a PDF of one page, without any repair? */
static void
check_document(const bytea *pdf)
{
	qpdf_data qpdf = qpdf_init();
	qpdf_oh size;

	qpdf_silence_errors(qpdf);
	qpdf_set_suppress_warnings(qpdf, QPDF_TRUE);
	qpdf_set_attempt_recovery(qpdf, QPDF_FALSE);
	(void) qpdf_read_memory(qpdf, "document", VARDATA_ANY(pdf), VARSIZE_ANY_EXHDR(pdf), "");
	if (!qpdf_has_error(qpdf) && qpdf_get_num_pages(qpdf) != 1)
		fuzz_find("a document of %d pages", qpdf_get_num_pages(qpdf));
	if (!qpdf_has_error(qpdf))
	{
		/* What a template must not bring with it, not even in a name that is written as it is. */
		if (qpdf_oh_has_key(qpdf, qpdf_get_page_n(qpdf, 0), "/AA") ||
			qpdf_oh_has_key(qpdf, qpdf_get_root(qpdf), "/AA") ||
			qpdf_oh_has_key(qpdf, qpdf_get_root(qpdf), "/OpenAction") ||
			qpdf_oh_has_key(qpdf, qpdf_get_root(qpdf), "/Names"))
			fuzz_find("a document with actions");
		size = qpdf_oh_get_key(qpdf, qpdf_get_trailer(qpdf), "/Size");
		for (int number = 1; number < qpdf_oh_get_int_value_as_int(qpdf, size); number++)
			(void) qpdf_oh_unparse_resolved(qpdf, qpdf_get_object_by_id(qpdf, number, 0));
	}
	if (qpdf_has_error(qpdf) || qpdf_more_warnings(qpdf))
		keep_document(pdf);
	if (qpdf_has_error(qpdf))
		fuzz_find("a document that is damaged: %s",
				  qpdf_get_error_full_text(qpdf, qpdf_get_error(qpdf)));
	if (qpdf_more_warnings(qpdf))
		fuzz_find("a document with faults: %s", qpdf_get_error_full_text(qpdf, qpdf_next_warning(qpdf)));
	qpdf_cleanup(&qpdf);
}

static bool
contains(const bytea *pdf, const char *text)
{
	return memmem(VARDATA_ANY(pdf), VARSIZE_ANY_EXHDR(pdf), text, strlen(text)) != NULL;
}

bytea *
fuzz_document(const FuzzDocument *document)
{
	LOCAL_FCINFO(fcinfo, 5);
	Jsonb *options = document->options_read != NULL
		? document->options_read
		: shim_jsonb(document->options, strlen(document->options));
	Jsonb *evidence = shim_jsonb(document->evidence, strlen(document->evidence));
	static int documents;
	bytea *pdf;

	if (options == NULL || evidence == NULL)
		fuzz_find("the harness's own JSON is no good");
	InitFunctionCallInfoData(*fcinfo, NULL, 5, InvalidOid, NULL, NULL);
	memset(fcinfo->args, 0, sizeof(NullableDatum) * 5);
	fcinfo->args[0].value = JsonbPGetDatum(options);
	fcinfo->args[1].value = CStringGetTextDatum(document->name);
	fcinfo->args[2].value = CStringGetTextDatum(document->context_name);
	fcinfo->args[3].value = TimestampTzGetDatum(INT64CONST(34488306000000));
	fcinfo->args[4].value = JsonbPGetDatum(evidence);
	pdf = DatumGetByteaPP(lc_preview_pdf(fcinfo));
	if ((assets[0].kind == LC_ASSET_TEMPLATE || ++documents <= LOOKED_AT ||
		 documents % LOOK_EVERY == 0) &&
		!contains(pdf, "/Filter /Standard"))
		check_document(pdf);
	return pdf;
}

static void
make_document(void *argument)
{
	(void) fuzz_document(argument);
}

void
fuzz_document_of_checked(const char *options)
{
	FuzzDocument document = {
		.options = options, .name = "Anna Maria", .context_name = "A course", .evidence = "{}"
	};

	if (!fuzz_try(make_document, &document) && shim_error_code != ERRCODE_PROGRAM_LIMIT_EXCEEDED &&
		!shim_memory_strict)
		fuzz_find("what had been checked is refused: %s", shim_error_text);
}

/* ---- after every input ---- */

static void
make_canary(void *argument)
{
	bytea *pdf = fuzz_document(&canary);
	const char *bytes = VARDATA_ANY(pdf);
	Size length = VARSIZE_ANY_EXHDR(pdf);

	if (canary_bytes == NULL)
	{
		canary_length = length;
		canary_bytes = malloc(length);
		memcpy(canary_bytes, bytes, length);
	}
	else if (canary_length != length || memcmp(canary_bytes, bytes, length) != 0)
		fuzz_find("the known document is another one now");
}

void
fuzz_settle(void)
{
	static int inputs;

	if (shim_memory_strict)
		__lsan_enable();
	lc_parse_memory = PARSE_MEMORY;
	shim_memory_strict = false;
	if (++inputs % CHANGE_EVERY == 0 && asset_callback != NULL)
		asset_callback(asset_argument, ASSET_TABLE);
	if (MemoryContextMemAllocated(TopMemoryContext, true) > KEPT)
		fuzz_find("%zu bytes are kept", MemoryContextMemAllocated(TopMemoryContext, true));
	if (inputs % CANARY_EVERY == 0 && !fuzz_try(make_canary, NULL))
		fuzz_find("the known document is refused: %s", shim_error_text);
}

/* ---- the start ---- */

/* What validate.c has: unknown keys are problems. It is not built in, because it knows the catalog. */
void
lc_options_check_keys(const LcOption *root, const char *hint)
{
	lc_option_known_keys(root, lc_page_keys, NULL, hint);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void) stack_is_too_deep();
	shim_memory_begin();
	shim_random_begin(1);
	shim_verbose = getenv("FUZZ_VERBOSE") != NULL;
	_PG_init();
	lc_parse_memory = PARSE_MEMORY;
	lc_max_image_pixels = MAX_IMAGE_PIXELS;
	lc_max_template_size = lc_max_font_size = lc_max_image_size = lc_max_document_size = MAX_SIZE;
	lc_cache_size = CACHE_SIZE;
	for (Size i = 0; i < lengthof(assets); i++)
		if (assets[i].data == NULL)
			load_asset(&assets[i]);
	if (!fuzz_try(make_canary, NULL))
		fuzz_find("the known document is refused: %s", shim_error_text);
	return 0;
}
