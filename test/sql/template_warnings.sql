-- What is said of a template that is stored all the same: it is large, or it was repaired.
BEGIN;
SET LOCAL client_min_messages = warning;

-- Two pages, each with an image of so many bytes; "moved" bytes are missing from the places in the table.
CREATE FUNCTION pg_temp.pdf(first_image int, second_image int, moved int DEFAULT 0) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    pdf text := E'%PDF-1.7\n';
    places text := '';
    body text;
    number int := 0;
    start int;
BEGIN
    FOREACH body IN ARRAY ARRAY[
        '<< /Type /Catalog /Pages 2 0 R >>',
        '<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 /MediaBox [0 0 842 595] >>',
        '<< /Type /Page /Parent 2 0 R /Resources << /XObject << /X 5 0 R >> >> >>',
        '<< /Type /Page /Parent 2 0 R /Resources << /XObject << /X 6 0 R >> >> >>',
        format(E'<< /Type /XObject /Subtype /Image /Width %1$s /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray /Length %1$s >>\nstream\n%2$s\nendstream',
               first_image, repeat('x', first_image)),
        format(E'<< /Type /XObject /Subtype /Image /Width %1$s /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray /Length %1$s >>\nstream\n%2$s\nendstream',
               second_image, repeat('x', second_image))]
    LOOP
        number := number + 1;
        places := places || lpad((length(pdf) - moved)::text, 10, '0') || E' 00000 n \n';
        pdf := pdf || format(E'%s 0 obj\n%s\nendobj\n', number, body);
    END LOOP;
    start := length(pdf);
    RETURN convert_to(pdf || E'xref\n0 7\n0000000000 65535 f \n' || places
        || format(E'trailer\n<< /Size 7 /Root 1 0 R >>\nstartxref\n%s\n%%%%EOF\n', start), 'UTF8');
END $$;

-- Small: nothing is said. Large: what it costs, which is what its first page needs.
INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('small', pg_temp.pdf(150000, 150000));
INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('large', pg_temp.pdf(400000, 10));
INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('large-elsewhere', pg_temp.pdf(10, 400000));

-- The cost is what is measured: a document's bytes on disk, within 5 %, to what 100,000 of them are said to take.
CREATE TEMP TABLE stored (content bytea);
ALTER TABLE stored ALTER content SET STORAGE EXTERNAL;
INSERT INTO stored
SELECT learning_credentials.preview_pdf('{"template": "large", "protection": "none"}') FROM generate_series(1, 20);
SELECT abs(pg_table_size('stored') / 20.0 * 100000 / 1024 / 1024 / 39150 - 1) < 0.05 AS as_said;

-- Damaged: what was repaired. It is said again when other content is stored, not when other columns change.
INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('damaged', pg_temp.pdf(10, 10, 3));
UPDATE learning_credentials.credential_asset SET description = 'Moved' WHERE slug = 'damaged';
UPDATE learning_credentials.credential_asset SET content = pg_temp.pdf(10, 10, 3) WHERE slug = 'damaged';
UPDATE learning_credentials.credential_asset SET content = pg_temp.pdf(10, 11, 3) WHERE slug = 'damaged';
SELECT length(learning_credentials.preview_pdf('{"template": "damaged"}')) > 1000 AS used_without_a_warning;

-- Damaged so that something is missing: refused.
INSERT INTO learning_credentials.credential_asset (slug, content)
VALUES ('lost', convert_to(replace(convert_from(pg_temp.pdf(10, 10, 3), 'UTF8'), '6 0 obj', '7 0 obj'), 'UTF8'));
ROLLBACK;
