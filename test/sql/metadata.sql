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
CREATE DOMAIN pg_temp.leaking_domain AS uuid CHECK (pg_temp.leak(VALUE::text));
CREATE VIEW pg_temp.on_top AS SELECT * FROM learning_credentials_api.metadata;
CREATE FUNCTION pg_temp.lookup(uuid) RETURNS SETOF learning_credentials_api.metadata LANGUAGE sql STABLE
    AS 'SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = $1';
CREATE FUNCTION pg_temp.field(learning_credentials_api.metadata) RETURNS text LANGUAGE plpgsql COST 0.0000001
    AS 'BEGIN RAISE WARNING ''leaked: %'', $1.user_full_name; RETURN $1.user_full_name; END';
CREATE FUNCTION pg_temp.related(learning_credentials_api.metadata) RETURNS SETOF learning_credentials_api.metadata
    LANGUAGE sql STABLE AS 'SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = $1.superseded_by';
CREATE FUNCTION pg_temp.others(learning_credentials_api.metadata) RETURNS SETOF learning_credentials_api.metadata
    LANGUAGE sql STABLE AS 'SELECT * FROM learning_credentials_api.metadata WHERE learning_context_name = $1.learning_context_name';
CREATE FUNCTION pg_temp.above(uuid) RETURNS SETOF learning_credentials_api.metadata LANGUAGE sql STABLE
    AS 'SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid > $1';
CREATE FUNCTION pg_temp.above_in_plpgsql(uuid) RETURNS SETOF learning_credentials_api.metadata LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN QUERY SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid > $1; END';
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
    ('a volatile function of the server', 'SELECT * FROM @M WHERE verify_uuid = gen_random_uuid()'),
    ('code as a domain that leaks', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN::pg_temp.leaking_domain'),
    ('column as a domain that leaks', 'SELECT * FROM @M WHERE verify_uuid::pg_temp.leaking_domain = @KNOWN'),
    ('column as a domain that leaks, and a range', 'SELECT * FROM @M WHERE verify_uuid::pg_temp.leaking_domain > @KNOWN'),
    ('itself through a subquery', 'SELECT * FROM @M WHERE verify_uuid = (SELECT verify_uuid)'),
    ('itself through NULLIF', 'SELECT * FROM @M WHERE verify_uuid = nullif(verify_uuid, @UNKNOWN)'),
    ('itself and not itself', 'SELECT * FROM @M WHERE (verify_uuid = @KNOWN) = (verify_uuid <> @UNKNOWN)'),
    ('row comparison by order', 'SELECT * FROM @M WHERE (verify_uuid, status) >= (@KNOWN::uuid, ''a'')'),
    ('row comparison below', 'SELECT * FROM @M WHERE (verify_uuid, user_full_name) < (@UNKNOWN::uuid, ''M'')'),
    ('row comparison of a row', 'SELECT * FROM @M AS m WHERE m = m'),
    ('row comparison with IN', 'SELECT * FROM @M WHERE (verify_uuid, status) IN ((@KNOWN, ''available''), (@UNKNOWN, ''available''))'),
    ('row comparison with a subquery', 'SELECT * FROM @M WHERE (verify_uuid, 1) = ANY (SELECT code, 1 FROM code)'),
    ('= ANY of a subquery', 'SELECT * FROM @M WHERE verify_uuid = ANY (SELECT code FROM code)'),
    ('= ANY of one parameter', 'SELECT * FROM @M WHERE verify_uuid = ANY (string_to_array(@KNOWN, '','')::uuid[])'),
    ('>= ALL', 'SELECT * FROM @M WHERE verify_uuid >= ALL (ARRAY[@KNOWN]::uuid[])'),
    ('join', 'SELECT * FROM @M JOIN code ON verify_uuid = code'),
    ('left join', 'SELECT * FROM code LEFT JOIN @M ON verify_uuid = code'),
    ('full join', 'SELECT * FROM code FULL JOIN @M ON verify_uuid = code'),
    ('self-join', 'SELECT * FROM @M AS a JOIN @M AS b USING (verify_uuid)'),
    ('cross join', 'SELECT * FROM @M AS a, @M AS b WHERE a.verify_uuid = @KNOWN'),
    ('LATERAL without a key', 'SELECT * FROM code, LATERAL (SELECT * FROM @M WHERE verify_uuid > code LIMIT 1) AS m'),
    ('LATERAL that becomes a join', 'SELECT * FROM code, LATERAL (SELECT * FROM @M WHERE verify_uuid = code) AS m'),
    ('join of two LATERAL', 'SELECT * FROM code, LATERAL (SELECT * FROM @M LIMIT 1) AS m WHERE m.verify_uuid = code'),
    ('recursion by a join', 'WITH RECURSIVE w AS (SELECT code FROM code UNION SELECT superseded_by FROM w JOIN @M ON verify_uuid = code) TABLE w'),
    ('INTERSECT', 'SELECT verify_uuid FROM @M INTERSECT SELECT code FROM code'),
    ('EXCEPT', 'SELECT code FROM code EXCEPT SELECT verify_uuid FROM @M'),
    ('NOT EXISTS', 'SELECT * FROM code WHERE NOT EXISTS (SELECT FROM @M WHERE verify_uuid = code)'),
    ('NOT IN of the view', 'SELECT * FROM code WHERE code NOT IN (SELECT verify_uuid FROM @M)'),
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
    ('view on top and a range', 'SELECT * FROM pg_temp.on_top WHERE verify_uuid > @UNKNOWN'),
    ('function on top and a range', 'SELECT * FROM pg_temp.above(@KNOWN)'),
    ('plpgsql on top and a range', 'SELECT * FROM pg_temp.above_in_plpgsql(@UNKNOWN)'),
    ('as XML', 'SELECT table_to_xml(''@M'', true, true, '''')'),
    ('as XML of a query', 'SELECT query_to_xml(''SELECT * FROM @M'', true, true, '''')'),
    ('the whole schema as XML', 'SELECT schema_to_xml(''learning_credentials_api'', true, true, '''')'),
    ('as words', 'SELECT * FROM ts_stat(''SELECT to_tsvector(user_full_name) FROM @M'')'),
    ('as JSON', 'SELECT row_to_json(m) FROM @M AS m'),
    ('SELECT INTO', 'SELECT * INTO TEMP copied FROM @M'),
    ('ORDER BY and LIMIT', 'SELECT * FROM @M ORDER BY verify_uuid LIMIT 1'),
    ('LIMIT 0', 'SELECT * FROM @M LIMIT 0'),
    ('LIMIT 0 of a range', 'SELECT * FROM @M WHERE verify_uuid > @KNOWN LIMIT 0'),
    ('EXPLAIN', 'EXPLAIN SELECT * FROM @M'),
    ('EXPLAIN of a range', 'EXPLAIN SELECT * FROM @M WHERE verify_uuid > @KNOWN'),
    ('EXPLAIN of LIMIT 0', 'EXPLAIN SELECT * FROM @M LIMIT 0'),
    ('EXPLAIN ANALYZE of a range', 'EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM @M WHERE verify_uuid > @KNOWN'),
    ('EXPLAIN of an UPDATE', 'EXPLAIN UPDATE @M SET learning_context_name = ''Eve'' WHERE verify_uuid > @KNOWN'),
    ('EXPLAIN of a DELETE', 'EXPLAIN DELETE FROM @M WHERE verify_uuid = @KNOWN'),
    ('leaking function', 'SELECT * FROM @M WHERE pg_temp.leak(user_full_name)'),
    ('leaking function and a range', 'SELECT * FROM @M WHERE verify_uuid > @KNOWN AND pg_temp.leak(user_full_name)'),
    ('leaking function in ORDER BY', 'SELECT * FROM @M ORDER BY pg_temp.leak(user_full_name)'),
    ('field of the row', 'SELECT pg_temp.field(m) FROM @M AS m'),
    ('field of the row and a range', 'SELECT * FROM @M AS m WHERE verify_uuid > @KNOWN AND pg_temp.field(m) <> '''''),
    ('related rows that become a join', 'SELECT r.* FROM @M AS m, pg_temp.related(m) AS r WHERE m.verify_uuid = @KNOWN'),
    ('related rows without a key', 'SELECT r.* FROM @M AS m, pg_temp.others(m) AS r WHERE m.verify_uuid = @KNOWN'),
    ('FOR UPDATE', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN FOR UPDATE'),
    ('FOR UPDATE of a range', 'SELECT * FROM @M WHERE verify_uuid > @KNOWN FOR UPDATE SKIP LOCKED'),
    ('FOR SHARE', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN FOR SHARE'),
    ('INSERT', 'INSERT INTO @M (verify_uuid) VALUES (@UNKNOWN)'),
    ('UPDATE', 'UPDATE @M SET learning_context_name = ''Eve'' WHERE verify_uuid = @KNOWN'),
    ('DELETE', 'DELETE FROM @M WHERE verify_uuid = @KNOWN'),
    ('UPDATE of what is computed', 'UPDATE @M SET is_valid = true WHERE verify_uuid = @KNOWN'),
    ('UPDATE of nothing', 'UPDATE @M SET learning_context_name = ''Eve'' WHERE false'),
    ('UPDATE that returns', 'UPDATE @M SET learning_context_name = learning_context_name RETURNING *'),
    ('DELETE of a join', 'DELETE FROM @M USING code WHERE verify_uuid = code'),
    ('INSERT ON CONFLICT', 'INSERT INTO @M (verify_uuid) VALUES (@KNOWN) ON CONFLICT (verify_uuid) DO UPDATE SET learning_context_name = ''Eve'''),
    ('TRUNCATE', 'TRUNCATE @M'),
    ('LOCK', 'LOCK TABLE @M IN EXCLUSIVE MODE'),
    ('CREATE RULE', 'CREATE RULE r AS ON SELECT TO @M DO INSTEAD SELECT * FROM @M'),
    ('CREATE RULE for INSERT', 'CREATE RULE r AS ON INSERT TO @M DO ALSO SELECT * FROM @M'),
    ('CREATE POLICY', 'CREATE POLICY p ON @M USING (true)'),
    ('CREATE TRIGGER', 'CREATE TRIGGER t INSTEAD OF UPDATE ON @M FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
    ('CREATE STATISTICS', 'CREATE STATISTICS pg_temp.s ON verify_uuid, user_full_name FROM @M'),
    ('CREATE STATISTICS below', 'CREATE STATISTICS pg_temp.s ON verify_uuid, user_full_name FROM learning_credentials.credential'),
    ('CREATE INDEX', 'CREATE INDEX ON @M (user_full_name)'),
    ('CREATE OR REPLACE', 'CREATE OR REPLACE VIEW @M AS SELECT * FROM learning_credentials.credential'),
    ('ALTER VIEW', 'ALTER VIEW @M SET (security_barrier = false)'),
    ('DROP', 'DROP VIEW @M'),
    ('a foreign key to it', 'CREATE TEMP TABLE f (code uuid REFERENCES @M (verify_uuid))'),
    ('ANALYZE below', 'ALTER TABLE learning_credentials.credential ALTER verify_uuid SET STATISTICS 100'),
    ('the setting that shows more', 'SET learning_credentials.show_pending = on'),
    ('the setting that hides', 'SELECT set_config(''learning_credentials.show_invalidation_reason'', ''off'', false)'),
    ('the setting of the role', 'ALTER ROLE anonymous_reader SET learning_credentials.show_pending = on'),
    ('the table below', 'SELECT * FROM learning_credentials.credential'),
    ('the function below', 'SELECT learning_credentials.keyed(code) FROM code'),
    ('its support function', 'SELECT learning_credentials.keyed_support(NULL)'),
    ('what settings show', 'SELECT learning_credentials.shows(''pending'')'),
    ('PostgREST: everything', 'WITH pgrst_source AS (SELECT @M.* FROM @M) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: a range', 'WITH pgrst_source AS (SELECT @M.* FROM @M WHERE verify_uuid > @KNOWN) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: limit=0', 'WITH pgrst_source AS (SELECT @M.* FROM @M WHERE verify_uuid > @KNOWN LIMIT 0 OFFSET 0) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: limit=0, another column', 'WITH pgrst_source AS (SELECT @M.* FROM @M WHERE user_full_name LIKE ''A%'' LIMIT 0 OFFSET 0) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: limit=0, count=exact', 'WITH pgrst_source AS (SELECT @M.* FROM @M WHERE verify_uuid > @KNOWN LIMIT 0), pgrst_source_count AS (SELECT 1 FROM @M WHERE verify_uuid > @KNOWN) SELECT (SELECT pg_catalog.count(*) FROM pgrst_source_count) AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: limit=0, count=planned', 'EXPLAIN (FORMAT JSON) SELECT 1 FROM @M WHERE verify_uuid > @KNOWN'),
    ('PostgREST: limit=0, count=planned, all', 'EXPLAIN (FORMAT JSON) SELECT 1 FROM @M'),
    ('PostgREST: limit=0, count=estimated', 'WITH pgrst_source AS (SELECT @M.* FROM @M WHERE verify_uuid > @KNOWN LIMIT 0), pgrst_source_count AS (SELECT 1 FROM @M WHERE verify_uuid > @KNOWN LIMIT 1001) SELECT (SELECT pg_catalog.count(*) FROM pgrst_source_count) AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: Accept with .plan', 'EXPLAIN (ANALYZE, FORMAT JSON) SELECT @M.* FROM @M WHERE verify_uuid > @KNOWN'),
    ('PostgREST: in.(...)', 'WITH pgrst_source AS (SELECT @M.* FROM @M WHERE verify_uuid = ANY (''{a0000000-0000-4000-8000-000000000001}'')) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: or=(...)', 'WITH pgrst_source AS (SELECT @M.* FROM @M WHERE (verify_uuid = @KNOWN OR verify_uuid = @UNKNOWN)) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: not.eq', 'WITH pgrst_source AS (SELECT @M.* FROM @M WHERE NOT verify_uuid = @UNKNOWN) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: embedding itself', 'WITH pgrst_source AS (SELECT m.*, row_to_json(e.*)::jsonb AS e FROM @M AS m LEFT JOIN LATERAL (SELECT * FROM @M AS e WHERE e.learning_context_name = m.learning_context_name) AS e ON true WHERE m.verify_uuid = @KNOWN) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: embedding many', 'WITH pgrst_source AS (SELECT m.*, coalesce(e.e, ''[]'') AS e FROM @M AS m LEFT JOIN LATERAL (SELECT json_agg(e)::jsonb AS e FROM (SELECT * FROM @M AS x WHERE x.superseded_by = m.verify_uuid) AS e) AS e ON true WHERE m.verify_uuid = @KNOWN) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: PATCH', 'WITH pgrst_source AS (UPDATE @M SET learning_context_name = ''Eve'' WHERE verify_uuid = @KNOWN RETURNING 1) SELECT count(*) FROM pgrst_source'),
    ('PostgREST: POST', 'WITH pgrst_source AS (INSERT INTO @M (verify_uuid) SELECT @UNKNOWN::uuid RETURNING 1) SELECT count(*) FROM pgrst_source'),
    ('PostgREST: DELETE', 'WITH pgrst_source AS (DELETE FROM @M WHERE verify_uuid = @KNOWN RETURNING 1) SELECT count(*) FROM pgrst_source'),
    ('-- allowed', NULL),
    ('PostgREST: eq', 'WITH pgrst_source AS (SELECT @M.* FROM @M WHERE verify_uuid = @KNOWN) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: eq, count=exact', 'WITH pgrst_source AS (SELECT @M.* FROM @M WHERE verify_uuid = @KNOWN), pgrst_source_count AS (SELECT 1 FROM @M WHERE verify_uuid = @KNOWN) SELECT (SELECT pg_catalog.count(*) FROM pgrst_source_count) AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('PostgREST: eq, count=planned', 'EXPLAIN (FORMAT JSON) SELECT 1 FROM @M WHERE verify_uuid = @KNOWN'),
    ('PostgREST: select and order', 'WITH pgrst_source AS (SELECT @M.status FROM @M WHERE verify_uuid = @KNOWN ORDER BY @M.created LIMIT 10 OFFSET 0) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), ''[]'') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t'),
    ('its code', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN'),
    ('its code, the other way round', 'SELECT * FROM @M WHERE @KNOWN = verify_uuid'),
    ('an unknown code', 'SELECT * FROM @M WHERE verify_uuid = @UNKNOWN'),
    ('code AND more', 'SELECT * FROM @M WHERE status = ''available'' AND (is_valid AND verify_uuid = @KNOWN)'),
    ('code AND a range without it', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN AND verify_uuid > @KNOWN'),
    ('row comparison by equality', 'SELECT * FROM @M WHERE (verify_uuid, status) = (@KNOWN::uuid, ''available'')'),
    ('IN of one code', 'SELECT * FROM @M WHERE verify_uuid IN (@KNOWN)'),
    ('two codes at once', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN AND verify_uuid = @UNKNOWN'),
    ('code and a range', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN AND verify_uuid > @UNKNOWN'),
    ('NULL', 'SELECT * FROM @M WHERE verify_uuid = NULL'),
    ('outer join by a code', 'SELECT * FROM code LEFT JOIN @M ON verify_uuid = @KNOWN WHERE code = @UNKNOWN'),
    ('column as a domain that allows all', 'SELECT * FROM @M WHERE verify_uuid::pg_temp.code_domain = @KNOWN'),
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
    ('field of the row and a code', 'SELECT * FROM @M AS m WHERE pg_temp.field(m) <> '''' AND verify_uuid = @KNOWN'),
    ('field of the row, unknown code', 'SELECT * FROM @M AS m WHERE pg_temp.field(m) <> '''' AND verify_uuid = @UNKNOWN'),
    ('recursion by a look-up', 'WITH RECURSIVE w AS (SELECT code FROM code UNION SELECT (SELECT superseded_by FROM @M WHERE verify_uuid = code) FROM w) TABLE w'),
    ('EXPLAIN with a code', 'EXPLAIN SELECT * FROM @M WHERE verify_uuid = @KNOWN'),
    ('EXPLAIN with an unknown code', 'EXPLAIN SELECT * FROM @M WHERE verify_uuid = @UNKNOWN'),
    ('LIMIT 0 with a code', 'SELECT * FROM @M WHERE verify_uuid = @KNOWN LIMIT 0'),
    ('as XML with a code', 'SELECT query_to_xml(''SELECT status FROM @M WHERE verify_uuid = '' || quote_literal(@KNOWN), true, true, '''')'),
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
SELECT (lpad(n::text, 8, '0') || '-0000-7000-8000-000000000000')::uuid,
       ('a0000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, c.id,
       'Achievement', c.learning_context_key, 'Notes on the Analytical Engine',
       user_id, name, status::learning_credentials.credential_status, error, issued, expires,
       (lpad(supersedes::text, 8, '0') || '-0000-7000-8000-000000000000')::uuid,
       (lpad(superseded_by::text, 8, '0') || '-0000-7000-8000-000000000000')::uuid,
       invalidated, reason, '2024-01-01 12:00+00'
  FROM learning_credentials.credential_configuration AS c,
       (VALUES (1, 1, 'Ada Lovelace', 'available', NULL,
                '2024-02-01 12:00+00'::timestamptz, NULL::timestamptz, 2, NULL::integer, NULL::timestamptz, NULL),
               (2, 1, 'Ada Byron', 'invalidated', NULL,
                '2024-01-01 12:00+00', NULL, NULL, 1, '2024-02-01 12:00+00', 'Name changed'),
               (3, 2, 'Charles Babbage', 'available', NULL,
                '2024-01-01 12:00+00', '2024-06-01 12:00+00', NULL, NULL, NULL, NULL),
               (4, 3, 'Luigi Menabrea', 'available', NULL,
                '2024-01-01 12:00+00', 'infinity', NULL, NULL, NULL, NULL),
               (5, 4, 'Mary Somerville', 'generating', NULL,
                NULL, NULL, NULL, NULL, NULL, NULL),
               (6, 5, 'Augustus De Morgan', 'error', 'no template',
                NULL, NULL, NULL, NULL, NULL, NULL),
               (7, 6, 'Mallory', 'invalidated', NULL,
                '2024-01-01 12:00+00', NULL, NULL, NULL, '2024-03-01 12:00+00', 'Issued by mistake'),
               -- imported: what replaced them is not available yet, or not there
               (8, 7, 'Jacquard', 'invalidated', NULL,
                '2024-01-01 12:00+00', NULL, NULL, 5, '2024-03-01 12:00+00', 'Renewed'),
               (9, 8, 'Maillardet', 'invalidated', NULL,
                '2024-01-01 12:00+00', NULL, NULL, 99, '2024-03-01 12:00+00', 'Renewed'),
               -- replacements that wait: Menabrea's, and one that failed, of Byron's second
               (10, 3, 'Luigi Federico Menabrea', 'generating', NULL,
                '2024-02-01 12:00+00', NULL, 4, NULL, NULL, NULL),
               (11, 1, 'Ada King', 'error', 'no template',
                '2024-02-01 12:00+00', NULL, 1, NULL, NULL, NULL))
       AS v (n, user_id, name, status, error, issued, expires, supersedes, superseded_by, invalidated, reason)
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
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000008';
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000009';
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000010';
SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000011';
\x off

-- ------------------------------------------------------------ every way, and whether the empty table said the same
-- (What PostgreSQL says of other mistakes differs between its versions.)
SELECT way, CASE WHEN answer ~ '^42501 (a credential|permission denied for)' THEN answer ELSE left(answer, 5) END AS answer, answer = empty AS same
  FROM (SELECT *, pg_temp.answer(probe) AS answer FROM way) AS w
 WHERE n < (SELECT n FROM way WHERE probe IS NULL) ORDER BY n;
SELECT way, pg_temp.answer(probe) AS answer, empty
  FROM way WHERE n > (SELECT n FROM way WHERE probe IS NULL) ORDER BY n;

-- No error names what the statement did not name itself: no table, column, function, index, constraint, holder.
SELECT DISTINCT name, way
  FROM way,
       LATERAL (SELECT answer FROM pg_temp.answer(probe) AS answer
                 WHERE answer !~ 'rows$' AND answer !~ '^42501 a credential is shown only to whoever') AS a,
       (SELECT relname::text FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'learning_credentials')
        UNION SELECT attname::text FROM pg_attribute WHERE attnum > 0 AND attrelid IN (
                  SELECT oid FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'learning_credentials'))
        UNION SELECT conname::text FROM pg_constraint WHERE connamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'learning_credentials')
        UNION SELECT proname::text FROM pg_proc WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'learning_credentials')
        UNION SELECT regexp_split_to_table('Ada Lovelace Byron Babbage Menabrea Somerville Morgan Mallory', ' ')) AS n (name)
 WHERE answer ~ ('\m' || name || '\M') AND probe !~ ('\m' || name || '\M');

-- The whole of the error.
\set VERBOSITY default
SELECT * FROM learning_credentials_api.metadata;
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY terse

-- What else a caller can get wrong.
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'ada'$$);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 7$$);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid ~~ 'a%'$$);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE configuration_id = 1$$);
SELECT pg_temp.answer($$SELECT evidence FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000001'$$);
SELECT pg_temp.answer($$SELECT user_full_name::integer FROM learning_credentials_api.metadata WHERE verify_uuid = 'f0000000-0000-4000-8000-00000000dead'$$);
SELECT pg_temp.answer($$SELECT user_full_name::integer FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000005'$$);
SELECT pg_temp.answer($$SELECT user_full_name::integer FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000001'$$);

-- ------------------------------------------------------------ operators and names of the caller's own, found first
RESET ROLE;
CREATE SCHEMA evil AUTHORIZATION anonymous_reader;
SET ROLE anonymous_reader;
SET search_path = evil, pg_catalog;
CREATE FUNCTION always(pg_catalog.uuid, pg_catalog.uuid) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0000001
    AS 'BEGIN RAISE WARNING ''leaked: %'', $1; RETURN true; END';
CREATE FUNCTION matches(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0000001
    AS 'BEGIN RAISE WARNING ''leaked: %'', $1; RETURN true; END';
CREATE FUNCTION keyed(pg_catalog.uuid) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR === (LEFTARG = pg_catalog.uuid, RIGHTARG = pg_catalog.uuid, FUNCTION = pg_catalog.uuid_eq, NEGATOR = !==);
CREATE OPERATOR !== (LEFTARG = pg_catalog.uuid, RIGHTARG = pg_catalog.uuid, FUNCTION = always, NEGATOR = ===);
CREATE OPERATOR ~= (LEFTARG = text, RIGHTARG = text, FUNCTION = matches);
-- Equality under another name is equality, whatever it says of itself.
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid === 'a0000000-0000-4000-8000-000000000001'$$);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid === 'f0000000-0000-4000-8000-00000000dead'$$);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE NOT verify_uuid === 'f0000000-0000-4000-8000-00000000dead'$$);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid !== 'a0000000-0000-4000-8000-000000000001'$$);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE NOT verify_uuid !== 'f0000000-0000-4000-8000-00000000dead'$$);
CREATE OPERATOR = (LEFTARG = pg_catalog.uuid, RIGHTARG = pg_catalog.uuid, FUNCTION = always);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000001'$$);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid IN ('a0000000-0000-4000-8000-000000000001')$$);
DROP OPERATOR = (pg_catalog.uuid, pg_catalog.uuid);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE user_full_name ~= 'A'$$);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE user_full_name ~= 'A' AND verify_uuid = 'f0000000-0000-4000-8000-00000000dead'$$);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE user_full_name ~= 'A' AND verify_uuid = 'a0000000-0000-4000-8000-000000000005'$$);
SELECT pg_temp.answer($$SELECT * FROM learning_credentials_api.metadata WHERE user_full_name ~= 'A' AND verify_uuid = 'a0000000-0000-4000-8000-000000000001'$$);
RESET search_path;

-- ------------------------------------------------------------ views and materialised views on top, of whoever may make them
CREATE VIEW evil.holders AS SELECT verify_uuid, user_full_name FROM learning_credentials_api.metadata;
SELECT pg_temp.answer('SELECT * FROM evil.holders');
SELECT pg_temp.answer('SELECT count(*) FROM evil.holders WHERE user_full_name > ''A''');
SELECT * FROM evil.holders WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000001';
SELECT pg_temp.answer('CREATE MATERIALIZED VIEW evil.copied AS SELECT * FROM learning_credentials_api.metadata');
CREATE MATERIALIZED VIEW evil.empty AS SELECT * FROM learning_credentials_api.metadata WITH NO DATA;
SELECT pg_temp.answer('REFRESH MATERIALIZED VIEW evil.empty');
SELECT pg_temp.answer('CREATE TABLE evil.copied AS SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid > ''00000000-0000-0000-0000-000000000000''');
RESET ROLE;
-- also for whoever owns everything
SELECT pg_temp.answer('REFRESH MATERIALIZED VIEW evil.empty');
SELECT pg_temp.answer('SELECT * FROM learning_credentials_api.metadata');

-- ------------------------------------------------------------ what PostgREST could embed
-- Foreign keys of columns that the view shows, functions of the schema that take a row.
SELECT conname FROM pg_constraint AS k
  JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
 WHERE k.contype = 'f' AND k.conrelid = 'learning_credentials.credential'::regclass
   AND a.attname IN (SELECT attname FROM pg_attribute WHERE attrelid = 'learning_credentials_api.metadata'::regclass)
UNION ALL
SELECT conname FROM pg_constraint AS k
  JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)
 WHERE k.contype = 'f' AND k.confrelid = 'learning_credentials.credential'::regclass
   AND a.attname IN (SELECT attname FROM pg_attribute WHERE attrelid = 'learning_credentials_api.metadata'::regclass);
SELECT p.oid::regprocedure FROM pg_proc AS p, unnest(p.proargtypes) AS argument
  JOIN pg_type AS t ON t.oid = argument
 WHERE p.pronamespace = 'learning_credentials_api'::regnamespace AND t.typtype = 'c';

-- ------------------------------------------------------------ not yet available and not there: no difference
-- What EXPLAIN ANALYZE tells, without times.
CREATE FUNCTION pg_temp.told(code uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    lines text = '';
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (ANALYZE, VERBOSE, BUFFERS off, TIMING off, SUMMARY off)
                                SELECT * FROM learning_credentials_api.metadata WHERE verify_uuid = %L', code) LOOP
        lines = lines || replace(line, code::text, 'CODE') || E'\n';
    END LOOP;
    RETURN lines;
END
$$;
CREATE FUNCTION pg_temp.told_the_same() RETURNS TABLE (how text, pending boolean, available boolean) LANGUAGE sql AS $$
    SELECT substring(pg_temp.told('f0000000-0000-4000-8000-00000000dead') FROM '[[:alpha:] ]* on \S*|[[:alpha:] ]* using \S*'),
           bool_and(pg_temp.told(code) = pg_temp.told('f0000000-0000-4000-8000-00000000dead')) FILTER (WHERE not_yet),
           bool_and(pg_temp.told(code) = pg_temp.told('f0000000-0000-4000-8000-00000000dead')) FILTER (WHERE NOT not_yet)
      FROM (VALUES ('a0000000-0000-4000-8000-000000000001'::uuid, false),
                   ('a0000000-0000-4000-8000-000000000005', true), ('a0000000-0000-4000-8000-000000000006', true),
                   ('a0000000-0000-4000-8000-000000000010', true), ('a0000000-0000-4000-8000-000000000011', true)) AS v (code, not_yet)
$$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pg_temp TO anonymous_reader;
SET ROLE anonymous_reader;
-- Every way that the caller can make the planner go.
SELECT * FROM pg_temp.told_the_same();
SET enable_seqscan = off;
SELECT * FROM pg_temp.told_the_same();
SET cpu_operator_cost = 0;
SET cpu_tuple_cost = 0;
SET cpu_index_tuple_cost = 0;
SELECT * FROM pg_temp.told_the_same();
SET random_page_cost = 0;
SET seq_page_cost = 0;
SELECT * FROM pg_temp.told_the_same();
RESET random_page_cost;
RESET seq_page_cost;
RESET cpu_operator_cost;
RESET cpu_tuple_cost;
RESET cpu_index_tuple_cost;
SET enable_indexscan = off;
SELECT * FROM pg_temp.told_the_same();
SET enable_bitmapscan = off;
SET enable_seqscan = on;
SELECT * FROM pg_temp.told_the_same();
RESET enable_seqscan;
RESET enable_indexscan;
RESET enable_bitmapscan;

-- ------------------------------------------------------------ settings
PREPARE pending_or_not(uuid) AS
    SELECT user_full_name, status, invalidation_reason, superseded_by, is_valid
      FROM learning_credentials_api.metadata WHERE verify_uuid = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE pending_or_not('a0000000-0000-4000-8000-000000000005');
EXECUTE pending_or_not('a0000000-0000-4000-8000-000000000008');
RESET ROLE;
-- A plan that is kept does not keep what they were.
SET learning_credentials.show_pending = on;
SET learning_credentials.show_invalidation_reason = off;
SET ROLE anonymous_reader;
EXECUTE pending_or_not('a0000000-0000-4000-8000-000000000001');
EXECUTE pending_or_not('a0000000-0000-4000-8000-000000000002');
EXECUTE pending_or_not('a0000000-0000-4000-8000-000000000003');
EXECUTE pending_or_not('a0000000-0000-4000-8000-000000000005');
EXECUTE pending_or_not('a0000000-0000-4000-8000-000000000006');
EXECUTE pending_or_not('a0000000-0000-4000-8000-000000000008');
EXECUTE pending_or_not('a0000000-0000-4000-8000-000000000010');
EXECUTE pending_or_not('f0000000-0000-4000-8000-00000000dead');
SELECT pg_temp.answer('SELECT * FROM learning_credentials_api.metadata');
RESET ROLE;
SAVEPOINT hidden;
SET learning_credentials.show_pending = off;
EXECUTE pending_or_not('a0000000-0000-4000-8000-000000000005');
ROLLBACK TO hidden;
EXECUTE pending_or_not('a0000000-0000-4000-8000-000000000005');
RESET learning_credentials.show_pending;
RESET learning_credentials.show_invalidation_reason;
-- A function of the owner's may have its own; another's may not.
CREATE FUNCTION pg_temp.progress(uuid) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
    SET learning_credentials.show_pending = on
    AS 'SELECT status FROM learning_credentials_api.metadata WHERE verify_uuid = $1';
GRANT EXECUTE ON FUNCTION pg_temp.progress(uuid) TO anonymous_reader;
SET ROLE anonymous_reader;
SELECT pg_temp.progress('a0000000-0000-4000-8000-000000000005');
EXECUTE pending_or_not('a0000000-0000-4000-8000-000000000005');
CREATE FUNCTION evil.progress(uuid) RETURNS text LANGUAGE sql STABLE
    SET learning_credentials.show_pending = on
    AS 'SELECT status FROM learning_credentials_api.metadata WHERE verify_uuid = $1';
RESET plan_cache_mode;
DEALLOCATE pending_or_not;
RESET ROLE;
SELECT learning_credentials.shows('pending'), learning_credentials.shows('invalidation_reason'), learning_credentials.shows(NULL);
SELECT learning_credentials.shows('names');
SELECT learning_credentials.shows(what) FROM (VALUES ('pending'), ('invalidation_reason')) AS v (what);
SET ROLE anonymous_reader;

-- ------------------------------------------------------------ COPY and MERGE
COPY learning_credentials_api.metadata TO STDOUT;
COPY (SELECT * FROM learning_credentials_api.metadata) TO STDOUT;
COPY (SELECT user_full_name FROM learning_credentials_api.metadata
       WHERE verify_uuid = 'a0000000-0000-4000-8000-000000000001') TO STDOUT;
DO $$
BEGIN
    -- PostgreSQL 15 knows MERGE, 17 allows it on views.
    EXECUTE 'MERGE INTO learning_credentials_api.metadata AS m USING code ON m.verify_uuid = code
             WHEN MATCHED THEN UPDATE SET learning_context_name = ''Eve''';
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
