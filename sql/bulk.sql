-- ============================================================ many at once
-- What is done to one credential, done to a set of them: an array, or ARRAY(SELECT ...). Invoker's rights: the
-- functions for one decide what the caller may.

CREATE TYPE learning_credentials.bulk_result AS (
    item text,
    uuid uuid,
    status learning_credentials.credential_status,
    run_id bigint,
    error text);
COMMENT ON TYPE learning_credentials.bulk_result IS
'What became of one item of a bulk function.';
COMMENT ON COLUMN learning_credentials.bulk_result.item IS 'The item: the uuid of a credential, or the number of a user.';
COMMENT ON COLUMN learning_credentials.bulk_result.uuid IS 'The credential that came of it: a new one, or the same.';
COMMENT ON COLUMN learning_credentials.bulk_result.status IS 'Its status then; generating: the run sees to it. NULL: nothing was done, see error.';
COMMENT ON COLUMN learning_credentials.bulk_result.run_id IS 'The run that makes its document, with in_run.';
COMMENT ON COLUMN learning_credentials.bulk_result.error IS 'Why nothing was done, or why its document could not be made.';

CREATE FUNCTION learning_credentials.bulk_run(configuration_id bigint) RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_bulk_run';
COMMENT ON FUNCTION learning_credentials.bulk_run(bigint) IS
'The queued run of a configuration, or a new one that does nothing but what is put into it; wakes the worker.';

CREATE FUNCTION learning_credentials.queue_credential(configuration_id bigint, user_id bigint, run_id bigint) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_generate_credential';
COMMENT ON FUNCTION learning_credentials.queue_credential(bigint, bigint, bigint) IS
'generate_credential() that leaves the document to a queued run of the configuration. Error 55000 when it is none.';

CREATE FUNCTION learning_credentials.queue_retry(uuid uuid, run_id bigint) RETURNS learning_credentials.credential_status
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_retry_credential';
COMMENT ON FUNCTION learning_credentials.queue_retry(uuid, bigint) IS
'retry_credential() that leaves the document to a queued run of the configuration.';

CREATE FUNCTION learning_credentials.queue_reissue(uuid uuid, reason text, run_id bigint) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_reissue_credential';
COMMENT ON FUNCTION learning_credentials.queue_reissue(uuid, text, bigint) IS
'reissue_credential() that leaves the document to a queued run of the configuration.';

CREATE FUNCTION learning_credentials.queue_renewal(uuid uuid, reason text, run_id bigint) RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_renew_credential';
COMMENT ON FUNCTION learning_credentials.queue_renewal(uuid, text, bigint) IS
'renew_credential() that leaves the document to a queued run of the configuration.';

CREATE FUNCTION learning_credentials.expire_credential(uuid uuid, expires_at timestamptz, reason text) RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_expire_credential';
COMMENT ON FUNCTION learning_credentials.expire_credential(uuid, timestamptz, text) IS
'Sets when an available credential expires, sooner or later than it did; the history keeps both times and the reason. The document is not changed: what verifying tells counts. Errors: 55000 for one that is not available, 22023 for a time before its issue.';

CREATE FUNCTION learning_credentials.invalidate_together(uuids uuid[], reason text) RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_invalidate_together';
COMMENT ON FUNCTION learning_credentials.invalidate_together(uuid[], text) IS
'invalidate_credential() for all of them in one statement; false, and nothing done, when not all of them are available.';

-- ------------------------------------------------------------ the work

CREATE FUNCTION learning_credentials.bulk_item(
    action text, configuration_id bigint, item text, expires_at timestamptz, reason text, in_run boolean)
RETURNS learning_credentials.bulk_result
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    what text := CASE WHEN in_run THEN action || ' in a run' ELSE action END;
    result learning_credentials.bulk_result;
BEGIN
    result.item := item;
    IF action <> 'generate' THEN
        SELECT c.configuration_id INTO configuration_id FROM learning_credentials.credential c WHERE c.uuid = item::uuid;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'credential "%" does not exist', item USING ERRCODE = 'undefined_object';
        END IF;
    END IF;
    IF in_run THEN
        result.run_id := learning_credentials.bulk_run(configuration_id);
    END IF;
    CASE what
        WHEN 'generate' THEN result.uuid := learning_credentials.generate_credential(configuration_id, item::bigint);
        WHEN 'generate in a run' THEN
            result.uuid := learning_credentials.queue_credential(configuration_id, item::bigint, result.run_id);
        WHEN 'retry' THEN PERFORM learning_credentials.retry_credential(item::uuid);
        WHEN 'retry in a run' THEN PERFORM learning_credentials.queue_retry(item::uuid, result.run_id);
        WHEN 'reissue' THEN result.uuid := learning_credentials.reissue_credential(item::uuid, reason);
        WHEN 'reissue in a run' THEN result.uuid := learning_credentials.queue_reissue(item::uuid, reason, result.run_id);
        WHEN 'renew' THEN result.uuid := learning_credentials.renew_credential(item::uuid, reason);
        WHEN 'renew in a run' THEN result.uuid := learning_credentials.queue_renewal(item::uuid, reason, result.run_id);
        WHEN 'invalidate' THEN PERFORM learning_credentials.invalidate_credential(item::uuid, reason);
        WHEN 'expire' THEN PERFORM learning_credentials.expire_credential(item::uuid, expires_at, reason);
    END CASE;
    result.uuid := coalesce(result.uuid, item::uuid);
    SELECT c.status, c.error_message INTO result.status, result.error
      FROM learning_credentials.credential c WHERE c.uuid = result.uuid;
    IF result.status <> 'generating' THEN
        result.run_id := NULL;
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION learning_credentials.bulk_item(text, bigint, text, timestamptz, text, boolean) IS
'One item of bulk_work().';

-- An item that fails must not take others with it, so it is done in a subtransaction. One for each item of
-- hundred thousand would slow down the whole server; so a hundred items share one, and only when one of them
-- fails they are done again one by one. Items in ascending order: two who work on the same ones do not deadlock.
CREATE FUNCTION learning_credentials.bulk_work(
    action text, configuration_id bigint, items text[], expires_at timestamptz, reason text,
    in_run boolean, all_or_nothing boolean, dry_run boolean)
RETURNS SETOF learning_credentials.bulk_result
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    hundred text[];
    item text;
    done learning_credentials.bulk_result[];
    result learning_credentials.bulk_result;
    queue boolean;
BEGIN
    IF in_run IS NULL OR all_or_nothing IS NULL OR dry_run IS NULL THEN
        RAISE EXCEPTION '% must not be NULL',
            CASE WHEN in_run IS NULL THEN 'in_run' WHEN all_or_nothing IS NULL THEN 'all_or_nothing' ELSE 'dry_run' END
            USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF items IS NULL OR array_position(items, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'the items to % must not be NULL', action USING ERRCODE = 'null_value_not_allowed';
    END IF;
    queue := in_run OR dry_run AND action NOT IN ('invalidate', 'expire');
    BEGIN
        FOR hundred IN
            SELECT array_agg(u.item ORDER BY u.number) FROM unnest(items) WITH ORDINALITY AS u (item, number)
             GROUP BY (u.number - 1) / 100 ORDER BY (u.number - 1) / 100
        LOOP
            BEGIN
                done := '{}';
                IF action = 'invalidate' AND learning_credentials.invalidate_together(hundred::uuid[], reason) THEN
                    SELECT array_agg(ROW(u, u, 'invalidated', NULL, NULL)::learning_credentials.bulk_result ORDER BY u)
                      INTO done FROM unnest(hundred) AS u;
                    hundred := '{}';
                END IF;
                FOREACH item IN ARRAY hundred LOOP
                    done := done || learning_credentials.bulk_item(action, configuration_id, item, expires_at, reason, queue);
                END LOOP;
            EXCEPTION WHEN OTHERS THEN
                IF all_or_nothing THEN
                    RAISE;
                END IF;
                done := '{}';
                FOREACH item IN ARRAY hundred LOOP
                    BEGIN
                        result := learning_credentials.bulk_item(action, configuration_id, item, expires_at, reason, queue);
                    EXCEPTION WHEN OTHERS THEN
                        result := ROW(item, NULL, NULL, NULL, SQLERRM);
                    END;
                    done := done || result;
                END LOOP;
            END;
            FOREACH result IN ARRAY done LOOP
                IF all_or_nothing AND result.status = 'error' THEN
                    RAISE EXCEPTION 'could not % "%": %', action, result.item, result.error
                        USING ERRCODE = 'external_routine_exception', HINT = 'Nothing was done.';
                END IF;
                IF dry_run THEN
                    result.run_id := NULL;
                    IF action IN ('generate', 'reissue', 'renew') AND result.status = 'generating' THEN
                        result.uuid := NULL;
                    END IF;
                END IF;
                RETURN NEXT result;
            END LOOP;
        END LOOP;
        IF dry_run THEN
            RAISE EXCEPTION USING ERRCODE = 'LCDRY';
        END IF;
    EXCEPTION WHEN SQLSTATE 'LCDRY' THEN
        IF NOT dry_run THEN     -- somebody else's
            RAISE;
        END IF;                 -- undone, and the rows that tell what it would have been stay
    END;
END
$$;
COMMENT ON FUNCTION learning_credentials.bulk_work(text, bigint, text[], timestamptz, text, boolean, boolean, boolean) IS
'What all bulk functions have in common. in_run: a run makes the documents. all_or_nothing: the first error undoes all, and is raised. dry_run: nothing is done, and the rows say what would be; documents are not tried.';

-- ------------------------------------------------------------ what is called

CREATE FUNCTION learning_credentials.bulk_generate(
    configuration_id bigint, user_ids bigint[],
    in_run boolean DEFAULT false, all_or_nothing boolean DEFAULT false, dry_run boolean DEFAULT false)
RETURNS SETOF learning_credentials.bulk_result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT * FROM learning_credentials.bulk_work(
    'generate', configuration_id, CASE WHEN user_ids IS NOT NULL THEN ARRAY(SELECT u::text FROM (SELECT DISTINCT unnest(user_ids)) AS i (u) ORDER BY u) END, NULL, NULL, in_run, all_or_nothing, dry_run)
$$;
COMMENT ON FUNCTION learning_credentials.bulk_generate(bigint, bigint[], boolean, boolean, boolean) IS
'generate_credential() for each of the users, in the order of their numbers, a row for each; whom the array has twice, once. in_run: the documents are made by a run, whose number the rows tell and run_progress follows. all_or_nothing: an error of one undoes all and is raised; without it, it stands in the one''s row. dry_run: nothing is done, and no document tried; the rows say what would be.';

CREATE FUNCTION learning_credentials.bulk_retry(
    uuids uuid[],
    in_run boolean DEFAULT false, all_or_nothing boolean DEFAULT false, dry_run boolean DEFAULT false)
RETURNS SETOF learning_credentials.bulk_result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT * FROM learning_credentials.bulk_work(
    'retry', NULL, CASE WHEN uuids IS NOT NULL THEN ARRAY(SELECT u::text FROM (SELECT DISTINCT unnest(uuids)) AS i (u) ORDER BY u) END, NULL, NULL, in_run, all_or_nothing, dry_run)
$$;
COMMENT ON FUNCTION learning_credentials.bulk_retry(uuid[], boolean, boolean, boolean) IS
'retry_credential() for each of the credentials, a row for each. in_run, all_or_nothing, dry_run: as for bulk_generate().';

CREATE FUNCTION learning_credentials.bulk_reissue(
    uuids uuid[], reason text DEFAULT 'Reissued',
    in_run boolean DEFAULT false, all_or_nothing boolean DEFAULT false, dry_run boolean DEFAULT false)
RETURNS SETOF learning_credentials.bulk_result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT * FROM learning_credentials.bulk_work(
    'reissue', NULL, CASE WHEN uuids IS NOT NULL THEN ARRAY(SELECT u::text FROM (SELECT DISTINCT unnest(uuids)) AS i (u) ORDER BY u) END, NULL, reason, in_run, all_or_nothing, dry_run)
$$;
COMMENT ON FUNCTION learning_credentials.bulk_reissue(uuid[], text, boolean, boolean, boolean) IS
'reissue_credential() for each of the credentials, with one reason, a row for each. in_run, all_or_nothing, dry_run: as for bulk_generate().';

CREATE FUNCTION learning_credentials.bulk_renew(
    uuids uuid[], reason text DEFAULT 'Renewed',
    in_run boolean DEFAULT false, all_or_nothing boolean DEFAULT false, dry_run boolean DEFAULT false)
RETURNS SETOF learning_credentials.bulk_result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT * FROM learning_credentials.bulk_work(
    'renew', NULL, CASE WHEN uuids IS NOT NULL THEN ARRAY(SELECT u::text FROM (SELECT DISTINCT unnest(uuids)) AS i (u) ORDER BY u) END, NULL, reason, in_run, all_or_nothing, dry_run)
$$;
COMMENT ON FUNCTION learning_credentials.bulk_renew(uuid[], text, boolean, boolean, boolean) IS
'renew_credential() for each of the credentials, with one reason, a row for each. in_run, all_or_nothing, dry_run: as for bulk_generate().';

CREATE FUNCTION learning_credentials.bulk_invalidate(
    uuids uuid[], reason text, all_or_nothing boolean DEFAULT false, dry_run boolean DEFAULT false)
RETURNS SETOF learning_credentials.bulk_result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT * FROM learning_credentials.bulk_work(
    'invalidate', NULL, CASE WHEN uuids IS NOT NULL THEN ARRAY(SELECT u::text FROM (SELECT DISTINCT unnest(uuids)) AS i (u) ORDER BY u) END, NULL, reason, false, all_or_nothing, dry_run)
$$;
COMMENT ON FUNCTION learning_credentials.bulk_invalidate(uuid[], text, boolean, boolean) IS
'invalidate_credential() for each of the credentials, with one reason, a row for each. all_or_nothing, dry_run: as for bulk_generate().';

CREATE FUNCTION learning_credentials.bulk_expire(
    uuids uuid[], expires_at timestamptz, reason text, all_or_nothing boolean DEFAULT false, dry_run boolean DEFAULT false)
RETURNS SETOF learning_credentials.bulk_result
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT * FROM learning_credentials.bulk_work(
    'expire', NULL, CASE WHEN uuids IS NOT NULL THEN ARRAY(SELECT u::text FROM (SELECT DISTINCT unnest(uuids)) AS i (u) ORDER BY u) END, expires_at, reason, false, all_or_nothing, dry_run)
$$;
COMMENT ON FUNCTION learning_credentials.bulk_expire(uuid[], timestamptz, text, boolean, boolean) IS
'expire_credential() for each of the credentials, with one reason, a row for each. all_or_nothing, dry_run: as for bulk_generate().';
