-- The history's log as an issuer sees it: sealing, verifying, proofs, and what nobody may. The trees, the proofs and
-- each kind of tampering: test/t/180_history.pl; sealing beside everything else: test/t/181_sealing.pl.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
BEGIN;
CREATE FUNCTION pg_temp.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text;
BEGIN
    EXECUTE statement INTO value;
    RETURN coalesce(value, '(null)');
EXCEPTION WHEN OTHERS THEN
    RETURN regexp_replace(SQLSTATE || ' ' || SQLERRM, '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'UUID', 'g');
END
$$;
CREATE ROLE lc_log_issuer;
CREATE ROLE lc_log_verifier;
SELECT learning_credentials.grant_access('lc_log_' || level, level) FROM unnest(ARRAY['issuer', 'verifier']) AS level;

-- What other tests left is sealed before, also what is not looked for when it is known how far they are.
UPDATE learning_credentials.history_state SET sealed = NULL;
SELECT tree_size = (SELECT count(*) FROM learning_credentials.credential_event) AS everything FROM learning_credentials.seal_history();
SELECT coalesce(max(leaf_index) + 1, 0) AS before FROM learning_credentials.history_leaf \gset

-- ------------------------------------------------------------ two credentials, five events
SET LOCAL check_function_bodies = off;      -- so that this very transaction's events can be sealed in it
INSERT INTO learning_credentials.credential_event (credential_uuid, seq, occurred_at, kind, configuration_id, run_id, old_status, new_status,
                                                   issue_date, expires_at, actor, reason)
VALUES ('01900000-0000-7000-8000-000000000001', 1, '2026-01-02 03:04:05.678901+00', 'status', 1, 7, NULL, 'generating', NULL, NULL, '{"role": "a"}', NULL),
       ('01900000-0000-7000-8000-000000000001', 2, '2026-01-02 03:04:06+00', 'status', 1, 7, 'generating', 'error', NULL, NULL, '{"role": "a"}', 'no paper'),
       ('01900000-0000-7000-8000-000000000001', 3, '2026-01-02 03:04:07+00', 'status', 1, NULL, 'error', NULL, NULL, NULL, '{"role": "a"}', NULL),
       ('01900000-0000-7000-8000-000000000002', 1, '1969-12-31 23:59:59.999999+00', 'status', 9223372036854775807, NULL, 'generating', 'available',
        '-infinity', 'infinity', '{}', NULL),
       ('01900000-0000-7000-8000-000000000002', 2, '2026-01-02 03:04:09+00', 'dates', 1, NULL, 'available', 'available',
        '2026-01-01 00:00+00', NULL, '{}', E'a\nb');
UPDATE learning_credentials.history_state SET sealed = NULL;
SET LOCAL ROLE lc_log_issuer;
SELECT sealed, tree_size - :before AS more, checkpoint FROM learning_credentials.seal_history();
SELECT sealed FROM learning_credentials.seal_history();
-- the canonical bytes, but for the random commitments
SELECT regexp_replace(learning_credentials.history_leaf_text(credential_uuid, seq), '[0-9a-f]{64}', '(64 digits)', 'g') AS leaf
  FROM learning_credentials.history_leaf WHERE leaf_index >= :before ORDER BY credential_uuid, seq;
SELECT bool_and(l.leaf_hash = sha256('\x00'::bytea || convert_to(learning_credentials.history_leaf_text(e.credential_uuid, e.seq), 'UTF8'))) AS hashes,
       bool_and(strpos(learning_credentials.history_leaf_text(e.credential_uuid, e.seq),
                       format(E'actor_commitment %s\nreason_commitment %s\n', encode(e.actor_commitment, 'hex'),
                              coalesce(encode(e.reason_commitment, 'hex'), '-'))) > 0) AS commitments
  FROM learning_credentials.history_leaf l JOIN learning_credentials.credential_event e USING (credential_uuid, seq)
 WHERE l.leaf_index >= :before;
-- the credentials are not there, which is found for the one that is not said to be deleted
SELECT finding, leaf_index, seq, detail FROM learning_credentials.verify_history() WHERE credential_uuid >= '01900000-0000-7000-8000-000000000001'
   AND credential_uuid <= '01900000-0000-7000-8000-000000000002';
SELECT ARRAY(SELECT jsonb_object_keys(p) ORDER BY 1) AS members, p->>'format' AS format,
       p->>'leaf' = learning_credentials.history_leaf_text('01900000-0000-7000-8000-000000000001', 3) AS leaf,
       (p->>'tree_size')::bigint - :before AS size
  FROM learning_credentials.history_inclusion_proof('01900000-0000-7000-8000-000000000001', 3) AS p;
SELECT ARRAY(SELECT jsonb_object_keys(p) ORDER BY 1) AS members, p->>'format' AS format,
       (p->>'new_size')::bigint - (p->>'old_size')::bigint AS growth
  FROM learning_credentials.history_consistency_proof(:before + 1) AS p;
SELECT p->'path' AS path, p->>'old_root_hash' = p->>'new_root_hash' AS same
  FROM learning_credentials.history_consistency_proof(:before + 1, :before + 1) AS p;

-- ------------------------------------------------------------ what is refused
SELECT statement, pg_temp.answer(statement) FROM unnest(ARRAY[
    $$SELECT learning_credentials.history_leaf_text('01900000-0000-7000-8000-000000000001', 4)$$,
    $$SELECT learning_credentials.history_inclusion_proof('01900000-0000-7000-8000-000000000001', 4)$$,
    $$SELECT learning_credentials.history_verifier_key()$$,
    $$SELECT learning_credentials.erase_events('01900000-0000-7000-8000-000000000001')$$,
    $$UPDATE learning_credentials.history_leaf SET seq = seq$$,
    $$INSERT INTO learning_credentials.history_checkpoint VALUES (1, '')$$,
    $$SELECT sealed FROM learning_credentials.history_state$$,
    $$SET learning_credentials.history_key_file = 'x'$$,
    $$SHOW learning_credentials.history_key_file$$]) AS statement;
SET LOCAL ROLE lc_log_verifier;
SELECT pg_temp.answer('SELECT learning_credentials.seal_history()');
RESET ROLE;
SELECT statement, pg_temp.answer(statement) FROM unnest(ARRAY[
    'UPDATE learning_credentials.history_leaf SET seq = seq', 'DELETE FROM learning_credentials.history_leaf', 'TRUNCATE learning_credentials.history_leaf',
    'DELETE FROM learning_credentials.history_checkpoint', 'UPDATE learning_credentials.history_checkpoint SET root_hash = sha256(root_hash)',
    'TRUNCATE learning_credentials.history_checkpoint', 'TRUNCATE learning_credentials.history_node',
    $$INSERT INTO learning_credentials.history_leaf VALUES (-1, '01900000-0000-7000-8000-000000000003', 1, sha256(''))$$,
    $$INSERT INTO learning_credentials.history_leaf VALUES (9, '01900000-0000-7000-8000-000000000001', 1, sha256(''))$$,
    'DELETE FROM learning_credentials.history_state; SELECT learning_credentials.seal_history()']) AS statement;

-- ------------------------------------------------------------ erased: what is sealed is the same
SELECT learning_credentials.history_inclusion_proof('01900000-0000-7000-8000-000000000001', 2) AS proof \gset
SELECT learning_credentials.erase_events('01900000-0000-7000-8000-000000000001', 2);
SELECT seq, actor, reason, actor_salt IS NULL AND reason_salt IS NULL AS salts, reason_commitment IS NULL AS reason_commitment
  FROM learning_credentials.credential_event WHERE credential_uuid = '01900000-0000-7000-8000-000000000001' ORDER BY seq;
SELECT learning_credentials.history_inclusion_proof('01900000-0000-7000-8000-000000000001', 2) = :'proof' AS same_proof;
SELECT count(*) FROM learning_credentials.verify_history() WHERE finding <> 'contradiction';
SELECT sealed FROM learning_credentials.seal_history();

-- ------------------------------------------------------------ what health() has to say of it
CREATE VIEW pg_temp.unhealthy AS
SELECT severity, finding, subject = current_database() AS database, message, hint
  FROM learning_credentials.health() WHERE finding LIKE 'history%' ORDER BY finding;
SELECT * FROM pg_temp.unhealthy;
RESET check_function_bodies;
SAVEPOINT healthy;
INSERT INTO learning_credentials.credential_event (credential_uuid, seq, occurred_at, configuration_id, new_status, actor)
VALUES ('01900000-0000-7000-8000-000000000003', 1, '2025-12-31 00:00+00', 1, 'generating', '{}');
SET LOCAL TimeZone = 'UTC';
SELECT severity, finding, message, hint FROM pg_temp.unhealthy;
ROLLBACK TO healthy;
INSERT INTO learning_credentials.history_leaf VALUES (:before + 5, '01900000-0000-7000-8000-000000000003', 1, sha256(''));
SELECT severity, finding, database, regexp_replace(message, '\d+', '(size)', 'g') AS message, hint FROM pg_temp.unhealthy;
ROLLBACK TO healthy;
INSERT INTO learning_credentials.history_leaf VALUES (:before + 5, '01900000-0000-7000-8000-000000000003', 1, sha256(''));
INSERT INTO learning_credentials.history_checkpoint VALUES (:before + 6, sha256(''), now(), 'signed');
SELECT finding FROM pg_temp.unhealthy;
INSERT INTO learning_credentials.history_leaf VALUES (:before + 6, '01900000-0000-7000-8000-000000000004', 1, sha256(''));
INSERT INTO learning_credentials.history_checkpoint VALUES (:before + 7, sha256(''), now());
SELECT severity, finding, regexp_replace(message, '\d+', '(size)') AS message, hint FROM pg_temp.unhealthy;
ROLLBACK;
