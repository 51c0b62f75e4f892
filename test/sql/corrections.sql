-- Another name, another design: what differs is found, and the chosen ones are reissued.
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
BEGIN;
SET LOCAL search_path = learning_credentials, public;

-- What a statement is answered: its value, or its error. Uuids are not printed.
CREATE FUNCTION pg_temp.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text;
BEGIN
    EXECUTE statement INTO value;
    RETURN coalesce(regexp_replace(value, '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g'), '(null)');
EXCEPTION WHEN OTHERS THEN
    RETURN regexp_replace(SQLSTATE || ' ' || SQLERRM, '[0-9a-f]{8}-[0-9a-f-]{27}', 'UUID', 'g');
END
$$;
CREATE SCHEMA cor;
CREATE FUNCTION cor.retrieve_nobody(learning_context_key text, options jsonb, user_id bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FUNCTION cor.generate_words(c learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    IF options->>'fails_for' = c.user_id::text THEN
        RAISE EXCEPTION 'out of ink';
    END IF;
    RETURN convert_to(c.user_full_name || (options->>'suffix'), 'UTF8');
END
$$;
-- Another source, with names of its own, and one that cannot be read.
CREATE TABLE cor.lms_user (id bigint, username text, full_name text, first_name text, last_name text);
CREATE TABLE cor.lms_context (key text, display_name text, certificate_name text);
INSERT INTO cor.lms_user VALUES (501, 'ada', 'Ada of Elsewhere');
INSERT INTO lms_user (id, username, full_name) VALUES (501, 'ada', 'Ada Byron'), (502, 'bea', 'Bea'), (503, 'cy', 'Cy');

INSERT INTO credential_asset (slug, content) VALUES
    ('cor-pixel', decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==', 'base64'));
INSERT INTO credential_type (id, name, retrieval_func, generation_func, custom_options) VALUES
    (-51, 'Words', 'cor.retrieve_nobody', 'cor.generate_words', '{"suffix": "", "picture": {"deep": ["cor-pixel#2"]}, "required_completion": 0.9}'),
    (-52, 'Page', 'retrieve_completions', 'generate_pdf', '{"page": {}, "images": [{"slug": "cor-pixel", "x": 1, "y": 1}], "required_completion": 0.9}');
INSERT INTO credential_configuration (id, learning_context_key, credential_type_id, custom_options) VALUES
    (-51, 'course-v1:cor+a+1', -51, '{}'),
    (-52, 'course-v1:cor+b+1', -51, '{"source": "cor"}'),
    (-53, 'course-v1:cor+c+1', -51, '{}'),
    (-54, 'course-v1:cor+d+1', -52, '{}');

-- ------------------------------------------------------------ what a design is
-- The designs as they are, and what changes them.
CREATE TEMP TABLE design AS SELECT id, current_design(id) AS was FROM credential_configuration WHERE id BETWEEN -54 AND -51;
CREATE FUNCTION pg_temp.changed() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    SELECT coalesce(string_agg(id::text, ' ' ORDER BY id DESC), 'none') INTO result FROM design
     WHERE was <> learning_credentials.current_design(id);
    UPDATE design SET was = learning_credentials.current_design(id);
    RETURN result;
END
$$;
SELECT count(DISTINCT was) AS designs, (SELECT was FROM design WHERE id = -51) = (SELECT was FROM design WHERE id = -53) AS of_the_same FROM design;
SELECT pg_temp.changed() AS nothing;
UPDATE credential_configuration SET custom_options = '{"suffix": "!"}' WHERE id = -53;
SELECT pg_temp.changed() AS an_option;
UPDATE credential_type SET custom_options = merge_options(custom_options, '{"required_completion": 0.5, "required_grades": {"Total": 0.5}}');
SELECT pg_temp.changed() AS retrieval;
UPDATE credential_type SET custom_options = merge_options(custom_options, '{"quorum": 3}') WHERE id IN (-51, -52);  -- the page's says so
SELECT pg_temp.changed() AS an_option_that_only_one_may_look_at;
UPDATE credential_type SET custom_options = merge_options(custom_options, '{"protection": "none"}') - 'quorum' WHERE id = -52;
SELECT pg_temp.changed() AS an_option_of_the_page;
UPDATE credential_asset SET description = 'A dot' WHERE slug = 'cor-pixel';
SELECT pg_temp.changed() AS what_is_read_out;
UPDATE credential_asset SET content = decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==', 'base64') WHERE slug = 'cor-pixel';
SELECT pg_temp.changed() AS an_asset;
INSERT INTO credential_asset (slug, content) SELECT 'cor-other', content FROM credential_asset WHERE slug = 'cor-pixel';
SELECT pg_temp.changed() AS an_asset_that_none_names;
UPDATE credential_asset SET slug = 'cor-moved' WHERE slug = 'cor-pixel';
SELECT pg_temp.changed() AS an_asset_gone;
UPDATE credential_asset SET slug = 'cor-pixel' WHERE slug = 'cor-moved';
SELECT pg_temp.changed() AS and_back;
CREATE OR REPLACE FUNCTION cor.generate_words(c learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE sql BEGIN ATOMIC; SELECT convert_to(c.user_full_name || (options->>'suffix'), 'UTF8'); END;
SELECT pg_temp.changed() AS a_body;
CREATE OR REPLACE FUNCTION cor.generate_words(c learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE sql BEGIN ATOMIC; SELECT convert_to('To ' || c.user_full_name || (options->>'suffix'), 'UTF8'); END;
SELECT pg_temp.changed() AS another_body;
SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL IntervalStyle = 'iso_8601';
SET LOCAL search_path = cor, learning_credentials, public;
SELECT pg_temp.changed() AS settings_of_the_session;
SET LOCAL search_path = learning_credentials, public;
SELECT pg_temp.answer('SELECT learning_credentials.current_design(0)'), pg_temp.answer('SELECT learning_credentials.current_design(NULL)');

-- ------------------------------------------------------------ what is outdated
UPDATE credential_type SET custom_options = '{"suffix": "", "fails_for": 0}' WHERE id = -51;
CREATE OR REPLACE FUNCTION cor.generate_words(c learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    IF options->>'fails_for' = c.user_id::text THEN
        RAISE EXCEPTION 'out of ink';
    END IF;
    RETURN convert_to(c.user_full_name || (options->>'suffix'), 'UTF8');
END
$$;
SELECT count(generate_credential(-51, u)) FROM generate_series(501, 503) AS u;
SELECT count(generate_credential(-52, 501));
INSERT INTO credential (configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id, user_full_name,
                        status, download_url, issue_date)
VALUES (-51, 'Words', 'course-v1:cor+a+1', 'Old', 599, 'Imported', 'available', 'https://example.org/1', '2001-01-01');
SELECT count(DISTINCT design) AS designs, count(*) FROM credential WHERE configuration_id = -51;
SELECT count(*) FROM outdated_credentials(-51);
UPDATE credential_configuration SET custom_options = '{"suffix": ", MSc"}' WHERE id = -51;
SELECT user_id, user_full_name, issue_date = now() AS issue_date, expires_at FROM outdated_credentials(-51);
SELECT count(*) FROM outdated_credentials(-52);
SELECT pg_temp.answer('SELECT count(*) FROM learning_credentials.outdated_credentials(0)'), pg_temp.answer('SELECT count(*) FROM learning_credentials.outdated_credentials(NULL)');
-- a dry run
SELECT user_id, user_full_name, reissued_as, status, error FROM reissue_outdated(-51, dry_run => true);
SELECT count(*) FROM credential WHERE configuration_id = -51;
-- one fails, and says so
UPDATE credential_configuration SET custom_options = '{"suffix": ", MSc", "fails_for": 502}' WHERE id = -51;
SET LOCAL client_min_messages = error;
CREATE TEMP TABLE reissued AS SELECT * FROM reissue_outdated(-51, 'New degree');
SET LOCAL client_min_messages = warning;
SELECT user_id, user_full_name, reissued_as IS NOT NULL AS reissued, status, error FROM reissued ORDER BY user_id;
SELECT c.user_id, c.status, convert_from(d.content, 'UTF8') AS document, c.invalidation_reason AS reason, n.status AS by
  FROM credential c LEFT JOIN document d ON d.credential_uuid = c.uuid LEFT JOIN credential n ON n.uuid = c.superseded_by
 WHERE c.configuration_id = -51 AND c.download_url IS NULL ORDER BY c.user_id, c.uuid;
SELECT count(*) FROM reissued r JOIN credential n ON n.uuid = r.reissued_as AND n.supersedes = r.uuid;
-- what failed is outdated still; with the next design all are, and what failed is tried again
SELECT user_id FROM outdated_credentials(-51);
UPDATE credential_configuration SET custom_options = '{"suffix": ", MSc"}' WHERE id = -51;
SELECT user_id, status, error FROM reissue_outdated(-51) ORDER BY 1;
SELECT count(*) FROM outdated_credentials(-51);
UPDATE credential_configuration SET custom_options = '{"suffix": "?"}', suspension_reason = 'Out of order' WHERE id = -51;
SELECT user_id, reissued_as, status, error FROM reissue_outdated(-51) ORDER BY 1;
UPDATE credential_configuration SET suspension_reason = NULL WHERE id = -51;
SELECT pg_temp.answer($$SELECT count(*) FROM learning_credentials.reissue_outdated(-51, ' ')$$), pg_temp.answer($$SELECT count(*) FROM learning_credentials.reissue_outdated(-51, NULL)$$);
-- whoever looks at one row of the answer has all of them
SELECT (reissue_outdated(-51)).user_id LIMIT 1;
SELECT count(*) FROM outdated_credentials(-51);

-- ------------------------------------------------------------ another name
SELECT current_name(-51, 501), current_name(-52, 501), current_name(-52, 502);
SELECT learning_context_name, user_full_name, current_name, differs, reissued_as, status, error FROM refresh_user(501);
UPDATE lms_user SET full_name = 'Ada Lovelace' WHERE id = 501;
SELECT learning_context_name, user_full_name, current_name, differs, reissued_as, status, error FROM refresh_user(501);
SELECT uuid AS chosen FROM refresh_user(501) WHERE differs \gset
SELECT learning_context_name, user_full_name, differs, reissued_as IS NOT NULL AS reissued, status, error
  FROM refresh_user(501, ARRAY[:'chosen']::uuid[]);
SELECT learning_context_name, user_full_name, current_name, differs, reissued_as, status, error FROM refresh_user(501);
SELECT o.invalidation_reason, n.issue_date = o.issue_date AS issue_date, convert_from(d.content, 'UTF8') AS document
  FROM credential o JOIN credential n ON n.uuid = o.superseded_by JOIN document d ON d.credential_uuid = n.uuid WHERE o.uuid = :'chosen';
-- chosen is what the caller says, with the caller's reason
UPDATE lms_user SET full_name = 'Augusta Ada King' WHERE id = 501;
SELECT uuid AS chosen FROM refresh_user(501) WHERE differs \gset
SELECT count(reissued_as) FROM refresh_user(501, (SELECT array_agg(uuid) FROM credential WHERE user_id = 501 AND status = 'available'), 'Married');
SELECT invalidation_reason FROM credential WHERE uuid = :'chosen';
-- not what is not there, is not theirs, or has ended
SELECT pg_temp.answer(format('SELECT count(*) FROM learning_credentials.refresh_user(501, ARRAY[%L]::uuid[])', u))
  FROM unnest(ARRAY[:'chosen', (SELECT uuid FROM credential WHERE user_id = 502 AND status = 'available'), '00000000-0000-0000-0000-000000000000', NULL]::uuid[]) AS u;
SELECT count(*) FROM refresh_user(501, NULL);
SELECT count(*) FROM refresh_user(0);
SELECT pg_temp.answer('SELECT count(*) FROM learning_credentials.refresh_user(NULL)');
-- a user whom the source does not know any more, and a source that is gone
DELETE FROM cor.lms_user;
SELECT learning_context_name, current_name, differs, error FROM refresh_user(501) ORDER BY configuration_id DESC;
UPDATE credential_configuration SET custom_options = '{"source": "nowhere"}' WHERE id = -52;
SELECT learning_context_name, current_name, differs, error FROM refresh_user(501) ORDER BY configuration_id DESC;
ROLLBACK;
