-- ============================================================ access
-- Nothing is granted to PUBLIC, in either schema. What each level may do stands in one table below.
--
-- A script that updates the extension inserts what is new into access_privilege, deletes what is gone
-- (and revokes it from those who have the level, by change_privileges()), and ends with
--     SELECT learning_credentials.apply_access();
-- It never grants or revokes anything itself on an object that was there before: PostgreSQL would note
-- all that users were granted on it as the extension's own, and leave it out of every later dump.

CREATE TABLE learning_credentials.access_grant (
    role_name name NOT NULL,
    level text NOT NULL
        CONSTRAINT level_known CHECK (level IN ('verifier', 'learner', 'staff', 'issuer', 'admin')),
    granted_by name NOT NULL DEFAULT session_user,
    created timestamptz NOT NULL DEFAULT now(),
    role_oid oid,
    PRIMARY KEY (role_name, level));
COMMENT ON TABLE learning_credentials.access_grant IS
'The levels that grant_access() gave to roles; applied again by every update of the extension, and by apply_access().';
COMMENT ON COLUMN learning_credentials.access_grant.role_name IS 'The role, by name: it may be missing after a restore elsewhere. A renamed role has its new name here after the next call of grant_access() or apply_access().';
COMMENT ON COLUMN learning_credentials.access_grant.level IS 'verifier, learner, staff, issuer or admin; see docs/security.md.';
COMMENT ON COLUMN learning_credentials.access_grant.granted_by IS 'Who gave it.';
COMMENT ON COLUMN learning_credentials.access_grant.created IS 'When it was given.';
COMMENT ON COLUMN learning_credentials.access_grant.role_oid IS 'The role, by its number in this cluster, found by name when the row is inserted or restored; NULL: there was none of that name. So a later role of the same name does not get what a dropped one had.';

SELECT pg_catalog.pg_extension_config_dump('learning_credentials.access_grant', '');

CREATE FUNCTION learning_credentials.find_role() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.role_oid := (SELECT r.oid FROM pg_roles r WHERE r.rolname = NEW.role_name);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION learning_credentials.find_role() IS
'Trigger: finds the role of a level that is given or restored.';

-- Always: also a parallel restore, with session_replication_role = replica, comes from another cluster.
CREATE TRIGGER find_role
    BEFORE INSERT ON learning_credentials.access_grant
    FOR EACH ROW EXECUTE FUNCTION learning_credentials.find_role();
ALTER TABLE learning_credentials.access_grant ENABLE ALWAYS TRIGGER find_role;

-- What a level adds to the ones it includes. TRIGGER, REFERENCES and TRUNCATE are never given: a
-- trigger that a grantee plants runs with the rights of whoever writes.
CREATE TABLE learning_credentials.access_privilege (
    level text NOT NULL
        CONSTRAINT level_known CHECK (level IN ('verifier', 'learner', 'staff', 'issuer', 'admin')),
    privilege text NOT NULL,
    object text NOT NULL,
    PRIMARY KEY (level, object));
COMMENT ON TABLE learning_credentials.access_privilege IS
'What a level adds to the levels that it includes; see access_level. Part of the extension as its functions are: no dump holds it, only updates of the extension change it.';
COMMENT ON COLUMN learning_credentials.access_privilege.level IS 'verifier, learner, staff, issuer or admin.';
COMMENT ON COLUMN learning_credentials.access_privilege.privilege IS 'As GRANT writes it.';
COMMENT ON COLUMN learning_credentials.access_privilege.object IS 'As GRANT writes it: TABLE, SCHEMA, FUNCTION or PROCEDURE and its name.';

INSERT INTO learning_credentials.access_privilege (level, privilege, object) VALUES
    ('verifier', 'USAGE', 'SCHEMA learning_credentials_api'),
    ('verifier', 'SELECT', 'TABLE learning_credentials_api.metadata'),
    ('verifier', 'EXECUTE', 'FUNCTION learning_credentials_api.metadata(text)'),
    ('verifier', 'EXECUTE', 'FUNCTION learning_credentials_api.verify_document(text)'),
    ('verifier', 'EXECUTE', 'FUNCTION learning_credentials_api.match_name(text, text)'),
    ('verifier', 'EXECUTE', 'FUNCTION learning_credentials.hides_name(bigint)'),
    ('verifier', 'EXECUTE', 'FUNCTION learning_credentials_api.verify_page(text, text)'),

    ('learner', 'EXECUTE', 'FUNCTION learning_credentials_api.configured(text)'),
    ('learner', 'EXECUTE', 'FUNCTION learning_credentials_api.eligibility(text, text, text)'),
    ('learner', 'EXECUTE', 'FUNCTION learning_credentials_api.credentials(text)'),
    ('learner', 'EXECUTE', 'FUNCTION learning_credentials_api.document(text)'),
    ('learner', 'EXECUTE', 'FUNCTION learning_credentials_api.linkedin_url(text)'),

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
    ('issuer', 'SELECT', 'TABLE learning_credentials.exception'),
    ('issuer', 'SELECT', 'TABLE learning_credentials.history_leaf'),
    ('issuer', 'SELECT', 'TABLE learning_credentials.history_node'),
    ('issuer', 'SELECT', 'TABLE learning_credentials.history_checkpoint'),
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
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.plan_run(bigint, jsonb)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.plan_summary(bigint, jsonb)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.grant_exception(bigint, bigint, text, timestamptz)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.hold_credential(bigint, bigint, text, timestamptz)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.lift_exception(bigint, bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.generate_credential(bigint, bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.retry_credential(uuid)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.invalidate_credential(uuid, text)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.reissue_credential(uuid, text)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.renew_credential(uuid, text)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.correct_issue_date(uuid, timestamptz, text)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.expiring_credentials(interval, bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.verify_at(uuid, timestamptz)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.current_design(bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.current_name(bigint, bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.outdated_credentials(bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.try_reissue(uuid, text)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.reissue_outdated(bigint, text, boolean)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.refresh_user(bigint, uuid[], text)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.seal_history()'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.verify_history(text, text[])'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.history_leaf_text(uuid, integer)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.history_inclusion_proof(uuid, integer, bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.history_consistency_proof(bigint, bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.history_verifier_key()'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.bulk_run(bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.queue_credential(bigint, bigint, bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.queue_retry(uuid, bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.queue_reissue(uuid, text, bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.queue_renewal(uuid, text, bigint)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.expire_credential(uuid, timestamptz, text)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.invalidate_together(uuid[], text)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.bulk_item(text, bigint, text, timestamptz, text, boolean)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.bulk_work(text, bigint, text[], timestamptz, text, boolean, boolean, boolean)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.bulk_generate(bigint, bigint[], boolean, boolean, boolean)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.bulk_retry(uuid[], boolean, boolean, boolean)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.bulk_reissue(uuid[], text, boolean, boolean, boolean)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.bulk_renew(uuid[], text, boolean, boolean, boolean)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.bulk_invalidate(uuid[], text, boolean, boolean)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.bulk_expire(uuid[], timestamptz, text, boolean, boolean)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.export_context(text)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.tar_header(text, bigint, timestamptz)'),
    ('issuer', 'EXECUTE', 'FUNCTION learning_credentials.tar_padding(bigint)'),
    ('issuer', 'SELECT', 'TABLE learning_credentials.export_item'),
    ('admin', 'SELECT, INSERT, UPDATE, DELETE', 'TABLE learning_credentials.credential_import'),
    ('admin', 'EXECUTE', 'FUNCTION learning_credentials.check_import()'),
    ('admin', 'EXECUTE', 'FUNCTION learning_credentials.import_credentials(boolean, boolean)'),
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
    ('admin', 'SELECT', 'TABLE learning_credentials.access_privilege'),
    ('admin', 'SELECT', 'TABLE learning_credentials.access_level'),
    ('admin', 'EXECUTE', 'FUNCTION learning_credentials.apply_access()'),
    ('admin', 'EXECUTE', 'FUNCTION learning_credentials.erase_events(uuid, integer)'),
    ('admin', 'EXECUTE', 'FUNCTION learning_credentials.retire_user(bigint, text, text[], boolean)'),
    ('admin', 'EXECUTE', 'FUNCTION learning_credentials.export_user(bigint, text[], boolean)'),
    ('admin', 'SELECT, DELETE', 'TABLE learning_credentials.retired_user'),
    ('admin', 'EXECUTE', 'FUNCTION learning_credentials.start_worker()'),
    ('admin', 'EXECUTE', 'FUNCTION learning_credentials.worker_state()'),
    ('admin', 'EXECUTE', 'FUNCTION learning_credentials.health(boolean)'),
    ('admin', 'EXECUTE', 'FUNCTION learning_credentials.collect_metrics()'),
    ('admin', 'SELECT', 'TABLE learning_credentials.metrics'),
    ('admin', 'EXECUTE', 'FUNCTION learning_credentials.grant_access(name, text)'),
    ('admin', 'EXECUTE', 'FUNCTION learning_credentials.revoke_access(name, text)');

CREATE VIEW learning_credentials.access_level AS
SELECT i.level, p.privilege, p.object
  FROM (VALUES ('verifier', ARRAY['verifier']),
               ('learner', ARRAY['verifier', 'learner']),
               ('staff', ARRAY['verifier', 'learner', 'staff']),
               ('issuer', ARRAY['verifier', 'issuer']),
               ('admin', ARRAY['verifier', 'issuer', 'admin'])) AS i (level, includes)
  JOIN learning_credentials.access_privilege p ON p.level = ANY (i.includes);
COMMENT ON VIEW learning_credentials.access_level IS
'What each level of grant_access() may do, with what it includes: privileges on an object a row.';
COMMENT ON COLUMN learning_credentials.access_level.level IS 'verifier, learner, staff, issuer or admin.';
COMMENT ON COLUMN learning_credentials.access_level.privilege IS 'As GRANT writes it.';
COMMENT ON COLUMN learning_credentials.access_level.object IS 'As GRANT writes it: TABLE, SCHEMA, FUNCTION or PROCEDURE and its name.';

-- ------------------------------------------------------------ giving and taking

CREATE FUNCTION learning_credentials.change_privileges(statements text[]) RETURNS void
LANGUAGE C VOLATILE STRICT
AS 'MODULE_PATHNAME', 'lc_change_privileges';
COMMENT ON FUNCTION learning_credentials.change_privileges(text[]) IS
'Runs GRANT and REVOKE statements, with the caller''s rights, so that also those in a script of the extension are in later dumps.';

CREATE FUNCTION learning_credentials.give_level(role_name name, level text) RETURNS void
LANGUAGE C VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'lc_give_level';
COMMENT ON FUNCTION learning_credentials.give_level(name, text) IS
'Grants a role what a level may do.';

CREATE FUNCTION learning_credentials.take_level(role_name name, level text) RETURNS void
LANGUAGE C VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'lc_take_level';
COMMENT ON FUNCTION learning_credentials.take_level(name, text) IS
'Revokes from a role what a level may do, but for what other levels in access_grant give it.';

CREATE FUNCTION learning_credentials.settle_access() RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    renamed record;
BEGIN
    -- One at a time: two that grant on the same object at once fail with "tuple concurrently updated".
    LOCK TABLE learning_credentials.access_grant IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM learning_credentials.access_grant g
     WHERE g.role_oid IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = g.role_oid);
    -- DELETE ends before the loop begins: two roles may have exchanged their names.
    FOR renamed IN
        DELETE FROM learning_credentials.access_grant g
         USING pg_roles r
         WHERE r.oid = g.role_oid AND r.rolname <> g.role_name
        RETURNING r.rolname, g.level, g.granted_by, g.created
    LOOP
        INSERT INTO learning_credentials.access_grant (role_name, level, granted_by, created)
        VALUES (renamed.rolname, renamed.level, renamed.granted_by, renamed.created)
        ON CONFLICT DO NOTHING;
    END LOOP;
    UPDATE learning_credentials.access_grant g
       SET role_oid = r.oid
      FROM pg_roles r
     WHERE r.rolname = g.role_name AND g.role_oid IS NULL;
END
$$;
COMMENT ON FUNCTION learning_credentials.settle_access() IS
'Locks access_grant until the transaction ends; forgets roles that were dropped, follows those that were renamed, finds those that were missing.';

CREATE FUNCTION learning_credentials.apply_access() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    brought text;
    given record;
BEGIN
    PERFORM learning_credentials.settle_access();
    -- What an update brought may be PUBLIC's: functions are, and what default privileges say. Whatever was
    -- there before comes with nothing for PUBLIC, and what was granted since is left alone.
    FOR brought IN
        SELECT CASE o.kind WHEN 'f' THEN 'ROUTINE ' || o.oid::regprocedure
                           WHEN 's' THEN 'SEQUENCE ' || o.oid::regclass
                           ELSE 'TABLE ' || o.oid::regclass END
          FROM (SELECT p.tableoid, p.oid, p.proowner, p.proacl, 'f'::"char" FROM pg_proc p
                UNION ALL
                SELECT c.tableoid, c.oid, c.relowner, c.relacl, CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char"
                  FROM pg_class c) AS o (class, oid, owner, acl, kind)
          JOIN pg_depend d ON d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e'
          JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
          LEFT JOIN pg_init_privs i ON i.classoid = o.class AND i.objoid = o.oid AND i.objsubid = 0
         WHERE e.extname = 'learning_credentials'
           AND EXISTS (SELECT FROM aclexplode(coalesce(i.initprivs, o.acl, acldefault(o.kind, o.owner))) AS a
                        WHERE a.grantee = 0)
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', brought);
    END LOOP;
    FOR given IN
        SELECT g.role_name, g.level, r.oid, r.rolcanlogin
          FROM learning_credentials.access_grant g
          LEFT JOIN pg_roles r ON r.oid = g.role_oid
         ORDER BY g.role_name, g.level
    LOOP
        IF given.oid IS NULL THEN
            RAISE WARNING 'level "%" is not given to role "%", which does not exist', given.level, given.role_name;
        ELSIF given.level IN ('learner', 'staff') AND given.rolcanlogin THEN
            RAISE WARNING 'level "%" is not given to role "%", which can log in', given.level, given.role_name;
        ELSE
            PERFORM learning_credentials.give_level(given.role_name, given.level);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION learning_credentials.apply_access() IS
'Gives every role in access_grant its levels again: at the end of each update of the extension, and after a restore into a cluster where roles were missing or into a newer version. Whoever cannot have a level is passed over with a warning.';

CREATE FUNCTION learning_credentials.grant_access(role_name name, level text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    role record;
BEGIN
    PERFORM learning_credentials.settle_access();
    SELECT r.oid, r.rolcanlogin INTO role FROM pg_roles r WHERE r.rolname = grant_access.role_name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'role "%" does not exist', role_name USING ERRCODE = 'undefined_object';
    END IF;
    IF NOT EXISTS (SELECT FROM learning_credentials.access_level a WHERE a.level = grant_access.level) THEN
        RAISE EXCEPTION '"%" is not a level of access', level
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'The levels are verifier, learner, staff, issuer and admin.';
    END IF;
    IF level IN ('learner', 'staff') AND role.rolcanlogin THEN
        RAISE EXCEPTION 'level "%" is only for roles that cannot log in, and "%" can', level, role_name
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = 'Who the user is, request.jwt.claims says, and whoever can log in can set that.';
    END IF;
    IF EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'learning_credentials' AND e.extowner = role.oid) THEN
        RAISE EXCEPTION 'role "%" owns the extension and needs no level', role_name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM learning_credentials.give_level(role_name, level);
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
    role oid;
BEGIN
    LOCK TABLE learning_credentials.access_grant IN SHARE ROW EXCLUSIVE MODE;
    role := (SELECT r.oid FROM pg_roles r WHERE r.rolname = revoke_access.role_name);
    -- by its number, whatever its name was; or one by that name that is gone or was missing
    DELETE FROM learning_credentials.access_grant g
     WHERE g.level = revoke_access.level
       AND (g.role_oid = role
            OR g.role_name = revoke_access.role_name
               AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = g.role_oid));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'role "%" does not have level "%"', role_name, level
            USING ERRCODE = 'undefined_object';
    END IF;
    IF role IS NULL THEN
        RETURN;     -- it is gone, and what it was given with it
    END IF;
    PERFORM learning_credentials.take_level(role_name, level);
END
$$;
COMMENT ON FUNCTION learning_credentials.revoke_access(name, text) IS
'Takes a level from a role again. What its other levels give stays; what it was granted by hand goes where the level gives the same. Error 42704 when it does not have the level, 2BP01 when it was given a grant option by hand and passed something on.';

REVOKE ALL ON ALL TABLES IN SCHEMA learning_credentials, learning_credentials_api FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA learning_credentials, learning_credentials_api FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA learning_credentials, learning_credentials_api FROM PUBLIC;
