#!/bin/bash
# memcheck.sh: a server under valgrind runs the regression tests of documents and memcheck.sql. Called by
# with_packages.sh with PG_CONFIG, TREE, SOCKETS and OUT (where valgrind's logs are kept when it finds something).
#
# A find is an error, or a leak, with a function of ours in its stack: PostgreSQL's own are left out, because
# the distribution's packages are not built for valgrind. For the same reason it sees a chunk of palloc only as
# part of a block; the harness of the fuzz targets sees chunks.
set -euo pipefail
. test/server.sh

tests=(setup merging pdf_options validation)

echo "== build"
build_extension
bindir=$("$PG_CONFIG" --bindir)
regress=$("$PG_CONFIG" --pkglibdir)/pgxs/src/test/regress/pg_regress
export PATH="$bindir:$PATH" PGUSER=postgres PGHOST=$SOCKETS PGPORT=54329
data=$TREE/data
initdb --pgdata="$data" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >/dev/null

mkdir "$TREE/valgrind"
valgrind --trace-children=yes --leak-check=full --show-leak-kinds=definite --num-callers=40 \
    --fullpath-after= --log-file="$TREE/valgrind/%p.log" \
    postgres -D "$data" -c listen_addresses='' -c unix_socket_directories="$PGHOST" -c port="$PGPORT" \
    -c fsync=off -c autovacuum=off -c jit=off >"$TREE/server.log" 2>&1 &
server=$!
trap 'kill -INT "$server" 2>/dev/null || true; wait "$server" || true' EXIT
until pg_isready --quiet; do
    kill -0 "$server" || { cat "$TREE/server.log"; exit 1; }
    sleep 1
done

echo "== regression tests under valgrind: ${tests[*]}"
status=0
"$regress" --inputdir=test --bindir="$bindir" --host="$PGHOST" --port="$PGPORT" --user="$PGUSER" \
    --encoding=UTF8 --no-locale --dbname=regression "${tests[@]}" >"$TREE/regress.log" 2>&1 || status=$?
grep -E '^(test|not ok|ok|#| All)' "$TREE/regress.log" || cat "$TREE/regress.log"
echo "== documents under valgrind"
createdb documents
psql --no-psqlrc --quiet --dbname=documents --set=folder="$PWD/test/fuzz" --file=test/fuzz/memcheck.sql 2>&1 |
    sed 's/^.*NOTICE: *//' || status=$?

trap - EXIT
kill -INT "$server"
wait "$server" || true

# A record is a paragraph of a log; functions of ours are those of files below src/.
ours=$(cat "$TREE"/valgrind/*.log | sed -E 's/^==[0-9]+== ?//' |
    awk -v ours="$PWD/src/" 'BEGIN { RS = "" } index($0, ours) { print; print "" }')
backends=$(ls "$TREE/valgrind" | wc -l)
if [ -n "$ours" ]; then
    printf '%s\n' "$ours"
    cp -r "$TREE/valgrind" "$TREE/server.log" "$OUT"
    status=1
fi
echo "$backends processes, $(printf '%s' "$ours" | grep -c '^' || true) lines of valgrind about functions of ours"
[ "$backends" -gt 2 ] || status=1
exit "$status"
