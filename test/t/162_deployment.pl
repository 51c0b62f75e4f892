# deploy/ as it is shipped, and as docs/rest.md says it may be changed: limits, HTTPS, a token in a cookie, an audience, a
# time limit, a standby.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use LearningCredentials;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rest;
use Test::More;
use Time::HiRes qw(sleep time);

if (!nginx_program())
{
	diag('NO NGINX (NGINX_PROGRAM=..., or on the path): WHAT IS TESTED THROUGH IT IS SKIPPED');
	plan skip_all => 'no nginx';
}

my $node = new_node('campus', 'wal_level = replica', 'max_wal_senders = 4', 'hot_standby = on');
make_database($node, 'campus', 3);
sub sql { return $node->safe_psql('campus', $_[0]) }
web_roles($node, 'campus');
my $configuration = configure($node, 'campus', 'course');
my $uuid = sql("SELECT learning_credentials.generate_credential($configuration, 1)");
my $code = sql("SELECT verify_uuid FROM learning_credentials.credential WHERE uuid = '$uuid'");
sql("INSERT INTO learning_credentials.lms_context (key, display_name) VALUES ('course-v1:Test+course+1', 'A course')");
sql("INSERT INTO learning_credentials.lms_enrollment (context_key, user_id) VALUES ('course-v1:Test+course+1', 1)");
my $base = '/api/learning_credentials/v1';
my $learner = token(role => 'learner', user_id => 1);

my $socket = start_postgrest($node, 'campus');

# ---- as it is shipped
{
	my $nginx = start_nginx($socket);
	my @statuses = map { answer($nginx->{port}, "$base/metadata/$code/")->{status} } 1 .. 20;
	is_deeply(\@statuses, [ (200) x 20 ], 'twenty look-ups at once');
	# limited(PATH): the first answer that is a refusal
	my $limited = sub {
		my $answer;
		for (1 .. 500)
		{
			$answer = answer($nginx->{port}, $_[0]);
			last if $answer->{status} == 429;
		}
		return $answer;
	};
	my $answer = $limited->("$base/metadata/$code/");
	is($answer->{status}, 429, 'not five hundred');
	is_deeply(json_of($answer), { error => 'Too many requests.' }, 'in our words');
	is($answer->{headers}{'retry-after'}, 1, 'when to come again');
	is($answer->{headers}{'cache-control'}, 'no-store', 'not to be cached');
	is($limited->("/verify/$code")->{status}, 429, 'one limit for all paths');
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	sleep 0.2 until answer($nginx->{port}, "$base/metadata/$code/")->{status} == 200 or time > $end;
	cmp_ok(time, '<', $end, 'later it answers again');
	my $log = slurp_file($nginx->{access_log});
	like($log, qr/ GET $_ 429 /, "the log knows of $_") for qw(metadata verify);
	unlike($log, qr/$code/, 'and of no code');

	# HTTPS and the way to it
	my ($out, $error) = ('', '');
	my $request = "HEAD $base/metadata/$code/ HTTP/1.1\r\nHost: credentials.example.org\r\nConnection: close\r\n\r\n";
	sleep 1;
	IPC::Run::run([ 'openssl', 's_client', '-quiet', '-connect', "127.0.0.1:$nginx->{tls_port}", '-servername', 'credentials.example.org' ],
		'<', \$request, '>', \$out, '2>', \$error, IPC::Run::timeout(60));
	like($out, qr{^HTTP/1\.1 200 OK\r}, 'over HTTPS') or diag($error);
	for my $old (qw(-tls1 -tls1_1))
	{
		IPC::Run::run([ 'openssl', 's_client', $old, '-cipher', 'ALL:@SECLEVEL=0', '-connect', "127.0.0.1:$nginx->{tls_port}" ],
			'<', \'', '>', \$out, '2>', \$error, IPC::Run::timeout(60));
		unlike($out, qr/BEGIN CERTIFICATE/, "not with $old");
	}
	$answer = answer($nginx->{http_port}, "/verify/$code?x=y", Host => 'evil.example.org');
	is($answer->{status}, 301, 'HTTP');
	is($answer->{headers}{location}, "https://credentials.example.org/verify/$code?x=y", 'leads to HTTPS, on the host of ours');
	is(answer($nginx->{http_port}, '/', method => 'POST', body => 'x')->{status}, 301, 'whatever is sent');
	my $plain = request($nginx->{tls_port}, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	is($plain->{status}, 400, 'HTTP on the port of HTTPS');
	like($plain->{body}, qr/^\{"error": /, 'in our words');
}

my @open = (qr{rate=10r/s}, 'rate=5000r/s', qr{burst=20}, 'burst=5000');

# ---- a name is compared some times, by the page's form or without the page, and is not written down
{
	sql("UPDATE learning_credentials.credential_configuration SET hide_name = true WHERE id = $configuration");
	my $nginx = start_nginx($socket, @open);
	is(json_of(answer($nginx->{port}, "$base/metadata/$code/"))->{name_withheld}, 'hidden', 'a name that is not shown');
	unlike(answer($nginx->{port}, "/verify/$code")->{body}, qr/class="answer"/, 'the page asks');
	like(answer($nginx->{port}, "/verify/$code?name=1+U%C5%BCYTKOWNIK")->{body}, qr/class="answer".*class="good"/, 'and says yes');
	like(answer($nginx->{port}, "/verify/$code?name=U%C5%BCytkownik+2")->{body}, qr/class="answer".*class="bad"/, 'or no');
	for ([ 'U%C5%BCytkownik%201', 200, { matches => JSON::PP::true } ], [ 'is.null', 200, { matches => JSON::PP::false } ],
		[ 'not.eq.5', 200, { matches => JSON::PP::false } ], [ '', 400, { error => 'The parameters verify_uuid and name are needed.' } ],
		[ '%ff', 400, { error => 'Malformed request.' } ])
	{
		my ($name, $status, $body) = @$_;
		my $matched = answer($nginx->{port}, "$base/match_name/$code/?name=$name");
		is($matched->{status}, $status, "match_name: $name");
		is_deeply(json_of($matched), $body, "match_name answers: $name");
	}
	is(json_of(answer($nginx->{port}, "$base/match_name/-/?name=x"))->{error}, 'The verification code is malformed.', 'no code');
	my $guesses = 0;
	$guesses++ while $guesses < 50 and answer($nginx->{port}, "$base/match_name/$code/?name=guess$guesses")->{status} == 200;
	cmp_ok($guesses, '<', 12, 'a list of names is not compared');
	is(answer($nginx->{port}, "/verify/$code?name=guess")->{status}, 429, 'nor on the page');
	is(answer($nginx->{port}, "/verify/$code")->{status}, 200, 'which is still shown');
	my $log = slurp_file($nginx->{access_log});
	like($log, qr/ GET match_name 200 /, 'the log knows that names were compared');
	unlike($log, qr/tkownik|guess|$code/i, 'and not which');
	sql("UPDATE learning_credentials.credential_configuration SET hide_name = false WHERE id = $configuration");
}

# ---- a token in a cookie
{
	my $nginx = start_nginx($socket, @open, qr{#""     \$lc_cookie_token;}, '""      $lc_cookie_token;');
	my $without = start_nginx($socket, @open);
	my ($cookie) = $learner =~ /^Bearer (.*)/;
	my %cookie = (Cookie => "theme=dark; learning_credentials_token=$cookie");
	my $path = "$base/documents/$uuid.pdf";
	is(answer($nginx->{port}, $path, %cookie)->{status}, 200, 'a token in a cookie');
	is(answer($nginx->{port}, $path, Authorization => $learner)->{status}, 200, 'a token in the header');
	is(answer($nginx->{port}, $path, %cookie, Authorization => token(role => 'learner', user_id => 2))->{status}, 404, 'the header goes first');
	is(answer($nginx->{port}, $path, Cookie => 'learning_credentials_token=x')->{status}, 401, 'a bad one');
	is(answer($nginx->{port}, $path, Cookie => 'learning_credentials_token=')->{status}, 401, 'an empty one');
	is(answer($nginx->{port}, $path)->{status}, 401, 'none');
	is(answer($nginx->{port}, "$base/metadata/$code/", Cookie => 'learning_credentials_token=x')->{status}, 200, 'verification looks at none');
	is(answer($without->{port}, $path, %cookie)->{status}, 401, 'as it is shipped, cookies are not looked at');
}

# ---- others' tokens
SKIP:
{
	skip 'no PostgREST', 1 unless is_real();
	my $strict = start_postgrest($node, 'campus', qr{# jwt-aud = "learning_credentials"}, 'jwt-aud = "learning_credentials"');
	my @statuses = map { answer($strict, '/rpc/credentials', Authorization => token(role => 'learner', user_id => 1, @$_))->{status} }
	  [ aud => 'learning_credentials' ], [ aud => 'something else' ];
	is_deeply(\@statuses, [ 200, 401 ], 'an audience');
}

# ---- a time limit
{
	sql('CREATE FUNCTION learning_credentials_api.slow() RETURNS text LANGUAGE sql AS $$ SELECT pg_sleep(60)::text $$');
	sql('ALTER ROLE authenticator SET statement_timeout = 2000');
	my $limited = start_postgrest($node, 'campus');
	my $nginx = start_nginx($limited, @open, qr{/rpc/linkedin_url\?uuid=-\?}, '/rpc/slow?');
	my $begun = time;
	is(answer($limited, '/rpc/slow')->{status}, 500, 'a time limit');
	my $answer = answer($nginx->{port}, "$base/linkedin/_/");
	is_deeply([ $answer->{status}, json_of($answer) ], [ 500, { error => 'The server could not answer.' } ], 'through nginx');
	cmp_ok(time - $begun, '<', 30, 'in time');
	sql('ALTER ROLE authenticator RESET statement_timeout; DROP FUNCTION learning_credentials_api.slow()');
}

# ---- a standby
{
	$node->backup('copy');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'copy', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	is($standby->safe_psql('campus', 'SELECT pg_is_in_recovery()'), 't', 'a standby');
	my $nginx = start_nginx(start_postgrest($standby, 'campus', qr{db-channel-enabled = true}, 'db-channel-enabled = false'), @open);
	my $primary = start_nginx($socket, @open);
	for my $path ("$base/metadata/$code/", "/verify/$code", "$base/credentials/", "$base/documents/$uuid.pdf", "$base/linkedin/$uuid/",
		"$base/configured/course-v1:Test+course+1/", "$base/eligibility/course-v1:Test+course+1/")
	{
		my ($there, $here) = map { answer($_->{port}, $path, Authorization => $learner) } $nginx, $primary;
		is($there->{status}, 200, "standby: $path") or diag($there->{raw});
		is($there->{body}, $here->{body}, 'what the primary says') unless $path =~ /verify/;
	}
	stop_rest();
	$standby->stop;
}

done_testing();
