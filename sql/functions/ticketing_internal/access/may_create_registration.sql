-- Whether this owner may create the registration with this id, or create it again if it exists.

CREATE OR REPLACE FUNCTION ticketing_internal.may_create_registration(
    p_registration_id uuid, p_owner_id uuid
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id uuid;
    v_owner_id uuid;
BEGIN
    SELECT entry.function_id
    INTO v_function_id
    FROM ticketing.registration_index AS entry
    WHERE entry.registration_id = p_registration_id;
    IF NOT found THEN
        RETURN TRUE;
    END IF;

    SELECT registration.owner_id
    INTO v_owner_id
    FROM ticketing.registrations AS registration
    WHERE registration.function_id = v_function_id
        AND registration.registration_id = p_registration_id;
    -- The owner is null while the arguments are invalid; the caller then raises TK001.
    RETURN v_owner_id IS NOT DISTINCT FROM coalesce(p_owner_id, v_owner_id);
END
$$;

COMMENT ON FUNCTION ticketing_internal.may_create_registration IS
'False if a registration with this id has another owner than p_owner_id. A null p_owner_id is not checked.';
