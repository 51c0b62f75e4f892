# What kills its backend restarts the whole server. One document that does so ends in error and the others
# are issued; a configuration that does so is suspended and the others go on; each after three restarts at
# most. Who was only there when it happened comes to no harm.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Crash;
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;

my $users = 1000;
my @databases = ('campus', 'library');
my $node;

sub sql { return patient_sql($node, $_[1] // 'campus', $_[0]) }
sub call { return "CALL learning_credentials.generate_credentials($_[0])" }
sub number { return sql("SELECT count(*) FROM learning_credentials.credential WHERE configuration_id = $_[0]", $_[1]) }
sub issued { return number("$_[0] AND status = 'available'", $_[1]) }

# Runs that are to be done; what is queued of a suspended configuration waits.
sub open_runs
{
	return sql("SELECT count(*) FROM learning_credentials.run r"
		  . "  JOIN learning_credentials.credential_configuration d ON d.id = r.configuration_id"
		  . " WHERE r.status = 'running' OR (r.status = 'queued' AND d.suspension_reason IS NULL)", $_[0]);
}

sub suspension
{
	my ($configuration, $database) = @_;
	return sql("SELECT suspension_reason FROM learning_credentials.credential_configuration WHERE id = $configuration", $database);
}

# Has the configuration everything that a run brings, poison aside?
sub await_issued
{
	my ($configuration, $number, $database) = @_;
	return eventually(sub { issued($configuration, $database) == $number });
}

# carry_on(WAY, CONFIGURATION...): asks for runs of all in campus, and after each crash once more
sub carry_on
{
	my ($way, @configurations) = @_;
	if ($way eq 'worker')
	{
		sql("SELECT learning_credentials.request_run($_)") for @configurations;
		return;
	}
	for my $configuration (@configurations)
	{
		for (1 .. 5)
		{
			my ($status, undef, $error) = finish_sql(start_sql($node, 'campus', call($configuration)));
			await_server($node);
			last if $error !~ /server closed the connection|terminating connection because of crash|in recovery mode|starting up/;
		}
	}
	return;
}

my $courses = 0;

# poisoned(OPTIONS): a configuration with such options
sub poisoned
{
	my ($options, $database) = @_;
	return configure($node, $database // 'campus', 'P' . ++$courses, $options);
}

# ---- one user of a thousand
sub one_user
{
	my ($way, $signal) = @_;
	my $name = "$way, one user, $signal";
	my $configuration = poisoned(qq({"signal": "$signal", "user": 500}));
	my $before = crashes($node);
	carry_on($way, $configuration);
	ok(await_issued($configuration, $users - 1), "$name: the other 999 are issued") or diag(issued($configuration));
	eventually(sub { open_runs() == 0 });
	is( sql("SELECT user_id, status, retry_at > now(), error_message FROM learning_credentials.credential"
			  . " WHERE configuration_id = $configuration AND status <> 'available'"),
		'500|error|t|the server crashed 2 times while the document was being made',
		"$name: the one is in error, with the reason, and will be retried");
	is(crashes($node) - $before, 2, "$name: after two restarts");
	is( sql("SELECT status, queued, issued, failed FROM learning_credentials.run WHERE configuration_id = $configuration ORDER BY id LIMIT 1"),
		"finished|$users|999|1", "$name: its run counts that");
	is(suspension($configuration), '', "$name: the configuration is not suspended");
	settled($node, 'campus', $name);

	# The retry is the last: a third restart, and the credential is left alone.
	sql("UPDATE learning_credentials.credential SET retry_at = now() WHERE configuration_id = $configuration AND status = 'error'");
	carry_on($way, $configuration);
	ok( eventually(
			sub {
				sql("SELECT status = 'error' AND retry_at IS NULL FROM learning_credentials.credential"
					  . " WHERE configuration_id = $configuration AND user_id = 500") eq 't'
			}),
		"$name: after the retry it is left in error for good");
	like( sql("SELECT error_message FROM learning_credentials.credential WHERE configuration_id = $configuration AND user_id = 500"),
		qr/^the server crashed 3 times/, "$name: and says so");
	carry_on($way, $configuration);
	eventually(sub { open_runs() == 0 });
	is(crashes($node) - $before, 3, "$name: three restarts in all");
	settled($node, 'campus', "$name, in the end");

	# Once the function is sound, somebody retries it.
	sql("UPDATE learning_credentials.credential_configuration SET custom_options = '{}' WHERE id = $configuration");
	is( sql("SELECT learning_credentials.retry_credential(uuid) FROM learning_credentials.credential"
			  . " WHERE configuration_id = $configuration AND user_id = 500"),
		'available', "$name: whoever retries it gets it");
	return;
}

# ---- every user, beside configurations that are sound
sub every_user
{
	my ($way, $signal) = @_;
	my $name = "$way, every user, $signal";
	my $sound = poisoned('{"pause": 0.001}');
	my $configuration = poisoned(qq({"signal": "$signal"}));
	my $other = poisoned('{}');
	my $before = crashes($node);
	carry_on($way, $sound, $configuration, $other);
	ok(await_issued($_, $users), "$name: the runs of others finish") for $sound, $other;
	ok(eventually(sub { suspension($configuration) ne '' && open_runs() == 0 }), "$name: it is suspended");
	is(suspension($configuration), 'the server crashed while documents of 2 credentials were being made, each of them twice',
		"$name: with the reason");
	cmp_ok(crashes($node) - $before, '<=', 3, "$name: after three restarts at most");
	is( sql("SELECT DISTINCT status, error FROM learning_credentials.run WHERE configuration_id = $configuration AND status <> 'queued'"),
		'failed|the configuration is suspended: ' . suspension($configuration), "$name: its run has failed for that");
	is(number("$configuration AND status = 'error'"), $users, "$name: its queue is in error");
	is(suspension($_), '', "$name: nobody else is suspended") for $sound, $other;
	holds($node, 'campus', $name);

	my ($status, undef, $error) = finish_sql(start_sql($node, 'campus', "SELECT learning_credentials.request_run($configuration)"));
	like($error, qr/55000: .*suspended/, "$name: no run of it is begun");
	my $restarts = crashes($node);

	# Lifted while nothing has changed: one more restart, and it is suspended again.
	sql("UPDATE learning_credentials.credential_configuration SET suspension_reason = NULL WHERE id = $configuration");
	carry_on($way, $configuration);
	ok(eventually(sub { suspension($configuration) ne '' }), "$name: lifted too early it is suspended again");
	cmp_ok(crashes($node) - $restarts, '<=', 3, "$name: after three restarts at most");
	eventually(sub { open_runs() == 0 });

	# Lifted when it is sound, it goes on by itself where there is a worker.
	$restarts = crashes($node);
	sql("UPDATE learning_credentials.credential SET retry_at = now() WHERE configuration_id = $configuration AND status = 'error'");
	sql("UPDATE learning_credentials.credential_configuration SET suspension_reason = NULL, custom_options = '{}'"
		  . " WHERE id = $configuration");
	carry_on($way, $configuration) if $way eq 'CALL';
	ok(await_issued($configuration, $users), "$name: lifted, it resumes, and everybody has a credential")
	  or diag(sql("SELECT status, error_message, retry_at, count(*) FROM learning_credentials.credential WHERE configuration_id = $configuration GROUP BY 1, 2, 3"));
	eventually(sub { open_runs() == 0 });
	is(crashes($node), $restarts, "$name: without another restart");
	settled($node, 'campus', "$name, lifted");
	return;
}

# ---- retrieval
sub retrieval
{
	my ($way, $signal) = @_;
	my $name = "$way, retrieval, $signal";
	my $configuration = poisoned(qq({"retrieval signal": "$signal"}));
	my $other = poisoned('{}');
	my $before = crashes($node);
	carry_on($way, $configuration, $other);
	ok(await_issued($other, $users), "$name: the run of another finishes");
	ok(eventually(sub { suspension($configuration) ne '' && open_runs() == 0 }), "$name: it is suspended");
	is(suspension($configuration), 'the server crashed 3 times while retrieval was under way', "$name: with the reason");
	is(crashes($node) - $before, 3, "$name: after three restarts");
	is( sql("SELECT status, error, crashes FROM learning_credentials.run WHERE configuration_id = $configuration AND status <> 'queued'"),
		'failed|the configuration is suspended: the server crashed 3 times while retrieval was under way|3',
		"$name: its run has failed for that");
	sql("UPDATE learning_credentials.credential_configuration SET suspension_reason = NULL, custom_options = '{}'"
		  . " WHERE id = $configuration");
	carry_on($way, $configuration);
	ok(await_issued($configuration, $users), "$name: lifted, a run issues");
	eventually(sub { open_runs() == 0 });
	settled($node, 'campus', $name);
	return;
}

# ---- what happens in one database is not held against what another does, nor a retrieval
sub two_databases
{
	my $name = 'two databases';
	my $slow = poisoned('{"pause": 0.05}', 'library');
	my $retrieving = poisoned('{"retrieval pause": 4}');
	my $configuration = poisoned('{"signal": "KILL"}');
	my $before = crashes($node);
	sql("SELECT learning_credentials.request_run($slow)", 'library');
	sql("SELECT learning_credentials.request_run($configuration)");
	my $session;
	ok( eventually(
			sub {
				# Whoever calls for one configuration does not look after others.
				$session->{run}->pump_nb if defined $session && $session->{run}->pumpable;
				$session = start_sql($node, 'campus', call($retrieving)) unless defined $session && $session->{run}->pumpable;
				return suspension($configuration) ne '';
			}),
		"$name: what crashes is suspended");
	cmp_ok(crashes($node) - $before, '<=', 3, "$name: after three restarts at most");
	carry_on('worker', $retrieving);
	ok(await_issued($retrieving, $users), "$name: a long retrieval comes to its end");
	ok(await_issued($slow, 200, 'library'), "$name: so does the other database");
	eventually(sub { open_runs('campus') == 0 && open_runs('library') == 0 });
	finish_sql($session);
	is(suspension($retrieving), '', "$name: the retrieval is not suspended");
	cmp_ok(sql("SELECT max(crashes) FROM learning_credentials.run WHERE configuration_id = $retrieving"), '<=', 1,
		"$name: it was tried alone after the first crash");
	is(suspension($slow, 'library'), '', "$name: the other database is not, either");
	is( sql("SELECT count(*) FROM learning_credentials.credential_event WHERE new_status = 'error'", 'library'),
		0, "$name: nothing failed there");
	settled($node, $_, $name) for @databases;
	return;
}

# ---- the end of a backend or of the server that is no crash makes no suspects
sub clean_ends
{
	my %end = (
		'pg_terminate_backend' => sub { sql("SELECT pg_terminate_backend($_[0])") },
		'pg_cancel_backend' => sub { sql("SELECT pg_cancel_backend($_[0])") },
		'fast shutdown' => sub { $node->stop('fast'); $node->start },
		'immediate shutdown' => sub { $node->stop('immediate'); $node->start });
	for my $means (sort keys %end)
	{
		my $configuration = poisoned('{}');
		my $innocent = poisoned('{}');
		my $waiting = "FROM pg_locks WHERE locktype = 'advisory' AND objid = 10 AND granted";
		sql('INSERT INTO app.waiting VALUES (10)');
		my $session = start_sql($node, 'campus', call($configuration));
		$node->poll_query_until('campus', "SELECT count(*) = 1 $waiting") or die;
		$end{$means}->(sql("SELECT pid $waiting"));
		my ($status) = finish_sql($session);
		isnt($status, 0, "$means: ends the CALL");
		sql('DELETE FROM app.waiting');
		sql(call($innocent));
		my $suspects = sql('SELECT count(*) FROM learning_credentials.suspect');
		is($suspects, $means eq 'immediate shutdown' ? 64 : 0, "$means: makes suspects only if it is no clean end");
		sql(call($configuration));
		is(issued($configuration), $users, "$means: the next CALL finishes the rest, suspects or not");
		is(sql('SELECT count(*) FROM learning_credentials.suspect'), 0, "$means: nobody is suspected any more");
		is(number("$configuration AND attempts <> 1"), 0, "$means: all at the first attempt");
		settled($node, 'campus', $means);
	}
	return;
}

# ---- nor does the end of the worker's processes
sub clean_worker
{
	my $waiting = "SELECT l.pid || ' since ' || a.xact_start FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
	  . " WHERE l.locktype = 'advisory' AND l.objid = 10 AND l.granted";
	my $kind = "FROM pg_stat_activity WHERE backend_type = 'learning_credentials";
	my %end = (
		'pg_terminate_backend of executors' => sub { sql("SELECT pg_terminate_backend(pid) $kind executor'") },
		'pg_cancel_backend of executors' => sub { sql("SELECT pg_cancel_backend(pid) $kind executor'") },
		'pg_terminate_backend of the scheduler' => sub { sql("SELECT pg_terminate_backend(pid) $kind scheduler'") },
		'fast shutdown' => sub { $node->stop('fast'); $node->start },
		'immediate shutdown' => sub { $node->stop('immediate'); $node->start });
	for my $means (sort keys %end)
	{
		my $name = "worker, $means";
		my $configuration = poisoned('{}');
		sql('INSERT INTO app.waiting VALUES (10)');
		sql("SELECT learning_credentials.request_run($configuration)");
		eventually(sub { sql($waiting) ne '' }) or die;
		my $before = sql($waiting);
		$end{$means}->();
		ok(eventually(sub { my $who = sql($waiting); $who ne '' && ($who ne $before || $means =~ /scheduler/) }),
			"$name: somebody goes on");
		my $suspects = sql('SELECT count(*) FROM learning_credentials.suspect');
		if ($means eq 'immediate shutdown')
		{
			cmp_ok($suspects, '>', 0, "$name: makes suspects");
		}
		else
		{
			is($suspects, 0, "$name: makes no suspects");
		}
		sql('DELETE FROM app.waiting');
		ok(await_issued($configuration, $users), "$name: everybody has a credential");
		eventually(sub { open_runs() == 0 });
		is(number("$configuration AND attempts <> 1"), 0, "$name: all at the first attempt");
		is(sql("SELECT status, issued, failed FROM learning_credentials.run WHERE configuration_id = $configuration"),
			"finished|$users|0", "$name: in one run");
		settled($node, 'campus', $name);
	}
	return;
}

sub prepare
{
	my ($name, @settings) = @_;
	$node = new_node($name, 'restart_after_crash = on', @settings);
	for my $database (@databases)
	{
		make_database($node, $database, $database eq 'campus' ? $users : 200);
		plant_crashes($node, $database);
		sql(<<'SQL', $database);
CREATE OR REPLACE FUNCTION app.retrieve_all(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql AS $$
    SELECT pg_sleep((options ->> 'retrieval pause')::float8);
    SELECT u.id, u.is_active, NULL::timestamptz, jsonb_build_object('of', u.id)
      FROM learning_credentials.lms_user u WHERE one IS NULL OR u.id = one
$$;
SQL
	}
	return;
}

my $only = $ENV{POISON} // '.';
prepare('poison_call');
one_user('CALL', 'SEGV') if 'one' =~ /$only/;
every_user('CALL', 'KILL') if 'every' =~ /$only/;
retrieval('CALL', 'SEGV') if 'retrieval' =~ /$only/;
clean_ends() if 'ends' =~ /$only/;
$node->stop;

prepare('poison_worker', "shared_preload_libraries = 'learning_credentials'",
	"learning_credentials.databases = 'campus, library'", 'learning_credentials.max_workers = 2');
one_user('worker', 'KILL') if 'one' =~ /$only/;
every_user('worker', 'SEGV') if 'every' =~ /$only/;
retrieval('worker', 'KILL') if 'retrieval' =~ /$only/;
clean_worker() if 'ends' =~ /$only/;
two_databases() if 'two' =~ /$only/;
$node->stop;
done_testing();
