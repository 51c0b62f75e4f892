-- Credentials from another system, by way of the staging table; and out again as an archive.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'UTC';
INSERT INTO learning_credentials.credential_type (id, name, retrieval_func, generation_func, media_type)
VALUES (6001, 'Moved', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf', 'application/pdf'),
       (6002, 'Text', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf', 'text/plain');
INSERT INTO learning_credentials.credential_configuration (id, learning_context_key, credential_type_id, custom_options)
VALUES (6001, 'course-v1:Moved+1+1', 6001, '{"page": {}}'), (6002, 'course-v1:Moved+2+1', 6002, '{"page": {}}');
CREATE ROLE lc_import_registrar;
SELECT learning_credentials.grant_access('lc_import_registrar', 'admin');
SET LOCAL SESSION AUTHORIZATION lc_import_registrar;

-- ------------------------------------------------------------ by COPY
COPY learning_credentials.credential_import (learning_context_key, credential_type_name, legacy_id, verify_uuid, user_id, user_full_name,
    learning_context_name, issue_date, expires_at, invalidated_at, invalidation_reason, evidence, download_url, document) FROM stdin WITH (FORMAT csv, NULL '');
course-v1:Moved+1+1,Moved,A-1,c0ffee00-0000-4000-8000-000000000001,1,Ада Лавлейс,Математика,2019-06-01,2039-06-01,,,"{""current_completion"": 1}",,\x255044462d312e370a
course-v1:Moved+1+1,Moved,A-2,,2,"Pascal, Blaise",Maths,2019-06-01 10:00+02,,,,,https://old.example.org/2.pdf,
course-v1:Moved+1+1,Moved,A-3,,2,"Pascal, Blaise",Maths,2018-06-01,,2019-05-01,Wrong name,,,
course-v1:Moved+2+1,Text,,,1,مريم,Text,2020-02-29,,,,,,\x68616c6c6f
\.
SELECT * FROM learning_credentials.check_import();
SELECT * FROM learning_credentials.import_credentials(dry_run => true) ORDER BY 1;
SELECT count(*) AS nothing FROM learning_credentials.credential WHERE configuration_id IN (6001, 6002);
SELECT * FROM learning_credentials.import_credentials() ORDER BY 1;
SELECT configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id, user_full_name, status, evidence, download_url, legacy_id,
       issue_date, expires_at, invalidated_at, invalidation_reason, verify_uuid = 'c0ffee00-0000-4000-8000-000000000001' AS same_code
  FROM learning_credentials.credential WHERE configuration_id IN (6001, 6002) ORDER BY configuration_id, legacy_id;
SELECT c.legacy_id, e.seq, e.kind, e.old_status, e.new_status, e.issue_date, e.expires_at, e.actor ->> 'role' AS role, e.reason
  FROM learning_credentials.credential_event e JOIN learning_credentials.credential c ON c.uuid = e.credential_uuid
 WHERE e.configuration_id IN (6001, 6002) ORDER BY e.configuration_id, c.legacy_id;
SELECT c.user_id, d.media_type, d.byte_size, convert_from(d.content, 'UTF8')
  FROM learning_credentials.credential_document d JOIN learning_credentials.credential c ON c.uuid = d.credential_uuid
 WHERE c.configuration_id IN (6001, 6002) ORDER BY c.configuration_id;
SELECT status, user_full_name, is_valid FROM learning_credentials_api.metadata WHERE verify_uuid = 'c0ffee00-0000-4000-8000-000000000001';
SELECT at, status, is_valid, issue_date FROM (VALUES ('2019-01-01'::timestamptz), ('2020-01-01'), ('2026-11-01'), ('2040-01-01')) AS t (at),
       learning_credentials.verify_at('c0ffee00-0000-4000-8000-000000000001', at) ORDER BY 1;
SELECT count(*) AS left FROM learning_credentials.credential_import;
-- one without a document, as it was there, is nothing to act on
INSERT INTO learning_credentials.credential_import (learning_context_key, credential_type_name, user_id, user_full_name, learning_context_name, issue_date, expires_at)
VALUES ('course-v1:Moved+1+1', 'Moved', 3, 'Niels', 'Maths', '2019-01-01', 'infinity');
SELECT * FROM learning_credentials.import_credentials();
SELECT status, expires_at, evidence FROM learning_credentials.credential WHERE configuration_id = 6001 AND user_id = 3;
RESET SESSION AUTHORIZATION;
SELECT * FROM learning_credentials.health() WHERE finding = 'credential_without_document';
-- issued is issued: a run finds them
SELECT status FROM learning_credentials.credential WHERE uuid = learning_credentials.generate_credential(6001, 1);
SET LOCAL SESSION AUTHORIZATION lc_import_registrar;

-- ------------------------------------------------------------ what does not fit
INSERT INTO learning_credentials.credential_import (line, learning_context_key, credential_type_name, legacy_id, verify_uuid, user_id, user_full_name, learning_context_name,
       issue_date, expires_at, invalidated_at, invalidation_reason, evidence, document) OVERRIDING SYSTEM VALUE VALUES
    (101, NULL, NULL, NULL, NULL, NULL, ' ', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (102, 'course-v1:Moved+1+1', 'Unknown', NULL, NULL, 5, 'x', 'x', '2019-01-01', NULL, NULL, NULL, NULL, NULL),
    (103, 'course-v1:Moved+2+1', 'Moved', NULL, NULL, 5, 'x', 'x', '2019-01-01', NULL, NULL, NULL, NULL, NULL),
    (104, 'course-v1:Moved+1+1', 'Moved', NULL, NULL, 5, 'x', 'x', '2999-01-01', '2998-01-01', NULL, NULL, '[]', '\x'),
    (105, 'course-v1:Moved+1+1', 'Moved', NULL, NULL, 6, 'x', 'x', 'infinity', NULL, '2019-01-01', NULL, NULL, '\x3c68746d6c3e'),
    (106, 'course-v1:Moved+1+1', 'Moved', NULL, NULL, 7, 'x', 'x', '2019-01-01', NULL, NULL, 'why', NULL, NULL),
    (107, 'course-v1:Moved+1+1', 'Moved', 'A-1', 'c0ffee00-0000-4000-8000-000000000001', 1, 'x', 'x', '2019-01-01', NULL, NULL, NULL, NULL, NULL),
    (108, 'course-v1:Moved+1+1', 'Moved', 'B', 'c0ffee00-0000-4000-8000-000000000002', 8, 'x', 'x', '2019-01-01', NULL, NULL, NULL, NULL, NULL),
    (109, 'course-v1:Moved+1+1', 'Moved', 'B', 'c0ffee00-0000-4000-8000-000000000002', 8, 'x', 'x', '2019-01-01', NULL, NULL, NULL, NULL, NULL),
    (110, 'course-v1:Moved+1+1', 'Moved', 'C', NULL, 9, 'x', 'x', '2019-01-01', NULL, '2018-01-01', 'why', NULL, NULL),
    (111, 'course-v1:Moved+1+1', 'Moved', 'D', NULL, 10, 'Good', 'x', '2019-01-01', NULL, NULL, NULL, NULL, NULL),
    (112, 'course-v1:Moved+1+1', 'Moved', repeat('E', 1001), NULL, 11, 'x', 'x', '2019-01-01', NULL, NULL, NULL, NULL, NULL),
    (113, '', '', '', NULL, 12, '', '', '2019-01-01', NULL, NULL, NULL, NULL, NULL);
SELECT * FROM learning_credentials.check_import();
SAVEPOINT before;
SELECT * FROM learning_credentials.import_credentials();
ROLLBACK TO before;
SELECT learning_credentials.import_credentials(NULL);
ROLLBACK TO before;
SELECT learning_credentials.import_credentials(dry_run => NULL);
ROLLBACK TO before;
SELECT * FROM learning_credentials.import_credentials(dry_run => true) ORDER BY 1;
SELECT * FROM learning_credentials.import_credentials(all_or_nothing => false, dry_run => true) ORDER BY 1;
SELECT * FROM learning_credentials.import_credentials(all_or_nothing => false) ORDER BY 1;
SELECT array_agg(line ORDER BY line) AS left FROM learning_credentials.credential_import;
DELETE FROM learning_credentials.credential_import;
SELECT * FROM learning_credentials.import_credentials() ORDER BY 1;

-- ------------------------------------------------------------ out again
-- the archive's parts: a header and its padding are whole blocks
SELECT octet_length(learning_credentials.tar_header('a', 0, now())), octet_length(learning_credentials.tar_padding(n))
  FROM unnest('{0,1,511,512,513}'::bigint[]) AS n;
SELECT encode(substr(learning_credentials.tar_header('documents/a.pdf', 8589934591, '2026-11-24 00:00+00'), 101, 64), 'escape');
SAVEPOINT before;
SELECT learning_credentials.tar_header('', 0, now());
ROLLBACK TO before;
SELECT learning_credentials.tar_header(repeat('ä', 51), 0, now());
ROLLBACK TO before;
SELECT learning_credentials.tar_header('a', 8589934592, now());
ROLLBACK TO before;
SELECT sum(octet_length(piece)) % 512 AS rest, count(*) FROM learning_credentials.export_context('course-v1:Moved+1+1') AS piece;
SELECT regexp_replace(regexp_replace(convert_from(piece, 'UTF8'), '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g'), '"created": "[^"]*', '"created": "NOW')
  FROM learning_credentials.export_context('course-v1:Moved+2+1') WITH ORDINALITY AS e (piece, number) WHERE number = 2;
-- nobody else's, and nothing where nothing is
SELECT count(*), sum(octet_length(piece)) FROM learning_credentials.export_context('course-v1:None+1+1') AS piece;
-- the pieces come from the query itself, and are kept nowhere
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || query; END $$;
SELECT count(*) FILTER (WHERE plan LIKE '%Function Scan%') AS kept, count(*) FILTER (WHERE plan LIKE '%Append%') > 0 AS inlined
  FROM pg_temp.plan($$SELECT piece FROM learning_credentials.export_context('course-v1:Moved+1+1') AS piece$$) AS plan;
ROLLBACK;

-- ------------------------------------------------------------ who sees no more than when its transaction began
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM learning_credentials.import_credentials(dry_run => true);
SELECT learning_credentials.import_credentials();
ROLLBACK;
