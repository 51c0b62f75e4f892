-- The built-in retrieval functions: a table of cases, each with its expected answer, called by a role
-- that may read the sources and execute the functions, and nothing else.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
BEGIN;
SET LOCAL TIME ZONE 'UTC';
SET LOCAL datestyle = 'ISO';

-- ------------------------------------------------------------ facts: completion
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id, is_active)
SELECT 'course-v1:Lake+Swim+1', n, n <> 6 FROM generate_series(1, 9) AS n WHERE n <> 7;
INSERT INTO learning_credentials.lms_course_completion (course_key, user_id, percent, updated_at) VALUES
    ('course-v1:Lake+Swim+1', 1, 0.95, '2024-01-01'),
    ('course-v1:Lake+Swim+1', 2, 0.9, '2024-01-02'),                       -- on the boundary
    ('course-v1:Lake+Swim+1', 3, 0.7::float8 + 0.2::float8, '2024-01-03'), -- 0.8999999999999999
    ('course-v1:Lake+Swim+1', 4, 0.8999, '2024-01-04'),                    -- below it
    -- 5 has no record
    ('course-v1:Lake+Swim+1', 6, 1, '2024-01-06'),                         -- not active
    ('course-v1:Lake+Swim+1', 7, 1, '2024-01-07'),                         -- not enrolled
    ('course-v1:Lake+Swim+1', 8, 1, NULL),                                 -- nobody knows when
    ('course-v1:Lake+Swim+1', 9, 0, '2024-01-09');

-- ------------------------------------------------------------ facts: grades
INSERT INTO learning_credentials.lms_grading_policy (course_key, assignment_type, weight) VALUES
    ('course-v1:Lake+Row+1', 'Homework', 0.4),
    ('course-v1:Lake+Row+1', 'Exam', 0.6),
    ('course-v1:Lake+Sail+1', 'Quiz', 0.1), ('course-v1:Lake+Sail+1', 'Lab', 0.2), ('course-v1:Lake+Sail+1', 'Exam', 0.7),
    ('course-v1:Lake+Dive+1', 'Exam', 1),
    ('course-v1:Lake+Total+1', 'Total', 1),
    ('course-v1:Lake+Twice+1', 'Exam', 0.5), ('course-v1:Lake+Twice+1', 'exam', 0.5);
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id, is_active)
SELECT 'course-v1:Lake+Row+1', n, n <> 32 FROM generate_series(21, 34) AS n WHERE n <> 33;
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id)
SELECT key, 41 FROM unnest(ARRAY['course-v1:Lake+Sail+1', 'course-v1:Lake+Total+1', 'course-v1:Lake+Twice+1']) AS key;
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id)
VALUES ('course-v1:Lake+Dive+1', 51), ('course-v1:Lake+Dive+1', 52);
INSERT INTO learning_credentials.lms_subsection_grade
    (course_key, user_id, assignment_type, subsection_key, earned, possible, graded_at) VALUES
    ('course-v1:Lake+Row+1', 21, 'Homework', 'a', 80, 100, '2024-02-01'),
    ('course-v1:Lake+Row+1', 21, 'Exam', 'z', 90, 100, '2024-02-02'),
    ('course-v1:Lake+Row+1', 22, 'Homework', 'a', 57, 100, '2024-02-03'),  -- 100 * 0.57 is 56.99999999999999
    ('course-v1:Lake+Row+1', 22, 'Exam', 'z', 70, 100, '2024-02-02'),
    ('course-v1:Lake+Row+1', 23, 'Homework', 'a', 0.3, 0.1, NULL),         -- 0.3 of 0.1 + 0.2
    ('course-v1:Lake+Row+1', 23, 'Homework', 'b', 0, 0.2, NULL),
    ('course-v1:Lake+Row+1', 23, 'Exam', 'z', 69.999, 100, NULL),          -- just below 70
    ('course-v1:Lake+Row+1', 24, 'homework', 'a', 10, 10, '2024-02-05'),   -- spelled in two ways
    ('course-v1:Lake+Row+1', 24, 'HOMEWORK', 'b', 0, 90, '2024-02-06'),    -- 10 of 100, not the mean
    ('course-v1:Lake+Row+1', 24, 'eXAM', 'z', 3, 4, '2024-02-04'),
    ('course-v1:Lake+Row+1', 25, 'Homework', 'a', 50, 100, '2024-02-07'),  -- total 20 + 45
    ('course-v1:Lake+Row+1', 25, 'Exam', 'z', 75, 100, '2024-02-08'),
    ('course-v1:Lake+Row+1', 26, 'Homework', 'a', 100, 100, '2024-02-09'), -- no exam
    -- 27 has no grade at all
    ('course-v1:Lake+Row+1', 28, 'Homework', 'a', 0, 0, '2024-02-10'),     -- possible = 0
    ('course-v1:Lake+Row+1', 28, 'Exam', 'z', 5, 0, '2024-02-10'),
    ('course-v1:Lake+Row+1', 29, 'Homework', 'a', 120, 100, '2024-02-11'), -- a bonus
    ('course-v1:Lake+Row+1', 29, 'Exam', 'z', 30, 100, '2024-02-12'),
    ('course-v1:Lake+Row+1', 30, 'Homework', 'a', 1, 3, '2024-02-13'),     -- 33.3333...
    ('course-v1:Lake+Row+1', 30, 'Exam', 'z', 2, 3, '2024-02-13'),
    ('course-v1:Lake+Row+1', 31, 'Homework', 'a', -5, 100, '2024-02-14'),  -- a penalty
    ('course-v1:Lake+Row+1', 31, 'Exam', 'z', 100, 100, '2024-02-14'),
    ('course-v1:Lake+Row+1', 32, 'Exam', 'z', 100, 100, '2024-02-15'),     -- not active
    ('course-v1:Lake+Row+1', 33, 'Exam', 'z', 100, 100, '2024-02-15'),     -- not enrolled
    ('course-v1:Lake+Row+1', 34, 'Homework', 'a', 100, 100, '2024-02-16'),
    ('course-v1:Lake+Row+1', 34, 'Exam', 'y', 100, 100, '2024-02-17'),
    ('course-v1:Lake+Row+1', 34, 'Exam', 'z', 100, 100, NULL),
    ('course-v1:Lake+Sail+1', 41, 'Quiz', 'a', 7, 7, '2024-03-01'),        -- weights of 0.1, 0.2, 0.7
    ('course-v1:Lake+Sail+1', 41, 'Lab', 'b', 7, 7, '2024-03-02'),
    ('course-v1:Lake+Sail+1', 41, 'Exam', 'c', 7, 7, '2024-03-03'),
    ('course-v1:Lake+Dive+1', 51, 'Exam', 'a', 1, 1, '2024-03-04'),
    ('course-v1:Lake+Dive+1', 52, 'Exam', 'a', 1, 1, '2024-03-04'),
    ('course-v1:Lake+Dive+1', 52, 'Field Trip', 'b', 1, 1, '2024-03-05'),  -- not in the policy
    ('course-v1:Lake+Dive+1', 53, 'Walk', 'b', 1, 1, '2024-03-05');        -- neither, but not enrolled

-- ------------------------------------------------------------ facts: a course with both, and paths
INSERT INTO learning_credentials.lms_path_step (path_key, course_key, position) VALUES
    ('path-v1:Lake+All+1+a', 'course-v1:Lake+One+1', 2),
    ('path-v1:Lake+All+1+a', 'course-v1:Lake+Two+1', 1);
INSERT INTO learning_credentials.lms_grading_policy (course_key, assignment_type, weight) VALUES
    ('course-v1:Lake+One+1', 'Exam', 1), ('course-v1:Lake+Two+1', 'Essay', 0.5), ('course-v1:Lake+Two+1', 'Exam', 0.5);
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id, is_active) VALUES
    ('path-v1:Lake+All+1+a', 61, true), ('course-v1:Lake+One+1', 61, true), ('course-v1:Lake+Two+1', 61, true),
    ('path-v1:Lake+All+1+a', 62, true), ('course-v1:Lake+One+1', 62, true),                                      -- one step only
    ('course-v1:Lake+One+1', 63, true), ('course-v1:Lake+Two+1', 63, true),                                      -- not in the path
    ('path-v1:Lake+All+1+a', 64, false), ('course-v1:Lake+One+1', 64, true), ('course-v1:Lake+Two+1', 64, true), -- not active in it
    ('path-v1:Lake+All+1+a', 65, true),                                                                          -- in no course
    ('path-v1:Lake+All+1+a', 66, true), ('course-v1:Lake+One+1', 66, true), ('course-v1:Lake+Two+1', 66, false), -- not active in a step
    ('path-v1:Lake+All+1+a', 67, true), ('course-v1:Lake+One+1', 67, true), ('course-v1:Lake+Two+1', 67, true),
    ('path-v1:Lake+None+1+a', 61, true);                                                                         -- a path without steps
INSERT INTO learning_credentials.lms_course_completion (course_key, user_id, percent, updated_at)
SELECT context_key, user_id,
       CASE WHEN user_id = 67 AND context_key ~ 'Two' THEN 0.5 ELSE 1 END,
       CASE WHEN user_id = 67 THEN NULL WHEN context_key ~ 'Two' THEN '2024-04-02' ELSE '2024-04-01' END::timestamptz
  FROM learning_credentials.lms_enrollment
 WHERE context_key IN ('course-v1:Lake+One+1', 'course-v1:Lake+Two+1');
INSERT INTO learning_credentials.lms_subsection_grade
    (course_key, user_id, assignment_type, subsection_key, earned, possible, graded_at)
SELECT context_key, user_id, 'Exam', 'z', CASE WHEN user_id = 67 THEN 6 ELSE 8 END, 10, '2024-04-03'
  FROM learning_credentials.lms_enrollment
 WHERE context_key IN ('course-v1:Lake+One+1', 'course-v1:Lake+Two+1') AND user_id <> 64;
INSERT INTO learning_credentials.lms_subsection_grade
    (course_key, user_id, assignment_type, subsection_key, earned, possible, graded_at)
VALUES ('course-v1:Lake+Two+1', 61, 'Essay', 'a', 4, 10, '2024-04-04');
-- Enrolled and graded, without a completion record.
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id) VALUES ('course-v1:Lake+One+1', 68);
INSERT INTO learning_credentials.lms_subsection_grade
    (course_key, user_id, assignment_type, subsection_key, earned, possible, graded_at)
VALUES ('course-v1:Lake+One+1', 68, 'Exam', 'z', 10, 10, '2024-04-05');

-- ------------------------------------------------------------ another source: views of an LMS with other types
CREATE SCHEMA "Else; where""";
SET LOCAL search_path = "Else; where""";
CREATE TABLE mdl (course varchar, student integer, done numeric, points numeric, of_points numeric, seen date);
INSERT INTO mdl VALUES
    ('course-v1:Sea+Swim+1', 1, 0.9, 7, 10, '2024-05-01'),
    ('course-v1:Sea+Swim+1', 2, 'NaN', 7, 10, '2024-05-02'),
    ('course-v1:Sea+Row+1', 3, 1, 'NaN', 10, NULL),
    ('course-v1:Sea+Sail+1', 4, NULL, NULL, NULL, NULL),
    ('course-v1:Sea+Sail+1', NULL, 1, 1, 1, NULL);
CREATE VIEW lms_enrollment AS
    SELECT course AS context_key, student AS user_id, true AS is_active FROM mdl
    UNION ALL SELECT course, student, NULL FROM mdl
    UNION ALL SELECT 'path-v1:Sea+All+1+a', student, true FROM mdl;
CREATE VIEW lms_course_completion AS
    SELECT course AS course_key, student AS user_id, done AS percent, seen AS updated_at FROM mdl;
CREATE VIEW lms_subsection_grade AS
    SELECT course AS course_key, student AS user_id, 'Exam'::varchar AS assignment_type,
           'z'::varchar AS subsection_key, points AS earned, of_points AS possible, seen AS graded_at FROM mdl;
CREATE VIEW lms_grading_policy AS
    SELECT DISTINCT course AS course_key, 'exam'::varchar AS assignment_type, 1 AS weight FROM mdl;
CREATE VIEW lms_path_step AS
    SELECT 'path-v1:Sea+All+1+a'::varchar AS path_key, course AS course_key, 1 AS position FROM mdl
     WHERE course = 'course-v1:Sea+Swim+1';
CREATE SCHEMA half_a_source;
CREATE VIEW half_a_source.lms_enrollment AS SELECT * FROM lms_enrollment;
RESET search_path;

-- ------------------------------------------------------------ the least rights
CREATE ROLE reader;
GRANT USAGE ON SCHEMA learning_credentials, "Else; where""", half_a_source TO reader;
GRANT SELECT ON
    learning_credentials.lms_enrollment, learning_credentials.lms_path_step,
    learning_credentials.lms_course_completion, learning_credentials.lms_subsection_grade,
    learning_credentials.lms_grading_policy TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA "Else; where""", half_a_source TO reader;
GRANT EXECUTE ON FUNCTION
    learning_credentials.retrieve_completions(text, jsonb, bigint),
    learning_credentials.retrieve_subsection_grades(text, jsonb, bigint),
    learning_credentials.retrieve_completions_and_grades(text, jsonb, bigint) TO reader;

-- ------------------------------------------------------------ the cases
-- expected: who is listed, and whether eligible; since and details: of those named; error: its code and message.
CREATE TEMP TABLE retrieval_case (
    n integer GENERATED ALWAYS AS IDENTITY,
    what text NOT NULL,
    func text NOT NULL,
    context text,
    options jsonb,
    only_user bigint,
    expected jsonb,
    since jsonb NOT NULL DEFAULT '{}',
    details jsonb NOT NULL DEFAULT '{}',
    error text);
GRANT SELECT ON retrieval_case TO reader;

INSERT INTO retrieval_case (what, func, context, options, only_user, expected, since, details) VALUES
    -- completions
    ('a whole course', 'completions', 'course-v1:Lake+Swim+1', '{}', NULL,
     '{"1": true, "2": true, "3": true, "4": false, "8": true, "9": false}',
     '{"1": "2024-01-01", "4": null, "8": null}',
     '{"1": {"current_completion": 0.95, "required_completion": 0.9},
       "3": {"current_completion": 0.9, "required_completion": 0.9}}'),
    ('on the boundary', 'completions', 'course-v1:Lake+Swim+1', '{}', 2, '{"2": true}', '{"2": "2024-01-02"}', '{}'),
    ('on the boundary but for the last bit', 'completions', 'course-v1:Lake+Swim+1', '{}', 3, '{"3": true}', '{}', '{}'),
    ('below the boundary', 'completions', 'course-v1:Lake+Swim+1', '{}', 4, '{"4": false}', '{"4": null}', '{}'),
    ('no completion record', 'completions', 'course-v1:Lake+Swim+1', '{}', 5, '{}', '{}', '{}'),
    ('enrolment not active', 'completions', 'course-v1:Lake+Swim+1', '{}', 6, '{}', '{}', '{}'),
    ('not enrolled', 'completions', 'course-v1:Lake+Swim+1', '{}', 7, '{}', '{}', '{}'),
    ('time not known', 'completions', 'course-v1:Lake+Swim+1', '{}', 8, '{"8": true}', '{"8": null}', '{}'),
    ('nothing required', 'completions', 'course-v1:Lake+Swim+1', '{"required_completion": 0}', 9, '{"9": true}', '{"9": "2024-01-09"}', '{}'),
    ('everything required', 'completions', 'course-v1:Lake+Swim+1', '{"required_completion": 1}', NULL,
     '{"1": false, "2": false, "3": false, "4": false, "8": true, "9": false}', '{}', '{}'),
    ('null stands for absent', 'completions', 'course-v1:Lake+Swim+1', '{"required_completion": null, "source": null, "steps": null}', 2, '{"2": true}', '{}', '{}'),
    ('options of others', 'completions', 'course-v1:Lake+Swim+1', '{"template": "lake", "required_grades": 7}', 2, '{"2": true}', '{}', '{}'),
    ('steps of a path do not concern a course', 'completions', 'course-v1:Lake+Swim+1', '{"steps": {"course-v1:Lake+Swim+1": {"required_completion": 1}}}', 2, '{"2": true}', '{}', '{}'),
    ('unknown user', 'completions', 'course-v1:Lake+Swim+1', '{}', 999, '{}', '{}', '{}'),
    ('unknown course', 'completions', 'course-v1:Lake+Fly+1', '{}', NULL, '{}', '{}', '{}'),
    -- grades
    ('category on the boundary', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Homework": 0.8, "Exam": 0.9}}', 21,
     '{"21": true}', '{"21": "2024-02-02"}',
     '{"21": {"current_grades": {"homework": 80, "exam": 90, "total": 86}, "required_grades": {"homework": 80, "exam": 90}}}'),
    ('70 of 100 reaches 0.7', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": 0.7}}', 22, '{"22": true}', '{"22": "2024-02-02"}', '{}'),
    ('57 of 100 reaches 0.57', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Homework": 0.57}}', 22, '{"22": true}', '{"22": "2024-02-03"}', '{}'),
    ('0.3 of 0.1 + 0.2 reaches 1', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Homework": 1}}', 23, '{"23": true}', '{"23": null}', '{}'),
    ('69.999 of 100 does not reach 0.7', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": 0.7}}', 23, '{"23": false}', '{"23": null}', '{}'),
    ('points count, not the mean of subsections', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Homework": 0.11}}', 24, '{"24": false}', '{}', '{}'),
    ('categories in other letter case', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"hOMEWORK": 0.1, "EXAM": 0.75}}', 24,
     '{"24": true}', '{"24": "2024-02-06"}',
     '{"24": {"current_grades": {"homework": 10, "exam": 75, "total": 49}, "required_grades": {"homework": 10, "exam": 75}}}'),
    ('total on the boundary', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Total": 0.65}}', 25, '{"25": true}', '{"25": "2024-02-08"}', '{}'),
    ('total below the boundary', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"total": 0.6501}}', 25, '{"25": false}', '{}', '{}'),
    ('total of weights that are no binary fractions', 'subsection_grades', 'course-v1:Lake+Sail+1', '{"required_grades": {"TOTAL": 1}}', 41, '{"41": true}', '{"41": "2024-03-03"}',
     '{"41": {"current_grades": {"quiz": 100, "lab": 100, "exam": 100, "total": 100}, "required_grades": {"total": 100}}}'),
    ('total without a grade in one category', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Total": 0.4}}', 26, '{"26": true}', '{"26": "2024-02-09"}', '{}'),
    ('required category without a grade', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": 0, "Total": 0.1}}', 26, '{"26": false}', '{}', '{}'),
    ('no grade', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": 0}}', 27, '{"27": false}', '{}',
     '{"27": {"current_grades": {"total": 0}, "required_grades": {"exam": 0}}}'),
    ('no grade, and a total of 0 required', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Total": 0}}', 27, '{"27": true}', '{"27": null}', '{}'),
    ('possible is 0', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": 0.01}}', 28, '{"28": false}', '{}',
     '{"28": {"current_grades": {"homework": 0, "exam": 0, "total": 0}, "required_grades": {"exam": 1}}}'),
    ('possible is 0, and 0 required', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": 0}}', 28, '{"28": true}', '{}', '{}'),
    ('a bonus counts in the total', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Total": 0.66}}', 29, '{"29": true}', '{}', '{}'),
    ('a category that is not required does not matter', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Homework": 1}}', 29, '{"29": true}', '{"29": "2024-02-11"}', '{}'),
    ('thirds', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Homework": 0.33333333333, "Exam": 0.66666666667}}', 30, '{"30": true}', '{}',
     '{"30": {"current_grades": {"homework": 33.333333333, "exam": 66.666666667, "total": 53.333333333}, "required_grades": {"homework": 33.333333333, "exam": 66.666666667}}}'),
    ('a penalty', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Homework": 0}}', 31, '{"31": false}', '{}', '{}'),
    ('grades, enrolment not active', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": 0}}', 32, '{}', '{}', '{}'),
    ('grades, not enrolled', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": 0}}', 33, '{}', '{}', '{}'),
    ('the latest time that is known', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": 1}}', 34, '{"34": true}', '{"34": "2024-02-17"}', '{}'),
    ('a required category that is null', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Homework": 1, "Exam": null}}', 26, '{"26": true}', '{}', '{}'),
    ('a whole course of grades', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Homework": 0.1, "Exam": 0.7, "Total": 0.6}}', NULL,
     '{"21": true, "22": true, "23": false, "24": false, "25": true, "26": false, "27": false, "28": false, "29": false, "30": false, "31": false, "34": true}',
     '{"22": "2024-02-03"}', '{}'),
    ('another user''s unknown category', 'subsection_grades', 'course-v1:Lake+Dive+1', '{"required_grades": {"Exam": 1}}', 51, '{"51": true}', '{}', '{}'),
    ('an unknown category of somebody who is not enrolled', 'subsection_grades', 'course-v1:Lake+Dive+1', '{"required_grades": {"Exam": 1}}', 53, '{}', '{}', '{}'),
    -- both
    ('both reached, since the later', 'completions_and_grades', 'course-v1:Lake+One+1', '{"required_grades": {"Exam": 0.8}}', 61, '{"61": true}', '{"61": "2024-04-03"}',
     '{"61": {"current_completion": 1, "required_completion": 0.9, "current_grades": {"exam": 80, "total": 80}, "required_grades": {"exam": 80}}}'),
    ('grades not reached', 'completions_and_grades', 'course-v1:Lake+One+1', '{"required_grades": {"Exam": 0.81}}', 61, '{"61": false}', '{"61": null}', '{}'),
    ('completion not reached', 'completions_and_grades', 'course-v1:Lake+Two+1', '{"required_grades": {"Exam": 0.6}}', 67, '{"67": false}', '{}', '{}'),
    ('both, completion lowered', 'completions_and_grades', 'course-v1:Lake+Two+1', '{"required_grades": {"Exam": 0.6}, "required_completion": 0.5}', 67, '{"67": true}', '{"67": "2024-04-03"}', '{}'),
    ('grades, but no completion record', 'completions_and_grades', 'course-v1:Lake+One+1', '{"required_grades": {"Exam": 0.8}}', 68, '{}', '{}', '{}'),
    ('both, a whole course', 'completions_and_grades', 'course-v1:Lake+One+1', '{"required_grades": {"Exam": 0.8}}', NULL,
     '{"61": true, "62": true, "63": true, "64": false, "66": true, "67": false}', '{}', '{}'),
    -- Learning Paths
    ('a whole path', 'completions', 'path-v1:Lake+All+1+a', '{}', NULL, '{"61": true, "62": false, "66": false, "67": false}',
     '{"61": "2024-04-02", "62": null}',
     '{"61": {"steps": {"course-v1:Lake+One+1": {"current_completion": 1, "required_completion": 0.9},
                        "course-v1:Lake+Two+1": {"current_completion": 1, "required_completion": 0.9}}},
       "62": {"steps": {"course-v1:Lake+One+1": {"current_completion": 1, "required_completion": 0.9}}}}'),
    ('present in one step only', 'completions', 'path-v1:Lake+All+1+a', '{"required_completion": 0}', 62, '{"62": false}', '{}', '{}'),
    ('in the courses, not in the path', 'completions', 'path-v1:Lake+All+1+a', '{}', 63, '{}', '{}', '{}'),
    ('path enrolment not active', 'completions', 'path-v1:Lake+All+1+a', '{}', 64, '{}', '{}', '{}'),
    ('in the path, in none of its courses', 'completions', 'path-v1:Lake+All+1+a', '{}', 65, '{}', '{}', '{}'),
    ('enrolment in a step not active', 'completions', 'path-v1:Lake+All+1+a', '{}', 66, '{"66": false}', '{}', '{}'),
    ('a step with a lower requirement', 'completions', 'path-v1:Lake+All+1+a', '{"steps": {"course-v1:Lake+Two+1": {"required_completion": 0.5}}}', 67, '{"67": true}', '{"67": null}',
     '{"67": {"steps": {"course-v1:Lake+One+1": {"current_completion": 1, "required_completion": 0.9},
                        "course-v1:Lake+Two+1": {"current_completion": 0.5, "required_completion": 0.5}}}}'),
    ('a step of its own takes nothing from the rest', 'completions', 'path-v1:Lake+All+1+a', '{"required_completion": 0.4, "steps": {"course-v1:Lake+Two+1": {}}}', 67, '{"67": false}', '{}', '{}'),
    ('a step that is null has no options of its own', 'completions', 'path-v1:Lake+All+1+a', '{"required_completion": 0.4, "steps": {"course-v1:Lake+Two+1": null}}', 67, '{"67": true}', '{}', '{}'),
    ('an empty path', 'completions', 'path-v1:Lake+None+1+a', '{}', NULL, '{}', '{}', '{}'),
    ('an empty path and grades', 'subsection_grades', 'path-v1:Lake+None+1+a', '{"required_grades": {"Exam": 0}}', NULL, '{}', '{}', '{}'),
    ('an unknown path', 'completions_and_grades', 'path-v1:Lake+Fly+1+a', '{"required_grades": {"Exam": 0}}', NULL, '{}', '{}', '{}'),
    ('grades of a path', 'subsection_grades', 'path-v1:Lake+All+1+a', '{"required_grades": {"Exam": 0.8}}', NULL,
     '{"61": true, "62": false, "66": false, "67": false}', '{"61": "2024-04-03"}', '{}'),
    ('every step with requirements of its own', 'subsection_grades', 'path-v1:Lake+All+1+a',
     '{"steps": {"course-v1:Lake+One+1": {"required_grades": {"Exam": 0.8}}, "course-v1:Lake+Two+1": {"required_grades": {"Total": 0.6}}}}', 61, '{"61": true}', '{"61": "2024-04-04"}',
     '{"61": {"steps": {"course-v1:Lake+One+1": {"current_grades": {"exam": 80, "total": 80}, "required_grades": {"exam": 80}},
                        "course-v1:Lake+Two+1": {"current_grades": {"essay": 40, "exam": 80, "total": 60}, "required_grades": {"total": 60}}}}}'),
    ('both, of a path', 'completions_and_grades', 'path-v1:Lake+All+1+a', '{"required_grades": {"Exam": 0.8}}', NULL,
     '{"61": true, "62": false, "66": false, "67": false}', '{"61": "2024-04-03"}',
     '{"62": {"steps": {"course-v1:Lake+One+1": {"current_completion": 1, "required_completion": 0.9,
                                                  "current_grades": {"exam": 80, "total": 80}, "required_grades": {"exam": 80}}}}}'),
    ('both, a step that fails one half', 'completions_and_grades', 'path-v1:Lake+All+1+a',
     '{"required_grades": {"Exam": 0.8}, "steps": {"course-v1:Lake+Two+1": {"required_grades": {"Essay": 0.5}}}}', 61, '{"61": false}', '{}', '{}'),
    -- another source
    ('another source', 'completions', 'course-v1:Sea+Swim+1', '{"source": "Else; where\""}', 1, '{"1": true}', '{"1": "2024-05-01"}',
     '{"1": {"current_completion": 0.9, "required_completion": 0.9}}'),
    ('another source, grades', 'subsection_grades', 'course-v1:Sea+Swim+1', '{"source": "Else; where\"", "required_grades": {"Exam": 0.7}}', NULL, '{"1": true, "2": true}', '{}', '{}'),
    ('another source, a path', 'completions_and_grades', 'path-v1:Sea+All+1+a', '{"source": "Else; where\"", "required_grades": {"Exam": 0.7}}', 1, '{"1": true}', '{"1": "2024-05-01"}', '{}'),
    ('NULL counts as 0', 'completions_and_grades', 'course-v1:Sea+Sail+1', '{"source": "Else; where\"", "required_grades": {"Exam": 0.7}}', NULL, '{"4": false}', '{}',
     '{"4": {"current_completion": 0, "required_completion": 0.9, "current_grades": {"exam": 0, "total": 0}, "required_grades": {"exam": 70}}}'),
    ('a source with no more than is read', 'completions', 'course-v1:Lake+Swim+1', '{"source": "learning_credentials"}', 2, '{"2": true}', '{}', '{}');

INSERT INTO retrieval_case (what, func, context, options, error) VALUES
    -- the call
    ('no key', 'completions', NULL, '{}', '22004 learning_context_key must not be null'),
    ('no options', 'completions', 'course-v1:Lake+Swim+1', NULL, '22004 options must not be null'),
    ('not a key', 'completions', 'Lake', '{}', '22023 "Lake" is not a learning context key'),
    ('options that are no object', 'completions', 'course-v1:Lake+Swim+1', '[]', '22023 options: expected an object, not a list'),
    -- options
    ('required_completion is a text', 'completions', 'course-v1:Lake+Swim+1', '{"required_completion": "0.9"}', '22023 required_completion: expected a number from 0 to 1, not "0.9"'),
    ('required_completion in percent', 'completions', 'course-v1:Lake+Swim+1', '{"required_completion": 90}', '22023 required_completion: expected a number from 0 to 1, not 90'),
    ('required_completion negative', 'completions', 'course-v1:Lake+Swim+1', '{"required_completion": -0.1}', '22023 required_completion: expected a number from 0 to 1, not -0.1'),
    ('required_grades missing', 'subsection_grades', 'course-v1:Lake+Row+1', '{}', '22023 required_grades: missing'),
    ('required_grades missing, both', 'completions_and_grades', 'course-v1:Lake+Row+1', '{"required_completion": 0.5}', '22023 required_grades: missing'),
    ('required_grades null', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": null}', '22023 required_grades: missing'),
    ('required_grades empty', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {}}', '22023 required_grades: expected at least one category or "Total"'),
    ('required_grades all null', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": null}}', '22023 required_grades: expected at least one category or "Total"'),
    ('required_grades is a number', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": 0.9}', '22023 required_grades: expected an object, not 0.9'),
    ('required_grades is a list', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": [0.9]}', '22023 required_grades: expected an object, not a list'),
    ('a required grade in percent', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": 90}}', '22023 required_grades.Exam: expected a number from 0 to 1, not 90'),
    ('a required grade that is a text', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": "high"}}', '22023 required_grades.Exam: expected a number from 0 to 1, not "high"'),
    ('a category twice', 'subsection_grades', 'course-v1:Lake+Row+1', '{"required_grades": {"Exam": 0.5, "exam": 0.6}}', '22023 required_grades.exam: the category is there twice'),
    ('source is a number', 'completions', 'course-v1:Lake+Swim+1', '{"source": 7}', '22023 source: expected a text, not 7'),
    ('no such schema', 'completions', 'course-v1:Lake+Swim+1', '{"source": "moodle"}', '22023 source: there is no schema "moodle"'),
    ('an injection', 'completions', 'course-v1:Lake+Swim+1', '{"source": "learning_credentials.lms_user; --"}', '22023 source: there is no schema "learning_credentials.lms_user; --"'),
    ('no such relation', 'completions', 'course-v1:Lake+Swim+1', '{"source": "half_a_source"}', '22023 source: schema "half_a_source" has no relation "lms_course_completion"'),
    ('steps is a list', 'completions', 'path-v1:Lake+All+1+a', '{"steps": []}', '22023 steps: expected an object, not a list'),
    ('a step is a number', 'completions', 'path-v1:Lake+All+1+a', '{"steps": {"course-v1:Lake+One+1": 0.5}}', '22023 steps.course-v1:Lake+One+1: expected an object, not 0.5'),
    ('a step that is not in the path', 'completions', 'path-v1:Lake+All+1+a', '{"steps": {"course-v1:Lake+Own+1": {}}}', '22023 steps.course-v1:Lake+Own+1: Learning Path "path-v1:Lake+All+1+a" has no such step'),
    ('an unknown key in a step', 'completions', 'path-v1:Lake+All+1+a', '{"steps": {"course-v1:Lake+One+1": {"required_completon": 0.5}}}', '22023 steps.course-v1:Lake+One+1.required_completon: unknown key'),
    ('a source in a step', 'completions', 'path-v1:Lake+All+1+a', '{"steps": {"course-v1:Lake+One+1": {"source": "x"}}}', '22023 steps.course-v1:Lake+One+1.source: unknown key'),
    ('a bad value in a step', 'completions', 'path-v1:Lake+All+1+a', '{"steps": {"course-v1:Lake+One+1": {"required_completion": 2}}}', '22023 steps.course-v1:Lake+One+1.required_completion: expected a number from 0 to 1, not 2'),
    ('a step without required_grades', 'subsection_grades', 'path-v1:Lake+All+1+a', '{"required_grades": {"Exam": 0.5}, "steps": {"course-v1:Lake+One+1": {}}}', '22023 steps.course-v1:Lake+One+1.required_grades: missing'),
    ('a step that needs the required_grades of the rest', 'subsection_grades', 'path-v1:Lake+All+1+a', '{"steps": {"course-v1:Lake+One+1": {"required_grades": {"Exam": 0.5}}}}', '22023 required_grades: missing'),
    -- facts
    ('a graded category that is not in the policy', 'subsection_grades', 'course-v1:Lake+Dive+1', '{"required_grades": {"Exam": 1}}', '22000 graded category "Field Trip" is not in the grading policy of course "course-v1:Lake+Dive+1"'),
    ('a category named Total', 'subsection_grades', 'course-v1:Lake+Total+1', '{"required_grades": {"Total": 1}}', '22000 the grading policy of course "course-v1:Lake+Total+1" has a category "Total"'),
    ('a category twice in a policy', 'subsection_grades', 'course-v1:Lake+Twice+1', '{"required_grades": {"Total": 1}}', '22000 the grading policy of course "course-v1:Lake+Twice+1" has the category "exam" twice'),
    ('a completion that is no number', 'completions', 'course-v1:Sea+Swim+1', '{"source": "Else; where\""}', '22000 the completion of user 2 in course "course-v1:Sea+Swim+1" is not a finite number'),
    ('a grade that is no number', 'subsection_grades', 'course-v1:Sea+Row+1', '{"source": "Else; where\"", "required_grades": {"Exam": 1}}', '22000 the grade of user 3 in course "course-v1:Sea+Row+1" is not a finite number');

-- What a case is answered, in the form of its expectation.
CREATE FUNCTION pg_temp.answer(c retrieval_case) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    result jsonb;
BEGIN
    EXECUTE pg_catalog.format(
        'SELECT pg_catalog.jsonb_build_object(
                    ''expected'', coalesce(pg_catalog.jsonb_object_agg(user_id, is_eligible), ''{}''),
                    ''since'', coalesce(pg_catalog.jsonb_object_agg(user_id, eligible_since::date)
                                        FILTER (WHERE $4 ? user_id::text), ''{}''),
                    ''details'', coalesce(pg_catalog.jsonb_object_agg(user_id, details)
                                          FILTER (WHERE $5 ? user_id::text), ''{}''),
                    ''rows'', pg_catalog.count(*))
           FROM learning_credentials.retrieve_%s($1, $2, $3)', c.func)
       INTO result USING c.context, c.options, c.only_user, c.since, c.details;
    -- A user listed twice would be lost in an object.
    IF (result ->> 'rows')::int <> (SELECT count(*) FROM jsonb_object_keys(result -> 'expected')) THEN
        RETURN jsonb_build_object('error', 'a user is listed twice');
    END IF;
    RETURN result - 'rows';
EXCEPTION WHEN OTHERS THEN
    RETURN jsonb_build_object('error', SQLSTATE || ' ' || SQLERRM);
END
$$;

SET ROLE reader;
SET LOCAL search_path = pg_catalog, pg_temp;
CREATE TEMP TABLE answered AS
SELECT c.*, pg_temp.answer(c) AS answer FROM pg_temp.retrieval_case AS c;
RESET ROLE;
RESET search_path;

SELECT count(*) AS cases, count(error) AS errors FROM answered;
-- Every case is as expected: no row.
SELECT n, what, answer
  FROM answered
 WHERE answer IS DISTINCT FROM
       CASE WHEN error IS NOT NULL THEN jsonb_build_object('error', error)
            ELSE jsonb_build_object('expected', expected, 'since', since, 'details', details) END
 ORDER BY n;
SELECT n, what, func, coalesce(answer ->> 'error', answer ->> 'expected') AS answer FROM answered ORDER BY n;

-- ------------------------------------------------------------ whole rows, hints and warnings
\set VERBOSITY default
SET ROLE reader;
SELECT * FROM learning_credentials.retrieve_completions_and_grades(
    'course-v1:Lake+One+1', '{"required_grades": {"Exam": 0.8}}') WHERE user_id = 61;
SELECT * FROM learning_credentials.retrieve_subsection_grades(
    'course-v1:Lake+Row+1', '{"required_grades": {"Exams": 0.1}}', 21);
SELECT * FROM learning_credentials.retrieve_subsection_grades(
    'course-v1:Lake+Row+1', '{"required_grades": {"Exam": 0.5, "EXAM": 0.6}}');
SELECT * FROM learning_credentials.retrieve_subsection_grades(
    'course-v1:Lake+Total+1', '{"required_grades": {"Exam": 0.5}}');
SELECT * FROM learning_credentials.retrieve_completions('course-v1:Lake+Swim+1', '{"source": "half_a_source"}');
SELECT * FROM learning_credentials.retrieve_completions(
    'path-v1:Lake+All+1+a', '{"steps": {"course-v1:Lake+One+1": {"required_completon": 0.5}}}');
-- In a select list.
SELECT learning_credentials.retrieve_completions('course-v1:Lake+Swim+1', '{}', 2);
RESET ROLE;
\set VERBOSITY terse

-- ------------------------------------------------------------ whose rights
CREATE ROLE stranger;
GRANT USAGE ON SCHEMA learning_credentials TO stranger;
SET ROLE stranger;
SELECT * FROM learning_credentials.retrieve_completions('course-v1:Lake+Swim+1', '{}');
SELECT * FROM learning_credentials.retrieve_subsection_grades('course-v1:Lake+Row+1', '{}');
SELECT * FROM learning_credentials.retrieve_completions_and_grades('course-v1:Lake+Row+1', '{}');
RESET ROLE;
GRANT EXECUTE ON FUNCTION
    learning_credentials.retrieve_completions(text, jsonb, bigint),
    learning_credentials.retrieve_subsection_grades(text, jsonb, bigint) TO stranger;
SET ROLE stranger;
SELECT * FROM learning_credentials.retrieve_completions('course-v1:Lake+Swim+1', '{}');
SELECT * FROM learning_credentials.retrieve_subsection_grades('course-v1:Lake+Row+1', '{"required_grades": {"Exam": 0.5}}');
SELECT * FROM learning_credentials.retrieve_completions('course-v1:Sea+Swim+1', '{"source": "Else; where\""}');
RESET ROLE;

-- ------------------------------------------------------------ an operator of the caller's own is not taken
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO reader;
CREATE FUNCTION trap.always(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.always);
SET ROLE reader;
SET LOCAL search_path = trap, pg_catalog;
SELECT count(*) FROM learning_credentials.retrieve_completions('course-v1:Lake+Fly+1', '{}');
SHOW search_path;
RESET ROLE;

-- ------------------------------------------------------------ volatility, rights, help
SELECT p.proname, p.provolatile, p.prosecdef, p.proretset,
       p.proacl::text LIKE '%,=%' OR p.proacl::text LIKE '{=%' AS public_may,
       pg_catalog.obj_description(p.oid, 'pg_proc') LIKE E'%\n\nOptions:\n  source: %' AS has_options
  FROM pg_catalog.pg_proc AS p
 WHERE p.pronamespace = 'learning_credentials'::regnamespace AND p.proname LIKE 'retrieve\_%'
 ORDER BY 1;
ROLLBACK;
