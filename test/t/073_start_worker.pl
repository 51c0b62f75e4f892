# Starting the worker: by start_worker() in a server that has nothing preloaded, by the server itself, and
# where it must not be started: on a standby until it is promoted, and during a binary upgrade.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Worker;

my $users = 3;
my $start = 'SELECT learning_credentials.start_worker()';
my ($from, $run, $pid, $configuration);
my $node = new_node('start_worker', 'restart_after_crash = on', 'max_worker_processes = 0');
make_database($node, 'campus', $users);
$configuration = configure($node, 'campus', 'First');

sub sql { return $node->safe_psql('campus', $_[0]) }

# refused(NODE, EXPECTED, NAME, SQL)
sub refused
{
	my ($in, $expected, $name, $sql) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, undef, $error) = finish_sql(start_sql($in, 'campus', $sql // $start));
	isnt($status, 0, "$name: start_worker() is refused");
	like($error, $expected, '... and says what is missing');
	is(processes($in, 'launcher'), 0, '... and nothing is started');
	return;
}

# ---- what may be missing
refused($node, qr/55000: database "campus" is not listed in learning_credentials\.databases\nHINT:  Set it in postgresql\.conf or with ALTER SYSTEM/,
	'a database that is not listed');
sql("LOAD 'learning_credentials'; ALTER SYSTEM SET learning_credentials.databases = 'campus'");
$node->reload;
wait_for(sub { sql("LOAD 'learning_credentials'; SHOW learning_credentials.databases") eq 'campus' }, 'reload');
refused($node, qr/53400: no free slot for a learning_credentials launcher\nDETAIL:  All of max_worker_processes = 0 are in use\.\nHINT:  Raise max_worker_processes/,
	'no slot');
sql("CREATE ROLE issuer; CREATE ROLE admin; SELECT learning_credentials.grant_access('issuer', 'issuer'), learning_credentials.grant_access('admin', 'admin')");
refused($node, qr/42501: permission denied for function start_worker/, 'level issuer', "SET ROLE issuer; $start");

# ---- started
$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
$node->restart;
is(processes($node, 'launcher'), 0, 'nothing is started by the server');
$run = request($node, 'campus', $configuration);
is(sql("SELECT status FROM learning_credentials.run WHERE id = $run"), 'queued', 'without the worker a run stays queued');
is(sql("SET ROLE admin; $start"), 't', 'level admin: start_worker() starts the worker');
is(finished($node, 'campus', $run), 'finished', '... which carries out what is queued');
my (undef, $out, $error) = finish_sql(start_sql($node, 'campus', $start));
is($out, 'f', 'a second start_worker() starts nothing');
$pid = process($node, 'launcher');
like($error, qr/NOTICE:  00000: the worker is running already, with process id $pid$/m, '... and says so');
is(processes($node, 'launcher'), 1, 'there is one launcher');
is(finished($node, 'campus', request($node, 'campus', $configuration)), 'finished', 'a request wakes it');

# ---- what it does without the server's help: it comes back, until the server is stopped
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_for(sub { my ($now) = processes($node, 'launcher'); $now && $now != $pid }, 'new launcher');
is(finished($node, 'campus', request($node, 'campus', $configuration)), 'finished', 'told to stop, it comes back');
for my $type (qw(launcher executor))
{
	sql('INSERT INTO app.waiting VALUES (2)') if $type eq 'executor';
	my $next = configure($node, 'campus', "Killed$type");
	$run = request($node, 'campus', $next) if $type eq 'executor';
	$pid = process($node, $type);
	$from = log_end($node);
	kill 'KILL', $pid;
	wait_for_log($node, $from, qr/database system is ready to accept connections/);
	process($node, 'launcher');
	sql('DELETE FROM app.waiting');
	$run = request($node, 'campus', $next) if $type eq 'launcher';
	is(finished($node, 'campus', $run), 'finished', "after a crash of the $type it comes back");
}
is(processes($node, 'launcher'), 1, 'there is one launcher');
$from = log_end($node);
$node->stop('fast');
quiet($node, $from, 'stopping');
$node->start;
is(processes($node, 'launcher'), 0, 'after a restart it has to be started again');

# two at once
my @sessions = map { start_sql($node, 'campus', $start) } 1 .. 4;
finish_sql($_) for @sessions;
is(finished($node, 'campus', request($node, 'campus', $configuration)), 'finished', 'several start_worker() at once: it works');
wait_for(sub { processes($node, 'launcher') == 1 }, 'one launcher');
ok(1, '... and there is one launcher');

# ---- preloaded
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'learning_credentials'\nwal_level = replica\nmax_wal_senders = 4");
$node->restart;
process($node, 'launcher');
is(finished($node, 'campus', request($node, 'campus', $configuration)), 'finished', 'preloaded: the server starts the worker');
(undef, $out) = finish_sql(start_sql($node, 'campus', $start));
is($out, 'f', '... and start_worker() finds it running');

# ---- a standby
$node->append_conf('pg_hba.conf', 'local replication all trust');
$node->reload;
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('start_worker_standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
refused($standby, qr/55000: the worker cannot be started during recovery\nHINT:  Start it after promotion/, 'a standby');
$node->safe_psql('campus', "UPDATE pg_catalog.pg_database SET datname = datname WHERE false");
$run = request($node, 'campus', $configuration);
finished($node, 'campus', $run);
$pid = process($node, 'launcher');
$node->stop;
is(processes($standby, 'launcher'), 0, 'a standby that has the library preloaded: no launcher');
$from = log_end($standby);
$standby->promote;
process($standby, 'launcher');
is(finished($standby, 'campus', request($standby, 'campus', $configuration)), 'finished', 'promoted, it takes over');
settled($standby, 'campus', 'promoted');
quiet($standby, $from, 'promoted');
$standby->stop;

# ---- a binary upgrade
system_or_bail('pg_ctl', '-w', '-D', $node->data_dir, '-l', $node->logfile, '-o', '-b', 'start');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE \'learning%\''),
	0, 'binary upgrade: the server starts no worker');
refused($node, qr/55000: the worker cannot be started during a binary upgrade/, 'binary upgrade');
system_or_bail('pg_ctl', '-w', '-D', $node->data_dir, '-m', 'fast', 'stop');

done_testing();
