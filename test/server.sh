# server.sh: a private PostgreSQL server for a stage; to be sourced by bash. Needs PG_CONFIG, of any
# installation, TREE, a folder to make the private tree in, and SOCKETS, a folder with a short path.
#
# The server listens on a socket in that folder and on no address, so it cannot meet another.

# build_extension: the private tree with the extension in it; PG_CONFIG is the tree's afterwards
build_extension() {
    PG_CONFIG=$(sh test/private_tree.sh "$TREE") && export PG_CONFIG &&
        make -s -j "$(nproc)" all && make -s install
}

# start_server [OPTION...]: starts it and sets PATH, PGHOST, PGPORT, PGUSER
start_server() {
    local bindir
    bindir=$("$PG_CONFIG" --bindir)
    export PATH="$bindir:$PATH" PGUSER=postgres PGHOST=$SOCKETS PGPORT=54329
    unset PGDATABASE PGHOSTADDR PGSERVICE PGOPTIONS PGPASSWORD PGSSLMODE
    server_data=$TREE/data
    trap stop_server EXIT
    initdb --pgdata="$server_data" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
        --no-sync >"$TREE/initdb.log" 2>&1 || { cat "$TREE/initdb.log"; return 1; }
    pg_ctl --pgdata="$server_data" --log="$TREE/server.log" --silent --wait --timeout=120 \
        --options="-c listen_addresses='' -c unix_socket_directories='$PGHOST' -c fsync=off $*" start ||
        { cat "$TREE/server.log"; return 1; }
}

stop_server() {
    pg_ctl --pgdata="$server_data" --silent --mode=fast stop 2>/dev/null || true
}
