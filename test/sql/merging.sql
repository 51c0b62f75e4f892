-- merge_options: objects merge key by key, everything else replaces.
SET client_min_messages = warning;

CREATE TEMP TABLE merge_case (n integer GENERATED ALWAYS AS IDENTITY, what text, base jsonb, override jsonb, merged jsonb);
INSERT INTO merge_case (what, base, override, merged) VALUES
    ('nothing over nothing', '{}', '{}', '{}'),
    ('nothing over something', '{"a": 1}', '{}', '{"a": 1}'),
    ('something over nothing', '{}', '{"a": 1}', '{"a": 1}'),
    ('another key', '{"a": 1}', '{"b": 2}', '{"a": 1, "b": 2}'),
    ('the same key', '{"a": 1}', '{"a": 2}', '{"a": 2}'),
    ('objects merge', '{"a": {"b": 1, "c": 2}}', '{"a": {"c": 3, "d": 4}}', '{"a": {"b": 1, "c": 3, "d": 4}}'),
    ('at depth', '{"a": {"b": {"c": {"d": 1, "e": 2}}}, "z": 0}', '{"a": {"b": {"c": {"e": {"f": 3}}}}}', '{"a": {"b": {"c": {"d": 1, "e": {"f": 3}}}}, "z": 0}'),
    ('keys of other length', '{"long_key": 1, "k": {"x": 1}}', '{"k": {"yy": 2}, "longer_key": 3}', '{"long_key": 1, "k": {"x": 1, "yy": 2}, "longer_key": 3}'),
    ('an object by a number', '{"a": {"b": 1}}', '{"a": 2}', '{"a": 2}'),
    ('an object by false', '{"text_elements": {"date": {"y": 5}}}', '{"text_elements": {"date": false}}', '{"text_elements": {"date": false}}'),
    ('a number by an object', '{"a": 2}', '{"a": {"b": 1}}', '{"a": {"b": 1}}'),
    ('a list by an object', '{"a": [1, 2]}', '{"a": {"b": 1}}', '{"a": {"b": 1}}'),
    ('an object by a list', '{"a": {"b": 1}}', '{"a": [1]}', '{"a": [1]}'),
    ('lists replace', '{"a": [1, 2, {"b": 1}]}', '{"a": [{"c": 1}]}', '{"a": [{"c": 1}]}'),
    ('an empty object keeps', '{"a": {"b": 1}}', '{"a": {}}', '{"a": {"b": 1}}'),
    ('an empty list replaces', '{"a": [1]}', '{"a": []}', '{"a": []}'),
    ('null replaces', '{"a": {"b": 1}, "c": 1}', '{"a": null}', '{"a": null, "c": 1}'),
    ('null is replaced', '{"a": null}', '{"a": {"b": 1}}', '{"a": {"b": 1}}'),
    ('numbers keep their digits', '{"a": 1.50}', '{"b": 100000000000000000000000000000.10}', '{"a": 1.50, "b": 100000000000000000000000000000.10}'),
    ('an empty key', '{"": {"a": 1}}', '{"": {"b": 2}}', '{"": {"a": 1, "b": 2}}'),
    ('keys of other scripts', '{"Über": {"a": "ß"}}', '{"Über": {"b": "成績"}}', '{"Über": {"a": "ß", "b": "成績"}}'),
    ('nested in lists nothing merges', '{"a": [{"b": 1}]}', '{"a": [{"c": 2}]}', '{"a": [{"c": 2}]}'),
    ('the whole by a list', '{"a": 1}', '[1]', '[1]'),
    ('the whole by a number', '{"a": 1}', '5', '5'),
    ('a number by the whole', '5', '{"a": 1}', '{"a": 1}'),
    ('a list by a list', '[1, {"a": 1}]', '[{"b": 2}]', '[{"b": 2}]'),
    ('base absent', NULL, '{"a": 1}', '{"a": 1}'),
    ('override absent', '{"a": 1}', NULL, '{"a": 1}'),
    ('both absent', NULL, NULL, NULL);

-- As written, not only equal: 1.50 stays 1.50.
SELECT n, what, learning_credentials.merge_options(base, override) AS merged,
       learning_credentials.merge_options(base, override)::text IS NOT DISTINCT FROM merged::text AS right
  FROM merge_case ORDER BY n;

-- The result is a value like any other: it can be looked into, compared and stored.
SELECT count(*) AS all_of_them,
       count(*) FILTER (WHERE learning_credentials.merge_options(base, override) = merged
                          AND learning_credentials.merge_options(base, override)::text::jsonb = merged) AS equal
  FROM merge_case WHERE merged IS NOT NULL;

-- Merging the same again changes nothing.
SELECT count(*) FILTER (WHERE learning_credentials.merge_options(learning_credentials.merge_options(base, override), override) <> merged) AS twice_differs
  FROM merge_case;

-- Many keys and deep nesting are a matter of time and stack, not of luck.
WITH big AS (
    SELECT jsonb_object_agg('key ' || i, jsonb_build_object('a', i)) AS base,
           jsonb_object_agg('key ' || i * 2, jsonb_build_object('b', i)) AS override
      FROM generate_series(1, 5000) AS i),
merged AS (
    SELECT learning_credentials.merge_options(base, override) AS m FROM big)
SELECT (SELECT count(*) FROM jsonb_object_keys(m)) AS keys, m -> 'key 3' AS base_only, m -> 'key 4' AS both, m -> 'key 9998' AS override_only
  FROM merged;
WITH nested AS (
    SELECT repeat('{"a": ', 1000) || '{"left": 1}' || repeat('}', 1000) AS base,
           repeat('{"a": ', 1000) || '{"right": 1}' || repeat('}', 1000) AS override)
SELECT learning_credentials.merge_options(base::jsonb, override::jsonb) #> array_fill('a'::text, ARRAY[1000]) AS innermost
  FROM nested;

SELECT p.provolatile, p.proparallel FROM pg_proc p WHERE p.oid = 'learning_credentials.merge_options'::regproc;

DROP TABLE merge_case;
RESET client_min_messages;
