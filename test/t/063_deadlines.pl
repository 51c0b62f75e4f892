# What takes longer than the settings allow is ended and recorded like any other failure, whatever it
# does to go on; what somebody else cancels is cancelled.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use Session;
use Test::More;
use Time::HiRes qw(time);
use Worker;

my $node = new_node('deadlines');
make_database($node, 'campus', 3);

sub sql { return $node->safe_psql('campus', $_[0]) }

# How user 2's document comes to take long, and how a retrieval does.
sql(<<'SQL');
CREATE FUNCTION app.generate_slowly(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    n integer := 0;
BEGIN
    IF credential.user_id = 2 THEN
        CASE options->>'how'
        WHEN 'sleeps' THEN
            PERFORM pg_sleep(1000);
        WHEN 'calculates' THEN
            LOOP n := (n + 1) % 1000; END LOOP;
        WHEN 'waits for a lock' THEN
            LOCK TABLE app.locked;
        WHEN 'traps and returns' THEN
            BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END;
        WHEN 'traps and tries again' THEN
            LOOP
                BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN NULL; END;
            END LOOP;
        WHEN 'traps and says something else' THEN
            BEGIN PERFORM pg_sleep(1000); EXCEPTION WHEN query_canceled THEN RAISE EXCEPTION 'all is well'; END;
        WHEN 'does not look' THEN
            RETURN convert_to(format('%s %s %s', credential.verify_uuid, credential.user_id, credential.user_full_name)
                              || left(md5(lpad('', 200000000, 'x')), 0), 'UTF8');
        WHEN 'asks who is eligible' THEN
            BEGIN
                PERFORM learning_credentials.eligible_users((options->>'of')::bigint);
            EXCEPTION WHEN program_limit_exceeded THEN
                IF NOT options ? 'go on' THEN RAISE; END IF;
            END;
            PERFORM pg_sleep(1000);
        ELSE
            PERFORM pg_sleep((options->>'how')::float);
        END CASE;
    END IF;
    RETURN convert_to(format('%s %s %s', credential.verify_uuid, credential.user_id, credential.user_full_name), 'UTF8');
END $$;
CREATE TABLE app.locked ();

CREATE FUNCTION app.retrieve_slowly(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility
LANGUAGE sql STABLE AS $$
    SELECT i, pg_sleep(CASE WHEN i % 1000 = 500 THEN (options->>'pause')::float ELSE 0 END) IS NOT NULL,
           NULL::timestamptz, NULL::jsonb
      FROM generate_series(1, coalesce((options->>'count')::integer, 1000)) AS i
$$;

INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, media_type)
VALUES ('Slow document', 'app.retrieve_all', 'app.generate_slowly', 'text/plain'),
       ('Slow retrieval', 'app.retrieve_slowly', 'app.generate_text', 'text/plain');
SQL

my $configured = 0;

# A configuration of a type with options
sub slow
{
	my ($type, $options) = @_;
	$configured++;
	return sql(<<SQL);
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options)
SELECT 'course-v1:Test+Slow$configured+1', id, '$options' FROM learning_credentials.credential_type WHERE name = '$type'
RETURNING id
SQL
}

sub slow_document { return slow('Slow document', $_[0]) }
sub slow_retrieval { return slow('Slow retrieval', $_[0]) }
sub call { return "CALL learning_credentials.generate_credentials($_[0])" }

# Runs statements with settings; returns status and errors
sub with
{
	my ($settings, @statements) = @_;
	my ($status, $out, $error) = finish_sql(
		start_sql($node, 'campus', (map { "SET $_ = '$settings->{$_}'" } sort keys %$settings), @statements));
	return ($status, $error);
}

# Each user's credential of a configuration
sub outcome
{
	return sql(<<SQL);
SELECT user_id, status, attempts, translate(error_message, E'\\n', '/')
  FROM learning_credentials.credential WHERE configuration_id = $_[0] ORDER BY user_id
SQL
}

my $document_timeout = 'learning_credentials.document_timeout';
my $retrieval_timeout = 'learning_credentials.retrieval_timeout';
my $too_long = '1|available|1|
2|error|1|function "app.generate_slowly" took too long/The setting learning_credentials.document_timeout allows 200 ms.
3|available|1|';
my ($status, $error, $configuration);

# ---- a document that takes too long is in error, and the others of its batch are issued
my $locker = Session->new($node, 'campus');
$locker->ask('BEGIN; LOCK app.locked');
for my $how ('sleeps', 'calculates', 'waits for a lock', 'traps and returns', 'traps and tries again',
	'traps and says something else', 'does not look')
{
	$configuration = slow_document(qq({"how": "$how"}));
	my $began = time;
	($status, $error) = with({ $document_timeout => '200ms' }, call($configuration));
	is($status, 0, "$how: the CALL comes to its end") or diag($error);
	is(outcome($configuration), $too_long, "$how: the document is in error");
	cmp_ok(time - $began, '<', 30, "$how: soon") if $how ne 'does not look';
	is(sql("SELECT count(retry_at) FROM learning_credentials.credential WHERE configuration_id = $configuration"),
		1, "$how: to be retried");
}
$locker->close;
settled($node, 'campus', 'documents that take too long');

# ---- the same on request
$configuration = slow_document('{"how": "sleeps"}');
($status, $error) = with({ $document_timeout => '200ms' }, "SELECT learning_credentials.generate_credential($configuration, 2)");
is($status, 0, 'on request: no error') or diag($error);
like($error, qr/WARNING: .*could not be issued\nDETAIL:  function "app.generate_slowly" took too long\nThe setting learning_credentials.document_timeout allows 200 ms\./,
	'on request: it says why there is none');
is(outcome($configuration), (split /\n/, $too_long)[1], 'on request: the document is in error');

# ---- no limit, and one that is kept
for my $limit ('0', '1h')
{
	$configuration = slow_document('{"how": 0.3}');
	($status, $error) = with({ $document_timeout => $limit, $retrieval_timeout => $limit }, call($configuration));
	is($status, 0, "limit $limit: no error") or diag($error);
	is(outcome($configuration), "1|available|1|\n2|available|1|\n3|available|1|", "limit $limit: all are issued");
}

# ---- a deadline that passes while the work is just done cancels nothing else
sql(<<'SQL');
CREATE FUNCTION app.generate_about(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    WHILE clock_timestamp() < began + interval '1 us' * (4400 + credential.user_id % 40 * 20) LOOP END LOOP;
    RETURN convert_to(format('%s %s %s', credential.verify_uuid, credential.user_id, credential.user_full_name), 'UTF8');
END $$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, media_type)
VALUES ('About', 'app.retrieve_all', 'app.generate_about', 'text/plain');
INSERT INTO learning_credentials.lms_user (id, username) SELECT i, 'many' || i FROM generate_series(1001, 1400) AS i;
SQL
$configuration = slow('About', '{}');
($status, $error) = with({ $document_timeout => '5ms' }, call($configuration), 'SELECT pg_sleep(0.1)');
is($status, 0, 'close to the limit: nothing else is cancelled') or diag($error);
sql('DELETE FROM learning_credentials.lms_user WHERE id > 1000');
is(count_of($node, 'campus', "configuration_id = $configuration"), 403, 'close to the limit: everybody has a credential');
is( count_of($node, 'campus', "configuration_id = $configuration AND status <> 'available'"
		  . " AND error_message NOT LIKE '% took too long%'"),
	0, 'close to the limit: in time or not');
note(count_of($node, 'campus', "configuration_id = $configuration AND status = 'error'") . ' of 403 took too long');
settled($node, 'campus', 'close to the limit');

# ---- retrieval
$configuration = slow_retrieval('{"pause": 1000}');
my $retrieval_too_long = qr/function "app.retrieve_slowly" took too long\n(?:DETAIL:  )?The setting learning_credentials.retrieval_timeout allows 600 ms\./;
($status, $error) = with({ $retrieval_timeout => '600ms' }, call($configuration));
isnt($status, 0, 'retrieval: the CALL fails');
like($error, qr/54000: $retrieval_too_long/, 'retrieval: with a reason');
like(sql("SELECT status, error FROM learning_credentials.run WHERE configuration_id = $configuration"),
	qr/^failed\|$retrieval_too_long$/, 'retrieval: the run has failed for it');
(undef, $error) = with({ $retrieval_timeout => '600ms' }, "SELECT learning_credentials.eligible_users($configuration)");
like($error, qr/54000: $retrieval_too_long/, 'retrieval: so does eligible_users()');
($status, $error) = with({ $retrieval_timeout => '600ms' },
	"UPDATE learning_credentials.credential_configuration SET enabled = id = $configuration",
	'CALL learning_credentials.generate_all_credentials()',
	'UPDATE learning_credentials.credential_configuration SET enabled = false');
is($status, 0, 'retrieval: the CALL for all does not') or diag($error);
like($error, qr/WARNING:  54000: the run of configuration $configuration .* failed: $retrieval_too_long/, 'retrieval: but says so');
($status, $error) = with({ $retrieval_timeout => '600ms' }, "SELECT learning_credentials.generate_credential($configuration, 2)");
is($status, 0, 'retrieval: a credential on request is issued') or diag($error);
like($error, qr/WARNING:  54000: evidence could not be retrieved: $retrieval_too_long/, 'retrieval: without evidence');

# All that it does counts, what queueing takes does not.
sql(<<'SQL');
CREATE FUNCTION app.pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$;
CREATE TRIGGER pause BEFORE INSERT ON learning_credentials.credential FOR EACH STATEMENT EXECUTE FUNCTION app.pause();
SQL
$configuration = slow_retrieval('{"pause": 0, "count": 4000}');
($status, $error) = with({ $retrieval_timeout => '600ms' }, call($configuration));
is($status, 0, 'a long retrieval: queueing does not count') or diag($error);
is( sql("SELECT status, queued, finished - started > interval '1s' FROM learning_credentials.run WHERE configuration_id = $configuration"),
	'finished|4000|t', 'a long retrieval: though it took its time');
sql('DROP TRIGGER pause ON learning_credentials.credential');
$configuration = slow_retrieval('{"pause": 0.25, "count": 4000}');
($status, $error) = with({ $retrieval_timeout => '600ms' }, call($configuration));
like($error, qr/54000: $retrieval_too_long/, 'a long retrieval: its pauses do, together');
is(count_of($node, 'campus', "configuration_id = $configuration"), 0, 'a long retrieval: nothing is queued');

# ---- a source whose views hang
sql(<<'SQL');
CREATE SCHEMA faraway;
CREATE VIEW faraway.lms_context AS SELECT * FROM learning_credentials.lms_context;
CREATE VIEW faraway.lms_user AS SELECT u.* FROM learning_credentials.lms_user u, pg_sleep(1000);
SQL
$configuration = configure($node, 'campus', 'Faraway', '{"source": "faraway"}');
my $source_too_long = qr/source "faraway" took too long\n(?:DETAIL:  )?The setting learning_credentials.document_timeout allows 200 ms\./;
($status, $error) = with({ $document_timeout => '200ms' }, call($configuration));
is($status, 0, 'source: the CALL comes to its end') or diag($error);
like(sql("SELECT count(*), min(error_message) FROM learning_credentials.credential WHERE configuration_id = $configuration AND status = 'error'"),
	qr/^3\|$source_too_long$/, 'source: the documents that need it are in error');
(undef, $error) = with({ $document_timeout => '200ms' }, "DELETE FROM learning_credentials.credential WHERE configuration_id = $configuration",
	"SELECT learning_credentials.generate_credential($configuration, 1)");
like($error, qr/54000: $source_too_long/, 'source: none on request');

# ---- one deadline inside another
my $inner = slow_retrieval('{"pause": 1000}');
for (
	[ '', '200ms', '1h', $too_long ],
	[ '', '1h', '300ms', $too_long =~ s/generate_slowly/retrieve_slowly/r =~ s/document_timeout allows 200/retrieval_timeout allows 300/r ],
	[ ', "go on": true', '600ms', '200ms', $too_long =~ s/200/600/r ])
{
	my ($more, $document, $retrieval, $expected) = @$_;
	$configuration = slow_document(qq({"how": "asks who is eligible", "of": $inner$more}));
	($status, $error) = with({ $document_timeout => $document, $retrieval_timeout => $retrieval }, call($configuration));
	is($status, 0, "retrieval of $retrieval in a document of $document: the CALL comes to its end") or diag($error);
	is(outcome($configuration), $expected, "retrieval of $retrieval in a document of $document: the earlier one counts");
}

# ---- others may cancel, and that is their cancel
$configuration = slow_document('{"how": "sleeps"}');
($status, $error) = with({ $document_timeout => '1h', statement_timeout => '300ms' }, call($configuration));
like($error, qr/57014: canceling statement due to statement timeout/, 'statement_timeout: ends the CALL');
is(count_of($node, 'campus', "configuration_id = $configuration AND status = 'generating'"), 3, 'statement_timeout: leaves the rest');

# The backend of the session that is in a statement like this
sub cancel
{
	my ($statement) = @_;
	$node->poll_query_until('campus', <<SQL) or die "no $statement";
SELECT count(pg_cancel_backend(pid)) = 1 FROM pg_stat_activity WHERE query LIKE '$statement%' AND wait_event = 'PgSleep'
SQL
	return;
}

my $session = start_sql($node, 'campus', "SET $document_timeout = '1h'", call($configuration));
cancel('CALL');
(undef, undef, $error) = finish_sql($session);
like($error, qr/57014: canceling statement due to user request/, 'cancelled by a user: the CALL ends');

# A cancel that comes after the deadline has passed, and before the function has noticed. It does not look for
# about a second, which it announces by an advisory lock.
sql(<<'SQL');
CREATE FUNCTION app.generate_blindly(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(4711);
    RETURN convert_to(md5(lpad('', 200000000, 'x')), 'UTF8');
END $$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, media_type)
VALUES ('Blind', 'app.retrieve_all', 'app.generate_blindly', 'text/html');
SQL
$configuration = slow('Blind', '{}');
$session = start_sql($node, 'campus', "SET $document_timeout = '50ms'", call($configuration));
$node->poll_query_until('campus', 'SELECT count(pg_cancel_backend(pid)) = 1 FROM pg_locks WHERE objid = 4711') or die;
(undef, undef, $error) = finish_sql($session);
like($error, qr/57014: canceling statement due to user request/, 'cancelled while the deadline passes: the CALL ends');
(undef, $error) = with({ $document_timeout => '50ms', statement_timeout => '300ms' }, call($configuration));
like($error, qr/57014: canceling statement due to statement timeout/, 'statement_timeout while the deadline passes: the CALL ends');
sql("UPDATE learning_credentials.credential_type SET generation_func = 'app.generate_text' WHERE name = 'Blind'");
sql(call($configuration));

# ---- a session in which deadlines have passed is as it was
$configuration = slow_document('{"how": "sleeps"}');
$session = start_sql($node, 'campus', "SET $document_timeout = '200ms'", call($configuration),
	call(slow_document('{"how": "calculates"}')), 'SELECT pg_sleep(1000)');
cancel('SELECT');
(undef, undef, $error) = finish_sql($session);
like($error, qr/57014: canceling statement due to user request/, 'afterwards: a user cancels');
(undef, $error) = with({ $document_timeout => '200ms' }, "SELECT learning_credentials.retry_credential(uuid)"
	  . " FROM learning_credentials.credential WHERE configuration_id = $configuration AND status = 'error'",
	"SET statement_timeout = '200ms'", 'SELECT pg_sleep(1000)');
like($error, qr/57014: canceling statement due to statement timeout/, 'afterwards: statement_timeout cancels');

# ---- the limits are for superusers
sql('CREATE ROLE impatient');
for my $setting ($document_timeout, $retrieval_timeout)
{
	(undef, $error) = with({}, 'SELECT learning_credentials.uuid_random()', 'SET ROLE impatient', "SET $setting = 0");
	like($error, qr/42501: permission denied to set parameter "$setting"/, "$setting: not for everybody");
}

sql("UPDATE learning_credentials.credential_configuration SET custom_options = '{\"how\": 0}' WHERE custom_options->>'how' = 'sleeps'");
sql(call($_)) for split /\n/, sql("SELECT DISTINCT configuration_id FROM learning_credentials.credential WHERE status = 'generating'");
settled($node, 'campus', 'in the end');
$node->stop;

# ---- the worker, where statement_timeout does nothing
$node->append_conf('postgresql.conf', join("\n", "shared_preload_libraries = 'learning_credentials'",
	"learning_credentials.databases = 'campus'", "$document_timeout = 200ms", "$retrieval_timeout = 600ms"));
$node->start;
my @slow = map { slow_document(qq({"how": "$_"})) } 'sleeps', 'calculates', 'traps and tries again', 'does not look';
my %run = map { $_ => request($node, 'campus', $_) } @slow, $inner;
for (@slow)
{
	is(finished($node, 'campus', $run{$_}), 'finished', 'worker: the run comes to its end');
	is(outcome($_), $too_long, 'worker: the document is in error');
}
is(finished($node, 'campus', $run{$inner}), 'failed', 'worker: the run whose retrieval takes too long ends');
like(sql("SELECT error FROM learning_credentials.run WHERE id = $run{$inner}"), qr/^$retrieval_too_long$/, 'worker: with the reason');
settled($node, 'campus', 'worker');
set($node, $retrieval_timeout => '1h');
sql("UPDATE learning_credentials.credential_type SET retrieval_func = 'app.retrieve_slowly' WHERE name = 'Slow document'");
my $run = request($node, 'campus', $inner);
$node->poll_query_until('campus', 'SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = \'PgSleep\'') or die;
my $began = time;
$node->stop;
cmp_ok(time - $began, '<', 10, 'worker: a limit does not keep the server from stopping');
done_testing();
