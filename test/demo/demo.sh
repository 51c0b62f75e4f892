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

# answer ROLE CLAIMS CALL FILE: what PostgREST would answer a request with these claims, as OUT/FILE
answer() {
    sql postgres --no-align --tuples-only --set=role="$1" --set=claims="$2" --output="$OUT/$4" <<SQL
BEGIN READ ONLY;
SET LOCAL ROLE :role;
SELECT set_config('request.jwt.claims', :'claims', true) \g /dev/null
SELECT $3;
SQL
}

# save_answers CODE USER_ID: the verify page of a code, as HTML and, where Chromium is, as a picture; and JSON for an
# employer who has the code and for the learner's pages
save_answers() {
    local learner="{\"user_id\": $2}"
    mkdir -p "$OUT/api"
    answer anonymous '{}' "learning_credentials_api.verify_page('$1')" verify.html
    answer anonymous '{}' "jsonb_pretty(learning_credentials_api.metadata('$1')::jsonb)" api/metadata.json
    answer learner "$learner" "jsonb_pretty(learning_credentials_api.credentials()::jsonb)" api/credentials.json
    answer learner "$learner" "jsonb_pretty(learning_credentials_api.eligibility('course-v1:Meridian+STAT120+2026')::jsonb)" \
        api/eligibility.json
    answer learner '{}' "jsonb_pretty(learning_credentials_api.credentials()::jsonb)" api/nobody.json
    if command -v chromium >/dev/null; then
        timeout 60 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$TREE/chromium" \
            --window-size=800,960 --screenshot="$OUT/png/verify.png" "file://$OUT/verify.html" >"$TREE/chromium.log" 2>&1 ||
            echo "demo.sh: no picture of the verify page: $(tail -n 1 "$TREE/chromium.log")" >&2
    fi
}

# Every configuration has had a run after number :since.
each_has_run='NOT EXISTS (SELECT FROM learning_credentials.credential_configuration c
    WHERE NOT EXISTS (SELECT FROM learning_credentials.run r
        WHERE r.configuration_id = c.id AND r.id > :since AND r.finished IS NOT NULL))'
# Every credential is issued, or was.
all_issued="NOT EXISTS (SELECT FROM learning_credentials.credential WHERE status IN ('generating', 'error'))"

# wait_for WHAT CONDITION: prints how the runs after number $since get on, until none is under way and the condition is
# true. Ends the demo, with the reasons, when one of them failed or was cancelled, or when it takes too long.
wait_for() {
    local state line last='' start=$SECONDS
    while :; do
        IFS='|' read -r state line < <(sql registrar --no-align --tuples-only --set=since="$since" \
            --set=condition="${2//:since/$since}" <<'SQL'
SELECT CASE WHEN count(*) FILTER (WHERE status IN ('failed', 'cancelled')) > 0 THEN 'failed'
            WHEN count(*) FILTER (WHERE status IN ('queued', 'running')) = 0 AND (:condition) THEN 'done'
            ELSE 'waiting' END,
       format('%s queued, %s running, %s finished: %s of %s documents%s%s',
              count(*) FILTER (WHERE status = 'queued'), count(*) FILTER (WHERE status = 'running'),
              count(*) FILTER (WHERE status = 'finished'), coalesce(sum(done), 0), coalesce(sum(total), 0),
              ', ' || nullif(round(sum(rate) FILTER (WHERE status = 'running')), 0) || ' a second',
              ', ' || round(extract(epoch FROM max(time_left) FILTER (WHERE status = 'running'))::numeric, 1) || ' s left')
  FROM learning_credentials.run_progress WHERE id > :since
SQL
        )
        [ "$line" = "$last" ] || printf '%s: %s\n' "$1" "$line"
        last=$line
        case $state in
            done) return 0 ;;
            waiting) [ $((SECONDS - start)) -lt 120 ] || give_up "$1: not done after 120 seconds" ;;
            *) give_up "$1: a run failed" ;;
        esac
        sleep 0.2
    done
}

# give_up REASON: ends the demo with all that may explain it
give_up() {
    {
        echo
        echo "demo.sh: $1"
        sql postgres --expanded <<'SQL'
SELECT r.id AS run, c.learning_context_key, r.status, r.trigger, r.queued, r.issued, r.failed, r.error
  FROM learning_credentials.run r
  JOIN learning_credentials.credential_configuration c ON c.id = r.configuration_id
 WHERE r.status <> 'finished' ORDER BY r.id;
SELECT learning_context_key, user_full_name, attempts, retry_at, error_message
  FROM learning_credentials.credential WHERE status = 'error';
SELECT pid, backend_type, state, wait_event, query FROM pg_stat_activity WHERE backend_type ~ '^learning';
SQL
        echo "The server's log ends with:"
        tail -n 20 "$TREE/server.log"
    } >&2
    exit 1
}

# account: what the runs that were waited for did; the next account begins after them
account() {
    sql registrar --set=since="$since" --file=test/demo/account.sql
    since=$(sql registrar --no-align --tuples-only \
        --command='SELECT max(id) FROM learning_credentials.run WHERE finished IS NOT NULL')
}

build_extension
start_server -c shared_preload_libraries=learning_credentials -c learning_credentials.databases=demo \
    -c learning_credentials.retry_delay=5s
createdb --encoding=UTF8 demo
sql postgres <<'SQL'
CREATE EXTENSION learning_credentials;
ALTER DATABASE demo SET learning_credentials.verify_url = 'https://meridian.example/verify/{verify_uuid}';
CREATE ROLE registrar LOGIN;
CREATE ROLE anonymous LOGIN;
CREATE ROLE learner;
SELECT learning_credentials.grant_access('registrar', 'issuer') \g /dev/null
SELECT learning_credentials.grant_access('anonymous', 'verifier') \g /dev/null
SELECT learning_credentials.grant_access('learner', 'learner') \g /dev/null
SQL

(umask 077 && openssl genpkey -algorithm ed25519 -out "$server_data/history.key")
sql postgres <<'SQL'
LOAD 'learning_credentials';
ALTER DATABASE demo SET learning_credentials.history_key_file = 'history.key';
ALTER DATABASE demo SET learning_credentials.history_origin = 'meridian.example/credentials';
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

since=0
{
    sql registrar --file=test/demo/schedule.sql
    echo '==== The worker issues them when their time has come'
    echo
    wait_for "Scheduled runs" "$each_has_run"
    account
    sql registrar --file=test/demo/completion.sql
    wait_for "The retry" "$all_issued"
    account
    sql registrar --file=test/demo/corrections.sql
    wait_for "Requested runs" "$each_has_run AND $all_issued"
    account
    sql postgres --file=test/demo/many.sql
    wait_for "The bulk run" "$all_issued"
    account
    sql registrar --file=test/demo/summary.sql
} 2>&1 | tee "$OUT/account.txt"
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
save_answers "${link##*/}" "$(sql registrar --no-align --tuples-only --set=code="${link##*/}" <<'SQL'
SELECT user_id FROM learning_credentials.credential WHERE verify_uuid = :'code'
SQL
)"

# An employer asks whether an invalidation is part of the history, and has nothing but two texts and the key.
{
    sql postgres --file=test/demo/history.sql
    echo '==== Somebody without the database checks the proof that a credential was invalidated'
    echo
    sql registrar --no-align --tuples-only >"$OUT/proof.json" <<'SQL'
SELECT learning_credentials.history_inclusion_proof(e.credential_uuid, e.seq)
  FROM learning_credentials.credential_event e WHERE e.new_status = 'invalidated' ORDER BY e.occurred_at LIMIT 1
SQL
    python3 tools/check_history.py inclusion "$OUT/proof.json" \
        --key "$(sql registrar --no-align --tuples-only --command='SELECT learning_credentials.history_verifier_key()')"
} 2>&1 | tee "$OUT/history.txt"

sql postgres --file=test/demo/privacy.sql 2>&1 | tee "$OUT/privacy.txt"
