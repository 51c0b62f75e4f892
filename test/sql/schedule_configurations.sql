-- When configurations run next, and what is queued when the time has come.
\set ON_ERROR_ROLLBACK on
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
\pset null NULL
SET client_min_messages = warning;
BEGIN;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';

INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func)
VALUES ('Scheduled', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf');

CREATE FUNCTION pg_temp.configure(course text, columns text DEFAULT 'enabled', vals text DEFAULT 'true') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options, %s)
                    SELECT %L, id, ''{"page": {}}'', %s FROM learning_credentials.credential_type WHERE name = ''Scheduled''',
                   columns, 'course-v1:schedule+' || course || '+1', vals);
END
$$;
CREATE FUNCTION pg_temp.change(course text, assignments text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE learning_credentials.credential_configuration SET %s WHERE learning_context_key = %L',
                   assignments, 'course-v1:schedule+' || course || '+1');
END
$$;
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
-- next_run_at as it stands, or beside now
CREATE VIEW pg_temp.next AS
SELECT split_part(learning_context_key, '+', 2) AS course, schedule, enabled, one_off,
       CASE WHEN next_run_at > now() - interval '11 days' AND next_run_at < now() + interval '11 days' THEN 'in ' || next_run_at - now() ELSE next_run_at::text END AS next_run
  FROM learning_credentials.credential_configuration WHERE learning_context_key LIKE 'course-v1:schedule+%';
CREATE VIEW pg_temp.runs AS
SELECT split_part(c.learning_context_key, '+', 2) AS course, r.trigger, r.status, r.error, r.started IS NOT NULL AS started
  FROM learning_credentials.run r JOIN learning_credentials.credential_configuration c ON c.id = r.configuration_id
 WHERE c.learning_context_key LIKE 'course-v1:schedule+%';

-- ------------------------------------------------------------ when it is written
SELECT pg_temp.configure('default');
SELECT pg_temp.configure('disabled', 'schedule', '''every 2 days''');
SELECT pg_temp.configure('at', 'enabled, schedule, time_zone', $$true, 'at 2999-06-01 12:00', 'Europe/Warsaw'$$);
SELECT pg_temp.configure('past', 'enabled, schedule', $$true, 'at 2000-06-01 12:00'$$);
SELECT pg_temp.configure('starts', 'enabled, schedule, starts_at', $$true, 'every 10 days', '2999-01-01 12:00'$$);
SELECT pg_temp.configure('cron', 'enabled, schedule, starts_at, ends_at', $$true, '30 12 1 * *', '2999-01-01 13:00', '2999-02-02'$$);
SELECT pg_temp.configure('ends', 'enabled, schedule, starts_at, ends_at', $$true, '30 12 1 * *', '2999-01-01 13:00', '2999-02-01 12:30'$$);
SELECT pg_temp.configure('never', 'enabled, schedule', $$true, '0 0 30 2 *'$$);
SELECT pg_temp.configure('given', 'enabled, schedule, next_run_at', $$true, 'every 2 days', '2000-01-01'$$);
SELECT * FROM pg_temp.next ORDER BY course COLLATE "C";

-- refused, enabled or not
SELECT pg_temp.refusal($$SELECT pg_temp.configure('x', 'schedule', '''every now and then''')$$);
SELECT pg_temp.refusal($$SELECT pg_temp.configure('x', 'time_zone', '''Mars/Olympus''')$$);
SELECT pg_temp.refusal($$SELECT pg_temp.configure('x', 'schedule', 'NULL')$$);
SELECT pg_temp.refusal($$SELECT pg_temp.configure('x', 'time_zone', 'NULL')$$);
SELECT pg_temp.refusal($$SELECT pg_temp.configure('x', 'enabled', 'NULL')$$);
SELECT pg_temp.refusal($$SELECT pg_temp.change('default', 'schedule = ''*/5 * * *''')$$);
SELECT pg_temp.refusal($$SELECT pg_temp.change('disabled', 'time_zone = ''UTC+''')$$);

-- ------------------------------------------------------------ when it is changed
SELECT pg_temp.change('disabled', 'enabled = true');
SELECT pg_temp.change('default', 'enabled = false');
SELECT pg_temp.change('at', $$time_zone = 'America/New_York'$$);
SELECT pg_temp.change('past', $$schedule = 'at 2998-06-01 12:00'$$);
SELECT pg_temp.change('starts', $$starts_at = '2999-01-01 14:00'$$);
SELECT pg_temp.change('cron', $$ends_at = '2999-01-15'$$);
SELECT pg_temp.change('ends', 'ends_at = NULL');
SELECT * FROM pg_temp.next ORDER BY course COLLATE "C";
-- what it does not follow from leaves it as it is; setting it by hand moves one run
SELECT pg_temp.change('disabled', $$next_run_at = '2999-01-01'$$);
SELECT pg_temp.change('disabled', $$custom_options = '{"page": {"size": "A5"}}', enabled = true, schedule = 'every 2 days'$$);
SELECT pg_temp.change('starts', $$next_run_at = '2999-01-01 15:00', last_run_at = now()$$);
SELECT * FROM pg_temp.next WHERE course IN ('disabled', 'starts') ORDER BY course COLLATE "C";
-- beyond the bounds, and of one that is not enabled, there is none
SELECT pg_temp.refusal($$SELECT pg_temp.change('default', 'next_run_at = now()')$$);
SELECT pg_temp.refusal($$SELECT pg_temp.change('starts', $x$next_run_at = '2999-01-01 13:59'$x$)$$);
SELECT pg_temp.refusal($$SELECT pg_temp.change('cron', 'next_run_at = ends_at')$$);

-- ------------------------------------------------------------ when the time has come
SELECT learning_credentials.queue_due_runs() AS nothing_due;
UPDATE learning_credentials.credential_configuration SET enabled = false WHERE learning_context_key LIKE 'course-v1:schedule+%';
SELECT pg_temp.configure('once', 'enabled, schedule, one_off', $$true, 'every 3 days', true$$);
SELECT pg_temp.configure('last', 'enabled, schedule, starts_at, ends_at', $$true, 'every 3 days', now() - interval '9 days', now() + interval '1 day'$$);
SELECT pg_temp.configure('hidden', 'enabled, schedule', $$true, 'every 3 days'$$);
SELECT pg_temp.configure('asked', 'enabled, schedule, starts_at', $$true, 'every 3 days', now() - interval '10 days'$$);
SELECT pg_temp.configure('missed', 'enabled, schedule, starts_at', $$true, 'every 1 day', now() - interval '100 days 1 hour'$$);
SELECT pg_temp.configure('later', 'enabled, schedule', $$true, 'every 3 days'$$);
SELECT learning_credentials.request_run(id) IS NOT NULL AS asked
  FROM learning_credentials.credential_configuration WHERE learning_context_key LIKE '%+asked+%';
UPDATE learning_credentials.credential_configuration SET next_run_at = now() - interval '10 days'
 WHERE learning_context_key ~ 'schedule\+(once|hidden|asked|missed)';
UPDATE learning_credentials.credential_configuration SET next_run_at = now() WHERE learning_context_key LIKE '%+last+%';
UPDATE learning_credentials.credential_configuration SET suspension_reason = 'Crashes' WHERE learning_context_key LIKE '%+hidden+%';
SELECT learning_credentials.queue_due_runs();
SELECT * FROM pg_temp.next WHERE enabled ORDER BY course COLLATE "C";
SELECT * FROM pg_temp.runs ORDER BY course COLLATE "C", trigger;
SELECT learning_credentials.queue_due_runs() AS again;
-- a one_off is armed by whatever changes its schedule, and by being enabled again
SELECT pg_temp.change('once', 'enabled = true');
SELECT next_run AS still FROM pg_temp.next WHERE course = 'once';
SELECT pg_temp.change('once', $$schedule = 'every 4 days'$$);
SELECT next_run AS changed FROM pg_temp.next WHERE course = 'once';
UPDATE learning_credentials.credential_configuration SET next_run_at = now() WHERE learning_context_key LIKE '%+once+%';
DELETE FROM learning_credentials.run r USING learning_credentials.credential_configuration c
 WHERE c.id = r.configuration_id AND c.learning_context_key LIKE '%+once+%';
SELECT learning_credentials.queue_due_runs();
SELECT pg_temp.change('once', 'enabled = false');
SELECT pg_temp.change('once', 'enabled = true');
SELECT next_run AS enabled_again FROM pg_temp.next WHERE course = 'once';
-- one that is not suspended any more runs late
SELECT pg_temp.change('hidden', 'suspension_reason = NULL');
SELECT learning_credentials.queue_due_runs();

-- retries that are queued alone become the run that is due or asked for: it retrieves, and retries as well
SELECT pg_temp.configure('due', 'enabled, schedule', $$true, 'every 3 days'$$);
SELECT pg_temp.configure('wanted', 'enabled, schedule', $$true, 'every 3 days'$$);
INSERT INTO learning_credentials.run (configuration_id, trigger)
SELECT id, 'retry' FROM learning_credentials.credential_configuration WHERE learning_context_key ~ 'schedule\+(due|wanted)';
SELECT pg_temp.change('due', 'next_run_at = now()');
SELECT learning_credentials.queue_due_runs();
SELECT count(learning_credentials.request_run(id)) FROM learning_credentials.credential_configuration WHERE learning_context_key LIKE '%+wanted+%';
SELECT * FROM pg_temp.runs WHERE course IN ('due', 'wanted') ORDER BY course COLLATE "C";

-- ------------------------------------------------------------ a zone that is gone keeps nobody else from running
SET LOCAL check_function_bodies = off;     -- as in a restore
SELECT pg_temp.change('later', $$time_zone = 'Mars/Olympus', next_run_at = now() - interval '1 minute'$$);
SELECT pg_temp.change('missed', $$schedule = 'whenever', next_run_at = now() - interval '2 minutes'$$);
SELECT pg_temp.configure('restored', 'enabled, schedule, next_run_at', $$true, 'every 2 days', '2999-01-01'$$);
RESET check_function_bodies;
SELECT pg_temp.configure('other', 'enabled, schedule', $$true, 'every 3 days'$$);
SELECT pg_temp.change('other', 'next_run_at = now()');
SET LOCAL client_min_messages = error;      -- a warning for the log, with a number that is different each time
SELECT learning_credentials.queue_due_runs();
RESET client_min_messages;
SELECT * FROM pg_temp.next WHERE course IN ('later', 'missed', 'other', 'restored') ORDER BY course COLLATE "C";
SELECT * FROM pg_temp.runs WHERE status = 'failed' OR course = 'other' ORDER BY course COLLATE "C", trigger;
SELECT learning_credentials.queue_due_runs() AS again;
-- it may be disabled, and put right
SELECT pg_temp.refusal($$SELECT pg_temp.change('later', 'starts_at = now()')$$);
SELECT pg_temp.change('later', 'enabled = false');
SELECT pg_temp.change('later', $$enabled = true, time_zone = 'UTC'$$);
SELECT * FROM pg_temp.next WHERE course = 'later';

-- ------------------------------------------------------------ whose it is
CREATE ROLE lc_scheduler;
SELECT learning_credentials.grant_access('lc_scheduler', 'issuer');
CREATE FUNCTION public.retrieve_nobody(text, jsonb, bigint DEFAULT NULL) RETURNS SETOF learning_credentials.eligibility
LANGUAGE plpgsql AS $$ BEGIN PERFORM learning_credentials.queue_due_runs(); END $$;
SET LOCAL ROLE lc_scheduler;
SELECT learning_credentials.next_run('@yearly', '2026-06-01', 'Asia/Tokyo');
SELECT pg_temp.refusal('SELECT learning_credentials.queue_due_runs()');
RESET ROLE;
UPDATE learning_credentials.credential_type SET retrieval_func = 'public.retrieve_nobody' WHERE name = 'Scheduled';
SELECT pg_temp.refusal('SELECT learning_credentials.eligible_users(id) FROM learning_credentials.credential_configuration WHERE learning_context_key LIKE ''%+later+%''');

-- ------------------------------------------------------------ what is due is found without reading the rest
CREATE FUNCTION pg_temp.plan(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL enable_seqscan = off;
    SET LOCAL enable_bitmapscan = off;
    RETURN QUERY EXECUTE 'EXPLAIN (COSTS off) ' || statement;
END
$$;
SELECT count(*) FROM pg_temp.plan('SELECT min(next_run_at) FROM learning_credentials.credential_configuration WHERE enabled AND suspension_reason IS NULL') AS plan
 WHERE plan ~ 'configuration_due';
ROLLBACK;
