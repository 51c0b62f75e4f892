-- ============================================================ the built-in source of LMS facts
-- Another source is a schema of views with the same names and columns; see docs/sources.md.

CREATE TABLE learning_credentials.lms_user (
    id bigint PRIMARY KEY,
    username text NOT NULL UNIQUE,
    full_name text NOT NULL DEFAULT '',
    first_name text NOT NULL DEFAULT '',
    last_name text NOT NULL DEFAULT '',
    email text NOT NULL DEFAULT '',
    is_active boolean NOT NULL DEFAULT true,
    can_login boolean NOT NULL DEFAULT true);
COMMENT ON TABLE learning_credentials.lms_user IS
'The people of the LMS. The name on a credential is full_name if not blank, else first and last name, else username.';
COMMENT ON COLUMN learning_credentials.lms_user.id IS 'The LMS''s own number of the user.';
COMMENT ON COLUMN learning_credentials.lms_user.username IS 'The account''s name; unique.';
COMMENT ON COLUMN learning_credentials.lms_user.full_name IS 'The name as the user writes it.';
COMMENT ON COLUMN learning_credentials.lms_user.first_name IS 'Given name.';
COMMENT ON COLUMN learning_credentials.lms_user.last_name IS 'Family name.';
COMMENT ON COLUMN learning_credentials.lms_user.email IS 'Address.';
COMMENT ON COLUMN learning_credentials.lms_user.is_active IS 'Whether the account is active. Retrieval asks for an active enrolment, not for this.';
COMMENT ON COLUMN learning_credentials.lms_user.can_login IS 'Whether the user has a usable password.';

CREATE TABLE learning_credentials.lms_context (
    key text PRIMARY KEY
        CONSTRAINT key_form CHECK (learning_credentials.learning_context_kind(key) IS NOT NULL),
    display_name text NOT NULL DEFAULT '',
    certificate_name text NOT NULL DEFAULT '',
    invite_only boolean NOT NULL DEFAULT false);
COMMENT ON TABLE learning_credentials.lms_context IS
'Courses and Learning Paths. The name on a credential is certificate_name if not blank, else display_name, else the key.';
COMMENT ON COLUMN learning_credentials.lms_context.key IS 'course-v1:ORG+COURSE+RUN or path-v1:ORG+NUMBER+RUN+GROUP.';
COMMENT ON COLUMN learning_credentials.lms_context.display_name IS 'The name as the LMS shows it.';
COMMENT ON COLUMN learning_credentials.lms_context.certificate_name IS 'The name as it stands on a certificate; may hold a line break.';
COMMENT ON COLUMN learning_credentials.lms_context.invite_only IS 'Whether only members see a Learning Path.';

CREATE TABLE learning_credentials.lms_path_step (
    path_key text NOT NULL,
    course_key text NOT NULL,
    position integer NOT NULL,
    PRIMARY KEY (path_key, course_key),
    UNIQUE (path_key, position),
    CONSTRAINT path_key_form CHECK (learning_credentials.learning_context_kind(path_key) = 'path'),
    CONSTRAINT course_key_form CHECK (learning_credentials.learning_context_kind(course_key) = 'course'));
COMMENT ON TABLE learning_credentials.lms_path_step IS 'The courses of a Learning Path, in order.';
COMMENT ON COLUMN learning_credentials.lms_path_step.path_key IS 'The Learning Path.';
COMMENT ON COLUMN learning_credentials.lms_path_step.course_key IS 'The course that is a step of it.';
COMMENT ON COLUMN learning_credentials.lms_path_step.position IS 'Its place; steps follow each other in ascending order.';

CREATE TABLE learning_credentials.lms_enrollment (
    context_key text NOT NULL,
    user_id bigint NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    PRIMARY KEY (context_key, user_id));
CREATE INDEX ON learning_credentials.lms_enrollment (user_id);
COMMENT ON TABLE learning_credentials.lms_enrollment IS 'Who is, or was, enrolled in a course or a Learning Path.';
COMMENT ON COLUMN learning_credentials.lms_enrollment.context_key IS 'The course or Learning Path.';
COMMENT ON COLUMN learning_credentials.lms_enrollment.user_id IS 'The user.';
COMMENT ON COLUMN learning_credentials.lms_enrollment.is_active IS 'Whether the enrolment counts. Whoever left stays with false.';

CREATE TABLE learning_credentials.lms_grading_policy (
    course_key text NOT NULL,
    assignment_type text NOT NULL,
    weight double precision NOT NULL CHECK (weight >= 0 AND weight <= 1),
    PRIMARY KEY (course_key, assignment_type));
COMMENT ON TABLE learning_credentials.lms_grading_policy IS
'The graded categories of a course and their weights, fractions of 1.';
COMMENT ON COLUMN learning_credentials.lms_grading_policy.course_key IS 'The course.';
COMMENT ON COLUMN learning_credentials.lms_grading_policy.assignment_type IS 'The category, such as Homework.';
COMMENT ON COLUMN learning_credentials.lms_grading_policy.weight IS 'Its share of the total, a fraction of 1.';

CREATE TABLE learning_credentials.lms_subsection_grade (
    course_key text NOT NULL,
    user_id bigint NOT NULL,
    assignment_type text NOT NULL,
    subsection_key text NOT NULL,
    earned double precision NOT NULL,
    possible double precision NOT NULL CHECK (possible >= 0),
    graded_at timestamptz,
    PRIMARY KEY (course_key, user_id, subsection_key));
COMMENT ON TABLE learning_credentials.lms_subsection_grade IS 'Points of a user in a graded subsection.';
COMMENT ON COLUMN learning_credentials.lms_subsection_grade.course_key IS 'The course.';
COMMENT ON COLUMN learning_credentials.lms_subsection_grade.user_id IS 'The user.';
COMMENT ON COLUMN learning_credentials.lms_subsection_grade.assignment_type IS 'The category of the subsection.';
COMMENT ON COLUMN learning_credentials.lms_subsection_grade.subsection_key IS 'The subsection; any text that is unique in the course.';
COMMENT ON COLUMN learning_credentials.lms_subsection_grade.earned IS 'Points earned.';
COMMENT ON COLUMN learning_credentials.lms_subsection_grade.possible IS 'Points that could be earned.';
COMMENT ON COLUMN learning_credentials.lms_subsection_grade.graded_at IS 'When it was graded; NULL: unknown.';

CREATE TABLE learning_credentials.lms_course_completion (
    course_key text NOT NULL,
    user_id bigint NOT NULL,
    percent double precision NOT NULL CHECK (percent >= 0 AND percent <= 1),
    updated_at timestamptz,
    PRIMARY KEY (course_key, user_id));
COMMENT ON TABLE learning_credentials.lms_course_completion IS 'How much of a course a user has completed.';
COMMENT ON COLUMN learning_credentials.lms_course_completion.course_key IS 'The course.';
COMMENT ON COLUMN learning_credentials.lms_course_completion.user_id IS 'The user.';
COMMENT ON COLUMN learning_credentials.lms_course_completion.percent IS 'A fraction of 1, despite its name.';
COMMENT ON COLUMN learning_credentials.lms_course_completion.updated_at IS 'When it last changed; NULL: unknown.';

SELECT pg_catalog.pg_extension_config_dump('learning_credentials.lms_user', '');
SELECT pg_catalog.pg_extension_config_dump('learning_credentials.lms_context', '');
SELECT pg_catalog.pg_extension_config_dump('learning_credentials.lms_path_step', '');
SELECT pg_catalog.pg_extension_config_dump('learning_credentials.lms_enrollment', '');
SELECT pg_catalog.pg_extension_config_dump('learning_credentials.lms_grading_policy', '');
SELECT pg_catalog.pg_extension_config_dump('learning_credentials.lms_subsection_grade', '');
SELECT pg_catalog.pg_extension_config_dump('learning_credentials.lms_course_completion', '');
