# Picture.pm: pages as black and white pictures, and how much two of them differ.
package Picture;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils ();

our @EXPORT_OK = qw(picture mupdf_picture hb_view advance beside ink difference);

# Dots to an inch.
my $dpi = 300;

# The same by another program.
sub mupdf_picture
{
	my ($file) = @_;
	my ($pgm, $err);

	IPC::Run::run([ 'mutool', 'draw', '-q', '-F', 'pgm', '-r', $dpi, '-o', '-', $file ], '>', \$pgm, '2>', \$err) or die "mutool $file: $err";
	return black_and_white($pgm);
}

# HarfBuzz's program rounds the boxes of glyphs to whole units of the size, and poppler clips the glyphs to their
# boxes. So texts are set as many times as large, and looked at from as far away.
my $zoom = 8;

# A page's picture: { width, height, dots }, one byte a dot, "\1" for ink.
sub picture
{
	my ($file, $resolution) = @_;
	my ($pgm, $err);

	IPC::Run::run([ 'pdftoppm', '-gray', '-r', $resolution // $dpi, '-singlefile', $file ], '>', \$pgm, '2>', \$err) or die "pdftoppm $file: $err";
	return black_and_white($pgm);
}

sub black_and_white
{
	my ($pgm) = @_;
	my ($header, $width, $height) = $pgm =~ /\A(P5\s+(\d+)\s+(\d+)\s+255\s)/ or die 'no picture';
	my $dots = substr $pgm, length $header;

	$dots =~ tr/\x00-\x7f/\x01/;
	$dots =~ tr/\x80-\xff/\x00/;
	return { width => $width, height => $height, dots => $dots };
}

# Text set by HarfBuzz's own program: ARGUMENTS..., font file, text. "margin" is in points.
sub hb_view
{
	my ($out, $size, $margin, @arguments) = @_;
	my $err;

	($size, $margin) = map { $_ * $zoom } $size, $margin;
	my $high = 2 * $size;		# so that baselines are level whatever the font

	IPC::Run::run([ 'hb-view', '-O', 'pdf', '-o', $out, "--font-size=$size", "--font-extents=$high $high 0", "--margin=$margin", @arguments ],
		'2>', \$err)
	  or die "hb-view @arguments: $err";

	# Its text is clipped to a box that is too low where a mark stands high, as above Tibetan letters: "W" is the
	# clip (ISO 32000-1, 8.5.4).
	my $plain = "$out.plain";
	IPC::Run::run([ 'qpdf', '--stream-data=uncompress', $out, $plain ], '2>', \$err) or die "qpdf $out: $err";
	my $pdf = PostgreSQL::Test::Utils::slurp_file($plain);
	$pdf =~ s/ re W n$/ re   n/mg;
	open my $handle, '>:raw', $plain or die "$plain: $!";
	print $handle $pdf;
	close $handle;
	return picture($plain, $dpi / $zoom);
}

# How wide it sets the text, in points. The program knows whole ones.
sub advance
{
	my ($size, @arguments) = @_;
	my ($out, $err);
	my $sum = 0;

	IPC::Run::run([ 'hb-shape', '-O', 'json', '--font-size=' . 100 * $size, '--font-funcs=ot', @arguments ], '>', \$out, '2>', \$err)
	  or die "hb-shape @arguments: $err";
	$sum += $1 while $out =~ /"ax":(-?[\d.]+)/g;
	return $sum / 100;
}

# Pictures of hb_view with that margin one beside the other on one baseline: [picture, width in points]...
sub beside
{
	my ($margin, @parts) = @_;
	my ($height) = sort { $b <=> $a } map { $_->[0]{height} } @parts;
	my $width = 2 * $margin;

	$width += $_->[1] for @parts;
	$width = int($width * $dpi / 72) + 1;
	my $dots = "\0" x ($width * $height);
	my $x = 0;

	for (@parts)
	{
		my ($part, $advance) = @$_;
		my $left = int($x * $dpi / 72 + 0.5);
		my $length = $part->{width} < $width - $left ? $part->{width} : $width - $left;

		for my $row (0 .. $part->{height} - 1)
		{
			substr($dots, $row * $width + $left, $length) |= substr $part->{dots}, $row * $part->{width}, $length;
		}
		$x += $advance;
	}
	return { width => $width, height => $height, dots => $dots };
}

# How many dots are ink.
sub ink
{
	my ($picture) = @_;

	return $picture->{dots} =~ tr/\x01//;
}

# Where the ink is: left, top, right, bottom, the latter two beyond it.
sub extent
{
	my ($picture) = @_;
	my ($width, $dots) = @$picture{qw(width dots)};
	my ($left, $right) = ($width, 0);
	my $first = index $dots, "\1";

	die 'a picture without ink' if $first < 0;
	my $top = int($first / $width);
	my $bottom = int(rindex($dots, "\1") / $width) + 1;

	for my $row ($top .. $bottom - 1)
	{
		my $line = substr $dots, $row * $width, $width;
		my $start = index $line, "\1";

		next if $start < 0;
		my $end = rindex($line, "\1") + 1;
		$left = $start if $start < $left;
		$right = $end if $end > $right;
	}
	return ($left, $top, $right, $bottom);
}

# The ink of a picture in one of this size, "margin" dots from its left and top.
sub cropped
{
	my ($picture, $width, $height, $margin) = @_;
	my ($left, $top, $right, $bottom) = extent($picture);
	my $dots = "\0" x ($width * $height);

	for my $row ($top .. $bottom - 1)
	{
		substr($dots, ($row - $top + $margin) * $width + $margin, $right - $left) =
		  substr $picture->{dots}, $row * $picture->{width} + $left, $right - $left;
	}
	return $dots;
}

# The part of the second picture's ink by which the first one differs, both moved to the same place and then by
# at most two dots, so that they differ least.
sub difference
{
	my ($picture, $reference) = @_;
	my @extents = ([ extent($picture) ], [ extent($reference) ]);
	my ($width) = sort { $b <=> $a } map { $_->[2] - $_->[0] + 8 } @extents;
	my ($height) = sort { $b <=> $a } map { $_->[3] - $_->[1] + 8 } @extents;
	my $dots = cropped($picture, $width, $height, 4);
	my $least;

	my $field = cropped($reference, $width, $height, 4);
	for my $down (-2 .. 2)
	{
		for my $right (-2 .. 2)
		{
			my $by = $down * $width + $right;
			my $moved = $by >= 0 ? substr($field, $by) . "\0" x $by : "\0" x -$by . substr($field, 0, $by);
			my $wrong = ($dots ^ $moved) =~ tr/\x01//;

			$least = $wrong if !defined $least || $wrong < $least;
		}
	}
	return $least / ink($reference);
}

1;
