-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION learning_credentials" to load this file. \quit

-- ============================================================ schemas and shared types
-- Plain CREATE SCHEMA: the schemas become members of the extension, and one that somebody else made
-- before is refused instead of being taken over.

DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() <> 'UTF8' THEN
        RAISE EXCEPTION 'learning_credentials needs a database with encoding UTF8, not %',
            pg_catalog.getdatabaseencoding()
            USING ERRCODE = 'feature_not_supported';
    END IF;
END
$$;

CREATE SCHEMA learning_credentials;
COMMENT ON SCHEMA learning_credentials IS
'Learning credentials: definitions, eligibility, documents, lifecycle. Nothing is granted to PUBLIC.';

CREATE SCHEMA learning_credentials_api;
COMMENT ON SCHEMA learning_credentials_api IS
'What a REST server such as PostgREST may expose of learning_credentials.';

CREATE TYPE learning_credentials.credential_status AS ENUM (
    'generating', 'available', 'error', 'invalidated');
COMMENT ON TYPE learning_credentials.credential_status IS
'Where a credential is in its life: generating -> available -> invalidated, generating <-> error.';

CREATE TYPE learning_credentials.eligibility AS (
    user_id bigint,
    is_eligible boolean,
    eligible_since timestamptz,
    details jsonb);
COMMENT ON TYPE learning_credentials.eligibility IS
'A row of a retrieval function: is the user eligible, since when (NULL: unknown), and why. Final: it never gets another attribute.';
COMMENT ON COLUMN learning_credentials.eligibility.user_id IS 'The user, by the LMS''s number; never NULL.';
COMMENT ON COLUMN learning_credentials.eligibility.is_eligible IS 'Whether the user gets the credential; NULL counts as false.';
COMMENT ON COLUMN learning_credentials.eligibility.eligible_since IS 'Since when; NULL: unknown.';
COMMENT ON COLUMN learning_credentials.eligibility.details IS 'Why: an object, kept with the credential as its evidence; NULL counts as {}.';

-- ------------------------------------------------------------ identifiers and keys

CREATE FUNCTION learning_credentials.uuid_time_ordered() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'lc_uuid_time_ordered';
COMMENT ON FUNCTION learning_credentials.uuid_time_ordered() IS
'A new UUID of version 7 (RFC 9562): milliseconds since 1970, then random bits. Values made in one backend ascend.';

CREATE FUNCTION learning_credentials.uuid_random() RETURNS uuid
LANGUAGE C VOLATILE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'lc_uuid_random';
COMMENT ON FUNCTION learning_credentials.uuid_random() IS
'A new UUID of version 4 from libuuid: 122 random bits, not to be guessed.';

CREATE FUNCTION learning_credentials.learning_context_kind(learning_context_key text) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'lc_learning_context_kind';
COMMENT ON FUNCTION learning_credentials.learning_context_kind(text) IS
'Whether a key is that of a "course" (course-v1:ORG+COURSE+RUN) or a "path" (path-v1:ORG+NUMBER+RUN+GROUP). Error 22023 when it is neither.';
