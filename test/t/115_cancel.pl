# cancel_run(): whenever it comes, nothing is stuck, nothing that was issued is lost, and what was cancelled
# is not retried until somebody does so. Accounts of old runs are forgotten.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Crash;
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;

my $users = 150;
my $node;

sub sql { return $node->safe_psql('campus', $_[0]) }
sub call { return "CALL learning_credentials.generate_credentials($_[0])" }
sub of { return sql("SELECT string_agg(format('%s %s', s, n), ', ' ORDER BY s) FROM (SELECT concat(status, ' ' || error_message) AS s, count(*) AS n"
		  . " FROM learning_credentials.credential WHERE configuration_id = $_[0] GROUP BY 1) AS of") }
sub run_of { return sql("SELECT max(id) FROM learning_credentials.run WHERE configuration_id = $_[0]") }
sub cancel { return "SELECT learning_credentials.cancel_run($_[0])" }

# What a statement says, result or error
sub answer
{
	my ($status, $out, $error) = finish_sql(start_sql($node, 'campus', @_));
	return $status == 0 ? $out : $error;
}

sub await
{
	my ($sql, $what) = @_;
	return $node->poll_query_until('campus', $sql) || die "no $what";
}

sub await_user { return await("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = $_[0] AND granted", "user $_[0]") }

# Is anybody in the way of a run, for a while? What was cancelled is left alone.
sub left_alone
{
	my ($configuration, $expected, $name) = @_;
	my $later = configure($node, 'campus', 'Later' . $configuration);
	sql("UPDATE app.waiting SET user_id = -1");
	sql(call($later));
	sql(call($configuration)) if $name =~ /^CALL/;
	is(of($configuration), $expected, "$name: what was cancelled is left alone by what comes later");
	settled($node, 'campus', $name);
	return;
}

my $courses = 0;

sub begin
{
	my ($way, $configuration) = @_;
	return start_sql($node, 'campus', $way eq 'CALL' ? call($configuration) : "SELECT learning_credentials.request_run($configuration)");
}

sub ended
{
	my ($way, $session, $run, $name) = @_;
	my ($status, undef, $error) = finish_sql($session);
	like($error, qr/57014: (?:run $run was cancelled|canceling statement due to user request)/, "$name: the CALL says so") if $way eq 'CALL';
	await('SELECT count(*) = 0 FROM learning_credentials.executor', 'end of executors');
	return;
}

# ---- before it begins
sub queued
{
	my ($way) = @_;
	my $name = "$way, queued";
	my $configuration = configure($node, 'campus', 'Q' . ++$courses);
	my $run = answer("BEGIN; SELECT learning_credentials.request_run($configuration);"
		  . " SELECT learning_credentials.cancel_run(id) FROM learning_credentials.run WHERE configuration_id = $configuration; COMMIT");
	is( sql("SELECT status, started IS NULL, finished IS NOT NULL FROM learning_credentials.run WHERE configuration_id = $configuration"),
		'cancelled|t|t', "$name: it is cancelled and was never started");
	$run = run_of($configuration);
	like(answer(cancel($run)), qr/55000: run $run is "cancelled" already/, "$name: and cannot be cancelled again");
	is(of($configuration), '', "$name: nothing was queued");
	left_alone($configuration, $way eq 'CALL' ? "available $users" : '', $name);
	return;
}

# ---- while it retrieves
sub retrieving
{
	my ($way) = @_;
	my $name = "$way, while it retrieves";
	my $configuration = configure($node, 'campus', 'R' . ++$courses);
	sql('INSERT INTO app.waiting VALUES (0)');
	my $session = begin($way, $configuration);
	await_user(0);
	my $run = run_of($configuration);

	# Whose process id a row that was left behind names now, is not interrupted.
	my $innocent = start_sql($node, 'campus', 'SELECT pg_sleep(2)');
	await("SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'", 'innocent');
	sql("INSERT INTO learning_credentials.executor (epoch, pid, run_id) SELECT gen_random_uuid(), pid, $run"
		  . " FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'") if $way eq 'CALL';
	is(answer(cancel($run)), '', "$name: it can be cancelled");
	ended($way, $session, $run, $name) if $way ne 'CALL';
	if ($way eq 'CALL')
	{
		my (undef, undef, $error) = finish_sql($session);
		like($error, qr/57014: /, "$name: the CALL ends");
	}
	my ($status, undef, $error) = finish_sql($innocent);
	is($status, 0, "$name: who has the process id of somebody who left goes on") or diag($error);
	sql('DELETE FROM learning_credentials.executor WHERE NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = executor.pid)') if $way eq 'CALL';
	is( sql("SELECT status, retrieved IS NULL, queued FROM learning_credentials.run WHERE id = $run"),
		'cancelled|t|0', "$name: with nothing queued");
	is(of($configuration), '', "$name: nobody has anything");
	sql('DELETE FROM app.waiting');
	left_alone($configuration, $way eq 'CALL' ? "available $users" : '', $name);
	return;
}

# ---- while a batch is made
sub making
{
	my ($way) = @_;
	my $name = "$way, while a document is made";
	my $configuration = configure($node, 'campus', 'M' . ++$courses);
	sql('INSERT INTO app.waiting VALUES (10), (100)');
	my $session = begin($way, $configuration);
	await_user(10);
	await_user(100) if $way eq 'worker';
	my $run = run_of($configuration);

	# In a transaction that goes on: who makes the batch does not wait for it.
	my $canceller = start_sql($node, 'campus', cancel($run));
	await("SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%cancel_run($run)%' AND wait_event_type = 'Lock'", 'wait');
	sql('DELETE FROM app.waiting');
	my ($status, undef, $error) = finish_sql($canceller);
	is($status, 0, "$name: it can be cancelled, after the documents at hand") or diag($error);
	ended($way, $session, $run, $name);
	my ($available) = of($configuration) =~ /available (\d+)/;
	my $cancelled = $users - $available;
	cmp_ok($available, '>=', 64, "$name: the batch at hand is finished");
	like(of($configuration), qr/^available $available(, error cancelled $cancelled)?$/, "$name: the rest is cancelled");
	is( sql("SELECT count(*) FROM learning_credentials.credential WHERE configuration_id = $configuration AND retry_at IS NOT NULL AND status = 'error'"),
		0, "$name: nothing of it will be retried by itself");
	is( sql("SELECT status, queued, issued, failed FROM learning_credentials.run WHERE id = $run"),
		"cancelled|$users|$available|0", "$name: the run counts what was done");
	left_alone($configuration, of($configuration), $name);
	return;
}

# ---- between batches: the rest waits, since nobody works on it
sub between
{
	my ($way) = @_;
	my $name = "$way, cut off";
	my $configuration = configure($node, 'campus', 'B' . ++$courses);
	sql('INSERT INTO app.waiting VALUES (100)');
	my $session = start_sql($node, 'campus', call($configuration));
	await_user(100);
	my $run = run_of($configuration);
	sql("SELECT pg_terminate_backend(pid) FROM learning_credentials.executor");
	finish_sql($session);
	is(sql("SELECT status FROM learning_credentials.run WHERE id = $run"), 'running', "$name: a run that was cut off goes on");
	sql(cancel($run));
	sql('DELETE FROM app.waiting');
	await('SELECT count(*) = 0 FROM learning_credentials.executor e JOIN pg_stat_activity a USING (pid)', 'end of executors');
	like(of($configuration), qr/^available \d+, error cancelled \d+$/, "$name: the rest is cancelled");
	left_alone($configuration, of($configuration), $name);

	# Whoever wants one that was cancelled asks for it.
	my $uuid = sql("SELECT min(uuid::text) FROM learning_credentials.credential WHERE configuration_id = $configuration AND status = 'error'");
	is(sql("SELECT learning_credentials.retry_credential('$uuid')"), 'available', "$name: retry_credential() retries it");
	is(sql("SELECT status FROM learning_credentials.run WHERE id = $run"), 'cancelled', "$name: the run stays as it is");
	sql("UPDATE learning_credentials.credential SET retry_at = now() WHERE configuration_id = $configuration AND status = 'error'");
	sql(call($configuration));
	is(of($configuration), "available $users", "$name: so does a run, when that is what retry_at says");
	settled($node, 'campus', "$name, retried");
	return;
}

# ---- a cancel that is not committed, or rolled back
sub open_transaction
{
	my ($way) = @_;
	my $name = "$way, in a transaction";
	my $configuration = configure($node, 'campus', 'T' . ++$courses);
	sql('INSERT INTO app.waiting VALUES (10)');
	my $session = begin($way, $configuration);
	await_user(10);
	my $run = run_of($configuration);
	my $canceller = start_sql($node, 'campus',
		'BEGIN; ' . cancel($run) . '; SELECT pg_sleep(0.5); '
		  . "SELECT count(learning_credentials.generate_credential($configuration, u)) FROM generate_series(1, 5) AS u; ROLLBACK");
	await("SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%cancel_run($run)%' AND wait_event_type = 'Lock'", 'wait');
	sql('DELETE FROM app.waiting');
	my ($status, undef, $error) = finish_sql($canceller);
	is($status, 0, "$name: no deadlock") or diag($error);
	($status, undef, $error) = finish_sql($session);
	is($status, 0, "$name: nobody notices what is rolled back") or diag($error);
	await("SELECT status = 'finished' FROM learning_credentials.run WHERE id = $run", 'end of the run');
	is(of($configuration), "available $users", "$name: everybody has a credential");
	settled($node, 'campus', $name);
	return;
}

# ---- what is wrong
sub mistakes
{
	my $configuration = configure($node, 'campus', 'W' . ++$courses);
	sql(call($configuration));
	my $run = run_of($configuration);
	like(answer(cancel($run)), qr/55000: run $run is "finished" already/, 'a run that has ended cannot be cancelled');
	like(answer(cancel(0)), qr/42704: run 0 does not exist/, 'nor one that is not there');
	like(answer(cancel('NULL')), qr/22004: run_id must not be NULL/, 'nor NULL');
	return;
}

# ---- old accounts
sub forgotten
{
	my ($way) = @_;
	my $name = "$way, old runs";
	my $configuration = configure($node, 'campus', 'F' . ++$courses);
	sql(call($configuration));
	sql('UPDATE learning_credentials.credential_configuration SET enabled = false');
	sql("UPDATE learning_credentials.run SET finished = now() - interval '2 hours', started = now() - interval '3 hours'"
		  . " WHERE id < " . run_of($configuration));
	my $old = sql("SELECT count(*) FROM learning_credentials.run WHERE finished < now() - interval '1 hour'");
	cmp_ok($old, '>', 3, "$name: there are some");
	my $credentials = sql('SELECT count(*) FROM learning_credentials.credential');
	if ($way eq 'worker')
	{
		$node->append_conf('postgresql.conf', "learning_credentials.keep_runs = '1h'");
		$node->reload;
		sql("SELECT learning_credentials.request_run($configuration)");
		await("SELECT count(*) = 0 FROM learning_credentials.run WHERE finished < now() - interval '1 hour'", 'pruning');
	}
	else
	{
		is(answer("SET learning_credentials.keep_runs = 0", 'CALL learning_credentials.generate_all_credentials()'), '', "$name: 0 is for ever");
		is(sql("SELECT count(*) FROM learning_credentials.run WHERE finished < now() - interval '1 hour'"), $old, "$name: nothing is forgotten");
		is(answer("SET learning_credentials.keep_runs = '1h'", 'CALL learning_credentials.generate_all_credentials()'), '', "$name: a CALL for all forgets them");
	}
	is(sql("SELECT count(*) FROM learning_credentials.run WHERE finished < now() - interval '1 hour'"), 0, "$name: old ones are forgotten");
	is(sql("SELECT count(*) > 0 FROM learning_credentials.run WHERE configuration_id = $configuration"), 't', "$name: others are not");
	is(sql('SELECT count(*) FROM learning_credentials.credential'), $credentials, "$name: nor credentials");
	$node->poll_query_until('campus', "SELECT count(*) = 0 FROM learning_credentials.run WHERE status IN ('queued', 'running')");
	settled($node, 'campus', $name);
	return;
}

for my $way ('CALL', 'worker')
{
	$node = new_node(lc "cancel_$way", 'deadlock_timeout = 200ms',
		$way eq 'worker' ? ("shared_preload_libraries = 'learning_credentials'", "learning_credentials.databases = 'campus'") : ());
	make_database($node, 'campus', $users);
	queued($way);
	retrieving($way);
	making($way);
	between($way) if $way eq 'CALL';
	open_transaction($way);
	mistakes();
	forgotten($way);
	$node->stop;
}
done_testing();
