-- ============================================================ access
-- Nothing is granted to PUBLIC, in either schema. What each level may do stands in one table below.

CREATE TABLE learning_credentials.access_grant (
    role_name name NOT NULL,
    level text NOT NULL
        CONSTRAINT level_known CHECK (level IN ('verifier', 'learner', 'staff', 'issuer', 'admin')),
    granted_by name NOT NULL DEFAULT session_user,
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (role_name, level));
COMMENT ON TABLE learning_credentials.access_grant IS
'The levels that grant_access() gave to roles; applied again by every update of the extension.';
COMMENT ON COLUMN learning_credentials.access_grant.role_name IS 'The role, by name: it may be missing after a restore elsewhere.';
COMMENT ON COLUMN learning_credentials.access_grant.level IS 'verifier, learner, staff, issuer or admin; see docs/security.md.';
COMMENT ON COLUMN learning_credentials.access_grant.granted_by IS 'Who gave it.';
COMMENT ON COLUMN learning_credentials.access_grant.created IS 'When it was given.';

SELECT pg_catalog.pg_extension_config_dump('learning_credentials.access_grant', '');

-- What a level adds to the ones it includes. TRIGGER, REFERENCES and TRUNCATE are never given: a
-- trigger that a grantee plants runs with the rights of whoever writes.
CREATE VIEW learning_credentials.access_level AS
WITH included (level, includes) AS (
    VALUES ('verifier', ARRAY['verifier']),
           ('learner', ARRAY['verifier', 'learner']),
           ('staff', ARRAY['verifier', 'learner', 'staff']),
           ('issuer', ARRAY['verifier', 'issuer']),
           ('admin', ARRAY['verifier', 'issuer', 'admin'])),
privilege (level, privilege, object) AS (
    VALUES ('verifier', 'USAGE', 'SCHEMA learning_credentials_api'),
           ('verifier', 'SELECT', 'TABLE learning_credentials_api.metadata'),

           ('issuer', 'USAGE', 'SCHEMA learning_credentials'),
           ('issuer', 'SELECT, INSERT, UPDATE, DELETE', 'TABLE learning_credentials.credential_type'),
           ('issuer', 'SELECT, INSERT, UPDATE, DELETE', 'TABLE learning_credentials.credential_configuration'),
           ('issuer', 'SELECT, INSERT, UPDATE, DELETE', 'TABLE learning_credentials.credential_asset'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.lms_user'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.lms_context'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.lms_path_step'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.lms_enrollment'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.lms_grading_policy'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.lms_subsection_grade'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.lms_course_completion'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.credential'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.credential_document'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.credential_event'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.run'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.run_progress'),
           ('issuer', 'SELECT', 'TABLE learning_credentials.available_functions'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.uuid_time_ordered()'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.uuid_random()'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.learning_context_kind(text)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.asset_media_type(bytea)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.merge_options(jsonb, jsonb)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.validate_options(text, jsonb)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.next_run(text, timestamptz, text, timestamptz)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.retrieve_completions(text, jsonb, bigint)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.retrieve_subsection_grades(text, jsonb, bigint)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.retrieve_completions_and_grades(text, jsonb, bigint)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.generate_pdf(learning_credentials.credential, jsonb)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.preview_pdf(jsonb, text, text, timestamptz, jsonb)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.eligible_users(bigint, bigint)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.generate_credential(bigint, bigint)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.retry_credential(uuid)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.invalidate_credential(uuid, text)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.reissue_credential(uuid, text)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.request_run(bigint)'),
           ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.cancel_run(bigint)'),
           ('issuer', 'EXECUTE', 'PROCEDURE learning_credentials.generate_credentials(bigint)'),
           ('issuer', 'EXECUTE', 'PROCEDURE learning_credentials.generate_all_credentials()'),

           ('admin', 'INSERT, UPDATE, DELETE', 'TABLE learning_credentials.lms_user'),
           ('admin', 'INSERT, UPDATE, DELETE', 'TABLE learning_credentials.lms_context'),
           ('admin', 'INSERT, UPDATE, DELETE', 'TABLE learning_credentials.lms_path_step'),
           ('admin', 'INSERT, UPDATE, DELETE', 'TABLE learning_credentials.lms_enrollment'),
           ('admin', 'INSERT, UPDATE, DELETE', 'TABLE learning_credentials.lms_grading_policy'),
           ('admin', 'INSERT, UPDATE, DELETE', 'TABLE learning_credentials.lms_subsection_grade'),
           ('admin', 'INSERT, UPDATE, DELETE', 'TABLE learning_credentials.lms_course_completion'),
           ('admin', 'INSERT, UPDATE, DELETE', 'TABLE learning_credentials.credential'),
           ('admin', 'SELECT', 'TABLE learning_credentials.access_grant'),
           ('admin', 'SELECT', 'TABLE learning_credentials.access_level'),
           ('admin', 'EXECUTE', 'FUNCTION learning_credentials.start_worker()'),
           ('admin', 'EXECUTE', 'FUNCTION learning_credentials.grant_access(name, text)'),
           ('admin', 'EXECUTE', 'FUNCTION learning_credentials.revoke_access(name, text)'))
SELECT i.level, p.privilege, p.object
  FROM included i
  JOIN privilege p ON p.level = ANY (i.includes);
COMMENT ON VIEW learning_credentials.access_level IS
'What each level of grant_access() may do: a privilege on an object a row.';
COMMENT ON COLUMN learning_credentials.access_level.level IS 'verifier, learner, staff, issuer or admin.';
COMMENT ON COLUMN learning_credentials.access_level.privilege IS 'As GRANT writes it.';
COMMENT ON COLUMN learning_credentials.access_level.object IS 'As GRANT writes it: TABLE, SCHEMA, FUNCTION or PROCEDURE and its name.';

CREATE FUNCTION learning_credentials.apply_access(role_name name, level text) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given record;
BEGIN
    FOR given IN
        SELECT a.privilege, a.object FROM learning_credentials.access_level a
         WHERE a.level = apply_access.level
    LOOP
        EXECUTE format('GRANT %s ON %s TO %I', given.privilege, given.object, role_name);
    END LOOP;
END
$$;
COMMENT ON FUNCTION learning_credentials.apply_access(name, text) IS
'Gives a role what a level may do. For grant_access() and for update scripts of the extension.';

CREATE FUNCTION learning_credentials.grant_access(role_name name, level text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    can_login boolean;
BEGIN
    SELECT r.rolcanlogin INTO can_login FROM pg_roles r WHERE r.rolname = role_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'role "%" does not exist', role_name USING ERRCODE = 'undefined_object';
    END IF;
    IF NOT EXISTS (SELECT FROM learning_credentials.access_level a WHERE a.level = grant_access.level) THEN
        RAISE EXCEPTION '"%" is not a level of access', level
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'The levels are verifier, learner, staff, issuer and admin.';
    END IF;
    IF level IN ('learner', 'staff') AND can_login THEN
        RAISE EXCEPTION 'level "%" is only for roles that cannot log in, and "%" can', level, role_name
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'Who the user is, request.jwt.claims says, and whoever can log in can set that.';
    END IF;
    PERFORM learning_credentials.apply_access(role_name, level);
    INSERT INTO learning_credentials.access_grant (role_name, level)
    VALUES (grant_access.role_name, grant_access.level)
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION learning_credentials.grant_access(name, text) IS
'Gives a role a level: verifier (reads the view metadata), learner, staff (what a REST server''s learners and staff see; roles that cannot log in only), issuer (types, configurations, assets, runs, issuing) or admin (the LMS tables, imports, and giving levels).';

CREATE FUNCTION learning_credentials.revoke_access(role_name name, level text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
    given record;
BEGIN
    DELETE FROM learning_credentials.access_grant g
     WHERE g.role_name = revoke_access.role_name AND g.level = revoke_access.level;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'role "%" does not have level "%"', role_name, level
            USING ERRCODE = 'undefined_object';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role_name) THEN
        RETURN;     -- the role is gone, and what it was given with it
    END IF;
    FOR given IN
        SELECT a.privilege, a.object FROM learning_credentials.access_level a
         WHERE a.level = revoke_access.level
    LOOP
        EXECUTE format('REVOKE %s ON %s FROM %I', given.privilege, given.object, role_name);
    END LOOP;
    FOR other IN
        SELECT g.level FROM learning_credentials.access_grant g
         WHERE g.role_name = revoke_access.role_name
    LOOP
        PERFORM learning_credentials.apply_access(role_name, other.level);
    END LOOP;
END
$$;
COMMENT ON FUNCTION learning_credentials.revoke_access(name, text) IS
'Takes a level from a role again; what its other levels give stays. Error 42704 when it does not have the level.';

REVOKE ALL ON ALL TABLES IN SCHEMA learning_credentials, learning_credentials_api FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA learning_credentials FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA learning_credentials, learning_credentials_api FROM PUBLIC;
