-- ============================================================ built-in retrieval functions
-- Invoker's rights: they read the source with the rights of whoever calls them.

CREATE FUNCTION learning_credentials.retrieve_completions(
    learning_context_key text,
    options jsonb,
    user_id bigint DEFAULT NULL) RETURNS SETOF learning_credentials.eligibility
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'lc_retrieve_completions';
COMMENT ON FUNCTION learning_credentials.retrieve_completions(text, jsonb, bigint) IS
'Who has completed a course, or each course of a Learning Path. Lists users with an active enrolment and a completion record; eligible_since is when the completion that counted last changed. Details: current_completion and required_completion, fractions of 1; for a Learning Path the same in "steps", by course key.

Numbers are compared after rounding to nine decimals. A Learning Path lists users who are actively enrolled in it and listed in a step; eligible is who is eligible in every step, since the latest of the steps'' times. Errors: 22023 for options that do not fit, 22000 for facts that do not.

Options:
  source: schema that holds the facts (default "learning_credentials")
  required_completion: least fraction of the course, 0 to 1 (default 0.9)
  steps: options of single steps of a Learning Path, {"COURSE KEY": {...}}; an object stands for all of the options above but source; a key that is no step of the path is an error; ignored for a course';
REVOKE ALL ON FUNCTION learning_credentials.retrieve_completions(text, jsonb, bigint) FROM PUBLIC;

CREATE FUNCTION learning_credentials.retrieve_subsection_grades(
    learning_context_key text,
    options jsonb,
    user_id bigint DEFAULT NULL) RETURNS SETOF learning_credentials.eligibility
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'lc_retrieve_subsection_grades';
COMMENT ON FUNCTION learning_credentials.retrieve_subsection_grades(text, jsonb, bigint) IS
'Who has reached the grades of a course, or of each course of a Learning Path. Lists users with an active enrolment. A category''s grade is 100 x earned / possible summed over its subsections (0 where possible is 0), the total is the sum of grade x policy weight. Eligible: every required category has a grade and reaches its requirement, and the total reaches that of "Total". eligible_since is when the latest subsection that counted was graded: of the required categories, of all where "Total" is required. A graded category that is not in the course''s grading policy is an error that names it. Details: current_grades (with total) and required_grades, in percent, by the name of the category in lower case; for a Learning Path the same in "steps", by course key.

Numbers are compared after rounding to nine decimals. A Learning Path lists users who are actively enrolled in it and listed in a step; eligible is who is eligible in every step, since the latest of the steps'' times. Errors: 22023 for options that do not fit, 22000 for facts that do not.

Options:
  source: schema that holds the facts (default "learning_credentials")
  required_grades: least grade by category, fractions 0 to 1, {"Homework": 0.4, "Exam": 0.9, "Total": 0.8}; letter case makes no difference; at least one (required)
  steps: options of single steps of a Learning Path, {"COURSE KEY": {...}}; an object stands for all of the options above but source; a key that is no step of the path is an error; ignored for a course';
REVOKE ALL ON FUNCTION learning_credentials.retrieve_subsection_grades(text, jsonb, bigint) FROM PUBLIC;

CREATE FUNCTION learning_credentials.retrieve_completions_and_grades(
    learning_context_key text,
    options jsonb,
    user_id bigint DEFAULT NULL) RETURNS SETOF learning_credentials.eligibility
LANGUAGE C STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'lc_retrieve_completions_and_grades';
COMMENT ON FUNCTION learning_credentials.retrieve_completions_and_grades(text, jsonb, bigint) IS
'Who has completed a course and reached its grades, or those of each course of a Learning Path: who is listed and eligible for both retrieve_completions() and retrieve_subsection_grades(), since the later of the two times. Details: those of both.

Errors: 22023 for options that do not fit, 22000 for facts that do not.

Options:
  source: schema that holds the facts (default "learning_credentials")
  required_completion: least fraction of the course, 0 to 1 (default 0.9)
  required_grades: least grade by category, fractions 0 to 1, {"Homework": 0.4, "Exam": 0.9, "Total": 0.8}; letter case makes no difference; at least one (required)
  steps: options of single steps of a Learning Path, {"COURSE KEY": {...}}; an object stands for all of the options above but source; a key that is no step of the path is an error; ignored for a course';
REVOKE ALL ON FUNCTION learning_credentials.retrieve_completions_and_grades(text, jsonb, bigint) FROM PUBLIC;
