/*
 * holder.c
 *		For a REST server: what the holder of credentials gets, or staff for them.
 *
 * A credential of somebody else is answered like one that does not exist. Writes nothing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "answer.h"
#include "caller.h"
#include "definition.h"
#include "identity.h"
#include "pdf/placeholder.h"
#include "pdf/unicode.h"
#include "place.h"
#include "settings.h"
#include "spi.h"

PG_FUNCTION_INFO_V1(lc_api_credentials);
PG_FUNCTION_INFO_V1(lc_api_document);
PG_FUNCTION_INFO_V1(lc_api_linkedin_url);

/* ---------------------------------------------------------------- the list */

static char *
list_credentials(int64 user_id, bool staff)
{
	/*
	 * Whether a credential is valid, and why not, the view says that verifiers read. A replacement that
	 * is not there yet is none of the holder's.
	 */
	static LcStatement select = {
		.sql =
			"SELECT json_build_object('credentials', coalesce(json_agg(json_strip_nulls(json_build_object("
			"           'credential_id', c.uuid,"
			"           'credential_type', c.credential_type_name,"
			"           'context_key', c.learning_context_key,"
			"           'context_name', c.learning_context_name,"
			"           'user_full_name', c.user_full_name,"
			"           'status', c.status,"
			"           'is_valid', coalesce(m.is_valid, false),"
			"           'created_date', c.created,"
			"           'issue_date', c.issue_date,"
			"           'expires_at', nullif(c.expires_at, 'infinity'),"
			"           'invalidation_reason', CASE WHEN $2 THEN c.invalidation_reason"
			"                                       ELSE m.invalidation_reason END,"
			"           'superseded_by', c.superseded_by,"
			"           'download_url', CASE WHEN c.status <> 'available' THEN NULL"
			"                                WHEN EXISTS (SELECT FROM learning_credentials.document d"
			"                                              WHERE d.credential_uuid = c.uuid)"
			"                                THEN replace($3, '{uuid}', c.uuid::text)"
			"                                ELSE substring(c.download_url FROM " LC_WEB_URL ") END,"
			"           'verify_uuid', m.verify_uuid,"
			"           'verify_url', replace($4, '{verify_uuid}', m.verify_uuid::text)))"
			"       ORDER BY coalesce(c.issue_date, c.created) DESC, c.uuid DESC), '[]'))::text"
			"  FROM learning_credentials.credential c"
			"  LEFT JOIN LATERAL (SELECT v.verify_uuid, v.is_valid, v.invalidation_reason"
			"                       FROM learning_credentials_api.metadata v"
			"                      WHERE v.verify_uuid = c.verify_uuid LIMIT 1) m ON true"
			" WHERE c.user_id = $1"
			"   AND NOT (c.supersedes IS NOT NULL AND c.status IN ('generating', 'error'))",
		.types = { INT8OID, BOOLOID, TEXTOID, TEXTOID },
	};
	Datum values[] = { Int64GetDatum(user_id), BoolGetDatum(staff),
					   CStringGetTextDatum(lc_document_link("{uuid}")),
					   CStringGetTextDatum(lc_verify_url) };

	(void) lc_spi_execute(&select, values, NULL, SPI_OK_SELECT);
	return lc_spi_text(0, 1);
}

/* credentials(username text) RETURNS json */
Datum
lc_api_credentials(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	char *username = lc_argument(fcinfo, 0);
	bool staff = lc_caller_is_staff();
	const LcRefusal *refusal = NULL;
	char *body = NULL;
	int64 user_id;
	LcIdentity before;

	if (!lc_caller_user(&user_id))
		return lc_refuse(&lc_refuse_anonymous);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	if (username != NULL)
		refusal = lc_choose_user(lc_all_places(), username, staff, &user_id);
	if (refusal == NULL)
		body = MemoryContextStrdup(caller, list_credentials(user_id, staff));
	lc_spi_finish();
	lc_act_as_before(&before);
	return refusal != NULL ? lc_refuse(refusal) : lc_answer_json(body, "no-store");
}

/* ---------------------------------------------------------------- one credential */

/* A credential that the caller may have; texts are palloc'd. */
typedef struct Held
{
	pg_uuid_t uuid;
	char *verify_uuid;
	char *status;
	char *type_name;
	char *context_name;
	char *holder_name;
	TimestampTz issue_date;
	TimestampTz expires_at; /* DT_NOEND: never */
	char *download_url;		/* NULL: it is nowhere else */
	char *media_type;		/* of the document; NULL: it has none */
	char *sha256;			/* in hexadecimal */
	int64 configuration_id;
} Held;

/* Finds the credential that the caller names; NULL, or why it is not to be had. */
static const LcRefusal *
find_held(const char *text, const LcRefusal *unknown, Held *held)
{
	static const LcRefusal missing = { 400, "The parameter uuid is missing." };
	static const LcRefusal malformed = { 400, "The identifier of the credential is malformed." };
	static const LcRefusal invalidated = { 410, "The credential was invalidated." };
	static LcStatement select = {
		.sql = "SELECT c.verify_uuid, c.status, c.credential_type_name, c.learning_context_name,"
			   "       c.user_full_name, c.issue_date, coalesce(c.expires_at, 'infinity'),"
			   "       substring(c.download_url FROM " LC_WEB_URL
			   "), d.media_type, encode(d.sha256, 'hex'), c.configuration_id"
			   "  FROM learning_credentials.credential c"
			   "  LEFT JOIN learning_credentials.document d ON d.credential_uuid = c.uuid"
			   " WHERE c.uuid = $1 AND (c.user_id = $2 OR $3)"
			   "   AND c.status IN ('available', 'invalidated')",
		.types = { UUIDOID, INT8OID, BOOLOID },
	};
	Datum values[3];
	int64 user_id;
	bool isnull;

	if (!lc_caller_user(&user_id))
		return &lc_refuse_anonymous;
	if (text == NULL)
		return &missing;
	if (!lc_read_uuid(text, &held->uuid))
		return &malformed;
	values[0] = UUIDPGetDatum(&held->uuid);
	values[1] = Int64GetDatum(user_id);
	values[2] = BoolGetDatum(lc_caller_is_staff());
	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		return unknown;
	held->verify_uuid = lc_spi_text(0, 1);
	held->status = lc_spi_text(0, 2);
	held->type_name = lc_spi_text(0, 3);
	held->context_name = lc_spi_text(0, 4);
	held->holder_name = lc_spi_text(0, 5);
	held->issue_date = DatumGetTimestampTz(lc_spi_value(0, 6, &isnull));
	held->expires_at = DatumGetTimestampTz(lc_spi_value(0, 7, &isnull));
	held->download_url = lc_spi_text(0, 8);
	held->media_type = lc_spi_text(0, 9);
	held->sha256 = lc_spi_text(0, 10);
	held->configuration_id = DatumGetInt64(lc_spi_value(0, 11, &isnull));
	return strcmp(held->status, "invalidated") == 0 ? &invalidated : NULL;
}

/* ---------------------------------------------------------------- the document's name */

/* Bytes of each part of a file's name: the three, and what is around them, stay below the usual 255. */
#define PART_BYTES 80

/* What no system has trouble with, besides letters of any script. */
static const char not_in_names[] = "/\\:*?\"<>|";

/* Blanks, controls, and what turns the direction of text, so that a name does not end as it seems to. */
static bool
is_blank(pg_wchar c)
{
	return c <= 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0x061C || c == 0x1680 ||
		(c >= 0x2000 && c <= 0x200B) || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202F) ||
		(c >= 0x205F && c <= 0x206F) || c == 0x3000 || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB);
}

/* A text in one line, without blanks at its ends and with single ones between, palloc'd. */
static char *
in_one_line(const char *text)
{
	StringInfoData line;
	const char *p;

	initStringInfo(&line);
	for (p = text; *p != '\0'; p += pg_utf_mblen((const unsigned char *) p))
	{
		if (!is_blank(utf8_to_unicode((const unsigned char *) p)))
			appendBinaryStringInfo(&line, p, pg_utf_mblen((const unsigned char *) p));
		else if (line.len > 0 && line.data[line.len - 1] != ' ')
			appendStringInfoChar(&line, ' ');
	}
	if (line.len > 0 && line.data[line.len - 1] == ' ')
		line.data[--line.len] = '\0';
	return line.data;
}

/* Adds a part of a file's name. */
static void
append_part(StringInfo name, const char *text)
{
	char *part = text ? in_one_line(text) : "";
	int length = pg_mbcliplen(part, strlen(part), PART_BYTES);
	int start = 0;
	int i;

	while (length > 0 && strchr(" .", part[length - 1]) != NULL)
		length--;
	while (start < length && strchr(" .", part[start]) != NULL)
		start++;
	if (start == length)
		return;
	if (name->len > 0)
		appendStringInfoString(name, " - ");
	for (i = start; i < length; i++)
		appendStringInfoChar(name, strchr(not_in_names, part[i]) != NULL ? '-' : part[i]);
}

/* The usual ending of a file's name, with its dot. */
static const char *
extension(const char *media_type)
{
	static const char *const endings[][2] = {
		{ "application/pdf", ".pdf" },
		{ "application/json", ".json" },
		{ "application/ld+json", ".json" },
		{ "application/xml", ".xml" },
		{ "application/zip", ".zip" },
		{ "image/jpeg", ".jpg" },
		{ "image/png", ".png" },
		{ "image/svg+xml", ".svg" },
		{ "text/html", ".html" },
		{ "text/plain", ".txt" },
	};
	int i;

	for (i = 0; i < (int) lengthof(endings); i++)
		if (strcmp(media_type, endings[i][0]) == 0)
			return endings[i][1];
	return "";
}

/*
 * Content-Disposition (RFC 6266) with the file's name, made of type, context and holder, in any script.
 * Who does not know filename* gets the same name if it is plain, else "credential". A document is never
 * shown within the server's pages: it may be of a type that runs scripts.
 */
static char *
content_disposition(const Held *held)
{
	const char *ending = extension(held->media_type);
	StringInfoData name;
	StringInfoData header;
	const char *p;
	bool plain = true;

	initStringInfo(&name);
	append_part(&name, held->type_name);
	append_part(&name, held->context_name);
	append_part(&name, held->holder_name);
	if (name.len == 0)
		appendStringInfoString(&name, "credential");

	for (p = name.data; *p != '\0'; p++)
		plain = plain && (unsigned char) *p < 0x80 && *p != '%';
	initStringInfo(&header);
	appendStringInfo(&header, "attachment; filename=\"%s%s\"; filename*=UTF-8''",
					 plain ? name.data : "credential", ending);
	appendStringInfoString(&name, ending);
	lc_percent_encode(&header, name.data);
	return header.data;
}

/* ---------------------------------------------------------------- the document */

/*
 * Does a list of entity tags (If-None-Match, RFC 9110, section 13.1.2) name this one? Tags are compared
 * weakly. What comes after a mistake is not read.
 */
static bool
names_tag(const char *list, const char *tag)
{
	size_t length = strlen(tag);

	if (strcmp(list, "*") == 0)
		return true;
	for (;;)
	{
		const char *end;

		list += strspn(list, " \t,");
		if (strncmp(list, "W/", 2) == 0)
			list += 2;
		if (*list != '"' || (end = strchr(list + 1, '"')) == NULL)
			return false;
		end++;
		if ((size_t) (end - list) == length && memcmp(list, tag, length) == 0)
			return true;
		list = end + strspn(end, " \t");
		if (*list != ',')
			return false;
	}
}

/* A media type as it may stand in a header; any other one is just bytes. */
static const char *
safe_media_type(const char *media_type)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789.+-";
	size_t type = strspn(media_type, allowed);
	size_t subtype = media_type[type] == '/' ? strspn(media_type + type + 1, allowed) : 0;

	if (type == 0 || subtype == 0 || media_type[type + 1 + subtype] != '\0')
		return "application/octet-stream";
	return media_type;
}

/* The file itself, in the given memory context. */
static bytea *
read_content(const pg_uuid_t *uuid, MemoryContext context)
{
	static LcStatement select = {
		.sql = "SELECT content FROM learning_credentials.document WHERE credential_uuid = $1",
		.types = { UUIDOID },
	};
	Datum values[] = { UUIDPGetDatum(uuid) };
	MemoryContext old;
	bytea *content;
	bool isnull;

	if (lc_spi_execute(&select, values, NULL, SPI_OK_SELECT) == 0)
		elog(ERROR, "document is missing");
	old = MemoryContextSwitchTo(context);
	content = DatumGetByteaPCopy(lc_spi_value(0, 1, &isnull));
	MemoryContextSwitchTo(old);
	return content;
}

/* What document() answers. */
typedef struct Download
{
	int status; /* 0: 200 */
	StringInfoData headers;
	bytea *content; /* NULL: none */
	const LcRefusal *refusal;
} Download;

static void
prepare_download(const char *uuid, MemoryContext context, Download *download)
{
	static const LcRefusal unknown = { 404, "Document not found." };
	Held held;
	char *tag;
	char *known;

	download->refusal = find_held(uuid, &unknown, &held);
	if (download->refusal != NULL)
		return;
	lc_header_add(&download->headers, "Cache-Control", "private, no-cache");
	if (held.media_type == NULL)
	{
		if (held.download_url == NULL)
		{
			download->refusal = &unknown;
			return;
		}
		download->status = 302;
		lc_header_add(&download->headers, "Location", held.download_url);
		return;
	}

	tag = psprintf("\"%s\"", held.sha256);
	lc_header_add(&download->headers, "ETag", tag);
	/* With 304 too: PostgREST would name another type, and a cache may take it for that of what it has. */
	lc_header_add(&download->headers, "Content-Type", safe_media_type(held.media_type));
	known = lc_request_header("if-none-match");
	if (known != NULL && names_tag(known, tag))
	{
		download->status = 304;
		return;
	}
	lc_header_add(&download->headers, "Content-Disposition", content_disposition(&held));
	lc_header_add(&download->headers, "X-Content-Type-Options", "nosniff");
	if (!lc_request_is_head())
		download->content = read_content(&held.uuid, context);
}

/* document(uuid text) RETURNS bytea, as a media type handler */
Datum
lc_api_document(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	char *uuid = lc_argument(fcinfo, 0);
	Download download = { .status = 0 };
	LcIdentity before;

	initStringInfo(&download.headers);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	prepare_download(uuid, caller, &download);
	lc_spi_finish();
	lc_act_as_before(&before);
	if (download.refusal != NULL)
		return lc_refuse(download.refusal);
	lc_answer(download.status, &download.headers);
	if (download.content == NULL)
		return CStringGetTextDatum("");
	PG_RETURN_BYTEA_P(download.content);
}

/* ---------------------------------------------------------------- LinkedIn */

/* Adds a parameter of an address. */
static void
append_parameter(StringInfo url, const char *name, const char *value)
{
	appendStringInfo(url, "&%s=", name);
	lc_percent_encode(url, value);
}

typedef struct Zone
{
	int64 configuration_id;
	const char *name;
	MemoryContext context;
} Zone;

/* The time zone of the dates on a document. */
static void
read_zone(void *argument)
{
	Zone *zone = argument;
	LcConfiguration *configuration = lc_configuration_load(zone->configuration_id);
	JsonbValue value;

	if (getKeyJsonValueFromContainer(&configuration->options->root, "time_zone", strlen("time_zone"),
									 &value) != NULL &&
		value.type == jbvString)
	{
		char *name = pnstrdup(value.val.string.val, value.val.string.len);

		if (lc_time_zone_is_known(name))
			zone->name = MemoryContextStrdup(zone->context, name);
	}
}

/* Adds a date's year and month, as they are on the document. */
static void
append_month(StringInfo url, const char *what, TimestampTz time, const char *zone)
{
	char *date;
	char *month;

	if (TIMESTAMP_NOT_FINITE(time))
		return;
	/* One pattern for both: making a formatter takes longer than all else here. */
	date = lc_format_date(time, "yyyy-M", "en", zone);
	month = strrchr(date, '-');
	*month++ = '\0';
	append_parameter(url, psprintf("%sYear", what), date);
	append_parameter(url, psprintf("%sMonth", what), month);
}

static const LcRefusal *
make_linkedin_url(const char *uuid, StringInfo url)
{
	static const LcRefusal unknown = { 404, "Credential not found." };
	Zone zone = { .name = "UTC", .context = CurrentMemoryContext };
	Held held;
	const LcRefusal *refusal = find_held(uuid, &unknown, &held);

	if (refusal != NULL)
		return refusal;
	zone.configuration_id = held.configuration_id;
	(void) lc_attempt(read_zone, &zone);

	appendStringInfoString(url, "https://www.linkedin.com/profile/add?startTask=CERTIFICATION_NAME");
	append_parameter(url, "name",
					 psprintf("%s: %s", in_one_line(held.type_name), in_one_line(held.context_name)));
	if (lc_organization[0] != '\0')
		append_parameter(url, "organizationName", lc_organization);
	append_month(url, "issue", held.issue_date, zone.name);
	append_month(url, "expiration", held.expires_at, zone.name);
	append_parameter(url, "certUrl", lc_placeholder_url(lc_verify_url, held.verify_uuid));
	append_parameter(url, "certId", held.verify_uuid);
	return NULL;
}

/* linkedin_url(uuid text) RETURNS json */
Datum
lc_api_linkedin_url(PG_FUNCTION_ARGS)
{
	char *uuid = lc_argument(fcinfo, 0);
	StringInfoData url;
	const LcRefusal *refusal;
	LcIdentity before;

	initStringInfo(&url);
	lc_act_as_owner(&before);
	lc_spi_connect(false);
	refusal = make_linkedin_url(uuid, &url);
	lc_spi_finish();
	lc_act_as_before(&before);
	if (refusal != NULL)
		return lc_refuse(refusal);
	/* Percent-encoded: nothing in it needs an escape. */
	return lc_answer_json(psprintf("{\"url\": \"%s\"}", url.data), "no-store");
}
