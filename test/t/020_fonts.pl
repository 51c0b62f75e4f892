# Names in fonts, read back from outside: what pdftotext says is what was given, character by character,
# and every font but the built-in ones is embedded and cut.
use strict;
use warnings;

use Encode qw(decode encode);
use FindBin;
use File::Temp qw(tempdir);
use IPC::Run qw(run);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Unicode::Normalize qw(NFD);

my $fonts = '/usr/share/fonts';
my %font = (
	noto => "$fonts/truetype/noto/NotoSans-Regular.ttf",
	dejavu => "$fonts/truetype/dejavu/DejaVuSerif.ttf",
	garamond => "$fonts/opentype/ebgaramond/EBGaramond12-Regular.otf");

my $node = PostgreSQL::Test::Cluster->new('fonts');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION learning_credentials');

my $folder = tempdir(CLEANUP => 1);

# store SLUG FILE: an asset of the file's bytes
sub store
{
	my ($slug, $file) = @_;

	$node->safe_psql('postgres',
		"INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('$slug', pg_read_binary_file('$file'))");
	return;
}

# Texts are bytes of UTF-8 here: what PostgreSQL and the programs take and give.
sub decomposed
{
	my ($text) = @_;

	return encode('UTF-8', NFD(decode('UTF-8', $text)));
}

sub literal
{
	my ($text) = @_;

	$text =~ s/'/''/g;
	return "'$text'";
}

# documents OPTIONS, NAMES...: files with the previews, in order
sub documents
{
	my ($options, @names) = @_;
	my $json = literal(JSON::PP->new->utf8->canonical->encode($options));
	my $list = join ', ', map { '(' . literal($_) . ')' } @names;
	my $rows = $node->safe_psql('postgres',
		"SELECT encode(learning_credentials.preview_pdf($json, name), 'hex') FROM (VALUES $list) AS given (name)");
	my @files;

	for my $row (split /\n/, $rows)
	{
		my $file = sprintf '%s/%04d.pdf', $folder, ++our $count;

		open my $handle, '>:raw', $file or die "$file: $!";
		print $handle pack 'H*', $row;
		close $handle;
		push @files, $file;
	}
	return @files;
}

# output COMMAND...: what it prints; dies when it fails
sub output
{
	my @command = @_;
	my ($out, $error);

	run(\@command, '>', \$out, '2>', \$error) or die "@command: $error";
	return $out;
}

sub text_of
{
	my ($file) = @_;
	my $text = output('pdftotext', $file, '-');

	$text =~ s/[\n\f]+\z//;
	return $text;
}

store($_, $font{$_}) for sort keys %font;

my %blank = (
	page => {},
	text_elements => { context => JSON::PP::false, date => JSON::PP::false });

# ------------------------------------------------------------ names
my @latin = (
	'Zoë Müller-Lüdenscheidt', 'Łukasz Żółć', 'Śćisława Wąż', 'Małgorzata Gżegżółka',
	'Nguyễn Thị Ánh', 'Trần Đức Lương', 'Phạm Tuấn Vũ', 'Đặng Hữu Phước', 'İbrahim Şükrü Çağlayangil',
	'Işıl Öğüt', 'Þórður Ægir Óskarsson', 'Guðrún Ásta Björnsdóttir', 'Ọláwálé Ṣóyínká', 'Adébáyọ̀ Ọ̀ṣun',
	'Griffin Officer Waffle', 'Afflick Fjord Flint', 'AVATAR ToTeVa LT', 'Ståle Sørensen', 'Ōno Yūko',
	'Jiří Dvořák', 'Ľubomíra Ďaďová', 'Győző Szűcs', 'Ștefan Țepeș', 'Šárka Žižková', 'Ģirts Ķēniņš',
	'Õnne Pärtelpoeg', 'Ħabib Ġużeppi Ċensu', "Seán Ó'Súilleabháin", 'Siân Ŵyn', 'María José Ñúñez',
	'Gonçalo Antão', 'Maëlle Œuvrard', 'Kristján Ægisson', 'Gulnarə Əliyeva', 'Kapiʻolani', 'D’Arcy “Dee” Smith',
	'Ƒiɖe Ŋutɔ', 'Anne-Marie  Double', 'Müller, Dr. med. (Köln)', 'Vaiva Šimkūnaitė', 'Ẹ̀niọlá Àjàyí');
my @greek = ('Γιώργος Παπαδόπουλος', 'Ἀριστοτέλης', 'Σωκράτης ὁ Ἀθηναῖος', 'ᾨδὴ Ῥόδου', 'Μαρία Ϊ́ωάννου');
my @cyrillic = (
	'Анна Жукова', 'Щербакова Ёлка', 'Їжакевич Єва', 'Ђорђе Љубичић', 'Ѓорѓи Ќосев', 'Дмитрий Шостакович',
	'Ўладзімір', 'Ґалаґан');
my @mixed = ('Anna Жукова', 'Α A А', 'Maria Παπαδοπούλου-Смирнова');

for my $slug (sort keys %font)
{
	my @given = (@latin, @greek, @cyrillic, @mixed);
	my @files;

	# As given, and with every letter and mark on its own.
	push @given, grep { my $nfd = $_; !grep { $_ eq $nfd } @given } map { decomposed($_) } @given;
	cmp_ok(scalar @given, '>=', 80, "$slug: " . @given . ' names');
	@files = documents({ %blank, defaults => { font => $slug } }, @given);
	is(scalar @files, scalar @given, "$slug: all have documents");
	for my $i (0 .. $#files)
	{
		my $listed = output('pdffonts', $files[$i]);

		is(text_of($files[$i]), $given[$i], "$slug: text of $given[$i]");
		output('qpdf', '--check', $files[$i]);
		like($listed, $slug eq 'garamond' ? qr/^[A-Z]{6}\+EBGaramond\S+ +CID Type 0C +Identity-H +yes yes yes/m
			  : qr/^[A-Z]{6}\+\S+ +CID TrueType +Identity-H +yes yes yes/m, "$slug: font of $given[$i]");
		unlike($listed, qr/ no +(yes|no) +(yes|no) +\d+ +\d+$/m, "$slug: embedded for $given[$i]");
	}
}

done_testing();
