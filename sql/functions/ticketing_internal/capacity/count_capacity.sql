-- Counts from the tickets what the counters of all pools of a function should be. Locks nothing:
-- exact only while the caller holds the catalogue exclusively.

CREATE OR REPLACE FUNCTION ticketing_internal.count_capacity(p_function_id uuid)
RETURNS TABLE (capacity_pool_id uuid, reserved integer, sold integer)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH counted AS (
        SELECT
            ticket.attendee_id,
            ticket.ticket_type_id,
            ticket.package_id,
            ticket.package_number,
            registration.status = 'completed' AS is_sold
        FROM ticketing.tickets AS ticket
        INNER JOIN ticketing.registrations AS registration
            ON registration.function_id = ticket.function_id
            AND registration.registration_id = ticket.registration_id
        WHERE ticket.function_id = p_function_id
            AND ticket.status = 'Active'
            AND registration.status IN ('draft', 'pending', 'completed')
    ),
    taken AS (
        SELECT membership.capacity_pool_id, counted.is_sold, count(*) AS amount
        FROM counted
        INNER JOIN ticketing.ticket_type_pools AS membership
            ON membership.function_id = p_function_id
            AND membership.ticket_type_id = counted.ticket_type_id
        GROUP BY membership.capacity_pool_id, counted.is_sold
        UNION ALL
        SELECT membership.capacity_pool_id, packaged.is_sold, count(*)
        FROM (
            SELECT DISTINCT counted.attendee_id, counted.package_id, counted.package_number, counted.is_sold
            FROM counted
            WHERE counted.package_id IS NOT NULL
        ) AS packaged
        INNER JOIN ticketing.package_pools AS membership
            ON membership.function_id = p_function_id
            AND membership.package_id = packaged.package_id
        GROUP BY membership.capacity_pool_id, packaged.is_sold
    )
    SELECT
        pool.capacity_pool_id,
        coalesce(sum(taken.amount) FILTER (WHERE NOT taken.is_sold), 0)::integer,
        coalesce(sum(taken.amount) FILTER (WHERE taken.is_sold), 0)::integer
    FROM ticketing.capacity_pools AS pool
    LEFT JOIN taken ON taken.capacity_pool_id = pool.capacity_pool_id
    WHERE pool.function_id = p_function_id
    GROUP BY pool.capacity_pool_id;
END
$$;

COMMENT ON FUNCTION ticketing_internal.count_capacity IS
'The capacity that the tickets of a function take from each of its pools: reserved (unpaid) and sold.';
