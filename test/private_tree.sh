#!/bin/sh
# private_tree.sh DIR
#
# Makes DIR a relocated copy of the installed PostgreSQL: the programs are copied, everything else is
# a link. PostgreSQL finds its library and share folders relative to its programs, so an extension
# installed with DIR's pg_config is seen by DIR's servers only, and the system's installation stays
# as it is. Prints the path of DIR's pg_config.
set -eu

tree=$1
pg_config=${PG_CONFIG:-pg_config}

bindir=$($pg_config --bindir)
# The system's pg_config may be a copy from libpq-dev; the one beside the server knows its version.
pg_config=$bindir/pg_config
sharedir=$($pg_config --sharedir)
pkglibdir=$($pg_config --pkglibdir)
includedir=$($pg_config --includedir)

# link_all FROM TO: every entry of FROM as a link in TO
link_all() {
    mkdir -p "$2"
    find "$1" -mindepth 1 -maxdepth 1 ! -name 'learning_credentials*' -exec ln -sfn -t "$2" {} +
}

mkdir -p "$tree$bindir"
cp -pu "$bindir"/* "$tree$bindir/"

link_all "$pkglibdir" "$tree$pkglibdir"
rm -f "$tree$pkglibdir/bitcode"             # ours is written there: a folder, not a link
mkdir -p "$tree$pkglibdir/bitcode"

link_all "$sharedir" "$tree$sharedir"
rm -f "$tree$sharedir/extension"
link_all "$sharedir/extension" "$tree$sharedir/extension"

mkdir -p "$(dirname "$tree$includedir")"
ln -sfn "$includedir" "$tree$includedir"

# Some packages have a pg_config that always tells where they installed it. A script tells of DIR.
if [ "$("$tree$bindir/pg_config" --pkglibdir)" != "$tree$pkglibdir" ]; then
    rm "$tree$bindir/pg_config"
    cat >"$tree$bindir/pg_config" <<EOF
#!/bin/sh
for option; do
    case \$option in
        --bindir | --sharedir | --pkglibdir | --includedir* | --pkgincludedir | --pgxs) printf %s '$tree' ;;
    esac
    '$pg_config' "\$option" || exit
done
EOF
    chmod +x "$tree$bindir/pg_config"
fi

echo "$tree$bindir/pg_config"
