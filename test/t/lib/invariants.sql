-- What holds at any moment, whoever did what: a row for each thing that does not, or fifty
-- of them. Read by LearningCredentials.pm; the first column is the rule, the second an example.
--
-- Credentials that were imported (legacy_id is set) have no history of their own here.

SELECT 'more than one live credential of a user' AS rule,
       format('configuration %s, user %s: %s', configuration_id, user_id, count(*)) AS example
  FROM learning_credentials.credential
 WHERE status <> 'invalidated' AND user_id IS NOT NULL
   AND NOT (supersedes IS NOT NULL AND status IN ('generating', 'error'))
 GROUP BY configuration_id, user_id
HAVING count(*) > 1

UNION ALL
SELECT 'more than one pending replacement', supersedes::text
  FROM learning_credentials.credential
 WHERE supersedes IS NOT NULL AND status IN ('generating', 'error')
 GROUP BY supersedes
HAVING count(*) > 1

UNION ALL
SELECT 'issued without a document', c.uuid::text
  FROM learning_credentials.credential c
 WHERE c.status IN ('available', 'invalidated') AND c.download_url IS NULL
   AND c.erased_at IS NULL
   AND NOT EXISTS (SELECT FROM learning_credentials.document d WHERE d.credential_uuid = c.uuid)

UNION ALL
SELECT 'document of a credential that was erased', c.uuid::text
  FROM learning_credentials.credential c
  JOIN learning_credentials.document d ON d.credential_uuid = c.uuid
 WHERE c.erased_at IS NOT NULL

UNION ALL
SELECT 'credential of a user who was retired', c.uuid::text
  FROM learning_credentials.credential c
  JOIN learning_credentials.retired_user r ON r.user_id = c.user_id

UNION ALL
SELECT 'document of a credential that was not issued', c.uuid::text
  FROM learning_credentials.credential c
  JOIN learning_credentials.document d ON d.credential_uuid = c.uuid
 WHERE c.status IN ('generating', 'error')

UNION ALL
SELECT 'document not of its credential', c.uuid::text
  FROM learning_credentials.credential c
  JOIN learning_credentials.document d ON d.credential_uuid = c.uuid
 WHERE d.media_type = 'text/plain'
   AND convert_from(d.content, 'UTF8') <> format('%s %s %s', c.verify_uuid, c.user_id, c.user_full_name)

UNION ALL
SELECT 'documents that no view or two views show', count(*)::text
  FROM (SELECT credential_uuid FROM learning_credentials.credential_document
        UNION ALL SELECT credential_uuid FROM learning_credentials.archived_document) AS shown
HAVING count(*) <> (SELECT count(*) FROM learning_credentials.document)
    OR count(*) <> count(DISTINCT credential_uuid)

UNION ALL
SELECT 'credential without history', c.uuid::text
  FROM learning_credentials.credential c
 WHERE c.legacy_id IS NULL
   AND NOT EXISTS (SELECT FROM learning_credentials.credential_event e WHERE e.credential_uuid = c.uuid)

UNION ALL
SELECT 'history with a gap, a jump or a forbidden step', format('%s event %s: %s to %s after %s',
           credential_uuid, seq, old_status, new_status, before)
  FROM (SELECT *, lag(new_status) OVER history AS before, row_number() OVER history AS n
          FROM learning_credentials.credential_event
        WINDOW history AS (PARTITION BY credential_uuid ORDER BY seq)) AS e
 WHERE seq <> n
    OR (seq > 1 AND (old_status IS NULL OR old_status IS DISTINCT FROM before))
    OR (seq = 1 AND (old_status IS NOT NULL OR new_status <> 'generating')
        AND NOT EXISTS (SELECT FROM learning_credentials.credential c   -- imported
                         WHERE c.uuid = credential_uuid AND (c.legacy_id IS NOT NULL OR c.erased_at IS NOT NULL)))
    OR (kind = 'status'
        AND (old_status, new_status) NOT IN (('generating', 'available'), ('generating', 'error'),
                                             ('error', 'generating'), ('available', 'invalidated')))
    OR (new_status IS NULL AND old_status NOT IN ('generating', 'error'))

UNION ALL
SELECT 'history that ends elsewhere', format('%s is %s, its last event says %s', c.uuid, c.status, e.new_status)
  FROM (SELECT DISTINCT ON (credential_uuid) credential_uuid, new_status
          FROM learning_credentials.credential_event
         ORDER BY credential_uuid, seq DESC) AS e
  LEFT JOIN learning_credentials.credential c ON c.uuid = e.credential_uuid
 WHERE c.status IS DISTINCT FROM e.new_status

UNION ALL
SELECT 'history with other dates', c.uuid::text
  FROM (SELECT DISTINCT ON (credential_uuid) credential_uuid, issue_date, expires_at
          FROM learning_credentials.credential_event
         WHERE new_status = 'available' AND kind <> 'erasure'
         ORDER BY credential_uuid, seq DESC) AS e
  JOIN learning_credentials.credential c ON c.uuid = e.credential_uuid
 WHERE (c.issue_date, c.expires_at) IS DISTINCT FROM (e.issue_date, e.expires_at)

UNION ALL
SELECT 'replacement that is not linked back', n.uuid::text
  FROM learning_credentials.credential n
  LEFT JOIN learning_credentials.credential o ON o.uuid = n.supersedes
 WHERE n.supersedes IS NOT NULL AND n.status IN ('available', 'invalidated')
   AND (o.status <> 'invalidated' OR o.superseded_by IS DISTINCT FROM n.uuid
        OR o.user_id <> n.user_id OR o.configuration_id <> n.configuration_id)

UNION ALL
SELECT 'superseded by what does not supersede it', o.uuid::text
  FROM learning_credentials.credential o
  LEFT JOIN learning_credentials.credential n ON n.uuid = o.superseded_by
 WHERE o.superseded_by IS NOT NULL AND n.supersedes IS DISTINCT FROM o.uuid

UNION ALL
SELECT 'queued in a run that has ended, or in none', c.uuid::text
  FROM learning_credentials.credential c
  LEFT JOIN learning_credentials.run r ON r.id = c.run_id
 WHERE c.status = 'generating' AND coalesce(r.status NOT IN ('queued', 'running'), true)

UNION ALL
SELECT 'run that counts wrongly', r::text
  FROM learning_credentials.run r
 WHERE r.seen < r.eligible
    OR r.eligible <> r.existing + r.queued - r.granted + r.held + r.too_early + r.too_late
    OR least(r.seen, r.existing, r.queued - r.granted, r.granted, r.held, r.too_early, r.too_late, r.withdrawn,
             r.issued, r.failed) < 0

UNION ALL
SELECT 'run that did more than it queued', format('run %s: %s of %s', id, done, total)
  FROM learning_credentials.run_progress
 WHERE done > total

UNION ALL
SELECT 'runs of a configuration at once', format('configuration %s: %s %s', configuration_id, count(*), status)
  FROM learning_credentials.run
 WHERE status IN ('queued', 'running')
 GROUP BY configuration_id, status
HAVING count(*) > 1

UNION ALL
SELECT 'run that ended with nothing retrieved', id::text
  FROM learning_credentials.run
 WHERE status = 'finished' AND retrieved IS NULL

 LIMIT 50
