# A CALL that is cut off, by whatever means and at whatever moment, loses nothing that it had
# committed, and the next CALL finishes the rest.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;

my $users = 200;
my $node = new_node('crash', 'restart_after_crash = on');
make_database($node, 'campus', $users);

sub sql { return $node->safe_psql('campus', $_[0]) }

# What is committed of a configuration: credentials, their documents and their history.
sub committed
{
	my ($configuration) = @_;
	return split /\n/, sql(<<SQL);
SELECT c.uuid, md5(c::text), md5(d.content), string_agg(e.seq || e.actor_commitment::text, ',' ORDER BY e.seq)
  FROM learning_credentials.credential c
  JOIN learning_credentials.document d ON d.credential_uuid = c.uuid
  JOIN learning_credentials.credential_event e ON e.credential_uuid = c.uuid
 WHERE c.configuration_id = $configuration AND c.status = 'available'
 GROUP BY c.uuid, d.credential_uuid
 ORDER BY c.uuid
SQL
}

# Starts a CALL that waits when it comes to a user (0: while it retrieves), and returns the session
# and the backend's process id when it is there.
sub start_call
{
	my ($configuration, $user) = @_;
	sql("INSERT INTO app.waiting VALUES ($user)");
	my $session = start_sql($node, 'campus', "CALL learning_credentials.generate_credentials($configuration)");
	my $waiting = "FROM pg_locks WHERE locktype = 'advisory' AND objid = $user AND granted";
	$node->poll_query_until('campus', "SELECT count(*) = 1 $waiting") or die 'the CALL does not come there';
	return ($session, sql("SELECT pid $waiting"));
}

my %end = (
	'kill -9' => {
		how => sub { kill('KILL', $_[0]) == 1 or die "kill: $!" },
		error => qr/server closed the connection unexpectedly|terminating connection because of crash/,
		restarts => 1,
	},
	'pg_cancel_backend' => {
		how => sub { sql("SELECT pg_cancel_backend($_[0])") },
		error => qr/ERROR:  57014: canceling statement due to user request/,
	},
	'pg_terminate_backend' => {
		how => sub { sql("SELECT pg_terminate_backend($_[0])") },
		error => qr/FATAL:  57P01: terminating connection due to administrator command/,
	},
	'immediate shutdown' => {
		how => sub { $node->stop('immediate'); $node->start },
		error => qr/terminating connection|server closed the connection unexpectedly/,
	},
	'fast shutdown' => {
		how => sub { $node->stop('fast'); $node->start },
		error => qr/FATAL:  57P01: terminating connection due to administrator command/,
	});

# Users are queued in the order of retrieval, here that of their ids, and issued in that order, at
# most 64 a batch.
my %moment = (
	'while it retrieves' => 0,
	'at the first document' => 1,
	'at the last of the first batch' => 64,
	'at the first of the second batch' => 65,
	'in the middle' => 150,
	'at the last document' => $users);

my $courses = 0;
for my $means (sort keys %end)
{
	for my $when (sort { $moment{$a} <=> $moment{$b} } keys %moment)
	{
		next if $means =~ /shutdown/ && $when !~ /retrieves|middle/;
		my $name = "$means $when";
		my $user = $moment{$when};
		my $configuration = configure($node, 'campus', 'C' . ++$courses);
		my ($session, $pid) = start_call($configuration, $user);
		my @before = committed($configuration);

		# Batches also end after a second, so a slow machine may have committed more.
		cmp_ok(scalar @before, '<', $user || 1, "$name: not all is committed");
		cmp_ok(scalar @before, '>=', 64, "$name: a batch is committed") if $user > 64;

		$end{$means}{how}->($pid);
		my ($status, undef, $error) = finish_sql($session);
		isnt($status, 0, "$name: the CALL fails");
		like($error, $end{$means}{error}, "$name: and says why");
		if ($end{$means}{restarts})
		{
			$node->poll_query_until('campus', 'SELECT true') or die 'the server does not come back';
		}
		is_deeply([ committed($configuration) ], \@before, "$name: what was committed is there, and no more");
		holds($node, 'campus', $name);

		sql('DELETE FROM app.waiting');
		sql("CALL learning_credentials.generate_credentials($configuration)");
		my %after = map { $_ => 1 } committed($configuration);
		is(scalar keys %after, $users, "$name: the second CALL finishes the rest");
		is(scalar(grep { !$after{$_} } @before), 0, "$name: and leaves what was there as it was");
		is(sql(<<SQL), 'finished', "$name: all runs are finished");
SELECT DISTINCT status FROM learning_credentials.run WHERE configuration_id = $configuration
SQL
		settled($node, 'campus', $name);
	}
}

# ---- one document that never comes back: a statement_timeout ends the CALL
{
	my $configuration = configure($node, 'campus', 'Timeout');
	sql('INSERT INTO app.waiting VALUES (100)');
	my ($status, undef, $error) = finish_sql(start_sql($node, 'campus', "SET statement_timeout = '2s'",
		"CALL learning_credentials.generate_credentials($configuration)"));
	isnt($status, 0, 'statement_timeout ends the CALL');
	like($error, qr/57014: canceling statement due to statement timeout/, 'and says so');
	is(count_of($node, 'campus', "configuration_id = $configuration AND status = 'error'"),
		0, 'it is not taken for an error of the document');
	sql('DELETE FROM app.waiting');
	sql("CALL learning_credentials.generate_credentials($configuration)");
	settled($node, 'campus', 'statement_timeout');
}

# ---- the credential of a single call
{
	my $configuration = configure($node, 'campus', 'Single');
	sql('INSERT INTO app.waiting VALUES (7)');
	my $session = start_sql($node, 'campus', "SELECT learning_credentials.generate_credential($configuration, 7)");
	my $waiting = "FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND granted";
	$node->poll_query_until('campus', "SELECT count(*) = 1 $waiting") or die;
	kill('KILL', sql("SELECT pid $waiting")) == 1 or die;
	my ($status) = finish_sql($session);
	isnt($status, 0, 'a killed generate_credential() fails');
	$node->poll_query_until('campus', 'SELECT true') or die;
	is(count_of($node, 'campus', "configuration_id = $configuration"), 0, 'and leaves nothing');
	sql('DELETE FROM app.waiting');
	sql("SELECT learning_credentials.generate_credential($configuration, 7)");
	settled($node, 'campus', 'a single call');
}

# ---- a reissue: the holder is never left with nothing
{
	my $configuration = configure($node, 'campus', 'Reissue');
	my $old = sql("SELECT learning_credentials.generate_credential($configuration, 8)");
	sql('INSERT INTO app.waiting VALUES (8)');
	my $session = start_sql($node, 'campus', "SELECT learning_credentials.reissue_credential('$old')");
	my $waiting = "FROM pg_locks WHERE locktype = 'advisory' AND objid = 8 AND granted";
	$node->poll_query_until('campus', "SELECT count(*) = 1 $waiting") or die;
	kill('KILL', sql("SELECT pid $waiting")) == 1 or die;
	finish_sql($session);
	$node->poll_query_until('campus', 'SELECT true') or die;
	is( sql("SELECT uuid, status FROM learning_credentials.credential WHERE configuration_id = $configuration"),
		"$old|available", 'after a killed reissue the old credential is available');
	sql('DELETE FROM app.waiting');
	sql("SELECT learning_credentials.reissue_credential('$old')");
	settled($node, 'campus', 'a reissue');
}

# ---- indexes agree with their tables after all that
sql('CREATE EXTENSION amcheck');
cmp_ok(sql(<<'SQL'), '>', 15, 'indexes are sound');
SELECT count(bt_index_parent_check(i.indexrelid, true)::text)
  FROM pg_index i
  JOIN pg_class t ON t.oid = i.indrelid
  JOIN pg_class x ON x.oid = i.indexrelid
 WHERE t.relnamespace = 'learning_credentials'::regnamespace
   AND x.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')
SQL

$node->stop;
done_testing();
