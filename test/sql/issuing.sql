-- Issuing on request and in runs. CALL commits, so this test has a database of its own.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
SELECT current_database() AS home \gset
CREATE DATABASE lc_issuing;
\c lc_issuing
SET client_min_messages = warning;
CREATE EXTENSION learning_credentials;
SET search_path = learning_credentials, public;

-- What a statement is answered: its value, or its error. Uuids are not printed.
CREATE FUNCTION public.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement INTO value;
    RETURN coalesce(regexp_replace(value, '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g'), '(null)');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN regexp_replace(concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, nullif(detail, ''), nullif(hint, '')),
                          '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g');
END
$$;
-- The credentials of a configuration, with their documents and how many events led here.
CREATE VIEW public.shown AS
SELECT c.configuration_id AS conf, c.user_id, c.status, c.user_full_name AS name, c.learning_context_name AS context,
       c.credential_type_name AS type, c.evidence, c.attempts, c.error_message AS error,
       convert_from(d.content, 'UTF8') AS document, d.media_type,
       (SELECT string_agg(coalesce(e.new_status::text, '-'), '>' ORDER BY e.seq) FROM credential_event e
         WHERE e.credential_uuid = c.uuid) AS events, c.created, c.uuid
  FROM credential c LEFT JOIN document d ON d.credential_uuid = c.uuid;
CREATE VIEW public.runs AS
SELECT r.configuration_id AS conf, r.trigger, r.status, r.seen, r.eligible, r.existing, r.queued, r.issued, r.failed, r.error,
       r.started IS NOT NULL AS started, r.finished >= r.started AS finished
  FROM run r ORDER BY r.configuration_id, r.id;

-- ------------------------------------------------------------ a course, its people, and functions
CREATE SCHEMA iss;
INSERT INTO lms_user (id, username, full_name, first_name, last_name) VALUES
    (1, 'ada', 'Ada Lovelace', 'Augusta', 'King'),
    (2, 'blaise', '   ', 'Blaise', 'Pascal'),
    (3, 'curie', '', '', 'Curie'),
    (4, 'dirac', E'\t', '  ', E' '),
    (5, 'emmy', 'Emmy Noether', '', ''),
    (6, 'fermat', 'Pierre de Fermat', '', ''),
    (7, 'gauß', E'Carl\nGauß', '', ''),
    (8, 'hilbert', 'David Hilbert', '', '');
INSERT INTO lms_context (key, display_name, certificate_name) VALUES
    ('course-v1:a+named+1', 'Display', 'Certificate'),
    ('course-v1:a+shown+1', 'Display', E' \n'),
    ('course-v1:a+bare+1', ' ', '');

-- Who is eligible stands in a table.
CREATE TABLE iss.eligible (user_id bigint, is_eligible boolean DEFAULT true, details jsonb DEFAULT '{}');
CREATE FUNCTION iss.retrieve_table(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql STABLE AS $$
    SELECT e.user_id, e.is_eligible, NULL::timestamptz, e.details FROM iss.eligible e
     WHERE retrieve_table.user_id IS NULL OR e.user_id = retrieve_table.user_id
$$;
-- One that does not look at user_id.
CREATE FUNCTION iss.retrieve_everybody(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT e.user_id, e.is_eligible, NULL::timestamptz, e.details FROM iss.eligible e ORDER BY e.user_id;
END
$$;
CREATE FUNCTION iss.retrieve_odd(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT e.user_id, e.is_eligible, NULL::timestamptz, e.details FROM iss.eligible e ORDER BY e.user_id;
    CASE options->>'odd'
    WHEN 'raise' THEN
        RAISE EXCEPTION 'no grades today' USING DETAIL = 'They are on strike.', HINT = 'Come back tomorrow.';
    WHEN 'no user' THEN
        RETURN QUERY SELECT NULL::bigint, true, now(), '{}'::jsonb;
    WHEN 'list' THEN
        RETURN QUERY SELECT 8::bigint, true, now(), '[1]'::jsonb;
    WHEN 'nulls' THEN
        RETURN QUERY SELECT 8::bigint, NULL::boolean, now(), NULL::jsonb;
    WHEN 'twice' THEN
        RETURN QUERY SELECT 8::bigint, true, now(), '{"n": 1}'::jsonb UNION ALL SELECT 8, true, now(), '{"n": 2}';
    END CASE;
END
$$;
-- A document in words; what goes wrong is in the options, by user or for all.
CREATE FUNCTION iss.generate_words(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    CASE coalesce(options->'odd_for'->>credential.user_id::text, options->>'odd_for_all', '')
    WHEN 'raise' THEN
        RAISE EXCEPTION 'out of ink' USING DETAIL = 'Black is empty.', HINT = 'Buy some.', ERRCODE = '53000';
    WHEN 'rant' THEN
        RAISE EXCEPTION '%', repeat('é', 100000);
    WHEN 'null' THEN
        RETURN NULL;
    WHEN 'empty' THEN
        RETURN '';
    WHEN 'large' THEN
        RETURN convert_to(repeat('x', 1025), 'UTF8');
    WHEN 'zero' THEN
        RETURN convert_to((1 / 0)::text, 'UTF8');
    ELSE
        RETURN convert_to(format('%s for %s in %s, status %s, issued %s%s', credential.credential_type_name,
                                 credential.user_full_name, credential.learning_context_name, credential.status,
                                 CASE WHEN credential.issue_date = now() THEN 'now' ELSE 'another day' END,
                                 ', ' || (options->>'add')), 'UTF8');
    END CASE;
END
$$;
CREATE FUNCTION iss.generate_sql(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE sql STABLE AS $$ SELECT convert_to(credential.user_full_name || (options->>'add'), 'UTF8') $$;

INSERT INTO credential_type (id, name, retrieval_func, generation_func, media_type, custom_options) VALUES
    (1, 'Words', 'iss.retrieve_table', 'iss.generate_words', 'text/plain', '{"add": "by type", "nested": {"a": 1}}'),
    (2, 'SQL', 'iss.retrieve_everybody', 'iss.generate_sql', 'text/plain', '{}'),
    (3, 'Odd', 'iss.retrieve_odd', 'iss.generate_words', 'text/plain', '{}');
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, custom_options) VALUES
    (1, 'course-v1:a+named+1', 1, '{}'),
    (2, 'course-v1:a+shown+1', 1, '{"add": "by configuration"}'),
    (3, 'course-v1:a+bare+1', 1, '{}'),
    (4, 'course-v1:a+named+1', 2, '{"add": "!"}'),
    (5, 'course-v1:a+named+1', 3, '{"odd": "raise"}');

-- ------------------------------------------------------------ generate_credential()
INSERT INTO iss.eligible VALUES (1, true, '{"grade": 5}'), (2, false, '{"grade": 2}'), (5, true, '{"grade": 4}');
SELECT generate_credential(1, 1) AS first \gset
SELECT uuid = :'first' AS returned, name, context, type, status, evidence, attempts, document, media_type, events
  FROM shown WHERE conf = 1;
SELECT verify_uuid <> uuid AS two_codes, supersedes, superseded_by, run_id, learning_context_key, issue_date = created AS issued,
       expires_at FROM credential WHERE uuid = :'first';
-- available already: returned as it is, whatever has changed
UPDATE lms_user SET full_name = 'Countess of Lovelace' WHERE id = 1;
SELECT generate_credential(1, 1) = :'first' AS same;
SELECT count(*), min(name) AS name, min(events) AS events FROM shown WHERE conf = 1;
-- to somebody who is not eligible, and to somebody whom retrieval does not list
SELECT count(generate_credential(1, u)) FROM unnest(ARRAY[2, 3, 4]) AS u;
SELECT user_id, name, evidence FROM shown WHERE conf = 1 ORDER BY user_id;
-- names of contexts
SELECT count(generate_credential(c, 7)) FROM unnest(ARRAY[1, 2, 3]) AS c;
SELECT conf, document FROM shown WHERE user_id = 7 ORDER BY conf;
DELETE FROM lms_context WHERE key = 'course-v1:a+bare+1';
SELECT generate_credential(3, 8) IS NOT NULL AS not_in_the_source;
SELECT context FROM shown WHERE conf = 3 AND user_id = 8;
-- evidence is of the user, also from a function that lists everybody
SELECT count(generate_credential(4, u)) FROM unnest(ARRAY[5, 6]) AS u;
SELECT user_id, evidence, document FROM shown WHERE conf = 4 ORDER BY user_id;
-- unknown users and configurations, NULL
SELECT call, answer('SELECT ' || call) FROM unnest(ARRAY['generate_credential(1, 99)', 'generate_credential(99, 1)',
    'generate_credential(NULL, 1)', 'generate_credential(1, NULL)', 'eligible_users(99)', 'eligible_users(NULL)',
    'request_run(99)', 'request_run(NULL)', 'retry_credential(NULL)', 'invalidate_credential(NULL, ''x'')',
    'reissue_credential(NULL)', 'retry_credential(''00000000-0000-7000-8000-000000000000'')',
    'invalidate_credential(''00000000-0000-7000-8000-000000000000'', ''x'')',
    'reissue_credential(''00000000-0000-7000-8000-000000000000'')']) AS call;
SELECT count(*) FROM credential WHERE user_id = 99;

-- ------------------------------------------------------------ eligible_users()
SELECT * FROM eligible_users(1) ORDER BY user_id;
SELECT * FROM eligible_users(1, 2);
SELECT * FROM eligible_users(4, 5);
SELECT * FROM eligible_users(1, 99);
SELECT answer('SELECT eligible_users(5)');

-- ------------------------------------------------------------ generation functions that fail
SET learning_credentials.max_document_size = '1kB';
UPDATE credential_configuration
   SET custom_options = '{"odd_for": {"1": "raise", "2": "null", "3": "empty", "4": "large", "5": "zero"}}' WHERE id = 3;
SET client_min_messages = error;       -- the warnings name codes
SELECT count(generate_credential(3, u)) FROM generate_series(1, 6) AS u;
SELECT user_id, status, error, attempts, document, events FROM shown WHERE conf = 3 ORDER BY user_id;
RESET learning_credentials.max_document_size;
SELECT user_id, retry_at - modified AS retry_in, issue_date, user_full_name FROM credential
 WHERE configuration_id = 3 AND status = 'error' ORDER BY 1 LIMIT 1;
-- asked for again: retried; so does retry_credential()
SELECT generate_credential(3, 1) = (SELECT uuid FROM shown WHERE conf = 3 AND user_id = 1) AS same;
SELECT retry_credential(uuid) FROM shown WHERE conf = 3 AND user_id = 1;
SELECT attempts, events FROM shown WHERE conf = 3 AND user_id = 1;
UPDATE credential_configuration SET custom_options = '{}' WHERE id = 3;
SELECT generate_credential(3, 1) = (SELECT uuid FROM shown WHERE conf = 3 AND user_id = 1) AS same;
SELECT retry_credential(uuid) FROM shown WHERE conf = 3 AND user_id = 2;
SELECT user_id, status, error, attempts, document, events FROM shown WHERE conf = 3 ORDER BY user_id;
SELECT answer(format('SELECT retry_credential(%L)', uuid)) FROM shown WHERE conf = 3 AND user_id = 1;

-- the warning
INSERT INTO credential (uuid, configuration_id, credential_type_name, learning_context_key, user_id, status, error_message)
VALUES ('00000000-0000-7000-8000-000000000001', 2, 'Words', 'course-v1:a+shown+1', 1, 'error', 'old');
UPDATE credential_configuration SET custom_options = '{"odd_for_all": "raise"}' WHERE id = 2;
SET client_min_messages = warning;
\set VERBOSITY default
SELECT retry_credential('00000000-0000-7000-8000-000000000001');
\set VERBOSITY terse
DELETE FROM credential WHERE uuid = '00000000-0000-7000-8000-000000000001';
UPDATE credential_configuration SET custom_options = '{"add": "by configuration"}' WHERE id = 2;

-- an endless error is cut
UPDATE credential_configuration SET custom_options = '{"odd_for_all": "rant"}' WHERE id = 3;
SET client_min_messages = error;
SELECT retry_credential(uuid) FROM shown WHERE conf = 3 AND user_id = 3;
SET client_min_messages = warning;
SELECT length(error), octet_length(error) FROM shown WHERE conf = 3 AND user_id = 3;
UPDATE credential_configuration SET custom_options = '{}' WHERE id = 3;
-- a retry asks for the evidence of that day
SELECT evidence FROM shown WHERE conf = 3 AND user_id = 5;
UPDATE iss.eligible SET details = '{"grade": 3}' WHERE user_id = 5;
SELECT retry_credential(uuid) FROM shown WHERE conf = 3 AND user_id = 5;
SELECT evidence FROM shown WHERE conf = 3 AND user_id = 5;

-- ------------------------------------------------------------ retrieval functions that fail, on request
-- evidence is no reason not to issue
SELECT count(generate_credential(5, 1)) AS issued;
SELECT status, evidence FROM shown WHERE conf = 5;

-- ------------------------------------------------------------ invalidate and reissue
SELECT uuid AS u FROM shown WHERE conf = 1 AND user_id = 1 \gset
SELECT answer(format('SELECT invalidate_credential(%L, %s)', :'u', reason)) FROM unnest(ARRAY[$$''$$, $$E' \n'$$, 'NULL']) AS reason;
SELECT answer(format('SELECT reissue_credential(%L, %s)', :'u', reason)) FROM unnest(ARRAY[$$''$$, $$E' \n'$$, 'NULL']) AS reason;
SELECT status, events FROM shown WHERE uuid = :'u';
-- good: today's name, its own document, linked both ways, the reason on the old one
SELECT reissue_credential(:'u', 'New name') AS r \gset
SELECT c.uuid = :'r' AS new, c.status, c.user_full_name, c.evidence, c.supersedes = :'u' AS supersedes, c.superseded_by = :'r' AS superseded_by,
       c.invalidation_reason, s.document, s.events
  FROM credential c JOIN shown s USING (uuid) WHERE c.configuration_id = 1 AND c.user_id = 1 ORDER BY c.created, 1;
SELECT credential_uuid = :'r' AS new, seq, reason FROM credential_event WHERE credential_uuid IN (:'u', :'r') ORDER BY 1, 2;
SELECT answer(format('SELECT reissue_credential(%L)', :'u')) AS of_invalidated;
SELECT generate_credential(1, 1) = :'r' AS the_new_one;
-- failed: the old one stays available, the replacement stands in error
SET client_min_messages = error;
UPDATE credential_configuration SET custom_options = '{"odd_for_all": "raise"}' WHERE id = 1;
SELECT reissue_credential(:'r') AS f \gset
SELECT uuid = :'f' AS new, status, error, events FROM shown WHERE uuid IN (:'r', :'f') ORDER BY 1;
SELECT answer(format('SELECT reissue_credential(%L)', :'f')) AS of_replacement;
-- again: the same replacement is retried, and fails again
SELECT reissue_credential(:'r') = :'f' AS same;
SELECT generate_credential(1, 1) = :'r' AS the_available_one;
SELECT attempts, events FROM shown WHERE uuid = :'f';
-- a retry completes it
UPDATE credential_configuration SET custom_options = '{}' WHERE id = 1;
SELECT retry_credential(:'f');
SELECT c.uuid = :'f' AS new, c.status, c.invalidation_reason, c.superseded_by = :'f' AS superseded_by, s.events
  FROM credential c JOIN shown s USING (uuid) WHERE uuid IN (:'r', :'f') ORDER BY 1;
-- a pending replacement is dropped with what it was to replace
UPDATE credential_configuration SET custom_options = '{"odd_for_all": "raise"}' WHERE id = 1;
SELECT reissue_credential(:'f') AS p \gset
SELECT invalidate_credential(:'f', 'Plagiarism');
SELECT status, invalidation_reason FROM credential WHERE uuid = :'f';
SELECT count(*) AS replacements FROM credential WHERE uuid = :'p';
SELECT seq, old_status, new_status FROM credential_event WHERE credential_uuid = :'p' ORDER BY 1;
SELECT answer(format('SELECT invalidate_credential(%L, ''again'')', :'f')) AS again;
SELECT answer(format('SELECT invalidate_credential(%L, ''x'')', uuid)) AS of_error FROM shown WHERE conf = 3 AND status = 'error' ORDER BY user_id LIMIT 1;
-- also when it ends by another way; the next one can be reissued
UPDATE credential_configuration SET custom_options = '{}' WHERE id = 1;
SELECT generate_credential(1, 1) AS n \gset
UPDATE credential_configuration SET custom_options = '{"odd_for_all": "raise"}' WHERE id = 1;
SELECT reissue_credential(:'n') AS p \gset
UPDATE credential SET status = 'invalidated', invalidation_reason = 'By hand' WHERE uuid = :'n';
UPDATE credential_configuration SET custom_options = '{}' WHERE id = 1;
SELECT generate_credential(1, 1) AS n2 \gset
SET statement_timeout = '10s';
SELECT reissue_credential(:'n2', 'Typo') IS NOT NULL AS reissued;
RESET statement_timeout;
SELECT status, count(*) FROM credential WHERE configuration_id = 1 AND user_id = 1 GROUP BY status ORDER BY status;
SET client_min_messages = warning;
-- an import may leave a replacement of what is not available: no waiting for it
SELECT uuid AS n3 FROM shown WHERE conf = 1 AND user_id = 1 AND status = 'available' \gset
INSERT INTO credential (configuration_id, credential_type_name, learning_context_key, user_id, supersedes)
VALUES (1, 'Words', 'course-v1:a+named+1', 1, :'n2');
SELECT answer(format('SELECT reissue_credential(%L)', :'n3')) AS waits;
DELETE FROM credential WHERE supersedes = :'n2' AND status = 'generating';
-- every event there is fits what it follows, without a gap
SELECT count(*) FROM (SELECT credential_uuid, old_status, lag(new_status) OVER w AS before, seq, row_number() OVER w AS n
                        FROM credential_event WINDOW w AS (PARTITION BY credential_uuid ORDER BY seq)) AS e
 WHERE (old_status IS DISTINCT FROM before OR seq <> n)
   AND credential_uuid NOT IN (SELECT credential_uuid FROM credential_event WHERE seq = 1 AND old_status IS NOT NULL);

-- ------------------------------------------------------------ CALL generate_credentials()
TRUNCATE iss.eligible;
INSERT INTO iss.eligible SELECT id, id <> 6, jsonb_build_object('id', id) FROM lms_user;
SELECT count(*) AS before FROM shown WHERE conf = 2;
-- one that fails loses nothing else
UPDATE credential_configuration SET custom_options = '{"odd_for": {"3": "raise", "4": "null"}}' WHERE id = 2;
CALL generate_credentials(2);
SELECT user_id, status, evidence, document, error, events FROM shown WHERE conf = 2 ORDER BY user_id;
SELECT * FROM runs;
SELECT done, total, rate > 0 AS rate, time_left FROM run_progress;
SELECT last_run_at > modified - interval '1 minute' AS last_run_at FROM credential_configuration WHERE id = 2;
SELECT count(*) AS in_the_run FROM credential c JOIN run r ON r.id = c.run_id;
-- again: nobody is new, and what failed is not due
CALL generate_credentials(2);
-- due: retried; the delay doubles; after max_attempts it waits for somebody
SELECT user_id, attempts, extract(epoch FROM retry_at - modified) AS retry_in FROM credential WHERE configuration_id = 2 AND status = 'error' ORDER BY 1;
UPDATE credential SET retry_at = now() WHERE configuration_id = 2 AND status = 'error';
UPDATE iss.eligible SET details = '{"id": 3, "again": true}' WHERE user_id = 3;
CALL generate_credentials(2);
SELECT user_id, attempts, extract(epoch FROM retry_at - modified) AS retry_in, evidence FROM credential WHERE configuration_id = 2 AND status = 'error' ORDER BY 1;
SET learning_credentials.max_attempts = 3;
UPDATE credential SET retry_at = now() WHERE configuration_id = 2 AND status = 'error';
CALL generate_credentials(2);
SELECT user_id, attempts, extract(epoch FROM retry_at - modified) AS retry_in FROM credential WHERE configuration_id = 2 AND status = 'error' ORDER BY 1;
RESET learning_credentials.max_attempts;
-- longest delay
SET learning_credentials.retry_delay = '20h';
SET client_min_messages = error;
SELECT retry_credential(uuid) FROM shown WHERE conf = 2 AND user_id = 3;
SET client_min_messages = warning;
SELECT user_id, attempts, retry_at - modified AS retry_in FROM credential WHERE configuration_id = 2 AND user_id = 3;
RESET learning_credentials.retry_delay;
SELECT * FROM runs;
-- what was invalidated is not given back by a run
SELECT invalidate_credential(uuid, 'Plagiarism') FROM shown WHERE conf = 2 AND user_id = 1;
CALL generate_credentials(2);
SELECT status, count(*) FROM shown WHERE conf = 2 GROUP BY status ORDER BY status;
-- many batches
SET learning_credentials.batch_size = 3;
UPDATE credential_configuration SET custom_options = '{"odd_for": {"5": "raise"}, "add": "+"}' WHERE id = 4;
CALL generate_credentials(4);
RESET learning_credentials.batch_size;
SELECT user_id, status, evidence, document FROM shown WHERE conf = 4 ORDER BY user_id;
-- nobody at all
DELETE FROM iss.eligible;
CALL generate_credentials(4);
SELECT * FROM runs;

-- ------------------------------------------------------------ retrievals that fail
CREATE PROCEDURE public.odd(what text) LANGUAGE plpgsql AS $$
BEGIN
    UPDATE credential_configuration SET custom_options = jsonb_build_object('odd', what) WHERE id = 5;
    COMMIT;
END
$$;
INSERT INTO iss.eligible VALUES (3), (5);
DELETE FROM run;
CALL odd('raise');
CALL generate_credentials(5);
CALL odd('no user');
CALL generate_credentials(5);
CALL odd('list');
CALL generate_credentials(5);
CALL odd('unheard of');
CALL generate_credentials(5);
SELECT user_id, status FROM shown WHERE conf = 5 ORDER BY user_id;
-- NULL is no eligibility; listed twice is issued once
CALL odd('nulls');
CALL generate_credentials(5);
CALL odd('twice');
CALL generate_credentials(5);
SELECT user_id, status, evidence FROM shown WHERE conf = 5 ORDER BY user_id;
SELECT * FROM runs;
-- what is wrong with all documents is an error of each
UPDATE credential_configuration SET custom_options = '{"odd": "nulls", "source": "nowhere"}' WHERE id = 5;
INSERT INTO iss.eligible VALUES (6), (7);
CALL generate_credentials(5);
SELECT user_id, status, error FROM shown WHERE conf = 5 AND status <> 'available' ORDER BY user_id;
-- and raised on request
SELECT answer(format('SELECT retry_credential(%L)', uuid)) FROM shown WHERE conf = 5 AND user_id = 6;
SELECT answer('SELECT generate_credential(5, 6)') AS of_error, answer('SELECT generate_credential(5, 8)') AS of_available,
       answer('SELECT generate_credential(5, 2)') AS new;
-- a user whom the source does not know
UPDATE credential_configuration SET custom_options = '{"odd": "nulls"}' WHERE id = 5;
INSERT INTO iss.eligible VALUES (98);
CALL generate_credentials(5);
SELECT user_id, status, error FROM shown WHERE conf = 5 AND status <> 'available' ORDER BY user_id;

-- ------------------------------------------------------------ queued runs
DELETE FROM run;
SELECT request_run(3) AS q \gset
SELECT request_run(3) = :q AS merged;
SELECT * FROM runs;
SELECT requested_by = session_user AS by_me FROM run;
CALL generate_credentials(3);
SELECT id = :q AS the_queued_one, status, trigger FROM run;
SELECT request_run(3) > :q AS another;

-- ------------------------------------------------------------ CALL generate_all_credentials()
DELETE FROM run;
DELETE FROM iss.eligible;
UPDATE credential_configuration SET enabled = id IN (1, 2, 4),
       starts_at = CASE id WHEN 1 THEN now() + interval '1 hour' WHEN 4 THEN now() END,
       ends_at = CASE id WHEN 2 THEN now() END;
-- 1 has not begun, 2 is over, 3 is not enabled; only 4 is on
CALL generate_all_credentials();
SELECT * FROM runs;
-- whatever is queued is done, enabled or not
DELETE FROM run;
SELECT request_run(c) IS NOT NULL AS queued FROM generate_series(1, 3) AS c;
CALL generate_all_credentials();
SELECT * FROM runs;
-- what fails does not keep the others from theirs
DELETE FROM run;
UPDATE credential_configuration SET enabled = true, starts_at = NULL, ends_at = NULL;
CREATE ROLE lc_gone SUPERUSER;
UPDATE credential_configuration SET custom_options = '{"source": 7}' WHERE id = 1;
UPDATE credential_configuration SET run_as = 'lc_gone' WHERE id = 2;
DROP ROLE lc_gone;
ALTER FUNCTION iss.generate_sql(credential, jsonb) RENAME TO sql;
UPDATE credential_configuration SET custom_options = '{"odd": "raise"}' WHERE id = 5;
INSERT INTO iss.eligible VALUES (8);
CALL generate_all_credentials();
SELECT * FROM runs;
SELECT conf, status FROM shown WHERE user_id = 8 ORDER BY conf;

-- ------------------------------------------------------------ where a CALL cannot commit
BEGIN;
CALL generate_credentials(3);
ROLLBACK;
BEGIN;
CALL generate_all_credentials();
ROLLBACK;
CREATE FUNCTION public.calls() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL learning_credentials.generate_credentials(3); END $$;
\set VERBOSITY default
SELECT calls();
\set VERBOSITY terse
CREATE PROCEDURE public.protected_calls() LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        CALL learning_credentials.generate_all_credentials();
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING '% %', SQLSTATE, SQLERRM;
    END;
END
$$;
CALL protected_calls();
CALL generate_credentials(NULL);
CALL generate_credentials(99);
-- where it can: a procedure and a DO block
CREATE PROCEDURE public.good_calls() LANGUAGE plpgsql AS $$ BEGIN CALL learning_credentials.generate_credentials(3); END $$;
CALL good_calls();
DO $$ BEGIN CALL learning_credentials.generate_credentials(3); END $$;
SELECT status, count(*) FROM runs WHERE conf = 3 GROUP BY status;
-- nothing is left half done
SELECT count(*) FROM credential WHERE status = 'generating';
SELECT count(*) FROM run WHERE status IN ('queued', 'running');

\c :home
DROP DATABASE lc_issuing;
