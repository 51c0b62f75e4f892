-- ============================================================ issuing
-- Invoker's rights with EXECUTE for nobody by default: the C code becomes the extension's owner where
-- it has to, and the configuration's role where somebody else's code runs.

CREATE FUNCTION learning_credentials.eligible_users(configuration_id bigint, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_eligible_users';
COMMENT ON FUNCTION learning_credentials.eligible_users(bigint, bigint) IS
'Runs a configuration''s retrieval function, for everybody or for one user, and returns its rows. Writes nothing.';

CREATE FUNCTION learning_credentials.generate_credential(configuration_id bigint, user_id bigint)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_generate_credential';
COMMENT ON FUNCTION learning_credentials.generate_credential(bigint, bigint) IS
'Issues a credential to one user now, whatever retrieval says, and returns its uuid. One that is available already is returned unchanged; one in error is retried. When the document cannot be made, the credential stands in status error and a WARNING says why. Error 55000 for a new one before the configuration''s available_from, and from its expires_at on.';

CREATE FUNCTION learning_credentials.retry_credential(uuid uuid)
RETURNS learning_credentials.credential_status
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_retry_credential';
COMMENT ON FUNCTION learning_credentials.retry_credential(uuid) IS
'Tries again to make the document of a credential in status error, now, with the names and evidence of now, and returns the status that came of it. Error 55000 for one that was issued.';

CREATE FUNCTION learning_credentials.invalidate_credential(uuid uuid, reason text)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_invalidate_credential';
COMMENT ON FUNCTION learning_credentials.invalidate_credential(uuid, text) IS
'Invalidates an available credential for good, with a reason that whoever verifies it sees. A replacement of it that was not finished is dropped. Error 55000 when it is not available.';

CREATE FUNCTION learning_credentials.reissue_credential(uuid uuid, reason text DEFAULT 'Reissued')
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_reissue_credential';
COMMENT ON FUNCTION learning_credentials.reissue_credential(uuid, text) IS
'Replaces an available credential by a new one with today''s names, evidence and document and the same issue date and expiry, and returns the new uuid. The old one is invalidated with the reason when the new one is available, in one transaction; until then, and if the new document fails, it stays available. Called again, it retries a replacement that failed.';

CREATE FUNCTION learning_credentials.request_run(configuration_id bigint)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_request_run';
COMMENT ON FUNCTION learning_credentials.request_run(bigint) IS
'Queues a run of a configuration and returns its id in table run; a run that is queued already is returned instead. The worker, generate_credentials() or generate_all_credentials() carries it out; while another run of the configuration is running, after that.';

CREATE FUNCTION learning_credentials.cancel_run(run_id bigint)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_cancel_run';
COMMENT ON FUNCTION learning_credentials.cancel_run(bigint) IS
'Cancels a run that is queued or running. What it has queued ends in error with the reason "cancelled" and is not retried by itself; documents that are being made are finished. Error 55000 for a run that has ended.';

CREATE PROCEDURE learning_credentials.generate_credentials(configuration_id bigint)
LANGUAGE C
AS 'MODULE_PATHNAME', 'lc_generate_credentials';
COMMENT ON PROCEDURE learning_credentials.generate_credentials(bigint) IS
'A run here and now: retrieves who is eligible, issues to everyone new (whoever had a credential that was invalidated is not new), retries what is due, finishes what an earlier run left. While another session runs the same configuration it helps, and its own run follows. Commits after each batch, so it cannot be called inside a transaction block (2D000). Errors: what kept retrieval from being done; 55000 the configuration is suspended; 57014 the run was cancelled.';

CREATE PROCEDURE learning_credentials.generate_all_credentials()
LANGUAGE C
AS 'MODULE_PATHNAME', 'lc_generate_all_credentials';
COMMENT ON PROCEDURE learning_credentials.generate_all_credentials() IS
'A run of every configuration that is enabled and between starts_at and ends_at, and of those for which a run is queued. A run that fails gives a WARNING and does not keep the others from theirs. What pg_cron calls.';

CREATE VIEW learning_credentials.available_functions AS
SELECT format('%I.%I', n.nspname, p.proname) AS name,
       k.kind,
       pg_catalog.obj_description(p.oid, 'pg_proc') AS help
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  CROSS JOIN LATERAL (
       SELECT CASE
              WHEN p.proname ^@ 'retrieve_' AND p.proretset
               AND p.prorettype = 'learning_credentials.eligibility'::regtype
               AND p.proargtypes::text = concat_ws(' ', 'text'::regtype::oid, 'jsonb'::regtype::oid,
                                                   'bigint'::regtype::oid)
              THEN 'retrieval'
              WHEN p.proname ^@ 'generate_' AND NOT p.proretset
               AND p.prorettype = 'bytea'::regtype
               AND p.proargtypes::text = concat_ws(' ', 'learning_credentials.credential'::regtype::oid,
                                                   'jsonb'::regtype::oid)
              THEN 'generation' END) AS k (kind)
 WHERE p.prokind = 'f'
   AND k.kind IS NOT NULL
   AND has_function_privilege(p.oid, 'EXECUTE')
   AND has_schema_privilege(n.oid, 'USAGE');
COMMENT ON VIEW learning_credentials.available_functions IS
'The retrieval and generation functions that a credential type of the caller may name.';
COMMENT ON COLUMN learning_credentials.available_functions.name IS 'Schema-qualified, as credential_type keeps it.';
COMMENT ON COLUMN learning_credentials.available_functions.kind IS 'retrieval or generation.';
COMMENT ON COLUMN learning_credentials.available_functions.help IS 'The function''s COMMENT; its section "Options:" documents the options.';
