-- A list of fonts is completed; what failed for want of it is tried again by the worker.
\pset footer off

\echo '==== One failed: a name that the fonts cannot show. The list of fonts is completed'
\echo
SELECT u.full_name AS name, c.status, c.error_message,
       date_trunc('second', c.retry_at) AS "tried again at"
  FROM learning_credentials.credential c
  JOIN learning_credentials.lms_user u ON u.id = c.user_id
 WHERE c.status = 'error' \gx

UPDATE learning_credentials.credential_type
   SET custom_options = learning_credentials.merge_options(custom_options,
           '{"defaults": {"font": ["eb-garamond", "noto-serif-georgian"]}}')
 WHERE name = 'Completion';
