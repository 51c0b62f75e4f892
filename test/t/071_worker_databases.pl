# The worker and the databases that it looks after: they come and go, are renamed and copied while it is idle,
# have settings that are meant for others, lose the extension and get it back.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Worker;

my $users = 3;
my $databases = 'campus, "Third-One", other, later';
my $node = worker_node('worker_databases', $databases, 'learning_credentials.worker_idle_time = 200ms');
my ($from, $run);

sub sql { return $node->safe_psql('postgres', $_[0]) }

# works(DATABASE, NAME): a run that is requested there is carried out
my $courses = 0;
sub works
{
	my ($database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $configuration = configure($node, $database, 'C' . ++$courses);
	is(finished($node, $database, request($node, $database, $configuration)), 'finished', "$name: a run is carried out");
	is(count_of($node, $database, "configuration_id = $configuration AND status = 'available'"), $users, "$name: to the end");
	return;
}

# quick(SQL, NAME): what has to have a database for itself
sub quick
{
	my ($sql, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $began = time;
	my (undef, undef, $error) = $node->psql('postgres', $sql);
	is($error, '', "$name is possible");
	cmp_ok(time - $began, '<', 4, '... and does not have to wait');
	return;
}

# The same in a database.
sub quick_in
{
	my ($database, $sql, $name) = @_;
	my $began = time;
	my ($status) = $node->psql($database, "SET client_min_messages = error; $sql");
	is($status, 0, "$name is possible");
	cmp_ok(time - $began, '<', 4, '... and does not have to wait');
	return;
}

# ---- several, one of which has a name that needs quotes
make_database($node, 'campus', $users);
make_database($node, 'other', $users);
sql('CREATE DATABASE "Third-One" TEMPLATE other');
works('campus', 'one of several');
works('other', 'another');
works('Third-One', 'a name in quotes');
is(join(' ', map { $node->safe_psql($_, "SELECT count(*) FROM learning_credentials.run WHERE status <> 'finished'") } 'campus', 'other', 'Third-One'),
	'0 0 0', 'each has done its own');

# ---- while the worker is idle
idle($node);
quick('CREATE DATABASE later TEMPLATE campus', 'using a database as a template');
works('later', 'a database that is a copy');
idle($node);
quick('DROP DATABASE later', 'dropping a database');
quick('ALTER DATABASE other RENAME TO later', 'renaming a database');
works('later', 'a database that is renamed to a listed name');
idle($node);
quick('ALTER DATABASE later RENAME TO hidden', 'renaming it again');
$run = request($node, 'hidden', configure($node, 'hidden', 'Hidden'));
works('campus', 'meanwhile');
is($node->safe_psql('hidden', "SELECT status FROM learning_credentials.run WHERE id = $run"), 'queued',
	'a database that is renamed to a name that is not listed is left alone');
quick('ALTER DATABASE hidden RENAME TO other', 'renaming it back');
works('campus', 'meanwhile');
is(finished($node, 'other', $run), 'finished', '... until it has the name back');
idle($node);
quick('DROP DATABASE "Third-One"', 'dropping a database');
sql('CREATE DATABASE "Third-One" TEMPLATE other');
works('Third-One', 'a database that is made again');

# ---- while the worker is about to leave, too: these wait for up to 5 seconds
set($node, 'learning_credentials.worker_idle_time' => '1s');
works('Third-One', 'a database');
ok(processes($node, 'scheduler', 'Third-One'), '... whose scheduler is still there');
quick('DROP DATABASE "Third-One"', 'dropping it');

# ---- dropped by force, while a document is made
sql('CREATE DATABASE "Third-One" TEMPLATE other');
$node->safe_psql('Third-One', 'INSERT INTO app.waiting VALUES (2)');
request($node, 'Third-One', configure($node, 'Third-One', 'Forced'));
wait_for(sub { sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 2") }, 'executor that waits');
quiet($node, 0, 'so far');
$from = log_end($node);
quick('DROP DATABASE "Third-One" WITH (FORCE)', 'dropping a database by force');
works('campus', 'meanwhile');
idle($node);
sleep 2;
quiet($node, $from, 'after a database was dropped by force');
is(scalar(() = log_since($node, $from) =~ /exited with exit code 1/g), 2, '... and its two processes have ended once');

# ---- settings of a database that are not meant for the worker
sql(<<'SQL');
CREATE ROLE nobody;
ALTER DATABASE other SET default_transaction_read_only = on;
ALTER DATABASE other SET default_transaction_isolation = 'serializable';
ALTER DATABASE other SET session_replication_role = replica;
ALTER DATABASE other SET check_function_bodies = off;
ALTER DATABASE other SET search_path = app;
ALTER DATABASE other SET role = nobody;
ALTER DATABASE other SET statement_timeout = '1ms';
ALTER DATABASE other SET lock_timeout = '1ms';
SQL
my $settings = 'SET ROLE none; SET default_transaction_read_only = off; SET session_replication_role = origin;'
  . 'SET statement_timeout = 0; SET check_function_bodies = on;';
my $configuration = $node->safe_psql('other', <<SQL);
$settings
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT 'course-v1:Test+Settings+1', id FROM learning_credentials.credential_type WHERE name = 'Plain' RETURNING id;
SQL
$run = $node->safe_psql('other', "$settings SELECT learning_credentials.request_run($configuration)");
sql('ALTER DATABASE other RESET role');
my $ended = "FROM learning_credentials.run WHERE id = $run AND status = 'finished'";
wait_for(sub { $node->safe_psql('other', "SET statement_timeout = 0; SELECT count(*) $ended") }, 'end of the run');
ok(1, 'settings of a database do not bother the worker');
is($node->safe_psql('other', "SET statement_timeout = 0; SELECT count(*) FROM learning_credentials.credential_event e"
		  . " JOIN learning_credentials.credential c ON c.uuid = e.credential_uuid WHERE c.configuration_id = $configuration"),
	2 * $users, '... and triggers fire');
sql('ALTER DATABASE other RESET ALL');

# ---- without the extension
idle($node);
sql('CREATE DATABASE later');
$from = log_end($node);
set($node, 'learning_credentials.databases' => 'campus, other');
wait_for_log($node, $from, qr/parameter "learning_credentials.databases" changed/);
set($node, 'learning_credentials.databases' => $databases);
wait_for(sub { starts($node, $from, 'later') }, 'scheduler');
idle($node);
works('campus', 'meanwhile');
is(starts($node, $from, 'later'), 1, 'without the extension the scheduler looks once, and leaves');
quiet($node, $from, 'without the extension');

$from = log_end($node);
set($node, 'learning_credentials.worker_idle_time' => '60s');
works('campus', 'before the extension is dropped');
quick_in('campus', 'DROP EXTENSION learning_credentials CASCADE; DROP SCHEMA app CASCADE', 'dropping the extension while the scheduler is there');
set($node, 'learning_credentials.max_workers' => 3); # a reload makes the scheduler look
wait_for_log($node, $from, qr/parameter "learning_credentials.max_workers" changed to "3"/);
set($node, 'learning_credentials.worker_idle_time' => '200ms');
idle($node);
quiet($node, $from, 'after the extension was dropped');
sql('DROP DATABASE campus');
make_database($node, 'campus', 3000);
$configuration = configure($node, 'campus', 'Large');
request($node, 'campus', $configuration);
wait_for(sub { count_of($node, 'campus', "status = 'available'") > 100 }, 'documents');
quick_in('campus', 'DROP EXTENSION learning_credentials CASCADE', 'dropping the extension in the middle of a run');
idle($node);
quiet($node, $from, 'after the extension was dropped in the middle of a run');
sql('DROP DATABASE campus');
make_database($node, 'campus', $users);
works('campus', 'with the extension created again');
$node->safe_psql('later', 'CREATE EXTENSION learning_credentials');
quiet($node, $from, 'after the extension was created again');

# ---- a database that takes no connections
idle($node);
$from = log_end($node);
$configuration = configure($node, 'campus', 'Closed');
sql('ALTER DATABASE campus ALLOW_CONNECTIONS false');
set($node, 'learning_credentials.databases' => 'campus');
wait_for_log($node, $from, qr/parameter "learning_credentials.databases" changed/);
set($node, 'learning_credentials.databases' => $databases);
wait_for(sub { starts($node, $from, 'other') }, 'scheduler');
is(starts($node, $from, 'campus'), 0, 'a database that takes no connections is left alone');
sql('ALTER DATABASE campus ALLOW_CONNECTIONS true');
works('campus', 'when it takes connections again');
quiet($node, $from, 'to the end');

$node->stop;
done_testing();
