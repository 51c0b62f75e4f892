#!/usr/bin/python3
"""What growth costs: reading, writing, disk, vacuum, dump and restore of millions of credentials against few.

    large.py fill NAME ROWS BYTES COURSE    makes a database with so many credentials, with documents of so many bytes, of
                                            courses with so many users
    large.py settle NAME...                 waits for autovacuum
    large.py measure NAME BASE              compares it with a smaller one, in interleaved rounds
    large.py dump NAME                      dumps it with two jobs, and restores that beside it if there is room for it
    large.py look NAME                      looks a few things up, and goes on

The rows are generated, not rendered: courses one after the other as their runs would have left them, of as many users
each in the large database as in the small one; ten credentials a user; every 33rd invalidated; two events a credential,
three if it was invalidated, committed to by the triggers of the table and sealed. Indexes, constraints and triggers are in
place all the time. What differs from rows that were issued: each was written once, not begun and then made available, so
the heap has no room left over from that.

pgbench reads and writes, with prepared statements. Keys are drawn at random over all rows, which is the worst that a
cache can be asked for: uuid and verify_uuid of a row are functions of its number here. The exit status is 1 when a bound is
missed.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from backend import Backend

PER_USER = 10
CHUNK = 250_000

CLIENTS = 4
READING_ROUNDS = 3
READING_SECONDS = 3         # after as many in which a session warms up
WRITING_ROUNDS = 3
CALLS = 250                 # of a client in a round of calls one by one
LEAST_READING = 0.8         # of the calls a second with few credentials
MOST_WRITING = 1.5          # times the processor time that it takes with few

TABLES = ('credential', 'document', 'credential_event', 'history_leaf')

# uuid is of version 7, ascending with the row's number; verify_uuid of version 4's randomness.
SETUP = """
SET client_min_messages = error;
CREATE EXTENSION learning_credentials;
CREATE SCHEMA large;
CREATE TABLE large.size AS SELECT %(rows)d::bigint AS rows, %(users)d::bigint AS users, %(bytes)d AS bytes, %(course)d AS course;
CREATE FUNCTION large.uuid_of(i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (lpad(to_hex(1640995200000 + i * 1000), 12, '0') || '7' || substr(md5(i::text), 1, 3)
        || '8' || substr(md5(i::text), 4, 15))::uuid;
CREATE FUNCTION large.code_of(i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN md5('code' || i)::uuid;
CREATE FUNCTION large.user_of(i bigint, users bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1 + i * 7919 %% users;
CREATE FUNCTION large.retrieve_course(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql STABLE AS $$
    SELECT large.user_of(i, (options ->> 'users')::bigint), true, NULL::timestamptz,
           '{"current_completion": 0.97, "required_completion": 0.9}'::jsonb
      FROM generate_series((options ->> 'course')::bigint * (options ->> 'size')::bigint,
                           ((options ->> 'course')::bigint + 1) * (options ->> 'size')::bigint - 1) AS i
     WHERE one IS NULL OR large.user_of(i, (options ->> 'users')::bigint) = one $$;
CREATE TABLE large.pool (n int PRIMARY KEY, content bytea NOT NULL);
ALTER TABLE large.pool ALTER content SET STORAGE EXTERNAL;
INSERT INTO large.pool
SELECT n, (SELECT substr(string_agg(sha256(int4send(n * 1000 + k)), ''), 1, %(bytes)d - 16)
             FROM generate_series(0, (%(bytes)d - 16) / 32) AS k)
  FROM generate_series(0, 999) AS n;
CREATE FUNCTION large.generate_bytes(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT uuid_send(credential.uuid)
        || (SELECT content FROM large.pool WHERE n = abs(hashtext(credential.uuid::text)) %% 1000) $$;
INSERT INTO learning_credentials.lms_user (id, username, full_name)
SELECT i, 'user' || i, 'Ada Lovelace the ' || i || 'th' FROM generate_series(1, %(users)d) AS i;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func)
VALUES ('Certificate of completion', 'large.retrieve_course', 'large.generate_bytes');
INSERT INTO learning_credentials.credential_configuration (id, learning_context_key, credential_type_id, custom_options)
SELECT 1 + course, 'course-v1:Growth+Course+' || course, id,
       jsonb_build_object('course', course, 'size', %(course)d, 'users', %(users)d)
  FROM learning_credentials.credential_type, generate_series(0, %(rows)d / %(course)d - 1) AS course;
SELECT setval('learning_credentials.credential_configuration_id_seq', max(id))
  FROM learning_credentials.credential_configuration;
INSERT INTO learning_credentials.run
       (id, configuration_id, trigger, status, seen, eligible, queued, issued, created, started, retrieved, finished)
SELECT id, id, 'schedule', 'finished', %(course)d, %(course)d, %(course)d, %(course)d, at, at, at, at
  FROM learning_credentials.credential_configuration,
       LATERAL (SELECT timestamptz '2022-01-01' + (id - 1) * %(course)d * interval '1 second') AS t (at);
SELECT setval('learning_credentials.run_id_seq', max(id)) FROM learning_credentials.run;
VACUUM (ANALYZE, FREEZE) large.pool, learning_credentials.lms_user, learning_credentials.credential_configuration;
"""

# A chunk of each table.
CREDENTIALS = """
INSERT INTO learning_credentials.credential
       (uuid, verify_uuid, configuration_id, credential_type_name, learning_context_key, learning_context_name,
        user_id, user_full_name, status, evidence, run_id, attempts, issue_date, design,
        invalidated_at, invalidation_reason, created, modified)
SELECT large.uuid_of(i), large.code_of(i), 1 + i / %(course)d, 'Certificate of completion',
       'course-v1:Growth+Course+' || i / %(course)d, 'Introduction to Growth, part ' || i / %(course)d,
       u, 'Ada Lovelace the ' || u || 'th',
       CASE WHEN i %% 33 = 0 THEN 'invalidated' ELSE 'available' END::learning_credentials.credential_status,
       '{"current_completion": 0.97, "required_completion": 0.9}', 1 + i / %(course)d, 1, at, 4711,
       CASE WHEN i %% 33 = 0 THEN at END, CASE WHEN i %% 33 = 0 THEN 'Issued by mistake' END, at, at
  FROM generate_series(%(first)d::bigint, %(last)d) AS i,
       LATERAL (SELECT large.user_of(i, %(users)d), timestamptz '2022-01-01' + i * interval '1 second') AS t (u, at)"""

DOCUMENTS = """
INSERT INTO learning_credentials.document (credential_uuid, content, media_type, created)
SELECT large.uuid_of(i), uuid_send(large.uuid_of(i)) || p.content, 'application/pdf',
       timestamptz '2022-01-01' + i * interval '1 second'
  FROM generate_series(%(first)d::bigint, %(last)d) AS i JOIN large.pool p ON p.n = i %% 1000"""

# No event has a commitment yet, so the table's trigger makes salt and commitment.
EVENTS = """
INSERT INTO learning_credentials.credential_event
       (credential_uuid, seq, occurred_at, configuration_id, run_id, old_status, new_status, issue_date, actor, reason)
SELECT large.uuid_of(i), seq, at, 1 + i / %(course)d, 1 + i / %(course)d,
       (ARRAY[NULL, 'generating', 'available'])[seq]::learning_credentials.credential_status,
       (ARRAY['generating', 'available', 'invalidated'])[seq]::learning_credentials.credential_status,
       CASE seq WHEN 2 THEN at END, '{"role": "issuer", "session": "issuer"}',
       CASE seq WHEN 3 THEN 'Issued by mistake' END
  FROM generate_series(%(first)d::bigint, %(last)d) AS i,
       LATERAL (SELECT timestamptz '2022-01-01' + i * interval '1 second') AS t (at),
       generate_series(1, CASE WHEN i %% 33 = 0 THEN 3 ELSE 2 END) AS seq"""

SEALING = 'SELECT sealed FROM learning_credentials.seal_history()'


def statements(backend, script):
    for statement in script.split(';\n'):
        if statement.strip():
            backend.query(statement)


def said(line):
    print(line, flush=True)


# ---------------------------------------------------------------- filling

def fill(name, rows, size, course):
    rows, size = int(rows), int(size)
    users = rows // PER_USER
    values = {'rows': rows, 'users': users, 'bytes': size, 'course': int(course)}
    control = Backend('postgres')
    control.query('SET client_min_messages = error')
    control.query('DROP DATABASE IF EXISTS ' + name)
    control.query('CREATE DATABASE ' + name)
    control.close()
    start = time.monotonic()
    backend = Backend(name)
    statements(backend, SETUP % values)
    stored = threading.Semaphore(0)             # chunks of credentials whose documents can come
    failed = []

    def load(script):
        loader = Backend(name)
        loader.query('SET client_min_messages = error')
        for first in range(0, rows, CHUNK):
            last = min(first + CHUNK, rows) - 1
            if script is DOCUMENTS:
                stored.acquire()
            if failed:
                break
            loader.query(script % {**values, 'first': first, 'last': last})
            if script is CREDENTIALS:
                stored.release()
            if script is EVENTS:
                loader.query(SEALING)
            if script is DOCUMENTS and rows > CHUNK:
                said('%s: %9d rows after %5d s' % (name, last + 1, time.monotonic() - start))
        loader.close()

    def guarded(script):
        try:
            load(script)
        except Exception as error:              # told by the main thread
            failed.append(error)
            stored.release(rows // CHUNK + 1)
    threads = [threading.Thread(target=guarded, args=(script,)) for script in (CREDENTIALS, DOCUMENTS, EVENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    said('%s: %d credentials with documents of %d bytes, in %d s' % (name, rows, size, time.monotonic() - start))
    backend.close()
    return True


def wait_for_autovacuum(name):
    """Waits until autovacuum has nothing to do by its own rules; the seconds that took."""
    backend = Backend(name)
    left = """
        SELECT count(*) FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid,
               LATERAL (SELECT current_setting('autovacuum_vacuum_insert_threshold')::float
                               + current_setting('autovacuum_vacuum_insert_scale_factor')::float * greatest(reltuples, 0),
                               current_setting('autovacuum_vacuum_threshold')::float
                               + current_setting('autovacuum_vacuum_scale_factor')::float * greatest(reltuples, 0),
                               current_setting('autovacuum_analyze_threshold')::float
                               + current_setting('autovacuum_analyze_scale_factor')::float * greatest(reltuples, 0)
                      ) AS t (inserts, dead, changed)
         WHERE s.n_ins_since_vacuum > t.inserts OR s.n_dead_tup > t.dead OR s.n_mod_since_analyze > t.changed"""
    start = time.monotonic()
    while True:
        backend.query('SELECT pg_stat_clear_snapshot()')
        working = backend.query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"
                                " AND datname = current_database()")
        if backend.query(left) == '0' and working == '0':
            break
        if time.monotonic() - start > 1800:
            raise SystemExit('autovacuum does not keep up with ' + name)
        time.sleep(2)
    waited = time.monotonic() - start
    backend.close()
    return waited


def settle(*names):
    for name in names:
        said('autovacuum was done with %s after %d s' % (name, wait_for_autovacuum(name)))
    return True


def vacuum_state(name):
    backend = Backend(name)
    said('\nVacuum of %s:' % name)
    said('%-18s %11s %11s %11s %8s %9s %12s %12s' % ('table', 'rows', 'dead', 'ins. since', 'visible', 'frozen at', 'autovacuums',
                                                     'autoanalyzes'))
    for line in backend.query("""
            SELECT c.relname, n_live_tup, n_dead_tup, n_ins_since_vacuum,
                   round(100.0 * relallvisible / greatest(relpages, 1)) || ' %%', age(relfrozenxid),
                   autovacuum_count, autoanalyze_count
              FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
             WHERE schemaname = 'learning_credentials' AND c.relname = ANY ('{%s}') ORDER BY c.relname"""
                              % ', '.join(TABLES)).splitlines():
        said('%-18s %11s %11s %11s %8s %9s %12s %12s' % tuple(line.split('|')))
    backend.close()


def disk(name):
    backend = Backend(name)
    said('\nDisk of %s, MB (a credential: bytes):' % name)
    for line in backend.query("""
            WITH part AS (
                SELECT t.relname AS name, 1 AS sort, 'heap' AS kind, pg_relation_size(t.oid) AS size
                  FROM pg_class t WHERE t.relnamespace = 'learning_credentials'::regnamespace AND t.relkind = 'r'
                UNION ALL
                SELECT t.relname, 2, 'TOAST', pg_total_relation_size(t.reltoastrelid)
                  FROM pg_class t WHERE t.relnamespace = 'learning_credentials'::regnamespace AND t.relkind = 'r'
                   AND t.reltoastrelid <> 0
                UNION ALL
                SELECT t.relname, 3, i.relname, pg_relation_size(i.oid)
                  FROM pg_class t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
                 WHERE t.relnamespace = 'learning_credentials'::regnamespace AND t.relkind = 'r')
            SELECT p.name, p.kind, round(p.size / 1e6, 1), round(p.size::numeric / s.rows, 1)
              FROM part p, large.size s WHERE p.name = ANY ('{%s}') AND p.size > 8192
             ORDER BY p.name, p.sort, p.kind""" % ', '.join(TABLES)).splitlines():
        said('%-18s %-46s %10s %8s' % tuple(line.split('|')))
    said('%-65s %10s %8s' % (('the database',) + tuple(backend.query(
        "SELECT round(pg_database_size(current_database()) / 1e6, 1),"
        " round(pg_database_size(current_database())::numeric / rows, 1) FROM large.size").split('|'))))
    backend.close()


# ---------------------------------------------------------------- reading

class Database:
    def __init__(self, name):
        self.name = name
        self.backend = Backend(name)
        self.rows, self.users, self.course = map(int, self.backend.query(
            'SELECT rows, users, course FROM large.size').split('|'))
        self.courses = self.rows // self.course
        self.next_course = int(self.backend.query('SELECT max(id) FROM learning_credentials.credential_configuration'))
        self.invalidated = int(self.backend.query(
            "SELECT count(*) FROM learning_credentials.credential WHERE status = 'invalidated'")) - (self.rows + 32) // 33
        self.folder = self.backend.query("SELECT current_setting('data_directory')")
        with open(self.folder + '/postmaster.pid') as file:
            self.postmaster = int(file.readline())

    def processor(self):
        """The seconds of a processor that our own backend and those that have ended have used."""
        with open('/proc/%d/stat' % self.postmaster) as status:
            ended = status.read().rpartition(')')[2].split()[13:15]
        return self.backend.processor() + sum(map(int, ended)) / os.sysconf('SC_CLK_TCK')

    def pgbench(self, script, role, variables, *options):
        """Runs a script; transactions a second, with --progress those of the last interval."""
        with tempfile.NamedTemporaryFile('w', suffix='.sql') as file:
            file.write(script)
            file.flush()
            answer = subprocess.run(
                ['pgbench', '--no-vacuum', '--protocol=prepared', '--client=%d' % CLIENTS, '--jobs=1',
                 '--file=' + file.name] + ['--define=%s=%d' % item for item in variables.items()] + list(options) + [self.name],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                env={**os.environ, 'PGOPTIONS': '-c role=' + role})
        found = re.findall(r'^progress: [\d.]+ s, ([\d.]+) tps', answer.stdout, re.MULTILINE) or \
            re.findall(r'^tps = ([\d.]+) \(without', answer.stdout, re.MULTILINE)
        if answer.returncode != 0 or not found:
            raise SystemExit('pgbench failed:\n' + answer.stdout[-2000:])
        while self.backend.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'") != '0':
            time.sleep(0.01)
        time.sleep(0.1)             # and the postmaster knows what they have used
        return float(found[-1])

    def close(self):
        self.backend.close()


# What is asked, as which role, what of that is read, and whether it has to keep its speed.
READING = [
    ('verifying through the view', 'large_verifier', 'credential credential_shown', True, """\\set i random(0, :rows - 1)
SELECT verify_uuid, user_full_name, created, learning_context_name, status, invalidation_reason, credential_type_name,
       issue_date, expires_at, superseded_by, is_valid
  FROM learning_credentials_api.metadata WHERE verify_uuid = md5('code' || :i)::uuid;
"""),
    ('listing a user\'s credentials', 'large_learner', 'credential credential_user credential_shown document_pkey', True,
     """\\set u random(1, :users)
SELECT set_config('request.jwt.claims', '{"user_id": ' || :u || '}', false), learning_credentials_api.credentials();
"""),
    ('the document of a credential', 'postgres', 'document document_pkey credential_pkey credential', True,
     """\\set i random(0, :rows - 1)
SELECT content FROM learning_credentials.credential_document WHERE credential_uuid = large.uuid_of(:i);
"""),
    ('the history of a credential', 'postgres', 'credential_event credential_event_pkey', True,
     """\\set i random(0, :rows - 1)
SELECT * FROM learning_credentials.credential_event WHERE credential_uuid = large.uuid_of(:i) ORDER BY seq;
"""),
    ('planning a run', 'postgres', 'credential_live_key credential_invalidated', True, """\\set c random(1, :courses)
SELECT * FROM learning_credentials.plan_summary(:c);
"""),
    # Grows with the logarithm of the events: 256 nodes more for each 256 times as many.
    ('an inclusion proof of an event', 'postgres',
     'credential_event credential_event_pkey history_leaf_credential_uuid_seq_key history_leaf_pkey', False,
     """\\set i random(0, :rows - 1)
SELECT learning_credentials.history_inclusion_proof(large.uuid_of(:i), 2);
"""),
    # What no layout could do better.
    ('for comparison: a row by its primary key', 'postgres', 'credential credential_pkey', False,
     """\\set i random(0, :rows - 1)
SELECT * FROM learning_credentials.credential WHERE uuid = large.uuid_of(:i);
"""),
]


def warm(database, relations):
    """Reads what a part reads, as a server has that has been up for long; what there is no room for is read again."""
    for relation in relations.split():
        database.backend.query("SELECT pg_prewarm('learning_credentials.%s')" % relation)


def ratio_of(many, few):
    """The median of the ratios, and the lowest and highest, in words."""
    ratios = [a / b for a, b in zip(many, few)]
    return statistics.median(ratios), '%.2f (%.2f to %.2f)' % (statistics.median(ratios), min(ratios), max(ratios))


def reading(large, base):
    """By the clock, with sessions that have been open for a while: whoever touches a page for the first time pays for it."""
    for database in (large, base):
        database.backend.query('CREATE EXTENSION IF NOT EXISTS pg_prewarm')
    said('\nReading with %d clients, calls a second, medians of %d rounds of %d s:'
         % (CLIENTS, READING_ROUNDS, READING_SECONDS))
    said('%-42s %9d %9d  %s' % ('', base.rows, large.rows, 'ratio'))
    good = True
    for what, role, relations, bound, script in READING:
        made = {large: [], base: []}
        for database in (large, base):
            warm(database, relations)
        for _ in range(READING_ROUNDS):
            for database in (base, large):
                variables = {'rows': database.rows, 'users': database.users, 'courses': database.courses}
                made[database].append(database.pgbench(
                    script, role, variables, '--time=%d' % (2 * READING_SECONDS), '--progress=%d' % READING_SECONDS))
        ratio, words = ratio_of(made[large], made[base])
        missed = bound and ratio < LEAST_READING
        good = good and not missed
        said('%-42s %9.0f %9.0f  %-20s%s' % (
            what, statistics.median(made[base]), statistics.median(made[large]), words, '   MISSED' if missed else ''))
    return good


# ---------------------------------------------------------------- writing

# The indexes of which any page may be the next one.
WRITTEN_AT_RANDOM = 'credential_verify_uuid_key credential_shown credential_user credential_pkey document_sha256'


def wal_between(database, start, end):
    """Bytes of records and of full-page images that were written from one place in the WAL to another."""
    answer = subprocess.run(['pg_waldump', '--stats', '--path=' + database.folder + '/pg_wal', '--start=' + start, '--end=' + end],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    found = re.search(r'^Total\s+\d+\s+(\d+) \[[^]]*\]\s+(\d+) \[', answer.stdout, re.MULTILINE)
    if found is None:
        raise SystemExit('pg_waldump failed:\n' + answer.stderr)
    return int(found.group(1)), int(found.group(2))


def new_course(database):
    database.next_course += 1
    return database.backend.query(
        "INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options)"
        " SELECT 'course-v1:Growth+Course+%d', id, jsonb_build_object('course', %d, 'size', %d, 'users', %d)"
        "   FROM learning_credentials.credential_type RETURNING id"
        % (database.next_course, database.next_course, database.course, database.users))


def issue_by_run(database):
    configuration = new_course(database)
    database.backend.query('CALL learning_credentials.generate_credentials(%s)' % configuration)
    return database.course


def issue_one_by_one(database):
    configuration = new_course(database)
    calls = min(CALLS, database.course // CLIENTS)
    database.pgbench("""\\set k :k + 1
SELECT learning_credentials.generate_credential(%s, large.user_of(%d::bigint + :client_id + %d * :k, %d));
""" % (configuration, database.next_course * database.course, CLIENTS, database.users), 'postgres', {'k': 0},
                     '--transactions=%d' % calls)
    return calls * CLIENTS


def invalidate(database):
    """Of each 33 rows the second, in an order that jumps about; when all are, the third."""
    calls = min(CALLS, database.rows // 33 // CLIENTS)
    database.pgbench("""\\set k :k + 1
\\set n %(first)d + :client_id + %(clients)d * :k
SELECT learning_credentials.invalidate_credential(
    large.uuid_of(33 * (:n * 104729 %% %(groups)d) + 1 + :n / %(groups)d), 'Issued by mistake');
""" % {'first': database.invalidated, 'clients': CLIENTS, 'groups': database.rows // 33}, 'postgres', {'k': 0},
                     '--transactions=%d' % calls)
    database.invalidated += calls * CLIENTS
    return calls * CLIENTS


def seal(database):
    return int(database.backend.query('SELECT sealed FROM learning_credentials.seal_history()'))


WRITING = {'issuing by a run': issue_by_run, 'issuing one by one': issue_one_by_one, 'invalidating one by one': invalidate,
           'sealing what that wrote': seal}


def written(database, function):
    """Microseconds of a processor and by the clock, and bytes of WAL records and images, for each; from a checkpoint on."""
    database.backend.query('CHECKPOINT')
    before = database.backend.query('SELECT pg_current_wal_insert_lsn()')
    used, start = database.processor(), time.perf_counter()
    count = function(database)
    used, seconds = database.processor() - used, time.perf_counter() - start
    after = database.backend.query('SELECT pg_switch_wal()')
    return (1e6 * used / count, 1e6 * seconds / count) + tuple(
        size / count for size in wal_between(database, before, after))


def writing(large, base):
    """Each part of a round begins with a checkpoint: what is written first to any page takes an image with it."""
    good = True
    for database in (large, base):
        database.backend.query('CREATE EXTENSION IF NOT EXISTS pg_prewarm')
        warm(database, WRITTEN_AT_RANDOM)
    for images in ('off', 'on'):
        base.backend.query('ALTER SYSTEM SET full_page_writes = ' + images)
        base.backend.query('SELECT pg_reload_conf()')
        time.sleep(1)
        made = {what: {large: [], base: []} for what in WRITING}
        for _ in range(WRITING_ROUNDS):
            for what, function in WRITING.items():
                for database in (base, large):
                    made[what][database].append(written(database, function))
        said('\nWriting, microseconds of a processor and by the clock a credential (sealing: an event), WAL in bytes,\n'
             'medians of %d checkpoint cycles, full-page images %s:' % (WRITING_ROUNDS, images))
        said('%-26s %9d %9d  %-20s   %9d %9d  %-20s   %16s' % (
            '', base.rows, large.rows, 'ratio', base.rows, large.rows, 'ratio', 'records+images'))
        for what, of in made.items():
            line, missed = '%-26s' % what, False
            for k in (0, 1):
                few, many = ([row[k] for row in of[database]] for database in (base, large))
                ratio, words = ratio_of(many, few)
                missed = missed or k == 0 and images == 'off' and ratio > MOST_WRITING
                line += ' %9.0f %9.0f  %-20s  ' % (statistics.median(few), statistics.median(many), words)
            for database in (base, large):
                line += ' %6d+%-6d' % tuple(statistics.median(row[k] for row in of[database]) for k in (2, 3))
            good = good and not missed
            said(line + ('   MISSED' if missed else ''))
    base.backend.query('ALTER SYSTEM RESET full_page_writes')
    base.backend.query('SELECT pg_reload_conf()')
    return good


def vacuuming(database):
    """A vacuum as slow as autovacuum is by default, after those changes: must take less than the changes that call for one."""
    backend = database.backend
    backend.query('SET vacuum_cost_delay = 2')
    for table in ('credential', 'credential_event'):
        dead, threshold = map(float, backend.query(
            "SELECT n_dead_tup, current_setting('autovacuum_vacuum_threshold')::float"
            "       + current_setting('autovacuum_vacuum_scale_factor')::float * reltuples"
            "  FROM pg_stat_user_tables JOIN pg_class ON pg_class.oid = relid WHERE relid = 'learning_credentials.%s'::regclass"
            % table).split('|'))
        _, seconds = backend.timed('VACUUM (INDEX_CLEANUP ON) learning_credentials.' + table)
        said('vacuum of %-17s %8.1f s at autovacuum\'s pace, with %d dead rows; autovacuum begins at %d'
             % (table, seconds, dead, threshold))


def measure(name, base_name, *parts):
    control = Backend('postgres')
    control.query('SET client_min_messages = error')
    for role in ('verifier', 'learner'):
        if control.query("SELECT count(*) FROM pg_roles WHERE rolname = 'large_%s'" % role) == '0':
            control.query('CREATE ROLE large_%s' % role)
    control.close()
    settle(base_name, name)
    for one in (base_name, name):
        backend = Backend(one)
        for role in ('verifier', 'learner'):
            backend.query("SELECT learning_credentials.grant_access('large_%s', '%s')" % (role, role))
        backend.close()
    disk(name)
    vacuum_state(name)
    large, base = Database(name), Database(base_name)
    said('\nshared_buffers = %s, fsync = %s' % tuple(large.backend.query(
        "SELECT current_setting('shared_buffers'), current_setting('fsync')").split('|')))
    good = all([part(large, base) for part in (reading, writing) if not parts or part.__name__ in parts])
    said('')
    vacuuming(large)
    vacuum_state(name)
    wrong = base.backend.query('SELECT finding, detail FROM learning_credentials.verify_history() LIMIT 5')
    said('\nverify_history() of %s: %s' % (base_name, wrong or 'nothing wrong'))
    large.close()
    base.close()
    return good and wrong == ''


# ---------------------------------------------------------------- dump and restore

COUNTED = ("SELECT (SELECT count(*) FROM learning_credentials.credential), (SELECT count(*) FROM learning_credentials.document),"
           " (SELECT count(*) FROM learning_credentials.credential_event),"
           " (SELECT count(*) FROM learning_credentials.history_leaf),"
           " (SELECT sum(hashtext(c::text)::bigint) FROM learning_credentials.credential c),"
           " (SELECT sum(('x' || substr(d.sha256::text, 3, 8))::bit(32)::int::bigint) FROM learning_credentials.document d),"
           " (SELECT sum(hashtext(e.actor_commitment::text)::bigint) FROM learning_credentials.credential_event e)")


def dump(name):
    before = Backend(name)
    with tempfile.TemporaryDirectory(dir=os.environ['TREE']) as folder:
        path = folder + '/dump'
        start = time.monotonic()
        subprocess.run(['pg_dump', '--format=directory', '--jobs=2', '--compress=1', '--file=' + path, name], check=True)
        size = sum(os.path.getsize(os.path.join(path, file)) for file in os.listdir(path))
        said('\npg_dump -Fd -j2 -Z1 of %s: %d s, %.1f GB' % (name, time.monotonic() - start, size / 1e9))
        free = shutil.disk_usage(folder).free
        if free < 1.5 * int(before.query('SELECT pg_database_size(current_database())')):
            said('NOT RESTORED: there are only %.0f GB left on the disk' % (free / 1e9))
            before.close()
            return True
        control = Backend('postgres')
        control.query('SET client_min_messages = error')
        control.query('DROP DATABASE IF EXISTS large_restored')
        control.query('CREATE DATABASE large_restored')
        start = time.monotonic()
        subprocess.run(['pg_restore', '--exit-on-error', '--jobs=2', '--dbname=large_restored', path],
                       check=True, env={**os.environ, 'PGOPTIONS': '-c session_replication_role=replica'})
        said('pg_restore -j2 of that: %d s' % (time.monotonic() - start))
    after = Backend('large_restored')
    same = before.query(COUNTED) == after.query(COUNTED)
    said('counts and sums of credentials, documents and commitments: %s' % ('the same' if same else 'DIFFERENT'))
    wrong, seconds = after.timed('SELECT finding, detail FROM learning_credentials.verify_history() LIMIT 5')
    said('verify_history() of what was restored: %s, %d s' % (wrong or 'nothing wrong', seconds))
    before.close()
    after.close()
    control.query('DROP DATABASE large_restored')
    control.close()
    return same and wrong == ''


def look(name):
    """After an upgrade: what is there is found, and goes on."""
    database = Database(name)
    answers = [
        database.backend.query('SELECT is_valid FROM learning_credentials_api.metadata WHERE verify_uuid = large.code_of(32)'),
        database.backend.query('SELECT count(*) FROM learning_credentials.credential_event'
                               ' WHERE credential_uuid = large.uuid_of(32)'),
        database.backend.query('SELECT byte_size FROM learning_credentials.credential_document'
                               ' WHERE credential_uuid = large.uuid_of(32)')]
    good = answers[0] == 't' and int(answers[1]) >= 2 and int(answers[2]) == int(
        database.backend.query('SELECT bytes FROM large.size'))
    good = good and issue_one_by_one(database) > 0 and seal(database) > 0
    said('looked up after the upgrade, issued and sealed: %s' % ('all is there' if good else 'MISSING: %s' % answers))
    database.close()
    return good


if __name__ == '__main__':
    PARTS = {'fill': fill, 'settle': settle, 'measure': measure, 'dump': dump, 'look': look}
    sys.exit(0 if PARTS[sys.argv[1]](*sys.argv[2:]) else 1)
