-- Compares which ticket types and packages take capacity from which pools by a catalogue document
-- and by what is stored. Ticket types and packages that the document does not name keep their own
-- pools and those of their event.

CREATE OR REPLACE FUNCTION ticketing_internal.catalogue_memberships(
    p_catalogue ticketing_internal.submitted_catalogue
)
RETURNS TABLE (
    member_id uuid,
    is_package boolean,
    capacity_pool_id uuid,
    is_submitted boolean,
    is_stored boolean
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := (p_catalogue.function).function_id;
BEGIN
    RETURN QUERY
    WITH named AS (
        SELECT ticket_type.ticket_type_id AS id
        FROM unnest(p_catalogue.ticket_types) AS ticket_type
        UNION ALL
        SELECT package.package_id
        FROM unnest(p_catalogue.packages) AS package
    ),
    submitted AS (
        SELECT ticket_type_id AS member_id, FALSE AS is_package, pool.capacity_pool_id
        FROM unnest(p_catalogue.pools) AS pool
        CROSS JOIN LATERAL unnest(pool.ticket_type_ids) AS ticket_type_id
        UNION
        SELECT package_id, TRUE, pool.capacity_pool_id
        FROM unnest(p_catalogue.pools) AS pool
        CROSS JOIN LATERAL unnest(pool.package_ids) AS package_id
    ),
    stored AS (
        SELECT membership.ticket_type_id AS member_id, FALSE AS is_package, membership.capacity_pool_id
        FROM ticketing.ticket_type_pools AS membership
        INNER JOIN ticketing.ticket_types AS ticket_type
            ON ticket_type.function_id = membership.function_id
            AND ticket_type.ticket_type_id = membership.ticket_type_id
        WHERE membership.function_id = v_function_id
            AND (
                membership.ticket_type_id IN (SELECT named.id FROM named)
                OR membership.capacity_pool_id NOT IN (ticket_type.ticket_type_id, ticket_type.event_id)
            )
        UNION ALL
        SELECT membership.package_id, TRUE, membership.capacity_pool_id
        FROM ticketing.package_pools AS membership
        WHERE membership.function_id = v_function_id
            AND (
                membership.package_id IN (SELECT named.id FROM named)
                OR membership.capacity_pool_id <> membership.package_id
            )
    )
    SELECT
        coalesce(submitted.member_id, stored.member_id),
        coalesce(submitted.is_package, stored.is_package),
        coalesce(submitted.capacity_pool_id, stored.capacity_pool_id),
        submitted.member_id IS NOT NULL,
        stored.member_id IS NOT NULL
    FROM submitted
    FULL JOIN stored
        ON stored.member_id = submitted.member_id
        AND stored.is_package = submitted.is_package
        AND stored.capacity_pool_id = submitted.capacity_pool_id;
END
$$;

COMMENT ON FUNCTION ticketing_internal.catalogue_memberships IS
'Every membership of a ticket type or package in a pool that p_catalogue has, or that is stored and up to the
document.';
