-- ============================================================ verification
-- A view runs its functions with the rights of whoever reads it. keyed() is gone from the plan of every
-- query that is allowed, so a role needs SELECT on the view and USAGE on its schema, nothing more.

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

CREATE VIEW learning_credentials_api.metadata WITH (security_barrier) AS
SELECT c.verify_uuid,
       c.user_full_name,
       c.created,
       c.learning_context_name,
       c.status::text AS status,
       c.invalidation_reason,
       c.credential_type_name,
       c.issue_date,
       c.expires_at,
       (SELECT s.verify_uuid
          FROM learning_credentials.credential s
         WHERE s.uuid = c.superseded_by) AS superseded_by,
       c.status = 'available' AND (c.expires_at IS NULL OR c.expires_at > now()) AS is_valid
  FROM learning_credentials.credential c
 WHERE c.status IN ('available', 'invalidated')
   AND learning_credentials.keyed(c.verify_uuid);
COMMENT ON VIEW learning_credentials_api.metadata IS
'Verification: the credential with a given code. Each query needs the condition verify_uuid = CODE; without it 42501. Credentials that were never available are not shown.';
COMMENT ON COLUMN learning_credentials_api.metadata.verify_uuid IS 'The verification code, as it stands on the document.';
COMMENT ON COLUMN learning_credentials_api.metadata.user_full_name IS 'The holder''s name, as it was at issue.';
COMMENT ON COLUMN learning_credentials_api.metadata.created IS 'When the credential was begun; issue_date is when it was issued.';
COMMENT ON COLUMN learning_credentials_api.metadata.learning_context_name IS 'The name of the course or Learning Path, as it was at issue.';
COMMENT ON COLUMN learning_credentials_api.metadata.status IS 'available or invalidated.';
COMMENT ON COLUMN learning_credentials_api.metadata.invalidation_reason IS 'Why it was invalidated; NULL: it was not.';
COMMENT ON COLUMN learning_credentials_api.metadata.credential_type_name IS 'What kind of credential it is.';
COMMENT ON COLUMN learning_credentials_api.metadata.issue_date IS 'When it was issued.';
COMMENT ON COLUMN learning_credentials_api.metadata.expires_at IS 'When it stops being valid; NULL: never.';
COMMENT ON COLUMN learning_credentials_api.metadata.superseded_by IS 'The verification code of the credential that replaced it; NULL: none did.';
COMMENT ON COLUMN learning_credentials_api.metadata.is_valid IS 'Whether it is available and has not expired, at this moment.';
