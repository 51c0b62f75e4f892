# Whoever listens hears what became of credentials, once it is committed, and learns no code and no name.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $node = new_node('notify', 'max_prepared_transactions = 2');
make_database($node, 'campus', 3);

sub sql { return $node->safe_psql('campus', $_[0]) }
sub call { return "CALL learning_credentials.generate_credentials($_[0])" }

# What a session has heard since it was asked last: payloads, one a line
sub heard
{
	my ($session) = @_;
	my @payloads;
	for (split /\n/, $session->ask('SELECT'))
	{
		next if $_ eq '';
		die "not heard: $_" unless /^Asynchronous notification "learning_credentials" with payload "(.*)" received from server process with PID \d+\.$/;
		push @payloads, $1;
	}
	return join "\n", @payloads;
}

sub sorted { return join "\n", sort split /\n/, $_[0] }

# The listener has no right but to connect.
$node->safe_psql('postgres', 'CREATE ROLE curious LOGIN');
my $listener = Session->new($node, 'campus');
$listener->ask('SET ROLE curious; LISTEN learning_credentials');
my $elsewhere = Session->new($node, 'postgres');
$elsewhere->ask('LISTEN learning_credentials');

# ---- a run
sql('INSERT INTO app.failing VALUES (2)');
my $configuration = configure($node, 'campus', 'Run');
sql(call($configuration));
my $run = sql("SELECT id FROM learning_credentials.run WHERE configuration_id = $configuration");
my $heard = heard($listener);
is(sorted($heard), <<EXPECTED =~ s/\n\z//r, 'a run: each document that was made or failed');
{"status": "available", "configuration_id": $configuration, "user_id": 1, "run_id": $run}
{"status": "available", "configuration_id": $configuration, "user_id": 3, "run_id": $run}
{"status": "error", "configuration_id": $configuration, "user_id": 2, "run_id": $run}
EXPECTED
is( sql("SELECT count(*), bool_and((SELECT count(*) = 1 FROM learning_credentials.credential c"
		  . " WHERE c.configuration_id = (p->>'configuration_id')::bigint AND c.user_id = (p->>'user_id')::bigint"
		  . " AND c.status::text = p->>'status' AND c.run_id = (p->>'run_id')::bigint))"
		  . " FROM (SELECT line::jsonb AS p FROM regexp_split_to_table('$heard', E'\\n') AS line) AS payload"),
	'3|t', 'a run: the payload is JSON, and finds the credential');
is(heard($elsewhere), '', 'a run: nothing is heard in another database');
sql(call($configuration));
is(heard($listener), '', 'a run with nobody new: nothing is heard');

# ---- the failed one is retried
sql('DELETE FROM app.failing');
sql('SELECT learning_credentials.retry_credential(uuid) FROM learning_credentials.credential WHERE user_id = 2');
is(heard($listener), qq({"status": "available", "configuration_id": $configuration, "user_id": 2, "run_id": $run}),
	'a retry: only what came of it');

# ---- one credential through its life
$configuration = configure($node, 'campus', 'Life');
sub payload { return qq({"status": "$_[0]", "configuration_id": $configuration, "user_id": $_[1]}) }
my $first = sql("SELECT learning_credentials.generate_credential($configuration, 1)");
is(heard($listener), payload('available', 1), 'issued on request: heard without a run');
sql("SELECT learning_credentials.generate_credential($configuration, 1)");
is(heard($listener), '', 'asked for again: nothing has changed');
my $second = sql("SELECT learning_credentials.reissue_credential('$first')");
is(heard($listener), payload('invalidated', 1) . "\n" . payload('available', 1), 'reissued: the old one ends, then the new one is there');
sql("SELECT learning_credentials.invalidate_credential('$second', 'a mistake')");
is(heard($listener), payload('invalidated', 1), 'invalidated');
sql("INSERT INTO app.failing VALUES (3); SELECT learning_credentials.generate_credential($configuration, 3)");
is(heard($listener), payload('error', 3), 'failed');
sql("DELETE FROM learning_credentials.credential WHERE user_id = 3 AND status = 'error'; DELETE FROM app.failing");
is(heard($listener), '', 'deleted: nothing is heard');

# ---- only what is committed
sql("BEGIN; SELECT learning_credentials.generate_credential($configuration, 1); ROLLBACK");
is(heard($listener), '', 'rolled back: nothing is heard');
sql("BEGIN; SAVEPOINT s; SELECT learning_credentials.generate_credential($configuration, 1); ROLLBACK TO s;"
	  . " SELECT learning_credentials.generate_credential($configuration, 3); COMMIT");
is(heard($listener), payload('available', 3), 'rolled back in part: the rest is heard');

# ---- a transaction that is to be prepared
my $prepare = "BEGIN; SELECT learning_credentials.generate_credential($configuration, 2); PREPARE TRANSACTION 'two'";
my (undef, undef, $error) = finish_sql(start_sql($node, 'campus', $prepare));
like($error, qr/0A000: cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY/, 'prepared: not with notifications');
my $status;
($status, undef, $error) = finish_sql(start_sql($node, 'campus', 'SET ROLE curious; SET learning_credentials.notify = off',
	'RESET ROLE', $prepare, "COMMIT PREPARED 'two'"));
is($status, 0, 'prepared: but without, and anybody may say so') or diag($error);
is(count_of($node, 'campus', "configuration_id = $configuration AND user_id = 2 AND status = 'available'"), 1, 'prepared: it is issued');
is(heard($listener), '', 'prepared: nothing is heard');

# ---- many at once, and the longest payload
sql(<<SQL);
INSERT INTO learning_credentials.lms_user (id, username)
SELECT 1000000000000000000 + i, 'many' || i FROM generate_series(1, 1000) AS i
UNION ALL SELECT 9223372036854775807, 'last' UNION ALL SELECT -9223372036854775808, 'first';
SQL
$configuration = configure($node, 'campus', 'Many');
sql(call($configuration));
$heard = heard($listener);
is(scalar(split /\n/, $heard), 1005, 'many: each is heard');
my %seen;
is(scalar(grep { $seen{$_}++ } split /\n/, $heard), 0, 'many: once');
like($heard, qr/"user_id": -9223372036854775808, "run_id": \d+\}$/m, 'many: also with the longest number');
sql("UPDATE learning_credentials.credential SET status = 'invalidated', invalidation_reason = 'all wrong' WHERE configuration_id = $configuration");
is(scalar(grep { /"invalidated"/ } split /\n/, heard($listener)), 1005, 'many: also when one statement ends them');
sql('DELETE FROM learning_credentials.lms_user WHERE id NOT IN (1, 2, 3)');

# ---- what is restored or imported has happened elsewhere
$node->safe_psql('postgres', 'CREATE DATABASE copy');
my $reader = Session->new($node, 'copy');
$reader->ask('LISTEN learning_credentials');
my $dump = $node->basedir . '/campus.sql';
$node->command_ok([ 'pg_dump', '--file', $dump, $node->connstr('campus') ], 'dumped');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '--file', $dump, $node->connstr('copy') ], 'restored');
is($node->safe_psql('copy', 'SELECT count(*) > 1000 FROM learning_credentials.credential'), 't', 'restored: there are credentials');
is(heard($reader), '', 'restored: nothing is heard');
sql(<<SQL);
INSERT INTO learning_credentials.credential (configuration_id, credential_type_name, learning_context_key, learning_context_name,
       user_id, user_full_name, status, download_url, legacy_id, issue_date)
VALUES ($configuration, 'Plain', 'course-v1:Test+Many+1', 'Many', 1, 'One', 'available', 'https://example.org/1', '1', now());
SQL
is(heard($listener), '', 'imported: nothing is heard');

$_->close for $listener, $elsewhere, $reader;
holds($node, 'campus', 'in the end');
$node->stop;
done_testing();
