-- Names that are compared and not shown: which names are the same; what of a hidden one is told, by whom, and from when on.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET client_min_messages = error;

-- ------------------------------------------------------------ which names are the same
SELECT name, other, learning_credentials.same_name(name, other) AS same, learning_credentials.same_name(other, name) AS turned
  FROM (VALUES
    ('Ada Lovelace', 'Ada Lovelace'), ('Ada Lovelace', 'ADA LOVELACE'), ('Ada Lovelace', '  ada   lovelace '), ('Ada Lovelace', E'Ada\tLove\u00adlace'),
    ('Ada Lovelace', 'Lovelace, Ada'), ('Ada Lovelace', 'AdaLovelace'), ('Ada Lovelace', 'Ada'), ('Ada Lovelace', 'Ada Ada Lovelace'),
    ('Ada Lovelace', 'Ada Byron'), ('Ada Lovelace', 'Ada Lovelacf'), ('Ada Lovelace', 'Ad A Lovelace'), ('Ada Ada', 'Ada'),
    -- composed or not, with and without accents, wide, ligatures, other cases
    ('Zoë', E'Zoe\u0308'), ('Zoë Müller', 'Zoe Muller'), ('Zoë Müller', 'Zoe Mueller'), ('José García', 'GARCIA Jose'),
    ('Ada', 'Ａｄａ'), (E'E\uFB01m', 'Efim'), ('Groß', 'GROSS'), ('Παπαδόπουλος', 'ΠΑΠΑΔΟΠΟΥΛΟΣ'), ('Łukasz', 'lukasz'),
    ('İpek', 'ipek'), ('Søren Ærø', 'Soren Aero'), ('Nguyễn Văn An', 'an nguyen van'),
    -- punctuation
    ('Seán O''Brien', E'Sean O\u2019Brien'), ('Seán O''Brien', 'obrien sean'), ('Anne-Marie Roux', 'Roux, Anne Marie'), ('J. R. R. Tolkien', 'JRR Tolkien'),
    ('Martin Luther King, Jr.', 'Martin Luther King Jr'), ('Martin Luther King, Jr.', 'Martin Luther King'),
    -- other scripts; marks that turn the direction; a vowel sign is a letter
    ('李小龍', '李 小龍'), ('李小龍', '李小龙'), ('محمد علي', E'\u202bمُحَمَّد علي\u202c'), ('שרה כהן', 'כהן שרה'), ('अनिता', 'अनीता'), ('Дмитрий', 'Дмитрии'), ('Иван', 'Ivan'),
    -- what is no name
    ('', ''), (' ', ''), ('-', '.'), ('Ada', ''), ('😀', '😀'), ('😀', '😁'), ('Ada 1', 'Ada 2'), ('X Æ A-12', 'x æ a 12')) AS v (name, other);
SELECT learning_credentials.same_name(NULL, 'x') AS unknown, learning_credentials.same_name(repeat('Ada ', 100000), repeat('ada ', 100000)) AS long;

-- ------------------------------------------------------------ hidden and shown
BEGIN;
SET LOCAL search_path = learning_credentials, public;
SET LOCAL TimeZone = 'UTC';
INSERT INTO credential_type (id, name, retrieval_func, generation_func) VALUES (-81, 'Matching', 'retrieve_completions', 'generate_pdf');
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, custom_options) VALUES
    (-81, 'course-v1:mat+a+1', -81, '{"page": {}}'), (-82, 'course-v1:mat+b+1', -81, '{"page": {}}');
INSERT INTO credential (verify_uuid, configuration_id, credential_type_name, learning_context_key, learning_context_name,
                        user_id, user_full_name, status, issue_date, download_url) VALUES
    ('b0000000-0000-4000-8000-000000000001', -81, 'Matching', 'course-v1:mat+a+1', 'A', 81, 'Zoë "<b>&" O''Brien', 'available', '2024-01-01', 'https://x.example/'),
    ('b0000000-0000-4000-8000-000000000002', -82, 'Matching', 'course-v1:mat+b+1', 'B', 81, 'Zoë Other', 'available', '2024-01-01', 'https://x.example/');
INSERT INTO credential (verify_uuid, configuration_id, credential_type_name, learning_context_key, user_id)
VALUES ('b0000000-0000-4000-8000-000000000003', -81, 'Matching', 'course-v1:mat+a+1', 82);
CREATE ROLE mat_anonymous;
SELECT grant_access('mat_anonymous', 'verifier');
-- kept plans, as a REST server has them
SET LOCAL plan_cache_mode = force_generic_plan;
PREPARE look (uuid) AS SELECT user_full_name, name_withheld FROM learning_credentials_api.metadata WHERE verify_uuid = $1;
CREATE FUNCTION pg_temp.page(name text DEFAULT NULL) RETURNS TABLE (line text) LANGUAGE sql AS $$
SELECT l FROM regexp_split_to_table(learning_credentials_api.verify_page('b0000000-0000-4000-8000-000000000001', name), '\n') AS l
 WHERE l ~ '<title>|class="holder"|class="wide"><dt>Awarded|id="name|class="answer"|<form|<button|class="advice"'
$$;

SET LOCAL ROLE mat_anonymous;
EXECUTE look ('b0000000-0000-4000-8000-000000000001');
EXPLAIN (COSTS OFF, VERBOSE) EXECUTE look ('b0000000-0000-4000-8000-000000000001');
RESET ROLE;
UPDATE credential_configuration SET hide_name = true WHERE id = -81;
SET LOCAL ROLE mat_anonymous;
EXECUTE look ('b0000000-0000-4000-8000-000000000001');
EXECUTE look ('b0000000-0000-4000-8000-000000000002');
SELECT verify_uuid FROM learning_credentials_api.metadata WHERE verify_uuid = 'b0000000-0000-4000-8000-000000000001' AND user_full_name LIKE 'Z%';
SELECT learning_credentials_api.metadata('b0000000-0000-4000-8000-000000000001')::jsonb - 'created' AS metadata;
-- rolled back, it is as it was, also for plans that were made meanwhile
RESET ROLE;
SAVEPOINT before;
UPDATE credential_configuration SET hide_name = false WHERE id = -81;
EXECUTE look ('b0000000-0000-4000-8000-000000000001');
ROLLBACK TO before;
EXECUTE look ('b0000000-0000-4000-8000-000000000001');
-- one that hides from the beginning
SAVEPOINT before;
UPDATE credential_configuration SET hide_name = false WHERE id = -81;
EXECUTE look ('b0000000-0000-4000-8000-000000000002');
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, hide_name) VALUES (-83, 'course-v1:mat+c+1', -81, true);
UPDATE credential_configuration SET hide_name = true WHERE id = -82;
EXECUTE look ('b0000000-0000-4000-8000-000000000002');
ROLLBACK TO before;

-- ------------------------------------------------------------ asking
SET LOCAL ROLE mat_anonymous;
CREATE FUNCTION pg_temp.ask(code text, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    body text;
BEGIN
    PERFORM set_config('response.status', '', true), set_config('response.headers', '', true);
    body := learning_credentials_api.match_name(code, name);
    RETURN concat_ws(' ', coalesce(nullif(current_setting('response.status'), ''), '200'), body, current_setting('response.headers')::json #>> '{0,Cache-Control}');
END
$$;
SELECT left(code, 40) AS code, left(name, 20) AS name, pg_temp.ask(code, name)
  FROM (VALUES
    ('b0000000-0000-4000-8000-000000000001', 'O''BRIEN, Zoe B'), ('b0000000-0000-4000-8000-000000000001', 'Zoe O''Brien'),
    ('b0000000-0000-4000-8000-000000000001', ' Zoë "<b>&" O''Brien'), ('b0000000-0000-4000-8000-000000000001', ''), ('b0000000-0000-4000-8000-000000000001', '   '),
    ('b0000000-0000-4000-8000-000000000001', NULL), (NULL, 'Zoe'), ('b0000000-0000-4000-8000-000000000001', repeat('x', 1001)),
    ('b0000000-0000-4000-8000-000000000001', repeat('x', 1000)), ('b0000000-0000-4000-8000-000000000001', '%'),
    -- a name that is shown is compared as well
    ('b0000000-0000-4000-8000-000000000002', 'other zoe'), ('B0000000-0000-4000-8000-000000000002', 'other'),
    ('b0000000-0000-4000-8000-000000000003', 'Zoe'), ('b0000000-0000-4000-8000-00000000dead', 'Zoe'), ('b0000000', 'Zoe')) AS v (code, name);
-- one that is begun and has no name yet
RESET ROLE;
SET LOCAL learning_credentials.show_pending = on;
SET LOCAL ROLE mat_anonymous;
EXECUTE look ('b0000000-0000-4000-8000-000000000003');
SELECT pg_temp.ask('b0000000-0000-4000-8000-000000000003', 'Zoe');
RESET ROLE;
SET LOCAL learning_credentials.show_pending = off;

-- ------------------------------------------------------------ the page
SET LOCAL ROLE mat_anonymous;
SELECT * FROM pg_temp.page();
SELECT * FROM pg_temp.page('  ');
SELECT * FROM pg_temp.page('Zoe "><script>alert(1)</script>');
SELECT * FROM pg_temp.page('o''brien zoe B');
SELECT current_setting('response.headers') LIKE '%form-action ''self''%' AS may_ask;
SELECT learning_credentials_api.verify_page('b0000000-0000-4000-8000-000000000001') ~ 'Brien' AS shows_the_name,
       learning_credentials_api.verify_page('b0000000-0000-4000-8000-000000000002', 'Zoe Other') ~ 'id="name"|class="answer"' AS asks_for_a_shown_name;
-- in each language
SELECT language, substring(page FROM '<h2 id="name-title">(.*?)</h2>') AS title, substring(page FROM 'class="answer".*?<strong>(.*?)</strong>') AS answer
  FROM unnest(ARRAY['en', 'de', 'es', 'fr', 'ar']) AS language,
       LATERAL (SELECT set_config('request.headers', json_build_object('accept-language', language)::text, true)) AS h (request_headers),
       LATERAL (SELECT learning_credentials_api.verify_page('b0000000-0000-4000-8000-000000000001', 'Eve' || left(request_headers, 0)) AS page) AS p;
RESET ROLE;
SELECT count(*) AS retired FROM retire_user(81, 'Request');
SET LOCAL ROLE mat_anonymous;
EXECUTE look ('b0000000-0000-4000-8000-000000000001');
SELECT language, substring(page FROM '<div class="wide"><dt>[^<]*</dt><dd>([^<]*)</dd>') AS erased, page ~ 'id="name"|class="advice"' AS compares
  FROM unnest(ARRAY['en', 'de', 'es', 'fr', 'ar']) AS language,
       LATERAL (SELECT set_config('request.headers', json_build_object('accept-language', language)::text, true)) AS h (request_headers),
       LATERAL (SELECT learning_credentials_api.verify_page('b0000000-0000-4000-8000-000000000001', 'Eve' || left(request_headers, 0)) AS page) AS p;
ROLLBACK;
