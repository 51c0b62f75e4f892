-- ============================================================ planning
-- What a run would do, by the rules by which it does it.

CREATE FUNCTION learning_credentials.plan_run(
    configuration_id bigint,
    options jsonb DEFAULT '{}',
    OUT user_id bigint,
    OUT action text,
    OUT is_eligible boolean,
    OUT eligible_since timestamptz,
    OUT credential uuid,
    OUT details jsonb,
    OUT shortfall jsonb,
    OUT reason text) RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_plan_run';
COMMENT ON FUNCTION learning_credentials.plan_run(bigint, jsonb) IS
'What a run of a configuration would do now with each user whom retrieval lists, who has a grant, or who would lose a credential. Nothing is written, not even what the retrieval function writes. options are laid over the configuration''s by merge_options(); whoever gives any must be able to SET ROLE to its run_as (42501).

action: issue; retry (it failed, and is due again); withdraw (eligibility was lost, and the configuration withdraws); exists (there is one, or one is under way, or failed and is not due); not_eligible; too_early (eligible since before issue_from, or before available_from); too_late (what it would issue would have expired); held; invalidated (what was invalidated, a run does not give back). credential: what that is about. details: those of retrieval, NULL where it does not list the user.

shortfall: what somebody lacks who is not eligible, {"completion": fraction of the course, "grades": {"CATEGORY": points of a hundred}}, for a Learning Path {"steps": {"COURSE KEY": the same, or null where the step does not list the user}}; a category without any grade is missing by all that is required. NULL where details do not show what is required. reason: that of the hold, the grant or the invalidation, why an attempt failed, or which time is not reached.';

CREATE FUNCTION learning_credentials.plan_summary(
    configuration_id bigint,
    options jsonb DEFAULT '{}',
    OUT action text,
    OUT users bigint) RETURNS SETOF record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_plan_summary';
COMMENT ON FUNCTION learning_credentials.plan_summary(bigint, jsonb) IS
'How many users there are for each action of plan_run(), a row for each, also where there are none. Cheaper than to count the rows of plan_run().';

CREATE FUNCTION learning_credentials.announce_first_run() RETURNS trigger
LANGUAGE C
AS 'MODULE_PATHNAME', 'lc_announce_first_run';
COMMENT ON FUNCTION learning_credentials.announce_first_run() IS
'Trigger: a NOTICE says to how many users the first run will issue, when a configuration that never ran is enabled. It takes a second at most in a transaction, and never keeps the row from being written.';

CREATE TRIGGER announce_first_run
    AFTER INSERT OR UPDATE OF enabled ON learning_credentials.credential_configuration
    FOR EACH ROW WHEN (NEW.enabled AND NEW.last_run_at IS NULL)
    EXECUTE FUNCTION learning_credentials.announce_first_run();
