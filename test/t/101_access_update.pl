# Levels after an update of the extension, after a restore here, elsewhere and into a newer version.
#
# The newer version is made here: the update adds objects, makes one anew, and takes a privilege from a level.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use File::Basename qw(dirname);
use LearningCredentials;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;

# ============================================================ an installation with a newer version

# of(OPTION, PG_CONFIG): what pg_config says
sub of
{
	my ($option, $program) = @_;
	chomp(my $answer = `$program --$option`);
	return $answer;
}

my ($version) = slurp_file("$FindBin::RealBin/../../learning_credentials.control") =~ /^default_version = '(.*)'/m or die;
my $newer = "$version-test";
my $here = $ENV{PG_CONFIG} // 'pg_config';
chomp(my $config = `sh "$FindBin::RealBin/../private_tree.sh" "$folder/tree"`);
symlink(of('pkglibdir', $here) . '/learning_credentials.so', of('pkglibdir', $config) . '/learning_credentials.so') or die $!;
my ($from, $to) = map { of('sharedir', $_) . '/extension' } $here, $config;
symlink("$from/learning_credentials--$version.sql", "$to/learning_credentials--$version.sql") or die $!;

my $update = <<'SQL';
CREATE TABLE learning_credentials.note (id bigint GENERATED ALWAYS AS IDENTITY, note text);
CREATE FUNCTION learning_credentials_api.own_notes() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint';
CREATE PROCEDURE learning_credentials.forget_notes() LANGUAGE sql AS '';
INSERT INTO learning_credentials.access_privilege (level, privilege, object) VALUES
    ('issuer', 'SELECT, INSERT', 'TABLE learning_credentials.note'),
    ('learner', 'EXECUTE', 'FUNCTION learning_credentials_api.own_notes()');
-- made anew: nobody has it any more
DROP FUNCTION learning_credentials.cancel_run(bigint);
CREATE FUNCTION learning_credentials.cancel_run(bigint) RETURNS void LANGUAGE sql AS '';
-- no longer the level's
DELETE FROM learning_credentials.access_privilege WHERE object = 'FUNCTION learning_credentials.start_worker()';
SELECT learning_credentials.change_privileges(ARRAY(
    SELECT format('REVOKE EXECUTE ON FUNCTION learning_credentials.start_worker() FROM %I', r.rolname)
      FROM learning_credentials.access_grant g JOIN pg_catalog.pg_roles r ON r.oid = g.role_oid WHERE g.level = 'admin'));
SELECT learning_credentials.apply_access();
SQL

sub write_file
{
	my ($path, $content) = @_;
	open my $file, '>', $path or die "$path: $!";
	print $file $content;
	close $file or die $!;
	return;
}
my $control = slurp_file("$from/learning_credentials.control");
write_file("$to/learning_credentials.control", $control);
write_file("$to/learning_credentials--$version--$newer.sql", $update);

# cluster(NAME): a server of that installation
sub cluster
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name, install_path => dirname(of('bindir', $config)));
	$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
	$node->append_conf('postgresql.conf', "log_statement = none\nautovacuum = off");
	$node->start;
	return $node;
}

# ============================================================ what a database has, and what it is to have

# Differences between the privileges of roles in access_grant and what their levels say, a line each. By hand:
# everything on table "document".
my $differences = <<'SQL';
WITH has (grantee, class, object, privilege) AS (
    SELECT a.grantee, 'pg_class'::regclass, o.oid, a.privilege_type || CASE WHEN a.is_grantable THEN '!' ELSE '' END
      FROM pg_class o, aclexplode(o.relacl) AS a WHERE o.oid <> 'learning_credentials.document'::regclass
    UNION ALL
    SELECT a.grantee, 'pg_proc'::regclass, o.oid, a.privilege_type FROM pg_proc o, aclexplode(o.proacl) AS a
    UNION ALL
    SELECT a.grantee, 'pg_namespace'::regclass, o.oid, a.privilege_type FROM pg_namespace o, aclexplode(o.nspacl) AS a),
is_to_have AS (
    SELECT r.oid, CASE kind WHEN 'SCHEMA' THEN 'pg_namespace' WHEN 'TABLE' THEN 'pg_class' ELSE 'pg_proc' END::regclass,
           CASE kind WHEN 'SCHEMA' THEN to_regnamespace(rest)::oid WHEN 'TABLE' THEN to_regclass(rest)::oid ELSE to_regprocedure(rest)::oid END,
           unnest(string_to_array(l.privilege, ', '))
      FROM learning_credentials.access_grant g
      JOIN learning_credentials.access_level l USING (level)
      LEFT JOIN pg_roles r ON r.rolname = g.role_name,
           LATERAL (SELECT split_part(l.object, ' ', 1), substr(l.object, strpos(l.object, ' ') + 1)) AS part (kind, rest))
SELECT d.what, d.oid::regrole, pg_describe_object(d.class, d.object, 0), d.privilege
  FROM (SELECT 'lacks', * FROM (TABLE is_to_have EXCEPT TABLE has) AS lacks
        UNION ALL
        SELECT 'has', * FROM (SELECT * FROM has WHERE grantee IN (SELECT oid FROM is_to_have) EXCEPT TABLE is_to_have) AS more) AS d (what, oid, class, object, privilege)
 ORDER BY 1, 2, 3, 4
SQL

# right(NODE, DATABASE, NAME, DIFFERENCES): levels are what they say, roles have their numbers, PUBLIC has
# nothing, by hand is by hand; only the extension's owner counts as what the extension comes with
sub right
{
	my ($node, $database, $name, $expected) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql($database, $differences), $expected // '', "$name: each role has what its levels say");
	is($node->safe_psql($database, 'SELECT role_name, level FROM learning_credentials.access_grant WHERE role_oid IS DISTINCT FROM to_regrole(role_name::text)'),
		'', "$name: the roles are known by number");
	is($node->safe_psql($database, <<'SQL'), '', "$name: PUBLIC has nothing");
SELECT o.oid::regprocedure::text FROM pg_proc o, aclexplode(coalesce(o.proacl, acldefault('f', o.proowner))) AS a
 WHERE a.grantee = 0 AND o.pronamespace IN ('learning_credentials'::regnamespace, 'learning_credentials_api'::regnamespace)
UNION ALL
SELECT o.oid::regclass::text FROM pg_class o, aclexplode(o.relacl) AS a
 WHERE a.grantee = 0 AND o.relnamespace IN ('learning_credentials'::regnamespace, 'learning_credentials_api'::regnamespace)
SQL
	is($node->safe_psql($database, "SELECT string_agg(privilege_type, ' ') FROM aclexplode((SELECT relacl FROM pg_class WHERE oid = 'learning_credentials.document'::regclass)) WHERE grantee = 'auditor'::regrole"),
		'SELECT', "$name: what was granted by hand is there");
	is($node->safe_psql($database, <<'SQL'), '', "$name: no role counts as what the extension comes with");
SELECT pg_describe_object(i.classoid, i.objoid, i.objsubid), a.grantee::regrole
  FROM pg_init_privs i JOIN pg_depend d ON d.classid = i.classoid AND d.objid = i.objoid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'learning_credentials', aclexplode(i.initprivs) AS a
 WHERE a.grantee NOT IN (0, e.extowner)
SQL
	return;
}

sub dump_to
{
	my ($node, $database, $path) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->command_ok([ 'pg_dump', '--format=directory', '--dbname', $node->connstr($database), '--file', $path ], "dump into $path");
	return;
}

# restore(NODE, DATABASE, PATH, MISSING ROLES): into a new database, as a parallel restore
sub restore
{
	my ($node, $database, $path, $missing) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($out, $error);
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	local $ENV{PGOPTIONS} = '-c session_replication_role=replica';
	IPC::Run::run([ 'pg_restore', '-j', '2', '-d', $node->connstr($database), $path ], '>', \$out, '2>', \$error);
	my @errors = grep { /error:|ERROR:|FATAL:/ } split /\n/, $error;
	@errors = grep { !/role "\w+" does not exist/ } @errors if $missing;
	is(join("\n", @errors), '', "$database: restored");
	return;
}

# ============================================================ before the update

my $old = cluster('old');
$old->safe_psql('postgres', 'CREATE DATABASE campus');
sub sql { return $old->safe_psql('campus', $_[0]) }
sql(<<'SQL');
CREATE EXTENSION learning_credentials;
CREATE ROLE anonymous;
CREATE ROLE learner;
CREATE ROLE staff;
CREATE ROLE author;
CREATE ROLE registrar;
CREATE ROLE auditor;
SELECT learning_credentials.grant_access('anonymous', 'verifier'), learning_credentials.grant_access('learner', 'learner'),
       learning_credentials.grant_access('staff', 'staff'), learning_credentials.grant_access('author', 'issuer'),
       learning_credentials.grant_access('registrar', 'admin'), learning_credentials.grant_access('auditor', 'verifier'),
       learning_credentials.grant_access('auditor', 'issuer');
GRANT SELECT ON learning_credentials.document TO auditor;
SQL
right($old, 'campus', 'at first');
is(broken_privilege('REVOKE SELECT ON learning_credentials.run FROM author'), 'lacks|author|table learning_credentials.run|SELECT', 'what is missing would be seen');
is(broken_privilege('GRANT UPDATE ON learning_credentials.run TO author'), 'has|author|table learning_credentials.run|UPDATE', 'what is too much would be seen');
dump_to($old, 'campus', "$folder/before");

# broken_privilege(SQL): the differences after it, rolled back
sub broken_privilege
{
	my ($statement) = @_;
	return sql("BEGIN; $statement; $differences; ROLLBACK");
}

# ---- what happens to roles in the life of a database
sql(<<'SQL');
ALTER ROLE author RENAME TO course_team;
CREATE ROLE leaver;
CREATE ROLE climber;
SELECT learning_credentials.grant_access('leaver', 'admin'), learning_credentials.grant_access('climber', 'staff');
DROP OWNED BY leaver;
DROP ROLE leaver;
CREATE ROLE leaver LOGIN;
ALTER ROLE climber LOGIN;
-- what was there is PUBLIC's by hand, what comes is PUBLIC's by default
GRANT EXECUTE ON FUNCTION learning_credentials_api.verify_page(text, text) TO PUBLIC;
CREATE ROLE reader;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO PUBLIC;
SQL

# ============================================================ the update

my ($status, $out, $error) = finish_sql(start_sql($old, 'campus', "ALTER EXTENSION learning_credentials UPDATE TO '$newer'"));
is($status, 0, 'the update succeeds');
is(join("\n", $error =~ /^(WARNING: .*)/mg), 'WARNING:  01000: level "staff" is not given to role "climber", which can log in',
	'it names who cannot have a level');
is(sql("SELECT extversion FROM pg_extension WHERE extname = 'learning_credentials'"), $newer, 'it is the newer version');
is(sql("SELECT has_function_privilege('reader', 'learning_credentials_api.verify_page(text, text)', 'EXECUTE')"), 't', 'what PUBLIC was granted by hand is left alone');
sql(<<'SQL');
REVOKE EXECUTE ON FUNCTION learning_credentials_api.verify_page(text, text) FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON SEQUENCES FROM PUBLIC;
DROP ROLE reader;
SQL
right($old, 'campus', 'updated', 'lacks|climber|function learning_credentials_api.own_notes()|EXECUTE');
is(sql("SELECT count(*) FROM learning_credentials.access_grant WHERE role_name = 'leaver'"), 0, 'the one who left is forgotten');
is(sql("SELECT level FROM learning_credentials.access_grant WHERE role_name = 'course_team'"), 'issuer', 'the one who was renamed is not');
sql("SET ROLE course_team; INSERT INTO learning_credentials.note (note) VALUES ('x'); SELECT learning_credentials.cancel_run(1)");
sql('SET ROLE learner; SELECT learning_credentials_api.own_notes()');
for ('SET ROLE anonymous; SELECT learning_credentials_api.own_notes()', 'SET ROLE registrar; CALL learning_credentials.forget_notes()',
	'SET ROLE registrar; SELECT learning_credentials.start_worker()', 'SET ROLE leaver; SELECT learning_credentials.cancel_run(1)')
{
	($status, $out, $error) = finish_sql(start_sql($old, 'campus', $_));
	like($error, qr/42501: permission denied/, "not for everybody: $_");
}
sql("SELECT learning_credentials.revoke_access('climber', 'staff')");
is(sql("SELECT count(*) FROM pg_shdepend WHERE refobjid = 'climber'::regrole"), 0, 'what the one who can log in had can be taken');
sql('DROP ROLE climber, leaver');
dump_to($old, 'campus', "$folder/after");

# ============================================================ restores

# A dump names no version: it takes the one that is installed.
$control =~ s/^default_version = .*$/default_version = '$newer'/m or die;
write_file("$to/learning_credentials.control", $control);
write_file("$to/learning_credentials--$newer.sql", slurp_file("$from/learning_credentials--$version.sql") . $update);

# ---- in the same cluster
restore($old, 'copy', "$folder/after");
right($old, 'copy', 'restored in the same cluster');
$old->stop;

# ---- in a cluster where the roles have other numbers
my $new = cluster('new');
$new->safe_psql('postgres', 'CREATE ROLE first');
$new->safe_psql('postgres', "CREATE ROLE $_") for qw(auditor registrar course_team staff learner anonymous author);
restore($new, 'copy', "$folder/after");
right($new, 'copy', 'restored elsewhere');
$new->safe_psql('copy', "SELECT learning_credentials.revoke_access('course_team', 'issuer')");
is($new->safe_psql('copy', "SELECT count(*) FROM ($differences) AS d"), 0, 'and taken there');

# ---- what an older version had, in a newer one: what is new is lacking until it is applied
restore($new, 'older', "$folder/before");
my @lacking = split /\n/, $new->safe_psql('older', $differences);
is(scalar(grep { /^lacks\|(staff|learner)\|function learning_credentials_api.own_notes\(\)\|EXECUTE$/ } @lacking), 2, 'levels lack a function that is new');
is(scalar(grep { /^lacks\|(author|registrar|auditor)\|table learning_credentials.note\|(SELECT|INSERT)$/ } @lacking), 6, 'and a table');
$new->safe_psql('older', 'SELECT learning_credentials.apply_access()');
# The dump itself grants what the older version's level had.
right($new, 'older', 'an older dump', 'has|registrar|function learning_credentials.start_worker()|EXECUTE');

# ---- in a cluster without the roles
$new->safe_psql('postgres', 'DROP DATABASE copy');
$new->safe_psql('postgres', 'DROP DATABASE older');
$new->safe_psql('postgres', "DROP ROLE $_") for qw(auditor registrar course_team staff learner anonymous);
restore($new, 'copy', "$folder/after", 1);
(undef, undef, $error) = finish_sql(start_sql($new, 'copy', 'SELECT learning_credentials.apply_access()'));
is(scalar(() = $error =~ /^WARNING:  01000: level "\w+" is not given to role "\w+", which does not exist$/mg), 7, 'each level whose role is missing is named');
$new->safe_psql('postgres', "CREATE ROLE $_") for qw(anonymous learner staff course_team registrar auditor);
is($new->safe_psql('copy', "SELECT count(*) FROM pg_shdepend WHERE dbid = (SELECT oid FROM pg_database WHERE datname = 'copy') AND refobjid = 'course_team'::regrole"),
	0, 'roles that come later have nothing');
$new->safe_psql('copy', 'SELECT learning_credentials.apply_access(); GRANT SELECT ON learning_credentials.document TO auditor');
right($new, 'copy', 'restored before there were roles');
$new->stop;

done_testing();
