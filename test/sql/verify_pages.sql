-- The page that a person sees who verifies a credential.
\set ECHO errors
\pset format unaligned
SET client_min_messages = warning;
SET TIME ZONE 'Asia/Tokyo';
BEGIN;

CREATE TYPE pg_temp.response AS (page text, status text, headers jsonb);

-- What a REST server does: the page for what stands in the address, in the language of a header.
CREATE FUNCTION pg_temp.visit(code text, accept_language text DEFAULT NULL) RETURNS pg_temp.response
LANGUAGE plpgsql AS $$
DECLARE
    page text;
BEGIN
    PERFORM set_config('request.headers', jsonb_build_object('accept-language', accept_language, 'user-agent', 'test')::text, true),
            set_config('response.status', '200', true),
            set_config('response.headers', '', true);
    page := learning_credentials_api.verify_page(code);
    RETURN (page, current_setting('response.status'), current_setting('response.headers')::jsonb);
END
$$;

-- Its text, an element a line: without tags, styles, script, drawings and what waits in templates.
CREATE FUNCTION pg_temp.words(code text, accept_language text DEFAULT NULL) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
    text text := (pg_temp.visit(code, accept_language)).page;
    tag text;
BEGIN
    FOREACH tag IN ARRAY ARRAY['style', 'script', 'svg', 'template'] LOOP
        text := regexp_replace(text, format('<%s.*?</%1$s>', tag), '', 'g');
    END LOOP;
    text := regexp_replace(text, '<p>Checked on .*?</p>', 'Checked', '');
    text := regexp_replace(text, '</(p|h.|d.|title)>', E'\n', 'g');
    text := regexp_replace(text, '<[^>]*>', '', 'g');
    RETURN QUERY SELECT line FROM regexp_split_to_table(text, '\s*\n\s*') AS line WHERE line <> '';
END
$$;

-- ------------------------------------------------------------ credentials in every state
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options)
VALUES ('Page & <Type>', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf',
        '{"page": {}, "time_zone": "Europe/Berlin"}');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT 'course-v1:Page+Test+1', id FROM learning_credentials.credential_type WHERE name = 'Page & <Type>';
INSERT INTO learning_credentials.credential
    (uuid, verify_uuid, configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id, user_full_name,
     status, error_message, issue_date, expires_at, supersedes, superseded_by, invalidated_at, invalidation_reason)
SELECT ('0000000' || n || '-0000-7000-8000-000000000000')::uuid, ('d000000' || n || '-0000-4000-8000-000000000000')::uuid,
       c.id, 'Page & <Type>', c.learning_context_key, context, n, name, status::learning_credentials.credential_status, error,
       CASE WHEN error IS NULL THEN '2026-02-28 23:30+00'::timestamptz END, expires::timestamptz,
       ('0000000' || supersedes || '-0000-7000-8000-000000000000')::uuid,
       ('0000000' || superseded_by || '-0000-7000-8000-000000000000')::uuid,
       CASE WHEN reason IS NOT NULL THEN now() END, reason
  FROM learning_credentials.credential_configuration c,
       (VALUES (1, 'Ada Lovelace', 'Notes', 'available', NULL, '9000-06-12 22:00+00', 2, NULL::integer, NULL),
               (2, 'Ada Byron', 'Notes', 'invalidated', NULL, NULL, NULL, 1, 'Name "changed" <b>& more</b>'),
               (3, 'محمد بن موسى الخوارزمي', 'الجبر والمقابلة', 'available', NULL, '2026-03-01 00:00+00', NULL, NULL, NULL),
               (4, '<script>alert(1)</script>', '"><img src=x onerror=''alert(1)''>', 'available', NULL, 'infinity', NULL, NULL, NULL),
               (5, E'\u202Eecalevol \u2066adA\u0007\u0085\u200D{{holder}} \\1 %s &amp;', E'a\nb\tc', 'invalidated', NULL, '2026-03-01 00:00+00',
                NULL, NULL, E'one\ntwo'),
               (6, NULL, NULL, 'error', 'no template', NULL, NULL, NULL, NULL)
       ) AS v (n, name, context, status, error, expires, supersedes, superseded_by, reason)
 WHERE c.learning_context_key = 'course-v1:Page+Test+1';
INSERT INTO learning_credentials.document (credential_uuid, content, media_type)
SELECT uuid, convert_to('document of ' || user_id, 'UTF8'), 'application/pdf'
  FROM learning_credentials.credential WHERE learning_context_key = 'course-v1:Page+Test+1' AND user_id IN (1, 2, 3);

\echo '---- valid'
SELECT pg_temp.words('d0000001-0000-4000-8000-000000000000');
\echo '---- invalidated, and an issuer who is known'
SET LOCAL learning_credentials.organization = ' "Ørsted" & <Søns> ';
SET LOCAL learning_credentials.verify_url = 'https://example.org/?a=1&b="{verify_uuid}"#{verify_uuid}';
SELECT pg_temp.words('d0000002-0000-4000-8000-000000000000');
SELECT line FROM pg_temp.visit('d0000002-0000-4000-8000-000000000000') AS r, regexp_split_to_table(r.page, '\n') AS line WHERE line ~ '<a ';
RESET learning_credentials.organization;
RESET learning_credentials.verify_url;
\echo '---- expired'
SELECT pg_temp.words('d0000003-0000-4000-8000-000000000000');
\echo '---- a hostile name and course, never expiring'
SELECT line FROM pg_temp.visit('d0000004-0000-4000-8000-000000000000') AS r, regexp_split_to_table(r.page, '\n') AS line
 WHERE line ~ '<(title|dt)';
\echo '---- control characters, placeholders; invalidated and expired'
SELECT line FROM pg_temp.visit('d0000005-0000-4000-8000-000000000000') AS r, regexp_split_to_table(r.page, '\n') AS line
 WHERE line ~ '<title|<dt|class=.reason|^two|^b\s';
\echo '---- in error'
SELECT pg_temp.words('d0000006-0000-4000-8000-000000000000');
\echo '---- in error, and verifiers are shown that'
SET LOCAL learning_credentials.show_pending = on;
SELECT pg_temp.words('d0000006-0000-4000-8000-000000000000');
UPDATE learning_credentials.credential SET expires_at = '2026-01-01' WHERE verify_uuid = 'd0000006-0000-4000-8000-000000000000';
SELECT r.status, substring(r.page FROM '<body class="(\w+)">') AS state, r.page ~ 'Expired' AS expired
  FROM pg_temp.visit('d0000006-0000-4000-8000-000000000000') AS r;
SET LOCAL learning_credentials.show_pending = off;
SELECT r.status, substring(r.page FROM '<body class="(\w+)">') AS state FROM pg_temp.visit('d0000006-0000-4000-8000-000000000000') AS r;
\echo '---- invalidated, and the reason is nobody''s business'
SET LOCAL learning_credentials.show_invalidation_reason = off;
SELECT line FROM pg_temp.words('d0000002-0000-4000-8000-000000000000') AS line WHERE line ~ 'Reason|changed|replaced';
SELECT count(*) FROM pg_temp.visit('d0000005-0000-4000-8000-000000000000') AS r WHERE r.page ~ 'class="(why|reason)"';
SET LOCAL learning_credentials.show_invalidation_reason = on;
\echo '---- unknown'
SELECT pg_temp.words('d0000009-0000-4000-8000-000000000000');
\echo '---- malformed'
SELECT pg_temp.words('<script>alert(1)</script>');

-- ------------------------------------------------------------ status and headers
\echo '---- statuses'
SELECT left(code, 60) AS code, substring(r.page FROM '<body class="(\w+)">') AS state, r.status
  FROM (VALUES (1, 'd0000001-0000-4000-8000-000000000000'), (2, 'd0000002-0000-4000-8000-000000000000'),
               (3, 'd0000003-0000-4000-8000-000000000000'), (4, 'd0000006-0000-4000-8000-000000000000'),
               (5, 'd0000009-0000-4000-8000-000000000000'), (6, ' D0000001-0000-4000-8000-000000000000' || E'\n'),
               (7, 'd0000001000040008000000000000000'), (8, NULL), (9, ''), (10, 'd0000001-0000-4000-8000-00000000000'),
               (11, 'd0000001-0000-4000-8000-0000000000000'), (12, 'd0000001-0000-4000-8000-00000000000g'),
               (13, '{d0000001-0000-4000-8000-000000000000}'), (14, 'd0000001-0000-4000-8000-000000000000'' OR true --'),
               (15, repeat('-', 10000000) || 'd0000001-0000-4000-8000-000000000000'),
               (16, '٠٠٠٠٠٠٠٠-0000-4000-8000-000000000000')) AS c (n, code),
       LATERAL pg_temp.visit(code) AS r
 ORDER BY n;

\echo '---- headers'
SELECT name, regexp_replace(e.value, 'sha256-[A-Za-z0-9+/]{43}=', 'sha256-HASH', 'g') AS value
  FROM pg_temp.visit('d0000009-0000-4000-8000-000000000000', 'ar') AS r, jsonb_array_elements(r.headers) AS h,
       jsonb_each_text(h) AS e (name, value);
-- The policy's hashes are those of what stands between the tags, and nothing is allowed besides.
SELECT part, position(encode(sha256(convert_to(content[1], 'UTF8')), 'base64') IN r.headers::text) > 0 AS allowed
  FROM pg_temp.visit('d0000001-0000-4000-8000-000000000000') AS r, (VALUES ('style'), ('script')) AS p (part),
       regexp_matches(r.page, format('<%s>(.*?)</%1$s>', part), 'g') AS m (content);
SELECT m[1] AS refers FROM pg_temp.visit('d0000001-0000-4000-8000-000000000000') AS r,
       regexp_matches(r.page, '\s((?:style|on\w+|src|srcset|href|action|data|http-equiv)=.{8})', 'g') AS m;

-- ------------------------------------------------------------ languages
\echo '---- Accept-Language'
SELECT accept_language, substring((pg_temp.visit('x', accept_language)).page FROM '<html lang="\w+" dir="\w+">') AS page
  FROM (VALUES (1, NULL), (2, ''), (3, 'de'), (4, 'de-AT'), (5, 'DE-at-1996'), (6, 'zh-Hans, fr;q=0.3'), (7, 'en;q=0.5, es;q=0.7'),
               (8, 'es;q=0.7,en;q=0.70, de;q=0.8'), (9, 'fr-CA , fr;q=0.9;x, de;q=0.4'), (10, 'ar,*;q=0.1'), (11, '*'),
               (12, '*;q=0.5, en;q=0.1'), (13, 'en;q=0, *'), (14, 'de;q=0'), (15, 'de;q=2'), (16, 'de ; q=0.5 , fr ;q=0.4'),
               (17, 'german'), (18, 'de_DE'), (19, '"><script>'), (20, 'de;q=0.0001, fr;q=0.001'), (21, 'ja, ko;q=0.9'),
               (22, 'es-419'), (23, 'fr;q=1.000, de;q=1')) AS a (n, accept_language)
 ORDER BY n;
SELECT substring((pg_temp.visit('x', repeat('x,', 100000) || 'de')).page FROM '<html lang="\w+" dir="\w+">') AS bounded;

-- Headers that are no JSON object, no headers at all.
SELECT headers, set_config('request.headers', headers, true) IS NOT NULL AS set,
       substring(learning_credentials_api.verify_page('x') FROM '<html lang="\w+" dir="\w+">') AS page
  FROM (VALUES (''), ('{'), ('[]'), ('1'), ('{"accept-language": {"a": 1}}'), ('{"accept-language": "\u0000"}'),
               ('{"accept-language": "de"}')) AS h (headers);

-- Every language has every text, and every text is what its place needs: as many %s, no tag, nothing empty.
SELECT l.language, t.key
  FROM jsonb_object_keys(learning_credentials.page_texts()) AS l (language),
       jsonb_each(learning_credentials.page_texts() -> 'en') AS t
 WHERE jsonb_typeof(learning_credentials.page_texts() -> l.language -> t.key) IS DISTINCT FROM jsonb_typeof(t.value)
    OR jsonb_typeof(t.value) = 'string'
       AND (regexp_replace(t.value #>> '{}', '[^%]', '', 'g') <> regexp_replace(learning_credentials.page_texts() -> l.language ->> t.key, '[^%]', '', 'g')
            OR learning_credentials.page_texts() -> l.language ->> t.key !~ '\S'
            OR learning_credentials.page_texts() -> l.language ->> t.key ~ '[<>]')
    OR jsonb_typeof(t.value) = 'array' AND jsonb_array_length(learning_credentials.page_texts() -> l.language -> t.key) <> 12;
SELECT l.language, t.key AS not_in_english
  FROM jsonb_object_keys(learning_credentials.page_texts()) AS l (language),
       jsonb_object_keys(learning_credentials.page_texts() -> l.language) AS t (key)
 WHERE NOT learning_credentials.page_texts() -> 'en' ? t.key;
-- Every text has its place, and every place a text.
SELECT t.key AS without_place FROM jsonb_object_keys(learning_credentials.page_texts() -> 'en') AS t (key),
       pg_proc AS p, pg_proc AS q
 WHERE p.oid = 'learning_credentials.page_html(jsonb)'::regprocedure AND q.oid = 'learning_credentials_api.verify_page(text, text)'::regprocedure
   AND p.prosrc !~ format('->>''%s''', t.key) AND q.prosrc !~ format('->>''%s''', t.key)
 ORDER BY 1;
SELECT DISTINCT m[1] AS no_text FROM pg_proc, regexp_matches(prosrc, 'content->>''(\w+)''', 'g') AS m
 WHERE oid = 'learning_credentials.page_html(jsonb)'::regprocedure AND NOT learning_credentials.page_texts() -> 'en' ? m[1]
 ORDER BY 1;

\echo '---- dates'
SELECT language, string_agg(regexp_replace(learning_credentials.page_date(date, zone, learning_credentials.page_texts() -> language), '<time datetime="(.*?)">(.*?)</time>', '\2 = \1'), E'\n' ORDER BY n)
  FROM unnest(ARRAY['en', 'de', 'es', 'fr', 'ar']) WITH ORDINALITY AS l (language, rank),
       (VALUES (1, '2026-02-28 23:30+00'::timestamptz, 'Europe/Berlin'), (2, '2026-12-31 23:59:59+00', 'America/New_York'),
               (3, 'infinity', 'UTC'), (4, '0044-03-15 12:00+00 BC', 'UTC'), (5, '10000-01-01 00:00+00', 'UTC')) AS d (n, date, zone)
 GROUP BY language, rank ORDER BY rank;
SELECT learning_credentials.page_zone(NULL), learning_credentials.page_zone('Nowhere/There'), learning_credentials.page_zone('Europe/Berlin');

-- ------------------------------------------------------------ settings that callers may not have
\echo '---- standard_conforming_strings off'
SET LOCAL standard_conforming_strings = off;
DISCARD PLANS;
SELECT status, page ~ '<script>alert' AS raw FROM pg_temp.visit('d0000004-0000-4000-8000-000000000000', 'de;q=0.5, fr');
SET LOCAL standard_conforming_strings = on;
ROLLBACK;

-- ------------------------------------------------------------ who may
CREATE ROLE page_anonymous;
SELECT learning_credentials.grant_access('page_anonymous', 'verifier');
\c -
-- The library is not loaded yet, so anybody may set what will be a setting of superusers. It does not count.
SET client_min_messages = error;
SET ROLE page_anonymous;
SET learning_credentials.organization = 'Mallory';
BEGIN READ ONLY;
SELECT position('Mallory' IN learning_credentials_api.verify_page('x')) AS mallory, current_setting('response.status') AS status;
COMMIT;
SELECT position('Mallory' IN learning_credentials_api.verify_page('d0000009-0000-4000-8000-000000000000')) AS mallory;
\set VERBOSITY terse
SELECT learning_credentials.page_html('{}');
RESET ROLE;
SELECT learning_credentials.revoke_access('page_anonymous', 'verifier');
DROP ROLE page_anonymous;
