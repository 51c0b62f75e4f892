-- ============================================================ the worker

CREATE FUNCTION learning_credentials.start_worker() RETURNS boolean
LANGUAGE C VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'lc_start_worker';
COMMENT ON FUNCTION learning_credentials.start_worker() IS
'Starts the worker until the server is stopped, for all databases of the setting learning_credentials.databases; with learning_credentials in shared_preload_libraries it is started by the server. True: it was started; false: it was running already.

Errors: 55000 when this database is not in the setting, during recovery and during a binary upgrade; 53400 when max_worker_processes are in use; 53000 when the process could not be started.';
