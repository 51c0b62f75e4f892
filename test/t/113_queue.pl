# The queue of a run: how it is walked, in its order, with what others have in hand left out.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;

my $users = 20_000;
my $node = new_node('queue');
make_database($node, 'campus', $users);
my $configuration = configure($node, 'campus', 'Queue');

sub sql { return $node->safe_psql('campus', $_[0]) }

# plans(SETTING...): the plans of the statements that claim, while a CALL issues what is queued
sub plans
{
	my (undef, undef, $said) = finish_sql(start_sql($node, 'campus',
		q{LOAD 'learning_credentials'}, q{LOAD 'auto_explain'}, q{SET auto_explain.log_min_duration = 0},
		q{SET auto_explain.log_nested_statements = on}, q{SET auto_explain.log_level = 'notice'},
		q{SET auto_explain.log_analyze = on}, (map { "SET $_" } @_),
		"CALL learning_credentials.generate_credentials($configuration)"));
	my @plans = split /NOTICE:  00000: duration:/, $said;
	return grep { /Query Text: SELECT c\.uuid FROM learning_credentials\.credential c/ } @plans;
}

# All that there is waits: every row of the table stands in the queue's index, and in the primary key.
sql(<<SQL);
INSERT INTO learning_credentials.run (configuration_id, trigger, status, started, retrieved, seen, eligible, queued)
VALUES ($configuration, 'call', 'running', now(), now(), $users, $users, $users);
INSERT INTO learning_credentials.credential (configuration_id, credential_type_name, learning_context_key, user_id, run_id)
SELECT $configuration, 'Plain', 'course-v1:Test+Queue+1', i, (SELECT max(id) FROM learning_credentials.run)
  FROM generate_series(1, $users) AS i;
INSERT INTO learning_credentials.credential_event (credential_uuid, seq, configuration_id, run_id, new_status, actor)
SELECT uuid, 1, configuration_id, run_id, status, '{}' FROM learning_credentials.credential;
ANALYZE learning_credentials.credential;
SQL
is(count_of($node, 'campus', "status <> 'generating'"), 0, 'all are generating');

my @plans = plans(q{learning_credentials.batch_size = 500});
cmp_ok(scalar(@plans), '>=', $users / 500, 'there was a claim for each batch');
for my $kind (
	[ 'by the index of the queue', qr/Index Scan using credential_queue on credential c/ ],
	[ 'from the position on', qr/Index Cond: \(\(ROW\(run_id, uuid\) > ROW\(\S+::bigint, \S+::uuid\)\) AND \(run_id <= / ])
{
	my ($how, $expected) = @$kind;
	is(scalar(grep { $_ !~ $expected } @plans), 0, "every claim walks the queue $how")
	  or diag((grep { $_ !~ $expected } @plans)[0]);
}
is(scalar(grep { /Sort|Seq Scan|credential_pkey/ } @plans), 0, 'and in no other way');

# What is read to claim 500 does not grow with what has been claimed before: the rows that are done lie behind.
my @removed = map { /Rows Removed by Filter: (\d+)/ ? $1 : 0 } @plans;
is((sort { $b <=> $a } @removed)[0], 0, 'nothing is read and thrown away');
is(count_of($node, 'campus', "status = 'available'"), $users, 'all are issued');
settled($node, 'campus', 'the run');

done_testing();
