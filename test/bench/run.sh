#!/bin/bash
# run.sh: what documents and issuing cost, in time, bytes and memory. Called by with_packages.sh in a copy of the checkout
# with PG_CONFIG, TREE (where the private tree goes) and SOCKETS. All but look-ups and the runs of the worker stay on one core.
#
#	make bench                                      everything
#	make bench SECTIONS=documents ROWS='3/vector/*/sealed 100/*'
#
# ROWS are those of documents.py; SECTIONS are documents, memory, issuing, retrieval, lookups and runs.
set -euo pipefail
. test/server.sh

# The core that the bench and the server it starts are bound to: the last of those we may use.
cores=$(taskset -cp $$ | sed 's/.* //')
core=$(taskset -cp $$ | sed 's/.*[^0-9]//')
taskset -cp "$core" $$ >/dev/null

build_extension
make -s -C test/bench/stages all install with_llvm=no
start_server
createdb bench
psql --no-psqlrc --quiet --dbname=bench --command='CREATE EXTENSION learning_credentials'
# In a session of its own: it loads the library with the clocks, beside which the other cannot be.
psql --no-psqlrc --quiet --dbname=bench --file=test/bench/stages.sql

# restart_server OPTION...: a new server, with all cores
restart_server() {
    stop_server
    rm -rf "$server_data"
    taskset -cp "$cores" $$ >/dev/null
    start_server "$@"
    createdb bench
    psql --no-psqlrc --quiet --dbname=bench --command='CREATE EXTENSION learning_credentials'
}

status=0
# Look-ups and runs come last: they have servers of their own.
for section in ${SECTIONS:-documents memory issuing retrieval lookups runs}; do
    case $section in
        documents)
            set -f
            /usr/bin/python3 test/bench/documents.py bench ${ROWS:-} || status=1
            set +f ;;
        memory) /usr/bin/python3 test/bench/memory.py bench || status=1 ;;
        issuing) /usr/bin/python3 test/bench/issuing.py bench || status=1 ;;
        retrieval) /usr/bin/python3 test/bench/retrieval.py bench || status=1 ;;
        lookups)
            restart_server -c shared_buffers=1GB -c max_wal_size=16GB
            /usr/bin/python3 test/bench/lookups.py bench || status=1 ;;
        runs)
            # with the worker
            restart_server -c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.track=all \
                -c learning_credentials.databases=bench -c max_wal_size=16GB
            /usr/bin/python3 test/bench/runs.py bench || status=1 ;;
        *) echo "run.sh: there is no section \"$section\"" >&2; status=1 ;;
    esac
done
exit "$status"
