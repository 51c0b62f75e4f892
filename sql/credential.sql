-- ============================================================ credentials, documents, history

CREATE TABLE learning_credentials.credential (
    uuid uuid PRIMARY KEY DEFAULT learning_credentials.uuid_time_ordered(),
    verify_uuid uuid NOT NULL UNIQUE DEFAULT learning_credentials.uuid_random(),
    configuration_id bigint NOT NULL REFERENCES learning_credentials.credential_configuration,
    credential_type_name text NOT NULL,
    learning_context_key text NOT NULL
        CONSTRAINT learning_context_key_form
        CHECK (learning_credentials.learning_context_kind(learning_context_key) IS NOT NULL),
    learning_context_name text,
    user_id bigint,
    user_full_name text,
    status learning_credentials.credential_status NOT NULL DEFAULT 'generating',
    evidence jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT evidence_object CHECK (jsonb_typeof(evidence) = 'object'),
    download_url text,
    legacy_id text,
    run_id bigint,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    retry_at timestamptz,
    error_message text,
    issue_date timestamptz,
    expires_at timestamptz,
    design bigint,
    supersedes uuid,
    superseded_by uuid,
    successor_code uuid,
    invalidated_at timestamptz,
    invalidation_reason text,
    erased_at timestamptz,
    created timestamptz NOT NULL DEFAULT now(),
    modified timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT issued_is_complete CHECK (
        status NOT IN ('available', 'invalidated')
        OR ((user_full_name IS NOT NULL OR erased_at IS NOT NULL)
            AND learning_context_name IS NOT NULL AND issue_date IS NOT NULL)),
    CONSTRAINT somebodys_unless_erased CHECK ((user_id IS NULL) = (erased_at IS NOT NULL)),
    CONSTRAINT erased_is_empty CHECK (
        erased_at IS NULL
        OR (status IN ('available', 'invalidated') AND user_full_name IS NULL AND evidence = '{}'
            AND download_url IS NULL AND legacy_id IS NULL)),
    CONSTRAINT error_has_message CHECK ((status = 'error') = (error_message IS NOT NULL)),
    CONSTRAINT retry_of_error CHECK (retry_at IS NULL OR status = 'error'),
    CONSTRAINT invalidated_at_with_status CHECK ((status = 'invalidated') = (invalidated_at IS NOT NULL)),
    CONSTRAINT invalidated_has_reason CHECK (
        (status = 'invalidated') = (invalidation_reason IS NOT NULL)
        OR (status = 'invalidated' AND erased_at IS NOT NULL)),
    CONSTRAINT superseded_is_invalidated CHECK (superseded_by IS NULL OR status = 'invalidated'),
    CONSTRAINT successor_is_known CHECK (successor_code IS NULL OR superseded_by IS NOT NULL),
    CONSTRAINT supersedes_another CHECK (supersedes <> uuid AND superseded_by <> uuid));
COMMENT ON TABLE learning_credentials.credential IS
'A credential of a user. Its status changes only as the lifecycle allows; names and evidence are snapshots taken at issue.';
COMMENT ON COLUMN learning_credentials.credential.uuid IS
'Identifies the credential to its holder; UUID version 7, ascending with time.';
COMMENT ON COLUMN learning_credentials.credential.verify_uuid IS
'The verification code that an employer sees; UUID version 4, random.';
COMMENT ON COLUMN learning_credentials.credential.configuration_id IS 'What it was issued under.';
COMMENT ON COLUMN learning_credentials.credential.credential_type_name IS 'Snapshot of the type''s name.';
COMMENT ON COLUMN learning_credentials.credential.learning_context_key IS 'Snapshot of the configuration''s key.';
COMMENT ON COLUMN learning_credentials.credential.learning_context_name IS 'Snapshot of the context''s name, taken at each attempt; NULL before the first.';
COMMENT ON COLUMN learning_credentials.credential.user_id IS 'The user, by the LMS''s number; NULL: erased.';
COMMENT ON COLUMN learning_credentials.credential.user_full_name IS 'Snapshot of the user''s name, taken at each attempt; NULL before the first, or erased.';
COMMENT ON COLUMN learning_credentials.credential.status IS 'See credential_status.';
COMMENT ON COLUMN learning_credentials.credential.evidence IS 'The details that the retrieval function gave.';
COMMENT ON COLUMN learning_credentials.credential.download_url IS 'Where else the document lies, if it does.';
COMMENT ON COLUMN learning_credentials.credential.legacy_id IS 'Its identifier in the system it was imported from.';
COMMENT ON COLUMN learning_credentials.credential.run_id IS 'The run that queued it; NULL: issued by a call of its own.';
COMMENT ON COLUMN learning_credentials.credential.attempts IS 'How often its document was tried.';
COMMENT ON COLUMN learning_credentials.credential.retry_at IS 'When the next attempt is due; NULL: only on request.';
COMMENT ON COLUMN learning_credentials.credential.error_message IS 'Why the last attempt failed; only in status error.';
COMMENT ON COLUMN learning_credentials.credential.issue_date IS 'When it was issued. Before that, the date that it will bear; NULL: that of its issue.';
COMMENT ON COLUMN learning_credentials.credential.expires_at IS 'When it stops being valid; NULL: never, or not known before it is issued.';
COMMENT ON COLUMN learning_credentials.credential.design IS
'Fingerprint of what its document was made from besides the credential: function, options, assets; see outdated_credentials(). NULL: not known.';
COMMENT ON COLUMN learning_credentials.credential.supersedes IS 'The credential that this one replaces, or will when it becomes available.';
COMMENT ON COLUMN learning_credentials.credential.superseded_by IS 'The credential that replaced this one.';
COMMENT ON COLUMN learning_credentials.credential.successor_code IS
'The verification code of superseded_by, which whoever verifies this one is told; set by the lifecycle.';
COMMENT ON COLUMN learning_credentials.credential.invalidated_at IS 'When it was invalidated; set by the lifecycle.';
COMMENT ON COLUMN learning_credentials.credential.invalidation_reason IS 'Why it was invalidated; NULL: it was not, or erased.';
COMMENT ON COLUMN learning_credentials.credential.erased_at IS
'When what it held of the user was erased, see retire_user(); NULL: it was not. From then on it is nobody''s.';
COMMENT ON COLUMN learning_credentials.credential.created IS 'When the row was inserted.';
COMMENT ON COLUMN learning_credentials.credential.modified IS 'When the row was last changed; set by the lifecycle.';

-- What verifiers are shown, and nothing else: see the view metadata.
CREATE UNIQUE INDEX credential_shown ON learning_credentials.credential (verify_uuid)
    WHERE status IN ('available', 'invalidated');
-- One live credential and one pending replacement for a configuration and user.
CREATE UNIQUE INDEX credential_live_key ON learning_credentials.credential (configuration_id, user_id,
    (supersedes IS NOT NULL AND status IN ('generating', 'error'))) WHERE status <> 'invalidated';
-- The queue: executors walk it from the position they remember.
CREATE INDEX credential_queue ON learning_credentials.credential (run_id, uuid) WHERE status = 'generating';
-- Failed attempts that become due again.
CREATE INDEX credential_retry ON learning_credentials.credential (retry_at)
    WHERE status = 'error' AND retry_at IS NOT NULL;
CREATE INDEX credential_user ON learning_credentials.credential (user_id, configuration_id);
-- Who is not new to a configuration, although nothing is live.
CREATE INDEX credential_invalidated ON learning_credentials.credential (configuration_id, user_id)
    WHERE status = 'invalidated';
-- Unique also for the planner, which has no statistics of the column (see below) and would expect thousands of rows.
CREATE UNIQUE INDEX credential_pending_replacement ON learning_credentials.credential (supersedes)
    WHERE supersedes IS NOT NULL AND status IN ('generating', 'error');

-- Most common values and histogram bounds would be codes and names, for everyone who reads pg_stats.
ALTER TABLE learning_credentials.credential
    ALTER verify_uuid SET STATISTICS 0,
    ALTER uuid SET STATISTICS 0,
    ALTER user_full_name SET STATISTICS 0,
    ALTER evidence SET STATISTICS 0,
    ALTER download_url SET STATISTICS 0,
    ALTER legacy_id SET STATISTICS 0,
    ALTER error_message SET STATISTICS 0,
    ALTER supersedes SET STATISTICS 0,
    ALTER superseded_by SET STATISTICS 0,
    ALTER successor_code SET STATISTICS 0,
    ALTER invalidation_reason SET STATISTICS 0;

CREATE TABLE learning_credentials.document (
    credential_uuid uuid PRIMARY KEY REFERENCES learning_credentials.credential ON DELETE CASCADE,
    content bytea NOT NULL,
    media_type text NOT NULL,
    byte_size integer NOT NULL GENERATED ALWAYS AS (octet_length(content)) STORED,
    sha256 bytea NOT NULL GENERATED ALWAYS AS (pg_catalog.sha256(content)) STORED,
    created timestamptz NOT NULL DEFAULT now());
ALTER TABLE learning_credentials.document ALTER content SET STORAGE EXTERNAL, ALTER content SET STATISTICS 0;
CREATE INDEX document_sha256 ON learning_credentials.document (sha256);
COMMENT ON TABLE learning_credentials.document IS
'The documents that generation functions made. Granted to nobody: read credential_document. Never moved, never changed; removed only by retire_user().';
COMMENT ON COLUMN learning_credentials.document.credential_uuid IS 'The credential it belongs to.';
COMMENT ON COLUMN learning_credentials.document.content IS 'The file.';
COMMENT ON COLUMN learning_credentials.document.media_type IS 'Snapshot of the type''s media type.';
COMMENT ON COLUMN learning_credentials.document.byte_size IS 'Length of the content in bytes.';
COMMENT ON COLUMN learning_credentials.document.sha256 IS 'SHA-256 of the content.';
COMMENT ON COLUMN learning_credentials.document.created IS 'When it was made.';

CREATE VIEW learning_credentials.credential_document WITH (security_barrier) AS
SELECT d.credential_uuid, d.content, d.media_type, d.byte_size, d.sha256, d.created
  FROM learning_credentials.document d
  JOIN learning_credentials.credential c ON c.uuid = d.credential_uuid
 WHERE c.status <> 'invalidated';
COMMENT ON VIEW learning_credentials.credential_document IS
'The documents of credentials that are not invalidated.';
COMMENT ON COLUMN learning_credentials.credential_document.credential_uuid IS 'The credential it belongs to.';
COMMENT ON COLUMN learning_credentials.credential_document.content IS 'The file.';
COMMENT ON COLUMN learning_credentials.credential_document.media_type IS 'Snapshot of the type''s media type.';
COMMENT ON COLUMN learning_credentials.credential_document.byte_size IS 'Length of the content in bytes.';
COMMENT ON COLUMN learning_credentials.credential_document.sha256 IS 'SHA-256 of the content.';
COMMENT ON COLUMN learning_credentials.credential_document.created IS 'When it was made.';

CREATE VIEW learning_credentials.archived_document WITH (security_barrier) AS
SELECT d.credential_uuid, d.content, d.media_type, d.byte_size, d.sha256, d.created
  FROM learning_credentials.document d
  JOIN learning_credentials.credential c ON c.uuid = d.credential_uuid
 WHERE c.status = 'invalidated';
COMMENT ON VIEW learning_credentials.archived_document IS
'The documents of invalidated credentials; for the extension''s owner alone.';
COMMENT ON COLUMN learning_credentials.archived_document.credential_uuid IS 'The credential it belongs to.';
COMMENT ON COLUMN learning_credentials.archived_document.content IS 'The file.';
COMMENT ON COLUMN learning_credentials.archived_document.media_type IS 'Snapshot of the type''s media type.';
COMMENT ON COLUMN learning_credentials.archived_document.byte_size IS 'Length of the content in bytes.';
COMMENT ON COLUMN learning_credentials.archived_document.sha256 IS 'SHA-256 of the content.';
COMMENT ON COLUMN learning_credentials.archived_document.created IS 'When it was made.';

-- ------------------------------------------------------------ history
-- Fields that are not personal stand in the clear. A personal field stands beside a random salt and
-- the commitment SHA-256(salt || field in UTF-8): erasing it removes field and salt, and whatever was
-- proved over the commitment still holds.

-- Called immutable, because only such functions may generate columns. It depends on the transaction; its
-- argument keeps the planner from calling it once for many.
CREATE FUNCTION learning_credentials.event_transaction(credential_uuid uuid) RETURNS xid8
LANGUAGE C IMMUTABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'lc_event_transaction';
COMMENT ON FUNCTION learning_credentials.event_transaction(uuid) IS
'For the column transaction_id of credential_event: the current transaction; NULL while a dump is restored.';

CREATE TABLE learning_credentials.credential_event (
    credential_uuid uuid NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL DEFAULT 'status'
        CONSTRAINT kind_known CHECK (kind IN ('status', 'dates', 'erasure')),
    configuration_id bigint NOT NULL,
    run_id bigint,
    old_status learning_credentials.credential_status,
    new_status learning_credentials.credential_status,
    old_issue_date timestamptz,
    old_expires_at timestamptz,
    issue_date timestamptz,
    expires_at timestamptz,
    actor jsonb,
    actor_salt bytea,
    actor_commitment bytea NOT NULL,
    reason text,
    reason_salt bytea,
    reason_commitment bytea,
    -- Generated, so that it is not dumped, and set whoever inserts and whatever triggers are on.
    transaction_id xid8 GENERATED ALWAYS AS (learning_credentials.event_transaction(credential_uuid)) STORED,
    PRIMARY KEY (credential_uuid, seq),
    CONSTRAINT status_changes CHECK ((kind = 'status') = (old_status IS DISTINCT FROM new_status)),
    CONSTRAINT actor_matches CHECK (
        (actor IS NULL) = (actor_salt IS NULL)
        AND (actor IS NULL OR actor_commitment = sha256(actor_salt || convert_to(actor::text, 'UTF8')))),
    CONSTRAINT reason_matches CHECK (
        (reason IS NULL) = (reason_salt IS NULL)
        AND (reason IS NULL OR (reason_commitment IS NOT NULL
             AND reason_commitment = sha256(reason_salt || convert_to(reason, 'UTF8'))))));
ALTER TABLE learning_credentials.credential_event
    ALTER actor SET STATISTICS 0,
    ALTER actor_salt SET STATISTICS 0,
    ALTER reason SET STATISTICS 0,
    ALTER reason_salt SET STATISTICS 0;
-- What a person did, who is known to a REST server: see retire_user().
CREATE INDEX credential_event_subject ON learning_credentials.credential_event ((actor->>'subject'))
    WHERE actor ? 'subject';
ALTER INDEX learning_credentials.credential_event_subject ALTER COLUMN 1 SET STATISTICS 0;
-- For whoever asks what has happened since: events are appended in the order of time, nearly.
CREATE INDEX credential_event_occurred ON learning_credentials.credential_event
    USING brin (occurred_at) WITH (autosummarize = on);
-- What is not sealed yet: see history.sql.
CREATE INDEX credential_event_transaction ON learning_credentials.credential_event (transaction_id);
COMMENT ON TABLE learning_credentials.credential_event IS
'Every change of every credential''s status and dates: what, when, by whom, why. Append-only; kept also when a credential that was never available is deleted.';
COMMENT ON COLUMN learning_credentials.credential_event.credential_uuid IS 'The credential. No foreign key: a history outlives its subject.';
COMMENT ON COLUMN learning_credentials.credential_event.seq IS 'Counts a credential''s events from 1 without a gap.';
COMMENT ON COLUMN learning_credentials.credential_event.occurred_at IS 'When it happened.';
COMMENT ON COLUMN learning_credentials.credential_event.kind IS
'status: the status changed; dates: issue_date or expires_at did; erasure: personal data of the credential was removed.';
COMMENT ON COLUMN learning_credentials.credential_event.configuration_id IS 'The credential''s configuration.';
COMMENT ON COLUMN learning_credentials.credential_event.run_id IS 'The run in which it happened, if in one.';
COMMENT ON COLUMN learning_credentials.credential_event.old_status IS 'NULL: the credential is new.';
COMMENT ON COLUMN learning_credentials.credential_event.new_status IS 'NULL: the credential was deleted.';
COMMENT ON COLUMN learning_credentials.credential_event.old_issue_date IS 'The issue date until here, where the dates changed.';
COMMENT ON COLUMN learning_credentials.credential_event.old_expires_at IS 'The expiry until here, where the dates changed.';
COMMENT ON COLUMN learning_credentials.credential_event.issue_date IS 'The issue date from here on, where it became available or its dates changed.';
COMMENT ON COLUMN learning_credentials.credential_event.expires_at IS 'The expiry from here on, where it became available or its dates changed; NULL there: never.';
COMMENT ON COLUMN learning_credentials.credential_event.actor IS
'By whom: {"role": outer role, "session": session user, "subject": JWT subject where there is one}. NULL: erased.';
COMMENT ON COLUMN learning_credentials.credential_event.actor_salt IS 'Random; NULL: erased.';
COMMENT ON COLUMN learning_credentials.credential_event.actor_commitment IS 'SHA-256(actor_salt || actor as text in UTF-8).';
COMMENT ON COLUMN learning_credentials.credential_event.reason IS 'Why; NULL: none given, or erased.';
COMMENT ON COLUMN learning_credentials.credential_event.reason_salt IS 'Random; NULL: no reason, or erased.';
COMMENT ON COLUMN learning_credentials.credential_event.reason_commitment IS 'SHA-256(reason_salt || reason in UTF-8); NULL: no reason was given.';
COMMENT ON COLUMN learning_credentials.credential_event.transaction_id IS
'The transaction of this server that wrote the row; NULL: it was restored from a dump. Which events can be sealed goes by it.';

SELECT pg_catalog.pg_extension_config_dump('learning_credentials.credential', '');
SELECT pg_catalog.pg_extension_config_dump('learning_credentials.document', '');
SELECT pg_catalog.pg_extension_config_dump('learning_credentials.credential_event', '');

CREATE FUNCTION learning_credentials.actor() RETURNS jsonb
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_actor_now';
COMMENT ON FUNCTION learning_credentials.actor() IS
'Who is acting, as credential_event.actor has it.';

-- ------------------------------------------------------------ lifecycle

CREATE FUNCTION learning_credentials.credential_lifecycle() RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'lc_credential_lifecycle';
COMMENT ON FUNCTION learning_credentials.credential_lifecycle() IS
'Trigger: allows the four transitions and refuses the rest (55000), keeps identities and snapshots, sets invalidated_at, lets a replacement that becomes available invalidate what it supersedes, drops one that waits for what was invalidated, refuses deletes of what was ever available and TRUNCATE.';

CREATE TRIGGER lifecycle
    BEFORE UPDATE OR DELETE ON learning_credentials.credential
    FOR EACH ROW EXECUTE FUNCTION learning_credentials.credential_lifecycle();
CREATE TRIGGER lifecycle_truncate
    BEFORE TRUNCATE ON learning_credentials.credential
    FOR EACH STATEMENT EXECUTE FUNCTION learning_credentials.credential_lifecycle();

-- For an import; what a dump brings has its code, and its successor may come later.
CREATE FUNCTION learning_credentials.know_successor() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.successor_code := (SELECT c.verify_uuid FROM learning_credentials.credential c
                            WHERE c.uuid = NEW.superseded_by AND c.status IN ('available', 'invalidated'));
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION learning_credentials.know_successor() IS
'Trigger: finds the successor''s code for a credential that is inserted without it; the successor is inserted first.';

CREATE TRIGGER know_successor
    BEFORE INSERT ON learning_credentials.credential
    FOR EACH ROW WHEN (NEW.superseded_by IS NOT NULL AND NEW.successor_code IS NULL)
    EXECUTE FUNCTION learning_credentials.know_successor();

CREATE FUNCTION learning_credentials.record_events() RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'lc_record_events';
COMMENT ON FUNCTION learning_credentials.record_events() IS
'Trigger: writes one event for each row of which a statement changed the status or the dates, and refuses an available credential that has neither a document nor a download_url. What is deleted was never issued: of its events only who did what stays, not why.';

CREATE TRIGGER record_events
    AFTER UPDATE ON learning_credentials.credential
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION learning_credentials.record_events();
CREATE TRIGGER record_deletes
    AFTER DELETE ON learning_credentials.credential
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION learning_credentials.record_events();

CREATE FUNCTION learning_credentials.keep_document() RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'lc_keep_document';
COMMENT ON FUNCTION learning_credentials.keep_document() IS
'Trigger: a document that was issued is never changed, and removed only by retire_user().';

CREATE TRIGGER keep_document
    BEFORE UPDATE OR DELETE ON learning_credentials.document
    FOR EACH ROW EXECUTE FUNCTION learning_credentials.keep_document();
CREATE TRIGGER keep_document_truncate
    BEFORE TRUNCATE ON learning_credentials.document
    FOR EACH STATEMENT EXECUTE FUNCTION learning_credentials.keep_document();

CREATE FUNCTION learning_credentials.keep_event() RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'lc_keep_event';
COMMENT ON FUNCTION learning_credentials.keep_event() IS
'Trigger: salts and commits to the personal fields of a new event; afterwards allows erase_events() to remove a personal field together with its salt, and nothing else to anybody.';

CREATE TRIGGER commit_event
    BEFORE INSERT ON learning_credentials.credential_event
    FOR EACH ROW EXECUTE FUNCTION learning_credentials.keep_event();
-- Also for a session_replication_role that switches other triggers off.
CREATE TRIGGER keep_event
    BEFORE UPDATE OR DELETE ON learning_credentials.credential_event
    FOR EACH ROW EXECUTE FUNCTION learning_credentials.keep_event();
CREATE TRIGGER keep_event_truncate
    BEFORE TRUNCATE ON learning_credentials.credential_event
    FOR EACH STATEMENT EXECUTE FUNCTION learning_credentials.keep_event();
ALTER TABLE learning_credentials.credential_event
    ENABLE ALWAYS TRIGGER keep_event,
    ENABLE ALWAYS TRIGGER keep_event_truncate;

CREATE FUNCTION learning_credentials.erase_events(credential_uuid uuid, seq integer DEFAULT NULL)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_erase_events';
COMMENT ON FUNCTION learning_credentials.erase_events(uuid, integer) IS
'Erases who did it and why, with the salts, from the events of a credential, or from the one numbered seq, and returns how many events held something. The commitments stay, so what was sealed still verifies.';
