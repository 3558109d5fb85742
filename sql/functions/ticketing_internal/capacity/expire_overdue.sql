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
AS $$
DECLARE
    v_ticket_type_ids uuid[];
    v_package_ids uuid[];
    v_registration_ids uuid[];
BEGIN
    IF p_pool_id IS NOT NULL THEN
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
    END IF;

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
                p_pool_id IS NULL
                OR EXISTS (
                    SELECT
                    FROM ticketing.tickets AS ticket
                    WHERE ticket.function_id = p_function_id
                        AND ticket.registration_id = registration.registration_id
                        AND ticket.status = 'Active'
                        AND (
                            ticket.ticket_type_id = ANY(v_ticket_type_ids)
                            OR ticket.package_id = ANY(v_package_ids)
                        )
                )
            )
        ORDER BY registration.hold_expires_at
        LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS overdue;

    IF v_registration_ids IS NULL THEN
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
'Expires at most p_limit registrations that are overdue at p_now, the longest overdue first, except p_except; with
p_pool_id only those that hold capacity of that pool. r_changes: the changes that the caller must apply to the pools;
r_expired: how many registrations expired.';
