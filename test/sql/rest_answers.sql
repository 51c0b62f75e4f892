-- What a REST server gets: every function of learning_credentials_api that it calls, as PostgREST calls it.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = error;
SET TIME ZONE 'UTC';
BEGIN;
CREATE ROLE lc_rest_anonymous;
CREATE ROLE lc_rest_learner;
CREATE ROLE lc_rest_staff;
CREATE ROLE lc_rest_neither;
CREATE ROLE lc_rest_login LOGIN;
CREATE ROLE lc_rest_runner;
SELECT learning_credentials.grant_access('lc_rest_anonymous', 'verifier');
SELECT learning_credentials.grant_access('lc_rest_learner', 'learner');
SELECT learning_credentials.grant_access('lc_rest_staff', 'staff');
GRANT lc_rest_learner TO lc_rest_login;

-- One request: settings as PostgREST makes them, in a READ ONLY transaction, its wrapping query, and the
-- answer: status, headers (but for the type of JSON, and the body of what is wrong, which is in one too), body.
CREATE FUNCTION pg_temp.request(role text, claims text, call text, headers text DEFAULT '{}', method text DEFAULT 'GET',
                                OUT status text, OUT headers_given text, OUT body text)
LANGUAGE plpgsql AS $$
DECLARE
    answer text[];
BEGIN
    BEGIN
        PERFORM set_config('transaction_read_only', 'on', true);
        PERFORM set_config('search_path', '"learning_credentials_api", "public"', true),
                set_config('role', role, true),
                set_config('request.jwt.claims', claims, true),
                set_config('request.method', method, true),
                set_config('request.path', '/rpc/' || split_part(call, '(', 1), true),
                set_config('request.headers', headers, true),
                set_config('request.cookies', '{}', true);
        EXECUTE format($query$
            WITH pgrst_source AS (SELECT pgrst_call.pgrst_scalar FROM (SELECT %s pgrst_scalar) pgrst_call)
            SELECT ARRAY[nullif(current_setting('response.status', true), ''),
                         nullif(current_setting('response.headers', true), ''), body]
              FROM (SELECT NULL::bigint AS total_result_set, 1 AS page_total, %s AS body FROM pgrst_source) _postgrest_t$query$,
            '"learning_credentials_api".' || call,
            CASE WHEN call LIKE 'document(%' THEN 'convert_from(CASE WHEN substr(pgrst_scalar, 1, 4) = ''%PDF'' THEN ''(a document)'' ELSE pgrst_scalar END, ''UTF8'')'
                 ELSE 'coalesce(json_agg(pgrst_scalar)->0, ''null'')::text' END) INTO answer;
        RAISE EXCEPTION USING ERRCODE = 'LC000', MESSAGE = answer::text;
    EXCEPTION WHEN SQLSTATE 'LC000' THEN
        answer := SQLERRM;
    END;
    status := coalesce(answer[1], '200');
    headers_given := (SELECT string_agg(h.key || ': ' || h.value, '; ' ORDER BY e.n)
                        FROM json_array_elements(answer[2]::json) WITH ORDINALITY AS e (header, n), json_each_text(e.header) AS h
                       WHERE h.value NOT IN ('application/json; charset=utf-8', answer[3]));
    body := answer[3];
EXCEPTION WHEN OTHERS THEN
    status := SQLSTATE;
    body := SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.learner(user_id bigint, call text) RETURNS text LANGUAGE sql AS $$
SELECT r.status || ' ' || r.body FROM pg_temp.request('lc_rest_learner', json_build_object('role', 'lc_rest_learner', 'user_id', user_id)::text, call) AS r
$$;
CREATE FUNCTION pg_temp.staff(call text) RETURNS text LANGUAGE sql AS $$
SELECT r.status || ' ' || r.body FROM pg_temp.request('lc_rest_staff', '{"role": "lc_rest_staff", "user_id": 90}', call) AS r
$$;

-- ------------------------------------------------------------ facts
INSERT INTO learning_credentials.lms_user (id, username, full_name) VALUES
    (81, 'ada', 'Ada Lovelace'), (82, 'zoe', 'Zoë "/../" Müller'), (83, 'lee', '李小龍'), (84, 'noor', 'نور'), (85, 'eve', '<script>alert(1)</script>'), (90, 'clerk', '');
INSERT INTO learning_credentials.lms_context (key, display_name, invite_only) VALUES
    ('course-v1:Rest+Intro+1', 'Introduction', false), ('course-v1:Rest+Step+1', 'Step', false), ('course-v1:Rest+Open+1', 'Open', false),
    ('path-v1:Rest+Closed+1+G', 'Closed', true), ('path-v1:Rest+Open+1+G', 'Open', false), ('path-v1:Rest+Bare+1+G', 'Bare', false);
INSERT INTO learning_credentials.lms_path_step (path_key, course_key, position) VALUES
    ('path-v1:Rest+Closed+1+G', 'course-v1:Rest+Intro+1', 1), ('path-v1:Rest+Closed+1+G', 'course-v1:Rest+Step+1', 2),
    ('path-v1:Rest+Open+1+G', 'course-v1:Rest+Open+1', 1);
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id, is_active) VALUES
    ('course-v1:Rest+Intro+1', 81, true), ('course-v1:Rest+Intro+1', 82, true), ('course-v1:Rest+Intro+1', 83, false),
    ('path-v1:Rest+Closed+1+G', 81, true), ('path-v1:Rest+Closed+1+G', 84, false);
INSERT INTO learning_credentials.lms_course_completion (course_key, user_id, percent) VALUES ('course-v1:Rest+Intro+1', 81, 0.95);
INSERT INTO learning_credentials.lms_grading_policy VALUES ('course-v1:Rest+Intro+1', 'Exam', 1);
INSERT INTO learning_credentials.lms_subsection_grade (course_key, user_id, assignment_type, subsection_key, earned, possible)
VALUES ('course-v1:Rest+Intro+1', 81, 'Exam', 'exam', 7, 10);

-- Another LMS, with the relations that courses need and no others, for one role only.
CREATE SCHEMA rest_lms;
CREATE TABLE rest_lms.lms_user (id integer, username varchar, full_name text, first_name text, last_name text);
CREATE TABLE rest_lms.lms_enrollment (context_key varchar, user_id integer, is_active boolean);
CREATE TABLE rest_lms.lms_course_completion (course_key varchar, user_id integer, percent numeric, updated_at timestamptz);
INSERT INTO rest_lms.lms_user VALUES (82, 'zoe', 'Zoe', '', ''), (83, 'ada', 'Another Ada', '', '');
INSERT INTO rest_lms.lms_enrollment VALUES ('course-v1:Rest+Else+1', 82, true), ('course-v1:Rest+Intro+1', 82, true);
INSERT INTO rest_lms.lms_course_completion VALUES ('course-v1:Rest+Else+1', 82, 0.5, NULL);
GRANT USAGE ON SCHEMA rest_lms, learning_credentials TO lc_rest_runner;
GRANT SELECT ON ALL TABLES IN SCHEMA rest_lms TO lc_rest_runner;
GRANT EXECUTE ON FUNCTION learning_credentials.retrieve_completions(text, jsonb, bigint) TO lc_rest_runner;

-- Functions of others: one that fails, one that says what it likes, twice, one that pries.
CREATE FUNCTION rest_lms.retrieve_nothing(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'secret of table rest_lms.lms_user' USING DETAIL = 'more of it';
END $$;
CREATE FUNCTION rest_lms.retrieve_anything(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql AS $$
VALUES (81::bigint, false, NULL::timestamptz, '{"current_grades": {"old": 1}}'::jsonb),
       (81, true, NULL, '{"current_grades": {"Ünit \"1\"": null, "b": [1, {"c": 2.50}]}, "required_grades": {}, "current_completion": null, "required_completion": "", "steps": [], "private": "not shown"}'),
       (82, true, NULL, '{"current_grades": "all of them", "current_completion": 0, "steps": false}')
$$;
CREATE FUNCTION rest_lms.retrieve_prying(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', '{"user_id": 81}', false), set_config('response.status', '200', false);
    RETURN QUERY SELECT $3, true, NULL::timestamptz, jsonb_build_object('current_grades', jsonb_build_object(
        'whoever', learning_credentials.caller_user_id(), 'staff', learning_credentials.caller_is_staff(),
        'list', learning_credentials_api.credentials()::text));
END $$;

INSERT INTO learning_credentials.credential_type (id, name, retrieval_func, generation_func, custom_options, media_type) VALUES
    (9001, 'Completion', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf', '{"page": {}, "required_completion": 0.8}', 'application/pdf'),
    (9002, 'Achievement', 'learning_credentials.retrieve_subsection_grades', 'learning_credentials.generate_pdf', '{"page": {}, "required_grades": {"Exam": 0.5, "Total": 0.8}}', 'application/pdf'),
    (9003, 'Both', 'learning_credentials.retrieve_completions_and_grades', 'learning_credentials.generate_pdf',
     '{"page": {}, "required_grades": {"Exam": 0.5}, "steps": {"course-v1:Rest+Step+1": {"required_completion": 0.25, "required_grades": {"Essay": 1}}}}', 'application/pdf'),
    (9004, 'Failing', 'rest_lms.retrieve_nothing', 'learning_credentials.generate_pdf', '{"page": {}}', 'application/pdf'),
    (9005, 'Any "thing"', 'rest_lms.retrieve_anything', 'learning_credentials.generate_pdf', '{"page": {}}', 'application/pdf'),
    (9006, 'Elsewhere', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf', '{"page": {}, "source": "rest_lms"}', 'application/pdf'),
    (9007, 'Prying', 'rest_lms.retrieve_prying', 'learning_credentials.generate_pdf', '{"page": {}}', 'application/pdf');
INSERT INTO learning_credentials.credential_configuration (id, learning_context_key, credential_type_id, enabled, ends_at, run_as) VALUES
    (9001, 'course-v1:Rest+Intro+1', 9001, true, NULL, current_user),
    (9002, 'course-v1:Rest+Intro+1', 9002, false, NULL, current_user),
    (9003, 'path-v1:Rest+Closed+1+G', 9003, true, '2020-01-01', current_user),
    (9004, 'course-v1:Rest+Open+1', 9004, true, NULL, current_user),
    (9005, 'course-v1:Rest+Open+1', 9005, true, NULL, current_user),
    (9006, 'course-v1:Rest+Else+1', 9006, true, NULL, 'lc_rest_runner'),
    (9007, 'path-v1:Rest+Open+1+G', 9001, false, NULL, current_user),
    (9008, 'path-v1:Rest+Open+1+G', 9007, false, NULL, current_user);

-- ------------------------------------------------------------ who is calling
SELECT claims, r.status, r.headers_given, r.body
  FROM unnest(ARRAY['', 'null', '[]', '{}', 'nonsense', '{"user_id": null}', '{"user_id": true}', '{"user_id": [81]}', '{"user_id": {"id": 81}}',
                    '{"user_id": "ada"}', '{"user_id": ""}', '{"user_id": "-"}', '{"user_id": "+81"}', '{"user_id": " 81"}', '{"user_id": "81\u0000"}', '{"user_id": "8.1e1"}', '{"user_id": "٨١"}',
                    '{"user_id": 81.5}', '{"user_id": 9223372036854775808}', '{"user_id": -9223372036854775809}', '{"user_id": 1e300}', '{"user_id": 1e1000000}', '{"user_id": "99999999999999999999999"}', '{"user_id": NaN}',
                    '{"User_id": 81}', '{"sub": 81}', '{"user_id": 81', repeat('[', 20000),
                    '{"user_id": 81}', '{"user_id": "81"}', '{"user_id": 81.0}', '{"user_id": 8.1e1}', '{"user_id": 9, "user_id": 81}', '{"user_id": 9223372036854775807}', '{"user_id": "-9223372036854775808"}']) AS claims,
       LATERAL pg_temp.request('lc_rest_learner', claims, 'configured(''course-v1:Rest+Intro+1'')') AS r
 WHERE length(claims) < 100;
SELECT r.* FROM pg_temp.request('lc_rest_learner', repeat('[', 20000), 'configured(''course-v1:Rest+Intro+1'')') AS r;
-- whoever can log in could claim to be anybody; a role with no level gets nowhere; anonymous callers no further
SELECT role, call, r.status, r.body
  FROM unnest(ARRAY['lc_rest_login', 'lc_rest_neither', 'lc_rest_anonymous']) AS role,
       unnest(ARRAY['configured(''course-v1:Rest+Intro+1'')', 'credentials()', 'metadata(''x'')']) AS call,
       LATERAL pg_temp.request(role, '{"user_id": 81}', call) AS r;
-- another claim
SET LOCAL learning_credentials.user_claim = 'sub';
SELECT r.status FROM pg_temp.request('lc_rest_learner', '{"user_id": 81, "sub": "82"}', 'configured(''course-v1:Rest+Intro+1'')') AS r;
SELECT r.status FROM pg_temp.request('lc_rest_learner', '{"user_id": 81}', 'configured(''course-v1:Rest+Intro+1'')') AS r;
RESET learning_credentials.user_claim;
SET LOCAL ROLE lc_rest_learner;
SAVEPOINT refused;
SET learning_credentials.user_claim = 'role';
ROLLBACK TO refused;
SET learning_credentials.api_url = 'https://evil.example';
ROLLBACK TO refused;
SELECT learning_credentials.caller_user_id();
ROLLBACK TO refused;
RESET ROLE;
-- who is staff, asked of the role that was entered
SELECT role, r.body FROM unnest(ARRAY['lc_rest_learner', 'lc_rest_staff']) AS role,
       LATERAL pg_temp.request(role, '{"user_id": 90}', 'configured(''course-v1:Rest+Unknown+1'')') AS r;

-- ------------------------------------------------------------ what is visible
SELECT key, user_id, pg_temp.learner(user_id, format('configured(%L)', key))
  FROM unnest(ARRAY['course-v1:Rest+Intro+1', 'course-v1:Rest+Step+1', 'course-v1:Rest+Open+1', 'course-v1:Rest+Else+1', 'course-v1:Rest+Unknown+1',
                    'path-v1:Rest+Closed+1+G', 'path-v1:Rest+Open+1+G', 'path-v1:Rest+Bare+1+G', 'path-v1:Rest+Unknown+1+G']) WITH ORDINALITY AS k (key, n),
       unnest(ARRAY[81, 82, 83, 84]) AS user_id
 ORDER BY n, user_id;
SELECT key, pg_temp.staff(format('configured(%L)', key))
  FROM unnest(ARRAY['course-v1:Rest+Intro+1', 'path-v1:Rest+Closed+1+G', 'path-v1:Rest+Unknown+1+G']) AS key;
-- invisible is as unknown, to the byte
SELECT call, count(DISTINCT r) = 1 AS the_same
  FROM unnest(ARRAY['configured(%L)', 'eligibility(%L)', 'eligibility(%L, ''retrieve_completions'')', 'eligibility(%L, username := ''zoe'')', 'eligibility(%L, username := ''nobody'')']) AS call,
       unnest(ARRAY['path-v1:Rest+Closed+1+G', 'path-v1:Rest+Unknown+1+G', 'course-v1:Rest+Step+1', 'course-v1:Rest+Else+1']) AS key,
       LATERAL pg_temp.request('lc_rest_learner', '{"user_id": 83}', format(call, key)) AS r
 GROUP BY call ORDER BY call;
-- a source that cannot be read shows nothing; the reason is in the server's log
SAVEPOINT unreadable;
REVOKE SELECT ON rest_lms.lms_enrollment FROM lc_rest_runner;
SELECT pg_temp.learner(82, 'configured(''course-v1:Rest+Else+1'')');
SELECT pg_temp.staff('eligibility(''course-v1:Rest+Else+1'')');
ROLLBACK TO unreadable;
DROP SCHEMA rest_lms CASCADE;
SELECT pg_temp.learner(82, 'configured(''course-v1:Rest+Else+1'')');
SELECT pg_temp.staff('eligibility(''course-v1:Rest+Else+1'')');
ROLLBACK TO unreadable;
-- malformed keys
SELECT left(key, 40) AS key, pg_temp.learner(81, format('configured(%L)', key)) AS configured, pg_temp.learner(81, format('eligibility(%L)', key)) AS eligibility
  FROM unnest(ARRAY[NULL, '', 'x', 'course-v1:A+B', 'course-v1:A+B+C+D', 'course-v1:A++C', 'path-v1:A+B+C', 'course-v2:A+B+C', 'course-v1:A+B+C ', E'\tcourse-v1:A+B+C', E'course-v1:A+B+C\n', 'course-v1:A+B+C/',
                    'course-v1:A+B+C''; DROP TABLE x', 'course-v1:A+B+%', E'course-v1:A+B+\u00A0', repeat('course-v1:A+B+C', 10000)]) AS key;
SELECT pg_temp.learner(81, 'configured()'), pg_temp.learner(81, 'eligibility()');
-- a blank before it keeps a REST server from taking an argument for an operator of its own
SELECT pg_temp.learner(82, 'eligibility('' course-v1:Rest+Intro+1'', '' retrieve_completions'', '' zoe'')'), pg_temp.learner(82, 'eligibility(''course-v1:Rest+Intro+1'', '' '', '' '')') ~ '^200' AS blank;
-- strange but well-formed ones
SELECT left(key, 40) AS key, pg_temp.learner(81, format('configured(%L)', key)) AS configured
  FROM unnest(ARRAY['course-v1:大学+数学+二〇二六', 'course-v1:Ü+é+🎓', 'course-v1:A+B+' || repeat('C', 100000)]) AS key;

-- ------------------------------------------------------------ eligibility
SELECT pg_temp.learner(81, 'eligibility(''course-v1:Rest+Intro+1'')');
SELECT pg_temp.learner(82, 'eligibility(''course-v1:Rest+Intro+1'')');
SELECT pg_temp.learner(81, 'eligibility(''path-v1:Rest+Closed+1+G'')');
SELECT pg_temp.staff('eligibility(''path-v1:Rest+Closed+1+G'', username := ''noor'')');
SELECT pg_temp.learner(82, 'eligibility(''course-v1:Rest+Else+1'')');
SELECT pg_temp.learner(81, 'eligibility(''path-v1:Rest+Bare+1+G'')');
-- what others' functions raise, staff sees and a learner does not; what they say beyond the fields nobody sees
SELECT pg_temp.learner(81, 'eligibility(''course-v1:Rest+Open+1'')');
SELECT pg_temp.learner(82, 'eligibility(''course-v1:Rest+Open+1'', ''retrieve_anything'')');
SELECT pg_temp.learner(83, 'eligibility(''course-v1:Rest+Open+1'', ''rest_lms.retrieve_anything'')');
SELECT pg_temp.staff('eligibility(''course-v1:Rest+Open+1'')');
-- what runs as a stranger cannot claim to be somebody
SELECT pg_temp.learner(83, 'eligibility(''path-v1:Rest+Open+1+G'')');
-- a configuration that is suspended calls none of its functions
SAVEPOINT suspended;
UPDATE learning_credentials.credential_configuration SET suspension_reason = 'two crashes' WHERE id = 9001;
SELECT pg_temp.learner(81, 'eligibility(''course-v1:Rest+Intro+1'', ''retrieve_completions'')');
SELECT pg_temp.staff('eligibility(''course-v1:Rest+Intro+1'', ''retrieve_completions'')');
ROLLBACK TO suspended;
-- options that do not fit, a role that is gone
UPDATE learning_credentials.credential_configuration SET custom_options = '{"source": 5}' WHERE id = 9001;
UPDATE learning_credentials.credential_configuration SET custom_options = '{"required_grades": 5}' WHERE id = 9002;
SELECT pg_temp.learner(81, 'eligibility(''course-v1:Rest+Intro+1'')');
SELECT pg_temp.staff('eligibility(''course-v1:Rest+Intro+1'')');
ALTER ROLE lc_rest_runner RENAME TO lc_rest_gone;
SELECT pg_temp.learner(82, 'eligibility(''course-v1:Rest+Else+1'')');
SELECT pg_temp.staff('eligibility(''course-v1:Rest+Else+1'')');
ROLLBACK TO suspended;
-- when it issues
SAVEPOINT dates;
UPDATE learning_credentials.credential_configuration SET enabled = true, ends_at = NULL, starts_at = 'infinity' WHERE id = 9003;
SELECT pg_temp.learner(81, 'eligibility(''path-v1:Rest+Closed+1+G'')')::text ~ '"is_generation_enabled": true' AS enabled;
UPDATE learning_credentials.credential_configuration SET starts_at = NULL, available_from = 'infinity' WHERE id = 9003;
SELECT pg_temp.learner(81, 'eligibility(''path-v1:Rest+Closed+1+G'')')::text ~ '"is_generation_enabled": true' AS enabled;
UPDATE learning_credentials.credential_configuration SET available_from = NULL WHERE id = 9003;
SELECT pg_temp.learner(81, 'eligibility(''path-v1:Rest+Closed+1+G'')')::text ~ '"is_generation_enabled": true' AS enabled;
ROLLBACK TO dates;

-- filters
SELECT filter, pg_temp.learner(81, format('eligibility(''course-v1:Rest+Intro+1'', %L)', filter))::text ~ 'Completion' AS completion,
               pg_temp.learner(81, format('eligibility(''course-v1:Rest+Intro+1'', %L)', filter))::text ~ 'Achievement' AS achievement
  FROM unnest(ARRAY[NULL, '', 'retrieve_completions', 'learning_credentials.retrieve_completions', 'retrieve_subsection_grades', 'retrieve_', 'completions', 'public.retrieve_completions', 'retrieve_completions()',
                    '"retrieve_completions"', ''' OR true --', E'\\', '.', 'ü', repeat('x', 100000)]) AS filter
 WHERE length(coalesce(filter, '')) < 100;
SELECT pg_temp.learner(81, format('eligibility(''course-v1:Rest+Intro+1'', %L)', repeat('x', 1000000)));
-- a username: oneself, another, nobody
SELECT username, pg_temp.learner(81, format('eligibility(''course-v1:Rest+Intro+1'', ''retrieve_completions'', %L)', username)) AS learner,
                 pg_temp.staff(format('eligibility(''course-v1:Rest+Intro+1'', ''retrieve_completions'', %L)', username)) AS staff
  FROM unnest(ARRAY['', 'ada', 'zoe', 'noor', 'nobody', 'ADA', 'ada ', '81', ''' OR true --', 'é', E'\t']) AS username;
SELECT username, pg_temp.learner(82, format('eligibility(''course-v1:Rest+Else+1'', username := %L)', username)) AS learner,
                 pg_temp.staff(format('eligibility(''course-v1:Rest+Else+1'', username := %L)', username)) AS staff
  FROM unnest(ARRAY['zoe', 'ada', 'lee']) AS username;

-- ------------------------------------------------------------ credentials in every state
-- Number n: uuid 0198...0n, code a0...0n; documents are "%PDF" and the number.
INSERT INTO learning_credentials.credential
    (uuid, verify_uuid, configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id, user_full_name, status,
     error_message, download_url, issue_date, expires_at, supersedes, superseded_by, invalidated_at, invalidation_reason, created)
SELECT ('01980000-0000-7000-8000-00000000000' || n)::uuid, ('a0000000-0000-4000-8000-00000000000' || n)::uuid, configuration, type, 'course-v1:Rest+Intro+1', context,
       user_id, name, status::learning_credentials.credential_status, error, url, issued, expires,
       ('01980000-0000-7000-8000-00000000000' || supersedes)::uuid, ('01980000-0000-7000-8000-00000000000' || superseded_by)::uuid,
       CASE status WHEN 'invalidated' THEN timestamptz '2026-02-01 12:00+00' END, reason, '2026-01-01 12:00+00'
  FROM (VALUES
    (1, 9001, 'Completion', E'Intro:\n Sets & Proofs', 81, 'Ada Lovelace', 'available', NULL, NULL, timestamptz '2025-12-31 23:30+00', timestamptz 'infinity', 2, NULL::int, NULL),
    (2, 9001, 'Completion', 'Intro', 81, 'Ada Byron', 'invalidated', NULL, NULL, '2025-01-01', NULL, NULL, 1, 'Name changed'),
    (3, 9002, 'Achievement', NULL, 81, NULL, 'error', 'secret: no template', NULL, NULL, NULL, NULL, NULL, NULL),
    (4, 9001, 'Zeugnis "A/B"', E'..\\..\\etc\u202E\u0007: <100%>', 82, 'Zoë "/../" Müller', 'available', NULL, NULL, '2026-01-15', '2026-01-20', NULL, NULL, NULL),
    (5, 9001, '証明書', '数学入門', 83, '李小龍', 'available', NULL, NULL, '2026-01-15', '2099-03-31 23:00+00', NULL, NULL, NULL),
    (6, 9001, 'Completion', 'Intro', 84, 'نور', 'available', NULL, 'https://archive.example/6.pdf?a=b&c', '2026-01-15', NULL, NULL, NULL, NULL),
    (7, 9002, 'Achievement', NULL, 84, NULL, 'generating', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (8, 9001, 'Completion', 'Intro', 84, NULL, 'generating', NULL, NULL, NULL, NULL, 6, NULL, NULL),
    (9, 9001, 'Completion', 'Intro', 85, '<script>alert(1)</script>', 'available', NULL, E'javascript:alert(1)', '2026-01-15', NULL, NULL, NULL, NULL))
    AS v (n, configuration, type, context, user_id, name, status, error, url, issued, expires, supersedes, superseded_by, reason);
INSERT INTO learning_credentials.document (credential_uuid, content, media_type)
SELECT ('01980000-0000-7000-8000-00000000000' || n)::uuid, convert_to('%PDF' || CASE WHEN n IN (1, 2) THEN '1' ELSE n::text END, 'UTF8'), media_type
  FROM (VALUES (1, 'application/pdf'), (2, 'application/pdf'), (4, E'text/html\r\nSet-Cookie: a=b'), (5, 'image/png')) AS v (n, media_type);

SELECT pg_temp.learner(81, 'eligibility(''course-v1:Rest+Intro+1'')')::text ~ '"existing_credential": "01980000-0000-7000-8000-000000000001", "existing_credential_url": "/documents/01980000-0000-7000-8000-000000000001.pdf"' AS existing;
SET LOCAL learning_credentials.api_url = 'https://lms.example.org/';
SELECT pg_temp.staff('eligibility(''course-v1:Rest+Intro+1'', username := ''ada'')');
SELECT pg_temp.staff('eligibility(''course-v1:Rest+Intro+1'', username := ''noor'')');
SELECT pg_temp.learner(82, 'eligibility(''course-v1:Rest+Intro+1'', ''retrieve_completions'')');

-- ------------------------------------------------------------ the list
SELECT json_array_elements(substr(pg_temp.learner(81, 'credentials()'), 4)::json->'credentials');
SELECT json_array_elements(substr(pg_temp.learner(82, 'credentials()'), 4)::json->'credentials');
SELECT json_array_elements(substr(pg_temp.learner(84, 'credentials()'), 4)::json->'credentials');
SELECT pg_temp.learner(85, 'credentials()');
SELECT pg_temp.learner(99, 'credentials()');
SELECT username, pg_temp.learner(81, format('credentials(%L)', username))::text ~ '"Ada Byron"' AS own, left(pg_temp.learner(81, format('credentials(%L)', username)), 60) AS learner,
       left(pg_temp.staff(format('credentials(%L)', username)), 120) AS staff
  FROM unnest(ARRAY['', 'ada', 'zoe', 'lee', 'nobody', ''' OR true --']) AS username;
-- two LMSs do not agree who is called "ada": one would be shown the other's
SAVEPOINT disagree;
DELETE FROM rest_lms.lms_user WHERE username = 'ada';
SELECT left(pg_temp.staff('credentials(''ada'')'), 120) AS staff;
ROLLBACK TO disagree;

-- ------------------------------------------------------------ documents
SELECT n, user_id, r.*
  FROM (VALUES (1, 81), (1, 82), (2, 81), (2, 82), (3, 81), (4, 82), (5, 83), (6, 84), (7, 84), (8, 84), (9, 85)) AS v (n, user_id),
       LATERAL pg_temp.request('lc_rest_learner', json_build_object('user_id', user_id)::text, format('document(''01980000-0000-7000-8000-00000000000%s'')', n)) AS r;
SELECT r.* FROM pg_temp.request('lc_rest_staff', '{"user_id": 90}', 'document(''01980000-0000-7000-8000-000000000005'')') AS r;
SELECT r.* FROM pg_temp.request('lc_rest_learner', '', 'document(''01980000-0000-7000-8000-000000000001'')') AS r;
-- somebody else's is as unknown, to the byte
SELECT count(DISTINCT r) = 1 AS the_same
  FROM unnest(ARRAY['01980000-0000-7000-8000-000000000001', '01980000-0000-7000-8000-000000000002', '01980000-0000-7000-8000-00000000dead']) AS uuid,
       LATERAL pg_temp.request('lc_rest_learner', '{"user_id": 82}', format('document(%L)', uuid)) AS r;
SELECT left(uuid, 50) AS uuid, pg_temp.learner(81, format('document(%L)', uuid)) AS document, pg_temp.learner(81, format('linkedin_url(%L)', uuid)) AS linkedin_url
  FROM unnest(ARRAY[NULL, '', 'x', '1', '{01980000-0000-7000-8000-000000000001}', '01980000000070008000000000000001', '01980000-0000-7000-8000-000000000001.pdf', '01980000-0000-7000-8000-00000000000g',
                    E'\t01980000-0000-7000-8000-000000000001', E'01980000-0000-7000-8000-000000000001\n', '../etc/passwd', '٠1980000-0000-7000-8000-000000000001', repeat('0', 1000000)]) AS uuid;
SELECT pg_temp.learner(81, 'document(''01980000-0000-7000-8000-000000000001'')') = pg_temp.learner(81, 'document(upper(''01980000-0000-7000-8000-000000000001''))') AS any_case;
-- 304
SELECT encode(sha256, 'hex') AS tag FROM learning_credentials.document WHERE credential_uuid = '01980000-0000-7000-8000-000000000001' \gset
SELECT header, r.status, r.body
  FROM unnest(ARRAY['', '*', '"@"', 'W/"@"', '"x", "@"', '"x" , W/"y,z" ,"@"', ',,"@"', '@', '"@', '"x" "@"', 'w/"@"', '"@X"', '"x,"@"', '"*"', '*, "@"', '"x"']) AS header,
       LATERAL pg_temp.request('lc_rest_learner', '{"user_id": 81}', 'document(''01980000-0000-7000-8000-000000000001'')',
                               json_build_object('if-none-match', replace(header, '@', :'tag'))::text) AS r;
SELECT headers, r.status
  FROM unnest(ARRAY['', 'nonsense', '[]', '{"if-none-match": 1}', '{"if-none-match": ["*"]}', '{"if-none-match": null}', '{"If-None-Match": "*"}']) AS headers,
       LATERAL pg_temp.request('lc_rest_learner', '{"user_id": 81}', 'document(''01980000-0000-7000-8000-000000000001'')', headers) AS r;
SELECT user_id, r.* FROM unnest(ARRAY[81, 82]) AS user_id,
       LATERAL pg_temp.request('lc_rest_learner', json_build_object('user_id', user_id)::text, 'document(''01980000-0000-7000-8000-000000000001'')', '{"if-none-match": "*"}') AS r;
SELECT r.status FROM pg_temp.request('lc_rest_learner', '{"user_id": 81}', 'document(''01980000-0000-7000-8000-000000000002'')', '{"if-none-match": "*"}') AS r;
-- HEAD: the same without a body
SELECT (SELECT r.headers_given FROM pg_temp.request('lc_rest_learner', '{"user_id": 81}', 'document(''01980000-0000-7000-8000-000000000001'')') AS r) = r.headers_given AS the_same, r.status, r.body
  FROM pg_temp.request('lc_rest_learner', '{"user_id": 81}', 'document(''01980000-0000-7000-8000-000000000001'')', '{}', 'HEAD') AS r;
-- a name of many parts that are long is cut where a character ends
SAVEPOINT long;
ALTER TABLE learning_credentials.credential DISABLE TRIGGER lifecycle;
UPDATE learning_credentials.credential SET credential_type_name = repeat('名', 100), learning_context_name = repeat('a', 79) || '名', user_full_name = '. . .' WHERE uuid = '01980000-0000-7000-8000-000000000005';
SELECT length(h.name) AS length, h.name FROM pg_temp.request('lc_rest_learner', '{"user_id": 83}', 'document(''01980000-0000-7000-8000-000000000005'')') AS r,
       LATERAL (SELECT substring(r.headers_given FROM 'UTF-8''''(\S+);')) AS h (name);
UPDATE learning_credentials.credential SET credential_type_name = '...', learning_context_name = ' ' WHERE uuid = '01980000-0000-7000-8000-000000000005';
SELECT substring(r.headers_given FROM 'Content-Disposition: [^:]*') AS name FROM pg_temp.request('lc_rest_learner', '{"user_id": 83}', 'document(''01980000-0000-7000-8000-000000000005'')') AS r;
ROLLBACK TO long;

-- ------------------------------------------------------------ LinkedIn
SELECT pg_temp.learner(81, 'linkedin_url(''01980000-0000-7000-8000-000000000001'')');
SET LOCAL learning_credentials.organization = 'Universität & Söhne';
SET LOCAL learning_credentials.verify_url = 'https://lms.example.org/verify/{verify_uuid}?a=b&c';
UPDATE learning_credentials.credential_configuration SET custom_options = '{"time_zone": "Asia/Tokyo"}' WHERE id = 9001;
SELECT pg_temp.learner(81, 'linkedin_url(''01980000-0000-7000-8000-000000000001'')');
SELECT pg_temp.learner(83, 'linkedin_url(''01980000-0000-7000-8000-000000000005'')');
SELECT n, pg_temp.learner(user_id, format('linkedin_url(''01980000-0000-7000-8000-00000000000%s'')', n))
  FROM (VALUES (1, 82), (2, 81), (3, 81), (7, 84)) AS v (n, user_id);
SELECT left(pg_temp.staff('linkedin_url(''01980000-0000-7000-8000-000000000001'')'), 60);
-- a configuration that cannot be read has no time zone
UPDATE learning_credentials.credential_configuration SET custom_options = '{"source": 5, "time_zone": "Mars/Olympus"}' WHERE id = 9001;
SELECT substring(pg_temp.learner(81, 'linkedin_url(''01980000-0000-7000-8000-000000000001'')') FROM 'issueYear.*Month=[0-9]+');
UPDATE learning_credentials.credential_configuration SET custom_options = '{"time_zone": "Mars/Olympus"}' WHERE id = 9001;
SELECT substring(pg_temp.learner(81, 'linkedin_url(''01980000-0000-7000-8000-000000000001'')') FROM 'issueYear.*Month=[0-9]+');

-- ------------------------------------------------------------ whoever has a code, or a document
SELECT role, r.* FROM unnest(ARRAY['lc_rest_anonymous', 'lc_rest_learner', 'lc_rest_staff', 'lc_rest_neither']) AS role,
       LATERAL pg_temp.request(role, '', 'metadata(''a0000000-0000-4000-8000-000000000001'')') AS r;
SELECT n, r.* FROM unnest(ARRAY[2, 3, 4, 7, 8, 9]) AS n,
       LATERAL pg_temp.request('lc_rest_anonymous', '', format('metadata(''a0000000-0000-4000-8000-00000000000%s'')', n)) AS r;
SELECT r.* FROM pg_temp.request('lc_rest_anonymous', '', 'metadata(''f0000000-0000-4000-8000-00000000dead'')') AS r;
SELECT left(code, 50) AS code, r.* FROM unnest(ARRAY[NULL, '', 'x', '{a0000000-0000-4000-8000-000000000001}', 'a0000000-0000-4000-8000-00000000000', ''' OR true --', 'a0000000-0000-4000-8000-000000000001 ', repeat('a', 1000000)]) AS code,
       LATERAL pg_temp.request('lc_rest_anonymous', '', format('metadata(%L)', code)) AS r;
-- what an issuer keeps private, or shows early
SET LOCAL learning_credentials.show_invalidation_reason = off;
SELECT r.body::json->>'invalidation_reason' IS NULL AS private FROM pg_temp.request('lc_rest_anonymous', '', 'metadata(''a0000000-0000-4000-8000-000000000002'')') AS r;
SELECT pg_temp.learner(81, 'credentials()') ~ 'Name changed' AS holder,
       (SELECT r.body ~ 'Name changed' FROM pg_temp.request('lc_rest_staff', '{"user_id": 81}', 'credentials()') AS r) AS staff;
RESET learning_credentials.show_invalidation_reason;
SELECT pg_temp.learner(81, 'credentials()') ~ 'Name changed' AS holder;
SET LOCAL learning_credentials.show_pending = on;
SELECT r.body::json->>'status' AS status, r.body::json->>'is_valid' AS is_valid FROM pg_temp.request('lc_rest_anonymous', '', 'metadata(''a0000000-0000-4000-8000-000000000007'')') AS r;
SELECT pg_temp.learner(84, 'document(''01980000-0000-7000-8000-000000000007'')');
RESET learning_credentials.show_pending;
SELECT r.status FROM pg_temp.request('lc_rest_anonymous', '', 'metadata(''a0000000-0000-4000-8000-000000000007'')') AS r;
-- a document: its own credential; of many with the same one that is valid
SELECT n, r.* FROM (VALUES (1, '%PDF1'), (4, '%PDF4'), (5, '%PDF5'), (0, '%PDF0'), (6, '')) AS v (n, content),
       LATERAL pg_temp.request('lc_rest_anonymous', '', format('verify_document(%L)', encode(sha256(convert_to(content, 'UTF8')), 'hex'))) AS r;
-- one that is the same for two people names neither
INSERT INTO learning_credentials.document (credential_uuid, content, media_type) VALUES ('01980000-0000-7000-8000-000000000006', '%PDF5', 'application/pdf');
SELECT r.* FROM pg_temp.request('lc_rest_anonymous', '', format('verify_document(%L)', encode(sha256('%PDF5'), 'hex'))) AS r;
-- one whose credential is not valid any more
ALTER TABLE learning_credentials.document DISABLE TRIGGER keep_document;
DELETE FROM learning_credentials.document WHERE credential_uuid = '01980000-0000-7000-8000-000000000001';
SELECT r.* FROM pg_temp.request('lc_rest_anonymous', '', format('verify_document(%L)', upper(encode(sha256('%PDF1'), 'hex')))) AS r;
SELECT left(hash, 70) AS hash, r.* FROM unnest(ARRAY[NULL, '', 'x', repeat('0', 63), repeat('0', 65), repeat('g', 64), '\x' || repeat('0', 64), repeat('0', 63) || E'\n', repeat('٠', 64), repeat('0', 1000000)]) AS hash,
       LATERAL pg_temp.request('lc_rest_anonymous', '', format('verify_document(%L)', hash)) AS r;
ROLLBACK;

-- ------------------------------------------------------------ as it goes over the wire
CREATE ROLE lc_rest_learner;
SELECT learning_credentials.grant_access('lc_rest_learner', 'learner');
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;
SELECT set_config('search_path', '"learning_credentials_api", "public"', true), set_config('role', 'lc_rest_learner', true),
       set_config('request.jwt.claims', '{"role":"lc_rest_learner","user_id":81}', true), set_config('request.method', 'GET', true),
       set_config('request.path', '/rpc/document', true), set_config('request.headers', '{"accept":"*/*"}', true), set_config('request.cookies', '{}', true);
WITH pgrst_source AS (SELECT pgrst_call.pgrst_scalar FROM (SELECT "learning_credentials_api"."document"("uuid" := 'f0000000-0000-7000-8000-00000000dead'::text) pgrst_scalar) pgrst_call)
SELECT null::bigint AS total_result_set, 1 AS page_total, convert_from(_postgrest_t.pgrst_scalar, 'UTF8') AS body,
       nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status, '' AS response_inserted
  FROM (SELECT "document".pgrst_scalar FROM "pgrst_source" AS "document" LIMIT 1000 OFFSET 0) _postgrest_t;
COMMIT;
SELECT learning_credentials.revoke_access('lc_rest_learner', 'learner');
DROP ROLE lc_rest_learner;
