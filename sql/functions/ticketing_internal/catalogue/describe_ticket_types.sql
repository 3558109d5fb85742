-- The ticket types in the answer of get_ticket_availability.

CREATE OR REPLACE FUNCTION ticketing_internal.describe_ticket_types(
    p_function ticketing.functions,
    p_free ticketing_internal.capacity_change[],
    p_closed text,
    p_now timestamptz
)
RETURNS ticketing_internal.ticket_type_availability[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW(
            ticket_type.ticket_type_id, ticket_type.event_id, ticket_type.slug, ticket_type.name,
            ticket_type.description,
            ticketing_internal.scale_amount(ticket_type.price, p_function.currency),
            ticket_type.sale_starts_at, ticket_type.sale_ends_at, ticket_type.min_per_attendee,
            ticket_type.max_per_attendee, ticket_type.max_per_registration, ticket_type.eligibility,
            capacity.available,
            coalesce(
                p_closed,
                ticketing_internal.sale_status(
                    ticket_type.is_active AND event.is_active, ticket_type.sale_starts_at,
                    -- nothing is sold for what is over; load_catalogue and describe_packages agree
                    coalesce(ticket_type.sale_ends_at, event.ends_at, p_function.ends_at), p_now
                ),
                CASE capacity.available WHEN 0 THEN 'sold_out' ELSE 'on_sale' END
            )
        )::ticketing_internal.ticket_type_availability
        FROM ticketing.ticket_types AS ticket_type
        INNER JOIN ticketing.events AS event
            ON event.function_id = ticket_type.function_id
            AND event.event_id = ticket_type.event_id
        CROSS JOIN LATERAL (
            SELECT min(pool.reserved) AS available
            FROM ticketing.ticket_type_pools AS membership
            INNER JOIN unnest(p_free) AS pool ON pool.capacity_pool_id = membership.capacity_pool_id
            WHERE membership.function_id = p_function.function_id
                AND membership.ticket_type_id = ticket_type.ticket_type_id
        ) AS capacity
        WHERE ticket_type.function_id = p_function.function_id
        ORDER BY event.starts_at, ticket_type.name
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.describe_ticket_types IS
'All ticket types of p_function with what is left of them according to p_free (see free_capacity). p_closed: the
status if p_function as a whole is off sale; null otherwise.';
