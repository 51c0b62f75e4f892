-- ============================================================ making documents

CREATE FUNCTION learning_credentials.generate_pdf(
    credential learning_credentials.credential,
    options jsonb) RETURNS bytea
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'lc_generate_pdf';
COMMENT ON FUNCTION learning_credentials.generate_pdf(learning_credentials.credential, jsonb) IS
$$The document of a credential: one page of PDF, its design from a PDF asset, its texts from options. Assets are read with the caller's rights.

Lengths are points (1/72 inch); x and y count from the bottom left of the page as a viewer shows it. Colors are "#rgb" or "#rrggbb", "#" optional. null stands for an option that is not set. Top-level options that are not known are ignored, because the retrieval function has the same options; keys below that are not known are errors. validate_options() lists all that is wrong, preview_pdf() shows the page.

Placeholders in texts: {name}, {context_name}, {issue_date}, {expires_date} (empty: never expires), {credential_type}, {verify_uuid}, {verify_url} (the setting learning_credentials.verify_url), {evidence.PATH} (keys and list positions from 0, separated by dots; numbers with at most two decimals). Unknown ones stay as they are written; {{ and }} stand for braces.

Errors: 22023 for options that do not fit, 54000 for what a setting bounds, 22P05 for a character that no font shows, 22004 for a credential without names.

Options:
  template: slug of a PDF asset, whose first page is the background; required unless there is a page
  template_multiline: slug of the PDF asset that is used instead when the context's name, or the text of the element "context", has a line break
  page: a blank page instead of a template, {"size": "A4", "orientation": "landscape"}; sizes A3, A4 (default), A5, A6, Letter, Legal, Tabloid; orientation landscape (default) or portrait
  text_elements: texts by name, {"NAME": {...}}. Three are there unless they are set to false: "name" (text {name}, y 290, size 32), "context" (text {context_name}, y 220, size 28), "date" (text {issue_date}, y 120, size 12). Others need text and y. Drawn in the order name, context, date, then by key. Each has these keys:
    text: with placeholders; a line break starts a new line
    x: where the text is aligned (default: the middle of the page for center, a twelfth of its width from the edge for left and right)
    y: the baseline of the first line
    align: left, center (default), right, start or end (left and right; in right-to-left text the reverse)
    size: of the font (default 12)
    min_size: how far a text that is too wide may shrink before it is wrapped (default half of size)
    max_width: the width that the text may take (default: what leaves a twelfth of the page's width free at the edges, or half of the way there if that is less); a text that fits neither shrunk nor wrapped is an error
    font: slug of a font asset ("SLUG#2" is a font of a collection, counted from 0; without a number, the first), {"slug": "SLUG", "wght": 600} for a variable font with its axes set, name of a built-in font (Helvetica, Times-Roman, Courier and their bold and italic kinds), or a list of these, tried in turn (default Helvetica)
    color: of the text (default #000)
    char_space: added between characters (default 0), not in connected scripts such as Arabic and Devanagari; switches ligatures off
    uppercase: true or false (default), by the rules of locale
    line_height: distance of lines, in sizes of the font, whatever its own metrics (default 1.1)
    direction: auto (default, by the first letter), ltr or rtl
  defaults: any of those keys but text and y, for every text; a text's own keys win over defaults, which win over the standard texts
  images: list of {"slug", "x", "y", "width", "height", "alt"}: PNG and JPEG assets, by their bottom left corner; without width or height the proportions stay, without both an image has 72 pixels an inch; alt is read out in its place, with placeholders (default: the description of the asset, else its slug), empty for decoration
  qr_codes: list of {"text", "x", "y", "size"}: QR codes by their bottom left corner, margin included, black on a ground that must be light; text defaults to {verify_url}, size to 72
  locale: for dates, upper case and shapes of letters, such as "pt-BR" (default "en")
  date_format: short, medium, long (default), full, or a pattern of ICU such as "d MMMM yyyy"
  time_zone: in which dates are told, such as "Europe/Warsaw" (default "UTC")
  protection: encrypt (default: AES-256 with an empty user password and a random owner password, printing and copying allowed) or none$$;

CREATE FUNCTION learning_credentials.preview_pdf(
    options jsonb,
    user_full_name text DEFAULT 'Ada Lovelace',
    learning_context_name text DEFAULT 'Introduction to Mathematics',
    issue_date timestamptz DEFAULT now(),
    evidence jsonb DEFAULT '{}') RETURNS bytea
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'lc_preview_pdf';
COMMENT ON FUNCTION learning_credentials.preview_pdf(jsonb, text, text, timestamptz, jsonb) IS
'The page that generate_pdf() makes with these options, for given texts; nothing is stored. {verify_uuid} is all zeros, {credential_type} is "Credential type", {expires_date} is 365 days after the issue date.

Options: those of generate_pdf(). Top-level options that are not known are errors, but for those of the built-in retrieval functions';

REVOKE ALL ON FUNCTION
    learning_credentials.generate_pdf(learning_credentials.credential, jsonb),
    learning_credentials.preview_pdf(jsonb, text, text, timestamptz, jsonb)
    FROM PUBLIC;
