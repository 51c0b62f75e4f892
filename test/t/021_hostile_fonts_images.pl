# Fonts and images that are damaged, too large, forbidden, or not what they say: each is refused in words,
# and none brings the backend down or leaks. Those that are sound in unusual ways are drawn.
use strict;
use warnings;

use Compress::Zlib qw(compress crc32);
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$FindBin::RealBin/lib";
use Document qw(document check fonts text output pixels);

my $node = PostgreSQL::Test::Cluster->new('files');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION learning_credentials;
-- Stores a file; what went wrong in words, or nothing.
CREATE FUNCTION store(asset_slug text, file bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    INSERT INTO learning_credentials.credential_asset (slug, content) VALUES (asset_slug, file)
        ON CONFLICT (slug) DO UPDATE SET content = excluded.content;
    RETURN '';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE || ' ' || SQLERRM, nullif(detail, ''));
END $$;
-- Stores a file and draws with it, and goes on whatever happens.
CREATE FUNCTION try(file bytea, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    said text := store('tried', file);
BEGIN
    IF said <> '' THEN
        RETURN split_part(said, ' ', 1);
    END IF;
    PERFORM learning_credentials.preview_pdf(options, 'Ada Lovelace');
    RETURN 'drawn';
EXCEPTION WHEN OTHERS THEN
    RETURN 'drawing ' || SQLSTATE;
END $$;
SQL

# A file of the installed fonts, as bytes.
my $noto = slurp_file('/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf');
my $garamond = slurp_file('/usr/share/fonts/opentype/ebgaramond/EBGaramond12-Regular.otf');

sub hex_of { return "'\\x" . unpack('H*', $_[0]) . "'" }

# store SLUG, BYTES: what is said
sub store
{
	my ($slug, $bytes, $settings) = @_;

	return $node->safe_psql('postgres', ($settings // '') . "SELECT store('$slug', " . hex_of($bytes) . ')');
}

sub refused
{
	my ($what, $bytes, $expected, $settings) = @_;

	is(store('hostile', $bytes, $settings), $expected, $what);
}

# ------------------------------------------------------------ fonts

# The position of a table's record in the (first) directory of a font.
sub record_of
{
	my ($font, $tag) = @_;

	for my $i (0 .. unpack('n', substr $font, 4, 2) - 1)
	{
		return 12 + 16 * $i if substr($font, 12 + 16 * $i, 4) eq $tag;
	}
	die "no table $tag";
}

# The font with bytes of a table replaced, at a position in the table.
sub patched
{
	my ($font, $tag, $at, $bytes) = @_;

	substr($font, unpack('N', substr $font, record_of($font, $tag) + 8, 4) + $at, length $bytes) = $bytes;
	return $font;
}

# The font with tables renamed.
sub renamed
{
	my ($font, %names) = @_;

	substr($font, record_of($font, $_), 4) = $names{$_} for keys %names;
	return $font;
}

sub table_length
{
	my ($font, $tag) = @_;

	return unpack 'N', substr $font, record_of($font, $tag) + 12, 4;
}

# A collection of fonts: the directories' offsets move with the fonts.
sub collection
{
	my @fonts = @_;
	my $file = pack 'a4NN', 'ttcf', 0x00010000, scalar @fonts;
	my $at = 12 + 4 * @fonts;

	for (@fonts)
	{
		$file .= pack 'N', $at;
		$at += length;
	}
	for my $font (@fonts)
	{
		my $start = length $file;

		for my $i (0 .. unpack('n', substr $font, 4, 2) - 1)
		{
			my $offset = 12 + 16 * $i + 8;

			substr($font, $offset, 4) = pack 'N', $start + unpack 'N', substr $font, $offset, 4;
		}
		$file .= $font;
	}
	return $file;
}

refused('text that says it is a font', 'OTTO but not really, only some words',
	'22023 font is damaged | It claims to have 8290 tables.');
refused('four bytes of a font', "\0\1\0\0", '22023 font is damaged | The file is too short to be a font.');
refused('a font of zeros', "\0\1\0\0" . "\0" x 1000, '22023 font is damaged | It claims to have 0 tables.');
refused('a collection that points beyond its end', pack('a4NNN', 'ttcf', 0x10000, 1, 0xffffff00),
	'22023 font is damaged | The file is too short to be a font.');
refused('a collection of something else', pack('a4NNNa*', 'ttcf', 0x10000, 1, 16, 'wOFF' . "\0" x 40),
	'22023 file is not a font | TrueType and OpenType fonts and collections of them are supported.');
refused('half a font', substr($noto, 0, length($noto) / 2),
	'22023 font is damaged | Its table "DSIG" reaches beyond the end of the file: the file has ' . int(length($noto) / 2) . ' bytes.');
refused('a font cut within its list of tables', substr($noto, 0, 100),
	'22023 font is damaged | The file ends within its list of tables.');
refused('a font without characters', renamed($noto, cmap => 'xxxx'), '22023 font is damaged | It has no table "cmap".');
refused('a font without places of glyphs', renamed($noto, loca => 'xxxx'), '22023 font is damaged | It has no table "loca".');
refused('a font of bitmaps', renamed($noto, glyf => 'CBDT', loca => 'CBLC'),
	'22023 font cannot be embedded: it has no outlines | Its glyphs are bitmaps or colour pictures only.');
refused('a font with outlines in the format CFF2', renamed($garamond, 'CFF ' => 'CFF2'),
	'22023 font cannot be embedded: its outlines are in the format CFF2');
for my $table ('CBDT', 'COLR', 'SVG ', 'sbix')
{
	refused("a coloured font, $table", renamed($noto, DSIG => $table),
		qq(22023 font cannot be embedded: its glyphs are coloured | It has a table "$table".));
}
refused('a collection whose second font is restricted', collection($garamond, patched($noto, 'OS/2', 8, "\0\2")),
	'22023 font cannot be embedded: it says that its licence forbids it | The embedding level of its table OS/2 (fsType 0x0002) is "restricted".');
refused('a collection whose second font is rubbish', collection($noto, patched($garamond, 'CFF ', 0, "\xff" x 5000)),
	'22023 font "EBGaramond12-Regular" is damaged | Its outlines cannot be read.');
refused('a collection of very many', pack('a4NN', 'ttcf', 0x10000, 65) . pack('N', 400) x 65 . "\0" x 1000,
	'54000 font collection has 65 fonts, more than 64');
refused('a collection of none', pack('a4NN', 'ttcf', 0x10000, 0) . "\0" x 1000,
	'22023 font is damaged | The file ends within its list of fonts.');
refused('a font of empty glyphs', patched($noto, 'loca', 0, "\0" x table_length($noto, 'loca')),
	'22023 font cannot be embedded: no character of it has an outline');
refused('a font without glyphs', patched($noto, 'maxp', 4, "\0\0"), '22023 font is damaged | It has no glyphs.');
refused('a font without a size', patched($noto, 'head', 18, "\0\0"), '22023 font is damaged | Its size of the em is out of range.');
refused('a font whose outlines are rubbish', patched($garamond, 'CFF ', 0, "\xff" x 5000),
	'22023 font "EBGaramond12-Regular" is damaged | Its outlines cannot be read.');
refused('a restricted font', patched($noto, 'OS/2', 8, "\0\2"),
	'22023 font cannot be embedded: it says that its licence forbids it | The embedding level of its table OS/2 (fsType 0x0002) is "restricted".');
refused('a font for bitmaps only', patched($noto, 'OS/2', 8, "\2\0"),
	'22023 font cannot be embedded: it says that its licence allows bitmaps only | Its table OS/2 has fsType 0x0200.');
refused('a font that is too large', $noto,
	'54000 font "hostile" is too large: ' . length($noto) . ' bytes | The setting learning_credentials.max_font_size allows 100 kB.',
	'SET learning_credentials.max_font_size = 100; ');

# Sound ones.
is(store('preview', patched($noto, 'OS/2', 8, "\0\4")), '', 'a font for preview and print may be embedded');
is(store('older', patched($noto, 'OS/2', 8, "\0\6")), '', 'of several levels the least strict counts');
is(store('whole', patched($noto, 'OS/2', 8, "\1\0")), '', 'a font that must not be cut');
is(store('whole_cff', patched($garamond, 'OS/2', 8, "\1\0")), '', 'the same with outlines in CFF');
is(store('collection', collection($garamond, $noto)), '', 'a collection');
for my $case ([ 'whole', qr/^NotoSans-Regular /, 'no' ], [ 'whole_cff', qr/^EBGaramond12-Regular-Identity-H /, 'no' ], [ 'collection', qr/^[A-Z]{6}\+EBGaramond12-Regular-Identity-H /, 'yes' ])
{
	my ($slug, $name, $subset) = @$case;
	my $file = document($node,
		qq(learning_credentials.preview_pdf('{"page": {}, "defaults": {"font": "$slug"}, "text_elements": {"context": false, "date": false}}', 'Ada Lovelace')));
	my ($font) = fonts($file);

	is(check($file), '', "$slug: qpdf finds nothing wrong");
	is(text($file), 'Ada Lovelace', "$slug: text");
	like("$font->[0] ", $name, "$slug: name");
	is_deeply([ @$font[ 1 .. 3 ] ], [ 'yes', $subset, 'yes' ], "$slug: embedded");

	# The name is 32 points high, in the middle of the page at 290.
	my $at = pixels($file, 72);
	my $dark = grep { $at->($_ % 200 + 320, int($_ / 200) + 285) lt '808080' } 0 .. 200 * 30 - 1;
	cmp_ok($dark, '>', 300, "$slug: drawn");
}

# ------------------------------------------------------------ images

sub chunk
{
	my ($type, $data) = @_;

	return pack('N', length $data) . $type . $data . pack 'N', crc32($type . $data);
}

# A PNG: width, height, bits, colour type, rows of bytes (without filter), chunks before the data.
sub png
{
	my ($width, $height, $bits, $type, $rows, $more) = @_;

	return "\x89PNG\r\n\x1a\n" . chunk('IHDR', pack 'NNCCCCC', $width, $height, $bits, $type, 0, 0, 0)
	  . ($more // '') . chunk('IDAT', compress(join '', map { "\0$_" } @$rows)) . chunk('IEND', '');
}

# A page with one image over all of it.
sub picture
{
	my ($slug) = @_;

	return document($node,
		qq(learning_credentials.preview_pdf('{"page": {"size": "A6"}, "images": [{"slug": "$slug", "x": 0, "y": 0, "width": 400, "height": 200}], "text_elements": {"name": false, "context": false, "date": false}}')));
}

my $noise = join '', map { chr(($_ * 7919 + ($_ >> 3) * 104729) % 256) } 0 .. 64 * 64 * 3 - 1;
my $photo = png(64, 64, 8, 2, [ unpack '(a192)64', $noise ]);

is(store('photo', $photo), '', 'a PNG');
refused('half a PNG', substr($photo, 0, length($photo) / 2), '22023 PNG image is damaged | The decoder says: read beyond end of data.');
refused('the signature of a PNG', substr($photo, 0, 8), '22023 PNG image is damaged | It has no header.');
{
	my $bad = $photo;

	substr($bad, -13, 1) ^= "\x01";
	refused('a PNG with a bad CRC', $bad, '22023 PNG image is damaged | The decoder says: IDAT: CRC error.');
	$bad = $photo;
	substr($bad, 24, 1) = "\x03";
	substr($bad, 29, 4) = pack 'N', crc32(substr $bad, 12, 17);
	refused('a PNG of three bits', $bad, '22023 PNG image is damaged | The decoder says: Invalid IHDR data.');
}
refused('a PNG of too few rows', png(64, 64, 8, 2, [ ('x' x 192) x 32 ]), '22023 PNG image is damaged | The decoder says: Not enough image data.');
refused('a PNG without pixels', png(0, 5, 8, 0, []), '22023 image is empty: 0 x 5 pixels');
refused('a PNG of 40,000 by 40,000 pixels', png(40000, 40000, 8, 0, [ 'x' x 10 ]),
	'54000 image is too large: 40000 x 40000 pixels | A side may have 32767 pixels.');
refused('a PNG of 40,000 by 1 pixels', png(40000, 1, 1, 0, [ 'x' x 5000 ]),
	'54000 image is too large: 40000 x 1 pixels | A side may have 32767 pixels.');
refused('a PNG of 30,000 by 30,000 pixels that compress well', png(30000, 30000, 1, 0, [ ("\0" x 3750) x 3000 ]),
	'54000 image is too large: 30000 x 30000 pixels | The setting learning_credentials.max_image_pixels allows 40000000 pixels.');
refused('more pixels than are allowed', $photo,
	'54000 image is too large: 64 x 64 pixels | The setting learning_credentials.max_image_pixels allows 4095 pixels.',
	'SET learning_credentials.max_image_pixels = 4095; ');
refused('more bytes than are allowed', $photo,
	'54000 image "hostile" is too large: ' . length($photo) . ' bytes | The setting learning_credentials.max_image_size allows 1 kB.',
	'SET learning_credentials.max_image_size = 1; ');
refused('a GIF', "GIF89a\1\0\1\0\0\0\0;",
	'22023 asset "hostile" is neither a PDF, a font nor an image | Its first bytes are of no PDF, TrueType or OpenType font, PNG or JPEG file.');

# Every kind of PNG: left half (0, 128, 255) or its grey, right half half transparent where it can be.
my $palette = chunk('PLTE', "\x00\x80\xff\xff\x00\x00") . chunk('tRNS', "\xff\x80");
my %kinds = (
	grey => [ png(8, 4, 8, 0, [ ("\x80" x 8) x 4 ]), '808080', '808080' ],
	grey_bits => [ png(8, 4, 1, 0, [ ("\x0f") x 4 ]), '000000', 'ffffff' ],
	grey_16 => [ png(8, 4, 16, 0, [ ("\x80\x80" x 8) x 4 ]), '808080', '808080' ],
	colour => [ png(8, 4, 8, 2, [ ("\x00\x80\xff" x 8) x 4 ]), '0080ff', '0080ff' ],
	colour_key => [ png(8, 4, 8, 2, [ ("\x00\x80\xff" x 4 . "\x01\x02\x03" x 4) x 4 ], chunk('tRNS', "\0\x01\0\x02\0\x03")), '0080ff', 'ffffff' ],
	palette => [ png(8, 4, 1, 3, [ ("\x0f") x 4 ], $palette), '0080ff', 'ff7f7f' ],
	grey_alpha => [ png(8, 4, 8, 4, [ ("\x80\xff" x 4 . "\x00\x80" x 4) x 4 ]), '808080', '7f7f7f' ],
	colour_alpha => [ png(8, 4, 8, 6, [ ("\x00\x80\xff\xff" x 4 . "\xff\x00\x00\x80" x 4) x 4 ]), '0080ff', 'ff7f7f' ],
	opaque_alpha => [ png(8, 4, 8, 6, [ ("\x00\x80\xff\xff" x 4 . "\xff\x00\x00\xff" x 4) x 4 ]), '0080ff', 'ff0000' ]);
# Is a colour within some steps of another? Renderers round differently, and convert inks differently.
sub near
{
	my ($got, $expected, $name, $steps) = @_;
	my @got = unpack 'C3', pack 'H6', $got;
	my @expected = unpack 'C3', pack 'H6', $expected;

	ok(!grep({ abs($got[$_] - $expected[$_]) > ($steps // 2) } 0 .. 2), $name) or diag("got $got, expected $expected");
}
for my $kind (sort keys %kinds)
{
	my ($bytes, $left, $right) = @{ $kinds{$kind} };

	is(store($kind, $bytes), '', "PNG, $kind");
	my $file = picture($kind);
	my $at = pixels($file, 72);
	is(check($file), '', "PNG, $kind: qpdf finds nothing wrong");
	near($at->(50, 100), $left, "PNG, $kind: left");
	near($at->(350, 100), $right, "PNG, $kind: right");
	is(scalar(() = output('pdfimages', '-list', $file) =~ / smask /g), $kind =~ /^(?:colour_key|palette|grey_alpha|colour_alpha)$/ ? 1 : 0, "PNG, $kind: soft mask");
}
{
	# Filtered with each predictor, pixels come back as they were.
	my $file = picture('photo');
	my $folder = "$file.images";

	mkdir $folder;
	output('pdfimages', $file, "$folder/i");
	is(substr(slurp_file("$folder/i-000.ppm"), -length $noise), $noise, 'PNG: every pixel is kept');
}

# What is stored stays usable when a limit is lowered.
like($node->safe_psql('postgres', 'SET learning_credentials.max_image_size = 1; SET learning_credentials.max_image_pixels = 1; '
	  . 'SET learning_credentials.max_font_size = 1; SELECT length(learning_credentials.preview_pdf('
	  . q('{"page": {}, "defaults": {"font": "whole"}, "images": [{"slug": "photo", "x": 0, "y": 0}]}') . '))'), qr/^\d{5,}$/, 'limits are for what is stored');

# JPEGs as poppler writes them.
my $page = picture('colour');
my %jpeg;
for my $kind ([ 'rgb', '-jpeg' ], [ 'grey', '-gray', '-jpeg' ], [ 'progressive', '-jpeg', '-jpegopt', 'progressive=y' ], [ 'cmyk', '-jpegcmyk' ])
{
	my ($name, @arguments) = @$kind;

	output('pdftoppm', '-r', 36, @arguments, '-singlefile', $page, "$page.$name");
	$jpeg{$name} = slurp_file("$page.$name.jpg");
	is(store($name, $jpeg{$name}), '', "JPEG, $name");
	my $file = picture($name);
	my $at = pixels($file, 72);
	is(check($file), '', "JPEG, $name: qpdf finds nothing wrong");
	# The lower part of the page has the picture, the upper is white.
	near($at->(200, 20), $name eq 'grey' ? '686868' : '0080ff', "JPEG, $name: colour", $name eq 'cmyk' ? 70 : 2);
	near($at->(200, 190), 'ffffff', "JPEG, $name: white");
	output('pdfimages', '-all', $file, "$file.image");
	is(unpack('H*', slurp_file("$file.image-000.jpg")), unpack('H*', $jpeg{$name}), "JPEG, $name: its bytes are passed through");
}
# A JPEG of a camera that was held in each of eight ways (CIPA DC-008, Orientation): it is drawn upright, and what
# else the camera noted stays out of documents.
{
	my @quarters = ('ff0000', '00ff00', '0000ff', '000000');    # top left, top right, bottom left, bottom right
	# Which of them the corners are of, in the same order, when the file says 1 to 8.
	my @turned = ([ 0, 1, 2, 3 ], [ 1, 0, 3, 2 ], [ 3, 2, 1, 0 ], [ 2, 3, 0, 1 ], [ 0, 2, 1, 3 ], [ 2, 0, 3, 1 ], [ 3, 1, 2, 0 ], [ 1, 3, 0, 2 ]);
	my ($red, $green, $blue, $black) = map { pack('H6', $_) x 20 } @quarters;
	my $bare;

	store('quarters', png(40, 20, 8, 2, [ ("$red$green") x 10, ("$blue$black") x 10 ]));
	my $page = picture('quarters');
	my ($height) = output('pdfinfo', $page) =~ /Page size: +\S+ x (\S+)/;
	output('pdftoppm', '-r', 72, '-x', 0, '-y', int($height + 0.5) - 200, '-W', 400, '-H', 200, '-jpeg', '-singlefile', $page, "$page.quarters");
	$bare = slurp_file("$page.quarters.jpg");

	# The bare file with segments behind its start.
	my $with = sub {
		return substr($bare, 0, 2) . join('', map { pack('CCn', 0xff, $_->[0], 2 + length $_->[1]) . $_->[1] } @_) . substr($bare, 2);
	};
	# EXIF: two entries, Make and Orientation, in one of the two orders of bytes.
	my $exif = sub {
		my ($orientation, $little) = @_;
		my $numbers = $little ? 'vVvvvVa4vvVvvV' : 'nNnnnNa4nnNnnN';

		return [ 0xe1, "Exif\0\0" . ($little ? 'II' : 'MM') . pack($numbers, 42, 8, 2, 0x010f, 2, 4, 'Box', 0x0112, 3, 1, $orientation, 0, 0) ];
	};

	for my $orientation (1 .. 8)
	{
		is(store('turned', $with->([ 0xfe, 'Taken at home' ], $exif->($orientation, $orientation % 2))), '', "JPEG, orientation $orientation");
		my $file = picture('turned');
		my $at = pixels($file, 72);
		my @corners = ($at->(100, 150), $at->(300, 150), $at->(100, 50), $at->(300, 50));
		is(check($file), '', "JPEG, orientation $orientation: qpdf finds nothing wrong");
		near($corners[$_], $quarters[ $turned[ $orientation - 1 ][$_] ], "JPEG, orientation $orientation: corner $_", 12) for 0 .. 3;
		output('pdfimages', '-all', $file, "$file.image");
		is(unpack('H*', slurp_file("$file.image-000.jpg")), unpack('H*', $bare), "JPEG, orientation $orientation: only the picture is in the document");
	}

	# The picture that is twice as wide as high stands: of width 100 it is 200 high.
	store('turned', $with->($exif->(6)));
	my $at = pixels(document($node, q(learning_credentials.preview_pdf('{"page": {"size": "A6"}, "images": [{"slug": "turned", "x": 0, "y": 0, "width": 100}],
	    "text_elements": {"name": false, "context": false, "date": false}}'))), 72);
	near($at->(75, 190), 'ff0000', 'JPEG on its side: its top is where its height says', 12);
	near($at->(25, 10), '000000', 'JPEG on its side: its bottom', 12);
	near($at->(50, 210), 'ffffff', 'JPEG on its side: nothing above it');

	# Of two the first counts, and one that makes no sense says nothing.
	my ($id, $text) = @{ $exif->(3) };
	for my $senseless ([ 'two', $exif->(3), $exif->(6) ], [ 'none there is', $exif->(9) ], [ 'none', $exif->(0) ], [ 'cut off', [ $id, substr($text, 0, 30) ] ],
		[ 'an offset beyond the end', [ $id, substr($text, 0, 10) . "\xff\xff\xff\xf8" . substr($text, 14) ] ],
		[ 'more entries than bytes', [ $id, substr($text, 0, 14) . "\xff\xff" . substr($text, 16, 12) ] ], [ 'no EXIF', [ $id, 'Exif' ] ])
	{
		my ($what, @segments) = @$senseless;

		is(store('turned', $with->(@segments)), '', "JPEG, orientation: $what");
		near(pixels(picture('turned'), 72)->(100, 150), $what eq 'two' ? '000000' : 'ff0000', "JPEG, orientation: $what, is drawn", 12);
	}
}

# Start, frame of 65,535 by 65,535, end.
refused('a tiny JPEG that claims 65,535 by 65,535 pixels', "\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00\xff\xd9",
	'54000 image is too large: 65535 x 65535 pixels | A side may have 32767 pixels.');
# Start, frame of two components, scan of both, end.
refused('a JPEG of two components', "\xff\xd8\xff\xc0\x00\x0e\x08\x00\x08\x00\x08\x02\x01\x11\x00\x02\x11\x00\xff\xda\x00\x0a\x02\x01\x00\x02\x00\x00\x3f\x00\xff\xd9",
	'22023 JPEG image cannot be drawn: it has 2 colour components');
refused('a JPEG of nothing', "\xff\xd8\xff\xd9", '22023 JPEG image is damaged | The decoder says: JPEG datastream contains no image.');
refused('half a JPEG', substr($jpeg{rgb}, 0, length($jpeg{rgb}) / 2), '22023 JPEG image is damaged | The decoder says: Premature end of JPEG file.');
refused('a progressive JPEG without its end', substr($jpeg{progressive}, 0, -20), '22023 JPEG image is damaged | The decoder says: Premature end of JPEG file.');
{
	my $bad = $jpeg{rgb};
	my $frame = index $bad, "\xff\xc0";

	substr($bad, $frame, 2) = "\xff\xc9";
	refused('a JPEG that is coded arithmetically', $bad, '22023 JPEG image cannot be drawn: it is coded arithmetically');
	$bad = $jpeg{rgb};
	substr($bad, $frame + 5, 4) = pack 'nn', 6300, 6300;
	refused('a JPEG with a larger size in its header', $bad,
		'22023 JPEG image is damaged | The decoder says: Corrupt JPEG data: premature end of data segment.');
	substr($bad, $frame + 5, 4) = pack 'nn', 0, 20;
	refused('a JPEG without height', $bad, '22023 image is empty: 20 x 0 pixels');
}

# ------------------------------------------------------------ damaged at random

# Bytes changed here and there, the same at every run.
my $seed = 20240229;
sub random
{
	my ($below) = @_;

	$seed = ($seed * 1103515245 + 12345) % 2147483648;
	return int($seed / 65536) % $below;
}

my $image_options = q('{"page": {}, "images": [{"slug": "tried", "x": 0, "y": 0, "width": 100}]}');
my $font_options = q('{"page": {}, "defaults": {"font": "tried"}}');
my %small = (font => [ $noto, $font_options ], cff => [ $garamond, $font_options ], png => [ $photo, $image_options ],
	jpeg => [ $jpeg{rgb}, $image_options ], progressive => [ $jpeg{progressive}, $image_options ]);
for my $kind (sort keys %small)
{
	my ($sound, $options) = @{ $small{$kind} };
	my $times = length($sound) > 100000 ? 40 : 300;
	my @changes;

	$node->safe_psql('postgres', "CREATE TABLE sound_$kind AS SELECT " . hex_of($sound) . '::bytea AS file');
	for (1 .. $times)
	{
		# Where damage hurts: among the tables of a font, behind the header of an image.
		my $near = random(2) ? 400 : length $sound;

		push @changes, '(' . join(', ', map { 4 + random($near - 4) } 1 .. 3) . ', ' . random(256) . ')';
	}
	my ($status, $out, $err) = $node->psql('postgres', <<"SQL");
SELECT string_agg(DISTINCT said, ' ' ORDER BY said) FROM (
    SELECT try(set_byte(set_byte(set_byte(file, a % octet_length(file), value), b % octet_length(file), 255 - value), c % octet_length(file), 0), $options) AS said
      FROM sound_$kind, (VALUES @{[ join ', ', @changes ]}) AS change (a, b, c, value)) AS tried
SQL
	is($status, 0, "$kind: $times damaged ones leave the server up") or diag($err);
	like($out, qr/22023/, "$kind: some are refused");
	unlike($out, qr/XX000|53200/, "$kind: none with an internal error") or diag($out);
	note("$kind: $out");
}

# ------------------------------------------------------------ leaks

# Memory that a backend has for itself does not grow when files are stored again and again, and what was
# stored is taken back; damaged ones end in the middle of a library.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION private_kb() RETURNS bigint LANGUAGE sql AS $$
SELECT (split_part(statm, ' ', 2)::bigint - split_part(statm, ' ', 3)::bigint) * 4 FROM pg_read_file('/proc/self/statm') AS statm
$$;
CREATE FUNCTION store_often(file bytea, times int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. times LOOP
        BEGIN
            INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('leak', file);
            RAISE EXCEPTION 'taken back';
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END LOOP;
END $$;
SQL
my %repeated = (
	'a font' => $noto,
	'a damaged font' => patched($garamond, 'CFF ', 0, "\xff" x 5000),
	'a PNG' => $photo,
	'a damaged PNG' => substr($photo, 0, -100),
	'a JPEG' => $jpeg{progressive},
	'a damaged JPEG' => substr($jpeg{progressive}, 0, length($jpeg{progressive}) / 2));
for my $what (sort keys %repeated)
{
	my $grown = $node->safe_psql('postgres', <<"SQL");
CREATE TEMP TABLE file AS SELECT @{[ hex_of($repeated{$what}) ]}::bytea AS bytes;
DO 'BEGIN PERFORM store_often(bytes, 100) FROM file; END';
CREATE TEMP TABLE before AS SELECT private_kb() AS kb;
DO 'BEGIN PERFORM store_often(bytes, 300) FROM file; END';
SELECT private_kb() - kb FROM before;
SQL
	cmp_ok($grown, '<', 1000, "$what: no memory is lost ($grown kB)");
}

done_testing();
