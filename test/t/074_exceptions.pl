# Exceptions while the worker is at it: nothing is issued to whoever is held, from the moment that the hold is there; what
# a hold kept waiting is made when it ends. And a plan on a standby.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Worker;

my $users = 400;
my $node = worker_node('exceptions', 'campus', 'learning_credentials.worker_idle_time = 200ms', 'learning_credentials.max_workers = 2',
	'wal_level = replica', 'max_wal_senders = 4');

sub sql { return $node->safe_psql('campus', $_[0]) }

make_database($node, 'campus', $users);
sql(<<'SQL');
CREATE FUNCTION app.generate_slowly(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.01);
    RETURN app.generate_text(credential, options);
END $$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, media_type)
VALUES ('Slow', 'app.retrieve_all', 'app.generate_slowly', 'text/plain');
SQL
my $configuration = sql(<<'SQL');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT 'course-v1:Test+Slow+1', id FROM learning_credentials.credential_type WHERE name = 'Slow' RETURNING id
SQL

# ---- two executors make documents; two registrars put a hold on the last, one by one
my $run = request($node, 'campus', $configuration);
$node->poll_query_until('campus', "SELECT count(*) > 20 FROM learning_credentials.credential WHERE status = 'available'") or die;
my @registrars = map {
	my $odd = $_;
	start_sql($node, 'campus', 'SET client_min_messages = warning',
		map { "SELECT learning_credentials.hold_credential($configuration, $_, 'Reported')" } grep { $_ % 2 == $odd } reverse 101 .. $users)
} 0, 1;
is((finish_sql($_))[2], '', 'holds are put while the run goes on') for @registrars;
is(finished($node, 'campus', $run), 'finished', '... which ends');
is(sql('SELECT count(*) FROM learning_credentials.exception'), $users - 100, '... and all are there');
my $events = <<'SQL';
  FROM learning_credentials.exception x
  JOIN learning_credentials.credential c ON c.configuration_id = x.configuration_id AND c.user_id = x.user_id
  JOIN learning_credentials.credential_event e ON e.credential_uuid = c.uuid AND e.new_status = 'available'
SQL
is(sql("SELECT count(*) $events WHERE e.occurred_at > x.created"), 0, 'nothing was issued to whoever was held');
is(sql("SELECT count(*) $events WHERE e.occurred_at <= x.created") . ' issued before, '
	  . sql("SELECT count(*) FROM learning_credentials.credential WHERE status = 'error' AND user_id > 100 AND attempts = 0 AND error_message LIKE 'user % is held: Reported'") . ' held',
	sql("SELECT count(*) FILTER (WHERE status = 'available') || ' issued before, ' || count(*) FILTER (WHERE status = 'error') || ' held'"
		  . ' FROM learning_credentials.credential WHERE user_id > 100'),
	'... but what was made before the hold came; the rest was not tried');
my $held = sql("SELECT count(*) FROM learning_credentials.credential WHERE status = 'error'");
cmp_ok($held, '>', 2, 'some were held in the queue');
is(sql('SELECT issued || chr(32) || failed FROM learning_credentials.run'), $users - $held . " $held", '... and the run counts them');

# ---- nobody retries them, and the worker goes to sleep
idle($node);
is(sql('SELECT count(*) FROM learning_credentials.run'), 1, 'what is held makes no run');

# ---- lifted: the worker retries; ended: when the time has come
my @two = split /\n/, sql("SELECT user_id FROM learning_credentials.credential WHERE status = 'error' ORDER BY user_id LIMIT 2");
my $state = "SELECT string_agg(status::text, ' ' ORDER BY user_id) FROM learning_credentials.credential WHERE user_id IN ($two[0], $two[1])";
sql("SELECT learning_credentials.lift_exception($configuration, $two[0])");
$node->poll_query_until('campus', "SELECT ($state) = 'available error'") or die;
pass('lifted: retried by the worker');
idle($node);
sql("SELECT learning_credentials.hold_credential($configuration, $two[1], 'For a moment', now() + interval '3 seconds')");
is(sql($state), 'available error', 'a hold that ends soon is one until then');
$node->poll_query_until('campus', "SELECT ($state) = 'available available'") or die;
is(sql("SELECT bool_and(e.occurred_at >= x.ends_at) $events WHERE x.ends_at IS NOT NULL"), 't', 'ended: retried by the worker, not before');
is(sql("SELECT count(*) FROM learning_credentials.credential WHERE status = 'error'"), $held - 2, 'the others wait on');
settled($node, 'campus', 'with holds') if $held == 2;
holds($node, 'campus', 'with holds');

# ---- a plan on a standby
sql("SELECT learning_credentials.grant_exception($configuration, 9999, 'Guest')");
my $plan = 'SELECT md5(string_agg(p::text, chr(10) ORDER BY user_id)), count(*) FROM learning_credentials.plan_run(%d) AS p;'
  . ' SELECT action, users FROM learning_credentials.plan_summary(%1$d)';
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('exceptions_standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
is($standby->safe_psql('campus', sprintf $plan, $configuration), sql(sprintf $plan, $configuration), 'a standby plans the same');
my ($status, undef, $error) = finish_sql(start_sql($standby, 'campus', "SELECT learning_credentials.lift_exception($configuration, 9999)"));
like($error, qr/25006/, '... and decides nothing');
$standby->stop;
$node->stop;
done_testing();
