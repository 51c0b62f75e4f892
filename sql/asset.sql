-- ============================================================ assets

CREATE FUNCTION learning_credentials.asset_media_type(content bytea) RETURNS text
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'lc_asset_media_type';
COMMENT ON FUNCTION learning_credentials.asset_media_type(bytea) IS
'The media type that the first bytes tell: application/pdf, font/ttf, font/otf, font/collection, image/png, image/jpeg; NULL for anything else.';

CREATE TABLE learning_credentials.credential_asset (
    slug text PRIMARY KEY
        CONSTRAINT slug_form CHECK (slug ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'),
    description text NOT NULL DEFAULT '',
    media_type text NOT NULL GENERATED ALWAYS AS (learning_credentials.asset_media_type(content)) STORED,
    content bytea NOT NULL,
    sha256 bytea NOT NULL GENERATED ALWAYS AS (pg_catalog.sha256(content)) STORED,
    created timestamptz NOT NULL DEFAULT now(),
    modified timestamptz NOT NULL DEFAULT now());
-- Already compressed: kept out of line as it is.
ALTER TABLE learning_credentials.credential_asset ALTER content SET STORAGE EXTERNAL;
COMMENT ON TABLE learning_credentials.credential_asset IS
'PDF templates, fonts and images that documents are made of, found by their slug. Content is checked when it is stored.';
COMMENT ON COLUMN learning_credentials.credential_asset.slug IS
'The name that options use: ASCII letters, digits, "_", "." and "-", at most 100.';
COMMENT ON COLUMN learning_credentials.credential_asset.description IS 'For people.';
COMMENT ON COLUMN learning_credentials.credential_asset.media_type IS 'Told by the content, see asset_media_type().';
COMMENT ON COLUMN learning_credentials.credential_asset.content IS
'The file. A PDF opens, has a page and no password; a font has outlines and allows embedding; an image decodes. Bounded by max_template_size, max_font_size, max_image_size and max_image_pixels.';
COMMENT ON COLUMN learning_credentials.credential_asset.sha256 IS 'SHA-256 of the content.';
COMMENT ON COLUMN learning_credentials.credential_asset.created IS 'When the row was inserted.';
COMMENT ON COLUMN learning_credentials.credential_asset.modified IS 'When the row was last changed; set by a trigger.';

SELECT pg_catalog.pg_extension_config_dump('learning_credentials.credential_asset', '');

CREATE FUNCTION learning_credentials.check_asset() RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'lc_check_asset';
COMMENT ON FUNCTION learning_credentials.check_asset() IS
'Trigger: checks the content of an asset, and has every session forget what it keeps of assets when one is changed or deleted. The check is skipped while the extension''s owner has check_function_bodies off, so that a dump restores whatever the limits are now.';

CREATE TRIGGER check_asset
    BEFORE INSERT OR UPDATE OR DELETE ON learning_credentials.credential_asset
    FOR EACH ROW EXECUTE FUNCTION learning_credentials.check_asset();
