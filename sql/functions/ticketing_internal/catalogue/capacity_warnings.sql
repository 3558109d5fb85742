-- What an import does to limits while there are tickets: it is allowed, but hardly ever meant.

CREATE OR REPLACE FUNCTION ticketing_internal.capacity_warnings(
    p_catalogue ticketing_internal.submitted_catalogue
)
RETURNS text[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := (p_catalogue.function).function_id;
BEGIN
    RETURN ARRAY(
        WITH membership AS (
            SELECT
                stored.*,
                pool.name AS pool_name,
                stored.capacity_pool_id NOT IN (
                    SELECT submitted.capacity_pool_id FROM unnest(p_catalogue.pools) AS submitted
                ) AS is_ended
            FROM ticketing_internal.catalogue_memberships(p_catalogue) AS stored
            INNER JOIN ticketing_internal.pool_availability(v_function_id) AS counted
                ON counted.capacity_pool_id = stored.capacity_pool_id
            INNER JOIN ticketing.capacity_pools AS pool
                ON pool.function_id = v_function_id
                AND pool.capacity_pool_id = stored.capacity_pool_id
            WHERE stored.is_stored AND counted.reserved + counted.sold > 0
        ),
        warning AS (
            SELECT DISTINCT format('The capacity of %s no longer limits anything; it has tickets.', membership.pool_name)
                AS message
            FROM membership
            WHERE membership.is_ended
            UNION ALL
            SELECT format('%s leaves the pool %s, where its tickets no longer count.', member.name, membership.pool_name)
            FROM membership
            CROSS JOIN LATERAL (
                SELECT ticket_type.name
                FROM ticketing.ticket_types AS ticket_type
                WHERE NOT membership.is_package
                    AND ticket_type.function_id = v_function_id
                    AND ticket_type.ticket_type_id = membership.member_id
                    AND EXISTS (
                        SELECT
                        FROM ticketing.tickets AS ticket
                        WHERE ticket.function_id = v_function_id
                            AND ticket.event_id = ticket_type.event_id
                            AND ticket.ticket_type_id = ticket_type.ticket_type_id
                            AND ticket.status = 'Active'
                    )
                UNION ALL
                SELECT package.name
                FROM ticketing.packages AS package
                WHERE membership.is_package
                    AND package.function_id = v_function_id
                    AND package.package_id = membership.member_id
                    AND EXISTS (
                        SELECT
                        FROM ticketing.tickets AS ticket
                        WHERE ticket.function_id = v_function_id
                            AND ticket.package_id = package.package_id
                            AND ticket.status = 'Active'
                    )
            ) AS member
            WHERE NOT membership.is_ended AND NOT membership.is_submitted
        )
        SELECT warning.message FROM warning ORDER BY warning.message
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.capacity_warnings IS
'A text for each pool with tickets that p_catalogue ends, and for each ticket type or package with tickets that leaves a pool.
Called before the pools of p_catalogue are written, and after its other rows.';
