-- Many at once: an array of items, with a dry run, all or nothing, in a run, a row for each.
-- CALL commits, so this test has a database of its own.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
SELECT current_database() AS home \gset
CREATE DATABASE lc_bulk;
\c lc_bulk
SET client_min_messages = error;        -- warnings name uuids
CREATE EXTENSION learning_credentials;
CREATE ROLE lc_bulk_issuer;
SELECT learning_credentials.grant_access('lc_bulk_issuer', 'issuer');
CREATE SCHEMA app AUTHORIZATION lc_bulk_issuer;
CREATE TABLE app.failing (user_id bigint);
GRANT ALL ON app.failing TO lc_bulk_issuer;
INSERT INTO learning_credentials.lms_user (id, username, full_name)
SELECT i, 'u' || i, 'User ' || i FROM generate_series(1, 250) AS i;
INSERT INTO learning_credentials.lms_context (key, display_name) VALUES ('course-v1:Bulk+1+1', 'One'), ('course-v1:Bulk+2+1', 'Two');

SET SESSION AUTHORIZATION lc_bulk_issuer;
CREATE FUNCTION app.retrieve_all(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql
AS $$ SELECT u.id, true, NULL::timestamptz, jsonb_build_object('u', u.id) FROM learning_credentials.lms_user u
       WHERE retrieve_all.user_id IS NULL OR u.id = retrieve_all.user_id $$;
CREATE FUNCTION app.generate_text(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM app.failing f WHERE f.user_id = credential.user_id) THEN
        RAISE 'no ink left';
    END IF;
    RETURN convert_to('for ' || credential.user_full_name, 'UTF8');
END $$;
INSERT INTO learning_credentials.credential_type (id, name, retrieval_func, generation_func, media_type)
VALUES (1, 'Text', 'app.retrieve_all', 'app.generate_text', 'text/plain');
INSERT INTO learning_credentials.credential_configuration (id, learning_context_key, credential_type_id, expires_after)
VALUES (1, 'course-v1:Bulk+1+1', 1, '1 year'), (2, 'course-v1:Bulk+2+1', 1, NULL);
CREATE VIEW app.state AS
SELECT configuration_id AS c, status, count(*), count(run_id) AS in_runs FROM learning_credentials.credential GROUP BY 1, 2 ORDER BY 1, 2;
CREATE FUNCTION app.uuids(configuration bigint, users bigint[]) RETURNS uuid[] LANGUAGE sql AS $$
    SELECT array_agg(uuid ORDER BY user_id DESC) FROM learning_credentials.credential
     WHERE configuration_id = configuration AND user_id = ANY (users) AND status <> 'invalidated' $$;
-- Rows without what differs each time
CREATE FUNCTION app.told(results learning_credentials.bulk_result[]) RETURNS TABLE (who bigint, status text, in_run boolean, same boolean, error text)
LANGUAGE sql AS $$
    SELECT coalesce(c.user_id, o.user_id, CASE WHEN r.item ~ '^\d+$' THEN r.item::bigint END), r.status::text, r.run_id IS NOT NULL, r.uuid::text = r.item,
           regexp_replace(r.error, '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g')
      FROM unnest(results) AS r
      LEFT JOIN learning_credentials.credential c ON c.uuid = r.uuid
      LEFT JOIN learning_credentials.credential o ON o.uuid::text = r.item ORDER BY 1, 2, 4, 5 $$;

-- ------------------------------------------------------------ generating
INSERT INTO app.failing VALUES (3);
SELECT * FROM app.told(ARRAY(SELECT b FROM learning_credentials.bulk_generate(1, '{4, 3, 2, 999}', dry_run => true) b));
SELECT count(*) AS nothing FROM learning_credentials.credential;
SELECT count(*) AS nothing FROM learning_credentials.run;
SELECT * FROM app.told(ARRAY(SELECT b FROM learning_credentials.bulk_generate(1, '{4, 3, 2, 999}') b));
SELECT * FROM app.told(ARRAY(SELECT b FROM learning_credentials.bulk_generate(1, '{5, 4}') b));
SELECT learning_credentials.bulk_generate(1, '{6, 999}', all_or_nothing => true);
SELECT learning_credentials.bulk_generate(1, '{3, 6}', all_or_nothing => true);
SELECT * FROM app.state;
SELECT learning_credentials.bulk_generate(7, '{6}', all_or_nothing => true);
SELECT error FROM learning_credentials.bulk_generate(7, '{6}');
SELECT learning_credentials.bulk_generate(1, '{6, NULL}');
SELECT learning_credentials.bulk_generate(1, NULL);
SELECT count(*) FROM learning_credentials.bulk_generate(1, '{}');
-- NULL is not taken for false: nothing is done for real that was to be tried
SELECT learning_credentials.bulk_generate(1, '{6}', dry_run => NULL);
SELECT learning_credentials.bulk_generate(1, '{6}', in_run => NULL);
SELECT learning_credentials.bulk_generate(1, '{6}', all_or_nothing => NULL);
SELECT * FROM app.told(ARRAY(SELECT b FROM learning_credentials.bulk_generate(1, '{4, 4, 2}', dry_run => true) b));

-- more than share a subtransaction, and some of them fail
INSERT INTO app.failing VALUES (150);
SELECT status, count(*), min(error) FROM learning_credentials.bulk_generate(1, ARRAY(SELECT generate_series(1, 210) UNION SELECT 1000)) GROUP BY 1 ORDER BY 1;
SELECT * FROM app.state;

-- ------------------------------------------------------------ in a run
SELECT status, count(*), count(DISTINCT run_id) AS runs, count(error) AS errors
  FROM learning_credentials.bulk_generate(2, ARRAY(SELECT generate_series(1, 120)), in_run => true) GROUP BY 1;
SELECT status, count(*), count(DISTINCT run_id) AS runs FROM learning_credentials.bulk_generate(2, '{120, 121}', in_run => true) GROUP BY 1;
SELECT trigger, status, queued FROM learning_credentials.run;
SELECT * FROM app.state WHERE c = 2;
-- the configuration is not enabled: what is in the run is made, and nothing else
CALL learning_credentials.generate_all_credentials();
SELECT trigger, status, seen, eligible, existing, queued, issued, failed FROM learning_credentials.run;
SELECT * FROM app.state WHERE c = 2;
SELECT count(*) AS retrieved FROM learning_credentials.credential WHERE configuration_id = 2 AND evidence ? 'u';
-- a run that is asked for meanwhile is the same one, and retrieves
SELECT count(*) FROM learning_credentials.bulk_generate(2, '{200}', in_run => true);
SELECT learning_credentials.request_run(2) IS NOT NULL AS asked;
SELECT trigger, status FROM learning_credentials.run WHERE status = 'queued';
CALL learning_credentials.generate_credentials(2);
SELECT trigger, status, seen, queued, issued, failed FROM learning_credentials.run ORDER BY id;
SELECT * FROM app.state WHERE c = 2;
-- a run whose retrieval fails does not leave them waiting for ever
SELECT count(*) FROM learning_credentials.bulk_invalidate(app.uuids(2, '{201, 202}'), 'a mistake');
SELECT count(*) FROM learning_credentials.bulk_generate(2, '{201}', in_run => true);
CREATE OR REPLACE FUNCTION app.retrieve_all(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$ BEGIN RAISE 'no facts'; END $$;
CALL learning_credentials.generate_credentials(2);
SELECT status, error_message, retry_at <= now() AS due FROM learning_credentials.credential
 WHERE configuration_id = 2 AND user_id = 201 AND status <> 'invalidated';
CREATE OR REPLACE FUNCTION app.retrieve_all(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql
AS $$ SELECT u.id, true, NULL::timestamptz, jsonb_build_object('u', u.id) FROM learning_credentials.lms_user u
       WHERE retrieve_all.user_id IS NULL OR u.id = retrieve_all.user_id $$;
-- one that is cancelled ends what was put into it
SELECT count(*) FROM learning_credentials.bulk_generate(2, '{202}', in_run => true);
SELECT learning_credentials.cancel_run(max(id)) FROM learning_credentials.run;
SELECT user_id, status, error_message, retry_at FROM learning_credentials.credential WHERE configuration_id = 2 AND user_id = 202 AND status <> 'invalidated';

-- ------------------------------------------------------------ retrying
DELETE FROM app.failing;
SELECT * FROM app.told(ARRAY(SELECT b FROM learning_credentials.bulk_retry(app.uuids(1, '{3, 150, 1}')) b));
SELECT status, run_id IS NULL AS here FROM learning_credentials.bulk_retry(app.uuids(2, '{202}'), in_run => true);
CALL learning_credentials.generate_all_credentials();
SELECT * FROM app.state;

-- ------------------------------------------------------------ reissuing and renewing
UPDATE learning_credentials.credential_type SET custom_options = '{"new": true}';
SELECT * FROM app.told(ARRAY(SELECT b FROM learning_credentials.bulk_reissue(app.uuids(1, '{1, 2}'), 'New design', dry_run => true) b));
SELECT * FROM app.told(ARRAY(SELECT b FROM learning_credentials.bulk_reissue(app.uuids(1, '{1, 2}'), 'New design') b));
SELECT * FROM app.told(ARRAY(SELECT b FROM learning_credentials.bulk_reissue(app.uuids(1, '{3, 4}') || app.uuids(2, '{3, 4}'), 'New design', in_run => true) b));
SELECT * FROM app.state;
CALL learning_credentials.generate_all_credentials();
SELECT * FROM app.state;
SELECT configuration_id, trigger, status, queued, issued FROM learning_credentials.run ORDER BY id DESC LIMIT 2;
SELECT DISTINCT invalidation_reason FROM learning_credentials.credential WHERE status = 'invalidated' ORDER BY 1;
SELECT * FROM app.told(ARRAY(SELECT b FROM learning_credentials.bulk_renew(app.uuids(1, '{5, 6}') || app.uuids(2, '{5}')) b));
SELECT count(*) FROM learning_credentials.credential WHERE expires_at > now() + interval '729 days';

-- ------------------------------------------------------------ invalidating and expiring
SELECT * FROM app.told(ARRAY(SELECT b FROM learning_credentials.bulk_invalidate(app.uuids(1, '{7, 8}'), 'Cheating', dry_run => true) b));
SELECT * FROM app.told(ARRAY(SELECT b FROM learning_credentials.bulk_invalidate(app.uuids(1, '{7}') || app.uuids(1, '{7, 8}'), 'Cheating') b));
SELECT DISTINCT regexp_replace(error, '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID') FROM learning_credentials.bulk_invalidate(app.uuids(1, '{9, 10}'), ' ');
SELECT learning_credentials.bulk_invalidate(app.uuids(1, '{9}') || '{00000000-0000-0000-0000-000000000000}'::uuid[], 'x', all_or_nothing => true);
SELECT error FROM learning_credentials.bulk_invalidate('{00000000-0000-0000-0000-000000000000}', 'Cheating');
SELECT * FROM app.told(ARRAY(SELECT b FROM learning_credentials.bulk_expire(app.uuids(1, '{9, 10}'), now() + interval '1 day', 'The law changed') b));
SELECT old_expires_at > now() + interval '300 days' AS was_later, expires_at < now() + interval '2 days' AS is_sooner, reason
  FROM learning_credentials.credential_event WHERE kind = 'dates';
SELECT DISTINCT regexp_replace(error, '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID')
  FROM learning_credentials.bulk_expire(app.uuids(1, '{11}'), '2001-01-01', 'Backwards');
SELECT count(*) FROM learning_credentials.expiring_credentials('2 days');

-- ------------------------------------------------------------ what is not a run of the configuration
SELECT learning_credentials.queue_credential(1, 240, 1);
SELECT learning_credentials.queue_credential(1, 240, 0) IS NOT NULL AS at_once;
SELECT learning_credentials.queue_credential(1, 240, NULL);

RESET SESSION AUTHORIZATION;
\c :home
SET client_min_messages = warning;
DROP DATABASE lc_bulk;
DROP ROLE lc_bulk_issuer;
