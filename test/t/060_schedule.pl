# next_run() against croniter over many schedules, times and zones, and where croniter has another rule against a
# walk through time minute by minute: see lib/schedule_cases.py. Then next_run_at, as it is dumped and restored.
use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$FindBin::RealBin/lib";
use LearningCredentials;

my $cases = 15_000;
my $folder = PostgreSQL::Test::Utils::tempdir;
my $judge = "$FindBin::RealBin/lib/schedule_cases.py";
my $node = new_node('schedule', "TimeZone = 'UTC'");
make_database($node, 'campus', 3);

# ============================================================ cases

my $error;
# The distribution's interpreter, whose croniter it is.
ok(IPC::Run::run([ '/usr/bin/python3', $judge, 'make', $cases ], '>', "$folder/cases", '2>', \$error), 'cases are made')
  or BAIL_OUT($error);
$node->safe_psql('campus', <<SQL);
CREATE TABLE schedule_case (number integer, schedule text, after timestamptz, time_zone text, starts_at timestamptz);
COPY schedule_case FROM '$folder/cases';
COPY (SELECT c.*, learning_credentials.next_run(schedule, after, time_zone, starts_at) FROM schedule_case c ORDER BY number)
  TO '$folder/answers';
SQL
ok(IPC::Run::run([ '/usr/bin/python3', $judge, 'judge' ], '<', "$folder/answers", '>', "$folder/verdicts", '2>', \$error),
	'cases are judged')
  or diag($error);

my (%verdicts, %reasons, @wrong);
my $walked = 0;
open my $handle, '<', "$folder/verdicts" or die $!;
while (my $line = readline $handle)
{
	chomp $line;
	my ($verdict, $number, $schedule, $after, $zone, $starts_at, $ours, $theirs, $walk, $reason) = split /\t/, $line, -1;
	my $text = "\"$schedule\" after $after from $starts_at on in $zone: next_run $ours, croniter $theirs, walk $walk";
	$verdicts{$verdict}++;
	$walked++ if $verdict ne 'count' and $walk ne '\N';
	push @{ $reasons{$reason} }, $text if $verdict eq 'rule';
	push @wrong, $text if $verdict eq 'WRONG';
}
close $handle;

is(($verdicts{same} // 0) + ($verdicts{rule} // 0) + ($verdicts{count} // 0), $cases,
	"all of $cases cases are what croniter, the walk or counting says");
is(join("\n", @wrong[ 0 .. ($#wrong < 20 ? $#wrong : 20) ]), '', 'none is wrong');
cmp_ok($walked, '>', $cases / 25, "$walked of them are walked");
cmp_ok($verdicts{same}, '>', 10_000, "croniter says the same in $verdicts{same}");
cmp_ok($verdicts{count}, '>', 2_000, "$verdicts{count} are counted, which croniter does not know");

# The cases in which croniter has another rule: all of them to the log, one of each kind for all to see.
for my $reason (sort keys %reasons)
{
	my @texts = @{ $reasons{$reason} };
	diag(scalar @texts, " cases, $reason; one of them: $texts[0]");
	note("  $_") for @texts;
}

# ============================================================ dump and restore

# A time that would be another if it were worked out anew, one that was missed, and a one_off that has run.
sub configurations
{
	my ($database) = @_;
	return $node->safe_psql($database, <<'SQL');
SELECT learning_context_key, schedule, time_zone, enabled, one_off, next_run_at
  FROM learning_credentials.credential_configuration ORDER BY 1
SQL
}
configure($node, 'campus', $_) for qw(Later Missed Done);
$node->safe_psql('campus', <<'SQL');
UPDATE learning_credentials.credential_configuration
   SET enabled = true, schedule = '30 4 * * MON', time_zone = 'Europe/Warsaw',
       one_off = learning_context_key = 'course-v1:Test+Done+1';
UPDATE learning_credentials.credential_configuration
   SET next_run_at = CASE learning_context_key WHEN 'course-v1:Test+Later+1' THEN '2100-01-01 00:00:01+00'::timestamptz
                                               WHEN 'course-v1:Test+Missed+1' THEN '2020-01-01 03:30:00+00' END;
SQL
my $before = configurations('campus');
is($before, <<'TEXT' =~ s/\n\z//r, 'what is dumped');
course-v1:Test+Done+1|30 4 * * MON|Europe/Warsaw|t|t|
course-v1:Test+Later+1|30 4 * * MON|Europe/Warsaw|t|f|2100-01-01 00:00:01+00
course-v1:Test+Missed+1|30 4 * * MON|Europe/Warsaw|t|f|2020-01-01 03:30:00+00
TEXT
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$folder/dump", $node->connstr('campus') ], 'it is dumped');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), "$folder/dump" ], 'and restored');
is(configurations('restored'), $before, 'next_run_at is what was dumped');
is($node->safe_psql('restored', 'SELECT learning_credentials.queue_due_runs()'), 1, 'what was missed runs once, late');
is($node->safe_psql('restored', 'SELECT learning_credentials.queue_due_runs()'), 0, 'and not again');
is( $node->safe_psql('restored', "SELECT count(*) FROM learning_credentials.credential_configuration WHERE next_run_at > now()"),
	2, 'but on its next day');

$node->stop;
done_testing();
