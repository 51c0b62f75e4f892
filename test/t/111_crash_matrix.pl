# A backend is killed at each step of a run. Whoever comes next, a CALL or the worker by itself, finishes
# what is unfinished: nothing twice, nothing stuck, and the counts of the runs add up.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Crash;
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;

my $users = 150;
my @settings = ('restart_after_crash = on', 'learning_credentials.retry_delay = 1');
my $node;

sub sql { return patient_sql($node, 'campus', $_[0]) }
sub call { return "CALL learning_credentials.generate_credentials($_[0])" }

# Name => table, event, condition. What ends in "commit" happens when that is committed.
my $first_batch = 'OLD.uuids IS NULL AND cardinality(NEW.uuids) > 0 AND NEW.run_id IS NOT NULL';
my @steps = (
	[ 'open', 'executor', 'INSERT', 'true' ],
	[ 'start', 'run', 'UPDATE', "OLD.status = 'queued' AND NEW.status = 'running'" ],
	[ 'start_commit', 'run', 'UPDATE', "OLD.status = 'queued' AND NEW.status = 'running'" ],
	[ 'note_retrieval', 'executor', 'UPDATE', 'NEW.run_id IS NOT NULL AND NEW.uuids IS NULL' ],
	['retrieval'],
	[ 'queue', 'credential', 'INSERT', 'true' ],
	[ 'retrieved', 'run', 'UPDATE', 'OLD.retrieved IS NULL AND NEW.retrieved IS NOT NULL' ],
	[ 'retrieved_commit', 'run', 'UPDATE', 'OLD.retrieved IS NULL AND NEW.retrieved IS NOT NULL' ],
	[ 'first_batch', 'executor', 'UPDATE', $first_batch ],
	[ 'first_batch_commit', 'executor', 'UPDATE', $first_batch ],
	['generation'],
	[ 'documents', 'document', 'INSERT', 'true' ],
	[ 'documents_commit', 'document', 'INSERT', 'true' ],
	[ 'statuses', 'credential', 'UPDATE', "NEW.status = 'available'" ],
	[ 'errors', 'credential', 'UPDATE', "NEW.status = 'error'" ],
	[ 'events', 'credential_event', 'INSERT', "NEW.new_status = 'available'" ],
	[ 'next_batch', 'executor', 'UPDATE', 'NEW.issued > OLD.issued AND cardinality(NEW.uuids) > 0' ],
	[ 'next_batch_commit', 'executor', 'UPDATE', 'NEW.issued > OLD.issued AND cardinality(NEW.uuids) > 0' ],
	[ 'last_batch_commit', 'executor', 'UPDATE', 'NEW.issued > OLD.issued AND cardinality(NEW.uuids) = 0' ],
	[ 'count', 'executor', 'UPDATE', 'NEW.issued < OLD.issued' ],
	[ 'end', 'run', 'UPDATE', "NEW.status = 'finished'" ],
	[ 'end_commit', 'run', 'UPDATE', "NEW.status = 'finished'" ],
	[ 'close', 'executor', 'DELETE', 'true' ]);

# Steps of what follows a crash in a generation function.
my @recovery = (
	[ 'recover', 'executor', 'DELETE', 'OLD.uuids IS NOT NULL' ],
	[ 'recover_commit', 'executor', 'DELETE', 'OLD.uuids IS NOT NULL' ],
	[ 'suspect', 'suspect', 'INSERT', 'true' ],
	[ 'suspect_commit', 'suspect', 'INSERT', 'true' ],
	[ 'note_suspect', 'executor', 'UPDATE', 'cardinality(NEW.uuids) = 1' ],
	[ 'note_suspect_commit', 'executor', 'UPDATE', 'cardinality(NEW.uuids) = 1' ],
	[ 'clear_suspect', 'suspect', 'DELETE', 'true' ],
	[ 'clear_suspect_commit', 'suspect', 'DELETE', 'true' ]);

# Steps of cancel_run().
my @cancelling = (
	[ 'cancel', 'run', 'UPDATE', "NEW.status = 'cancelled'" ],
	[ 'cancel_waiting', 'credential', 'UPDATE', "NEW.error_message = 'cancelled'" ],
	[ 'cancel_commit', 'run', 'UPDATE', "NEW.status = 'cancelled'" ]);

sub prepare
{
	my ($name, @settings) = @_;
	$node = new_node($name, @settings);
	make_database($node, 'campus', $users);
	plant_crashes($node, 'campus');
	for (grep { @$_ > 1 } @steps, @recovery, @cancelling)
	{
		my ($step, $table, $event, $condition) = @$_;
		crash_at($node, 'campus', $step, $table, $event, $condition, $step =~ /_commit$/);
	}
	return;
}

# What is left of it to be done, in words; '' when everybody has a credential and all is over.
sub unfinished
{
	my ($configuration) = @_;
	return sql(<<SQL);
SELECT concat_ws(', ',
       (SELECT 'issued ' || count(*) FROM learning_credentials.credential
         WHERE configuration_id = $configuration AND status = 'available' HAVING count(*) <> $users),
       (SELECT string_agg('run ' || status, ' ') FROM learning_credentials.run
         WHERE configuration_id = $configuration AND status IN ('queued', 'running')),
       (SELECT count(*) || ' suspects' FROM learning_credentials.suspect HAVING count(*) > 0),
       (SELECT 'suspended: ' || suspension_reason FROM learning_credentials.credential_configuration
         WHERE id = $configuration))
SQL
}

# Everything of a configuration is done, and once.
sub all_done
{
	my ($configuration, $name) = @_;
	is(unfinished($configuration), '', "$name: everybody has a credential");
	is( sql("SELECT r FROM learning_credentials.run r WHERE configuration_id = $configuration"
			  . " AND (issued + failed <> queued OR status <> 'finished')"),
		'', "$name: all runs are finished, and count all that they queued");
	is(sql("SELECT sum(issued) FROM learning_credentials.run WHERE configuration_id = $configuration"),
		$users, "$name: the runs count everybody once");
	is(sql("SELECT count(*) FROM learning_credentials.credential WHERE configuration_id = $configuration"),
		$users, "$name: nobody has two");
	is( sql("SELECT e FROM learning_credentials.executor e"
			  . " WHERE NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = e.pid)"),
		'', "$name: nothing is left of who is gone");
	settled($node, 'campus', $name);
	return;
}

# Goes on as the way does, until there is nothing left to do.
my %go_on = (
	'CALL' => sub {
		my ($configuration) = @_;
		return eventually(
			sub {
				sql(call($configuration));
				return unfinished($configuration) eq '';
			});
	},
	'worker' => sub {
		my ($configuration) = @_;
		return eventually(sub { unfinished($configuration) eq '' });
	});

sub begin
{
	my ($way, $configuration) = @_;
	return start_sql($node, 'campus',
		$way eq 'CALL' ? call($configuration) : "SELECT learning_credentials.request_run($configuration)");
}

my $courses = 0;

# A crash at one step.
sub crash_in
{
	my ($way, $step) = @_;
	my $name = "$way, $step";
	my $configuration = configure($node, 'campus', 'C' . ++$courses);
	my $before = crashes($node);
	sql('INSERT INTO app.failing VALUES (77)') if $step eq 'errors';
	arm($node, $step);
	my $session = begin($way, $configuration);
	ok(await_crash($node, $before + 1), "$name: the server crashes");
	finish_sql($session);
	sql('DELETE FROM app.failing');
	holds($node, 'campus', "$name: right after");
	ok($go_on{$way}($configuration), "$name: what is unfinished gets finished") or diag(unfinished($configuration));
	all_done($configuration, $name);
	is(crashes($node), $before + 1, "$name: without another crash");
	return;
}

# A crash while a document is made, and another one at a step of what follows.
sub crash_again_in
{
	my ($way, $step) = @_;
	my $name = "$way, after a crash, $step";
	my $configuration = configure($node, 'campus', 'C' . ++$courses);
	my $before = crashes($node);
	arm($node, 'generation');
	arm($node, $step);
	my $session = begin($way, $configuration);
	ok(await_crash($node, $before + 1), "$name: the server crashes");
	finish_sql($session);
	if ($way eq 'CALL')
	{
		my ($status) = finish_sql(start_sql($node, 'campus', call($configuration)));
		isnt($status, 0, "$name: the CALL after it fails");
	}
	ok(await_crash($node, $before + 2), "$name: the server crashes again");
	holds($node, 'campus', "$name: right after");
	ok($go_on{$way}($configuration), "$name: what is unfinished gets finished") or diag(unfinished($configuration));
	all_done($configuration, $name);
	is(crashes($node), $before + 2, "$name: without another crash");
	return;
}

# A crash of who cancels, while the run waits at a document; for cancel_waiting, while nobody works on it: an
# executor may be ahead of who cancels, and leave nothing to cancel.
sub crash_cancelling
{
	my ($way, $step) = @_;
	my $name = "$way, $step";
	my $configuration = configure($node, 'campus', 'C' . ++$courses);
	my $before = crashes($node);
	sql('INSERT INTO app.waiting VALUES (100)');
	my $session = begin($way, $configuration);
	ok( eventually(
			sub {
				sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 100 AND granted") eq '1'
			}),
		"$name: a run is under way");
	if ($step eq 'cancel_waiting')
	{
		sql("SELECT pg_terminate_backend(pid) FROM learning_credentials.executor");
		finish_sql($session);
	}
	arm($node, $step);
	my ($run) = sql("SELECT id FROM learning_credentials.run WHERE configuration_id = $configuration");
	my $canceller = start_sql($node, 'campus', "SELECT learning_credentials.cancel_run($run)");
	if ($step eq 'cancel_commit')
	{
		# It waits for the batch at hand.
		eventually(sub { sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%cancel_run($run)%' AND wait_event_type = 'Lock'") eq '1' });
		sql('DELETE FROM app.waiting');
	}
	ok(await_crash($node, $before + 1), "$name: the server crashes");
	finish_sql($_) for $canceller, $step eq 'cancel_waiting' ? () : $session;
	sql('DELETE FROM app.waiting');
	holds($node, 'campus', "$name: right after");
	ok($go_on{$way}($configuration), "$name: the run was not cancelled, and goes on") or diag(unfinished($configuration));
	all_done($configuration, $name);
	return;
}

my @ways = split /,/, $ENV{CRASH_WAYS} // 'CALL,worker';
my $only = $ENV{CRASH_STEPS} // '.';
for my $way (@ways)
{
	prepare(lc "matrix_$way", @settings,
		$way eq 'worker'
		? ("shared_preload_libraries = 'learning_credentials'", "learning_credentials.databases = 'campus'")
		: ());
	crash_in($way, $_) for grep { /$only/ } map { $_->[0] } @steps;
	crash_again_in($way, $_) for grep { /$only/ } map { $_->[0] } @recovery;
	crash_cancelling($way, $_) for grep { /$only/ && ($way eq 'CALL' || $_ ne 'cancel_waiting') } map { $_->[0] } @cancelling;
	$node->stop;
}
done_testing();
