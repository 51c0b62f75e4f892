-- ============================================================ schedules

CREATE FUNCTION learning_credentials.next_run(
    schedule text, after timestamptz, time_zone text, starts_at timestamptz DEFAULT NULL) RETURNS timestamptz
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'lc_next_run';
COMMENT ON FUNCTION learning_credentials.next_run(text, timestamptz, text, timestamptz) IS
'The first time of a schedule that is later than "after" and not before starts_at; NULL when there is none. "every" is counted from starts_at, without one from "after". Error 22023 where the schedule or the time zone cannot be read.';

CREATE FUNCTION learning_credentials.queue_due_runs() RETURNS bigint
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'lc_queue_due_runs';
COMMENT ON FUNCTION learning_credentials.queue_due_runs() IS
'Queues a run of each configuration whose next_run_at has come, moves next_run_at on to the schedule''s next time after now, and returns how many runs were queued. The worker does this by itself.';
