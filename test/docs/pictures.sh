#!/bin/bash
# pictures.sh: makes the pictures of the pages in docs/. Called by with_packages.sh in a copy of the checkout with
# PG_CONFIG, TREE (where the private tree goes), SOCKETS and OUT (what becomes docs/images/).
set -euo pipefail
. test/server.sh

pages=(designing-a-certificate)

# add_asset SLUG FILE: the first whose name matches, below the folders where fonts and templates are
add_asset() {
    local file
    file=$(find "$PWD/test/demo" "$TREE" /usr/share/fonts -regex ".*/$2" -print -quit)
    [ -n "$file" ] || { echo "pictures.sh: there is no $2" >&2; return 1; }
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=slug="$1" --set=file="$file" --dbname=pictures <<'SQL'
INSERT INTO learning_credentials.credential_asset (slug, content)
VALUES (:'slug', pg_read_binary_file(:'file'));
SQL
}

build_extension
start_server
createdb --encoding=UTF8 pictures
psql --no-psqlrc --quiet --dbname=pictures --command='CREATE EXTENSION learning_credentials'

# The assets that the pages store, by the names that they have there.
pdftoppm -r 150 -x 1342 -y 790 -W 236 -H 300 -png -singlefile test/demo/certificate-a4.pdf "$TREE/seal"
for asset in certificate-a4=certificate-a4.pdf certificate-letter=certificate-letter.pdf seal=seal.png \
    serif=EBGaramond12-Regular.ttf serif-italic=EBGaramond12-Italic.ttf noto-sans=NotoSans-Regular.ttf \
    noto-serif-italic=NotoSerif-Italic.ttf noto-naskh=NotoNaskhArabic-Regular.ttf noto-cjk=NotoSansCJK-Regular.ttc \
    'inter=Inter\(.var\|Variable\).ttf'; do
    add_asset "${asset%%=*}" "${asset#*=}"
done

mkdir "$TREE/pictures"
for page in "${pages[@]}"; do
    /usr/bin/python3 test/docs/pictures.py pictures "docs/$page.md" "$TREE/pictures"
done
perl test/docs/page_pictures.pl pictures docs/verification.md "$TREE/pictures"
cp "$TREE"/pictures/* "$OUT"            # all of them, or none
