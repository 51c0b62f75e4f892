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

CREATE FUNCTION learning_credentials.problem(status integer, message text) RETURNS json
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_problem';
COMMENT ON FUNCTION learning_credentials.problem(integer, text) IS
'Answers a REST server with a status and {"error": message}, a sentence; not to be cached.';
