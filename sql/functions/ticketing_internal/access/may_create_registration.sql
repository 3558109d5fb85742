-- May this owner create the registration with this id, or, when there is one, create it again?

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
    SELECT known.function_id
    INTO v_function_id
    FROM ticketing.registration_index AS known
    WHERE known.registration_id = p_registration_id;
    IF NOT found THEN
        RETURN TRUE;
    END IF;

    SELECT registration.owner_id
    INTO v_owner_id
    FROM ticketing.registrations AS registration
    WHERE registration.function_id = v_function_id
        AND registration.registration_id = p_registration_id;
    -- an owner not known yet (the rest of the arguments will be refused) is nobody's obstacle
    RETURN v_owner_id IS NOT DISTINCT FROM coalesce(p_owner_id, v_owner_id);
END
$$;

COMMENT ON FUNCTION ticketing_internal.may_create_registration IS
'False when a registration with that id belongs to somebody other than p_owner_id; a null owner is not judged.';
