# The worker of a server that has the library preloaded: when it looks, what it costs while there is nothing to
# do, what a reload changes, and how it stops.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Worker;

my $users = 5;
my $node = worker_node('worker', 'campus, other', 'learning_credentials.worker_idle_time = 200ms',
	'max_prepared_transactions = 1');
my $from = 0;
my ($configuration, $slow, $other, $run, $pid);

sub sql { return $node->safe_psql('campus', $_[0]) }
sub sql_postgres { return $node->safe_psql('postgres', $_[0]) }

# ---- without a database
$pid = process($node, 'launcher');
is(processes($node, 'scheduler'), 0, 'a database that is not there: no scheduler');
is(sql_postgres("SELECT datid IS NULL FROM pg_stat_activity WHERE pid = $pid"),
	't', 'the launcher is connected to no database');

# ---- databases that come; a run on request
make_database($node, $_, $users) for qw(campus other);
$configuration = configure($node, 'campus', 'First');
$slow = configure($node, 'campus', 'Slow');
$other = configure($node, 'other', 'Other');
$run = request($node, 'campus', $configuration);
is(finished($node, 'campus', $run), 'finished', 'a requested run in a database that was made a moment ago is worked on');
is(count_of($node, 'campus', "status = 'available'"), $users, '... and everybody has a credential');
is(sql("SELECT requested_by || ' ' || trigger FROM learning_credentials.run WHERE id = $run"),
	sql('SELECT current_user') . ' request', '... of whoever asked for it');
is(sql_postgres('SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE backend_type = \'learning_credentials launcher\''),
	1, 'there is one launcher');

# ---- what pg_stat_activity shows
sql('INSERT INTO app.waiting VALUES (3)');
$run = request($node, 'campus', $slow);
wait_for(sub { sql("SELECT started IS NOT NULL FROM learning_credentials.run WHERE id = $run") eq 't' && processes($node, 'executor', 'campus') == 1 },
	'executor in the run');
is( sql_postgres(<<'SQL'), <<'TEXT' =~ s/\n\z//r, 'processes have names, and say what they do');
SELECT backend_type, application_name, datname, usename = (SELECT rolname FROM pg_roles WHERE oid = 10), query <> ''
  FROM pg_stat_activity WHERE backend_type LIKE 'learning%' AND datname = 'campus' ORDER BY 1 DESC
SQL
learning_credentials scheduler|learning_credentials scheduler|campus|t|t
learning_credentials executor|learning_credentials executor|campus|t|t
TEXT
is(sql_postgres("SELECT query FROM pg_stat_activity WHERE backend_type = 'learning_credentials scheduler' AND datname = 'campus'"),
	'waiting for executors', 'the scheduler waits');
sql('DELETE FROM app.waiting');
is(finished($node, 'campus', $run), 'finished', 'a run that waited for its function ends');

# ---- while there is nothing to do: no process but the launcher, which sleeps
idle($node);
$pid = process($node, 'launcher');
sub slept { return slurp_file("/proc/$pid/status") =~ /^voluntary_ctxt_switches:\s*(\d+)/m && $1 }
sub transactions { return sql_postgres("SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database WHERE datname IN ('campus', 'other')") }
my @before = (slept(), transactions());
$from = log_end($node);
sleep 5;
my $connections = grep { /campus|other/ } split /\n/, sql_postgres('SELECT datname FROM pg_stat_activity');
is(transactions() - $before[1], 0, 'idle: no transaction in 5 seconds');
cmp_ok(slept() - $before[0], '<=', 1, 'idle: the launcher wakes once in 5 seconds, if at all');
is(starts($node, $from, 'campus'), 0, 'idle: no scheduler starts');
is($connections, 0, 'idle: nobody is connected');

# ---- a wake-up comes with the commit, and not without: a rollback wakes nobody while the launcher is woken
# for another database afterwards
sub wakes
{
	my ($sql, $expected, $name) = @_;
	idle($node);
	$from = log_end($node);
	$node->psql('campus', $sql);
	finished($node, 'other', request($node, 'other', $other));
	cmp_ok(starts($node, $from, 'other'), '>', 0, "$name: the launcher was awake");
	is(starts($node, $from, 'campus') > 0, $expected, "$name: campus is looked at: " . ($expected ? 'yes' : 'no'));
	return;
}
my $request = "SELECT learning_credentials.request_run($configuration)";
wakes($request, 1 == 1, 'a request');
wakes("BEGIN; $request; ROLLBACK", 1 == 0, 'a request that is rolled back');
wakes("BEGIN; SAVEPOINT a; $request; ROLLBACK TO a; COMMIT", 1 == 0, 'one that is rolled back to a savepoint');
wakes("BEGIN; SAVEPOINT a; SAVEPOINT b; $request; RELEASE b; ROLLBACK TO a; COMMIT", 1 == 0,
	'one of a released savepoint in one that is rolled back');
wakes("BEGIN; SAVEPOINT a; SAVEPOINT b; $request; RELEASE b; SAVEPOINT c; $request; ROLLBACK TO c; RELEASE a; COMMIT",
	1 == 1, 'one of a savepoint that is released');
wakes("BEGIN; $request; SAVEPOINT a; $request; ROLLBACK TO a; COMMIT", 1 == 1, 'one before a savepoint');
wakes("BEGIN; SAVEPOINT a; $request; ROLLBACK TO a; SAVEPOINT a; $request; COMMIT", 1 == 1, 'one after a savepoint that was rolled back');
wakes("DO \$\$ BEGIN PERFORM learning_credentials.request_run($configuration); RAISE 'no'; EXCEPTION WHEN raise_exception THEN NULL; END \$\$",
	1 == 0, 'one in a block that is caught');
wakes("BEGIN; $request; PREPARE TRANSACTION 'request'", 1 == 0, 'one that is prepared');
wakes("COMMIT PREPARED 'request'", 1 == 0, 'one that was prepared in another transaction');
wakes($request, 1 == 1, 'another one');
# not before the commit
idle($node);
$from = log_end($node);
sql('INSERT INTO app.waiting VALUES (77)');
my $session = start_sql($node, 'campus', "BEGIN; $request; SELECT app.wait_for_release(77); COMMIT");
wait_for(sub { sql_postgres('SELECT count(*) FROM pg_locks WHERE locktype = \'advisory\' AND objid = 77') }, 'request');
finished($node, 'other', request($node, 'other', $other));
is(starts($node, $from, 'campus'), 0, 'before the commit nothing happens');
sql('DELETE FROM app.waiting');
finish_sql($session);
wait_for(sub { starts($node, $from, 'campus') }, 'scheduler');
ok(1, '... and then it does');

# ---- a due time: looked at then, and not before
sub schedule
{
	my ($when) = @_;
	return sql("UPDATE learning_credentials.credential_configuration"
		  . " SET enabled = true, schedule = 'at ' || to_char(now() + interval '$when', 'YYYY-MM-DD HH24:MI:SS'), time_zone = current_setting('TimeZone')"
		  . " WHERE id = $slow RETURNING extract(epoch FROM next_run_at)");
}
idle($node);
$from = log_end($node);
my $due = (split /\n/, schedule('4 s'))[0];
idle($node);
my $looked = starts($node, $from, 'campus');
wait_for(sub { sql("SELECT count(*) FROM learning_credentials.run WHERE trigger = 'schedule'") }, 'scheduled run');
my $late = sql("SELECT extract(epoch FROM created) - $due FROM learning_credentials.run WHERE trigger = 'schedule'");
cmp_ok($late, '>=', 0, 'a scheduled run is queued when it is due');
cmp_ok($late, '<', 1, '... within a second');
is(starts($node, $from, 'campus') - $looked, 1, '... by one scheduler');
cmp_ok($looked, '<=', 1, '... and nobody looked in vain for it before');

# ---- an attempt that failed, in a CALL: the worker retries it when that is due, and not before
idle($node);
set($node, 'learning_credentials.retry_delay' => '3s');
my $retried = configure($node, 'campus', 'Retried');
sql('INSERT INTO app.failing VALUES (1)');
$from = log_end($node);
wait_for(sub { sql("LOAD 'learning_credentials'; SHOW learning_credentials.retry_delay") eq '3s' }, 'reload');
sql("CALL learning_credentials.generate_credentials($retried)");
sql('DELETE FROM app.failing');
is(count_of($node, 'campus', "configuration_id = $retried AND status = 'error'"), 1, 'one attempt has failed');
($due) = sql("SELECT extract(epoch FROM retry_at) FROM learning_credentials.credential WHERE configuration_id = $retried AND status = 'error'");
idle($node);
$looked = starts($node, $from, 'campus');
wait_for(sub { count_of($node, 'campus', "configuration_id = $retried AND status = 'available'") == $users }, 'retry');
$late = sql("SELECT extract(epoch FROM created) - $due FROM learning_credentials.run WHERE trigger = 'retry'");
cmp_ok($late, '>=', 0, 'a failed attempt is retried when it is due');
cmp_ok($late, '<', 1, '... within a second');
cmp_ok(starts($node, $from, 'campus') - $looked, '<=', 2, '... and the worker slept until then');
settled($node, 'campus', 'a retry');

# ---- settings
quiet($node, 0, 'so far');
idle($node);
$from = log_end($node);
set($node, 'learning_credentials.databases' => 'other');
wait_for_log($node, $from, qr/parameter "learning_credentials.databases" changed/);
$run = request($node, 'campus', $configuration);
finished($node, 'other', request($node, 'other', $other));
is(starts($node, $from, 'campus'), 0, 'a database that is not listed any more is left alone');
is(sql("SELECT status FROM learning_credentials.run WHERE id = $run"), 'queued', '... and its run stays queued');
set($node, 'learning_credentials.databases' => 'other, campus');
is(finished($node, 'campus', $run), 'finished', 'a database that is listed again is worked on');

set($node, 'learning_credentials.batch_size' => 1);
sql('INSERT INTO app.waiting VALUES (3)');
my @many = map { configure($node, 'campus', "Many$_") } 1 .. 6;
sub executors { return scalar(my @e = processes($node, 'executor', 'campus')) }
my @runs = map { request($node, 'campus', $_) } @many;
wait_for(sub { executors() == 2 }, 'two executors');
set($node, 'learning_credentials.max_workers' => 4);
wait_for(sub { executors() == 4 }, 'four executors');
ok(1, 'max_workers is raised: more executors work');
set($node, 'learning_credentials.max_workers' => 1);
sql('UPDATE app.waiting SET user_id = 5'); # the batch that is claimed already is made, the one after it is not begun
wait_for(sub { executors() == 1 }, 'one executor');
ok(1, 'max_workers is lowered: those that are too many leave');
sql('DELETE FROM app.waiting');
finished($node, 'campus', $_) for @runs;
settled($node, 'campus', 'with another number of executors');

# one run of many documents is for all of them
set($node, 'learning_credentials.max_workers' => 3, 'learning_credentials.batch_size' => 4);
sql("INSERT INTO learning_credentials.lms_user (id, username, full_name) SELECT i, 'user' || i, 'Many ' || i FROM generate_series(101, 200) AS i");
sql('INSERT INTO app.waiting SELECT generate_series(101, 200)');
$run = request($node, 'campus', configure($node, 'campus', 'Shared'));
wait_for(sub { sql("SELECT executors = 3 FROM learning_credentials.run_progress WHERE id = $run") eq 't' }, 'three executors of a run');
ok(1, 'executors share a run');
sql('DELETE FROM app.waiting');
finished($node, 'campus', $run);
settled($node, 'campus', 'a run of three executors');
sql('DELETE FROM learning_credentials.lms_user WHERE id > 100');
set($node, 'learning_credentials.batch_size' => 64);

set($node, 'learning_credentials.worker_idle_time' => '3s');
finished($node, 'campus', request($node, 'campus', $configuration));
my $ended = time;
wait_for(sub { !processes($node, 'scheduler', 'campus') }, 'leaving');
cmp_ok(time - $ended, '>', 2, 'worker_idle_time: the scheduler stays');
set($node, 'learning_credentials.worker_idle_time' => '0');
finished($node, 'campus', request($node, 'campus', $configuration));
$ended = time;
wait_for(sub { !processes($node, 'scheduler', 'campus') }, 'leaving');
cmp_ok(time - $ended, '<', 1.5, 'worker_idle_time: 0 makes it leave at once');
is((split /\n/, $node->psql('postgres', 'SET learning_credentials.max_workers = 3') // '')[0] // '', 3, 'the settings are of the configuration file');
$from = log_end($node);
set($node, 'learning_credentials.databases' => 'a, , b');
wait_for_log($node, $from, qr/invalid value for parameter "learning_credentials.databases": "a, , b"/);
like(log_since($node, $from), qr/DETAIL:  It is no list of names, separated by commas\./, 'a list that is none is refused in words');
set($node, 'learning_credentials.databases' => join ',', map { "d$_" } 1 .. 65);
wait_for_log($node, $from, qr/It names 65 databases, and 64 are possible\./);
set($node, 'learning_credentials.databases' => 'campus, other', 'learning_credentials.worker_idle_time' => '1s',
	'learning_credentials.max_workers' => 2);

# ---- stopping: when idle, while a document is made, while retrieval runs
sub stops
{
	my ($name) = @_;
	$from = log_end($node);
	$node->stop('fast');
	cmp_ok(stopping_time($node, $from), '<', 1, "$name: stops within a second");
	quiet($node, $from, $name);
	$node->start;
	return;
}
idle($node);
stops('idle');
for my $waiting ([ 2, 'while a document is made' ], [ 0, 'while a retrieval runs' ])
{
	my ($user, $name) = @$waiting;
	my $next = configure($node, 'campus', "Stop$user");
	sql("INSERT INTO app.waiting VALUES ($user)");
	$run = request($node, 'campus', $next);
	wait_for(sub { sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $user") }, 'function that waits');
	stops($name);
	sql('DELETE FROM app.waiting');
	is(finished($node, 'campus', $run), 'finished', "$name: the run is finished after the restart");
	settled($node, 'campus', $name);
}

$node->stop;
done_testing();
