-- ============================================================ the verify page
-- What a person sees who scans the QR code. The page is in sql/page/: page.html with {{placeholders}} and
-- {{#sections}}, its styles, its script, and its words in texts/LANGUAGE.json. The Makefile puts a file where a line
-- @include names it. Nothing else is loaded, so the policy that goes with the page allows its own styles and
-- script, by their hashes, and nothing else.

CREATE FUNCTION learning_credentials.page_escape(value text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
SELECT replace(replace(replace(replace(replace(
           regexp_replace(regexp_replace(value,
               E'[\\u0001-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\ufffe\\uffff]', E'\uFFFD', 'g'),
               E'[\\u202a-\\u202e\\u2066-\\u2069]', '', 'g'),
           '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;')
$$;
COMMENT ON FUNCTION learning_credentials.page_escape(text) IS
'A text as HTML, within an element or a quoted attribute. Control characters become U+FFFD; characters that only turn the direction of what follows are left out, for the page isolates each text.';

CREATE FUNCTION learning_credentials.page_texts() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $page$
SELECT jsonb_object_agg(language, jsonb)
  FROM (VALUES
('en', $en$
@include sql/page/texts/en.json
$en$),
('de', $de$
@include sql/page/texts/de.json
$de$),
('es', $es$
@include sql/page/texts/es.json
$es$),
('fr', $fr$
@include sql/page/texts/fr.json
$fr$),
('ar', $ar$
@include sql/page/texts/ar.json
$ar$)) AS v (language, texts),
       LATERAL (SELECT jsonb_object_agg(key, CASE jsonb_typeof(value)
                           WHEN 'string' THEN to_jsonb(learning_credentials.page_escape(value #>> '{}'))
                           ELSE value END)
                  FROM jsonb_each(texts::jsonb)) AS escaped (jsonb)
$page$;
COMMENT ON FUNCTION learning_credentials.page_texts() IS
'The words of the verify page as HTML: an object for each language, the same keys in each.';

-- The template becomes a function, in plpgsql, whose plans a session keeps: a placeholder a look-up, a section a
-- CASE. So a value is never read as a placeholder, and a section without its end is an error of CREATE EXTENSION.
DO $install$
DECLARE
    style CONSTANT text := $style$
@include sql/page/page.css
$style$;
    script CONSTANT text := $script$
@include sql/page/page.js
$script$;
    page text := $html$
@include sql/page/page.html
$html$;
BEGIN
    page := replace(ltrim(page, E'\n'), '''', '''''');
    page := regexp_replace(page, '\{\{#(\w+)\}\}', ''', CASE WHEN content ? ''\1'' THEN array_to_string(ARRAY[''', 'g');
    page := regexp_replace(page, '\{\{/\w+\}\}(\n?)', '\1''], '''') END, ''', 'g');
    page := replace(page, '{{style}}', replace(style, '''', ''''''));
    page := replace(page, '{{script}}', replace(script, '''', ''''''));
    page := regexp_replace(page, '\{\{(\w+)\}\}', ''', content->>''\1'', ''', 'g');
    EXECUTE format('CREATE FUNCTION learning_credentials.page_html(content jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS %L',
        'BEGIN RETURN array_to_string(ARRAY[''' || page || '''], ''''); END');
    EXECUTE format('CREATE FUNCTION learning_credentials.page_policy() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L',
        format('SELECT %L', format(
            'default-src ''none''; style-src ''sha256-%s''; script-src ''sha256-%s''; img-src data:; base-uri ''none''; form-action ''self''; frame-ancestors ''none''',
            encode(sha256(convert_to(style, 'UTF8')), 'base64'),
            encode(sha256(convert_to(script, 'UTF8')), 'base64'))));
END
$install$;
COMMENT ON FUNCTION learning_credentials.page_html(jsonb) IS
'The verify page with its placeholders filled in, and with those of its sections that content has a key for. Values are HTML.';
COMMENT ON FUNCTION learning_credentials.page_policy() IS
'The Content-Security-Policy of the verify page.';

CREATE FUNCTION learning_credentials.page_language() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    accepted text;
BEGIN
    BEGIN
        accepted := left(current_setting('request.headers', true)::jsonb ->> 'accept-language', 1000);
    EXCEPTION WHEN data_exception THEN      -- not JSON: not from a REST server
        accepted := NULL;
    END;
    IF accepted IS NULL THEN
        RETURN 'en';
    END IF;
    -- A range such as de-AT accepts de; * accepts each language that no other range names. Of languages wanted
    -- alike the one named first wins, then the first of ours.
    RETURN coalesce((
        WITH wanted (language, quality, position) AS (
            SELECT lower(part[1]), coalesce(part[2]::numeric, 1), r.position
              FROM regexp_split_to_table(accepted, ',') WITH ORDINALITY AS r (range, position),
                   regexp_match(r.range, E'^\\s*([a-z]{2,8}|\\*)(?:-[a-z0-9]{1,8})*\\s*(?:;\\s*q=(0(?:\\.\\d{0,3})?|1(?:\\.0{0,3})?)\\s*)?$', 'i') AS part
             WHERE part IS NOT NULL),
        offered (language, rank) AS (
            VALUES ('en', 1), ('de', 2), ('es', 3), ('fr', 4), ('ar', 5))
        SELECT o.language
          FROM offered o
          JOIN wanted w ON w.language = o.language
                        OR w.language = '*' AND NOT EXISTS (SELECT FROM wanted n WHERE n.language = o.language)
         WHERE w.quality > 0
         ORDER BY w.quality DESC, w.position, o.rank
         LIMIT 1), 'en');
END
$$;
COMMENT ON FUNCTION learning_credentials.page_language() IS
'The language of the verify page: what the request''s header Accept-Language wants most of those there are, en if none.';

CREATE FUNCTION learning_credentials.page_zone(zone text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM now() AT TIME ZONE zone;
    RETURN coalesce(zone, 'UTC');
EXCEPTION WHEN data_exception THEN
    RETURN 'UTC';
END
$$;
COMMENT ON FUNCTION learning_credentials.page_zone(text) IS
'A time zone, UTC where it is NULL or the server does not know it.';

CREATE FUNCTION learning_credentials.page_date(moment timestamptz, zone text, texts jsonb) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here CONSTANT timestamp := moment AT TIME ZONE zone;
BEGIN
    IF NOT isfinite(here) OR extract(year FROM here) NOT BETWEEN 1 AND 9999 THEN
        RETURN learning_credentials.page_escape(here::text);
    END IF;
    RETURN format('<time datetime="%s">%s</time>',
                  to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                  format(texts->>'date',
                         CASE extract(day FROM here) WHEN 1 THEN coalesce(texts->>'first_day', '1')
                              ELSE to_char(here, 'FMDD') END,
                         texts->'months'->>(extract(month FROM here)::integer - 1),
                         to_char(here, 'FMYYYY')));
END
$$;
COMMENT ON FUNCTION learning_credentials.page_date(timestamptz, text, jsonb) IS
'The date of a moment in a time zone, as the verify page writes it: the month in letters.';

CREATE FUNCTION learning_credentials.page_time(form text, moment timestamptz, zone text, texts jsonb) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format(form, learning_credentials.page_date(moment, zone, texts), to_char(moment AT TIME ZONE zone, 'HH24:MI'));
END
$$;
COMMENT ON FUNCTION learning_credentials.page_time(text, timestamptz, text, jsonb) IS
'Date and time of a moment in a time zone, in a text that has %s for each.';

CREATE FUNCTION learning_credentials_api.verify_page(verify_uuid text, name text DEFAULT NULL) RETURNS learning_credentials_api."text/html"
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    texts CONSTANT jsonb := learning_credentials.page_texts() -> learning_credentials.page_language();
    digits CONSTANT text := lower(regexp_replace(left(verify_page.verify_uuid, 200), '[-[:space:]]', '', 'g'));
    code CONSTANT uuid := CASE WHEN digits ~ '^[0-9a-f]{32}$' THEN digits::uuid END;
    -- What is malformed is looked up as a code that nobody has: so the library is loaded at once, and the settings
    -- below are what they were set to by those who may.
    looked_up CONSTANT uuid := coalesce(code, learning_credentials.uuid_random());
    shown record;
    state text;
    zone text;
    given_name text;
BEGIN
    SELECT m.user_full_name, m.credential_type_name, m.learning_context_name, m.issue_date, m.expires_at,
           m.status, m.is_valid, m.invalidation_reason, m.superseded_by, encode(d.sha256, 'hex') AS sha256,
           m.name_withheld, c.user_full_name AS holder,
           coalesce(f.custom_options->>'time_zone', t.custom_options->>'time_zone') AS zone
      INTO shown
      FROM learning_credentials_api.metadata m
      LEFT JOIN learning_credentials.credential c ON c.verify_uuid = m.verify_uuid
      LEFT JOIN learning_credentials.document d ON d.credential_uuid = c.uuid
      LEFT JOIN learning_credentials.credential_configuration f ON f.id = c.configuration_id
      LEFT JOIN learning_credentials.credential_type t ON t.id = f.credential_type_id
     WHERE m.verify_uuid = looked_up;

    state := CASE WHEN code IS NULL THEN 'malformed'
                  WHEN NOT FOUND THEN 'unknown'
                  WHEN shown.is_valid THEN 'valid'
                  WHEN shown.status = 'invalidated' THEN 'invalidated'
                  WHEN shown.status = 'available' THEN 'expired'
                  ELSE 'pending' END;
    given_name := nullif(btrim(left(verify_page.name, 200)), '');
    zone := learning_credentials.page_zone(shown.zone);     -- the document's

    PERFORM set_config('response.status', CASE state WHEN 'unknown' THEN '404' WHEN 'malformed' THEN '400' ELSE '200' END, true);
    PERFORM set_config('response.headers', json_build_array(
        json_build_object('Content-Type', 'text/html; charset=utf-8'),
        json_build_object('Content-Language', texts->>'language'),
        json_build_object('Content-Security-Policy', learning_credentials.page_policy()),
        json_build_object('Cache-Control', 'no-store'),
        json_build_object('Vary', 'Accept-Language'),
        json_build_object('Referrer-Policy', 'no-referrer'),
        json_build_object('X-Content-Type-Options', 'nosniff'),
        json_build_object('X-Robots-Tag', 'noindex'),
        json_build_object('Cross-Origin-Opener-Policy', 'same-origin'),
        json_build_object('Cross-Origin-Resource-Policy', 'same-origin'))::text, true);

    RETURN learning_credentials.page_html(texts || jsonb_strip_nulls(jsonb_build_object(
        'state', state,
        state, '',
        'title', texts->>(state || '_title'),
        'organization', learning_credentials.page_escape(nullif(btrim(current_setting('learning_credentials.organization')), '')),
        'code', code,
        'credential', CASE WHEN state NOT IN ('malformed', 'unknown') THEN '' END,
        'holder', learning_credentials.page_escape(shown.user_full_name),
        'hidden', CASE WHEN shown.name_withheld = 'hidden' AND shown.holder IS NOT NULL THEN '' END,
        'erased', CASE WHEN shown.name_withheld = 'erased' THEN '' END,
        'comparable', CASE WHEN state = 'valid' AND shown.name_withheld IS DISTINCT FROM 'erased' THEN '' END,
        'given_name', learning_credentials.page_escape(given_name),
        'name_yes', CASE WHEN learning_credentials.same_name(shown.holder, given_name) THEN '' END,
        'name_no', CASE WHEN NOT learning_credentials.same_name(shown.holder, given_name) THEN '' END,
        'credential_type', learning_credentials.page_escape(shown.credential_type_name),
        'context', learning_credentials.page_escape(shown.learning_context_name),
        'issue_date', learning_credentials.page_date(shown.issue_date, zone, texts),
        'valid_until', CASE WHEN state = 'valid' AND isfinite(shown.expires_at)
                            THEN learning_credentials.page_time(texts->>'date_time', shown.expires_at, zone, texts) END,
        'expired_on', CASE WHEN state IN ('invalidated', 'expired') AND shown.expires_at <= now()
                           THEN learning_credentials.page_time(texts->>'date_time', shown.expires_at, zone, texts) END,
        'never_expires', CASE WHEN state = 'valid' AND coalesce(shown.expires_at, 'infinity') = 'infinity' THEN '' END,
        'why', CASE WHEN num_nonnulls(shown.invalidation_reason, shown.superseded_by) > 0 THEN '' END,
        'reason', learning_credentials.page_escape(shown.invalidation_reason),
        'replacement', learning_credentials.page_escape(
            replace(current_setting('learning_credentials.verify_url'), '{verify_uuid}', shown.superseded_by::text)),
        'sha256', CASE WHEN state IN ('valid', 'invalidated', 'expired') THEN shown.sha256 END,
        'checked', learning_credentials.page_time(texts->>'checked_format', now(), zone, texts),
        'zone', format(texts->>'zone_format', '<bdi>' || learning_credentials.page_escape(zone) || '</bdi>'))));
END
$$;
COMMENT ON FUNCTION learning_credentials_api.verify_page(text, text) IS
'The page about the credential with a verification code, for a person: valid, invalidated, expired, not issued yet where verifiers are shown that, or, with status 404, unknown; 400 when the text is no code. Where the configuration hides names, it asks for one, and says whether that is the holder''s. In the language that Accept-Language asks for: en, de, es, fr, ar.';
