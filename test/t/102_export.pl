# An archive of a context, written as the docs say: what tar makes of it, hashes, many credentials in flat memory;
# and credentials that were put into a run, by the worker.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use File::Path qw(make_path);
use FindBin;
use lib "$FindBin::RealBin/lib";
use JSON::PP;
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;
use Worker;

my $users = 300;
my $node = worker_node('export', 'campus', 'shared_buffers = 16MB');
make_database($node, 'campus', $users);
sub sql { return $node->safe_psql('campus', $_[0]) }

# ---- in a run, by the worker
my $configuration = configure($node, 'campus', 'Export');
my $run = sql("SELECT DISTINCT run_id FROM learning_credentials.bulk_generate($configuration, ARRAY(SELECT id FROM learning_credentials.lms_user), in_run => true)");
like($run, qr/^\d+$/, 'all are put into one run');
is(finished($node, 'campus', $run), 'finished', 'which the worker works on');
is(count_of($node, 'campus', "configuration_id = $configuration AND status = 'available'"), $users, '... and everybody has a credential');
sql("SELECT learning_credentials.invalidate_credential(uuid, 'a mistake') FROM learning_credentials.credential WHERE user_id = 7");
my $key = sql("SELECT learning_context_key FROM learning_credentials.credential_configuration WHERE id = $configuration");

# ---- the archive
my $folder = $node->basedir . '/export';
make_path($folder);
my $connection = $node->connstr('campus');

sub export
{
	my ($what) = @_;
	my $command = "psql -XAtq -v ON_ERROR_STOP=1 -v FETCH_COUNT=100 -d '$connection'"
	  . " -c \"SELECT encode(piece, 'hex') FROM learning_credentials.export_context('$what') AS piece\" | xxd -r -p > '$folder/context.tar'";
	return system_log('bash', '-o', 'pipefail', '-c', $command);
}

is(export($key), 0, 'the archive is written');
my ($list, $errors) = run_command([ 'tar', '-tvf', "$folder/context.tar" ]);
is($errors, '', 'tar reads it without a complaint');
is(scalar(() = $list =~ m{ documents/[0-9a-f-]{36}\.txt$}mg), $users - 1, 'and finds the documents of all that are not invalidated');
is(system_log('tar', '-xf', "$folder/context.tar", '-C', $folder), 0, 'tar unpacks it');

my @lines = map { decode_json($_) } split /\n/, slurp_file("$folder/manifest.jsonl");
is(scalar @lines, $users, 'the manifest has all of them');
is(join(' ', sort map { $_->{user_id} } @lines), join(' ', sort 1 .. $users), 'each once');
my @wrong = grep {
	my $document = $_->{document};
	$document && (sha256_hex(slurp_file("$folder/$document->{path}")) ne $document->{sha256}
		|| -s "$folder/$document->{path}" != $document->{byte_size});
} @lines;
is(scalar @wrong, 0, 'hashes and sizes are those of the files');
is(join(' ', map { $_->{user_id} } grep { !$_->{document} } @lines), '7', 'what was invalidated has no document');
my ($invalidated) = grep { $_->{user_id} == 7 } @lines;
is("$invalidated->{status}: $invalidated->{invalidation_reason}", 'invalidated: a mistake', '... and the manifest says why');

# ---- memory: fifty thousand of them, in one backend
my $rows = 50_000;
sql(<<SQL);
ALTER TABLE learning_credentials.credential DISABLE TRIGGER USER;
WITH new AS (
    INSERT INTO learning_credentials.credential
           (configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id, user_full_name, status, issue_date)
    SELECT $configuration, 'Export', '$key', 'Export', 1000 + i, 'User ' || i, 'available', now() FROM generate_series(1, $rows) AS i RETURNING uuid)
INSERT INTO learning_credentials.document (credential_uuid, content, media_type)
SELECT uuid, decode(repeat('6f', 2000), 'hex'), 'text/plain' FROM new;
ALTER TABLE learning_credentials.credential ENABLE TRIGGER USER;
ANALYZE;
SQL
my $own = q{SELECT regexp_replace(pg_read_file('/proc/' || pg_backend_pid() || '/status'), '.*VmHWM:\s*(\d+) kB.*', '\1', 's')};
my $memory = sql(<<SQL);
SET jit = off;
DO \$\$ BEGIN PERFORM count(*), sum(octet_length(piece)) FROM learning_credentials.export_context('$key') AS piece; END \$\$;
$own
SQL
my $empty = sql($own);
my $bytes = sql("SELECT sum(octet_length(piece)) FROM learning_credentials.export_context('$key') AS piece");
note("$bytes bytes; most memory of the backend that made it $memory kB, of one that does nothing $empty kB");
cmp_ok($bytes, '>', 150e6, 'an archive of 150 MB');
cmp_ok($memory - $empty, '<', 100_000, '... in a backend that never has that in its memory');

$node->stop;
done_testing();
