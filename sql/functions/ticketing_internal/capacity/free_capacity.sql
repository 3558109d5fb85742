-- What is free in each pool for one caller: overdue holds and the capacity of the caller's own
-- registration count as free. Read without locks, so it informs; take_capacity decides.

CREATE OR REPLACE FUNCTION ticketing_internal.free_capacity(
    p_function_id uuid,
    p_registration_id uuid,
    p_now timestamptz
)
RETURNS ticketing_internal.capacity_change[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_registration_ids uuid[] :=
        ticketing_internal.overdue_registrations(p_function_id, p_registration_id, p_now);
    v_released ticketing_internal.capacity_change[];
    v_free ticketing_internal.capacity_change[];
BEGIN
    IF p_registration_id IS NOT NULL THEN
        -- an expired registration no longer holds capacity
        v_registration_ids := v_registration_ids || ARRAY(
            SELECT registration.registration_id
            FROM ticketing.registrations AS registration
            WHERE registration.function_id = p_function_id
                AND registration.registration_id = p_registration_id
                AND registration.status IN ('draft', 'pending')
        );
    END IF;
    v_released := ticketing_internal.registration_capacity(p_function_id, v_registration_ids);

    SELECT array_agg(ROW(
        pool.capacity_pool_id,
        greatest(pool.capacity - pool.reserved - pool.sold + coalesce(released.reserved, 0), 0),
        0
    )::ticketing_internal.capacity_change)
    INTO v_free
    FROM ticketing_internal.pool_availability(p_function_id) AS pool
    LEFT JOIN unnest(v_released) AS released ON released.capacity_pool_id = pool.capacity_pool_id;
    RETURN v_free;
END
$$;

COMMENT ON FUNCTION ticketing_internal.free_capacity IS
'How much capacity each pool of a function has left at p_now, as reserved. The capacity of p_registration_id (null: of none)
and of overdue registrations counts as free. Null if the function has no pools.';
