-- ============================================================ privacy
-- Erasing a person, telling a person what is held, and names that are compared and not shown.

-- The number and nothing else: neither when nor why, by which the credentials could be found that were the user's.
CREATE TABLE learning_credentials.retired_user (
    user_id bigint PRIMARY KEY);
COMMENT ON TABLE learning_credentials.retired_user IS
'Users who were retired, see retire_user(): nothing is issued to them any more. Deleting a row lets it be.';
COMMENT ON COLUMN learning_credentials.retired_user.user_id IS 'The user, by the LMS''s number.';

SELECT pg_catalog.pg_extension_config_dump('learning_credentials.retired_user', '');

-- As in table credential: what is erased is not to stand in pg_stats until the next ANALYZE.
ALTER TABLE learning_credentials.lms_user
    ALTER username SET STATISTICS 0,
    ALTER full_name SET STATISTICS 0,
    ALTER first_name SET STATISTICS 0,
    ALTER last_name SET STATISTICS 0,
    ALTER email SET STATISTICS 0;
ALTER TABLE learning_credentials.exception
    ALTER reason SET STATISTICS 0,
    ALTER author SET STATISTICS 0,
    ALTER lifted_by SET STATISTICS 0;
ALTER TABLE learning_credentials.run
    ALTER error SET STATISTICS 0,
    ALTER warning SET STATISTICS 0;

-- What the triggers of the lifecycle allow to nobody else.
CREATE FUNCTION learning_credentials.erase_user(user_id bigint, reason text) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_erase_user';
COMMENT ON FUNCTION learning_credentials.erase_user(bigint, text) IS
'Erases what the issued credentials of a user hold of the user, their documents, and why what happened to them did; an event of each says so, with the reason. For retire_user().';

CREATE FUNCTION learning_credentials.erase_actor(subjects text[]) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_erase_actor';
COMMENT ON FUNCTION learning_credentials.erase_actor(text[]) IS
'Erases from all events by whom they were, where that was one of these subjects. For retire_user().';

CREATE FUNCTION learning_credentials.user_subjects(user_id bigint, subjects text[]) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
SELECT array_agg(DISTINCT s.subject)
  FROM (SELECT user_subjects.user_id::text
        UNION ALL SELECT unnest(user_subjects.subjects)
        UNION ALL SELECT unnest(ARRAY[u.username, u.email]) FROM learning_credentials.lms_user u
                   WHERE u.id = user_subjects.user_id) AS s (subject)
 WHERE s.subject ~ '\S'
$$;
COMMENT ON FUNCTION learning_credentials.user_subjects(bigint, text[]) IS
'As whom a user may have acted: the number, user name and address in lms_user, and the subjects given.';

CREATE FUNCTION learning_credentials.retire_user(
    user_id bigint, reason text, subjects text[] DEFAULT '{}', dry_run boolean DEFAULT false)
RETURNS TABLE (uuid uuid, configuration_id bigint, status learning_credentials.credential_status, action text,
               download_url text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    acted_as text[];
    marks text[];
BEGIN
    IF num_nulls(user_id, reason, subjects, dry_run) > 0 THEN
        RAISE EXCEPTION 'user_id, reason, subjects and dry_run must not be NULL'
            USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF reason !~ '\S' THEN
        RAISE EXCEPTION 'retiring a user needs a reason' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT dry_run THEN
        -- Facts before credentials: whoever loads facts and then issues takes them in this order. Then whoever
        -- writes credentials is waited for, and waits: what a transaction in flight is issuing is found below, and
        -- whoever comes after sees that the user is retired. ROW SHARE is shut out, too: a batch that has locked
        -- rows and is to change them would wait for us, and we for it.
        acted_as := learning_credentials.user_subjects(user_id, subjects);
        SELECT array_agg(m.mark) INTO marks
          FROM (SELECT unnest(ARRAY[u.username, u.email, u.full_name, concat_ws(' ', u.first_name, u.last_name)])
                  FROM learning_credentials.lms_user u WHERE u.id = retire_user.user_id) AS m (mark);
        DELETE FROM learning_credentials.lms_enrollment l WHERE l.user_id = retire_user.user_id;
        DELETE FROM learning_credentials.lms_subsection_grade l WHERE l.user_id = retire_user.user_id;
        DELETE FROM learning_credentials.lms_course_completion l WHERE l.user_id = retire_user.user_id;
        DELETE FROM learning_credentials.lms_user l WHERE l.id = retire_user.user_id;
        DELETE FROM learning_credentials.credential_import i WHERE i.user_id = retire_user.user_id;
        LOCK TABLE learning_credentials.credential IN EXCLUSIVE MODE;
    END IF;

    RETURN QUERY
    SELECT c.uuid, c.configuration_id, c.status,
           CASE WHEN c.status IN ('available', 'invalidated') THEN 'erase' ELSE 'delete' END, c.download_url
      FROM learning_credentials.credential c
     WHERE c.user_id = retire_user.user_id
     ORDER BY c.uuid;
    IF dry_run THEN
        RETURN;
    END IF;

    INSERT INTO learning_credentials.retired_user VALUES (retire_user.user_id) ON CONFLICT DO NOTHING;
    SELECT array_agg(DISTINCT m.mark) INTO marks
      FROM (SELECT unnest(marks || acted_as)
            UNION ALL SELECT c.user_full_name FROM learning_credentials.credential c
                       WHERE c.user_id = retire_user.user_id) AS m (mark)
     WHERE length(m.mark) > 2 AND m.mark <> retire_user.user_id::text;
    DELETE FROM learning_credentials.credential c
     WHERE c.user_id = retire_user.user_id AND c.status IN ('generating', 'error');
    PERFORM learning_credentials.erase_user(user_id, reason);
    PERFORM learning_credentials.erase_actor(acted_as);

    DELETE FROM learning_credentials.exception x WHERE x.user_id = retire_user.user_id;
    UPDATE learning_credentials.exception x
       SET author = CASE WHEN x.author->>'subject' = ANY (acted_as) THEN NULL ELSE x.author END,
           lifted_by = CASE WHEN x.lifted_by->>'subject' = ANY (acted_as) THEN NULL ELSE x.lifted_by END
     WHERE x.author->>'subject' = ANY (acted_as) OR x.lifted_by->>'subject' = ANY (acted_as);
    -- A run that has ended is nobody's to change. Messages of ours say "user 42", those of others anything.
    UPDATE learning_credentials.run r
       SET error = CASE WHEN r.error IS NOT NULL THEN 'Erased: it named a user who was retired.' END,
           warning = CASE WHEN r.warning IS NOT NULL THEN 'Erased: it named a user who was retired.' END
     WHERE r.finished IS NOT NULL
       AND (concat_ws(' ', r.error, r.warning) ~ format('\muser(_id)?\W{0,3}%s\M', retire_user.user_id)
            OR EXISTS (SELECT FROM unnest(marks) AS m (mark)
                        WHERE position(m.mark IN concat_ws(' ', r.error, r.warning)) > 0));
END
$$;
COMMENT ON FUNCTION learning_credentials.retire_user(bigint, text, text[], boolean) IS
'Erases a person for good, and returns a row for each credential that was the user''s: what it was until then, whether it was erased or, never issued, deleted, and where else its document lies, which is yours to erase. An erased credential keeps its code, status, dates, type and context, and verifies; it has no user, no name, no document. Its history keeps what happened, not why, and still verifies. The user''s exceptions go, so does what waits in credential_import, and the rows in the lms_* tables of this schema; those of another source are its LMS''s. Nothing is issued to the user from then on; see retired_user. subjects: as whom else the user acted, by the claim "sub"; the number, and user name and address in lms_user, are known. The reason stays in the history: name nobody in it. With dry_run nothing is done, and the rows are what would be. It waits for whoever is issuing, and has them wait until the transaction ends.

Errors: 22023 no reason; 40001 the transaction''s snapshot is older than what was issued to the user.';

CREATE FUNCTION learning_credentials.export_user(
    user_id bigint, subjects text[] DEFAULT '{}', documents boolean DEFAULT true) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
DECLARE
    acted_as text[];
    bytes bigint;
BEGIN
    IF num_nulls(user_id, subjects, documents) > 0 THEN
        RAISE EXCEPTION 'user_id, subjects and documents must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    acted_as := learning_credentials.user_subjects(user_id, subjects);
    SELECT sum(d.byte_size) INTO bytes
      FROM learning_credentials.credential c
      JOIN learning_credentials.document d ON d.credential_uuid = c.uuid
     WHERE c.user_id = export_user.user_id;
    IF documents AND bytes > 250 * 1024 * 1024 THEN
        RAISE EXCEPTION 'the documents of user % have % MB, more than fit into an answer', user_id, bytes / 1048576
            USING ERRCODE = 'program_limit_exceeded', DETAIL = 'The limit is 250 MB.',
                  HINT = 'Leave them out with documents => false, and read them from table document, one by one.';
    END IF;
    RETURN json_build_object(
        'user_id', user_id,
        'retired', EXISTS (SELECT FROM learning_credentials.retired_user r WHERE r.user_id = export_user.user_id),
        'credentials', (
            SELECT coalesce(json_agg(json_build_object(
                       'credential', to_json(c),
                       'document', (
                           SELECT json_strip_nulls(json_build_object(
                                      'media_type', d.media_type, 'byte_size', d.byte_size,
                                      'sha256', encode(d.sha256, 'hex'), 'created', d.created,
                                      'content', CASE WHEN documents
                                                      THEN translate(encode(d.content, 'base64'), E'\n', '') END))
                             FROM learning_credentials.document d WHERE d.credential_uuid = c.uuid),
                       'events', (
                           SELECT coalesce(json_agg(json_strip_nulls(json_build_object(
                                      'seq', e.seq, 'occurred_at', e.occurred_at, 'kind', e.kind, 'run_id', e.run_id,
                                      'old_status', e.old_status, 'new_status', e.new_status,
                                      'old_issue_date', e.old_issue_date, 'issue_date', e.issue_date,
                                      'old_expires_at', e.old_expires_at, 'expires_at', e.expires_at,
                                      'reason', e.reason)) ORDER BY e.seq), '[]')
                             FROM learning_credentials.credential_event e WHERE e.credential_uuid = c.uuid))
                   ORDER BY c.uuid), '[]')
              FROM learning_credentials.credential c WHERE c.user_id = export_user.user_id),
        'exceptions', (
            SELECT coalesce(json_agg(json_build_object(
                       'configuration_id', x.configuration_id, 'kind', x.kind, 'reason', x.reason, 'created', x.created,
                       'ends_at', x.ends_at, 'lifted_at', x.lifted_at) ORDER BY x.configuration_id), '[]')
              FROM learning_credentials.exception x WHERE x.user_id = export_user.user_id),
        'acts', (
            SELECT coalesce(json_agg(json_build_object(
                       'credential', e.credential_uuid, 'seq', e.seq, 'occurred_at', e.occurred_at, 'kind', e.kind,
                       'new_status', e.new_status, 'actor', e.actor) ORDER BY e.credential_uuid, e.seq), '[]')
              FROM learning_credentials.credential_event e
             WHERE e.actor ? 'subject' AND e.actor->>'subject' = ANY (acted_as)),
        'decisions', (
            SELECT coalesce(json_agg(json_build_object(
                       'configuration_id', x.configuration_id, 'kind', x.kind, 'created', x.created,
                       'lifted_at', x.lifted_at,
                       'author', CASE WHEN x.author->>'subject' = ANY (acted_as) THEN x.author END,
                       'lifted_by', CASE WHEN x.lifted_by->>'subject' = ANY (acted_as) THEN x.lifted_by END)
                   ORDER BY x.configuration_id, x.user_id), '[]')
              FROM learning_credentials.exception x
             WHERE x.author->>'subject' = ANY (acted_as) OR x.lifted_by->>'subject' = ANY (acted_as)),
        'import', (
            SELECT coalesce(json_agg(to_jsonb(i) - 'document' || CASE WHEN i.document IS NULL THEN '{}' ELSE jsonb_build_object(
                       'document', jsonb_build_object(
                           'byte_size', octet_length(i.document), 'sha256', encode(sha256(i.document), 'hex'))) END
                   ORDER BY i.line), '[]')
              FROM learning_credentials.credential_import i WHERE i.user_id = export_user.user_id),
        'lms', json_build_object(
            'lms_user', (
                SELECT to_json(l) FROM learning_credentials.lms_user l WHERE l.id = export_user.user_id),
            'lms_enrollment', (
                SELECT coalesce(json_agg(l ORDER BY l.context_key), '[]')
                  FROM learning_credentials.lms_enrollment l WHERE l.user_id = export_user.user_id),
            'lms_subsection_grade', (
                SELECT coalesce(json_agg(l ORDER BY l.course_key, l.subsection_key), '[]')
                  FROM learning_credentials.lms_subsection_grade l WHERE l.user_id = export_user.user_id),
            'lms_course_completion', (
                SELECT coalesce(json_agg(l ORDER BY l.course_key), '[]')
                  FROM learning_credentials.lms_course_completion l WHERE l.user_id = export_user.user_id)));
END
$$;
COMMENT ON FUNCTION learning_credentials.export_user(bigint, text[], boolean) IS
'All that is held about a user, as JSON, the same for the same data: {"user_id", "retired", "credentials": [{"credential", "document": {"media_type", "byte_size", "sha256", "created", "content"}, "events"}], "exceptions", "acts" (events of anybody''s credentials that the user brought about), "decisions" (exceptions that the user made or lifted), "import" (what waits in credential_import, without documents), "lms": what the lms_* tables of this schema hold}. content is base64; documents => false leaves it out. Of others it tells nothing: not who acted on the user''s credentials. subjects: as in retire_user(). Of a user who was retired only that is left. Times are UTC. Error 54000 when the documents have more than 250 MB.';

-- ------------------------------------------------------------ names that are compared and not shown

CREATE FUNCTION learning_credentials.hides_name_support(internal) RETURNS internal
LANGUAGE C STRICT
AS 'MODULE_PATHNAME', 'lc_hides_name_support';
COMMENT ON FUNCTION learning_credentials.hides_name_support(internal) IS
'Planner support of hides_name(): false while no configuration hides names.';

CREATE FUNCTION learning_credentials.hides_name(configuration_id bigint) RETURNS boolean
LANGUAGE C STRICT STABLE PARALLEL SAFE
SUPPORT learning_credentials.hides_name_support
AS 'MODULE_PATHNAME', 'lc_hides_name';
COMMENT ON FUNCTION learning_credentials.hides_name(bigint) IS
'Whether a configuration hides the names of holders: its column hide_name, remembered by each session until some configuration changes it. For the view metadata.';

CREATE FUNCTION learning_credentials.name_hiding_changed() RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'lc_name_hiding_changed';
COMMENT ON FUNCTION learning_credentials.name_hiding_changed() IS
'Trigger: every session forgets which configurations hide names, and its plans that went by it.';

CREATE TRIGGER name_hiding_begun
    AFTER INSERT ON learning_credentials.credential_configuration
    FOR EACH ROW WHEN (NEW.hide_name) EXECUTE FUNCTION learning_credentials.name_hiding_changed();
CREATE TRIGGER name_hiding_changed
    AFTER UPDATE ON learning_credentials.credential_configuration
    FOR EACH ROW WHEN (OLD.hide_name <> NEW.hide_name OR OLD.id <> NEW.id)
    EXECUTE FUNCTION learning_credentials.name_hiding_changed();
-- Also for what comes by replication.
ALTER TABLE learning_credentials.credential_configuration
    ENABLE ALWAYS TRIGGER name_hiding_begun,
    ENABLE ALWAYS TRIGGER name_hiding_changed;

CREATE FUNCTION learning_credentials.same_name(name text, other text) RETURNS boolean
LANGUAGE C STRICT STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'lc_same_name_of';
COMMENT ON FUNCTION learning_credentials.same_name(text, text) IS
'Whether two names are the same to a person who reads them: upper case, accents, spaces, punctuation and the order of the words do not count (the root collation of Unicode at its first level). The time that it takes does not tell.';
