-- pgbench -D configuration=ID -D users=N: everybody issues to the same users.
\set user random(1, :users)
SELECT learning_credentials.generate_credential(:configuration, :user);
