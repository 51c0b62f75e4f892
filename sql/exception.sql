-- ============================================================ exceptions
-- What somebody has decided about one user, whatever retrieval says. One for a configuration and user; an
-- ended or lifted one stays until the next takes its place, so that it can be seen who decided what.

CREATE TABLE learning_credentials.exception (
    configuration_id bigint NOT NULL REFERENCES learning_credentials.credential_configuration ON DELETE CASCADE,
    user_id bigint NOT NULL,
    kind text NOT NULL CONSTRAINT kind_known CHECK (kind IN ('grant', 'hold')),
    reason text NOT NULL CONSTRAINT reason_given CHECK (reason ~ '\S'),
    author jsonb,
    ends_at timestamptz,
    created timestamptz NOT NULL DEFAULT clock_timestamp(),
    lifted_at timestamptz,
    lifted_by jsonb,
    PRIMARY KEY (configuration_id, user_id),
    CONSTRAINT lifted_by_if_lifted CHECK (lifted_by IS NULL OR lifted_at IS NOT NULL));
-- As with credential: most common values would be people's affairs, for everyone who reads pg_stats.
ALTER TABLE learning_credentials.exception
    ALTER reason SET STATISTICS 0,
    ALTER author SET STATISTICS 0,
    ALTER lifted_by SET STATISTICS 0;
COMMENT ON TABLE learning_credentials.exception IS
'Who gets a credential although retrieval does not list them as eligible (grant), and who gets none (hold). Written by grant_exception(), hold_credential() and lift_exception(). One counts while it is neither lifted nor ended.';
COMMENT ON COLUMN learning_credentials.exception.configuration_id IS 'Where it applies.';
COMMENT ON COLUMN learning_credentials.exception.user_id IS 'To whom, by the LMS''s number.';
COMMENT ON COLUMN learning_credentials.exception.kind IS 'grant: issued to by the next run; hold: nothing is issued.';
COMMENT ON COLUMN learning_credentials.exception.reason IS 'Why. That of a grant stands in the evidence of what is issued by it.';
COMMENT ON COLUMN learning_credentials.exception.author IS
'Who decided: {"role": outer role, "session": session user, "subject": JWT subject where there is one}. NULL: erased.';
COMMENT ON COLUMN learning_credentials.exception.ends_at IS 'It does not count from this time on; NULL: it has no end.';
COMMENT ON COLUMN learning_credentials.exception.created IS 'When it was decided.';
COMMENT ON COLUMN learning_credentials.exception.lifted_at IS 'When it was lifted; NULL: it was not.';
COMMENT ON COLUMN learning_credentials.exception.lifted_by IS 'Who lifted it, as in author; NULL: nobody did, or erased.';

SELECT pg_catalog.pg_extension_config_dump('learning_credentials.exception', '');

CREATE FUNCTION learning_credentials.grant_exception(configuration_id bigint, user_id bigint, reason text, ends_at timestamptz DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_grant_exception';
COMMENT ON FUNCTION learning_credentials.grant_exception(bigint, bigint, text, timestamptz) IS
'Has the next run issue to a user who is not eligible, or is not so since later than issue_from, or whose credential was invalidated before. What is issued by it names it in its evidence and is never withdrawn by a run. Given again, reason, author and end are replaced. Errors: 55000 the user is held; 22023 no reason, or an end that is not ahead; 42704 there is no such configuration.';

CREATE FUNCTION learning_credentials.hold_credential(configuration_id bigint, user_id bigint, reason text, ends_at timestamptz DEFAULT NULL)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_hold_credential';
COMMENT ON FUNCTION learning_credentials.hold_credential(bigint, bigint, text, timestamptz) IS
'Has nothing issued to a user: no run does, no retry, no reissue, and generate_credential() is refused. Waits for a run that is just making the user''s document. What was issued before stays. Errors: 55000 the user has a grant; 22023 no reason, or an end that is not ahead; 42704 there is no such configuration.';

CREATE FUNCTION learning_credentials.lift_exception(configuration_id bigint, user_id bigint)
RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_lift_exception';
COMMENT ON FUNCTION learning_credentials.lift_exception(bigint, bigint) IS
'Ends a grant or a hold. What was issued by a grant stays. Error 42704 when none counts.';
