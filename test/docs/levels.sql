-- levels.sql: prints the table of docs/security.md that says what each level of grant_access() may do.
--
--     psql -XAtq -f test/docs/levels.sql DATABASE

SET search_path = pg_catalog, pg_temp;

SELECT '| on | privilege | levels |' UNION ALL SELECT '|---|---|---|';

SELECT format('| %s | %s | %s |',
              split_part(object, ' ', 1) || ' `'
                  || regexp_replace(substr(object, strpos(object, ' ') + 1), '^learning_credentials\.(\w+)(\(.*\))?$', '\1')
                  || '`',
              privilege,
              string_agg(level, ', ' ORDER BY array_position(ARRAY['verifier', 'learner', 'staff', 'issuer', 'admin'], level)))
  FROM learning_credentials.access_level
 GROUP BY object, privilege
 ORDER BY array_position(ARRAY['SCHEMA', 'TABLE', 'FUNCTION', 'PROCEDURE'], split_part(object, ' ', 1)),
          object COLLATE "C", privilege COLLATE "C" DESC;
