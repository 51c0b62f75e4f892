#!/usr/bin/python3
"""What retrieval costs over a million enrolments, beside SQL written by hand.

    retrieval.py DATABASE

1. Each built-in retrieval function against a statement that returns the same rows (which is checked).
2. A run in which nobody is new against the retrieval alone, which returns everybody's details.
3. A run in which nobody is eligible against the same: only the eligible are detailed.
4. The memory of its own that a backend has in such a run, and in one over a tenth of the users.

Seconds of a processor in the backend, no parallel workers on either side; rounds alternate, medians are compared. The
exit status is 1 when a limit is exceeded.
"""
import statistics
import sys

from backend import Backend, most_during

USERS = 1_000_000           # with an active enrolment; every 20th has left besides
FEW = USERS // 10
ROUNDS = 3

BESIDE_SQL = 1.3            # limits
NOBODY_NEW = 1.2
NOBODY_ELIGIBLE = 0.9
MEMORY = 12 * 1024         # kB that USERS may need beyond FEW: a hash table and a sort of the statement, by work_mem

COURSE = 'course-v1:Bench+Retrieval+1'
SMALL_COURSE = 'course-v1:Bench+Retrieval+2'

# The weights are binary fractions, so that both ways give the same totals to the last digit.
FACTS = """
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id, is_active)
SELECT '{course}', i, i % 20 <> 0 FROM generate_series(1, {users} + ({users} - 1) / 19) AS i;
INSERT INTO learning_credentials.lms_course_completion (course_key, user_id, percent, updated_at)
SELECT context_key, user_id, CASE WHEN user_id % 10 = 1 THEN 0.95 ELSE (user_id % 900) / 1000.0 END,
       '2024-01-01'::timestamptz + user_id * interval '1 s'
  FROM learning_credentials.lms_enrollment WHERE context_key = '{course}';
INSERT INTO learning_credentials.lms_grading_policy (course_key, assignment_type, weight)
VALUES ('{course}', 'Homework', 0.25), ('{course}', 'Exam', 0.75);
INSERT INTO learning_credentials.lms_subsection_grade
       (course_key, user_id, assignment_type, subsection_key, earned, possible, graded_at)
SELECT context_key, user_id, kind, subsection, user_id * 37 % 101, 100,
       '2024-01-01'::timestamptz + user_id * interval '1 s'
  FROM learning_credentials.lms_enrollment,
       (VALUES ('Homework', 'a'), ('Homework', 'b'), ('Exam', 'z')) AS s (kind, subsection)
 WHERE context_key = '{course}'
"""

SETUP = """
CREATE SCHEMA retrieval;
CREATE FUNCTION retrieval.generate_nothing(credential learning_credentials.credential, options jsonb)
RETURNS bytea LANGUAGE sql IMMUTABLE RETURN '.'::bytea;
CREATE FUNCTION retrieval.retrieve_by_hand(key text, options jsonb, one bigint DEFAULT NULL)
RETURNS SETOF learning_credentials.eligibility LANGUAGE sql STABLE AS $$
    SELECT e.user_id, c.percent >= (options ->> 'required_completion')::float8, c.updated_at,
           jsonb_build_object('current_completion', c.percent, 'required_completion', options -> 'required_completion')
      FROM learning_credentials.lms_enrollment e
      JOIN learning_credentials.lms_course_completion c ON c.course_key = e.context_key AND c.user_id = e.user_id
     WHERE e.context_key = key AND e.is_active AND (one IS NULL OR e.user_id = one) $$;
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, media_type)
VALUES ('Retrieval', 'learning_credentials.retrieve_completions', 'retrieval.generate_nothing', 'text/plain');
SET max_parallel_workers_per_gather = 0;
SET cursor_tuple_fraction = 1;
SET client_min_messages = error
"""

COMPLETIONS = """
  FROM learning_credentials.lms_enrollment e
  JOIN learning_credentials.lms_course_completion c ON c.course_key = e.context_key AND c.user_id = e.user_id"""
GRADES = """
  LEFT JOIN (SELECT user_id, homework, exam, total, graded_at,
                    homework >= 40 AND exam >= 90 AND total >= 80 AS reached
               FROM (SELECT *, 0.25 * homework + 0.75 * exam AS total
                       FROM (SELECT user_id, max(graded_at) AS graded_at,
                                    100 * sum(earned) FILTER (WHERE assignment_type = 'Homework')
                                        / sum(possible) FILTER (WHERE assignment_type = 'Homework') AS homework,
                                    100 * sum(earned) FILTER (WHERE assignment_type = 'Exam')
                                        / sum(possible) FILTER (WHERE assignment_type = 'Exam') AS exam
                               FROM learning_credentials.lms_subsection_grade
                              WHERE course_key = '%s' GROUP BY user_id) AS sums) AS grades) AS g
         ON g.user_id = e.user_id""" % COURSE
WHERE = " WHERE e.context_key = '%s' AND e.is_active" % COURSE
COMPLETION_DETAILS = "'current_completion', c.percent, 'required_completion', 0.9"
GRADE_DETAILS = """'current_grades', jsonb_build_object('homework', homework, 'exam', exam, 'total', total),
       'required_grades', '{"exam": 90, "homework": 40, "total": 80}'::jsonb"""
REQUIRED_GRADES = '"required_grades": {"Homework": 0.4, "Exam": 0.9, "Total": 0.8}'

# function: (options in which a tenth is eligible, the same by hand, options in which all are, in which nobody is)
FUNCTIONS = {
    'learning_credentials.retrieve_completions': (
        '{}',
        'SELECT e.user_id, c.percent >= 0.9, CASE WHEN c.percent >= 0.9 THEN c.updated_at END,'
        ' jsonb_build_object(' + COMPLETION_DETAILS + ')' + COMPLETIONS + WHERE,
        '{"required_completion": 0}', '{"required_completion": 1}'),
    'learning_credentials.retrieve_subsection_grades': (
        '{%s}' % REQUIRED_GRADES,
        'SELECT e.user_id, coalesce(reached, false), CASE WHEN reached THEN graded_at END,'
        ' jsonb_build_object(' + GRADE_DETAILS + ') FROM learning_credentials.lms_enrollment e' + GRADES + WHERE,
        '{"required_grades": {"Total": 0}}', '{"required_grades": {"Lab": 0}}'),
    'learning_credentials.retrieve_completions_and_grades': (
        '{%s}' % REQUIRED_GRADES,
        'SELECT e.user_id, coalesce(c.percent >= 0.9 AND reached, false),'
        ' CASE WHEN c.percent >= 0.9 AND reached THEN greatest(c.updated_at, graded_at) END,'
        ' jsonb_build_object(' + COMPLETION_DETAILS + ', ' + GRADE_DETAILS + ')' + COMPLETIONS + GRADES + WHERE,
        '{"required_completion": 0, "required_grades": {"Total": 0}}',
        '{"required_completion": 1, "required_grades": {"Total": 0}}'),
    'retrieval.retrieve_by_hand': (None, None, '{"required_completion": 0}', '{"required_completion": 1}'),
}


def call(function, options):
    return "SELECT * FROM %s('%s', '%s')" % (function, COURSE, options)


def drain(backend, statement):
    """Makes every row and column of a statement, and throws them away."""
    backend.query('BEGIN; DECLARE every NO SCROLL CURSOR FOR %s; MOVE ALL FROM every; COMMIT' % statement)


def compare(backend, actions):
    """Median seconds of the processor for each of some actions, whose rounds alternate."""
    seconds = [[] for _ in actions]
    for _ in range(ROUNDS):
        for action, row in zip(actions, seconds):
            before = backend.processor()
            action()
            row.append(backend.processor() - before)
    return [statistics.median(row) for row in seconds]


def judged(what, seconds, reference, limit):
    """Prints a line. Returns whether the limit is kept; there may be none."""
    ratio = seconds / reference
    print('%-52s %8.2f %8.2f %8.2f   %s' % (what, seconds, reference, ratio,
                                           '' if limit is None else 'at most %.2f: %s' %
                                           (limit, 'kept' if ratio <= limit else 'EXCEEDED')), flush=True)
    return limit is None or ratio <= limit


def beside_sql(backend):
    good = True
    print('\nRetrieval over %d enrolments, seconds of a processor, medians of %d rounds:' % (USERS, ROUNDS))
    print('%-52s %8s %8s %8s' % ('', 'function', 'by hand', 'ratio'))
    for function, (options, by_hand, _, _) in FUNCTIONS.items():
        if by_hand is None:
            continue
        rows = [backend.query('SELECT count(*), sum(hashtextextended(r::text, 0)) FROM (%s) AS r (a, b, c, d)' % statement)
                for statement in (call(function, options), by_hand)]
        if rows[0] != rows[1] or not rows[0].startswith('%d|' % USERS):
            print('%s: other rows than by hand: %s and %s' % (function, rows[0], rows[1]))
            good = False
        seconds = compare(backend, [lambda: drain(backend, call(function, options)), lambda: drain(backend, by_hand)])
        good &= judged(function.split('.')[1], seconds[0], seconds[1], BESIDE_SQL)
    return good


def configure(backend, course, function, options):
    """Makes the configuration of a course, or changes it; its id."""
    backend.query("UPDATE learning_credentials.credential_type SET retrieval_func = '%s' WHERE name = 'Retrieval'" % function)
    return int(backend.query(
        "INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options)"
        " SELECT '%s', id, '%s' FROM learning_credentials.credential_type WHERE name = 'Retrieval'"
        " ON CONFLICT (learning_context_key, credential_type_id) DO UPDATE SET custom_options = excluded.custom_options"
        " RETURNING id" % (course, options)))


def run(configuration):
    return 'CALL learning_credentials.generate_credentials(%d)' % configuration


def expect(backend, configuration, eligible):
    """The last run saw everybody, found so many eligible, and none of them new."""
    counts = backend.query('SELECT seen, eligible, existing, queued FROM learning_credentials.run'
                           ' WHERE configuration_id = %d ORDER BY id DESC LIMIT 1' % configuration)
    if counts != '%d|%d|%d|0' % (USERS, eligible, eligible):
        print('another run than expected: %s' % counts)
        return False
    return True


def have_all(backend, course):
    """Makes the configuration of a course, and a credential of it for everybody; its id."""
    configuration = configure(backend, course, 'learning_credentials.retrieve_completions', '{}')
    backend.query(
        "INSERT INTO learning_credentials.credential (configuration_id, credential_type_name, learning_context_key, user_id,"
        " learning_context_name, user_full_name, status, evidence, issue_date)"
        " SELECT %d, 'Retrieval', context_key, user_id, 'Course', 'Name', 'available', '{}', now()"
        " FROM learning_credentials.lms_enrollment WHERE context_key = '%s' AND is_active" % (configuration, course))
    backend.query('VACUUM ANALYZE learning_credentials.credential')
    return configuration


def runs(backend):
    good = True
    configuration = have_all(backend, COURSE)
    print('\nA run over %d users, beside the retrieval alone with all details:' % USERS)
    print('%-52s %8s %8s %8s' % ('', 'run', 'alone', 'ratio'))
    for what, which, eligible, limit in (('nobody is new', 2, USERS, NOBODY_NEW),
                                         ('nobody is eligible', 3, 0, NOBODY_ELIGIBLE)):
        for function, options in FUNCTIONS.items():
            configure(backend, COURSE, function, options[which])
            seconds = compare(backend, [lambda: backend.query(run(configuration)),
                                        lambda: drain(backend, call(function, options[which]))])
            good &= expect(backend, configuration, eligible)
            ours = function.startswith('learning_credentials.')
            good &= judged('%s: %s' % (function.split('.')[1], what), seconds[0], seconds[1], limit if ours else None)
    return good


def memory(database):
    backend = Backend(database)
    backend.query('SET max_parallel_workers_per_gather = 0; SET client_min_messages = error')
    have_all(backend, SMALL_COURSE)
    most = []
    for course in (SMALL_COURSE, COURSE):
        configuration = configure(backend, course, 'retrieval.retrieve_by_hand', '{"required_completion": 0}')
        most.append(most_during(backend, run(configuration)))
    backend.close()
    good = most[1] - most[0] <= MEMORY
    print('\nThe most memory that a backend has of its own, kB, in a run over %d users: %d; over %d: %d;'
          ' at most %d more: %s' % (FEW, most[0], USERS, most[1], MEMORY, 'kept' if good else 'EXCEEDED'))
    return good


def main(database):
    backend = Backend(database)
    backend.query(SETUP)
    backend.query(FACTS.format(course=COURSE, users=USERS))
    backend.query(FACTS.format(course=SMALL_COURSE, users=FEW))
    backend.query('VACUUM ANALYZE')
    good = beside_sql(backend)
    good &= runs(backend)
    backend.close()
    good &= memory(database)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
