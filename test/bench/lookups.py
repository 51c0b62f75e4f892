#!/usr/bin/python3
"""What verifying costs: looking a credential up by its code, through the view, as an anonymous role.

    lookups.py DATABASE

8 clients of pgbench look up codes at random through learning_credentials_api.metadata, and through plain tables by
primary key: one that has the rows of table credential, one that has only what the view shows. Rounds of each alternate.
A round's ratio is that of look-ups a second. Beside it stands that of the processor time of a look-up, of server and
clients together, which other work on the machine disturbs less. What is printed are medians: over 10,000 credentials
and over a million, with prepared statements and with the simple protocol. The exit status is 1 unless the ratio of
look-ups a second to the table of the same rows, prepared, reaches the goal at both sizes.

Each row's name is the code that is looked up next, along one circle through all rows: so one statement does, which
pgbench prepares once. The databases are made and dropped here.

With a postgrest on PATH, or named by POSTGREST, requests a second for the view through it, against those for a view of a one-row table.
"""
import multiprocessing
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from backend import Backend

SIZES = [10_000, 1_000_000]
CLIENTS = 8
ROUNDS = {'prepared': 21, 'simple': 9}
SECONDS = 1                 # of a round
LEAST_RATIO = 0.9

# What the view shows, as both pgbench scripts ask for it.
SHOWN = ('verify_uuid', 'user_full_name', 'created', 'learning_context_name', 'status', 'invalidation_reason',
         'credential_type_name', 'issue_date', 'expires_at', 'superseded_by', 'is_valid', 'name_withheld')
VIEW = 'learning_credentials_api.metadata'
TABLES = {VIEW: 'the view', 'same_rows': 'a plain table of the same rows', 'shown': 'a plain table of what is shown'}

FILL = """
SET client_min_messages = error;
CREATE EXTENSION learning_credentials;
SELECT learning_credentials.grant_access('lookups_anonymous', 'verifier');
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func)
VALUES ('Completion', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT 'course-v1:Bench+Lookups+1', id FROM learning_credentials.credential_type;
CREATE TEMP TABLE code AS SELECT k, learning_credentials.uuid_random() AS code FROM generate_series(1, %(rows)d) AS k;
CREATE TEMP TABLE circle AS
SELECT k, code, coalesce(lead(code) OVER w, first_value(code) OVER w) AS next FROM code WINDOW w AS (ORDER BY k);
INSERT INTO learning_credentials.credential
    (verify_uuid, configuration_id, credential_type_name, learning_context_key, learning_context_name,
     user_id, user_full_name, status, issue_date)
SELECT c.code, f.id, 'Completion', f.learning_context_key, 'Introduction to Looking Up', k, c.next, 'available', now()
  FROM learning_credentials.credential_configuration AS f, (SELECT * FROM circle ORDER BY random()) AS c;
CREATE TABLE start AS SELECT k / (%(rows)d / %(clients)d) AS client, code FROM circle WHERE k %% (%(rows)d / %(clients)d) = 0;

CREATE TABLE same_rows (LIKE learning_credentials.credential, is_valid boolean, name_withheld text, PRIMARY KEY (verify_uuid));
ALTER TABLE same_rows ALTER status DROP DEFAULT, ALTER status TYPE text;
INSERT INTO same_rows SELECT *, true, NULL FROM learning_credentials.credential;
CREATE TABLE shown AS SELECT %(shown)s FROM same_rows WHERE false;
ALTER TABLE shown ADD PRIMARY KEY (verify_uuid);
INSERT INTO shown SELECT %(shown)s FROM same_rows;
GRANT SELECT ON start, same_rows, shown TO lookups_anonymous;

CREATE SCHEMA bare;
CREATE TABLE bare.one AS SELECT * FROM shown LIMIT 1;
CREATE VIEW bare.metadata AS SELECT * FROM bare.one;
GRANT USAGE ON SCHEMA bare TO lookups_anonymous;
GRANT SELECT ON bare.metadata TO lookups_anonymous;
VACUUM (ANALYZE, FREEZE)"""

# In the simple protocol, pgbench puts the value where the variable is.
SCRIPT = """\\if :begun
\\else
SELECT code FROM start WHERE client = :client_id + 1 \\gset
\\set begun 1
\\endif
SELECT %s FROM %s WHERE verify_uuid = %s \\gset
"""


def processor(control):
    """The seconds of a processor that sessions of the server which have ended, and programs that were started here, used."""
    while control.query("SELECT count(*) FROM pg_stat_activity WHERE usename = 'lookups_anonymous'") != '0':
        time.sleep(0.01)
    time.sleep(0.05)                            # until the postmaster has noticed
    server = int(control.query("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"))
    with open('/proc/%d/stat' % server) as status:
        times = status.read().rsplit(')', 1)[1].split()
    here = os.times()
    return (int(times[13]) + int(times[14])) / os.sysconf('SC_CLK_TCK') + here.children_user + here.children_system


def lookups(control, database, folder, table, protocol):
    """Look-ups a second in a round, and the microseconds of a processor that one took."""
    script = os.path.join(folder, 'lookups.sql')
    columns = ', '.join(name + ' AS code' if name == 'user_full_name' else name for name in SHOWN)
    with open(script, 'w') as file:
        file.write(SCRIPT % (columns, table, ':code' if protocol == 'prepared' else "':code'"))
    before = processor(control)
    answer = subprocess.run(
        ['pgbench', '--no-vacuum', '--username=lookups_anonymous', '--protocol=' + protocol, '--client=%d' % CLIENTS,
         '--jobs=1', '--time=%d' % SECONDS, '--define=begun=0', '--file=' + script, database],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    count = re.search(r'^number of transactions actually processed: (\d+)', answer.stdout, re.MULTILINE)
    speed = re.search(r'^tps = ([\d.]+) \(without', answer.stdout, re.MULTILINE)
    if answer.returncode != 0 or count is None or speed is None:
        raise SystemExit('pgbench failed:\n' + answer.stdout[-2000:])
    return float(speed.group(1)), (processor(control) - before) * 1e6 / int(count.group(1))


def measure(control, database, size, protocol):
    """Prints a line for each table; returns the view's ratio to the table of the same rows."""
    made = {table: [] for table in TABLES}
    with tempfile.TemporaryDirectory() as folder:
        for table in TABLES:                    # which fills the caches
            lookups(control, database, folder, table, protocol)
        for _ in range(ROUNDS[protocol]):
            for table in TABLES:
                made[table].append(lookups(control, database, folder, table, protocol))
    for table, what in TABLES.items():
        line = '%9d %-9s %-32s %8d %8.1f' % (size, protocol, what, statistics.median(speed for speed, _ in made[table]),
                                             statistics.median(spent for _, spent in made[table]))
        if table == VIEW:
            print(line, flush=True)
        else:
            speeds = [view / plain for (view, _), (plain, _) in zip(made[VIEW], made[table])]
            spent = [plain / view for (_, view), (_, plain) in zip(made[VIEW], made[table])]
            print('%s   %.3f (%.3f to %.3f)   %.3f (%.3f to %.3f)' % (
                line, statistics.median(speeds), min(speeds), max(speeds),
                statistics.median(spent), min(spent), max(spent)), flush=True)
    return statistics.median(view / plain for (view, _), (plain, _) in zip(made[VIEW], made['same_rows']))


# ---- through PostgREST

def ask(path, schema, codes, seconds, counts):
    """Asks for codes one after the other on a connection, as long as that; puts how many were answered."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    requests = [('GET /metadata?verify_uuid=eq.%s HTTP/1.1\r\nHost: bench\r\nAccept-Profile: %s\r\n'
                 'Accept: application/vnd.pgrst.object+json\r\n\r\n' % (code, schema)).encode() for code in codes]
    count, received, end = 0, b'', time.monotonic() + seconds
    while time.monotonic() < end:
        connection.sendall(requests[count % len(requests)])
        while True:
            head, found, body = received.partition(b'\r\n\r\n')
            if found:
                chunked = b'chunked' in head
                length = re.search(rb'(?i)content-length: (\d+)', head)
                if chunked and body.endswith(b'0\r\n\r\n') or length and len(body) >= int(length.group(1)):
                    break
            data = connection.recv(65536)
            if not data:
                raise SystemExit('postgrest closed the connection')
            received += data
        if not head.startswith(b'HTTP/1.1 200'):
            raise SystemExit('postgrest answered: ' + received.decode())
        received = b''
        count += 1
    counts.put(count)


def requests(path, schema, codes):
    """Requests a second of so many clients."""
    counts = multiprocessing.Queue()
    clients = [multiprocessing.Process(target=ask, args=(path, schema, codes[number::CLIENTS], SECONDS, counts))
               for number in range(CLIENTS)]
    for client in clients:
        client.start()
    total = 0
    for client in clients:
        client.join()
        if client.exitcode != 0:
            raise SystemExit('a client failed')
        total += counts.get()
    return total / SECONDS


def through_postgrest(database):
    postgrest = shutil.which(os.environ.get('POSTGREST') or 'postgrest')
    if postgrest is None:
        print('\n*** SKIPPED: there is no postgrest on PATH, and POSTGREST names none: nothing was asked through one ***',
              flush=True)
        return
    backend = Backend(database)
    codes = backend.query('SELECT verify_uuid FROM shown LIMIT 8000').split('\n')
    one = backend.query('SELECT verify_uuid FROM bare.one')
    backend.close()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'postgrest')
        config = os.path.join(folder, 'postgrest.conf')
        with open(config, 'w') as file:
            file.write('db-uri = "dbname=%s user=lookups_anonymous"\ndb-anon-role = "lookups_anonymous"\n'
                       'db-schemas = "bare, learning_credentials_api"\ndb-pool = %d\nserver-unix-socket = "%s"\n'
                       'log-level = "error"\n' % (database, CLIENTS, path))
        server = subprocess.Popen([postgrest, config], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            wait_for(path, one, server)
            made = {'bare': [], 'learning_credentials_api': []}
            for _ in range(1 + ROUNDS['simple']):
                for schema, asked in (('bare', [one] * CLIENTS), ('learning_credentials_api', codes)):
                    made[schema].append(requests(path, schema, asked))
        finally:
            server.terminate()
            server.wait()
    ours, bare = made['learning_credentials_api'][1:], made['bare'][1:]
    ratios = [a / b for a, b in zip(ours, bare)]
    print('\nThrough %s, %d clients, requests a second:' % (
        subprocess.run([postgrest, '--version'], stdout=subprocess.PIPE, text=True).stdout.strip() or 'postgrest', CLIENTS))
    print('%-42s %8d' % ('the view, over %d credentials' % SIZES[-1], statistics.median(ours)))
    print('%-42s %8d   %.3f   (%.3f to %.3f)' % ('a bare view of a table of one row', statistics.median(bare),
                                                 statistics.median(ratios), min(ratios), max(ratios)), flush=True)


def wait_for(path, code, server):
    """Waits until PostgREST answers."""
    for _ in range(600):
        if server.poll() is not None:
            raise SystemExit('postgrest did not start:\n' + server.stderr.read())
        try:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(path)
            connection.sendall(('GET /metadata?verify_uuid=eq.%s HTTP/1.0\r\nHost: bench\r\n\r\n' % code).encode())
            if b' 200 ' in connection.recv(64):
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit('postgrest does not answer')


def main(database):
    control = Backend(database)
    control.query('SET client_min_messages = error')
    control.query('DROP ROLE IF EXISTS lookups_anonymous')
    control.query('CREATE ROLE lookups_anonymous LOGIN')
    print('\nLook-ups by code, %d clients of pgbench, medians: how many a second, microseconds of a processor for each, and'
          '\nthe ratios of the view to each table in both:' % CLIENTS)
    good = True
    for size in SIZES:
        name = '%s_lookups' % database
        control.query('DROP DATABASE IF EXISTS ' + name)
        control.query('CREATE DATABASE ' + name)
        backend = Backend(name)
        for statement in (FILL % {'rows': size, 'clients': CLIENTS, 'shown': ', '.join(SHOWN)}).split(';\n'):
            backend.query(statement)
        backend.close()
        good = measure(control, name, size, 'prepared') >= LEAST_RATIO and good
        measure(control, name, size, 'simple')
        if size == SIZES[-1]:
            through_postgrest(name)
        control.query('DROP DATABASE ' + name)
    control.query('DROP ROLE lookups_anonymous')
    control.close()
    print('\nprepared, at least %.2f of a plain table of the same rows: %s' % (LEAST_RATIO, 'kept' if good else 'MISSED'))
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
