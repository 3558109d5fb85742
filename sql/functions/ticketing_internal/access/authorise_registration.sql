-- Guarantees: returns only if the caller may read and change the registration. Called before
-- anything else of the registration is read or locked. Missing and inaccessible registrations
-- raise the same error.
-- Locks: none.
-- Errors: 42501, TK002.

CREATE OR REPLACE FUNCTION ticketing_internal.authorise_registration(
    p_registration_id uuid, p_is_for_visitors boolean DEFAULT FALSE
)
RETURNS ticketing_internal.access
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_caller_id uuid := ticketing_internal.caller_id();
    v_access ticketing_internal.access;
BEGIN
    IF v_caller_id IS NULL AND NOT (p_is_for_visitors OR ticketing_internal.caller_is_service()) THEN
        PERFORM ticketing_internal.raise_not_authenticated('p_registration_id');
    END IF;

    SELECT entry.function_id
    INTO v_access.function_id
    FROM ticketing.registration_index AS entry
    WHERE entry.registration_id = p_registration_id;

    SELECT registration.owner_id
    INTO v_access.owner_id
    FROM ticketing.registrations AS registration
    WHERE registration.function_id = v_access.function_id
        AND registration.registration_id = p_registration_id;

    IF v_access.owner_id IS NULL OR NOT coalesce(
        v_access.owner_id = v_caller_id
        OR ticketing_internal.caller_is_service()
        OR ticketing_internal.member_role(v_access.function_id, v_caller_id) IS NOT NULL,
        FALSE
    ) THEN
        PERFORM ticketing_internal.raise_registration_not_found();
    END IF;

    RETURN v_access;
END
$$;

COMMENT ON FUNCTION ticketing_internal.authorise_registration IS
'The access to a registration that the caller may read and change: as its owner, as staff of its organisation, or as
the service. Raises TK002 otherwise, and 42501 if it is no user who calls, unless p_is_for_visitors.';
