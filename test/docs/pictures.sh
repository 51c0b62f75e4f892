#!/bin/bash
# pictures.sh DATABASE: makes the pictures of docs/designing-a-certificate.md, in docs/images/.
#
# DATABASE has the extension and the assets that the page stores. Needs rsvg-convert and pdftoppm.
set -euo pipefail
cd "$(dirname "$0")/../.."
database=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# picture NAME DPI OPTIONS [NAME OF THE HOLDER [NAME OF THE CONTEXT]]
picture() {
    psql -XAtq -v ON_ERROR_STOP=1 -v options="$3" -v name="${4:-Ada Lovelace}" -v context="${5:-}" "$database" <<'SQL' |
SELECT encode(learning_credentials.preview_pdf(:'options', :'name', :'context', '2026-06-12'), 'base64');
SQL
        base64 -d >"$folder/$1.pdf"
    pdftoppm -r "$2" -png -singlefile "$folder/$1.pdf" "docs/images/$1"
}

# grid NAME WIDTH HEIGHT LINES: a template with a line every 100 points, and further lines in SVG
grid() {
    local at
    {
        echo "<svg xmlns='http://www.w3.org/2000/svg' width='$2pt' height='$3pt' viewBox='0 0 $2 $3'>"
        echo "<rect width='$2' height='$3' fill='#fffdf8'/><g stroke='#e3dac6' stroke-width='0.8'>"
        for ((at = 100; at < $2; at += 100)); do echo "<path d='M$at 0V$3'/>"; done
        for ((at = 100; at < $3; at += 100)); do echo "<path d='M0 $(($3 - at))H$2'/>"; done
        echo "</g><g stroke='#b5462f' stroke-width='1.2'>$4</g></svg>"
    } | rsvg-convert --format=pdf >"$folder/$1.pdf"
    psql -Xq -v ON_ERROR_STOP=1 -v content="$(base64 -w0 "$folder/$1.pdf")" -v slug="$1" "$database" <<'SQL'
DELETE FROM learning_credentials.credential_asset WHERE slug = :'slug';
INSERT INTO learning_credentials.credential_asset (slug, content) VALUES (:'slug', decode(:'content', 'base64'));
SQL
}

# labels WIDTH HEIGHT: the numbers along a grid's edges, as members of text_elements
labels() {
    local at
    for ((at = 100; at < $1; at += 100)); do
        printf '"x%d": {"text": "%d", "x": %d, "y": 4, "size": 9, "color": "#a08c62", "font": "noto-sans"},' "$at" "$at" "$at"
    done
    for ((at = 100; at < $2; at += 100)); do
        printf '"y%d": {"text": "%d", "x": 4, "y": %d, "size": 9, "align": "left", "color": "#a08c62", "font": "noto-sans"},' "$at" "$at" "$((at + 2))"
    done
}

grid grid-placement 600 300 "<path d='M300 40V260'/>"
picture placement 75 '{
    "template": "grid-placement", "defaults": {"font": "serif", "size": 22},
    "text_elements": {'"$(labels 600 300)"'
        "a": {"text": "\"align\": \"left\", x 300, y 210", "x": 300, "y": 210, "align": "left"},
        "b": {"text": "\"align\": \"center\", x 300, y 130", "x": 300, "y": 130},
        "c": {"text": "\"align\": \"right\", x 300, y 50", "x": 300, "y": 50, "align": "right"},
        "name": false, "context": false, "date": false}}'

grid grid-fitting 600 300 "<path d='M150 0V300M450 0V300'/>"
picture fitting 75 '{
    "template": "grid-fitting", "defaults": {"font": "serif", "size": 36, "min_size": 20, "max_width": 300},
    "text_elements": {
        "a": {"text": "Ada Lovelace", "y": 240},
        "b": {"text": "Ada Augusta King-Noel", "y": 170},
        "c": {"text": "The Right Honourable Augusta Ada King-Noel, Countess of Lovelace", "y": 105},
        "name": false, "context": false, "date": false}}'

picture certificate-design 60 "$(sed -n '/^cat >certificate.json/,/^JSON$/p' docs/designing-a-certificate.md | sed '1d;$d')" \
    'Αδριανή Παπαδοπούλου' 'Celestial Navigation'
