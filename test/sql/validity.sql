-- Dates: from when, until when, renewed, corrected, and what was so at a time. CALL commits, so this test
-- has a database of its own.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
SELECT current_database() AS home \gset
CREATE DATABASE lc_validity;
\c lc_validity
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
    RETURN regexp_replace(concat_ws(' | ', SQLSTATE || ' ' || SQLERRM,
                                    CASE WHEN SQLSTATE !~ '^23' THEN nullif(detail, '') END, nullif(hint, '')),
                          '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g');
END
$$;
-- A time in Warsaw, whatever the session's zone; NULL: never.
CREATE FUNCTION public.warsaw(t timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(to_char(t AT TIME ZONE 'Europe/Warsaw', 'YYYY-MM-DD HH24:MI')
                    || to_char(t AT TIME ZONE 'Europe/Warsaw' - t AT TIME ZONE 'UTC', ' +HH24'), 'never')
$$;
CREATE SCHEMA val;
CREATE TABLE val.ink (empty boolean);
INSERT INTO val.ink VALUES (false);
CREATE FUNCTION val.retrieve_all(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql STABLE AS $$
    SELECT u.id, true, NULL::timestamptz, '{}'::jsonb FROM learning_credentials.lms_user u
     WHERE retrieve_all.user_id IS NULL OR u.id = retrieve_all.user_id
$$;
CREATE FUNCTION val.generate_dates(c learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT empty FROM val.ink) THEN
        RAISE EXCEPTION 'out of ink';
    END IF;
    RETURN convert_to(format('%s to %s', CASE WHEN c.issue_date = now() THEN 'now' ELSE public.warsaw(c.issue_date) END,
                             CASE WHEN c.expires_at > now() + interval '90 days' THEN 'in years'
                                  ELSE public.warsaw(c.expires_at) END), 'UTF8');
END
$$;
INSERT INTO lms_user (id, username) SELECT n, 'user' || n FROM generate_series(1, 5) AS n;
INSERT INTO credential_type (id, name, retrieval_func, generation_func, media_type)
VALUES (1, 'Dated', 'val.retrieve_all', 'val.generate_dates', 'text/plain');
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, time_zone)
SELECT n, 'course-v1:a+b+' || n, 1, 'Europe/Warsaw' FROM generate_series(1, 9) AS n;
-- Credentials with what their documents say, the dates of their own clock left out.
CREATE VIEW public.shown AS
SELECT c.configuration_id AS conf, c.user_id, c.status,
       CASE WHEN c.issue_date > now() - interval '1 hour' THEN 'now' ELSE public.warsaw(c.issue_date) END AS issued,
       convert_from(d.content, 'UTF8') AS document, c.supersedes IS NOT NULL AS replaces, c.superseded_by IS NOT NULL AS replaced,
       c.invalidation_reason AS reason, c.error_message AS error, c.uuid
  FROM credential c LEFT JOIN document d ON d.credential_uuid = c.uuid;
CREATE VIEW public.history AS
SELECT e.credential_uuid, e.seq, e.kind, e.old_status, e.new_status, public.warsaw(e.old_issue_date) AS old_issue_date,
       public.warsaw(e.old_expires_at) AS old_expires_at, public.warsaw(e.issue_date) AS issue_date,
       public.warsaw(e.expires_at) AS expires_at, e.reason
  FROM credential_event e;

-- ------------------------------------------------------------ what a configuration may say
SELECT v, answer(format('UPDATE learning_credentials.credential_configuration SET expires_after = %L WHERE id = 1 RETURNING id', v))
  FROM unnest(ARRAY['0', '-1 day', '1 mon -5 days', '1 mon -5 hours', '-1 mon 60 days', 'soon']) AS v;
SELECT answer($$UPDATE learning_credentials.credential_configuration SET expires_after = '1 year', expires_at = '2030-01-01' WHERE id = 1$$);
SELECT answer($$UPDATE learning_credentials.credential_configuration SET expires_after = '294000 years' WHERE id = 1 RETURNING expires_after$$);
SET client_min_messages = error;
SELECT answer('SELECT learning_credentials.generate_credential(1, 1)');
SET client_min_messages = warning;

-- ------------------------------------------------------------ expiry is set at issue
UPDATE credential_configuration SET expires_after = '2 years' WHERE id = 1;
UPDATE credential_configuration SET expires_at = 'infinity' WHERE id = 2;
UPDATE credential_configuration SET expires_at = '2100-01-01 00:00+00' WHERE id = 3;
SELECT count(generate_credential(n, 1)) FROM generate_series(1, 4) AS n;
SELECT s.conf, s.status, s.issued, s.document,
       CASE WHEN c.expires_at = (c.issue_date AT TIME ZONE 'Europe/Warsaw' + interval '2 years') AT TIME ZONE 'Europe/Warsaw'
            THEN 'two years' ELSE warsaw(c.expires_at) END AS expires
  FROM shown s JOIN credential c USING (uuid) ORDER BY conf;
-- what is changed later, changes nothing that was issued
UPDATE credential_configuration SET expires_after = '1 day' WHERE id = 1;
SELECT expires_at > now() + interval '1 year' AS stays FROM credential WHERE configuration_id = 1;
UPDATE credential_configuration SET expires_after = '2 years' WHERE id = 1;
-- the event that makes it available tells the dates
SELECT c.configuration_id AS conf, e.kind, e.new_status, e.issue_date = c.issue_date AS issue_date,
       e.expires_at IS NOT DISTINCT FROM c.expires_at AS expires_at, e.old_issue_date, e.old_expires_at
  FROM credential_event e JOIN credential c ON c.uuid = e.credential_uuid WHERE e.new_status = 'available' ORDER BY 1;

-- ------------------------------------------------------------ available from, and until
UPDATE credential_configuration SET available_from = '2100-01-01 00:00+00' WHERE id = 5;
UPDATE credential_configuration SET expires_at = '2020-01-01 00:00+00' WHERE id = 6;
SET TimeZone = 'UTC';
SELECT answer('SELECT learning_credentials.generate_credential(5, 1)');
SELECT answer('SELECT learning_credentials.generate_credential(6, 1)');
CALL generate_credentials(5);
CALL generate_credentials(6);
SELECT configuration_id AS conf, status, seen, eligible, queued, issued, failed, error FROM run ORDER BY id;
UPDATE credential_configuration SET available_from = now() WHERE id = 5;
UPDATE credential_configuration SET expires_at = now() + interval '1 hour' WHERE id = 6;
CALL generate_credentials(5);
CALL generate_credentials(6);
SELECT configuration_id AS conf, count(*), count(*) FILTER (WHERE c.expires_at = d.expires_at) AS with_its_expiry
  FROM credential c JOIN credential_configuration d ON d.id = c.configuration_id
 WHERE configuration_id IN (5, 6) AND status = 'available' GROUP BY 1 ORDER BY 1;
-- what is available already is returned, and what replaces is issued, whatever the dates
UPDATE credential_configuration SET available_from = '2100-01-01 00:00+00' WHERE id = 5;
SELECT generate_credential(5, 1) = uuid AS the_same FROM credential WHERE configuration_id = 5 AND user_id = 1;
SELECT answer(format('SELECT learning_credentials.reissue_credential(%L)', uuid)) FROM credential WHERE configuration_id = 5 AND user_id = 1;
SELECT status, issued, replaces, replaced FROM shown WHERE conf = 5 AND user_id = 1 ORDER BY uuid;
-- what has begun is finished, unless it would have expired
UPDATE val.ink SET empty = true;
UPDATE credential_configuration SET expires_at = '2100-01-01 00:00+00', available_from = NULL WHERE id = 7;
SET client_min_messages = error;
SELECT count(generate_credential(7, u)) FROM generate_series(1, 2) AS u;
UPDATE val.ink SET empty = false;
UPDATE credential_configuration SET available_from = '2090-01-01 00:00+00' WHERE id = 7;
SELECT retry_credential(uuid) FROM credential WHERE configuration_id = 7 AND user_id = 1;
UPDATE credential_configuration SET expires_at = '2020-01-01 00:00+00' WHERE id = 7;
SELECT retry_credential(uuid) FROM credential WHERE configuration_id = 7 AND user_id = 2;
SELECT user_id, status, error FROM shown WHERE conf = 7 ORDER BY 1;
SET client_min_messages = warning;

-- ------------------------------------------------------------ valid until it expires
SELECT uuid AS u, verify_uuid AS code FROM credential WHERE configuration_id = 1 AND user_id = 1 \gset
SELECT status, is_valid, expires_at > now() AS ahead FROM learning_credentials_api.metadata WHERE verify_uuid = :'code';
BEGIN;
UPDATE credential SET expires_at = now() WHERE uuid = :'u';
SELECT status, is_valid FROM learning_credentials_api.metadata WHERE verify_uuid = :'code';
UPDATE credential SET expires_at = now() + interval '1 microsecond' WHERE uuid = :'u';
SELECT status, is_valid FROM learning_credentials_api.metadata WHERE verify_uuid = :'code';
-- a change of the expiry leaves an event, of which nobody gave a reason
SELECT kind, old_status, new_status, old_expires_at IS NULL AS was_never, reason FROM credential_event
 WHERE credential_uuid = :'u' ORDER BY seq DESC LIMIT 2;
ROLLBACK;
SELECT answer(format('UPDATE learning_credentials.credential SET issue_date = now() WHERE uuid = %L', :'u'));
SELECT answer(format('UPDATE learning_credentials.credential SET design = 1 WHERE uuid = %L', :'u'));

-- ------------------------------------------------------------ renewal
-- early: the term counts from the old expiry
SELECT renew_credential(:'u') AS renewed \gset
SELECT s.uuid = :'renewed' AS new, s.status, s.issued, s.document, s.replaces, s.replaced, s.reason,
       c.expires_at = (SELECT (CASE WHEN s.uuid = :'u' THEN o.issue_date ELSE o.expires_at END AT TIME ZONE 'Europe/Warsaw'
                               + interval '2 years') AT TIME ZONE 'Europe/Warsaw' FROM credential o WHERE o.uuid = :'u') AS a_term_more
  FROM shown s JOIN credential c USING (uuid) WHERE s.conf = 1 AND s.user_id = 1 ORDER BY s.uuid;
SELECT c.superseded_by = :'renewed' AS forward, n.supersedes = :'u' AS back
  FROM credential c, credential n WHERE c.uuid = :'u' AND n.uuid = :'renewed';
-- once
SELECT answer(format('SELECT learning_credentials.renew_credential(%L)', :'u'));
-- late: it counts from today
UPDATE credential SET expires_at = now() - interval '1 year' WHERE uuid = :'renewed';
SELECT renew_credential(:'renewed', 'Exam passed again') AS again \gset
SELECT c.expires_at = (c.issue_date AT TIME ZONE 'Europe/Warsaw' + interval '2 years') AT TIME ZONE 'Europe/Warsaw' AS from_today,
       c.issue_date >= c.created AS issued_now, o.invalidation_reason
  FROM credential c JOIN credential o ON o.uuid = c.supersedes WHERE c.uuid = :'again';
-- a fixed expiry is what it is
SELECT uuid AS fixed FROM credential WHERE configuration_id = 3 \gset
SELECT answer(format('SELECT learning_credentials.renew_credential(%L)', :'fixed'));
UPDATE credential_configuration SET expires_at = '2101-01-01 00:00+00' WHERE id = 3;
SELECT answer(format('SELECT learning_credentials.renew_credential(%L)', :'fixed'));
SELECT status, warsaw(expires_at) FROM credential WHERE configuration_id = 3 ORDER BY uuid;
-- what does not expire any more
UPDATE credential_configuration SET expires_at = NULL WHERE id = 3;
SELECT answer(format('SELECT learning_credentials.renew_credential(%L)', superseded_by)) FROM credential WHERE uuid = :'fixed';
SELECT status, warsaw(expires_at) FROM credential WHERE configuration_id = 3 ORDER BY uuid;
-- what never expired
SELECT answer(format('SELECT learning_credentials.renew_credential(%L)', uuid)) FROM credential
 WHERE configuration_id IN (2, 3, 4) AND status = 'available' ORDER BY configuration_id;
SELECT answer('SELECT learning_credentials.renew_credential(NULL)'), answer(format('SELECT learning_credentials.renew_credential(%L, NULL)', :'again')),
       answer(format('SELECT learning_credentials.renew_credential(%L, '' '')', :'again'));
SELECT answer('SELECT learning_credentials.renew_credential(learning_credentials.uuid_random())');
SELECT answer(format('SELECT learning_credentials.renew_credential(%L)', uuid)) FROM credential WHERE configuration_id = 7 AND status = 'error';
-- the document fails: the old one stays, and the renewal is tried again
UPDATE val.ink SET empty = true;
SET client_min_messages = error;
SELECT renew_credential(:'again', 'First attempt') AS pending \gset
SELECT status, replaces, error FROM shown WHERE conf = 1 AND user_id = 1 AND status <> 'invalidated' ORDER BY uuid;
UPDATE val.ink SET empty = false;
SELECT renew_credential(:'again', 'Second attempt') = :'pending' AS the_same;
SET client_min_messages = warning;
SELECT status, issued, document, reason FROM shown WHERE uuid IN (:'again', :'pending') ORDER BY uuid;
SELECT seq, kind, old_status, new_status, expires_at <> 'never' AS expires, reason FROM history WHERE credential_uuid = :'pending' ORDER BY seq;

-- ------------------------------------------------------------ a reissue says the same: also its dates
SELECT reissue_credential(:'pending', 'Name changed') AS reissued \gset
SELECT n.issue_date = o.issue_date AS issue_date, n.expires_at = o.expires_at AS expires_at, n.created > o.created AS later
  FROM credential n JOIN credential o ON o.uuid = n.supersedes WHERE n.uuid = :'reissued';

-- ------------------------------------------------------------ the issue date, corrected
SELECT generate_credential(8, 1) AS u \gset
UPDATE credential_configuration SET expires_after = '1 mon' WHERE id = 8;
SELECT answer(format('SELECT learning_credentials.correct_issue_date(%L, now() + interval ''1 s'', ''r'')', :'u')),
       answer(format('SELECT learning_credentials.correct_issue_date(%L, ''infinity'', ''r'')', :'u')),
       answer(format('SELECT learning_credentials.correct_issue_date(%L, ''-infinity'', ''r'')', :'u'));
SELECT answer(format('SELECT learning_credentials.correct_issue_date(%L, NULL, ''r'')', :'u')),
       answer(format('SELECT learning_credentials.correct_issue_date(%L, ''2025-01-01'', NULL)', :'u')),
       answer(format('SELECT learning_credentials.correct_issue_date(%L, ''2025-01-01'', E''\t'')', :'u'));
SELECT answer('SELECT learning_credentials.correct_issue_date(learning_credentials.uuid_random(), ''2025-01-01'', ''r'')');
SELECT answer(format('SELECT learning_credentials.correct_issue_date(%L, %L, ''r'')', uuid, issue_date)) FROM credential WHERE uuid = :'u';
-- its document shows the date: another takes its place. It never expired, and still does not.
SELECT correct_issue_date(:'u', '2025-06-01 12:00+02', 'Exam was in June') AS corrected \gset
SELECT status, issued, document, reason FROM shown WHERE conf = 8 ORDER BY uuid;
SELECT seq, kind, new_status, issue_date <> 'never' AS dated, reason FROM history WHERE credential_uuid = :'corrected' ORDER BY seq;
SELECT answer(format('SELECT learning_credentials.correct_issue_date(%L, ''2025-01-01'', ''r'')', :'u'));
-- an expiry that counts from the issue date goes with it; one that does not, stays
SELECT generate_credential(8, 2) AS counted \gset
SELECT correct_issue_date(:'counted', now() - interval '10 days', 'Late') AS corrected \gset
SELECT expires_at = (issue_date AT TIME ZONE 'Europe/Warsaw' + interval '1 mon') AT TIME ZONE 'Europe/Warsaw' AS goes FROM credential WHERE uuid = :'corrected';
UPDATE credential SET expires_at = '2100-01-01 00:00+00' WHERE uuid = :'corrected';
SELECT correct_issue_date(:'corrected', '2025-01-02 12:00+01', 'Earlier still') AS corrected \gset
SELECT warsaw(issue_date), warsaw(expires_at) FROM credential WHERE uuid = :'corrected';
UPDATE credential SET expires_at = '2023-12-31 00:00+00' WHERE uuid = :'corrected';
SELECT answer(format('SELECT learning_credentials.correct_issue_date(%L, ''2024-01-01'', ''r'')', :'corrected'));
-- one that is not issued yet will bear it
UPDATE val.ink SET empty = true;
SET client_min_messages = error;
SELECT generate_credential(8, 3) AS waits \gset
SELECT correct_issue_date(:'waits', '2025-03-03 12:00+01', 'Exam was in March') = :'waits' AS the_same;
SELECT status, issued, document FROM shown WHERE uuid = :'waits';
UPDATE val.ink SET empty = false;
SELECT retry_credential(:'waits');
SET client_min_messages = warning;
SELECT status, issued, document FROM shown WHERE uuid = :'waits';
SELECT seq, kind, old_status, new_status, old_issue_date AS old_issue, old_expires_at AS old_expiry, issue_date AS issue, expires_at AS expiry, reason
  FROM history WHERE credential_uuid = :'waits' ORDER BY seq;

-- by the calendar and the clock of Warsaw, wherever the session is: over the spring gap, into it, into
-- the hour that the clock shows twice, over the end of a month
SET TimeZone = 'America/New_York';
UPDATE val.ink SET empty = true;
SET client_min_messages = error;
SELECT generate_credential(8, 4) AS waits \gset
CREATE TEMP TABLE counted AS
SELECT NULL::timestamptz AS issue_date, NULL::interval AS after, NULL::timestamptz AS expires_at LIMIT 0;
DO $$
DECLARE
    given record;
    waits uuid := (SELECT uuid FROM learning_credentials.credential WHERE configuration_id = 8 AND user_id = 4);
BEGIN
    FOR given IN SELECT issued::timestamptz, after::interval
                   FROM (VALUES ('2025-03-15 12:00+01', '1 mon'), ('2025-02-28 02:30+01', '30 days'),
                                ('2025-09-26 02:30+02', '1 mon'), ('2025-03-29 12:00+01', '1 day 12 hours'),
                                ('2025-03-29 12:00+01', '36 hours'), ('2024-02-29 12:00+01', '1 year'),
                                ('2024-01-31 00:00+01', '1 mon'), ('2024-12-31 23:30+00', '1 day')) AS v (issued, after) LOOP
        UPDATE learning_credentials.credential_configuration SET expires_after = given.after WHERE id = 8;
        UPDATE learning_credentials.credential SET issue_date = NULL, expires_at = NULL WHERE uuid = waits;
        PERFORM learning_credentials.correct_issue_date(waits, given.issued, 'r');
        INSERT INTO counted SELECT c.issue_date, given.after, c.expires_at FROM learning_credentials.credential c WHERE c.uuid = waits;
    END LOOP;
END
$$;
SELECT warsaw(issue_date) AS issued, after, warsaw(expires_at) AS expires FROM counted;
UPDATE val.ink SET empty = false;
SET client_min_messages = warning;
RESET TimeZone;

-- imported, without a document of ours: itself
INSERT INTO credential (configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id,
                        user_full_name, status, download_url, legacy_id, issue_date, expires_at, created, invalidated_at, invalidation_reason)
VALUES (9, 'Dated', 'course-v1:a+b+9', 'Nine', 91, 'Ada', 'available', 'https://example.org/1', '1', '2019-05-01 12:00+02', '2029-05-01 12:00+02', '2024-01-01', NULL, NULL),
       (9, 'Dated', 'course-v1:a+b+9', 'Nine', 92, 'Ada', 'invalidated', 'https://example.org/2', '2', '2019-05-01 12:00+02', NULL, '2024-01-01', '2021-01-01 00:00+00', 'Fraud'),
       (9, 'Dated', 'course-v1:a+b+9', 'Nine', 93, 'Ada', 'generating', NULL, '3', NULL, NULL, '2024-01-01 00:00+00', NULL, NULL);
SELECT uuid AS imported, verify_uuid AS imported_code FROM credential WHERE user_id = 91 \gset
SELECT clock_timestamp() AS before_correction \gset
SELECT correct_issue_date(:'imported', '2019-04-01 12:00+02', 'Was a month early') = :'imported' AS the_same;
SELECT status, issued FROM shown WHERE uuid = :'imported';
SELECT seq, kind, old_status, new_status, old_issue_date AS old_issue, old_expires_at AS old_expiry, issue_date AS issue, expires_at AS expiry, reason
  FROM history WHERE credential_uuid = :'imported';
SELECT answer(format('SELECT learning_credentials.correct_issue_date(%L, ''2029-05-01 12:00+02'', ''r'')', :'imported'));
SELECT answer(format('UPDATE learning_credentials.credential SET issue_date = NULL WHERE uuid = %L', :'imported'));

-- ------------------------------------------------------------ what expires
SELECT configuration_id AS conf, user_id, user_full_name, credential_type_name AS type, learning_context_key AS key, learning_context_name AS name
  FROM expiring_credentials('2 hours');
SELECT count(*) FROM expiring_credentials('59 minutes') WHERE expires_at > now() + interval '59 minutes';
SELECT configuration_id AS conf, count(*) FROM expiring_credentials('2 hours', 6) GROUP BY 1;
SELECT count(*) FROM expiring_credentials('2 hours', 5);
-- a negative interval: what expired; what was renewed is not among it
SELECT configuration_id AS conf, user_id, warsaw(expires_at) AS expired FROM expiring_credentials('-100 years');
SELECT count(*) FROM expiring_credentials('0');
SELECT count(*) FROM expiring_credentials(NULL);
SELECT user_id, expires_at = lag(expires_at, 1, expires_at) OVER () OR expires_at > lag(expires_at) OVER () AS in_order FROM expiring_credentials('10 years') WHERE configuration_id = 6;

-- ------------------------------------------------------------ what was so at a time
SELECT clock_timestamp() AS t0 \gset
UPDATE val.ink SET empty = true;
SET client_min_messages = error;
SELECT generate_credential(1, 5) AS u \gset
SELECT verify_uuid AS code FROM credential WHERE uuid = :'u' \gset
SELECT clock_timestamp() AS t1 \gset
UPDATE val.ink SET empty = false;
SELECT retry_credential(:'u');
SET client_min_messages = warning;
SELECT clock_timestamp() AS t2 \gset
UPDATE credential SET expires_at = now() WHERE uuid = :'u';
SELECT clock_timestamp() AS t3 \gset
SELECT renew_credential(:'u') AS r \gset
SELECT clock_timestamp() AS t4 \gset
SELECT invalidate_credential(:'r', 'Enough') \g /dev/null
SELECT clock_timestamp() AS t5 \gset
SELECT t.n, v.status, v.is_valid, v.issue_date = c.issue_date AS issue_date, v.expires_at = c.expires_at AS last_expiry,
       v.superseded_by = n.verify_uuid AS superseded_by
  FROM unnest(ARRAY[:'t0', :'t1', :'t2', :'t3', :'t4', :'t5', 'infinity', '-infinity']::timestamptz[]) WITH ORDINALITY AS t (at, n)
 CROSS JOIN (SELECT * FROM credential WHERE uuid = :'u') AS c
 CROSS JOIN (SELECT * FROM credential WHERE uuid = :'r') AS n
 CROSS JOIN LATERAL verify_at(:'code', t.at) AS v ORDER BY t.n;
SELECT t.n, v.status, v.is_valid, v.issue_date = c.issue_date AS issue_date, v.superseded_by
  FROM unnest(ARRAY[:'t3', :'t4', :'t5']::timestamptz[]) WITH ORDINALITY AS t (at, n)
 CROSS JOIN (SELECT * FROM credential WHERE uuid = :'r') AS c
 CROSS JOIN LATERAL verify_at(c.verify_uuid, t.at) AS v ORDER BY t.n;
-- imported: from its row until its first event; valid until the moment it expires
SELECT t.n, v.status, v.is_valid, warsaw(v.issue_date) AS issued, warsaw(v.expires_at) AS expires
  FROM unnest(ARRAY['2019-04-15', '2019-06-01', :'before_correction', now(), '2029-05-01 11:59+02', '2029-05-01 12:00+02']::timestamptz[])
       WITH ORDINALITY AS t (at, n)
 CROSS JOIN LATERAL verify_at(:'imported_code', t.at) AS v ORDER BY t.n;
SELECT c.user_id, y, v.status, v.is_valid FROM credential c CROSS JOIN generate_series(2018, 2024, 2) AS y
 CROSS JOIN LATERAL verify_at(c.verify_uuid, make_timestamptz(y, 6, 1, 0, 0, 0, 'UTC')) AS v
 WHERE c.user_id IN (92, 93) ORDER BY 1, 2;
SELECT invalidate_credential(:'imported', 'Fraud') \g /dev/null
SELECT status, warsaw(issue_date) FROM verify_at(:'imported_code', '2020-01-01');
-- a code that nobody was given; one that was deleted before it was issued
SELECT count(*) FROM verify_at(uuid_random(), now());
SELECT verify_uuid AS code FROM credential WHERE configuration_id = 8 AND user_id = 4 \gset
SELECT status, is_valid, issue_date, expires_at FROM verify_at(:'code', now());
SELECT count(*) FROM verify_at(:'code', NULL) WHERE status IS NOT NULL;
DELETE FROM credential WHERE verify_uuid = :'code';
SELECT count(*) FROM verify_at(:'code', now());

-- ------------------------------------------------------------ what a run finishes bears the dates that it was begun with
UPDATE val.ink SET empty = true;
SET client_min_messages = error;
SELECT reissue_credential(uuid, 'Again') AS waits FROM credential WHERE configuration_id = 8 AND user_id = 1 AND status = 'available' \gset
SELECT renew_credential(uuid, 'Once more') AS longer FROM credential WHERE configuration_id = 8 AND user_id = 3 AND status = 'available' \gset
SELECT status, issued FROM shown WHERE uuid IN (:'waits', :'longer') ORDER BY uuid;
UPDATE val.ink SET empty = false;
SET client_min_messages = warning;
UPDATE credential_configuration SET expires_after = '9 years' WHERE id = 8;
UPDATE credential SET retry_at = now() WHERE uuid IN (:'waits', :'longer');
CALL generate_credentials(8);
SELECT status, issued, document FROM shown WHERE uuid = :'waits';
SELECT n.status, n.issue_date >= n.created AS issued_now, n.expires_at < now() + interval '1 year' AS as_it_was_begun, o.invalidation_reason
  FROM credential n JOIN credential o ON o.uuid = n.supersedes WHERE n.uuid = :'longer';

-- ------------------------------------------------------------ no history disagrees with what is
SELECT count(*) FROM (SELECT DISTINCT ON (credential_uuid) credential_uuid, issue_date, expires_at
                        FROM credential_event WHERE new_status = 'available' ORDER BY credential_uuid, seq DESC) AS e
  JOIN credential c ON c.uuid = e.credential_uuid
 WHERE (c.issue_date, c.expires_at) IS DISTINCT FROM (e.issue_date, e.expires_at);
SELECT count(*) FROM credential c CROSS JOIN LATERAL verify_at(c.verify_uuid, 'infinity') AS v WHERE v.status <> c.status;

\c :home
DROP DATABASE lc_validity;
