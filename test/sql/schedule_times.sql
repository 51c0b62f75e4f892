-- What comes next: after which time, from which time on, and where the clock changes.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
\pset null NULL
BEGIN;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';

-- So many times after a local time, as the zone's clock shows them, with the offset where it is not the last one's.
CREATE FUNCTION pg_temp.times(schedule text, after text, time_zone text, n integer DEFAULT 4, starts_at text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql SET TimeZone = 'UTC' AS $$
DECLARE
    t timestamptz;
    last_offset text;
    answer text := '';
BEGIN
    EXECUTE format('SET LOCAL TimeZone = %L', time_zone);
    t := after::timestamptz;
    FOR i IN 1..n LOOP
        t := learning_credentials.next_run(schedule, t, time_zone, starts_at::timestamptz);
        EXIT WHEN t IS NULL;
        answer := answer || ' | ' || to_char(t, 'YYYY-MM-DD HH24:MI') || CASE WHEN extract(second FROM t) <> 0 THEN to_char(t, ':SS') ELSE '' END
                         || CASE WHEN to_char(t, 'OF') IS DISTINCT FROM last_offset THEN to_char(t, 'OF') ELSE '' END;
        last_offset := to_char(t, 'OF');
    END LOOP;
    RETURN rpad(schedule, 19) || ' ' || rpad(time_zone, 19) || substr(answer, 3);
END
$$;

-- ------------------------------------------------------------ after, and from when on
SELECT learning_credentials.next_run('*/5 * * * *', t::timestamptz, 'UTC')
  FROM unnest(ARRAY['2026-03-01 11:59:59.999999', '2026-03-01 12:00', '2026-03-01 12:00:00.000001', '2026-03-01 12:04:59', '1999-12-31 23:59', '2000-01-01', '1950-06-15 12:00']) AS t;
-- starts_at counts, if it is a time of the schedule; "after" does not
SELECT learning_credentials.next_run('0 12 * * *', '2026-03-01 12:00', 'UTC', s::timestamptz)
  FROM unnest(ARRAY['2026-02-01', '2026-03-01 12:00', '2026-03-05 12:00', '2026-03-05 12:00:00.000001', '-infinity', 'infinity', NULL]) AS s;
SELECT learning_credentials.next_run('at 2026-03-05 12:00', a::timestamptz, 'UTC', s::timestamptz)
  FROM unnest(ARRAY['2026-03-01', '2026-03-05 12:00', '-infinity']) AS a, unnest(ARRAY[NULL, '2026-03-05 12:00', '2026-03-05 12:01']) AS s;
SELECT s, a, coalesce(learning_credentials.next_run(s, a::timestamptz, 'UTC')::text, 'NULL')
  FROM unnest(ARRAY['@hourly', 'every 1 day', 'at 2026-01-01']) AS s,
       unnest(ARRAY['infinity', '-infinity', '294276-12-31 22:59:59.999999', '294276-12-31 23:00', '4714-11-24 00:00 BC']) AS a;
SELECT learning_credentials.next_run('@daily', '-infinity', 'UTC', '2026-03-05 12:00'), learning_credentials.next_run('every 1 day', '-infinity', 'UTC', '2026-03-05 12:00'),
       learning_credentials.next_run('@daily', '4714-11-24 00:00 BC', 'America/New_York'), learning_credentials.next_run('@daily', '4714-11-24 00:00 BC', 'Asia/Tokyo');

-- ------------------------------------------------------------ every: counted from starts_at, or from "after"
SELECT learning_credentials.next_run('every 10 days', a::timestamptz, 'UTC', '2026-01-01 09:00')
  FROM unnest(ARRAY['2025-06-01', '2026-01-01 08:59:59.999999', '2026-01-01 09:00', '2026-01-11 09:00', '2026-01-11 09:00:00.000001', '2036-06-01', '9999-01-01', '-infinity']) AS a;
SELECT learning_credentials.next_run('every 10 days', a::timestamptz, 'UTC') FROM unnest(ARRAY['2026-01-01 09:00', '2026-01-01 09:00:00.123456']) AS a;
-- from the last day of a month to the last of each; hours as they pass
SELECT pg_temp.times('every 1 month', '2026-01-01', 'UTC', 7, '2026-01-31 12:00');
SELECT pg_temp.times('every 1 month 1 day', '2026-01-01', 'UTC', 5, '2026-01-30 12:00');
SELECT pg_temp.times('every 1 year', '2024-01-01', 'UTC', 5, '2024-02-29 12:00');
SELECT pg_temp.times('every 1 day', '2026-03-28', 'Europe/Warsaw', 3, '2020-01-01 02:30');
SELECT pg_temp.times('every 24 hours', '2026-03-28', 'Europe/Warsaw', 3, '2020-01-01 02:30');
SELECT pg_temp.times('every 1 day', '2026-10-24', 'Europe/Warsaw', 3, '2020-01-01 02:30');
SELECT pg_temp.times('every 24 hours', '2026-10-24', 'Europe/Warsaw', 3, '2020-01-01 02:30');
SELECT pg_temp.times('every 1 day 1 hour', '2026-10-24', 'Europe/Warsaw', 3, '2026-10-23 02:00');
SELECT pg_temp.times('every 30 minutes', '2026-10-25 01:45', 'Europe/Warsaw', 5, '2020-01-01');
-- a starts_at in the second of two hours is itself a time
SELECT pg_temp.times('every 1 day', '2026-10-24', 'Europe/Warsaw', 3, '2026-10-25 02:30+01');
-- many of them, and far away
SELECT learning_credentials.next_run('every 61 seconds', '2026-03-01', 'UTC', '1970-01-01'), learning_credentials.next_run('every 7 days', '200000-01-01', 'Europe/Warsaw', '1970-01-01'),
       learning_credentials.next_run('every 1 month', '294276-12-15', 'Europe/Warsaw', '1970-01-01'), learning_credentials.next_run('every 1 day', '2026-03-01', 'UTC', '4714-11-24 00:00 BC'),
       learning_credentials.next_run('every 100000 years', '2026-03-01', 'UTC', '1970-01-01'), learning_credentials.next_run('every 178000000 years', '2026-03-01', 'UTC', '1970-01-01'),
       learning_credentials.next_run('every 2000000000 days', '2026-03-01', 'UTC', '1970-01-01'), learning_credentials.next_run('every 2000000000 hours', '2026-03-01', 'UTC', '1970-01-01');

-- ------------------------------------------------------------ the clock skips a time: the end of the gap runs, once
SELECT pg_temp.times('30 2 * * *', '2026-03-06 12:00', 'America/New_York');
SELECT pg_temp.times('*/15 2 * * *', '2026-03-07 12:00', 'America/New_York');
SELECT pg_temp.times('*/30 1-3 * * *', '2026-03-08 00:00', 'America/New_York', 5);
SELECT pg_temp.times('0 * * * *', '2026-03-08 00:00', 'America/New_York');
SELECT pg_temp.times('30 * * * *', '2026-03-08 00:00', 'America/New_York', 5);
SELECT pg_temp.times('59 1,2 * * *', '2026-03-08 00:00', 'America/New_York', 5);
SELECT pg_temp.times('0 2 8 3 *', '2026-03-01 00:00', 'America/New_York', 1);
SELECT pg_temp.times('30 2 * * 1', '2026-03-01 00:00', 'America/New_York', 2);
-- looking from within, and from the end of it
SELECT pg_temp.times('30 2 * * *', '2026-03-08 02:59:59-04', 'America/New_York', 2), pg_temp.times('30 2 * * *', '2026-03-08 03:00-04', 'America/New_York', 2);
SELECT pg_temp.times('at 2026-03-08 02:30:30', '2026-03-01 00:00', 'America/New_York', 1);
-- at midnight; half an hour; two hours; a whole day
SELECT pg_temp.times('0 0 * * *', '2018-11-03 12:00', 'America/Sao_Paulo', 2), pg_temp.times('30 0 * * *', '2018-11-03 12:00', 'America/Sao_Paulo', 2), pg_temp.times('0 0 4 11 *', '2018-11-03 12:00', 'America/Sao_Paulo', 1);
SELECT pg_temp.times('0 0 * * *', '2022-03-26 12:00', 'Asia/Beirut', 2);
SELECT pg_temp.times('15 2 * * *', '2025-10-04 12:00', 'Australia/Lord_Howe', 2), pg_temp.times('45 2 * * *', '2025-10-04 12:00', 'Australia/Lord_Howe', 2), pg_temp.times('15 * * * *', '2025-10-05 00:30', 'Australia/Lord_Howe');
SELECT pg_temp.times('30 1 * * *', '2025-03-29 12:00', 'Antarctica/Troll', 2);
SELECT pg_temp.times('0 12 * * *', '2011-12-28 12:00', 'Pacific/Apia'), pg_temp.times('0 12 30 12 *', '2011-12-28 12:00', 'Pacific/Apia', 2), pg_temp.times('0 12 * * FRI', '2011-12-28 12:00', 'Pacific/Apia', 2),
       pg_temp.times('@hourly', '2011-12-29 22:30', 'Pacific/Apia'), pg_temp.times('every 1 day', '2011-12-28 00:00', 'Pacific/Apia', 4, '2011-12-01 08:00');
-- an offset of seconds
SELECT pg_temp.times('0 0 * * *', '1972-01-05 12:00', 'Africa/Monrovia', 3);

-- ------------------------------------------------------------ the clock shows a time twice: a fixed hour runs once, * each time
SELECT pg_temp.times('30 1 * * *', '2026-10-31 12:00', 'America/New_York', 2);
SELECT pg_temp.times('*/20 1 * * *', '2026-10-31 12:00', 'America/New_York', 5);
SELECT pg_temp.times('*/30 0-2 * * *', '2026-11-01 00:00', 'America/New_York', 6);
SELECT pg_temp.times('30 */1 * * *', '2026-11-01 00:00', 'America/New_York');
SELECT pg_temp.times('30 0-23 * * *', '2026-11-01 00:00', 'America/New_York');
SELECT pg_temp.times('30 0-22 * * *', '2026-11-01 00:00', 'America/New_York');
SELECT pg_temp.times('30 1/2 * * *', '2026-11-01 00:00', 'America/New_York', 3);
SELECT pg_temp.times('@hourly', '2026-11-01 00:00', 'America/New_York');
SELECT pg_temp.times('* * * * *', '2026-11-01 01:58-04', 'America/New_York', 3), pg_temp.times('* * * * *', '2026-11-01 01:58-05', 'America/New_York', 3);
SELECT pg_temp.times('30 1 * * *', '2026-11-01 01:30-04', 'America/New_York', 1), pg_temp.times('30 1 * * *', '2026-11-01 01:15-05', 'America/New_York', 1);
SELECT pg_temp.times('at 2026-11-01 01:30', '2026-10-01 00:00', 'America/New_York', 1), pg_temp.times('at 2026-11-01 01:30-05', '2026-10-01 00:00', 'America/New_York', 1);
-- around midnight; half an hour; two hours; a whole day
SELECT pg_temp.times('30 23 * * *', '2018-02-17 12:00', 'America/Sao_Paulo', 2), pg_temp.times('0 0 * * *', '2018-02-17 12:00', 'America/Sao_Paulo', 2), pg_temp.times('0 * * * *', '2018-02-17 21:30', 'America/Sao_Paulo');
SELECT pg_temp.times('45 1 * * *', '2026-04-04 12:00', 'Australia/Lord_Howe', 2), pg_temp.times('45 * * * *', '2026-04-05 00:30', 'Australia/Lord_Howe');
SELECT pg_temp.times('30 1 * * *', '2025-10-25 12:00', 'Antarctica/Troll', 2);
SELECT pg_temp.times('0 12 * * *', '1969-09-28 12:00', 'Pacific/Kwajalein', 4), pg_temp.times('0 12 * * *', '1993-08-19 12:00', 'Pacific/Kwajalein', 3);
ROLLBACK;
