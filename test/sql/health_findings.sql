-- health(): each of its findings, made by what an administrator would meet; and the numbers of metrics.
\pset format unaligned
\pset footer off
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT * FROM learning_credentials.health();

-- ------------------------------------------------------------ an empty house
SELECT name, labels, value FROM learning_credentials.metrics
 WHERE name NOT IN ('learning_credentials_bytes', 'learning_credentials_credentials', 'learning_credentials_worker_up')
 ORDER BY name, labels::text;
SELECT DISTINCT type FROM learning_credentials.metrics;
SELECT count(DISTINCT labels), min(value) > 0 FROM learning_credentials.metrics WHERE name = 'learning_credentials_bytes';

-- ------------------------------------------------------------ definitions
CREATE SCHEMA health;
CREATE FUNCTION health.retrieve_nobody(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql
AS $$ SELECT NULL::bigint, true, NULL::timestamptz, NULL::jsonb WHERE false $$;
CREATE FUNCTION health.generate_text(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE sql AS $$ SELECT convert_to('for ' || credential.user_full_name, 'UTF8') $$;
INSERT INTO learning_credentials.credential_type (id, name, retrieval_func, generation_func, media_type)
VALUES (7001, 'Health', 'health.retrieve_nobody', 'health.generate_text', 'text/plain'),
       (7002, 'Page', 'health.retrieve_nobody', 'learning_credentials.generate_pdf', 'application/pdf');
INSERT INTO learning_credentials.credential_configuration (id, learning_context_key, credential_type_id, enabled)
VALUES (7001, 'course-v1:Health+1+1', 7001, true), (7002, 'course-v1:Health+2+1', 7001, true);
-- Schedules are kept by nobody.
SELECT severity, finding, message, hint FROM learning_credentials.health();
UPDATE learning_credentials.credential_configuration SET enabled = false WHERE id = 7001;
-- An expression that is not a time that comes
UPDATE learning_credentials.credential_configuration SET schedule = 'at 2001-01-01' WHERE id = 7002;
-- What options lack
INSERT INTO learning_credentials.credential_configuration (id, learning_context_key, credential_type_id, custom_options)
VALUES (7003, 'course-v1:Health+3+1', 7002, '{"template": "missing", "colour": "red"}');
SELECT severity, finding, subject, message FROM learning_credentials.health() WHERE finding <> 'no_worker' ORDER BY 2, 3, 4;
UPDATE learning_credentials.credential_configuration SET custom_options = '{"page": {"size": "A4"}}' WHERE id = 7003;
UPDATE learning_credentials.credential_configuration SET schedule = '@daily' WHERE id = 7002;
UPDATE learning_credentials.credential_configuration SET next_run_at = '2020-01-01 12:00+00', starts_at = NULL WHERE id = 7002;
SET LOCAL TimeZone = 'UTC';
SELECT severity, finding, subject, message FROM learning_credentials.health() WHERE finding <> 'no_worker';
UPDATE learning_credentials.credential_configuration SET last_run_at = '2019-12-31 12:00+00', suspension_reason = 'it crashed' WHERE id = 7002;
SELECT severity, finding, subject, message FROM learning_credentials.health() WHERE finding <> 'no_worker';
UPDATE learning_credentials.credential_configuration SET suspension_reason = NULL WHERE id = 7002;
SELECT severity, finding, subject, message FROM learning_credentials.health() WHERE finding <> 'no_worker';
UPDATE learning_credentials.credential_configuration SET enabled = false WHERE id = 7002;

-- Functions and roles that went away
CREATE ROLE lc_health_runner;
UPDATE learning_credentials.credential_configuration SET run_as = 'lc_health_runner' WHERE id = 7001;
SAVEPOINT before;
SELECT severity, finding, subject, message, hint FROM learning_credentials.health();
DROP ROLE lc_health_runner;
UPDATE learning_credentials.credential_configuration SET enabled = false WHERE id = 7002;
SELECT severity, finding, subject, message FROM learning_credentials.health();
ROLLBACK TO before;
UPDATE learning_credentials.credential_configuration SET run_as = current_user WHERE id = 7001;
ALTER FUNCTION health.generate_text RENAME TO write_text;
SELECT severity, finding, subject, message FROM learning_credentials.health() WHERE subject LIKE '%Health+1+%';
ALTER FUNCTION health.write_text RENAME TO generate_text;
DROP FUNCTION health.retrieve_nobody;
SELECT severity, finding, subject, message FROM learning_credentials.health() WHERE subject LIKE '%Health+1+%';
ROLLBACK TO before;
UPDATE learning_credentials.credential_configuration SET run_as = current_user WHERE id = 7001;

-- ------------------------------------------------------------ levels
CREATE ROLE lc_health_learner;
CREATE ROLE lc_health_gone;
SELECT learning_credentials.grant_access('lc_health_learner', 'learner'), learning_credentials.grant_access('lc_health_gone', 'verifier');
ALTER ROLE lc_health_learner LOGIN;
CREATE ROLE lc_health_less;
SELECT learning_credentials.grant_access('lc_health_less', 'issuer');
INSERT INTO learning_credentials.access_grant (role_name, level) VALUES ('lc_health_late', 'learner');
CREATE ROLE lc_health_late;
REVOKE UPDATE, DELETE ON learning_credentials.credential_type FROM lc_health_less;
REVOKE EXECUTE ON PROCEDURE learning_credentials.generate_credentials(bigint) FROM lc_health_less;
REVOKE USAGE ON SCHEMA learning_credentials FROM lc_health_less;
DROP OWNED BY lc_health_gone;
DROP ROLE lc_health_gone;
SELECT severity, finding, subject, message FROM learning_credentials.health() ORDER BY finding;
ROLLBACK TO before;
UPDATE learning_credentials.credential_configuration SET run_as = current_user WHERE id = 7001;

-- ------------------------------------------------------------ runs
INSERT INTO learning_credentials.run (id, configuration_id, trigger, status, created, started, finished, error)
VALUES (7001, 7001, 'call', 'failed', now(), now(), now(), 'division by zero'),
       (7002, 7002, 'call', 'failed', now(), now(), now(), 'was mended'), (7003, 7002, 'call', 'finished', now(), now(), now(), NULL),
       (7004, 7002, 'call', 'cancelled', now(), now(), now(), NULL),
       (7005, 7001, 'request', 'queued', '2020-01-01 12:00+00', NULL, NULL, NULL),
       (7006, 7001, 'request', 'running', '2020-01-01 12:00+00', '2020-01-01 12:00+00', NULL, NULL),
       (7007, 7002, 'request', 'queued', now(), NULL, NULL, NULL), (7008, 7002, 'request', 'running', now(), now(), NULL, NULL);
UPDATE learning_credentials.run SET warning = 'nothing is withdrawn' WHERE id IN (7001, 7002);
SELECT severity, finding, subject, message, hint FROM learning_credentials.health() ORDER BY finding, subject;
UPDATE learning_credentials.credential_configuration SET suspension_reason = 'it crashed' WHERE id = 7001;
SELECT severity, finding, subject, hint FROM learning_credentials.health() WHERE finding = 'run_waits';
SELECT labels, value FROM learning_credentials.metrics WHERE name = 'learning_credentials_runs' ORDER BY labels::text;
UPDATE learning_credentials.credential_configuration SET suspension_reason = NULL WHERE id = 7001;
DELETE FROM learning_credentials.run;

-- ------------------------------------------------------------ credentials
SET LOCAL client_min_messages = error;      -- warnings name uuids
INSERT INTO learning_credentials.lms_user (id, username, full_name) VALUES (7001, 'ada', 'Ada'), (7002, 'blaise', 'Blaise');
INSERT INTO learning_credentials.lms_context (key, display_name) VALUES ('course-v1:Health+1+1', 'Health');
CREATE OR REPLACE FUNCTION health.generate_text(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN RAISE 'no ink left' USING HINT = 'Buy some.'; END $$;
SELECT learning_credentials.generate_credential(7001, 7001) IS NULL AS failed;
SELECT severity, finding, subject, message FROM learning_credentials.health();
-- what is held, is meant to wait
SELECT learning_credentials.hold_credential(7001, 7001, 'Reported');
SELECT severity, finding FROM learning_credentials.health();
SELECT learning_credentials.lift_exception(7001, 7001);
SET LOCAL learning_credentials.max_attempts = 1;
SELECT learning_credentials.generate_credential(7001, 7002) IS NULL AS failed;
SELECT severity, finding, subject, message FROM learning_credentials.health();
SELECT labels, value FROM learning_credentials.metrics WHERE name = 'learning_credentials_errors' ORDER BY labels::text;
SELECT value FROM learning_credentials.metrics WHERE labels = '{"status": "error"}';
CREATE OR REPLACE FUNCTION health.generate_text(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE sql AS $$ SELECT convert_to('for ' || credential.user_full_name, 'UTF8') $$;
SELECT count(learning_credentials.generate_credential(7001, id)) FROM learning_credentials.lms_user WHERE id IN (7001, 7002);
SELECT * FROM learning_credentials.health();
UPDATE learning_credentials.credential_type SET custom_options = '{"ink": "blue"}' WHERE id = 7001;
SELECT severity, finding, subject, message, hint FROM learning_credentials.health();
SELECT * FROM learning_credentials.health(thorough => false);
UPDATE learning_credentials.credential_type SET custom_options = '{}' WHERE id = 7001;
INSERT INTO learning_credentials.suspect (credential_uuid, crashes)
SELECT uuid, user_id - 7000 FROM learning_credentials.credential WHERE configuration_id = 7001;
SELECT severity, finding, message FROM learning_credentials.health() ORDER BY message;
DELETE FROM learning_credentials.suspect;

-- What only somebody can do who switches the triggers off
SET LOCAL session_replication_role = replica;
DELETE FROM learning_credentials.document d USING learning_credentials.credential c
 WHERE c.uuid = d.credential_uuid AND c.user_id = 7001;
DELETE FROM learning_credentials.credential WHERE user_id = 7002;
SELECT severity, finding, message, hint FROM learning_credentials.health() ORDER BY finding;
SELECT * FROM learning_credentials.health(false);
ROLLBACK;
