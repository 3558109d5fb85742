-- Compares which ticket types and packages take capacity from which pools by a catalogue document
-- and by what is stored.
--
-- What has tickets but can no longer be bought stays in its shared pools, whatever the document
-- says: its tickets are admitted as long as they exist. The document cannot even name it there once
-- it has dropped it.

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
        SELECT event.event_id AS id
        FROM unnest(p_catalogue.events) AS event
        UNION ALL
        SELECT ticket_type.ticket_type_id
        FROM unnest(p_catalogue.ticket_types) AS ticket_type
        UNION ALL
        SELECT package.package_id
        FROM unnest(p_catalogue.packages) AS package
    ),
    membership AS (
        SELECT
            member.ticket_type_id AS member_id,
            FALSE AS is_package,
            member.capacity_pool_id,
            ticketing_internal.is_own_pool(v_function_id, member.capacity_pool_id) AS is_own,
            NOT (ticket_type.is_active AND event.is_active)
            AND EXISTS (
                SELECT
                FROM ticketing.tickets AS ticket
                WHERE ticket.function_id = v_function_id
                    AND ticket.event_id = ticket_type.event_id
                    AND ticket.ticket_type_id = ticket_type.ticket_type_id
                    AND ticket.status = 'Active'
            ) AS is_outstanding
        FROM ticketing.ticket_type_pools AS member
        INNER JOIN ticketing.ticket_types AS ticket_type
            ON ticket_type.function_id = member.function_id
            AND ticket_type.ticket_type_id = member.ticket_type_id
        INNER JOIN ticketing.events AS event
            ON event.function_id = ticket_type.function_id
            AND event.event_id = ticket_type.event_id
        WHERE member.function_id = v_function_id
        UNION ALL
        SELECT
            member.package_id,
            TRUE,
            member.capacity_pool_id,
            ticketing_internal.is_own_pool(v_function_id, member.capacity_pool_id),
            NOT package.is_active
            AND EXISTS (
                SELECT
                FROM ticketing.tickets AS ticket
                WHERE ticket.function_id = v_function_id
                    AND ticket.package_id = package.package_id
                    AND ticket.status = 'Active'
            )
        FROM ticketing.package_pools AS member
        INNER JOIN ticketing.packages AS package
            ON package.function_id = member.function_id
            AND package.package_id = member.package_id
        WHERE member.function_id = v_function_id
    ),
    -- pools of events, ticket types and packages that the document does not name stay as they are
    stored AS (
        SELECT membership.*
        FROM membership
        WHERE NOT membership.is_own
            OR membership.capacity_pool_id IN (SELECT named.id FROM named)
    ),
    submitted AS (
        SELECT ticket_type_id AS member_id, FALSE AS is_package, pool.capacity_pool_id
        FROM unnest(p_catalogue.pools) AS pool
        CROSS JOIN LATERAL unnest(pool.ticket_type_ids) AS ticket_type_id
        UNION
        SELECT package_id, TRUE, pool.capacity_pool_id
        FROM unnest(p_catalogue.pools) AS pool
        CROSS JOIN LATERAL unnest(pool.package_ids) AS package_id
        UNION
        SELECT stored.member_id, stored.is_package, stored.capacity_pool_id
        FROM stored
        WHERE stored.is_outstanding AND NOT stored.is_own
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
'Every membership of a ticket type or package in a pool that p_catalogue, whose other rows are stored, leaves (is_submitted),
or that is stored and up to the document (is_stored).';
