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
    v_key bigint;
BEGIN
    IF v_owner_id IS NOT NULL THEN
        v_key := ticketing_internal.lock_key('owner', p_registration.function_id, v_owner_id);
        -- tried first, because an expression costs a tenth of a statement
        IF NOT pg_try_advisory_xact_lock(v_key) THEN
            PERFORM pg_advisory_xact_lock(v_key);
        END IF;
    END IF;
    RETURN v_owner_id;
END
$$;

COMMENT ON FUNCTION ticketing_internal.lock_owner IS
'The owner whom limits per owner bind, locked until the end of the transaction; null if they bind none (see bound_owner).';
