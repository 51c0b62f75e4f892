-- learning_credentials_api.metadata: a row for its code, and no other answer than 42501 without one.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
SET client_min_messages = warning;
BEGIN;

-- ------------------------------------------------------------ an anonymous role
CREATE ROLE anonymous_reader;
SELECT learning_credentials.grant_access('anonymous_reader', 'verifier');

-- What a probe is answered: the number of rows, or the error.
CREATE FUNCTION pg_temp.answer(probe text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE probe;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n || ' rows';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

CREATE TEMP TABLE code (code uuid);
INSERT INTO code VALUES ('a0000000-0000-4000-8000-000000000001'), ('f0000000-0000-4000-8000-00000000dead');
CREATE DOMAIN pg_temp.code_domain AS uuid;
CREATE FUNCTION pg_temp.same(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::text = $2::text';
CREATE OPERATOR pg_temp.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = pg_temp.same);
CREATE FUNCTION pg_temp.dice() RETURNS uuid LANGUAGE plpgsql VOLATILE
    AS 'BEGIN RETURN ''a0000000-0000-4000-8000-000000000001''; END';
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
    AS 'BEGIN RAISE WARNING ''leaked: %'', $1; RETURN true; END';
CREATE VIEW pg_temp.on_top AS SELECT * FROM learning_credentials_api.metadata;
CREATE FUNCTION pg_temp.lookup(uuid) RETURNS SETOF learning_credentials_api.metadata LANGUAGE sql STABLE
    AS 'SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = $1';
CREATE TEMP TABLE way (n integer GENERATED ALWAYS AS IDENTITY, way text, probe text, empty text);
GRANT SELECT, UPDATE ON way, code, pg_temp.on_top TO anonymous_reader;

-- @M stands for the view, @KNOWN and @UNKNOWN for codes. Down to the line everything is refused.
INSERT INTO way (way, probe) VALUES
    ('no filter', 'SELECT * FROM @M'),
    ('count', 'SELECT count(*) FROM @M'),
    ('no column', 'SELECT FROM @M'),
    ('another column', 'SELECT * FROM @M WHERE user_full_name = ''Ada Lovelace'''),
    ('superseded_by as the key', 'SELECT * FROM @M WHERE superseded_by = @KNOWN'),
    ('OR', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN OR user_full_name < ''M'''),
    ('OR of two codes', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN OR verify_uuid = @UNKNOWN'),
    ('OR true', 'SELECT * FROM @M WHERE verify_uuid = @UNKNOWN OR true'),
    ('NOT', 'SELECT * FROM @M WHERE NOT verify_uuid = @UNKNOWN'),
    ('<>', 'SELECT * FROM @M WHERE verify_uuid <> @UNKNOWN'),
    ('NOT NOT of <>', 'SELECT * FROM @M WHERE NOT (NOT (verify_uuid <> @UNKNOWN))'),
    ('range that holds rows', 'SELECT * FROM @M WHERE verify_uuid >= ''a0000000-0000-4000-8000-000000000000'' AND verify_uuid < ''b0000000-0000-4000-8000-000000000000'''),
    ('range that holds none', 'SELECT * FROM @M WHERE verify_uuid >= ''10000000-0000-4000-8000-000000000000'' AND verify_uuid < ''20000000-0000-4000-8000-000000000000'''),
    ('BETWEEN a code and itself', 'SELECT * FROM @M WHERE verify_uuid BETWEEN @KNOWN AND @KNOWN'),
    ('IN with a known code', 'SELECT * FROM @M WHERE verify_uuid IN (@KNOWN, @UNKNOWN)'),
    ('IN without a known code', 'SELECT * FROM @M WHERE verify_uuid IN (@UNKNOWN, ''f0000000-0000-4000-8000-00000000beef'')'),
    ('NOT IN', 'SELECT * FROM @M WHERE verify_uuid NOT IN (@UNKNOWN, ''f0000000-0000-4000-8000-00000000beef'')'),
    ('IN of a subquery', 'SELECT * FROM @M WHERE verify_uuid IN (SELECT code FROM code)'),
    ('= ANY', 'SELECT * FROM @M WHERE verify_uuid = ANY (ARRAY[@KNOWN]::uuid[])'),
    ('= ANY of nothing', 'SELECT * FROM @M WHERE verify_uuid = ANY (''{}''::uuid[])'),
    ('= ALL of nothing', 'SELECT * FROM @M WHERE verify_uuid = ALL (''{}''::uuid[])'),
    ('itself', 'SELECT * FROM @M WHERE verify_uuid = verify_uuid'),
    ('itself through a function', 'SELECT * FROM @M WHERE verify_uuid = coalesce(verify_uuid, @KNOWN)'),
    ('IS NOT DISTINCT FROM', 'SELECT * FROM @M WHERE verify_uuid IS NOT DISTINCT FROM @KNOWN'),
    ('IS NOT NULL', 'SELECT * FROM @M WHERE verify_uuid IS NOT NULL'),
    ('equality IS TRUE', 'SELECT * FROM @M WHERE (verify_uuid = @UNKNOWN) IS NOT TRUE'),
    ('CASE', 'SELECT * FROM @M WHERE CASE WHEN verify_uuid = @UNKNOWN THEN true ELSE true END'),
    ('as text', 'SELECT * FROM @M WHERE verify_uuid::text = @KNOWN'),
    ('LIKE', 'SELECT * FROM @M WHERE verify_uuid::text LIKE ''a%'''),
    ('column as a domain', 'SELECT * FROM @M WHERE verify_uuid::pg_temp.code_domain::text = @KNOWN'),
    ('another operator named =', 'SELECT * FROM @M WHERE verify_uuid OPERATOR(pg_temp.=) @KNOWN::uuid'),
    ('a volatile function', 'SELECT * FROM @M WHERE verify_uuid = pg_temp.dice()'),
    ('row comparison by order', 'SELECT * FROM @M WHERE (verify_uuid, status) >= (@KNOWN::uuid, ''a'')'),
    ('join', 'SELECT * FROM @M JOIN code ON verify_uuid = code'),
    ('left join', 'SELECT * FROM code LEFT JOIN @M ON verify_uuid = code'),
    ('full join', 'SELECT * FROM code FULL JOIN @M ON verify_uuid = code'),
    ('self-join', 'SELECT * FROM @M AS a JOIN @M AS b USING (verify_uuid)'),
    ('cross join', 'SELECT * FROM @M AS a, @M AS b WHERE a.verify_uuid = @KNOWN'),
    ('EXISTS', 'SELECT * FROM code WHERE EXISTS (SELECT FROM @M WHERE verify_uuid = code)'),
    ('EXISTS without a code', 'SELECT EXISTS (SELECT FROM @M WHERE user_full_name < ''M'')'),
    ('aggregate as the key', 'SELECT * FROM @M WHERE verify_uuid = (SELECT min(verify_uuid::text)::uuid FROM @M)'),
    ('HAVING', 'SELECT count(*) FROM @M HAVING min(verify_uuid::text) = @KNOWN'),
    ('outside a LIMIT', 'SELECT * FROM (SELECT * FROM @M LIMIT 10) AS s WHERE verify_uuid = @KNOWN'),
    ('outside a window', 'SELECT * FROM (SELECT *, count(*) OVER () FROM @M) AS s WHERE verify_uuid = @KNOWN'),
    ('outside a DISTINCT ON', 'SELECT * FROM (SELECT DISTINCT ON (status) * FROM @M) AS s WHERE verify_uuid = @KNOWN'),
    ('key of the other branch', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN UNION ALL SELECT * FROM @M'),
    ('MATERIALIZED CTE', 'WITH m AS MATERIALIZED (SELECT * FROM @M) SELECT * FROM m WHERE verify_uuid = @KNOWN'),
    ('CTE read twice', 'WITH m AS (SELECT * FROM @M) SELECT * FROM m AS a, m AS b WHERE a.verify_uuid = @KNOWN AND b.verify_uuid = @KNOWN'),
    ('view on top', 'SELECT * FROM pg_temp.on_top'),
    ('materialised view on top', 'CREATE TEMP TABLE copied AS SELECT * FROM @M'),
    ('ORDER BY and LIMIT', 'SELECT * FROM @M ORDER BY verify_uuid LIMIT 1'),
    ('LIMIT 0', 'SELECT * FROM @M LIMIT 0'),
    ('LIMIT 0 of a range', 'SELECT * FROM @M WHERE verify_uuid > @KNOWN LIMIT 0'),
    ('EXPLAIN', 'EXPLAIN SELECT * FROM @M'),
    ('EXPLAIN of a range', 'EXPLAIN SELECT * FROM @M WHERE verify_uuid > @KNOWN'),
    ('EXPLAIN of LIMIT 0', 'EXPLAIN SELECT * FROM @M LIMIT 0'),
    ('leaking function', 'SELECT * FROM @M WHERE pg_temp.leak(user_full_name)'),
    ('leaking function and a range', 'SELECT * FROM @M WHERE verify_uuid > @KNOWN AND pg_temp.leak(user_full_name)'),
    ('leaking function in ORDER BY', 'SELECT * FROM @M ORDER BY pg_temp.leak(user_full_name)'),
    ('FOR SHARE', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN FOR SHARE'),
    ('INSERT', 'INSERT INTO @M (verify_uuid) VALUES (@UNKNOWN)'),
    ('UPDATE', 'UPDATE @M SET user_full_name = ''Eve'' WHERE verify_uuid = @KNOWN'),
    ('DELETE', 'DELETE FROM @M WHERE verify_uuid = @KNOWN'),
    ('TRUNCATE', 'TRUNCATE @M'),
    ('the table below', 'SELECT * FROM learning_credentials.credential'),
    ('the function below', 'SELECT learning_credentials.keyed(code) FROM code'),
    ('its support function', 'SELECT learning_credentials.keyed_support(NULL)'),
    ('-- allowed', NULL),
    ('its code', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN'),
    ('its code, the other way round', 'SELECT * FROM @M WHERE @KNOWN = verify_uuid'),
    ('an unknown code', 'SELECT * FROM @M WHERE verify_uuid = @UNKNOWN'),
    ('code AND more', 'SELECT * FROM @M WHERE status = ''available'' AND (is_valid AND verify_uuid = @KNOWN)'),
    ('code AND a range without it', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN AND verify_uuid > @KNOWN'),
    ('row comparison by equality', 'SELECT * FROM @M WHERE (verify_uuid, status) = (@KNOWN::uuid, ''available'')'),
    ('IN of one code', 'SELECT * FROM @M WHERE verify_uuid IN (@KNOWN)'),
    ('code as a domain', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN::pg_temp.code_domain'),
    ('code from a stable function', 'SELECT * FROM @M WHERE verify_uuid = current_setting(''test.code'')::uuid'),
    ('code from a subquery', 'SELECT * FROM @M WHERE verify_uuid = (SELECT min(code::text)::uuid FROM code)'),
    ('subquery', 'SELECT * FROM (SELECT * FROM @M) AS s WHERE verify_uuid = @KNOWN'),
    ('single-reference CTE', 'WITH m AS (SELECT * FROM @M) SELECT * FROM m WHERE verify_uuid = @KNOWN'),
    ('code within a MATERIALIZED CTE', 'WITH m AS MATERIALIZED (SELECT * FROM @M WHERE verify_uuid = @KNOWN) SELECT * FROM m'),
    ('view on top with a code', 'SELECT * FROM pg_temp.on_top WHERE verify_uuid = @KNOWN'),
    ('function on top with a code', 'SELECT * FROM pg_temp.lookup(@KNOWN)'),
    ('join with a code', 'SELECT * FROM @M JOIN code ON verify_uuid = code WHERE code = @KNOWN'),
    ('LATERAL lookup of codes', 'SELECT * FROM code, LATERAL (SELECT * FROM @M WHERE verify_uuid = code LIMIT 1) AS m'),
    ('scalar lookup of codes', 'SELECT code, (SELECT user_full_name FROM @M WHERE verify_uuid = code) FROM code'),
    ('UNION ALL of two codes', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN UNION ALL SELECT * FROM @M WHERE verify_uuid = @UNKNOWN'),
    ('GROUP BY and HAVING', 'SELECT verify_uuid, count(*) FROM @M GROUP BY verify_uuid HAVING verify_uuid = @KNOWN'),
    ('leaking function and a code', 'SELECT * FROM @M WHERE pg_temp.leak(user_full_name) AND verify_uuid = @KNOWN'),
    ('leaking function, unknown code', 'SELECT * FROM @M WHERE pg_temp.leak(user_full_name) AND verify_uuid = @UNKNOWN'),
    ('false, whatever is there', 'SELECT * FROM @M WHERE false');
UPDATE way SET probe = replace(replace(replace(probe,
    '@M', 'learning_credentials_api.metadata'),
    '@UNKNOWN', '''f0000000-0000-4000-8000-00000000dead'''),
    '@KNOWN', '''a0000000-0000-4000-8000-000000000001''');
SET LOCAL test.code = 'a0000000-0000-4000-8000-000000000001';

-- ------------------------------------------------------------ nothing is there yet
SELECT count(*) FROM learning_credentials.credential;
SET ROLE anonymous_reader;
UPDATE way SET empty = pg_temp.answer(probe);
RESET ROLE;

-- ------------------------------------------------------------ credentials in every state
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func)
VALUES ('Achievement', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT 'course-v1:Analytical+Engine+1843', id FROM learning_credentials.credential_type WHERE name = 'Achievement';
INSERT INTO learning_credentials.credential
    (uuid, verify_uuid, configuration_id, credential_type_name, learning_context_key, learning_context_name,
     user_id, user_full_name, status, error_message, issue_date, expires_at,
     supersedes, superseded_by, invalidated_at, invalidation_reason, created)
SELECT ('0000000' || n || '-0000-7000-8000-000000000000')::uuid, code::uuid, c.id,
       'Achievement', c.learning_context_key, 'Notes on the Analytical Engine',
       user_id, name, status::learning_credentials.credential_status, error, issued, expires,
       ('0000000' || supersedes || '-0000-7000-8000-000000000000')::uuid,
       ('0000000' || superseded_by || '-0000-7000-8000-000000000000')::uuid,
       invalidated, reason, '2024-01-01 12:00+00'
  FROM learning_credentials.credential_configuration AS c,
       (VALUES (1, 'a0000000-0000-4000-8000-000000000001', 1, 'Ada Lovelace', 'available', NULL,
                '2024-02-01 12:00+00'::timestamptz, NULL::timestamptz, 2, NULL::integer, NULL::timestamptz, NULL),
               (2, 'a0000000-0000-4000-8000-000000000002', 1, 'Ada Byron', 'invalidated', NULL,
                '2024-01-01 12:00+00', NULL, NULL, 1, '2024-02-01 12:00+00', 'Name changed'),
               (3, 'a0000000-0000-4000-8000-000000000003', 2, 'Charles Babbage', 'available', NULL,
                '2024-01-01 12:00+00', '2024-06-01 12:00+00', NULL, NULL, NULL, NULL),
               (4, 'a0000000-0000-4000-8000-000000000004', 3, 'Luigi Menabrea', 'available', NULL,
                '2024-01-01 12:00+00', 'infinity', NULL, NULL, NULL, NULL),
               (5, 'a0000000-0000-4000-8000-000000000005', 4, 'Mary Somerville', 'generating', NULL,
                NULL, NULL, NULL, NULL, NULL, NULL),
               (6, 'a0000000-0000-4000-8000-000000000006', 5, 'Augustus De Morgan', 'error', 'no template',
                NULL, NULL, NULL, NULL, NULL, NULL),
               (7, 'a0000000-0000-4000-8000-000000000007', 6, 'Mallory', 'invalidated', NULL,
                '2024-01-01 12:00+00', NULL, NULL, NULL, '2024-03-01 12:00+00', 'Issued by mistake'))
       AS v (n, code, user_id, name, status, error, issued, expires, supersedes, superseded_by, invalidated, reason)
 WHERE c.learning_context_key = 'course-v1:Analytical+Engine+1843';
ANALYZE learning_credentials.credential;

-- ------------------------------------------------------------ what a code shows
SET TIME ZONE 'UTC';
SET ROLE anonymous_reader;
\x on
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000001';
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000002';
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000003';
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000004';
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000005';
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000006';
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000007';
\x off

-- ------------------------------------------------------------ every way, and whether the empty table said the same
SELECT way, pg_temp.answer(probe) AS answer, pg_temp.answer(probe) = empty AS same
  FROM way WHERE n < (SELECT n FROM way WHERE probe IS NULL) ORDER BY n;
SELECT way, pg_temp.answer(probe) AS answer, empty
  FROM way WHERE n > (SELECT n FROM way WHERE probe IS NULL) ORDER BY n;

-- The whole of the error.
\set VERBOSITY default
SELECT * FROM learning_credentials_api.metadata;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse

-- ------------------------------------------------------------ COPY and MERGE
COPY learning_credentials_api.metadata TO STDOUT;
COPY (SELECT * FROM learning_credentials_api.metadata) TO STDOUT;
COPY (SELECT user_full_name FROM learning_credentials_api.metadata
       WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000001') TO STDOUT;
DO $$
BEGIN
    -- PostgreSQL 15 knows MERGE, 17 allows it on views.
    EXECUTE 'MERGE INTO learning_credentials_api.metadata AS m USING code ON m.verify_uuid = code
             WHEN MATCHED THEN UPDATE SET user_full_name = ''Eve''';
    RAISE WARNING 'MERGE was allowed';
EXCEPTION WHEN insufficient_privilege OR wrong_object_type OR syntax_error OR feature_not_supported THEN
    RAISE WARNING 'MERGE was refused';
END
$$;

-- ------------------------------------------------------------ cursors
DECLARE every CURSOR FOR SELECT * FROM learning_credentials_api.metadata;
DECLARE one CURSOR FOR SELECT user_full_name FROM learning_credentials_api.metadata
    WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000001';
FETCH ALL FROM one;
CLOSE one;

-- ------------------------------------------------------------ prepared statements
PREPARE by_code(uuid) AS
    SELECT user_full_name FROM learning_credentials_api.metadata WHERE verify_uuid = $1;
PREPARE above_code(uuid) AS
    SELECT user_full_name FROM learning_credentials_api.metadata WHERE verify_uuid > $1;
PREPARE by_codes(uuid[]) AS
    SELECT user_full_name FROM learning_credentials_api.metadata WHERE verify_uuid = ANY ($1);
SET plan_cache_mode = force_custom_plan;
EXECUTE by_code('a0000000-0000-4000-8000-000000000001');
EXECUTE by_code('f0000000-0000-4000-8000-00000000dead');
EXECUTE by_code(NULL);
EXECUTE above_code('a0000000-0000-4000-8000-000000000001');
EXECUTE above_code('f0000000-0000-4000-8000-00000000dead');
EXECUTE by_codes('{a0000000-0000-4000-8000-000000000001}');
SET plan_cache_mode = force_generic_plan;
EXECUTE by_code('a0000000-0000-4000-8000-000000000001');
EXECUTE by_code('f0000000-0000-4000-8000-00000000dead');
EXECUTE by_code(NULL);
EXECUTE above_code('a0000000-0000-4000-8000-000000000001');
EXECUTE above_code('f0000000-0000-4000-8000-00000000dead');
EXECUTE by_codes('{a0000000-0000-4000-8000-000000000001}');
RESET plan_cache_mode;

-- ------------------------------------------------------------ nothing else is readable
SELECT count(*) FROM pg_stats WHERE schemaname LIKE 'learning_credentials%';
SELECT relname
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname LIKE 'learning_credentials%' AND c.relkind IN ('r', 'v', 'm', 'S')
   AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'USAGE, SELECT, UPDATE')
            ELSE has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') END;
SELECT has_schema_privilege('learning_credentials', 'USAGE') AS schema;
RESET ROLE;

-- Also for the owner: no statistics that would show codes or names.
SELECT attname FROM pg_stats
 WHERE schemaname = 'learning_credentials' AND tablename = 'credential'
   AND attname IN ('verify_uuid', 'user_full_name', 'invalidation_reason', 'superseded_by');

-- The second line: where no query is planned, the function refuses when it is called.
CREATE TEMP TABLE checked (code uuid CHECK (learning_credentials.keyed(code)));
INSERT INTO checked VALUES ('a0000000-0000-4000-8000-000000000001');
\echo :LAST_ERROR_SQLSTATE

-- ------------------------------------------------------------ the index is used, by both kinds of plan
CREATE FUNCTION pg_temp.indexes_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN ' || statement LOOP
        RETURN QUERY SELECT substring(line FROM 'Scan using (\w+)') WHERE line ~ 'Scan using';
    END LOOP;
END
$$;
DISCARD PLANS;
SET enable_seqscan = off;
SELECT * FROM pg_temp.indexes_of($$SELECT * FROM learning_credentials_api.metadata
    WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000001'$$);
SET plan_cache_mode = force_generic_plan;
SELECT * FROM pg_temp.indexes_of($$EXECUTE by_code('a0000000-0000-4000-8000-000000000001')$$);
ROLLBACK;
DEALLOCATE ALL;
