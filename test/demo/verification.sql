-- Somebody was given three codes: one scanned from a certificate (variable scanned), that of a
-- certificate that was invalidated, and that of one that was replaced.
SELECT verify_uuid AS invalidated FROM learning_credentials.credential
 WHERE status = 'invalidated' AND superseded_by IS NULL AND legacy_id IS NULL ORDER BY uuid LIMIT 1 \gset
SELECT verify_uuid AS replaced FROM learning_credentials.credential
 WHERE superseded_by IS NOT NULL ORDER BY uuid LIMIT 1 \gset

\connect - anonymous
\pset null '-'
\x on
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = :'scanned';
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = :'invalidated';
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = :'replaced';

\echo 'Without a code:'
\set ON_ERROR_STOP off
SELECT * FROM learning_credentials_api.metadata;
