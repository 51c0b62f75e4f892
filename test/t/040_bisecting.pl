# A client that bisects the verification codes through learning_credentials_api.metadata, as an
# anonymous role: 10,000 probes, and no answer that differs from another.
use strict;
use warnings;

use IPC::Open2;
use Math::BigInt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $probes = 10_000;

my $node = PostgreSQL::Test::Cluster->new('bisecting');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION learning_credentials;
CREATE ROLE anonymous LOGIN;
SELECT learning_credentials.grant_access('anonymous', 'verifier');

INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func)
VALUES ('Completion', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT 'course-v1:Lake+Swim+1', id FROM learning_credentials.credential_type;
INSERT INTO learning_credentials.credential
    (configuration_id, credential_type_name, learning_context_key, learning_context_name,
     user_id, user_full_name, status, issue_date)
SELECT c.id, 'Completion', c.learning_context_key, 'Swimming', n, 'Learner ' || n, 'available', now()
  FROM learning_credentials.credential_configuration AS c, generate_series(1, 1000) AS n;
ANALYZE learning_credentials.credential;

-- The same rows behind a view that does not ask for the code: what the client can do.
CREATE VIEW public.open_to_all AS
SELECT verify_uuid, user_full_name FROM learning_credentials.credential;
GRANT SELECT ON public.open_to_all TO anonymous;
SQL

# ---- the client: one connection that says what each statement was answered, rows and errors alike
my $connection = $node->connstr('postgres') . ' user=anonymous';
my $psql = open2(my $answers, my $statements,
	"psql -XAtq -v ON_ERROR_STOP=0 -v VERBOSITY=default -d '$connection' 2>&1");
$statements->autoflush(1);

sub answer
{
	my ($statement) = @_;
	my $answer = '';

	print $statements "$statement;\n\\echo answered :SQLSTATE\n";
	while (my $line = <$answers>)
	{
		return "$1 $answer" if $line =~ /^answered (\w+)/;
		# The line that quotes the statement is the client's own.
		$answer .= $line unless $line =~ /^LINE |^ *\^$/;
	}
	die "psql is gone: $answer";
}

sub code
{
	my ($number) = @_;
	my $hex = substr($number->as_hex, 2);

	$hex = ('0' x (32 - length $hex)) . $hex;
	return join '-', unpack 'A8 A4 A4 A4 A12', $hex;
}

# Ways to ask whether there is a code from $low to $high.
sub ways
{
	my ($view, $low, $high) = @_;
	my $range = "verify_uuid BETWEEN '$low' AND '$high'";

	return (
		"SELECT EXISTS (SELECT FROM $view WHERE $range)",
		"SELECT count(*) FROM $view WHERE $range",
		"SELECT user_full_name FROM $view WHERE $range LIMIT 1",
		"SELECT * FROM $view WHERE $range LIMIT 0",
		"EXPLAIN SELECT * FROM $view WHERE $range",
		"EXPLAIN (ANALYZE, TIMING off, SUMMARY off, COSTS off) SELECT FROM $view WHERE $range",
		"SELECT max(verify_uuid::text) FROM $view WHERE verify_uuid <= '$high'",
		"SELECT user_full_name FROM $view WHERE verify_uuid IN ('$low', '$high')",
		"SELECT user_full_name FROM $view WHERE (verify_uuid = '$low' OR $range)",
		"SELECT 1 / (count(*) - 1) FROM $view WHERE $range",
		"WITH m AS MATERIALIZED (SELECT * FROM $view WHERE $range) SELECT FROM m",
		"SELECT FROM (VALUES ('$low'::uuid), ('$high')) AS v (code) JOIN $view ON verify_uuid = code");
}

# Halves the range of codes until one is left. An answer that differs from the answer for a range that
# surely holds nothing is taken for a hit. Returns the code, or undef when there was never a hit.
sub bisect
{
	my ($view, $way, $low, $high, $seen) = @_;
	my $nothing = (ways($view, code(Math::BigInt->new(1)), code(Math::BigInt->new(2))))[$way];
	my $miss = answer($nothing);
	my $asked = 1;
	my $hit = 0;

	$seen->{$miss}++;
	while ($low < $high && $asked < 200)
	{
		my $middle = ($low + $high) >> 1;
		my $answer = answer((ways($view, code($low), code($middle)))[$way]);

		$asked++;
		$seen->{$answer}++;
		if ($answer ne $miss)
		{
			$hit = 1;
			$high = $middle;
		}
		else
		{
			$low = $middle + 1;
		}
	}
	return ($asked, $hit ? code($low) : undef);
}

my $first = Math::BigInt->new(3);
my $last = Math::BigInt->from_hex('f' x 32);
my $lowest = $node->safe_psql('postgres', 'SELECT min(verify_uuid::text) FROM learning_credentials.credential');

# ---- the client can bisect: behind the open view it finds the lowest code
{
	my %seen;
	my ($asked, $found) = bisect('public.open_to_all', 0, $first, $last, \%seen);

	is($found, $lowest, "a view that asks for no code gives one away in $asked probes");
	is(scalar(keys %seen), 2, 'by two different answers');
}

# ---- behind metadata it learns nothing
{
	my %seen;
	my @found;
	my $count = () = ways('', '', '');
	my $asked = 0;

	for (my $round = 0; $asked < $probes; $round++)
	{
		# From every end: with each way, and each time in another part of the codes.
		my $low = $first + (($last * ($round % 97)) / 97);
		my ($n, $code) =
		  bisect('learning_credentials_api.metadata', $round % $count, $low, $last, \%seen);

		$asked += $n;
		push @found, $code if defined $code;
	}
	cmp_ok($asked, '>=', $probes, "$asked probes");
	is_deeply(\@found, [], 'no code was found');
	is(scalar(keys %seen), 1, 'every probe was answered the same');
	like((keys %seen)[0], qr/^42501 ERROR:  a credential is shown only to whoever gives its verification code\nHINT:[^\n]*\n$/,
		'by SQLSTATE 42501 and one text');
}

# ---- ranges around codes that are there, which the client cannot know
{
	my %seen;
	my @codes = split /\n/, $node->safe_psql('postgres',
		'SELECT verify_uuid FROM learning_credentials.credential ORDER BY user_id LIMIT 100');

	for my $code (@codes)
	{
		$seen{ answer($_) }++ for ways('learning_credentials_api.metadata', $code, $code);
	}
	is_deeply([ map { substr($_, 0, 5) } keys %seen ], ['42501'], 'a range of one code that is there says the same');
}

# ---- and with the code there is the row
my $code = $node->safe_psql('postgres', 'SELECT verify_uuid FROM learning_credentials.credential WHERE user_id = 7');
is(answer("SELECT user_full_name, status, is_valid FROM learning_credentials_api.metadata WHERE verify_uuid = '$code'"),
	"00000 Learner 7|available|t\n", 'the right code gives the row');
is(answer("SELECT user_full_name FROM learning_credentials_api.metadata WHERE verify_uuid = '" . code($first) . "'"),
	'00000 ', 'a wrong code gives nothing');

close $statements;
close $answers;
waitpid $psql, 0;
$node->stop;
done_testing();
