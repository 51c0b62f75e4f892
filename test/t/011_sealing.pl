# Sealed documents: what the encryption allows, and that every key opens. The hash of revision 6 has a rule
# whose misreading spoils one key in forty, so 500 are tried.
use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;

use lib "$FindBin::RealBin/lib";
use Document qw(check document output);
use Template qw(server write_file);

use constant KEYS => 500;

plan tests => 26;

my $node = server();
my $folder = PostgreSQL::Test::Utils::tempdir();
my $page = '"page": {"size": "A5"}';

sub preview
{
	my ($options, $name) = @_;

	return document($node,
		qq{learning_credentials.preview_pdf('{$page$options}', '$name', issue_date => '2024-02-29 12:00Z')});
}

# ---- what a viewer is told

my $sealed = preview('', "Ada O''Hara");
my $info = output('pdfinfo', $sealed);
like($info, qr/^Encrypted: +yes \(print:yes copy:yes change:no addNotes:no algorithm:AES-256\)$/m,
	'AES-256; printing and copying, no changes and no notes');
like($info, qr/^PDF version: +1\.7$/m, 'version');
like($info, qr/^Producer: +learning_credentials$/m, 'the producer is readable with the key');
like($info, qr/^Metadata Stream: +yes$/m, 'there are metadata');
like($info, qr/^Pages: +1$/m, 'there is one page');
is(check($sealed), '', 'qpdf is content');
like(output('pdftotext', $sealed, '-'), qr/^Ada O'Hara$/m, 'the name is there');

my $said = output('qpdf', '--show-encryption', $sealed);
like($said, qr/^R = 6$/m, 'revision 6');
like($said, qr/^Supplied password is user password$/m, 'no password is needed');
like($said, qr/^$_: allowed$/m, "$_: allowed")
  for 'extract for any purpose', 'extract for accessibility', 'print high resolution';
like($said, qr/^$_: not allowed$/m, "$_: not allowed")
  for 'modify document assembly', 'modify forms', 'modify annotations', 'modify other';
like($said, qr/^$_ encryption method: AESv3$/m, "$_ method") for 'stream', 'string', 'file';

my $bytes = slurp_file($sealed);
unlike($bytes, qr/Hara|learning_credentials|xmpmeta|libharu|Haru/i, 'nothing readable is left outside the seal');

# ---- not sealed

my $open = preview(', "protection": "none"', 'Ada Lovelace');
like(output('pdfinfo', $open), qr/^Encrypted: +no$/m, 'protection none: not encrypted');
like(slurp_file($open), qr/<dc:format>application\/pdf/, 'its metadata are readable without a PDF program');

# ---- 500 keys

my $shared = $node->safe_psql('postgres',
	"SELECT encode(learning_credentials.preview_pdf('{$page}'), 'hex') FROM generate_series(1, 3)");
is(keys %{ { map { key_of($_) => 1 } split /\n/, $shared } }, 1, 'documents of a session share a key');

my $fresh = $node->safe_psql('postgres',
	"SET learning_credentials.documents_per_key = 1;"
	  . "SELECT encode(learning_credentials.preview_pdf('{$page}', 'Holder ' || i), 'hex') FROM generate_series(1, "
	  . KEYS . ") i ORDER BY i");
my (%keys, @unsound, @unread);
my $i = 0;
for my $hex (split /\n/, $fresh)
{
	$i++;
	my $path = write_file("$folder/key.pdf", pack 'H*', $hex);

	$keys{ key_of($hex) } = 1;
	push @unsound, $i if check($path) ne '';
	push @unread, $i unless output('pdftotext', $path, '-') =~ /^Holder $i$/m;
}
is(keys %keys, KEYS, KEYS . ' documents with documents_per_key = 1 have ' . KEYS . ' keys');
is("@unsound", '', 'qpdf opens each');
is("@unread", '', 'poppler reads the name in each');

# What tells a key: the string /U of the encryption dictionary.
sub key_of
{
	my ($hex) = @_;
	my ($user) = pack('H*', $hex) =~ m{/U (\(.*?\)) /UE }s;

	return $user // die 'not encrypted';
}
