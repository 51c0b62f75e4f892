-- The extension, for all tests that follow in this database.
CREATE EXTENSION learning_credentials;
-- Dropped and made again: both schemas are its own, nothing is left behind.
DROP EXTENSION learning_credentials;
SELECT nspname FROM pg_namespace WHERE nspname LIKE 'learning_credentials%';
CREATE EXTENSION learning_credentials;
