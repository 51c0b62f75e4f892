#!/bin/bash
# with_packages.sh test|demo|bench|bench-large|soak|fuzz|memcheck|pictures
#
# What `make test`, `make demo`, `make bench`, `make bench-large`, `make soak`, `make fuzz`, `make memcheck` and
# `make pictures` do: installs the distribution's packages that are missing, builds the extension into a private tree
# (private_tree.sh), and runs the stage's script there as an ordinary user. The system's PostgreSQL, if there is one, is
# neither used nor changed.
#
# As root the work happens as user postgres in a copy of the checkout below /var/tmp, else in a copy
# below build/. Either is removed at the end, and servers left in it are stopped, also after an error
# or Ctrl-C. PG_CONFIG chooses the PostgreSQL; without it, it is the distribution's.
set -euo pipefail

# ---- everything that is needed, and nowhere else ----------------------------------------------
packages=(g++ gcc libc6-dev make pkg-config
    libfribidi-dev libharfbuzz-dev libhpdf-dev libicu-dev libjpeg-dev libpng-dev libqpdf-dev
    libqrencode-dev libssl-dev uuid-dev zlib1g-dev
    libipc-run-perl mupdf-tools poppler-utils qpdf zbar-tools
    fonts-dejavu-core fonts-ebgaramond fonts-ebgaramond-extra fonts-noto-core)

# What only one stage needs: more fonts, the programs that texts and schedules are compared with; the reference of the
# bench; the compiler that has libFuzzer.
declare -A more=([test]="fonts-inter-variable fonts-noto-cjk jq libharfbuzz-bin openssl xxd python3-croniter python3-psycopg2 python3-tz"
    [demo]="fonts-noto-cjk openssl python3" [bench]="fonts-noto-cjk fonts-wqy-zenhei python3-pil python3-pycryptodome python3-pypdf
    python3-reportlab util-linux" [fuzz]="clang-14 libclang-rt-14-dev"
    [memcheck]="valgrind" [pictures]="fonts-inter-variable fonts-noto-cjk fonts-urw-base35 python3-pil")

declare -A scripts=([test]=test/run.sh [demo]=test/demo/demo.sh [bench]=test/bench/run.sh
    [bench-large]=test/bench/large [soak]=test/bench/soak [fuzz]=test/fuzz/run.sh [memcheck]=test/fuzz/memcheck.sh [pictures]=test/docs/pictures.sh)

say() { printf '%s\n' "$*" >&2; }
die() { say "with_packages.sh: $*"; exit 1; }

stage=${1:-}
script=${scripts[$stage]:-}
[ -n "$script" ] || die "usage: with_packages.sh test|demo|bench|bench-large|soak|fuzz|memcheck|pictures"
checkout=$(cd "$(dirname "$0")/.." && pwd)
[ -x "$checkout/$script" ] || die "there is no $script"
packages+=(${more[$stage]:-})

# ---- packages ---------------------------------------------------------------------------------

# find_missing: fills the array missing with those of packages that are not installed
find_missing() {
    local package
    missing=()
    for package in "${packages[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# apt ARGUMENT...: apt-get without questions, and without a word unless it fails
apt() {
    local log
    log=$(mktemp)
    if ! as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1
    then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

updated=
update_lists() {
    [ -n "$updated" ] || apt update || die "apt-get update failed"
    updated=yes
}

# The highest PostgreSQL of which server and headers are installed.
installed_postgresql() {
    { dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'postgresql-server-dev-*' 2>/dev/null || true; } |
        sed -n 's/^installed postgresql-server-dev-\([0-9][0-9]*\)$/\1/p' | sort -rn |
        while read -r major; do
            if [ -x "/usr/lib/postgresql/$major/bin/initdb" ]; then
                echo "$major"
                break
            fi
        done
}

# The PostgreSQL that package "postgresql" stands for.
distribution_postgresql() {
    { apt-cache depends postgresql 2>/dev/null || true; } |
        sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p'
}

# A server package makes and starts a cluster when it is first installed. Nobody asked for one here.
no_cluster=/etc/postgresql-common/createcluster.d/learning-credentials-none.conf
forbid_cluster() {
    as_root mkdir -p "${no_cluster%/*}"
    echo 'create_main_cluster = false' | as_root tee "$no_cluster" >/dev/null
}
allow_cluster() {
    if [ -e "$no_cluster" ]; then
        as_root rm -f "$no_cluster"
    fi
}

# offered PACKAGE: can it be installed, or is it already?
offered() { [[ $(apt-cache policy "$1" 2>/dev/null) == *"Candidate: "[0-9]* ]]; }

# add_if_offered PACKAGE: one that a distribution may not have; the test that needs it skips itself, or a part, then
add_if_offered() {
    if ! offered "$1" && { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }; then
        [ -n "$updated" ] || ! apt update || updated=yes
    fi
    if offered "$1"; then
        packages+=("$1")
    else
        say "NO ${1^^}: the package lists do not offer $1; what is tested with it is skipped"
    fi
}

# unpack_nginx: the program into the work folder, where the machine has none. It is not installed: that would start a
# web server here. The tests that need it skip themselves where it cannot be had.
unpack_nginx() {
    local package folder=$work/nginx
    if command -v nginx >/dev/null || [ -x /usr/sbin/nginx ]; then
        return 0
    fi
    for package in nginx nginx-light; do     # the second in distributions older than Debian 12
        rm -rf "$folder"
        mkdir "$folder"
        if ! offered "$package" && { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }; then
            [ -n "$updated" ] || ! apt update || updated=yes
        fi
        if (cd "$folder" && apt-get -qq download "$package" && dpkg-deb -x ./*.deb .) >/dev/null 2>&1 &&
            "$folder/usr/sbin/nginx" -v 2>/dev/null
        then
            export NGINX_PROGRAM=$folder/usr/sbin/nginx
            return 0
        fi
    done
    say "NO NGINX: neither on this machine nor in the package lists; what is tested through it is skipped"
}

install_packages() {
    local major='' missing
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
        die "this is not Debian or Ubuntu; have a PostgreSQL server with headers and the likes of ${packages[*]}"
    if [ -n "${PG_CONFIG:-}" ]; then
        "$PG_CONFIG" --version >/dev/null || die "PG_CONFIG=$PG_CONFIG does not work"
    else
        major=$(installed_postgresql)
        if [ -z "$major" ]; then
            may_install postgresql postgresql-server-dev-all
            major=$(distribution_postgresql)
            [ -n "$major" ] || { update_lists; major=$(distribution_postgresql); }
            [ -n "$major" ] || die "the package lists offer no PostgreSQL"
        fi
        packages+=("postgresql-$major" "postgresql-server-dev-$major")
        PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config
    fi
    if [ "$stage" = test ]; then
        add_if_offered "postgresql-${major:-$("$PG_CONFIG" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')}-cron"
        command -v npm >/dev/null || add_if_offered npm
    fi
    if [ "$stage" = test ] || [ "$stage" = pictures ]; then
        command -v chromium >/dev/null || add_if_offered chromium
    fi
    find_missing
    [ "${#missing[@]}" -gt 0 ] || return 0

    may_install "${missing[@]}"
    say "installing: ${missing[*]}"
    update_lists
    trap allow_cluster EXIT
    case " ${missing[*]} " in *" postgresql-$major "*) forbid_cluster ;; esac
    apt install --no-install-recommends -y "${missing[@]}" || die "could not install: ${missing[*]}"
    allow_cluster
    trap - EXIT
    find_missing
    [ "${#missing[@]}" -eq 0 ] || die "still missing after apt-get install: ${missing[*]}"
}

# may_install PACKAGE...: fails unless we can become root
may_install() {
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
        die "these packages are missing, and there is neither root nor sudo to install them: $*"
}

# ---- a place to work --------------------------------------------------------------------------

work='' sockets='' child=''

# Ends what still runs in the work folder, by the process numbers that the servers left there.
clean_up() {
    local pid_file pid
    [ -n "$work" ] || return 0
    while read -r pid_file; do
        pid=$(head -n 1 "$pid_file")
        if [ "$(readlink "/proc/$pid/cwd")" = "${pid_file%/*}" ]; then
            kill -QUIT "$pid" 2>/dev/null || true
            while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
        fi
    done < <(find "$work" -name postmaster.pid 2>/dev/null)
    rm -rf "$work" "$sockets"
}

stop() {
    trap '' INT TERM HUP
    if [ -n "$child" ]; then
        kill -TERM -- "-$child" 2>/dev/null || true
        wait "$child" || true
    fi
    exit 130
}

# as_worker COMMAND...: runs it as the user whose server it will be, in a process group of its own
as_worker() {
    local status=0
    set -m
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups \
            env HOME="$work" USER=postgres LOGNAME=postgres PG_CONFIG="$PG_CONFIG" "$@" </dev/null &
    else
        PG_CONFIG="$PG_CONFIG" "$@" </dev/null &
    fi
    child=$!
    set +m
    wait "$child" || status=$?
    child=
    return "$status"
}

install_packages
trap clean_up EXIT
trap stop INT TERM HUP

umask 022
if [ "$(id -u)" = 0 ]; then
    work=$(mktemp -d /var/tmp/learning-credentials.XXXXXX)
else
    mkdir -p "$checkout/build" || die "$checkout is not writable"
    work=$(mktemp -d "$checkout/build/$stage.XXXXXX")
fi
[ "$stage" != test ] || unpack_nginx
sockets=$(mktemp -d /tmp/lc-sockets.XXXXXX)     # short: a socket's path has at most 107 bytes
mkdir "$work/checkout" "$work/out"
tar -C "$checkout" --exclude=./.git --exclude=./build --exclude=./demo-output --exclude='*.o' \
    --exclude='*.bc' --exclude='*.so' --exclude=./results --exclude=./tmp_check -cf - . |
    tar -C "$work/checkout" --no-same-owner -xf -
if [ "$(id -u)" = 0 ]; then
    chmod 755 "$work"
    chown -R postgres: "$work" "$sockets"
fi

# ---- the stage --------------------------------------------------------------------------------

# What the script leaves in OUT is handed to the owner of the checkout: build/, for the demo demo-output/, for the
# pictures docs/images/.
cd "$work/checkout"
status=0
as_worker env OUT="$work/out" TREE="$work/tree" SOCKETS="$sockets" TMPDIR="$sockets" LANG=C.UTF-8 LC_ALL=C.UTF-8 MAKEFLAGS= "$script" || status=$?

result=$checkout/build/$stage
[ "$stage" != demo ] || result=$checkout/demo-output
[ "$stage" != pictures ] || result=$checkout/docs/images
if [ -n "$(ls -A "$work/out")" ]; then
    mkdir -p "${result%/*}"
    rm -rf "$result"
    cp -r "$work/out" "$result"
    if [ "$(id -u)" = 0 ]; then
        chown -hR --reference="$checkout" "$result"
    fi
fi
if [ "$stage" = demo ] && [ "$status" = 0 ]; then
    printf '\nThe certificates are in %s\n' "$result/pdf and $result/png; what a verifier and an LMS see, in verify.html and api/"
fi
exit "$status"
