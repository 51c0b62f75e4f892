-- What a run would do, and that a run then does it. CALL commits, so this test has a database of its own.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
\pset null NULL
SET client_min_messages = warning;
SELECT current_database() AS home \gset
CREATE DATABASE lc_planning;
\c lc_planning
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
    RETURN coalesce(value, '(null)');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, nullif(detail, ''), nullif(hint, ''));
END
$$;
-- A summary in a line.
CREATE FUNCTION public.summary(conf bigint, options jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(action || ' ' || users, ', ') FROM plan_summary(conf, options) WHERE users > 0 $$;

-- ------------------------------------------------------------ a course with completions and grades
CREATE SCHEMA app;
CREATE FUNCTION app.generate_text(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF credential.user_id::text = ANY (ARRAY(SELECT jsonb_array_elements_text(options->'broken'))) THEN
        RAISE EXCEPTION 'out of ink';
    END IF;
    RETURN convert_to(credential.user_full_name || credential.evidence, 'UTF8');
END
$$;
INSERT INTO lms_user (id, username, full_name)
SELECT i, 'u' || i, CASE i WHEN 1 THEN 'Анна Ахматова' WHEN 2 THEN '王小明' ELSE 'User ' || i END FROM generate_series(1, 12) AS i;
INSERT INTO lms_enrollment SELECT 'course-v1:Plan+A+1', i, i <> 12 FROM generate_series(1, 12) AS i;
INSERT INTO lms_course_completion
SELECT 'course-v1:Plan+A+1', i, 1.1 - i / 10.0, timestamptz '2026-01-01 00:00 UTC' + i * interval '1 day' FROM generate_series(1, 10) AS i;
INSERT INTO lms_grading_policy VALUES ('course-v1:Plan+A+1', 'übung', 0.25), ('course-v1:Plan+A+1', 'Exam', 0.75);
INSERT INTO lms_subsection_grade
SELECT 'course-v1:Plan+A+1', i, kind, kind, points, 40, '2026-02-01 00:00 UTC'
  FROM (VALUES (1, 'übung', 40), (1, 'Exam', 40), (2, 'übung', 10), (2, 'Exam', 31), (3, 'übung', 40)) AS g (i, kind, points);
INSERT INTO credential_type (id, name, retrieval_func, generation_func, media_type, custom_options) VALUES
    (1, 'Completion', 'retrieve_completions', 'app.generate_text', 'text/plain', '{"required_completion": 0.8}'),
    (2, 'Grades', 'retrieve_subsection_grades', 'app.generate_text', 'text/plain', '{"required_grades": {"üBUNG": 0.5, "exam": 0.8, "Total": 0.75}}'),
    (3, 'Both', 'retrieve_completions_and_grades', 'app.generate_text', 'text/plain', '{"required_grades": {"Exam": 0}}');
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id) SELECT i, 'course-v1:Plan+A+1', i FROM generate_series(1, 3) AS i;

SELECT user_id, action, is_eligible, eligible_since, shortfall, reason FROM plan_run(1) ORDER BY user_id;
SELECT * FROM plan_summary(1);
-- what if
SELECT public.summary(1, '{"required_completion": 0.75}'), public.summary(1, '{"required_completion": 0}'), public.summary(1, '{"x": {}}');
SELECT user_id, shortfall FROM plan_run(1, '{"required_completion": 0.75}') WHERE action = 'not_eligible' ORDER BY user_id LIMIT 1;
-- the configuration is as it was
SELECT public.summary(1), public.summary(1, NULL);
-- grades: points of a hundred; who has no grade lacks all of it, also where none is required but one is to be there
SELECT user_id, action, shortfall, details FROM plan_run(2) WHERE user_id <= 4 ORDER BY user_id;
SELECT user_id, action, shortfall FROM plan_run(3) WHERE user_id <= 4 ORDER BY user_id;
-- the other time zone shows other times, and the same people
SET TimeZone = 'Asia/Kathmandu';
SELECT user_id, action, eligible_since FROM plan_run(1) WHERE is_eligible ORDER BY user_id;
RESET TimeZone;
SET TimeZone = 'UTC';

-- ------------------------------------------------------------ a Learning Path
INSERT INTO lms_path_step VALUES ('path-v1:Plan+1+1+All', 'course-v1:Plan+A+1', 1), ('path-v1:Plan+1+1+All', 'course-v1:Plan+B+1', 2);
INSERT INTO lms_enrollment SELECT 'path-v1:Plan+1+1+All', i, true FROM generate_series(1, 5) AS i;
INSERT INTO lms_enrollment SELECT 'course-v1:Plan+B+1', i, true FROM generate_series(1, 3) AS i;
INSERT INTO lms_course_completion VALUES ('course-v1:Plan+B+1', 1, 0.9), ('course-v1:Plan+B+1', 2, 0.1);
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id) VALUES (4, 'path-v1:Plan+1+1+All', 1);
SELECT user_id, action, is_eligible, shortfall FROM plan_run(4) ORDER BY user_id;

-- ------------------------------------------------------------ what there is
SELECT generate_credential(1, 7) IS NOT NULL AS by_hand;
UPDATE credential_configuration SET custom_options = '{"broken": [2, 3]}' WHERE id = 1;
CALL generate_credentials(1);
SELECT user_id, action, is_eligible, credential = (SELECT uuid FROM credential c WHERE c.configuration_id = 1 AND c.user_id = p.user_id) AS this_one, reason
  FROM plan_run(1) AS p WHERE action <> 'not_eligible' ORDER BY user_id;
UPDATE credential SET retry_at = now() WHERE user_id = 2 AND configuration_id = 1;
SELECT invalidate_credential(uuid, 'Mistake') FROM credential WHERE user_id = 1 AND configuration_id = 1;
SELECT user_id, action, is_eligible, credential = (SELECT uuid FROM credential c WHERE c.configuration_id = 1 AND c.user_id = p.user_id) AS this_one, reason
  FROM plan_run(1) AS p WHERE action <> 'not_eligible' ORDER BY user_id;
SELECT public.summary(1);
-- a replacement that waits for its turn, and the one that it is to replace
SELECT generate_credential(1, 1) AS old \gset
UPDATE credential_configuration SET custom_options = '{"broken": [1, 2, 3]}' WHERE id = 1;
SET client_min_messages = error;
SELECT reissue_credential(:'old', 'Name') AS new \gset
SET client_min_messages = warning;
SELECT action, credential = :'old' AS old, reason FROM plan_run(1) WHERE user_id = 1;
UPDATE credential SET retry_at = now() WHERE uuid = :'new';
SELECT action, credential = :'new' AS new, reason FROM plan_run(1) WHERE user_id = 1;

-- ------------------------------------------------------------ dates
UPDATE credential_configuration SET custom_options = '{}', issue_from = '2026-01-05 00:00 UTC' WHERE id = 1;
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, issue_from)
SELECT 5, 'course-v1:Plan+C+1', 1, '2026-01-03 05:45+05:45';
INSERT INTO lms_enrollment SELECT 'course-v1:Plan+C+1', i, true FROM generate_series(1, 5) AS i;
INSERT INTO lms_course_completion VALUES
    ('course-v1:Plan+C+1', 1, 1, '2026-01-02 23:59:59.999999 UTC'), ('course-v1:Plan+C+1', 2, 1, '2026-01-03 00:00 UTC'),
    ('course-v1:Plan+C+1', 3, 1, '2026-01-03 00:00:00.000001 UTC'), ('course-v1:Plan+C+1', 4, 1, NULL), ('course-v1:Plan+C+1', 5, 0, NULL);
SELECT user_id, action, eligible_since, reason FROM plan_run(5) ORDER BY user_id;
CALL generate_credentials(5);
SELECT user_id, status FROM credential WHERE configuration_id = 5;
SELECT seen, eligible, existing, queued, held, too_early, too_late, issued FROM run WHERE configuration_id = 5;
-- generate_credential() does not ask
SELECT generate_credential(5, 1) IS NOT NULL AS issued;
-- before available_from, and after expires_at
UPDATE credential_configuration SET issue_from = NULL, available_from = '2999-01-01' WHERE id = 5;
SELECT user_id, action, reason FROM plan_run(5) WHERE action LIKE 'too%' ORDER BY user_id;
UPDATE credential_configuration SET available_from = NULL, expires_at = '2026-01-04' WHERE id = 5;
SELECT user_id, action, reason FROM plan_run(5) WHERE action LIKE 'too%' ORDER BY user_id;
CALL generate_credentials(5);
SELECT seen, eligible, existing, queued, held, too_early, too_late, issued FROM run WHERE configuration_id = 5 ORDER BY id DESC LIMIT 1;
UPDATE credential_configuration SET expires_at = NULL WHERE id = 5;
SELECT public.summary(5);

-- ------------------------------------------------------------ functions of one's own
CREATE TABLE app.row (number integer GENERATED ALWAYS AS IDENTITY, user_id bigint, is_eligible boolean, eligible_since timestamptz, details jsonb);
CREATE TABLE app.asked (at timestamptz DEFAULT now());
CREATE FUNCTION app.retrieve_rows(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO app.asked DEFAULT VALUES;
    RETURN QUERY SELECT r.user_id, r.is_eligible, r.eligible_since, r.details FROM app.row r ORDER BY r.number;
    IF options ? 'fail' THEN
        RAISE EXCEPTION 'no more rows' USING DETAIL = 'The source is shut.';
    END IF;
END $$;
INSERT INTO credential_type (id, name, retrieval_func, generation_func, media_type)
VALUES (4, 'Rows', 'app.retrieve_rows', 'app.generate_text', 'text/plain');
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id) VALUES (6, 'course-v1:Plan+A+1', 4);
-- what is missing is not known; what is, is told; odd values are not taken for numbers
INSERT INTO app.row (user_id, is_eligible, details) VALUES
    (1, false, '{"points": 3}'), (2, NULL, NULL), (-3, false, '{"current_completion": "0.5", "required_completion": 0.9}'),
    (4, false, '{"current_completion": 0.5, "required_completion": 0.9, "more": 1}'),
    (5, false, '{"current_grades": {"a": "x"}, "required_grades": {"a": 5, "b": [1]}}'), (6, false, '{"steps": {"a": {"points": 3}}}'),
    (7, false, '{"steps": {"a": {"current_completion": 1, "required_completion": 0.5}, "b": {"current_completion": 0, "required_completion": 0.5}}}'),
    (8, true, '{"current_completion": 0, "required_completion": 1}'), (9, false, '{"steps": 3}'), (10, false, '{"required_grades": {"a": 5}}');
SELECT user_id, action, is_eligible, shortfall FROM plan_run(6) ORDER BY user_id;
-- listed more than once: counted once, by the row by which a run issues
TRUNCATE app.row;
UPDATE credential_configuration SET issue_from = '2026-01-01' WHERE id = 6;
INSERT INTO app.row (user_id, is_eligible, eligible_since, details) VALUES
    (1, false, NULL, '{"row": 1}'), (1, true, NULL, '{"row": 2}'), (1, true, '2026-02-02', '{"row": 3}'), (1, false, '2026-02-02', '{"row": 4}'),
    (2, false, NULL, '{"row": 5}'), (2, false, NULL, '{"row": 6}');
SELECT user_id, action, details FROM plan_run(6) ORDER BY user_id;
SELECT public.summary(6);
-- what the function writes does not stay, nor does anything else
SELECT count(*) FROM app.asked;
BEGIN READ ONLY;
SELECT public.summary(1), public.summary(4), count(*) FROM plan_run(1);
SELECT public.answer('SELECT * FROM plan_run(6)');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT public.summary(6), count(*) FROM plan_run(6);
COMMIT;
CALL generate_credentials(6);
SELECT user_id, evidence FROM credential WHERE configuration_id = 6;
SELECT count(*) FROM app.asked;
-- errors
SELECT call, public.answer('SELECT * FROM ' || call) AS answer FROM unnest(ARRAY['plan_run(NULL)', 'plan_run(99)', 'plan_summary(99)', 'plan_run(1, ''[]'')',
    'plan_summary(1, ''3'')', 'plan_run(6, ''{"fail": true}'')', 'plan_run(1, ''{"required_completion": 2}'')', 'plan_run(1, ''{"source": 3}'')',
    'plan_run(1, ''{"source": "nowhere"}'')']) AS call;
-- after an error the session is as it was
SELECT current_user = session_user AS self, current_setting('search_path') AS path, public.summary(1);

-- ------------------------------------------------------------ other options are for whoever may write them
CREATE ROLE lc_planner;
CREATE ROLE lc_other_team;
SELECT grant_access('lc_planner', 'issuer');
SET ROLE lc_planner;
SELECT public.summary(1), (SELECT count(*) FROM plan_run(1));
SELECT replace(public.answer($$SELECT * FROM plan_run(1, '{"source": "app"}')$$), session_user, 'OWNER') AS answer;
SELECT public.answer($$SELECT * FROM plan_summary(1, '{"required_completion": 0.75}')$$) ~ '^42501 permission denied to plan with other options as role ' AS refused;
SELECT public.summary(1, '{}');
RESET ROLE;
GRANT USAGE ON SCHEMA learning_credentials, app TO lc_other_team;
GRANT SELECT ON ALL TABLES IN SCHEMA learning_credentials TO lc_other_team;
GRANT EXECUTE ON FUNCTION retrieve_completions(text, jsonb, bigint) TO lc_other_team;
GRANT lc_other_team TO lc_planner;
UPDATE credential_configuration SET run_as = 'lc_other_team' WHERE id = 5;
SET ROLE lc_planner;
SELECT public.summary(5, '{"required_completion": 0}');
RESET ROLE;
UPDATE credential_configuration SET run_as = current_user WHERE id = 5;

-- ------------------------------------------------------------ the first run is announced
SET client_min_messages = notice;
\set VERBOSITY default
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, enabled) VALUES (7, 'course-v1:Plan+C+1', 4, false);
UPDATE credential_configuration SET enabled = true WHERE id = 7;
UPDATE credential_configuration SET enabled = true WHERE id = 7;
\set VERBOSITY terse
UPDATE credential_configuration SET enabled = false, issue_from = '2026-03-01' WHERE id = 7;
UPDATE credential_configuration SET enabled = true WHERE id = 7;
-- with one that has run nothing is said, nor of nobody
UPDATE credential_configuration SET enabled = true, issue_from = NULL WHERE id = 6;
INSERT INTO lms_enrollment VALUES ('course-v1:Plan+D+1', 1), ('course-v1:Plan+D+1', 2);
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, enabled) VALUES (8, 'course-v1:Plan+D+1', 1, true);
-- an INSERT tells, too; singular and plural
INSERT INTO lms_course_completion VALUES ('course-v1:Plan+D+1', 1, 1), ('course-v1:Plan+D+1', 2, 1);
DELETE FROM credential_configuration WHERE id = 8;
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, enabled) VALUES (8, 'course-v1:Plan+D+1', 1, true);
-- what cannot be counted does not keep the row from being written, nor does what takes too long
CREATE FUNCTION app.retrieve_slowly(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); END $$;
INSERT INTO credential_type (id, name, retrieval_func, generation_func, media_type) VALUES (5, 'Slow', 'app.retrieve_slowly', 'app.generate_text', 'text/plain');
\set VERBOSITY default
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, custom_options, enabled) VALUES (9, 'course-v1:Plan+E+1', 4, '{"fail": true}', true);
SET statement_timeout = '4s';
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, enabled)
SELECT 10 + i, 'course-v1:Plan+E+' || i, 5, true FROM generate_series(1, 3) AS i;
RESET statement_timeout;
SELECT count(*) FROM credential_configuration WHERE credential_type_id = 5 AND enabled;
-- not while a dump is being restored
CREATE SEQUENCE app.counted;
CREATE FUNCTION app.retrieve_counted(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql AS $$ SELECT nextval('app.counted'), true, now(), '{}'::jsonb $$;
UPDATE credential_type SET retrieval_func = 'app.retrieve_counted' WHERE id = 4;
SET check_function_bodies = off;
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, enabled) VALUES (20, 'course-v1:Plan+D+1', 4, true);
RESET check_function_bodies;
-- nor when nobody would read it
SET client_min_messages = warning;
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, enabled) VALUES (21, 'course-v1:Plan+F+1', 4, true);
SELECT nextval('app.counted') AS not_called;
UPDATE credential_type SET retrieval_func = 'app.retrieve_rows' WHERE id = 4;

-- ------------------------------------------------------------ a plan is what the run after it does
-- Users of all kinds: facts and states combine at random, in the same way whenever this is run.
CREATE FUNCTION app.chance(user_id bigint, of text) RETURNS integer LANGUAGE sql IMMUTABLE RETURN abs(hashtextextended(of, user_id) % 100);
INSERT INTO lms_user (id, username) SELECT i, 'many' || i FROM generate_series(1001, 2500) AS i WHERE i % 97 <> 0;
INSERT INTO lms_enrollment SELECT 'course-v1:Many+1+1', i, app.chance(i, 'active') < 90 FROM generate_series(1001, 2500) AS i;
INSERT INTO lms_course_completion
SELECT 'course-v1:Many+1+1', i, app.chance(i, 'percent') / 100.0,
       CASE WHEN app.chance(i, 'dated') < 90 THEN timestamptz '2026-01-01' + app.chance(i, 'since') * interval '1 day' END
  FROM generate_series(1001, 2500) AS i WHERE app.chance(i, 'record') < 95;
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, custom_options)
VALUES (30, 'course-v1:Many+1+1', 1, jsonb_build_object('required_completion', 0.5, 'broken', (SELECT jsonb_agg(i) FROM generate_series(1001, 2500) AS i WHERE app.chance(i, 'broken') < 5)));
CREATE FUNCTION app.decide(round text) RETURNS void LANGUAGE sql AS $$
    SELECT grant_exception(30, i, 'grant ' || round) FROM generate_series(1001, 2500) AS i WHERE app.chance(i, 'grant' || round) < 5
       AND NOT EXISTS (SELECT FROM exception x WHERE x.configuration_id = 30 AND x.user_id = i AND x.kind = 'hold' AND x.lifted_at IS NULL);
    SELECT hold_credential(30, i, 'hold ' || round) FROM generate_series(1001, 2500) AS i WHERE app.chance(i, 'hold' || round) < 5
       AND NOT EXISTS (SELECT FROM exception x WHERE x.configuration_id = 30 AND x.user_id = i AND x.kind = 'grant' AND x.lifted_at IS NULL);
    SELECT lift_exception(30, user_id) FROM exception WHERE configuration_id = 30 AND lifted_at IS NULL AND app.chance(user_id, 'lift' || round) < 30;
    SELECT invalidate_credential(uuid, 'by hand') FROM credential WHERE configuration_id = 30 AND status = 'available' AND app.chance(user_id, 'invalidate' || round) < 5;
    UPDATE credential SET retry_at = now() WHERE configuration_id = 30 AND status = 'error' AND app.chance(user_id, 'retry' || round) < 50;
    UPDATE lms_course_completion SET percent = app.chance(user_id, 'percent' || round) / 100.0 WHERE course_key = 'course-v1:Many+1+1' AND app.chance(user_id, 'changes' || round) < 20;
$$;
CREATE TABLE app.planned AS SELECT 0 AS round, p.* FROM plan_run(30) AS p LIMIT 0;
CREATE TABLE app.summed AS SELECT 0 AS round, s.* FROM plan_summary(30) AS s LIMIT 0;
CREATE TABLE app.before AS SELECT 0 AS round, c.* FROM credential c LIMIT 0;
-- What the run did with each user who was planned, in the words of a plan, and with the users who were not.
CREATE FUNCTION app.done(round integer) RETURNS TABLE (user_id bigint, action text, credential uuid, evidence jsonb) LANGUAGE sql AS $$
    SELECT coalesce(n.user_id, b.user_id),
           CASE WHEN b.uuid IS NULL THEN 'issue' WHEN b.status = 'available' AND n.status = 'invalidated' THEN 'withdraw'
                WHEN b.status = 'error' AND n.attempts > b.attempts THEN 'retry' ELSE 'lost' END,
           coalesce(n.uuid, b.uuid), n.evidence
      FROM (SELECT * FROM credential WHERE configuration_id = 30) AS n
      FULL JOIN (SELECT * FROM app.before b WHERE b.round = done.round) AS b ON b.uuid = n.uuid
     WHERE (b.status, b.attempts, b.evidence, b.modified) IS DISTINCT FROM (n.status, n.attempts, n.evidence, n.modified)
$$;
CREATE FUNCTION app.compare(round integer) RETURNS TABLE (problem text, user_id bigint, planned text, done text) LANGUAGE sql AS $$
    SELECT 'another action', user_id, p.action, d.action
      FROM (SELECT * FROM app.planned p WHERE p.round = compare.round AND p.action IN ('issue', 'retry', 'withdraw')) AS p
      FULL JOIN app.done(compare.round) AS d USING (user_id)
     WHERE p.action IS DISTINCT FROM d.action
    UNION ALL
    SELECT 'another credential', user_id, p.credential::text, d.credential::text
      FROM app.planned p JOIN app.done(compare.round) AS d USING (user_id, action)
     WHERE p.round = compare.round AND p.credential <> d.credential
    UNION ALL
    SELECT 'another evidence', user_id, p.details::text, d.evidence::text
      FROM app.planned p JOIN app.done(compare.round) AS d USING (user_id, action)
     WHERE p.round = compare.round AND action <> 'withdraw'
       AND coalesce(p.details, '{}') || CASE WHEN is_eligible THEN '{}' ELSE jsonb_build_object('exception', jsonb_build_object('kind', 'grant', 'reason',
               (SELECT reason FROM exception x WHERE x.configuration_id = 30 AND x.user_id = p.user_id))) END <> d.evidence
    UNION ALL
    SELECT 'a user twice', user_id, count(*)::text, NULL FROM app.planned p WHERE p.round = compare.round GROUP BY user_id HAVING count(*) > 1
    UNION ALL
    SELECT 'another count', NULL, p.action || ' ' || p.users, NULL
      FROM (SELECT action, count(*) AS users FROM app.planned p WHERE p.round = compare.round GROUP BY action) AS p
     WHERE (p.action, p.users) NOT IN (SELECT s.action, s.users FROM app.summed s WHERE s.round = compare.round)
$$;
CREATE FUNCTION app.plan(round integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO app.before SELECT plan.round, c.* FROM credential c WHERE c.configuration_id = 30;
    INSERT INTO app.planned SELECT plan.round, p.* FROM plan_run(30) AS p;
    INSERT INTO app.summed SELECT plan.round, s.* FROM plan_summary(30) AS s;
$$;
\pset tuples_only on
SELECT count(app.decide('1')) \g /dev/null
SELECT app.plan(1) \g /dev/null
CALL generate_credentials(30);
SELECT * FROM app.compare(1) LIMIT 9;
UPDATE credential_configuration SET withdraw = true, issue_from = '2026-02-01' WHERE id = 30;
SELECT count(app.decide('2')) \g /dev/null
SELECT app.plan(2) \g /dev/null
CALL generate_credentials(30);
SELECT * FROM app.compare(2) LIMIT 9;
UPDATE credential_configuration SET custom_options = '{"required_completion": 0.4}' WHERE id = 30;
SELECT count(app.decide('3')) \g /dev/null
SELECT app.plan(3) \g /dev/null
CALL generate_credentials(30);
SELECT * FROM app.compare(3) LIMIT 9;
UPDATE credential_configuration SET issue_from = NULL, withdraw = false WHERE id = 30;
SELECT count(app.decide('4')) \g /dev/null
SELECT app.plan(4) \g /dev/null
CALL generate_credentials(30);
SELECT * FROM app.compare(4) LIMIT 9;
-- the comparison finds what a run did that was not planned
SELECT problem, count(*) > 10 FROM app.compare(1) GROUP BY problem ORDER BY problem COLLATE "C";
\pset tuples_only off
-- each action was planned
SELECT round, string_agg(action, ', ' ORDER BY action COLLATE "C") FILTER (WHERE users > 5) FROM app.summed GROUP BY round ORDER BY round;
SELECT seen > 1000 AS seen, existing > 0 AS existing, queued > 0 AS queued, granted > 0 AS granted, held > 0 AS held, too_early > 0 AS too_early, withdrawn > 0 AS withdrawn,
       issued + failed = queued AS done, eligible = existing + queued - granted + held + too_early + too_late AS adds_up
  FROM run WHERE configuration_id = 30 ORDER BY id;
-- and the rest is as the summaries say
SELECT count(*) FROM app.summed s JOIN run r ON r.configuration_id = 30 AND s.round = (SELECT count(*) FROM run o WHERE o.configuration_id = 30 AND o.id <= r.id)
 WHERE s.users <> CASE s.action WHEN 'held' THEN r.held WHEN 'too_early' THEN r.too_early WHEN 'withdraw' THEN r.withdrawn ELSE s.users END;

\c :home
DROP DATABASE lc_planning;
DROP ROLE lc_planner, lc_other_team;
