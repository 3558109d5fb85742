-- The capacity that the tickets of some registrations take from each pool. Locks nothing.

CREATE OR REPLACE FUNCTION ticketing_internal.registration_capacity(
    p_function_id uuid,
    p_registration_ids uuid[]
)
RETURNS ticketing_internal.capacity_change[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_taken ticketing_internal.capacity_change[];
BEGIN
    WITH ticket AS (
        SELECT ticket.attendee_id, ticket.ticket_type_id, ticket.package_id, ticket.package_number
        FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = p_function_id
            AND ticket.registration_id = ANY(p_registration_ids)
            AND ticket.status = 'Active'
    ),
    taken AS (
        SELECT membership.capacity_pool_id, counted.amount
        FROM (
            SELECT ticket.ticket_type_id, count(*) AS amount
            FROM ticket
            GROUP BY ticket.ticket_type_id
        ) AS counted
        INNER JOIN ticketing.ticket_type_pools AS membership
            ON membership.function_id = p_function_id
            AND membership.ticket_type_id = counted.ticket_type_id
        UNION ALL
        SELECT membership.capacity_pool_id, counted.amount
        FROM (
            SELECT ticket.package_id, count(DISTINCT (ticket.attendee_id, ticket.package_number)) AS amount
            FROM ticket
            WHERE ticket.package_id IS NOT NULL
            GROUP BY ticket.package_id
        ) AS counted
        INNER JOIN ticketing.package_pools AS membership
            ON membership.function_id = p_function_id
            AND membership.package_id = counted.package_id
    )
    SELECT array_agg(
        ROW(pool.capacity_pool_id, pool.amount, 0)::ticketing_internal.capacity_change ORDER BY pool.capacity_pool_id
    )
    INTO v_taken
    FROM (
        SELECT taken.capacity_pool_id, sum(taken.amount)::integer AS amount
        FROM taken
        GROUP BY taken.capacity_pool_id
    ) AS pool;

    RETURN coalesce(v_taken, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.registration_capacity IS
'The capacity that the active tickets of some registrations of a function take from each pool, as reserved, in id
order.';
