# Names in scripts that are more than a row of letters, read back from outside: what pdftotext says is what
# was given, character by character, vowel points and joiners included.
#
# pdftotext runs in its default mode. With -layout the answers are the same; with -raw it takes words in the
# order of the page, so that those of right-to-left lines come last first.
use strict;
use warnings;
use utf8;

use Encode qw(decode encode);
use FindBin;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$FindBin::RealBin/lib";
use Document qw(store_file check fonts text words);

my $folder = '/usr/share/fonts/truetype';
my %file = (
	dejavu => "$folder/dejavu/DejaVuSans.ttf",
	map { lc($_) => "$folder/noto/Noto$_-Regular.ttf" }
	  qw(Sans SansArabic SansArmenian SansBengali SansDevanagari SansEthiopic SansGeorgian SansGujarati
	  SansHebrew SansKhmer SansMyanmar SansSinhala SansSyriac SansTamil SansTelugu SansThaana SansThai SerifHebrew
	  SerifTibetan NaskhArabic NastaliqUrdu));
my $json = JSON::PP->new->utf8->canonical;

my $node = PostgreSQL::Test::Cluster->new('text_layer');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION learning_credentials');
store_file($node, $_, $file{$_}) for sort keys %file;

# A page with nothing but a name in fonts.
sub page
{
	my ($fonts, $name, %styling) = @_;
	my $options = {
		page => {},
		defaults => { font => $fonts, %styling },
		text_elements => { context => JSON::PP::false, date => JSON::PP::false }
	};

	return Document::preview($node, $json->encode($options), user_full_name => encode('UTF-8', $name));
}

# The text without the controls that pdftotext puts around what it takes for right to left.
sub read_back
{
	return decode('UTF-8', text(@_)) =~ s/[\x{202a}-\x{202e}]//gr;
}

sub shown
{
	return encode('UTF-8', "$_[0]");
}

# ------------------------------------------------------------ from left to right
my @left_to_right = (
	[ sans => 'Nguyễn Thị Ánh', 'Ọ̀ṣun Adébáyọ̀', 'Ἀριστοτέλης ᾨδή', 'Ѓорѓи Ќосев', 'Griffin Office', "Auf\x{200c}lage" ],
	[ sansarmenian => 'Արամ Խաչատրյան', 'Եւա և Մեսրոպ' ],
	[ sansgeorgian => 'შოთა რუსთაველი' ],
	[ sansdevanagari => 'श्री कृष्ण शर्मा', 'ऋतुपर्णा द्विवेदी', 'लक्ष्मी नारायण', "क्\x{200d}ष क्\x{200c}ष" ],
	[ sansbengali => 'শ্রীমতী ঐশ্বর্য চৌধুরী', 'কৃষ্ণেন্দু ভট্টাচার্য' ],
	[ sansgujarati => 'નરેન્દ્ર શ્રીમાળી', 'ઐશ્વર્યા' ],
	[ sanstamil => 'கண்ணதாசன்', 'ஸ்ரீனிவாச இராமானுஜன்', 'கௌசல்யா' ],
	[ sanstelugu => 'శ్రీ కృష్ణదేవరాయలు', 'స్వాతి రెడ్డి' ],
	[ sanssinhala => "ශ්\x{200d}රී ලංකා", 'චන්ද්‍රිකා කුමාරතුංග' ],
	[ sansthai => 'น้ำทิพย์ กรุ่นกลิ่น', 'สมชาย ปั้นสุวรรณ' ],
	[ sanskhmer => 'ព្រះរាជាណាចក្រកម្ពុជា', 'ស្រីមុំ ហ៊ុន' ],
	[ sansmyanmar => 'အောင်ဆန်းစုကြည်', 'ကြည်ကြည် ဌေး' ],
	[ seriftibetan => 'བསོད་ནམས་རྒྱ་མཚོ', 'བསྟན་འཛིན' ],
	[ sansethiopic => 'ኃይለ ሥላሴ', 'አበበ ቢቂላ' ]);

# ------------------------------------------------------------ from right to left
my @right_to_left = (
	[ sanshebrew => 'שלום עולם', 'דָּוִד בֶּן־גּוּרִיּוֹן', 'נָעֳמִי שֶׁמֶר' ],
	[ serifhebrew => 'בְּרֵאשִׁית בָּרָא אֱלֹהִים', 'יְרוּשָׁלַ͏ִם' ],
	[ dejavu => 'דוד לוי', 'محمد علي' ],
	[ sansarabic => 'فاطمة الزهراء', 'عبد الرحمن الإبراهيم', 'لا إله' ],
	[ naskharabic => 'محمد بن عبد الله', 'مُحَمَّدٌ رَسُولُ اللهِ', 'آلاء الأحمد', "می\x{200c}خواهم", "علی\x{200c}رضا پهلوی\x{200c}نژاد", 'گلپر ژاله چمن', 'سهیلا کیانی' ],
	[ nastaliqurdu => 'محمد علی جناح', 'پاکستان زندہ باد', 'بےنظیر بھٹو', 'ڈاکٹر عبدالقدیر خان', 'نُصرت فتح علی خاں' ],
	[ sansthaana => 'މުޙައްމަދު ނަޝީދު', 'ދިވެހިރާއްޖެ', 'އިބްރާހީމް ޞާލިޙް' ],
	[ sanssyriac => 'ܝܘܚܢܢ ܒܪ ܙܟܪܝܐ' ]);

for (@left_to_right, @right_to_left)
{
	my ($font, @names) = @$_;

	for my $name (@names)
	{
		my $pdf = page($font, $name);
		my @used = fonts($pdf);

		is(shown(read_back($pdf)), shown($name), "$font: " . shown($name));
		is(check($pdf), '', '... qpdf finds nothing wrong');
		is(scalar(grep { $_->[0] =~ /^[A-Z]{6}\+/ && "@$_[1 .. 3]" eq 'yes yes yes' } @used),
			scalar @used, '... every font is embedded and cut');
	}
}

# ------------------------------------------------------------ sizes, spaces, lines
for my $styling ([ size => 5 ], [ size => 90, min_size => 20 ], [ char_space => 2 ], [ align => 'left', x => 60 ])
{
	for ([ sanshebrew => 'דָּוִד בֶּן־גּוּרִיּוֹן' ], [ nastaliqurdu => 'محمد علی جناح' ], [ sanstamil => 'ஸ்ரீனிவாச இராமானுஜன்' ])
	{
		my ($font, $name) = @$_;

		is(shown(read_back(page($font, $name, @$styling))), shown($name), "$font, @$styling");
	}
}

my $lines = "محمد بن عبد الله\nفاطمة الزهراء";
is(shown(read_back(page('naskharabic', $lines)) =~ s/\n\n+/\n/r), shown($lines), 'two lines from right to left');
$lines = 'محمد بن عبد الله بن عبد المطلب بن هاشم';
is(shown(read_back(page('naskharabic', $lines, max_width => 250, min_size => 32)) =~ s/\n+/ /gr),
	shown($lines), 'a line from right to left that is broken');

# ------------------------------------------------------------ several fonts, one glyph with several meanings
for (
	[ [ 'Helvetica', 'sansarabic' ], 'محمد (علي)' ],
	[ [ 'Helvetica', 'sanshebrew' ], 'דוד [כהן] לוי' ],
	[ [ 'sanshebrew', 'sansarabic' ], 'דוד كمال' ],
	[ 'nastaliqurdu', 'ببب تتت پپپ ثثث ٹٹٹ' ])
{
	my ($fonts, $name) = @$_;

	is(shown(read_back(page($fonts, $name))), shown($name), shown($name) . ': ' . (ref $fonts ? "@$fonts" : $fonts));
}

# ------------------------------------------------------------ where a reader finds it
{
	my $pdf = page('sanshebrew', 'שלום עולם', x => 400, align => 'right');
	my @words = sort { $b->{left} <=> $a->{left} } words($pdf);

	is(scalar @words, 2, 'two words');
	cmp_ok(abs($words[0]{right} - 400), '<', 0.5, 'the first ends at the right');
	cmp_ok($words[1]{right}, '<', $words[0]{left}, 'the second is to the left of it');
	cmp_ok($words[0]{left} - $words[1]{right}, '<', 16, 'by the width of a space');
}

# ------------------------------------------------------------ too many
{
	my $lines = join "\n", ('שלום' x 24) x 99;
	my %elements = map { ("e$_" => { text => $lines, y => 580, x => 100 * $_, size => 1 }) } 1 .. 7;
	my $options = { page => {}, defaults => { font => 'sanshebrew' },
		text_elements => { name => JSON::PP::false, context => JSON::PP::false, date => JSON::PP::false, %elements } };

	is(Document::error_of($node, $json->encode($options)),
		'54000: a document can have at most 65535 characters from right to left', 'more characters than there are codes');
	# pdftotext passes over what is tiny after 50,000 characters.
	delete @{ $options->{text_elements} }{qw(e6 e7)};
	my $pdf = Document::preview($node, $json->encode($options));
	is(check($pdf), '', 'most of them: qpdf finds nothing wrong');
	is(scalar(() = read_back($pdf, '-raw') =~ /[א-ת]/g), 5 * 99 * 96, '... and all are there');
}

done_testing();
