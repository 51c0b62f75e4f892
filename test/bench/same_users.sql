-- pgbench: everybody issues to the same 200 users. -D configuration=ID
\set user random(1, 200)
SELECT learning_credentials.generate_credential(:configuration, :user);
