-- reference.sql: prints docs/reference.md, from the comments in the catalog.
--
--     psql -XAtq -f test/docs/reference.sql DATABASE >docs/reference.md
--
-- DATABASE has the extension, freshly created. test/t/140_reference.pl
-- compares the file with what this makes.

SET search_path = pg_catalog, pg_temp;
SET client_min_messages = warning;

-- A text as one cell or paragraph of Markdown.
CREATE FUNCTION pg_temp.prose(what text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
SELECT replace(regexp_replace(coalesce(what, ''), '([<*|])', '\\\1', 'g'), E'\n', ' ')
$$;

-- A comment: its lines are paragraphs, and those that are indented and begin with the name of an option,
-- as in a section "Options:", are items of a list.
CREATE FUNCTION pg_temp.paragraphs(what text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
SELECT string_agg(CASE WHEN n = 1 THEN '' WHEN item AND lag_item THEN E'\n' ELSE E'\n\n' END
                  || CASE WHEN item
                          THEN regexp_replace(pg_temp.prose(substr(line, 3)), '^( *)(\S+): ', '\1- `\2`: ')
                          ELSE pg_temp.prose(line) END,
                  '' ORDER BY n)
  FROM (SELECT n, line, line ~ '^ +\S+: ' AS item, lag(line ~ '^ +\S+: ') OVER (ORDER BY n) AS lag_item
          FROM regexp_split_to_table(what, '\n+') WITH ORDINALITY AS l (line, n)) AS lines
$$;

-- Names of our own types stand without their schema, constants without their type.
CREATE FUNCTION pg_temp.short(what text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
SELECT regexp_replace(replace(replace(what, 'timestamp with time zone', 'timestamptz'), 'learning_credentials.', ''),
                      '(''[^'']*''|NULL)::[a-z_.]+', '\1', 'g')
$$;

CREATE FUNCTION pg_temp.code(what text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
SELECT CASE WHEN what <> '' THEN '`' || replace(what, '|', '\|') || '`' ELSE '' END
$$;

-- An amount of a setting, as SHOW writes it.
CREATE FUNCTION pg_temp.amount(value text, unit text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
SELECT CASE WHEN unit IS DISTINCT FROM 'kB' THEN concat_ws(' ', value, unit)
            WHEN value::bigint % (1024 * 1024) = 0 THEN value::bigint / (1024 * 1024) || ' GB'
            WHEN value::bigint % 1024 = 0 THEN value::bigint / 1024 || ' MB'
            ELSE value || ' kB' END
$$;

-- The levels of grant_access() that may use an object.
CREATE FUNCTION pg_temp.levels(objects text[]) RETURNS text LANGUAGE sql STABLE AS $$
SELECT coalesce(string_agg(l.level, ', ' ORDER BY l.first), 'none, only the extension''s owner')
  FROM (SELECT a.level, array_position(ARRAY['verifier', 'learner', 'staff', 'issuer', 'admin'], a.level) AS first
          FROM learning_credentials.access_level a
         WHERE a.object = ANY (objects)
         GROUP BY a.level) AS l
$$;

CREATE TEMP VIEW our_relation AS
SELECT c.oid, n.nspname, c.relname, c.relkind, obj_description(c.oid, 'pg_class') AS comment
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('learning_credentials', 'learning_credentials_api')
   AND c.relkind IN ('r', 'v');

CREATE TEMP VIEW our_routine AS
SELECT p.oid, n.nspname, p.proname, p.prokind, obj_description(p.oid, 'pg_proc') AS comment,
       p.prorettype IN ('trigger'::regtype, 'internal'::regtype) OR p.prosupport <> 0 AS machinery
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname IN ('learning_credentials', 'learning_credentials_api');

-- The page, a line a row: (section, object, line).
CREATE TEMP TABLE page (section integer, object text COLLATE "C", line integer, content text);

INSERT INTO page VALUES
(0, '', 0, '# Reference'),
(0, '', 1, ''),
(0, '', 2, 'Every table, view, function, procedure, type and setting. Made from the comments in the catalog by '
           || '`test/docs/reference.sql`, so `COMMENT ON` is the place to change it. `\d+`, `\df+` and `\dT+` of '
           || 'psql show the same. A column may be NULL only where its type says so.'),
(0, '', 3, ''),
(0, '', 5, '');
INSERT INTO page
SELECT 0, '', 4,
       (SELECT string_agg(format('[%s](#%s)', title, lower(replace(title, ' ', '-'))), ' · ' ORDER BY n)
          FROM unnest(ARRAY['Tables', 'Views', 'Functions and procedures', 'Trigger and support functions',
                            'Types', 'Settings']) WITH ORDINALITY AS t (title, n));

INSERT INTO page
SELECT s.section, '', s.line, s.content
  FROM (VALUES (1, 0, '## Tables'),
               (1, 1, ''),
               (1, 2, 'In schema `learning_credentials`. Who may do what with them is in [security](security.md#levels).'),
               (1, 3, ''),
               (2, 0, '## Views'),
               (2, 1, ''),
               (3, 0, '## Functions and procedures'),
               (3, 1, ''),
               (3, 2, 'In schema `learning_credentials`. "Levels" are those of `grant_access()` that may execute it.'),
               (3, 3, ''),
               (4, 0, '## Trigger and support functions'),
               (4, 1, ''),
               (4, 2, 'What the tables and the view `metadata` call. Nobody else needs them.'),
               (4, 3, ''),
               (4, 4, '| function | does |'),
               (4, 5, '|---|---|'),
               (5, 0, '## Types'),
               (5, 1, ''),
               (6, 0, '## Settings'),
               (6, 1, ''),
               (6, 2, 'Set in `postgresql.conf`, or by `ALTER SYSTEM`, `ALTER DATABASE`, `ALTER ROLE` or `SET`. '
                      || 'None needs a restart, and none needs `shared_preload_libraries`.'),
               (6, 3, ''),
               (6, 4, 'A session knows them once it has loaded the library, by a call of any of the extension''s functions, by '
                      || '`LOAD ''learning_credentials''`, or from `shared_preload_libraries`: before that, `ALTER SYSTEM` and `SHOW` do not recognise them, and '
                      || '`ALTER DATABASE` and `ALTER ROLE` do not check them ([more](backup-and-upgrade.md#settings)).'),
               (6, 5, ''),
               (6, 6, '| setting | default | range | who sets it | meaning |'),
               (6, 7, '|---|---|---|---|---|')) AS s (section, line, content);

-- ------------------------------------------------------------ tables and views
INSERT INTO page
SELECT CASE r.relkind WHEN 'r' THEN 1 ELSE 2 END,
       r.relname,
       l.line,
       l.content
  FROM our_relation r
  CROSS JOIN LATERAL (VALUES
       (0, CASE r.nspname WHEN 'learning_credentials' THEN '### ' || r.relname
                          ELSE '### ' || r.nspname || '.' || r.relname END),
       (1, ''),
       (2, pg_temp.paragraphs(r.comment)),
       (3, ''),
       (4, CASE r.relkind WHEN 'r' THEN '| column | type | default | meaning |' ELSE '| column | type | meaning |' END),
       (5, CASE r.relkind WHEN 'r' THEN '|---|---|---|---|' ELSE '|---|---|---|' END),
       (10000, '')) AS l (line, content);

INSERT INTO page
SELECT CASE r.relkind WHEN 'r' THEN 1 ELSE 2 END,
       r.relname,
       10 + a.attnum,
       CASE r.relkind
       WHEN 'r' THEN
            format('| `%s` | %s | %s | %s |', a.attname,
                   pg_temp.short(format_type(a.atttypid, a.atttypmod))
                       || CASE WHEN a.attnotnull THEN '' ELSE ', NULL' END,
                   CASE WHEN a.attidentity <> '' THEN 'the next number'
                        WHEN a.attgenerated <> '' THEN 'generated'
                        ELSE pg_temp.code(pg_temp.short(pg_get_expr(d.adbin, d.adrelid))) END,
                   pg_temp.prose(col_description(r.oid, a.attnum)))
       ELSE format('| `%s` | %s | %s |', a.attname,
                   pg_temp.short(format_type(a.atttypid, a.atttypmod)),
                   pg_temp.prose(col_description(r.oid, a.attnum))) END
  FROM our_relation r
  JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum;

-- Keys, a line each.
INSERT INTO page
SELECT 1, r.relname, 9000, ''
  FROM our_relation r
 WHERE r.relkind = 'r';
INSERT INTO page
SELECT 1, r.relname,
       9001 + row_number() OVER (PARTITION BY r.relname
                                 ORDER BY position(k.contype IN 'puf'), k.columns COLLATE "C"),
       format('- %s (%s)%s', CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' ELSE 'foreign key' END,
              k.columns,
              CASE WHEN k.contype = 'f' THEN format(', to [%s](#%s)', k.target, k.target) END
              || CASE WHEN k.confdeltype = 'c' THEN ', rows are deleted with it' ELSE '' END)
  FROM our_relation r
  CROSS JOIN LATERAL (
       SELECT c.contype, c.confdeltype, t.relname AS target,
              (SELECT string_agg('`' || a.attname || '`', ', ' ORDER BY u.n)
                 FROM unnest(c.conkey) WITH ORDINALITY AS u (attnum, n)
                 JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = u.attnum) AS columns
         FROM pg_constraint c
         LEFT JOIN pg_class t ON t.oid = c.confrelid
        WHERE c.conrelid = r.oid AND c.contype IN ('p', 'u', 'f')) AS k
 WHERE r.relkind = 'r';

-- ------------------------------------------------------------ functions
INSERT INTO page
SELECT 3, concat_ws(' ', r.proname, pg_get_function_identity_arguments(r.oid)), l.line, l.content
  FROM our_routine r
  CROSS JOIN LATERAL (VALUES
       (0, '### ' || CASE r.nspname WHEN 'learning_credentials' THEN '' ELSE r.nspname || '.' END || r.proname),
       (1, ''),
       (2, '```sql'),
       (3, CASE r.prokind
           WHEN 'p' THEN format('CALL %s(%s)', r.proname, pg_temp.short(pg_get_function_identity_arguments(r.oid)))
           ELSE format('%s(%s) RETURNS %s', r.proname, pg_temp.short(pg_get_function_arguments(r.oid)),
                       pg_temp.short(pg_get_function_result(r.oid))) END),
       (4, '```'),
       (5, ''),
       (6, pg_temp.paragraphs(r.comment)),
       (7, ''),
       (8, 'Levels: ' || pg_temp.levels(ARRAY(
               SELECT a.object
                 FROM learning_credentials.access_level a
                WHERE a.object ~ '^(FUNCTION|PROCEDURE) '
                  AND to_regprocedure(regexp_replace(a.object, '^\w+ ', '')) = r.oid)) || '.'),
       (9, '')) AS l (line, content)
 WHERE NOT r.machinery;

INSERT INTO page
SELECT 4, r.proname, 10, format('| `%s` | %s |', r.proname, pg_temp.prose(r.comment))
  FROM our_routine r
 WHERE r.machinery;
INSERT INTO page VALUES (4, '~', 0, '');

-- ------------------------------------------------------------ types
INSERT INTO page
SELECT 5, t.typname, l.line, l.content
  FROM pg_type t
  CROSS JOIN LATERAL (
       SELECT 0, '### ' || pg_temp.prose(t.typname)
       UNION ALL SELECT 1, ''
       UNION ALL SELECT 2, pg_temp.paragraphs(obj_description(t.oid, 'pg_type'))
       UNION ALL SELECT 3, ''
       UNION ALL SELECT 4, 'Values: ' || string_agg('`' || e.enumlabel || '`', ', ' ORDER BY e.enumsortorder) || '.'
                   FROM pg_enum e WHERE e.enumtypid = t.oid HAVING count(*) > 0
       UNION ALL SELECT v.line, v.content FROM (VALUES (5, '| attribute | type | meaning |'), (6, '|---|---|---|')) AS v (line, content)
                  WHERE t.typtype = 'c'
       UNION ALL SELECT 10 + a.attnum,
                        format('| `%s` | %s | %s |', a.attname, pg_temp.short(format_type(a.atttypid, a.atttypmod)),
                               pg_temp.prose(col_description(t.typrelid, a.attnum)))
                   FROM pg_attribute a
                  WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
       UNION ALL SELECT 10000, '') AS l (line, content)
 WHERE t.typnamespace IN ('learning_credentials'::regnamespace, 'learning_credentials_api'::regnamespace)
   AND (t.typtype IN ('e', 'd')
        OR t.typtype = 'c' AND (SELECT c.relkind = 'c' FROM pg_class c WHERE c.oid = t.typrelid));

-- ------------------------------------------------------------ settings
-- They are defined when the library is loaded.
DO $$ BEGIN PERFORM learning_credentials.merge_options(NULL, NULL); END $$;

INSERT INTO page
SELECT 6, s.name, 10,
       format('| `%s` | %s | %s | %s | %s |', s.name,
              CASE WHEN s.vartype = 'string' THEN coalesce('`' || nullif(s.boot_val, '') || '`', 'empty')
                   ELSE pg_temp.amount(s.boot_val, s.unit) END,
              CASE WHEN s.vartype IN ('integer', 'real')
                   THEN pg_temp.amount(s.min_val, s.unit) || ' to ' || pg_temp.amount(s.max_val, s.unit)
                   ELSE '' END,
              CASE s.context WHEN 'user' THEN 'anyone' WHEN 'superuser' THEN 'superusers'
                             WHEN 'sighup' THEN 'the configuration file, read again by a reload' ELSE s.context END,
              pg_temp.prose(concat_ws(' ', s.short_desc, s.extra_desc)))
  FROM pg_settings s
 WHERE s.name ^@ 'learning_credentials.';

SELECT content FROM page ORDER BY section, object, line;
