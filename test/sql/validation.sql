-- validate_options: everything that is wrong, not only the first; and the warnings when types and
-- configurations are saved.
BEGIN;
\pset format unaligned
\pset tuples_only on

INSERT INTO learning_credentials.credential_asset (slug, content)
SELECT slug, learning_credentials.preview_pdf(options || '{"text_elements": {"name": false, "context": false, "date": false}}')
  FROM (VALUES ('landscape', '{"page": {}}'::jsonb), ('small', '{"page": {"size": "A6"}}')) AS made (slug, options);

-- ------------------------------------------------------------ generate_pdf
SELECT 'nothing wrong' WHERE NOT EXISTS (SELECT FROM learning_credentials.validate_options('learning_credentials.generate_pdf', '{"template": "landscape"}'));
SELECT 'nothing wrong' WHERE NOT EXISTS (SELECT FROM learning_credentials.validate_options('learning_credentials.generate_pdf', '{"page": {}, "required_completion": "not judged here", "steps": 5, "source": 1}'));
SELECT learning_credentials.validate_options('learning_credentials.generate_pdf', '{}');
SELECT learning_credentials.validate_options('learning_credentials.generate_pdf', '[]');
SELECT learning_credentials.validate_options('learning_credentials.generate_pdf', '{
    "template": "no-such-design", "template_multiline": 5, "page": {"size": "A0", "sise": "A4"}, "tempalte": "landscape", "of_mine": 1,
    "defaults": {"size": "big", "color": "#12", "font": ["Helvetica", "no-such-font", 7], "y": 5},
    "text_elements": {"name": {"size": 0, "y": -1, "fnot": "Courier"}, "date": 5, "signature": {"align": "middle"}, "motto": {"text": 3, "y": []}},
    "images": [{"slug": "no-such-image", "x": 1, "y": "1"}, {"slug": "landscape"}, 5],
    "qr_codes": {"x": 1},
    "locale": "xx-invalid", "date_format": 5, "time_zone": "Mars/Olympus", "protection": "rot13"}');
-- What is off the page shows on each page that may be used, once where both are the same.
SELECT learning_credentials.validate_options('learning_credentials.generate_pdf', '{"template": "landscape", "template_multiline": "small", "text_elements": {"top": {"text": "x", "x": 500, "y": 400}, "bottom": {"text": "x", "y": 590}}, "qr_codes": [{"x": 800, "y": 1, "size": 50}]}');
SELECT learning_credentials.validate_options('learning_credentials.generate_pdf', '{"template": "small", "template_multiline": "small", "text_elements": {"top": {"text": "x", "y": 400}}}');
SELECT learning_credentials.validate_options('learning_credentials.generate_pdf', '{"page": {"size": "A6"}, "text_elements": {"top": {"text": "x", "y": 400}}}');

-- ------------------------------------------------------------ the retrieval functions
SELECT func, options, problem
  FROM unnest('{learning_credentials.retrieve_completions,learning_credentials.retrieve_subsection_grades,learning_credentials.retrieve_completions_and_grades}'::text[]) AS func,
       (VALUES ('{}'::jsonb),
               ('{"required_completion": 0.5, "required_grades": {"Homework": 0.4, "Total": 1}, "template": "landscape"}'),
               ('{"required_completion": 90, "required_grades": {"Homework": 40, "Total": "all"}}'),
               ('{"required_completion": "0.9", "required_grades": 0.5, "source": 5, "steps": []}'),
               ('{"required_grade": {"Total": 1}, "required_grades": {}, "threshold": 1}'),
               ('{"required_grades": {"Total": 1}, "steps": {"course-v1:Uni+A+1": {"required_completion": 2, "required_grades": {"Exam": -1}, "source": "x"}, "course-v1:Uni+B+1": 5}}')) AS o (options)
       LEFT JOIN LATERAL learning_credentials.validate_options(func, options) AS problem ON true
 ORDER BY func, options::text, problem;

-- ------------------------------------------------------------ which function
CREATE FUNCTION pg_temp.generate_mine(credential learning_credentials.credential, options jsonb) RETURNS bytea
    LANGUAGE sql AS $$SELECT '\x'::bytea$$;
CREATE FUNCTION pg_temp.generate_pdf(credential learning_credentials.credential, options jsonb) RETURNS bytea
    LANGUAGE sql AS $$SELECT '\x'::bytea$$;
SELECT 'not judged' WHERE NOT EXISTS (SELECT FROM learning_credentials.validate_options('pg_temp.generate_mine', '{"of_mine": 1}'));
SELECT 'not judged' WHERE NOT EXISTS (SELECT FROM learning_credentials.validate_options('pg_temp.generate_pdf', '{"of_mine": 1}'));
SAVEPOINT s;
SELECT learning_credentials.validate_options('learning_credentials.generate_pfd', '{}');
ROLLBACK TO s;
SELECT learning_credentials.validate_options('no_such_schema.generate_pdf', '{}');
ROLLBACK TO s;
SELECT learning_credentials.validate_options('not..a name', '{}');
ROLLBACK TO s;
SELECT learning_credentials.validate_options(NULL, '{}');
ROLLBACK TO s;
SELECT learning_credentials.validate_options('learning_credentials.generate_pdf', NULL);
ROLLBACK TO s;
SET LOCAL search_path = learning_credentials, pg_temp;
SELECT validate_options('generate_pdf', '{"page": {"size": 5}}');
RESET search_path;

-- ------------------------------------------------------------ the same sentences as the errors
CREATE FUNCTION pg_temp.error_of(options jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    PERFORM learning_credentials.preview_pdf(options);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLERRM || '.' || CASE WHEN hint <> '' THEN ' ' || hint ELSE '' END;
END
$$;
SELECT count(*) AS cases, count(*) FILTER (WHERE pg_temp.error_of(options) IS DISTINCT FROM (
           SELECT problem FROM learning_credentials.validate_options('learning_credentials.generate_pdf', options) AS problem LIMIT 1)) AS differ
  FROM (VALUES ('{}'::jsonb), ('{"page": {}}'), ('{"page": 5}'), ('{"template": "none"}'), ('{"page": {}, "locale": 5}'),
               ('{"page": {}, "text_elements": {"name": {"size": -1}}}'), ('{"page": {}, "text_elements": {"name": {"sise": 1}}}'),
               ('{"page": {}, "text_elements": {"name": {"y": 700}}}'), ('{"page": {}, "images": [{"slug": "landscape", "x": 1, "y": 1}]}')) AS t (options);

-- ------------------------------------------------------------ warnings when definitions are saved
\set VERBOSITY terse
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options) VALUES
    ('sound', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf', '{"template": "landscape"}'),
    ('assets and keys', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf',
     '{"template": "no-such-design", "defaults": {"font": "no-such-font", "colour": "#123"}, "images": [{"slug": "no-such-image", "x": 1, "y": 1}], "required_complation": 0.5, "steps": {"course-v1:Uni+A+1": {"requierd_grades": {}}}}'),
    ('values do not warn', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf', '{"text_elements": {"name": {"size": "big"}}}'),
    ('another kind of asset', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf', '{"template": "landscape", "defaults": {"font": "landscape"}}');
CREATE SCHEMA of_mine;
CREATE FUNCTION of_mine.retrieve_mine(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
    RETURNS SETOF learning_credentials.eligibility LANGUAGE sql STABLE AS 'SELECT NULL::bigint, false, NULL::timestamptz, NULL::jsonb WHERE false';
CREATE FUNCTION of_mine.generate_mine(credential learning_credentials.credential, options jsonb) RETURNS bytea
    LANGUAGE sql AS $$SELECT '\x'::bytea$$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options) VALUES
    ('retrieval of mine', 'of_mine.retrieve_mine', 'learning_credentials.generate_pdf', '{"of_mine": 1, "template": "landscape", "defaults": {"colour": "#123"}}'),
    ('document of mine', 'learning_credentials.retrieve_completions', 'of_mine.generate_mine', '{"of_mine": 1, "template": "no-such-design", "steps": {"course-v1:Uni+A+1": {"requierd_grades": {}}}}');
UPDATE learning_credentials.credential_type SET custom_options = '{"template": "small", "page_numbers": true}' WHERE name = 'sound';
-- a configuration is judged with its type's options under its own
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options)
SELECT 'course-v1:Uni+A+1', id, '{"text_elements": {"name": {"font": "no-such-font"}}}' FROM learning_credentials.credential_type WHERE name = 'sound';
-- whoever may not read assets can still save
CREATE ROLE definer_of_types;
GRANT USAGE ON SCHEMA learning_credentials TO definer_of_types;
GRANT SELECT, INSERT, UPDATE ON learning_credentials.credential_type TO definer_of_types;
GRANT EXECUTE ON FUNCTION learning_credentials.retrieve_completions, learning_credentials.generate_pdf, learning_credentials.merge_options TO definer_of_types;
SET LOCAL ROLE definer_of_types;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options) VALUES
    ('unseen', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf', '{"template": "landscape"}');
RESET ROLE;
SELECT name FROM learning_credentials.credential_type WHERE name IN ('sound', 'assets and keys', 'values do not warn', 'another kind of asset', 'retrieval of mine', 'document of mine', 'unseen') ORDER BY name;
ROLLBACK;
