#!/bin/bash
# run.sh: fuzzes every target for FUZZ_SECONDS (default 60), one after another, and prints for each how many
# executions there were, how many edges of src/ they reached of how many there are, and the finds. Called by
# with_packages.sh with PG_CONFIG, TREE (where things are built) and OUT (where finds are kept).
#
# A target starts from its committed corpus and stops at its first find, which is kept in OUT as
# TARGET-crash-..., -leak-..., -timeout-... or -oom-..., beside the log that says what it is. The exit status
# is 0 only if there was none. FUZZ_TARGETS chooses targets; FUZZ_CORPUS is a folder in which inputs that
# reach something new are kept from run to run.
set -euo pipefail

seconds=${FUZZ_SECONDS:-60}
targets=${FUZZ_TARGETS:-template font image options placeholder}
here=$PWD/test/fuzz
kept=${FUZZ_CORPUS:-$TREE/corpus}
found=0

echo "== build"
make -s -j "$(nproc)" -C "$here" BUILD="$TREE/fuzz" PG_CONFIG="$PG_CONFIG" fuzz

printf '%-12s %10s %12s %16s  %s\n' target seconds executions edges finds
for target in $targets; do
    mkdir -p "$kept/$target"
    log=$OUT/$target.log
    arguments=(-max_total_time="$seconds" -max_len=16384 -len_control=20 -timeout=25 -rss_limit_mb=2048 -print_final_stats=1
        -artifact_prefix="$OUT/$target-")
    [ ! -f "$here/$target.dict" ] || arguments+=(-dict="$here/$target.dict")
    started=$SECONDS
    status=0
    "$TREE/fuzz/fuzz/$target" "${arguments[@]}" "$kept/$target" "$here/corpus/$target" >"$log" 2>&1 || status=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/^#.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    all=$(sed -n 's/.*(\([0-9]*\) inline 8-bit counters).*/\1/p' "$log" | head -n 1)
    finds=none
    if [ "$status" -ne 0 ]; then
        found=1
        finds=$(grep -hE '^==find==|runtime error:|^SUMMARY' "$log" | head -n 1 || true)
        finds=${finds:-ended with status $status}
    fi
    printf '%-12s %10s %12s %16s  %s\n' "$target" $((SECONDS - started)) "${executions:-?}" "${edges:-?} of ${all:-?}" "$finds"
    [ "$status" -ne 0 ] || rm -f "$log"
done
exit "$found"
