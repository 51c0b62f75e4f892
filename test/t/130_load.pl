# Loading, creating, dropping: with nothing preloaded, where it is refused, and what it leaves.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('load');

sub sql { return $node->safe_psql($_[0], $_[1]) }

# refused(DATABASE, SQL, ERROR, NAME)
sub refused
{
	my ($database, $sql, $expected, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, undef, $error) = finish_sql(start_sql($node, $database, $sql));
	isnt($status, 0, "$name is refused");
	like($error, $expected, "$name: the message");
	is(sql($database, "SELECT count(*) FROM pg_extension WHERE extname = 'learning_credentials'"),
		0, "$name: no extension");
	return;
}

is(sql('postgres', 'SHOW shared_preload_libraries'), '', 'nothing is preloaded');

# ---- where it is refused
sql('postgres', "CREATE DATABASE latin ENCODING LATIN1 LOCALE 'C' TEMPLATE template0");
refused('latin', 'CREATE EXTENSION learning_credentials',
	qr/0A000: learning_credentials needs a database with encoding UTF8, not LATIN1/, 'a LATIN1 database');
sql('postgres', "CREATE DATABASE ascii ENCODING SQL_ASCII LOCALE 'C' TEMPLATE template0");
refused('ascii', 'CREATE EXTENSION learning_credentials',
	qr/0A000: .* not SQL_ASCII/, 'a SQL_ASCII database');

for my $schema ('learning_credentials', 'learning_credentials_api')
{
	sql('postgres', 'DROP DATABASE IF EXISTS campus');
	sql('postgres', 'CREATE DATABASE campus');
	sql('campus', "CREATE SCHEMA $schema CREATE TABLE mine ()");
	for my $command ('CREATE EXTENSION learning_credentials',
		'CREATE EXTENSION IF NOT EXISTS learning_credentials CASCADE')
	{
		refused('campus', $command, qr/42P06: schema "$schema" already exists/, "$command over $schema");
	}
	is(sql('campus', "SELECT count(*) FROM $schema.mine"), 0, "$schema: what was there is there");
}
refused('postgres', 'CREATE EXTENSION learning_credentials SCHEMA public',
	qr/0A000: extension "learning_credentials" must be installed in schema "pg_catalog"/, 'another schema');
sql('postgres', 'CREATE ROLE teacher LOGIN');
refused('postgres', 'SET ROLE teacher; CREATE EXTENSION learning_credentials',
	qr/42501: permission denied to create extension/, 'a role that is no superuser');

# ---- settings: after the library is loaded, with their defaults
my $settings = <<'SQL';
SELECT name, setting, coalesce(unit, ''), context FROM pg_settings
 WHERE name LIKE 'learning\_credentials.%' ORDER BY name
SQL
is(sql('postgres', $settings), '', 'no settings before the library is loaded');
my @settings = split /\n/, sql('postgres', "LOAD 'learning_credentials'; $settings");
cmp_ok(scalar @settings, '>', 10, 'settings afterwards');
is(scalar(grep { /\|postmaster$/ } @settings), 0, 'none that only a restart changes');
note(join "\n", @settings);
my %context = map { (split /\|/)[ 0, 3 ] } @settings;
for (grep { /\.max_(?!workers$)|\.parse_memory$|\.batch_size$/ } sort keys %context)
{
	is($context{$_}, 'superuser', "$_ binds whoever is no superuser");
}
refused('postgres', "LOAD 'learning_credentials'; SET learning_credentials.batch_sise = 3",
	qr/invalid configuration parameter name "learning_credentials.batch_sise"/, 'a setting that does not exist');
refused('postgres', "LOAD 'learning_credentials'; SET learning_credentials.batch_size = 0",
	qr/22023: 0 is outside the valid range/, 'a setting out of its range');
sql('postgres', q(LOAD 'learning_credentials'; ALTER SYSTEM SET learning_credentials.batch_size = 17));
$node->restart;
is(sql('postgres', "LOAD 'learning_credentials'; SHOW learning_credentials.batch_size"),
	17, 'a setting in the configuration file is there when the library is');
sql('postgres', q(LOAD 'learning_credentials'; ALTER SYSTEM RESET learning_credentials.batch_size));
$node->restart;

# ---- with the library preloaded, too
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'learning_credentials'");
$node->restart;
is(sql('postgres', $settings), join("\n", @settings), 'preloaded: the same settings without LOAD');
make_database($node, 'preloaded', 3);
my $configuration = configure($node, 'preloaded', 'P');
sql('preloaded', "CALL learning_credentials.generate_credentials($configuration)");
is(count_of($node, 'preloaded', "status = 'available'"), 3, 'preloaded: it issues');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;

# ---- nothing but superusers and grant_access() opens anything
sql('postgres', 'CREATE DATABASE closed');
sql('closed', 'CREATE EXTENSION learning_credentials');
is( sql('closed', <<'SQL'), '', 'nothing is granted to PUBLIC');
SELECT 'schema', nspname::text FROM pg_namespace
 WHERE nspname LIKE 'learning%' AND has_schema_privilege('teacher', oid, 'USAGE')
UNION ALL
SELECT 'table', oid::regclass::text FROM pg_class
 WHERE relnamespace::regnamespace::text LIKE 'learning%' AND relkind IN ('r', 'v')
   AND (has_table_privilege('teacher', oid, 'SELECT') OR has_table_privilege('teacher', oid, 'INSERT')
        OR has_any_column_privilege('teacher', oid, 'SELECT'))
UNION ALL
SELECT 'function', oid::regprocedure::text FROM pg_proc
 WHERE pronamespace::regnamespace::text LIKE 'learning%' AND has_function_privilege('teacher', oid, 'EXECUTE')
UNION ALL
SELECT 'sequence', oid::regclass::text FROM pg_class
 WHERE relnamespace::regnamespace::text LIKE 'learning%'
   AND CASE WHEN relkind = 'S' THEN has_sequence_privilege('teacher', oid, 'USAGE, SELECT, UPDATE') END
SQL

# ---- what pg_upgrade refuses is not there
is( sql('closed', <<'SQL'), '', 'no columns of types that pg_upgrade refuses');
SELECT a.attrelid::regclass, a.attname, a.atttypid::regtype
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace::regnamespace::text LIKE 'learning%' AND NOT a.attisdropped AND a.attnum > 0
   AND a.atttypid IN ('regproc'::regtype, 'regprocedure'::regtype, 'regoper'::regtype,
                      'regoperator'::regtype, 'regconfig'::regtype, 'regdictionary'::regtype,
                      'regnamespace'::regtype, 'regcollation'::regtype, 'regclass'::regtype,
                      'regrole'::regtype, 'regtype'::regtype, 'aclitem'::regtype)
SQL
my @not_dumped = map { "learning_credentials.$_" } qw(access_privilege crash_epoch credential_import
  credential_import_line_seq executor executor_id_seq history_state suspect);
is( sql('closed', <<'SQL'), join("\n", @not_dumped),
SELECT c.oid::regclass FROM pg_class c
  JOIN pg_extension e ON e.extname = 'learning_credentials'
 WHERE c.relnamespace::regnamespace::text LIKE 'learning%' AND c.relkind IN ('r', 'S')
   AND NOT c.oid = ANY (e.extconfig)
 ORDER BY c.oid::regclass::text
SQL
	'every table and sequence is dumped but what belongs to the extension, to this server, or is on its way in');
is( sql('closed', <<'SQL'), '', 'and the install script leaves no row in them');
SELECT r.oid::regclass FROM pg_class r JOIN pg_extension e ON r.oid = ANY (e.extconfig)
 WHERE r.relkind = 'r'
   AND (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM ' || r.oid::regclass, false, true, '')))[1]::text <> '0'
SQL

# ---- DROP EXTENSION leaves nothing, and what was can be again
my $objects = <<'SQL';
SELECT catalog, count(*) FROM (
    SELECT 'pg_namespace' AS catalog FROM pg_namespace UNION ALL SELECT 'pg_class' FROM pg_class
    UNION ALL SELECT 'pg_proc' FROM pg_proc UNION ALL SELECT 'pg_type' FROM pg_type
    UNION ALL SELECT 'pg_trigger' FROM pg_trigger UNION ALL SELECT 'pg_constraint' FROM pg_constraint
    UNION ALL SELECT 'pg_enum' FROM pg_enum UNION ALL SELECT 'pg_rewrite' FROM pg_rewrite
    UNION ALL SELECT 'pg_description' FROM pg_description UNION ALL SELECT 'pg_depend' FROM pg_depend
    UNION ALL SELECT 'pg_default_acl' FROM pg_default_acl UNION ALL SELECT 'pg_init_privs' FROM pg_init_privs
    UNION ALL SELECT 'pg_shdepend' FROM pg_shdepend) AS every
 GROUP BY catalog ORDER BY catalog
SQL
sql('postgres', 'CREATE DATABASE again');
my $before = sql('again', $objects);
for my $round (1 .. 2)
{
	sql('again', 'CREATE EXTENSION learning_credentials');
	isnt(sql('again', $objects), $before, "round $round: CREATE EXTENSION makes objects");
	sql('again', "SELECT learning_credentials.grant_access('teacher', 'issuer')");
	sql('again', 'DROP EXTENSION learning_credentials');
	is(sql('again', $objects), $before, "round $round: DROP EXTENSION leaves none");
}

# one session, whose plans and caches are of the extension that was before
make_database($node, 'session', 5);
$configuration = configure($node, 'session', 'S');
my $functions = sql('session', "SELECT string_agg(pg_get_functiondef(oid), E';\\n' ORDER BY oid) FROM pg_proc WHERE pronamespace = 'app'::regnamespace");
my ($status, $out, $error) = finish_sql(start_sql($node, 'session',
	'SET client_min_messages = error',
	"CALL learning_credentials.generate_credentials($configuration)",
	"SELECT learning_credentials.generate_credential($configuration, 1) IS NOT NULL",
	'DROP EXTENSION learning_credentials CASCADE; DROP FUNCTION app.wait_for_release',
	'CREATE EXTENSION learning_credentials', $functions,
	"INSERT INTO learning_credentials.lms_user (id, username) SELECT i, 'new' || i FROM generate_series(1, 7) AS i",
	"INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, media_type) VALUES ('New', 'app.retrieve_all', 'app.generate_text', 'text/plain')",
	"INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id) VALUES ('course-v1:a+b+c', 1)",
	'CALL learning_credentials.generate_credentials(1)',
	"SELECT learning_credentials.invalidate_credential(uuid, 'test') FROM learning_credentials.credential WHERE user_id = 7",
	"SELECT count(*) FROM learning_credentials.credential WHERE status = 'available'"));
is($status, 0, 'dropped and made again in one session') or diag($error);
is($out, "t\n\n6", 'and it issues there');
settled($node, 'session', 'dropped and made again in one session');

# ---- somebody else's function keeps the type
make_database($node, 'dependent', 1);
($status, $out, $error) = finish_sql(start_sql($node, 'dependent', 'DROP EXTENSION learning_credentials'));
like($error, qr/2BP01: cannot drop extension learning_credentials because other objects depend on it/,
	'without CASCADE, functions over its types keep it');

$node->stop;
done_testing();
