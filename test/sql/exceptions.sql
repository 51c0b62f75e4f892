-- Grants, holds, and withdrawal. CALL commits, so this test has a database of its own.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
\pset null NULL
SET client_min_messages = warning;
SELECT current_database() AS home \gset
CREATE DATABASE lc_exceptions;
\c lc_exceptions
SET client_min_messages = warning;
CREATE EXTENSION learning_credentials;
SET search_path = learning_credentials, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';

CREATE FUNCTION public.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement INTO value;
    RETURN coalesce(nullif(regexp_replace(value, '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g'), ''), 'done');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN regexp_replace(concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, nullif(detail, ''), nullif(hint, '')),
                          '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g');
END
$$;
CREATE VIEW public.shown AS
SELECT configuration_id AS conf, user_id, status, user_full_name AS name, evidence, attempts, coalesce(error_message, invalidation_reason) AS why,
       retry_at <= now() AS due
  FROM credential ORDER BY configuration_id, user_id, uuid;
CREATE VIEW public.last_run AS
SELECT status, seen, eligible, existing, queued, granted, held, withdrawn, issued, failed, warning FROM run ORDER BY id DESC LIMIT 1;
CREATE FUNCTION public.summary(conf bigint) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(action || ' ' || users, ', ') FROM plan_summary(conf) WHERE users > 0 $$;

CREATE SCHEMA app;
CREATE FUNCTION app.generate_text(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF options ? 'broken' THEN
        RAISE EXCEPTION 'out of ink';
    END IF;
    RETURN convert_to(credential.user_full_name, 'UTF8');
END
$$;
INSERT INTO lms_user (id, username, full_name)
SELECT i, 'u' || i, CASE i WHEN 2 THEN 'محمد بن موسى الخوارزمي' ELSE 'User ' || i END FROM generate_series(1, 60) AS i;
INSERT INTO lms_enrollment SELECT 'course-v1:Except+A+1', i, true FROM generate_series(1, 10) AS i;
INSERT INTO lms_course_completion SELECT 'course-v1:Except+A+1', i, CASE WHEN i <= 5 THEN 1 ELSE i / 20.0 END, '2026-01-01' FROM generate_series(1, 10) AS i;
INSERT INTO credential_type (id, name, retrieval_func, generation_func, media_type) VALUES (1, 'T', 'retrieve_completions', 'app.generate_text', 'text/plain');
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id) VALUES (1, 'course-v1:Except+A+1', 1), (2, 'course-v1:Except+B+1', 1);

-- ------------------------------------------------------------ deciding
SELECT hold_credential(1, 1, 'Under examination'), hold_credential(1, 2, 'سبب', '2999-01-01 00:00+05:45');
SELECT grant_exception(1, 6, 'Ill in May 生病了'), grant_exception(1, 20, 'Guest'), grant_exception(1, 99, 'Known to nobody');
SELECT user_id, kind, reason, author = jsonb_build_object('role', current_user, 'session', session_user) AS me, ends_at, created BETWEEN now() - interval '1 min' AND clock_timestamp() AS created,
       lifted_at, lifted_by FROM exception ORDER BY user_id;
-- by whom: the outer role, and the claims of a REST server
CREATE ROLE lc_registrar;
SELECT grant_access('lc_registrar', 'issuer');
SET ROLE lc_registrar;
SET request.jwt.claims = '{"sub": "registrar@example.org", "role": "lc_registrar"}';
SELECT hold_credential(2, 1, 'On behalf');
SELECT author - 'session' AS author FROM exception WHERE configuration_id = 2;
SELECT lift_exception(2, 1);
SELECT lifted_at >= created AS lifted, lifted_by - 'session' AS lifted_by FROM exception WHERE configuration_id = 2;
SELECT public.answer('INSERT INTO exception VALUES (2, 9, ''grant'', ''by the back door'')');
RESET request.jwt.claims;
RESET ROLE;
-- errors
SELECT call, public.answer('SELECT ' || call) AS answer FROM unnest(ARRAY['grant_exception(NULL, 1, ''x'')', 'grant_exception(1, NULL, ''x'')', 'hold_credential(1, 3, NULL)',
    'hold_credential(1, 3, E'' \t'')', 'grant_exception(1, 3, '''')', 'hold_credential(99, 1, ''x'')', 'lift_exception(1, 3)', 'lift_exception(NULL, 3)',
    'lift_exception(1, NULL)', 'grant_exception(1, 1, ''x'')', 'hold_credential(1, 6, ''x'')', 'lift_exception(2, 1)']) AS call;
SELECT public.answer($$SELECT grant_exception(1, 3, 'x', '2000-01-01')$$);
-- given again, it is replaced; lifted, it can be of another kind
SELECT hold_credential(2, 2, 'first', '2999-01-01'), hold_credential(2, 2, 'second');
SELECT reason, ends_at FROM exception WHERE (configuration_id, user_id) = (2, 2);
SELECT lift_exception(2, 2), grant_exception(2, 2, 'third');
SELECT kind, reason, lifted_at, lifted_by FROM exception WHERE (configuration_id, user_id) = (2, 2);
-- an end by whatever clock is the same end
SET TimeZone = 'America/St_Johns';
SELECT ends_at FROM exception WHERE ends_at IS NOT NULL;
SET TimeZone = 'UTC';
-- with the configuration they go
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id) VALUES (9, 'course-v1:Except+Z+1', 1);
SELECT hold_credential(9, 1, 'x');
DELETE FROM credential_configuration WHERE id = 9;
SELECT count(*) FROM exception WHERE configuration_id = 9;

-- ------------------------------------------------------------ a run
SELECT user_id, action, is_eligible, shortfall, reason FROM plan_run(1) WHERE action <> 'not_eligible' ORDER BY user_id;
CALL generate_credentials(1);
SELECT * FROM public.shown;
SELECT * FROM public.last_run;
-- an error row says that nobody knows the granted; once known, the retry issues
INSERT INTO lms_user (id, username) VALUES (99, 'newcomer');
UPDATE credential SET retry_at = now() WHERE user_id = 99;
CALL generate_credentials(1);
SELECT * FROM public.shown WHERE user_id = 99;

-- ------------------------------------------------------------ what a hold keeps from being issued
SELECT call, public.answer('SELECT ' || call) AS answer FROM unnest(ARRAY['generate_credential(1, 1)', 'generate_credential(1, 2)']) AS call;
-- what was issued before stays, and is returned; it is not replaced
SET client_min_messages = notice;
\set VERBOSITY default
SELECT hold_credential(1, 3, 'Reported');
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT public.answer('SELECT generate_credential(1, 3)');
SELECT public.answer(format('SELECT reissue_credential(%L)', uuid)) FROM credential WHERE user_id = 3;
SELECT public.answer(format('SELECT renew_credential(%L)', uuid)) ~ 'held|expires' AS refused FROM credential WHERE user_id = 3;
SELECT lift_exception(1, 3);
SELECT public.answer(format('SELECT reissue_credential(%L)', uuid)) FROM credential WHERE user_id = 3;
-- what failed is not retried
UPDATE credential_configuration SET custom_options = '{"broken": true}' WHERE id = 1;
SET client_min_messages = error;
SELECT generate_credential(1, 7) IS NOT NULL AS tried;
SET client_min_messages = warning;
UPDATE credential_configuration SET custom_options = '{}' WHERE id = 1;
UPDATE credential SET retry_at = now() WHERE user_id = 7;
SELECT hold_credential(1, 7, 'Reported');
SELECT public.answer('SELECT generate_credential(1, 7)');
SELECT public.answer(format('SELECT retry_credential(%L)', uuid)) FROM credential WHERE user_id = 7;
UPDATE lms_course_completion SET percent = 1 WHERE user_id = 7;
SELECT public.summary(1);
CALL generate_credentials(1);
SELECT queue_due_runs();
SELECT * FROM public.shown WHERE user_id = 7;
-- one that is queued when the hold comes: the batch sees it, and ends it in error without an attempt
UPDATE credential SET status = 'generating', run_id = (SELECT max(id) FROM run) WHERE user_id = 7;
UPDATE run SET status = 'running', finished = NULL WHERE id = (SELECT max(id) FROM run);
CALL generate_credentials(1);
SELECT * FROM public.shown WHERE user_id = 7;
SELECT new_status, reason FROM credential_event e JOIN credential c ON c.uuid = e.credential_uuid WHERE c.user_id = 7 ORDER BY seq DESC LIMIT 1;
-- lifted: due again at once
SELECT lift_exception(1, 7);
SELECT public.summary(1);
CALL generate_credentials(1);
SELECT * FROM public.shown WHERE user_id = 7;

-- ------------------------------------------------------------ what has ended, has no effect
SELECT hold_credential(1, 4, 'x'), hold_credential(1, 8, 'x'), grant_exception(1, 9, 'x');
UPDATE lms_course_completion SET percent = 1 WHERE user_id = 8;
SELECT public.summary(1);
UPDATE exception SET ends_at = now() WHERE user_id IN (2, 8, 9) AND configuration_id = 1;
SELECT public.summary(1);
SELECT user_id, action FROM plan_run(1) WHERE user_id IN (2, 8, 9) ORDER BY 1;
CALL generate_credentials(1);
SELECT user_id, status, name FROM public.shown WHERE user_id IN (2, 8, 9);
SELECT public.answer('SELECT generate_credential(1, 2)'), public.answer('SELECT lift_exception(1, 2)');

-- ------------------------------------------------------------ withdrawal
-- off by default
UPDATE lms_course_completion SET percent = 0.1 WHERE user_id IN (4, 5);
DELETE FROM lms_enrollment WHERE user_id = 8;
SELECT public.summary(1);
UPDATE credential_configuration SET withdraw = true WHERE id = 1;
-- of those who lost it: 4 (who is held as well), 5, and 8, who is not listed any more; not 6, 20 and 99, who were granted it
SELECT generate_credential(1, 10) IS NOT NULL AS by_hand;
SELECT user_id, action, is_eligible, reason FROM plan_run(1) WHERE action <> 'not_eligible' ORDER BY user_id;
SELECT public.summary(1);
CALL generate_credentials(1);
SELECT user_id, status, why FROM public.shown WHERE status = 'invalidated';
SELECT * FROM public.last_run;
SELECT invalidation_reason, status FROM learning_credentials_api.metadata WHERE verify_uuid = (SELECT verify_uuid FROM credential WHERE user_id = 5);
-- not those whose grant has ended or was lifted: it was a grant that issued
SELECT lift_exception(1, 6), lift_exception(1, 20);
CALL generate_credentials(1);
SELECT withdrawn FROM public.last_run;
-- eligible again: what was withdrawn a run does not give back, a person does; or a grant that came after it
UPDATE lms_course_completion SET percent = 1 WHERE user_id IN (4, 5);
SELECT lift_exception(1, 4);
SELECT user_id, action, is_eligible, reason FROM plan_run(1) WHERE user_id IN (4, 5, 8) ORDER BY user_id;
SELECT count(generate_credential(1, user_id)) FROM plan_run(1) WHERE action = 'invalidated' AND is_eligible AND user_id = 4;
SELECT grant_exception(1, 8, 'Was not at fault');
SELECT user_id, action, is_eligible, reason FROM plan_run(1) WHERE user_id IN (4, 5, 8) ORDER BY user_id;
CALL generate_credentials(1);
SELECT user_id, status, evidence, why FROM public.shown WHERE user_id IN (4, 5, 8);
-- invalidated after the grant: a run does not give it back
SELECT invalidate_credential(uuid, 'Found out') FROM credential WHERE user_id = 8 AND status = 'available';
CALL generate_credentials(1);
SELECT action, reason FROM plan_run(1) WHERE user_id = 8;
SELECT status, why FROM public.shown WHERE user_id = 8;
-- a reissue is of what it replaces; a call of a person's, and an import, are not a run's
SELECT public.answer(format('SELECT reissue_credential(%L)', uuid)) FROM credential WHERE user_id = 7 AND status = 'available';
INSERT INTO credential (configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id, user_full_name, status, download_url, legacy_id, issue_date)
VALUES (1, 'T', 'course-v1:Except+A+1', 'A', 50, 'Alumna', 'available', 'https://example.org/a.pdf', 'A1', '2019-02-03');
UPDATE lms_course_completion SET percent = 0.1 WHERE user_id IN (3, 4, 7);
SELECT status FROM bulk_generate(1, ARRAY[51], in_run => true);
SELECT user_id, action FROM plan_run(1) WHERE user_id IN (3, 4, 7, 50, 51) ORDER BY user_id;
CALL generate_credentials(1);
SELECT user_id, status, why FROM public.shown WHERE user_id IN (3, 4, 7, 50, 51);
CALL generate_credentials(1);
SELECT user_id, status, why FROM public.shown WHERE user_id = 51;

-- ------------------------------------------------------------ when so much is lost, it is more likely the facts
CREATE TABLE app.row (user_id bigint, is_eligible boolean);
CREATE FUNCTION app.retrieve_rows(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql STABLE AS $$ SELECT user_id, is_eligible, NULL::timestamptz, '{}'::jsonb FROM app.row $$;
INSERT INTO credential_type (id, name, retrieval_func, generation_func, media_type) VALUES (2, 'Rows', 'app.retrieve_rows', 'app.generate_text', 'text/plain');
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, withdraw) VALUES (3, 'course-v1:Except+A+1', 2, true);
INSERT INTO app.row SELECT i, true FROM generate_series(1, 30) AS i;
CALL generate_credentials(3);
SELECT * FROM public.last_run;
-- nobody is listed
CREATE TABLE app.kept AS SELECT * FROM app.row;
TRUNCATE app.row;
SELECT public.summary(3);
CALL generate_credentials(3);
SELECT withdrawn, warning FROM public.last_run;
-- one is listed, and is eligible; one, and is not
INSERT INTO app.row VALUES (30, true);
CALL generate_credentials(3);
UPDATE app.row SET is_eligible = false;
CALL generate_credentials(3);
SELECT public.summary(3), (SELECT string_agg(DISTINCT action, ' ') FROM plan_run(3)) AS of_rows;
-- 16 of 30, then 15 of 30: more than half, and half
TRUNCATE app.row;
INSERT INTO app.row SELECT user_id, user_id <= 14 FROM app.kept;
CALL generate_credentials(3);
INSERT INTO app.row VALUES (30, true);
SELECT public.summary(3);
CALL generate_credentials(3);
SELECT withdrawn, warning FROM public.last_run;
-- ten may always; the last one, too, while somebody is listed
UPDATE app.row SET is_eligible = false WHERE user_id <= 10;
CALL generate_credentials(3);
SELECT withdrawn, warning FROM public.last_run;
UPDATE app.row SET is_eligible = false;
CALL generate_credentials(3);
SELECT withdrawn, warning FROM public.last_run;
SELECT status, count(*) FROM credential WHERE configuration_id = 3 GROUP BY 1;
-- a retrieval that fails withdraws nothing
UPDATE credential_configuration SET custom_options = '{"source": 3}' WHERE id = 1;
SELECT count(*) FROM credential WHERE configuration_id = 1 AND status = 'available';
CALL generate_credentials(1);
SELECT count(*) FROM credential WHERE configuration_id = 1 AND status = 'available';

\c :home
DROP DATABASE lc_exceptions;
DROP ROLE lc_registrar;
