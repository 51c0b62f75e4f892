# TemplatePdf.pm: small PDFs to be templates, written by hand. Sound ones in every shape that keeping a
# page has to survive, and hostile ones.
package TemplatePdf;

use strict;
use warnings;

use Compress::Zlib qw(compress);
use Exporter 'import';

our @EXPORT_OK = qw(build sound hostile deflated %images);

# Header, objects, cross-reference table, trailer. An object is the text of a value, or [entries, data] for
# a stream. The first is the catalog.
sub build
{
	my @objects = @_;
	my $pdf = "%PDF-1.7\n%\xE2\xE3\xCF\xD3\n";
	my @offsets;

	for my $i (0 .. $#objects)
	{
		my $object = $objects[$i];

		push @offsets, length $pdf;
		if (ref $object)
		{
			my ($entries, $data) = @$object;

			$entries .= ' /Length ' . length $data unless $entries =~ /\/Length /;
			$object = "<< $entries >>\nstream\n$data\nendstream";
		}
		$pdf .= ($i + 1) . " 0 obj\n$object\nendobj\n";
	}
	my $start = length $pdf;
	$pdf .= sprintf "xref\n0 %d\n0000000000 65535 f \n", @objects + 1;
	$pdf .= sprintf "%010d 00000 n \n", $_ for @offsets;
	return $pdf . sprintf "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n$start\n%%%%EOF\n", @objects + 1;
}

# A picture without any symmetry, 400 by 300, that reaches over its edges.
my $picture = <<'CONTENT';
0.9 0.95 1 rg -500 -500 2000 2000 re f
0 0.4 0.2 RG 3 w 12 12 376 276 re S
1 0.3 0 rg 30 40 m 200 60 l 60 250 l f
0.2 0 0.5 rg 300 200 60 30 re f
BT /F1 20 Tf 180 150 Td (Certificate (of) things) Tj ET
0.5 w 0 0 m 400 300 l S
CONTENT

my $font = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>';

# One page: its entries, its content (a text, or [entries, data]), further objects from number 6 on.
sub page
{
	my ($entries, $content, @more) = @_;

	return build(
		'<< /Type /Catalog /Pages 2 0 R >>',
		'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
		"<< /Type /Page /Parent 2 0 R /Contents 4 0 R $entries >>",
		ref $content ? $content : [ '', $content ],
		$font, @more);
}

# Pictures in the codings that only viewers understand, as bytes: 64 by 48 dots of one bit by libtiff (CCITT
# Group 4), the same as a JBIG2 page of one region (ITU-T T.88, 7.4.8 and 7.4.6, coded by T.6); 48 by 32 of
# three colours by OpenJPEG.
my %hex;
$hex{CCITT} = <<'HEX';
2571b8dca92492d2492d2492523214924a750a9249420d2492a692492a692492a21f1d2492a4dd2492549b14924b4e924956d2492fa492
4be92492fd2492a69d24925b514924b6a924958a4924ba4924ba4924bd2492b549249714924ad24925692492b492492b492492b54924a1
854924948c8524928a49254924a92492a4924b4924b49249452492a492526a0d092497492497492497a4925e92492e2924974924a00200
20
HEX
$hex{JBIG2} = '00000000300001000000130000004000000030' . '00' x 11
  . '0000000126000100' . '0000b8' . '000000400000003000000000000000000001' . $hex{CCITT};
$hex{'JPEG 2000'} = <<'HEX';
0000000c6a5020200d0a870a00000014667479706a703220000000006a7032200000002d6a703268000000166968647200000020000000
300003070700000000000f636f6c7201000000000010000001f66a703263ff4fff51002f00000000003000000020000000000000000000
0000300000002000000000000000000003070101070101070101ff52000c00000001010504040001ff5c00134040484850484850484850
484850484850ff640025000143726561746564206279204f70656e4a5045472076657273696f6e20322e352e30ff90000a00000000016f
0001ff93c7d20c063bafcfb00c02955fcfb00c0a336fa3ec0381f18202233701cfc0f8029f781c3ec020017f07009501c3a7de06091d67
c3e0121f00b0618007fafe7406c1b766ee034e53cf8824f94347c61407fb0387079d2182e8ba034e5e23b5c228f8030011430c16bfc3e0
1e1f0130e0c01565ff7248fa1d1328d499235e377eb122ebb4cf884cf885cf88481565ff7248fca88f6a132a117927790b796bb5121f77
ec01cc70d72922a1c18000d257c3a742405dd310ed767b50e60d05aa4d2a9b2f0be1f8ce9f3cdc71c02f1130e22c3bc698439711b3c518
622f0be1f812999c13219152f0582dac676d9279e014899a8fb0c0c82dd3c2eda925d287b58165eaceed8080ced04ed1cea6a2fead8481
bc3d20623ddd89b6a6dff02a54431376a73c1e4e0cdd216a9a912d7be548d24c24af299736a925b5d07014582141043378431fd5813cc2
7704ca292dab2cbfab13199edd7805a61646f6e9dc69a00c2f8080ffd9
HEX
our %images = map { $_ => pack 'H*', $hex{$_} =~ s/\s//gr } keys %hex;

my $box = '/MediaBox [0 0 400 300]';
my $resources = '/Resources << /Font << /F1 5 0 R >> >>';

sub deflated
{
	my ($data) = @_;

	return [ '/Filter /FlateDecode', compress($data) ];
}

sub hex_of
{
	my ($data) = @_;

	return unpack('H*', $data) . '>';
}

# name => PDF
sub sound
{
	my %pdf;

	$pdf{"rotated by $_"} = page("$box $resources /Rotate $_", $picture) for 0, 90, 180, 270, -90;
	$pdf{'media box not at the origin'} = page("/MediaBox [-100 40 200 300] $resources", $picture);
	$pdf{'media box with corners swapped'} = page("/MediaBox [400 300 0 0] $resources", $picture);
	$pdf{'crop box'} = page("$box /CropBox [20.25 30.5 350.75 280] $resources", $picture);
	$pdf{'crop box, rotated'} = page("$box /CropBox [20 30 350 280] /Rotate $_ $resources", $picture)
	  for 90;
	$pdf{'crop box outside'} = page("$box /CropBox [500 500 600 600] $resources", $picture);
	$pdf{'crop box over the edge, not at the origin, rotated'} =
	  page("/MediaBox [50 -20 400 300] /CropBox [100 10 420 320] /Rotate 270 $resources", $picture);
	$pdf{'unit'} = page("$box $resources /UserUnit 1.5 /Rotate 90", $picture);
	$pdf{'compressed'} = page("$box $resources", deflated($picture));
	$pdf{'compressed twice'} =
	  page("$box $resources", [ '/Filter [/FlateDecode /FlateDecode]', compress(compress($picture)) ]);
	$pdf{'compressed, in hexadecimal digits'} =
	  page("$box $resources",
		[ '/Filter [/ASCIIHexDecode /FlateDecode]', hex_of(compress($picture)) ]);
	$pdf{'in hexadecimal digits'} =
	  page("$box $resources", [ '/Filter /ASCIIHexDecode', hex_of($picture) ]);
	$pdf{'state changed'} = page("$box $resources", "0.5 0 0 0.5 30 60 cm 0 0 1 rg $picture");
	$pdf{'state left open'} = page("$box $resources", "q 0.5 0 0 0.5 9 9 cm q 1 0 0 rg $picture");
	$pdf{'many states left open'} = page("$box $resources", "q " x 500 . "0.5 0 0 0.5 9 9 cm 1 0 0 rg $picture");
	$pdf{'state closed once too often'} =
	  page("$box $resources", "0.8 0 0 0.8 9 9 cm Q 0 0 1 RG $picture");
	$pdf{'text left open'} = page("$box $resources", "$picture BT /F1 9 Tf 50 20 Td (open) Tj");
	$pdf{'mark left open'} =
	  page("$box /Resources << /Font << /F1 5 0 R >> /Properties << /P 6 0 R >> >>",
		"/OC /P BDC $picture", '<< /Type /OCG /Name (layer) >>');
	$pdf{'comment at the end'} = page("$box $resources", "$picture % no line end");
	$pdf{'no content'} =
	  build('<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
		"<< /Type /Page /Parent 2 0 R $box >>");
	$pdf{'inline image'} = page("$box $resources",
		$picture . "q 90 0 0 90 200 30 cm BI /W 4 /H 4 /BPC 8 /CS /G ID "
		  . "\x00\x40 EI\xFF\x80q\x10Q Q (\x00\xC0\x20" . "\nEI Q 0 0 1 rg 5 5 20 9 re f");

	# The page's content in three streams, cut between the operands of one operator.
	{
		my ($one, $two) = $picture =~ /^(.*?60 250)(.*)$/s;

		$pdf{'content in pieces'} = build(
			'<< /Type /Catalog /Pages 2 0 R >>',
			'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
			"<< /Type /Page /Parent 2 0 R $box $resources /Contents 6 0 R >>",
			[ '', $one ], $font, '[4 0 R 7 0 R 8 0 R]', deflated($two), [ '', '0 0 30 30 re f' ]);
	}

	# Everything from the node above, and an empty node before it.
	$pdf{'inherited'} = build(
		'<< /Type /Catalog /Pages 2 0 R >>',
		"<< /Type /Pages /Kids [6 0 R 7 0 R] /Count 1 /Rotate 90 $box /CropBox [10 10 390 290] >>",
		'<< /Type /Page /Parent 7 0 R /Contents 4 0 R >>',
		[ '', $picture ], $font,
		'<< /Type /Pages /Parent 2 0 R /Kids [] /Count 0 >>',
		"<< /Type /Pages /Parent 2 0 R /Kids [3 0 R] /Count 1 $resources >>");

	# The first page of two, which points at the second in every way there is.
	$pdf{'ways to other pages'} = build(
		'<< /Type /Catalog /Pages 2 0 R /OpenAction [6 0 R /Fit] /StructTreeRoot 8 0 R >>',
		'<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 2 >>',
		"<< /Type /Page /Parent 2 0 R /Contents 4 0 R $box $resources /StructParents 0 /B [9 0 R]"
		  . ' /Annots [7 0 R] /AA << /O << /S /JavaScript /JS (app.alert(1)) >> >> /Thumb 6 0 R >>',
		[ '', $picture ], $font,
		"<< /Type /Page /Parent 2 0 R /Contents 4 0 R $box $resources >>",
		'<< /Type /Annot /Subtype /Link /Rect [10 10 90 90] /Border [0 0 3] /C [1 0 0] /P 3 0 R'
		  . ' /Dest [6 0 R /Fit] /A << /S /GoTo /D [6 0 R /Fit] >> >>',
		'<< /Type /StructTreeRoot /K << /Type /StructElem /S /P /Pg 6 0 R >> >>',
		'<< /Type /Bead /P 6 0 R >>');

	$pdf{'transparency group'} = page(
		"$box /Group << /S /Transparency /CS /DeviceCMYK /I true /K true >> /Resources <<"
		  . ' /Font << /F1 5 0 R >> /ExtGState << /G1 << /ca 0.5 /CA 0.4 /BM /Multiply >> /G2 6 0 R >> >>',
		"$picture /G1 gs 0 1 0 0 k 100 100 150 90 re f /G2 gs 1 0 0 0 k 60 60 150 90 re f",
		'<< /Type /ExtGState /BM /Difference /ca 0.7 >>');

	$pdf{'soft mask, pattern, shading, image with a table of colours'} = page(
		"$box /Resources << /Font << /F1 5 0 R >> /ColorSpace << /I 10 0 R >> /Pattern << /P 7 0 R >>"
		  . ' /Shading << /S 8 0 R >> /XObject << /X 9 0 R >> /ExtGState << /M << /SMask << /S /Luminosity /G 6 0 R >> >> >> >>',
		"$picture q /M gs 1 0 0 rg 0 0 200 200 re f Q q /Pattern cs /P scn 200 0 100 100 re f Q "
		  . 'q 300 0 100 100 re W n /S sh Q q 80 0 0 80 20 200 cm /X Do Q',
		[ '/Type /XObject /Subtype /Form /BBox [0 0 400 300] /Group << /S /Transparency /CS /DeviceGray >>',
			'0.6 g 20 20 150 150 re f' ],
		[ '/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 9 /YStep 9 /Resources << >>',
			'0 0.5 0.5 rg 0 0 5 5 re f' ],
		'<< /ShadingType 2 /ColorSpace /DeviceRGB /Coords [300 0 400 100] /Function << /FunctionType 2'
		  . ' /Domain [0 1] /C0 [1 0 0] /C1 [0 0 1] /N 1 >> >>',
		[ '/Type /XObject /Subtype /Image /Width 2 /Height 2 /BitsPerComponent 8 /ColorSpace 10 0 R',
			"\x00\x01\x02\x00" ],
		'[/Indexed /DeviceRGB 2 11 0 R]',
		"<FF0000 00FF00 0000FF>");

	$pdf{'annotations'} = build(
		'<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [8 0 R] >> >>',
		'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
		"<< /Type /Page /Parent 2 0 R /Contents 4 0 R $box $resources /Annots [6 0 R 7 0 R 8 0 R"
		  . ' << /Type /Annot /Subtype /Square /Rect [5 100 60 140] /C [1 0 1] /BS << /W 4 >> /F 4 >>'
		  . ' 10 0 R null 11 0 R] >>',
		[ '', $picture ], $font,
		'<< /Type /Annot /Subtype /Stamp /Rect [250 30 370 90] /F 4 /AP << /N 9 0 R >> /P 3 0 R /Popup 11 0 R >>',
		'<< /Type /Annot /Subtype /Link /Rect [20 20 90 60] /Border [0 0 2] /C [0 0 1]'
		  . ' /A << /S /URI /URI (https://example.org/a?b=(c)) >> >>',
		'<< /Type /Annot /Subtype /Widget /FT /Btn /T (box) /V /On /Rect [200 100 240 140] /F 4 /AS /On'
		  . ' /AP << /N << /On 9 0 R /Off 12 0 R >> >> >>',
		[ '/Type /XObject /Subtype /Form /BBox [0 0 100 50] /StructParent 3',
			'1 1 0 rg 0 0 90 40 re f 0 g 5 5 20 20 re f' ],
		'<< /Type /Annot /Subtype /FileAttachment /Rect [300 250 320 270] /F 4 /AP << /N 9 0 R >>'
		  . ' /FS << /Type /Filespec /F (secret.txt) >> >>',
		'<< /Type /Annot /Subtype /Popup /Rect [0 0 9 9] /Parent 6 0 R >>',
		[ '/Type /XObject /Subtype /Form /BBox [0 0 100 50]', '1 0 0 rg 0 0 90 40 re f' ]);

	$pdf{'layers'} = build(
		'<< /Type /Catalog /Pages 2 0 R /OCProperties << /OCGs [6 0 R 7 0 R] /D << /ON [6 0 R] /OFF [7 0 R]'
		  . ' /Order [6 0 R 7 0 R] >> >> >>',
		'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
		"<< /Type /Page /Parent 2 0 R /Contents 4 0 R $box /Resources << /Font << /F1 5 0 R >>"
		  . ' /Properties << /A 6 0 R /B 7 0 R >> >> >>',
		[ '', "/OC /A BDC $picture EMC /OC /B BDC 1 0 0 rg 0 0 300 200 re f EMC" ],
		$font,
		'<< /Type /OCG /Name (shown) >>',
		'<< /Type /OCG /Name (hidden) >>');

	# A Type 3 font without resources uses the page's.
	$pdf{'font of drawings'} = page(
		"$box /Resources << /Font << /F1 5 0 R /P 6 0 R >> /XObject << /B 8 0 R >> >>",
		"$picture BT /P 40 Tf 40 90 Td (aaa) Tj ET",
		'<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 0 0 1 0 0] /FirstChar 97 /LastChar 97'
		  . ' /Widths [1.2] /CharProcs << /a 7 0 R >> /Encoding << /Differences [97 /a] >> >>',
		[ '', '1.2 0 d0 /B Do' ],
		[ '/Type /XObject /Subtype /Form /BBox [0 0 1 1]', '0 0.6 0.3 rg 0 0 0.8 0.6 re f' ]);

	# One that has resources of its own, where the page's have another meaning.
	$pdf{'font of drawings with resources'} = page(
		"$box /Resources << /Font << /F1 5 0 R /P 6 0 R >> /XObject << /B 9 0 R >> >>",
		"$picture BT /P 40 Tf 40 90 Td (ab) Tj ET",
		'<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 0 0 1 0 0] /FirstChar 97 /LastChar 98'
		  . ' /Widths [1.2 1] /CharProcs << /a 7 0 R /b 10 0 R >> /Encoding << /Differences [97 /a /b] >>'
		  . ' /Resources << /XObject << /B 8 0 R >> /Font << /F1 5 0 R >> >> >>',
		[ '', '1.2 0 d0 /B Do' ],
		[ '/Type /XObject /Subtype /Form /BBox [0 0 1 1]', '0 0.6 0.3 rg 0 0 0.8 0.6 re f' ],
		[ '/Type /XObject /Subtype /Form /BBox [0 0 1 1]', '1 0 0 rg 0 0 1 1 re f' ],
		[ '', '1 0 0 0 1 1 d1 BT /F1 1 Tf (&) Tj ET' ]);

	# Pictures that only a viewer decodes.
	{
		my %entries = (
			'CCITT' => '/Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns 64 /Rows 48 >> /Width 64'
			  . ' /Height 48 /BitsPerComponent 1 /ColorSpace /DeviceGray',
			'JBIG2' => '/Filter [/JBIG2Decode] /Width 64 /Height 48 /BitsPerComponent 1 /ColorSpace /DeviceGray',
			'JPEG 2000' => '/Filter /JPXDecode /Width 48 /Height 32');

		$pdf{"picture in $_"} = page(
			"$box /Resources << /Font << /F1 5 0 R >> /XObject << /X 6 0 R >> >>",
			"$picture q 190 10 -10 150 20 80 cm /X Do Q",
			[ "/Type /XObject /Subtype /Image $entries{$_}", $images{$_} ])
		  for keys %entries;
	}

	# Groups in groups, isolated and knocked out, in inks.
	$pdf{'groups in groups'} = page(
		"$box /Group << /S /Transparency /CS /DeviceRGB >> /Resources << /Font << /F1 5 0 R >>"
		  . ' /ExtGState << /H << /ca 0.6 /BM /ColorBurn >> >> /XObject << /X 6 0 R >> >>',
		"$picture /H gs q 1 0 0 1 20 20 cm /X Do Q /X Do",
		[ '/Type /XObject /Subtype /Form /BBox [0 0 300 200] /Group << /S /Transparency /CS /DeviceCMYK /K true >>'
			  . ' /Resources << /XObject << /Y 7 0 R >> /ExtGState << /S << /ca 0.5 /BM /Screen >> >> >>',
			'/S gs 0.8 0 0 0 k 20 20 150 90 re f 0 0.9 0 0.1 k 90 50 150 90 re f 0.5 0 0 0.5 0 90 cm /Y Do' ],
		[ '/Type /XObject /Subtype /Form /BBox [0 0 300 200] /Group << /S /Transparency /I true >>',
			'0 0 0.9 0 k 20 20 150 90 re f' ]);

	# All layers off but one; a membership; an object and an annotation on a layer.
	$pdf{'layers, all off but one'} = build(
		'<< /Type /Catalog /Pages 2 0 R /OCProperties << /OCGs [6 0 R 7 0 R] /D << /BaseState /OFF /ON [6 0 R]'
		  . ' /AS [<< /Event /View /Category [/View] /OCGs [7 0 R] >>] >> >> >>',
		'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
		"<< /Type /Page /Parent 2 0 R /Contents 4 0 R $box /Resources << /Font << /F1 5 0 R >>"
		  . ' /Properties << /A 6 0 R /B 8 0 R >> /XObject << /X 9 0 R >> >> /Annots [10 0 R] >>',
		[ '', "/OC /A BDC $picture EMC /OC /B BDC 1 0 0 rg 0 0 300 200 re f EMC /X Do" ],
		$font,
		'<< /Type /OCG /Name (shown) >>',
		'<< /Type /OCG /Name (hidden) >>',
		'<< /Type /OCMD /OCGs [6 0 R 7 0 R] /P /AllOn >>',
		[ '/Type /XObject /Subtype /Form /BBox [0 0 400 300] /OC 7 0 R', '0 1 0 rg 0 0 90 40 re f' ],
		'<< /Type /Annot /Subtype /Stamp /Rect [250 30 370 90] /F 4 /OC 7 0 R /AP << /N 9 0 R >> >>');

	# Annotations that are turned, or hidden.
	$pdf{'annotations, turned and hidden'} = build(
		'<< /Type /Catalog /Pages 2 0 R >>',
		'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
		"<< /Type /Page /Parent 2 0 R /Contents 4 0 R $box /Rotate 90 $resources /Annots 6 0 R >>",
		[ '', $picture ], $font,
		'[<< /Type /Annot /Subtype /Stamp /Rect [250 30 370 190] /F 4 /AP << /N 7 0 R >> >>'
		  . ' << /Type /Annot /Subtype /Stamp /Rect [20 30 70 90] /F 2 /AP << /N 7 0 R >> >>'
		  . ' << /Type /Annot /Subtype /FreeText /Rect [20 200 90 260] /F 4 /DA (/Helv 9 Tf) /AP << /N 7 0 R >> >>]',
		[ '/Type /XObject /Subtype /Form /BBox [0 0 100 50] /Matrix [0 1 -1 0 0 0] /Resources << /Font << /F1 5 0 R >> >>',
			'1 1 0 rg 0 0 90 40 re f 0 g BT /F1 20 Tf 9 9 Td (Paid) Tj ET' ]);

	# Changed after it was made: the first content is there, but no longer used.
	{
		my $old = page("$box $resources", '1 0 0 rg 0 0 400 300 re f');
		my ($start) = $old =~ /startxref\n(\d+)/;
		my $new = sprintf "4 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n", length $picture, $picture;

		$pdf{'updated'} = $old . $new . sprintf "xref\n0 1\n0000000000 65535 f \n4 1\n%010d 00000 n \n"
		  . "trailer\n<< /Size 6 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n",
		  length $old, $start, length($old) + length $new;
	}

	# For old and new readers: objects 5 and 6 are in a stream, and not in the table that old ones read.
	{
		my $inside = '5 0 6 ' . (length($font) + 1) . " $font << /ca 0.5 >>";
		my $objects = "%PDF-1.5\n";
		my %at;
		my $add = sub {
			my ($number, $body) = @_;
			$at{$number} = length $objects;
			$objects .= "$number 0 obj\n$body\nendobj\n";
		};

		$add->(1, '<< /Type /Catalog /Pages 2 0 R >>');
		$add->(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>');
		$add->(3, "<< /Type /Page /Parent 2 0 R /Contents 4 0 R $box /Resources << /Font << /F1 5 0 R >> /ExtGState << /G 6 0 R >> >> >>");
		$add->(4, '<< /Length ' . (length($picture) + 6) . " >>\nstream\n/G gs $picture\nendstream");
		$add->(7, '<< /Type /ObjStm /N 2 /First ' . (index($inside, '<<')) . ' /Length ' . length($inside)
			  . " >>\nstream\n$inside\nendstream");
		my $table = pack('CNC CNC', 2, 7, 0, 2, 7, 1);
		$add->(8, '<< /Type /XRef /W [1 4 1] /Index [5 2] /Size 9 /Length ' . length($table)
			  . " >>\nstream\n$table\nendstream");
		my $start = length $objects;
		$pdf{'for old and new readers'} = $objects
		  . "xref\n0 5\n0000000000 65535 f \n"
		  . join('', map { sprintf "%010d 00000 n \n", $at{$_} } 1 .. 4) . "7 2\n"
		  . join('', map { sprintf "%010d 00000 n \n", $at{$_} } 7, 8)
		  . "trailer\n<< /Size 9 /Root 1 0 R /XRefStm $at{8} >>\nstartxref\n$start\n%%EOF\n";
	}

	# Names like those that the extension gives its own resources.
	(my $clash = $picture) =~ s{/F1}{/LcF1};
	$pdf{'names like ours'} = page(
		"$box /Resources << /Font << /LcF1 5 0 R /Lc_F1 5 0 R >> /XObject << /LcX1 6 0 R >> >>",
		"$clash /LcX1 Do",
		[ '/Type /XObject /Subtype /Form /BBox [0 0 400 300]', '0 0 1 rg 300 100 50 50 re f' ]);

	$pdf{'resources that are none'} =
	  page("$box /Resources << /Font 7 /XObject [1] /ExtGState (none) /ProcSet [/PDF] >>",
		'0.9 0.95 1 rg 0 0 400 300 re f 1 0.3 0 rg 30 40 m 200 60 l 60 250 l f');

	# Names and strings with all that can be escaped.
	$pdf{'names with spaces and umlauts'} = page(
		"$box /Resources << /Font << /F1 5 0 R /A#20B#23#C3#A4#2F 5 0 R >> /A#20B#23#C3#A4#2F << /B#20#3E#3E 5 0 R >> >>",
		"$picture BT /A#20B#23#C3#A4#2F 30 Tf 40 40 Td <48616C6C6F> Tj ET");
	return %pdf;
}

# name => [PDF, what its error says]
sub hostile
{
	my %pdf;
	my $sound = page("$box $resources", $picture);
	my $zeros = "\0" x (64 * 1024 * 1024);

	# 64 MB of zeros compress to 64 kB, of which five one after the other decompress to 320 MB.
	my $bomb = do
	{
		my ($stream) = Compress::Zlib::deflateInit();
		my $data = '';
		$data .= $stream->deflate($zeros) for 1 .. 5;
		$data . $stream->flush();
	};
	my $page = "$box $resources";

	$pdf{'nothing but a header'} = [ "%PDF-1.7\n", 'is damaged' ];
	$pdf{'cut off'} = [ substr($sound, 0, length($sound) / 2), 'is damaged' ];
	$pdf{'no pages'} =
	  [ build('<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [] /Count 0 >>'), 'has no page' ];
	$pdf{'no page tree'} = [ build('<< /Type /Catalog >>'), qr/has no page|Unable to find page tree/ ];
	$pdf{'page tree in a circle'} = [
		build('<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 1 >>'),
		'is damaged' ];
	$pdf{'page without a size'} = [ page($resources, $picture), 'is damaged' ];
	$pdf{'page of no width'} = [ page("/MediaBox [0 0 0 300] $resources", $picture), 'cannot be used' ];
	$pdf{'page larger than a house'} =
	  [ page("/MediaBox [0 0 1000000000 300] $resources", $picture), 'cannot be used' ];
	$pdf{'rotated by 45'} = [ page("$page /Rotate 45", $picture), 'is damaged' ];
	$pdf{'unit of nothing'} = [ page("$page /UserUnit 0", $picture), 'is damaged' ];
	$pdf{'content that is a number'} = [
		build('<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
			"<< /Type /Page /Parent 2 0 R /Contents 7 $box >>"),
		'is damaged' ];
	$pdf{'content that is not compressed data'} =
	  [ page($page, [ '/Filter /FlateDecode', 'no' x 99 ]), 'is damaged' ];
	$pdf{'content with an unknown filter'} =
	  [ page($page, [ '/Filter /Unknown', $picture ]), 'is damaged' ];
	$pdf{'array in itself'} =
	  [ page("$box /Resources << /ColorSpace << /C 6 0 R >> >>", $picture, '[6 0 R 6 0 R]'), 'nested too deeply' ];

	$pdf{'bomb in the content'} =
	  [ page($page, [ '/Filter /FlateDecode', $bomb ]), 'decompresses to more than' ];
	$pdf{'bomb in an image'} = [
		page("$box /Resources << /XObject << /X 6 0 R >> >>", '/X Do',
			[ '/Type /XObject /Subtype /Image /Width 16384 /Height 20480 /BitsPerComponent 8'
				  . ' /ColorSpace /DeviceGray /Filter /FlateDecode', $bomb ]),
		'decompresses to more than' ];
	$pdf{'bomb, compressed twice'} = [
		page($page, [ '/Filter [/FlateDecode /FlateDecode]', compress($bomb) ]),
		'decompresses to more than' ];
	$pdf{'a page too far away'} = [
		page('/MediaBox [10000000000000 0 10000000000842 595]', $picture),
		'has no size' ];
	$pdf{'bomb, in hexadecimal digits'} = [
		page($page, [ '/Filter [/ASCIIHexDecode /FlateDecode]', hex_of($bomb) ]),
		'decompresses to more than' ];
	$pdf{'bomb within a bomb'} = [
		page($page, [ '/Filter [/FlateDecode /ASCIIHexDecode]', compress(' ' x 9999) ]),
		'compressed twice' ];

	# Objects in a stream: entry 4 of the table says that object 4 is the first in stream 5.
	for (
		[ 'bomb in an object stream', '/Filter /FlateDecode', $bomb, 'decompress to more than' ],
		[ 'bomb in an object stream, compressed twice', '/Filter [/FlateDecode /FlateDecode]',
			compress($bomb), 'cannot be used' ],
		[ 'bomb in an object stream, compressed twice, with names escaped',
			'/F#69lter [/Flate#44ecode/Fl]', compress($bomb), 'cannot be used' ],
		[ 'bomb in an object stream with its filter elsewhere', '/Filter 6 0 R', $bomb, 'cannot be used' ])
	{
		my ($name, $filter, $data, $error) = @$_;
		my $pdf = "%PDF-1.7\n";
		my @offsets = (0);

		for my $object (
			'<< /Type /Catalog /Pages 2 0 R >>',
			'<< /Type /Pages /Kids [4 0 R] /Count 1 >>',
			'null',
			undef,
			"<< /Type /ObjStm /N 1 /First 5 $filter /Length " . length($data) . " >>\nstream\n$data\nendstream",
			'[/FlateDecode /FlateDecode]')
		{
			push @offsets, length $pdf;
			$pdf .= $#offsets . " 0 obj\n$object\nendobj\n" if defined $object;
		}
		my $start = length $pdf;
		my $table = pack('CNC', 0, 0, 255)
		  . join('', map { $_ == 4 ? pack('CNC', 2, 5, 0) : pack('CNC', 1, $offsets[$_], 0) } 1 .. 6)
		  . pack('CNC', 1, $start, 0);
		$pdf .= "7 0 obj\n<< /Type /XRef /W [1 4 1] /Size 8 /Root 1 0 R /Length "
		  . length($table) . " >>\nstream\n$table\nendstream\nendobj\nstartxref\n$start\n%%EOF\n";
		$pdf{$name} = [ $pdf, $error ];
	}

	# What is small, but keeps a reader busy for hours, or takes all of its stack: 20,000 streams each of which
	# says the length of the one before; 50,000 objects at the same place of an object stream, with much blank
	# before it; the like of trailers and of objects, each in a string of the one before.
	$pdf{'lengths that lead from one to the next'} = [
		page($page, [ '/Length 6 0 R', $picture ],
			map { [ "/Length $_ 0 R", '' ] } 7 .. 20_006),
		'lead from one to the next' ];
	{
		my $inner = join(' ', map { "$_ 0" } 10 .. 50_009) . ' ';
		my $data = compress($inner . ' ' x 40_000_000 . 'null ');
		$pdf{'objects at the same place'} = [
			page("$box /Resources << /Font 10 0 R >>", $picture,
				[ '/Type /ObjStm /N 50000 /First ' . length($inner) . ' /Filter /FlateDecode', $data ]),
			'overlap' ];

		# The same, said in ways that a reader understands, but a quick look may not.
		my %said = (
			'with words between' => "/First " . length($inner) . " obj endobj stream /N 50000",
			'with a number elsewhere' => '/First ' . length($inner) . ' /N 7 0 R',
			'with a long number' => '/First ' . length($inner) . ' /N 0000000000000000000000050000',
			'with a number too large' => '/First ' . length($inner) . ' /N 99999999999999999999',
			'with a negative number' => '/First -1 /N 50000');

		for my $how (sort keys %said)
		{
			$pdf{"objects at the same place, $how"} = [
				page("$box /Resources << /Font 10 0 R >>", $picture,
					[ "/Type /ObjStm $said{$how} /Filter /FlateDecode /Length " . length($data), $data ], '50000'),
				$how eq 'with words between' || $how eq 'with a long number' ? 'overlap' : 'in an unusual way' ];
		}
	}

	# Without a table, and so that looking for the objects would take minutes or hours.
	my $trailer = "trailer\n<< /Size 6 /Root 1 0 R >>\n";
	$pdf{'damaged, with much blank'} = [ "%PDF-1.7\n" . " \n" x 400_000 . $trailer, 'is damaged' ];
	$pdf{'damaged, with many comments'} = [ "%PDF-1.7\n" . "%\n" x 400_000 . $trailer, 'is damaged' ];
	$pdf{'damaged, with many lines'} = [ "%PDF-1.7\n" . "1\n" x 4_000_000 . $trailer, 'is damaged' ];
	$pdf{'damaged, with many trailers'} =
	  [ "%PDF-1.7\n" . "trailer [\n" x 100_000 . '1 ' x 500_000, 'overlap' ];
	for my $word ('trailer', '6 0 obj')
	{
		$pdf{"$word in itself"} =
		  [ $sound . "$word << /A (" x 50_000 . ') >> ' x 50_000 . substr($sound, -90), 'overlap' ];
	}
	return %pdf;
}

1;
