/*
 * design.c
 *		What documents are made from besides the credential, in a fingerprint.
 *
 * A document never changes, and keeps with its credential the fingerprint of what it was made from:
 * outdated_credentials() compares it with that of today. Which assets a function reads is not known,
 * least of all of a function that somebody else wrote: every string in the options that is the slug of
 * an asset counts. Not seen: other tables and functions that a function reads, and settings.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/syscache.h"

#include "callable.h"
#include "design.h"
#include "identity.h"
#include "spi.h"
#include "validate.h"

PG_FUNCTION_INFO_V1(lc_current_design);

/* Ends each part of what is hashed, so that no two lists of parts read the same. */
static void
append_part(StringInfo parts, const char *part)
{
	appendStringInfo(parts, "%zu:%s;", strlen(part), part);
}

/* The function's name and body; a body that was parsed when it was defined, as the server prints it. */
static void
append_function(StringInfo parts, const char *name, Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Datum body;
	bool isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	append_part(parts, name);
	(void) SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &isnull);
	body = isnull ? SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull)
				  : DirectFunctionCall1(pg_get_function_sqlbody, ObjectIdGetDatum(function));
	append_part(parts, TextDatumGetCString(body));
	ReleaseSysCache(tuple);
}

/*
 * The options that the function may look at, as text, and their strings: each may be the slug of an
 * asset, with the number of a font in a collection behind it. Returns how many.
 */
static int
append_options(StringInfo parts, const LcConfiguration *configuration, Datum **strings)
{
	JsonbIterator *iterator = JsonbIteratorInit(&configuration->options->root);
	JsonbIteratorToken token;
	JsonbValue value;
	int most = 16;
	int count = 0;

	*strings = palloc(sizeof(Datum) * most);
	(void) JsonbIteratorNext(&iterator, &value, false); /* the beginning of the object */
	while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_KEY)
	{
		JsonbIterator *members;
		bool counts = lc_option_is_for_document(configuration->generation_func, value.val.string.val,
												value.val.string.len);

		if (counts)
			append_part(parts, pnstrdup(value.val.string.val, value.val.string.len));
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (!counts)
			continue;
		append_part(parts, JsonbToCString(NULL, &JsonbValueToJsonb(&value)->root, 0));
		members = JsonbIteratorInit(&JsonbValueToJsonb(&value)->root);
		while ((token = JsonbIteratorNext(&members, &value, false)) != WJB_DONE)
		{
			char *string;

			if ((token != WJB_VALUE && token != WJB_ELEM) || value.type != jbvString)
				continue;
			if (count == most)
				*strings = repalloc(*strings, sizeof(Datum) * (most *= 2));
			string = pnstrdup(value.val.string.val, value.val.string.len);
			string[strcspn(string, "#")] = '\0';
			(*strings)[count++] = CStringGetTextDatum(string);
		}
	}
	return count;
}

/* The assets that the strings name. A description is read out in the place of an image. */
static void
append_assets(StringInfo parts, Datum *strings, int count)
{
	static LcStatement select = {
		.sql = "SELECT slug, encode(sha256, 'hex'), description"
			   "  FROM learning_credentials.credential_asset"
			   " WHERE slug = ANY ($1) ORDER BY slug COLLATE \"C\"",
		.types = { TEXTARRAYOID },
	};
	Datum values[1];
	uint64 rows;
	uint64 row;
	int column;

	if (count == 0)
		return;
	values[0] = PointerGetDatum(construct_array(strings, count, TEXTOID, -1, false, TYPALIGN_INT));
	rows = lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	for (row = 0; row < rows; row++)
		for (column = 1; column <= 3; column++)
			append_part(parts, lc_spi_text(row, column));
	SPI_freetuptable(SPI_tuptable);
}

int64
lc_design(const LcConfiguration *configuration, Oid function)
{
	StringInfoData parts;
	Datum *strings;
	int64 fingerprint;
	bytea *hash;
	int count;

	lc_spi_connect(false);
	initStringInfo(&parts);
	append_function(&parts, configuration->generation_func, function);
	count = append_options(&parts, configuration, &strings);
	append_assets(&parts, strings, count);
	hash = DatumGetByteaPP(
		DirectFunctionCall1(sha256_bytea,
							PointerGetDatum(cstring_to_text_with_len(parts.data, parts.len))));
	memcpy(&fingerprint, VARDATA_ANY(hash), sizeof(fingerprint));
	lc_spi_finish();
	return (int64) pg_ntoh64((uint64) fingerprint);
}

/* current_design(configuration_id bigint) RETURNS bigint */
Datum
lc_current_design(PG_FUNCTION_ARGS)
{
	LcConfiguration *configuration;
	LcIdentity before;
	int64 design;

	lc_act_as_owner(&before);
	configuration = lc_configuration_load(PG_GETARG_INT64(0));
	design = lc_design(configuration, lc_callable_for(configuration, LC_GENERATION));
	lc_act_as_before(&before);
	PG_RETURN_INT64(design);
}
