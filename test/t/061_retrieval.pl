# What a run makes of a retrieval: a million rows in bounded memory, a cancel that leaves nothing queued, and
# others who issue while it is under way.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use Session;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_node('retrieval', 'max_parallel_workers_per_gather = 0', 'fsync = off');
make_database($node, 'campus', 300);

sub sql { return $node->safe_psql('campus', $_[0]) }

# the last run of a configuration
sub last_run
{
	my ($configuration) = @_;
	return sql(<<SQL);
SELECT status, seen, eligible, existing, queued, issued, failed FROM learning_credentials.run
 WHERE configuration_id = $configuration ORDER BY id DESC LIMIT 1
SQL
}

# ---- a million rows
# Many rows, of which those of known users are eligible: in the middle, for others to come before and after.
sql(<<'SQL');
CREATE FUNCTION app.retrieve_many(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility
LANGUAGE sql STABLE AS $$
    SELECT i, i BETWEEN 1 AND 300, now(), jsonb_build_object('of', i, 'why', repeat('w', 100))
      FROM generate_series(-(options->>'before')::bigint, (options->>'to')::bigint) AS i
     WHERE one IS NULL OR i = one
$$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, media_type)
VALUES ('Many', 'app.retrieve_many', 'app.generate_text', 'text/plain');
SQL

# run_over(ROWS): a run over so many; returns its configuration and the most memory of its own that the backend
# had, in kB
sub run_over
{
	my ($rows) = @_;
	my $before = $rows / 2 - 1;
	my $to = $rows - $before - 1;
	my $configuration = sql(<<SQL);
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options)
SELECT 'course-v1:Test+Many+$rows', id, '{"before": $before, "to": $to}' FROM learning_credentials.credential_type WHERE name = 'Many'
RETURNING id
SQL
	my $session = start_sql($node, 'campus', "SET application_name = 'run over $rows'; SELECT pg_sleep(0.5)",
		"CALL learning_credentials.generate_credentials($configuration)");
	$node->poll_query_until('campus', "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'run over $rows'") or die;
	my $pid = sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'run over $rows'");
	my $most = 0;
	while ($session->{run}->pumpable && open my $status, '<', "/proc/$pid/status")
	{
		my ($now) = do { local $/; <$status> } =~ /^RssAnon:\s+(\d+) kB/m;
		$most = $now if defined $now && $now > $most;
		usleep(20_000);
		$session->{run}->pump_nb;
	}
	my ($status, undef, $error) = finish_sql($session);
	is($status, 0, "$rows rows: the run ends") or diag($error);
	is(last_run($configuration), "finished|$rows|300|0|300|300|0", "$rows rows: all are counted, the eligible issued");
	return ($configuration, $most);
}

SKIP:
{
	skip 'no /proc', 6 unless -e '/proc/self/status';
	my (undef, $few) = run_over(50_000);
	my ($configuration, $most) = run_over(1_000_000);
	note("most memory: $few kB and $most kB");
	cmp_ok($few, '>', 0, 'the memory of the run was seen');
	cmp_ok($most, '<', $few + 8192, 'a million rows: memory is bounded');
	sql("CALL learning_credentials.generate_credentials($configuration)");
	is(last_run($configuration), 'finished|1000000|300|300|0|0|0', 'a million rows again: nobody is new');
}
sql("DELETE FROM learning_credentials.credential_configuration WHERE NOT EXISTS (SELECT FROM learning_credentials.credential c WHERE c.configuration_id = credential_configuration.id)");

# ---- cancelled
# The retrieval of a run waits, that of one user's evidence does not.
sql(<<'SQL');
CREATE FUNCTION app.retrieve_waiting(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility
LANGUAGE plpgsql AS $$
BEGIN
    IF one IS NULL THEN
        PERFORM app.wait_for_release(0);
    END IF;
    RETURN QUERY SELECT id, true, NULL::timestamptz, '{}'::jsonb FROM learning_credentials.lms_user WHERE one IS NULL OR id = one;
END $$;
UPDATE learning_credentials.credential_type SET retrieval_func = 'app.retrieve_waiting' WHERE name = 'Plain';
SQL
my $configuration = configure($node, 'campus', 'Cancelled');
my $waiting = 'SELECT count(*) = 1 FROM pg_locks WHERE locktype = \'advisory\' AND objid = 0 AND granted';

# starts a run, and waits until its retrieval is under way
sub start_retrieval
{
	sql('INSERT INTO app.waiting VALUES (0)');
	my $session = start_sql($node, 'campus', "CALL learning_credentials.generate_credentials($configuration)");
	$node->poll_query_until('campus', $waiting) or die;
	return $session;
}

sub cancel
{
	$node->poll_query_until('campus', "SELECT count(pg_cancel_backend(pid)) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL%' AND state = 'active'") or die;
	return;
}

# cancelled(SESSION, NAME): the CALL was, and nothing is queued
sub cancelled
{
	my ($session, $name) = @_;
	my ($status, undef, $error) = finish_sql($session);
	isnt($status, 0, "$name: the CALL ends");
	like($error, qr/57014: canceling statement due to user request/, "$name: with the cancel");
	is(count_of($node, 'campus', "configuration_id = $configuration"), 0, "$name: nobody is queued");
	return;
}

my $session = start_retrieval();
cancel();
cancelled($session, 'cancelled while the function runs');
sql('DELETE FROM app.waiting');

# In the middle of queueing: it waits for somebody who is about to issue to user 150.
my $other = Session->new($node, 'campus');
$other->ask('BEGIN');
like($other->ask("SELECT learning_credentials.generate_credential($configuration, 150)"), qr/^[0-9a-f-]{36}$/, 'another session issues to user 150');
$session = start_sql($node, 'campus', "CALL learning_credentials.generate_credentials($configuration)");
$node->poll_query_until('campus', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL%' AND wait_event_type = 'Lock'") or die;
cancel();
cancelled($session, 'cancelled while users are queued');
$other->ask('ROLLBACK');

# ---- others issue meanwhile
$session = start_retrieval();
sql("SELECT learning_credentials.generate_credential($configuration, i) FROM generate_series(1, 20) AS i");
sql("SELECT learning_credentials.invalidate_credential(uuid, 'Plagiarism') FROM learning_credentials.credential WHERE configuration_id = $configuration AND user_id <= 10");
sql('DELETE FROM app.waiting');
my ($status, undef, $error) = finish_sql($session);
is($status, 0, 'others issue meanwhile: the run ends') or diag($error);
is( sql(<<SQL),
SELECT status, seen, eligible, existing, queued, issued, failed FROM learning_credentials.run
 WHERE configuration_id = $configuration ORDER BY id
SQL
	"finished|300|300|20|280|280|0\nfinished|300|300|300|0|0|0",
	'others issue meanwhile: whoever they issued to is not new, in the run that was cancelled nor in the next');
is(count_of($node, 'campus', "configuration_id = $configuration"), 300, 'others issue meanwhile: one each');
is(count_of($node, 'campus', "configuration_id = $configuration AND status = 'invalidated'"), 10, 'also to whom it was taken away again');
settled($node, 'campus', 'retrievals');

done_testing();
