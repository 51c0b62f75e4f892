# Documents of generate_pdf and preview_pdf, looked at from outside: text, places, sizes, colors, pictures.
use strict;
use warnings;
use utf8;

use Compress::Zlib ();
use Encode qw(decode encode);
use FindBin;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$FindBin::RealBin/lib";
use Document qw(literal store_file document error_of check info fonts text words pixels output);

my $noto = '/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf';
my $json = JSON::PP->new->utf8->canonical;

my $node = PostgreSQL::Test::Cluster->new('documents');
$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf',
	"learning_credentials.verify_url = 'https://verify.example.edu/c/{verify_uuid}'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION learning_credentials');
store_file($node, 'noto', $noto);

# A page of the options and arguments given, checked by qpdf.
sub page
{
	my ($options, %given) = @_;
	my $file =
	  Document::preview($node, $json->encode($options), map { $_ => encode('UTF-8', $given{$_}) } keys %given);

	is(check($file), '', "qpdf finds nothing wrong with $file");
	return $file;
}

# A blank page with nothing but these texts.
sub texts
{
	my ($elements, $options, %given) = @_;

	return page(
		{
			page => {},
			text_elements =>
			  { name => JSON::PP::false, context => JSON::PP::false, date => JSON::PP::false, %$elements },
			%{ $options // {} }
		},
		%given);
}

# The words of a file by their text.
sub by_text
{
	return { map { decode('UTF-8', $_->{text}) => $_ } words(@_) };
}

# Is a value as expected to within a tolerance?
sub near
{
	my ($got, $expected, $tolerance, $name) = @_;

	ok(defined $got && abs($got - $expected) <= $tolerance, $name)
	  or diag('got ' . ($got // 'nothing') . ", expected $expected");
}

# The text, decoded. How far lines are apart is not asked: blank lines are left out.
sub decoded_text
{
	return decode('UTF-8', text(@_) =~ s/\n\n+/\n/gr);
}

# ------------------------------------------------------------ a page without anything special
{
	my $file = page(
		{ page => {} },
		user_full_name => 'Zoë Æbeltoft-Šimsa',
		learning_context_name => 'Poetry',
		issue_date => '2024-02-29 12:00+00');
	my $info = info($file);

	is(decoded_text($file), "Zoë Æbeltoft-Šimsa\nPoetry\nFebruary 29, 2024", 'the three standard texts');
	like($info->{'Page size'}, qr/^841\.8\d* x 595\.2\d* pts/, 'A4, landscape');
	is($info->{Pages}, 1, 'one page');
	like($info->{Encrypted}, qr/^yes \(print:yes copy:yes change:no addNotes:no algorithm:AES-256\)/, 'sealed');
	is($info->{Title}, 'Credential type: Poetry', 'title');
	is(decode('UTF-8', $info->{Subject}), 'Zoë Æbeltoft-Šimsa', 'subject');
	is_deeply([ fonts($file) ], [ [ 'Helvetica', 'no', 'no', 'no' ] ], 'a built-in font is not embedded');

	my $words = by_text($file);
	near(($words->{'Zoë'}{left} + $words->{'Æbeltoft-Šimsa'}{right}) / 2,
		841.89 / 2, 0.5, 'the name is in the middle');
	near(
		$words->{Poetry}{top} - $words->{Poetry}{bottom},
		28 / 32 * ($words->{'Zoë'}{top} - $words->{'Zoë'}{bottom}),
		0.1, 'sizes 32 and 28');
}

# ------------------------------------------------------------ protection
{
	my $file = page({ page => { size => 'Letter', orientation => 'portrait' }, protection => 'none' });

	is(info($file)->{Encrypted}, 'no', 'protection none');
	like(info($file)->{'Page size'}, qr/^612 x 792 pts \(letter\)/, 'Letter, upright');
	like(text($file), qr/^Ada Lovelace\n/, 'the default name');
}

# ------------------------------------------------------------ places
{
	my $file = texts(
		{
			left => { text => 'Left', x => 100, y => 500, align => 'left' },
			center => { text => 'Center', x => 300, y => 450, align => 'center' },
			right => { text => 'Right', x => 500, y => 400, align => 'right' },
			start => { text => 'Start', x => 100, y => 350, align => 'start' },
			end => { text => 'End', x => 500, y => 300, align => 'end' },
			start_rtl => { text => 'StartRtl', x => 500, y => 350, align => 'start', direction => 'rtl' },
			end_rtl => { text => 'EndRtl', x => 100, y => 250, align => 'end', direction => 'rtl' },
			middle => { text => 'Middle', y => 200 },
			margin_left => { text => 'MarginLeft', y => 150, align => 'left' },
			margin_right => { text => 'MarginRight', y => 100, align => 'right' },
			corner => { text => 'Corner', x => 0, y => 3, align => 'left' },
			lines => { text => "one\nand two", x => 700, y => 300, line_height => 2, size => 10 },
			spaces => { text => '  Spaces  ', x => 700, y => 500, align => 'right' },
			high => { text => 'High', x => 600, y => 550, align => 'left' }
		});
	my $words = by_text($file);

	near($words->{Left}{left}, 100, 0.5, 'align left');
	near(($words->{Center}{left} + $words->{Center}{right}) / 2, 300, 0.5, 'align center');
	near($words->{Right}{right}, 500, 0.5, 'align right');
	near($words->{Start}{left}, 100, 0.5, 'align start');
	near($words->{End}{right}, 500, 0.5, 'align end');
	near($words->{StartRtl}{right}, 500, 0.5, 'align start from right to left');
	near($words->{EndRtl}{left}, 100, 0.5, 'align end from right to left');
	near(($words->{Middle}{left} + $words->{Middle}{right}) / 2, 841.89 / 2, 0.5, 'x of center is the middle');
	near($words->{MarginLeft}{left}, 841.89 / 12, 0.5, 'x of left is a margin');
	near($words->{MarginRight}{right}, 841.89 * 11 / 12, 0.5, 'x of right is a margin');
	near($words->{Corner}{left}, 0, 0.5, 'x 0 is the edge');
	near($words->{Spaces}{right}, 700, 0.5, 'spaces around a text do not move it');
	near($words->{Left}{bottom} - $words->{Right}{bottom}, 100, 0.01, 'y counts up');
	# Helvetica's descender reaches about a fifth of its size below the baseline.
	near($words->{High}{bottom}, 550 - 12 * 0.21, 1, 'y is the baseline');
	near($words->{one}{bottom} - $words->{and}{bottom}, 20, 0.01, 'line_height');
	near(($words->{one}{left} + $words->{one}{right}) / 2, 700, 0.5, 'the first line is aligned');
	near(($words->{and}{left} + $words->{two}{right}) / 2, 700, 0.5, 'the second line is aligned on its own');
}

# ------------------------------------------------------------ precedence: built-in < standard < defaults < own
{
	my $size = sub { my ($word) = @_; return $word->{top} - $word->{bottom} };
	my $one = $size->(by_text(texts({ a => { text => 'Word', y => 100, size => 100 } }))->{Word}) / 100;
	my $builtin = by_text(texts({ a => { text => 'Word', y => 100 } }));
	my $standard = by_text(page({ page => {} }, user_full_name => 'Word', learning_context_name => 'Context'));
	my $defaults = by_text(
		page(
			{
				page => {},
				defaults => { size => 20, align => 'left', x => 50 },
				text_elements =>
				  { own => { text => 'Own', y => 50, size => 8 }, other => { text => 'Other', y => 70 } }
			},
			user_full_name => 'Word',
			learning_context_name => 'Context'));
	my $own = by_text(
		page(
			{ page => {}, defaults => { size => 20 }, text_elements => { name => { size => 50, y => 300 } } },
			user_full_name => 'Word',
			learning_context_name => 'Context'));

	near($size->($builtin->{Word}), 12 * $one, 0.05, 'built-in styling');
	near($size->($standard->{Word}), 32 * $one, 0.05, 'the standard element wins over it');
	near($size->($defaults->{Word}), 20 * $one, 0.05, 'defaults win over the standard element');
	near($defaults->{Word}{left}, 50, 0.5, 'defaults for x and align');
	near($size->($defaults->{Own}), 8 * $one, 0.05, 'own keys win over defaults');
	near($defaults->{Own}{left}, 50, 0.5, 'what an element does not say is of the defaults');
	near($size->($defaults->{Other}), 20 * $one, 0.05, 'defaults win over the built-in styling');
	near($size->($own->{Word}), 50 * $one, 0.05, 'own keys of a standard element');
	near(
		$own->{Word}{bottom} - $standard->{Word}{bottom},
		10 - (50 - 32) * $one * 0.2,
		2, 'y of a standard element');
	near($size->($own->{Context}), 20 * $one, 0.05, 'the other keeps the defaults');
}

# ------------------------------------------------------------ fitting
{
	my $width = sub {
		my ($words) = @_;
		my @sorted = sort { $a <=> $b } map { $_->{left}, $_->{right} } @$words;
		return $sorted[-1] - $sorted[0];
	};
	my $element = { name => { text => '{name}', y => 300, size => 32, min_size => 16, max_width => 400 } };
	my $lines = sub {
		my %lines;
		push @{ $lines{ sprintf '%.1f', $_->{bottom} } }, $_ for @_;
		return map { $lines{$_} } sort { $b <=> $a } keys %lines;
	};
	my @short = words(texts($element, {}, user_full_name => 'Ada Lovelace'));
	my @long = words(texts($element, {}, user_full_name => 'Wolfgang Amadeus Theophilus Mozart'));
	my @longer = words(
		texts(
			$element,
			{},
			user_full_name =>
			  'Pablo Diego Jose Francisco de Paula Juan Nepomuceno Maria de los Remedios Cipriano de la Santisima Trinidad Ruiz y Picasso'
		));
	my @wrapped = $lines->(@longer);
	my $height = sub { return $_[0]{top} - $_[0]{bottom} };

	cmp_ok($width->(\@short), '<', 400, 'what fits');
	near($width->(\@long), 400, 1, 'what is too wide shrinks until it fits');
	cmp_ok($height->($long[0]), '<', $height->($short[0]), '... to a smaller size');
	cmp_ok($height->($long[0]), '>=', $height->($short[0]) / 2 - 0.01, '... not below min_size');
	is(scalar(() = $lines->(@long)), 1, '... on one line');
	cmp_ok(scalar(@wrapped), '>=', 2, 'what is still too wide is wrapped');
	near($height->($longer[0]), $height->($short[0]) / 2, 0.05, '... at min_size');
	cmp_ok($width->($_), '<=', 401, '... each line within max_width') foreach @wrapped;
	near($width->($_), $width->($wrapped[0]), 160, '... lines about equally long') foreach @wrapped;
	near(($_->[0]{left} + $_->[-1]{right}) / 2, 841.89 / 2, 0.5, '... each in the middle') foreach @wrapped;
	near($wrapped[0][0]{bottom} - $wrapped[1][0]{bottom},
		16 * 1.1, 0.05, '... at the distance of the smaller size');
	is( join(' ', map { $_->{text} } map { @$_ } @wrapped),
		'Pablo Diego Jose Francisco de Paula Juan Nepomuceno Maria de los Remedios Cipriano de la Santisima Trinidad Ruiz y Picasso',
		'... with every word');

	like(
		error_of($node, '{"page": {}, "text_elements": {"name": {"max_width": 100}}}', user_full_name => 'x' x 60),
		qr/^22023: text_elements\.name: the text is [\d.]+ points wide, more than the 100 points it may take$/,
		'a word that is too wide');

	my $default =
	  texts({ name => { size => 60 } }, {}, user_full_name => 'Wolfgang Amadeus Theophilus Mozart Mozart');
	my @words = words($default);
	near($words[0]{left}, 841.89 / 12, 1, 'by default a twelfth is free at the left');
	near($words[-1]{right}, 841.89 * 11 / 12, 1, '... and at the right');

	@words = words(
		texts(
			{ name => { size => 60, align => 'left', x => 500 } }, {}, user_full_name => 'Ada Countess Lovelace'));
	near($words[0]{left}, 500, 1, 'a left-aligned text begins at x');
	cmp_ok($words[-1]{right}, '<=', 841.89 * 11 / 12 + 1, '... and ends before the margin');
}

# ------------------------------------------------------------ letters
{
	my $file = texts(
		{
			a => { text => '{name} straße', y => 500, uppercase => JSON::PP::true },
			c => { text => 'Spaced', x => 100, y => 300, align => 'left', char_space => 0 },
			d => { text => 'Spaced', x => 100, y => 200, align => 'left', char_space => 4 }
		},
		{},
		user_full_name => 'José Müller');

	like(decoded_text($file), qr/^JOSÉ MÜLLER STRASSE$/m, 'upper case');
	# The right end of what stands between two heights: spaced letters are words of their own.
	my @all = words($file);
	my $right = sub {
		my ($from, $to) = @_;
		my @x = sort { $b <=> $a } map { $_->{right} } grep { $_->{bottom} > $from && $_->{bottom} < $to } @all;
		return $x[0];
	};
	cmp_ok($right->(190, 205) - $right->(290, 305), '>', 19, 'char_space widens');

	is( decoded_text(
			texts(
				{ a => { text => 'istanbul', y => 500, uppercase => JSON::PP::true, font => 'noto' } },
				{ locale => 'tr' })),
		'İSTANBUL',
		'upper case by the locale');
}

# ------------------------------------------------------------ fonts
{
	my $file = texts(
		{
			a => { text => 'Nguyễn Thị Ánh Đỗ Ẩn', y => 500, font => 'noto', size => 40 },
			b => { text => 'Μαρία Łucja Шевченко', y => 400, font => [ 'Times-Italic', 'noto' ] },
			c => { text => 'Times', y => 300, font => 'Times-Bold' }
		});
	my %fonts = map { $_->[0] =~ s/^[A-Z]{6}\+//r => $_ } fonts($file);

	is(decoded_text($file), "Nguyễn Thị Ánh Đỗ Ẩn\nΜαρία Łucja Шевченко\nTimes", 'text in a font of ours');
	my ($noto) = grep { /Noto/ } keys %fonts;
	is_deeply(
		[ @{ $fonts{ $noto // '' } // [] }[ 1 .. 3 ] ],
		[ 'yes', 'yes', 'yes' ],
		'embedded, a subset, with text');
	ok($fonts{'Times-Bold'}, 'a built-in font by its name');
	like(
		error_of($node, '{"page": {}}', user_full_name => encode('UTF-8', 'Łukasz')),
		qr/^22P05: .*U\+0141/,
		'a character that Helvetica does not have');
}

# ------------------------------------------------------------ dates
{
	my @cases = (
		[ {}, 'February 29, 2024' ],
		[ { locale => 'de' }, '29. Februar 2024' ],
		[ { locale => 'pt-BR' }, '29 de fevereiro de 2024' ],
		[ { locale => 'fr', date_format => 'full' }, 'jeudi 29 février 2024' ],
		[ { date_format => 'short' }, '2/29/24' ],
		[ { date_format => 'yyyy-MM-dd HH:mm', time_zone => 'UTC' }, '2024-02-29 23:30' ],
		[ { date_format => 'yyyy-MM-dd HH:mm', time_zone => 'Europe/Warsaw' }, '2024-03-01 00:30' ],
		[ { date_format => 'yyyy-MM-dd', time_zone => 'America/New_York' }, '2024-02-29' ]);

	foreach my $case (@cases)
	{
		my ($options, $expected) = @$case;

		is(decoded_text(texts({ date => { y => 300 } }, $options, issue_date => '2024-02-29 23:30+00')),
			$expected, 'date with ' . $json->encode($options));
	}
	is( text(
			texts(
				{ date => { text => '{issue_date}/{expires_date}' } },
				{ date_format => 'yyyy-MM-dd' },
				issue_date => '2024-02-29 23:30+00')),
		'2024-02-29/2025-02-28',
		'a preview expires after 365 days');
}

# ------------------------------------------------------------ placeholders
{
	my $evidence = {
		score => 0.90,
		numbers => 'NUMBERS',
		passed => JSON::PP::true,
		failed => JSON::PP::false,
		nothing => undef,
		'with.dot' => { 'a.b' => 'dotted' },
		current_grades => { total => 87.5, homework => '92 %' },
		steps => { 'course-v1:Uni+A.1+2024' => { grade => 3 } },
		list => [ 'zero', { one => 'uno' } ],
		braces => '{name}',
		markup => '<b>&amp;</b>',
		'' => 'empty'
	};
	my @cases = (
		[ 'Dear {name}!', 'Dear {{Ada}} Love{lace!' ],
		[ '{context_name}', 'Maths {issue_date}' ],
		[ '{issue_date}', '2024-02-29' ],
		[ '{expires_date}', '2025-02-28' ],
		[ '{credential_type}', 'Credential type' ],
		[ '{verify_uuid}', '00000000-0000-0000-0000-000000000000' ],
		[ '{verify_url}', 'https://verify.example.edu/c/00000000-0000-0000-0000-000000000000' ],
		[ '{name}{name}', '{{Ada}} Love{lace{{Ada}} Love{lace' ],
		[ '{evidence.score}', '0.9' ],
		[
			'{evidence.numbers.0} {evidence.numbers.1} {evidence.numbers.2} {evidence.numbers.3} {evidence.numbers.4} {evidence.numbers.5}',
			'87.33 60 0.5 100 -1.01 12345678901234567890.12'
		],
		[ '{evidence.passed} {evidence.failed}', 'true false' ],
		[ '[{evidence.nothing}]', '[]' ],
		[ '{evidence.current_grades.total} {evidence.current_grades.homework}', '87.5 92 %' ],
		[ '{evidence.with.dot.a.b}', 'dotted' ],
		[ '{evidence.steps.course-v1:Uni+A.1+2024.grade}', '3' ],
		[ '{evidence.list.0} {evidence.list.1.one}', 'zero uno' ],
		[ '{evidence.braces}', '{name}' ],
		[ '{evidence.markup}', '<b>&amp;</b>' ],
		[ '{evidence.list.2}', '{evidence.list.2}' ],
		[ '{evidence.list.-1}', '{evidence.list.-1}' ],
		[ '{evidence.list.x}', '{evidence.list.x}' ],
		[ '{evidence.list}', '{evidence.list}' ],
		[ '{evidence.current_grades}', '{evidence.current_grades}' ],
		[ '{evidence.score.deeper}', '{evidence.score.deeper}' ],
		[ '{evidence.missing}', '{evidence.missing}' ],
		[ '{evidence.} {evidence}', '{evidence.} {evidence}' ],
		[ '{unknown} {NAME} { name } {}', '{unknown} {NAME} { name } {}' ],
		[ '{{name}}', '{name}' ],
		[ '{{{evidence.score}}}', '{0.9}' ],
		[ '{{{{', '{{' ],
		[ '}}x }y {z', '}x }y {z' ],
		[ '{evidence.score', '{evidence.score' ],
		[ 'evidence.score}', 'evidence.score}' ],
		[ '{evidence.{evidence.score}}', '{evidence.0.9}' ],
		[ "tab\there", 'tab here' ],
		[ '{evidence.score}%s%n$&\1', '0.9%s%n$&\1' ]);
	my %elements = map {
		sprintf('case%02d', $_) =>
		  { text => $cases[$_][0], y => 580 - 16 * $_, x => 40, align => 'left', size => 11 }
	} 0 .. $#cases;
	my $file = texts(
		\%elements, { date_format => 'yyyy-MM-dd' },
		user_full_name => '{{Ada}} Love{lace',
		learning_context_name => 'Maths {issue_date}',
		issue_date => '2024-02-29 12:00+00',
		evidence => decode('UTF-8', $json->encode($evidence)) =~
		  s/"NUMBERS"/[87.333333333, 59.999, 0.5, 100, -1.005, 12345678901234567890.1234]/r);
	my @lines = grep { /\S/ } split /\n/, decoded_text($file, '-layout');

	is(scalar(@lines), scalar(@cases), 'a line for each case');
	is($lines[$_] =~ s/^\s+|\s+$//gr, $cases[$_][1], "placeholder $cases[$_][0]") foreach 0 .. $#cases;

	# Every kind of line break makes a line.
	$file = texts({ a => { text => "1{name}2\r\n3\r4\x{B}5\f6\x{85}7\x{2028}8\x{2029}9", y => 300 } },
		{}, user_full_name => "A\nB\r\nC");
	is(text($file), join("\n", qw(1A B C2 3 4 5 6 7 8 9)), 'line breaks');
}

# ------------------------------------------------------------ templates
{
	my $design = texts(
		{ a => { text => 'Certificate', y => 350, size => 40 } },
		{ page => { size => 'A5' }, protection => 'none' });
	my $multiline = texts(
		{ a => { text => 'Longer', y => 350, size => 40 } },
		{ page => { size => 'A5', orientation => 'portrait' } });

	store_file($node, 'design', $design);
	store_file($node, 'multiline', $multiline);
	my $options = { template => 'design', template_multiline => 'multiline' };
	my $file = page($options, learning_context_name => 'Poetry');

	is( decoded_text($file),
		"Certificate\nAda Lovelace\nPoetry\n" . decoded_text(texts({ date => {} })),
		'a template and our texts on it');
	like(info($file)->{'Page size'}, qr/^595\.2\d* x 419\.5\d* pts/, 'the size is that of the template');
	near(by_text($file)->{Poetry}{left} + by_text($file)->{Poetry}{right},
		595.28, 1, 'the middle is that of the template');
	like(info($file)->{Encrypted}, qr/^yes/, 'sealed, though the template is not');

	my @cases = (
		[ 'one line', {%$options}, 'Poetry', 'Certificate' ],
		[ 'a line break in the name', {%$options}, "Poetry\nand Prose", 'Longer' ],
		[
			'a line break in the text',
			{ %$options, text_elements => { context => { text => "in\n{context_name}" } } },
			'Poetry', 'Longer'
		],
		[
			'a line break in a text that is not the context',
			{ %$options, text_elements => { name => { text => "Dr\n{name}" } } },
			'Poetry', 'Certificate'
		],
		[
			'a line break in the name of a hidden element',
			{ %$options, text_elements => { context => JSON::PP::false } },
			"Poetry\nand Prose", 'Longer'
		],
		[ 'no template for lines', { template => 'design' }, "Poetry\nand Prose", 'Certificate' ]);

	foreach my $case (@cases)
	{
		like(text(page($case->[1], learning_context_name => $case->[2])),
			qr/^$case->[3]$/m, "template: $case->[0]");
	}
}

# ------------------------------------------------------------ colors, images, QR codes
{
	# A PNG of 40 by 20 pixels, its left half red, its right half green.
	my $chunk = sub {
		my ($type, $data) = @_;
		return pack('N', length $data) . $type . $data . pack('N', Compress::Zlib::crc32($type . $data));
	};
	my $image =
		"\x89PNG\r\n\x1a\n"
	  . $chunk->('IHDR', pack('NNCCCCC', 40, 20, 8, 2, 0, 0, 0))
	  . $chunk->('IDAT', Compress::Zlib::compress(("\0" . ("\xff\0\0" x 20) . ("\0\xff\0" x 20)) x 20))
	  . $chunk->('IEND', '');
	$node->safe_psql('postgres',
			"INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('red_green', '\\x"
		  . unpack('H*', $image)
		  . "')");

	my $file = texts(
		{
			b => { text => 'III', y => 300, x => 300, size => 200, color => 'f0F' },
			c => { text => 'III', y => 300, x => 600, size => 200, color => '#1a5276', font => 'Helvetica-Bold' }
		},
		{
			images => [
				{ slug => 'red_green', x => 20, y => 30 },
				{ slug => 'red_green', x => 100, y => 30, width => 80 },
				{ slug => 'red_green', x => 200, y => 30, height => 80 },
				{ slug => 'red_green', x => 400, y => 30, width => 10, height => 100 }
			]
		});
	my $at = pixels($file, 72);
	my @places = (
		[ 10, 40, 'ffffff' ],
		[ 25, 35, 'ff0000' ],
		[ 25, 45, 'ff0000' ],
		[ 55, 45, '00ff00' ],
		[ 55, 55, 'ffffff' ],
		[ 65, 40, 'ffffff' ],
		[ 105, 65, 'ff0000' ],
		[ 175, 35, '00ff00' ],
		[ 105, 75, 'ffffff' ],
		[ 210, 105, 'ff0000' ],
		[ 350, 35, '00ff00' ],
		[ 365, 35, 'ffffff' ],
		[ 402, 125, 'ff0000' ],
		[ 408, 125, '00ff00' ],
		[ 402, 135, 'ffffff' ]);
	# Scaled pictures are a shade off in some renderers.
	is($at->($_->[0], $_->[1]) =~ s/fe/ff/gr, $_->[2], "image: color at $_->[0], $_->[1]") foreach @places;
	# The stem of an I, in the middle of three.
	is($at->(300, 370), 'ff00ff', 'color of three digits, without #');
	is($at->(600, 370), '1a5276', 'color of six digits');
	is(scalar(() = output('pdfimages', '-list', $file) =~ /^\s+1\s/mg), 4, 'the image is drawn four times');
	is( scalar(
			keys
			  %{ { map { (split)[10] => 1 } grep { /^\s+1\s/ } split /\n/, output('pdfimages', '-list', $file) } }
		),
		1,
		'... and is in the document once');

	$file = texts(
		{},
		{
			qr_codes =>
			  [ { x => 100, y => 100 }, { x => 400, y => 200, size => 150, text => '{name}: {evidence.n}' } ]
		},
		user_full_name => 'Zoe',
		evidence => '{"n": 7}');
	output('pdftoppm', '-r', 150, '-png', '-singlefile', $file, $file);
	is_deeply(
		[ sort split /\n/, decode('UTF-8', output('zbarimg', '-q', '--raw', "$file.png")) ],
		[ 'Zoe: 7', 'https://verify.example.edu/c/00000000-0000-0000-0000-000000000000' ],
		'QR codes');
	$at = pixels($file, 300);
	my ($left, $bottom) = (172, 172);

	for my $x (map { 100 + $_ / 4 } 0 .. 288)
	{
		for my $y (map { 100 + $_ / 4 } 0 .. 288)
		{
			if ($at->($x, $y) eq '000000') { $left = $x if $x < $left; $bottom = $y if $y < $bottom }
		}
	}
	ok($left > 105 && $left < 115 && abs($left - $bottom) < 0.6, "a QR code's size includes its margin");

	# What is in a code is said to be UTF-8: bytes of several languages look like those of another encoding.
	for my $said ('Zoë Łukasz', 'Ğülşen', '王小明', 'أحمد بن علي', 'นภา', '𝒜🎓👩🏽‍🎓', 'x' x 2331, 'é' x 1165)
	{
		$file = texts({}, { qr_codes => [ { x => 100, y => 20, size => 550, text => '{name}' } ] },
			user_full_name => $said);
		output('pdftoppm', '-r', 150, '-png', '-singlefile', $file, $file);
		is(output('zbarimg', '-q', '--raw', "$file.png"), encode('UTF-8', "$said\n"),
			'a QR code of ' . encode('UTF-8', substr $said, 0, 20));
	}
}

# ------------------------------------------------------------ credentials
{
	my $row = 'jsonb_populate_record(NULL::learning_credentials.credential, $json$'
	  . $json->encode(
		{
			uuid => '018f0000-0000-7000-8000-000000000001',
			verify_uuid => 'a0000000-0000-4000-8000-000000000001',
			credential_type_name => 'Diploma',
			learning_context_key => 'course-v1:Uni+MA1+2024',
			learning_context_name => "Mathematics\nfor Poets",
			user_id => 1,
			user_full_name => 'Ada Lovelace',
			evidence => { total => 91 },
			issue_date => '2024-02-29 12:00+00',
			expires_at => '2030-06-01 00:00+00'
		}) . '$json$)';
	my $options = $json->encode(
		{
			page => {},
			date_format => 'yyyy-MM-dd',
			qr_codes => [ { x => 50, y => 50, size => 120 } ],
			text_elements =>
			  { all => { y => 60, text => '{credential_type}, {expires_date}, {evidence.total}, {verify_uuid}' } }
		});
	my $file = document($node, "learning_credentials.generate_pdf($row, '$options')");
	my $info = info($file);

	is(check($file), '', 'qpdf finds nothing wrong with the document of a credential');
	is( decoded_text($file),
		"Ada Lovelace\nMathematics\nfor Poets\n2024-02-29\nDiploma, 2030-06-01, 91, a0000000-0000-4000-8000-000000000001",
		'the text of the document');
	is($info->{Title}, 'Diploma: Mathematics for Poets', 'title');
	is($info->{Author}, 'Uni', 'the author is the organisation');
	is($info->{Subject}, 'Ada Lovelace', 'subject');
	output('pdftoppm', '-r', 150, '-png', '-singlefile', $file, $file);
	is( output('zbarimg', '-q', '--raw', "$file.png"),
		"https://verify.example.edu/c/a0000000-0000-4000-8000-000000000001\n",
		'the QR code leads to the verification');

	$file = document($node,
		"learning_credentials.generate_pdf(jsonb_populate_record($row, '{\"expires_at\": null}'), '$options')");
	like(text($file), qr/^Diploma, , 91, /m, 'no expiry date');

	# Two documents of the same credential have different keys, and the same text.
	my ($one, $two) = map { document($node, "learning_credentials.generate_pdf($row, '$options')") } 1 .. 2;
	isnt(slurp_file($one), slurp_file($two), 'documents differ');
	is(text($one), text($two), '... not in their text');
}

# ------------------------------------------------------------ rights: assets are read as the caller
{
	$node->safe_psql('postgres',
		'CREATE ROLE maker LOGIN; GRANT USAGE ON SCHEMA learning_credentials TO maker; GRANT EXECUTE ON FUNCTION learning_credentials.preview_pdf TO maker'
	);
	my $as_maker = sub {
		my ($options) = @_;
		my ($status, $out, $err) = $node->psql(
			'postgres',
			"SELECT length(learning_credentials.preview_pdf('$options')) > 0",
			extra_params => [ '-U', 'maker' ]);
		return $out . $err;
	};

	is($as_maker->('{"page": {}}'), 't', 'a page without assets needs no rights on them');
	like(
		$as_maker->('{"template": "design"}'),
		qr/permission denied for table credential_asset/,
		'a template needs SELECT');
	$node->safe_psql('postgres', 'GRANT SELECT ON learning_credentials.credential_asset TO maker');
	is($as_maker->('{"template": "design"}'), 't', '... and then it is read');
}

# ------------------------------------------------------------ what is kept between documents does not go stale
{
	my $session = $node->background_psql('postgres');
	my $before = $session->query(
		"SELECT length(learning_credentials.preview_pdf('{\"template\": \"design\", \"protection\": \"none\"}'))");

	store_file($node, 'design2',
		texts({ a => { text => 'Redesigned certificate', y => 350, size => 40 } }, { page => { size => 'A3' } }));
	$node->safe_psql('postgres',
		"UPDATE learning_credentials.credential_asset SET content = (SELECT content FROM learning_credentials.credential_asset WHERE slug = 'design2') WHERE slug = 'design'"
	);
	my $hex =
	  $session->query("SELECT encode(learning_credentials.preview_pdf('{\"template\": \"design\"}'), 'hex')");
	$session->quit;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/redesigned.pdf";
	open my $handle, '>:raw', $file or die $!;
	print $handle pack 'H*', $hex =~ s/\s+//gr;
	close $handle;
	like(text($file), qr/^Redesigned certificate$/m, 'a session sees that a template was replaced');
}

# ------------------------------------------------------------ in parallel workers
{
	my $count = $node->safe_psql('postgres', <<'SQL');
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
CREATE TABLE learner AS SELECT 'Learner ' || i AS name FROM generate_series(1, 200) AS i;
SELECT count(*) FROM learner WHERE length(learning_credentials.preview_pdf('{"template": "design"}', name)) > 1000;
SQL
	is($count, "on\n200", 'documents made in parallel');
}

$node->stop;
done_testing();
