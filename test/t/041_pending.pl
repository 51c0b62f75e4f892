# What an anonymous role can find out about a credential that is not available yet: nothing, on a primary and on
# a hot standby, by plans, counters and settings. And what verifies works on the standby as on the primary.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C' ]);
$primary->start;
$primary->safe_psql('postgres', <<'SQL');
CREATE EXTENSION learning_credentials;
CREATE ROLE anonymous LOGIN;
CREATE ROLE authenticator LOGIN NOINHERIT;
GRANT anonymous TO authenticator;
CREATE SCHEMA playground AUTHORIZATION anonymous;
SELECT learning_credentials.grant_access('anonymous', 'verifier');

INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func)
VALUES ('Completion', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT 'course-v1:Lake+Swim+1', id FROM learning_credentials.credential_type;
-- Each fifth is available, was, waits, failed, or is a replacement that waits.
INSERT INTO learning_credentials.credential
    (uuid, configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id, user_full_name,
     status, error_message, issue_date, supersedes, superseded_by, invalidated_at, invalidation_reason)
SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, c.id, 'Completion', c.learning_context_key, 'Swimming',
       n - n % 5 + (ARRAY[0, 1, 2, 3, 0])[n % 5 + 1], 'Learner ' || n,
       (ARRAY['available', 'invalidated', 'generating', 'error', 'generating'])[n % 5 + 1]::learning_credentials.credential_status,
       CASE n % 5 WHEN 3 THEN 'no template' END, now(),
       CASE n % 5 WHEN 4 THEN ('00000000-0000-7000-8000-' || lpad((n - 4)::text, 12, '0'))::uuid END,
       CASE n % 5 WHEN 1 THEN ('00000000-0000-7000-8000-' || lpad((n - 1)::text, 12, '0'))::uuid END,
       CASE n % 5 WHEN 1 THEN now() END, CASE n % 5 WHEN 1 THEN 'Renewed' END
  FROM learning_credentials.credential_configuration AS c, generate_series(5, 20004) AS n;
VACUUM ANALYZE learning_credentials.credential;
SQL
$primary->backup('start');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'start', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));

my %code;
for my $kind ('available', 'invalidated', 'generating', 'error', 'replacement')
{
	my $number = { available => 0, invalidated => 1, generating => 2, error => 3, replacement => 4 }->{$kind};

	$code{$kind} = [ split /\n/, $primary->safe_psql('postgres',
			"SELECT verify_uuid FROM learning_credentials.credential WHERE user_full_name IN
			   (SELECT 'Learner ' || n FROM generate_series(5000 + $number, 5495 + $number, 5) AS n) ORDER BY uuid") ];
	is(scalar @{ $code{$kind} }, 100, "100 codes: $kind");
}
$code{unknown} = [ split /\n/, $primary->safe_psql('postgres',
		'SELECT learning_credentials.uuid_random() FROM generate_series(1, 100)') ];
my $view = 'learning_credentials_api.metadata';

# What one connection as the role is answered, errors and warnings with it.
sub answers
{
	my ($node, $statements, %more) = @_;
	my ($out, $err);

	$node->psql('postgres', $statements, stdout => \$out, stderr => \$err, on_error_stop => 0,
		extra_params => [ '-U', $more{role} // 'anonymous' ], %{ $more{psql} // {} });
	$err =~ s/^psql:<stdin>:\d+: //mg;
	$err =~ s/^(LINE|HINT|\s+\^).*\n?//mg;
	chomp $err;
	return ($out, $err);
}

for my $node ($primary, $standby)
{
	my $name = $node->name;

	# ---- what verifies
	my $of = $code{invalidated}[0];
	is((answers($node, "SELECT user_full_name, status, invalidation_reason, superseded_by, is_valid FROM $view WHERE verify_uuid = '$of'"))[0],
		"Learner 5001|invalidated|Renewed|$code{available}[0]|f", "$name: the right code gives the row");
	for my $kind ('generating', 'error', 'replacement', 'unknown')
	{
		is(join('', answers($node, "SELECT * FROM $view WHERE verify_uuid = '$code{$kind}[7]'")), '',
			"$name: a code gives nothing: $kind");
	}
	for my $probe ("SELECT * FROM $view", "SELECT * FROM $view WHERE verify_uuid > '$of' LIMIT 0",
		"EXPLAIN SELECT * FROM $view WHERE verify_uuid > '$of'",
		"SELECT * FROM $view WHERE verify_uuid IN ('$of', '$code{unknown}[0]')")
	{
		is(join('', answers($node, $probe)), 'ERROR:  a credential is shown only to whoever gives its verification code',
			"$name: refused: " . substr($probe, 0, 80));
	}

	# ---- as PostgREST asks: its transaction, its role, its query
	my ($rest) = answers($node, <<"SQL", role => 'authenticator');
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;
SELECT set_config('search_path', '"learning_credentials_api", "public"', true), set_config('role', 'anonymous', true),
       set_config('request.jwt.claims', '{"role":"anonymous"}', true), set_config('request.method', 'GET', true),
       set_config('request.path', '/metadata', true) \\gset ignored_
WITH pgrst_source AS (SELECT "learning_credentials_api"."metadata"."user_full_name", "learning_credentials_api"."metadata"."status" FROM "learning_credentials_api"."metadata" WHERE "learning_credentials_api"."metadata"."verify_uuid" = '$code{available}[3]')
SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body,
       nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status
  FROM (SELECT * FROM pgrst_source) _postgrest_t;
COMMIT;
SQL
	is($rest, '|1|[{"user_full_name":"Learner 5015","status":"available"}]||', "$name: as PostgREST asks");

	# ---- what EXPLAIN ANALYZE counts, buffers with it
	my %plans;
	for my $kind (sort keys %code)
	{
		my ($plans) = answers($node, join '', map { "EXPLAIN (ANALYZE, BUFFERS, VERBOSE, TIMING off, SUMMARY off) SELECT * FROM $view WHERE verify_uuid = '$_';\n" }
			  @{ $code{$kind} }[ 0 .. 99 ], @{ $code{$kind} }[ 0 .. 99 ]);

		$plans =~ s/\Q$_\E/CODE/g for @{ $code{$kind} };
		$plans =~ s/^Planning:\n  Buffers:.*\n?//mg;
		# the second time: what is read then has been read before
		my @plans = grep { /\S/ } split /^(?=\S*Index Scan)/m, $plans;
		$plans{$kind}{$_}++ for @plans[ @plans / 2 .. $#plans ];
	}
	like((keys %{ $plans{unknown} })[0], qr/using credential_shown on learning_credentials.credential.*Buffers: shared hit=\d+/s, "$name: plans are told");
	is_deeply($plans{$_}, $plans{unknown}, "$name: a plan tells nothing: $_") for 'generating', 'error', 'replacement';
	isnt(join('', keys %{ $plans{available} }), join('', keys %{ $plans{unknown} }), "$name: and something of one that is available");

	# ---- what the counters of the session count
	my %counted;
	for my $kind (sort keys %code)
	{
		my ($counted) = answers($node, "BEGIN;\n"
			  . join('', map { "SELECT status FROM $view WHERE verify_uuid = '$_';\n" } @{ $code{$kind} })
			  . "SELECT seq_scan, seq_tup_read, idx_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'credential';\nCOMMIT;");

		($counted{$kind}) = $counted =~ /^(\d.*)$/m;
	}
	is($counted{unknown}, '0|0|100|0', "$name: 100 look-ups are counted");
	is($counted{$_}, $counted{unknown}, "$name: counters tell nothing: $_") for 'generating', 'error', 'replacement';
	is($counted{available}, '0|0|100|100', "$name: and something of what is available");

	# ---- settings given before the library is loaded, by somebody without the right to
	my $pending = "SELECT count(*) FROM $view WHERE verify_uuid = '$code{generating}[0]'";
	my $refused = qr/^WARNING:  permission denied to set parameter "learning_credentials.show_pending"/m;
	my ($out, $err) = answers($node, "SET learning_credentials.show_pending = on; $pending; SHOW learning_credentials.show_pending");
	is($out, "0\noff", "$name: SET in advance changes nothing");
	like($err, $refused, "$name: and is told to be refused");
	($out, $err) = answers($node, "BEGIN; SET LOCAL learning_credentials.show_pending = on; $pending; COMMIT; $pending");
	is($out, "0\n0", "$name: neither does SET LOCAL");
	like($err, $refused, "$name: which is refused too");
	($out, $err) = answers($node, "SELECT set_config('learning_credentials.show_pending', 'on', false) \\gset x\n$pending");
	is($out, '0', "$name: nor set_config()");
	like($err, $refused, "$name: which is refused too");
	{
		local $ENV{PGOPTIONS} = '-c learning_credentials.show_pending=on';
		($out, $err) = answers($node, $pending);
		is($out, '', "$name: nor options of the connection");
		like($err, $refused, "$name: which are refused too");
		like($err, qr/^FATAL:  parameter "learning_credentials.show_pending" cannot be set by the options of this connection/m,
			"$name: with the connection");
	}
}

# ---- settings kept for the role or a function, made before the library is loaded
my ($out, $err) = answers($primary, 'ALTER ROLE anonymous SET learning_credentials.show_pending = on');
my ($count) = answers($primary, "SELECT count(*) FROM $view WHERE verify_uuid = '$code{generating}[0]'");
is($count, '0', 'nor what the role keeps for itself');
$primary->safe_psql('postgres', 'ALTER ROLE anonymous RESET learning_credentials.show_pending');
($out, $err) = answers($primary, <<"SQL");
CREATE FUNCTION playground.pending(uuid) RETURNS bigint LANGUAGE sql STABLE SET learning_credentials.show_pending = on
    AS 'SELECT count(*) FROM $view WHERE verify_uuid = \$1';
SELECT playground.pending('$code{generating}[0]');
SQL
unlike($out, qr/1/, 'nor a function of the role\'s own');
($out, $err) = answers($primary, <<"SQL");
SELECT playground.pending('$code{generating}[0]');
SELECT playground.pending('$code{generating}[0]');
SQL
unlike($out, qr/1/, 'also where it is the first thing that a session does');

# ---- options of the connection do not bring the default back in place of what the database has
{
	my $reason = "SELECT invalidation_reason FROM $view WHERE verify_uuid = '$code{invalidated}[0]'";
	is((answers($primary, $reason))[0], 'Renewed', 'the reason');
	$primary->safe_psql('postgres', 'ALTER DATABASE postgres SET learning_credentials.show_invalidation_reason = off');
	is((answers($primary, $reason))[0], '', 'no reason');
	for my $statements ($reason, "RESET ALL; $reason", "SET learning_credentials.show_invalidation_reason = on; $reason")
	{
		for my $option ('show_invalidation_reason=on', 'show_invalidation_reason=off', 'Show_Invalidation_Reason=x')
		{
			local $ENV{PGOPTIONS} = "-c learning_credentials.$option";
			my ($out, $err) = answers($primary, $statements);
			is($out, '', "no reason with $option: " . substr($statements, 0, 9));
			like($err, qr/^FATAL:  parameter "learning_credentials.show_invalidation_reason" cannot be set by the options of this connection/m, 'no connection');
		}
	}
	{
		local $ENV{PGOPTIONS} = '-c learning_credentials.show_invalidation_reason=on -c learning_credentials.notify=off';
		is((answers($primary, $reason, role => undef, psql => { extra_params => [] }))[0], 'Renewed', 'whoever has the right to can');
	}
	local $ENV{PGOPTIONS} = '-c learning_credentials.notify=off -c learning_credentials.nothing=1 -c work_mem=1MB';
	is((answers($primary, "$reason; SHOW learning_credentials.notify; SHOW work_mem"))[0], "\noff\n1MB", 'other settings can be set');
	$primary->safe_psql('postgres', 'ALTER DATABASE postgres RESET learning_credentials.show_invalidation_reason');
}

# ---- whoever has the right to: for the database, on both
$primary->safe_psql('postgres', 'ALTER DATABASE postgres SET learning_credentials.show_pending = on');
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
for my $node ($primary, $standby)
{
	is((answers($node, "SELECT user_full_name, status, is_valid FROM $view WHERE verify_uuid = '$code{generating}[0]'"))[0],
		'Learner 5002|generating|f', $node->name . ': the database\'s setting shows what is pending');
	is((answers($node, "SET learning_credentials.show_pending = off; SELECT status FROM $view WHERE verify_uuid = '$code{error}[0]'"))[0],
		'error', $node->name . ': and nobody else hides it');
}

$standby->stop;
$primary->stop;
done_testing();
