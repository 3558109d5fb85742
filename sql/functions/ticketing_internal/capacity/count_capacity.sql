-- Count from the tickets what the counters of pools should say.

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
    place AS (
        SELECT membership.capacity_pool_id, counted.is_sold, count(*) AS places
        FROM counted
        INNER JOIN ticketing.ticket_type_pools AS membership
            ON membership.function_id = p_function_id
            AND membership.ticket_type_id = counted.ticket_type_id
        GROUP BY membership.capacity_pool_id, counted.is_sold
        UNION ALL
        SELECT membership.capacity_pool_id, copy.is_sold, count(*)
        FROM (
            SELECT DISTINCT counted.attendee_id, counted.package_id, counted.package_number, counted.is_sold
            FROM counted
            WHERE counted.package_id IS NOT NULL
        ) AS copy
        INNER JOIN ticketing.package_pools AS membership
            ON membership.function_id = p_function_id
            AND membership.package_id = copy.package_id
        GROUP BY membership.capacity_pool_id, copy.is_sold
    )
    SELECT
        pool.capacity_pool_id,
        coalesce(sum(place.places) FILTER (WHERE NOT place.is_sold), 0)::integer,
        coalesce(sum(place.places) FILTER (WHERE place.is_sold), 0)::integer
    FROM ticketing.capacity_pools AS pool
    LEFT JOIN place ON place.capacity_pool_id = pool.capacity_pool_id
    WHERE pool.function_id = p_function_id
    GROUP BY pool.capacity_pool_id;
END
$$;

COMMENT ON FUNCTION ticketing_internal.count_capacity IS
'For every pool of a function the places that its tickets take now: reserved (unpaid) and sold.';
