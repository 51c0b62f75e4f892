# Every object and column that a user meets has a comment, docs/reference.md is what the comments make,
# and links between the pages lead somewhere.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('reference');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION learning_credentials');

# ---------------------------------------------------------------- comments
my $members = q{
SELECT classid, objid FROM pg_depend
 WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
   AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'learning_credentials')};

cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM ($members) AS m"), '>', 50, 'the extension has members');

# Sequences belong to identity columns, row types to their relations.
is($node->safe_psql('postgres', qq{
SELECT pg_describe_object(m.classid, m.objid, 0)
  FROM ($members) AS m
 WHERE obj_description(m.objid, m.classid::regclass::text) IS NULL
   AND NOT (m.classid = 'pg_class'::regclass
            AND (SELECT relkind FROM pg_class WHERE oid = m.objid) IN ('S', 'c'))
   AND NOT (m.classid = 'pg_type'::regclass
            AND (SELECT typelem <> 0 OR typtype = 'c'
                        AND (SELECT relkind FROM pg_class WHERE oid = typrelid) <> 'c'
                   FROM pg_type WHERE oid = m.objid))
 ORDER BY 1}), '', 'every object has a comment');

is($node->safe_psql('postgres', qq{
SELECT a.attrelid::regclass || '.' || a.attname
  FROM ($members) AS m
  JOIN pg_class c ON (m.classid = 'pg_class'::regclass AND c.oid = m.objid)
                  OR (m.classid = 'pg_type'::regclass
                      AND c.oid = (SELECT typrelid FROM pg_type WHERE oid = m.objid))
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'v', 'c') AND col_description(a.attrelid, a.attnum) IS NULL
 ORDER BY 1}), '', 'every column has a comment');

is($node->safe_psql('postgres', q{
SELECT p.oid::regprocedure
  FROM pg_proc p
 WHERE p.pronamespace = 'learning_credentials'::regnamespace
   AND p.proname ~ '^(retrieve|generate)_' AND p.prokind = 'f' AND p.proname <> 'generate_credential'
   AND obj_description(p.oid, 'pg_proc') !~ '(^|\n)Options:'
 ORDER BY 1}), '', 'every function that has options documents them');

# ---------------------------------------------------------------- pages
sub made_by
{
	my ($script) = @_;
	my ($out, $err) = run_command(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', "test/docs/$script", $node->connstr('postgres') ]);

	is($err, '', "$script runs");
	return $out;
}

is(slurp('docs/reference.md'), made_by('reference.sql') . "\n",
	'docs/reference.md is what psql -XAtq -f test/docs/reference.sql makes');

my $levels = made_by('levels.sql');
cmp_ok(length($levels), '>', 1000, 'levels.sql prints a table');
isnt(index(slurp('docs/security.md'), "\n\n$levels\n\n"),
	-1, 'docs/security.md holds what psql -XAtq -f test/docs/levels.sql makes');

# ---------------------------------------------------------------- links
sub slurp
{
	my ($file) = @_;
	open my $handle, '<:raw', $file or die "$file: $!";
	local $/;
	return scalar <$handle>;
}

# The anchors that a page offers: its headings, as GitHub writes them.
sub anchors
{
	my ($page) = @_;
	return map { s/[^\w\s-]//gr =~ s/\s/-/gr } map { lc } slurp($page) =~ /^#+ (.*)$/mg;
}

my @pages = ('README.md', glob 'docs/*.md');
cmp_ok(scalar @pages, '>=', 9, 'there are pages');
my $links = 0;
foreach my $page (@pages)
{
	my ($folder) = $page =~ m{^(.*/)};
	foreach my $link (slurp($page) =~ /\]\(([^)\s]+)\)/g)
	{
		next if $link =~ /^[a-z]+:/;
		my ($file, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
		my $target = $file eq '' ? $page : ($folder // '') . $file;
		$target =~ s{[^/]+/\.\./}{}g;
		$links++;
		ok(-e $target, "$page: $link leads to a file") or next;
		ok((grep { $_ eq $anchor } anchors($target)), "$page: $link leads to a heading") if defined $anchor;
	}
}
cmp_ok($links, '>=', 10, 'pages link to each other');

$node->stop;
done_testing();
