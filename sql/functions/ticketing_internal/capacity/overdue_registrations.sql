-- The overdue registrations of a function: past their hold, but not marked as expired yet. Costs
-- what is overdue, however many holds are open; for pools that are not large, what they hold.

CREATE OR REPLACE FUNCTION ticketing_internal.overdue_registrations(
    p_function_id uuid,
    p_except uuid,
    p_now timestamptz,
    p_pool_ids uuid[] DEFAULT NULL
)
RETURNS uuid[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
-- a bitmap scan would visit the entries of released holds again and again until the next vacuum
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    v_holding_ids uuid[];
BEGIN
    IF p_pool_ids IS NOT NULL THEN
        v_holding_ids := ticketing_internal.holding_registrations(p_function_id, p_pool_ids);
    END IF;

    IF v_holding_ids IS NOT NULL THEN
        RETURN ARRAY(
            SELECT registration.registration_id
            FROM ticketing.registrations AS registration
            WHERE registration.function_id = p_function_id
                AND registration.registration_id = ANY(v_holding_ids)
                AND registration.is_open
                AND registration.hold_expires_at <= p_now
                AND registration.registration_id IS DISTINCT FROM p_except
                AND (registration.xmax = '0' OR NOT ticketing_internal.is_locked_long(registration.xmax))
        );
    END IF;
    RETURN ARRAY(
        SELECT registration.registration_id
        FROM ticketing.registrations AS registration
        WHERE registration.function_id = p_function_id
            AND registration.hold_bucket <= p_now
            AND registration.hold_expires_at <= p_now
            AND registration.registration_id IS DISTINCT FROM p_except
            AND (registration.xmax = '0' OR NOT ticketing_internal.is_locked_long(registration.xmax))
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.overdue_registrations IS
'Ids of the registrations that are overdue at p_now, except p_except and those that a transaction has locked for long; with
p_pool_ids at least those of them that hold capacity of these pools.';
