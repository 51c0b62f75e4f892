# PostgREST's own paths, without nginx: the view shows a credential to whoever gives its code, whatever else a request says,
# and no answer tells of others. Then, where the real PostgREST is, that our stand-in sends the database what it sends.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Rest;
use Test::More;

my $node = new_node('campus');
make_database($node, 'campus', 12);
sub sql { return $node->safe_psql('campus', $_[0]) }
web_roles($node, 'campus');

my $configuration = configure($node, 'campus', 'course');
sql('INSERT INTO app.failing VALUES (12)');
sql("SELECT learning_credentials.generate_credential($configuration, i) FROM generate_series(1, 11) AS i");
finish_sql(start_sql($node, 'campus', "SELECT learning_credentials.generate_credential($configuration, 12)"));
sql('ANALYZE');
my @codes = split /\n/, sql('SELECT verify_uuid FROM learning_credentials.credential WHERE user_id < 12 ORDER BY 1');
my ($pending) = sql('SELECT verify_uuid FROM learning_credentials.credential WHERE user_id = 12');
my $known = splice @codes, 5, 1;
my $unknown = '00000000-0000-4000-8000-000000000000';
my ($low, $high) = ('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff');

my $socket = start_postgrest($node, 'campus');
my %roles = (anybody => undef, learner => token(role => 'learner', user_id => 2), staff => token(role => 'staff', user_id => 3));

# asked(ROLE, PATH AND ARGUMENTS, HEADER => VALUE...)
sub asked
{
	my ($role, $path, %headers) = @_;
	$headers{Authorization} = $roles{$role} if $roles{$role};
	return answer($socket, $path =~ s/([ <>|^"\\`])/sprintf '%%%02X', ord $1/ger, %headers);
}

# What an answer says, but for the time and for what it repeats of the question.
sub said
{
	my ($answer) = @_;
	return $answer->{raw} =~ s/^(?:Date|Content-Location):.*\r\n//gmr;
}

# silent(ANSWER, NAME): no row, no holder, no code
sub silent
{
	my ($answer, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $said = join '|', @codes, $pending;
	my $body = $answer->{body};
	return ok($body !~ /$said|Użytkownik|Plain/ && $answer->{status} != 599 && $answer->{status} != 500
		  && ($answer->{status} >= 400 || $body eq '' || $body eq '[]'), $name) || diag($answer->{raw});
}

# ============================================================ with the code

for my $role (sort keys %roles)
{
	my $rows = json_of(asked($role, "/metadata?verify_uuid=eq.$known"));
	is(scalar @$rows, 1, "$role: the credential");
	is($rows->[0]{verify_uuid}, $known, 'that one');
}
is_deeply(json_of(asked('anybody', "/metadata?verify_uuid=eq.$known&select=verify_uuid,status&order=created.desc&limit=5")),
	[ { verify_uuid => $known, status => 'available' } ], 'select, order, limit');
is_deeply(json_of(asked('anybody', "/metadata?and=(verify_uuid.eq.$known,status.eq.available)&select=status")), [ { status => 'available' } ], 'and');
is_deeply(json_of(asked('anybody', "/metadata?verify_uuid=eq.$known&select=verify_uuid::text")), [ { verify_uuid => $known } ], 'a cast');
is(json_of(asked('anybody', "/metadata?verify_uuid=eq.$known", Accept => 'application/vnd.pgrst.object+json'))->{verify_uuid}, $known, 'as an object');
for my $count (qw(exact planned estimated))
{
	for my $limit ('', '&limit=0')
	{
		my %answers = map { $_ => asked('anybody', "/metadata?verify_uuid=eq.$_$limit", Prefer => "count=$count") } $known, $unknown, $pending;
		like($answers{$known}{headers}{'content-range'}, qr{/1$}, "count=$count$limit: one");
		is(said($answers{$pending}), said($answers{$unknown}), "count=$count$limit: pending and unknown do not differ");
		silent($answers{$pending}, "count=$count$limit: nothing of the pending one");
	}
}
is(said(asked('anybody', "/metadata?verify_uuid=eq.$pending")), said(asked('anybody', "/metadata?verify_uuid=eq.$unknown")), 'pending and unknown do not differ');

# ============================================================ without it

# Each with a range that holds credentials, and with one that holds none: the answers do not differ.
my @ranges = ([ $low, $high ], [ $low, '00000000-0000-0000-0000-000000000001' ]);
my @questions = (
	'verify_uuid=gte.LOW&verify_uuid=lte.HIGH', 'verify_uuid=gt.LOW&verify_uuid=lt.HIGH', 'and=(verify_uuid.gte.LOW,verify_uuid.lte.HIGH)',
	'or=(verify_uuid.gte.LOW,verify_uuid.eq.HIGH)', 'verify_uuid=in.(LOW,HIGH)', 'verify_uuid=in.(LOW)', 'verify_uuid=not.in.(LOW,HIGH)',
	'verify_uuid=eq(any).{LOW,HIGH}', 'verify_uuid=gte(all).{LOW}', 'verify_uuid=neq.LOW', 'verify_uuid=not.eq.LOW', 'verify_uuid=not.gt.HIGH',
	'or=(verify_uuid.eq.LOW,verify_uuid.eq.HIGH)', 'or=(verify_uuid.eq.LOW,status.eq.available)', 'superseded_by=gte.LOW&verify_uuid=gte.LOW');
my @views = ('', '&limit=0', '&limit=1', '&select=status', '&order=verify_uuid.asc&limit=1', '&offset=1');
for my $question (@questions)
{
	for my $view (@views)
	{
		for my $count (undef, qw(exact planned estimated))
		{
			next if $count && $view ne '' && $view ne '&limit=0';
			my @answers = map
			{
				my ($from, $to) = @$_;
				my $filled = $question =~ s/LOW/$from/gr =~ s/HIGH/$to/gr;
				asked('anybody', "/metadata?$filled$view", $count ? (Prefer => "count=$count") : ())
			} @ranges;
			my $name = "$question$view" . ($count ? " count=$count" : '');
			is($answers[0]{status}, 401, "$name: refused");
			is(said($answers[0]), said($answers[1]), "$name: the same where there is nothing");
			silent($answers[0], "$name: silent");
		}
	}
}
for my $role (qw(learner staff))
{
	my $answer = asked($role, "/metadata?$questions[0]" =~ s/LOW/$low/gr =~ s/HIGH/$high/gr);
	is($answer->{status}, 403, "$role: refused");
	silent($answer, "$role: silent");
}

silent(asked('anybody', $_), $_)
  for '/metadata', '/metadata?limit=0', '/metadata?select=verify_uuid', '/metadata?order=verify_uuid', '/metadata?user_full_name=like.*', '/metadata?status=eq.available',
  '/metadata?user_full_name=eq.User', '/metadata?verify_uuid=is.null', '/metadata?verify_uuid=not.is.null', '/metadata?verify_uuid=like.0*', '/metadata?is_valid=is.true',
  '/metadata?not.or=(verify_uuid.eq.' . $known . ')', '/metadata?select=count()', '/metadata?select=verify_uuid.max()', '/metadata?select=status,count()',
  "/metadata?select=*,credential(*)&verify_uuid=eq.$known", "/metadata?select=*,metadata(*)&verify_uuid=eq.$known", "/metadata?select=*,document(*)&verify_uuid=eq.$known",
  "/metadata?verify_uuid=eq.$known&or=(verify_uuid.eq.$codes[0],verify_uuid.eq.$codes[1])", "/metadata?verify_uuid=eq.$known&verify_uuid=eq.$codes[0]",
  "/metadata?verify_uuid=eq.$known&offset=1", '/metadata?verify_uuid=eq.nonsense', '/metadata?verify_uuid=eq.', '/metadata?verify_uuid=eq.%00', '/metadata?nonsense=eq.1',
  '/metadata?verify_uuid=nonsense', '/metadata?verify_uuid', '/', '/credential', '/document?select=content', '/lms_user', '/access_grant', '/pg_user', '/pg_stats',
  '/rpc/keyed?code=' . $known, '/rpc/caller_is_staff', '/rpc/caller_user_id', '/rpc/problem?status=200&message=x', '/rpc/grant_access?role_name=anonymous&level=admin',
  '/rpc/generate_credential?configuration_id=1&user_id=1', '/rpc/pg_sleep?seconds=1', '/rpc/set_config', '/rpc/metadata', '/rpc/metadata?verify_uuid=eq.' . $known,
  "/rpc/metadata?verify_uuid=$known&verify_uuid=$codes[0]&nonsense=1";
silent(asked('anybody', '/metadata', %$_), "headers @{[%$_]}")
  for { Range => '0-9' }, { Range => '0-' }, { Range => '0-9', 'Range-Unit' => 'items', Prefer => 'count=exact' }, { Accept => 'application/vnd.pgrst.plan+json' },
  { Accept => 'application/vnd.pgrst.plan+text; options=analyze|verbose' }, { Accept => 'application/vnd.pgrst.object+json' }, { Accept => 'application/octet-stream' },
  { Accept => 'text/html' }, { Accept => 'image/png' }, { 'Accept-Profile' => 'learning_credentials' }, { 'Accept-Profile' => 'pg_catalog' }, { Prefer => 'count=exact, tx=commit' },
  { method => 'HEAD' }, { method => 'HEAD', Prefer => 'count=exact' }, { method => 'HEAD', Prefer => 'count=planned' };
silent(asked('anybody', '/metadata', Accept => 'text/csv'), 'as CSV') if is_real();
for my $role (sort keys %roles)
{
	my %json = ('Content-Type' => 'application/json');
	for ([ 'POST', '/metadata', '{"status": "available"}' ], [ 'PATCH', "/metadata?verify_uuid=eq.$known", '{"status": "invalidated"}' ],
		[ 'PATCH', '/metadata', '{"user_full_name": "x"}' ], [ 'PATCH', "/metadata?verify_uuid=eq.$known", '{"user_full_name": "x"}' ],
		[ 'DELETE', "/metadata?verify_uuid=eq.$known", '' ], [ 'DELETE', '/metadata', '' ], [ 'PUT', "/metadata?verify_uuid=eq.$known", '{"status": "available"}' ])
	{
		my ($method, $path, $body) = @$_;
		my $answer = asked($role, $path, method => $method, body => $body, %json);
		like($answer->{status}, qr/^40[0-9]$/, "$role: $method $path $body");
		silent($answer, 'silent');
	}
	# A function's arguments as JSON: of another kind, too many, none.
	for my $body ("{\"verify_uuid\": [\"$known\"]}", '{"verify_uuid": {"x": 1}}', '{"verify_uuid": 1e400}', '{"verify_uuid": null}', '{}', '[]', '"x"', '{"verify_uuid": "\u0000"}',
		'{"verify_uuid": "' . 'x' x 100_000 . '"}')
	{
		next unless is_real();
		my $answer = asked($role, '/rpc/metadata', method => 'POST', body => $body, %json);
		like($answer->{status}, qr/^40[0-9]$/, "$role: POST " . substr $body, 0, 60);
		silent($answer, 'silent');
	}
	is(json_of(asked($role, '/rpc/metadata', method => 'POST', body => "{\"verify_uuid\": \"$known\"}", %json))->{verify_uuid}, $known, "$role: POST of a code");
	is(asked($role, "/rpc/metadata?verify_uuid=$known", method => 'DELETE')->{status}, 405, "$role: DELETE of a function");
}
is(sql("SELECT status, user_full_name FROM learning_credentials.credential WHERE verify_uuid = '$known'") =~ /^available\|/, 1, 'nothing was changed');

# ============================================================ plans that stay, connections that are shared

# A prepared statement is planned anew the first five times, then perhaps once for all: with the code as a parameter.
is(asked('anybody', "/metadata?verify_uuid=eq.$known&select=status")->{body}, '[{"status":"available"}]', "lookup $_") for 1 .. 12;
# Connections go from one caller to the next.
for (1 .. 20)
{
	my $role = (qw(anybody learner staff))[ $_ % 3 ];
	my $answer = asked($role, '/rpc/credentials');
	is($answer->{status}, $role eq 'anybody' ? 401 : 200, "$role is $role");
	my @ids = map { $_->{context_key} } @{ (json_of($answer) // {})->{credentials} // [] };
	is(scalar @ids, $role eq 'anybody' ? 0 : 1, 'with what is theirs');
}

# ============================================================ the stand-in

SKIP:
{
	skip 'no PostgREST 12 to compare the stand-in with', 1 unless (real_version() // '') =~ /^12\./;
	my @same = (
		[ "/metadata?verify_uuid=eq.$known" ], [ "/metadata?verify_uuid=eq.$known&select=user_full_name,status&order=created.desc&limit=1" ],
		[ "/metadata?verify_uuid=eq.$known", Prefer => 'count=exact' ], [ "/metadata?verify_uuid=eq.$known", Prefer => 'count=estimated' ],
		[ "/metadata?and=(verify_uuid.eq.$known,status.eq.available)" ], [ "/metadata?verify_uuid=eq.$known&select=verify_uuid::text" ],
		[ "/metadata?verify_uuid=eq.$known", Range => '0-9' ], [ "/metadata?verify_uuid=eq.$known", Accept => 'application/vnd.pgrst.object+json' ],
		[ "/rpc/metadata?verify_uuid=$known" ], [ "/rpc/metadata?verify_uuid=$known", method => 'HEAD' ], [ "/rpc/verify_page?verify_uuid=$known", Accept => 'text/html' ],
		[ "/rpc/document?uuid=$known", Authorization => $roles{learner} ], [ '/rpc/credentials', Authorization => $roles{staff} ],
		[ '/rpc/credentials?username=%20user1', Authorization => $roles{staff} ], [ '/rpc/verify_document?sha256=x' ],
		[ '/rpc/eligibility?learning_context_key=course-v1:Test%2Bcourse%2B1&username=%20user2', Authorization => $roles{learner} ]);
	my $stand_in = start_postgrest($node, 'campus', stand_in => 1);
	$node->safe_psql('postgres', "ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf()");
	$node->poll_query_until('campus', "SELECT current_setting('log_statement') = 'all'");

	# The statements that a server sends for a request, each with one kind of blank, without the names of prepared statements.
	my $statements = sub {
		my ($where, $path, %headers) = @_;
		my $answer;
		my @got;
		# The second time all is prepared.
		for (1, 2)
		{
			my $from = -s $node->logfile;
			$answer = answer($where, $path, %headers);
			my $log = slurp_file($node->logfile, $from);
			@got = ();
			for (split /^(?=\d{4}-\d\d-\d\d )/m, $log)
			{
				my $statement = /DETAIL:  prepare: PREPARE \w+(?: \(\w+\))? AS (.*)/s ? $1 : /LOG:  (?:execute \w+|statement): (?!EXECUTE|PREPARE)(.*)/s ? $1 : next;
				$statement =~ s/\s+/ /g;
				$statement =~ s/ (?=[,)])|(?<=\() | $//g;
				push @got, $statement;
			}
		}
		return ($answer, \@got);
	};
	for (@same)
	{
		my ($path, %headers) = @$_;
		my $name = join ' ', $path, map { /^Bearer/ ? '(token)' : $_ } %headers;
		my ($theirs, $they_send) = $statements->($socket, $path, %headers);
		my ($ours, $we_send) = $statements->($stand_in, $path, %headers);
		cmp_ok(scalar @$they_send, '>=', 4, "$name: the statements were found");
		is_deeply($we_send, $they_send, "$name: the stand-in sends the same");
		is($ours->{status}, $theirs->{status}, 'and answers alike');
		is($ours->{body}, $theirs->{body}, 'with the same');
		is($ours->{headers}{$_}, $theirs->{headers}{$_}, $_) for qw(content-type content-range etag cache-control www-authenticate);
	}
}
stop_rest();
done_testing();
