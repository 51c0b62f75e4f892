# pg_cron calls generate_all_credentials(): alone, in both ways in which it runs its jobs, and beside our
# own worker, which has the same to do at the same moment.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;

my $users = 300;
my $call = 'CALL learning_credentials.generate_all_credentials()';

# A server with pg_cron and settings, and two configurations that are due with every minute. Each document
# takes a moment and says who made it.
sub cron_node
{
	my ($name, $libraries, @settings) = @_;
	my $node = new_node($name);
	make_database($node, 'campus', $users);
	$node->safe_psql('campus', <<'SQL');
CREATE TABLE app.made (uuid uuid, by text);
CREATE FUNCTION app.generate_signed(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.005);
    INSERT INTO app.made VALUES (credential.uuid,
        CASE WHEN current_setting('application_name') LIKE 'learning\_credentials%' THEN 'the worker' ELSE 'pg_cron' END);
    RETURN app.generate_text(credential, options);
END $$;
UPDATE learning_credentials.credential_type SET generation_func = 'app.generate_signed';
SQL
	for my $course ('First', 'Second')
	{
		my $configuration = configure($node, 'campus', $course, '{"flaky": true}');
		$node->safe_psql('campus', <<SQL);
UPDATE learning_credentials.credential_configuration SET enabled = true, schedule = '* * * * *' WHERE id = $configuration
SQL
	}
	$node->append_conf('postgresql.conf',
		join("\n", "shared_preload_libraries = '$libraries'", "cron.database_name = 'campus'",
			"cron.host = '" . $node->host . "'", 'max_worker_processes = 20', @settings));
	$node->restart;
	$node->safe_psql('campus', 'CREATE EXTENSION pg_cron');
	return $node;
}

my $probe = new_node('probe');
my $there = $probe->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_cron'");
$probe->stop;
if (!$there)
{
	diag('SKIPPED: pg_cron is not installed for this PostgreSQL. NOTHING OF IT WAS TESTED.');
	plan skip_all => 'pg_cron is not installed for this PostgreSQL';
}

my %nodes = (
	'by a connection' => cron_node('connection', 'pg_cron'),
	'by a background worker' => cron_node('background', 'pg_cron', 'cron.use_background_workers = on'),
	'beside the worker' => cron_node('both', 'pg_cron,learning_credentials', "learning_credentials.databases = 'campus'",
		'learning_credentials.max_workers = 2'),
);

# Jobs of every few seconds exist since pg_cron 1.5; before, each minute is the fastest.
for my $node (values %nodes)
{
	my ($major, $minor) = $node->safe_psql('campus', "SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'") =~ /^(\d+)\.(\d+)/;
	my $schedule = $major > 1 || $minor >= 5 ? '5 seconds' : '* * * * *';
	$node->safe_psql('campus', "SELECT cron.schedule('issue', '$schedule', '$call')");
}

for my $way (sort keys %nodes)
{
	my $node = $nodes{$way};
	sub sql { return $_[0]->safe_psql('campus', $_[1]) }

	ok($node->poll_query_until('campus', "SELECT count(*) > 0 FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')"),
		"$way: the job has run");
	sql($node, "SELECT cron.unschedule('issue')");
	sql($node, 'UPDATE learning_credentials.credential_configuration SET enabled = false');
	$node->poll_query_until('campus', <<'SQL') or die 'no end';
SELECT NOT EXISTS (SELECT FROM cron.job_run_details WHERE status NOT IN ('succeeded', 'failed'))
   AND NOT EXISTS (SELECT FROM learning_credentials.run WHERE status IN ('queued', 'running'))
SQL
	is(sql($node, 'SELECT DISTINCT status, database, username, command FROM cron.job_run_details'),
		'succeeded|campus|' . sql($node, 'SELECT current_user') . "|$call", "$way: the job has succeeded");
	is(sql($node, 'SELECT count(*), count(DISTINCT (configuration_id, user_id)) FROM learning_credentials.credential'),
		2 * $users . '|' . 2 * $users, "$way: everybody has one credential of each");
	is(sql($node, "SELECT string_agg(DISTINCT status, ' ' ORDER BY status), sum(issued) FROM learning_credentials.run"),
		'finished|' . count_of($node, 'campus', "status = 'available'"), "$way: the runs have issued what there is, and nothing twice");
	cmp_ok(count_of($node, 'campus', "status = 'available'"), '>', $users, "$way: most are issued");
	is(sql($node, 'SELECT count(DISTINCT uuid), count(*) FROM app.made'), join('|', (count_of($node, 'campus', "status = 'available'")) x 2),
		"$way: each document was made once");
	is( sql($node, "SELECT string_agg(DISTINCT by, ' and ' ORDER BY by) FROM app.made"),
		$way eq 'beside the worker' ? 'pg_cron and the worker' : 'pg_cron',
		"$way: by whom it was to be made");
	settled($node, 'campus', $way);
	$node->stop;
	# A session of the test itself may have met the restart.
	my $log = join "\n", grep { !/ 065_pg_cron\.pl FATAL:  terminating connection/ } split /\n/, slurp_file($node->logfile);
	unlike($log, qr/(ERROR|FATAL|PANIC):/, "$way: nothing is in the server's log");
}

done_testing();
