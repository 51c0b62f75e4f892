# contact_sheet.pl COLUMNS OUT.png PICTURE.ppm...: the pictures, all of one size, in rows on one sheet.
use strict;
use warnings;

use Compress::Zlib qw(compress crc32);

my ($columns, $out, @files) = @ARGV;
my $gap = 8;
my @pictures = map { read_ppm($_) } @files;
my ($width, $height) = @{ $pictures[0] }{qw(width height)};
my $sheet_width = $columns * ($width + $gap) + $gap;
my $grey = "\xb0\xb0\xb0";
my @between = map { $grey x $sheet_width } 1 .. $gap;
my @lines = @between;

while (my @row = splice @pictures, 0, $columns)
{
	for my $y (0 .. $height - 1)
	{
		my $line = join '', map { $grey x $gap, substr $_->{pixels}, 3 * $width * $y, 3 * $width } @row;

		push @lines, $line . $grey x ($sheet_width - length($line) / 3);
	}
	push @lines, @between;
}

# PNG: a header, one run of compressed lines, each with its filter (none), an end.
open my $handle, '>:raw', $out or die "$out: $!";
print $handle "\x89PNG\r\n\x1a\n", chunk('IHDR', pack 'NNCCCCC', $sheet_width, scalar @lines, 8, 2, 0, 0, 0),
  chunk('IDAT', compress(join '', map { "\0$_" } @lines)), chunk('IEND', '');
close $handle or die "$out: $!";

sub chunk
{
	my ($type, $data) = @_;

	return pack('N', length $data) . $type . $data . pack 'N', crc32($type . $data);
}

sub read_ppm
{
	my ($file) = @_;

	open my $handle, '<:raw', $file or die "$file: $!";
	local $/;
	my $ppm = <$handle>;
	my ($header, $width, $height) = $ppm =~ /\A(P6\s+(\d+)\s+(\d+)\s+255\s)/ or die "$file is no picture";
	return { width => $width, height => $height, pixels => substr $ppm, length $header };
}
