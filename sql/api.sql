-- ============================================================ what a REST server calls
-- The functions take text and read it themselves, so that what is malformed gives 400 in our words. What
-- is not 200 is {"error": "sentence."}: the status, and headers where they are needed, stand in the
-- settings response.status and response.headers. No function writes a table: each works in a READ ONLY
-- transaction and on a standby. Setting the answer's status is what makes them VOLATILE.

-- PostgREST takes a function's result as it is, instead of as JSON, when its type is called like a media type.
CREATE DOMAIN learning_credentials_api."*/*" AS bytea;
COMMENT ON DOMAIN learning_credentials_api."*/*" IS
'A file; the answer''s header Content-Type says of what kind. A media type handler of PostgREST.';
CREATE DOMAIN learning_credentials_api."text/html" AS text;
COMMENT ON DOMAIN learning_credentials_api."text/html" IS
'A page. A media type handler of PostgREST.';

CREATE FUNCTION learning_credentials.caller_user_id() RETURNS bigint
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_caller_user_id';
COMMENT ON FUNCTION learning_credentials.caller_user_id() IS
'The LMS''s number of the user who is calling: the claim named by learning_credentials.user_claim in the setting request.jwt.claims, a whole number or a string of digits. NULL where there is none, and where the outer role can log in and is no superuser: whoever connects as it could claim to be anybody.';

CREATE FUNCTION learning_credentials.caller_is_staff() RETURNS boolean
LANGUAGE C STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_caller_is_staff_now';
COMMENT ON FUNCTION learning_credentials.caller_is_staff() IS
'Whether the outer role has the rights of a role with level staff.';

-- ------------------------------------------------------------ for anybody who has a code, or a document

CREATE FUNCTION learning_credentials_api.metadata(verify_uuid text DEFAULT NULL) RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_api_metadata';
COMMENT ON FUNCTION learning_credentials_api.metadata(text) IS
'The credential with this verification code: the columns of the view metadata as an object. 404: there is none; 400: this is no code.';

CREATE FUNCTION learning_credentials_api.verify_document(sha256 text DEFAULT NULL) RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_api_verify_document';
COMMENT ON FUNCTION learning_credentials_api.verify_document(text) IS
'Whether a file with this SHA-256 (hexadecimal) is a document that was issued, unchanged: "is_current", false when its credential was invalidated or replaced, and the credential''s metadata, with "is_valid". Of a document that is the same for several people only "is_current", "is_valid" and "is_shared". 404: no such document was issued; 400: this is no SHA-256.';

CREATE FUNCTION learning_credentials_api.match_name(verify_uuid text DEFAULT NULL, name text DEFAULT NULL) RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_api_match_name';
COMMENT ON FUNCTION learning_credentials_api.match_name(text, text) IS
'Whether the credential with this verification code is that of somebody of this name: {"matches"}. Upper case, accents, spaces, punctuation and the order of the words do not count. What a proxy limits is how often anybody may ask. 404: there is no such credential; 410: its holder''s data was erased; 400: this is no code, or no name.';

-- ------------------------------------------------------------ for learners and staff

CREATE FUNCTION learning_credentials_api.configured(learning_context_key text DEFAULT NULL) RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_api_configured';
COMMENT ON FUNCTION learning_credentials_api.configured(text) IS
'How many credentials a course or Learning Path has that the caller may see: {"has_credentials", "credential_count"}. 404: the caller sees no such context; 400: this is no key; 401: it is not known who calls.';

CREATE FUNCTION learning_credentials_api.eligibility(
    learning_context_key text DEFAULT NULL,
    retrieval_func text DEFAULT NULL,
    username text DEFAULT NULL) RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_api_eligibility';
COMMENT ON FUNCTION learning_credentials_api.eligibility(text, text, text) IS
'The credentials of a course or Learning Path, and whether the caller is eligible for each: {"context_key", "credentials": [{"credential_type_id", "name", "is_generation_enabled", "is_eligible", "existing_credential", "existing_credential_url", "current_grades", "required_grades", "current_completion", "required_completion", "steps"}]}; what is null or empty is left out. One whose eligibility could not be determined has "error" instead of "is_eligible". retrieval_func: only those with this function, with or without its schema. username: another user, for staff. Errors: those of configured(); 403: another user, and not staff; 404 and 409: no user, or more than one, has this name.';

CREATE FUNCTION learning_credentials_api.credentials(username text DEFAULT NULL) RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_api_credentials';
COMMENT ON FUNCTION learning_credentials_api.credentials(text) IS
'The caller''s credentials, the latest first: {"credentials": [{"credential_id", "credential_type", "context_key", "context_name", "user_full_name", "status", "is_valid", "created_date", "issue_date", "expires_at", "invalidation_reason", "superseded_by", "download_url", "verify_uuid", "verify_url"}]}; what is null is left out. username: those of another user, for staff. 401: it is not known who calls; 403: another user, and not staff; 404 and 409: no user, or more than one, has this name.';

CREATE FUNCTION learning_credentials_api.document(uuid text DEFAULT NULL)
RETURNS learning_credentials_api."*/*"
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_api_document';
COMMENT ON FUNCTION learning_credentials_api.document(text) IS
'The document of a credential of the caller, for staff of anybody, with its media type, a file name and its SHA-256 as ETag. 304: the request''s If-None-Match names that; 302: the document is elsewhere; 410: the credential was invalidated; 404: the caller has no such credential; 400: this is no uuid; 401: it is not known who calls.';

CREATE FUNCTION learning_credentials_api.linkedin_url(uuid text DEFAULT NULL) RETURNS json
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_api_linkedin_url';
COMMENT ON FUNCTION learning_credentials_api.linkedin_url(text) IS
'A link with which the holder adds the credential to a LinkedIn profile: {"url"}. Errors: those of document().';
