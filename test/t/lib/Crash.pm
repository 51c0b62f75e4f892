# Crash.pm: crashes of a server at a chosen step of the work, without anything in the product that
# knows of tests: triggers on the extension's tables, and functions, let the shell kill their backend.
package Crash;

use strict;
use warnings;
use Exporter 'import';
use LearningCredentials;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(plant_crashes crash_at arm armed crashes await_crash await_server eventually patient_sql);

# plant_crashes(NODE, DATABASE): functions in schema "app" (see make_database)
# - app.crash(SIGNAL) sends its backend a signal that it does not survive;
# - app.crash_once(NAME) does so if there is a file "armed-NAME" in the data folder, and removes that
#   first: whatever happens to the transaction and the server, it happens once;
# - app.crash_here() is a trigger that calls it with its argument.
sub plant_crashes
{
	my ($node, $database) = @_;
	$node->safe_psql($database, <<'SQL');
CREATE FUNCTION app.crash(signal text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', format('kill -%s $PPID', signal));
    PERFORM pg_sleep(60);
END $$;

CREATE FUNCTION app.crash_once(name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF (pg_stat_file('armed-' || name, true)).size IS NOT NULL THEN
        EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', format('rm armed-%s 2>/dev/null && kill -9 $PPID; true', name));
    END IF;
END $$;

CREATE FUNCTION app.crash_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM app.crash_once(TG_ARGV[0]);
    RETURN coalesce(NEW, OLD);
END $$;

CREATE FUNCTION app.retrieve_crashing(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$
BEGIN
    PERFORM app.crash_once('retrieval');
    IF options ? 'retrieval signal' THEN
        PERFORM app.crash(options ->> 'retrieval signal');
    END IF;
    RETURN QUERY SELECT * FROM app.retrieve_all(key, options, one);
END $$;

CREATE FUNCTION app.generate_crashing(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    PERFORM app.crash_once('generation');
    IF options ? 'signal' AND (NOT options ? 'user' OR (options ->> 'user')::bigint = credential.user_id) THEN
        PERFORM app.crash(options ->> 'signal');
    END IF;
    IF options ? 'pause' THEN
        PERFORM pg_sleep((options ->> 'pause')::float8);
    END IF;
    RETURN app.generate_text(credential, options);
END $$;

UPDATE learning_credentials.credential_type
   SET retrieval_func = 'app.retrieve_crashing', generation_func = 'app.generate_crashing'
 WHERE name = 'Plain';
SQL
	return;
}

# crash_at(NODE, DATABASE, NAME, TABLE, EVENT, CONDITION, AT_COMMIT): plants a trigger for arm(NAME)
sub crash_at
{
	my ($node, $database, $name, $table, $event, $condition, $at_commit) = @_;
	my ($kind, $when) = ('', 'AFTER');
	($kind, $when) = ('CONSTRAINT', 'AFTER') if $at_commit;
	my $deferred = $at_commit ? 'DEFERRABLE INITIALLY DEFERRED' : '';
	$node->safe_psql($database, <<SQL);
CREATE $kind TRIGGER "crash_$name" $when $event ON learning_credentials.$table $deferred
   FOR EACH ROW WHEN ($condition) EXECUTE FUNCTION app.crash_here('$name')
SQL
	return;
}

# arm(NODE, NAME), armed(NODE, NAME): the next one who comes there crashes; and has nobody come yet?
sub arm
{
	my ($node, $name) = @_;
	append_to_file($node->data_dir . "/armed-$name", '');
	return;
}

sub armed
{
	my ($node, $name) = @_;
	return -e $node->data_dir . "/armed-$name";
}

# crashes(NODE): how often the server has restarted because a process of it was killed by a signal
sub crashes
{
	my ($node) = @_;
	my $log = slurp_file($node->logfile);
	my $count = () = $log =~ /all server processes terminated; reinitializing/g;
	return $count;
}

# await_crash(NODE, COUNT): waits until so many have happened; 0 when they do not
sub await_crash
{
	my ($node, $count) = @_;
	return eventually(sub { crashes($node) >= $count }) && await_server($node);
}

# await_server(NODE): until it accepts connections
sub await_server
{
	my ($node) = @_;
	return eventually(sub { (finish_sql(start_sql($node, 'postgres', 'SELECT')))[0] == 0 });
}

# patient_sql(NODE, DATABASE, SQL): what it gives, tried again as long as the server crashes under it. Not
# through psql's input, which may be gone before it is written.
sub patient_sql
{
	my ($node, $database, $sql) = @_;
	my ($status, $out, $error);
	my $answered = eventually(
		sub {
			($status, $out, $error) = finish_sql(start_sql($node, $database, $sql));
			return $status == 0 || $error !~ /connection to server .* failed|server closed the connection|because of crash/;
		});
	die $error unless $answered && $status == 0;
	return $out;
}

# eventually(CONDITION): waits until it is true, for as long as a test may wait; returns whether it is
sub eventually
{
	my ($condition) = @_;
	for my $try (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if $condition->();
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

1;
