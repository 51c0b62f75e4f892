-- What the runs after number :since did.
\pset footer off
\pset null ''

\echo
SELECT r.id AS run, t.name AS type, split_part(c.learning_context_key, '+', 2) AS course, r.trigger AS "asked for by",
       r.status, r.seen, r.eligible, r.existing, r.issued, r.failed,
       round(1000 * extract(epoch FROM r.finished - r.started)) AS ms,
       to_char(c.next_run_at, 'YYYY-MM-DD HH24:MI') AS "next run"
  FROM learning_credentials.run r
  JOIN learning_credentials.credential_configuration c ON c.id = r.configuration_id
  JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id
 WHERE r.id > :since AND r.finished IS NOT NULL
 ORDER BY r.id;

SELECT format('All ended, after %s seconds. Credentials issued: %s, failed: %s.',
              round(extract(epoch FROM max(finished) - min(started))::numeric, 1), sum(issued), sum(failed)) AS account
  FROM learning_credentials.run WHERE id > :since AND finished IS NOT NULL \gset
\echo :account
\echo
