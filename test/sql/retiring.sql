-- Erasing a person: what goes, what stays, that nothing is left, that nothing is issued any more; and what is held.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET client_min_messages = error;
BEGIN;
SET LOCAL search_path = learning_credentials, public;
SET LOCAL TimeZone = 'UTC';

CREATE FUNCTION pg_temp.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text;
BEGIN
    EXECUTE statement INTO value;
    RETURN coalesce(regexp_replace(value, '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g'), '(null)');
EXCEPTION WHEN OTHERS THEN
    RETURN regexp_replace(SQLSTATE || ' ' || SQLERRM, '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g');
END
$$;
CREATE SCHEMA ret;
-- The facts of an LMS that is not ours, and is not touched; and our own.
CREATE TABLE ret.lms_user (id bigint, username text, full_name text, first_name text, last_name text, email text);
CREATE TABLE ret.lms_context (key text, display_name text, certificate_name text);
CREATE FUNCTION ret.retrieve_all(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql AS $$
SELECT u.id, true, NULL::timestamptz, jsonb_build_object('address', u.email)
  FROM ret.lms_user u WHERE (retrieve_all.user_id IS NULL OR u.id = retrieve_all.user_id)
$$;
-- A document that is not compressed: the name stands in it, and it is larger than a page.
CREATE FUNCTION ret.generate_words(c learning_credentials.credential, options jsonb) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    IF (options->'breaks')::boolean THEN
        RAISE EXCEPTION 'no glyph for % (%)', c.user_full_name, c.evidence->>'address';
    END IF;
    RETURN convert_to(repeat(c.user_full_name || c.uuid, 300), 'UTF8');
END
$$;
INSERT INTO ret.lms_user VALUES (971042, 'countess', 'Augusta Wxyzzy', '', '', 'augusta@wxyzzy.example'), (971043, 'qwerta', 'Qwerta', '', '', '');
INSERT INTO lms_user (id, username, full_name, email) VALUES
    (971042, 'countess', 'Augusta Wxyzzy', 'augusta@wxyzzy.example'), (971043, 'qwerta', 'Qwerta', '');
INSERT INTO lms_enrollment VALUES ('course-v1:ret+a+1', 971042), ('course-v1:ret+a+1', 971043);
INSERT INTO lms_course_completion VALUES ('course-v1:ret+a+1', 971042, 0.5), ('course-v1:ret+a+1', 971043, 0.5);
INSERT INTO lms_subsection_grade VALUES ('course-v1:ret+a+1', 971042, 'Exam', 'e', 1, 2);

INSERT INTO credential_type (id, name, retrieval_func, generation_func, custom_options) VALUES
    (-71, 'Retiring', 'ret.retrieve_all', 'ret.generate_words', '{"source": "ret"}');
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, custom_options) VALUES
    (-71, 'course-v1:ret+a+1', -71, '{}'), (-72, 'course-v1:ret+b+1', -71, '{}'), (-73, 'course-v1:ret+c+1', -71, '{"breaks": true}'),
    (-74, 'course-v1:ret+d+1', -71, '{}'), (-75, 'course-v1:ret+e+1', -71, '{}');

-- ------------------------------------------------------------ a life
-- What somebody else did for her, and what she did herself, known to a REST server by a claim of its own.
SELECT generate_credential(-71, 971042) AS u71 \gset
SET LOCAL request.jwt.claims = '{"sub": "idp|wxyzzy", "user_id": 971042}';
SELECT generate_credential(-72, 971042) AS u72 \gset
SELECT generate_credential(-72, 971043) AS other \gset
SET LOCAL request.jwt.claims = '{"sub": "clerk"}';
SELECT reissue_credential(:'u72', 'Name of Augusta Wxyzzy corrected') AS u72b \gset
SELECT generate_credential(-73, 971042) AS u73 \gset
SELECT status, error_message, retry_at IS NOT NULL AS retried FROM credential WHERE uuid = :'u73';
SELECT generate_credential(-74, 971042) AS u74 \gset
SELECT invalidate_credential(:'u74', 'Augusta Wxyzzy cheated');
-- a replacement that failed
UPDATE credential_configuration SET custom_options = '{"breaks": true}' WHERE id = -71;
SELECT reissue_credential(:'u71', 'Augusta asked for it') AS u71b \gset
UPDATE credential_configuration SET custom_options = '{}' WHERE id = -71;
-- imported: the document is elsewhere
INSERT INTO credential (configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id, user_full_name,
                        status, download_url, legacy_id, issue_date, evidence)
VALUES (-75, 'Retiring', 'course-v1:ret+e+1', 'E', 971042, 'Augusta Wxyzzy', 'available', 'https://old.example/wxyzzy.pdf',
        'wxyzzy-17', '2019-05-01', '{"by": "Wxyzzy"}')
RETURNING uuid AS u75 \gset
INSERT INTO credential_import (learning_context_key, credential_type_name, user_id, user_full_name, learning_context_name, issue_date, document)
SELECT 'course-v1:ret+c+1', 'Retiring', id, name, 'C', '2019-05-01', name::bytea FROM (VALUES (971042, 'Augusta Wxyzzy'), (971043, 'Qwerta')) AS v (id, name);
SELECT grant_exception(-74, 971042, 'Wxyzzy was ill');
SET LOCAL request.jwt.claims = '{"sub": "idp|wxyzzy"}';
SELECT hold_credential(-74, 971043, 'Under review');
SELECT lift_exception(-74, 971043);
RESET request.jwt.claims;
INSERT INTO run (configuration_id, trigger, status, started, finished, error, warning) VALUES
    (-71, 'call', 'failed', now(), now(), 'function "ret.retrieve_all" listed user 971042 twice', NULL),
    (-71, 'call', 'finished', now(), now(), NULL, 'the address augusta@wxyzzy.example is unknown'),
    (-71, 'call', 'failed', now(), now(), 'user 97104 is not there', 'who knows');
SELECT user_id, user_full_name, status, supersedes IS NOT NULL AS replaces FROM credential WHERE configuration_id BETWEEN -75 AND -71 ORDER BY uuid;

-- ------------------------------------------------------------ what is held of her
SELECT export_user(971042) AS export \gset
SELECT export_user(971042)::text = :'export' AS the_same_again;
SELECT k FROM json_object_keys(:'export'::json) AS k;
SELECT e->'credential'->>'status' AS status, e->'credential'->>'user_full_name' AS name, e->'credential'->>'evidence' AS evidence,
       e->'document'->>'byte_size' AS bytes,
       encode(sha256(decode(e->'document'->>'content', 'base64')), 'hex') = e->'document'->>'sha256' AS content,
       (SELECT string_agg(coalesce(v->>'new_status', '-') || coalesce(': ' || (v->>'reason'), ''), ', ') FROM json_array_elements(e->'events') AS v) AS events
  FROM json_array_elements(:'export'::json->'credentials') AS e;
SELECT :'export'::jsonb->'import'->0->'document'->'byte_size' AS bytes_to_import, :'export'::json->'exceptions'->0->>'reason' AS exception, :'export'::json->'decisions'->0->>'kind' AS decision,
       json_array_length(:'export'::json->'acts') AS acts, :'export'::json->'retired' AS retired;
SELECT :'export' LIKE '%clerk%' AS tells_of_others;
-- she acted as the number that the LMS knows her by, or as what else is given
SELECT json_array_length(export_user(971042, '{idp|wxyzzy}')->'acts') AS acts, json_array_length(export_user(971042, '{idp|wxyzzy}')->'decisions') AS decisions;
SELECT export_user(971042)::json->'lms' AS lms;
SELECT export_user(971042, documents => false)::text LIKE '%"content"%' AS documents;
SELECT pg_temp.answer('SELECT learning_credentials.export_user(NULL)');
SELECT export_user(971999) AS nobody;

-- ------------------------------------------------------------ erasing
SELECT pg_temp.answer('SELECT learning_credentials.retire_user(971042, '' '')');
SELECT pg_temp.answer('SELECT learning_credentials.retire_user(971042, NULL)');
SELECT pg_temp.answer('SELECT learning_credentials.retire_user(NULL, ''Because'')');
SELECT count(*) AS erased_before FROM credential WHERE erased_at IS NOT NULL;
-- nobody else may do what it does
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET user_id = NULL, user_full_name = NULL, evidence = ''{}'', erased_at = now() WHERE uuid = %L', :'u72b'));
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET erased_at = now() WHERE uuid = %L', :'u72b'));
SELECT pg_temp.answer(format('DELETE FROM learning_credentials.document WHERE credential_uuid = %L', :'u72b'));
SELECT encode(d.sha256, 'hex') AS sha256, c.verify_uuid AS code FROM document d JOIN credential c ON c.uuid = d.credential_uuid WHERE c.uuid = :'u72b' \gset
-- so that statistics hold what may be in them
ANALYZE credential, document, credential_event, exception, run, lms_user;
SELECT configuration_id, status, action, download_url FROM retire_user(971042, 'Request 17', dry_run => true);
SELECT count(*) AS erased_by_a_dry_run, (SELECT count(*) FROM retired_user) AS retired FROM credential WHERE erased_at IS NOT NULL;
SELECT configuration_id, status, action, download_url FROM retire_user(971042, 'Request 17', '{idp|wxyzzy}');
-- again: there is nothing left
SELECT count(*) AS again FROM retire_user(971042, 'Request 17');

-- what is left: that it was issued, of what, when, and what became of it
SELECT configuration_id, user_id, user_full_name, status, evidence, download_url, legacy_id, invalidation_reason, learning_context_name,
       issue_date IS NOT NULL AS dated, erased_at = now() AS erased, superseded_by = :'u72b' AS replaced
  FROM credential WHERE configuration_id BETWEEN -75 AND -71 ORDER BY uuid;
SELECT c.configuration_id, e.seq, e.kind, e.old_status, e.new_status, e.reason, e.reason_salt IS NULL AS no_salt, e.reason_commitment IS NOT NULL AS committed,
       e.actor->>'subject' AS subject, e.actor IS NULL AS by_nobody, e.actor_commitment IS NOT NULL AS by_committed
  FROM credential_event e LEFT JOIN credential c ON c.uuid = e.credential_uuid
 WHERE e.configuration_id BETWEEN -75 AND -71 ORDER BY e.credential_uuid, e.seq;
SELECT configuration_id, user_id, kind, reason, author, lifted_at IS NOT NULL AS lifted, lifted_by FROM exception WHERE configuration_id BETWEEN -75 AND -71;
SELECT error, warning FROM run WHERE configuration_id = -71 ORDER BY id;
SELECT user_id FROM retired_user;
SELECT count(*) AS documents FROM document d JOIN credential c ON c.uuid = d.credential_uuid WHERE c.configuration_id BETWEEN -75 AND -71;
SELECT finding, detail FROM verify_history() WHERE credential_uuid IN (SELECT uuid FROM credential WHERE configuration_id BETWEEN -75 AND -71);

-- verification still answers, and says why there is no name; a file is nobody's
SELECT status, user_full_name, learning_context_name, is_valid, name_withheld FROM learning_credentials_api.metadata WHERE verify_uuid = :'code';
SELECT status, is_valid FROM verify_at(:'code', now() + interval '1 minute');
SELECT learning_credentials_api.metadata(:'code')::jsonb - 'verify_uuid' - 'created' - 'issue_date' AS metadata;
SELECT learning_credentials_api.verify_document(:'sha256') AS document;
SELECT learning_credentials_api.match_name(:'code', 'Augusta Wxyzzy') AS matches, current_setting('response.status') AS status;
SELECT export_user(971042);

-- ------------------------------------------------------------ nothing is left
-- Looks for a mark in every column of every table and materialized view of both schemas, in text and in bytes.
CREATE FUNCTION pg_temp.found(mark text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    c record;
    n bigint;
BEGIN
    FOR c IN SELECT a.attrelid::regclass AS tab, a.attname, a.atttypid = 'bytea'::regtype AS is_bytes
               FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid
              WHERE r.relnamespace IN ('learning_credentials'::regnamespace, 'learning_credentials_api'::regnamespace)
                AND r.relkind IN ('r', 'm', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    LOOP
        EXECUTE format(CASE WHEN c.is_bytes THEN 'SELECT count(*) FROM %s WHERE encode(%I, ''escape'') ILIKE ''%%'' || $1 || ''%%'''
                            ELSE 'SELECT count(*) FROM %s WHERE %I::text ILIKE ''%%'' || $1 || ''%%''' END, c.tab, c.attname)
        INTO n USING mark;
        IF n > 0 THEN
            RETURN NEXT format('%s.%s: %s', c.tab, c.attname, n);
        END IF;
    END LOOP;
    RETURN QUERY SELECT 'pg_stats of ' || s.tablename || '.' || s.attname FROM pg_stats s
                  WHERE s.schemaname LIKE 'learning\_credentials%'
                    AND (s.most_common_vals::text ILIKE '%' || mark || '%' OR s.histogram_bounds::text ILIKE '%' || mark || '%');
END
$$;
SELECT m.mark, f.* FROM (VALUES ('wxyzzy'), ('augusta'), ('countess')) AS m (mark), pg_temp.found(m.mark) AS f ORDER BY 1, 2;
-- numbers and hashes are in statistics until the next ANALYZE
ANALYZE credential, document, credential_event, exception, run, lms_user, lms_enrollment;
SELECT m.mark, f.* FROM (VALUES ('wxyzzy'), ('augusta'), ('countess'), ('971042'), (:'sha256')) AS m (mark), pg_temp.found(m.mark) AS f ORDER BY 1, 2;
-- it would have found something
SELECT * FROM pg_temp.found('qwerta') AS f ORDER BY 1;

-- ------------------------------------------------------------ nothing is issued any more
SELECT user_id, action, reason FROM plan_run(-71) ORDER BY 1;
SELECT pg_temp.answer('SELECT learning_credentials.generate_credential(-71, 971042)');
SELECT pg_temp.answer('SELECT learning_credentials.grant_exception(-71, 971042, ''Please'')');
INSERT INTO credential_import (learning_context_key, credential_type_name, user_id, user_full_name, learning_context_name, issue_date)
VALUES ('course-v1:ret+a+1', 'Retiring', 971042, 'Augusta Wxyzzy', 'A', '2019-05-01');
SELECT column_name, problem FROM check_import();
DELETE FROM credential_import WHERE user_id = 971042;
SELECT pg_temp.answer('SELECT learning_credentials.hold_credential(-71, 971042, ''Please'')');
-- what was erased is nobody's: it ends, and is not replaced
SELECT pg_temp.answer(format('SELECT learning_credentials.reissue_credential(%L)', :'u72b'));
SELECT pg_temp.answer(format('SELECT learning_credentials.renew_credential(%L)', :'u72b'));
SELECT pg_temp.answer(format('SELECT learning_credentials.correct_issue_date(%L, ''2020-01-01'', ''Earlier'')', :'u75'));
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET user_full_name = ''Augusta'' WHERE uuid = %L', :'u72b'));
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET legacy_id = ''17'' WHERE uuid = %L', :'u75'));
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET erased_at = NULL WHERE uuid = %L', :'u75'));
UPDATE credential_type SET custom_options = custom_options || '{"suffix": "new design"}' WHERE id = -71;
SELECT user_id FROM outdated_credentials(-72);
UPDATE credential SET expires_at = now() + interval '1 hour' WHERE uuid IN (:'u72b', :'other');
SELECT user_id FROM expiring_credentials('2 hours', -72);
SELECT finding, subject FROM health(true) WHERE finding = 'credential_without_document';
SELECT pg_temp.answer(format('SELECT learning_credentials.invalidate_credential(%L, ''Issued in error'')', :'u72b'));
SELECT status, invalidation_reason, name_withheld FROM learning_credentials_api.metadata WHERE verify_uuid = :'code';
-- a run withdraws nothing from nobody
UPDATE credential_configuration SET withdraw = true WHERE id = -71;
UPDATE credential SET run_id = 1 WHERE uuid = :'u71';
SELECT user_id, action FROM plan_run(-71) ORDER BY 1;
-- who comes back is issued to again
DELETE FROM retired_user WHERE user_id = 971042;
SELECT user_id, action FROM plan_run(-71) ORDER BY 1;
SELECT generate_credential(-71, 971042) IS NOT NULL AS issued;
SELECT configuration_id, status, action FROM retire_user(971042, 'Request 18');
ROLLBACK;
