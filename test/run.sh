#!/bin/bash
# run.sh: everything that can fail, counted. Called by with_packages.sh in a copy of the checkout with
# PG_CONFIG, TREE (where the private tree goes), SOCKETS and OUT (what is kept: logs of failures).
#
# The last line is "N passed, N failed": regression tests, isolation specs, TAP assertions and inputs of the
# fuzz targets. The exit
# status is 0 only if none failed and each kind ran.
set -euo pipefail
. test/server.sh

passed=0 failed=0

finish() {
    if [ "$failed" -gt 0 ] || [ "$passed" -eq 0 ]; then
        cp -r log output_iso results regression.* tmp_check/log "$TREE/server.log" "$OUT" 2>/dev/null || true
    fi
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# fail REASON: a step that could not be done
fail() {
    echo "FAILED: $*"
    failed=$((failed + 1))
}

listed() { make -s "print-$1" | tr ' ' '\n' | sed '/^$/d'; }

# check_listed VARIABLE FILES: files that the Makefile does not list, names it lists without a file or twice
check_listed() {
    local difference
    difference=$(diff <(listed "$1" | sort) <(printf '%s\n' "${@:2}" | sed '/^$/d' | sort)) ||
        fail "$1 in the Makefile (<) is not what there is (>):"$'\n'"$difference"
    [ -n "$(listed "$1")" ] || fail "$1 is empty"
}

# names FOLDER SUFFIX: the files there, without folder and suffix
names() { find "$1" -maxdepth 1 -name "*$2" -printf '%f\n' 2>/dev/null | sed "s/\\$2\$//"; }

# run_regress KIND VARIABLE: pg_regress or pg_isolation_regress over what VARIABLE lists
run_regress() {
    local log=$TREE/$2.log total good status=0
    total=$(listed "$2" | wc -l)
    [ "$total" -gt 0 ] || return 0
    echo "== $1"
    case $2 in
        REGRESS) make -s installcheck ISOLATION= TAP_TESTS= ;;
        ISOLATION) make -s installcheck REGRESS= TAP_TESTS= ;;
    esac >"$log" 2>&1 || status=$?
    cat "$log"
    # up to PostgreSQL 15 "test NAME ... ok 12 ms", from 16 on "ok 1 - NAME 12 ms"
    good=$(grep -cE '^test .*\.\.\. ok( |$)|^ok +[0-9]' "$log" || true)
    passed=$((passed + good))
    failed=$((failed + total - good))
    if [ "$status" -ne 0 ]; then
        [ "$good" -lt "$total" ] || fail "$1 ended with status $status"
        find . -maxdepth 2 -name regression.diffs -exec cat {} +
    fi
    rm -f regression.diffs output_iso/regression.diffs
}

# run_tap: prove over PROVE_TESTS
run_tap() {
    local log=$TREE/tap.log total bad status=0
    [ -n "$(listed PROVE_TESTS)" ] || return 0
    echo "== TAP tests"
    make -s installcheck REGRESS= ISOLATION= >"$log" 2>&1 || status=$?
    cat "$log"
    # "Files=3, Tests=45, ..." and, for each bad file, "t/a.pl (Wstat: 256 (exited 1) Tests: 9 Failed: 1)"
    total=$(sed -n 's/^Files=[0-9]*, Tests=\([0-9]*\).*/\1/p' "$log")
    bad=$(sed -n 's/.*(Wstat: .* Tests: [0-9]* Failed: \([0-9]*\))$/\1/p' "$log" |
        awk '{ n += $1 > 0 ? $1 : 1 } END { print n + 0 }')
    passed=$((passed + ${total:-0} - (bad < ${total:-0} ? bad : ${total:-0})))
    failed=$((failed + bad))
    [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || fail "the TAP tests ended with status $status"
    [ "${total:-0}" -gt 0 ] || fail "no TAP test ran"
    if [ "$status" -ne 0 ]; then
        # What failed and what was said about it; a test that died says so at the end of its log.
        sed -n 's/^\(test[^ ]*\)\.pl .*(Wstat: .*/\1/p' "$log" | while read -r test; do
            echo "-- $test"
            grep -A 20 'not ok ' "tmp_check/log/regress_log_${test##*/}" || true
            tail -n 10 "tmp_check/log/regress_log_${test##*/}"
        done
    fi
}

# run_corpus: the committed inputs of test/fuzz once through its harness, with sanitizers, each a test. What
# a find leaves undone of its target counts as failed.
run_corpus() {
    local log=$TREE/corpus.log target total good
    echo "== inputs of the fuzz targets"
    make -s -j "$(nproc)" -C test/fuzz BUILD="$TREE/fuzz" replay >"$log" 2>&1 ||
        { cat "$log"; fail "the harness of test/fuzz could not be built"; return 0; }
    for target in test/fuzz/corpus/*; do
        target=${target##*/}
        total=$(find "test/fuzz/corpus/$target" -type f | wc -l)
        if good=$("$TREE/fuzz/replay/$target" "test/fuzz/corpus/$target" 2>"$log") && [ "$good" -eq "$total" ]; then
            echo "$target: $good"
        else
            cat "$log"
            good=$(grep -c '^test/fuzz/corpus/' "$log" || true)
            good=$((good > 0 ? good - 1 : 0))
            echo "FAILED: $target: $good of $total"
        fi
        passed=$((passed + good))
        failed=$((failed + total - good))
    done
}

started=$SECONDS
check_listed REGRESS "$(names test/sql .sql)"
check_listed ISOLATION "$(names test/specs .spec)"
check_listed PROVE_TESTS "$(find test/t -name '*.pl' 2>/dev/null)"

echo "== build with $("$PG_CONFIG" --version)"
if build_extension && start_server; then
    run_regress "regression tests" REGRESS
    run_regress "isolation tests" ISOLATION
    run_tap
    run_corpus
else
    fail "the extension could not be built and installed, or its server not started"
fi
echo "== $((SECONDS - started)) seconds"
finish
