# Content of a template behind each filter, as encoders here write it: what they write is what libqpdf reads, and
# what we read is the same.
use strict;
use warnings;

use Compress::Zlib qw(compress);
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$FindBin::RealBin/lib";
use Document qw(output);
use Template qw(server store write_file);
use TemplatePdf qw(build);

my $node = server();
my $folder = PostgreSQL::Test::Utils::tempdir();

# ------------------------------------------------------------ encoders (ISO 32000-1, 7.4)

sub hex_encoded { return join("\n", unpack '(A60)*', unpack 'H*', $_[0]) . '>' }

sub base85
{
	my ($bytes) = @_;
	my $text = '';

	for my $group (unpack '(a4)*', $bytes)
	{
		my $value = unpack 'N', $group . "\0" x (4 - length $group);
		my $digits = '';

		$digits = chr(33 + int($value / 85**$_) % 85) . $digits for 0 .. 4;
		$text .= length $group == 4 && $value == 0 ? 'z' : substr $digits, 0, 1 + length $group;
	}
	return join("\n", unpack '(A70)*', $text) . '~>';
}

sub run_lengths
{
	my ($bytes) = @_;
	my $coded = '';

	while ($bytes =~ /\G(?:((.)\2{1,127})|((?:(.)(?!\4)){1,128}))/gs)
	{
		$coded .= defined $1 ? pack('C', 257 - length $1) . $2 : pack('C', length($3) - 1) . $3;
	}
	return "$coded\x80";
}

# early: as LZWDecode's EarlyChange; clears: whether the table is begun anew when it is full
sub lzw
{
	my ($bytes, $early, $clears) = @_;
	my $bits = '';
	my ($width, %codes, $next);
	my $begin = sub { %codes = map { (chr, $_) } 0 .. 255; $next = 258; $width = 9 };
	my $put = sub { $bits .= sprintf "%0${width}b", $_[0] };
	my $seen = '';

	$begin->();
	$put->(256);
	for my $byte (split //, $bytes)
	{
		if (exists $codes{"$seen$byte"})
		{
			$seen .= $byte;
			next;
		}
		$put->($codes{$seen});
		$codes{"$seen$byte"} = $next++ if $next < 4096;
		# The reader's table is one code behind.
		$width++ if $width < 12 && $next - 1 + $early >= 1 << $width;
		if ($clears && $next > 4094)
		{
			$put->(256);
			$begin->();
		}
		$seen = $byte;
	}
	$put->($codes{$seen});
	$width++ if $width < 12 && $next + $early >= 1 << $width;
	$put->(257);
	return pack 'B*', $bits;
}

# Rows of 8 bytes, each with the differences from the row above (PNG's filter 2).
sub rows_up
{
	my ($bytes) = @_;
	my @above = (0) x 8;
	my $coded = '';

	for my $row (unpack '(a8)*', $bytes)
	{
		my @row = unpack 'C*', $row;

		$coded .= pack 'C*', 2, map { ($row[$_] - $above[$_]) % 256 } 0 .. 7;
		@above = @row;
	}
	return $coded;
}

# ------------------------------------------------------------ templates

# A template of one page; its content's entries and data.
sub pdf
{
	my ($entries, $data) = @_;

	return build(
		'<< /Type /Catalog /Pages 2 0 R >>',
		'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
		'<< /Type /Page /Parent 2 0 R /MediaBox [0 0 842 595] /Resources << >> /Contents 4 0 R >>',
		[ $entries, $data ]);
}

# Enough of it, and different enough, to fill LZW's table twice. It ends within a text object, so that it becomes a
# form, in which it stands as it was read.
my $seed = 12345;
my $content = join '', map { $seed = ($seed * 1103515245 + 12345) % 2147483648; sprintf "%d %d m %d 20 l S\n", $_ % 400, $seed % 300, $seed / 77 % 400 } 1 .. 1500;
$content .= "0 0 0 0 re f\n" x 100 . "% " . "\0" x 40 . "\n" . join('', map { chr } grep { $_ != 10 && $_ != 13 } 0 .. 255) . "\nBT\n";
$content .= ' ' x (8 - length($content) % 8);

my $early = lzw($content, 1, 1);
my %filters = (
	'none' => [ '', $content ],
	'ASCIIHexDecode' => [ '/Filter /ASCIIHexDecode', hex_encoded($content) ],
	'ASCIIHexDecode, an odd digit' => [ '/Filter /AHx', hex_encoded("$content ") =~ s/0>$/>/r ],
	'ASCII85Decode' => [ '/Filter /ASCII85Decode', base85($content) ],
	'ASCII85Decode, one byte more' => [ '/Filter /A85', base85("$content ") ],
	'ASCII85Decode, three bytes more' => [ '/Filter [/A85]', base85("$content   ") ],
	'RunLengthDecode' => [ '/Filter /RunLengthDecode', run_lengths($content) ],
	'LZWDecode' => [ '/Filter /LZWDecode', $early ],
	'LZWDecode, early change said' => [ '/Filter /LZWDecode /DecodeParms << /EarlyChange 1 >>', $early ],
	'LZWDecode, late change' => [ '/Filter [/LZW] /DecodeParms [<< /EarlyChange 0 >>]', lzw($content, 0, 1) ],
	'ASCII85Decode, LZWDecode' => [ '/Filter [/ASCII85Decode /LZWDecode]', base85($early) ],
	'ASCII85Decode, LZWDecode, late change' => [ '/Filter [/ASCII85Decode /LZWDecode] /DecodeParms [null << /EarlyChange 0 >>]', base85(lzw($content, 0, 1)) ],
	'ASCIIHexDecode, RunLengthDecode' => [ '/Filter [/ASCIIHexDecode /RunLengthDecode]', hex_encoded(run_lengths($content)) ],
	'ASCIIHexDecode, ASCII85Decode, FlateDecode' => [ '/Filter [/AHx /A85 /Fl]', hex_encoded(base85(compress($content))) ],
	'FlateDecode with a predictor' => [ '/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 8 >>', compress(rows_up($content)) ],
	'LZWDecode with a predictor' => [ '/Filter [/ASCII85Decode /LZWDecode] /DecodeParms [null << /Predictor 12 /Columns 8 >>]', base85(lzw(rows_up($content), 1, 1)) ]);

# Without spaces at the end, of which some have more.
sub trimmed { return $_[0] =~ s/\s+\z//r }

for my $name (sort keys %filters)
{
	my ($entries, $data) = @{ $filters{$name} };
	my $path = write_file("$folder/template.pdf", pdf($entries, $data));
	my $slug = lc $name =~ s/\W+/-/gr;

	is(trimmed(output('qpdf', '--show-object=4', '--filtered-stream-data', $path)), trimmed($content), "$name: libqpdf reads what was written");
	my ($status, undef, $said) = store($node, $slug, $path);
	is("$status$said", '0', "$name: stored");
	my $hex = $node->safe_psql('postgres', "SELECT encode(learning_credentials.preview_pdf('{\"template\": \"$slug\", \"protection\": \"none\"}'), 'hex')");
	my $document = write_file("$folder/document.pdf", pack 'H*', $hex);
	my ($form) = grep { output('qpdf', "--show-object=$_", $document) =~ m{/Subtype /Form} } 1 .. 9;
	is(trimmed(output('qpdf', "--show-object=$form", '--filtered-stream-data', $document)), trimmed($content), "$name: read as it was written");
}

# ------------------------------------------------------------ bounds

# 40 MB, and 41: a quarter of what one parse may take.
my %bombs = (
	'RunLengthDecode' => sub { "\x81 " x ($_[0] * 8192) . "\x80" },
	'ASCII85Decode' => sub { 'z' x ($_[0] * 262144) . '~>' });
for my $name (sort keys %bombs)
{
	for my $megabytes (40, 41)
	{
		my $path = write_file("$folder/template.pdf", pdf("/Filter /$name", $bombs{$name}->($megabytes)));
		my ($status, undef, $said) = store($node, "bomb-\L$name\E-$megabytes", $path, "SET learning_credentials.parse_memory = '160MB'; SET client_min_messages = error;");

		is($said =~ /ERROR:  (.*)/ ? $1 : '', $megabytes == 40 ? '' : 'PDF template has a stream that decompresses to more than 40960 kB', "$name: $megabytes MB");
	}
}

# What is senseless is refused.
for my $senseless ([ 'ASCIIHexDecode', '7g>' ], [ 'ASCII85Decode', "abc\x7f~>" ], [ 'ASCII85Decode', 'az~>' ], [ 'LZWDecode', "\x80\x7f\xff" ], [ 'LZWDecode', "\xc0\x80" ])
{
	my ($name, $data) = @$senseless;
	my (undef, undef, $said) = store($node, 'senseless', write_file("$folder/template.pdf", pdf("/Filter /$name", $data)));

	like($said, qr/ERROR:  PDF template is damaged\nDETAIL:  A stream cannot be decompressed\./, "$name: senseless data");
}

done_testing();
