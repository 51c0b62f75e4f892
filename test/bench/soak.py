"""soak.py DATA MINUTES: two databases under load while backends and the whole server are killed at random.

Clients issue, reissue, invalidate, retry, request, call and cancel; a schedule and the worker run beside
them. The rules of test/t/lib/invariants.sql are asked all the time. In the end nobody is killed any more,
suspensions are lifted and failed attempts retried: then the queue has to drain, and everybody to have what
is theirs. Prints an account; exits with 1 when anything was violated.

The server is the one in folder DATA, reached by the environment; all that is killed belongs to it.
"""
import collections
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

DATABASES = ['campus', 'library']
CONFIGURATIONS = 5
FIRST_USERS = 200
CLIENTS = 6
DRAIN_SECONDS = 300

# What a client may be told: it was too late, or the server went away under it.
EXPECTED = re.compile(r'^(55000|42704|57014|57P01|57P02|57P03|08...|gone)$')

data, minutes = sys.argv[1], float(sys.argv[2])
log_file = os.path.join(os.path.dirname(data), 'server.log')
with open('test/t/lib/invariants.sql') as file:
    INVARIANTS = file.read()

account = collections.Counter()
violations = []
lock = threading.Lock()
over = threading.Event()

SCHEMA = """
CREATE EXTENSION learning_credentials;
CREATE EXTENSION amcheck;
CREATE SCHEMA app;
CREATE TABLE app.luck (failing float8);
INSERT INTO app.luck VALUES (0.01);
CREATE FUNCTION app.retrieve_all(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(random() * 0.2);
    RETURN QUERY SELECT u.id, u.is_active, NULL::timestamptz, jsonb_build_object('of', u.id)
                   FROM learning_credentials.lms_user u WHERE one IS NULL OR u.id = one;
END $$;
CREATE FUNCTION app.generate_text(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(random() * 0.01);
    IF random() < (SELECT failing FROM app.luck) THEN
        RAISE EXCEPTION 'bad luck';
    END IF;
    RETURN convert_to(format('%s %s %s', credential.verify_uuid, credential.user_id,
                             credential.user_full_name), 'UTF8');
END $$;
CREATE SEQUENCE app.users;
CREATE FUNCTION app.enrol(number int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO learning_credentials.lms_user (id, username)
    SELECT id, 'user' || id FROM (SELECT nextval('app.users') AS id FROM generate_series(1, number)) AS new
$$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, media_type)
VALUES ('Plain', 'app.retrieve_all', 'app.generate_text', 'text/plain');
INSERT INTO learning_credentials.credential_configuration
       (id, learning_context_key, credential_type_id, enabled, schedule)
SELECT i, format('course-v1:Soak+C%s+1', i), t.id, i = 1, 'every 1 minute'
  FROM learning_credentials.credential_type t, generate_series(1, {configurations}) AS i;
SELECT app.enrol({users});
"""

SETTINGS = {
    'shared_preload_libraries': 'learning_credentials',
    'learning_credentials.databases': ','.join(DATABASES),
    'learning_credentials.retry_delay': '1',
    'restart_after_crash': 'on',
    'log_line_prefix': '%m [%p] %b %d %e: ',
    'log_min_error_statement': 'panic',
    'max_worker_processes': '16',
}


class SqlError(Exception):
    def __init__(self, text):
        super().__init__(text)
        match = re.search(r'(?:ERROR|FATAL|PANIC):  (\w{5}): ', text)
        self.state = match.group(1) if match else 'gone'
        if match is None and not re.search('connection|server closed|No such file|starting up', text):
            self.state = 'unknown'


def sql(database, statement):
    """What one statement or several (one transaction) give, as text."""
    done = subprocess.run(
        ['psql', '--no-psqlrc', '--quiet', '--no-align', '--tuples-only', '--set=ON_ERROR_STOP=1',
         '--set=VERBOSITY=verbose', '--dbname=' + database, '--command=' + statement],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SqlError(done.stderr)
    return done.stdout.strip()


def patient_sql(database, statement, seconds=120):
    """The same, however often the server is away."""
    end = time.monotonic() + seconds
    while True:
        try:
            return sql(database, statement)
        except SqlError as error:
            if error.state not in ('gone', '57P01', '57P02', '57P03') or time.monotonic() > end:
                raise
        time.sleep(0.2)


def count(what, number=1):
    with lock:
        account[what] += number


def violated(what):
    with lock:
        violations.append(time.strftime('%H:%M:%S ') + what)
    print('VIOLATION', what, flush=True)


# ---------------------------------------------------------------- the load

PICK = "SELECT uuid FROM learning_credentials.credential WHERE configuration_id = {c} AND status = '{s}' " \
    "ORDER BY md5(uuid::text || '{r}') LIMIT 1"
ACTIONS = [
    (15, 'request', 'SELECT learning_credentials.request_run({c})'),
    (8, 'call', 'CALL learning_credentials.generate_credentials({c})'),
    (1, 'call all', 'CALL learning_credentials.generate_all_credentials()'),
    (25, 'issue', 'SELECT learning_credentials.generate_credential({c}, (SELECT id FROM learning_credentials.lms_user '
                  'ORDER BY md5(id || \'{r}\') LIMIT 1))'),
    (10, 'reissue', 'SELECT learning_credentials.reissue_credential(uuid) FROM (' + PICK.replace('{s}', 'available') + ') AS p'),
    (4, 'invalidate', "SELECT learning_credentials.invalidate_credential(uuid, 'chance') FROM ("
     + PICK.replace('{s}', 'available') + ') AS p'),
    (6, 'retry', 'SELECT learning_credentials.retry_credential(uuid) FROM (' + PICK.replace('{s}', 'error') + ') AS p'),
    (5, 'cancel', "SELECT learning_credentials.cancel_run(id) FROM (SELECT id FROM learning_credentials.run "
     "WHERE status IN ('queued', 'running') ORDER BY random() LIMIT 1) AS p"),
    (8, 'enrol', 'SELECT app.enrol(10)'),
    (4, 'lift', 'UPDATE learning_credentials.credential_configuration SET suspension_reason = NULL '
                'WHERE suspension_reason IS NOT NULL'),
]


def client(seed):
    chance = random.Random(seed)
    while not over.is_set():
        database = chance.choice(DATABASES)
        _, name, statement = chance.choices(ACTIONS, [a[0] for a in ACTIONS])[0]
        try:
            sql(database, statement.format(c=chance.randint(1, CONFIGURATIONS), r=chance.random()))
            count('done: ' + name)
        except SqlError as error:
            count('refused or cut off: %s %s' % (name, error.state))
            if not EXPECTED.match(error.state):
                violated('%s: %s' % (name, error))
            if error.state == 'gone':
                time.sleep(0.3)
        time.sleep(chance.random() * 0.2)


# ---------------------------------------------------------------- the harm

EXECUTORS = "SELECT pid FROM learning_credentials.executor JOIN pg_stat_activity USING (pid) ORDER BY random() LIMIT 1"
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() " \
    "ORDER BY random() LIMIT 1"
WORKER = "SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'learning_credentials%' ORDER BY random() LIMIT 1"
HARM = [
    (30, 'SIGKILL', EXECUTORS), (10, 'SIGKILL', BACKENDS), (5, 'SIGKILL', WORKER),
    (12, 'SIGSEGV', EXECUTORS), (4, 'SIGSEGV', WORKER),
    (10, 'SIGTERM', EXECUTORS), (10, 'SIGTERM', BACKENDS), (5, 'SIGTERM', WORKER),
    (5, 'SIGINT', EXECUTORS), (4, 'SIGINT', BACKENDS),
    (3, 'immediate', None), (3, 'fast', None),
]


def restart(mode):
    done = subprocess.run(['pg_ctl', '--pgdata=' + data, '--log=' + log_file, '--silent', '--wait', '--timeout=120',
                           '--mode=' + mode, 'restart'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        violated('restart (%s) failed: %s' % (mode, done.stdout))


def harm(chance):
    _, how, whom = chance.choices(HARM, [h[0] for h in HARM])[0]
    if whom is None:
        count('restart, ' + how)
        restart(how)
        return
    try:
        pid = sql(chance.choice(DATABASES), whom)
        if pid:
            # What is not the server's any more, nobody of the server has a parent for.
            with open('/proc/%s/status' % pid) as status, open(os.path.join(data, 'postmaster.pid')) as postmaster:
                if 'PPid:\t' + postmaster.readline().strip() not in status.read():
                    return
            os.kill(int(pid), getattr(signal, how))
            count(how)
    except (SqlError, OSError):
        pass


def check(database):
    try:
        for broken in filter(None, sql(database, INVARIANTS).split('\n')):
            violated('%s: %s' % (database, broken))
        suspended = sql(database, 'SELECT count(*) FROM learning_credentials.credential_configuration '
                        'WHERE suspension_reason IS NOT NULL')
        count('suspended when looked at', int(suspended))
        count('checks of the rules')
    except SqlError as error:
        if not EXPECTED.match(error.state):
            violated('check: %s' % error)


# ---------------------------------------------------------------- the end

LEFT = """
SELECT concat_ws(', ',
       (SELECT string_agg(s, ', ') FROM (SELECT status || ' ' || count(*) FROM learning_credentials.credential
         WHERE status IN ('generating', 'error') GROUP BY status) AS c (s)),
       (SELECT string_agg(s, ', ') FROM (SELECT 'run ' || status || ' ' || count(*) FROM learning_credentials.run
         WHERE status IN ('queued', 'running') GROUP BY status) AS r (s)),
       (SELECT 'executors ' || count(*) FROM learning_credentials.executor HAVING count(*) > 0),
       (SELECT 'suspects ' || count(*) FROM learning_credentials.suspect HAVING count(*) > 0),
       (SELECT 'suspended ' || count(*) FROM learning_credentials.credential_configuration
         WHERE suspension_reason IS NOT NULL HAVING count(*) > 0),
       (SELECT 'without a credential ' || count(*)
          FROM learning_credentials.lms_user u, learning_credentials.credential_configuration d
         WHERE NOT EXISTS (SELECT FROM learning_credentials.credential c
                            WHERE c.configuration_id = d.id AND c.user_id = u.id) HAVING count(*) > 0))
"""


def drain(database):
    """Lets everything come to its end: what was cancelled or failed for good is asked for again."""
    patient_sql(database, """
        UPDATE app.luck SET failing = 0;
        UPDATE learning_credentials.credential_configuration SET suspension_reason = NULL, enabled = false;
        UPDATE learning_credentials.credential SET retry_at = now() WHERE status = 'error';
        SELECT learning_credentials.request_run(id) FROM learning_credentials.credential_configuration""")
    began = time.monotonic()
    while True:
        left = patient_sql(database, LEFT)
        if left == '':
            return time.monotonic() - began
        if time.monotonic() - began > DRAIN_SECONDS:
            violated('%s: does not drain: %s' % (database, left))
            return DRAIN_SECONDS
        time.sleep(1)


def judge_log():
    with open(log_file, errors='replace') as file:
        log = file.read()
    count('restarts after a crash', log.count('all server processes terminated; reinitializing'))
    for line in log.split('\n'):
        if re.search(r'PANIC|TRAP:|terminated by signal 6|XX000:|XX001:|XX002:|40P01:|could not (read|write) block', line):
            violated('log: ' + line)
    segv = len(re.findall('terminated by signal 11', log))
    if segv > account['SIGSEGV']:
        violated('%d crashes by SIGSEGV, %d of them on purpose' % (segv, account['SIGSEGV']))


def finish():
    for database in DATABASES:
        count('seconds to drain ' + database, round(drain(database)))
        check(database)
        count('indexes checked', int(sql(database, """
            SELECT count(bt_index_parent_check(i.indexrelid, true)::text) FROM pg_index i
              JOIN pg_class t ON t.oid = i.indrelid
              JOIN pg_class x ON x.oid = i.indexrelid
              JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
             WHERE t.relnamespace = 'learning_credentials'::regnamespace""")))
        for line in sql(database, """
            SELECT 'credentials ' || status, count(*) FROM learning_credentials.credential GROUP BY status
            UNION ALL SELECT 'events', count(*) FROM learning_credentials.credential_event
            UNION ALL SELECT 'documents', count(*) FROM learning_credentials.document
            UNION ALL SELECT 'runs ' || status, count(*) FROM learning_credentials.run GROUP BY status
            UNION ALL SELECT 'runs by ' || trigger, count(*) FROM learning_credentials.run GROUP BY trigger
            UNION ALL SELECT 'documents in error for crashes', count(*) FROM learning_credentials.credential_event
                       WHERE reason LIKE 'the server crashed%' AND new_status = 'error'""").split('\n'):
            what, number = line.split('|')
            count(what, int(number))
    judge_log()


def main():
    with open(os.path.join(data, 'postgresql.conf'), 'a') as conf:
        for name, value in SETTINGS.items():
            conf.write("%s = '%s'\n" % (name, value))
    restart('fast')
    for database in DATABASES:
        sql('postgres', 'CREATE DATABASE ' + database)
        sql(database, SCHEMA.format(configurations=CONFIGURATIONS, users=FIRST_USERS))
    chance = random.Random(int(os.environ.get('SEED', '1')))
    clients = [threading.Thread(target=client, args=(chance.random(),)) for _ in range(CLIENTS)]
    for thread in clients:
        thread.start()
    end = time.monotonic() + minutes * 60
    looked = time.monotonic()
    while time.monotonic() < end:
        time.sleep(chance.uniform(1, 8))
        harm(chance)
        if time.monotonic() - looked > 30:
            looked = time.monotonic()
            for database in DATABASES:
                check(database)
            print(time.strftime('%H:%M:%S'), 'minutes to go: %.0f,' % ((end - looked) / 60), 'violations:', len(violations),
                  flush=True)
    over.set()
    for thread in clients:
        thread.join()
    finish()
    for what in sorted(account):
        print('%8d %s' % (account[what], what))
    print('%8d violations' % len(violations))
    sys.exit(1 if violations else 0)


if __name__ == '__main__':
    main()
