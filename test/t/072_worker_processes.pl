# Processes of the worker that are told to stop, that are cancelled or killed, and for which there is no room:
# they come back, and the work is done.
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
my $node = worker_node('worker_processes', 'campus, other', 'restart_after_crash = on',
	'learning_credentials.worker_idle_time = 200ms', 'max_logical_replication_workers = 0');
my ($from, $run);
make_database($node, $_, $users) for qw(campus other);

sub sql { return $node->safe_psql('campus', $_[0]) }

# A run that waits while a document is made; returns its id.
my $courses = 0;
sub waiting_run
{
	my ($database) = @_;
	my $configuration = configure($node, $database // 'campus', 'C' . ++$courses);
	my $run = request($node, $database // 'campus', $configuration);
	wait_for(
		sub {
			$node->safe_psql($database // 'campus',
				'SELECT count(*) FROM pg_locks WHERE locktype = \'advisory\' AND objid = 2'
				  . ' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())');
		},
		'executor that waits');
	return $run;
}

# ---- told to stop
my %stop = (
	'pg_terminate_backend' => sub { $node->safe_psql('postgres', "SELECT pg_terminate_backend($_[0])") },
	'SIGTERM' => sub { kill 'TERM', $_[0] });
for my $type (qw(launcher scheduler executor))
{
	for my $how (sort keys %stop)
	{
		my $name = "$how of the $type";
		sql('INSERT INTO app.waiting VALUES (2)');
		$from = log_end($node);
		$run = waiting_run();
		my $pid = process($node, $type);
		$stop{$how}->($pid);
		my $began = time;
		wait_for(sub { my ($now) = processes($node, $type); $now && $now != $pid }, "new $type");
		cmp_ok(time - $began, '<', 10, "$name: there is another one soon");
		sql('DELETE FROM app.waiting');
		is(finished($node, 'campus', $run), 'finished', "$name: the run is carried out");
		settled($node, 'campus', $name);
		quiet($node, $from, $name);
		is(processes($node, 'launcher'), 1, "$name: there is one launcher");
		idle($node);
	}
}

# ---- a scheduler that is gone leaves executors, which the next one counts
sql('INSERT INTO app.waiting VALUES (2)');
my @runs = map { waiting_run() } 1 .. 2;
push @runs, request($node, 'campus', configure($node, 'campus', 'Third'));
wait_for(sub { processes($node, 'executor') == 2 }, 'two executors');
my @executors = processes($node, 'executor');
my $scheduler = process($node, 'scheduler', 'campus');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($scheduler)");
wait_for(sub { my ($now) = processes($node, 'scheduler'); $now && $now != $scheduler }, 'new scheduler');
sleep 1;
is_deeply([ processes($node, 'executor') ], \@executors, 'a new scheduler counts the executors of the one before');
sql('DELETE FROM app.waiting');
finished($node, 'campus', $_) for @runs;
settled($node, 'campus', 'a scheduler that was replaced');
idle($node);

# ---- cancelled while a document is made: it goes on
sql('INSERT INTO app.waiting VALUES (2)');
$from = log_end($node);
$run = waiting_run();
my $executor = process($node, 'executor');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($executor)");
sql('DELETE FROM app.waiting');
is(finished($node, 'campus', $run), 'finished', 'an executor that is cancelled: the run is carried out');
settled($node, 'campus', 'an executor that is cancelled');
quiet($node, $from, 'an executor that is cancelled');
idle($node);
$scheduler = undef;
set($node, 'learning_credentials.worker_idle_time' => '60s');
finished($node, 'campus', request($node, 'campus', configure($node, 'campus', 'Cancel')));
$from = log_end($node);
$scheduler = process($node, 'scheduler', 'campus');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($scheduler)");
wait_for(sub { my ($now) = processes($node, 'scheduler', 'campus'); $now && $now != $scheduler }, 'new scheduler');
is(scalar(() = log_since($node, $from) =~ /ERROR:/g), 1, 'a scheduler that is cancelled: there is another one, and one error is logged');
like(log_since($node, $from), qr/ERROR:  canceling statement due to user request/, '... which says why');
set($node, 'learning_credentials.worker_idle_time' => '200ms');
idle($node);

# ---- killed
for my $type (qw(executor scheduler launcher))
{
	sql('INSERT INTO app.waiting VALUES (2)');
	$run = waiting_run();
	$from = log_end($node);
	wait_for(
		sub {
			# A process that has just left by itself is not killed, and there will be another.
			kill 'KILL', process($node, $type);
			my $end = time + 10;
			while (time < $end)
			{
				return 1 if log_since($node, $from) =~ /database system is ready to accept connections/;
				sleep 0.05;
			}
			return 0;
		},
		"restart after a $type was killed");
	my $began = time;
	process($node, 'launcher');
	cmp_ok(time - $began, '<', 10, "the $type is killed: the launcher is back soon");
	sql('DELETE FROM app.waiting');
	is(finished($node, 'campus', $run), 'finished', "the $type is killed: the run is carried out");
	settled($node, 'campus', "the $type is killed");
}

# ---- an error that does not go away: retried with pauses
idle($node);
sql('ALTER TABLE learning_credentials.run RENAME TO hidden');
$from = log_end($node);
set($node, 'learning_credentials.databases' => 'other');
wait_for_log($node, $from, qr/parameter "learning_credentials.databases" changed/);
set($node, 'learning_credentials.databases' => 'other, campus');
wait_for(sub { starts($node, $from, 'campus') > 1 }, 'second try');
sleep 6;
my $tries = starts($node, $from, 'campus');
cmp_ok($tries, '>=', 3, 'a scheduler that fails is started again');
cmp_ok($tries, '<=', 4, '... with pauses that grow');
is(scalar(() = log_since($node, $from) =~ /ERROR:/g), $tries, '... and each failure is logged once');
sql('ALTER TABLE learning_credentials.hidden RENAME TO run');
is(finished($node, 'campus', request($node, 'campus', configure($node, 'campus', 'Again'))), 'finished',
	'... and when the reason is gone, runs are carried out');

# ---- no free slot
idle($node);
$node->append_conf('postgresql.conf', 'max_worker_processes = 3');
$node->restart;
$node->safe_psql($_, 'INSERT INTO app.waiting VALUES (2)') for qw(campus other);
$from = log_end($node);
$run = waiting_run();
my $second = request($node, 'campus', configure($node, 'campus', 'NoRoom'));
my $other = request($node, 'other', configure($node, 'other', 'NoRoom'));
wait_for_log($node, $from, qr/no free slot for a learning_credentials/);
sleep 6;
my @complaints = grep { /(?:WARNING|ERROR|FATAL):/ } split /\n/, log_since($node, $from);
is(scalar @complaints, 1, 'no free slot: it is said once');
like($complaints[0], qr/WARNING:  no free slot for a learning_credentials (?:scheduler|executor)$/, '... in words');
like(log_since($node, $from), qr/HINT:  Raise max_worker_processes, or lower learning_credentials\.max_workers\./, '... and what helps');
$node->safe_psql($_, 'DELETE FROM app.waiting') for qw(campus other);
is(finished($node, 'campus', $_), 'finished', 'a run is carried out when there is room') for $run, $second;
is(finished($node, 'other', $other), 'finished', '... also of another database');

$node->stop;
done_testing();
