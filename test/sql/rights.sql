-- Whose rights: what people without rights try, and what a role with level issuer can do with nothing else.
-- CALL commits, so this test has a database of its own.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
SELECT current_database() AS home \gset
CREATE DATABASE lc_rights;
\c lc_rights
SET client_min_messages = warning;
CREATE EXTENSION learning_credentials;

CREATE ROLE lc_issuer;              -- level issuer, nothing else
CREATE ROLE lc_registrar;           -- level admin
CREATE ROLE lc_colleague;           -- level issuer too
CREATE ROLE lc_runner;              -- no level; what some configurations run as
CREATE ROLE lc_mallory;             -- no rights but a schema of her own
SELECT learning_credentials.grant_access('lc_issuer', 'issuer');
SELECT learning_credentials.grant_access('lc_colleague', 'issuer');
SELECT learning_credentials.grant_access('lc_registrar', 'admin');
CREATE SCHEMA issuer AUTHORIZATION lc_issuer;
CREATE SCHEMA mal AUTHORIZATION lc_mallory;
GRANT USAGE ON SCHEMA learning_credentials TO lc_mallory;      -- to name the types

-- What a statement is answered: its value, or its error. Uuids are not printed.
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO PUBLIC;
CREATE FUNCTION t.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text;
    detail text;
    n bigint;
BEGIN
    IF statement ~* '^(select|with|table|explain)' THEN
        EXECUTE statement INTO value;
        RETURN coalesce(regexp_replace(value, '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g'), '(null)');
    END IF;
    EXECUTE statement;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN 'ok, ' || n;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN regexp_replace(concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, CASE WHEN SQLSTATE !~ '^23' THEN nullif(detail, '') END),
                          '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g');
END
$$;
CREATE TABLE t.acted (what text, as_role name DEFAULT current_user);
GRANT INSERT, SELECT ON t.acted TO PUBLIC;

-- ------------------------------------------------------------ the registrar's job: facts
SET SESSION AUTHORIZATION lc_registrar;
INSERT INTO learning_credentials.lms_user (id, username, full_name) VALUES
    (1, 'ada', 'Ada Lovelace'), (2, 'blaise', 'Blaise Pascal'), (3, 'curie', 'Marie Curie');
INSERT INTO learning_credentials.lms_context (key, display_name) VALUES ('course-v1:a+b+1', 'Maths');
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id) SELECT 'course-v1:a+b+1', id FROM learning_credentials.lms_user;
INSERT INTO learning_credentials.lms_course_completion (course_key, user_id, percent)
SELECT 'course-v1:a+b+1', id, CASE WHEN id = 3 THEN 0.5 ELSE 1 END FROM learning_credentials.lms_user;
INSERT INTO learning_credentials.lms_subsection_grade (course_key, user_id, assignment_type, subsection_key, earned, possible)
VALUES ('course-v1:a+b+1', 3, 'Exam', 'e1', 1, 10);

-- ------------------------------------------------------------ the issuer's job, from the first to the last
SET SESSION AUTHORIZATION lc_issuer;
INSERT INTO learning_credentials.credential_asset (slug, content)
VALUES ('dot', decode('89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a4944415478da6368000000820081da45083b0000000049454e44ae426082', 'hex'));
SELECT name, kind FROM learning_credentials.available_functions ORDER BY name;
SELECT * FROM learning_credentials.validate_options('generate_pdf', '{"page": {}, "text_elements": {"name": {"colour": 1}}}');
SELECT substring(learning_credentials.preview_pdf('{"page": {}}') FROM 1 FOR 5) = '%PDF-' AS preview;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options)
VALUES ('Completion', 'retrieve_completions', 'generate_pdf', '{"page": {}, "images": [{"slug": "dot", "x": 10, "y": 10}]}')
RETURNING id AS type \gset
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, enabled)
VALUES ('course-v1:a+b+1', :type, true) RETURNING id AS conf, run_as \gset
SELECT :'run_as' AS run_as;
SELECT user_id, is_eligible FROM learning_credentials.eligible_users(:conf) ORDER BY 1;
CALL learning_credentials.generate_credentials(:conf);
CALL learning_credentials.generate_all_credentials();
SELECT learning_credentials.request_run(:conf) > 0 AS queued;
CALL learning_credentials.generate_all_credentials();
SELECT learning_credentials.generate_credential(:conf, 3) AS c3 \gset
UPDATE learning_credentials.credential_configuration SET custom_options = '{"page": {"size": "A5"}}' WHERE id = :conf;
SELECT learning_credentials.reissue_credential(:'c3', 'Smaller') AS r3 \gset
SELECT learning_credentials.invalidate_credential(:'r3', 'Not completed');
UPDATE learning_credentials.credential_configuration SET custom_options = '{"page": {"size": "A0"}}' WHERE id = :conf;
SET client_min_messages = error;
SELECT learning_credentials.generate_credential(:conf, 3) AS e3 \gset
SET client_min_messages = warning;
UPDATE learning_credentials.credential_configuration SET custom_options = '{}' WHERE id = :conf;
SELECT learning_credentials.retry_credential(:'e3');
SELECT user_full_name, status, invalidation_reason, error_message FROM learning_credentials.credential ORDER BY created, uuid;
SELECT count(*) AS documents, bool_and(substring(content FROM 1 FOR 5) = '%PDF-') AS pdf, count(DISTINCT sha256) AS hashes
  FROM learning_credentials.credential_document;
SELECT count(*) AS events, min(actor->>'role') AS role, max(actor->>'role') AS role FROM learning_credentials.credential_event;
SELECT trigger, status, seen, eligible, issued, requested_by FROM learning_credentials.run ORDER BY id;
SELECT count(*) AS progress FROM learning_credentials.run_progress;
SELECT verify_uuid AS v FROM learning_credentials.credential WHERE status = 'available' LIMIT 1 \gset
SELECT count(*) AS verified FROM learning_credentials_api.metadata WHERE verify_uuid = :'v';
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
VALUES ('course-v1:a+b+2', :type) RETURNING id AS spare \gset
DELETE FROM learning_credentials.credential_configuration WHERE id = :spare;
-- dates and corrections
BEGIN;
UPDATE learning_credentials.credential_configuration SET expires_after = '1 year' WHERE id = :conf;
SELECT learning_credentials.correct_issue_date(:'e3', '2025-01-01 00:00+00', 'Earlier') AS e4 \gset
SELECT learning_credentials.invalidate_credential(:'e4', 'Anew');
SELECT learning_credentials.generate_credential(:conf, 3) AS e5 \gset
SELECT learning_credentials.renew_credential(:'e5') AS e6 \gset
SELECT user_id, extract(year FROM expires_at) - extract(year FROM issue_date) AS years FROM learning_credentials.expiring_credentials('3 years');
SELECT v.status, v.is_valid FROM learning_credentials.credential c CROSS JOIN learning_credentials.verify_at(c.verify_uuid, 'infinity') v
 WHERE c.uuid IN (:'e5', :'e6') ORDER BY c.uuid;
SELECT user_full_name = current_name AS name, differs, status FROM learning_credentials.refresh_user(3, ARRAY[:'e6']::uuid[]);
SELECT count(*) AS outdated FROM learning_credentials.outdated_credentials(:conf);
UPDATE learning_credentials.credential_configuration SET custom_options = '{"page": {"size": "Letter"}}' WHERE id = :conf;
SELECT status, error FROM learning_credentials.reissue_outdated(:conf) WHERE user_id = 3;
ROLLBACK;
-- and nothing more
SELECT s AS statement, t.answer(s) FROM unnest(ARRAY[
    'INSERT INTO learning_credentials.lms_user (id, username) VALUES (9, ''x'')',
    'UPDATE learning_credentials.lms_subsection_grade SET earned = 10',
    'UPDATE learning_credentials.credential SET user_full_name = ''x''',
    'INSERT INTO learning_credentials.credential (configuration_id, credential_type_name, learning_context_key, user_id) VALUES (1, '''', ''course-v1:a+b+1'', 9)',
    'DELETE FROM learning_credentials.credential',
    'SELECT count(*) FROM learning_credentials.document', 'SELECT count(*) FROM learning_credentials.archived_document',
    'INSERT INTO learning_credentials.credential_event (credential_uuid, seq, configuration_id) VALUES (learning_credentials.uuid_random(), 1, 1)',
    'UPDATE learning_credentials.run SET issued = 7', 'SELECT count(*) FROM learning_credentials.access_grant',
    'TRUNCATE learning_credentials.credential_asset',
    'SELECT learning_credentials.grant_access(''lc_mallory'', ''admin'')',
    'SELECT learning_credentials.revoke_access(''lc_registrar'', ''admin'')',
    'SELECT learning_credentials.apply_access()', 'SELECT learning_credentials.give_level(''lc_issuer'', ''admin'')',
    'SELECT learning_credentials.change_privileges(''{}'')', 'SELECT learning_credentials.settle_access()',
    'INSERT INTO learning_credentials.access_privilege VALUES (''issuer'', ''SELECT'', ''TABLE learning_credentials.document'')',
    'SELECT learning_credentials.keyed(''00000000-0000-7000-8000-000000000000'')',
    'SET learning_credentials.max_document_size = ''256MB''', 'SET learning_credentials.verify_url = ''https://evil.example''',
    'CREATE TABLE learning_credentials.x ()', 'CREATE TABLE learning_credentials_api.x ()']) AS s;

-- ------------------------------------------------------------ triggers, planted or borrowed
CREATE FUNCTION issuer.planted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t.acted VALUES ('planted trigger'); RETURN NEW; END $$;
CREATE TABLE issuer.own (status learning_credentials.credential_status, uuid uuid);
SELECT s AS statement, t.answer(s) FROM unnest(ARRAY[
    'CREATE TRIGGER planted BEFORE INSERT ON learning_credentials.credential_asset FOR EACH ROW EXECUTE FUNCTION issuer.planted()',
    'CREATE TRIGGER planted BEFORE INSERT ON learning_credentials.credential_configuration FOR EACH ROW EXECUTE FUNCTION issuer.planted()',
    'CREATE TRIGGER planted BEFORE INSERT ON learning_credentials.lms_user FOR EACH ROW EXECUTE FUNCTION issuer.planted()',
    'CREATE TABLE issuer.referring (id bigint REFERENCES learning_credentials.credential_type)',
    'CREATE RULE planted AS ON UPDATE TO learning_credentials.credential_type DO ALSO INSERT INTO t.acted VALUES (''rule'')',
    'CREATE TRIGGER borrowed AFTER DELETE ON issuer.own REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION learning_credentials.record_events()',
    'SELECT learning_credentials.record_events()', 'SELECT learning_credentials.check_type()',
    'SELECT learning_credentials.check_configuration()', 'SELECT learning_credentials.check_asset()']) AS s;
SET SESSION AUTHORIZATION lc_registrar;
CREATE TEMP TABLE mine (id bigint);
SELECT s AS statement, t.answer(s) FROM unnest(ARRAY[
    'CREATE TRIGGER planted BEFORE INSERT ON learning_credentials.lms_user FOR EACH ROW EXECUTE FUNCTION issuer.planted()',
    'CREATE TRIGGER planted BEFORE INSERT ON learning_credentials.credential FOR EACH ROW EXECUTE FUNCTION issuer.planted()',
    'TRUNCATE learning_credentials.lms_enrollment',
    'ALTER TABLE mine ADD FOREIGN KEY (id) REFERENCES learning_credentials.lms_user']) AS s;

-- ------------------------------------------------------------ a function with the right prefix that waits
SET SESSION AUTHORIZATION lc_mallory;
GRANT USAGE ON SCHEMA mal TO PUBLIC;
CREATE FUNCTION mal.act(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.acted (what) VALUES (what);
    UPDATE learning_credentials.lms_subsection_grade SET earned = 10;
    RETURN true;
END
$$;
CREATE FUNCTION mal.retrieve_plant(text, jsonb, bigint) RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mal.act('retrieve');
    RETURN QUERY SELECT 3::bigint, true, now(), '{}'::jsonb;
END
$$;
CREATE FUNCTION mal.generate_plant(learning_credentials.credential, jsonb) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    PERFORM mal.act('generate');
    RETURN 'x';
END
$$;
-- the caller names them, and has them run as himself; a superuser does the same
SET SESSION AUTHORIZATION lc_issuer;
SELECT name FROM learning_credentials.available_functions WHERE name LIKE 'mal.%';
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func) VALUES
    ('Both', 'mal.retrieve_plant', 'mal.generate_plant'), ('Retrieval', 'mal.retrieve_plant', 'generate_pdf'),
    ('Generation', 'retrieve_completions', 'mal.generate_plant');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options)
SELECT 'course-v1:a+b+1', id, '{"page": {}}' FROM learning_credentials.credential_type WHERE name IN ('Both', 'Retrieval', 'Generation');
RESET SESSION AUTHORIZATION;
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options)
SELECT 'course-v1:a+b+2', id, '{"page": {}}' FROM learning_credentials.credential_type WHERE name IN ('Both', 'Retrieval', 'Generation');
CREATE FUNCTION t.tries() RETURNS TABLE (type text, run_as name, call text, answer text) LANGUAGE sql AS $$
    SELECT t.name, c.run_as, f, t.answer('SELECT ' || format(f, c.id))
      FROM learning_credentials.credential_configuration c JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id,
           unnest(ARRAY['learning_credentials.eligible_users(%s)', 'learning_credentials.generate_credential(%s, 1)']) AS f
     WHERE t.retrieval_func LIKE 'mal.%' OR t.generation_func LIKE 'mal.%' ORDER BY t.name, c.run_as, f
$$;
SET SESSION AUTHORIZATION lc_issuer;
SELECT * FROM t.tries();
RESET SESSION AUTHORIZATION;
SELECT * FROM t.tries();
UPDATE learning_credentials.credential_configuration SET enabled = credential_type_id <> :type;
CALL learning_credentials.generate_all_credentials();
SELECT * FROM t.acted;
SELECT earned FROM learning_credentials.lms_subsection_grade;
SELECT count(*) FROM learning_credentials.credential WHERE configuration_id <> :conf;
-- with her own rights it may run, and has them only
UPDATE learning_credentials.credential_configuration SET run_as = 'lc_mallory' WHERE learning_context_key = 'course-v1:a+b+2';
SELECT type, run_as, call, answer FROM t.tries() WHERE type = 'Both' AND run_as = 'lc_mallory';
SELECT * FROM t.acted;
SELECT earned FROM learning_credentials.lms_subsection_grade;
DELETE FROM learning_credentials.credential_configuration WHERE credential_type_id <> :type;
DELETE FROM learning_credentials.credential_type WHERE id <> :type;

-- ------------------------------------------------------------ a view and a trigger in a source schema
-- Mallory owns the source; what reads it has the rights of the role that the configuration names, and no more.
SET SESSION AUTHORIZATION lc_mallory;
CREATE TABLE mal.people AS SELECT 7::bigint AS id, 'mallory'::text AS username, 'Mallory'::text AS full_name, ''::text AS first_name, ''::text AS last_name;
CREATE FUNCTION mal.see(text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    statement text;
BEGIN
    INSERT INTO t.acted (what) VALUES ('view ' || $1);
    FOREACH statement IN ARRAY ARRAY['UPDATE learning_credentials.lms_subsection_grade SET earned = 10',
        'ALTER ROLE lc_mallory SUPERUSER', 'SET ROLE postgres', 'RESET ROLE', 'SET SESSION AUTHORIZATION DEFAULT',
        'GRANT USAGE ON SCHEMA learning_credentials TO lc_mallory', 'CREATE TEMP TABLE x ()']
    LOOP
        BEGIN
            EXECUTE statement;
            INSERT INTO t.acted (what) VALUES ('done: ' || statement);
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO t.acted (what) VALUES (SQLSTATE || ': ' || statement);
        END;
    END LOOP;
    RETURN $1;
END
$$;
CREATE VIEW mal.lms_user AS SELECT id, mal.see('user') AS username, full_name, first_name, last_name FROM mal.people;
CREATE VIEW mal.lms_context AS SELECT 'course-v1:a+b+1'::text AS key, mal.see('context') AS display_name, ''::text AS certificate_name;
CREATE FUNCTION mal.trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.see('trigger'); RETURN NEW; END $$;
CREATE TRIGGER planted BEFORE INSERT OR UPDATE ON mal.people FOR EACH ROW EXECUTE FUNCTION mal.trigger();
GRANT SELECT ON ALL TABLES IN SCHEMA mal TO lc_runner;
RESET SESSION AUTHORIZATION;
TRUNCATE t.acted;
CREATE FUNCTION t.retrieve_source(text, o jsonb, bigint) RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT id, true, now(), jsonb_build_object(''as'', current_user) FROM %I.lms_user WHERE username <> ''''', o->>'source');
END
$$;
CREATE FUNCTION t.generate_whoami(c learning_credentials.credential, jsonb) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    RETURN convert_to(format('%s in %s by %s with %s', c.user_full_name, c.learning_context_name, current_user, current_setting('search_path')), 'UTF8');
END
$$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options)
VALUES ('Source', 't.retrieve_source', 't.generate_whoami', '{"source": "mal"}') RETURNING id AS source_type \gset
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, run_as)
VALUES ('course-v1:a+b+1', :source_type, 'lc_runner') RETURNING id AS source_conf \gset
SELECT * FROM learning_credentials.eligible_users(:source_conf) \gset seen_
SELECT :'seen_details' AS details;
CALL learning_credentials.generate_credentials(:source_conf);
SELECT convert_from(d.content, 'UTF8') FROM learning_credentials.document d JOIN learning_credentials.credential c ON c.uuid = d.credential_uuid
 WHERE c.configuration_id = :source_conf;
SELECT what, as_role, count(*) FROM t.acted GROUP BY what, as_role ORDER BY what COLLATE "C";
SELECT earned FROM learning_credentials.lms_subsection_grade;
SELECT rolsuper FROM pg_roles WHERE rolname = 'lc_mallory';
SELECT current_user, session_user, current_setting('search_path') AS search_path;

-- ------------------------------------------------------------ what a called function can not do
CREATE FUNCTION t.generate_try(c learning_credentials.credential, o jsonb) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE o->>'try';
    RETURN convert_to('done', 'UTF8');
END
$$;
UPDATE learning_credentials.credential_type SET generation_func = 't.generate_try', retrieval_func = 'learning_credentials.retrieve_completions',
       custom_options = '{}' WHERE id = :source_type;
INSERT INTO learning_credentials.credential (configuration_id, credential_type_name, learning_context_key, user_id, status, error_message)
VALUES (:source_conf, 'Source', 'course-v1:a+b+1', 1, 'error', 'not tried') RETURNING uuid AS tried \gset
GRANT USAGE ON SCHEMA learning_credentials TO lc_runner;
GRANT SELECT ON learning_credentials.lms_user, learning_credentials.lms_context TO lc_runner;
GRANT EXECUTE ON FUNCTION learning_credentials.retrieve_completions(text, jsonb, bigint) TO lc_runner;
CREATE SCHEMA runner AUTHORIZATION lc_runner;
CREATE TABLE runner.parent (id bigint PRIMARY KEY);
CREATE TABLE runner.child (id bigint REFERENCES runner.parent DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE runner.parent OWNER TO lc_runner;
ALTER TABLE runner.child OWNER TO lc_runner;
CREATE FUNCTION t.try(statement text, tried uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
BEGIN
    UPDATE learning_credentials.credential_configuration SET custom_options = jsonb_build_object('try', statement)
     WHERE id = (SELECT configuration_id FROM learning_credentials.credential WHERE uuid = tried);
    PERFORM learning_credentials.retry_credential(tried);
    SELECT error_message INTO message FROM learning_credentials.credential WHERE uuid = tried;
    -- so that the next can be tried with the same credential
    RAISE EXCEPTION USING MESSAGE = coalesce(message, 'done');
EXCEPTION WHEN raise_exception THEN
    RETURN SQLERRM;
END
$$;
SET client_min_messages = error;
SELECT s AS statement, t.try(s, :'tried') FROM unnest(ARRAY[
    'SET ROLE postgres', 'SET ROLE lc_issuer', 'RESET ROLE', 'SET SESSION AUTHORIZATION lc_issuer', 'RESET SESSION AUTHORIZATION',
    'SELECT set_config(''role'', ''postgres'', false)', 'CREATE TEMP TABLE x ()', 'CREATE TABLE pg_temp.x ()',
    'PREPARE p AS SELECT 1', 'LISTEN x', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'INSERT INTO runner.child VALUES (1)',
    'COMMIT', 'SAVEPOINT s', 'SET learning_credentials.max_document_size = 1',
    'UPDATE learning_credentials.credential SET status = ''available''',
    'SELECT learning_credentials.generate_credential(1, 1)', 'SELECT learning_credentials.invalidate_credential(uuid, ''x'') FROM learning_credentials.credential',
    'SELECT learning_credentials.grant_access(''lc_runner'', ''admin'')', 'CALL learning_credentials.generate_all_credentials()',
    'CREATE TABLE learning_credentials.x ()', 'SELECT pg_read_file(''PG_VERSION'')',
    'DO $do$BEGIN COPY runner.parent TO PROGRAM ''true''; EXCEPTION WHEN insufficient_privilege THEN RAISE ''insufficient privilege''; END$do$']) AS s;
-- and what it can
SELECT s AS statement, t.try(s, :'tried') FROM unnest(ARRAY[
    'NOTIFY x', 'CREATE TABLE runner.made ()', 'CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS ''SELECT 1''', 'INSERT INTO runner.parent VALUES (1)', 'LOCK runner.parent',
    'SELECT set_config(''search_path'', ''runner'', false)', 'SELECT set_config(''request.jwt.claims'', ''{"sub": "forged"}'', false)']) AS s;
SET client_min_messages = warning;
-- whatever its role may do outside: no credential is touched by what makes one
SELECT learning_credentials.grant_access('lc_runner', 'admin');
CREATE FUNCTION runner.forward() RETURNS SETOF uuid LANGUAGE sql AS
$$ UPDATE learning_credentials.credential SET status = 'invalidated', invalidation_reason = 'x' WHERE status = 'available' RETURNING uuid $$;
ALTER FUNCTION runner.forward() OWNER TO lc_runner;
SET client_min_messages = error;
SELECT s AS statement, t.try(s, :'tried') FROM unnest(ARRAY[
    'SELECT learning_credentials.generate_credential(1, 1)', 'SELECT learning_credentials.retry_credential(uuid) FROM learning_credentials.credential',
    'SELECT learning_credentials.reissue_credential(uuid) FROM learning_credentials.credential',
    'SELECT learning_credentials.renew_credential(uuid) FROM learning_credentials.credential',
    'SELECT learning_credentials.correct_issue_date(uuid, ''2025-01-01'', ''x'') FROM learning_credentials.credential',
    'SELECT learning_credentials.refresh_user(user_id, ARRAY[uuid]) FROM learning_credentials.credential WHERE status = ''available''',
    'SELECT learning_credentials.reissue_outdated(configuration_id) FROM learning_credentials.credential WHERE design IS NOT NULL',
    'UPDATE learning_credentials.credential SET expires_at = now()',
    'SELECT learning_credentials.invalidate_credential(uuid, ''x'') FROM learning_credentials.credential', 'SELECT learning_credentials.request_run(1)',
    'CALL learning_credentials.generate_all_credentials()', 'DELETE FROM learning_credentials.credential', 'SELECT runner.forward()',
    'SELECT count(*) FROM learning_credentials.eligible_users(1)']) AS s;
SET client_min_messages = warning;
SELECT learning_credentials.revoke_access('lc_runner', 'admin');
GRANT USAGE ON SCHEMA learning_credentials TO lc_runner;
GRANT SELECT ON learning_credentials.lms_user, learning_credentials.lms_context TO lc_runner;
GRANT EXECUTE ON FUNCTION learning_credentials.retrieve_completions(text, jsonb, bigint) TO lc_runner;
-- settings end with the call
UPDATE learning_credentials.credential_configuration
   SET custom_options = '{"try": "SELECT set_config(''search_path'', ''runner'', false), set_config(''request.jwt.claims'', ''{\"sub\": \"forged\"}'', false)"}'
 WHERE id = :source_conf;
SET client_min_messages = error;
SELECT learning_credentials.retry_credential(:'tried');
SET client_min_messages = warning;
SELECT current_setting('search_path') AS search_path, current_setting('request.jwt.claims', true) AS claims;
SELECT seq, actor->>'subject' AS subject FROM learning_credentials.credential_event WHERE credential_uuid = :'tried' ORDER BY seq;

-- ------------------------------------------------------------ run_as, and what others run
SET SESSION AUTHORIZATION lc_colleague;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func) VALUES ('Shared', 'retrieve_completions', 'generate_pdf')
RETURNING id AS shared \gset
SET SESSION AUTHORIZATION lc_issuer;
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id) VALUES ('course-v1:a+b+1', :shared) RETURNING id AS his \gset
-- naming another, or taking over
SET SESSION AUTHORIZATION lc_colleague;
SELECT s AS statement, t.answer(format(s, :shared, :his)) FROM unnest(ARRAY[
    'INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, run_as) VALUES (''course-v1:a+b+9'', %s, ''postgres'')',
    'INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, run_as) VALUES (''course-v1:a+b+9'', %s, ''lc_issuer'')',
    'INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, run_as) VALUES (''course-v1:a+b+1'', %1$s, ''lc_colleague'')
        ON CONFLICT (learning_context_key, credential_type_id) DO UPDATE SET custom_options = ''{"source": "mal"}''',
    'UPDATE learning_credentials.credential_configuration SET run_as = ''lc_colleague'' WHERE id = %2$s',
    'UPDATE learning_credentials.credential_configuration SET custom_options = ''{"source": "mal"}'' WHERE id = %2$s',
    'UPDATE learning_credentials.credential_configuration SET enabled = true WHERE id = %2$s',
    'UPDATE learning_credentials.credential_configuration SET learning_context_key = ''course-v1:a+b+8'' WHERE id = %2$s',
    -- the colleague's own type, but under the issuer's configuration
    'UPDATE learning_credentials.credential_type SET generation_func = ''t.generate_try'' WHERE id = %1$s',
    'UPDATE learning_credentials.credential_type SET retrieval_func = ''t.retrieve_source'' WHERE id = %1$s',
    'UPDATE learning_credentials.credential_type SET custom_options = ''{"source": "mal"}'' WHERE id = %1$s',
    'UPDATE learning_credentials.credential_type SET name = ''Shared by two'' WHERE id = %1$s',
    'UPDATE learning_credentials.credential_type SET media_type = ''text/plain'' WHERE id = %1$s',
    'UPDATE learning_credentials.credential_type SET id = 12345 WHERE id = %1$s',
    -- what changes nothing is nobody's loss
    'UPDATE learning_credentials.credential_type SET name = name, custom_options = ''{}'' WHERE id = %1$s',
    -- taking away
    'DELETE FROM learning_credentials.credential_configuration WHERE id = %2$s',
    'DELETE FROM learning_credentials.credential_type WHERE id = %1$s']) AS s;
-- level admin is no more here; what only others of one's own role use is one's own
SET SESSION AUTHORIZATION lc_registrar;
SELECT s AS statement, t.answer(format(s, :shared, :his)) FROM unnest(ARRAY[
    'DELETE FROM learning_credentials.credential_configuration WHERE id = %2$s',
    'UPDATE learning_credentials.credential_type SET name = ''Shared by two'' WHERE id = %1$s',
    'INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func) VALUES (''Passing'', ''retrieve_completions'', ''generate_pdf'')',
    'UPDATE learning_credentials.credential_type SET name = ''Passed'' WHERE name = ''Passing''',
    'INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id) SELECT ''course-v1:a+b+7'', id FROM learning_credentials.credential_type WHERE name = ''Passed''',
    'UPDATE learning_credentials.credential_type SET name = ''Past'' WHERE name = ''Passed''',
    'DELETE FROM learning_credentials.credential_type WHERE name = ''Past''',
    'DELETE FROM learning_credentials.credential_configuration WHERE learning_context_key = ''course-v1:a+b+7''',
    'DELETE FROM learning_credentials.credential_type WHERE name = ''Past''']) AS s;
-- a member may
RESET SESSION AUTHORIZATION;
GRANT lc_issuer TO lc_colleague;
SET SESSION AUTHORIZATION lc_colleague;
SELECT t.answer(format('UPDATE learning_credentials.credential_configuration SET enabled = false WHERE id = %s', :his));
SELECT t.answer(format('UPDATE learning_credentials.credential_type SET custom_options = ''{"page": {}}'' WHERE id = %s', :shared));
BEGIN;
SELECT t.answer(format('UPDATE learning_credentials.credential_type SET name = ''Shared by two'' WHERE id = %s', :shared));
SELECT t.answer(format('DELETE FROM learning_credentials.credential_configuration WHERE id = %s', :his));
ROLLBACK;
RESET SESSION AUTHORIZATION;
REVOKE lc_issuer FROM lc_colleague;

-- ------------------------------------------------------------ no check is off for who turns check_function_bodies off
SET SESSION AUTHORIZATION lc_colleague;
SET check_function_bodies = off;
SELECT s AS statement, t.answer(format(s, :shared)) FROM unnest(ARRAY[
    'INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func) VALUES (''x'', ''no.retrieve_x'', ''no.generate_x'')',
    'UPDATE learning_credentials.credential_type SET generation_func = ''t.generate_try'' WHERE id = %s',
    'INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, run_as) VALUES (''course-v1:a+b+9'', %s, ''lc_nobody'')',
    'INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, run_as) VALUES (''course-v1:a+b+9'', %s, ''postgres'')',
    'INSERT INTO learning_credentials.credential_asset (slug, content) VALUES (''x'', ''not an image'')']) AS s;
RESET SESSION AUTHORIZATION;
-- a restore: the owner's rights
BEGIN;
SET LOCAL check_function_bodies = off;
SELECT s AS statement, t.answer(format(s, :shared)) FROM unnest(ARRAY[
    'INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func) VALUES (''x'', ''no.retrieve_x'', ''no.generate_x'')',
    'INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, run_as) VALUES (''course-v1:a+b+9'', %s, ''lc_nobody'')',
    'INSERT INTO learning_credentials.credential_asset (slug, content) VALUES (''x'', ''%%PDF-1.7'')']) AS s;
-- and it is judged at the use
SET LOCAL check_function_bodies = on;
SELECT t.answer(format('SELECT learning_credentials.generate_credential(%s, 1)', id)) FROM learning_credentials.credential_configuration WHERE run_as = 'lc_nobody';
ROLLBACK;
RESET check_function_bodies;

-- ------------------------------------------------------------ what changes between the saving and the call
SET SESSION AUTHORIZATION lc_issuer;
CREATE FUNCTION issuer.retrieve_own(text, jsonb, bigint) RETURNS SETOF learning_credentials.eligibility LANGUAGE sql
AS $$ SELECT 1::bigint, true, NULL::timestamptz, '{}'::jsonb $$;
CREATE FUNCTION issuer.generate_own(learning_credentials.credential, jsonb) RETURNS bytea LANGUAGE sql AS $$ SELECT convert_to(current_user, 'UTF8') $$;
RESET SESSION AUTHORIZATION;
GRANT lc_runner TO lc_issuer;
GRANT USAGE ON SCHEMA issuer TO lc_runner;
SET SESSION AUTHORIZATION lc_issuer;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func) VALUES ('Own', 'issuer.retrieve_own', 'issuer.generate_own') RETURNING id AS own \gset
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, run_as) VALUES ('course-v1:a+b+1', :own, 'lc_runner') RETURNING id AS between \gset
CREATE FUNCTION pg_temp.try(conf bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    answer := t.answer(format('SELECT learning_credentials.generate_credential(%s, 1)', conf));
    SELECT concat_ws(' by ', answer, convert_from(content, 'UTF8')) INTO answer FROM learning_credentials.credential_document d
      JOIN learning_credentials.credential c ON c.uuid = d.credential_uuid WHERE c.configuration_id = conf;
    RETURN answer;
END
$$;
BEGIN;
SELECT learning_credentials.generate_credential(:between, 1) IS NOT NULL AS issued;
SELECT convert_from(content, 'UTF8') AS by FROM learning_credentials.credential_document d
  JOIN learning_credentials.credential c ON c.uuid = d.credential_uuid WHERE c.configuration_id = :between;
ROLLBACK;
CREATE VIEW pg_temp.tries AS
SELECT t.answer(format('SELECT learning_credentials.generate_credential(%s, 1)', id)) AS generate_credential,
       t.answer(format('SELECT learning_credentials.eligible_users(%s)', id)) AS eligible_users
  FROM learning_credentials.credential_configuration WHERE learning_context_key = 'course-v1:a+b+1' AND run_as = 'lc_runner' AND credential_type_id <> 0
 ORDER BY id DESC LIMIT 1;
-- no EXECUTE any more
REVOKE ALL ON FUNCTION issuer.generate_own(learning_credentials.credential, jsonb), issuer.retrieve_own(text, jsonb, bigint) FROM PUBLIC;
SELECT * FROM pg_temp.tries;
GRANT EXECUTE ON FUNCTION issuer.generate_own(learning_credentials.credential, jsonb), issuer.retrieve_own(text, jsonb, bigint) TO PUBLIC;
RESET SESSION AUTHORIZATION;
-- no USAGE
REVOKE USAGE ON SCHEMA issuer FROM lc_runner;
SELECT * FROM pg_temp.tries;
GRANT USAGE ON SCHEMA issuer TO lc_runner;
-- the functions' owner is no member any more
REVOKE lc_runner FROM lc_issuer;
SELECT * FROM pg_temp.tries;
GRANT lc_runner TO lc_issuer;
-- the functions are somebody else's
ALTER FUNCTION issuer.generate_own(learning_credentials.credential, jsonb) OWNER TO lc_mallory;
ALTER FUNCTION issuer.retrieve_own(text, jsonb, bigint) OWNER TO lc_mallory;
SELECT * FROM pg_temp.tries;
-- the functions are gone, or are others
ALTER FUNCTION issuer.generate_own(learning_credentials.credential, jsonb) RENAME TO generate_gone;
ALTER FUNCTION issuer.retrieve_own(text, jsonb, bigint) RENAME TO retrieve_gone;
SELECT * FROM pg_temp.tries;
CREATE FUNCTION issuer.generate_own(learning_credentials.credential, json) RETURNS bytea LANGUAGE sql AS $$ SELECT 'x'::bytea $$;
SELECT generate_credential FROM pg_temp.tries;
-- the role is gone
UPDATE learning_credentials.credential_configuration SET enabled = id = :between;
REASSIGN OWNED BY lc_runner TO postgres;
DROP OWNED BY lc_runner;
DROP ROLE lc_runner;
SELECT * FROM pg_temp.tries;
CALL learning_credentials.generate_all_credentials();
SELECT status, error FROM learning_credentials.run WHERE configuration_id = :between;
-- whoever is the extension's owner takes away what ran as it, nobody else
BEGIN;
SET LOCAL SESSION AUTHORIZATION lc_issuer;
SELECT t.answer(format('DELETE FROM learning_credentials.credential_configuration WHERE id = %s', :between));
RESET SESSION AUTHORIZATION;
DELETE FROM learning_credentials.run WHERE configuration_id = :between;
SELECT t.answer(format('DELETE FROM learning_credentials.credential_configuration WHERE id = %s', :between));
ROLLBACK;
SELECT count(*) FROM learning_credentials.credential WHERE configuration_id = :between;

-- ------------------------------------------------------------ a hostile search_path
-- Operators and functions of the statements that we run, planted before pg_catalog by the caller.
CREATE SCHEMA evil AUTHORIZATION lc_colleague;
GRANT lc_issuer TO lc_colleague;
TRUNCATE t.acted;
SET SESSION AUTHORIZATION lc_colleague;
CREATE FUNCTION evil.note(what text) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog AS
$$ BEGIN INSERT INTO t.acted (what) VALUES (what); RETURN true; END $$;
DO $$
DECLARE
    type text;
    operator text;
    n int := 0;
BEGIN
    FOREACH type IN ARRAY ARRAY['bigint', 'integer', 'text', 'uuid', 'name', 'jsonb', 'boolean', 'timestamptz', 'bytea', 'oid',
                                'learning_credentials.credential_status']
    LOOP
        EXECUTE format('CREATE FUNCTION evil.op(%1$s, %1$s) RETURNS boolean LANGUAGE plpgsql AS ''BEGIN RETURN evil.note(''''operator of %1$s''''); END''', type);
        FOREACH operator IN ARRAY ARRAY['=', '<>', '<', '>', '<=', '>=', '~', '^@']
        LOOP
            EXECUTE format('CREATE OPERATOR evil.%2$s (LEFTARG = %1$s, RIGHTARG = %1$s, FUNCTION = evil.op)', type, operator);
        END LOOP;
    END LOOP;
END
$$;
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT evil.note('now'); SELECT pg_catalog.now() $$;
CREATE FUNCTION evil.btrim(text) RETURNS text LANGUAGE sql AS $$ SELECT evil.note('btrim'); SELECT $1 $$;
CREATE FUNCTION evil.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT evil.note('sha256'); SELECT $1 $$;
CREATE FUNCTION evil.convert_to(text, name) RETURNS bytea LANGUAGE sql AS $$ SELECT evil.note('convert_to'); SELECT ''::bytea $$;
CREATE FUNCTION evil.jsonb_typeof(jsonb) RETURNS text LANGUAGE sql AS $$ SELECT evil.note('jsonb_typeof'); SELECT 'object'::text $$;
CREATE FUNCTION evil.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE sql AS $$ SELECT evil.note('unnest'); SELECT pg_catalog.unnest($1) $$;
CREATE FUNCTION evil.quote_ident(text) RETURNS text LANGUAGE sql AS $$ SELECT evil.note('quote_ident'); SELECT $1 $$;
CREATE FUNCTION evil.format(text, text, text) RETURNS text LANGUAGE sql AS $$ SELECT evil.note('format'); SELECT $1 $$;
CREATE FUNCTION evil.has_function_privilege(oid, text) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.note('has_function_privilege') $$;
CREATE FUNCTION evil.merge_options(jsonb, jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT evil.note('merge_options'); SELECT $1 $$;
-- the trap works
SET search_path = evil, pg_catalog, learning_credentials;
SELECT 1::bigint = 2::bigint AS equal, now() IS NOT NULL AS now;
SELECT * FROM t.acted;
-- in a session that has no plans yet
\c
SET client_min_messages = warning;
TRUNCATE t.acted;
SET SESSION AUTHORIZATION lc_colleague;
SET search_path = evil, pg_catalog, learning_credentials;
SELECT learning_credentials.merge_options('{"a": {"b": 1}}', '{"a": {"c": 2}}');
SELECT learning_credentials.learning_context_kind('course-v1:a+b+1');
SELECT count(*) OPERATOR(pg_catalog.>) 0 AS functions FROM learning_credentials.available_functions;
INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('dot2',
    decode('89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a4944415478da6368000000820081da45083b0000000049454e44ae426082', 'hex'));
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options)
VALUES ('Hostile', 'retrieve_completions', 'generate_pdf', '{"page": {}, "images": [{"slug": "dot2", "x": 10, "y": 10}]}') RETURNING id AS hostile \gset
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id) VALUES ('course-v1:a+b+1', :hostile) RETURNING id AS h \gset
UPDATE learning_credentials.credential_type SET name = 'Hostile path', custom_options = '{"page": {}}' WHERE id OPERATOR(pg_catalog.=) :hostile;
UPDATE learning_credentials.credential_configuration SET custom_options = '{"required_completion": 0.8}' WHERE id OPERATOR(pg_catalog.=) :h;
SELECT count(*) AS problems FROM learning_credentials.validate_options('learning_credentials.generate_pdf', '{"page": {}, "images": [{"slug": "none", "x": 1, "y": 1}]}');
SELECT count(*) AS eligible FROM learning_credentials.eligible_users(:h) WHERE is_eligible;
SELECT learning_credentials.generate_credential(:h, 3) AS c \gset
SELECT learning_credentials.reissue_credential(:'c') AS c \gset
SELECT learning_credentials.invalidate_credential(:'c', 'x');
SELECT learning_credentials.request_run(:h) IS NOT NULL AS queued;
CALL learning_credentials.generate_credentials(:h);
CALL learning_credentials.generate_all_credentials();
SELECT learning_credentials.preview_pdf('{"page": {}}') IS NOT NULL AS preview;
SELECT count(*) AS documents FROM learning_credentials.credential_document;
SELECT count(*) AS progress FROM learning_credentials.run_progress;
RESET SESSION AUTHORIZATION;
SELECT learning_credentials.grant_access('lc_mallory', 'verifier');
SELECT learning_credentials.revoke_access('lc_mallory', 'verifier');
RESET search_path;
SELECT status, seen, eligible, existing, issued, failed FROM learning_credentials.run WHERE configuration_id = :h ORDER BY id;
-- nothing was called
SELECT * FROM t.acted;

\c :home
DROP DATABASE lc_rights;
DROP ROLE lc_issuer, lc_registrar, lc_colleague, lc_mallory;
