# Requests, CALLs, single credentials and the worker at once; time zones, rights and roles that change under
# a schedule; the extension dropped under the worker; a standby that takes over.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Crash;
use LearningCredentials;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $users = 150;
my @worker = ("shared_preload_libraries = 'learning_credentials'", "learning_credentials.databases = 'campus'");
my $node = new_node('beside', @worker, 'deadlock_timeout = 200ms', "timezone = 'America/New_York'", "log_line_prefix = '%m [%p] %b %e: '",
	'client_min_messages = error', 'wal_level = replica', 'max_wal_senders = 4', 'hot_standby = on');
make_database($node, 'campus', $users);
my $courses = 0;

sub sql { return $node->safe_psql('campus', $_[0]) }
sub call { return "CALL learning_credentials.generate_credentials($_[0])" }
sub course { return configure($node, 'campus', $_[0] . ++$courses, $_[1]) }
sub issued { return count_of($node, 'campus', "configuration_id = $_[0] AND status = 'available'") }
sub runs { return sql("SELECT string_agg(status, ' ' ORDER BY id) FROM learning_credentials.run WHERE configuration_id = $_[0]") }

sub await
{
	my ($sql, $what) = @_;
	return $node->poll_query_until('campus', $sql) || die "no $what";
}

sub await_quiet
{
	return await("SELECT count(*) = 0 FROM learning_credentials.run WHERE status IN ('queued', 'running')", 'end of runs');
}

# due(CONFIGURATION): its time has come, as if it had been so for a while
sub due
{
	my ($configuration) = @_;
	sql("UPDATE learning_credentials.credential_configuration SET enabled = true WHERE id = $configuration");
	sql("UPDATE learning_credentials.credential_configuration SET next_run_at = now() - interval '1 second' WHERE id = $configuration");
	return;
}

# ---- everybody at once
{
	my $configuration = course('Crowd');
	my $dir = PostgreSQL::Test::Utils::tempdir;
	my %scripts = (
		'request' => "SELECT learning_credentials.request_run(:configuration);\n",
		'call' => call(':configuration') . ";\n",
		'issue' => "\\set user random(1, 3000)\nSELECT learning_credentials.generate_credential(:configuration, u.id) FROM learning_credentials.lms_user u WHERE u.id = :user;\n",
		'grow' => "INSERT INTO learning_credentials.lms_user (id, username) SELECT id, 'more' || id FROM (SELECT coalesce(max(id), 0) + 1 AS id FROM learning_credentials.lms_user) AS n ON CONFLICT DO NOTHING;\n");
	append_to_file("$dir/$_.sql", $scripts{$_}) for keys %scripts;
	my ($out, $error);
	my $load = IPC::Run::start(
		[ 'pgbench', '--no-vacuum', '--client=6', '--jobs=2', '--time=8', "--define=configuration=$configuration",
			(map { "--file=$dir/$_" } 'request.sql@4', 'call.sql@2', 'issue.sql@4', 'grow.sql@10'), $node->connstr('campus') ],
		'>', \$out, '2>', \$error);
	my $most = 0;
	my $looks = 0;
	while ($load->pumpable)
	{
		my $running = sql("SELECT count(*) FROM learning_credentials.run WHERE configuration_id = $configuration AND status = 'running'");
		$most = $running if $running > $most;
		$looks++;
		$load->pump_nb;
		select(undef, undef, undef, 0.05);
	}
	ok($load->finish, 'crowd: no client fails') or diag($error);
	unlike($error, qr/ERROR|aborted/, 'crowd: no error, no deadlock');
	note($out);
	cmp_ok($looks, '>', 10, 'crowd: it was looked at');
	is($most, 1, 'crowd: never are two runs of the configuration running');
	await_quiet();
	sql(call($configuration));
	is(issued($configuration), sql('SELECT count(*) FROM learning_credentials.lms_user'), 'crowd: everybody has a credential');
	is(sql("SELECT string_agg(DISTINCT status, ' ') FROM learning_credentials.run WHERE configuration_id = $configuration"),
		'finished', 'crowd: all runs are finished');
	settled($node, 'campus', 'crowd');
	sql("DELETE FROM learning_credentials.lms_user WHERE id > $users");
}

# ---- CALLs of several configurations, and requests of them
{
	my @configurations = map { course('Several') } 1 .. 4;
	my @sessions = map { start_sql($node, 'campus', call($_)) } @configurations;
	sql("SELECT learning_credentials.request_run($_)") for @configurations;
	for (@sessions)
	{
		my ($status, undef, $error) = finish_sql($_);
		is($status, 0, 'several: each CALL comes to its end') or diag($error);
	}
	await_quiet();
	is(issued($_), $users, 'several: everybody has a credential') for @configurations;
	settled($node, 'campus', 'several');
}

# ---- requests are merged into the run after the one that is running
{
	my $configuration = course('Merged');
	sql('INSERT INTO app.waiting VALUES (20)');
	sql("SELECT learning_credentials.request_run($configuration)");
	await("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 20 AND granted", 'document');
	is(sql("SELECT count(DISTINCT learning_credentials.request_run($configuration)) FROM generate_series(1, 5)"), 1, 'merged: five requests are one run');
	my $session = start_sql($node, 'campus', call($configuration));
	await("SELECT count(*) >= 2 FROM learning_credentials.executor", 'second executor');
	is(runs($configuration), 'running queued', 'merged: a CALL joins it');
	sql('DELETE FROM app.waiting');
	my ($status, undef, $error) = finish_sql($session);
	is($status, 0, 'merged: the CALL comes to its end') or diag($error);
	await_quiet();
	is(runs($configuration), 'finished finished', 'merged: that was all');
	is(issued($configuration), $users, 'merged: everybody has a credential');
}

# ---- the time zones of server, role and configuration are three
{
	my $configuration = course('Zones');
	sql("ALTER ROLE CURRENT_USER SET timezone = 'Europe/Warsaw'");
	sql("UPDATE learning_credentials.credential_configuration SET schedule = '0 12 * * *', time_zone = 'Asia/Tokyo', enabled = true WHERE id = $configuration");
	my $noon = "SELECT (next_run_at AT TIME ZONE 'Asia/Tokyo')::time, next_run_at > now(), next_run_at <= now() + interval '1 day'"
	  . " FROM learning_credentials.credential_configuration WHERE id = $configuration";
	is(sql($noon), '12:00:00|t|t', 'zones: the next run is at noon in the zone of the configuration');
	due($configuration);
	await("SELECT count(*) = 1 FROM learning_credentials.run WHERE configuration_id = $configuration AND status = 'finished'", 'run');
	is(sql($noon), '12:00:00|t|t', 'zones: so is the one after it, which the worker planned');
	is(sql("SELECT trigger FROM learning_credentials.run WHERE configuration_id = $configuration"), 'schedule', 'zones: the schedule asked for it');
	is(issued($configuration), $users, 'zones: everybody has a credential');
	sql("ALTER ROLE CURRENT_USER RESET timezone; UPDATE learning_credentials.credential_configuration SET enabled = false");
}

# ---- a role that cannot log in, and one that loses what it needs between schedule and run
{
	sql('CREATE ROLE clerk NOLOGIN; GRANT USAGE ON SCHEMA app TO clerk; GRANT SELECT ON ALL TABLES IN SCHEMA app TO clerk;'
		  . " SELECT learning_credentials.grant_access('clerk', 'issuer')");
	my $sound = course('Sound');
	my $configuration = course('Clerk');
	sql("UPDATE learning_credentials.credential_configuration SET run_as = 'clerk' WHERE id = $configuration");
	due($configuration);
	await("SELECT count(*) = 1 FROM learning_credentials.run WHERE configuration_id = $configuration AND status = 'finished'", 'run');
	is(issued($configuration), $users, 'clerk: a role that cannot log in is enough');

	my @losses = (
		[ 'EXECUTE of retrieval', 'REVOKE EXECUTE ON FUNCTION app.retrieve_all FROM PUBLIC', 'GRANT EXECUTE ON FUNCTION app.retrieve_all TO PUBLIC',
			qr/permission denied for function "app.retrieve_all"/ ],
		[ 'EXECUTE of generation', 'REVOKE EXECUTE ON FUNCTION app.generate_text FROM PUBLIC', 'GRANT EXECUTE ON FUNCTION app.generate_text TO PUBLIC',
			qr/permission denied for function "app.generate_text"/ ],
		[ 'USAGE of the schema', 'REVOKE USAGE ON SCHEMA app FROM clerk', 'GRANT USAGE ON SCHEMA app TO clerk', qr/permission denied/ ],
		[ 'SELECT of users', "SELECT learning_credentials.revoke_access('clerk', 'issuer')", "SELECT learning_credentials.grant_access('clerk', 'issuer')", qr/permission denied/ ],
		[ 'the role', 'ALTER ROLE clerk RENAME TO former_clerk', 'ALTER ROLE former_clerk RENAME TO clerk', qr/permission denied to run as role "clerk"/ ]);
	for (@losses)
	{
		my ($what, $take, $give, $reason) = @$_;
		$configuration = course('Loss');
		sql("UPDATE learning_credentials.credential_configuration SET run_as = 'clerk' WHERE id = $configuration");
		sql($take);
		due($configuration);
		sql("SELECT learning_credentials.request_run($sound)");
		await("SELECT count(*) = 1 FROM learning_credentials.run WHERE configuration_id = $configuration AND status IN ('finished', 'failed')", 'run');
		like(sql("SELECT status, error FROM learning_credentials.run WHERE configuration_id = $configuration"),
			qr/^failed\|.*$reason/s, "loss of $what: the run has failed, with the reason");
		is(count_of($node, 'campus', "configuration_id = $configuration"), 0, "loss of $what: nobody has anything");
		await_quiet();
		like(runs($sound), qr/^finished( finished)*$/, "loss of $what: the runs of others are not disturbed");
		is(runs($configuration), 'failed', "loss of $what: nor is it tried again and again");
		sql($give);
		sql("SELECT learning_credentials.request_run($configuration)");
		await_quiet();
		is(issued($configuration), $users, "loss of $what: with it, everybody gets a credential");
		sql('UPDATE learning_credentials.credential_configuration SET enabled = false');
	}
	settled($node, 'campus', 'clerk');
}

# ---- a standby: the worker is idle there, and goes on when it takes over
{
	my $configuration = course('Standby');
	$node->backup('copy');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'copy', has_streaming => 1);
	$standby->start;
	sql('INSERT INTO app.waiting VALUES (100)');
	sql("SELECT learning_credentials.request_run($configuration)");
	await("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 100 AND granted", 'document');
	$standby->poll_query_until('campus', 'SELECT count(*) > 0 FROM learning_credentials.executor WHERE uuids IS NOT NULL') or die;
	$node->wait_for_catchup('standby');
	is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'learning_credentials%'"),
		0, 'standby: no worker');
	my (undef, undef, $error) = finish_sql(start_sql($standby, 'campus', call($configuration)));
	like($error, qr/25006: cannot execute generate_credentials\(\) during recovery/, 'standby: no CALL');
	$node->stop('immediate');
	$standby->promote;
	$standby->poll_query_until('campus', 'SELECT count(*) = 1 FROM pg_stat_activity a JOIN learning_credentials.executor e USING (pid)')
	  or die 'nobody takes over';
	$standby->safe_psql('campus', 'DELETE FROM app.waiting');
	ok($standby->poll_query_until('campus', "SELECT status = 'finished' FROM learning_credentials.run WHERE configuration_id = $configuration"),
		'standby: when it takes over, it finishes the run');
	is(count_of($standby, 'campus', "configuration_id = $configuration AND status = 'available'"), $users, 'standby: everybody has a credential');
	ok($standby->poll_query_until('campus', 'SELECT count(*) = 0 FROM learning_credentials.executor'), 'standby: nothing is left of the executors of before');
	is($standby->safe_psql('campus', 'SELECT count(*) FROM learning_credentials.suspect'), 0, 'standby: nobody is suspected');
	is( $standby->safe_psql('campus', "SELECT queued, issued, failed FROM learning_credentials.run WHERE configuration_id = $configuration"),
		"$users|$users|0", 'standby: the run counts them all, once');
	settled($standby, 'campus', 'standby');
	$standby->stop;
	$node->start;
	sql('DELETE FROM app.waiting');
	await_quiet();
	is(issued($configuration), $users, 'standby: so does the one before, if it comes back');
}

# ---- the extension is dropped while an executor works
{
	my $configuration = course('Drop');
	sql('INSERT INTO app.waiting VALUES (100)');
	sql("SELECT learning_credentials.request_run($configuration)");
	await("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 100 AND granted", 'document');
	my $offset = -s $node->logfile;
	my $dropper = start_sql($node, 'campus', 'DROP EXTENSION learning_credentials CASCADE');
	await("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DROP%'", 'wait');
	sql('DELETE FROM app.waiting');
	my ($status, undef, $error) = finish_sql($dropper);
	is($status, 0, 'dropped: it can be dropped') or diag($error);
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'campus' AND backend_type LIKE 'learning_credentials%'")
	  or die 'they stay';
	pass('dropped: executors and scheduler leave');
	is(sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'learning%'"), 0, 'dropped: nothing of it is left');
	sql('SELECT pg_sleep(3)');
	my $log = substr(slurp_file($node->logfile), $offset);
	my @errors = grep { /learning_credentials (executor|scheduler|launcher) \w+: +(ERROR|FATAL|PANIC)/ } split /\n/, $log;
	cmp_ok(scalar @errors, '<=', 4, 'dropped: each process says so once at most') or diag(join "\n", @errors);
	unlike($log, qr/terminated by signal|PANIC/, 'dropped: nothing crashes');
	sql('DROP SCHEMA app CASCADE');
	$node->safe_psql('postgres', 'DROP DATABASE campus');
	make_database($node, 'campus', 20);
	$configuration = course('Again');
	sql("SELECT learning_credentials.request_run($configuration)");
	await("SELECT status = 'finished' FROM learning_credentials.run WHERE configuration_id = $configuration", 'run');
	is(issued($configuration), 20, 'dropped: made again, in a database made again, it issues');
	settled($node, 'campus', 'dropped');
}

unlike(slurp_file($node->logfile), qr/deadlock detected|PANIC|XX000/, 'nowhere a deadlock, nor what cannot happen');
$node->stop;
done_testing();
