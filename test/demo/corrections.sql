-- What people do by hand: invalidate, reissue; and a run that is asked for.
\pset footer off

\echo '==== One is invalidated, and one reissued to a learner who has a new name'
\echo
SELECT uuid AS cheated
  FROM learning_credentials.credential
 WHERE status = 'available'
 ORDER BY user_id, uuid OFFSET 1 LIMIT 1 \gset
SELECT uuid AS married, user_id AS married_user
  FROM learning_credentials.credential
 WHERE status = 'available' AND credential_type_name = 'Achievement' AND user_full_name ~ '^[A-Za-z]+ [A-Za-z]+$'
 ORDER BY user_id, uuid LIMIT 1 \gset

SELECT learning_credentials.invalidate_credential(:'cheated', 'The examination was taken by somebody else') \g /dev/null

\connect - postgres
UPDATE learning_credentials.lms_user SET full_name = full_name || '-Solberg' WHERE id = :married_user;
\connect - registrar
SELECT learning_credentials.reissue_credential(:'married', 'The holder has a new name') \g /dev/null

SELECT user_full_name AS name, credential_type_name AS type, status, invalidation_reason
  FROM learning_credentials.credential
 WHERE uuid IN (:'cheated', :'married') OR supersedes = :'married'
 ORDER BY uuid;

\echo '==== A run of everything is asked for: it finds nothing left to do'
\echo
SELECT count(learning_credentials.request_run(id)) AS "runs asked for"
  FROM learning_credentials.credential_configuration;
