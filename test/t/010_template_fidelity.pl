# A template's page is kept as it is: with all text hidden the document looks, pixel for pixel, like the
# template, and what is drawn on it stands where a viewer's coordinates say.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use PostgreSQL::Test::Utils;
use Test::More;

use TemplatePdf qw(sound);
use TestPdf qw(server store write_file read_pdf sound_pdf pixels picture output_of);

my %templates = sound();
my @by_qpdf = (
	[ 'object streams', 'inherited', '--object-streams=generate' ],
	[ 'object streams with strings', 'soft mask, pattern, shading, image with a table of colours',
		'--object-streams=generate' ],
	[ 'linearized', 'layers', '--linearize' ],
	[ 'encrypted, with a password for its owner only', 'annotations', '--encrypt', '', 'owner', '256', '--' ]);
my @placed = grep { /rotated|box|inherited/ && !/outside/ } sort keys %templates;

# Of each template: stored, sound, looks the same in two ways, sealed and not. Of each place: the square of
# a QR code and a text. And what is said of single templates at the end.
plan tests => 7 * (keys(%templates) + @by_qpdf) + 2 * @placed + 12;

my $node = server();
my $folder = PostgreSQL::Test::Utils::tempdir();
my $hidden = '"text_elements": {"name": false, "context": false, "date": false}';
my $slug = 't0';
my %stored;

# The document with these options beside the template.
sub document
{
	my ($name, $options, $path) = @_;

	return read_pdf($node,
		qq{learning_credentials.preview_pdf('{"template": "$stored{$name}", $options}', issue_date => '2024-02-29 12:00Z')},
		$path // "$folder/document.pdf");
}

sub looks_kept
{
	my ($name, $path) = @_;

	$stored{$name} = ++$slug;
	my ($status, undef, $error) = store($node, $slug, $path);
	is("$status$error", '0', "$name: is a template");

	for my $protection ('encrypt', 'none')
	{
		my $document = document($name, qq($hidden, "protection": "$protection"));

		ok(sound_pdf($document), "$name, $protection: qpdf is content");
		is(pixels($document, @$_), pixels($path, @$_), "$name, $protection: looks the same @$_")
		  for [], ['-cropbox'];
	}
}

for my $name (sort keys %templates)
{
	looks_kept($name, write_file("$folder/template.pdf", $templates{$name}));
}
for (@by_qpdf)
{
	my ($name, $from, @options) = @$_;
	my $source = write_file("$folder/source.pdf", $templates{$from});

	output_of('qpdf', @options, $source, "$folder/template.pdf") // die "qpdf cannot make: $name";
	looks_kept($name, "$folder/template.pdf");
}

# ---- our own stands where a viewer's coordinates say

for my $name (@placed)
{
	my $template = write_file("$folder/template.pdf", $templates{$name});
	my $code = document($name, qq($hidden, "qr_codes": [{"text": "here", "x": 30, "y": 40, "size": 100}]));
	my ($width, $height, $before) = picture($template, '-cropbox');
	my (undef, undef, $after) = picture($code, '-cropbox');
	my ($left, $right, $top, $bottom) = ($width, 0, $height, 0);

	for my $i (0 .. length($before) / 3 - 1)
	{
		next if substr($before, 3 * $i, 3) eq substr($after, 3 * $i, 3);
		my ($x, $y) = ($i % $width, int($i / $width));
		$left = $x if $x < $left;
		$right = $x if $x > $right;
		$top = $y if $y < $top;
		$bottom = $y if $y > $bottom;
	}
	# The square is 100 points, of which the margin of four modules stays as it was; counted from the bottom.
	ok($left >= 30 && $left < 50 && $right > 110 && $right <= 130 && $height - $bottom >= 40
		  && $height - $bottom < 60 && $height - $top > 120 && $height - $top <= 141,
		"$name: the code is in its square")
	  or diag("x $left to $right, y " . ($height - $bottom) . ' to ' . ($height - $top));

	my $text = document($name,
		'"text_elements": {"name": {"text": "Upright", "x": 40, "y": 50, "size": 24, "align": "left"}, "context": false, "date": false}');
	my ($x, $y, $x_end, $y_end) =
	  output_of('pdftotext', '-bbox', '-cropbox', $text, '-') =~
	  /xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">Upright</;
	my $base = $height - 50;
	ok(defined $x && abs($x - 40) < 2 && $y < $base && $base < $y_end && $x_end - $x > 2 * ($y_end - $y),
		"$name: the text is upright at its place")
	  or diag("x " . ($x // 'none') . ", y from " . ($y // '') . " to " . ($y_end // '') . ", base $base");
}

# ---- what is not followed, what stays

my $plain = qq($hidden, "protection": "none");
my $bytes = slurp_file(document('ways to other pages', $plain));
unlike($bytes, qr/JavaScript|GoTo|StructTreeRoot|StructElem|Bead|Thumb|OpenAction/,
	'nothing leads to other pages, structure or scripts');
is(() = $bytes =~ m{/Type /Page\b(?!s)}g, 1, 'there is one page');
like($bytes, qr{/Subtype /Link }, 'the border of a link to a page stays');

$bytes = slurp_file(document('annotations', $plain));
unlike($bytes, qr/Filespec|FileAttachment|Widget|AcroForm|Popup/, 'no files, forms and pop-ups');
like($bytes, qr{/S /URI /URI <68747470733A2F2F}, 'a link to an address stays');

like(slurp_file(document('layers', $plain)), qr{/OCProperties}, 'the layers stay');

# ---- the extension's own document as a template: the names of its resources are taken

document('rotated by 90', '"text_elements": {"name": {"text": "First", "y": 60}, "context": false, "date": false}',
	"$folder/own.pdf");
$stored{own} = 'own';
is((store($node, 'own', "$folder/own.pdf"))[0], 0, 'a document is a template');
my $second = document('own', '"text_elements": {"name": {"text": "Second", "y": 90}, "context": false, "date": false}');
my $said = output_of('pdftotext', $second, '-');
like($said, qr/First/, 'the text of the first document is there');
like($said, qr/Second/, 'so is that of the second');
is(pixels(document('own', $hidden)), pixels("$folder/own.pdf"), 'it looks the same');

# ---- the same options give the same document, whichever session makes it

my @same = map { slurp_file(document('annotations', qq("protection": "none"))) } 1 .. 2;
ok($same[0] eq $same[1], 'an open document is the same, byte by byte');
my @sealed = map { slurp_file(document('annotations', qq("protection": "encrypt"))) } 1 .. 2;
ok($sealed[0] ne $sealed[1], 'a sealed one is not');
