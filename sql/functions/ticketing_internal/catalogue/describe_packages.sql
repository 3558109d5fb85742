-- The packages in the answer of get_ticket_availability. A package is on sale only while all its
-- ticket types are, and never if it breaks their maximum.

CREATE OR REPLACE FUNCTION ticketing_internal.describe_packages(
    p_function ticketing.functions,
    p_free ticketing_internal.capacity_change[],
    p_closed text,
    p_now timestamptz
)
RETURNS ticketing_internal.package_availability[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_excessive CONSTANT uuid[] := ARRAY(
        SELECT excessive.package_id FROM ticketing_internal.excessive_packages(p_function.function_id) AS excessive
    );
BEGIN
    RETURN ARRAY(
        WITH item AS (
            SELECT
                item.package_id,
                item.ticket_type_id,
                item.quantity,
                event.starts_at,
                ticketing_internal.sale_status(
                    ticket_type.is_active AND event.is_active, ticket_type.sale_starts_at,
                    -- as in describe_ticket_types
                    coalesce(ticket_type.sale_ends_at, event.ends_at, p_function.ends_at), p_now
                ) AS sale_status
            FROM ticketing.package_items AS item
            INNER JOIN ticketing.ticket_types AS ticket_type
                ON ticket_type.function_id = item.function_id
                AND ticket_type.ticket_type_id = item.ticket_type_id
            INNER JOIN ticketing.events AS event
                ON event.function_id = ticket_type.function_id
                AND event.event_id = ticket_type.event_id
            WHERE item.function_id = p_function.function_id
        ),
        -- what one package takes from each pool: for its tickets, and for the package itself
        usage AS (
            SELECT part.package_id, part.capacity_pool_id, sum(part.capacity) AS capacity
            FROM (
                SELECT item.package_id, membership.capacity_pool_id, item.quantity AS capacity
                FROM item
                INNER JOIN ticketing.ticket_type_pools AS membership
                    ON membership.function_id = p_function.function_id
                    AND membership.ticket_type_id = item.ticket_type_id
                UNION ALL
                SELECT membership.package_id, membership.capacity_pool_id, 1
                FROM ticketing.package_pools AS membership
                WHERE membership.function_id = p_function.function_id
            ) AS part
            GROUP BY part.package_id, part.capacity_pool_id
        )
        SELECT ROW(
            package.package_id, package.slug, package.name, package.description,
            ticketing_internal.scale_amount(package.price, p_function.currency),
            package.registration_types, package.sale_starts_at, package.sale_ends_at, package.min_per_attendee,
            package.max_per_attendee, package.max_per_registration, package.eligibility, contents.items,
            capacity.available,
            coalesce(
                p_closed,
                CASE
                    WHEN contents.sale_statuses @> '{inactive}' OR package.package_id = ANY(v_excessive) THEN 'inactive'
                    -- what has ended does not begin again
                    WHEN contents.sale_statuses @> '{ended}' THEN 'ended'
                    WHEN contents.sale_statuses @> '{not_yet}' THEN 'not_yet'
                END,
                CASE capacity.available WHEN 0 THEN 'sold_out' ELSE 'on_sale' END
            )
        )::ticketing_internal.package_availability
        FROM ticketing.packages AS package
        CROSS JOIN LATERAL (
            SELECT
                array_agg(
                    ROW(item.ticket_type_id, item.quantity)::ticketing_internal.package_item
                    ORDER BY item.starts_at, item.ticket_type_id
                ) AS items,
                array_agg(item.sale_status) || ticketing_internal.sale_status(
                    package.is_active, package.sale_starts_at, package.sale_ends_at, p_now
                ) AS sale_statuses
            FROM item
            WHERE item.package_id = package.package_id
        ) AS contents
        CROSS JOIN LATERAL (
            SELECT min(div(pool.reserved, usage.capacity))::integer AS available
            FROM usage
            INNER JOIN unnest(p_free) AS pool ON pool.capacity_pool_id = usage.capacity_pool_id
            WHERE usage.package_id = package.package_id
        ) AS capacity
        WHERE package.function_id = p_function.function_id
        ORDER BY package.name
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.describe_packages IS
'All packages of p_function with their contents and what is left of them according to p_free (see free_capacity), as JSON.
p_closed: the status if p_function as a whole is off sale; null otherwise.';
