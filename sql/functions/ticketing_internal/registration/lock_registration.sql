-- Take the locks that every change of a registration starts with: its function's catalogue,
-- shared, and its row. FOR NO KEY UPDATE: foreign keys of others, which only need the key to
-- stay, do not wait for it. A caller who has waited for a transfer to another owner is authorised
-- again.
--
-- Errors: TK002 (deleted, or transferred, since it was authorised).

CREATE OR REPLACE FUNCTION ticketing_internal.lock_registration(
    p_access ticketing_internal.access, p_registration_id uuid
)
RETURNS ticketing.registrations
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_registration ticketing.registrations;
BEGIN
    PERFORM ticketing_internal.lock_catalogue(p_access.function_id, p_is_exclusive => FALSE);

    SELECT registration.*
    INTO v_registration
    FROM ticketing.registrations AS registration
    WHERE registration.function_id = p_access.function_id
        AND registration.registration_id = p_registration_id
    FOR NO KEY UPDATE;

    IF NOT found THEN
        PERFORM ticketing_internal.raise_registration_not_found();
    END IF;
    IF v_registration.owner_id <> p_access.owner_id THEN
        PERFORM ticketing_internal.authorise_registration(p_registration_id);
    END IF;
    RETURN v_registration;
END
$$;

COMMENT ON FUNCTION ticketing_internal.lock_registration IS
'Locks a registration, to which the caller has p_access, until the end of the transaction and returns it as it is then.';
