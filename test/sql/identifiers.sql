-- Identifiers, and assets by slug.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
BEGIN;
CREATE FUNCTION pg_temp.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    detail text;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN 'ok, ' || n;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, CASE WHEN SQLSTATE !~ '^23' THEN nullif(detail, '') END);
END
$$;

-- ------------------------------------------------------------ version 7: time first
CREATE TEMP TABLE made AS
SELECT n, learning_credentials.uuid_time_ordered() AS u FROM generate_series(1, 10000) AS n;
SELECT count(DISTINCT u) AS distinct, bool_and(u::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$') AS layout
  FROM made;
SELECT bool_and(u > before) AS ascending FROM (SELECT u, lag(u) OVER (ORDER BY n) AS before FROM made) AS m WHERE before IS NOT NULL;
-- the first 48 bits are milliseconds since 1970
SELECT bool_and(abs(ms - extract(epoch FROM clock_timestamp()) * 1000) < 60000) AS milliseconds
  FROM (SELECT ('x' || lpad(replace(left(u::text, 13), '-', ''), 16, '0'))::bit(64)::bigint AS ms FROM made) AS m;
-- the last 62 are random: each of them is 0 in some and 1 in others
SELECT count(*) AS bits, bool_and(ones BETWEEN 4500 AND 5500) AS balanced
  FROM (SELECT bit, sum(get_bit(uuid_send(u), bit)) AS ones FROM made, generate_series(64, 127) AS bit
         WHERE bit / 8 <> 8 OR bit % 8 < 6 GROUP BY bit) AS b;

-- ------------------------------------------------------------ version 4: nothing but chance
CREATE TEMP TABLE drawn AS
SELECT learning_credentials.uuid_random() AS u FROM generate_series(1, 10000) AS n;
SELECT count(DISTINCT u) AS distinct, bool_and(u::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$') AS layout
  FROM drawn;
SELECT count(*) AS bits, bool_and(ones BETWEEN 4500 AND 5500) AS balanced
  FROM (SELECT bit, sum(get_bit(uuid_send(u), bit)) AS ones FROM drawn, generate_series(0, 127) AS bit
         WHERE (bit / 8 <> 6 OR bit % 8 < 4) AND (bit / 8 <> 8 OR bit % 8 < 6) GROUP BY bit) AS b;

-- ------------------------------------------------------------ media types, by the first bytes
SELECT what, learning_credentials.asset_media_type(content) FROM (VALUES
    ('PDF', '%PDF-1.7'::bytea), ('PDF, at 1019', repeat('x', 1019)::bytea || '%PDF-'::bytea),
    ('PDF, at 1020', repeat('x', 1020)::bytea || '%PDF-'::bytea), ('half a PDF', '%PDF'::bytea),
    ('PNG', '\x89504e470d0a1a0a'::bytea), ('PNG with LF ends', '\x89504e470a1a0a00'::bytea), ('JPEG', '\xffd8ffe0'::bytea),
    ('TrueType', '\x0001000000'::bytea), ('Apple TrueType', 'true'::bytea), ('OpenType CFF', 'OTTO'::bytea),
    ('collection', 'ttcf'::bytea), ('WOFF', 'wOFF'::bytea), ('WOFF2', 'wOF2'::bytea), ('GIF', 'GIF89a'::bytea),
    ('SVG', '<svg xmlns="http://www.w3.org/2000/svg"/>'::bytea), ('nothing', ''::bytea), ('one byte', '\xff'::bytea)) AS v (what, content);
SELECT learning_credentials.asset_media_type(NULL) IS NULL AS null_of_null;

-- ------------------------------------------------------------ assets
-- the smallest PNG: one grey pixel
SELECT '\x89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a4944415478da6368000000820081da45083b0000000049454e44ae426082'::bytea AS png \gset
INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('pixel', :'png');
SELECT slug, description, media_type, sha256 = sha256(content) AS sha256, created = now() AS created, modified = now() AS modified
  FROM learning_credentials.credential_asset WHERE slug = 'pixel';
UPDATE learning_credentials.credential_asset SET description = 'A pixel', modified = 'epoch' WHERE slug = 'pixel'
RETURNING description, modified = now() AS modified_by_trigger;
CREATE FUNCTION pg_temp.insert_asset(slug text, content bytea) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.answer(format('INSERT INTO learning_credentials.credential_asset (slug, content) VALUES (%L, %L)', slug, content))
$$;
-- slugs
SELECT left(slug, 20) AS slug, pg_temp.insert_asset(slug, :'png') FROM unnest(ARRAY['A-z_0.9', '7', repeat('s', 100), repeat('s', 101), '',
    '-begins', '.hidden', 'two words', 'a/b', 'é', E'line\n', 'pixel', NULL]) AS slug;
-- content
SELECT what, pg_temp.insert_asset('x', content) FROM (VALUES
    ('text', 'Hello'::bytea), ('nothing', ''::bytea), ('NULL', NULL), ('a PNG cut off', substring(:'png'::bytea FROM 1 FOR 40)),
    ('a PDF without anything', '%PDF-1.7'::bytea), ('a font without tables', '\x00010000000000000000'::bytea),
    ('a JPEG cut off', '\xffd8ffe0'::bytea)) AS v (what, content);
-- what is derived cannot be given
SELECT pg_temp.answer(format('INSERT INTO learning_credentials.credential_asset (slug, content, media_type) VALUES (''x'', %L, ''image/gif'')', :'png'::bytea));
SELECT pg_temp.answer('UPDATE learning_credentials.credential_asset SET sha256 = ''x'' WHERE slug = ''pixel''');
-- a new content is checked, and has its own hash
SELECT pg_temp.answer('UPDATE learning_credentials.credential_asset SET content = ''Hello'' WHERE slug = ''pixel''');
-- limits: an asset is judged when it is stored, not when it is there
SET LOCAL learning_credentials.max_image_size = 1;
SET LOCAL learning_credentials.max_template_size = 1;
SET LOCAL learning_credentials.max_font_size = 1;
SELECT what, pg_temp.insert_asset('x', magic || repeat('x', 1024)::bytea) FROM (VALUES
    ('image', '\x89504e470d0a1a0a'::bytea), ('template', '%PDF-1.7'::bytea), ('font', 'OTTO'::bytea)) AS v (what, magic);
SELECT pg_temp.insert_asset('small', :'png') AS small;
SET LOCAL learning_credentials.max_image_pixels = 1;
SELECT pg_temp.insert_asset('one', :'png') AS one_pixel;
SELECT pg_temp.insert_asset('two', '\x89504e470d0a1a0a0000000d4948445200000002000000010800000000d14920560000000b4944415478da6368680000018301018b9155f20000000049454e44ae426082') AS two_pixels;
RESET learning_credentials.max_image_pixels;
SELECT pg_temp.insert_asset('two', '\x89504e470d0a1a0a0000000d4948445200000002000000010800000000d14920560000000b4944415478da6368680000018301018b9155f20000000049454e44ae426082') AS two_pixels;
-- of the wrong kind where it is used
SELECT pg_temp.answer($$SELECT learning_credentials.preview_pdf('{"template": "pixel"}')$$) AS as_template;
SELECT pg_temp.answer($$SELECT learning_credentials.preview_pdf('{"page": {}, "defaults": {"font": "pixel"}}')$$) AS as_font;
SELECT pg_temp.answer($$SELECT learning_credentials.preview_pdf('{"page": {}, "images": [{"slug": "none", "x": 1, "y": 1}]}')$$) AS missing;
SELECT pg_temp.answer($$SELECT learning_credentials.preview_pdf('{"page": {}, "images": [{"slug": "pixel", "x": 1, "y": 1}]}')$$) AS as_image;
ROLLBACK;
