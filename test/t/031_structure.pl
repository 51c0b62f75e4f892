# What a document says of itself, read back from outside: its elements with the texts that they stand for, in
# the order in which they are read, the template as decoration; title, author, dates; the same for the same.
use strict;
use warnings;
use utf8;

use Encode qw(decode encode);
use FindBin;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$FindBin::RealBin/lib";
use Document qw(literal store_file document check info text output);
use TemplatePdf qw(build);

my $folder = PostgreSQL::Test::Utils::tempdir();
my $json = JSON::PP->new->utf8->canonical;
my $no = JSON::PP::false;

my $node = PostgreSQL::Test::Cluster->new('structure');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf',
	"learning_credentials.verify_url = 'https://verify.example.edu/c/{verify_uuid}'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION learning_credentials');
store_file($node, 'noto', '/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf');
store_file($node, 'arabic', '/usr/share/fonts/truetype/noto/NotoSansArabic-Regular.ttf');

sub page
{
	my ($options, %given) = @_;
	my $file = Document::preview($node, $json->encode($options), map { $_ => encode('UTF-8', $given{$_}) } keys %given);

	is(check($file), '', 'qpdf finds nothing wrong');
	return $file;
}

# ------------------------------------------------------------ reading the structure

# Text of qpdf's JSON: "u:text" or "b:bytes".
sub string
{
	my ($value) = @_;

	return undef unless defined $value;
	return $value =~ /^u:(.*)\z/s ? $1 : $value =~ /^b:(.*)\z/ ? pack('H*', $1) : "not a string: $value";
}

# The document as { catalog, page, elements => [{ role, text, mark, box }], content }. What has to be so in every
# document is tested on the way.
sub structure
{
	my ($file) = @_;
	my $objects = JSON::PP->new->utf8->decode(output('qpdf', '--json=2', '--json-key=qpdf', $file))->{qpdf}[1];
	my $get = sub { my $o = $objects->{"obj:$_[0]"}; return $o->{value} // $o->{stream}{dict} };
	my $trailer = $objects->{trailer}{value};
	my $catalog = $get->($trailer->{'/Root'});
	my $page_name = $get->($catalog->{'/Pages'})->{'/Kids'}[0];
	my $page = $get->($page_name);
	my $root = $get->($catalog->{'/StructTreeRoot'});
	my $document = $get->($root->{'/K'});
	my $marks = $root->{'/ParentTree'}{'/Nums'}[1];
	my (@elements, $content, @open, @drawn);

	is_deeply($catalog->{'/MarkInfo'}, { '/Marked' => JSON::PP::true }, 'it is marked');
	is(info($file)->{Tagged}, 'yes', 'pdfinfo says so');
	is("$document->{'/S'} $document->{'/P'}", "/Document $catalog->{'/StructTreeRoot'}", 'a document is below the root');
	is("$page->{'/StructParents'} $root->{'/ParentTree'}{'/Nums'}[0] $page->{'/Tabs'}", '0 0 /S', 'the page is in the tree');
	for my $name (@{ $document->{'/K'} })
	{
		my $element = $get->($name);

		is("$element->{'/P'} $element->{'/Pg'} $marks->[$element->{'/K'}]", "$root->{'/K'} $page_name $name",
			'an element, its page and its mark lead to each other');
		push @elements,
		  {
			role => substr($element->{'/S'}, 1),
			text => string($element->{'/ActualText'} // $element->{'/Alt'}),
			mark => $element->{'/K'},
			$element->{'/A'} ? (box => $element->{'/A'}{'/BBox'}) : ()
		  };
	}

	# Every element is drawn once; nothing is drawn that is neither in an element nor decoration.
	$content = join "\n", map { /^(\d+) / && output('qpdf', "--show-object=$1", '--filtered-stream-data', $file) } @{ $page->{'/Contents'} };
	my $outside = 0;
	while ($content =~ m{/(\S+)\s+BMC|/(\S+)\s*<<((?:[^<>]|<[0-9A-F]*>)*)>>\s*BDC|\b(EMC)\b|\b(TJ|Tj|Do|f|S|B)\b}g)
	{
		if ($4) { pop @open; }
		elsif ($5) { $outside++ unless @open; }
		else
		{
			my ($tag, $properties) = ($1 // $2, $3 // '');

			push @drawn, $1 if $properties =~ m{/MCID (\d+)} && !grep { $_ eq 'Artifact' } @open;
			push @open, $tag;
		}
	}
	is(scalar @open, 0, 'marks are closed');
	is_deeply([ sort { $a <=> $b } @drawn ], [ sort { $a <=> $b } map { $_->{mark} } @elements ], 'each element is drawn once');
	is($outside, 0, 'nothing is drawn without a mark');
	return { catalog => $catalog, page => $page, marks => $marks, elements => \@elements, content => $content };
}

# The texts of the elements, in order.
sub said
{
	my ($file) = @_;

	return [ map { encode('UTF-8', $_->{text}) } @{ structure($file)->{elements} } ];
}

sub bytes
{
	return [ map { encode('UTF-8', $_) } @_ ];
}

# ------------------------------------------------------------ three texts
for my $protection ('encrypt', 'none')
{
	my $file = page(
		{ page => {}, defaults => { font => 'noto' }, locale => 'pt_BR', protection => $protection },
		user_full_name => 'Zoë Łukasz',
		learning_context_name => 'Poetry',
		issue_date => '2024-02-29 12:00Z');
	my $structure = structure($file);

	cmp_ok(-s $file, '<=', 6 * 1024, "$protection: three texts take at most 6 KB");
	is_deeply(
		$structure->{elements},
		[
			{ role => 'P', text => 'Zoë Łukasz', mark => 0 },
			{ role => 'P', text => 'Poetry', mark => 1 },
			{ role => 'P', text => '29 de fevereiro de 2024', mark => 2 }
		],
		"$protection: three paragraphs");
	is(string($structure->{catalog}{'/Lang'}), 'pt-BR', 'the language');
	my $lines = decode('UTF-8', output('pdfinfo', '-struct-text', $file));
	is_deeply([ $lines =~ /"(.*)"/g ], [ 'Zoë Łukasz', 'Poetry', '29 de fevereiro de 2024' ], 'pdfinfo reads the same');
}

# ------------------------------------------------------------ what is said is what is stored
sub only
{
	my ($elements, %options) = @_;

	return {
		page => {},
		defaults => { font => [ 'noto', 'arabic' ] },
		text_elements => { name => $no, context => $no, date => $no, %$elements },
		%options
	};
}

is_deeply(
	said(page(only({ a => { text => '{name}', y => 300, uppercase => JSON::PP::true } }), user_full_name => 'Jürgen Groß')),
	bytes('Jürgen Groß'), 'not in upper case');
is_deeply(said(page(only({ a => { text => "For\n{name}:\n{{1}}", y => 300 } }))), bytes("For\nAda Lovelace:\n{1}"),
	'lines, values, braces');
is_deeply(
	said(page(only({ a => { text => '{name}', y => 300, size => 40, min_size => 40, max_width => 300 } }),
			user_full_name => 'Ana María de la Santísima Trinidad')),
	bytes('Ana María de la Santísima Trinidad'), 'not where a line was broken');
is_deeply(said(page(only({ a => { text => '   ', y => 300 } }))), [], 'nothing of what is not there');

for my $name ('محمد بن عبد الله', 'Ahmed أحمد 12', 'شهادة Python 3.12 للمبتدئين', "A \x{2068}ب\x{2069} C")
{
	is_deeply(said(page(only({ a => { text => '{name}', y => 300 } }), user_full_name => $name)), bytes($name),
		encode('UTF-8', $name));
	is_deeply(said(page(only({ a => { text => 'حصل {name} على 95%', y => 300 } }), user_full_name => $name)),
		bytes("حصل $name على 95%"), '... in a sentence, without isolates of ours');
}

# ------------------------------------------------------------ from top to bottom
is_deeply(
	said(page(
			only({
				zz => { text => 'top', y => 500 },
				a => { text => 'low', y => 30 },
				left => { text => 'left', y => 100, x => 100, align => 'left' },
				right => { text => 'right', y => 100, x => 400, align => 'left' },
				b => { text => 'high', y => 400, size => 40 } }))),
	[qw(top high left right low)], 'the order of reading is not that of drawing');

# ------------------------------------------------------------ pictures
my $png = '89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8ffff3f0005fe02fedccc59e70000000049454e44ae426082';
$node->safe_psql('postgres',
	"INSERT INTO learning_credentials.credential_asset (slug, description, content) VALUES ('logo', '', '\\x$png'), ('seal', 'Seal of the school', '\\x$png')");
my $pictures = only(
	{},
	images => [
		{ slug => 'logo', x => 10, y => 500, width => 20 },
		{ slug => 'seal', x => 10, y => 400, width => 20 },
		{ slug => 'seal', x => 10, y => 300, width => 20, height => 30, alt => 'Portrait of {name}' },
		{ slug => 'seal', x => 10, y => 200, width => 20, alt => '' }
	],
	qr_codes => [ { x => 10, y => 100, size => 50 } ]);
my $structure = structure(page($pictures));
is_deeply(
	$structure->{elements},
	[
		{ role => 'Figure', text => 'logo', mark => 0, box => [ 10, 500, 30, 520 ] },
		{ role => 'Figure', text => 'Seal of the school', mark => 1, box => [ 10, 400, 30, 420 ] },
		{ role => 'Figure', text => 'Portrait of Ada Lovelace', mark => 2, box => [ 10, 300, 30, 330 ] },
		{
			role => 'Figure',
			text => 'https://verify.example.edu/c/00000000-0000-0000-0000-000000000000',
			mark => 3,
			box => [ 10, 100, 60, 150 ]
		}
	],
	'pictures and codes are figures');
like($structure->{content}, qr{/Artifact BMC\nq 20 0 0 20 10 200 cm /LcIm\d+ Do Q\nEMC}, 'a picture without a text is decoration');

# ------------------------------------------------------------ templates

# A page with this content and these entries.
sub template
{
	my ($slug, $content, $entries) = @_;

	open my $handle, '>:raw', "$folder/$slug.pdf" or die;
	print $handle build(
		'<< /Type /Catalog /Pages 2 0 R >>',
		'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
		"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /StructParents 3 $entries >>",
		[ '', $content ],
		'<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
		'<< /MCID 7 >>');
	close $handle;
	store_file($node, $slug, "$folder/$slug.pdf");
}

my $font = '/Font << /F1 5 0 R >>';
my $text = 'BT /F1 20 Tf 100 500 Td (Certificate) Tj ET';
my @templates = (
	[ plain => $text, 0 ],
	[ tagged => "/H1 <</MCID 0>> BDC $text EMC /P <</MCID 4>> BDC 10 10 30 30 re f EMC", 5 ],
	[ named => "/H1 /M0 BDC $text EMC", 8 ],
	[ open => "q /H1 <</MCID 2>> BDC $text", 3 ],
	[ broken => "/H1 <</MCID 1>> BDC $text EMC EMC Q", 2 ]);

for (@templates)
{
	my ($slug, $content, $first) = @$_;

	template($slug, $content,
		"/MediaBox [0 0 800 600] /Resources << $font " . ($slug eq 'named' ? '/Properties << /M0 6 0 R >>' : '') . ' >>');
	my $file = page({ template => $slug, defaults => { font => 'noto' } }, learning_context_name => 'Poetry', issue_date => '2024-02-29 12:00Z');
	my $found = structure($file);

	is_deeply([ map { $_->{text} } @{ $found->{elements} } ],
		[ 'Ada Lovelace', 'Poetry', 'February 29, 2024' ], "$slug template: its texts are decoration");
	is_deeply([ map { $_->{mark} } @{ $found->{elements} } ], [ map { $first + $_ } 0 .. 2 ], '... its marks are let be');
	is(scalar @{ $found->{marks} }, $first + 3, '... and are nobody\'s');
	like($found->{content}, qr{\Aq /Artifact BMC\s}, '... it starts as decoration');
	like(text($file), qr/Certificate/, '... it is there');
	is_deeply([ output('pdfinfo', '-struct-text', $file) =~ /"(.*)"/g ],
		[ 'Ada Lovelace', 'Poetry', 'February 29, 2024' ], '... pdfinfo reads the same');
}

for ([ 0, [ 110, 220, 140, 260 ] ], [ 90, [ 740, 210, 780, 240 ] ], [ 180, [ 760, 740, 790, 780 ] ], [ 270, [ 120, 760, 160, 790 ] ])
{
	my ($rotate, $box) = @$_;

	template("rotated$rotate", '', "/MediaBox [0 0 900 900] /CropBox [100 200 800 800] /Rotate $rotate");
	my $found = structure(page({
		template => "rotated$rotate",
		text_elements => { name => $no, context => $no, date => $no },
		images => [ { slug => 'logo', x => 10, y => 20, width => 30, height => 40 } ] }));
	is_deeply($found->{elements}[0]{box}, $box, "rotated by $rotate: where the picture is");
}

# ------------------------------------------------------------ what the document says of itself
my $credential = <<'SQL';
jsonb_populate_record(NULL::learning_credentials.credential, jsonb_build_object('uuid', learning_credentials.uuid_time_ordered(),
	'verify_uuid', learning_credentials.uuid_random(), 'user_id', 7, 'user_full_name', 'Zoë "Z" <Łukasz> & Söhne',
	'learning_context_key', 'course-v1:Uni+CS101+2024', 'learning_context_name', E'Poetry\nand Prose',
	'credential_type_name', 'Certificate', 'issue_date', '2024-02-29 12:34:56+02', 'evidence', '{}'::jsonb))
SQL
my %options = (page => {}, defaults => { font => 'noto' }, locale => 'pl');

sub generated
{
	return document($node, "learning_credentials.generate_pdf($credential, " . literal($json->encode({ %options, @_ })) . ')');
}

for my $protection ('encrypt', 'none')
{
	my $file = generated(protection => $protection);
	my $info = info($file);
	my $meta = decode('UTF-8', output('pdfinfo', '-meta', $file));

	is($info->{Title}, 'Certificate: Poetry and Prose', "$protection: title");
	is($info->{Author}, 'Uni', 'author');
	is(decode('UTF-8', $info->{Subject}), 'Zoë "Z" <Łukasz> & Söhne', 'subject');
	is(output('pdfinfo', '-isodates', $file) =~ /^CreationDate: +(\S+)/m && $1, '2024-02-29T10:34:56Z', 'creation date');
	like($meta, qr{<dc:title>.*>Certificate: Poetry and Prose<.*</dc:title>}, 'XMP: title');
	like($meta, qr{<dc:creator>.*>Uni<.*</dc:creator>}, 'XMP: author');
	like($meta, qr{<dc:description>.*>Zoë "Z" &lt;Łukasz&gt; &amp; Söhne<.*</dc:description>}, 'XMP: subject');
	like($meta, qr{<dc:language>.*>pl<.*</dc:language>}, 'XMP: language');
	like($meta, qr{CreateDate\W+2024-02-29T10:34:56Z\b}, 'XMP: creation date');
	is(string(structure($file)->{catalog}{'/Lang'}), 'pl', 'language');
}

# ------------------------------------------------------------ the same for the same
my @same = map { slurp_file(generated(protection => 'none')) } 1 .. 2;
ok($same[0] eq $same[1], 'two credentials that differ in identifiers which are not shown: the same, byte by byte');
my @sealed = map { generated() } 1 .. 2;
isnt(slurp_file($sealed[0]), slurp_file($sealed[1]), 'sealed, they are not');
my @opened = map
{
	output('qpdf', '--decrypt', '--static-id', $_, "$folder/opened.pdf");
	slurp_file("$folder/opened.pdf") =~ s{/ID \[.*?\]}{}sr;
} @sealed;
ok($opened[0] eq $opened[1], 'but what is sealed is the same but for /ID');
my @coded = map { slurp_file(generated(protection => 'none', qr_codes => [ { x => 10, y => 10 } ])) } 1 .. 2;
ok($coded[0] ne $coded[1], 'an identifier that is shown makes a difference');

done_testing();
