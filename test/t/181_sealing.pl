# Sealing beside everything else: whoever issues, stays in a transaction, prepares one, crashes, restores. Every event
# that was committed is sealed once, and none is passed over.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use Crash;
use LearningCredentials;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Worker;

my $users = 200;
my $clients = 8;
my $node = PostgreSQL::Test::Cluster->new('sealing');
$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf', <<CONF);
autovacuum = off
restart_after_crash = on
max_prepared_transactions = 5
max_connections = 30
CONF
$node->start;
make_database($node, 'campus', $users);
sub sql { return $node->safe_psql('campus', $_[0]) }
sub seal { return sql('SELECT sealed FROM learning_credentials.seal_history()') }

# Events that are there, and leaves; findings.
sub count_events { return sql('SELECT count(*) FROM learning_credentials.credential_event') }
sub sealed
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is( sql('SELECT (SELECT count(*) FROM learning_credentials.credential_event e JOIN learning_credentials.history_leaf l USING (credential_uuid, seq))'
			  . ' = all (SELECT count(*) FROM learning_credentials.credential_event UNION ALL SELECT count(*) FROM learning_credentials.history_leaf)'),
		't', "$name: every event is sealed, once");
	return is(sql('SELECT * FROM learning_credentials.verify_history()'), '', "$name: and all verifies");
}
my $number = 0;
sub course { return configure($node, 'campus', 'Sealing' . ++$number) }
sub issue { return "SELECT learning_credentials.generate_credential($_[0], $_[1])" }

# ============================================================ everybody at once

my $configuration = course();
sql(<<'SQL');
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
append_to_file($node->basedir . '/seal.sql', "SELECT sealed FROM learning_credentials.seal_history();\n");
# Transactions that begin in one order and commit in another.
append_to_file($node->basedir . '/issue.sql', <<'SQL');
\set user random(1, :users)
\set milliseconds random(0, 10)
BEGIN;
SELECT pg_current_xact_id();
\sleep :milliseconds ms
SELECT learning_credentials.generate_credential(:configuration, :user);
\sleep :milliseconds ms
COMMIT;
SELECT app.invalidate(:configuration, :user);
SQL
my @bench = ('pgbench', '--no-vacuum', '--time=10', $node->connstr('campus'));
my (%out, %error);
my $issuing = IPC::Run::start(
	[ @bench, "--client=$clients", '--jobs=2', "--define=configuration=$configuration", "--define=users=$users", '--file=' . $node->basedir . '/issue.sql' ],
	'>', \$out{issuing}, '2>', \$error{issuing});
my $sealing = IPC::Run::start([ @bench, '--client=2', '--file=' . $node->basedir . '/seal.sql' ], '>', \$out{sealing}, '2>', \$error{sealing});
$_->finish for $issuing, $sealing;
for (qw(issuing sealing))
{
	unlike($error{$_}, qr/ERROR|aborted/, "$_ at the same time: no error, no deadlock");
	my ($transactions) = $out{$_} =~ /number of transactions actually processed: (\d+)/;
	cmp_ok($transactions, '>', 50, "$_ at the same time: often enough");
	note($out{$_});
}
cmp_ok(sql('SELECT count(*) FROM learning_credentials.history_checkpoint'), '>', 20, 'and with something to do');
seal();
sealed('8 clients issue, 2 seal');
is(sql('SELECT count(*) FROM learning_credentials.history_checkpoint c WHERE NOT EXISTS (SELECT FROM generate_series(1, 1)'
		  . " WHERE learning_credentials.history_consistency_proof(c.tree_size) ->> 'old_root_hash' = encode(c.root_hash, 'base64'))"),
	0, 'every checkpoint is a beginning of the log');

# ============================================================ who stays in a transaction

$configuration = course();
my $open = Session->new($node, 'campus');
$open->ask('BEGIN');
$open->ask(issue($configuration, 1));
sql(issue($configuration, 2));
is(seal(), 2, 'of two transactions the one that has committed is sealed');
sql(issue($configuration, 3));
is(seal(), 2, 'and those after it');
$open->ask(issue($configuration, 4));
is(seal(), 0, 'the open one is not waited for');
$open->ask('COMMIT');
is(seal(), 4, 'it is sealed when it has committed');
sealed('a transaction that stayed open');

# subtransactions: more than a snapshot lists, some of them rolled back
$open->ask('BEGIN');
for my $user (10 .. 89)
{
	$open->ask("SAVEPOINT s; " . issue($configuration, $user));
	$open->ask('ROLLBACK TO s') if $user % 2;
}
sql(issue($configuration, 90));
is(seal(), 2, 'of a transaction with many subtransactions nothing is sealed while it is open');
$open->ask('COMMIT');
is(seal(), 80, 'then what was not rolled back is');
$open->ask('BEGIN');
$open->ask(issue($configuration, 91));
sql(issue($configuration, 92));
is(seal(), 2, 'beside one that will be rolled back');
$open->ask('ROLLBACK');
is(seal(), 0, 'nothing of it is sealed');
sealed('subtransactions and rollbacks');

# a transaction that seals, before and after it issues itself
$open->ask('BEGIN');
$open->ask(issue($configuration, 93));
sql(issue($configuration, 100));      # a later transaction that is done
$open->ask('SELECT learning_credentials.seal_history()');
$open->ask(issue($configuration, 94));
$open->ask('SELECT learning_credentials.seal_history()');
$open->ask(issue($configuration, 95));
$open->ask('COMMIT');
seal();
sealed('a transaction that seals and issues');
$open->ask('BEGIN');
sql(issue($configuration, 96));
like($open->ask('SELECT sealed FROM learning_credentials.seal_history()'), qr/^2$/, 'a sealing');
$open->ask('ROLLBACK');
is(seal(), 2, 'that was rolled back is done again');

# with a snapshot from before another sealing
$open->ask('BEGIN ISOLATION LEVEL REPEATABLE READ');
$open->ask('SELECT 1');
sql(issue($configuration, 97));
is(seal(), 2, 'sealed meanwhile');
like($open->ask('SELECT learning_credentials.seal_history()'), qr/ERROR:  40001: could not serialize access/, 'an old snapshot does not seal');
$open->ask('ROLLBACK');

# one after the other
$open->ask('BEGIN');
sql(issue($configuration, 98));
$open->ask('SELECT learning_credentials.seal_history()');
sql(issue($configuration, 99));
my $waiting = start_sql($node, 'campus', 'SELECT sealed, tree_size FROM learning_credentials.seal_history()');
$node->poll_query_until('campus', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%seal_history%'") or die;
$open->ask('COMMIT');
my (undef, $said) = finish_sql($waiting);
like($said, qr/^2\|/, 'who seals at the same time waits, and seals the rest');
sealed('sealing one after the other');

# ============================================================ transactions that are prepared

sql("SET learning_credentials.notify = off; BEGIN; " . issue($configuration, 110) . "; PREPARE TRANSACTION 'one'");
sql(issue($configuration, 111));
is(seal(), 2, 'a prepared transaction is not waited for');
$node->restart;
sql(issue($configuration, 112));
is(seal(), 2, 'nor after a restart');
$node->stop('immediate');
$node->start;
sql(issue($configuration, 113));
is(seal(), 2, 'nor after a crash');
sql("COMMIT PREPARED 'one'");
is(seal(), 2, 'and is sealed when it is committed');
sql("SET learning_credentials.notify = off; BEGIN; " . issue($configuration, 114) . "; PREPARE TRANSACTION 'two'");
sql(issue($configuration, 115));
seal();
sql("ROLLBACK PREPARED 'two'");
is(seal(), 0, 'or not at all');
sealed('prepared transactions');

# ============================================================ crashes

plant_crashes($node, 'campus');
crash_at($node, 'campus', 'leaf', 'history_leaf', 'INSERT', 'NEW.leaf_index % 100 = 50');
crash_at($node, 'campus', 'checkpoint', 'history_checkpoint', 'INSERT', 'true');
$configuration = course();
for my $where ('leaf', 'checkpoint')
{
	my $before = sql('SELECT count(*) FROM learning_credentials.history_leaf');
	my $crashes = crashes($node);
	sql(issue($configuration, $_)) for $where eq 'leaf' ? 1 .. 60 : 61 .. 70;
	arm($node, $where);
	finish_sql(start_sql($node, 'campus', 'SELECT learning_credentials.seal_history()'));
	ok(await_crash($node, $crashes + 1), "a crash while sealing, at a $where");
	is(sql('SELECT count(*) FROM learning_credentials.history_leaf'), $before, 'leaves nothing behind');
	is(seal(), $where eq 'leaf' ? 120 : 20, 'and is made up for');
	sealed("a crash at a $where");
}

# ============================================================ a standby

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
sql(issue($configuration, 80));
seal();
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('campus', 'SELECT * FROM learning_credentials.verify_history()'), '', 'a standby verifies');
is($standby->safe_psql('campus', "SELECT learning_credentials.history_inclusion_proof(credential_uuid, seq) ->> 'tree_size' FROM learning_credentials.history_leaf"
		  . ' ORDER BY leaf_index DESC LIMIT 1'), count_events(), 'and proves');
my (undef, undef, $error) = finish_sql(start_sql($standby, 'campus', 'SELECT learning_credentials.seal_history()'));
like($error, qr/ERROR:  25006: cannot execute UPDATE in a read-only transaction/, 'it does not seal');
sql(issue($configuration, 81));
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
$node->stop;
$standby->promote;
is($standby->safe_psql('campus', 'SELECT sealed FROM learning_credentials.seal_history()'), 2, 'when it is promoted it does');
is($standby->safe_psql('campus', 'SELECT * FROM learning_credentials.verify_history()'), '', 'and all verifies');
$standby->stop;

# ============================================================ the worker

my $campus = worker_node('campus', 'campus', "learning_credentials.seal_interval = '1s'", 'max_worker_processes = 12');
make_database($campus, 'campus', $users);
sub there { return $campus->safe_psql('campus', $_[0]) }
my $everything = 'SELECT count(*) > 0 AND count(*) = count(l) FROM learning_credentials.credential_event e'
  . ' LEFT JOIN learning_credentials.history_leaf l USING (credential_uuid, seq)';

# request_run() wakes it; what it is about is what it does then
sub wake
{
	my ($users) = @_;
	my $course = configure($campus, 'campus', 'Worker' . ++$number);
	my $run = request($campus, 'campus', $course);
	is(finished($campus, 'campus', $run), 'finished', "run $run is carried out");
	return $course;
}
wake();
# a second after the first look; the last look of a run may come before
sub sealed_by_worker
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $done = eventually(sub { return 1 if there($everything) eq 't'; there('SELECT learning_credentials.request_run(id) FROM learning_credentials.credential_configuration LIMIT 1'); sleep 1; return 0; });
	ok($done, "$name: the worker seals");
	return is(there('SELECT * FROM learning_credentials.verify_history()'), '', "$name: and all verifies");
}
sealed_by_worker('after a run');
is(there('SELECT count(*) FROM learning_credentials.history_checkpoint WHERE note IS NOT NULL'), 0, 'without a key not signed');

# somebody holds the log
my $held = Session->new($campus, 'campus');
$held->ask('BEGIN');
$held->ask('SELECT learning_credentials.seal_history()');
wake();
wake();
is(there('SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = \'Lock\''), 0, 'the worker does not wait for who holds the log');
$held->ask('COMMIT');
sealed_by_worker('afterwards');

# a log that is not what it was keeps nobody from anything else
my $from = log_end($campus);
there('BEGIN; ALTER TABLE learning_credentials.history_checkpoint DISABLE TRIGGER USER;'
	  . " CREATE TABLE app.kept AS SELECT max(tree_size) AS size FROM learning_credentials.history_checkpoint;"
	  . ' UPDATE learning_credentials.history_checkpoint SET tree_size = size + 1000000 FROM app.kept WHERE tree_size = size;'
	  . ' ALTER TABLE learning_credentials.history_checkpoint ENABLE ALWAYS TRIGGER keep_history; COMMIT');
wake();
wait_for(sub { return 1 if log_since($campus, $from) =~ /LOG:  the history of database "campus" could not be sealed/; wake(); sleep 1; return 0; }, 'complaint');
like(log_since($campus, $from), qr/DETAIL:  the log of the history is not what its last checkpoint says/, 'and it says why');
wake();
there('BEGIN; ALTER TABLE learning_credentials.history_checkpoint DISABLE TRIGGER USER;'
	  . ' UPDATE learning_credentials.history_checkpoint SET tree_size = size FROM app.kept WHERE tree_size = size + 1000000; COMMIT;'
	  . ' ALTER TABLE learning_credentials.history_checkpoint ENABLE ALWAYS TRIGGER keep_history, ENABLE ALWAYS TRIGGER keep_history_delete, ENABLE ALWAYS TRIGGER keep_history_truncate');
sealed_by_worker('when it is right again');

# a restore that is under way: events are there, the log is not yet
idle($campus);
make_database($campus, 'restored', 3);
my $restored = '00000000-0000-4000-8000-000000000001';
$campus->safe_psql('restored', "SET check_function_bodies = off; INSERT INTO learning_credentials.credential_event (credential_uuid, seq, configuration_id, new_status, actor)"
	  . " VALUES ('$restored', 1, 1, 'generating', '{}')");
$from = log_end($campus);
set($campus, 'learning_credentials.databases' => 'restored');
# the first look comes at once
wait_for(sub { starts($campus, $from, 'restored') > 0 }, 'scheduler in the restored database');
idle($campus);
is($campus->safe_psql('restored', 'SELECT count(*) FROM learning_credentials.history_leaf'), 0, 'what a restore brings is left alone');
request($campus, 'restored', configure($campus, 'restored', 'Restored'));
ok($campus->poll_query_until('restored', "SELECT count(*) = 1 FROM learning_credentials.history_leaf WHERE credential_uuid = '$restored'"),
	'until there is an event of its own');
$campus->stop;

done_testing();
