# The examples in docs/ do what the pages say, and its pictures are theirs. See test/docs/examples.md for how pages are written.
use strict;
use warnings;

use Cwd qw(getcwd);
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The first page leaves the database that the others begin with.
my $first = 'getting-started';
my @others = qw(sources designing-a-certificate writing-functions lifecycle history corrections bulk moving privacy planning scheduling health listening verification security rest backup-and-upgrade);

my $checkout = getcwd();
my $node = PostgreSQL::Test::Cluster->new('examples');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8', '--username=postgres' ]);
$node->append_conf('postgresql.conf', "client_min_messages = notice\nTimeZone = 'UTC'");
$node->start;

$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGUSER} = 'postgres';
delete @ENV{qw(PGDATABASE PGOPTIONS PGSERVICE)};

my $work = PostgreSQL::Test::Utils::tempdir();
symlink "$checkout/$_", "$work/$_" or die "symlink: $!" for qw(test tools);

# The fenced blocks of a page: [language, text, line, run?].
sub blocks
{
	my ($page) = @_;
	my (@blocks, $block, $comment);
	my $role = 'postgres';

	open my $handle, '<', "docs/$page.md" or die "docs/$page.md: $!";
	while (my $line = <$handle>)
	{
		if ($block and $line =~ /^```\s*$/)
		{
			push @blocks, $block;
			undef $block;
			$comment = '';
		}
		elsif ($block)                                   { $block->{text} .= $line; }
		elsif ($line =~ /^```(\w+)/)
		{
			$block = { language => $1, text => '', line => $., role => $role, run => ($comment // '') !~ /not run/ };
			$block->{follows} = $#blocks if defined $comment and $comment eq '' and @blocks;
		}
		elsif ($line =~ /^<!-- as (\w+) -->$/)            { $role = $1; }
		elsif ($line =~ /^<!--.*-->$/)                   { $comment = $line; }
		elsif ($line =~ /\S/)                            { $comment = undef; }
	}
	close $handle;
	die "docs/$page.md: a block without end" if $block;
	return @blocks;
}

# What differs from run to run, and how wide psql makes its columns, is left out.
sub normal
{
	my ($text) = @_;

	$text =~ s/(\b|%2F)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/$1UUID/g;
	$text =~ s/\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:\d\d)?)?/TIME/g;
	$text =~ s/\b[0-9a-f]{64}\b/SHA256/g;
	$text =~ s/\b\d{4}-\d\d-\d\d\b/DATE/g;
	$text =~ s/\b$node->{_port}\b/PORT/g;
	$text =~ s/with PID \d+/with PID N/g;
	$text =~ s/\b[A-Z]{6}\+/SUBSET+/g;
	$text =~ s/-{2,}/-/g;
	$text =~ s/[ \t]+/ /g;
	$text =~ s/^ | $//mg;
	$text =~ s/^psql:<stdin>:\d+: //mg;
	$text =~ s/^(LINE \d+:|\^).*\n//mg;
	return join "\n", grep { /\S/ } split /\n/, $text;
}

# Options of generate_pdf: the page is made, a blank one if they name none.
sub preview
{
	my ($options) = @_;

	return <<"SQL";
SELECT octet_length(learning_credentials.preview_pdf(
           CASE WHEN o ?| ARRAY['template', 'page'] THEN o ELSE o || '{"page": {}}' END)) AS bytes
  FROM (VALUES (\$json\$$options\$json\$::jsonb)) AS v (o);
SQL
}

sub run_page
{
	my ($page) = @_;
	my @blocks = blocks($page);
	my $ran = 0;

	foreach my $i (0 .. $#blocks)
	{
		my $block = $blocks[$i];
		my $answer = $blocks[ $i + 1 ];
		my $expected;
		my @command;
		my $input = $block->{text};
		my $out = '';

		next unless $block->{run};
		if ($block->{language} eq 'json')
		{
			$input = preview($input);
			$block->{language} = 'sql';
		}
		if ($block->{language} eq 'sql')
		{
			@command = ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'lms', '-f', '-');
		}
		elsif ($block->{language} eq 'sh')
		{
			@command = ('bash', '-e', '-o', 'pipefail');
		}
		else
		{
			next;
		}
		$expected = $answer->{text}
		  if $answer and $answer->{language} eq 'text' and ($answer->{follows} // -1) == $i;

		local $ENV{PGUSER} = $block->{role};
		chdir $work;
		my $good = IPC::Run::run(\@command, '<', \$input, '>', \$out, '2>&1');
		chdir $checkout;
		$ran++;

		my $name = "$page.md, line $block->{line}";
		if (defined $expected)
		{
			is(normal($out), normal($expected), "$name: prints what the page says");
			ok($good || $expected =~ /^ERROR:/m, "$name: ends as the page says");
		}
		else
		{
			ok($good && $out !~ /(ERROR|WARNING):/, "$name: runs") or diag($out);
		}
	}
	cmp_ok($ran, '>', 0, "$page.md has examples");
	return;
}

run_page($first);

# A database's settings are not copied with it.
my $setting = $node->safe_psql('postgres', q{
SELECT format('ALTER DATABASE lms SET %s', regexp_replace(unnest(setconfig), '=(.*)', ' = ''\1'''))
  FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = 'lms')});
$node->safe_psql('postgres', 'ALTER DATABASE lms RENAME TO first_page');
foreach my $page (@others)
{
	$node->safe_psql('postgres', $_)
	  for 'DROP DATABASE IF EXISTS lms', 'CREATE DATABASE lms TEMPLATE first_page', $setting;
	run_page($page);
}

# Every picture is made from an example, and shown.
my $text = join '', map { PostgreSQL::Test::Utils::slurp_file($_) } 'README.md', sort glob 'docs/*.md';
my %files = map { /([^\/]+)\.png$/ => 1 } glob 'docs/images/*';
my %asked = map { $_ => 1 } $text =~ /^<!-- picture ([\w-]+): /mg;
my %shown = map { $_ => 1 } $text =~ /^!\[[^\]\n]+\]\((?:docs\/)?images\/([\w-]+)\.png\)$/mg;
cmp_ok(scalar keys %files, '>', 0, 'there are pictures');
is_deeply(\%files, \%asked, 'docs/images/ holds what the pages ask for');
is_deeply(\%files, \%shown, 'docs/images/ holds what the pages show');

# Every option of a document has an example, and its keys an example each.
my ($help) = PostgreSQL::Test::Utils::slurp_file('docs/reference.md') =~ /^### generate_pdf\n(.*?)^### /ms;
my %options = map { $_ => 1 } $help =~ /^ *- `(\w+)`:/mg;
my %example;
sub note_keys
{
	my ($value) = @_;

	note_keys($_) for ref $value eq 'HASH' ? values %$value : ref $value eq 'ARRAY' ? @$value : ();
	@example{ keys %$value } = () if ref $value eq 'HASH';
	return;
}
note_keys(decode_json($_->{text})) for grep { $_->{language} eq 'json' && $_->{run} } blocks('designing-a-certificate');
cmp_ok(scalar keys %options, '>', 20, 'the reference lists options of generate_pdf');
is_deeply([ grep { !exists $example{$_} } sort keys %options ], [], 'designing-a-certificate.md has an example of each');

$node->stop;
done_testing();
