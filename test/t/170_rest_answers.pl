# Answers to a REST server beyond one session's SQL: on a standby, in a READ ONLY transaction, over many users, with
# settings that come with the connection, and what the server's log says instead of the answer.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use IPC::Run;
use LearningCredentials;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $users = 200_000;
my $node = new_node('rest', 'wal_level = replica', 'max_wal_senders = 4', 'hot_standby = on', 'fsync = off', "TimeZone = 'UTC'");
$node->safe_psql('postgres', 'CREATE DATABASE lms');
$node->safe_psql('lms', <<SQL);
CREATE EXTENSION learning_credentials;
CREATE ROLE authenticator LOGIN NOINHERIT;
CREATE ROLE anonymous;
CREATE ROLE learner;
CREATE ROLE staff;
GRANT anonymous, learner, staff TO authenticator;
SELECT learning_credentials.grant_access('anonymous', 'verifier'), learning_credentials.grant_access('learner', 'learner'),
       learning_credentials.grant_access('staff', 'staff');
INSERT INTO learning_credentials.lms_user (id, username, full_name) SELECT i, 'user' || i, 'User ' || i FROM generate_series(1, $users) AS i;
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id)
SELECT key, i FROM unnest(ARRAY['course-v1:Many+A+1', 'course-v1:Many+B+1', 'path-v1:Many+P+1+G']) AS key, generate_series(1, $users) AS i;
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id) SELECT 'course-v1:Few+A+1', i FROM generate_series(1, 20) AS i;
INSERT INTO learning_credentials.lms_path_step VALUES ('path-v1:Many+P+1+G', 'course-v1:Many+A+1', 1), ('path-v1:Many+P+1+G', 'course-v1:Many+B+1', 2);
INSERT INTO learning_credentials.lms_course_completion (course_key, user_id, percent)
SELECT context_key, user_id, 0.95 FROM learning_credentials.lms_enrollment WHERE context_key LIKE 'course%';
INSERT INTO learning_credentials.lms_grading_policy
SELECT key, 'Exam', 1 FROM unnest(ARRAY['course-v1:Many+A+1', 'course-v1:Many+B+1', 'course-v1:Few+A+1']) AS key;
INSERT INTO learning_credentials.lms_subsection_grade (course_key, user_id, assignment_type, subsection_key, earned, possible)
SELECT context_key, user_id, 'Exam', 's', 9, 10 FROM learning_credentials.lms_enrollment WHERE context_key LIKE 'course%';
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options)
VALUES ('Both', 'learning_credentials.retrieve_completions_and_grades', 'learning_credentials.generate_pdf', '{"page": {}, "required_grades": {"Exam": 0.5}}');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT DISTINCT context_key, 1 FROM learning_credentials.lms_enrollment;

-- One that keeps a diary, and one that fails.
CREATE SCHEMA app;
CREATE TABLE app.diary (line text);
CREATE FUNCTION app.retrieve_and_write(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS \$\$
BEGIN
    INSERT INTO app.diary VALUES ('asked');
    RETURN QUERY SELECT one, true, NULL::timestamptz, '{}'::jsonb;
END \$\$;
CREATE FUNCTION app.retrieve_badly(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS \$\$
BEGIN
    RAISE EXCEPTION 'the secret of user %', one;
END \$\$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func)
VALUES ('Diary', 'app.retrieve_and_write', 'learning_credentials.generate_pdf'), ('Failing', 'app.retrieve_badly', 'learning_credentials.generate_pdf');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT 'path-v1:Other+P+1+G', id FROM learning_credentials.credential_type WHERE name <> 'Both';
INSERT INTO learning_credentials.lms_context (key) VALUES ('path-v1:Other+P+1+G');
VACUUM ANALYZE;
SQL
my $uuid = $node->safe_psql('lms', q{SET client_min_messages = error;
SELECT learning_credentials.generate_credential((SELECT id FROM learning_credentials.credential_configuration WHERE learning_context_key = 'course-v1:Many+A+1'), 7)});
my ($code, $sha256) = split /\|/, $node->safe_psql('lms', qq{
SELECT c.verify_uuid, encode(d.sha256, 'hex') FROM learning_credentials.credential c JOIN learning_credentials.document d ON d.credential_uuid = c.uuid WHERE c.uuid = '$uuid'});
like($uuid, qr/^[0-9a-f-]{36}$/, 'there is a credential');

# The statements of a request, as PostgREST sends them: status and body.
sub request
{
	my ($server, $role, $claims, $call, %more) = @_;
	my $body = $call =~ /^document/ ? q{encode(pgrst_scalar, 'escape')} : q{json_agg(pgrst_scalar)->0};
	my ($out, $err) = ('', '');
	local $ENV{PGOPTIONS} = $more{options} // '';
	local $ENV{PGUSER} = 'authenticator';
	my $mode = $more{mode} // 'READ ONLY';
	my $statements = <<SQL;
BEGIN ISOLATION LEVEL READ COMMITTED $mode;
SELECT set_config('search_path', '"learning_credentials_api", "pg_catalog"', true), set_config('role', '$role', true),
       set_config('request.jwt.claims', '$claims', true), set_config('request.method', 'GET', true), set_config('request.path', '/rpc/x', true),
       set_config('request.headers', '{}', true), set_config('request.cookies', '{}', true)
\\g /dev/null
WITH pgrst_source AS (SELECT pgrst_call.pgrst_scalar FROM (SELECT "learning_credentials_api".$call pgrst_scalar) pgrst_call)
SELECT coalesce(nullif(current_setting('response.status', true), ''), '200'), body FROM (SELECT $body AS body FROM pgrst_source) _postgrest_t;
COMMIT;
SQL
	$statements =~ s/set_config\('request.jwt.claims', '', true\),// if $more{options} and $more{options} =~ /jwt/;
	IPC::Run::run([ 'psql', '-XAtq', '-F', ' ', '-v', 'ON_ERROR_STOP=1', '-d', $server->connstr('lms') . ' user=authenticator' ],
		'<', \$statements, '>', \$out, '2>', \$err);
	chomp $out;
	return wantarray ? ($out, $err) : $out . $err;
}

# ---------------------------------------------------------------- on a standby
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('rest_standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('lms', 'SELECT pg_is_in_recovery()'), 't', 'a standby');
my @calls = (
	[ anonymous => '{}',             "metadata('$code')",                                            qr/^200 \{"verify_uuid":"$code"/ ],
	[ anonymous => '{}',             "metadata('00000000-0000-4000-8000-000000000000')",             qr/^404 \{"error": "Credential not found."\}$/ ],
	[ anonymous => '{}',             "verify_document('$sha256')",                                   qr/^200 \{"is_current":true,"verify_uuid":"$code"/ ],
	[ learner   => '{"user_id": 7}', q{configured('course-v1:Many+A+1')},                            qr/^200 \{"has_credentials": true, "credential_count": 1\}$/ ],
	[ learner   => '{"user_id": 7}', q{eligibility('course-v1:Many+A+1')},                           qr/^200 .*"is_eligible": true, "existing_credential": "$uuid"/ ],
	[ learner   => '{"user_id": 7}', q{eligibility('path-v1:Many+P+1+G')},                           qr/^200 .*"is_eligible": true, "steps": \{"course-v1:Many\+A\+1"/ ],
	[ learner   => '{"user_id": 7}', 'credentials()',                                                qr/^200 \{"credentials" : \[\{"credential_id":"$uuid"/ ],
	[ learner   => '{"user_id": 7}', "document('$uuid')",                                            qr/^200 %PDF/ ],
	[ learner   => '{"user_id": 8}', "document('$uuid')",                                            qr/^404 \{"error": "Document not found."\}$/ ],
	[ learner   => '{"user_id": 7}', "linkedin_url('$uuid')",                                        qr/^200 \{"url": "https:/ ],
	[ staff     => '{"user_id": 1}', q{eligibility('course-v1:Many+A+1', username := 'user7')},      qr/^200 .*"is_eligible": true/ ],
	[ staff     => '{"user_id": 1}', q{credentials('user7')},                                        qr/^200 .*"$uuid"/ ],
	[ learner   => '{',              'credentials()',                                                qr/^401 \{"error": "Authentication required."\}$/ ],
	[ learner   => '{"user_id": 7}', q{eligibility('path-v1:Other+P+1+G')},                          qr/^200 .*"name": "Diary", "is_generation_enabled": false, "error": "Eligibility could not be determined."\}, \{[^}]*"error": "Eligibility could not be determined."\}\]\}$/ ]);
foreach my $call (@calls)
{
	my ($role, $claims, $function, $answer) = @$call;
	foreach my $server ($standby, $node)
	{
		like(request($server, $role, $claims, $function), $answer, $server->name . ": $role, $function");
	}
}
$standby->stop;

# A POST is a transaction that may write, and so may a retrieval function there.
like(request($node, 'learner', '{"user_id": 7}', q{eligibility('path-v1:Other+P+1+G', 'retrieve_and_write')}, mode => 'READ WRITE'),
	qr/^200 .*"is_eligible": true/, 'a retrieval function that writes, where it may');
is($node->safe_psql('lms', 'SELECT count(*) FROM app.diary'), '1', 'it has written');

# ---------------------------------------------------------------- the server's log, and nobody else
my $log = slurp_file($node->logfile);
like($log, qr/LOG:  eligibility of user 7 under credential configuration \d+ could not be determined: the secret of user 7/, 'the log says why');
like($log, qr/LOG:  eligibility of user 7 .* cannot execute INSERT in a read-only transaction/, 'and what a retrieval function may not do');
my ($answer, $messages) = request($node, 'learner', '{"user_id": 7}', q{eligibility('path-v1:Other+P+1+G', 'retrieve_badly')}, options => '-c client_min_messages=debug5');
unlike(slurp_file($node->logfile), qr/STATEMENT:.*(user_id|eligibility)/, 'without the request');
unlike($answer . $messages, qr/secret/, 'a client does not, whatever it wants to hear');
like(request($node, 'staff', '{"user_id": 1}', q{eligibility('path-v1:Other+P+1+G', 'retrieve_badly', 'user7')}), qr/"error_message": "the secret of user 7"/, 'but staff does');

# ---------------------------------------------------------------- what takes too long
$node->safe_psql('lms', <<'SQL');
CREATE FUNCTION app.retrieve_slowly(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql AS $$
SELECT one, true, NULL::timestamptz, '{}'::jsonb FROM pg_sleep(600) $$;
CREATE SCHEMA slow;
CREATE VIEW slow.lms_enrollment AS
SELECT e.* FROM learning_credentials.lms_enrollment e, pg_sleep(600);
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id) VALUES ('course-v1:Slow+A+1', 7);
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func)
VALUES ('Slow', 'app.retrieve_slowly', 'learning_credentials.generate_pdf');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options)
SELECT 'course-v1:' || key || '+A+1', id, options::jsonb
  FROM learning_credentials.credential_type, (VALUES ('Few', '{}'), ('Slow', '{"source": "slow"}')) AS v (key, options) WHERE name = 'Slow';
ALTER DATABASE lms SET learning_credentials.retrieval_timeout = '100ms';
ALTER DATABASE lms SET learning_credentials.document_timeout = '100ms';
SQL
like(request($node, 'learner', '{"user_id": 7}', q{eligibility('course-v1:Few+A+1')}),
	qr/^200 .*"name": "Both", "is_generation_enabled": false, "is_eligible": true.*"name": "Slow", "is_generation_enabled": false, "error": "Eligibility could not be determined."\}\]\}$/,
	'a retrieval function that takes too long does not keep the others from answering');
like(request($node, 'staff', '{"user_id": 7}', q{eligibility('course-v1:Few+A+1')}), qr/"error_message": "function .* took too long/, 'staff is told so');
is(request($node, 'learner', '{"user_id": 7}', q{configured('course-v1:Slow+A+1')}), '404 {"error": "Learning context not found."}', 'a source that takes too long shows nothing');
like(slurp_file($node->logfile), qr/LOG:  source "slow" could not be read as role "\w+": source "slow" took too long/, 'the log says why');
$node->safe_psql('lms', 'ALTER DATABASE lms RESET ALL; DELETE FROM learning_credentials.credential_configuration WHERE credential_type_id = 4');

# ---------------------------------------------------------------- settings that come with a connection
like(request($node, 'learner', '', 'credentials()', options => '-c request.jwt.claims={"user_id":7}'), qr/^200 .*"$uuid"/, 'claims that come with the connection');
like(request($node, 'learner', '', 'credentials()', options => "-c request.jwt.claims={\"user_id\":7,\"a\":\"\xff\"}"), qr/^(401 \{"error": "Authentication required."\}|.*invalid byte sequence)/, 'claims that are no UTF-8');
# Before the library is there, anybody can give its settings a value; it does not last, nor does the connection.
for my $option ('user_claim=x', 'verify_url=https://evil.example', 'organization=Evil', 'show_pending=on')
{
	my ($name) = $option =~ /(\w+)/;
	like(request($node, 'learner', '{"user_id": 7, "x": 8}', "linkedin_url('$uuid')", options => "-c learning_credentials.$option"),
		qr/^WARNING:  permission denied to set parameter "learning_credentials.$name"\nFATAL:  parameter "learning_credentials.$name" cannot be set by the options of this connection$/m,
		"not what the client would like: $option");
}

# ---------------------------------------------------------------- one user of many
# The pages that the second call in a session reads.
sub pages
{
	my ($key) = @_;
	return $node->safe_psql('lms', <<SQL);
SET ROLE learner;
SET request.jwt.claims = '{"user_id": 7}';
SELECT learning_credentials_api.eligibility('$key') \\g /dev/null
EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT learning_credentials_api.eligibility('$key') \\g (format=unaligned tuples_only=on) | perl -0777 -ne 'print \$1 if /"Shared Hit Blocks": (\\d+)/'
SQL
}
my $few = pages('course-v1:Few+A+1');
my $many = pages('course-v1:Many+A+1');
my $path = pages('path-v1:Many+P+1+G');
note("pages read: $few of 20 users, $many of $users, $path of $users in a Learning Path");
cmp_ok($few, '>', 10, 'pages are counted');
cmp_ok($many, '<', 3 * $few, 'one user of many costs what one of few does');
cmp_ok($path, '<', 8 * $few, 'also in a Learning Path');

$node->stop;
done_testing();
