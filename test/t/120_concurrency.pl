# Everybody at once over the same 200 users: nothing is issued twice, nothing is lost, no deadlock.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;

my $users = 200;
my $clients = 8;
my $bench = "$FindBin::RealBin/../bench";
my $node = new_node('concurrency', 'deadlock_timeout = 100ms', 'client_min_messages = error');
make_database($node, 'campus', $users);

sub sql { return $node->safe_psql('campus', $_[0]) }

# pgbench(NAME, CONFIGURATION, USERS, SECONDS, SCRIPT[@WEIGHT]...): 8 clients; any error ends a client
# and is a failure
sub pgbench
{
	my ($name, $configuration, $users, $seconds, @scripts) = @_;
	my ($out, $error);
	my $ok = IPC::Run::run(
		[   'pgbench', '--no-vacuum', "--client=$clients", '--jobs=2', "--time=$seconds",
			"--define=configuration=$configuration", "--define=users=$users", (map { "--file=$bench/$_" } @scripts),
			$node->connstr('campus') ],
		'>', \$out, '2>', \$error);
	ok($ok, "$name: no client fails") or diag($error);
	unlike($error, qr/ERROR|aborted/, "$name: no error, no deadlock");
	my ($transactions) = $out =~ /number of transactions actually processed: (\d+)/;
	cmp_ok($transactions, '>', 10 * $clients, "$name: there was something to withstand");
	note($out);
	return;
}

# ---- issuing alone
my $configuration = configure($node, 'campus', 'Issue');
pgbench('issuing', $configuration, $users, 10, 'same_users.sql');
is( sql(<<SQL), "$users|$users|$users", 'issuing: one available credential a user, made once');
SELECT count(*), count(DISTINCT user_id), sum(attempts) FROM learning_credentials.credential
 WHERE configuration_id = $configuration AND status = 'available'
SQL
settled($node, 'campus', 'issuing');

# ---- the rules are able to see what is broken
my $table = 'learning_credentials.credential';
my $reissued = sql("SELECT learning_credentials.reissue_credential(uuid) FROM $table WHERE configuration_id = $configuration AND user_id = 1");
my $unguarded = 'ALTER TABLE learning_credentials.credential_event DISABLE TRIGGER keep_event;';
my %damage = (
	'issued without a document' => "DELETE FROM learning_credentials.document WHERE credential_uuid = '$reissued'",
	'document not of its credential' => "UPDATE learning_credentials.document SET content = '?' WHERE credential_uuid = '$reissued'",
	'documents that no view or two views show' => "DELETE FROM $table WHERE uuid = '$reissued';"
	  . "$unguarded DELETE FROM learning_credentials.credential_event WHERE credential_uuid = '$reissued'",
	'credential without history' => "$unguarded DELETE FROM learning_credentials.credential_event WHERE credential_uuid = '$reissued'",
	'history with a gap, a jump or a forbidden step' =>
	  "$unguarded DELETE FROM learning_credentials.credential_event WHERE credential_uuid = '$reissued' AND seq = 1",
	'history that ends elsewhere' =>
	  "$unguarded DELETE FROM learning_credentials.credential_event WHERE credential_uuid = '$reissued' AND seq = 2",
	'history with other dates' => "UPDATE $table SET expires_at = now() WHERE uuid = '$reissued'",
	'replacement that is not linked back' => "UPDATE $table SET superseded_by = NULL, successor_code = NULL WHERE superseded_by = '$reissued'",
	'document of a credential that was erased' => "UPDATE $table SET user_id = NULL, user_full_name = NULL, evidence = '{}', erased_at = now() WHERE uuid = '$reissued'",
	'credential of a user who was retired' => "INSERT INTO learning_credentials.retired_user SELECT user_id FROM $table WHERE uuid = '$reissued'",
	'superseded by what does not supersede it' => "UPDATE $table SET supersedes = NULL WHERE uuid = '$reissued'",
	'document of a credential that was not issued' =>
	  "UPDATE $table SET status = 'error', error_message = 'x' WHERE uuid = '$reissued'",
	'queued in a run that has ended, or in none' => "UPDATE $table SET status = 'generating' WHERE uuid = '$reissued'",
	'more than one live credential of a user' => 'DROP INDEX learning_credentials.credential_live_key;'
	  . " UPDATE $table SET user_id = 2 WHERE uuid = '$reissued'",
	'more than one pending replacement' => 'DROP INDEX learning_credentials.credential_live_key, learning_credentials.credential_pending_replacement;'
	  . " UPDATE $table SET status = 'generating', supersedes = '$reissued' WHERE user_id IN (2, 3)",
	'run that counts wrongly' => "INSERT INTO learning_credentials.run (configuration_id, trigger, seen, eligible)"
	  . " VALUES ($configuration, 'call', 1, 2)",
	'run that did more than it queued' => "INSERT INTO learning_credentials.run (configuration_id, trigger, issued)"
	  . " VALUES ($configuration, 'call', 1)",
	'runs of a configuration at once' => 'DROP INDEX learning_credentials.run_queued;'
	  . " INSERT INTO learning_credentials.run (configuration_id, trigger) SELECT $configuration, 'call' FROM generate_series(1, 2)",
	'run that ended with nothing retrieved' => "INSERT INTO learning_credentials.run (configuration_id, trigger, status, started, finished)"
	  . " VALUES ($configuration, 'call', 'finished', now(), now())");
for my $rule (sort keys %damage)
{
	like(broken($node, 'campus', $damage{$rule}), qr/(^|; )\Q$rule\E(;|$)/, "seen: $rule");
}
holds($node, 'campus', 'nothing of that stays');

# ---- everything, and one document in ten fails. What is refused because somebody else was first is
# no error here: the credential is not what it was (55000) or gone (42704).
sql(<<'SQL');
CREATE FUNCTION app.reissue(configuration bigint, who bigint) RETURNS uuid
LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT learning_credentials.reissue_credential(uuid)
              FROM learning_credentials.credential
             WHERE configuration_id = configuration AND user_id = who AND status = 'available');
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RETURN NULL;
END $$;
CREATE FUNCTION app.retry(configuration bigint, who bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM learning_credentials.retry_credential(uuid)
       FROM learning_credentials.credential
      WHERE configuration_id = configuration AND user_id = who AND status = 'error';
EXCEPTION WHEN object_not_in_prerequisite_state OR undefined_object THEN
    NULL;
END $$;
CREATE FUNCTION app.invalidate(configuration bigint, who bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM learning_credentials.invalidate_credential(uuid, 'invalidated by chance')
       FROM learning_credentials.credential
      WHERE configuration_id = configuration AND user_id = who AND status = 'available';
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    NULL;
END $$;
SQL
for my $crowd ([ 'mixed', $users, 10 ], [ 'crowded', 3, 5 ])
{
	my ($name, $few, $seconds) = @$crowd;
	$configuration = configure($node, 'campus', $name, '{"flaky": true}');
	pgbench($name, $configuration, $few, $seconds, 'same_users.sql@1', 'same_users_mixed.sql@2');
	holds($node, 'campus', $name);
	for my $state ('available', 'error', 'invalidated')
	{
		cmp_ok(sql(<<SQL), '>', 0, "$name: some became $state");
SELECT count(*) FROM learning_credentials.credential_event WHERE configuration_id = $configuration AND new_status = '$state'
SQL
	}
	cmp_ok(count_of($node, 'campus', "configuration_id = $configuration AND superseded_by IS NOT NULL"),
		'>', 0, "$name: some are replaced");
	sql("CALL learning_credentials.generate_credentials($configuration)");
	settled($node, 'campus', "$name, and a CALL");
}

# ---- a run over users whom others issue to in the opposite order
$configuration = configure($node, 'campus', 'Opposite');
my @sessions = (
	start_sql($node, 'campus', "CALL learning_credentials.generate_credentials($configuration)"),
	map { start_sql($node, 'campus', map { "SELECT learning_credentials.generate_credential($configuration, $_)" } reverse 1 .. $users) } 1 .. 2);
for (@sessions)
{
	my ($status, undef, $error) = finish_sql($_);
	is($status, 0, 'opposite order: no error') or diag($error);
}
is(count_of($node, 'campus', "configuration_id = $configuration AND status = 'available'"),
	$users, 'opposite order: one credential a user');
sql("CALL learning_credentials.generate_credentials($configuration)");
settled($node, 'campus', 'opposite order');

# ---- a run ends while another session looks after what a third one left of it
sql(<<'SQL');
CREATE FUNCTION app.linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$;
CREATE TRIGGER linger AFTER UPDATE ON learning_credentials.run FOR EACH ROW WHEN (NEW.status = 'finished')
EXECUTE FUNCTION app.linger();
SQL
$configuration = configure($node, 'campus', 'Left');
my $other = configure($node, 'campus', 'Other');
@sessions = (start_sql($node, 'campus', "CALL learning_credentials.generate_credentials($configuration)"));
$node->poll_query_until('campus', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE 'CALL%'") or die;
sql('INSERT INTO learning_credentials.executor (epoch, pid, run_id, uuids)'
	  . " SELECT e.epoch, 0, r.id, '{}' FROM learning_credentials.crash_epoch e, learning_credentials.run r WHERE r.configuration_id = $configuration");
push @sessions, start_sql($node, 'campus', "CALL learning_credentials.generate_credentials($other)");
for (@sessions)
{
	my ($status, undef, $error) = finish_sql($_);
	is($status, 0, 'left behind: no deadlock') or diag($error);
}
sql('DROP TRIGGER linger ON learning_credentials.run');
is(sql('SELECT count(*) FROM learning_credentials.executor'), 0, 'left behind: nothing');
settled($node, 'campus', 'left behind');

$node->stop;
done_testing();
