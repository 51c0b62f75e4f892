-- ============================================================ corrections: another name, another design

CREATE FUNCTION learning_credentials.current_design(configuration_id bigint) RETURNS bigint
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_current_design';
COMMENT ON FUNCTION learning_credentials.current_design(bigint) IS
'Fingerprint of what a document of the configuration would be made from now, besides the credential: the generation function and its body, the options that it may look at, the assets that these name. Not in it: settings, and whatever else a function reads. Errors: as for issuing, when the function or the role is gone.';

CREATE FUNCTION learning_credentials.current_name(configuration_id bigint, user_id bigint) RETURNS text
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'lc_current_name';
COMMENT ON FUNCTION learning_credentials.current_name(bigint, bigint) IS
'The name that a credential of the configuration would show for a user now, read from its source as its role; NULL: the source does not know the user.';

CREATE FUNCTION learning_credentials.outdated_credentials(configuration_id bigint)
RETURNS TABLE (uuid uuid, user_id bigint, user_full_name text, issue_date timestamptz, expires_at timestamptz)
LANGUAGE plpgsql VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    design_now bigint := learning_credentials.current_design(configuration_id);
BEGIN
    IF configuration_id IS NULL THEN
        RAISE EXCEPTION 'configuration_id must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    RETURN QUERY
    SELECT c.uuid, c.user_id, c.user_full_name, c.issue_date, c.expires_at
      FROM learning_credentials.credential c
     WHERE c.configuration_id = outdated_credentials.configuration_id
       AND c.status = 'available' AND c.design <> design_now AND c.erased_at IS NULL
     ORDER BY c.uuid;
END
$$;
COMMENT ON FUNCTION learning_credentials.outdated_credentials(bigint) IS
'The available credentials of a configuration whose documents were made from another design than that of now, see current_design(). Not among them: those whose design is not known, because they were imported, and those whose user was retired.';

-- One of many: what does not succeed is told, and does not keep the others from theirs.
CREATE FUNCTION learning_credentials.try_reissue(
    uuid uuid, reason text, OUT reissued_as uuid, OUT status learning_credentials.credential_status, OUT error text)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    reissued_as := learning_credentials.reissue_credential(try_reissue.uuid, try_reissue.reason);
    SELECT c.status, c.error_message INTO status, error
      FROM learning_credentials.credential c WHERE c.uuid = reissued_as;
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    error := SQLERRM;
END
$$;
COMMENT ON FUNCTION learning_credentials.try_reissue(uuid, text) IS
'reissue_credential() for one of many: the new credential, its status and why its document could not be made; where it raises 55000, that error.';

CREATE FUNCTION learning_credentials.reissue_outdated(
    configuration_id bigint, reason text DEFAULT 'Design changed', dry_run boolean DEFAULT false)
RETURNS TABLE (uuid uuid, user_id bigint, user_full_name text, reissued_as uuid,
               status learning_credentials.credential_status, error text)
LANGUAGE plpgsql VOLATILE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT o.uuid, o.user_id, o.user_full_name, r.reissued_as, r.status, r.error
      FROM learning_credentials.outdated_credentials(reissue_outdated.configuration_id) o
      LEFT JOIN LATERAL learning_credentials.try_reissue(o.uuid, reissue_outdated.reason) r
             ON NOT reissue_outdated.dry_run;
END
$$;
COMMENT ON FUNCTION learning_credentials.reissue_outdated(bigint, text, boolean) IS
'Reissues what outdated_credentials() lists, one after the other in one transaction, and returns a row for each: the credential, the one that replaces it, and its status; in error says why. With dry_run nothing is done, and the rows are what would be.';

CREATE FUNCTION learning_credentials.refresh_user(
    user_id bigint, reissue uuid[] DEFAULT '{}', reason text DEFAULT 'Name changed')
RETURNS TABLE (uuid uuid, configuration_id bigint, learning_context_name text, user_full_name text, current_name text,
               differs boolean, reissued_as uuid, status learning_credentials.credential_status, error text)
LANGUAGE plpgsql VOLATILE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stray uuid;
BEGIN
    IF user_id IS NULL THEN
        RAISE EXCEPTION 'user_id must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    SELECT r.uuid INTO stray
      FROM unnest(reissue) AS r (uuid)
     WHERE NOT EXISTS (SELECT FROM learning_credentials.credential c
                        WHERE c.uuid = r.uuid AND c.user_id = refresh_user.user_id AND c.status = 'available');
    IF FOUND THEN
        RAISE EXCEPTION 'credential "%" is not an available one of user %', stray, user_id
            USING ERRCODE = 'undefined_object';
    END IF;
    FOR uuid, configuration_id, learning_context_name, user_full_name IN
        SELECT c.uuid, c.configuration_id, c.learning_context_name, c.user_full_name
          FROM learning_credentials.credential c
         WHERE c.user_id = refresh_user.user_id AND c.status = 'available'
         ORDER BY c.uuid
    LOOP
        current_name := NULL;
        reissued_as := NULL;
        status := NULL;
        error := NULL;
        BEGIN
            current_name := learning_credentials.current_name(configuration_id, user_id);
        EXCEPTION WHEN OTHERS THEN      -- a source that cannot be read says nothing of the others
            error := SQLERRM;
        END;
        differs := current_name <> user_full_name;
        IF uuid = ANY (reissue) THEN
            SELECT r.reissued_as, r.status, r.error INTO reissued_as, status, error
              FROM learning_credentials.try_reissue(uuid, reason) r;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION learning_credentials.refresh_user(bigint, uuid[], text) IS
'The available credentials of a user: the name on each, the name that its source gives the user now, and whether they differ (NULL: the source does not know the user, or error says why it could not be asked). Those whose uuids are in "reissue" are reissued: reissued_as is what replaces them, status how that ended. Error 42704 for a uuid that is not an available credential of the user.';
