-- Every input of the fuzz targets as an asset, used when it is accepted; then documents made again and again,
-- some of which fail in the middle: what one call leaves behind, hundreds show. "folder" is test/fuzz.
\set ON_ERROR_STOP on
CREATE EXTENSION learning_credentials;
SELECT set_config('memcheck.folder', :'folder', false) AS folder \gset
INSERT INTO learning_credentials.credential_asset (slug, content)
SELECT name, pg_read_binary_file(:'folder' || '/assets/' || name) FROM pg_ls_dir(:'folder' || '/assets') AS name;

DO $$
DECLARE
    inputs text := current_setting('memcheck.folder') || '/corpus/';
    kind text;
    input text;
    options jsonb;
    accepted integer := 0;
    refused integer := 0;
    failed integer := 0;
BEGIN
    FOREACH kind IN ARRAY '{template,font,image}'::text[] LOOP
        FOR input IN SELECT pg_ls_dir(inputs || kind) LOOP
            BEGIN
                INSERT INTO learning_credentials.credential_asset (slug, content)
                VALUES (kind || '-' || input, pg_read_binary_file(inputs || kind || '/' || input));
                accepted := accepted + 1;
                options := CASE kind
                    WHEN 'template' THEN '{"text_elements": {"name": false, "context": false, "date": false}}'
                        || jsonb_build_object('template', kind || '-' || input)
                    WHEN 'font' THEN '{"page": {}}'
                        || jsonb_build_object('defaults', jsonb_build_object('font', jsonb_build_array(kind || '-' || input, 'every.ttf')))
                    ELSE '{"page": {}}' || jsonb_build_object('images', jsonb_build_array(
                            jsonb_build_object('slug', kind || '-' || input, 'x', 0, 'y', 0)))
                END;
                PERFORM learning_credentials.preview_pdf(options);
                PERFORM learning_credentials.preview_pdf(options || '{"protection": "none"}');
            EXCEPTION WHEN invalid_parameter_value OR program_limit_exceeded THEN
                refused := refused + 1;
            END;
        END LOOP;
    END LOOP;
    FOR i IN 1..300 LOOP
        PERFORM learning_credentials.preview_pdf('{"template": "template.pdf", "locale": "tr",
            "defaults": {"font": ["latin.ttf", "arabic.ttf", "devanagari.ttf", "every.ttf"]},
            "text_elements": {"a": {"text": "سلام {name} क्षि", "y": 60, "uppercase": true}},
            "images": [{"slug": "seal.png", "x": 1, "y": 1}, {"slug": "photo.jpg", "x": 50, "y": 1}],
            "qr_codes": [{"x": 100, "y": 1}]}', 'Number ' || i);
        BEGIN
            PERFORM learning_credentials.preview_pdf('{"template": "turned.pdf",
                "text_elements": {"name": {"font": "serif.otf"}}}', 'No ж ' || i);
        EXCEPTION WHEN untranslatable_character THEN
            failed := failed + 1;
        END;
    END LOOP;
    RAISE NOTICE '% assets accepted, % refused; 300 documents made, % failed', accepted, refused, failed;
END $$;
