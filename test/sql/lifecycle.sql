-- The four states of a credential: what follows what, what is recorded, what stays.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
BEGIN;

-- What a statement is answered: how many rows it wrote, or its error. Uuids are not printed.
CREATE FUNCTION pg_temp.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN 'ok, ' || n;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN regexp_replace(concat_ws(' | ', SQLSTATE || ' ' || SQLERRM,
                                    CASE WHEN SQLSTATE !~ '^23' THEN nullif(detail, '') END, nullif(hint, '')),
                          '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g');
END
$$;

CREATE SCHEMA lif;
CREATE FUNCTION lif.retrieve_nobody(text, jsonb, bigint)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION lif.generate_name(c learning_credentials.credential, o jsonb) RETURNS bytea
LANGUAGE plpgsql AS $$ BEGIN RETURN convert_to(c.user_full_name, 'UTF8'); END $$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func)
VALUES ('Life', 'lif.retrieve_nobody', 'lif.generate_name');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT 'course-v1:a+b+c', id FROM learning_credentials.credential_type WHERE name = 'Life';
SELECT id AS configuration FROM learning_credentials.credential_configuration
 WHERE credential_type_id = (SELECT id FROM learning_credentials.credential_type WHERE name = 'Life') \gset

-- A credential of a user, put into a status as an import would.
CREATE FUNCTION pg_temp.imported(of_user bigint, in_status learning_credentials.credential_status) RETURNS uuid
LANGUAGE sql AS $$
    INSERT INTO learning_credentials.credential
           (configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id,
            user_full_name, status, error_message, issue_date, invalidated_at, invalidation_reason, download_url)
    SELECT id, 'Life', learning_context_key, 'Maths', of_user, 'Ada', in_status,
           CASE in_status WHEN 'error' THEN 'broken' END,
           '2026-01-01', CASE in_status WHEN 'invalidated' THEN now() END,
           CASE in_status WHEN 'invalidated' THEN 'mistake' END, 'https://example.org/' || of_user
      FROM learning_credentials.credential_configuration
     WHERE credential_type_id = (SELECT id FROM learning_credentials.credential_type WHERE name = 'Life')
    RETURNING uuid
$$;

-- ------------------------------------------------------------ all sixteen pairs
-- Whatever the new state needs beside it is given, so that only the pair decides.
CREATE FUNCTION pg_temp.pair(of_user bigint, old learning_credentials.credential_status,
                             new learning_credentials.credential_status) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    id uuid := pg_temp.imported(of_user, old);
BEGIN
    RETURN pg_temp.answer(format(
        'UPDATE learning_credentials.credential
            SET status = %L, error_message = %L, invalidation_reason = %L,
                invalidated_at = CASE WHEN %L = ''invalidated'' THEN invalidated_at END WHERE uuid = %L',
        new, CASE new WHEN 'error' THEN 'broken' END, CASE new WHEN 'invalidated' THEN 'mistake' END, new, id));
END
$$;
WITH state (s) AS (SELECT unnest(enum_range(NULL::learning_credentials.credential_status)))
SELECT a.s AS old, b.s AS new,
       pg_temp.pair(100 + row_number() OVER (ORDER BY a.s, b.s), a.s, b.s) AS answer
  FROM state a, state b ORDER BY a.s, b.s;
-- four transitions and no change: as many events
SELECT c.user_id - 100 AS pair, e.seq, e.old_status, e.new_status, e.reason
  FROM learning_credentials.credential_event e
  JOIN learning_credentials.credential c ON c.uuid = e.credential_uuid
 WHERE c.user_id BETWEEN 101 AND 116 ORDER BY 1;
SELECT user_id - 100 AS pair, status, error_message, retry_at, issue_date::date,
       invalidated_at = now() AS invalidated_at, invalidation_reason, modified = now() AS modified
  FROM learning_credentials.credential WHERE user_id BETWEEN 101 AND 116 ORDER BY 1;
SELECT pg_temp.answer($$UPDATE learning_credentials.credential SET status = NULL WHERE user_id = 101$$);

-- ------------------------------------------------------------ what a transition needs and sets
SELECT pg_temp.imported(200, 'generating') AS g, pg_temp.imported(201, 'available') AS a,
       pg_temp.imported(202, 'error') AS e, pg_temp.imported(203, 'invalidated') AS i \gset
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET status = ''error'' WHERE uuid = %L', :'g')) AS error_without_message;
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET status = ''available'', download_url = NULL WHERE uuid = %L', :'g')) AS available_without_document;
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET status = ''available'', user_full_name = NULL WHERE uuid = %L', :'g')) AS available_without_name;
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET status = ''invalidated'' WHERE uuid = %L', :'a')) AS no_reason;
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET status = ''invalidated'', invalidation_reason = %L WHERE uuid = %L', E' \t\n', :'a')) AS blank_reason;
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET invalidation_reason = ''x'' WHERE uuid = %L', :'a')) AS reason_without_status;
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET retry_at = now() WHERE uuid = %L', :'a')) AS retry_of_available;
-- invalidated_at is the transition's, whatever the writer says; so is issue_date where there is none
SELECT pg_temp.imported(204, 'available') AS a2, pg_temp.imported(205, 'generating') AS g2 \gset
UPDATE learning_credentials.credential SET status = 'invalidated', invalidation_reason = 'x', invalidated_at = 'epoch'
 WHERE uuid = :'a2' RETURNING invalidated_at = now() AS invalidated_now;
UPDATE learning_credentials.credential SET issue_date = NULL WHERE uuid = :'g2';
UPDATE learning_credentials.credential SET status = 'available' WHERE uuid = :'g2' RETURNING issue_date = now() AS issued_now;
UPDATE learning_credentials.credential SET retry_at = now() WHERE uuid = :'e';
UPDATE learning_credentials.credential SET status = 'generating' WHERE uuid = :'e' RETURNING error_message, retry_at;

-- ------------------------------------------------------------ what never changes, what is frozen
CREATE FUNCTION pg_temp.change(id uuid, what text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET %s WHERE uuid = %L', what, id))
$$;
SELECT pg_temp.imported(210, 'generating') AS g, pg_temp.imported(211, 'available') AS a,
       pg_temp.imported(212, 'invalidated') AS i \gset
SELECT split_part(what, ' =', 1) AS column, pg_temp.change(:'g', what) AS generating,
       pg_temp.change(:'a', what) AS available, pg_temp.change(:'i', what) AS invalidated
  FROM unnest(ARRAY['uuid = learning_credentials.uuid_time_ordered()',
                    'verify_uuid = learning_credentials.uuid_random()',
                    'configuration_id = configuration_id + 1', 'user_id = 7',
                    'supersedes = learning_credentials.uuid_random()', 'created = ''epoch''']) AS what;
SELECT split_part(what, ' =', 1) AS column, pg_temp.change(:'g', what) AS generating,
       pg_temp.change(:'a', what) AS available, pg_temp.change(:'i', what) AS invalidated
  FROM unnest(ARRAY['credential_type_name = ''Other''', 'learning_context_key = ''course-v1:x+y+z''',
                    'learning_context_name = ''Other''', 'user_full_name = ''Other''',
                    'evidence = ''{"a": 1}''', 'issue_date = ''2020-01-01''', 'legacy_id = ''7''']) AS what;
SELECT split_part(what, ' =', 1) AS column, pg_temp.change(:'i', what) AS invalidated
  FROM unnest(ARRAY['superseded_by = learning_credentials.uuid_random()', 'invalidated_at = ''epoch''',
                    'invalidation_reason = ''other''', 'invalidation_reason = NULL']) AS what;
-- the same value is no change
SELECT pg_temp.change(:'a', 'user_full_name = user_full_name, issue_date = issue_date, evidence = evidence') AS same;

-- ------------------------------------------------------------ consistency of a row, however it is written
CREATE FUNCTION pg_temp.insert_credential(columns text, vals text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.answer(format(
        'INSERT INTO learning_credentials.credential (configuration_id, credential_type_name, learning_context_key, %s)
         SELECT id, ''Life'', learning_context_key, %s FROM learning_credentials.credential_configuration
          WHERE credential_type_id = (SELECT id FROM learning_credentials.credential_type WHERE name = ''Life'')', columns, vals))
$$;
SELECT columns, vals, pg_temp.insert_credential(columns, vals) FROM (VALUES
    ('user_id', '220'),
    ('user_id', '220'),
    ('user_id, supersedes', '220, learning_credentials.uuid_random()'),
    ('user_id, supersedes', '220, learning_credentials.uuid_random()'),
    ('user_id, status', '221, ''available'''),
    ('user_id, status', '221, ''error'''),
    ('user_id, error_message', '221, ''x'''),
    ('user_id, retry_at', '221, now()'),
    ('user_id, invalidated_at', '221, now()'),
    ('user_id, invalidation_reason', '221, ''x'''),
    ('user_id, superseded_by', '221, learning_credentials.uuid_random()'),
    ('user_id, uuid, supersedes', '221, ''00000000-0000-7000-8000-000000000000'', ''00000000-0000-7000-8000-000000000000'''),
    ('user_id, evidence', '221, ''[]'''),
    ('user_id, evidence', '221, NULL'),
    ('user_id, attempts', '221, -1'),
    ('user_id, verify_uuid', '221, NULL'),
    ('user_id', 'NULL')) AS v (columns, vals);
SELECT pg_temp.answer($$INSERT INTO learning_credentials.credential (configuration_id, credential_type_name, learning_context_key, user_id)
                        VALUES (-1, 'Life', 'course-v1:a+b+c', 1)$$) AS no_configuration;
SELECT pg_temp.answer($$INSERT INTO learning_credentials.credential (configuration_id, credential_type_name, learning_context_key, user_id)
                        VALUES (1, 'Life', 'course-v1:a+b', 1)$$) AS bad_key;

-- ------------------------------------------------------------ who, when, why
CREATE ROLE lc_clerk;
CREATE ROLE lc_robot;
CREATE ROLE lc_app;
GRANT USAGE ON SCHEMA learning_credentials TO lc_clerk, lc_robot;
GRANT SELECT, UPDATE, DELETE ON learning_credentials.credential TO lc_clerk, lc_robot;
GRANT EXECUTE ON FUNCTION learning_credentials.learning_context_kind(text) TO lc_clerk, lc_robot;
SELECT pg_temp.imported(300, 'generating') AS g \gset
SET LOCAL ROLE lc_clerk;
UPDATE learning_credentials.credential SET status = 'error', error_message = 'no paper' WHERE uuid = :'g';
RESET ROLE;
-- the subject of a REST server's token
SET LOCAL request.jwt.claims = '{"sub": "user-17", "role": "lc_robot"}';
SET LOCAL ROLE lc_robot;
UPDATE learning_credentials.credential SET status = 'generating' WHERE uuid = :'g';
-- claims without one
SET LOCAL request.jwt.claims = '{"sub": 17}';
UPDATE learning_credentials.credential SET status = 'available' WHERE uuid = :'g';
SET LOCAL request.jwt.claims = '["sub"]';
RESET ROLE;
-- a function with its owner's rights: the outer role is named
GRANT USAGE ON SCHEMA lif TO lc_clerk;
CREATE FUNCTION lif.invalidate(id uuid) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ UPDATE learning_credentials.credential SET status = 'invalidated', invalidation_reason = 'copied' WHERE uuid = id $$;
SET LOCAL ROLE lc_clerk;
SELECT lif.invalidate(:'g');
RESET ROLE;
SET LOCAL request.jwt.claims = '';
SELECT seq, old_status, new_status, actor - 'session' AS actor, actor->>'session' = session_user AS session, reason,
       occurred_at BETWEEN now() AND clock_timestamp() AS occurred, configuration_id = :configuration AS configuration, run_id
  FROM learning_credentials.credential_event WHERE credential_uuid = :'g' ORDER BY seq;
-- claims that are no JSON are no claims to go by
SELECT pg_temp.imported(301, 'available') AS a \gset
SET LOCAL request.jwt.claims = 'nonsense';
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET status = ''invalidated'', invalidation_reason = ''x'' WHERE uuid = %L', :'a'));
SET LOCAL request.jwt.claims = '';
-- one statement, many rows: an event for each that changed
SELECT count(pg_temp.imported(u, CASE WHEN u % 2 = 0 THEN 'generating' ELSE 'error' END::learning_credentials.credential_status))
  FROM generate_series(310, 319) AS u;
UPDATE learning_credentials.credential SET status = 'generating' WHERE user_id BETWEEN 310 AND 319;
SELECT count(*), min(user_id % 2), max(e.seq)
  FROM learning_credentials.credential_event e JOIN learning_credentials.credential c ON c.uuid = e.credential_uuid
 WHERE user_id BETWEEN 310 AND 319;

-- ------------------------------------------------------------ the events are kept, and may be erased
CREATE FUNCTION pg_temp.change_event(what text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.answer('UPDATE learning_credentials.credential_event SET ' || what ||
                          ' WHERE seq = 4 AND credential_uuid = (SELECT uuid FROM learning_credentials.credential WHERE user_id = 300)')
$$;
SELECT what, pg_temp.change_event(what)
  FROM unnest(ARRAY['seq = 9', 'occurred_at = now() - interval ''1 day''', 'old_status = ''error''', 'new_status = NULL',
                    'configuration_id = 9', 'run_id = 9', 'credential_uuid = learning_credentials.uuid_random()',
                    'actor = ''{}''', 'actor_salt = ''x''', 'actor_commitment = ''x''', 'reason = ''other''',
                    'reason_commitment = NULL', 'actor = NULL', 'reason_salt = NULL', 'reason = reason']) AS what;
SELECT pg_temp.answer('DELETE FROM learning_credentials.credential_event');
SELECT pg_temp.answer('TRUNCATE learning_credentials.credential_event');
-- the commitments, computed here
SELECT seq, octet_length(actor_salt) AS salt, octet_length(actor_commitment) AS commitment,
       actor_commitment = sha256(actor_salt || convert_to(actor::text, 'UTF8')) AS actor_holds,
       reason_commitment = sha256(reason_salt || convert_to(reason, 'UTF8')) AS reason_holds
  FROM learning_credentials.credential_event WHERE credential_uuid = :'g' ORDER BY seq;
SELECT count(DISTINCT actor_salt) = count(*) AS salts_differ FROM learning_credentials.credential_event;
-- erased: value and salt are gone, the commitment stands, and they do not come back
CREATE TEMP TABLE kept AS SELECT * FROM learning_credentials.credential_event WHERE credential_uuid = :'g';
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential_event SET actor = NULL, actor_salt = NULL WHERE credential_uuid = %L', :'g'))
    AS by_hand;
SELECT learning_credentials.erase_events(:'g', 2) AS one, learning_credentials.erase_events(:'g', 99) AS none,
       learning_credentials.erase_events(:'g') AS others, learning_credentials.erase_events(:'g') AS again;
SELECT pg_temp.answer('SELECT learning_credentials.erase_events(NULL)');
-- nor for those whom other triggers do not concern
SET LOCAL session_replication_role = replica;
SELECT pg_temp.change_event('run_id = 9'), pg_temp.answer('DELETE FROM learning_credentials.credential_event'),
       pg_temp.answer('TRUNCATE learning_credentials.credential_event');
RESET session_replication_role;
SELECT e.seq, e.actor, e.actor_salt, e.reason, e.reason_salt,
       e.actor_commitment = k.actor_commitment AS actor_commitment,
       e.reason_commitment IS NOT DISTINCT FROM k.reason_commitment AS reason_commitment
  FROM learning_credentials.credential_event e JOIN kept k USING (credential_uuid, seq) ORDER BY seq;
SELECT pg_temp.answer('UPDATE learning_credentials.credential_event e SET actor = k.actor, actor_salt = k.actor_salt
                       FROM kept k WHERE k.credential_uuid = e.credential_uuid AND k.seq = e.seq AND k.seq = 1');
-- a forged value does not fit its commitment; an event changes something
SELECT pg_temp.answer($$INSERT INTO learning_credentials.credential_event (credential_uuid, seq, configuration_id, new_status, actor, actor_salt, actor_commitment)
                        VALUES (learning_credentials.uuid_random(), 1, 1, 'generating', '{"role": "somebody"}', '\x00', sha256('other'))$$);
SELECT pg_temp.answer($$INSERT INTO learning_credentials.credential_event (credential_uuid, seq, configuration_id, old_status, new_status, actor)
                        VALUES (learning_credentials.uuid_random(), 1, 1, 'error', 'error', '{}')$$);

-- ------------------------------------------------------------ deletes
SELECT pg_temp.imported(400, 'generating') AS g, pg_temp.imported(401, 'available') AS a,
       pg_temp.imported(402, 'error') AS e, pg_temp.imported(403, 'invalidated') AS i \gset
INSERT INTO learning_credentials.document (credential_uuid, content, media_type)
SELECT uuid, convert_to(status::text, 'UTF8'), 'text/plain' FROM learning_credentials.credential
 WHERE user_id BETWEEN 400 AND 403;
SELECT status, pg_temp.answer(format('DELETE FROM learning_credentials.document WHERE credential_uuid = %L', uuid)) AS delete_document,
       pg_temp.answer(format('UPDATE learning_credentials.document SET content = ''x'' WHERE credential_uuid = %L', uuid)) AS change_document
  FROM learning_credentials.credential WHERE user_id BETWEEN 400 AND 403 ORDER BY user_id;
INSERT INTO learning_credentials.document (credential_uuid, content, media_type) VALUES (:'g', 'x', 'text/plain');
SELECT status, pg_temp.answer(format('DELETE FROM learning_credentials.credential WHERE uuid = %L', uuid)) AS delete_credential
  FROM learning_credentials.credential WHERE user_id BETWEEN 400 AND 403 ORDER BY user_id;
SELECT old_status, new_status, seq, actor->>'role' = current_user AS by_me
  FROM learning_credentials.credential_event WHERE credential_uuid IN (:'g', :'e') ORDER BY old_status;
SELECT count(*) AS documents_left FROM learning_credentials.document WHERE credential_uuid IN (:'g', :'a', :'e', :'i');
SELECT pg_temp.answer('TRUNCATE learning_credentials.credential');
SELECT pg_temp.answer('TRUNCATE learning_credentials.credential CASCADE');
SELECT pg_temp.answer('TRUNCATE learning_credentials.document');
SELECT byte_size, media_type, sha256 = sha256(content) AS sha256 FROM learning_credentials.document WHERE credential_uuid = :'a';

-- ------------------------------------------------------------ who reads which document
CREATE ROLE lc_reader_issuer;
CREATE ROLE lc_reader_nobody;
SELECT learning_credentials.grant_access('lc_reader_issuer', 'issuer');
CREATE FUNCTION pg_temp.readable(relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    contents text;
BEGIN
    EXECUTE format('SELECT string_agg(convert_from(content, ''UTF8''), '', '' ORDER BY content)
                      FROM learning_credentials.%I WHERE content IN (''available'', ''invalidated'')', relation) INTO contents;
    RETURN contents;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.readable() RETURNS TABLE (relation text, answer text) LANGUAGE sql AS $$
    SELECT r, pg_temp.readable(r) FROM unnest(ARRAY['document', 'credential_document', 'archived_document']) AS r
$$;
SELECT * FROM pg_temp.readable();
SET LOCAL ROLE lc_reader_issuer;
SELECT * FROM pg_temp.readable();
SET LOCAL ROLE lc_reader_nobody;
SELECT * FROM pg_temp.readable();
RESET ROLE;
-- the barrier: a function of low cost sees no row that the view does not show
GRANT SELECT ON learning_credentials.credential_document TO lc_reader_nobody;
GRANT USAGE ON SCHEMA learning_credentials TO lc_reader_nobody;
CREATE FUNCTION pg_temp.leak(bytea) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
AS $$ BEGIN RAISE WARNING 'seen: %', convert_from($1, 'UTF8'); RETURN true; END $$;
SET LOCAL ROLE lc_reader_nobody;
SELECT count(*) FROM learning_credentials.credential_document WHERE pg_temp.leak(content);
RESET ROLE;

-- ------------------------------------------------------------ superseded by whom
SELECT pg_temp.imported(500, 'available') AS a, pg_temp.imported(501, 'available') AS b \gset
CREATE FUNCTION pg_temp.supersede(old uuid, new uuid) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.answer(format('UPDATE learning_credentials.credential
        SET status = ''invalidated'', invalidation_reason = ''Replaced'', superseded_by = %L WHERE uuid = %L', new, old))
$$;
SELECT pg_temp.supersede(:'a', :'b') AS no_successor;
SELECT pg_temp.supersede(:'a', :'a') AS itself;
SELECT pg_temp.supersede(:'a', learning_credentials.uuid_random()) AS unknown;
INSERT INTO learning_credentials.credential (configuration_id, credential_type_name, learning_context_key, user_id, supersedes, download_url,
                                             user_full_name, learning_context_name)
VALUES (:configuration, 'Life', 'course-v1:a+b+c', 500, :'a', 'https://example.org/500', 'Ada King', 'Maths') RETURNING uuid AS r \gset
-- the replacement becomes available, and the old one ends in the same statement
UPDATE learning_credentials.credential SET status = 'available' WHERE uuid = :'r';
SELECT status, invalidation_reason, superseded_by = :'r' AS superseded_by, invalidated_at = now() AS invalidated_at
  FROM learning_credentials.credential WHERE uuid = :'a';
SELECT credential_uuid = :'r' AS replacement, seq, old_status, new_status, reason
  FROM learning_credentials.credential_event WHERE credential_uuid IN (:'a', :'r') ORDER BY occurred_at;
-- a replacement of what is not available any more never becomes available
INSERT INTO learning_credentials.credential (configuration_id, credential_type_name, learning_context_key, user_id, supersedes, download_url,
                                             user_full_name, learning_context_name)
VALUES (:configuration, 'Life', 'course-v1:a+b+c', 500, :'a', 'https://example.org/500', 'Ada King', 'Maths') RETURNING uuid AS late \gset
SELECT pg_temp.answer(format('UPDATE learning_credentials.credential SET status = ''available'' WHERE uuid = %L', :'late')) AS too_late;

-- ------------------------------------------------------------ the trigger functions are for triggers
SELECT f, pg_temp.answer(format('SELECT learning_credentials.%I()', f))
  FROM unnest(ARRAY['credential_lifecycle', 'record_events', 'keep_document', 'keep_event']) AS f;
ROLLBACK;
