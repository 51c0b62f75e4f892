-- What a run does with the rows of a retrieval function, whatever they are. CALL commits, so this test has a
-- database of its own.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
SELECT current_database() AS home \gset
CREATE DATABASE lc_retrieval_rows;
\c lc_retrieval_rows
SET client_min_messages = warning;
CREATE EXTENSION learning_credentials;
SET search_path = learning_credentials, public;

CREATE VIEW public.shown AS
SELECT user_id, status, evidence, error_message AS error FROM credential ORDER BY user_id, created;
-- The last run.
CREATE VIEW public.last_run AS
SELECT status, seen, eligible, existing, queued, issued, failed, error FROM run ORDER BY id DESC LIMIT 1;

INSERT INTO lms_user (id, username, full_name) SELECT i, 'user' || i, 'User ' || i FROM generate_series(-9, 99) AS i;
CREATE SCHEMA app;
CREATE FUNCTION app.generate_text(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE sql STABLE RETURN convert_to(credential.evidence::text, 'UTF8');

-- ------------------------------------------------------------ a function that returns what stands in a table
CREATE TABLE app.row (number integer GENERATED ALWAYS AS IDENTITY, user_id bigint, is_eligible boolean,
                      eligible_since timestamptz, details jsonb);
CREATE FUNCTION app.retrieve_rows(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT r.user_id, r.is_eligible, r.eligible_since, r.details FROM app.row r ORDER BY r.number;
    IF options ? 'fail' THEN
        RAISE EXCEPTION 'no more rows' USING DETAIL = 'The source is shut.', HINT = 'Come back tomorrow.';
    END IF;
END $$;
INSERT INTO credential_type (name, retrieval_func, generation_func, media_type)
VALUES ('Rows', 'app.retrieve_rows', 'app.generate_text', 'text/plain');
INSERT INTO credential_configuration (learning_context_key, credential_type_id)
SELECT 'course-v1:Rows+Any+1', id FROM credential_type RETURNING id AS conf \gset

-- NULL is no eligibility, NULL details are none, a time need not be known; the context is not looked at
INSERT INTO app.row (user_id, is_eligible, eligible_since, details) VALUES
    (1, true, '2024-01-01', '{"first": true}'), (2, NULL, NULL, NULL), (3, true, NULL, NULL), (4, false, now(), '{"why": "late"}'),
    (-1, true, NULL, '{"below": 0}');
CALL generate_credentials(:conf);
SELECT * FROM shown;
SELECT * FROM last_run;
SELECT user_id, is_eligible, eligible_since IS NOT NULL AS known, details FROM eligible_users(:conf);

-- listed more than once: the first row that says eligible counts, and the others are of somebody who is not new
TRUNCATE app.row;
INSERT INTO app.row (user_id, is_eligible, details) VALUES
    (5, false, '{"row": 1}'), (5, true, '{"row": 2}'), (6, true, '{"row": 3}'), (5, true, '{"row": 4}'), (1, true, '{"row": 5}'), (6, true, '{"row": 6}');
CALL generate_credentials(:conf);
SELECT * FROM shown WHERE user_id IN (1, 5, 6);
SELECT * FROM last_run;
-- also far apart: what lies between is more than a statement queues
TRUNCATE app.row;
INSERT INTO app.row (user_id, is_eligible, details)
SELECT CASE WHEN i IN (1, 7) THEN 7 ELSE 10 + i END, true,
       jsonb_build_object('row', i, 'padding', CASE WHEN i NOT IN (1, 7) THEN repeat('x', 2000000) END)
  FROM generate_series(1, 7) AS i;
CALL generate_credentials(:conf);
SELECT user_id, status, evidence->'row' AS row, length(evidence->>'padding') AS padding FROM shown WHERE user_id BETWEEN 7 AND 17;
SELECT * FROM last_run;

-- unknown users: their credentials end in error, with the reason, and nobody else's do
TRUNCATE app.row;
INSERT INTO app.row (user_id, is_eligible) VALUES (12345, true), (8, true), (-9223372036854775808, true), (9223372036854775807, true);
CALL generate_credentials(:conf);
SELECT * FROM shown WHERE user_id = 8 OR user_id NOT BETWEEN -1 AND 99;
SELECT * FROM last_run;
-- the edges of bigint are known afterwards like everybody
CALL generate_credentials(:conf);
SELECT * FROM last_run;
-- due again: retried with the details of now, the first row's
UPDATE credential SET retry_at = now() WHERE status = 'error';
INSERT INTO lms_user (id, username) VALUES (12345, 'late');
UPDATE app.row SET details = '{"second": "try"}' WHERE user_id = 12345;
INSERT INTO app.row (user_id, is_eligible, details) VALUES (12345, true, '{"third": "row"}');
CALL generate_credentials(:conf);
SELECT * FROM shown WHERE user_id = 8 OR user_id NOT BETWEEN -1 AND 99;
SELECT * FROM last_run;

-- whoever had one that was invalidated is not new
SELECT count(invalidate_credential(uuid, 'Plagiarism')) FROM credential WHERE user_id = 8;
CALL generate_credentials(:conf);
SELECT status, count(*) FROM shown WHERE user_id = 8 GROUP BY status;
SELECT * FROM last_run;

-- ------------------------------------------------------------ rows that end the run, which then queues nobody
TRUNCATE app.row;
INSERT INTO app.row (user_id, is_eligible) SELECT i, true FROM generate_series(20, 29) AS i;
UPDATE credential_configuration SET custom_options = '{"fail": true}' WHERE id = :conf;
CALL generate_credentials(:conf);
SELECT * FROM last_run;
UPDATE credential_configuration SET custom_options = '{}' WHERE id = :conf;
INSERT INTO app.row (user_id, is_eligible) VALUES (NULL, true);
CALL generate_credentials(:conf);
SELECT * FROM last_run;
-- also when they are of somebody who is not eligible, or not new
UPDATE app.row SET user_id = 30, is_eligible = false, details = '[1]' WHERE user_id IS NULL;
CALL generate_credentials(:conf);
SELECT * FROM last_run;
UPDATE app.row SET user_id = 1, is_eligible = true, details = '"text"' WHERE user_id = 30;
CALL generate_credentials(:conf);
SELECT * FROM last_run;
SELECT count(*) FROM shown WHERE user_id BETWEEN 20 AND 30;
-- nobody at all
TRUNCATE app.row;
CALL generate_credentials(:conf);
SELECT * FROM last_run;
-- what it could not do before it can do now
INSERT INTO app.row (user_id, is_eligible) SELECT i, true FROM generate_series(20, 29) AS i;
CALL generate_credentials(:conf);
SELECT * FROM last_run;

-- ------------------------------------------------------------ details come from a table that changes meanwhile
CREATE FUNCTION app.retrieve_and_delete(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT r.user_id, r.is_eligible, r.eligible_since, r.details FROM app.row r ORDER BY r.number;
    DELETE FROM app.row;
END $$;
TRUNCATE app.row;
ALTER TABLE app.row ALTER details SET STORAGE EXTERNAL;
INSERT INTO app.row (user_id, is_eligible, details) VALUES (40, true, jsonb_build_object('long', repeat('x', 100000)));
UPDATE credential_type SET retrieval_func = 'app.retrieve_and_delete';
CALL generate_credentials(:conf);
SELECT user_id, status, length(evidence->>'long') FROM shown WHERE user_id = 40;

-- ------------------------------------------------------------ built-in functions, which detail only whom the run wants
INSERT INTO lms_enrollment (context_key, user_id) SELECT 'course-v1:Rows+Any+1', i FROM generate_series(50, 59) AS i;
INSERT INTO lms_course_completion (course_key, user_id, percent) SELECT 'course-v1:Rows+Any+1', i, (i - 50) / 10.0 FROM generate_series(50, 59) AS i;
UPDATE credential_type SET retrieval_func = 'retrieve_completions';
UPDATE credential_configuration SET custom_options = '{"required_completion": 0.7}' WHERE id = :conf;
CALL generate_credentials(:conf);
SELECT * FROM shown WHERE user_id BETWEEN 50 AND 59;
SELECT * FROM last_run;
CALL generate_credentials(:conf);
SELECT * FROM last_run;
-- everybody asks for all of it
SELECT user_id, is_eligible, details FROM eligible_users(:conf) ORDER BY user_id LIMIT 3;
SELECT user_id, is_eligible, details FROM eligible_users(:conf, 51);
-- a fact that is no number ends the run, whosever it is
ALTER TABLE lms_course_completion DROP CONSTRAINT lms_course_completion_percent_check;
UPDATE lms_course_completion SET percent = 'NaN' WHERE user_id = 50;
CALL generate_credentials(:conf);
SELECT * FROM last_run;
UPDATE lms_course_completion SET percent = 0 WHERE user_id = 50;
-- one that calls a built-in function decides on its own, by the details of everybody; inlined and not
CREATE FUNCTION app.retrieve_less(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql STABLE AS $$
    SELECT user_id, (details->>'current_completion')::float8 >= 0.5, NULL::timestamptz, details
      FROM learning_credentials.retrieve_completions(key, options, one) $$;
CREATE FUNCTION app.retrieve_failing(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT user_id, NOT is_eligible, NULL::timestamptz, details
      FROM learning_credentials.retrieve_completions(key, options, one);
END $$;
UPDATE credential_type SET retrieval_func = 'app.retrieve_less';
CALL generate_credentials(:conf);
SELECT * FROM last_run;
UPDATE credential_type SET retrieval_func = 'app.retrieve_failing';
CALL generate_credentials(:conf);
SELECT * FROM last_run;
SELECT * FROM shown WHERE user_id BETWEEN 50 AND 59;
-- a built-in function in a view of the source of another: the inner one has the details of everybody
CREATE SCHEMA nested;
CREATE VIEW nested.lms_enrollment AS SELECT 'course-v1:Rows+Any+1'::text AS context_key, i AS user_id, true AS is_active FROM generate_series(60::bigint, 69) AS i;
CREATE VIEW nested.lms_course_completion AS
SELECT 'course-v1:Rows+Any+1'::text AS course_key, user_id + 10 AS user_id, (details->>'current_completion')::float8 AS percent, eligible_since AS updated_at
  FROM learning_credentials.retrieve_completions('course-v1:Rows+Any+1', '{"required_completion": 1}');
CREATE VIEW nested.lms_user AS SELECT * FROM lms_user;
CREATE VIEW nested.lms_context AS SELECT * FROM lms_context;
UPDATE credential_type SET retrieval_func = 'retrieve_completions';
UPDATE credential_configuration SET custom_options = '{"source": "nested", "required_completion": 0.8}' WHERE id = :conf;
CALL generate_credentials(:conf);
SELECT * FROM shown WHERE user_id BETWEEN 60 AND 69;
SELECT * FROM last_run;
-- called by itself after a run that failed before it was called
UPDATE credential_configuration SET custom_options = '{"source": "nowhere"}' WHERE id = :conf;
CALL generate_credentials(:conf);
SELECT count(*), count(details) FROM retrieve_completions('course-v1:Rows+Any+1', '{}');

-- nothing is left half done
SELECT count(*) FROM credential WHERE status = 'generating';
SELECT count(*) FROM run WHERE status IN ('queued', 'running');

\c :home
DROP DATABASE lc_retrieval_rows;
