# The history's log: its trees, proofs and notes are what RFC 6962 and C2SP say, judged by others; whatever is
# tampered with is found; who is erased leaves proofs valid.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('history');
my $folder = PostgreSQL::Test::Utils::tempdir;
my $python = '/usr/bin/python3';
make_database($node, 'campus', 400);
sub sql { return $node->safe_psql('campus', $_[0]) }

my ($out, $error);
ok(IPC::Run::run([ $python, 'test/t/lib/history_judge.py', 'vectors' ], '>', \$out, '2>', \$error), 'vectors') or diag($error);
is($out, "vectors\n", 'the published vectors are met by the checker and by the judge');

# ============================================================ keys

sub fails
{
	my ($sql, $pattern, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($status, undef, $said) = finish_sql(start_sql($node, 'campus', $sql));
	isnt($status, 0, "$name: refused");
	return like($said, $pattern, $name);
}

# key(NAME, MODE, CONTENT): a file that the server may be told to sign with
sub key
{
	my ($name, $mode, $content) = @_;
	my $path = $node->data_dir . "/$name";
	if (defined $content) { append_to_file($path, $content); }
	else { system_or_bail('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', $path); }
	chmod $mode, $path or die $!;
	return $path;
}
my $key = key('history.key', 0600);
key('open.key', 0640);
key('text.key', 0600, "no key\n");
key('empty.key', 0600, '');
system_or_bail('openssl', 'genpkey', '-algorithm', 'x25519', '-out', $node->data_dir . '/other.key');
system_or_bail('openssl', 'genpkey', '-algorithm', 'ed25519', '-aes256', '-pass', 'pass:secret', '-out', $node->data_dir . '/secret.key');
chmod 0600, map { $node->data_dir . "/$_.key" } qw(other secret) or die $!;

fails('SELECT learning_credentials.history_verifier_key()', qr/55000: setting learning_credentials\.history_key_file names no key/, 'no key');
for (
	[ 'missing.key', qr/could not open file "missing\.key": No such file or directory/ ],
	[ '.', qr/"\." is not a regular file/ ],
	[ 'open.key', qr/private key file "open\.key" has group or world access: its mode must be 0600 or less/ ],
	map { [ "$_.key", qr/file "$_\.key" holds no private key of kind Ed25519, in PEM without a passphrase/ ] } qw(text empty other secret))
{
	my ($file, $pattern) = @$_;
	fails("SET learning_credentials.history_key_file = '$file'; SELECT learning_credentials.history_verifier_key()",
		qr/ERROR:  55000: $pattern/, "key file $file");
}
for my $origin ('', 'a b', 'a+b', "a\tb", "a\x{c2}\x{a0}b", "a\x{e2}\x{80}\x{83}b")
{
	fails("LOAD 'learning_credentials'; SET learning_credentials.history_origin = '$origin'",
		qr/22023: invalid value for parameter "learning_credentials\.history_origin"/, "origin \"$origin\"");
}
sql("ALTER DATABASE campus SET learning_credentials.history_origin = 'example.org/zażółć'");
sql("ALTER DATABASE campus SET learning_credentials.history_key_file = 'missing.key'");
(undef, $out, $error) = finish_sql(start_sql($node, 'campus', 'SELECT * FROM learning_credentials.seal_history()'));
is($out, '0|0|', 'nothing to seal');
is(sql('SELECT count(*) FROM learning_credentials.history_checkpoint') . sql('SELECT * FROM learning_credentials.verify_history()'),
	'0', 'and nothing to verify, whatever the key');

# ============================================================ the tree, size by size

my $configuration = configure($node, 'campus', 'Log');
sql("INSERT INTO app.failing VALUES (7)");
sql("CALL learning_credentials.generate_credentials($configuration)");
my $issued = "learning_credentials.credential WHERE configuration_id = $configuration";
sql("SELECT learning_credentials.invalidate_credential(uuid, 'Why') FROM $issued AND user_id = 1");
sql("SELECT learning_credentials.reissue_credential(uuid, E'Because\\n\"of\" Ω') FROM $issued AND user_id IN (2, 3)");
is(sql('SELECT count(*) > 400 FROM learning_credentials.credential_event'), 't', 'there are events');

(undef, undef, $error) = finish_sql(start_sql($node, 'campus', 'SELECT * FROM learning_credentials.seal_history()'));
like($error, qr/WARNING:  F0000: a checkpoint of the history is not signed\nDETAIL:  could not open file "missing\.key": No such file or directory\./,
	'a key that is missing does not keep events from being sealed');
is(sql('SELECT note IS NULL FROM learning_credentials.history_checkpoint'), 't', 'which is not signed then');
sql("ALTER DATABASE campus SET learning_credentials.history_key_file = 'history.key'");
my $vkey = sql('SELECT learning_credentials.history_verifier_key()');
like($vkey, qr{^example\.org/zażółć\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}$}, 'the verifier key');
is(sql('SELECT sealed, tree_size = (SELECT count(*) FROM learning_credentials.credential_event), checkpoint IS NOT NULL'
		  . ' FROM learning_credentials.seal_history()'), '0|t|t', 'and is signed when the key is there');
is(sql('SELECT * FROM learning_credentials.verify_history()'), '', 'all verifies');

# judged(DATABASE, WHAT, SQL...): what the judge says of what the statements print
sub judged
{
	my ($database, $name, @sql) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (undef, $lines, $said) = finish_sql(start_sql($node, $database, @sql));
	is($said, '', "$name: made");
	append_to_file("$folder/$database.judged", '');
	open my $file, '>', "$folder/$database.judged" or die $!;
	print $file "$lines\n";
	close $file;
	ok(IPC::Run::run([ $python, 'test/t/lib/history_judge.py', $vkey ], '<', "$folder/$database.judged", '>', \$out, '2>', \$error),
		"$name: judged") or diag($error);
	return $out;
}
my @log = (
	q{SELECT 'event ' || to_json(learning_credentials.history_leaf_text(credential_uuid, seq))
        FROM learning_credentials.history_leaf ORDER BY leaf_index},
	q{SELECT 'checkpoint ' || json_build_object('tree_size', tree_size, 'root_hash', encode(root_hash, 'base64'), 'note', note)
        FROM learning_credentials.history_checkpoint ORDER BY tree_size});

# In a database of its own a log grows by one event at a time.
$node->safe_psql('postgres', 'CREATE DATABASE small');
$node->safe_psql('small', 'CREATE EXTENSION learning_credentials');
$node->safe_psql('postgres', "ALTER DATABASE small SET learning_credentials.$_") for "history_origin = 'example.org/zażółć'",
  "history_key_file = 'history.key'";
my $grow = <<'SQL';
DO $$
BEGIN
    FOR i IN 1..300 LOOP
        INSERT INTO learning_credentials.credential_event (credential_uuid, seq, configuration_id, run_id, occurred_at, new_status, actor, reason)
        VALUES (learning_credentials.uuid_random(), 1, i, nullif(i % 3, 0),
                CASE i % 50 WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN '1969-12-31 23:59:59.999999Z'
                            WHEN 3 THEN '4713-01-01 BC' WHEN 4 THEN '294276-12-31' ELSE clock_timestamp() END,
                'generating', '{"role": "a"}', CASE WHEN i % 2 = 0 THEN repeat('x', i) END);
        COMMIT;
        IF (SELECT sealed <> 1 OR tree_size <> i FROM learning_credentials.seal_history()) THEN
            RAISE 'sealing number % went wrong', i;
        END IF;
        COMMIT;
    END LOOP;
END $$
SQL
$node->safe_psql('small', $grow);
my $sizes = 'ARRAY(SELECT generate_series(1, 34)) || ARRAY[63, 64, 65, 127, 128, 129, 255, 256, 257, 258, 300]';
is(judged('small', 'sizes 1 to 300', @log,
	qq{SELECT 'inclusion ' || learning_credentials.history_inclusion_proof(l.credential_uuid, l.seq, size)::text
         FROM unnest($sizes) AS size, learning_credentials.history_leaf l WHERE l.leaf_index < size},
	qq{SELECT 'consistency ' || learning_credentials.history_consistency_proof(old_size, size)::text
         FROM unnest($sizes) AS size, generate_series(1, size) AS old_size}),
	sprintf("300 event, 300 checkpoint, %d inclusion, %d consistency\n", (2497) x 2), 'every tree, place and pair of sizes');

# ---- and in bulk, over the second stored height
$node->safe_psql('small', <<'SQL');
INSERT INTO learning_credentials.credential_event (credential_uuid, seq, configuration_id, new_status, actor)
SELECT learning_credentials.uuid_time_ordered(), 1, i, 'generating', '{}' FROM generate_series(301, 66000) AS i;
SQL
is($node->safe_psql('small', 'SELECT sealed, tree_size FROM learning_credentials.seal_history()'), '65700|66000', 'many at once');
is($node->safe_psql('small', 'SELECT height, count(*) FROM learning_credentials.history_node GROUP BY 1 ORDER BY 1'), "8|257\n16|1",
	'nodes of two heights');
$sizes = 'ARRAY[65280, 65535, 65536, 65537, 65792, 66000]';
like(judged('small', 'large trees', @log,
	qq{SELECT 'inclusion ' || learning_credentials.history_inclusion_proof(l.credential_uuid, l.seq, size)::text
         FROM unnest($sizes) AS size, learning_credentials.history_leaf l
        WHERE l.leaf_index < size AND l.leaf_index IN (0, 1, 255, 256, 32767, 32768, 65279, 65535, 65536, 65791, 65792, 65999)},
	qq{SELECT 'consistency ' || learning_credentials.history_consistency_proof(old_size, size)::text
         FROM unnest($sizes) AS size, unnest($sizes || ARRAY[1, 2, 255, 256, 257, 300, 32768, 65000]) AS old_size WHERE old_size <= size}),
	qr/\A66000 event, 301 checkpoint, 53 inclusion, 69 consistency\n\z/, 'large trees');

# ============================================================ what is asked wrongly

my ($uuid) = split /\|/, sql("SELECT uuid FROM $issued AND user_id = 9");
my $size = sql('SELECT count(*) FROM learning_credentials.credential_event');
my $nobody = '00000000-0000-4000-8000-000000000000';
fails("SELECT learning_credentials.$_->[0]", $_->[1], $_->[0]) for (
	[ "history_leaf_text('$uuid', 9)", qr/42704: event 9 of credential "$uuid" does not exist/ ],
	[ "history_inclusion_proof('$nobody', 1)", qr/42704: event 1 of credential "$nobody" does not exist/ ],
	[ "history_inclusion_proof(NULL, 1)", qr/22004: credential_uuid must not be NULL/ ],
	[ "history_inclusion_proof('$uuid', NULL)", qr/22004: seq must not be NULL/ ],
	[ "history_inclusion_proof('$uuid', 2, 0)", qr/22023: tree_size must be from 1 to $size, not 0/ ],
	[ "history_inclusion_proof('$uuid', 2, $size + 1)", qr/22023: tree_size must be from 1 to $size, not / ],
	[ "history_inclusion_proof('$uuid', 2, 1)", qr/55000: the tree of size 1 does not have leaf \d+/ ],
	[ "history_consistency_proof(NULL)", qr/22004: old_size must not be NULL/ ],
	[ "history_consistency_proof(0)", qr/22023: old_size must be from 1 to $size, not 0/ ],
	[ "history_consistency_proof(9, 8)", qr/22023: new_size must be from 9 to $size, not 8/ ],
	[ "history_consistency_proof(9, 9223372036854775807)", qr/22023: new_size must be from 9 to $size, not 9223372036854775807/ ],
	[ "verify_history('nonsense')", qr/22023: checkpoint is not a signed note\nDETAIL:  Of what was given, it has no signatures behind an empty line\./ ],
	[ "verify_history(E'\\n1\\nx\\n\\nx')", qr/DETAIL:  Of what was given, its first line, the origin, is empty\./ ],
	[ "verify_history(E'a\\n01\\nx\\n\\nx')", qr/DETAIL:  Of what was given, its second line is not the size of a tree\./ ],
	[ "verify_history(E'a\\n9223372036854775808\\nx\\n\\nx')", qr/DETAIL:  Of what was given, its second line is not the size of a tree\./ ],
	[ "verify_history(E'a\\n1\\nAAAA\\n\\nx')", qr/DETAIL:  Of what was given, its third line is not a root in base64\./ ],
	[ "verify_history(NULL, ARRAY['x'])", qr/22023: "x" is not a verifier key\nDETAIL:  It is expected as history_verifier_key\(\) writes it: NAME\+ID\+KEY\./ ],
	[ "verify_history(NULL, ARRAY['$vkey' || 'A'])", qr/22023: "\Q$vkey\EA" is not a verifier key/ ],
	[ "verify_history(NULL, ARRAY[NULL])", qr/22004: verifier_keys must not hold NULL/ ]);
sql("SELECT learning_credentials.invalidate_credential('$uuid', 'Late')");
fails("SELECT learning_credentials.history_inclusion_proof('$uuid', 3)",
	qr/55000: event 3 of credential "$uuid" is not sealed yet\nHINT:  seal_history\(\) does it\./, 'an event that is not sealed');
is(sql('SELECT sealed FROM learning_credentials.seal_history()'), 1, 'sealed');
is( sql("BEGIN READ ONLY; SELECT count(learning_credentials.history_inclusion_proof('$uuid', 3)) FROM learning_credentials.verify_history()"
		  . ' RIGHT JOIN (SELECT 1) AS one ON true; COMMIT'), 1, 'proofs and verification write nothing');

# ============================================================ tampering

my $published = sql('SELECT note FROM learning_credentials.history_checkpoint ORDER BY tree_size LIMIT 1');
my $last = sql('SELECT note FROM learning_credentials.history_checkpoint ORDER BY tree_size DESC LIMIT 1');
is(sql("SELECT * FROM learning_credentials.verify_history('$_\n')"), '', 'what was published agrees') for $published, $last, "$last\n\n";
my $total = sql('SELECT count(*) FROM learning_credentials.history_leaf');

# No trigger, no constraint: what a superuser can do.
my $unguarded = join '', 'BEGIN; SET client_min_messages = error;',
  map { "ALTER TABLE learning_credentials.$_ DISABLE TRIGGER USER;" } qw(credential credential_event document history_leaf history_node history_checkpoint);
$unguarded .= " ALTER TABLE learning_credentials.credential_event DROP CONSTRAINT actor_matches, DROP CONSTRAINT reason_matches,"
  . ' DROP CONSTRAINT status_changes, DROP CONSTRAINT kind_known;'
  . ' ALTER TABLE learning_credentials.history_leaf DROP CONSTRAINT history_leaf_leaf_index_check;';

# found(NAME, SQL, PATTERN...): after statements that are rolled back, verify_history() has a finding of each pattern,
# and none else
sub found
{
	my ($name, $sql, @patterns) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $arguments = $sql =~ s/^verify\((.*?)\)://s ? $1 : '';
	my ($status, $findings, $said) = finish_sql(start_sql($node, 'campus',
		"$unguarded $sql; SELECT finding, leaf_index, seq, detail FROM learning_credentials.verify_history($arguments) ORDER BY 1, 2, 3, 4"));
	is($said, '', "$name: done");
	my @findings = split /\n/, $findings;
	my @unexpected;
	my %seen;
	for my $finding (@findings)
	{
		my ($pattern) = grep { $finding =~ $_ } @patterns;
		if (defined $pattern) { $seen{$pattern}++; } else { push @unexpected, $finding; }
	}
	is_deeply(\@unexpected, [], "$name: nothing else is found");
	return is_deeply([ grep { !$seen{$_} } @patterns ], [], "$name: found") || diag($findings);
}

my $event = "UPDATE learning_credentials.credential_event SET";
my $one = "WHERE credential_uuid = '$uuid' AND seq = 2";
my $place = sql("SELECT leaf_index FROM learning_credentials.history_leaf $one");
my $altered = qr/^altered\|$place\|2\|the event is not what was sealed$/;
my %change = (
	occurred_at => "occurred_at + interval '1 microsecond'",
	kind => "'dates'", configuration_id => '9', run_id => '9', issue_date => "issue_date - interval '1 day'",
	expires_at => "'2030-01-01'", old_issue_date => "'2030-01-01'", old_expires_at => "'infinity'", actor_commitment => "sha256('')", reason_commitment => "sha256('')");
for my $column (sort keys %change)
{
	found("$column changed", "$event $column = $change{$column} $one", $altered,
		$column eq 'actor_commitment' ? qr/^commitment\|\|2\|the actor is not the one that was committed to$/ : ());
}
found("run_id removed", "$event run_id = NULL $one", $altered);
found('old_status changed', "$event old_status = 'error' $one", $altered,
	qr/^contradiction\|\|2\|the event is of a credential that was error, and the one before left it generating$/);
found('new_status changed', "$event new_status = 'error' $one", $altered,
	qr/^contradiction\|\|3\|the event is of a credential that was available, and the one before left it error$/);
found('actor changed', "$event actor = '{\"role\": \"somebody\"}' $one", qr/^commitment\|\|2\|the actor is/);
found('reason changed', "$event reason = 'other' WHERE credential_uuid = '$uuid' AND seq = 3", qr/^commitment\|\|3\|the reason is/);
found('reason added', "$event reason = 'other', reason_salt = '1' $one", qr/^commitment\|\|2\|the reason is/);
found('actor changed with its commitment', "$event actor = '{}', actor_commitment = sha256(actor_salt || '{}') $one", $altered);
found('removed', "DELETE FROM learning_credentials.credential_event $one", qr/^removed\|$place\|2\|the event is gone; it was sealed$/);
found('last one removed', "DELETE FROM learning_credentials.credential_event WHERE credential_uuid = '$uuid' AND seq = 3",
	qr/^removed\|\d+\|3\|/);
found('all of a credential removed', "DELETE FROM learning_credentials.credential_event WHERE credential_uuid = '$uuid'",
	map { qr/^removed\|\d+\|$_\|/ } 1 .. 3);
found('everything removed', 'DELETE FROM learning_credentials.credential_event', qr/^removed\|\d+\|\d\|/);
found('a credential brought back', "UPDATE learning_credentials.credential SET status = 'available', invalidated_at = NULL, invalidation_reason = NULL WHERE uuid = '$uuid'",
	qr/^contradiction\|\|3\|the last event says that the credential is invalidated, and it is available$/);
found('a credential removed', "DELETE FROM learning_credentials.document WHERE credential_uuid = '$uuid'; DELETE FROM learning_credentials.credential WHERE uuid = '$uuid'",
	qr/^contradiction\|\|3\|the last event says that the credential is invalidated, and it is not there$/);
found('the facts of two events exchanged',
	"$event occurred_at = o.occurred_at FROM (VALUES ('$uuid'::uuid, 1, 2), ('$uuid', 2, 1)) AS swap (u, s, t)"
	  . ' JOIN learning_credentials.credential_event o ON o.credential_uuid = u AND o.seq = t'
	  . ' WHERE credential_event.credential_uuid = u AND credential_event.seq = s',
	map { qr/^altered\|\d+\|$_\|/ } 1, 2);

# ---- an event that was not there
my $insert = 'INSERT INTO learning_credentials.credential_event (credential_uuid, seq, configuration_id, old_status, new_status, actor, actor_salt, actor_commitment)';
my $forged = "'{}', '1', sha256('1' || '{}'::bytea)";
found('added, claiming to be old', "SET LOCAL check_function_bodies = off; $insert VALUES ('$uuid', 4, 1, 'invalidated', 'available', $forged)",
	qr/^added\|\|4\|the event is not sealed, and those of its time are$/,
	qr/^contradiction\|\|4\|the last event says that the credential is available, and it is invalidated$/);
found('added as a new one', "$insert VALUES ('$uuid', 4, 1, 'invalidated', 'available', $forged)",
	qr/^contradiction\|\|4\|the last event says/);
found('added after a gap', "$insert VALUES ('$uuid', 6, 1, 'invalidated', 'invalidated', $forged)",
	qr/^removed\|\|4\|events 4 to 5 are gone; they were not sealed yet$/);
found('added with the largest number', "$insert VALUES ('$uuid', 2147483647, 1, 'invalidated', 'invalidated', $forged)",
	qr/^removed\|\|4\|events 4 to 2147483646 are gone; they were not sealed yet$/);
found('added after a small gap', "$insert VALUES ('$uuid', 5, 1, 'invalidated', 'invalidated', $forged)",
	qr/^removed\|\|4\|the event is gone; it was not sealed yet$/);
found('added for nobody', "$insert VALUES ('$nobody', 1, 1, NULL, 'available', $forged)",
	qr/^contradiction\|\|1\|the last event says that the credential is available, and it is not there$/);

# ---- the log itself
my $leaf = 'UPDATE learning_credentials.history_leaf SET';
my $below = qr/^log\|\|\|leaves (0 to 255|256 to 511|512 to 767) were altered or reordered, or the node over them was$/;
my $root = qr/^checkpoint\|\|\|the root of size \d+ is another one than that of its checkpoint: leaves from \d+ on are not what they were$/;
found('a leaf changed', "$leaf leaf_hash = sha256('x') WHERE leaf_index = 5", qr/^altered\|5\|/, $below, $root);
found('two leaves exchanged', "$leaf leaf_index = -1 WHERE leaf_index = 5; $leaf leaf_index = 5 WHERE leaf_index = 6; $leaf leaf_index = 6 WHERE leaf_index = -1",
	$below, $root);
found('event and leaf removed', "DELETE FROM learning_credentials.credential_event $one; DELETE FROM learning_credentials.history_leaf $one",
	qr/^removed\|\|2\|/, qr/^log\|\|\|leaves $place to $place are missing$/, $root);
found('event and leaf removed, and the gap closed',
	"DELETE FROM learning_credentials.credential_event $one; DELETE FROM learning_credentials.history_leaf $one;"
	  . " $leaf leaf_index = -leaf_index WHERE leaf_index > $place; $leaf leaf_index = -leaf_index - 1 WHERE leaf_index < 0",
	qr/^removed\|\|2\|/, $below, qr/^checkpoint\|\|\|the log ends at size @{[ $total - 1 ]}, and the last checkpoint is of size $total$/, $root);
found('the last leaf removed', "DELETE FROM learning_credentials.history_leaf WHERE leaf_index = $total - 1", qr/^added\|\|3\|/,
	qr/^checkpoint\|\|\|the log ends at size @{[ $total - 1 ]}, and the last checkpoint is of size $total$/);
found('a leaf without an event', "INSERT INTO learning_credentials.history_leaf VALUES ($total, '$nobody', 1, sha256(''))",
	qr/^removed\|$total\|1\|/, qr/^checkpoint\|\|\|the log ends at size @{[ $total + 1 ]}, and the last checkpoint is of size $total$/);
found('a node changed', "UPDATE learning_credentials.history_node SET hash = sha256('') WHERE node_index = 1",
	qr/^log\|\|\|leaves 256 to 511 were altered or reordered, or the node over them was$/);
found('a node removed', 'DELETE FROM learning_credentials.history_node WHERE node_index = 0',
	qr/^log\|\|\|the node of height 8 over leaves 0 to 255 is missing$/);
found('a node too many', "INSERT INTO learning_credentials.history_node VALUES (8, 9, sha256(''))",
	qr/^log\|\|\|a node of height 8 is over leaves from 2304 on, which are not there$/);
found('the log emptied', 'DELETE FROM learning_credentials.history_leaf', qr/^added\|\|\d\|/, qr/^checkpoint\|\|\|the log ends at size 0, and the last checkpoint is of size $total$/,
	qr/^log\|\|\|a node of height 8 is over leaves from 0 on, which are not there$/);

# ---- checkpoints
my $checkpoint = 'UPDATE learning_credentials.history_checkpoint SET';
found('a root changed', "$checkpoint root_hash = sha256('') WHERE tree_size = $total", $root, qr/^checkpoint\|\|\|the note of the checkpoint of size $total is of another tree$/);
found('a note of another tree', "$checkpoint note = '$published' WHERE tree_size = $total", qr/^checkpoint\|\|\|the note of the checkpoint of size $total is of another tree$/);
found('a note changed', "$checkpoint note = regexp_replace(note, '^e', 'E') WHERE tree_size = $total",
	qr/^signature\|\|\|the checkpoint of size $total has a signature that is not its key's$/);
found('a note that is none', "$checkpoint note = 'x' WHERE tree_size = $total",
	qr/^checkpoint\|\|\|the note of the checkpoint of size $total is none: it has no signatures behind an empty line$/,
	qr/^signature\|\|\|the checkpoint of size $total is not signed by a known key$/);
found('a note removed', "$checkpoint note = NULL WHERE tree_size = $total", qr/^signature\|\|\|the checkpoint of size $total is not signed$/);
found('all notes removed', "$checkpoint note = NULL", qr/^signature\|\|\|the checkpoint of size $total is not signed$/);
found('an earlier checkpoint removed, which the last one covers', "DELETE FROM learning_credentials.history_checkpoint WHERE tree_size < $total");
found('the last checkpoint removed', "DELETE FROM learning_credentials.history_checkpoint WHERE tree_size = $total",
	qr/^checkpoint\|\|\|the log ends at size $total, and the last checkpoint is of size $size$/);

# ---- a tail cut off everywhere: only who kept a checkpoint knows
my $first_size = sql('SELECT min(tree_size) FROM learning_credentials.history_checkpoint');
my $cut = "UPDATE learning_credentials.credential SET status = 'available', invalidated_at = NULL, invalidation_reason = NULL WHERE uuid = '$uuid';"
  . ' DELETE FROM learning_credentials.credential_event e USING learning_credentials.history_leaf l'
  . " WHERE (l.credential_uuid, l.seq) = (e.credential_uuid, e.seq) AND l.leaf_index >= $first_size;"
  . " DELETE FROM learning_credentials.history_leaf WHERE leaf_index >= $first_size;"
  . " DELETE FROM learning_credentials.history_checkpoint WHERE tree_size > $first_size";
found('a tail cut off', $cut);
found('a tail cut off, with a checkpoint that was kept', "verify('$last'):$cut",
	qr/^checkpoint\|\|\|the log ends at size $first_size, and the checkpoint that was given is of size $total$/);

# ---- a history made anew, with a key of its own
my $rewritten = "DELETE FROM learning_credentials.history_checkpoint; DELETE FROM learning_credentials.history_node; DELETE FROM learning_credentials.history_leaf;"
  . " SET LOCAL check_function_bodies = off; $event occurred_at = occurred_at - interval '1 day' $one; UPDATE learning_credentials.history_state SET sealed = NULL;"
  . " SET LOCAL learning_credentials.history_key_file = 'new.key'; SELECT FROM learning_credentials.seal_history()";
key('new.key', 0600);
found('rewritten and sealed anew', "verify(NULL, ARRAY['$vkey']):$rewritten", qr/^signature\|\|\|the checkpoint of size $total is not signed by a known key$/);
found('rewritten, with a checkpoint that was kept', "verify('$last', ARRAY['$vkey']):$rewritten",
	qr/^signature\|\|\|the checkpoint of size $total is not signed by a known key$/,
	qr/^checkpoint\|\|\|the root of size $total is another one than that of the checkpoint that was given$/);

# ---- a checkpoint of somebody else
my $stranger = $node->safe_psql('small', 'SELECT note FROM learning_credentials.history_checkpoint WHERE tree_size = 300');
found('a checkpoint of another log', "verify('$stranger'):SELECT", qr/^checkpoint\|\|\|the root of size 300 is another one than that of the checkpoint that was given$/);
found('a checkpoint without a signature', "verify(E'x\\n1\\n' || repeat('A', 43) || E'=\\n\\n\\u2014 x AAAA\\n'):SELECT",
	qr/^signature\|\|\|the checkpoint that was given is not signed by a known key$/, qr/^checkpoint\|\|\|the root of size 1 is another one/);

# ---- sealing does not paper over it
sub refused
{
	my ($name, $sql) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (undef, undef, $said) = finish_sql(start_sql($node, 'campus', "$unguarded $sql; SELECT * FROM learning_credentials.seal_history()"));
	return like($said, qr/ERROR:  XX001: (the log of the history is not what its last checkpoint says\nDETAIL:  It has \d+ leaves, and the checkpoint is of \d+\.|nodes of height \d are missing in the log between \d+ and \d+)\nHINT:  verify_history\(\) tells/,
		"$name: sealing is refused");
}
refused('the last leaf removed', "DELETE FROM learning_credentials.history_leaf WHERE leaf_index = $total - 1");
refused('a leaf removed', "DELETE FROM learning_credentials.history_leaf WHERE leaf_index = $total - 2");
refused('a leaf changed', "$leaf leaf_hash = sha256('x') WHERE leaf_index = $total - 1");
refused('a node changed', "UPDATE learning_credentials.history_node SET hash = sha256('') WHERE node_index = 1");
refused('the last checkpoint removed', "DELETE FROM learning_credentials.history_checkpoint WHERE tree_size = $total");
my (undef, undef, $said) = finish_sql(start_sql($node, 'campus', "$unguarded $event run_id = 9 $one; SELECT learning_credentials.history_inclusion_proof('$uuid', 2)"));
like($said, qr/ERROR:  XX001: event 2 of credential "$uuid" is not what was sealed/, 'nor does a proof');

# ---- and nobody does any of it by accident
for (
	[ 'history_leaf', 'UPDATE learning_credentials.history_leaf SET seq = seq' ],
	[ 'history_leaf', 'DELETE FROM learning_credentials.history_leaf' ], [ 'history_leaf', 'TRUNCATE learning_credentials.history_leaf' ],
	[ 'history_node', 'UPDATE learning_credentials.history_node SET height = height' ],
	[ 'history_node', 'DELETE FROM learning_credentials.history_node' ], [ 'history_node', 'TRUNCATE learning_credentials.history_node' ],
	[ 'history_checkpoint', "$checkpoint note = NULL" ], [ 'history_checkpoint', "$checkpoint created = now()" ],
	[ 'history_checkpoint', 'DELETE FROM learning_credentials.history_checkpoint' ], [ 'history_checkpoint', 'TRUNCATE learning_credentials.history_checkpoint' ])
{
	my ($table, $statement) = @$_;
	fails($_ . $statement, qr/55000: table "$table" is append-only/, $_ . $statement) for '', 'SET session_replication_role = replica; ';
}

# ============================================================ erasing, and another key

my $before = sql("SELECT learning_credentials.history_inclusion_proof('$uuid', 3)");
my ($salt, $reason) = split /\|/, sql("SELECT encode(reason_salt, 'hex'), reason FROM learning_credentials.credential_event WHERE credential_uuid = '$uuid' AND seq = 3");
append_to_file("$folder/before.json", $before);

# check(STATUS, PATTERN, ARGUMENTS...): the checker ends so and says so
sub check
{
	my ($status, $pattern, @arguments) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	IPC::Run::run([ $python, 'tools/check_history.py', @arguments ], '>', \$out, '2>&1');
	is($? >> 8, $status, "checker @arguments: status");
	return like($out, $pattern, "checker @arguments: says so");
}
append_to_file("$folder/published", $published);
append_to_file("$folder/last", "$last\n");
append_to_file("$folder/growth.json", sql("SELECT learning_credentials.history_consistency_proof($first_size, $total)"));
append_to_file("$folder/leaf", sql("SELECT learning_credentials.history_leaf_text('$uuid', 3)"));
check(0, qr/^signed by example\.org\/zażółć: $total events, root /, 'checkpoint', "$folder/last", '--key', $vkey);
check(0, qr/new_status invalidated/, 'inclusion', "$folder/before.json", '--key', $vkey);
check(0, qr/it holds, as number/, 'inclusion', "$folder/before.json", '--key', $vkey, '--checkpoint', "$folder/last");
check(1, qr/^wrong: the checkpoint is of size $first_size, and the proof of size $total/, 'inclusion', "$folder/before.json", '--key', $vkey, '--checkpoint', "$folder/published");
check(0, qr/it begins with the $first_size events of the other checkpoint, unchanged/, 'consistency', "$folder/growth.json", '--key', $vkey,
	'--old', "$folder/published", '--new', "$folder/last");
check(1, qr/^wrong: .* is no proof of consistency, version 1/, 'consistency', "$folder/before.json", '--key', $vkey);
check(1, qr/^wrong: .* is not an Ed25519 verifier key with its id/, 'checkpoint', "$folder/last", '--key', $vkey =~ s/\+[0-9a-f]{8}\+/+00000000+/r);
check(0, qr/^the event commits to this reason$/, 'commitment', "$folder/before.json", '--field', 'reason', '--salt', $salt, '--value', $reason);
check(1, qr/^wrong: this is not the reason/, 'commitment', "$folder/before.json", '--field', 'reason', '--salt', $salt, '--value', "$reason.");
check(0, qr/^[A-Za-z0-9+\/]{43}=$/, 'leaf', "$folder/leaf");
check(2, qr/No such file/, 'leaf', "$folder/missing");
check(2, qr/usage/, 'nonsense');

is(sql("SELECT learning_credentials.erase_events(uuid) > 1 FROM $issued AND user_id = 9"), 't', 'erased');
is(sql("SELECT count(*) FROM learning_credentials.credential_event WHERE credential_uuid = '$uuid' AND (actor IS NOT NULL OR reason IS NOT NULL OR reason_salt IS NOT NULL)"),
	0, 'nothing is left of who and why');
is(sql('SELECT sealed FROM learning_credentials.seal_history()'), 0, 'erasing adds nothing to the log');
is(sql("SELECT learning_credentials.history_inclusion_proof('$uuid', 3)"), $before, 'the proof is the same');
is(sql("SELECT * FROM learning_credentials.verify_history('$last')"), '', 'and all verifies');

sql("ALTER DATABASE campus SET learning_credentials.history_key_file = 'new.key'");
my $new_key = sql('SELECT learning_credentials.history_verifier_key()');
isnt($new_key, $vkey, 'another key');
sql("SELECT learning_credentials.invalidate_credential(uuid, 'New key') FROM $issued AND user_id = 10");
is(sql('SELECT sealed FROM learning_credentials.seal_history()'), 1, 'sealing goes on with it');
is(sql("SELECT DISTINCT finding, detail LIKE '%is not signed by a known key' FROM learning_credentials.verify_history()"), 'signature|t',
	'what the old one signed is not signed by the new one');
is(sql("SELECT * FROM learning_credentials.verify_history(NULL, ARRAY['$vkey', '$new_key'])"), '', 'with both all verifies');
is(sql("SELECT DISTINCT finding FROM learning_credentials.verify_history(NULL, '{}')"), '', 'with none signatures are not asked for');

$node->stop;
done_testing();
