# What a CALL stands on goes away or changes under its feet; several at once; odd settings.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;

my $users = 200;
my $node = new_node('interference');
make_database($node, 'campus', $users);

sub sql { return $node->safe_psql('campus', $_[0]) }

# Starts statements of which one waits at a user (0: while it retrieves), and returns when it is there.
sub start_waiting
{
	my ($user, @sql) = @_;
	sql("INSERT INTO app.waiting VALUES ($user)");
	my $session = start_sql($node, 'campus', @sql);
	$node->poll_query_until('campus',
		"SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = $user AND granted")
	  or die 'nobody comes there';
	return $session;
}

sub call { return "CALL learning_credentials.generate_credentials($_[0])" }

sub runs
{
	return sql("SELECT string_agg(status, ' ' ORDER BY id) FROM learning_credentials.run WHERE configuration_id = $_[0]");
}

sub statuses
{
	return sql(<<SQL);
SELECT string_agg(status || ' ' || n, ', ' ORDER BY status)
  FROM (SELECT status, count(*) AS n FROM learning_credentials.credential
         WHERE configuration_id = $_[0] GROUP BY status) AS s
SQL
}

my ($configuration, $session, $status, $out, $error);

# ---- the generation function is dropped in the middle of a batch
$configuration = configure($node, 'campus', 'Dropped');
$session = start_waiting(100, call($configuration));
my $generate = sql("SELECT pg_get_functiondef('app.generate_text'::regproc)");
sql('DROP FUNCTION app.generate_text; DELETE FROM app.waiting');
($status, $out, $error) = finish_sql($session);
is($status, 0, 'function dropped: the CALL comes to its end') or diag($error);
# Its batch may still have known the function, later ones do not.
like(statuses($configuration), qr/^available 1[0-2]\d, error \d+$/, 'function dropped: what was made is issued, the rest is in error');
cmp_ok(count_of($node, 'campus', "configuration_id = $configuration AND status = 'error'"),
	'>=', $users - 128, 'function dropped: no later batch is issued');
is( sql("SELECT DISTINCT error_message FROM learning_credentials.credential"
		  . " WHERE configuration_id = $configuration AND status = 'error' AND user_id > 128"),
	'function "app.generate_text" does not exist', 'function dropped: and says why');
settled($node, 'campus', 'function dropped');
($status, $out, $error) = finish_sql(start_sql($node, 'campus', call($configuration)));
like($error, qr/42883: function "app.generate_text" does not exist/, 'function dropped: another CALL says so at once');
is(runs($configuration), 'finished failed', 'function dropped: and its run has failed');
sql($generate);
sql("UPDATE learning_credentials.credential SET retry_at = now() WHERE configuration_id = $configuration AND status = 'error'");
sql(call($configuration));
is(statuses($configuration), "available $users", 'function dropped: when it is back a CALL issues the rest');
settled($node, 'campus', 'function dropped and back');

# ---- the role is dropped in the middle
sql('CREATE ROLE author; GRANT USAGE ON SCHEMA app TO author; GRANT SELECT ON ALL TABLES IN SCHEMA app TO author;'
	  . "SELECT learning_credentials.grant_access('author', 'issuer')");
$configuration = configure($node, 'campus', 'Role');
sql("UPDATE learning_credentials.credential_configuration SET run_as = 'author' WHERE id = $configuration");
$session = start_waiting(10, call($configuration));
sql('DROP OWNED BY author; DROP ROLE author; DELETE FROM app.waiting');
($status, $out, $error) = finish_sql($session);
is($status, 0, 'role dropped: the CALL comes to its end') or diag($error);
is(count_of($node, 'campus', "configuration_id = $configuration AND status = 'error'"
		  . " AND error_message LIKE 'permission denied%'"),
	count_of($node, 'campus', "configuration_id = $configuration AND status <> 'available'"),
	'role dropped: what was not issued says so');
cmp_ok(count_of($node, 'campus', "configuration_id = $configuration AND status = 'error'"),
	'>=', $users - 64, 'role dropped: no later batch is issued');
settled($node, 'campus', 'role dropped');
($status, $out, $error) = finish_sql(start_sql($node, 'campus', call($configuration)));
like($error, qr/42501: permission denied to run as role "author"\nDETAIL:  The role does not exist/, 'role dropped: another CALL says so');
sql("UPDATE learning_credentials.credential_configuration SET run_as = current_user, enabled = false WHERE id = $configuration");
sql("UPDATE learning_credentials.credential SET retry_at = now() WHERE configuration_id = $configuration AND status = 'error'");
sql(call($configuration));
is(statuses($configuration), "available $users", 'role dropped: with another role the rest is issued');

# ---- options are corrected in the middle: from the next batch on they count
$configuration = configure($node, 'campus', 'Options');
sql(<<'SQL');
CREATE FUNCTION app.generate_option(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    PERFORM app.wait_for_release(credential.user_id);
    RETURN convert_to(options ->> 'text', 'UTF8');
END $$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, media_type)
VALUES ('Option', 'app.retrieve_all', 'app.generate_option', 'text/html');
SQL
$configuration = sql(<<'SQL');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options)
SELECT 'course-v1:Test+Options+2', id, '{"text": "before"}' FROM learning_credentials.credential_type WHERE name = 'Option'
RETURNING id
SQL
$session = start_waiting(10, call($configuration));
sql(qq(UPDATE learning_credentials.credential_configuration SET custom_options = '{"text": "after"}' WHERE id = $configuration));
sql('DELETE FROM app.waiting');
($status, $out, $error) = finish_sql($session);
is($status, 0, 'options changed: the CALL goes on') or diag($error);
is( sql(<<SQL), "after\nbefore", 'options changed: a batch has one set of options, the next the new ones');
SELECT DISTINCT convert_from(d.content, 'UTF8') FROM learning_credentials.document d
  JOIN learning_credentials.credential c ON c.uuid = d.credential_uuid
 WHERE c.configuration_id = $configuration ORDER BY 1
SQL
is(count_of($node, 'campus', "configuration_id = $configuration AND status = 'available'"), $users, 'options changed: all are issued');

# ---- the configuration is deleted while it is retrieved
$configuration = configure($node, 'campus', 'Deleted');
$session = start_waiting(0, call($configuration));
my $deleter = start_sql($node, 'campus', "DELETE FROM learning_credentials.credential_configuration WHERE id = $configuration");
$node->poll_query_until('campus', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE%'") or die;
sql('DELETE FROM app.waiting');
($status, $out, $error) = finish_sql($deleter);
like($error, qr/23503: .* violates foreign key/, 'configuration deleted: refused once there are credentials');
($status, $out, $error) = finish_sql($session);
is($status, 0, 'configuration deleted: the CALL goes on') or diag($error);
is(statuses($configuration), "available $users", 'configuration deleted: all are issued');

# ---- and where nobody is eligible, it goes
$configuration = configure($node, 'campus', 'Nobody');
sql('UPDATE learning_credentials.lms_user SET is_active = false');
$session = start_waiting(0, call($configuration));
$deleter = start_sql($node, 'campus', "DELETE FROM learning_credentials.credential_configuration WHERE id = $configuration");
$node->poll_query_until('campus', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE%'") or die;
sql('DELETE FROM app.waiting');
($status, $out, $error) = finish_sql($deleter);
is($status, 0, 'empty configuration deleted') or diag($error);
finish_sql($session);
sql('UPDATE learning_credentials.lms_user SET is_active = true');
is(sql("SELECT count(*) FROM learning_credentials.run WHERE configuration_id = $configuration"), 0,
	'empty configuration deleted: no run of it is left');

# ---- a retrieval that fails ends neither its own past nor another's present
$configuration = configure($node, 'campus', 'Retrieval');
$session = start_waiting(0, call($configuration));
my $second = start_sql($node, 'campus',
	"UPDATE learning_credentials.credential_type SET retrieval_func = 'app.retrieve_nothing' WHERE name = 'Plain'",
	call($configuration));
finish_sql($second);    # such a function does not exist: the UPDATE is refused
sql(<<'SQL');
CREATE FUNCTION app.retrieve_broken(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility
LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no grades today'; END $$;
UPDATE learning_credentials.credential_type SET retrieval_func = 'app.retrieve_broken' WHERE name = 'Plain';
SQL
$second = start_sql($node, 'campus', call($configuration));
$node->poll_query_until('campus', <<'SQL') or die 'the second CALL does not wait for the first';
SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CALL%'
SQL
sql('DELETE FROM app.waiting');
($status, $out, $error) = finish_sql($session);
is($status, 0, 'one retrieves, the other fails: the first comes to its end') or diag($error);
($status, $out, $error) = finish_sql($second);
like($error, qr/P0001: no grades today/, 'one retrieves, the other fails: the second says why');
is(statuses($configuration), "available $users", 'one retrieves, the other fails: all are issued');
is(runs($configuration), 'finished failed', 'one retrieves, the other fails: each run ends as it should');
sql("UPDATE learning_credentials.credential_type SET retrieval_func = 'app.retrieve_all' WHERE name = 'Plain'");
settled($node, 'campus', 'one retrieves, the other fails');

# ---- several CALLs at once, with batches of every size
for my $size (1, 7, 10000)
{
	$configuration = configure($node, 'campus', "Several$size", '{"flaky": true}');
	my @sessions = map {
		start_sql($node, 'campus', "SET learning_credentials.batch_size = $size", call($configuration))
	} 1 .. 4;
	for (@sessions)
	{
		($status, $out, $error) = finish_sql($_);
		is($status, 0, "four CALLs, batches of $size: each comes to its end") or diag($error);
	}
	settled($node, 'campus', "four CALLs, batches of $size");
	is(count_of($node, 'campus', "configuration_id = $configuration"), $users, "four CALLs, batches of $size: one credential a user");
	is( sql("SELECT sum(queued) = $users AND sum(issued + failed) = $users AND min(eligible) = $users"
			  . " FROM learning_credentials.run WHERE configuration_id = $configuration"),
		't', "four CALLs, batches of $size: the runs' counts add up");
	my $left = count_of($node, 'campus', "configuration_id = $configuration AND status = 'error'");
	cmp_ok($left, '>', 0, "four CALLs, batches of $size: some documents fail");
	while ($left > 0)
	{
		sql("UPDATE learning_credentials.credential SET retry_at = now() WHERE configuration_id = $configuration AND status = 'error'");
		sql(call($configuration));
		$left = count_of($node, 'campus', "configuration_id = $configuration AND status = 'error'");
	}
	settled($node, 'campus', "four CALLs, batches of $size, retried");
}

# ---- one that waits for another's batch takes it over when the other is terminated
$configuration = configure($node, 'campus', 'Terminated');
$session = start_waiting(100, call($configuration));
my $other = start_sql($node, 'campus', call($configuration));
$node->poll_query_until('campus', <<'SQL') or die 'the second CALL does not wait';
SELECT count(*) > 0 FROM pg_stat_activity
 WHERE query LIKE 'CALL%' AND wait_event_type = 'Extension'
    OR query LIKE 'CALL%' AND wait_event = 'transactionid'
SQL
sql("SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' AND objid = 100 AND granted");
sql('DELETE FROM app.waiting');
($status, $out, $error) = finish_sql($session);
isnt($status, 0, 'terminated: so it was');
($status, $out, $error) = finish_sql($other);
is($status, 0, 'terminated: the other CALL comes to its end') or diag($error);
is(statuses($configuration), "available $users", 'terminated: ... and everybody has a credential');
settled($node, 'campus', 'terminated');

# ---- whatever the session's default isolation is
for my $level ('read uncommitted', 'repeatable read', 'serializable')
{
	$configuration = configure($node, 'campus', 'I' . ($level =~ tr/ //dr));
	my @sessions = map {
		start_sql($node, 'campus', "SET default_transaction_isolation = '$level'",
			'SET learning_credentials.batch_size = 5', call($configuration))
	} 1 .. 3;
	for (@sessions)
	{
		($status, $out, $error) = finish_sql($_);
		is($status, 0, "$level: no error") or diag($error);
	}
	is(statuses($configuration), "available $users", "$level: all are issued");
	settled($node, 'campus', $level);
}

# ---- a long run takes no more memory than a short one: each five hundredth document says what the backend has
sql(<<'SQL');
CREATE FUNCTION app.generate_memory(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    IF credential.user_id % 500 <> 0 THEN
        RETURN convert_to(repeat('x', 4096), 'UTF8');
    END IF;
    RETURN (SELECT convert_to(sum(total_bytes)::text, 'UTF8') FROM pg_backend_memory_contexts);
END $$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, media_type)
VALUES ('Memory', 'app.retrieve_all', 'app.generate_memory', 'text/html');
INSERT INTO learning_credentials.lms_user (id, username) SELECT i, 'many' || i FROM generate_series(1001, 10000) AS i;
SQL
$configuration = sql(<<'SQL');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT 'course-v1:Test+Memory+1', id FROM learning_credentials.credential_type WHERE name = 'Memory'
RETURNING id
SQL
sql(call($configuration));
my @bytes = split /\n/, sql(<<SQL);
SELECT convert_from(d.content, 'UTF8') FROM learning_credentials.document d
  JOIN learning_credentials.credential c ON c.uuid = d.credential_uuid
 WHERE c.configuration_id = $configuration AND c.user_id % 500 = 0 ORDER BY c.user_id
SQL
cmp_ok(scalar @bytes, '>', 15, 'memory: it is told');
cmp_ok($bytes[-1], '<', $bytes[1] + 1_000_000, 'memory: after 9000 documents of 4 kB there is not much more of it');
note("@bytes");
sql('DELETE FROM learning_credentials.lms_user WHERE id > 1000');

# ---- generate_all_credentials(): one that cannot run does not stop the others
sql('CREATE ROLE leaver');
my $first = configure($node, 'campus', 'First');
$configuration = configure($node, 'campus', 'Last');
sql(<<SQL);
UPDATE learning_credentials.credential_configuration SET run_as = 'leaver' WHERE id = $first;
UPDATE learning_credentials.credential_configuration SET enabled = id IN ($first, $configuration);
SQL
sql('DROP ROLE leaver');
($status, $out, $error) = finish_sql(start_sql($node, 'campus', 'CALL learning_credentials.generate_all_credentials()'));
is($status, 0, 'all: one without its role does not end the CALL') or diag($error);
like($error, qr/WARNING: .*the run of configuration $first in "course-v1:Test\+First\+1" failed: permission denied to run as role "leaver"/,
	'all: it is named');
is(statuses($configuration), "available $users", 'all: the others are issued');
is(runs($first), 'failed', 'all: the run without a role has failed');
settled($node, 'campus', 'all');

# ---- a transaction block and a function are no place for a CALL
for my $sql ("BEGIN; CALL learning_credentials.generate_credentials($configuration)",
	"DO \$\$ BEGIN BEGIN CALL learning_credentials.generate_credentials($configuration); EXCEPTION WHEN division_by_zero THEN NULL; END; END \$\$")
{
	(undef, undef, $error) = finish_sql(start_sql($node, 'campus', $sql));
	like($error, qr/2D000: /, 'no CALL where it cannot commit');
}

# ---- the extension is dropped in the middle, and made again
$configuration = configure($node, 'campus', 'Extension');
$session = start_waiting(100, call($configuration));
my $dropper = start_sql($node, 'campus', 'DROP EXTENSION learning_credentials CASCADE');
$node->poll_query_until('campus', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DROP%'") or die;
sql('DELETE FROM app.waiting');
($status, $out, $error) = finish_sql($dropper);
is($status, 0, 'extension dropped') or diag($error);
($status, $out, $error) = finish_sql($session);
isnt($status, 0, 'extension dropped: the CALL fails');
like($error, qr/(3F000|42704|42P01|42883): .* does not exist/, 'extension dropped: because it is gone');
is(sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'learning%'"), 0, 'extension dropped: nothing of it is left');
sql('DROP SCHEMA app CASCADE');
make_database($node, 'another', 1);
sql('CREATE EXTENSION learning_credentials');

$node->stop;
done_testing();
