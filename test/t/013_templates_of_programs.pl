# Templates made by the programs that people make them with, and by others that put PDFs into another form:
# with all text hidden the document looks, dot for dot, like the template, drawn by poppler and by MuPDF.
#
# The PDFs in templates/ were made once by templates/make.sh with Debian 12's programs; what qpdf, poppler and
# MuPDF make of them is made here.
use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$FindBin::RealBin/lib";
use Document qw(check document output text);
use Template qw(server store picture_name other_picture_name);

my $from = "$FindBin::RealBin/templates";
my $folder = PostgreSQL::Test::Utils::tempdir();
my $hidden = '"text_elements": {"name": false, "context": false, "date": false}';

# name => what its Producer says first
my %programs = (
	'cairo' => 'cairo',
	'chromium' => 'Skia/PDF',
	'ghostscript' => 'GPL Ghostscript',
	'ghostscript-1.3' => 'GPL Ghostscript',
	'groff' => 'gropdf',
	'libreoffice-draw' => 'LibreOffice',
	'libreoffice-writer' => 'LibreOffice',
	'tex' => 'pdfTeX');

# name => from, command without the names of the files
my %forms = (
	'qpdf: object streams' => [ 'chromium', 'qpdf', '--object-streams=generate' ],
	'qpdf: no object streams' => [ 'tex', 'qpdf', '--object-streams=disable' ],
	'qpdf: linearized' => [ 'libreoffice-draw', 'qpdf', '--linearize', '--object-streams=generate' ],
	'qpdf: not compressed' => [ 'ghostscript', 'qpdf', '--qdf', '--stream-data=uncompress' ],
	'qpdf: compressed anew' => [ 'cairo', 'qpdf', '--recompress-flate', '--object-streams=generate' ],
	'qpdf: header of PDF 1.4' => [ 'groff', 'qpdf', '--force-version=1.4' ],
	'poppler' => [ 'ghostscript', 'pdftocairo', '-pdf' ],
	'MuPDF: cleaned' => [ 'libreoffice-writer', 'mutool', 'clean', '-gggz' ],
	'MuPDF: expanded' => [ 'cairo', 'mutool', 'clean', '-d', '-a' ]);

plan tests => keys(%programs) + 9 * (keys(%programs) + keys(%forms));

my $node = server();
my $count = 0;

sub looks_kept
{
	my ($name, $path) = @_;
	my $slug = 't' . ++$count;
	my ($status, undef, $error) = store($node, $slug, $path);

	is("$status$error", '0', "$name: is a template, without a warning");
	for my $protection ('encrypt', 'none')
	{
		my $document = document($node,
			qq{learning_credentials.preview_pdf('{"template": "$slug", "protection": "$protection", $hidden}')});

		is(check($document), '', "$name, $protection: qpdf is content");
		is(picture_name($document, '-cropbox'), picture_name($path, '-cropbox'),
			"$name, $protection: looks the same");
		is(other_picture_name($document), other_picture_name($path),
			"$name, $protection: looks the same in another program");
		is(text($document), text($path), "$name, $protection: its text is the same");
	}
}

for my $name (sort keys %programs)
{
	like(output('pdfinfo', "$from/$name.pdf"), qr/^Producer: +$programs{$name}/m, "$name: made it");
	looks_kept($name, "$from/$name.pdf");
}
for my $name (sort keys %forms)
{
	my ($source, @command) = @{ $forms{$name} };

	output(@command, "$from/$source.pdf", "$folder/template.pdf");
	looks_kept($name, "$folder/template.pdf");
}
