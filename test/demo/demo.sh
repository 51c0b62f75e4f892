#!/bin/bash
# demo.sh: a small academy from its course data to verified certificates. Called by with_packages.sh in
# a copy of the checkout with PG_CONFIG, TREE (where the private tree goes), SOCKETS and OUT (what is kept).
set -euo pipefail
. test/server.sh

fonts=(eb-garamond=EBGaramond12-Regular.ttf eb-garamond-italic=EBGaramond12-Italic.ttf
    noto-serif-georgian=NotoSerifGeorgian-Regular.ttf)
# What shows names that those do not: tried last, for every credential type.
fallback_fonts=(noto-serif=NotoSerif-Regular.ttf noto-naskh-arabic=NotoNaskhArabic-Regular.ttf
    noto-serif-hebrew=NotoSerifHebrew-Regular.ttf noto-serif-armenian=NotoSerifArmenian-Regular.ttf
    noto-sans-thaana=NotoSansThaana-Regular.ttf noto-serif-devanagari=NotoSerifDevanagari-Regular.ttf
    noto-serif-bengali=NotoSerifBengali-Regular.ttf noto-serif-gujarati=NotoSerifGujarati-Regular.ttf
    noto-serif-tamil=NotoSerifTamil-Regular.ttf noto-serif-telugu=NotoSerifTelugu-Regular.ttf
    noto-serif-sinhala=NotoSerifSinhala-Regular.ttf noto-serif-thai=NotoSerifThai-Regular.ttf
    noto-serif-khmer=NotoSerifKhmer-Regular.ttf noto-serif-myanmar=NotoSerifMyanmar-Regular.ttf
    noto-serif-tibetan=NotoSerifTibetan-Regular.ttf noto-serif-ethiopic=NotoSerifEthiopic-Regular.ttf
    noto-serif-cjk=NotoSerifCJK-Regular.ttc)
templates=(certificate-a4 certificate-letter pathway-a4)

# sql ROLE [ARGUMENT...]: psql in the demo's database
sql() { psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$1" --dbname=demo "${@:2}"; }

# add_asset SLUG FILE
add_asset() {
    [ -r "$2" ] || { echo "demo.sh: there is no $2" >&2; return 1; }
    sql postgres --set=slug="$1" --set=file="$2" <<'SQL'
INSERT INTO learning_credentials.credential_asset (slug, content)
VALUES (:'slug', pg_read_binary_file(:'file'));
SQL
}

# save_documents: each credential's document that its holder can have, as OUT/pdf/TYPE/USER-COURSE.pdf
save_documents() {
    local path content
    while IFS=$'\t' read -r path content; do
        mkdir -p "$OUT/pdf/${path%/*}"
        base64 --decode <<<"$content" >"$OUT/pdf/$path"
    done < <(sql registrar --no-align --tuples-only --field-separator=$'\t' <<'SQL'
SELECT format('%s/%s-%s.pdf', lower(c.credential_type_name), u.username,
              lower(split_part(c.learning_context_key, '+', 2))),
       translate(encode(d.content, 'base64'), E'\n', '')
  FROM learning_credentials.credential_document d
  JOIN learning_credentials.credential c ON c.uuid = d.credential_uuid
  JOIN learning_credentials.lms_user u ON u.id = c.user_id
 WHERE c.status = 'available'
SQL
    )
}

# save_pictures: some two dozen of them as OUT/png/TYPE-USER-COURSE.png, among them the two that
# course_data.sql singles out
save_pictures() {
    local file name
    mkdir -p "$OUT/png"
    {
        printf '%s\n' "$OUT"/pdf/{completion,achievement,pathway}/*.pdf | awk 'NR % 15 == 6'
        printf '%s\n' "$OUT"/pdf/completion/{nino.beridze-nav101,maria.albuquerque-stat120}.pdf
    } | while read -r file; do
        name=${file#"$OUT"/pdf/}
        name=${name%.pdf}
        pdftoppm -r 150 -png -singlefile "$file" "$OUT/png/${name/\//-}"
    done
}

# save_contact_sheet: one certificate for each script as OUT/scripts.png
save_contact_sheet() {
    local username pictures=()
    mkdir "$OUT/small"
    while read -r username; do
        pdftoppm -r 50 -singlefile "$OUT/pdf/completion/$username-nav101.pdf" "$OUT/small/$username"
        pictures+=("$OUT/small/$username.ppm")
    done < <(sql registrar --no-align --tuples-only <<'SQL'
SELECT username FROM learning_credentials.lms_user
 WHERE id > 2000 OR username = 'nino.beridze'
 ORDER BY CASE username WHEN 'nino.beridze' THEN 2005.5 ELSE id END
SQL
    )
    perl test/demo/contact_sheet.pl 4 "$OUT/scripts.png" "${pictures[@]}"
    rm -r "$OUT/small"
}

build_extension
start_server
createdb --encoding=UTF8 demo
sql postgres <<'SQL'
CREATE EXTENSION learning_credentials;
ALTER DATABASE demo SET learning_credentials.verify_url = 'https://meridian.example/verify/{verify_uuid}';
CREATE ROLE registrar LOGIN;
CREATE ROLE anonymous LOGIN;
SELECT learning_credentials.grant_access('registrar', 'issuer') \g /dev/null
SELECT learning_credentials.grant_access('anonymous', 'verifier') \g /dev/null
SQL

sql postgres --file=test/demo/course_data.sql
for template in "${templates[@]}"; do
    add_asset "$template" "$PWD/test/demo/$template.pdf"
done
for font in "${fonts[@]}" "${fallback_fonts[@]}"; do
    add_asset "${font%%=*}" "$(find /usr/share/fonts -name "${font#*=}" | head -n 1)"
done
# Of the collection of Noto Serif CJK, the forms of mainland China: number 2.
sql postgres --set=fonts="$(IFS=,; names=("${fallback_fonts[@]%%=*}"); echo "${names[*]/%cjk/cjk#2}")" <<'SQL'
ALTER DATABASE demo SET learning_credentials.fallback_fonts = :'fonts';
SQL
sql registrar --file=test/demo/definitions.sql

sql postgres --file=test/demo/story.sql 2>&1 | tee "$OUT/account.txt"
save_documents
save_pictures
save_contact_sheet

scanned=$(find "$OUT/png" -name 'pathway-*' | sort | head -n 1)
link=$(zbarimg --nodbus --quiet --raw "$scanned")
{
    echo "==== The QR code of ${scanned##*/} leads to $link. What an anonymous role can ask with codes"
    echo
    sql postgres --set=scanned="${link##*/}" --file=test/demo/verification.sql
} 2>&1 | tee "$OUT/verification.txt"
