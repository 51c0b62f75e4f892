-- ============================================================ health
-- What an administrator has to act on, and numbers for a monitoring system. Both read with the owner's
-- rights and write nothing, so they answer on a standby as well.

CREATE FUNCTION learning_credentials.worker_state() RETURNS text
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'lc_worker_state_text';
COMMENT ON FUNCTION learning_credentials.worker_state() IS
'running; stopped: there is no launcher; not listed: the worker does not look after this database, because learning_credentials.databases does not name it.';

CREATE FUNCTION learning_credentials.check_callables(configuration_id bigint) RETURNS void
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'lc_check_callables';
COMMENT ON FUNCTION learning_credentials.check_callables(bigint) IS
'Raises the error that a call of the configuration''s two functions would raise before they are called: its role or a function is gone, the role may not execute it, or its owner may not act as the role.';

CREATE FUNCTION learning_credentials.health(thorough boolean DEFAULT true)
RETURNS TABLE (severity text, finding text, subject text, message text, hint text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    configuration record;
    worker text := learning_credentials.worker_state();
    cron boolean := false;
BEGIN
    -- ---- who does the work
    IF to_regclass('cron.job') IS NOT NULL THEN
        EXECUTE $query$
            SELECT EXISTS (SELECT FROM cron.job j WHERE j.active AND j.database = current_database()
                              AND j.command ~* 'learning_credentials\.generate_(all_)?credentials')
            $query$ INTO cron;
    END IF;
    IF worker <> 'running' AND NOT cron AND NOT pg_is_in_recovery() AND EXISTS (
        SELECT FROM learning_credentials.credential_configuration c WHERE c.enabled) THEN
        RETURN QUERY SELECT 'error', 'no_worker', current_database()::text,
            CASE worker WHEN 'stopped' THEN 'the worker is not running, so no schedule is kept'
                        ELSE 'the worker does not look after this database, so no schedule is kept' END,
            CASE worker WHEN 'stopped' THEN 'Add learning_credentials to shared_preload_libraries and restart, or call start_worker().'
                        ELSE 'Name the database in learning_credentials.databases and reload, or let pg_cron CALL generate_all_credentials().' END;
    END IF;
    RETURN QUERY
        SELECT 'error', 'schedule_overdue', c.learning_context_key || ': ' || t.name,
               format('configuration %s was due at %s and has not run%s', c.id, c.next_run_at,
                      CASE WHEN c.last_run_at IS NULL THEN ', nor ever before' ELSE format(' since %s', c.last_run_at) END),
               'See what the worker does in pg_stat_activity and in the server''s log.'
          FROM learning_credentials.credential_configuration c
          JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id
         WHERE c.enabled AND c.suspension_reason IS NULL AND c.next_run_at < now() - interval '10 minutes'
         ORDER BY c.id;
    RETURN QUERY
        SELECT 'warning', 'schedule_never_runs', c.learning_context_key || ': ' || t.name,
               format('configuration %s is enabled, has never run, and its schedule "%s" names no time to come', c.id, c.schedule),
               'Correct schedule, starts_at or ends_at, or call request_run().'
          FROM learning_credentials.credential_configuration c
          JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id
         WHERE c.enabled AND c.next_run_at IS NULL AND c.last_run_at IS NULL
           AND NOT EXISTS (SELECT FROM learning_credentials.run r WHERE r.configuration_id = c.id)
         ORDER BY c.id;
    RETURN QUERY
        SELECT 'warning', 'run_waits', format('run %s', r.id),
               format('the run of configuration %s was requested at %s and has not begun', r.configuration_id, r.created),
               CASE WHEN c.suspension_reason IS NOT NULL THEN 'The configuration is suspended; lift that or call cancel_run().'
                    ELSE 'See whether the worker is running, and whether another run holds it up.' END
          FROM learning_credentials.run r
          JOIN learning_credentials.credential_configuration c ON c.id = r.configuration_id
         WHERE r.status = 'queued' AND r.created < now() - interval '10 minutes'
         ORDER BY r.id;
    RETURN QUERY
        SELECT 'warning', 'run_abandoned', format('run %s', r.id),
               format('the run of configuration %s is running and nobody works on it', r.configuration_id),
               'The worker goes on with it; without one, CALL generate_credentials() does.'
          FROM learning_credentials.run r
         WHERE r.status = 'running' AND r.started < now() - interval '10 minutes'
           AND NOT EXISTS (SELECT FROM learning_credentials.executor e JOIN pg_stat_activity a ON a.pid = e.pid
                            WHERE a.datname = current_database())
         ORDER BY r.id;

    -- ---- definitions
    FOR configuration IN
        SELECT c.id, c.learning_context_key || ': ' || t.name AS subject, c.enabled, c.suspension_reason, c.run_as,
               t.retrieval_func, t.generation_func,
               learning_credentials.merge_options(t.custom_options, c.custom_options) AS options
          FROM learning_credentials.credential_configuration c
          JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id
         ORDER BY c.id
    LOOP
        IF configuration.suspension_reason IS NOT NULL THEN
            RETURN QUERY SELECT 'error', 'suspended', configuration.subject,
                format('configuration %s is suspended: %s', configuration.id, configuration.suspension_reason),
                'Mend the cause, then set suspension_reason to NULL.';
        END IF;
        BEGIN
            PERFORM learning_credentials.check_callables(configuration.id);
            RETURN QUERY SELECT 'warning', 'option', configuration.subject,
                format('configuration %s: %s', configuration.id, p.sentence), 'Correct the options of the configuration or of its type.'
              FROM (SELECT learning_credentials.validate_options(configuration.retrieval_func, configuration.options)
                     UNION
                    SELECT learning_credentials.validate_options(configuration.generation_func, configuration.options)) AS p (sentence)
             ORDER BY p.sentence;
            IF thorough THEN
                RETURN QUERY SELECT 'warning', 'outdated', configuration.subject,
                    format('credentials of configuration %s show another template, font, image or text than it has now: %s',
                           configuration.id, count(*)),
                    'Documents never change. outdated_credentials() lists them, reissue_outdated() replaces them.'
                  FROM learning_credentials.outdated_credentials(configuration.id)
                HAVING count(*) > 0;
            END IF;
        EXCEPTION WHEN OTHERS THEN
            RETURN QUERY SELECT CASE WHEN configuration.enabled THEN 'error' ELSE 'warning' END, 'cannot_be_called',
                configuration.subject, format('nothing can be issued under configuration %s: %s', configuration.id, SQLERRM),
                format('It runs as "%s" and needs %s and %s.', configuration.run_as, configuration.retrieval_func,
                       configuration.generation_func);
        END;
    END LOOP;
    RETURN QUERY
        SELECT 'warning', 'role_missing', g.role_name::text,
               format('level "%s" was given to role "%s", which %s', g.level, g.role_name,
                      CASE WHEN EXISTS (SELECT FROM pg_roles n WHERE n.rolname = g.role_name)
                           THEN 'was made later' ELSE 'does not exist' END),
               'Create the role if it is missing, and call apply_access(), which forgets one that was dropped; or call revoke_access().'
          FROM learning_credentials.access_grant g
          LEFT JOIN pg_roles r ON r.oid = g.role_oid
         WHERE r.oid IS NULL
         ORDER BY g.role_name, g.level;
    RETURN QUERY
        SELECT 'error', 'role_can_log_in', r.rolname::text,
               format('role "%s" has level "%s" and can log in, so it can claim to be anybody', r.rolname, g.level),
               'ALTER ROLE ... NOLOGIN, or call revoke_access().'
          FROM learning_credentials.access_grant g
          JOIN pg_roles r ON r.oid = g.role_oid AND r.rolcanlogin
         WHERE g.level IN ('learner', 'staff')
         ORDER BY r.rolname, g.level;
    RETURN QUERY
        SELECT 'warning', 'level_incomplete', r.rolname::text,
               format('role "%s" lacks %s of the privileges of level "%s"', r.rolname, count(*), g.level),
               'Call apply_access().'
          FROM learning_credentials.access_grant g
          JOIN pg_roles r ON r.oid = g.role_oid AND NOT (g.level IN ('learner', 'staff') AND r.rolcanlogin)
          JOIN learning_credentials.access_level a ON a.level = g.level
         CROSS JOIN LATERAL unnest(string_to_array(a.privilege, ', ')) AS p (privilege)
         CROSS JOIN LATERAL (
               SELECT split_part(a.object, ' ', 1) AS kind, substr(a.object, strpos(a.object, ' ') + 1) AS name) AS o
         WHERE NOT CASE o.kind WHEN 'SCHEMA' THEN has_schema_privilege(r.oid, o.name, p.privilege)
                               WHEN 'TABLE' THEN has_table_privilege(r.oid, o.name, p.privilege)
                               ELSE has_function_privilege(r.oid, o.name, p.privilege) END
         GROUP BY r.rolname, g.level
         ORDER BY r.rolname, g.level;

    -- ---- what went wrong
    RETURN QUERY
        SELECT 'error', 'run_failed', c.learning_context_key || ': ' || t.name,
               format('the last run of configuration %s, number %s, failed: %s', c.id, r.id, r.error),
               'Mend the cause; the next run begins anew.'
          FROM learning_credentials.credential_configuration c
          JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id
         CROSS JOIN LATERAL (
               SELECT n.id, n.status, n.error FROM learning_credentials.run n
                WHERE n.configuration_id = c.id AND n.status IN ('finished', 'failed')
                ORDER BY n.id DESC LIMIT 1) AS r
         WHERE r.status = 'failed'
         ORDER BY c.id;
    RETURN QUERY
        SELECT 'warning', 'run_warned', c.learning_context_key || ': ' || t.name,
               format('the last run of configuration %s, number %s, warned: %s', c.id, r.id, r.warning),
               format('See whether its facts are right; plan_run(%s) tells what is so now.', c.id)
          FROM learning_credentials.credential_configuration c
          JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id
         CROSS JOIN LATERAL (
               SELECT n.id, n.warning FROM learning_credentials.run n
                WHERE n.configuration_id = c.id AND n.status IN ('finished', 'failed') AND n.trigger NOT IN ('retry', 'bulk')
                ORDER BY n.id DESC LIMIT 1) AS r
         WHERE r.warning IS NOT NULL
         ORDER BY c.id;
    RETURN QUERY
        SELECT 'error', 'errors', c.learning_context_key || ': ' || t.name,
               format('credentials of configuration %s in error: %s, of which %s are not tried again; the latest: %s', c.id,
                      e.count, e.given_up,
                      split_part(e.latest, E'\n', 1)),
               'Mend the cause; retry_credential() tries one again, a run those that are due.'
          FROM (SELECT x.configuration_id, count(*), count(*) FILTER (WHERE x.retry_at IS NULL) AS given_up,
                       (array_agg(x.error_message ORDER BY x.modified DESC))[1] AS latest
                  FROM learning_credentials.credential x
                 WHERE x.status = 'error'
                   AND NOT EXISTS (SELECT FROM learning_credentials.exception h
                                    WHERE h.configuration_id = x.configuration_id AND h.user_id = x.user_id
                                      AND h.kind = 'hold' AND h.lifted_at IS NULL AND (h.ends_at IS NULL OR h.ends_at > now()))
                 GROUP BY x.configuration_id) AS e
          JOIN learning_credentials.credential_configuration c ON c.id = e.configuration_id
          JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id
         ORDER BY c.id;
    RETURN QUERY
        SELECT 'error', 'crash', s.credential_uuid::text,
               format('the server crashed %s while the document of this credential was made',
                      CASE s.crashes WHEN 1 THEN 'once' WHEN 2 THEN 'twice' ELSE s.crashes || ' times' END),
               'See the server''s log. What is suspected is tried alone, three times at most.'
          FROM learning_credentials.suspect s
         ORDER BY s.credential_uuid;

    -- ---- the history's log
    RETURN QUERY
        SELECT 'warning', 'history_unsealed', current_database()::text,
               format('the history is not sealed since %s', e.occurred_at),
               'The worker does it, or a job that calls seal_history(); see the server''s log.'
          FROM learning_credentials.history_state s
         CROSS JOIN LATERAL (
               SELECT min(w.occurred_at) AS occurred_at
                 FROM ((SELECT v.occurred_at FROM learning_credentials.credential_event v
                         WHERE v.transaction_id >= coalesce(pg_snapshot_xmax(s.sealed), '0')
                         ORDER BY v.transaction_id LIMIT 1)
                       UNION ALL
                       (SELECT v.occurred_at FROM learning_credentials.credential_event v
                         WHERE v.transaction_id = ANY (ARRAY(SELECT pg_snapshot_xip(s.sealed)))
                           AND NOT EXISTS (SELECT FROM learning_credentials.history_leaf l
                                            WHERE l.credential_uuid = v.credential_uuid AND l.seq = v.seq))) AS w) AS e
         WHERE e.occurred_at < now() - interval '1 day';
    RETURN QUERY
        SELECT 'error', 'history_damaged', current_database()::text,
               format('the log of the history has %s leaves, and its last checkpoint is of %s', l.size, c.size),
               'verify_history() tells what is wrong. Nothing is sealed before that is mended: restore from a backup.'
          FROM (SELECT coalesce(max(x.leaf_index) + 1, 0) AS size FROM learning_credentials.history_leaf x) AS l,
               (SELECT coalesce(max(x.tree_size), 0) AS size FROM learning_credentials.history_checkpoint x) AS c
         WHERE l.size <> c.size;
    RETURN QUERY
        SELECT 'warning', 'history_unsigned', current_database()::text,
               format('the checkpoint of size %s is not signed, and others are', c.tree_size),
               'See whether learning_credentials.history_key_file can be read; seal_history() signs it then.'
          FROM (SELECT x.tree_size, x.note FROM learning_credentials.history_checkpoint x
                 ORDER BY x.tree_size DESC LIMIT 1) AS c
         WHERE c.note IS NULL
           AND EXISTS (SELECT FROM learning_credentials.history_checkpoint x WHERE x.note IS NOT NULL);

    -- ---- what cannot be, unless somebody went round the triggers and the foreign keys
    IF NOT thorough THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT 'error', 'credential_without_document', x.uuid::text,
               'the credential was issued and has neither a document nor a download_url',
               'Restore its document from a backup, or call reissue_credential().'
          FROM learning_credentials.credential x
          LEFT JOIN learning_credentials.document d ON d.credential_uuid = x.uuid
         WHERE x.status = 'available' AND x.download_url IS NULL AND d.credential_uuid IS NULL
           AND x.erased_at IS NULL
           AND NOT EXISTS (SELECT FROM learning_credentials.credential_event e       -- imported without one
                            WHERE e.credential_uuid = x.uuid AND e.seq = 1 AND e.new_status = 'available')
         ORDER BY x.uuid;
    RETURN QUERY
        SELECT 'error', 'document_without_credential', d.credential_uuid::text,
               'there is a document and no credential that it belongs to',
               'Restore the credential from a backup.'
          FROM learning_credentials.document d
          LEFT JOIN learning_credentials.credential x ON x.uuid = d.credential_uuid
         WHERE x.uuid IS NULL
         ORDER BY d.credential_uuid;
END
$$;
COMMENT ON FUNCTION learning_credentials.health(boolean) IS
'What an administrator has to act on, a finding a row; no row: nothing. severity: error (something is not done that should be) or warning. finding names the kind: no_worker, schedule_overdue, schedule_never_runs, run_waits, run_abandoned, suspended, cannot_be_called, option, outdated, role_missing, role_can_log_in, level_incomplete, run_failed, run_warned, errors, crash, history_unsealed, history_damaged, history_unsigned, credential_without_document, document_without_credential. subject is what it is about, message what was found, hint what to do. thorough: whether every credential and document is looked at, which takes seconds a million.';

-- ------------------------------------------------------------ metrics

CREATE FUNCTION learning_credentials.collect_metrics()
RETURNS TABLE (name text, labels jsonb, value double precision, type text, help text)
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
WITH live AS (
    -- The partial indexes count the few; of the many, the planner's estimate is good enough and free.
    SELECT (SELECT count(*) FROM learning_credentials.credential c WHERE c.status = 'generating') AS generating,
           (SELECT count(*) FROM learning_credentials.credential c WHERE c.status = 'error') AS error,
           (SELECT greatest(r.reltuples, 0) FROM pg_class r
             WHERE r.oid = 'learning_credentials.credential'::regclass) AS credentials,
           (SELECT greatest(r.reltuples, 0) FROM pg_class r
             WHERE r.oid = 'learning_credentials.credential_invalidated'::regclass) AS invalidated)
SELECT m.name, m.labels, m.value, f.type, f.help
  FROM (VALUES ('learning_credentials_credentials', 'gauge', 'Credentials by status; available and invalidated as the last VACUUM or ANALYZE estimated.'),
               ('learning_credentials_queue_age_seconds', 'gauge', 'How long the oldest queued credential has waited.'),
               ('learning_credentials_errors', 'gauge', 'Credentials in error by configuration.'),
               ('learning_credentials_configurations', 'gauge', 'Configurations by state.'),
               ('learning_credentials_schedules_overdue', 'gauge', 'Configurations whose scheduled run is late by more than a minute.'),
               ('learning_credentials_last_run_timestamp_seconds', 'gauge', 'When the last run of a configuration ended, by its outcome.'),
               ('learning_credentials_runs', 'gauge', 'Runs that are kept, by status.'),
               ('learning_credentials_run_documents', 'gauge', 'Documents of the runs that are kept, by outcome.'),
               ('learning_credentials_executors', 'gauge', 'Backends that work on runs.'),
               ('learning_credentials_worker_up', 'gauge', '1 when the worker is running and looks after this database.'),
               ('learning_credentials_suspects', 'gauge', 'Credentials whose documents were being made when the server crashed.'),
               ('learning_credentials_bytes', 'gauge', 'Size on disk by table, with indexes and TOAST.')) AS f (name, type, help)
  JOIN (SELECT 'learning_credentials_credentials', jsonb_build_object('status', s.status), s.n
          FROM live, LATERAL (VALUES ('generating', live.generating::double precision), ('error', live.error),
                                     ('invalidated', live.invalidated),
                                     ('available', greatest(live.credentials - live.invalidated - live.generating - live.error, 0)))
               AS s (status, n)
        UNION ALL
        SELECT 'learning_credentials_queue_age_seconds', '{}',
               coalesce(extract(epoch FROM clock_timestamp() - min(c.modified)), 0)
          FROM learning_credentials.credential c WHERE c.status = 'generating'
        UNION ALL
        SELECT 'learning_credentials_errors',
               jsonb_build_object('configuration_id', c.configuration_id::text, 'retried', (c.retry_at IS NOT NULL)::text), count(*)
          FROM learning_credentials.credential c WHERE c.status = 'error'
         GROUP BY c.configuration_id, c.retry_at IS NOT NULL
        UNION ALL
        SELECT 'learning_credentials_configurations', jsonb_build_object('state', s.state), count(c.id)
          FROM (VALUES ('enabled'), ('disabled'), ('suspended')) AS s (state)
          LEFT JOIN learning_credentials.credential_configuration c
            ON s.state = CASE WHEN c.suspension_reason IS NOT NULL THEN 'suspended' WHEN c.enabled THEN 'enabled' ELSE 'disabled' END
         GROUP BY s.state
        UNION ALL
        SELECT 'learning_credentials_schedules_overdue', '{}', count(*)
          FROM learning_credentials.credential_configuration c
         WHERE c.enabled AND c.suspension_reason IS NULL AND c.next_run_at < now() - interval '1 minute'
        UNION ALL
        SELECT 'learning_credentials_last_run_timestamp_seconds',
               jsonb_build_object('configuration_id', r.configuration_id::text, 'status', r.status), extract(epoch FROM max(r.finished))
          FROM learning_credentials.run r WHERE r.finished IS NOT NULL
         GROUP BY r.configuration_id, r.status
        UNION ALL
        SELECT 'learning_credentials_runs', jsonb_build_object('status', s.status), count(r.id)
          FROM (VALUES ('queued'), ('running'), ('finished'), ('failed'), ('cancelled')) AS s (status)
          LEFT JOIN learning_credentials.run r ON r.status = s.status
         GROUP BY s.status
        UNION ALL
        SELECT 'learning_credentials_run_documents', jsonb_build_object('outcome', s.outcome), coalesce(s.n, 0)
          FROM (SELECT sum(r.issued), sum(r.failed) FROM learning_credentials.run r) AS t (issued, failed),
               LATERAL (VALUES ('issued', t.issued), ('failed', t.failed)) AS s (outcome, n)
        UNION ALL
        SELECT 'learning_credentials_executors', '{}', count(*)
          FROM learning_credentials.executor e JOIN pg_stat_activity a ON a.pid = e.pid AND a.datname = current_database()
        UNION ALL
        SELECT 'learning_credentials_worker_up', '{}', (learning_credentials.worker_state() = 'running')::integer
        UNION ALL
        SELECT 'learning_credentials_suspects', '{}', count(*) FROM learning_credentials.suspect s
        UNION ALL
        SELECT 'learning_credentials_bytes', jsonb_build_object('table', r.relname::text), pg_total_relation_size(r.oid)
          FROM pg_class r
         WHERE r.relnamespace = 'learning_credentials'::regnamespace AND r.relkind = 'r'
           AND r.relname IN ('credential', 'document', 'credential_event', 'history_leaf', 'credential_asset', 'run')) AS m (name, labels, value)
    ON m.name = f.name
$$;
COMMENT ON FUNCTION learning_credentials.collect_metrics() IS 'The rows of the view metrics.';

CREATE VIEW learning_credentials.metrics AS
SELECT m.name, m.labels, m.value, m.type, m.help FROM learning_credentials.collect_metrics() AS m;
COMMENT ON VIEW learning_credentials.metrics IS
'Numbers for a monitoring system, one a row, in the terms of Prometheus: see docs/health.md for an exporter''s configuration.';
COMMENT ON COLUMN learning_credentials.metrics.name IS 'The metric''s name.';
COMMENT ON COLUMN learning_credentials.metrics.labels IS 'Its labels, all of them strings.';
COMMENT ON COLUMN learning_credentials.metrics.value IS 'The number; times are seconds since 1970, sizes are bytes.';
COMMENT ON COLUMN learning_credentials.metrics.type IS 'gauge: all of them may fall as well as rise.';
COMMENT ON COLUMN learning_credentials.metrics.help IS 'What it says.';
