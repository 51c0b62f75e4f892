-- What happens at the academy, after course_data.sql and definitions.sql.
\pset footer off

\echo '==== The academy'
\echo
SELECT x.key AS "course or Learning Path",
       count(e.user_id) AS enrolled,
       (SELECT nullif(count(*), 0) FROM learning_credentials.lms_course_completion c
         WHERE c.course_key = x.key AND c.percent >= 0.9) AS "completed 90 %"
  FROM learning_credentials.lms_context x
  JOIN learning_credentials.lms_enrollment e ON e.context_key = x.key AND e.is_active
 GROUP BY x.key
 ORDER BY x.key;

\echo '==== CALL learning_credentials.generate_all_credentials()'
\echo
\connect - registrar
CALL learning_credentials.generate_all_credentials();

CREATE TEMPORARY VIEW last_runs AS
SELECT DISTINCT ON (r.configuration_id)
       t.name AS type, split_part(c.learning_context_key, '+', 2) AS course,
       r.seen, r.eligible, r.existing, r.issued, r.failed,
       round(1000 * extract(epoch FROM r.finished - r.started)) AS ms
  FROM learning_credentials.run r
  JOIN learning_credentials.credential_configuration c ON c.id = r.configuration_id
  JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id
 ORDER BY r.configuration_id, r.id DESC;
SELECT * FROM last_runs;

\echo '==== One failed: a name that the fonts cannot show. The list of fonts is completed, and it is tried again'
\echo
SELECT u.full_name AS name, c.status, c.error_message
  FROM learning_credentials.credential c
  JOIN learning_credentials.lms_user u ON u.id = c.user_id
 WHERE c.status = 'error' \gx

UPDATE learning_credentials.credential_type
   SET custom_options = learning_credentials.merge_options(custom_options,
           '{"defaults": {"font": ["eb-garamond", "noto-serif-georgian"]}}')
 WHERE name = 'Completion';

SELECT u.full_name AS name, learning_credentials.retry_credential(c.uuid) AS "status now"
  FROM learning_credentials.credential c
  JOIN learning_credentials.lms_user u ON u.id = c.user_id
 WHERE c.status = 'error';

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

\echo '==== A second run finds nothing left to do'
\echo
CALL learning_credentials.generate_all_credentials();
SELECT t.name AS type, split_part(c.learning_context_key, '+', 2) AS course,
       sum(r.issued) AS issued, sum(r.failed) AS failed
  FROM (SELECT *, rank() OVER (PARTITION BY configuration_id ORDER BY id DESC)
          FROM learning_credentials.run) AS r
  JOIN learning_credentials.credential_configuration c ON c.id = r.configuration_id
  JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id
 WHERE r.rank = 1
 GROUP BY 1, 2
 ORDER BY 1, 2;

\echo '==== What there is now'
\echo
SELECT credential_type_name AS type, translate(learning_context_name, E'\n', ' ') AS "course or Learning Path",
       count(*) FILTER (WHERE status = 'available') AS available,
       count(*) FILTER (WHERE status = 'invalidated') AS invalidated,
       count(*) FILTER (WHERE status = 'error') AS error,
       pg_size_pretty(avg(d.byte_size)) AS "a document"
  FROM learning_credentials.credential c
  LEFT JOIN learning_credentials.credential_document d ON d.credential_uuid = c.uuid
 GROUP BY 1, 2
 ORDER BY 1, 2;
