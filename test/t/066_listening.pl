# The example client tells each thing that becomes of a credential, once, whatever happens to it or to
# the server.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Worker qw(wait_for);

my $node = new_node('listening', 'log_connections = on');
make_database($node, 'campus', 9);

sub sql { return $node->safe_psql('campus', $_[0]) }

sql("CREATE ROLE registrar LOGIN; SELECT learning_credentials.grant_access('registrar', 'issuer')");
my $configuration = configure($node, 'campus', 'Listening');
sub generate { return sql("SELECT learning_credentials.generate_credential($configuration, $_[0])") }

my $state = $node->basedir . '/listen.db';
my ($client, $out, $err, $timer);
my $told = '';

# Starts the client and waits until it listens.
sub start_client
{
	my @options = @_;
	($out, $err) = ('', '');
	$timer = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
	$client = IPC::Run::start(
		[ '/usr/bin/python3', 'docs/examples/listen.py', '--state', $state, @options, $node->connstr('campus') . ' user=registrar' ],
		'<', \undef, '>', \$out, '2>', \$err, $timer);
	wait_for_client();
	return;
}

# It has looked through what it missed, and waits.
sub wait_for_client
{
	$node->poll_query_until('campus', <<'SQL') or die "the client does not listen: $err";
SELECT count(*) = 1 FROM pg_stat_activity
 WHERE usename = 'registrar' AND state = 'idle' AND query LIKE '%credential_event%'
SQL
	return;
}

# The time of the last event that it noted as handled, and of the last that there is
sub last_noted
{
	my ($noted) = run_command([ '/usr/bin/python3', '-c',
		'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("SELECT value FROM time WHERE name = \'last\'").fetchone()[0])',
		$state ]);
	return $noted;
}

sub last_event
{
	return sql(<<'SQL');
SET TimeZone = 'UTC'; SELECT max(occurred_at)::text FROM learning_credentials.credential_event WHERE new_status <> 'generating'
SQL
}

# Ends it without asking, when it has noted what it told (it would tell it again), and keeps what it told.
sub kill_client
{
	wait_for(sub { last_noted() eq last_event() }, 'note of the last event');
	$client->kill_kill;
	$told .= $out;
	return;
}

# Waits for a line, the last one that is expected, and its end
sub tells
{
	my ($line, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(pump_until($client, $timer, \$out, qr/^\Q$line\E\n/m), $name);
}

sub line { return "$_[0]: Użytkownik $_[1] (user $_[1]), course-v1:Test+Listening+1" . ($_[2] // '') }

# ---- what happened before it first began is not told
my $first = generate(1);
sql('INSERT INTO app.failing VALUES (3)');
start_client();
generate(2);
tells(line('available', 2), 'issued');
unlike($out, qr/user 1\)/, 'not what was there before');
generate(3);
tells(line('error', 3, ': user 3 is failing'), 'failed: with the reason');
sql("SELECT learning_credentials.invalidate_credential('$first', 'a mistake')");
tells(line('invalidated', 1, ': a mistake'), 'invalidated: with the reason');
unlike($out, qr/available: Użytkownik 1 /, 'still not what was there before');

# ---- notifications that nobody meant, and somebody does
for my $payload ('', 'rubbish', '[]', '{}', '{"configuration_id": "x", "user_id": 2}', '{"configuration_id": Infinity, "user_id": 1e400}',
	qq({"configuration_id": $configuration, "user_id": 2}))
{
	sql("SELECT pg_notify('learning_credentials', '$payload')");
}
generate(4);
tells(line('available', 4), 'it goes on after notifications that are none');

# ---- while it is away
my $session = Session->new($node, 'campus');
$session->ask("BEGIN; SELECT learning_credentials.generate_credential($configuration, 5)");
generate(6);
tells(line('available', 6), 'issued while a transaction is open');
kill_client();
$session->ask('COMMIT');
$session->close;
my $second = generate(2);
sql("SELECT learning_credentials.reissue_credential('$second')");
sql('DELETE FROM app.failing');
generate(3);
start_client();
tells(line('available', 3), 'away: it is told afterwards');
is( join("\n", sort split /\n/, $out),
	join("\n", sort(line('available', 5), line('invalidated', 2, ', replaced by another one'),
			line('available', 2, ', in place of an earlier one'), line('available', 3))),
	'away: all of it and nothing else, also what was written before and committed meanwhile');

# ---- the server is restarted
$node->restart;
generate(7);
tells(line('available', 7), 'restarted: it connects again');
wait_for_client();
generate(8);
tells(line('available', 8), 'restarted: and listens');
$node->stop('immediate');
$node->start;
generate(9);
tells(line('available', 9), 'crashed: it connects again');

# ---- many at once
wait_for_client();
sql("INSERT INTO learning_credentials.lms_user (id, username, full_name) SELECT i, 'u' || i, 'Użytkownik ' || i FROM generate_series(1001, 3000) AS i");
sql("CALL learning_credentials.generate_credentials($configuration)");
tells(line('available', $_), "many: user $_") for 1001, 1500, 3000;
kill_client();
start_client();
generate(1);
tells(line('available', 1), 'issued again');
kill_client();

# ---- each once
my $expected = sql(<<'SQL');
SELECT format('%s: %s', e.new_status, c.user_id)
  FROM learning_credentials.credential_event e JOIN learning_credentials.credential c ON c.uuid = e.credential_uuid
 WHERE e.new_status <> 'generating' AND (c.user_id <> 1 OR e.occurred_at > (
       SELECT min(occurred_at) FROM learning_credentials.credential_event WHERE new_status = 'available'))
SQL
is( join("\n", sort map { s/^(\w+): .*?\(user (\d+)\).*/$1: $2/r } split /\n/, $told),
	join("\n", sort split /\n/, $expected),
	'all that has happened was told, each once');

# ---- from the beginning
$state = $node->basedir . '/again.db';
start_client('--since', '2020-01-01');
tells(line('available', 1), 'since ever: also the first');
$client->kill_kill;

$node->stop;
done_testing();
