# Templates that are none, or that decompress to gigabytes: refused at upload, and again at use if they came
# in unchecked; with an error that says why, at once, and without harm to the server or its memory.
use strict;
use warnings;

use FindBin;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

use lib "$FindBin::RealBin/lib";
use Document qw(output);
use Template qw(server store write_file);
use TemplatePdf qw(build sound hostile);

use constant SECONDS => 5;

my %hostile = hostile();
my %sound = sound();
my $folder = PostgreSQL::Test::Utils::tempdir();

# With a password for its user.
my $source = write_file("$folder/source.pdf", $sound{'layers'});
output('qpdf', '--encrypt', 'secret', 'owner', '256', '--', $source, "$folder/locked.pdf");
$hostile{'needs a password'} = [ slurp_file("$folder/locked.pdf"), 'needs a password' ];

plan tests => 5 * keys(%hostile) + 8;

my $node = server();
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
my $count = 0;

# Processor time of all sessions that have ended, in seconds; these, by their process ids, are waited for.
sub spent
{
	for my $pid (@_)
	{
		$pid =~ /^\d+$/ or die 'there was no session';
		sleep 0.01 while -e "/proc/$pid";
	}
	my @values = split ' ', slurp_file("/proc/$postmaster/stat") =~ s/^.*\) //sr;		# from the third one on, proc(5)
	return ($values[13] + $values[14]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

for my $name (sort keys %hostile)
{
	my ($pdf, $error) = @{ $hostile{$name} };
	$error = qr/\Q$error\E/ unless ref $error;		# a pattern where versions of libqpdf differ
	my $slug = 'hostile-' . ++$count;
	my $path = write_file("$folder/template.pdf", $pdf);
	my $before = spent();
	my $session = 'SELECT pg_backend_pid();';

	my ($status, $first, $said) = store($node, $slug, $path, $session);
	isnt($status, 0, "$name: refused");
	like($said, qr/^psql:<stdin>:1: ERROR:  .*$error/s, "$name: says why");

	# As a restored dump would bring it.
	store($node, $slug, $path, 'SET check_function_bodies = off;');
	($status, my $second, $said) =
	  $node->psql('postgres', qq{$session SELECT length(learning_credentials.preview_pdf('{"template": "$slug"}'))});
	isnt($status, 0, "$name: refused at use");
	like($said, qr/ERROR:  PDF template "$slug" \(option "template"\) .*$error/s,
		"$name: says which, and why");
	cmp_ok(spent($first, $second) - $before, '<', SECONDS, "$name: at once");
}

# ---- the limit is the setting's

my $path = write_file("$folder/template.pdf", $hostile{'bomb in an image'}[0]);
my (undef, undef, $said) = store($node, 'small', $path, "SET learning_credentials.parse_memory = '100MB';");
like($said, qr/decompresses to more than 102400 kB/, 'the limit is the setting');
is((store($node, 'large', $path, "SET learning_credentials.parse_memory = '1GB';"))[0],
	0, 'what is within the limit is a template');

# ---- memory may be used up at any point

# Streams whose lengths are said by the next one take stack, which needs memory too; one that is decoded takes much
# at once, at last.
my @pages = ('<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 842 595] >>');
my $chained = write_file("$folder/chained.pdf",
	build(@pages, '<< /Type /Page /Parent 2 0 R /Resources << /XObject << /X 4 0 R >> >> >>', (map { [ "/Length $_ 0 R", '' ] } 5 .. 480), '0'));
my $runs = write_file("$folder/runs.pdf",
	build(@pages, '<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>', [ '/Filter /RunLengthDecode', "\x81 " x (60 * 8192) . "\x80" ]));
for my $try ([ 'chained', $chained, 100, 2000, 7 ], [ 'runs', $runs, 60 * 1024, 300 * 1024, 1500 ], [ 'sound', $source, 100, 9000, 23 ])
{
	my ($name, $file, $from, $to, $step) = @$try;
	my $outcomes = $node->safe_psql('postgres', qq{
		CREATE OR REPLACE FUNCTION read_within(kilobytes int, file bytea) RETURNS text LANGUAGE plpgsql AS \$\$
		BEGIN
			PERFORM set_config('learning_credentials.parse_memory', kilobytes::text, true);
			INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('within', file);
			RAISE EXCEPTION 'stored' USING ERRCODE = 'LC000';
		EXCEPTION WHEN OTHERS THEN
			RETURN SQLSTATE;
		END \$\$;
		SET client_min_messages = error;
		SELECT string_agg(DISTINCT outcome, ' ')
		  FROM (SELECT read_within(kilobytes, pg_read_binary_file('$file')) AS outcome FROM generate_series($from, $to, $step) AS kilobytes) AS tried});
	like($outcomes, $name eq 'chained' ? qr/^22023 54000$/ : qr/^54000 LC000$/, "$name: however little memory there is, the server stays up");
}

# ---- no memory is lost: one session meets every one of them again and again

my $growth = $node->safe_psql('postgres', q{
	CREATE FUNCTION meet(times int) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		slug text;
		refused bigint := 0;
	BEGIN
		FOR i IN 1..times LOOP
			FOR slug IN SELECT a.slug FROM learning_credentials.credential_asset a WHERE a.slug LIKE 'hostile-%' LOOP
				BEGIN
					PERFORM learning_credentials.preview_pdf(jsonb_build_object('template', slug));
				EXCEPTION WHEN invalid_parameter_value OR program_limit_exceeded THEN
					refused := refused + 1;
				END;
			END LOOP;
		END LOOP;
		RETURN refused;
	END $$;
	CREATE FUNCTION resident() RETURNS bigint LANGUAGE sql AS
		$$SELECT substring(pg_read_file('/proc/self/status') from 'VmRSS:\s+([0-9]+)')::bigint$$;
	CREATE TEMP TABLE measured AS SELECT meet(2), resident() AS kb;
	SELECT meet(6), resident() - (SELECT kb FROM measured);
});
my ($refused, $kb) = split /\|/, $growth;
is($refused, 6 * keys %hostile, 'each is refused each time');
cmp_ok($kb, '<', 20_000, 'and the session has not grown');

is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'no backend crashed')
  or diag(slurp_file($node->logfile));
