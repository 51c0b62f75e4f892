# Names in fonts, read back from outside: what pdftotext says is what was given, character by character,
# and every font but the built-in ones is embedded and cut.
use strict;
use warnings;

use Encode qw(decode encode);
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Unicode::Normalize qw(NFD);

use lib "$FindBin::RealBin/lib";
use Document qw(literal store_file document preview error_of check fonts text);

my $folder = '/usr/share/fonts';
my %file = (
	noto => "$folder/truetype/noto/NotoSans-Regular.ttf",
	dejavu => "$folder/truetype/dejavu/DejaVuSerif.ttf",
	garamond => "$folder/opentype/ebgaramond/EBGaramond12-Regular.otf");

my $node = PostgreSQL::Test::Cluster->new('fonts');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION learning_credentials');
store_file($node, $_, $file{$_}) for sort keys %file;

# Texts are bytes of UTF-8 here: what PostgreSQL and the programs take and give.
sub decomposed
{
	my ($text) = @_;

	return encode('UTF-8', NFD(decode('UTF-8', $text)));
}

# Options for a page with nothing but a name in fonts (JSON).
sub with_fonts
{
	my ($fonts) = @_;

	return qq({"page": {}, "defaults": {"font": $fonts}, "text_elements": {"context": false, "date": false}});
}

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

# Spaces that are not what they look like, letters that look like others, initials, an invisible joiner.
my @odd = ("Jean\xc2\xa0Paul", "Ω Ω", "K K", "A B C", "J K Rowling", "Auf\xe2\x80\x8clage", "Zwei  und   drei");

for my $slug (sort keys %file)
{
	my @given = (@latin, @greek, @cyrillic, @mixed, @odd);
	my %seen = map { $_ => 1 } @given;

	# As given, and with every letter and mark on its own.
	push @given, grep { !$seen{$_} } map { decomposed($_) } @given;
	cmp_ok(scalar @given, '>=', 100, "$slug: " . @given . ' names');
	for my $name (@given)
	{
		next if $slug eq 'garamond' && $name =~ /\xe2\x84[\xa6\xaa]/;	# it has no Ohm and Kelvin signs
		my $pdf = preview($node, with_fonts("\"$slug\""), user_full_name => $name);
		my @used = fonts($pdf);

		is(text($pdf), $name, "$slug: $name");
		is(check($pdf), '', '... qpdf finds nothing wrong');
		is(scalar(grep { $_->[0] =~ /^[A-Z]{6}\+/ && "@$_[1 .. 3]" eq 'yes yes yes' } @used), scalar @used, '... every font is embedded and cut');
	}
}

is(text(preview($node, with_fonts('"noto"'), user_full_name => "Anna\tMaria")), 'Anna Maria', 'a tab is a space');

# ------------------------------------------------------------ which font shows what

# The fonts of a document, without their tags.
sub used
{
	my ($fonts, $name, $settings) = @_;
	my $pdf = document($node,
		'learning_credentials.preview_pdf(' . literal(with_fonts($fonts)) . ', ' . literal($name) . ')'
		  . ($settings ? ", 'hex') FROM set_config('learning_credentials.fallback_fonts', " . literal($settings) . ', false) -- ' : ''));

	is(text($pdf), $name, "$fonts: text of $name");
	return join ' ', map { $_->[0] =~ s/^[A-Z]{6}\+//r } fonts($pdf);
}

is(used('"Times-Roman"', 'Zoë “Ž” Müller–Œ'), 'Times-Roman', 'a built-in font');
is(used('"Courier"', decomposed('Zoë')), 'Courier', 'a built-in font shows what can be composed');
is(used('["Helvetica", "noto"]', 'Ada Lovelace'), 'Helvetica', 'the first font that shows it');
is(used('["Helvetica", "noto"]', 'Łukasz Nowak'), 'NotoSans-Regular', 'a name is in one font');
is(used('["Helvetica", "noto"]', 'Anna Жукова'), 'Helvetica NotoSans-Regular', 'each script in its own');
is(used('"Helvetica"', 'Łukasz', 'noto'), 'NotoSans-Regular', 'fallback_fonts');
is(used('"Helvetica"', 'Ada', 'no_such_font'), 'Helvetica', 'fallback_fonts are read when they are needed');

my $cannot = '22P05: text_elements.name: the font "Helvetica" cannot show the character';

is(error_of($node, with_fonts('"Helvetica"'), user_full_name => 'Łukasz'), "$cannot \"Ł\" (U+0141)", 'a character that the font does not show');
is(error_of($node, with_fonts('"Helvetica"'), user_full_name => "Ada q\xcc\x83"), "$cannot \"\xcc\x83\" (U+0303)", 'a mark that the font does not show');
is(error_of($node, with_fonts('["Helvetica", "garamond"]'), user_full_name => '王'),
	'22P05: text_elements.name: the fonts "Helvetica", "garamond" cannot show the character "王" (U+738B)', 'a character that no font shows');
is(error_of($node, with_fonts('"noto"'), user_full_name => "Ada\x07"), '22P05: text_elements.name: the text has a control character (U+0007), which cannot be shown', 'a control character');

for my $case ([ 'no_such_font', '42704: setting learning_credentials.fallback_fonts: there is no font asset "no_such_font"' ],
	[ 'noto,,dejavu', '22023: setting learning_credentials.fallback_fonts is not a list of names separated by commas' ])
{
	my ($setting, $expected) = @$case;

	$node->safe_psql('postgres', 'ALTER DATABASE postgres SET learning_credentials.fallback_fonts = ' . literal($setting));
	is(error_of($node, with_fonts('"Helvetica"'), user_full_name => 'Łukasz'), $expected, "fallback_fonts: $setting");
}

done_testing();
