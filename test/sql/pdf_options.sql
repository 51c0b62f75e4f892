-- The options of generate_pdf and preview_pdf: every key with good and bad values. What the pages look
-- like is tested from outside, in t/030_documents.pl.
BEGIN;
SET LOCAL client_min_messages = warning;

-- ------------------------------------------------------------ assets to name
INSERT INTO learning_credentials.credential_asset (slug, content)
SELECT slug, learning_credentials.preview_pdf(options || '{"text_elements": {"name": false, "context": false, "date": false}}')
  FROM (VALUES ('landscape', '{"page": {"size": "A4"}, "protection": "none"}'::jsonb),
               ('portrait', '{"page": {"size": "A5", "orientation": "portrait"}, "protection": "none"}'),
               ('small', '{"page": {"size": "A6"}, "protection": "none"}')) AS made (slug, options);
INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('dot', decode(
    '89504e470d0a1a0a0000000d4948445200000004000000020802000000f0caea340000001049444154789c63f8cfc000470cc81c006faa07f980dc00280000000049454e44ae426082', 'hex'));

-- What comes of options: "document", or the error with its hint.
CREATE FUNCTION pg_temp.outcome(options jsonb, user_full_name text DEFAULT 'Ada Lovelace',
                                learning_context_name text DEFAULT 'Mathematics', evidence jsonb DEFAULT '{}')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    pdf bytea;
    detail text;
    hint text;
BEGIN
    pdf := learning_credentials.preview_pdf(options, user_full_name, learning_context_name, '2024-02-29 12:00+00', evidence);
    IF substr(pdf, 1, 5) <> '%PDF-' OR position('%%EOF' IN encode(substr(pdf, octet_length(pdf) - 10), 'escape')) = 0 THEN
        RETURN 'not a document';
    END IF;
    RETURN 'document';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', SQLSTATE || ' ' || SQLERRM, nullif('DETAIL ' || detail, 'DETAIL '), nullif('HINT ' || hint, 'HINT '));
END
$$;

-- The same for options laid over a blank page.
CREATE FUNCTION pg_temp.on_blank(options jsonb) RETURNS text LANGUAGE sql AS
$$SELECT pg_temp.outcome(learning_credentials.merge_options('{"page": {}}', options))$$;
-- The same for a key of the element "name".
CREATE FUNCTION pg_temp.on_name(options jsonb) RETURNS text LANGUAGE sql AS
$$SELECT pg_temp.on_blank(jsonb_build_object('text_elements', jsonb_build_object('name', options)))$$;

\pset format unaligned
\pset tuples_only on
\pset fieldsep ' -> '

-- ------------------------------------------------------------ the ground
SELECT options, pg_temp.outcome(options) FROM (VALUES
    ('{"template": "landscape"}'::jsonb),
    ('{"template": "landscape", "template_multiline": "portrait"}'),
    ('{"page": {}}'),
    ('{"page": {"size": "A3"}}'),
    ('{"page": {"size": "a5", "orientation": "Landscape"}}'),
    ('{"page": {"size": "A6"}}'),
    ('{"page": {"size": "Letter", "orientation": "portrait"}}'),
    ('{"page": {"size": "Legal"}}'),
    ('{"page": {"size": "Tabloid"}}'),
    ('{"template": null, "template_multiline": null, "page": {"size": null}}'),
    ('{}'),
    ('{"template": null, "page": null}'),
    ('{"template_multiline": "landscape"}'),
    ('{"template": "landscape", "page": {}}'),
    ('{"page": {}, "template_multiline": "landscape"}'),
    ('{"template": "no-such-design"}'),
    ('{"template": "landscape", "template_multiline": "no-such-design"}'),
    ('{"template": "dot"}'),
    ('{"template": 5}'),
    ('{"template": ["landscape"]}'),
    ('{"template": ""}'),
    ('{"page": "A4"}'),
    ('{"page": {"size": "A12"}}'),
    ('{"page": {"size": 4}}'),
    ('{"page": {"orientation": "upside down"}}'),
    ('{"page": {"sise": "A4"}}'),
    ('[]'), ('"A4"'), ('null')) AS t (options);

-- ------------------------------------------------------------ keys of the whole
SELECT options, pg_temp.on_blank(options) FROM (VALUES
    ('{"defaults": {}}'::jsonb),
    ('{"text_elements": {}}'),
    ('{"images": []}'),
    ('{"qr_codes": []}'),
    ('{"locale": "de"}'), ('{"locale": "pt-BR"}'), ('{"locale": "it_IT"}'),
    ('{"date_format": "full"}'), ('{"date_format": "d MMMM yyyy"}'),
    ('{"time_zone": "Pacific/Auckland"}'),
    ('{"protection": "none"}'), ('{"protection": "encrypt"}'),
    ('{"defaults": null, "text_elements": null, "images": null, "qr_codes": null, "locale": null, "date_format": null, "time_zone": null, "protection": null}'),
    -- those of the built-in retrieval functions are at home in the same options
    ('{"source": "campus", "required_completion": 0.5, "required_grades": {"Total": 0.5}, "steps": {}}'),
    ('{"defaults": 1}'),
    ('{"text_elements": []}'),
    ('{"images": {}}'), ('{"images": ["dot"]}'),
    ('{"qr_codes": "x"}'), ('{"qr_codes": [null]}'),
    ('{"locale": 1}'), ('{"locale": "not a locale"}'), ('{"locale": "xx"}'),
    ('{"date_format": 1}'), ('{"date_format": "d ''MMMM"}'), ('{"date_format": ""}'),
    ('{"time_zone": 2}'), ('{"time_zone": "Mars/Olympus"}'),
    ('{"protection": true}'), ('{"protection": "aes"}'),
    ('{"text_element": {}}'),
    ('{"threshold_of_mine": 1}')) AS t (options);

-- ------------------------------------------------------------ keys of a text
SELECT options, pg_temp.on_name(options) FROM (VALUES
    ('{}'::jsonb),
    ('{"text": "Dr {name}"}'), ('{"text": ""}'), ('{"text": " "}'), ('{"text": "Dr\n{name}"}'),
    ('{"x": 100}'), ('{"x": 0, "align": "left"}'),
    ('{"y": 0}'), ('{"y": 500.25}'), ('{"y": 1e2}'),
    ('{"align": "left"}'), ('{"align": "center"}'), ('{"align": "right"}'), ('{"align": "start"}'), ('{"align": "END"}'),
    ('{"size": 0.5}'), ('{"min_size": 3}'), ('{"min_size": 300}'), ('{"max_width": 300}'),
    ('{"font": "Times-Roman"}'), ('{"font": ["Courier-Bold", "Helvetica"]}'),
    ('{"color": "#123"}'), ('{"color": "aBcDeF"}'), ('{"color": "#1a5276"}'),
    ('{"char_space": 2.5}'), ('{"char_space": -0.5}'),
    ('{"uppercase": true}'), ('{"uppercase": false}'),
    ('{"line_height": 1.5}'),
    ('{"direction": "auto"}'), ('{"direction": "ltr"}'), ('{"direction": "rtl"}'),
    ('{"text": null, "x": null, "y": null, "align": null, "size": null, "min_size": null, "max_width": null, "font": null, "color": null, "char_space": null, "uppercase": null, "line_height": null, "direction": null}')) AS t (options);
SELECT options, pg_temp.on_name(options) FROM (VALUES
    ('{"text": 5}'::jsonb), ('{"text": ["a"]}'),
    ('{"x": "left"}'), ('{"x": -1}'), ('{"x": 900}'), ('{"x": 20000}'), ('{"x": 1e30}'),
    ('{"y": "290"}'), ('{"y": -0.5}'), ('{"y": 596}'), ('{"y": true}'),
    ('{"align": "centre"}'), ('{"align": 0}'),
    ('{"size": "big"}'), ('{"size": -12}'), ('{"size": 0}'), ('{"size": 2001}'), ('{"size": {}}'),
    ('{"min_size": -1}'), ('{"min_size": "8"}'),
    ('{"max_width": 0}'), ('{"max_width": [1]}'), ('{"max_width": 10}'),
    ('{"font": "no-such-font"}'), ('{"font": "landscape"}'), ('{"font": "helvetica"}'), ('{"font": 7}'), ('{"font": []}'), ('{"font": ["Helvetica", 7]}'), ('{"font": {}}'), ('{"font": true}'),
    ('{"font": {"slug": "Helvetica"}}'), ('{"font": {"slug": "Helvetica", "wght": 600}}'), ('{"font": {"slug": 7}}'), ('{"font": [{"slug": "no-such-font", "wght": 600}]}'),
    ('{"font": "no-such-font#2"}'), ('{"font": "landscape#x"}'), ('{"font": "landscape#"}'), ('{"font": "landscape#-1"}'), ('{"font": "landscape#12345"}'),
    ('{"color": "#12"}'), ('{"color": "red"}'), ('{"color": "#12345"}'), ('{"color": "#1234567"}'), ('{"color": "##123"}'), ('{"color": 123}'), ('{"color": ""}'),
    ('{"char_space": "wide"}'), ('{"char_space": 5000}'),
    ('{"uppercase": "yes"}'), ('{"uppercase": 1}'),
    ('{"line_height": 0}'), ('{"line_height": -1}'), ('{"line_height": "double"}'),
    ('{"direction": "up"}'),
    ('{"colour": "#123"}'), ('{"Size": 3}'), ('{"something_else": 3}'),
    ('{"text": "one\ntwo\nthree", "y": 10}'),
    ('{"y": 580}'), ('{"y": 580, "size": 12}'), ('{"y": 595, "size": 12}'), ('{"y": 595, "text": " "}'),
    ('{"x": 400, "align": "left", "max_width": 800, "text": "a text that is long enough to leave the page {name} {name}"}')) AS t (options);

-- Standard elements, hidden ones, others.
SELECT options, pg_temp.on_blank(options) FROM (VALUES
    ('{"text_elements": {"name": false, "context": false, "date": false}}'::jsonb),
    ('{"text_elements": {"name": null}}'),
    ('{"text_elements": {"signature": {"text": "The Dean", "y": 60, "x": 100}}}'),
    ('{"text_elements": {"signature": false}}'),
    ('{"text_elements": {"signature": null}}'),
    ('{"text_elements": {"name": true}}'),
    ('{"text_elements": {"name": "Ada"}}'),
    ('{"text_elements": {"date": []}}'),
    ('{"text_elements": {"signature": {}}}'),
    ('{"text_elements": {"signature": {"text": "The Dean"}}}'),
    ('{"text_elements": {"signature": {"y": 60}}}'),
    ('{"text_elements": {"signature": {"text": "The Dean", "y": 6000}}}'),
    ('{"text_elements": {"signature": {"text": "The Dean", "y": 60, "bold": true}}}'),
    ('{"text_elements": {"a key that is \u00e9tr\u00e4nge and so long that nobody will want to read it to its end in any message at all, \u00e4\u00f6\u00fc": {"text": 1, "y": 5}}}')) AS t (options);

-- defaults: the keys of an element but text and y.
SELECT options, pg_temp.on_blank(jsonb_build_object('defaults', options)) FROM (VALUES
    ('{"x": 200, "align": "left", "size": 20, "min_size": 10, "max_width": 300, "font": "Courier", "color": "123", "char_space": 1, "uppercase": true, "line_height": 2, "direction": "ltr"}'::jsonb),
    ('{"size": "big"}'), ('{"color": "#12"}'), ('{"font": "no-such-font"}'), ('{"text": "x"}'), ('{"y": 5}'), ('{"fnot": "Courier"}')) AS t (options);

-- ------------------------------------------------------------ images
SELECT options, pg_temp.on_blank(jsonb_build_object('images', jsonb_build_array(options))) FROM (VALUES
    ('{"slug": "dot", "x": 10, "y": 20}'::jsonb),
    ('{"slug": "dot", "x": 10, "y": 20, "width": 100}'),
    ('{"slug": "dot", "x": 10, "y": 20, "height": 100}'),
    ('{"slug": "dot", "x": 0, "y": 0, "width": 841.89, "height": 595.28}'),
    ('{}'),
    ('{"slug": "dot"}'),
    ('{"slug": "no-such-image", "x": 10, "y": 20}'),
    ('{"slug": "landscape", "x": 10, "y": 20}'),
    ('{"slug": 1, "x": 10, "y": 20}'),
    ('{"slug": "dot", "x": "10", "y": 20}'),
    ('{"slug": "dot", "x": -10, "y": 20}'),
    ('{"slug": "dot", "x": 840, "y": 20}'),
    ('{"slug": "dot", "x": 10, "y": 500, "width": 400}'),
    ('{"slug": "dot", "x": 10, "y": 20, "width": 0}'),
    ('{"slug": "dot", "x": 10, "y": 20, "height": -5}'),
    ('{"slug": "dot", "x": 10, "y": 20, "heigth": 5}')) AS t (options);

-- ------------------------------------------------------------ QR codes
SELECT options, pg_temp.on_blank(jsonb_build_object('qr_codes', jsonb_build_array('{"x": 0, "y": 0}'::jsonb, options))) FROM (VALUES
    ('{"x": 10, "y": 20}'::jsonb),
    ('{"x": 10, "y": 20, "size": 100, "text": "{verify_uuid}"}'),
    ('{"x": 10}'), ('{"y": 10}'),
    ('{"x": 10, "y": 20, "size": 0}'),
    ('{"x": 10, "y": 20, "size": "big"}'),
    ('{"x": 800, "y": 20, "size": 100}'),
    ('{"x": 10, "y": 20, "text": 5}'),
    ('{"x": 10, "y": 20, "text": ""}'),
    ('{"x": 10, "y": 20, "color": "#fff"}')) AS t (options);
SELECT pg_temp.on_blank(jsonb_build_object('qr_codes', jsonb_build_array(jsonb_build_object('x', 1, 'y', 1, 'text', repeat('x', 5000)))));
SELECT pg_temp.on_blank(jsonb_build_object('qr_codes', jsonb_build_array(jsonb_build_object('x', 1, 'y', 1, 'text', 'é' || repeat('x', 2329)))));

-- ------------------------------------------------------------ the page is the one that is used
SELECT template, context, pg_temp.outcome(template || '{"text_elements": {"top": {"text": "x", "y": 400}}}', learning_context_name => context)
  FROM (VALUES ('{"template": "landscape", "template_multiline": "small"}'::jsonb), ('{"template": "small", "template_multiline": "landscape"}')) AS t (template),
       (VALUES ('Mathematics'), (E'Mathematics\nfor Poets'), (E'Mathematics\r\nfor Poets')) AS c (context);
-- A line break in the text of the element "context" counts too, one in another's does not.
SELECT pg_temp.outcome('{"template": "landscape", "template_multiline": "small", "text_elements": {"context": {"text": "in\n{context_name}"}, "top": {"text": "x", "y": 400}}}');
SELECT pg_temp.outcome('{"template": "landscape", "template_multiline": "small", "text_elements": {"name": {"text": "Dr\n{name}"}, "top": {"text": "x", "y": 400}}}');

-- ------------------------------------------------------------ limits
SELECT pg_temp.outcome('{"page": {}}', user_full_name => repeat('x', 100000));
SELECT pg_temp.on_name(jsonb_build_object('text', repeat('x', 100000)));
SELECT pg_temp.on_name(jsonb_build_object('text', repeat('{name}', 5000)));
SELECT pg_temp.outcome('{"page": {}}', user_full_name => repeat('x', 10000));
SELECT pg_temp.outcome('{"page": {}}', user_full_name => repeat('many words ', 800));
SET LOCAL learning_credentials.max_text_length = 5;
SELECT pg_temp.outcome('{"page": {}, "text_elements": {"context": false, "date": false}}', user_full_name => 'ÄÖÜäö');
SELECT pg_temp.outcome('{"page": {}, "text_elements": {"context": false, "date": false}}', user_full_name => 'ÄÖÜäöü');
RESET learning_credentials.max_text_length;
SELECT pg_temp.on_blank(jsonb_build_object('text_elements', (SELECT jsonb_object_agg('e' || i, '{"text": "x", "y": 1}'::jsonb) FROM generate_series(1, 501) i)));
SELECT pg_temp.on_blank(jsonb_build_object('images', (SELECT jsonb_agg('{"slug": "dot", "x": 1, "y": 1}'::jsonb) FROM generate_series(1, 501) i)));
SELECT pg_temp.on_name(jsonb_build_object('font', (SELECT jsonb_agg('Helvetica'::text) FROM generate_series(1, 17) i)));

-- ------------------------------------------------------------ characters that built-in fonts do not have
SELECT name, pg_temp.outcome('{"page": {}}', user_full_name => name)
  FROM (VALUES ('Zoë Æbeltoft-Šimůnek'), ('Łukasz Żółć'), ('Αθηνά'), ('李小龍'), ('Zoë “Šárka” O’Neil – €'), (E'tab\tand zero\u200Bwidth'), (E'bell\u0007')) AS t (name);
SELECT pg_temp.outcome('{"page": {}, "text_elements": {"name": {"font": ["Courier", "Times-Roman"]}}}', user_full_name => 'Łukasz');

-- ------------------------------------------------------------ arguments
SELECT learning_credentials.preview_pdf(NULL) IS NULL AS strict;
SELECT pg_temp.outcome('{"page": {}}', evidence => '[]');
SELECT pg_temp.outcome('{"page": {}}', user_full_name => '');
-- A name of a megabyte that leads nowhere: looked for as quickly as any other.
SELECT pg_temp.outcome(jsonb_build_object('page', '{}'::jsonb, 'text_elements',
           jsonb_build_object('name', jsonb_build_object('text', '{evidence.list' || repeat('.1', 500000) || '}'))),
       evidence => '{"list": [[1]]}');
SAVEPOINT s;
SELECT octet_length(learning_credentials.preview_pdf('{"page": {}}', issue_date => 'infinity')) > 0;
ROLLBACK TO s;
SELECT octet_length(learning_credentials.preview_pdf('{"page": {}}')) BETWEEN 1000 AND 20000 AS defaults_suffice;

-- ------------------------------------------------------------ generate_pdf: the same with a credential
CREATE FUNCTION pg_temp.document(options jsonb, change jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    credential learning_credentials.credential;
    pdf bytea;
BEGIN
    credential := jsonb_populate_record(NULL::learning_credentials.credential, '{
        "uuid": "018f0000-0000-7000-8000-000000000001", "verify_uuid": "a0000000-0000-4000-8000-000000000001",
        "credential_type_name": "Certificate", "learning_context_key": "course-v1:Uni+MA1+2024", "learning_context_name": "Mathematics",
        "user_id": 1, "user_full_name": "Ada Lovelace", "evidence": {}, "issue_date": "2024-02-29 12:00+00"}' || change);
    pdf := learning_credentials.generate_pdf(credential, options);
    RETURN CASE WHEN substr(pdf, 1, 5) = '%PDF-' THEN 'document' ELSE 'not a document' END;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT options, pg_temp.document(options) FROM (VALUES
    ('{"page": {}}'::jsonb),
    ('{"template": "landscape", "threshold_of_mine": 1}'),
    ('{"page": {}, "text_elements": {"name": {"sise": 5}}}'),
    ('{"page": {}, "text_elements": {"name": {"size": "big"}}}'),
    ('{}')) AS t (options);
SELECT change, pg_temp.document('{"page": {}}', change) FROM (VALUES
    ('{"issue_date": null}'::jsonb), ('{"expires_at": "2030-01-01"}'), ('{"user_full_name": null}'), ('{"learning_context_name": null}'), ('{"verify_uuid": null}')) AS t (change);

-- ------------------------------------------------------------ how the functions are declared
\pset tuples_only off
\pset format aligned
SELECT proname, provolatile, proparallel, proisstrict, obj_description(oid, 'pg_proc') LIKE '%Options%' AS documents_options,
       has_function_privilege('public', oid, 'EXECUTE') AS for_public
  FROM pg_proc WHERE pronamespace = 'learning_credentials'::regnamespace AND proname IN ('generate_pdf', 'preview_pdf') ORDER BY 1;

-- Every key that the code knows is in the comment.
SELECT key AS undocumented
  FROM unnest('{template,template_multiline,page,text_elements,defaults,images,qr_codes,locale,date_format,time_zone,protection,text,x,y,align,size,min_size,max_width,font,color,char_space,uppercase,line_height,direction,slug,width,height,orientation}'::text[]) AS key
 WHERE obj_description('learning_credentials.generate_pdf'::regproc) !~ ('[ "]' || key || '[":, ]');
ROLLBACK;
