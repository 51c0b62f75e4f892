# Fonts of collections, with CID-keyed outlines, variable ones; forms of letters by language; space between
# characters; lines broken where a script has no spaces; directions.
use strict;
use warnings;

use Encode qw(decode);
use File::Find;
use FindBin;
use JSON::PP qw(encode_json);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Unicode::Normalize qw(NFC);

use lib "$FindBin::RealBin/lib";
use Document qw(literal store_file document preview error_of check fonts text words);
use Picture qw(picture mupdf_picture hb_view ink difference);

my $noto = '/usr/share/fonts/truetype/noto';
my %file = (
	cjk => '/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc',
	noto => "$noto/NotoSans-Regular.ttf",
	italic => "$noto/NotoSerif-Italic.ttf",
	naskh => "$noto/NotoNaskhArabic-Regular.ttf",
	devanagari => "$noto/NotoSansDevanagari-Regular.ttf",
	thai => "$noto/NotoSansThai-Regular.ttf",
	hebrew => "$noto/NotoSerifHebrew-Regular.ttf",
	garamond => '/usr/share/fonts/opentype/ebgaramond/EBGaramond12-Regular.otf');

# Its name differs between releases: Inter.var.ttf, InterVariable.ttf.
find(sub { $file{inter} //= $File::Find::name if /^Inter(?:Variable|\.var)\.ttf$/ }, '/usr/share/fonts');

my $node = PostgreSQL::Test::Cluster->new('font_files');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION learning_credentials');
store_file($node, $_, $file{$_}) for sort keys %file;

my $size = 30;
my $reference = PostgreSQL::Test::Utils::tempdir() . '/reference.pdf';

# Options of a page with nothing but the name, in a font, and more keys of the text; "locale" is the page's.
sub options
{
	my ($font, %more) = @_;
	my $locale = delete $more{locale} // 'en';

	return encode_json({ page => { size => 'A6' }, locale => $locale, text_elements => { context => \0, date => \0,
		name => { x => 20, y => 150, align => 'left', size => $size, min_size => $size, max_width => 390, font => $font, %more } } });
}

# The page with a name, looked at by qpdf.
sub page
{
	my ($name, @options) = @_;
	my $file = preview($node, options(@options), user_full_name => $name);

	is(check($file), '', "$name: qpdf finds nothing wrong");
	return $file;
}

# The names of a page's fonts without their tags.
sub names
{
	return join ' ', map { $_->[0] =~ s/^[A-Z]{6}\+//r } fonts($_[0]);
}

# ------------------------------------------------------------ collections, CID-keyed outlines
my $han = '骨直角次令';
my @regions = qw(jp kr sc tc hk);
my @pages = map { page($han, "cjk#$_") } 0 .. $#regions;

for my $i (0 .. $#regions)
{
	my $what = "font $i of the collection";
	my $picture = picture($pages[$i]);

	is(names($pages[$i]), "NotoSansCJK$regions[$i]-Regular-Identity-H", "$what: its name");
	is_deeply([ map { [ @$_[ 1 .. 3 ] ] } fonts($pages[$i]) ], [ [ qw(yes yes yes) ] ], "$what is embedded and cut");
	is(text($pages[$i]), $han, "$what: text");
	cmp_ok(difference($picture, hb_view($reference, $size, 20, '--language=en', "--face-index=$i", $file{cjk}, $han)), '<', 0.15, "$what: poppler shows what HarfBuzz does");
	cmp_ok(difference($picture, mupdf_picture($pages[$i])), '<', 0.15, "$what: mupdf shows the same");
	cmp_ok(-s $pages[$i], '<', 8192, "$what: size");
}
cmp_ok(difference(picture($pages[0]), picture($pages[2])), '>', 0.15, 'fonts of the collection differ');
is(names(page($han, 'cjk')), 'NotoSansCJKjp-Regular-Identity-H', 'without a number it is the first');
is(names(page($han, { slug => 'cjk#2' })), 'NotoSansCJKsc-Regular-Identity-H', 'the number in an object');
is(names(page('Ada', 'noto#0')), 'NotoSans-Regular', 'a file with one font is a collection of one');
is(names(page('令 Жук 令', [ 'noto', 'cjk#1', 'cjk#2' ])), 'NotoSans-Regular NotoSansCJKkr-Regular-Identity-H', 'in a list');

# ------------------------------------------------------------ variable fonts
my $letters = 'Hamburgefonstiv';
my %weight = map { $_ => page($letters, { slug => 'inter', wght => $_ }) } 200, 400, 600, 900;

for my $weight (sort { $a <=> $b } keys %weight)
{
	is(names($weight{$weight}) =~ /_(\d+)wght$/ ? $1 : 400, $weight, "weight $weight: its name");
	is(text($weight{$weight}), $letters, "weight $weight: text");
	cmp_ok(difference(picture($weight{$weight}), hb_view($reference, $size, 20, '--language=en', "--variations=wght=$weight", $file{inter}, $letters)),
		'<', 0.15, "weight $weight: poppler shows what HarfBuzz does");
	cmp_ok(difference(picture($weight{$weight}), mupdf_picture($weight{$weight})), '<', 0.15, "weight $weight: mupdf shows the same");
}
cmp_ok(ink(picture($weight{200})) * 1.3, '<', ink(picture($weight{400})), '400 is bolder than 200');
cmp_ok(ink(picture($weight{400})) * 1.3, '<', ink(picture($weight{900})), '900 is bolder than 400');
is(names(page($letters, 'inter')), names($weight{400}), 'what no axis is set of');
is(names(page($letters, { slug => 'inter', wght => undef })), names($weight{400}), 'null is not set');
is(names(page($letters, [ { slug => 'inter', wght => 450.5 } ])) =~ /_(.*)wght$/ && $1, '450.5', 'a number between');

# ------------------------------------------------------------ errors
for my $case (
	[ 'cjk#10', '22023: text_elements.name.font: asset "cjk" has 10 fonts, and none with the number 10' ],
	[ 'noto#1', '22023: text_elements.name.font: asset "noto" has one font, and none with the number 1' ],
	[ [ 'noto', { slug => 'cjk#99' } ], '22023: text_elements.name.font[1].slug: asset "cjk" has 10 fonts, and none with the number 99' ],
	[ { slug => 'inter', wght => 1000 }, '22023: text_elements.name.font.wght: expected a number from 100 to 900, not 1000' ],
	[ { slug => 'inter', wght => 'bold' }, '22023: text_elements.name.font.wght: expected a number from 100 to 900, not "bold"' ],
	[ { slug => 'inter', wdth => 100 }, '22023: text_elements.name.font.wdth: unknown key' ],
	[ { slug => 'noto', wght => 600 }, '22023: text_elements.name.font.wght: unknown key' ])
{
	my ($font, $expected) = @$case;
	my $said = $expected =~ s/^22023: //r;
	my $options = options($font);

	is(error_of($node, $options), $expected, $expected);
	like($node->safe_psql('postgres', "SELECT * FROM learning_credentials.validate_options('learning_credentials.generate_pdf', " . literal($options) . ')'),
		qr/^\Q$said\E\./, '... validate_options says so too');
}
for my $case ([ 'cjk#2', undef, 'NotoSansCJKsc-Regular-Identity-H' ],
	[ 'cjk#10', '42704: setting learning_credentials.fallback_fonts: asset "cjk" has 10 fonts, and none with the number 10' ],
	[ 'cjk#x', '42704: setting learning_credentials.fallback_fonts: there is no font asset "cjk#x"' ])
{
	my ($setting, $error, $name) = @$case;

	$node->safe_psql('postgres', 'ALTER DATABASE postgres SET learning_credentials.fallback_fonts = ' . literal($setting));
	if ($error) { is(error_of($node, options('noto'), user_full_name => $han), $error, "fallback_fonts: $setting"); }
	else        { is(names(page($han, 'noto')), $name, "fallback_fonts: $setting"); }
}
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET learning_credentials.fallback_fonts');

# ------------------------------------------------------------ forms of letters by language
for my $case ([ 'zh-Hans', 2 ], [ 'zh-Hant', 3 ], [ 'ko', 1 ])
{
	my ($locale, $index) = @$case;

	cmp_ok(difference(picture(page($han, 'cjk', locale => $locale)), picture($pages[$index])), '<', 0.02, "locale $locale: forms of its region");
}
my ($serbian, $russian) = map { picture(page('бгдпт', 'italic', locale => $_)) } 'sr', 'ru';
cmp_ok(difference($serbian, $russian), '>', 0.15, 'Serbian italics');
cmp_ok(difference($serbian, hb_view($reference, $size, 20, '--language=sr', $file{italic}, 'бгдпт')), '<', 0.15, '... as HarfBuzz sets them');

# ------------------------------------------------------------ space between characters
sub width
{
	my ($name, $font, $space) = @_;
	my @words = words(page($name, $font, char_space => $space));

	return (sort { $b <=> $a } map { $_->{right} } @words)[0] - (sort { $a <=> $b } map { $_->{left} } @words)[0];
}

# A font, a text, how many spaces fall into it.
for my $case ([ 'noto', 'Adé', 2 ], [ 'noto', "o\xcc\xa3\xcc\x80k", 1 ], [ 'garamond', 'office', 5 ], [ 'hebrew', 'שָׁלוֹם', 3 ],
	[ 'thai', 'น้ำ', 0 ], [ 'cjk', '骨直角', 2 ], [ 'naskh', 'محمد', 0 ], [ 'devanagari', 'श्रीमती', 0 ])
{
	my ($font, $name, $gaps) = @$case;

	# From a space of nearly none to 10 points: either is without ligatures.
	cmp_ok(abs(width($name, $font, 10) - width($name, $font, 0.001) - 10 * $gaps), '<', 0.2, "$name: $gaps spaces");
}
isnt(sprintf('%.1f', width('office', 'garamond', 0)), sprintf('%.1f', width('office', 'garamond', 0.001)), 'no ligature when letters are spaced');
is(sprintf('%.2f', width('محمد', 'naskh', 0)), sprintf('%.2f', width('محمد', 'naskh', 10)), 'connected letters stay as they are');

# ------------------------------------------------------------ lines
# Lines from top to bottom: the text of each, without controls of direction.
sub lines
{
	my ($file) = @_;

	return map { s/\xe2\x80[\xaa-\xae]//gr =~ s/^\s+|\s+$//gr } grep { /\S/ } split /\n/, text($file, '-layout');
}

my $thai = 'การศึกษาคณิตศาสตร์และวิทยาศาสตร์ขั้นสูง';
my @broken = lines(page($thai, 'thai', locale => 'th', max_width => 260, min_size => 24));
is(join('', @broken), $thai, 'Thai: nothing is lost');
cmp_ok(scalar @broken, '>', 1, '... it takes lines');
is_deeply([ grep { /^\xe0\xb8[\xb0-\xba]|^\xe0\xb9[\x85\x87-\x8e]/ } @broken ], [], '... none begins within a syllable');

my $chinese = '高等数学、线性代数和概率论导论。';
@broken = lines(page($chinese, 'cjk#2', locale => 'zh-Hans', max_width => 200, min_size => 24));
is(join('', @broken), $chinese, 'Chinese: nothing is lost');
cmp_ok(scalar @broken, '==', 2, '... two lines');
cmp_ok(abs(length($broken[0]) - length $broken[1]), '<=', 6, '... about equally long');
is_deeply([ grep { /^(?:、|。)/ } @broken ], [], '... none begins with a punctuation mark');
is(error_of($node, options('noto', max_width => 100, min_size => 20), user_full_name => 'Donaudampfschifffahrt') =~ s/is [\d.]+ points/is N points/r,
	'22023: text_elements.name: the text is N points wide, more than the 100 points it may take', 'a word that fits nowhere');

# ------------------------------------------------------------ directions
# Where the name's first word stands: "start" is the right edge when the text is from right to left.
for my $case (
	[ 'שלום עולם', 'auto', 'start', 'right' ], [ 'Ada שלום', 'auto', 'start', 'left' ], [ 'Ada Lovelace', 'rtl', 'start', 'right' ],
	[ 'שלום עולם', 'ltr', 'start', 'left' ], [ 'שלום עולם', 'auto', 'end', 'left' ], [ 'Ada Lovelace', 'auto', 'end', 'right' ],
	[ 'שלום עולם', 'auto', 'left', 'left' ], [ '42', 'auto', 'start', 'left' ])
{
	my ($name, $direction, $align, $edge) = @$case;
	my @words = words(page($name, [ 'noto', 'hebrew' ], x => undef, direction => $direction, align => $align));
	my ($left) = sort { $a <=> $b } map { $_->{left} } @words;
	my ($right) = sort { $b <=> $a } map { $_->{right} } @words;
	my $margin = 419.53 / 12;

	cmp_ok(abs($edge eq 'left' ? $left - $margin : 419.53 - $margin - $right), '<', 1, "$name, $direction, align $align: $edge");
}

# A value keeps to itself: the number after a Hebrew name stays at its right in an English sentence.
my $sentence = page('שלום', [ 'noto', 'hebrew' ], text => 'To {name} 42', direction => 'ltr');
cmp_ok(difference(picture($sentence), picture(page('שלום', [ 'noto', 'hebrew' ], text => "To \x{2068}{name}\x{2069} 42", direction => 'ltr'))), '<', 0.01, 'values are isolated');
my %at = map { $_->{text} => $_->{left} } words($sentence);
cmp_ok($at{42}, '>', $at{To} + 60, '... what follows stands behind');

# ------------------------------------------------------------ upper case
for my $case ([ 'el', 'Άννα Παπαδοπούλου', 'ΑΝΝΑ ΠΑΠΑΔΟΠΟΥΛΟΥ' ], [ 'tr', 'Işıl ibrahim', 'IŞIL İBRAHİM' ], [ 'de', 'Straße', 'STRASSE' ],
	[ 'nl', 'ijsbrand', 'IJSBRAND' ], [ 'lt', "i\xcc\x87\xcc\x81", "I\xcc\x81" ])
{
	my ($locale, $name, $upper) = @$case;

	is(NFC(decode('UTF-8', text(page($name, 'noto', locale => $locale, uppercase => \1)))), NFC(decode('UTF-8', $upper)), "upper case, $locale");
}

# A language of which ICU has no dates: they are in English, whatever the server's own language is.
is(text(page('ދިވެހި', [ 'noto' ], text => '{issue_date}', locale => 'dv')) =~ /^[A-Z][a-z]+ \d+, \d{4}$/ ? 'English' : 'other', 'English', 'dates of Dhivehi');

# ------------------------------------------------------------ what no font shows
is(error_of($node, options([ 'noto', 'naskh' ]), user_full_name => 'Ada 骨直'), '22P05: text_elements.name: the fonts "noto", "naskh" cannot show the character "骨" (U+9AA8)', 'the first character without a glyph is named');

done_testing();
