-- Somebody asks what is held of them, and to be forgotten. What was issued goes on to verify.
\pset footer off
\pset null '-'

SELECT c.user_id AS leaving, c.verify_uuid AS code
  FROM learning_credentials.credential c
 WHERE c.legacy_id = 'M-0001' \gset

\echo '==== Somebody asks what is held of her: everything, as JSON'
\echo
SELECT key AS "held", left(value::text, 100) AS "the beginning"
  FROM json_each(learning_credentials.export_user(:leaving));

\echo '==== and then to be forgotten'
\echo
SELECT status AS "was", action, download_url AS "and elsewhere lies"
  FROM learning_credentials.retire_user(:leaving, 'Request of November');

\echo 'Her code still tells that a credential was issued, and no more whose:'
\echo
SELECT status, is_valid, user_full_name AS name, learning_context_name AS course, issue_date::date
  FROM learning_credentials_api.metadata WHERE verify_uuid = :'code';

SELECT count(*) AS "findings in the history, which was sealed before"
  FROM learning_credentials.verify_history();
