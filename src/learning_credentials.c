/*
 * learning_credentials.c
 *		Module load: magic, settings, registration of the worker.
 *
 * Only reads and checks settings. Works without shared_preload_libraries, where the worker is started
 * by start_worker().
 */
#include "postgres.h"

#include <limits.h>

#include "fmgr.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/plancache.h"

#include "compat.h"
#include "history_note.h"
#include "settings.h"
#include "wakeup.h"
#include "worker.h"

PG_MODULE_MAGIC;

/* What the names of our settings begin with, before a dot. */
#define LC_PREFIX "learning_credentials"

char *lc_verify_url;
char *lc_api_url;
char *lc_user_claim;
char *lc_organization;
char *lc_fallback_fonts;
int lc_max_template_size;
int lc_max_font_size;
int lc_max_image_size;
int lc_max_image_pixels;
int lc_max_document_size;
int lc_max_text_length;
int lc_parse_memory;
int lc_cache_size;
int lc_batch_size;
int lc_documents_per_key;
int lc_max_attempts;
int lc_retry_delay;
int lc_retrieval_timeout;
int lc_document_timeout;
bool lc_notify;
bool lc_show_pending;
bool lc_show_invalidation_reason;
char *lc_databases;
int lc_max_workers;
int lc_worker_idle_time;
int lc_keep_runs;
char *lc_history_origin;
char *lc_history_key_file;
int lc_seal_interval;

void _PG_init(void);

/* A setting that bounds something: for superusers, because whoever could raise it would not be bounded. */
static void
define_limit(const char *name, const char *description, int *variable, int value, int max, int flags)
{
	DefineCustomIntVariable(name, description, NULL, variable, value, 1, max, PGC_SUSET, flags, NULL,
							NULL, NULL);
}

/* The same for a limit of time, in milliseconds; 0 is none. */
static void
define_timeout(const char *name, const char *description, int *variable, int value)
{
	DefineCustomIntVariable(name, description, "0 turns the limit off.", variable, value, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
}

/* What the view metadata shows is settled while a query is planned: plans made before are of no use. */
static void
assign_show(bool value, void *extra)
{
	ResetPlanCache();
}

/*
 * The names of our settings that the options of this connection have set (PGOPTIONS), palloc'd. Before they are
 * defined, the server lets anybody.
 */
static List *
set_by_connection(void)
{
	int count;
	struct config_generic **settings = lc_all_settings(&count);
	List *names = NIL;
	int i;

	for (i = 0; i < count; i++)
		if (settings[i]->reset_source == PGC_S_CLIENT &&
			pg_strncasecmp(settings[i]->name, LC_PREFIX ".", sizeof(LC_PREFIX)) == 0)
			names = lappend(names, pstrdup(settings[i]->name));
	return names;
}

/*
 * Ends the connection when it may not set one of these. The server has warned and taken the built-in default, which
 * stands in the place of what the database or the role has: so whoever connects could undo that. Where the library is
 * loaded before anybody connects, such a connection is refused by the server itself.
 */
static void
refuse_unless_set(List *names)
{
	int count;
	struct config_generic **settings = lc_all_settings(&count);
	ListCell *cell;

	foreach(cell, names)
	{
		int i;

		for (i = 0; i < count; i++)
			if (settings[i]->reset_source != PGC_S_CLIENT &&
				pg_strcasecmp(settings[i]->name, lfirst(cell)) == 0)
				ereport(FATAL,
						(errcode(ERRCODE_CANT_CHANGE_RUNTIME_PARAM),
						 errmsg("parameter \"%s\" cannot be set by the options of this connection",
								settings[i]->name)));
	}
}

void
_PG_init(void)
{
	List *names = set_by_connection();

	DefineCustomStringVariable("learning_credentials.verify_url",
							   "Address that {verify_url} on a document leads to.",
							   "{verify_uuid} in it stands for the credential's verification code.",
							   &lc_verify_url, "https://example.org/verify/{verify_uuid}", PGC_SUSET, 0,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("learning_credentials.api_url",
							   "Address of the REST server, which links in its answers begin with.",
							   "Empty: links have no host.", &lc_api_url, "", PGC_SUSET, 0, NULL, NULL,
							   NULL);
	DefineCustomStringVariable("learning_credentials.user_claim",
							   "Claim of a token that holds the LMS's number of the user.", NULL,
							   &lc_user_claim, "user_id", PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("learning_credentials.organization",
							   "Who issues the credentials, as whoever verifies one sees it.",
							   "Empty: it is not said.", &lc_organization, "", PGC_SUSET, 0, NULL, NULL,
							   NULL);
	DefineCustomStringVariable(
		"learning_credentials.fallback_fonts",
		"Slugs of font assets, separated by commas, tried after an element's own fonts.", NULL,
		&lc_fallback_fonts, "", PGC_USERSET, GUC_LIST_INPUT, NULL, NULL, NULL);
	define_limit("learning_credentials.max_template_size", "Largest PDF template that is stored.",
				 &lc_max_template_size, 20 * 1024, 1024 * 1024, GUC_UNIT_KB);
	define_limit("learning_credentials.max_font_size", "Largest font that is stored.", &lc_max_font_size,
				 32 * 1024, 1024 * 1024, GUC_UNIT_KB);
	define_limit("learning_credentials.max_image_size", "Largest image that is stored.",
				 &lc_max_image_size, 10 * 1024, 1024 * 1024, GUC_UNIT_KB);
	define_limit("learning_credentials.max_image_pixels",
				 "Most pixels (width times height) of an image that is stored.", &lc_max_image_pixels,
				 40000000, INT_MAX, 0);
	define_limit("learning_credentials.max_document_size",
				 "Largest document that a generation function may return.", &lc_max_document_size,
				 32 * 1024, 256 * 1024, GUC_UNIT_KB);
	define_limit("learning_credentials.max_text_length",
				 "Most characters of one text element after its placeholders are filled in.",
				 &lc_max_text_length, 10000, 1000000, 0);
	define_limit("learning_credentials.parse_memory",
				 "Memory that parsing one template, font or image may take.", &lc_parse_memory,
				 256 * 1024, MAX_KILOBYTES, GUC_UNIT_KB);
	define_limit("learning_credentials.cache_size",
				 "Memory that a session keeps templates, fonts and images in between documents.",
				 &lc_cache_size, 128, MAX_KILOBYTES / 1024, GUC_UNIT_MB);
	define_limit("learning_credentials.batch_size",
				 "Most credentials that a run issues in one transaction.", &lc_batch_size, 64, 10000, 0);
	define_limit("learning_credentials.max_attempts",
				 "Attempts at a document before it waits for somebody to retry it.", &lc_max_attempts, 5,
				 1000, 0);
	define_limit("learning_credentials.retry_delay",
				 "Time until the second attempt at a document; each further one waits twice as long.",
				 &lc_retry_delay, 60, 86400, GUC_UNIT_S);
	define_timeout("learning_credentials.retrieval_timeout", "Longest time that one retrieval may take.",
				   &lc_retrieval_timeout, 10 * 60 * 1000);
	define_timeout(
		"learning_credentials.document_timeout",
		"Longest time that making one document may take, or reading names from a source for a batch of them.",
		&lc_document_timeout, 60 * 1000);
	DefineCustomIntVariable("learning_credentials.keep_runs",
							"How long the account of a run is kept after it ended; 0: for ever.", NULL,
							&lc_keep_runs, 365 * 24 * 60, 0, INT_MAX, PGC_SUSET, GUC_UNIT_MIN, NULL,
							NULL, NULL);
	DefineCustomIntVariable(
		"learning_credentials.documents_per_key",
		"Documents of a session that share one encryption key.",
		"1 gives every document a key of its own, which takes 3 ms each. Two documents "
		"of one key show that they have a template in common, and nothing else.",
		&lc_documents_per_key, 1000, 1, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable(
		"learning_credentials.notify",
		"Tells what became of credentials on the channel learning_credentials.",
		"Off for a transaction that is to be prepared: one that notifies cannot be.", &lc_notify, true,
		PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable(
		"learning_credentials.show_pending",
		"Shows credentials that were never available to whoever gives their verification code.",
		"Off, their codes are answered as if there were none.", &lc_show_pending, false, PGC_SUSET, 0,
		NULL, assign_show, NULL);
	DefineCustomBoolVariable("learning_credentials.show_invalidation_reason",
							 "Shows whoever verifies a credential why it was invalidated.", NULL,
							 &lc_show_invalidation_reason, true, PGC_SUSET, 0, NULL, assign_show, NULL);

	DefineCustomStringVariable(
		"learning_credentials.history_origin",
		"The name of the history's log, which its checkpoints bear.",
		"An address of your own without https://, such as example.org/credentials, tells it "
		"from all others. Without spaces and plus signs.",
		&lc_history_origin, "learning_credentials", PGC_SUSET, 0, lc_check_history_origin, NULL, NULL);
	DefineCustomStringVariable("learning_credentials.history_key_file",
							   "File with the private key that signs checkpoints of the history.",
							   "Ed25519, PEM, readable by the server's user alone. Empty: "
							   "checkpoints are not signed.",
							   &lc_history_key_file, "", PGC_SUSET, GUC_SUPERUSER_ONLY, NULL, NULL,
							   NULL);

	DefineCustomStringVariable(
		"learning_credentials.databases", "Databases that the worker looks after, separated by commas.",
		"Names are written as in SQL: one with capital letters or spaces in double "
		"quotes. A name of which there is no database yet is no mistake.",
		&lc_databases, "", PGC_SIGHUP, GUC_LIST_INPUT, lc_check_databases, NULL, NULL);
	DefineCustomIntVariable("learning_credentials.max_workers",
							"Executors of the worker that work in one database at the same time.",
							"Each takes one of max_worker_processes while it works.", &lc_max_workers, 2,
							1, LC_MAX_WORKERS, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"learning_credentials.worker_idle_time",
		"Time that the worker stays connected to a database in which there is nothing to do.",
		"DROP DATABASE and the like wait for up to 5 seconds until everybody has left.",
		&lc_worker_idle_time, 1000, 0, 60000, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("learning_credentials.seal_interval",
							"How often the worker seals what was added to the history; 0: never.",
							"It looks once a minute, so less than that makes no difference.",
							&lc_seal_interval, 600, 0, INT_MAX / 1000, PGC_SIGHUP, GUC_UNIT_S, NULL,
							NULL, NULL);

	MarkGUCPrefixReserved(LC_PREFIX);
	refuse_unless_set(names);

	lc_worker_register();
}
