-- ============================================================ dates: renewal, correction, expiry, status at a time

CREATE FUNCTION learning_credentials.renew_credential(uuid uuid, reason text DEFAULT 'Renewed')
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_renew_credential';
COMMENT ON FUNCTION learning_credentials.renew_credential(uuid, text) IS
'Replaces a credential that expires, or has expired, by a successor that is issued today, and returns its uuid; whatever retrieval says. The successor''s expires_after counts from the old expiry, or from today where that is past; a fixed expires_at of the configuration is taken as it is. The old one is invalidated with the reason when the new one is available, in one transaction. Called again, it retries a renewal that failed. Errors: 55000 for one that is not available (a second renewal of the same one, too), that never expires, or that would not be valid for longer.';

CREATE FUNCTION learning_credentials.correct_issue_date(uuid uuid, issue_date timestamptz, reason text)
RETURNS uuid
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_correct_issue_date';
COMMENT ON FUNCTION learning_credentials.correct_issue_date(uuid, timestamptz, text) IS
'Sets the issue date of a credential, and returns the uuid of the one that bears it. A document shows the date and never changes: a credential that has one is replaced by another with the corrected date, as reissue_credential() does. One that has none (not issued yet, or imported without) is changed itself, and its history keeps both dates and the reason. An expiry that expires_after gave, counts from the corrected date; any other stays. Errors: 22023 for a date in the future, not before the expiry, or the same as before; 55000 for one that is invalidated.';

-- What expires is found by its time.
CREATE INDEX credential_expiring ON learning_credentials.credential (expires_at)
    WHERE status = 'available' AND expires_at IS NOT NULL;

CREATE FUNCTION learning_credentials.expiring_credentials("within" interval, configuration_id bigint DEFAULT NULL)
RETURNS TABLE (uuid uuid, configuration_id bigint, user_id bigint, user_full_name text, credential_type_name text,
               learning_context_key text, learning_context_name text, issue_date timestamptz, expires_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
SELECT c.uuid, c.configuration_id, c.user_id, c.user_full_name, c.credential_type_name,
       c.learning_context_key, c.learning_context_name, c.issue_date, c.expires_at
  FROM learning_credentials.credential c
 WHERE c.status = 'available' AND c.expires_at IS NOT NULL AND c.erased_at IS NULL
   AND c.expires_at > least(now(), now() + expiring_credentials."within")
   AND c.expires_at <= greatest(now(), now() + expiring_credentials."within")
   AND (expiring_credentials.configuration_id IS NULL
        OR c.configuration_id = expiring_credentials.configuration_id)
 ORDER BY c.expires_at, c.uuid
$$;
COMMENT ON FUNCTION learning_credentials.expiring_credentials(interval, bigint) IS
'The available credentials that expire within an interval from now, of all configurations or of one, the next to expire first. A negative interval: those that expired within it. Not among them: one that was renewed, which is invalidated, and one whose user was retired, who cannot renew it.';

-- What the events tell of a time is what was. An imported credential has none of the time before its
-- import: what it was then, its first event says, or else its row.
CREATE FUNCTION learning_credentials.verify_at(verify_uuid uuid, at timestamptz)
RETURNS TABLE (status learning_credentials.credential_status, is_valid boolean, issue_date timestamptz,
               expires_at timestamptz, superseded_by uuid)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
SELECT was.status,
       coalesce(was.status = 'available' AND (dates.expires_at IS NULL OR dates.expires_at > verify_at.at), false),
       CASE WHEN was.status IN ('available', 'invalidated') THEN dates.issue_date END,
       CASE WHEN was.status IN ('available', 'invalidated') THEN dates.expires_at END,
       CASE WHEN was.status = 'invalidated'
            THEN (SELECT s.verify_uuid FROM learning_credentials.credential s WHERE s.uuid = c.superseded_by) END
  FROM learning_credentials.credential c
  LEFT JOIN LATERAL (   -- the last event until then
       SELECT e.seq, e.new_status
         FROM learning_credentials.credential_event e
        WHERE e.credential_uuid = c.uuid AND e.occurred_at <= verify_at.at
        ORDER BY e.seq DESC LIMIT 1) AS event ON true
  LEFT JOIN LATERAL (   -- the last one that tells the dates
       SELECT e.seq, e.issue_date, e.expires_at
         FROM learning_credentials.credential_event e
        WHERE e.credential_uuid = c.uuid AND e.occurred_at <= verify_at.at
          AND (e.kind = 'dates' OR e.kind = 'status' AND e.new_status = 'available')
        ORDER BY e.seq DESC LIMIT 1) AS told ON true
  LEFT JOIN LATERAL (   -- or the first one after that changes them
       SELECT e.seq, e.old_issue_date, e.old_expires_at
         FROM learning_credentials.credential_event e
        WHERE e.credential_uuid = c.uuid AND e.occurred_at > verify_at.at AND e.kind = 'dates'
        ORDER BY e.seq LIMIT 1) AS changed ON told.seq IS NULL
  LEFT JOIN learning_credentials.credential_event first ON first.credential_uuid = c.uuid AND first.seq = 1
 CROSS JOIN LATERAL (
       SELECT CASE WHEN told.seq IS NOT NULL THEN told.issue_date
                   WHEN changed.seq IS NOT NULL THEN changed.old_issue_date ELSE c.issue_date END,
              CASE WHEN told.seq IS NOT NULL THEN told.expires_at
                   WHEN changed.seq IS NOT NULL THEN changed.old_expires_at ELSE c.expires_at END
       ) AS dates (issue_date, expires_at)
 CROSS JOIN LATERAL (
       SELECT CASE WHEN first.seq IS NULL THEN c.status
                   WHEN first.new_status IN ('available', 'invalidated') AND first.old_status IS NULL THEN first.new_status
                   ELSE first.old_status END) AS untold (status)
 CROSS JOIN LATERAL (
       SELECT CASE WHEN event.seq IS NOT NULL THEN event.new_status
                   WHEN untold.status = 'invalidated' AND c.invalidated_at <= verify_at.at THEN untold.status
                   WHEN untold.status IN ('available', 'invalidated') AND dates.issue_date <= verify_at.at
                   THEN 'available'
                   WHEN untold.status IN ('generating', 'error') AND c.created <= verify_at.at THEN untold.status END
       ) AS was (status)
 WHERE c.verify_uuid = verify_at.verify_uuid
$$;
COMMENT ON FUNCTION learning_credentials.verify_at(uuid, timestamptz) IS
'What verifying a code would have told at a time: the status (NULL: it was not begun yet), whether it was valid, issue date and expiry as they stood then, and the code of what had replaced it. From the history: a transaction''s events are seconds before its commit at most. No row for a code that nobody was given, which goes for a credential that was deleted before it was issued.';
