-- Lock the owner of a registration where limits per owner apply, so that two sessions of one owner
-- do not each stay below a limit that both together exceed.
--
-- Lock order: after the registration, before overdue registrations and pools.

CREATE OR REPLACE FUNCTION ticketing_internal.lock_owner(p_registration ticketing.registrations)
RETURNS uuid
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_owner_id CONSTANT uuid := ticketing_internal.bound_owner(p_registration);
BEGIN
    IF v_owner_id IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(ticketing_internal.lock_key('owner', p_registration.function_id, v_owner_id));
    END IF;
    RETURN v_owner_id;
END
$$;

COMMENT ON FUNCTION ticketing_internal.lock_owner IS
'The owner whom limits per owner bind, locked until the end of the transaction; null if they bind none (see bound_owner).';
