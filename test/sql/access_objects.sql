-- Every object of both schemas, for every level and for PUBLIC: what is granted is what access_level says,
-- and what no level may use is listed here.
\set ON_ERROR_ROLLBACK on
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
BEGIN;
-- A new object is either in sql/access.sql or here. (Not echoed: this list stands nowhere else.)
\set ECHO none
CREATE TEMP TABLE for_nobody (object text);
INSERT INTO for_nobody VALUES
    ('FUNCTION learning_credentials.announce_first_run()'),
    ('FUNCTION learning_credentials.actor()'),
    ('FUNCTION learning_credentials.caller_is_staff()'),
    ('FUNCTION learning_credentials.caller_user_id()'),
    ('FUNCTION learning_credentials.change_privileges(text[])'),
    ('FUNCTION learning_credentials.check_asset()'),
    ('FUNCTION learning_credentials.check_callables(bigint)'),
    ('FUNCTION learning_credentials.check_configuration()'),
    ('FUNCTION learning_credentials.check_type()'),
    ('FUNCTION learning_credentials.credential_lifecycle()'),
    ('FUNCTION learning_credentials.erase_actor(text[])'),
    ('FUNCTION learning_credentials.erase_user(bigint, text)'),
    ('FUNCTION learning_credentials.event_transaction(uuid)'),
    ('FUNCTION learning_credentials.find_role()'),
    ('FUNCTION learning_credentials.give_level(name, text)'),
    ('FUNCTION learning_credentials.hides_name_support(internal)'),
    ('FUNCTION learning_credentials.keep_document()'),
    ('FUNCTION learning_credentials.keep_event()'),
    ('FUNCTION learning_credentials.keep_history()'),
    ('FUNCTION learning_credentials.keyed(uuid)'),
    ('FUNCTION learning_credentials.know_successor()'),
    ('FUNCTION learning_credentials.keyed_support(internal)'),
    ('FUNCTION learning_credentials.name_hiding_changed()'),
    ('FUNCTION learning_credentials.page_date(timestamptz, text, jsonb)'),
    ('FUNCTION learning_credentials.page_escape(text)'),
    ('FUNCTION learning_credentials.page_html(jsonb)'),
    ('FUNCTION learning_credentials.page_language()'),
    ('FUNCTION learning_credentials.page_policy()'),
    ('FUNCTION learning_credentials.page_texts()'),
    ('FUNCTION learning_credentials.page_time(text, timestamptz, text, jsonb)'),
    ('FUNCTION learning_credentials.page_zone(text)'),
    ('FUNCTION learning_credentials.queue_due_runs()'),
    ('FUNCTION learning_credentials.record_events()'),
    ('FUNCTION learning_credentials.same_name(text, text)'),
    ('FUNCTION learning_credentials.settle_access()'),
    ('FUNCTION learning_credentials.take_level(name, text)'),
    ('FUNCTION learning_credentials.user_subjects(bigint, text[])'),
    ('FUNCTION learning_credentials.shows(text)'),
    ('FUNCTION learning_credentials.shows_support(internal)'),
    ('SEQUENCE learning_credentials.credential_configuration_id_seq'),
    ('SEQUENCE learning_credentials.credential_import_line_seq'),
    ('SEQUENCE learning_credentials.credential_type_id_seq'),
    ('SEQUENCE learning_credentials.executor_id_seq'),
    ('SEQUENCE learning_credentials.run_id_seq'),
    ('TABLE learning_credentials.archived_document'),
    ('TABLE learning_credentials.crash_epoch'),
    ('TABLE learning_credentials.document'),
    ('TABLE learning_credentials.executor'),
    ('TABLE learning_credentials.history_state'),
    ('TABLE learning_credentials.suspect');
\set ECHO all

CREATE ROLE lc_verifier;
CREATE ROLE lc_learner;
CREATE ROLE lc_staff;
CREATE ROLE lc_issuer;
CREATE ROLE lc_admin;
CREATE ROLE lc_other;
SELECT learning_credentials.grant_access('lc_' || level, level) FROM unnest(ARRAY['verifier', 'learner', 'staff', 'issuer', 'admin']) AS level;

-- ------------------------------------------------------------ what there is
CREATE TEMP VIEW ours AS
SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
 WHERE e.extname = 'learning_credentials'
UNION
SELECT 'pg_namespace'::regclass, oid FROM pg_namespace WHERE nspname IN ('learning_credentials', 'learning_credentials_api')
UNION
SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relnamespace::regnamespace::text IN ('learning_credentials', 'learning_credentials_api')
UNION
SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace::regnamespace::text IN ('learning_credentials', 'learning_credentials_api')
UNION
SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typnamespace::regnamespace::text IN ('learning_credentials', 'learning_credentials_api');

-- kind: as acldefault() wants it. An array type has the privileges of its elements' type.
CREATE TEMP VIEW object AS
SELECT o.objid AS oid, CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass AS name,
       CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char" AS kind, c.relowner AS owner, c.relacl AS acl
  FROM ours o JOIN pg_class c ON o.classid = 'pg_class'::regclass AND c.oid = o.objid WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL
SELECT o.objid, CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || p.oid::regprocedure, 'f', p.proowner, p.proacl
  FROM ours o JOIN pg_proc p ON o.classid = 'pg_proc'::regclass AND p.oid = o.objid
UNION ALL
SELECT o.objid, 'TYPE ' || t.oid::regtype, 'T', t.typowner, t.typacl
  FROM ours o JOIN pg_type t ON o.classid = 'pg_type'::regclass AND t.oid = o.objid WHERE t.typcategory <> 'A'
UNION ALL
SELECT o.objid, 'SCHEMA ' || n.oid::regnamespace, 'n', n.nspowner, n.nspacl
  FROM ours o JOIN pg_namespace n ON o.classid = 'pg_namespace'::regclass AND n.oid = o.objid;

-- ------------------------------------------------------------ what is granted, to whomever but the owner
CREATE TEMP VIEW actual AS
SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END AS grantee, o.name AS object,
       a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS privilege
  FROM object o, aclexplode(coalesce(o.acl, acldefault(o.kind, o.owner))) AS a WHERE a.grantee <> o.owner
UNION
SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END, format('COLUMN %I of %s', c.attname, o.name), a.privilege_type
  FROM object o JOIN pg_attribute c ON o.kind = 'r' AND c.attrelid = o.oid, aclexplode(c.attacl) AS a
UNION
SELECT pg_get_userbyid(o.owner), o.name, 'OWNER'
  FROM object o JOIN pg_extension e ON e.extname = 'learning_credentials' AND o.owner <> e.extowner;

-- The same as the server judges it when it is used, with what comes by PUBLIC and by roles.
CREATE TEMP VIEW effective AS
SELECT r.rolname::text AS grantee, o.name AS object, a.privilege_type AS privilege
  FROM object o, aclexplode(acldefault(o.kind, o.owner)) AS a, pg_roles r
 WHERE r.rolname LIKE 'lc\_%' AND a.grantee = o.owner
   AND CASE o.kind WHEN 'f' THEN has_function_privilege(r.oid, o.oid, a.privilege_type)
                   WHEN 'n' THEN has_schema_privilege(r.oid, o.oid, a.privilege_type)
                   WHEN 'T' THEN has_type_privilege(r.oid, o.oid, a.privilege_type)
                   WHEN 's' THEN has_sequence_privilege(r.oid, o.oid, a.privilege_type)
                   ELSE has_table_privilege(r.oid, o.oid, a.privilege_type)
                        OR a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege(r.oid, o.oid, a.privilege_type) END;

-- ------------------------------------------------------------ what is to be
CREATE TEMP VIEW difference AS
WITH there AS MATERIALIZED (TABLE object),
actually AS MATERIALIZED (TABLE actual),
-- names as GRANT writes them, and the objects' own
named AS MATERIALIZED (
    SELECT n.object, coalesce(t.name, n.object || ', which is not there') AS name
      FROM (SELECT object FROM learning_credentials.access_level UNION SELECT object FROM for_nobody) AS n
      CROSS JOIN LATERAL (SELECT split_part(n.object, ' ', 1) AS kind, substr(n.object, strpos(n.object, ' ') + 1) AS rest) AS part
      LEFT JOIN there t ON t.oid = CASE WHEN part.kind IN ('TABLE', 'SEQUENCE') THEN to_regclass(rest)::oid
                                        WHEN part.kind IN ('FUNCTION', 'PROCEDURE') THEN to_regprocedure(rest)::oid
                                        WHEN part.kind IN ('TYPE', 'DOMAIN') THEN to_regtype(rest)::oid
                                        WHEN part.kind = 'SCHEMA' THEN to_regnamespace(rest)::oid END
                       AND split_part(t.name, ' ', 1) = replace(part.kind, 'DOMAIN', 'TYPE')),
nobodys AS MATERIALIZED (SELECT n.name FROM for_nobody f JOIN named n USING (object)),
expected AS MATERIALIZED (
    SELECT 'lc_' || a.level AS grantee, n.name AS object, unnest(string_to_array(a.privilege, ', ')) AS privilege
      FROM learning_credentials.access_level a JOIN named n USING (object)
    UNION ALL
    -- PostgreSQL's default. A type gives nothing to whoever may not use what returns it.
    SELECT 'PUBLIC', t.name, 'USAGE' FROM there t WHERE t.kind = 'T')
SELECT 'granted, but not in access_level' AS problem, d.* FROM (TABLE actually EXCEPT TABLE expected) AS d
UNION ALL
SELECT 'in access_level, but not granted', d.* FROM (TABLE expected EXCEPT TABLE actually) AS d
UNION ALL
SELECT 'usable, but not in access_level', d.*
  FROM (SELECT * FROM effective WHERE object NOT LIKE 'TYPE %' OR privilege <> 'USAGE' EXCEPT TABLE expected) AS d
UNION ALL
SELECT 'neither in access_level nor listed for nobody', NULL, t.name, NULL
  FROM there t WHERE t.kind <> 'T' AND t.name NOT IN (SELECT object FROM expected) AND t.name NOT IN (SELECT name FROM nobodys)
UNION ALL
SELECT 'listed for nobody, but not there', NULL, name, NULL FROM nobodys WHERE name NOT IN (SELECT name FROM there)
UNION ALL
SELECT 'listed for nobody, but somebody''s', NULL, name, NULL
  FROM nobodys WHERE name IN (SELECT object FROM actually UNION ALL SELECT object FROM expected);

SELECT split_part(name, ' ', 1) AS kind, count(*) > 1 AS several FROM object GROUP BY 1 ORDER BY 1;
SELECT grantee, count(*) > 1 AS several FROM actual GROUP BY 1 ORDER BY 1;
TABLE difference ORDER BY object COLLATE "C", privilege COLLATE "C", grantee;

-- ------------------------------------------------------------ each of these is found
CREATE FUNCTION learning_credentials.new_function() RETURNS integer LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON FUNCTION learning_credentials.new_function() FROM PUBLIC;
CREATE PROCEDURE learning_credentials_api.open_procedure() LANGUAGE sql AS '';
CREATE TABLE learning_credentials.new_table (id bigint);
CREATE MATERIALIZED VIEW learning_credentials_api.new_view AS SELECT 1 AS one;
CREATE SEQUENCE learning_credentials_api.new_sequence;
CREATE DOMAIN learning_credentials.new_domain AS text;
REVOKE ALL ON DOMAIN learning_credentials.new_domain FROM PUBLIC;
GRANT USAGE ON DOMAIN learning_credentials.new_domain TO lc_staff;
INSERT INTO learning_credentials.access_privilege VALUES ('admin', 'EXECUTE', 'FUNCTION learning_credentials.nowhere()');
INSERT INTO for_nobody VALUES ('TABLE learning_credentials.gone');
GRANT CREATE ON SCHEMA learning_credentials_api TO lc_staff;
GRANT SELECT (user_full_name) ON learning_credentials.credential TO lc_verifier;
GRANT SELECT ON learning_credentials_api.metadata TO lc_verifier WITH GRANT OPTION;
GRANT SELECT ON learning_credentials.document TO PUBLIC;
GRANT TRIGGER ON learning_credentials.lms_user TO lc_admin;
GRANT EXECUTE ON FUNCTION learning_credentials.check_type() TO pg_monitor;
REVOKE EXECUTE ON FUNCTION learning_credentials.generate_credential(bigint, bigint) FROM lc_issuer;
ALTER FUNCTION learning_credentials.keyed_support(internal) OWNER TO lc_other;
GRANT lc_other TO lc_learner;
TABLE difference ORDER BY object COLLATE "C", privilege COLLATE "C", grantee COLLATE "C", problem;
ROLLBACK;
