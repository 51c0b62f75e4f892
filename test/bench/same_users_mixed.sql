-- pgbench -D configuration=ID -D users=N: the same users are reissued, invalidated, retried and run
-- over. The functions of schema app are made by test/t/120_concurrency.pl.
\set user random(1, :users)
\set action random(1, 100)
\if :action <= 40
    SELECT app.reissue(:configuration, :user);
\elif :action <= 65
    SELECT app.invalidate(:configuration, :user);
\elif :action <= 80
    SELECT app.retry(:configuration, :user);
\elif :action <= 95
    UPDATE learning_credentials.credential SET retry_at = now() WHERE configuration_id = :configuration AND user_id = :user AND status = 'error';
\else
    CALL learning_credentials.generate_credentials(:configuration);
\endif
