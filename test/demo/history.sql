-- The log of the history: what is sealed, what somebody who can do everything changes, and how that shows.
\pset footer off
\pset null '-'

\echo '==== The history is sealed, and a checkpoint of it signed'
\echo
SELECT sealed, checkpoint FROM learning_credentials.seal_history() \gset
SELECT :sealed AS "events sealed";
\echo :checkpoint

\echo '==== A superuser backdates one event, and removes another'
\echo
BEGIN;
ALTER TABLE learning_credentials.credential_event DISABLE TRIGGER USER;
UPDATE learning_credentials.credential_event SET occurred_at = occurred_at - interval '1 year'
 WHERE (credential_uuid, seq) = (SELECT credential_uuid, seq FROM learning_credentials.history_leaf WHERE leaf_index = 7);
DELETE FROM learning_credentials.credential_event
 WHERE (credential_uuid, seq) = (SELECT credential_uuid, seq FROM learning_credentials.history_leaf WHERE leaf_index = 11);
SELECT finding, leaf_index AS leaf, seq, detail FROM learning_credentials.verify_history();
ROLLBACK;

\echo '==== That was taken back. Compared with what was sealed, and with the checkpoint, there is nothing to find:'
\echo
SELECT count(*) AS findings FROM learning_credentials.verify_history(:'checkpoint');
