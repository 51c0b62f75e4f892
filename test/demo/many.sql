-- Many at once: credentials of the academy's old system are imported, and diplomas with a new wording reissued.
\pset footer off
\pset null ''

\echo '==== Before this database there was another: its credentials come by COPY, and a report says what does not fit'
\echo
COPY learning_credentials.credential_import (legacy_id, credential_type_name, learning_context_key, learning_context_name,
    user_id, user_full_name, issue_date, invalidated_at, invalidation_reason, download_url) FROM stdin (FORMAT csv);
M-0001,Completion,course-v1:Meridian+NAV101+2026,Celestial Navigation,901,Ingrid Vestergaard,2019-06-14,,,https://archive.meridian.example/M-0001.pdf
M-0002,Completion,course-v1:Meridian+NAV101+2026,Celestial Navigation,902,"Oyelaran, Adaeze",2019-06-14,,,https://archive.meridian.example/M-0002.pdf
M-0003,Completion,course-v1:Meridian+NAV101+2026,Celestial Navigation,903,Lucien Fontanel,2019-06-14,2020-02-29,Issued by mistake,
M-0004,Completed,course-v1:Meridian+NAV101+2026,Celestial Navigation,904,Rosa Quispe,2091-06-14,,,
\.
SELECT i.legacy_id, c.column_name AS "column", c.problem
  FROM learning_credentials.check_import() AS c
  JOIN learning_credentials.credential_import i USING (line);

UPDATE learning_credentials.credential_import SET credential_type_name = 'Completion', issue_date = '2019-06-14'
 WHERE legacy_id = 'M-0004';
SELECT outcome AS "corrected, they are imported as", credentials FROM learning_credentials.import_credentials();

\connect - registrar
\pset footer off
\echo '==== The diploma has a new wording. What was issued keeps the old one, until somebody decides otherwise: first a dry run'
\echo
UPDATE learning_credentials.credential_type
   SET custom_options = learning_credentials.merge_options(custom_options,
           '{"text_elements": {"phrase": {"text": "has completed with success the Learning Path"}}}')
 WHERE name = 'Pathway';
SELECT array_agg(o.uuid) AS outdated
  FROM learning_credentials.credential_configuration c
  JOIN learning_credentials.credential_type t ON t.id = c.credential_type_id AND t.name = 'Pathway'
 CROSS JOIN LATERAL learning_credentials.outdated_credentials(c.id) AS o \gset
SELECT status AS "would be", count(*), count(error) AS errors
  FROM learning_credentials.bulk_reissue(:'outdated', 'New wording', in_run => true, dry_run => true)
 GROUP BY status;

\echo '==== Then all of them, in a run: until its document is made, each old one stays valid'
\echo
SELECT status, count(*), count(error) AS errors
  FROM learning_credentials.bulk_reissue(:'outdated', 'New wording', in_run => true)
 GROUP BY status;
