-- How a schedule is written, and what is said about each mistake.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
\pset null NULL
BEGIN;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';

-- The next time after the first second of Thursday, 1 January 2026, or the error.
CREATE FUNCTION pg_temp.next(schedule text, time_zone text DEFAULT 'UTC') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN to_char(learning_credentials.next_run(schedule, '2026-01-01', time_zone), 'Dy YYYY-MM-DD HH24:MI:SS.US');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.each(VARIADIC schedules text[]) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT quote_literal(left(s, 60)) || ': ' || coalesce(pg_temp.next(s), 'NULL') FROM unnest(schedules) WITH ORDINALITY AS u (s, i) ORDER BY i
$$;

-- ------------------------------------------------------------ cron
-- values, lists, ranges, steps, names
SELECT pg_temp.each('* * * * *', '5 * * * *', '0 0 1 1 *', '7,5,3 4,2 * * *', '10-20 4-6 * * *', '*/7 * * * *', '1-30/10 3 * * *',
                    '50/4 23 * * *', '0-5,50-59/3,*/20 6 * * *', '0 0 * FEB,apr-Jun,12 *', '0 0 * * TUE', '0 0 * * tue-Thu/2');
-- Sunday is 0 and 7, and the end of a week
SELECT pg_temp.each('0 0 * * 0', '0 0 * * 7', '0 0 * * SUN', '0 0 * * 6-7', '0 0 * * SAT-SUN', '0 0 * * 6-0', '0 0 * * 0-7');
-- both days restricted: either; a field that allows everything restricts nothing, however it is written
SELECT pg_temp.each('0 0 13 * FRI', '0 0 13 * *', '0 0 * * FRI', '0 0 */10 * MON', '0 0 */1 * MON', '0 0 1-31 * MON', '0 0 *,5 * MON',
                    '0 0 13 * 0-6', '0 0 13 * */2');
-- days that are rare, and days that never come
SELECT pg_temp.each('0 0 29 2 *', '0 0 29 2 MON', '0 0 31 * *', '0 0 31 4,6,9,11 *', '0 0 30 2 *', '0 0 30-31 2 *', '0 0 30 2 MON');
SELECT learning_credentials.next_run('0 0 29 2 *', '2096-02-29', 'UTC');
-- spaces
SELECT pg_temp.each('  0   12  *  * *  '), pg_temp.next(E'0\t12\n*\r\n*\f*\x0b');
-- too few, too many
SELECT pg_temp.each('', '   ', '5', '* * *', '* * * * ', '* * * * * *', '0 0 12 * * MON 2026');
-- no values, values out of range
SELECT pg_temp.each('60 * * * *', '* 24 * * *', '* * 0 * *', '* * 32 * *', '* * * 0 *', '* * * 13 *', '* * * * 8',
                    '99999999999999999999 * * * *', '0-60 * * * *', '1,,2 * * * *', '1, * * * *', '1- * * * *', '5-,6 * * * *', '* 1-a * * *');
SELECT pg_temp.each('0 0 * MON *', '0 0 * * JAN', '0 0 * * Monday', '0 0 x * *', '0 noon * * *', '* -1 * * *', '-1 * * * *', 'JAN * * * *', '0 0 ž * *', '0 0 * * ž—');
-- ranges and steps
SELECT pg_temp.each('30-10 * * * *', '* 22-6 * * *', '* * * * SAT-MON', '*/0 * * * *', '*/60 * * * *', '* */24 * * *', '*/ * * * *', '*/x * * * *',
                    '*/-5 * * * *', '0-30/99999999999999999999 * * * *');
-- what stands where nothing was expected
SELECT pg_temp.each('5x * * * *', '*5 * * * *', '** * * * *', '1-5-9 * * * *', '*/5/5 * * * *', '1.5 * * * *', '5; * * * *', '0 0 1ž * *');
-- extensions of others
SELECT pg_temp.each('0 0 L * *', '0 0 LW * *', '0 0 15W * *', '0 0 W * *', '0 0 * * 5L', '0 0 * * 5#2', '0 0 * * FRI#2', '0 0 ? * *', '0 0 L-3 * *');

-- ------------------------------------------------------------ words
SELECT pg_temp.each('@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually', ' @Daily ');
SELECT pg_temp.each('@', '@reboot', '@dailyy', '@ daily', '@daily 5', 'daily', 'tomorrow', 'never', 'NULL', '"@daily"');

-- ------------------------------------------------------------ every
SELECT pg_temp.each('every 10 days', 'EVERY  1 month 12 hours ', 'every P1DT12H', 'every 1-2', 'every 36:00', 'every 1 minute', 'every 60', 'every 1.5 days',
                    'every 1 week', 'every 100 years', 'every 290000 years');
SELECT pg_temp.each('every', 'every ', 'every10 days', 'every ten days', 'every 10 moons', 'every day', 'every infinity', 'every ž', 'every 10 days every 5 days');
SELECT pg_temp.each('every 0 days', 'every 30 seconds', 'every 59.999999 seconds', 'every -1 day', 'every 10 days ago', 'every 1 month -1 day', 'every 1 day -1 hour');
SELECT pg_temp.each('every 999999999 years', 'every 99999999999999999999 days', 'every 9999999999999999 hours');
-- no setting has a say
SET LOCAL IntervalStyle = 'sql_standard';
SELECT pg_temp.each('every 1 2:00', 'every -1 2:00');
RESET IntervalStyle;

-- ------------------------------------------------------------ at
SELECT pg_temp.each('at 2026-05-31 09:30', 'AT  2026-5-1  9:30 ', 'at 2026-05-31T09:30:15.5', 'at 2026-05-31', 'at 2026-05-31 09:30Z', 'at 2026-05-31 09:30+02',
                    'at 2026-05-31 09:30 -0330', 'at 2026-05-31 09:30+05:45', 'at 2026-05-31 09:30+00:19:32', 'at 2026-05-31+02', 'at 2026-05-31 09:30:00.1234567',
                    'at 2025-12-31 23:59', 'at 2026-01-01 00:00', 'at 2026-01-01 00:00:00.000001', 'at 2026-01-01 00:30+01', 'at 294276-12-31 23:59:59');
SELECT pg_temp.each('at', 'at ', 'at2026-05-31', 'at noon', 'at tomorrow', 'at now', 'at infinity', 'at ž', 'at ''2026-05-31''');
SELECT pg_temp.each('at 31.05.2026', 'at 05/31/2026', 'at 20260531', 'at 2026-05', 'at 2026-', 'at 2026-05-31 09', 'at 2026-05-31 9:', 'at 2026-05-31 09:30:', 'at 2026-05-31 09:30:00.',
                    'at 2026-05-31 0930', 'at 2026-05-31 09:30 +');
SELECT pg_temp.each('at 0-05-31', 'at 26-05-31', 'at 2026-13-01', 'at 2026-00-01', 'at 2026-02-29', 'at 2024-02-30', 'at 2026-05-00', 'at 2026-05-031', 'at 2026-05-31 24:00', 'at 2026-05-31 09:60', 'at 2026-05-31 09:30:60',
                    'at 2026-05-31 09:30+16', 'at 2026-05-31 09:30+1660', 'at 2026-05-31 09:30+02:60', 'at 294277-01-01', 'at 9999999999999-01-01', 'at 294276-12-31 23:59:59-01');
SELECT pg_temp.each('at 2026-05-31 09:30 Europe/Warsaw', 'at 2026-05-31 09:30 PM', 'at 2026-05-31 09:30+02 CET', 'at 2026-05-31 BC', 'at 2026-05-31T', 'at 2026-05-31 ž');
SET LOCAL DateStyle = 'German, DMY';
SELECT pg_temp.each('at 2026-05-06 09:30');
RESET DateStyle;

-- ------------------------------------------------------------ whatever else
SELECT pg_temp.each(repeat('5', 1000), repeat('5,', 490) || '5 * * * *', repeat('x', 1001), 'every ' || repeat('1 day ', 40), 'at ' || repeat('9', 900), repeat('ž', 100), '🎓 * * * *',
                    E'\u200b* * * * *', '%s %n * * *');
SELECT quote_literal(left(z, 60)) || ': ' || left(pg_temp.next('@daily', z), 80)
  FROM unnest(ARRAY['UTC', 'europe/warsaw', 'Asia/Kathmandu', 'GMT', 'Etc/GMT-5', '', ' UTC', 'Mars/Olympus', 'CEST', '+2', '-02:00', '<+02>-2', '../../../etc/passwd',
                    repeat('x', 300), 'ž']) AS z;
SELECT learning_credentials.next_run(NULL, '2026-01-01', 'UTC'), learning_credentials.next_run('@daily', NULL, 'UTC'),
       learning_credentials.next_run('@daily', '2026-01-01', NULL);
-- of many damaged schedules none does harm
SELECT count(*) > 8000 AS many, count(*) FILTER (WHERE refused) > 7000 AS most_refused,
       string_agg(answer, E'\n') FILTER (WHERE answer ~ '^[0-9A-Z]{5} ' AND NOT refused) AS refused_otherwise
  FROM (SELECT coalesce(pg_temp.next(left(text, cut) || piece || substr(text, cut + 1 + removed)), '') AS answer
          FROM unnest(ARRAY['*/5,7-9 1-3 FEB,4 * MON', '59 23 31 12 7', 'every 1 year 2 months 3 days', 'every P1Y2M3DT4H', 'at 2026-05-31 09:30:15.25+05:30', '@monthly']) AS text,
               unnest(ARRAY['', ' ', '-', '9', '99999999999', '*', '/', ',', '#', E'\n', '@', 'é', '.', ':', '+', 'e', '0x']) AS piece,
               generate_series(0, 32) AS cut, generate_series(0, 3) AS removed
         WHERE cut <= length(text)) AS damaged,
       LATERAL (SELECT answer ~ '^22023 invalid schedule at character \d+: .*, expected ') AS r (refused);
ROLLBACK;
