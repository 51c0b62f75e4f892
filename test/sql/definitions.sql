-- Types and configurations: what may be named, what is stored, what is refused.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
BEGIN;

-- What a statement is answered: how many rows it wrote, or its error with SQLSTATE, detail and hint
-- (a violated constraint's detail is the row).
CREATE FUNCTION pg_temp.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN 'ok, ' || n;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE || ' ' || SQLERRM,
                     CASE WHEN SQLSTATE !~ '^23' THEN nullif(detail, '') END, nullif(hint, ''));
END
$$;

CREATE ROLE lc_author;
CREATE ROLE lc_other_author;
GRANT USAGE ON SCHEMA learning_credentials TO lc_author, lc_other_author;
GRANT SELECT, INSERT, UPDATE, DELETE ON learning_credentials.credential_type,
    learning_credentials.credential_configuration TO lc_author, lc_other_author;
GRANT SELECT ON learning_credentials.available_functions TO lc_author, lc_other_author;
GRANT EXECUTE ON FUNCTION learning_credentials.learning_context_kind(text) TO lc_author;

CREATE SCHEMA def;
CREATE SCHEMA "Odd Schema";
CREATE SCHEMA def_hidden;
GRANT USAGE ON SCHEMA def, "Odd Schema" TO lc_author;

CREATE FUNCTION def.retrieve_some(k text, o jsonb, u bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql STABLE
AS $$ SELECT 1::bigint, true, NULL::timestamptz, '{}'::jsonb $$;
CREATE FUNCTION def.generate_some(c learning_credentials.credential, o jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN RETURN 'x'; END $$;
COMMENT ON FUNCTION def.generate_some(learning_credentials.credential, jsonb) IS 'One byte.';
CREATE FUNCTION "Odd Schema"."retrieve_Odd ""Name"""(text, jsonb, bigint)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION def_hidden.generate_hidden(learning_credentials.credential, jsonb)
RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$;
-- another signature each
CREATE FUNCTION def.fetch_some(text, jsonb, bigint)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION def.retrieve_two(text, jsonb)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION def.retrieve_int(text, jsonb, integer)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION def.retrieve_one(text, jsonb, bigint)
RETURNS learning_credentials.eligibility LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION def.retrieve_record(text, jsonb, bigint)
RETURNS SETOF record LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION def.retrieve_fourth(text, jsonb, bigint, text DEFAULT '')
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE PROCEDURE def.generate_procedure(learning_credentials.credential, jsonb)
LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION def.generate_text(learning_credentials.credential, jsonb)
RETURNS text LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION def.generate_set(learning_credentials.credential, jsonb)
RETURNS SETOF bytea LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION def.generate_denied(learning_credentials.credential, jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN END $$;
REVOKE ALL ON FUNCTION def.generate_denied(learning_credentials.credential, jsonb) FROM PUBLIC;
-- beside one that has the signature, one that has not
CREATE FUNCTION def.generate_some(text) RETURNS bytea LANGUAGE plpgsql AS $$ BEGIN END $$;

-- ------------------------------------------------------------ functions, by reflection
-- Of the built-in ones, everything is the owner's until it is granted.
SELECT name, kind, split_part(help, E'\n', 1) = help AS one_line
  FROM learning_credentials.available_functions
 WHERE name NOT LIKE 'learning_credentials.%' ORDER BY name COLLATE "C";
SELECT kind, count(*) AS built_in, bool_and(help LIKE '%Options:%') AS documented
  FROM learning_credentials.available_functions
 WHERE name LIKE 'learning_credentials.%' GROUP BY kind ORDER BY kind;
SET LOCAL ROLE lc_author;
SELECT name, kind, help FROM learning_credentials.available_functions ORDER BY name COLLATE "C";
SET LOCAL ROLE lc_other_author;
SELECT name, kind, help FROM learning_credentials.available_functions ORDER BY name COLLATE "C";
RESET ROLE;

-- ------------------------------------------------------------ functions, when they are named
CREATE FUNCTION pg_temp.name_functions(retrieval text, generation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    answer := pg_temp.answer(format(
        'INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func) VALUES (''probe'', %L, %L)',
        retrieval, generation));
    IF answer = 'ok, 1' THEN
        SELECT concat_ws(' ', retrieval_func, generation_func) INTO answer
          FROM learning_credentials.credential_type WHERE name = 'probe';
        DELETE FROM learning_credentials.credential_type WHERE name = 'probe';
    END IF;
    RETURN answer;
END
$$;
SET LOCAL ROLE lc_author;
-- missing, wrong prefix, wrong signature, not executable
SELECT pg_temp.name_functions('def.retrieve_none', 'def.generate_some') AS missing;
SELECT pg_temp.name_functions('nowhere.retrieve_some', 'def.generate_some') AS missing_schema;
SELECT pg_temp.name_functions('def.retrieve_some', 'generate_none') AS missing_unqualified;
SELECT pg_temp.name_functions('def.fetch_some', 'def.generate_some') AS prefix;
SELECT pg_temp.name_functions('def.generate_some', 'def.retrieve_some') AS exchanged;
SELECT pg_temp.name_functions(f, 'def.generate_some') AS signature
  FROM unnest(ARRAY['def.retrieve_two', 'def.retrieve_int', 'def.retrieve_one', 'def.retrieve_record',
                    'def.retrieve_fourth']) AS f;
SELECT pg_temp.name_functions('def.retrieve_some', f) AS signature
  FROM unnest(ARRAY['def.generate_procedure', 'def.generate_text', 'def.generate_set']) AS f;
SELECT pg_temp.name_functions('def.retrieve_some', 'def.generate_denied') AS not_executable;
SELECT pg_temp.name_functions('def.retrieve_some', 'def_hidden.generate_hidden') AS no_usage;
SELECT pg_temp.name_functions('def.retrieve_some', 'learning_credentials.generate_pdf') AS not_granted;
-- how a name is written
SELECT pg_temp.name_functions('def.retrieve_some', 'def.generate_some') AS qualified;
SELECT pg_temp.name_functions('DEF.Retrieve_Some', '"def"."generate_some"') AS folded;
SELECT pg_temp.name_functions('"Odd Schema"."retrieve_Odd ""Name"""', 'def.generate_some') AS quoted;
SELECT pg_temp.name_functions('retrieve_some', 'def.generate_some') AS not_on_search_path;
SET LOCAL search_path = def;
SELECT pg_temp.name_functions('retrieve_some', 'generate_some') AS on_search_path;
SELECT pg_temp.name_functions('retrieve_some', 'generate_hidden') AS hidden;
RESET search_path;
SELECT pg_temp.name_functions(f, 'def.generate_some') AS malformed
  FROM unnest(ARRAY['', 'def.', 'def..retrieve_some', 'a.b.c.d', 'def.retrieve_some(text, jsonb, bigint)',
                    '"def.retrieve_some']) AS f;
SELECT pg_temp.name_functions('otherdb.def.retrieve_some', 'def.generate_some') AS other_database;
SELECT pg_temp.name_functions(NULL, 'def.generate_some') AS absent;
RESET ROLE;
-- unqualified, ours come first
CREATE FUNCTION def.retrieve_completions(text, jsonb, bigint)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$ BEGIN END $$;
SET LOCAL search_path = def;
SELECT pg_temp.name_functions('retrieve_completions', 'generate_some') AS ours_first;
RESET search_path;
-- a session's temporary functions would be gone with it
CREATE FUNCTION pg_temp.retrieve_temporary(text, jsonb, bigint)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$ BEGIN END $$;
SELECT pg_temp.name_functions('retrieve_temporary', 'def.generate_some') AS temporary;
SELECT pg_temp.name_functions('pg_temp.retrieve_temporary', 'def.generate_some') AS temporary;
SELECT replace(pg_temp.name_functions(quote_ident(nspname) || '.retrieve_temporary', 'def.generate_some'), nspname, 'pg_temp_N')
       AS temporary
  FROM pg_namespace WHERE oid = pg_my_temp_schema();
-- judged again at each change
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func)
VALUES ('Kept', 'def.retrieve_some', 'def.generate_some');
SELECT pg_temp.answer($$UPDATE learning_credentials.credential_type SET generation_func = 'def.generate_none' WHERE name = 'Kept'$$);
DROP FUNCTION def.retrieve_some(text, jsonb, bigint);
SELECT pg_temp.answer($$UPDATE learning_credentials.credential_type SET media_type = 'text/plain' WHERE name = 'Kept'$$);
CREATE FUNCTION def.retrieve_some(k text, o jsonb, u bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql STABLE
AS $$ SELECT 1::bigint, true, NULL::timestamptz, '{}'::jsonb $$;

-- ------------------------------------------------------------ constraints of types
CREATE FUNCTION pg_temp.insert_type(columns text, vals text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.answer(format('INSERT INTO learning_credentials.credential_type (retrieval_func, generation_func, %s)
                                  VALUES (''def.retrieve_some'', ''def.generate_some'', %s)', columns, vals))
$$;
SELECT pg_temp.insert_type('name', $$'Kept'$$) AS taken;
SELECT pg_temp.insert_type('name', $$E' \t'$$) AS blank;
SELECT pg_temp.insert_type('name', 'NULL') AS no_name;
SELECT pg_temp.insert_type('name, custom_options', $$'A', '[]'$$) AS options_list;
SELECT pg_temp.insert_type('name, custom_options', $$'A', 'null'$$) AS options_json_null;
SELECT pg_temp.insert_type('name, custom_options', $$'A', NULL$$) AS options_null;
SELECT pg_temp.insert_type('name, media_type', $$'A', 'PDF'$$) AS media_type;
SELECT pg_temp.insert_type('name, media_type', $$'A', 'image/svg+xml'$$) AS fine;
SELECT custom_options, media_type, created = now() AS created, modified = now() AS modified
  FROM learning_credentials.credential_type WHERE name = 'A';
UPDATE learning_credentials.credential_type SET modified = 'epoch', created = 'epoch' WHERE name = 'A'
RETURNING created = 'epoch' AS created, modified = now() AS modified_by_trigger;

-- ------------------------------------------------------------ learning context keys
SELECT key, learning_credentials.learning_context_kind(key)
  FROM unnest(ARRAY['course-v1:edX+DemoX+2026', 'course-v1:a+b+c', 'path-v1:ORG+NUMBER+RUN+GROUP',
                    'course-v1:Org-1_x.y~z+C:1+R', 'course-v1:Łódź+數學+العربية', 'path-v1:é+2+3+😀']) AS key;
SELECT learning_credentials.learning_context_kind(NULL) IS NULL AS null_of_null;
SELECT format('%L', key) AS key, pg_temp.answer(format('SELECT learning_credentials.learning_context_kind(%L)', key))
  FROM unnest(ARRAY['', 'course', 'course-v1', 'Course-v1:a+b+c', ' course-v1:a+b+c', 'course-v2:a+b+c',
                    'course-v1:', 'course-v1:a', 'course-v1:a+b', 'course-v1:a+b+c+d', 'course-v1:a++c',
                    'course-v1:a+b+', 'course-v1:+b+c', 'path-v1:a+b+c', 'path-v1:a+b+c+d+e',
                    'course-v1:a b+c+d', 'course-v1:a+b+c ', 'course-v1:a/b+c+d', 'course-v1:a@b+c+d',
                    'course-v1:é+ü@+c', '%s%n']) AS key;
-- blanks, controls, and what cannot be seen
SELECT 'U+' || upper(lpad(to_hex(ascii(c)), 4, '0')) AS character,
       left(pg_temp.answer(format('SELECT learning_credentials.learning_context_kind(%L)', 'course-v1:a' || c || '+b+c')), 5)
       AS sqlstate
  FROM unnest(ARRAY[E'\t', E'\n', E'\x7f', E'\u0085', E'\u00A0', E'\u1680', E'\u2003', E'\u200B', E'\u200E',
                    E'\u2028', E'\u202E', E'\u205F', E'\u2066', E'\u3000', E'\uFEFF']) AS c;

-- ------------------------------------------------------------ configurations
CREATE FUNCTION pg_temp.insert_configuration(columns text, vals text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.answer(format('INSERT INTO learning_credentials.credential_configuration (credential_type_id, %s)
                                  SELECT id, %s FROM learning_credentials.credential_type WHERE name = ''Kept''', columns, vals))
$$;
SELECT pg_temp.insert_configuration('learning_context_key', $$'course-v1:a+b+c'$$) AS fine;
SELECT run_as = current_user AS run_as, enabled, schedule, time_zone, starts_at, ends_at, one_off,
       last_run_at, next_run_at, custom_options, created = now() AS created, modified = now() AS modified
  FROM learning_credentials.credential_configuration WHERE learning_context_key = 'course-v1:a+b+c';
SELECT pg_temp.insert_configuration('learning_context_key', $$'course-v1:a+b+c'$$) AS twice;
SELECT pg_temp.insert_configuration('learning_context_key', $$'course-v1:a+b'$$) AS bad_key;
SELECT pg_temp.insert_configuration('learning_context_key', 'NULL') AS no_key;
SELECT pg_temp.insert_configuration('learning_context_key, custom_options', $$'course-v1:a+b+d', '7'$$) AS options_number;
SELECT pg_temp.insert_configuration('learning_context_key, custom_options', $$'course-v1:a+b+d', NULL$$) AS options_null;
SELECT pg_temp.insert_configuration('learning_context_key, run_as', $$'course-v1:a+b+d', 'lc_nobody'$$) AS no_role;
SELECT pg_temp.insert_configuration('learning_context_key, run_as', $$'course-v1:a+b+d', NULL$$) AS run_as_null;
SELECT pg_temp.insert_configuration('learning_context_key, starts_at, ends_at',
                                    $$'course-v1:a+b+d', '2026-01-02'::timestamptz, '2026-01-02'::timestamptz$$) AS ends_at_its_start;
SELECT pg_temp.answer($$INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
                        VALUES ('course-v1:a+b+d', -1)$$) AS no_type;
SELECT pg_temp.answer($$DELETE FROM learning_credentials.credential_type WHERE name = 'Kept'$$) AS type_in_use;
UPDATE learning_credentials.credential_configuration SET modified = 'epoch'
 WHERE learning_context_key = 'course-v1:a+b+c' RETURNING modified = now() AS modified_by_trigger;

-- one that has issued credentials stays; one that has not goes, with its runs
SELECT pg_temp.insert_configuration('learning_context_key', $$'course-v1:a+b+e'$$) AS another;
INSERT INTO learning_credentials.run (configuration_id, trigger)
SELECT id, 'request' FROM learning_credentials.credential_configuration
 WHERE learning_context_key IN ('course-v1:a+b+c', 'course-v1:a+b+e');
INSERT INTO learning_credentials.credential
       (configuration_id, credential_type_name, learning_context_key, user_id, status,
        user_full_name, learning_context_name, issue_date, download_url)
SELECT id, 'Kept', learning_context_key, 1, 'available', 'Ada', 'Maths', now(), 'https://example.org/1'
  FROM learning_credentials.credential_configuration WHERE learning_context_key = 'course-v1:a+b+c';
SELECT pg_temp.answer(format($$DELETE FROM learning_credentials.credential_configuration WHERE learning_context_key = %L$$, key))
  FROM unnest(ARRAY['course-v1:a+b+c', 'course-v1:a+b+e']) AS key;
SELECT count(*) AS runs_left FROM learning_credentials.run;

-- ------------------------------------------------------------ options, warned about when they are saved
SET LOCAL client_min_messages = warning;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options)
VALUES ('Built in', 'retrieve_completions', 'generate_pdf',
        '{"required_completion": 1, "template": "no-such-template", "colour": "#000"}');
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options)
VALUES ('Half built in', 'def.retrieve_some', 'generate_pdf', '{"page": {}, "my_own": 1}');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options)
SELECT 'course-v1:a+b+c', id, '{"text_elements": {"name": {"font": "no-such-font", "y": 10, "sise": 3}}}'
  FROM learning_credentials.credential_type WHERE name = 'Half built in';
-- what does not change is not judged again
UPDATE learning_credentials.credential_configuration SET enabled = true
 WHERE credential_type_id = (SELECT id FROM learning_credentials.credential_type WHERE name = 'Half built in');
ROLLBACK;
