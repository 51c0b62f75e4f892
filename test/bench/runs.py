#!/usr/bin/python3
"""What runs cost beyond the documents: a run of two executors, and the queue at the end of a long run.

    runs.py DATABASE

The first part alternates runs of the worker with what cannot be spared: the document engine alone on two backends, and
a plain INSERT of those documents on two connections; all begin with fresh backends. The second part issues a million
credentials of one run while an old snapshot is open, and compares what claiming a batch takes at its end and at its
start. Medians; the exit status is 1 unless both ratios are kept. Needs two processors for the first and
pg_stat_statements for the second; "start_worker()" must work in the database.
"""
import json
import statistics
import sys
import threading
import time

import documents
import material
from backend import Backend, literal

USERS = 10_000
ROUNDS = 5
MOST_RUN = 1.25             # times the documents and their insertion

QUEUED = 1_000_000
BATCHES_AT_AN_END = 500
MOST_CLAIM = 2.0            # times a batch's claim at the start

SETUP = """
CREATE SCHEMA runs;
CREATE FUNCTION runs.retrieve_first(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql STABLE AS $$
    SELECT id, true, NULL::timestamptz, '{}'::jsonb FROM learning_credentials.lms_user
     WHERE one IS NULL AND id <= (options ->> 'users')::bigint OR id = one $$;
CREATE FUNCTION runs.generate_nothing(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN '\\x00'; END $$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func)
VALUES ('Certificate', 'runs.retrieve_first', 'generate_pdf'), ('Nothing', 'runs.retrieve_first', 'runs.generate_nothing');
INSERT INTO learning_credentials.lms_user (id, username, full_name)
SELECT i, 'runs' || i, (ARRAY[%s])[1 + i %% %d] FROM generate_series(1, %d) AS i;
ANALYZE learning_credentials.lms_user;
CREATE TABLE runs.document (LIKE learning_credentials.document INCLUDING ALL);
CREATE TABLE runs.made (half int, content bytea);
ALTER TABLE runs.made ALTER content SET STORAGE EXTERNAL
""" % (', '.join(literal(name) for name in material.LATIN_NAMES), len(material.LATIN_NAMES), USERS)

courses = 0


def configure(backend, kind, options):
    """A new configuration of a type; its id."""
    global courses
    courses += 1
    return int(backend.query(
        "INSERT INTO learning_credentials.credential_configuration"
        " (learning_context_key, credential_type_id, custom_options)"
        " SELECT 'course-v1:Bench+Runs+%d', id, %s FROM learning_credentials.credential_type WHERE name = %s"
        " RETURNING id" % (courses, literal(json.dumps(options)), literal(kind))))


def side_by_side(database, statements):
    """Runs statements at once, each on a connection that is open already; the seconds until the last is done."""
    backends = [Backend(database) for _ in statements]
    threads = [threading.Thread(target=backend.query, args=(sql,)) for backend, sql in zip(backends, statements)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    for backend in backends:
        backend.close()
    return seconds


def least(database, backend, options):
    """Seconds to make the documents on two backends, and to insert them on two connections."""
    _, context, _ = material.TEXTS['noto-sans']
    backend.query('TRUNCATE runs.document, runs.made')
    made = side_by_side(database, [
        "SELECT sum(octet_length(learning_credentials.preview_pdf(%s, full_name, %s)))"
        "  FROM learning_credentials.lms_user WHERE id %% 2 = %d" % (literal(json.dumps(options)), literal(context), half)
        for half in (0, 1)])
    for half in (0, 1):
        backend.query("INSERT INTO runs.made SELECT %d, learning_credentials.preview_pdf(%s, full_name, %s)"
                      "  FROM learning_credentials.lms_user WHERE id %% 2 = %d"
                      % (half, literal(json.dumps(options)), literal(context), half))
    backend.query('CHECKPOINT')
    inserted = side_by_side(database, [
        "INSERT INTO runs.document (credential_uuid, content, media_type)"
        " SELECT learning_credentials.uuid_time_ordered(), content, 'application/pdf' FROM runs.made WHERE half = %d" % half
        for half in (0, 1)])
    return made, inserted


def run(backend, configuration):
    """Seconds of a run of the worker, from its start to its end, and bytes of WAL per credential beside its document."""
    backend.query('CHECKPOINT')
    before = backend.query('SELECT pg_current_wal_insert_lsn()')
    number = int(backend.query('SELECT learning_credentials.request_run(%d)' % configuration))
    while True:
        answer = backend.query("SELECT status, issued, extract(epoch FROM finished - started)"
                               "  FROM learning_credentials.run WHERE id = %d" % number).split('|')
        if answer[0] not in ('queued', 'running'):
            break
        time.sleep(0.05)
    if answer[0] != 'finished' or int(answer[1]) != USERS:
        raise SystemExit('the run ended so: %s' % answer)
    beside = int(backend.query(
        "SELECT (pg_current_wal_insert_lsn() - '%s'::pg_lsn - sum(d.byte_size))::bigint / count(*)"
        "  FROM learning_credentials.document d JOIN learning_credentials.credential c ON c.uuid = d.credential_uuid"
        " WHERE c.run_id = %d" % (before, number)))
    return float(answer[2]), beside


def told(what, values):
    print('%-60s %8.3f   (%.3f to %.3f)' % (what, statistics.median(values), min(values), max(values)), flush=True)


def issuing(database, backend):
    options = documents.options(3, 'vector', 'noto-sans', 'plain', 'sealed')
    rows = []
    for _ in range(ROUNDS):
        configuration = configure(backend, 'Certificate', {**options, 'users': USERS})
        rows.append(run(backend, configuration) + least(database, backend, options))
    print('\nIssuing %d sealed certificates by a run of two executors, seconds, medians of %d rounds:' % (USERS, ROUNDS))
    told('the run', [row[0] for row in rows])
    told('the documents alone, on two backends', [row[2] for row in rows])
    told('their plain INSERT, on two connections', [row[3] for row in rows])
    ratio = statistics.median(row[0] / (row[2] + row[3]) for row in rows)
    print('%-60s %8.2f   at most %.2f: %s' % ('ratio', ratio, MOST_RUN, 'kept' if ratio <= MOST_RUN else 'EXCEEDED'))
    print('%-60s %8d' % ('bytes of WAL per credential beside its document', statistics.median(row[1] for row in rows)),
          flush=True)
    return ratio <= MOST_RUN


CLAIMS = ("SELECT coalesce(sum(total_exec_time) / nullif(sum(calls), 0), 0), coalesce(sum(calls), 0) FROM pg_stat_statements"
          " WHERE query LIKE 'SELECT c.uuid FROM learning_credentials.credential c WHERE (c.run_id, c.uuid)%'")


def claims(database, backend):
    """Claims at the start and at the end of a run whose credentials are queued already, in milliseconds."""
    backend.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
    configuration = configure(backend, 'Nothing', {'users': 0})
    number = int(backend.query(
        "INSERT INTO learning_credentials.run (configuration_id, trigger, status, started, retrieved, seen, eligible, queued)"
        " VALUES (%d, 'call', 'running', now(), now(), %d, %d, %d) RETURNING id"
        % (configuration, QUEUED, QUEUED, QUEUED)))
    backend.query("INSERT INTO learning_credentials.credential (configuration_id, credential_type_name,"
                  " learning_context_key, user_id, run_id)"
                  " SELECT %d, 'Nothing', 'course-v1:Bench+Runs+%d', 1 + i %% %d + i / %d * %d, %d"
                  "   FROM generate_series(0, %d) AS i"
                  % (configuration, courses, USERS, USERS, USERS, number, QUEUED - 1))
    backend.query('INSERT INTO learning_credentials.lms_user (id, username) SELECT i, %s || i FROM generate_series(%d, %d) AS i'
                  % (literal('more'), USERS + 1, QUEUED))
    backend.query('VACUUM ANALYZE learning_credentials.lms_user')
    old = Backend(database)
    old.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    old.query('SELECT 1')
    ended = None
    start = None
    backend.query('SELECT pg_stat_statements_reset()')
    backend.query('SELECT learning_credentials.request_run(%d)' % configuration)    # wakes the worker
    while ended is None:
        time.sleep(0.1)
        status, done = backend.query('SELECT status, done FROM learning_credentials.run_progress WHERE id = %d'
                                     % number).split('|')
        mean, calls = map(float, backend.query(CLAIMS).split('|'))
        if start is None and calls >= BATCHES_AT_AN_END:
            start = mean
        if start is not None and int(done) < QUEUED - BATCHES_AT_AN_END * 64 and status == 'running':
            backend.query('SELECT pg_stat_statements_reset()')
        if status not in ('queued', 'running'):
            ended = mean
    old.close()
    print('\nClaiming a batch of a run of %d credentials with an old snapshot open, milliseconds:' % QUEUED)
    print('%-60s %8.3f' % ('among the first', start))
    print('%-60s %8.3f' % ('among the last %d' % calls, ended))
    ratio = ended / start
    print('%-60s %8.2f   at most %.2f: %s' % ('ratio', ratio, MOST_CLAIM, 'kept' if ratio <= MOST_CLAIM else 'EXCEEDED'))
    return ratio <= MOST_CLAIM


def main(database, *parts):
    documents.store(database)
    backend = Backend(database)
    backend.query(SETUP)
    backend.query('SELECT learning_credentials.start_worker()')
    good = [part(database, backend) for part in (issuing, claims) if not parts or part.__name__ in parts]
    backend.close()
    return 0 if all(good) else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
