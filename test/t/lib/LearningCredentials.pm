# LearningCredentials.pm: servers, courses, sessions and rules that the TAP tests share.
package LearningCredentials;

use strict;
use warnings;
use Exporter 'import';
use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_node make_database configure start_sql finish_sql holds broken settled
  fingerprint next_ids count_of);

# new_node(NAME, SETTING...): a running server whose databases are UTF-8. Settings are lines of
# postgresql.conf.
sub new_node
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
	$node->append_conf('postgresql.conf',
		join("\n", 'log_statement = none', 'autovacuum = off', @settings));
	$node->start;
	return $node;
}

# Functions that behave as a test wants, by what stands in tables of schema "app":
# - a document says which credential it is of;
# - a user in app.waiting makes the generation function wait, and shows that by an advisory lock
#   whose key is the user's id; a row with id 0 does the same to the retrieval function;
# - a user in app.failing makes it fail, and with option "flaky" one call in ten fails anyway.
my $functions = <<'SQL';
CREATE SCHEMA app;
CREATE TABLE app.waiting (user_id bigint PRIMARY KEY);
CREATE TABLE app.failing (user_id bigint PRIMARY KEY);

CREATE FUNCTION app.wait_for_release(who bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM app.waiting w WHERE w.user_id = who) THEN
        PERFORM pg_advisory_xact_lock_shared(who);
        WHILE EXISTS (SELECT FROM app.waiting w WHERE w.user_id = who) LOOP
            PERFORM pg_sleep(0.02);
        END LOOP;
    END IF;
END $$;

CREATE FUNCTION app.retrieve_all(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM app.wait_for_release(0);
    RETURN QUERY
    SELECT u.id, u.is_active, NULL::timestamptz, jsonb_build_object('of', u.id)
      FROM learning_credentials.lms_user u
     WHERE one IS NULL OR u.id = one;
END $$;

CREATE FUNCTION app.generate_text(credential learning_credentials.credential, options jsonb)
RETURNS bytea
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM app.wait_for_release(credential.user_id);
    IF EXISTS (SELECT FROM app.failing f WHERE f.user_id = credential.user_id) THEN
        RAISE EXCEPTION 'user % is failing', credential.user_id;
    END IF;
    IF options ? 'flaky' AND random() < 0.1 THEN
        RAISE EXCEPTION 'bad luck';
    END IF;
    RETURN convert_to(format('%s %s %s', credential.verify_uuid, credential.user_id,
                             credential.user_full_name), 'UTF8');
END $$;

INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, media_type)
VALUES ('Plain', 'app.retrieve_all', 'app.generate_text', 'text/plain');
SQL

# make_database(NODE, DATABASE, USERS): a database with the extension, those functions, a type
# "Plain" of them and so many users
sub make_database
{
	my ($node, $database, $users) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION learning_credentials');
	$node->safe_psql($database, $functions);
	$node->safe_psql($database, <<SQL);
INSERT INTO learning_credentials.lms_user (id, username, full_name)
SELECT i, 'user' || i, 'Użytkownik ' || i FROM generate_series(1, $users) AS i
SQL
	return;
}

# configure(NODE, DATABASE, COURSE, OPTIONS): a configuration of type "Plain"; returns its id
sub configure
{
	my ($node, $database, $course, $options) = @_;
	$options //= '{}';
	return $node->safe_psql($database, <<SQL);
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options)
SELECT 'course-v1:Test+$course+1', id, '$options' FROM learning_credentials.credential_type WHERE name = 'Plain'
RETURNING id
SQL
}

# start_sql(NODE, DATABASE, SQL...): a session that runs the statements, one after the other, each a
# transaction of its own; ends at the first error
sub start_sql
{
	my ($node, $database, @sql) = @_;
	my $session = { out => '', err => '' };
	my @command = (
		'psql', '-XAtq',
		'-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose',
		'-d', $node->connstr($database), map { ('-c', $_) } @sql);
	$session->{run} = IPC::Run::start(\@command, '<', \undef, '>', \$session->{out},
		'2>', \$session->{err}, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return $session;
}

# finish_sql(SESSION): waits for its end; returns exit status, output and errors
sub finish_sql
{
	my ($session) = @_;
	$session->{run}->finish;
	chomp($session->{out}, $session->{err});
	return ($session->{run}->result(0) // 0, $session->{out}, $session->{err});
}

my $invariants = slurp_file(dirname(__FILE__) . '/invariants.sql');

# holds(NODE, DATABASE, NAME): nothing is broken, see invariants.sql
sub holds
{
	my ($node, $database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($node->safe_psql($database, $invariants), '', "$name: all invariants hold");
}

# broken(NODE, DATABASE, SQL): which rules are, after statements that no trigger sees and that are
# rolled back
sub broken
{
	my ($node, $database, $sql) = @_;
	my (undef, $out, $error) = finish_sql(start_sql($node, $database,
		"BEGIN; SET LOCAL session_replication_role = replica; $sql; $invariants"));
	my %rules = map { (split /\|/)[0] => 1 } split /\n/, $out;
	return $error . join('; ', sort keys %rules);
}

# settled(NODE, DATABASE, NAME): and no work is left
sub settled
{
	my ($node, $database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	holds($node, $database, $name);
	return is( $node->safe_psql($database, <<'SQL'), '', "$name: nothing is left to do");
SELECT 'credential', status::text, count(*) FROM learning_credentials.credential
 WHERE status = 'generating' GROUP BY status
UNION ALL
SELECT 'run', status, count(*) FROM learning_credentials.run
 WHERE status IN ('queued', 'running') GROUP BY status
SQL
}

# count_of(NODE, DATABASE, CONDITION): credentials for which it is true
sub count_of
{
	my ($node, $database, $condition) = @_;
	return $node->safe_psql($database,
		"SELECT count(*) FROM learning_credentials.credential WHERE $condition");
}

# fingerprint(NODE, DATABASE): a line for every table of the extension that is dumped, with its number of
# rows and a checksum of all that stands in them. For the content of files stands their sha256, which is
# generated from it; numbers of roles and of transactions are each cluster's own.
sub fingerprint
{
	my ($node, $database) = @_;
	my $tables = $node->safe_psql($database, <<'SQL');
SELECT c.oid::regclass, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
  FROM pg_class c
  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'learning_credentials'
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                     AND (a.attname, a.atttypid) NOT IN (('content', 'bytea'::regtype), ('role_oid', 'oid'::regtype), ('transaction_id', 'xid8'::regtype))
 WHERE c.relkind = 'r' AND c.oid = ANY (e.extconfig)
 GROUP BY c.oid
 ORDER BY c.oid::regclass::text
SQL
	my @queries;
	for (split /\n/, $tables)
	{
		my ($table, $columns) = split /\|/;
		push @queries, <<SQL;
SELECT '$table', count(*), md5(string_agg(md5(ROW($columns)::text), '' ORDER BY md5(ROW($columns)::text)))
  FROM $table
SQL
	}
	return $node->safe_psql($database, join(' UNION ALL ', @queries));
}

# next_ids(NODE, DATABASE): a line for every sequence that is dumped with what it would give next
sub next_ids
{
	my ($node, $database) = @_;
	return $node->safe_psql($database, <<'SQL');
SELECT schemaname || '.' || sequencename, coalesce(last_value + increment_by, start_value)
  FROM pg_sequences s
  JOIN pg_extension e ON e.extname = 'learning_credentials'
 WHERE format('%I.%I', s.schemaname, s.sequencename)::regclass = ANY (e.extconfig) ORDER BY 1
SQL
}

1;
