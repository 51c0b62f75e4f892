-- Levels of access: given, taken, and what each allows on every object of both schemas.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
BEGIN;
CREATE FUNCTION pg_temp.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text;
    detail text;
BEGIN
    EXECUTE statement INTO value;
    RETURN coalesce(value, '(null)');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, CASE WHEN SQLSTATE !~ '^23' THEN nullif(detail, '') END);
END
$$;
CREATE ROLE lc_verifier;
CREATE ROLE lc_learner;
CREATE ROLE lc_staff;
CREATE ROLE lc_issuer;
CREATE ROLE lc_admin;
CREATE ROLE lc_stranger;
CREATE ROLE lc_can_login LOGIN;
CREATE ROLE "lc Odd ""Role""";

-- ------------------------------------------------------------ giving
SELECT learning_credentials.grant_access('lc_' || level, level) FROM unnest(ARRAY['verifier', 'learner', 'staff', 'issuer', 'admin']) AS level;
SELECT learning_credentials.grant_access('lc_verifier', 'verifier') AS twice;
SELECT learning_credentials.grant_access('lc Odd "Role"', 'verifier') AS odd;
SELECT role_name, level, granted_by = session_user AS by_me FROM learning_credentials.access_grant
 WHERE role_name ~ '^lc' ORDER BY role_name::text COLLATE "C";
SELECT call, pg_temp.answer('SELECT learning_credentials.' || call) FROM unnest(ARRAY[
    $$grant_access('lc_verifier', 'owner')$$, $$grant_access('lc_verifier', '')$$, $$grant_access('lc_nobody', 'verifier')$$,
    $$grant_access('public', 'verifier')$$, $$grant_access('lc_can_login', 'learner')$$, $$grant_access('lc_can_login', 'staff')$$,
    $$grant_access(NULL, 'verifier')$$, $$grant_access('lc_verifier', NULL)$$,
    $$revoke_access('lc_stranger', 'verifier')$$, $$revoke_access('lc_verifier', 'issuer')$$, $$revoke_access('lc_verifier', 'owner')$$,
    $$revoke_access(NULL, 'verifier')$$, $$revoke_access('lc_verifier', NULL)$$]) AS call;
-- who may log in may be anything else
SELECT learning_credentials.grant_access('lc_can_login', level) FROM unnest(ARRAY['verifier', 'issuer', 'admin']) AS level;
SELECT string_agg(level, ', ' ORDER BY level) FROM learning_credentials.access_grant WHERE role_name = 'lc_can_login';

-- ------------------------------------------------------------ what each role has, object by object
-- Granted, on everything there is in both schemas. TRIGGER, REFERENCES and TRUNCATE are nobody's.
CREATE TEMP VIEW object AS
SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' END AS kind,
       c.oid::regclass::text AS name, c.oid, c.relacl AS acl, 'r' AS class
  FROM pg_class c WHERE c.relnamespace IN ('learning_credentials'::regnamespace, 'learning_credentials_api'::regnamespace)
                    AND c.relkind IN ('r', 'v', 'S', 'm', 'f', 'p')
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, p.oid::regprocedure::text, p.oid, p.proacl, 'f'
  FROM pg_proc p WHERE p.pronamespace IN ('learning_credentials'::regnamespace, 'learning_credentials_api'::regnamespace)
UNION ALL
SELECT 'schema', n.nspname, n.oid, n.nspacl, 'n' FROM pg_namespace n WHERE n.nspname LIKE 'learning\_credentials%';
CREATE TEMP VIEW allowed AS
SELECT r.rolname, o.kind, o.name, string_agg(p, ', ' ORDER BY p) AS privileges
  FROM object o, pg_roles r,
       unnest(CASE o.class WHEN 'f' THEN ARRAY['EXECUTE'] WHEN 'n' THEN ARRAY['USAGE', 'CREATE']
                           ELSE CASE o.kind WHEN 'sequence' THEN ARRAY['USAGE', 'SELECT', 'UPDATE']
                                ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'] END END) AS p
 WHERE CASE o.class WHEN 'f' THEN has_function_privilege(r.oid, o.oid, p)
                    WHEN 'n' THEN has_schema_privilege(r.oid, o.oid, p)
                    ELSE CASE o.kind WHEN 'sequence' THEN has_sequence_privilege(r.oid, o.oid, p)
                         ELSE has_table_privilege(r.oid, o.oid, p) END END
 GROUP BY r.rolname, o.kind, o.name;
GRANT SELECT ON object TO PUBLIC;
SELECT kind, count(*) > 0 AS there FROM object GROUP BY kind ORDER BY kind;
-- PUBLIC: a role with nothing
SELECT count(*) AS strangers FROM allowed WHERE rolname = 'lc_stranger';
SELECT kind, name, privileges FROM allowed WHERE rolname = 'lc_verifier' ORDER BY kind, name COLLATE "C";
SELECT kind, name, privileges FROM allowed WHERE rolname = 'lc_learner' ORDER BY kind, name COLLATE "C";
SELECT kind, name, privileges FROM allowed WHERE rolname = 'lc_staff' ORDER BY kind, name COLLATE "C";
SELECT kind, name, privileges FROM allowed WHERE rolname = 'lc_issuer' ORDER BY kind, name COLLATE "C";
SELECT kind, name, privileges FROM allowed WHERE rolname = 'lc_admin' ORDER BY kind, name COLLATE "C";
-- columns and types give no way around
SELECT count(*) AS column_grants FROM pg_attribute a JOIN object o ON o.oid = a.attrelid AND o.class = 'r' WHERE a.attacl IS NOT NULL;
SELECT count(*) AS type_grants FROM pg_type WHERE typnamespace = 'learning_credentials'::regnamespace AND typacl IS NOT NULL;
-- nothing goes on from those who were given it
SELECT count(*) AS grantable FROM object o, aclexplode(o.acl) a
 WHERE a.is_grantable AND a.grantee IN (SELECT oid FROM pg_roles WHERE rolname ~ '^lc');

-- ------------------------------------------------------------ what an anonymous verifier reads, tried
SET LOCAL ROLE lc_verifier;
SELECT kind, name, CASE class
       WHEN 'r' THEN pg_temp.answer('SELECT count(*) FROM ' || name)
       WHEN 'f' THEN pg_temp.answer(format('%s %s(%s)', CASE kind WHEN 'procedure' THEN 'CALL' ELSE 'SELECT' END,
                                           split_part(name, '(', 1),
                                           (SELECT string_agg('NULL::' || t, ', ') FROM unnest(string_to_array(trim(split_part(name, '(', 2), ')'), ',')) AS t)))
       END AS answer
  FROM object WHERE class IN ('r', 'f') AND name !~ '\(internal\)' ORDER BY kind, name COLLATE "C";
RESET ROLE;

-- ------------------------------------------------------------ taking
SELECT learning_credentials.revoke_access('lc_can_login', 'admin');
SELECT count(*) FILTER (WHERE name LIKE '%lms\_%' AND privileges LIKE '%INSERT%') AS writes_facts,
       count(*) FILTER (WHERE name LIKE '%generate\_credential(%') AS issues,
       count(*) FILTER (WHERE name LIKE '%metadata') AS verifies FROM allowed WHERE rolname = 'lc_can_login';
SELECT learning_credentials.revoke_access('lc_can_login', 'issuer');
SELECT kind, name, privileges FROM allowed WHERE rolname = 'lc_can_login' ORDER BY kind, name;
SELECT learning_credentials.revoke_access('lc_can_login', 'verifier');
SELECT count(*) AS left_over FROM allowed WHERE rolname = 'lc_can_login';
-- the smaller of two levels first: what the larger gives stays
SELECT learning_credentials.grant_access('lc_stranger', level) FROM unnest(ARRAY['verifier', 'issuer']) AS level;
SELECT learning_credentials.revoke_access('lc_stranger', 'verifier');
SELECT (SELECT count(*) FROM allowed WHERE rolname = 'lc_stranger') = (SELECT count(*) FROM allowed WHERE rolname = 'lc_issuer') AS all_of_it;
-- of a role that is gone
DROP OWNED BY lc_stranger;
DROP ROLE lc_stranger;
SELECT learning_credentials.revoke_access('lc_stranger', 'issuer');
SELECT count(*) FROM learning_credentials.access_grant WHERE role_name = 'lc_stranger';
-- an administrator of the extension gives levels, as its owner would
SET LOCAL ROLE lc_admin;
SELECT learning_credentials.grant_access('lc_can_login', 'verifier');
SELECT learning_credentials.revoke_access('lc_can_login', 'verifier');
SELECT pg_temp.answer($$INSERT INTO learning_credentials.access_grant VALUES ('lc_can_login', 'admin')$$);
RESET ROLE;
-- the table keeps to the levels
SELECT pg_temp.answer($$INSERT INTO learning_credentials.access_grant VALUES ('lc_can_login', 'owner')$$);
-- what is applied again is what was given
SELECT pg_temp.answer($$SELECT learning_credentials.apply_access('lc_can_login', 'verifier')$$);
SELECT kind, name, privileges FROM allowed WHERE rolname = 'lc_can_login' ORDER BY kind, name;
ROLLBACK;
