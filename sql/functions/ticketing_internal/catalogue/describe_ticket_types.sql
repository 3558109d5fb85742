-- The ticket types in the answer of get_ticket_availability.

CREATE OR REPLACE FUNCTION ticketing_internal.describe_ticket_types(
    p_function_id uuid,
    p_free ticketing_internal.capacity_change[],
    p_closed text,
    p_now timestamptz
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(
            jsonb_build_object(
                'ticket_type_id', ticket_type.ticket_type_id,
                'event_id', ticket_type.event_id,
                'name', ticket_type.name,
                'description', ticket_type.description,
                'price', ticket_type.price,
                'sale_starts_at', ticket_type.sale_starts_at,
                'sale_ends_at', ticket_type.sale_ends_at,
                'min_per_attendee', ticket_type.min_per_attendee,
                'max_per_attendee', ticket_type.max_per_attendee,
                'max_per_registration', ticket_type.max_per_registration,
                'eligibility', ticket_type.eligibility,
                'places_left', capacity.places_left,
                'status', coalesce(
                    p_closed,
                    ticketing_internal.sale_status(
                        ticket_type.is_active AND event.is_active, ticket_type.sale_starts_at,
                        ticket_type.sale_ends_at, p_now
                    ),
                    CASE capacity.places_left WHEN 0 THEN 'sold_out' ELSE 'on_sale' END
                )
            ) ORDER BY event.starts_at, ticket_type.name
        ), '[]')
        FROM ticketing.ticket_types AS ticket_type
        INNER JOIN ticketing.events AS event
            ON event.function_id = ticket_type.function_id
            AND event.event_id = ticket_type.event_id
        CROSS JOIN LATERAL (
            SELECT min(pool.reserved) AS places_left
            FROM ticketing.ticket_type_pools AS membership
            INNER JOIN unnest(p_free) AS pool ON pool.capacity_pool_id = membership.capacity_pool_id
            WHERE membership.function_id = p_function_id
                AND membership.ticket_type_id = ticket_type.ticket_type_id
        ) AS capacity
        WHERE ticket_type.function_id = p_function_id
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.describe_ticket_types IS
'All ticket types of a function with what is left of them according to p_free (see free_capacity), as JSON. p_closed: the
status if the whole function is off sale; null otherwise.';
