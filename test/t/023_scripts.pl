# Scripts of the world: each text looks as HarfBuzz's own program sets it in the same font.
#
# Both documents are rasterised by the same program. What differs is a part of the ink; a bound that no text
# passes by chance is shown by texts that are not shaped, and by others.
use strict;
use warnings;

use FindBin;
use JSON::PP qw(encode_json);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$FindBin::RealBin/lib";
use Document qw(store_file preview error_of);
use Picture qw(picture hb_view advance beside difference);

my $bound = 0.15;
my $size = 30;
my $margin = 20;

my $noto = '/usr/share/fonts/truetype/noto';
my $cjk = '/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc';

# Name, font, language, text; "shaped": it does not look right with one glyph a character; the number of the
# font in its file.
my @scripts = (
	[ 'Vietnamese', 'NotoSans', 'vi', 'Nguyễn Thị Ánh Tuyết' ],
	[ 'Yoruba', 'NotoSans', 'yo', 'Ọlájùmọ̀kẹ́ Adéṣọlá' ],
	[ 'Greek, polytonic', 'NotoSans', 'el', 'Ἀλέξανδρος ὁ Μέγας ᾨδῇ' ],
	[ 'Cyrillic', 'NotoSans', 'ru', 'Александра Щербакова' ],
	[ 'Armenian', 'NotoSansArmenian', 'hy', 'Արամ Խաչատրյան' ],
	[ 'Georgian', 'NotoSansGeorgian', 'ka', 'შოთა რუსთაველი' ],
	[ 'Hebrew with points', 'NotoSerifHebrew', 'he', 'שָׁלוֹם עֲלֵיכֶם' ],
	[ 'Arabic', 'NotoNaskhArabic', 'ar', 'محمد عبد الرحمن', 'shaped' ],
	[ 'Arabic with vowels', 'NotoNaskhArabic', 'ar', 'بِسْمِ ٱللَّهِ ٱلرَّحْمَٰنِ', 'shaped' ],
	[ 'Persian', 'NotoNaskhArabic', 'fa', 'پریسا می‌خواهد تهرانی', 'shaped' ],
	[ 'Urdu', 'NotoNastaliqUrdu', 'ur', 'محمد اقبال', 'shaped' ],
	[ 'Thaana', 'NotoSansThaana', 'dv', 'ދިވެހިރާއްޖެ', 'shaped' ],
	[ 'Devanagari', 'NotoSansDevanagari', 'hi', 'श्रीमती क्षत्रिय कीर्ति', 'shaped' ],
	[ 'Bengali', 'NotoSansBengali', 'bn', 'রবীন্দ্রনাথ ঠাকুর', 'shaped' ],
	[ 'Gujarati', 'NotoSansGujarati', 'gu', 'મહાત્મા ગાંધી શ્રી', 'shaped' ],
	[ 'Tamil', 'NotoSansTamil', 'ta', 'சுப்பிரமணிய பாரதி', 'shaped' ],
	[ 'Telugu', 'NotoSansTelugu', 'te', 'శ్రీనివాస రామానుజన్', 'shaped' ],
	[ 'Sinhala', 'NotoSansSinhala', 'si', 'ශ්‍රී ලංකා', 'shaped' ],
	[ 'Thai', 'NotoSansThai', 'th', 'สมชาย ใจดี น้ำผึ้ง', 'shaped' ],
	[ 'Khmer', 'NotoSansKhmer', 'km', 'សុខ ចាន់ណា ស្រី', 'shaped' ],
	[ 'Burmese', 'NotoSansMyanmar', 'my', 'အောင်ဆန်းစုကြည်', 'shaped' ],
	[ 'Tibetan', 'NotoSerifTibetan', 'bo', 'བསྟན་འཛིན་རྒྱ་མཚོ', 'shaped' ],
	[ 'Ethiopic', 'NotoSansEthiopic', 'am', 'ኃይለ ሥላሴ' ],
	[ 'Simplified Chinese', $cjk, 'zh-Hans', '张伟 骨直角次令', '', 2 ],
	[ 'Traditional Chinese', $cjk, 'zh-Hant', '張偉 骨直角次令', '', 3 ],
	[ 'Japanese', $cjk, 'ja', '山田 花子 ヤマダ はなこ', '', 0 ],
	[ 'Korean', $cjk, 'ko', '김민수 한글', '', 1 ],
);

my $node = PostgreSQL::Test::Cluster->new('scripts');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION learning_credentials');

my %stored;

# The file of a font, and the slug under which it is stored now.
sub font
{
	my ($font) = @_;
	my $file = $font =~ m{/} ? $font : "$noto/$font-Regular.ttf";
	my $slug = $file =~ s{.*/}{}r;

	store_file($node, $slug, $file) unless $stored{$slug}++;
	return ($file, $slug);
}

# A page with nothing but the text.
sub page
{
	my ($fonts, $language, $text, %more) = @_;
	my %element = (text => '{name}', x => $margin, y => 150, align => 'left', size => $size, min_size => $size, max_width => 390, font => $fonts, %more);

	return (encode_json({ page => { size => 'A6' }, locale => $language, text_elements => { name => \%element, context => \0, date => \0 } }),
		user_full_name => $text);
}

my $reference = PostgreSQL::Test::Utils::tempdir() . '/reference.pdf';

# ------------------------------------------------------------ each script
for (@scripts)
{
	my ($name, $font, $language, $text, $shaped, $index) = @$_;
	my ($file, $slug) = font($font);
	my @arguments = ("--language=$language", '--face-index=' . ($index // 0), $file);
	my $ours = picture(preview($node, page(defined $index ? "$slug#$index" : $slug, $language, $text)));
	my $difference = difference($ours, hb_view($reference, $size, $margin, @arguments, $text));

	cmp_ok($difference, '<', $bound, sprintf '%s: %.3f', $name, $difference);

	# So much it would differ if it were wrong.
	my $wrong = difference($ours, hb_view($reference, $size, $margin, $shaped ? '--shaper=fallback' : (), @arguments,
			$shaped ? $text : join '', reverse $text =~ /(?:[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]+)/g));

	cmp_ok($wrong, '>', 2 * $bound, sprintf '... and %.3f if it were %s', $wrong, $shaped ? 'not shaped' : 'another text');
}

# ------------------------------------------------------------ directions mixed
# In a left-to-right line two Arabic words with a number between them: from left to right the second word, the
# number, the first. The program sets one direction at a time, so each part is set by itself. The
# space after them is the Arabic font's.
my ($latin_file, $latin) = font('NotoSans');
my ($arabic_file, $arabic) = font('NotoNaskhArabic');
my @latin = ('--script=latn', '--direction=ltr', '--language=en', $latin_file);
my @arabic = ('--script=arab', '--direction=rtl', '--language=en', $arabic_file);
my @number = ('--script=arab', '--direction=ltr', '--language=en', $arabic_file);
my $ours = picture(preview($node, page([ $latin, $arabic ], 'en', 'Dr. محمد ٤٢ علي Smith 7')));

for my $case ([ 'in their order', [ @latin, 'Dr. ' ], [ @arabic, ' علي' ], [ @number, '٤٢' ], [ @arabic, 'محمد ' ], [ @number, ' ' ], [ @latin, 'Smith 7' ] ],
	[ 'in the order in which they are spoken', [ @latin, 'Dr. ' ], [ @arabic, 'محمد ' ], [ @number, '٤٢' ], [ @arabic, ' علي' ], [ @number, ' ' ], [ @latin, 'Smith 7' ] ])
{
	my ($what, @parts) = @$case;
	my $difference = difference($ours,
		beside($margin, map { [ hb_view($reference, $size, $margin, @$_), advance($size, @$_) ] } @parts));

	cmp_ok($difference, $what eq 'in their order' ? '<' : '>', $bound, sprintf 'Arabic, Latin and digits %s: %.3f', $what, $difference);
}

done_testing();
