-- ============================================================ verification
-- A view runs its functions with the rights of whoever reads it. keyed() and shows() are gone from the plan of
-- every query that is allowed, so a role needs SELECT on the view, USAGE on its schema, and EXECUTE on
-- hides_name(), which it cannot name without USAGE on the other schema.

CREATE FUNCTION learning_credentials.keyed_support(internal) RETURNS internal
LANGUAGE C STRICT
AS 'MODULE_PATHNAME', 'lc_keyed_support';
COMMENT ON FUNCTION learning_credentials.keyed_support(internal) IS
'Planner support of keyed(): raises 42501 while planning unless the code is given.';
REVOKE ALL ON FUNCTION learning_credentials.keyed_support(internal) FROM PUBLIC;

CREATE FUNCTION learning_credentials.keyed(code uuid) RETURNS boolean
LANGUAGE C STABLE PARALLEL SAFE
SUPPORT learning_credentials.keyed_support
AS 'MODULE_PATHNAME', 'lc_keyed';
COMMENT ON FUNCTION learning_credentials.keyed(uuid) IS
'In a WHERE: true where the same WHERE demands code = <expression without columns>; anything else is refused with 42501, while the query is planned.';
REVOKE ALL ON FUNCTION learning_credentials.keyed(uuid) FROM PUBLIC;

CREATE FUNCTION learning_credentials.shows_support(internal) RETURNS internal
LANGUAGE C STRICT
AS 'MODULE_PATHNAME', 'lc_shows_support';
COMMENT ON FUNCTION learning_credentials.shows_support(internal) IS
'Planner support of shows(): the setting, as it is while planning.';
REVOKE ALL ON FUNCTION learning_credentials.shows_support(internal) FROM PUBLIC;

CREATE FUNCTION learning_credentials.shows(what text) RETURNS boolean
LANGUAGE C STRICT STABLE PARALLEL SAFE
SUPPORT learning_credentials.shows_support
AS 'MODULE_PATHNAME', 'lc_shows';
COMMENT ON FUNCTION learning_credentials.shows(text) IS
'Whether the setting learning_credentials.show_WHAT is on. Not current_setting(), which would believe whoever sets it before the library is loaded.';
REVOKE ALL ON FUNCTION learning_credentials.shows(text) FROM PUBLIC;

-- Called only for what was superseded: a subquery in the view would be prepared for every look-up.
-- What was ever available is in the index credential_shown, and the condition on status is the index's own: a
-- look-up does the same for a code that is not there and for one of a credential that is not available yet.
-- Statuses and validity are told by invalidated_at, which costs an execution less than an enum.
CREATE VIEW learning_credentials_api.metadata WITH (security_barrier) AS
SELECT c.verify_uuid,
       CASE WHEN NOT learning_credentials.hides_name(c.configuration_id) THEN c.user_full_name END AS user_full_name,
       c.created,
       c.learning_context_name,
       CASE WHEN learning_credentials.shows('pending') THEN c.status::text
            WHEN c.invalidated_at IS NULL THEN 'available'
            ELSE 'invalidated' END AS status,
       CASE WHEN learning_credentials.shows('invalidation_reason') THEN c.invalidation_reason END AS invalidation_reason,
       c.credential_type_name,
       c.issue_date,
       c.expires_at,
       c.successor_code AS superseded_by,
       (c.status = 'available' OR NOT learning_credentials.shows('pending'))
           AND c.invalidated_at IS NULL
           AND (c.expires_at > CURRENT_TIMESTAMP) IS NOT FALSE AS is_valid,
       CASE WHEN c.erased_at IS NOT NULL THEN 'erased'
            WHEN learning_credentials.hides_name(c.configuration_id) THEN 'hidden' END AS name_withheld
  FROM learning_credentials.credential c
 WHERE (c.status IN ('available', 'invalidated') OR learning_credentials.shows('pending'))
   AND learning_credentials.keyed(c.verify_uuid);
COMMENT ON VIEW learning_credentials_api.metadata IS
'Verification: the credential with a given code. Each query needs the condition verify_uuid = CODE; without it 42501. Credentials that were never available are shown only while learning_credentials.show_pending is on.';
COMMENT ON COLUMN learning_credentials_api.metadata.verify_uuid IS 'The verification code, as it stands on the document.';
COMMENT ON COLUMN learning_credentials_api.metadata.user_full_name IS 'The holder''s name, as it was at issue; NULL: see name_withheld.';
COMMENT ON COLUMN learning_credentials_api.metadata.created IS 'When the credential was begun; issue_date is when it was issued.';
COMMENT ON COLUMN learning_credentials_api.metadata.learning_context_name IS 'The name of the course or Learning Path, as it was at issue.';
COMMENT ON COLUMN learning_credentials_api.metadata.status IS 'available or invalidated; with learning_credentials.show_pending also generating or error.';
COMMENT ON COLUMN learning_credentials_api.metadata.invalidation_reason IS 'Why it was invalidated; NULL: it was not, or learning_credentials.show_invalidation_reason is off.';
COMMENT ON COLUMN learning_credentials_api.metadata.credential_type_name IS 'What kind of credential it is.';
COMMENT ON COLUMN learning_credentials_api.metadata.issue_date IS 'When it was issued.';
COMMENT ON COLUMN learning_credentials_api.metadata.expires_at IS 'When it stops being valid; NULL: never.';
COMMENT ON COLUMN learning_credentials_api.metadata.superseded_by IS 'The verification code of the credential that replaced it; NULL: none did.';
COMMENT ON COLUMN learning_credentials_api.metadata.is_valid IS 'Whether it is available and has not expired, at this moment.';
COMMENT ON COLUMN learning_credentials_api.metadata.name_withheld IS
'Why no name is shown. hidden: match_name() compares one with it; erased: the holder''s data was, and nobody knows it here any more. NULL: it is shown.';
