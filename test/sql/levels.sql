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
-- PUBLIC: a role with nothing. What each level has is in access_objects.sql.
SELECT count(*) AS strangers FROM allowed WHERE rolname = 'lc_stranger';

-- ------------------------------------------------------------ what an anonymous verifier reads, tried
SET LOCAL ROLE lc_verifier;
SELECT kind, name, answer
  FROM (SELECT kind, name, CASE class
               WHEN 'r' THEN pg_temp.answer('SELECT count(*) FROM ' || name)
               WHEN 'f' THEN pg_temp.answer(format('%s %s(%s)', CASE kind WHEN 'procedure' THEN 'CALL' ELSE 'SELECT' END,
                                                   split_part(name, '(', 1),
                                                   (SELECT string_agg('NULL::' || t, ', ') FROM unnest(string_to_array(trim(split_part(name, '(', 2), ')'), ',')) AS t)))
               END AS answer
          FROM object WHERE class = 'r' OR class = 'f' AND name !~ '\(internal\)|^learning_credentials_api\.') AS o
 WHERE answer <> '42501 permission denied for schema learning_credentials' ORDER BY kind, name COLLATE "C";
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
-- the owner has everything, and is not to lose it
SELECT pg_temp.answer($$SELECT learning_credentials.grant_access(r.rolname, 'issuer') FROM pg_extension e JOIN pg_roles r ON r.oid = e.extowner WHERE e.extname = 'learning_credentials'$$) ~ '^22023 role ".*" owns the extension and needs no level$' AS refused;

-- ------------------------------------------------------------ by hand, and by other roles
CREATE VIEW pg_temp.of_hand AS SELECT kind, name, privileges FROM allowed WHERE rolname = 'lc_hand' AND NOT name LIKE '%\_api' ORDER BY kind, name COLLATE "C";
CREATE ROLE lc_hand;
CREATE ROLE lc_heir;
GRANT USAGE ON SCHEMA learning_credentials TO lc_hand;
GRANT SELECT, TRIGGER ON learning_credentials.run TO lc_hand;
GRANT SELECT ON learning_credentials.document TO lc_hand;
GRANT SELECT ON learning_credentials_api.metadata TO lc_hand WITH GRANT OPTION;
SELECT learning_credentials.grant_access('lc_hand', 'issuer');
-- PostgreSQL does not count how often something is granted: what the level gives goes, the rest stays
SELECT learning_credentials.revoke_access('lc_hand', 'issuer');
TABLE pg_temp.of_hand;
SELECT learning_credentials.grant_access('lc_hand', 'verifier');
GRANT SELECT ON learning_credentials_api.metadata TO lc_hand WITH GRANT OPTION;
SET LOCAL ROLE lc_hand;
GRANT SELECT ON learning_credentials_api.metadata TO lc_heir;
RESET ROLE;
-- what was passed on is not taken silently
SELECT pg_temp.answer($$SELECT learning_credentials.revoke_access('lc_hand', 'verifier')$$);
REVOKE SELECT ON learning_credentials_api.metadata FROM lc_hand CASCADE;
SELECT learning_credentials.revoke_access('lc_hand', 'verifier');
TABLE pg_temp.of_hand;
-- by membership: each role has its own
SELECT learning_credentials.grant_access('lc_heir', 'verifier');
GRANT lc_issuer TO lc_heir;
SELECT learning_credentials.revoke_access('lc_heir', 'verifier');
SELECT (SELECT count(*) FROM allowed WHERE rolname = 'lc_heir') = (SELECT count(*) FROM allowed WHERE rolname = 'lc_issuer') AS inherited;
SELECT pg_temp.answer($$SELECT learning_credentials.revoke_access('lc_heir', 'issuer')$$);
REVOKE lc_issuer FROM lc_heir;
SELECT count(*) FROM allowed WHERE rolname = 'lc_heir';
-- levels that overlap without including each other
CREATE ROLE lc_two;
SELECT learning_credentials.grant_access('lc_two', level) FROM unnest(ARRAY['staff', 'issuer']) AS level;
SELECT learning_credentials.revoke_access('lc_two', 'issuer');
SELECT (SELECT count(*) FROM allowed WHERE rolname = 'lc_two') = (SELECT count(*) FROM allowed WHERE rolname = 'lc_staff') AS all_of_staff;
SELECT learning_credentials.grant_access('lc_two', 'issuer');
SELECT learning_credentials.revoke_access('lc_two', 'staff');
SELECT (SELECT count(*) FROM allowed WHERE rolname = 'lc_two') = (SELECT count(*) FROM allowed WHERE rolname = 'lc_issuer') AS all_of_issuer;
DROP OWNED BY lc_two;
DROP ROLE lc_two;

-- ------------------------------------------------------------ roles that are renamed, dropped, made again
CREATE VIEW pg_temp.given AS SELECT role_name, level, role_oid = to_regrole(quote_ident(role_name)) AS found FROM learning_credentials.access_grant
 WHERE role_name ~ '^lc_[ab]$' ORDER BY role_name, level COLLATE "C";
CREATE ROLE lc_a;
CREATE ROLE lc_b;
SELECT learning_credentials.grant_access('lc_a', 'issuer'), learning_credentials.grant_access('lc_a', 'staff'), learning_credentials.grant_access('lc_b', 'verifier'), learning_credentials.grant_access('lc_b', 'staff');
ALTER ROLE lc_a RENAME TO lc_c;
ALTER ROLE lc_b RENAME TO lc_a;
ALTER ROLE lc_c RENAME TO lc_b;
-- taken by the new name
SELECT pg_temp.answer($$SELECT learning_credentials.revoke_access('lc_a', 'issuer')$$);
SELECT learning_credentials.revoke_access('lc_b', 'issuer');
SELECT count(*) FILTER (WHERE name LIKE 'learning_credentials.%' AND name NOT LIKE '%.hides_name(bigint)') AS issuers FROM allowed WHERE rolname IN ('lc_a', 'lc_b');
TABLE pg_temp.given;
SELECT learning_credentials.apply_access();
TABLE pg_temp.given;
-- who comes with the name of one that is gone has nothing of it
DROP OWNED BY lc_a;
DROP ROLE lc_a;
CREATE ROLE lc_a;
TABLE pg_temp.given;
SELECT pg_temp.answer($$SELECT learning_credentials.apply_access()$$);
SELECT count(*) FROM allowed WHERE rolname = 'lc_a';
TABLE pg_temp.given;
-- and a level that was forgotten by the dropped one is given to the new one like to any other
SELECT learning_credentials.grant_access('lc_a', 'staff');
TABLE pg_temp.given;

-- ------------------------------------------------------------ whose claims count: of roles that cannot log in when they call
GRANT lc_learner TO lc_can_login;
CREATE ROLE lc_nologin;
GRANT lc_learner TO lc_nologin;
SET LOCAL "request.jwt.claims" = '{"user_id": 987654321}';
SET LOCAL ROLE lc_learner;
SELECT learning_credentials_api.credentials() AS learner;
SET LOCAL ROLE lc_nologin;
SELECT learning_credentials_api.credentials() AS member;
SET LOCAL ROLE lc_can_login;
SELECT learning_credentials_api.credentials() AS member_with_login;
SET LOCAL ROLE lc_a;
SELECT learning_credentials_api.credentials() AS staff;
RESET ROLE;
ALTER ROLE lc_a LOGIN;
SET LOCAL ROLE lc_a;
SELECT learning_credentials_api.credentials() AS staff_with_login, learning_credentials_api.credentials('somebody') AS of_somebody;
RESET ROLE;
ALTER ROLE lc_a NOLOGIN;
SET LOCAL "request.jwt.claims" = '';

-- ------------------------------------------------------------ applied again
-- whoever gets LOGIN keeps what was granted (the functions that read claims refuse it), and gets nothing new
REVOKE SELECT ON learning_credentials_api.metadata FROM lc_learner, lc_a, lc_issuer, lc_verifier;
ALTER ROLE lc_a LOGIN;
-- restored where a role is missing
INSERT INTO learning_credentials.access_grant (role_name, level) VALUES ('lc_missing', 'issuer');
SELECT learning_credentials.apply_access();
SELECT rolname FROM allowed WHERE name = 'learning_credentials_api.metadata' AND rolname ~ '^lc' ORDER BY rolname;
CREATE ROLE lc_missing;
SELECT learning_credentials.apply_access();
SELECT count(*) > 0 AS given FROM allowed WHERE rolname = 'lc_missing';
INSERT INTO learning_credentials.access_grant (role_name, level, role_oid) VALUES ('lc_never', 'issuer', 10);
SELECT role_oid FROM learning_credentials.access_grant WHERE role_name = 'lc_never';
SELECT learning_credentials.revoke_access('lc_never', 'issuer');
-- also by an administrator, who cannot do it for the owner
SET LOCAL ROLE lc_admin;
SELECT learning_credentials.apply_access();
SELECT call, pg_temp.answer('SELECT learning_credentials.' || call) FROM unnest(ARRAY[$$give_level('lc_admin', 'admin')$$, $$settle_access()$$,
    $$change_privileges(ARRAY['GRANT SELECT ON learning_credentials.document TO lc_admin'])$$]) AS call;
RESET ROLE;
SELECT pg_temp.answer($$SELECT learning_credentials.change_privileges(ARRAY['GRANT SELECT ON learning_credentials.nowhere TO lc_admin'])$$);
ROLLBACK;
