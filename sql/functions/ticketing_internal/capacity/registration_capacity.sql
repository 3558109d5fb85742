-- How many places registrations take from each pool.

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
    v_use ticketing_internal.capacity_change[];
BEGIN
    WITH ticket AS (
        SELECT ticket.attendee_id, ticket.ticket_type_id, ticket.package_id, ticket.package_number
        FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = p_function_id
            AND ticket.registration_id = ANY(p_registration_ids)
            AND ticket.status = 'Active'
    ),
    place AS (
        SELECT membership.capacity_pool_id, count(*) AS places
        FROM ticket
        INNER JOIN ticketing.ticket_type_pools AS membership
            ON membership.function_id = p_function_id
            AND membership.ticket_type_id = ticket.ticket_type_id
        GROUP BY membership.capacity_pool_id
        UNION ALL
        SELECT membership.capacity_pool_id, count(*)
        FROM (
            SELECT DISTINCT ticket.attendee_id, ticket.package_id, ticket.package_number
            FROM ticket
            WHERE ticket.package_id IS NOT NULL
        ) AS copy
        INNER JOIN ticketing.package_pools AS membership
            ON membership.function_id = p_function_id
            AND membership.package_id = copy.package_id
        GROUP BY membership.capacity_pool_id
    )
    SELECT array_agg(
        ROW(pool.capacity_pool_id, pool.places, 0)::ticketing_internal.capacity_change ORDER BY pool.capacity_pool_id
    )
    INTO v_use
    FROM (
        SELECT place.capacity_pool_id, sum(place.places)::integer AS places
        FROM place
        GROUP BY place.capacity_pool_id
    ) AS pool;

    RETURN coalesce(v_use, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.registration_capacity IS
'The places that the active tickets of some registrations of a function take, as reserved, for each
pool in id order.';
