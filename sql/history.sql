-- ============================================================ the log of the history
-- A Merkle tree as in RFC 6962 over the events, in the order in which they were sealed. Whoever issues
-- writes none of this: events are sealed after they were committed, by who comes by.

CREATE TABLE learning_credentials.history_leaf (
    leaf_index bigint PRIMARY KEY CHECK (leaf_index >= 0),
    credential_uuid uuid NOT NULL,
    seq integer NOT NULL,
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
    UNIQUE (credential_uuid, seq));
COMMENT ON TABLE learning_credentials.history_leaf IS
'The events that are sealed, a leaf of the tree each, in the order in which they were sealed. Append-only.';
COMMENT ON COLUMN learning_credentials.history_leaf.leaf_index IS 'The leaf''s place in the tree, counted from 0 without a gap.';
COMMENT ON COLUMN learning_credentials.history_leaf.credential_uuid IS 'The event''s credential.';
COMMENT ON COLUMN learning_credentials.history_leaf.seq IS 'The event''s number among its credential''s.';
COMMENT ON COLUMN learning_credentials.history_leaf.leaf_hash IS 'SHA-256(0x00 || the event''s canonical bytes); see docs/history.md.';

CREATE TABLE learning_credentials.history_node (
    height smallint NOT NULL CHECK (height > 0 AND height % 8 = 0),
    node_index bigint NOT NULL CHECK (node_index >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (height, node_index));
COMMENT ON TABLE learning_credentials.history_node IS
'The inner nodes of the tree above 256, 65536, ... leaves. The others are computed from these when they are needed. Append-only.';
COMMENT ON COLUMN learning_credentials.history_node.height IS 'The node''s height above the leaves: 8, 16, ...';
COMMENT ON COLUMN learning_credentials.history_node.node_index IS 'Counts the nodes of a height from 0: it is above the leaves from node_index * 2^height on.';
COMMENT ON COLUMN learning_credentials.history_node.hash IS 'SHA-256(0x01 || left child || right child).';

CREATE TABLE learning_credentials.history_checkpoint (
    tree_size bigint PRIMARY KEY CHECK (tree_size > 0),
    root_hash bytea NOT NULL CHECK (octet_length(root_hash) = 32),
    created timestamptz NOT NULL DEFAULT clock_timestamp(),
    note text);
COMMENT ON TABLE learning_credentials.history_checkpoint IS
'What the tree was each time that events were sealed. Append-only; a signature that could not be made then may be added.';
COMMENT ON COLUMN learning_credentials.history_checkpoint.tree_size IS 'How many leaves it had.';
COMMENT ON COLUMN learning_credentials.history_checkpoint.root_hash IS 'The root over all of them.';
COMMENT ON COLUMN learning_credentials.history_checkpoint.created IS 'When they were sealed.';
COMMENT ON COLUMN learning_credentials.history_checkpoint.note IS
'Both as a signed note, to be published: the formats tlog-checkpoint and signed-note of C2SP. NULL: no key was set.';

-- About the transactions of this server, so not dumped: the row is as new after a restore.
CREATE TABLE learning_credentials.history_state (
    sealed pg_snapshot,
    sealed_at timestamptz,
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row));
COMMENT ON TABLE learning_credentials.history_state IS 'How far the events are sealed.';
COMMENT ON COLUMN learning_credentials.history_state.sealed IS
'The events of transactions that are visible in this snapshot are sealed; NULL: not known, each event has to be looked for.';
COMMENT ON COLUMN learning_credentials.history_state.sealed_at IS 'When that was found out.';
COMMENT ON COLUMN learning_credentials.history_state.only_row IS 'There is one row.';
INSERT INTO learning_credentials.history_state DEFAULT VALUES;

SELECT pg_catalog.pg_extension_config_dump('learning_credentials.history_leaf', '');
SELECT pg_catalog.pg_extension_config_dump('learning_credentials.history_node', '');
SELECT pg_catalog.pg_extension_config_dump('learning_credentials.history_checkpoint', '');

-- ------------------------------------------------------------ append-only

CREATE FUNCTION learning_credentials.keep_history() RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'lc_keep_history';
COMMENT ON FUNCTION learning_credentials.keep_history() IS
'Trigger: refuses to change, delete or truncate what is sealed.';

CREATE TRIGGER keep_history
    BEFORE UPDATE OR DELETE ON learning_credentials.history_leaf
    FOR EACH ROW EXECUTE FUNCTION learning_credentials.keep_history();
CREATE TRIGGER keep_history_truncate
    BEFORE TRUNCATE ON learning_credentials.history_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION learning_credentials.keep_history();
ALTER TABLE learning_credentials.history_leaf
    ENABLE ALWAYS TRIGGER keep_history, ENABLE ALWAYS TRIGGER keep_history_truncate;

CREATE TRIGGER keep_history
    BEFORE UPDATE OR DELETE ON learning_credentials.history_node
    FOR EACH ROW EXECUTE FUNCTION learning_credentials.keep_history();
CREATE TRIGGER keep_history_truncate
    BEFORE TRUNCATE ON learning_credentials.history_node
    FOR EACH STATEMENT EXECUTE FUNCTION learning_credentials.keep_history();
ALTER TABLE learning_credentials.history_node
    ENABLE ALWAYS TRIGGER keep_history, ENABLE ALWAYS TRIGGER keep_history_truncate;

CREATE TRIGGER keep_history_delete
    BEFORE DELETE ON learning_credentials.history_checkpoint
    FOR EACH ROW EXECUTE FUNCTION learning_credentials.keep_history();
CREATE TRIGGER keep_history
    BEFORE UPDATE ON learning_credentials.history_checkpoint
    FOR EACH ROW
    WHEN (OLD.note IS NOT NULL
          OR (OLD.tree_size, OLD.root_hash, OLD.created) IS DISTINCT FROM (NEW.tree_size, NEW.root_hash, NEW.created))
    EXECUTE FUNCTION learning_credentials.keep_history();
CREATE TRIGGER keep_history_truncate
    BEFORE TRUNCATE ON learning_credentials.history_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION learning_credentials.keep_history();
ALTER TABLE learning_credentials.history_checkpoint
    ENABLE ALWAYS TRIGGER keep_history, ENABLE ALWAYS TRIGGER keep_history_delete,
    ENABLE ALWAYS TRIGGER keep_history_truncate;

-- ------------------------------------------------------------ sealing and proving

CREATE FUNCTION learning_credentials.seal_history(
    OUT sealed bigint, OUT tree_size bigint, OUT checkpoint text)
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_seal_history';
COMMENT ON FUNCTION learning_credentials.seal_history() IS
'Seals what was committed since the last time, and returns how many events that were, how many are sealed now, and the checkpoint that says so as a signed note; NULL without a key (learning_credentials.history_key_file). The worker does it every learning_credentials.seal_interval; without the worker, let pg_cron call it.

Errors: XX001 when the log is not what its last checkpoint says; verify_history() tells more.';

CREATE FUNCTION learning_credentials.verify_history(
    checkpoint text DEFAULT NULL, verifier_keys text[] DEFAULT NULL,
    OUT finding text, OUT leaf_index bigint, OUT credential_uuid uuid, OUT seq integer, OUT detail text)
RETURNS SETOF record
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_verify_history';
COMMENT ON FUNCTION learning_credentials.verify_history(text, text[]) IS
'Compares all events with the log, the log with its checkpoints, and with a checkpoint that was published, if one is given. Returns a row for each thing that is wrong, none when the history is what it was. Reads everything once, in memory that does not grow.

verifier_keys are the keys, as history_verifier_key() writes them, by which signatures are checked; NULL: the one in learning_credentials.history_key_file, and without that no signature is.

Findings: removed (an event that was sealed, or one between others, is gone), altered (an event is not what was sealed), added (an event that should be sealed and is not), contradiction (an event does not follow the one before, or the credential is not what its last event says), commitment (a personal field does not fit its commitment), log (the leaves or nodes of the tree are not what they were), checkpoint (the tree is not what a checkpoint says), signature (a checkpoint is not signed as it should be).';

CREATE FUNCTION learning_credentials.history_leaf_text(credential_uuid uuid, seq integer) RETURNS text
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_history_leaf_text';
COMMENT ON FUNCTION learning_credentials.history_leaf_text(uuid, integer) IS
'The canonical bytes of an event, over which its leaf is computed; docs/history.md has the format. Error 42704 when there is no such event.';

CREATE FUNCTION learning_credentials.history_inclusion_proof(
    credential_uuid uuid, seq integer, tree_size bigint DEFAULT NULL) RETURNS jsonb
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_history_inclusion_proof';
COMMENT ON FUNCTION learning_credentials.history_inclusion_proof(uuid, integer, bigint) IS
'What proves to a third party that an event is in the tree of a size, by default that of the last checkpoint: the leaf, its place, the path to the root, and the checkpoint. tools/check_history.py checks it without the database.

Errors: 42704 no such event; 55000 it is not sealed in that tree; 22023 there is no tree of that size; XX001 the event is not what was sealed.';

CREATE FUNCTION learning_credentials.history_consistency_proof(
    old_size bigint, new_size bigint DEFAULT NULL) RETURNS jsonb
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_history_consistency_proof';
COMMENT ON FUNCTION learning_credentials.history_consistency_proof(bigint, bigint) IS
'What proves to a third party that the tree of the new size, by default that of the last checkpoint, begins with that of the old: the path, and both checkpoints. tools/check_history.py checks it without the database. Error 22023: there is no tree of such a size.';

CREATE FUNCTION learning_credentials.history_verifier_key() RETURNS text
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_history_verifier_key';
COMMENT ON FUNCTION learning_credentials.history_verifier_key() IS
'The public key by which checkpoints are checked, as signed-note of C2SP writes it: NAME+ID+KEY. Publish it. Error 55000 without learning_credentials.history_key_file, and when the file holds no Ed25519 key that may be used.';
