-- Let overdue registrations go: lock them, mark them expired, and say what that gives back.
--
-- Lock order: before any pool, which the caller changes afterwards together with its own demands.
-- It never waits: a registration that somebody else is working on is left to him.

CREATE OR REPLACE FUNCTION ticketing_internal.expire_overdue(
    p_function_id uuid,
    p_pool_ids uuid[],
    p_except uuid,
    p_limit integer,
    p_now timestamptz,
    OUT r_demands ticketing_internal.pool_demand[],
    OUT r_expired integer
)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_registration_ids uuid[];
BEGIN
    SELECT array_agg(overdue.registration_id)
    INTO v_registration_ids
    FROM (
        SELECT registration.registration_id
        FROM ticketing.registrations AS registration
        WHERE registration.function_id = p_function_id
            AND registration.status IN ('draft', 'pending')
            AND registration.hold_expires_at <= p_now
            AND registration.registration_id IS DISTINCT FROM p_except
            AND (
                p_pool_ids IS NULL
                OR EXISTS (
                    SELECT
                    FROM unnest(ticketing_internal.registration_pool_use(
                        p_function_id, ARRAY[registration.registration_id]
                    )) AS pool
                    WHERE pool.capacity_pool_id = ANY(p_pool_ids)
                )
            )
        ORDER BY registration.hold_expires_at
        LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS overdue;

    IF v_registration_ids IS NULL THEN
        r_demands := '{}';
        r_expired := 0;
        RETURN;
    END IF;

    UPDATE ticketing.registrations AS registration
    SET status = 'expired', updated_at = p_now
    WHERE registration.function_id = p_function_id
        AND registration.registration_id = ANY(v_registration_ids);

    r_demands := ticketing_internal.scale_demands(
        ticketing_internal.registration_pool_use(p_function_id, v_registration_ids), -1, 0
    );
    r_expired := cardinality(v_registration_ids);
END
$$;

COMMENT ON FUNCTION ticketing_internal.expire_overdue(
    uuid,
    uuid[],
    uuid,
    integer,
    timestamptz
) IS
'Expires at most p_limit registrations that are overdue at p_now, the longest overdue first, without
p_except; with p_pool_ids only those that hold places in one of these pools. r_demands: what the
caller must add to the pools; r_expired: how many.';

REVOKE ALL ON FUNCTION ticketing_internal.expire_overdue(
    uuid,
    uuid[],
    uuid,
    integer,
    timestamptz
) FROM public;
