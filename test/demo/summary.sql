-- How it ended.
\pset footer off

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

\echo '==== What an administrator has to act on, as health() sees it: the list of fonts was changed after most had been issued'
\echo
\connect - postgres
SELECT severity, finding, subject, message, hint FROM learning_credentials.health() \gx
