# What a backend keeps of assets between documents: used again, bounded, dropped when an asset changes, and as
# good after an error as before; and how soon a document that is being made can be cancelled.
use strict;
use warnings;

use FindBin;
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$FindBin::RealBin/lib";
use Document qw(literal store_file check);
use LearningCredentials;
use Session;
use TemplatePdf qw(build);

my $json = JSON::PP->new->utf8->canonical;
my $noto = '/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf';
my $node = new_node('caches');
$node->safe_psql('postgres', 'CREATE EXTENSION learning_credentials');
store_file($node, 'noto', $noto);

# A page so many points wide, with a stream of so many bytes that nothing compresses.
sub ground
{
	my ($width, $bytes) = @_;

	srand($width);
	return build(
		'<< /Type /Catalog /Pages 2 0 R >>',
		'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 $width 600] /Resources << /XObject << /I 5 0 R >> >> /Contents 4 0 R >>",
		[ '', "0.9 g 0 0 $width 40 re f" ],
		[ "/Type /XObject /Subtype /Image /Width $bytes /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8",
			join '', map { chr int rand 256 } 1 .. $bytes ]);
}

# An asset's content as an SQL literal.
sub bytes { return "'\\x" . unpack('H*', $_[0]) . "'" }

sub store
{
	my ($slug, $content) = @_;

	return "INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('$slug', " . bytes($content) . ')';
}

sub change
{
	my ($slug, $content) = @_;

	return 'UPDATE learning_credentials.credential_asset SET content = ' . bytes($content) . " WHERE slug = '$slug'";
}

# preview_pdf with these options, as an expression; not encrypted unless they say so.
sub preview
{
	my ($options, $name) = @_;

	return 'learning_credentials.preview_pdf('
	  . literal($json->encode({ template => 'ground', defaults => { font => 'noto' }, protection => 'none', %$options }))
	  . ', ' . literal($name // 'Ada Lovelace') . q{, 'Mathematics', '2026-01-02 03:04:05+00')};
}

sub digest { return 'SELECT md5(' . preview(@_) . ')' }

# How wide the page of the document's template is, which its content says.
sub width_of
{
	my ($session, $options) = @_;
	my $answer = $session->ask('SELECT substring(convert_from(d, ' . q{'SQL_ASCII') from '0\.9 g 0 0 (\d+) 40')}
		  . q{ FROM (SELECT regexp_replace(encode(} . preview($options) . q{, 'escape'), '\\\\...', '', 'g')::bytea AS d) AS made});

	return $answer;
}

# What a session keeps, as "templates fonts images", and in bytes.
sub kept
{
	my ($session) = @_;

	return $session->ask(q{SELECT concat_ws(' ', count(*) FILTER (WHERE name = 'template'),
		count(*) FILTER (WHERE name = 'font'), count(*) FILTER (WHERE name = 'image'))
		FROM pg_backend_memory_contexts});
}

sub kept_bytes
{
	my ($session) = @_;

	return $session->ask(q{SELECT coalesce(sum(total_bytes), 0) FROM pg_backend_memory_contexts
		WHERE name IN ('template', 'serialised template', 'font', 'image')});
}

# A PNG of one pixel.
my $pixel = pack 'H*', '89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de'
  . '0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082';
my $with_image = { images => [ { slug => 'pixel', x => 10, y => 10, width => 20, height => 20 } ] };

$node->safe_psql('postgres', $_)
  foreach store('ground', ground(700, 1000)), store('other', ground(500, 1000)), store('pixel', $pixel);

my $one = Session->new($node);
my $two = Session->new($node);

# ---- kept, and used again

is(kept($one), '0 0 0', 'a session begins with nothing');
my $first = $one->ask(digest($with_image));
like($first, qr/^[0-9a-f]{32}$/, 'a document is made');
is(kept($one), '1 1 1', 'its template, font and image are kept');
my $size = kept_bytes($one);
is($one->ask(digest($with_image)), $first, 'the next document is the same');
is(kept($one), '1 1 1', 'and was made of what was kept');
is(kept_bytes($one), $size, 'which has not grown');
is($two->ask(digest($with_image)), $first, 'another session makes the same document');

# ---- assets that change

sub is_dropped
{
	my ($what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return is(kept($one), '0 0 0', "$what: nothing is kept");
}

my $large = change('ground', ground(900, 1000));
my $small = change('ground', ground(700, 1000));

is(width_of($one, {}), 700, 'the page is as wide as the template');
$two->ask("BEGIN; $large");
is(width_of($two, {}), 900, 'who changes the template sees that at once');
is(width_of($one, {}), 700, 'nobody else before the transaction commits');
isnt(kept($one), '0 0 0', 'and keeps what it has');
$two->ask('ROLLBACK');
is(width_of($two, {}), 700, 'what was rolled back is as it was for who changed it');
is($one->ask(digest($with_image)), $first, 'and for everybody else');
$two->ask($large);
is_dropped('another session has changed the template');
is(width_of($one, {}), 900, 'the next document is on the new one');
$one->ask($small);
is_dropped('this session has changed the template');
is($one->ask(digest($with_image)), $first, 'the next document is as before');

$two->ask(store('new', ground(300, 1000)));
is(kept($one), '1 1 1', 'a new asset takes nothing away');
is(width_of($one, { template => 'other' }), 500, 'the other template');
sub rename_asset { return "UPDATE learning_credentials.credential_asset SET slug = '$_[1]' WHERE slug = '$_[0]'" }
$two->ask(join '; ', rename_asset('ground', 'aside'), rename_asset('other', 'ground'));
is_dropped('another session has renamed templates');
is(width_of($one, {}), 500, 'a template is what its slug now says');
is(width_of($one, { template => 'aside' }), 700, 'whatever it was called before');
$two->ask(join '; ', rename_asset('ground', 'other'), rename_asset('aside', 'ground'));
is($one->ask(digest($with_image)), $first, 'back again');
$two->ask(q{DELETE FROM learning_credentials.credential_asset WHERE slug = 'other'});
is_dropped('another session has deleted a template');
like($one->ask(digest({ template => 'other' })), qr/ERROR: .*there is no PDF template "other"/, 'which is not found any more');
is($one->ask(digest($with_image)), $first, 'the others are');
$two->ask('BEGIN; TRUNCATE learning_credentials.credential_asset; ROLLBACK');
is($one->ask(digest($with_image)), $first, 'nor does a TRUNCATE that was rolled back change anything');

# ---- errors

my %failing = (
	'a character without a glyph' => [ digest($with_image, "\x{e6}\x{bc}\x{a2}"), qr/ERROR:  22P05/ ],
	'a text off the page' => [ digest({ %$with_image, text_elements => { name => { x => 5000 } } }), qr/ERROR:  22023/ ],
	'a missing image' => [ digest({ images => [ { slug => 'none', x => 1, y => 1, width => 9 } ] }), qr/ERROR:  22023/ ],
	'a document too large' => [
		'SET learning_credentials.max_document_size = 4; ' . digest($with_image)
		  . '; RESET learning_credentials.max_document_size', qr/ERROR:  54000/ ]);

foreach my $what (sort keys %failing)
{
	my ($sql, $expected) = @{ $failing{$what} };

	like($one->ask($sql), $expected, "$what is an error");
	is(kept($one), '1 1 1', "$what: what was kept still is");
	is($one->ask(digest($with_image)), $first, "$what: the next document is as good");
	like($two->ask("DISCARD ALL; $sql"), $expected, "$what is an error in the other session");
	is($two->ask(digest($with_image)), $first, "$what: there too the next document is as good");
}

my $fails = Session->new($node);
like($fails->ask($failing{'a text off the page'}[0]), qr/ERROR:  22023/, 'a session whose first document fails');
is($fails->ask(digest($with_image)), $first, 'makes good ones afterwards');

# In subtransactions, as a run makes them.
my $many = <<SQL;
DO \$\$
DECLARE
    failed int := 0;
BEGIN
    FOR i IN 1..300 LOOP
        BEGIN
            PERFORM @{[preview($with_image, "\x{e6}\x{bc}\x{a2}")]};
        EXCEPTION WHEN untranslatable_character THEN
            failed := failed + 1;
        END;
    END LOOP;
    ASSERT failed = 300;
END \$\$
SQL
is($one->ask($many), '', 'three hundred documents fail');
my $before = $one->ask('SELECT sum(total_bytes) FROM pg_backend_memory_contexts');
is($one->ask($many), '', 'three hundred more do');
is($one->ask('SELECT sum(total_bytes) FROM pg_backend_memory_contexts'), $before, 'and leave nothing behind');
is($one->ask(digest($with_image)), $first, 'the next document is as good');

# ---- bounded

$two->ask(store("wide$_", ground(400 + $_, 300_000))) foreach 1 .. 6;
my $wide = Session->new($node);
my $made = join ' || ', map { preview({ template => "wide$_", protection => 'encrypt' }) } 1 .. 6;

$wide->ask("SELECT length($made)");
is(kept($wide), '6 1 0', 'six templates are kept');
cmp_ok(kept_bytes($wide), '>', 6 * 600_000, 'plain and sealed');
$wide->ask('SET learning_credentials.cache_size = 2');
cmp_ok($wide->ask("SELECT length($made)"), '>', 1_800_000, 'six documents with room for less');
cmp_ok(kept_bytes($wide), '<', 2 * 1024 * 1024, 'no more is kept than the setting allows');
cmp_ok(kept_bytes($wide), '>', 600_000, 'but as much as it allows');
is($wide->ask(digest({})), $one->ask(digest({})), 'and the documents are the same');
$wide->ask('SET learning_credentials.cache_size = 1');
$wide->ask('SELECT length(' . preview({ template => "wide$_" }) . ')') foreach 1 .. 6;
cmp_ok(kept_bytes($wide), '<', 1024 * 1024, 'the longest unused goes first');
is(width_of($wide, { template => 'wide6' }), 406, 'whatever was dropped is read again');
like($wide->ask('SET learning_credentials.cache_size = 0'), qr/ERROR:  22023/, 'there is no cache of nothing');

# ---- key material

# The owner's entry of the encryption dictionary, which tells keys apart.
sub owner_entry
{
	my ($session) = @_;

	my $hex = $session->ask('SELECT encode(' . preview({ protection => 'encrypt' }) . q{, 'hex')});

	return pack('H*', $hex) =~ m{ /O (\(.*?\)) /OE }s ? unpack('H*', $1) : undef;
}

my $keys = Session->new($node);
$keys->ask('SET learning_credentials.documents_per_key = 3');
my @owners = map { owner_entry($keys) } 1 .. 3;
like($owners[0], qr/^[0-9a-f]{100,}$/, 'a sealed document has an owner entry');
is($owners[1], $owners[0], 'the next has the same');
is($owners[2], $owners[0], 'and the third');
isnt(owner_entry($keys), $owners[0], 'the fourth has another');
foreach my $i (1 .. 7)
{
	$keys->ask($failing{'a text off the page'}[0]) if $i % 3 == 0;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/sealed_$i.pdf";
	my $hex = $keys->ask('SELECT encode(' . preview({ %$with_image, protection => 'encrypt' }) . q{, 'hex')});

	append_to_file($file, pack 'H*', $hex);
	is(check($file), '', "sealed document $i is sound, whatever failed before it");
}

# ---- cancelled

# One document that takes long: what stands behind it in the same row is reached only if it is made to the end.
$node->safe_psql('postgres', 'CREATE SEQUENCE reached');
my $words = 'very many words ' x 15;
my %texts = map { ("t$_" => { text => "$_ $words {name}", y => 1 + $_, size => 4 }) } 1 .. 490;
my $long = 'SELECT length(' . preview({ text_elements => \%texts }) . "), nextval('reached')";

like($one->ask("SET statement_timeout = '5ms'; $long; RESET statement_timeout"), qr/ERROR:  57014/, 'a document is cancelled');
is($one->ask('SELECT is_called FROM reached'), 'f', 'while it is being made');
like($two->ask($long), qr/^\d+\|1$/, 'though it would be made to the end');
is($one->ask(digest($with_image)), $first, 'the next one is as good');
is(kept($one), '1 1 1', 'and what was kept still is');
my $cancelled = $one->ask('SELECT sum(total_bytes) FROM pg_backend_memory_contexts');
$one->ask("SET statement_timeout = '5ms'; $long; RESET statement_timeout") foreach 1 .. 5;
is($one->ask('SELECT sum(total_bytes) FROM pg_backend_memory_contexts'), $cancelled, 'cancelled documents leave nothing behind');

$_->close foreach $one, $two, $fails, $wide, $keys;
$node->stop;
done_testing();
