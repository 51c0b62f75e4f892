#!/usr/bin/python3
"""What issuing costs beyond making the documents, and what a backend keeps of it.

    issuing.py DATABASE

A run of CALL generate_credentials with a generation function that returns a constant, against a plain INSERT of as
many rows into a copy of table "document"; rounds of both alternate, medians are printed. Then the memory of its own
of one backend over single calls and over a long run. The exit status is 1 unless memory stays within bounds; times are
told, not judged.
"""
import statistics
import sys

from backend import Backend, most_during

USERS = 10_000
ROUNDS = 5
BYTES = 4096                # of a document

SINGLE = (2_000, 20_000)    # calls of generate_credential after which memory is read
CALLS = 100                 # of them in a transaction
RUNS = (2_000, 50_000)      # users of one CALL
TOLERANCE = 0.05
SLACK = 1024                # kB: of the retrieval, which work_mem bounds

SETUP = """
CREATE SCHEMA issuing;
CREATE FUNCTION issuing.retrieve_first(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql STABLE AS $$
    SELECT id, true, NULL::timestamptz, '{}'::jsonb FROM learning_credentials.lms_user
     WHERE one IS NULL AND id <= (options ->> 'users')::bigint OR id = one $$;
CREATE FUNCTION issuing.generate_constant(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN decode(repeat('25', %d), 'hex'); END $$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, media_type)
VALUES ('Issuing', 'issuing.retrieve_first', 'issuing.generate_constant', 'text/plain');
INSERT INTO learning_credentials.lms_user (id, username) SELECT i, 'issuing' || i FROM generate_series(1, %d) AS i;
ANALYZE learning_credentials.lms_user;
CREATE TABLE issuing.document (LIKE learning_credentials.document INCLUDING ALL);
SET client_min_messages = error
""" % (BYTES, max(RUNS[-1], SINGLE[-1]))

courses = 0


def configure(backend, users):
    """A new configuration for the first users; its id."""
    global courses
    courses += 1
    return int(backend.query(
        "INSERT INTO learning_credentials.credential_configuration"
        " (learning_context_key, credential_type_id, custom_options)"
        " SELECT 'course-v1:Bench+Issuing+%d', id, '{\"users\": %d}'"
        " FROM learning_credentials.credential_type WHERE name = 'Issuing' RETURNING id" % (courses, users)))


def times(backend):
    """Seconds of each round: runs, plain inserts."""
    runs, inserts = [], []
    for _ in range(ROUNDS):
        configuration = configure(backend, USERS)
        runs.append(backend.timed('CALL learning_credentials.generate_credentials(%d)' % configuration)[1])
        backend.query('TRUNCATE issuing.document')
        inserts.append(backend.timed(
            "INSERT INTO issuing.document (credential_uuid, content, media_type)"
            " SELECT learning_credentials.uuid_time_ordered(), decode(repeat('25', %d), 'hex'), 'text/plain'"
            " FROM generate_series(1, %d)" % (BYTES, USERS))[1])
    return runs, inserts


def memory(database):
    """Rows of (what, kB) pairs, and whether the longer of each kind needed no more than the shorter."""
    rows, done = [], 0
    backend = Backend(database)
    configuration = configure(backend, 0)
    for upto in SINGLE:
        most = 0
        for first in range(done + 1, upto, CALLS):
            backend.query("SELECT count(learning_credentials.generate_credential(%d, i))"
                          " FROM generate_series(%d, %d) AS i" % (configuration, first, first + CALLS - 1))
            most = max(most, backend.resident('RssAnon'))
        rows.append(('%d calls of generate_credential' % upto, most))
        done = upto
    backend.close()

    backend = Backend(database)
    for users in RUNS:
        most = most_during(backend, 'CALL learning_credentials.generate_credentials(%d)' % configure(backend, users))
        rows.append(('a CALL over %d users' % users, most))
    backend.close()
    good = all(rows[i + 1][1] <= rows[i][1] * (1 + TOLERANCE) + SLACK for i in (0, 2))
    return rows, good


def main(database):
    backend = Backend(database)
    backend.query(SETUP)
    runs, inserts = times(backend)
    backend.close()
    print('\nIssuing %d credentials with documents of %d bytes, seconds, medians of %d rounds:'
          % (USERS, BYTES, ROUNDS))
    print('%-40s %8.2f   (%.2f to %.2f)' % ('CALL generate_credentials', statistics.median(runs), min(runs), max(runs)))
    print('%-40s %8.2f   (%.2f to %.2f)' % ('INSERT of the documents alone', statistics.median(inserts),
                                            min(inserts), max(inserts)))
    print('%-40s %8.2f' % ('ratio', statistics.median(runs) / statistics.median(inserts)), flush=True)

    rows, good = memory(database)
    print('\nThe most memory that a backend has of its own, kB, in')
    for what, kilobytes in rows:
        print('%-40s %8d' % (what, kilobytes))
    print('the longer at most %.0f %% and %d kB above the shorter: %s' % (100 * TOLERANCE, SLACK, 'kept' if good else 'EXCEEDED'))
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
