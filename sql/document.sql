-- ============================================================ making documents

CREATE FUNCTION learning_credentials.generate_pdf(
    credential learning_credentials.credential,
    options jsonb) RETURNS bytea
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'lc_generate_pdf';
COMMENT ON FUNCTION learning_credentials.generate_pdf(learning_credentials.credential, jsonb) IS
$$The document of a credential: one page of PDF. Assets are read with the caller's rights.

Options: lengths are points (1/72 inch); x and y count from the bottom left of the page as a viewer shows it. null stands for an option that is not set. Colors are "#rgb" or "#rrggbb", "#" optional.
  template: slug of a PDF asset, whose first page is the background.
  template_multiline: slug of the PDF asset that is used instead when the context's name, or the text of the element "context", has a line break.
  page: instead of a template, a blank page: {"size": "A4", "orientation": "landscape"}. Sizes: A3, A4 (default), A5, A6, Letter, Legal, Tabloid. Orientation: landscape (default) or portrait.
  text_elements: object of texts by name. Three are there unless they are set to false: "name" (text {name}, y 290, size 32), "context" (text {context_name}, y 220, size 28), "date" (text {issue_date}, y 120, size 12). Others need text and y. They are drawn in the order name, context, date, then by key. Each is an object of:
    text: may hold placeholders; a line break starts a new line.
    x: where the text is aligned; default: the middle of the page for center, a twelfth of its width from the edge for left and right.
    y: the baseline of the first line.
    align: left, center (default), right, start or end (left and right, or the reverse in right-to-left text).
    size: of the font, default 12.
    min_size: how far a text that is too wide may shrink before it is wrapped; default: half of size.
    max_width: the width that the text may take; default: what leaves a twelfth of the page's width free at the edges. A text that fits neither shrunk nor wrapped is an error.
    font: slug of a font asset, name of a built-in font (Helvetica, Times-Roman, Courier and their bold and italic kinds), or a list of them, tried in turn; default Helvetica. A character that none of them shows is an error.
    color: default #000.
    char_space: added between characters, default 0.
    uppercase: true or false (default), by the rules of locale.
    line_height: distance of lines in font sizes, default 1.1.
    direction: auto (default, by the first letter), ltr or rtl.
  defaults: object of those keys but text and y, for every text element. An element's own keys win over defaults, which win over the standard elements.
  images: list of {"slug", "x", "y", "width", "height"}: PNG and JPEG assets with their bottom left corner. Without width or height the proportions stay; without both an image has 72 pixels an inch.
  qr_codes: list of {"text", "x", "y", "size"}: QR codes with their bottom left corner, margin included, in black on a ground that must be light. text defaults to {verify_url}, size to 72.
  locale: for dates, upper case and shapes of letters, such as "pt-BR"; default "en".
  date_format: short, medium, long (default), full, or a pattern of ICU such as "d MMMM yyyy".
  time_zone: in which dates are told, such as "Europe/Warsaw"; default "UTC".
  protection: encrypt (default: AES-256 with an empty user password and a random owner password, printing and copying allowed) or none.
Placeholders: {name}, {context_name}, {issue_date}, {expires_date} (empty: never expires), {credential_type}, {verify_uuid}, {verify_url} (the setting learning_credentials.verify_url), {evidence.PATH} (keys and list positions, separated by dots). Unknown ones stay as they are written; {{ and }} stand for braces.
Unknown top-level options are ignored, because the retrieval function has the same options; unknown keys below are errors. validate_options() lists all that is wrong.
Errors: 22023 for an option that does not fit, 54000 for what a setting bounds, 22P05 for a character without a glyph, 22004 for a credential without its snapshot.$$;

CREATE FUNCTION learning_credentials.preview_pdf(
    options jsonb,
    user_full_name text DEFAULT 'Ada Lovelace',
    learning_context_name text DEFAULT 'Introduction to Mathematics',
    issue_date timestamptz DEFAULT now(),
    evidence jsonb DEFAULT '{}') RETURNS bytea
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'lc_preview_pdf';
COMMENT ON FUNCTION learning_credentials.preview_pdf(jsonb, text, text, timestamptz, jsonb) IS
'The page that generate_pdf makes with these options, for a given text; nothing is stored. {verify_uuid} is all zeros, {credential_type} is "Credential type", {expires_date} is 365 days after the issue date. Options are those of generate_pdf, see there; unknown top-level options are errors, but for those of the built-in retrieval functions.';

REVOKE ALL ON FUNCTION
    learning_credentials.generate_pdf(learning_credentials.credential, jsonb),
    learning_credentials.preview_pdf(jsonb, text, text, timestamptz, jsonb)
    FROM PUBLIC;
