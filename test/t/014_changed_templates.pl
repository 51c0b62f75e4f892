# What of a template does not pass into a document; templates with passwords; damaged ones, which are repaired
# or refused, but never used with something left out.
use strict;
use warnings;

use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$FindBin::RealBin/lib";
use Document qw(check document output);
use Template qw(server store write_file picture_name other_picture_name);
use TemplatePdf qw(build sound);

my %sound = sound();
my $folder = PostgreSQL::Test::Utils::tempdir();
my $hidden = '"text_elements": {"name": false, "context": false, "date": false}';
my $node = server();
my $count = 0;

# Stores a PDF (its bytes) and returns (slug, file, what psql() says).
sub stored
{
	my ($pdf) = @_;
	my $slug = 't' . ++$count;
	my $path = write_file("$folder/$slug.pdf", $pdf);
	my ($status, undef, $said) = store($node, $slug, $path);

	return ($slug, $path, $said);
}

sub filled
{
	my ($slug, $protection) = @_;

	return document($node,
		qq{learning_credentials.preview_pdf('{"template": "$slug", "protection": "$protection", $hidden}')});
}

sub looks_same
{
	my ($slug, $path, $name) = @_;
	my $document = filled($slug, 'encrypt');

	is(check($document), '', "$name: qpdf is content");
	is(picture_name($document), picture_name($path), "$name: looks the same");
	is(other_picture_name($document), other_picture_name($path), "$name: looks the same in another program");
}

# ---- a template with everything that acts: only the link to the web and the pictures are left

{
	my $action = sub { my ($type, $more) = @_; return "<< /Type /Action /S /$type $more >>" };
	my @kinds = (
		[ 'JavaScript', '/JS (forbidden)' ], [ 'Launch', '/F (forbidden)' ], [ 'GoTo', '/D [3 0 R /Fit]' ],
		[ 'GoToR', '/F (forbidden) /D [0 /Fit]' ], [ 'GoToE', '/D (forbidden)' ], [ 'SubmitForm', '/F (forbidden)' ],
		[ 'ImportData', '/F (forbidden)' ], [ 'Named', '/N /NextPage' ], [ 'Hide', '/T (forbidden)' ],
		[ 'ResetForm', '' ], [ 'SetOCGState', '/State []' ], [ 'Rendition', '/JS (forbidden)' ],
		[ 'Thread', '/D 0' ], [ 'Sound', '/Sound 8 0 R' ], [ 'Movie', '/T (forbidden)' ]);
	my $links = join ' ', map {
		'<< /Type /Annot /Subtype /Link /Rect [9 9 90 90] /Border [0 0 1] /A ' . $action->(@$_)
		  . ' /PA ' . $action->('URI', '/URI (forbidden)') . ' /AA << /E ' . $action->(@$_) . ' >> >>' } @kinds;
	$links .= ' << /Type /Annot /Subtype /Link /Rect [9 9 90 90] /Border [0 0 1] /A ' . $action->('URI', "/URI ($_)") . ' >>'
	  for 'javascript:forbidden', 'file:///forbidden', 'mailto:forbidden@example.org', 'forbidden', 'http:forbidden', 'HTTPS://example.org/too';
	my $pdf = build(
		'<< /Type /Catalog /Pages 2 0 R /OpenAction ' . $action->('JavaScript', '/JS (forbidden)')
		  . ' /AA << /WC ' . $action->('JavaScript', '/JS (forbidden)') . ' >> /URI << /Base (forbidden) >>'
		  . ' /Names << /JavaScript << /Names [(forbidden) 6 0 R] >> /EmbeddedFiles << /Names [(forbidden) 7 0 R] >> >>'
		  . ' /AcroForm << /Fields [9 0 R] /XFA 8 0 R >> /Outlines << /Type /Outlines /Title (forbidden) >> /AF [7 0 R]'
		  . ' /Metadata 8 0 R /PieceInfo << /X << /Private (forbidden) >> >> /Threads [] >>',
		'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
		'<< /Type /Page /Parent 2 0 R /Contents 4 0 R /MediaBox [0 0 400 300] /AA << /O 6 0 R /C 6 0 R >> /AF [7 0 R]'
		  . ' /Metadata 8 0 R /PieceInfo << /X << /Private (forbidden) >> >> /Resources << /XObject << /X 10 0 R >>'
		  . ' /A#20<< /N#20#3E#3E#20#3E#3E#20#2FAA#20#3C#3C#20#2FO#20#3C#3C#20#2FS#20#2FJavaScript 5 0 R >>'
		  . ' /B#20#3C#3C#20#3E#3E#20#3E#3E#20#2FAA#20#3C#3C#20#2FO#20#3C#3C#20#2FS#20#2FJavaScript#20#3E#3E#20#3E#3E << >> >>'
		  . " /Annots [$links 9 0 R"
		  . ' << /Type /Annot /Subtype /Link /Rect [1 1 99 99] /Border [0 0 1] /A << /S /URI /URI (https://example.org/kept)'
		  . ' /Next ' . $action->('JavaScript', '/JS (forbidden)') . ' >> /AA << /E 6 0 R >> >>'
		  . join('', map { "<< /Type /Annot /Subtype /$_ /Rect [9 9 50 50] /F 4 /AP << /N 5 0 R >> /T (forbidden)"
			  . ' /FS 7 0 R /Sound 8 0 R /Movie << /F 7 0 R >> /A 6 0 R /RichMediaContent << /Assets 7 0 R >> /3DD 8 0 R >>' }
			  qw(FileAttachment Sound Movie Screen RichMedia 3D)) . '] >>',
		[ '', '0 0 1 rg 9 9 99 99 re f /X Do' ],
		[ '/Type /XObject /Subtype /Form /BBox [0 0 9 9] /AF [7 0 R] /Metadata 8 0 R /OPI << /2.0 << /F (forbidden) >> >>',
			'1 0 0 rg 0 0 5 5 re f' ],
		$action->('JavaScript', '/JS (forbidden)'),
		'<< /Type /Filespec /F (forbidden) /EF << /F 8 0 R >> >>',
		[ '/Type /EmbeddedFile', 'forbidden' ],
		'<< /Type /Annot /Subtype /Widget /FT /Tx /T (forbidden) /V (forbidden) /Rect [60 9 90 50] /F 4 /AP << /N 5 0 R >>'
		  . ' /A 6 0 R /AA << /K 6 0 R >> >>',
		[ '/Type /XObject /Subtype /Form /BBox [0 0 400 300] /Ref << /F 7 0 R /Page 0 >> /PieceInfo << /X << /P (forbidden) >> >>',
			'0 1 0 rg 200 9 99 99 re f' ]);
	my ($slug, $path) = stored($pdf);
	my $read = sub { output('qpdf', '--qdf', '--object-streams=disable', '--decrypt', @_, '-') };
	my $before = $read->($path);

	# --qdf keeps what is not used: the words are there before.
	like($before, qr/$_/, "$_ is in the template")
	  for qw(forbidden JavaScript Launch EmbeddedFile SubmitForm RichMedia AcroForm /AA OpenAction);
	for my $protection ('encrypt', 'none')
	{
		my $after = $read->(filled($slug, $protection));

		like($after, qr{/URI \(https://example.org/kept\)}, "$protection: the link to the web is there");
		like($after, qr{/URI \(HTTPS://example.org/too\)}, "$protection: the other too");
		unlike($after, qr/forbidden/, "$protection: nothing that is forbidden");
		my @kept = map { $_->[0] } grep { $after =~ m{/S /$_->[0]\b} } @kinds;
		is("@kept", '', "$protection: no action");
		my @words = grep { $after =~ m{/$_\b} } qw(JavaScript JS OpenAction AA PA Next Launch EmbeddedFile EmbeddedFiles
		  Filespec FS EF AF AcroForm XFA Widget FileAttachment Sound Movie Screen RichMedia 3D Ref OPI PieceInfo Outlines
		  Threads Names Dest);
		is("@words", '', "$protection: no script, attachment, form, nor way elsewhere");
	}
	looks_same($slug, $path, 'what acts');
}

# ---- passwords: none to open it is fine, whatever the cipher; one to open it is not

for (
	[ 'RC4, 40 bits', '40', '--' ], [ 'RC4, 128 bits', '128', '--use-aes=n', '--' ],
	[ 'AES, 128 bits', '128', '--use-aes=y', '--' ], [ 'AES, 256 bits', '256', '--' ],
	[ 'AES, 256 bits, only the strings and streams', '256', '--cleartext-metadata', '--' ],
	[ 'AES, 256 bits, object streams', '256', '--', '--object-streams=generate' ],
	[ 'RC4, 128 bits, object streams', '128', '--use-aes=n', '--', '--object-streams=generate' ])
{
	my ($name, @how) = @$_;
	my $source = write_file("$folder/source.pdf", $sound{'annotations'});

	output('qpdf', '--allow-weak-crypto', '--encrypt', '', 'owner', @how, $source, "$folder/open.pdf");
	my ($slug, $path, $said) = stored(slurp_file("$folder/open.pdf"));
	is($said, '', "$name, with a password for its owner only: is a template");
	looks_same($slug, $path, $name);

	output('qpdf', '--allow-weak-crypto', '--encrypt', 'secret', 'owner', @how, $source, "$folder/locked.pdf");
	(undef, undef, $said) = stored(slurp_file("$folder/locked.pdf"));
	like($said, qr/ERROR:  PDF template needs a password\nHINT:  Save it without a password\./,
		"$name, with a password for its user: refused");
}

# ---- damage that can be repaired: said when it is stored, and nothing is missing

my $plain = $sound{'annotations'};
my $compressed = $sound{'compressed'};
my %repaired = (
	'cut off before its last line' => substr($plain, 0, -20),
	'without its table' => $plain =~ s/^xref\n.*?(?=^trailer)//msr,
	'table elsewhere' => $plain =~ s/startxref\n\K\d+/17/r,
	'table off by some bytes' => $plain =~ s/(\d{10}) 00000 n/sprintf '%010d 00000 n', $1 + 3/ger,
	'objects moved, as by an editor' => $plain =~ s{(/Type /Catalog)}{$1   /Edited true}r,
	'a stream longer than it says' => $compressed =~ s{/Length \K\d+}{7}r,
	'a stream shorter than it says' => $compressed =~ s{/Length \K\d+}{99999}r,
	'a stream that does not say how long it is' => $compressed =~ s{/Length \d+}{}r,
	'text before and after' => "<html>" . $plain . "</html>\n" x 200,
	'line ends of another system' => $plain =~ s/(?<!\r)\n(?=xref|trailer|startxref|\d+ 0 obj)/\r\n/gr);

for my $name (sort keys %repaired)
{
	my ($slug, $path, $said) = stored($repaired{$name});

	like($said, qr/^psql:<stdin>:1: WARNING:  PDF template "$slug" is damaged and is used as repaired\nDETAIL:  \S.*\.\nHINT:  .*$/,
		"$name: repaired with a warning");
	looks_same($slug, $path, $name);
}

# ---- damage that loses something: refused

my $two = $sound{'ways to other pages'};
my %lost = (
	'cut off in the middle' => substr($plain, 0, length($plain) / 2),
	'cut off in the last object' => substr($plain, 0, index($plain, 'xref') - 60) . "\ntrailer\n<< /Size 13 /Root 1 0 R >>\n",
	'its font is gone' => $plain =~ s/^5 0 obj.*?endobj\n//msr,
	'its first page is gone' => $two =~ s/^3 0 obj.*?endobj\n//msr,
	'its content is gone' => $plain =~ s/^4 0 obj.*?endobj\n//msr,
	'its content is empty' => $compressed =~ s{^stream\n.*?endstream}{stream\nendstream}msr,
	'its content is spoiled' => $compressed =~ s{^stream\n....\K.{40}(.*?endstream)}{'x' x 40 . $1}emsr,
	'its catalog is gone' => $plain =~ s/^1 0 obj.*?endobj\n//msr,
	'nothing but noise' => '%PDF-1.7' . join '', map { chr(($_ * 7919 + ($_ >> 3)) % 256) } 1 .. 9999);

for my $name (sort keys %lost)
{
	my (undef, undef, $said) = stored($lost{$name});

	like($said, qr/ERROR:  PDF template (?:is damaged|has no page)/, "$name: refused");
}

is($node->safe_psql('postgres', "SELECT count(*) FROM learning_credentials.credential_asset"),
	1 + 7 + keys %repaired, 'what was refused is not stored');

# Objects in streams are found again by later versions of libqpdf only.
output('qpdf', '--object-streams=generate', write_file("$folder/source.pdf", $plain), "$folder/packed.pdf");
my ($slug, $path, $said) = stored(slurp_file("$folder/packed.pdf") =~ s/startxref\n\K\d+/17/r);
like($said, qr/ERROR:  PDF template is damaged|WARNING:  .* is used as repaired/,
	'object streams without a table: refused, or repaired with a warning');

# ---- what takes too long to be repaired is used if it is sound

my $long = $plain =~ s/^startxref/"1\n" x 1_100_000 . 'startxref'/emr;
($slug, $path, $said) = stored($long);
unlike($said, qr/ERROR|damaged/, 'a million lines: is a template');
looks_same($slug, $path, 'a million lines');
(undef, undef, $said) = stored($long =~ s/startxref\n\K\d+/17/r);
like($said, qr/ERROR:  PDF template is damaged/, 'a million lines, damaged: refused');
done_testing();
