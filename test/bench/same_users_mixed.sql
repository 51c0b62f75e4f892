-- pgbench: the same 200 users are reissued, invalidated, retried and run over.
-- -D configuration=ID; app.reissue() and app.invalidate() are test/t/120_concurrency.pl's.
\set user random(1, 200)
\set action random(1, 100)
\if :action <= 45
    SELECT app.reissue(:configuration, :user);
\elif :action <= 75
    SELECT app.invalidate(:configuration, :user);
\elif :action <= 95
    UPDATE learning_credentials.credential SET retry_at = now() WHERE configuration_id = :configuration AND user_id = :user AND status = 'error';
\else
    CALL learning_credentials.generate_credentials(:configuration);
\endif
