# Whatever a database holds comes back from a dump, row for row, and issuing goes on.
use strict;
use warnings;
use Compress::Zlib qw(crc32);
use Digest::MD5 qw(md5);
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TemplatePdf;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $old = new_node('old');

# ============================================================ a database with one of everything

make_database($old, 'campus', 120);
sub sql { return $old->safe_psql('campus', $_[0]) }

# ---- assets, one of each kind as large as it may be
my %limit = map { split /\|/ } split /\n/,
  sql("LOAD 'learning_credentials'; SELECT name, setting::bigint * 1024 FROM pg_settings WHERE name LIKE '%.max\\_%\\_size'");

# asset(SLUG, FILE CONTENT)
sub asset
{
	my ($slug, $content) = @_;
	open my $file, '>:raw', "$folder/$slug" or die $!;
	print $file $content;
	close $file;
	sql("INSERT INTO learning_credentials.credential_asset (slug, content)"
		  . " VALUES ('$slug', pg_read_binary_file('$folder/$slug'))");
	return;
}

sub chunk
{
	my ($type, $data) = @_;
	return pack('N', length $data) . $type . $data . pack('N', crc32($type . $data));
}

# A page, and beside it a stream of so many bytes that nothing refers to.
sub template
{
	my ($ballast) = @_;
	return TemplatePdf::build(
		'<< /Type /Catalog /Pages 2 0 R >>',
		'<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
		'<< /Type /Page /Parent 2 0 R /MediaBox [0 0 842 595] /Contents 4 0 R >>',
		[ '', '0.5 g 20 20 802 555 re f' ], [ '', ' ' x $ballast ]);
}
my $room = $limit{'learning_credentials.max_template_size'};
asset('template', template(0));
asset('largest-template', template($room - length(template($room)) + $room));

my $signature = "\x89PNG\r\n\x1a\n" . chunk('IHDR', pack('NNCCCCC', 1, 1, 8, 0, 0, 0, 0));
my $pixels = chunk('IDAT', Compress::Zlib::compress("\0\x7f")) . chunk('IEND', '');
asset('pixel', $signature . $pixels);
$room = $limit{'learning_credentials.max_image_size'} - length($signature . $pixels);
asset('largest-image',
	$signature . chunk('paDd', "\x55" x 1_000_000) x int($room / 1_000_012) . chunk('paDd', "\x55" x ($room % 1_000_012 - 12)) . $pixels);

my $font = slurp_file('/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf');
asset('font', $font);
asset('largest-font', $font . "\0" x ($limit{'learning_credentials.max_font_size'} - length $font));
is( sql('SELECT string_agg(octet_length(content)::text, chr(32) ORDER BY slug) FROM learning_credentials.credential_asset WHERE slug LIKE \'largest%\''),
	join(' ', map { $limit{"learning_credentials.max_${_}_size"} } qw(font image template)),
	'assets as large as they may be');

# ---- learners, courses, a path, roles
sql(<<'SQL');
CREATE ROLE author;
CREATE ROLE registrar;
CREATE ROLE web_anon NOLOGIN;
CREATE ROLE web_learner NOLOGIN;
GRANT USAGE ON SCHEMA app TO author;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO author;
SELECT learning_credentials.grant_access('author', 'issuer'), learning_credentials.grant_access('registrar', 'admin'),
       learning_credentials.grant_access('web_anon', 'verifier'), learning_credentials.grant_access('web_learner', 'learner');

UPDATE learning_credentials.lms_user SET full_name = E'Anna\t"Żółw" \\N \\. Ω\'' WHERE id = 1;
UPDATE learning_credentials.lms_user SET full_name = '' WHERE id = 2;
UPDATE learning_credentials.lms_user SET full_name = 'Retiree Quuxley' WHERE id IN (40, 41);
INSERT INTO learning_credentials.lms_context (key, display_name, certificate_name, invite_only)
VALUES ('course-v1:Test+Math+1', 'Mathematics', E'Introduction\nto Mathematics', false),
       ('path-v1:Test+1+1+All', 'Everything', '', true);
INSERT INTO learning_credentials.lms_path_step VALUES ('path-v1:Test+1+1+All', 'course-v1:Test+Math+1', 1);
INSERT INTO learning_credentials.lms_enrollment SELECT 'course-v1:Test+Math+1', i, i % 7 <> 0 FROM generate_series(1, 120) AS i;
INSERT INTO learning_credentials.lms_grading_policy VALUES ('course-v1:Test+Math+1', 'Homework', 0.3), ('course-v1:Test+Math+1', 'Exam', 0.7);
INSERT INTO learning_credentials.lms_subsection_grade
SELECT 'course-v1:Test+Math+1', i, 'Exam', 'exam', i / 3.0, 40, CASE WHEN i % 2 = 0 THEN '2026-05-04 12:00:00.123456+02'::timestamptz END
  FROM generate_series(1, 120) AS i;
INSERT INTO learning_credentials.lms_course_completion
SELECT 'course-v1:Test+Math+1', i, i / 120.0, '2026-01-01' FROM generate_series(1, 120) AS i;

INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options)
VALUES ('Certificate', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf',
        '{"template": "template", "required_completion": 0.95, "defaults": {"font": "font"}}');
SQL

# ---- credentials in all four states
my $plain = configure($old, 'campus', 'Plain');
my $authored = configure($old, 'campus', 'Authored');
my $broken = configure($old, 'campus', 'Broken', '{"flaky": true}');
my $certificate = sql(<<'SQL');
INSERT INTO learning_credentials.credential_configuration
       (learning_context_key, credential_type_id, enabled, schedule, time_zone, starts_at, one_off)
SELECT 'course-v1:Test+Math+1', id, true, '@weekly', 'Europe/Warsaw', '2026-01-01', true
  FROM learning_credentials.credential_type WHERE name = 'Certificate'
RETURNING id
SQL
sql("UPDATE learning_credentials.credential_configuration SET run_as = 'author' WHERE id = $authored");
sql("UPDATE learning_credentials.credential_configuration SET expires_after = '1 year 6 mons 2 days 03:04:05.6',"
	  . " available_from = '2020-01-01 00:00+02' WHERE id = $plain");
sql("UPDATE learning_credentials.credential_configuration SET expires_at = '2999-01-01 00:00+02' WHERE id = $authored");
# a hold that ends, and one that was lifted; grants to somebody listed and to somebody who is not
sql("SELECT learning_credentials.hold_credential($certificate, 118, 'Plagiarism', '2999-01-01'),"
	  . " learning_credentials.hold_credential($certificate, 117, 'Mistaken for another')");
sql("SELECT learning_credentials.lift_exception($certificate, 117)");
sql("INSERT INTO app.failing VALUES (5), (6)");
sql("CALL learning_credentials.generate_credentials($_)") for $plain, $authored, $certificate;

sql("SELECT learning_credentials.grant_exception($certificate, 3, E'Ill in May\\t\\\\N \xc5\xbb'),"
	  . " learning_credentials.grant_exception($certificate, 7, 'Guest')");

# a chain of four, the last of them failed
my $chain = sql("SELECT uuid FROM learning_credentials.credential WHERE configuration_id = $plain AND user_id = 10");
$chain = sql("SELECT learning_credentials.reissue_credential('$chain', 'Number $_')") for 1 .. 2;
sql('INSERT INTO app.failing VALUES (10)');
sql("SELECT learning_credentials.reissue_credential('$chain', 'Number 3')");
# invalidated, one of them issued again
sql("SELECT learning_credentials.invalidate_credential(uuid, E'Reason\t' || user_id) FROM learning_credentials.credential"
	  . " WHERE configuration_id = $plain AND user_id IN (20, 21)");
sql("SELECT learning_credentials.generate_credential($plain, 21)");
# imported, with the document elsewhere
sql(<<SQL);
INSERT INTO learning_credentials.credential
       (configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id, user_full_name,
        status, download_url, legacy_id, issue_date, expires_at, evidence, invalidated_at, invalidation_reason)
VALUES ($broken, 'Plain', 'course-v1:Test+Broken+1', 'Broken', 9001, 'Alumna', 'available', 'https://example.org/a.pdf', 'A1',
        '2019-02-03', 'infinity', '{"note": "a\\\\b\\u2028"}', NULL, NULL),
       ($broken, 'Plain', 'course-v1:Test+Broken+1', 'Broken', 9002, 'Alumnus', 'invalidated', 'https://example.org/b.pdf', 'A2',
        '2019-02-03', NULL, '{}', '2020-01-01', 'Imported as revoked');
SQL
# imported by way of the staging table, where one is left; and reissued in a run that waits
sql(<<SQL);
INSERT INTO learning_credentials.credential_import
       (learning_context_key, credential_type_name, legacy_id, user_id, user_full_name, learning_context_name, issue_date, document, invalidated_at, invalidation_reason)
SELECT f.learning_context_key, t.name, i.legacy_id, i.user_id, i.name, 'Of old', '2018-02-03', '\\x255044462d00ff5c', i.ended, i.reason
  FROM learning_credentials.credential_configuration f JOIN learning_credentials.credential_type t ON t.id = f.credential_type_id,
       (VALUES ('I1', 9003, E'Moved\tin', NULL::timestamptz, NULL), ('I2', 9004, 'Moved', '2019-01-01', E'\\N'), (repeat('I', 2000), 9005, 'Staged Quibblewick', NULL, NULL))
       AS i (legacy_id, user_id, name, ended, reason)
 WHERE f.id = $certificate;
SQL
is(sql('SELECT string_agg(outcome || chr(32) || credentials, chr(44)) FROM learning_credentials.import_credentials(all_or_nothing => false)'),
	'available 1,invalidated 1,refused 1', 'credentials are imported');
is(sql("SELECT status FROM learning_credentials.bulk_reissue(ARRAY(SELECT uuid FROM learning_credentials.credential"
		  . " WHERE configuration_id = $authored AND user_id = 33), 'In bulk', in_run => true)"), 'generating', 'one is reissued in a run');
# dates: renewed, corrected with another document and without, and to be borne by what failed
sql(<<SQL);
SELECT learning_credentials.renew_credential(uuid, E'Renewed\\t"again"')
  FROM learning_credentials.credential WHERE configuration_id = $plain AND user_id = 30;
SELECT learning_credentials.correct_issue_date(uuid, '2021-03-28 01:30:00.123456+00', 'Corrected')
  FROM learning_credentials.credential WHERE configuration_id = $plain AND user_id IN (31, 5) OR legacy_id = 'A1';
UPDATE learning_credentials.credential SET expires_at = now() WHERE configuration_id = $authored AND user_id = 32;
SQL
# sealed so far, also what is erased afterwards
sql('SELECT learning_credentials.seal_history()');
# an erased history, and one that outlives its credential
sql("SELECT learning_credentials.erase_events('$chain')");
sql("SELECT learning_credentials.erase_events(uuid, 3) FROM learning_credentials.credential WHERE user_id = 20");
sql("DELETE FROM learning_credentials.credential WHERE configuration_id = $plain AND user_id = 6");
# two who were retired, one with a chain, and a failed attempt; and names that are not shown
sql("SELECT learning_credentials.reissue_credential(uuid) FROM learning_credentials.credential WHERE configuration_id = $plain AND user_id = 40");
sql("INSERT INTO app.failing VALUES (41); SELECT learning_credentials.reissue_credential(uuid, 'For Retiree Quuxley')"
	  . " FROM learning_credentials.credential WHERE configuration_id = $plain AND user_id = 41");
is(sql("SELECT count(*) > 5 FROM learning_credentials.retire_user(40, 'Request 40') UNION ALL"
		  . " SELECT count(*) FILTER (WHERE action = 'delete') = 1 FROM learning_credentials.retire_user(41, 'Request 41')"),
	"f\nt", 'users are retired');
sql("UPDATE learning_credentials.credential_configuration SET hide_name = true WHERE id = $authored");
# a run that was cut off in the middle, one that failed, one that waits
{
	sql('INSERT INTO app.waiting VALUES (100)');
	my $session = start_sql($old, 'campus', "CALL learning_credentials.generate_credentials($broken)");
	$old->poll_query_until('campus', "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 100") or die;
	sql("SELECT pg_cancel_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 100");
	finish_sql($session);
	sql('DELETE FROM app.waiting');
	sql("ALTER FUNCTION app.retrieve_all RENAME TO retrieve_none");
	finish_sql(start_sql($old, 'campus', "CALL learning_credentials.generate_credentials($plain)"));
	sql("ALTER FUNCTION app.retrieve_none RENAME TO retrieve_all");
	sql("SELECT learning_credentials.request_run($certificate)");
}
# ids that nobody has
sql('BEGIN; INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func)'
	  . " SELECT 'gone', retrieval_func, generation_func FROM learning_credentials.credential_type WHERE id = 1; ROLLBACK");

is( sql('SELECT string_agg(DISTINCT status::text, chr(32)) FROM learning_credentials.credential'),
	'available error generating invalidated', 'credentials in every state');
is( sql('SELECT string_agg(DISTINCT status, chr(32)) FROM learning_credentials.run'),
	'failed finished queued running', 'runs in every state but cancelled');
holds($old, 'campus', 'before the dump');
my $unsealed = "SELECT count(*) > 0 FROM learning_credentials.credential_event e WHERE NOT EXISTS (SELECT FROM"
  . ' learning_credentials.history_leaf l WHERE (l.credential_uuid, l.seq) = (e.credential_uuid, e.seq))';
is(sql($unsealed), 't', 'events that are not sealed yet');
is(sql('SELECT * FROM learning_credentials.verify_history()'), '', 'the history is what was sealed');
my $content = fingerprint($old, 'campus');
my $ids = next_ids($old, 'campus');
is(scalar(grep { /\|0\|/ } split /\n/, $content), 0, 'no table is empty');
note($content, "\n", $ids);

# ============================================================ dumps

my %dump = map { $_ => "$folder/campus.$_" } qw(sql custom directory);

# run(NAME, COMMAND): succeeds and says nothing
sub run
{
	my ($name, @command) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($out, $error);
	ok(IPC::Run::run(\@command, '>', \$out, '2>', \$error), "$name succeeds");
	is($error, '', "$name: not a word on stderr");
	return;
}

# same_dump(DATABASE, NAME): a dump of it has the lines of the original, in whatever order the rows lie
sub same_dump
{
	my ($database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $again = "$folder/$database.sql";
	run("$name: pg_dump", 'pg_dump', '--dbname', $old->connstr($database), '--file', $again);
	my (%times, %line);
	for ([ $dump{sql}, 1 ], [ $again, -1 ])
	{
		my ($path, $step) = @$_;
		open my $file, '<', $path or die $!;
		while (my $line = readline $file)
		{
			next if $line =~ /^\\(un)?restrict /;
			my $key = md5($line);
			$times{$key} += $step;
			$line{$key} //= substr($line, 0, 300);
		}
	}
	is(join("\n", map { $line{$_} } grep { $times{$_} } keys %times), '',
		"$name: a dump of it is the same dump, privileges too");
	unlink $again;
	return;
}

run('pg_dump', 'pg_dump', '--dbname', $old->connstr('campus'), '--file', $dump{sql});
run('pg_dump -Fc', 'pg_dump', '-Fc', '--dbname', $old->connstr('campus'), '--file', $dump{custom});
run('pg_dump -Fd -j 4', 'pg_dump', '-Fd', '-j', '4', '--dbname', $old->connstr('campus'), '--file', $dump{directory});

unlike(slurp_file($dump{sql}), qr/Quuxley/, 'a dump does not name whoever was retired');
unlike(slurp_file($dump{sql}), qr/Quibblewick/, '... nor has what waits to be imported');

# equal(NODE, DATABASE, NAME): what was restored is what was dumped
sub equal
{
	my ($node, $database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(fingerprint($node, $database), $content, "$name: every row of every table is there, and no other");
	is(next_ids($node, $database), $ids, "$name: the next ids are the same");
	is($node->safe_psql($database, 'SELECT count(*) FROM learning_credentials.credential_import'), $name eq 'pg_upgrade' ? 1 : 0,
		"$name: what waits to be imported is in the files, and in no dump");
	holds($node, $database, $name);
	is($node->safe_psql($database, 'SELECT * FROM learning_credentials.verify_history()'), '', "$name: the history verifies");
	return;
}

# goes_on(NODE, DATABASE, NAME): everything that was begun is finished, everything new is issued
sub goes_on
{
	my ($node, $database, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $issued = count_of($node, $database, "status = 'available'");
	is($node->safe_psql($database, 'SELECT sealed > 0 FROM learning_credentials.seal_history()'), 't', "$name: what was not sealed is");
	$node->safe_psql($database, <<SQL);
INSERT INTO learning_credentials.lms_user (id, username) VALUES (500, 'newcomer');
INSERT INTO learning_credentials.lms_enrollment VALUES ('course-v1:Test+Math+1', 500);
INSERT INTO learning_credentials.lms_course_completion VALUES ('course-v1:Test+Math+1', 500, 1);
DELETE FROM app.failing;
UPDATE learning_credentials.credential_configuration SET custom_options = '{}', enabled = true;
UPDATE learning_credentials.credential SET retry_at = now() WHERE status = 'error';
SQL
	my ($status, undef, $error) = finish_sql(start_sql($node, $database, 'CALL learning_credentials.generate_all_credentials()'));
	is($status, 0, "$name: generate_all_credentials() works") or diag($error);
	is($error, '', "$name: without a warning");
	settled($node, $database, "$name, issuing");
	is($node->safe_psql($database, 'SELECT sealed > 10 FROM learning_credentials.seal_history()'), 't', "$name: sealing goes on");
	is($node->safe_psql($database, "$unsealed UNION ALL SELECT true FROM learning_credentials.verify_history()"), 'f',
		"$name: all is sealed, once, and verifies");
	is(count_of($node, $database, "user_id = 500 AND status = 'available'"), 4, "$name: a newcomer gets all credentials");
	is(count_of($node, $database, 'user_id IN (40, 41)'), 0, "$name: who was retired gets none");
	is( $node->safe_psql($database, <<SQL), 'erased|true hidden|true', "$name: what was erased is verified without a name, and so is what is hidden");
SELECT string_agg(DISTINCT m.name_withheld || '|' || (m.user_full_name IS NULL), ' ')
  FROM learning_credentials.credential c,
       LATERAL (SELECT * FROM learning_credentials_api.metadata v WHERE v.verify_uuid = c.verify_uuid LIMIT 1) AS m
 WHERE c.erased_at IS NOT NULL OR c.configuration_id = $authored
SQL
	is( $node->safe_psql($database, <<SQL), '0|4', "$name: what was queued or had failed is issued, the chain has one end");
SELECT count(*) FILTER (WHERE status IN ('generating', 'error')),
       count(*) FILTER (WHERE configuration_id = $plain AND user_id = 10)
  FROM learning_credentials.credential
SQL
	is( $node->safe_psql($database, <<SQL), '3|t 7|t 117|f', "$name: grants and holds count on");
SELECT string_agg(user_id || '|' || CASE WHEN evidence ? 'exception' THEN 't' ELSE 'f' END, ' ' ORDER BY user_id)
  FROM learning_credentials.credential WHERE configuration_id = $certificate AND user_id IN (3, 7, 117, 118) AND status = 'available'
SQL
	is( $node->safe_psql($database, "SELECT user_full_name FROM learning_credentials_api.metadata WHERE verify_uuid ="
			  . " (SELECT verify_uuid FROM learning_credentials.credential WHERE legacy_id = 'A1')"),
		'Alumna', "$name: and can be verified");
	is( $node->safe_psql($database, <<SQL), "I1 available \\x255044462d00ff5c\nI2 invalidated \\x255044462d00ff5c\n1", "$name: so can what was imported, and what waited for a run is reissued");
SELECT c.legacy_id || ' ' || c.status || ' ' || d.content FROM learning_credentials.credential c
  JOIN learning_credentials.document d ON d.credential_uuid = c.uuid WHERE c.legacy_id LIKE 'I_' ORDER BY 1;
SELECT count(*) FROM learning_credentials.credential WHERE configuration_id = $authored AND invalidation_reason = 'In bulk';
SQL
	return;
}

# ---- into an empty database of the same cluster
sub fresh
{
	my ($node, $database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	return $database;
}

run('psql', 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', $old->connstr(fresh($old, 'plain')), '-f', $dump{sql});
equal($old, 'plain', 'psql');
same_dump('plain', 'psql');

run('pg_restore', 'pg_restore', '--exit-on-error', '-d', $old->connstr(fresh($old, 'custom')), $dump{custom});
equal($old, 'custom', 'pg_restore');
same_dump('custom', 'pg_restore');

run('pg_restore -1', 'pg_restore', '--single-transaction', '-d', $old->connstr(fresh($old, 'single')), $dump{custom});
equal($old, 'single', 'pg_restore -1');

{
	local $ENV{PGOPTIONS} = '-c session_replication_role=replica';
	run('pg_restore -j 4', 'pg_restore', '--exit-on-error', '-j', '4', '-d', $old->connstr(fresh($old, 'parallel')), $dump{directory});
}
equal($old, 'parallel', 'pg_restore -j 4');

goes_on($old, $_, $_) for qw(plain custom single parallel);
is(fingerprint($old, 'campus'), $content, 'all that left the original as it was');

# ============================================================ another cluster: no roles, lower limits

my $new = new_node('new', map { "learning_credentials.$_ = 1" }
	qw(max_template_size max_font_size max_image_size max_image_pixels));

# ---- errors name the missing roles, and nothing else
sub roles_only
{
	my ($error, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @errors = grep { /error:|ERROR:|FATAL:|WARNING:/ } split /\n/, $error;
	cmp_ok(scalar @errors, '>', 0, "$name: the missing roles are named");
	is(join("\n", grep { !/role "(author|registrar|web_anon|web_learner)" does not exist/ } @errors), '',
		"$name: and nothing else goes wrong");
	return;
}

my ($out, $error);
IPC::Run::run([ 'psql', '-Xq', '-o', '/dev/null', '-d', $new->connstr(fresh($new, 'plain')), '-f', $dump{sql} ], '2>', \$error);
roles_only($error, 'psql without the roles');
equal($new, 'plain', 'psql without the roles');

IPC::Run::run([ 'pg_restore', '-d', $new->connstr(fresh($new, 'custom')), $dump{custom} ], '2>', \$error);
roles_only($error, 'pg_restore without the roles');
like($error, qr/warning: errors ignored on restore: \d+\n\z/, 'pg_restore without the roles: says that it went on');
equal($new, 'custom', 'pg_restore without the roles');

run('pg_restore --no-privileges', 'pg_restore', '--exit-on-error', '--no-owner', '--no-privileges', '-d', $new->connstr(fresh($new, 'bare')), $dump{custom});
equal($new, 'bare', 'pg_restore --no-privileges');

# ---- what needs the role says so, and loses nothing; the others go on
my ($status);
($status, undef, $error) = finish_sql(start_sql($new, 'custom', "CALL learning_credentials.generate_credentials($authored)"));
isnt($status, 0, 'without its role a configuration does not run');
like($error, qr/ERROR:  42501: permission denied to run as role "author"\nDETAIL:  The role does not exist\. Configuration $authored in "course-v1:Test\+Authored\+1" runs as it\./,
	'and says why');
is(count_of($new, 'custom', 'true'), count_of($old, 'campus', 'true'), 'no credential is lost');
($status, undef, $error) = finish_sql(start_sql($new, 'custom', "SELECT learning_credentials.generate_credential($authored, 500)"));
like($error, qr/ERROR:  42501: permission denied to run as role "author"/, 'nor is one issued on request');

# ---- stored assets go on, whatever the limits are; new ones are bounded
$new->safe_psql('custom', "UPDATE learning_credentials.credential_asset SET description = 'largest', slug = 'large' || right(slug, -7)"
	  . " WHERE slug LIKE 'largest%'");
($status, undef, $error) = finish_sql(start_sql($new, 'custom',
	"INSERT INTO learning_credentials.credential_asset (slug, content) SELECT 'copy', content FROM learning_credentials.credential_asset WHERE slug = 'font'"));
like($error, qr/54000: .*max_font_size.* 1 kB/s, 'a new asset has to keep to the limit');

# ---- when the roles are made and given their levels again, all goes on
for my $database ('plain', 'custom', 'bare')
{
	$new->safe_psql($database, <<'SQL');
DO $$
DECLARE
    missing name;
BEGIN
    FOR missing IN SELECT DISTINCT role_name FROM learning_credentials.access_grant LOOP
        IF to_regrole(quote_ident(missing)) IS NULL THEN
            EXECUTE format('CREATE ROLE %I', missing);
        END IF;
    END LOOP;
    PERFORM learning_credentials.grant_access(role_name, level) FROM learning_credentials.access_grant;
END $$;
GRANT USAGE ON SCHEMA app TO author;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO author;
SQL
	goes_on($new, $database, "$database without the roles");
}
is( $new->safe_psql('custom', "SELECT count(*) FROM pg_catalog.aclexplode((SELECT relacl FROM pg_class WHERE oid = 'learning_credentials_api.metadata'::regclass))"
		  . " WHERE grantee = 'web_anon'::regrole AND privilege_type = 'SELECT'"),
	1, 'the levels are given again');

# ============================================================ pg_upgrade

# What levels there are, and by their numbers the roles that have them.
my $levels = <<'SQL';
SELECT level, privilege, object FROM learning_credentials.access_level
UNION ALL
SELECT g.level, 'is had by', r.rolname FROM learning_credentials.access_grant g JOIN pg_roles r ON r.oid = g.role_oid
 ORDER BY 1, 2, 3
SQL
my $levels_before = $old->safe_psql('campus', $levels);
like($levels_before, qr/^learner\|is had by\|web_learner$/m, 'a role has a level');

# To itself: what it moves, and what it refuses, is the same as between two versions.
$old->stop;
my $upgraded = PostgreSQL::Test::Cluster->new('upgraded');
$upgraded->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
chomp(my $bindir = `pg_config --bindir`);
my @no_sync = grep { `pg_upgrade --help` =~ /$_/ } '--no-sync';      # from PostgreSQL 15 on
{
	chdir $folder or die;      # pg_upgrade writes where it stands
	my $ok = IPC::Run::run([ 'pg_upgrade', @no_sync, '-b', $bindir, '-B', $bindir, '-d', $old->data_dir, '-D', $upgraded->data_dir,
		'-p', $old->port, '-P', $upgraded->port, '-s', $folder ], '>', \$out, '2>', \$error);
	ok($ok, 'pg_upgrade succeeds') or diag($out, $error);
}
$upgraded->start;
equal($upgraded, 'campus', 'pg_upgrade');
is($upgraded->safe_psql('campus', $levels), $levels_before, 'pg_upgrade: levels are what they were, and whose');
goes_on($upgraded, 'campus', 'pg_upgrade');
$upgraded->stop;
$new->stop;

done_testing();
