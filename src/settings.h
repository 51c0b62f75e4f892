/*
 * settings.h
 *		The extension's settings (learning_credentials.NAME), defined and documented in
 *		learning_credentials.c.
 */
#ifndef LC_SETTINGS_H
#define LC_SETTINGS_H

extern char *lc_verify_url; /* with {verify_uuid} in it */
extern char *lc_api_url;
extern char *lc_user_claim;
extern char *lc_organization;
extern char *lc_fallback_fonts;	 /* comma-separated slugs */
extern int lc_max_template_size; /* kB */
extern int lc_max_font_size;	 /* kB */
extern int lc_max_image_size;	 /* kB */
extern int lc_max_image_pixels;
extern int lc_max_document_size; /* kB */
extern int lc_max_text_length;	 /* characters */
extern int lc_parse_memory;		 /* kB */
extern int lc_cache_size;		 /* MB */
extern int lc_batch_size;		 /* credentials */
extern int lc_documents_per_key; /* documents */
extern int lc_max_attempts;
extern int lc_retry_delay;		 /* seconds */
extern int lc_retrieval_timeout; /* ms; 0: none */
extern int lc_document_timeout;	 /* ms; 0: none */
extern bool lc_notify;
extern int lc_keep_runs; /* minutes; 0: for ever */
extern bool lc_show_pending;
extern bool lc_show_invalidation_reason;

extern char *lc_history_origin;	  /* the name that checkpoints are signed with */
extern char *lc_history_key_file; /* empty: none */

/* The worker's. */
extern char *lc_databases; /* comma-separated names */
extern int lc_max_workers;
extern int lc_worker_idle_time; /* milliseconds */
extern int lc_seal_interval;	/* seconds; 0: never */

#endif /* LC_SETTINGS_H */
