# Worker.pm: servers with the worker, its processes, and what it wrote into the log.
package Worker;

use strict;
use warnings;
use Exporter 'import';
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(worker_node set processes process wait_for wait_for_log log_end log_since starts
  quiet idle request finished stopping_time);

# worker_node(NAME, DATABASES, SETTING...): a running server that has the library preloaded. The log has the
# starts of background workers.
sub worker_node
{
	my ($name, $databases, @settings) = @_;
	return new_node($name,
		"shared_preload_libraries = 'learning_credentials'",
		"learning_credentials.databases = '$databases'",
		'log_min_messages = debug1', @settings);
}

# set(NODE, SETTING => VALUE...): changes the configuration file and reloads it
sub set
{
	my ($node, %settings) = @_;
	$node->append_conf('postgresql.conf', join "\n", map { "$_ = '$settings{$_}'" } sort keys %settings);
	$node->reload;
	return;
}

# processes(NODE, TYPE, DATABASE): process ids of launcher, scheduler or executors
sub processes
{
	my ($node, $type, $database) = @_;
	my $in = $database ? "AND datname = '$database'" : '';
	return split /\n/, $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'learning_credentials $type' $in ORDER BY backend_start");
}

# process(NODE, TYPE, DATABASE): waits until there is one and returns its id
sub process
{
	my ($node, $type, $database) = @_;
	my @pids;
	wait_for(sub { @pids = processes($node, $type, $database) }, "a $type");
	return $pids[0];
}

# wait_for(CONDITION, WHAT): until the sub returns something; dies when that takes too long
sub wait_for
{
	my ($condition, $what) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	until ($condition->())
	{
		die "no $what" if time > $end;
		sleep 0.05;
	}
	return 1;
}

sub log_end { return -s $_[0]->logfile }

sub log_since
{
	my ($node, $from) = @_;
	return slurp_file($node->logfile, $from);
}

# wait_for_log(NODE, FROM, PATTERN): until the log matches
sub wait_for_log
{
	my ($node, $from, $pattern) = @_;
	return wait_for(sub { log_since($node, $from) =~ $pattern }, "$pattern in the log");
}

# starts(NODE, FROM, DATABASE, TYPE): how many schedulers, or what else, were started in a database
sub starts
{
	my ($node, $from, $database, $type) = @_;
	$type //= 'scheduler';
	my $oid = $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$database'");
	my @starts = log_since($node, $from) =~ /starting background worker process "learning_credentials $type[ \d]* for database $oid"/g;
	return scalar @starts;
}

# quiet(NODE, FROM, NAME): no process but those that serve clients has logged anything worse than LOG
sub quiet
{
	my ($node, $from, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $bad = join "\n", grep { /\[\d+\] (?:WARNING|ERROR|FATAL|PANIC):/ } split /\n/, log_since($node, $from);
	return is($bad, '', "$name: no warning, no error in the log");
}

# idle(NODE): waits until no scheduler and no executor is there
sub idle
{
	my ($node) = @_;
	return wait_for(sub { !processes($node, 'scheduler') && !processes($node, 'executor') }, 'idle worker');
}

# request(NODE, DATABASE, CONFIGURATION): a run; returns its id
sub request
{
	my ($node, $database, $configuration) = @_;
	return $node->safe_psql($database, "SELECT learning_credentials.request_run($configuration)");
}

# finished(NODE, DATABASE, RUN): waits until the run has ended; returns its status
sub finished
{
	my ($node, $database, $run) = @_;
	my $status;
	wait_for(
		sub {
			$status = $node->safe_psql($database,
				"SELECT status FROM learning_credentials.run WHERE id = $run AND finished IS NOT NULL");
		},
		"end of run $run in $database");
	return $status;
}

# stopping_time(NODE, FROM): seconds from the request to stop until all backends had gone
sub stopping_time
{
	my ($node, $from) = @_;
	my @times;
	for my $what (qr/received fast shutdown request/, qr/LOG:  shutting down/)
	{
		my ($hours, $minutes, $seconds) = log_since($node, $from) =~ /(\d\d):(\d\d):(\d\d\.\d+) \S+ \[\d+\].*$what/
		  or die "no $what in the log";
		push @times, ($hours * 60 + $minutes) * 60 + $seconds;
	}
	return $times[1] - $times[0];
}

1;
