-- The academy that course_data.sql describes, and when the credentials of definitions.sql are issued.
\pset footer off

\echo '==== The academy'
\echo
SELECT x.key AS "course or Learning Path",
       count(e.user_id) AS enrolled,
       (SELECT nullif(count(*), 0) FROM learning_credentials.lms_course_completion c
         WHERE c.course_key = x.key AND c.percent >= 0.9) AS "completed 90 %"
  FROM learning_credentials.lms_context x
  JOIN learning_credentials.lms_enrollment e ON e.context_key = x.key AND e.is_active
 GROUP BY x.key
 ORDER BY x.key;

\echo '==== What the first runs would do, and what they would do if 75 % of a course were enough: plan_summary'
\echo
SELECT t.name AS type, split_part(c.learning_context_key, '+', 2) AS course,
       max(p.users) FILTER (WHERE p.action = 'issue') AS "would be issued to",
       max(p.users) FILTER (WHERE p.action = 'not_eligible') AS "are not eligible",
       max(q.users) FILTER (WHERE q.action = 'issue') AS "at 75 %"
  FROM learning_credentials.credential_configuration c
  JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id
 CROSS JOIN LATERAL learning_credentials.plan_summary(c.id) AS p
  JOIN LATERAL learning_credentials.plan_summary(c.id, '{"required_completion": 0.75}') AS q USING (action)
 GROUP BY c.id, t.name
 ORDER BY c.id;

\echo '==== The course team schedules them: first in a few seconds, then each in its rhythm'
\echo
-- Each would say to how many its first run will issue; above, it stands in one table.
SET client_min_messages = warning;
UPDATE learning_credentials.credential_configuration c
   SET enabled = true, time_zone = 'Europe/Lisbon', starts_at = soon.at,
       schedule = CASE t.name WHEN 'Completion' THEN 'every 1 day'
                              WHEN 'Achievement' THEN 'every 1 week'
                              ELSE 'at ' || to_char(soon.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') END
  FROM learning_credentials.credential_type t,
       (SELECT date_trunc('second', now()) + interval '3 seconds' AS at) AS soon
 WHERE t.id = c.credential_type_id;

SELECT t.name AS type, split_part(c.learning_context_key, '+', 2) AS course, c.schedule, c.next_run_at AS "first run"
  FROM learning_credentials.credential_configuration c
  JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id
 ORDER BY c.id;
