-- The same function from the library with the clocks in it (stages/stages.c).
CREATE SCHEMA bench;

CREATE FUNCTION bench.stage_times() RETURNS double precision[]
LANGUAGE C VOLATILE STRICT
AS 'learning_credentials_stages', 'lc_stage_times';

DO $$
BEGIN
    EXECUTE regexp_replace(regexp_replace(pg_get_functiondef('learning_credentials.preview_pdf'::regproc),
        'learning_credentials\.preview_pdf', 'bench.preview_pdf'),
        '\$libdir/learning_credentials', 'learning_credentials_stages');
END;
$$;
