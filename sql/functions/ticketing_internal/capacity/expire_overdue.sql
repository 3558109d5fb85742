-- Locks overdue registrations, marks them expired and returns the capacity that this frees.
--
-- Lock order: before any pool; the caller applies the changes afterwards, merged with its own.
-- Never waits: a registration that another transaction has locked is skipped.

CREATE OR REPLACE FUNCTION ticketing_internal.expire_overdue(
    p_function_id uuid,
    p_pool_id uuid,
    p_except uuid,
    p_limit integer,
    p_now timestamptz,
    OUT r_changes ticketing_internal.capacity_change[],
    OUT r_expired integer
)
RETURNS record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- a bitmap scan would visit the entries of released holds again and again until the next vacuum
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    v_ticket_type_ids uuid[];
    v_package_ids uuid[];
    v_holding_ids uuid[];
    v_registration_ids uuid[];
BEGIN
    IF p_pool_id IS NOT NULL THEN
        v_holding_ids := ticketing_internal.holding_registrations(p_function_id, ARRAY[p_pool_id]);
    END IF;

    IF v_holding_ids IS NOT NULL THEN
        v_registration_ids := ARRAY(
            SELECT registration.registration_id
            FROM ticketing.registrations AS registration
            WHERE registration.function_id = p_function_id
                AND registration.registration_id = ANY(v_holding_ids)
                AND registration.is_open
                AND registration.hold_expires_at <= p_now
                AND registration.registration_id IS DISTINCT FROM p_except
            ORDER BY registration.hold_bucket
            LIMIT p_limit
            FOR NO KEY UPDATE SKIP LOCKED
        );
    ELSE
        v_ticket_type_ids := ARRAY(
            SELECT membership.ticket_type_id
            FROM ticketing.ticket_type_pools AS membership
            WHERE membership.function_id = p_function_id
                AND membership.capacity_pool_id = p_pool_id
        );
        v_package_ids := ARRAY(
            SELECT membership.package_id
            FROM ticketing.package_pools AS membership
            WHERE membership.function_id = p_function_id
                AND membership.capacity_pool_id = p_pool_id
        );
        v_registration_ids := ARRAY(
            SELECT registration.registration_id
            FROM ticketing.registrations AS registration
            WHERE registration.function_id = p_function_id
                AND registration.hold_bucket <= p_now
                AND registration.hold_expires_at <= p_now
                AND registration.registration_id IS DISTINCT FROM p_except
                AND (
                    p_pool_id IS NULL
                    OR EXISTS (
                        SELECT
                        FROM ticketing.tickets AS ticket
                        WHERE ticket.function_id = p_function_id
                            AND ticket.registration_id = registration.registration_id
                            AND (
                                ticket.ticket_type_id = ANY(v_ticket_type_ids)
                                OR ticket.package_id = ANY(v_package_ids)
                            )
                        -- one by one: most calls need the tickets of few registrations
                        OFFSET 0
                    )
                )
            ORDER BY registration.hold_bucket
            LIMIT p_limit
            FOR NO KEY UPDATE SKIP LOCKED
        );
    END IF;

    IF v_registration_ids = '{}' THEN
        r_changes := '{}';
        r_expired := 0;
        RETURN;
    END IF;

    UPDATE ticketing.registrations AS registration
    SET status = 'expired', updated_at = p_now
    WHERE registration.function_id = p_function_id
        AND registration.registration_id = ANY(v_registration_ids);

    r_changes := ticketing_internal.scale_changes(
        ticketing_internal.registration_capacity(p_function_id, v_registration_ids), -1, 0
    );
    r_expired := cardinality(v_registration_ids);
END
$$;

COMMENT ON FUNCTION ticketing_internal.expire_overdue IS
'Expires at most p_limit (null: all) registrations that are overdue at p_now, the longest overdue first (to the minute), except p_except;
with p_pool_id only those that hold capacity of that pool. r_changes: the changes that the caller must apply to the pools;
r_expired: how many registrations expired.';
