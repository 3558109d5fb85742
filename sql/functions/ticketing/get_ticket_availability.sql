-- Guarantees: one picture of what is on sale now, for which overdue holds count as free. Reads
-- only, locks nothing.
-- Errors: TK008, TK002.

CREATE OR REPLACE FUNCTION ticketing.get_ticket_availability(
    p_function_id uuid,
    p_registration_id uuid DEFAULT NULL
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_now timestamptz := statement_timestamp();
    v_function ticketing.functions;
    -- what the function as a whole allows; null: selling
    v_closed text;
    v_freed ticketing_internal.capacity_change[];
    v_pools ticketing_internal.capacity_change[];
    v_events jsonb;
    v_ticket_types jsonb;
    v_packages jsonb;
BEGIN
    IF p_registration_id IS NOT NULL
        AND ticketing_internal.authorise_registration(p_registration_id) IS DISTINCT FROM p_function_id
    THEN
        PERFORM ticketing_internal.raise_registration_not_found();
    END IF;
    v_function := ticketing_internal.require_function(p_function_id, 'p_function_id');
    v_closed := CASE
        WHEN v_function.status = 'draft' THEN 'inactive'
        WHEN v_function.status = 'closed' THEN 'ended'
        WHEN v_now < v_function.registration_opens_at THEN 'not_yet'
        WHEN v_now >= v_function.registration_closes_at THEN 'ended'
    END;

    -- Places left in each pool: those that overdue registrations still seem to hold, and those of
    -- the caller's own registration, are free to him. (In an expired registration nothing is held.)
    v_freed := ticketing_internal.registration_capacity(
        p_function_id,
        ticketing_internal.overdue_registrations(p_function_id, p_registration_id, v_now) || ARRAY(
            SELECT registration.registration_id
            FROM ticketing.registrations AS registration
            WHERE registration.function_id = p_function_id
                AND registration.registration_id = p_registration_id
                AND registration.status IN ('draft', 'pending')
        )
    );
    SELECT array_agg(ROW(
        pool.capacity_pool_id,
        greatest(pool.capacity - pool.reserved - pool.sold + coalesce(freed.reserved, 0), 0),
        0
    )::ticketing_internal.capacity_change)
    INTO v_pools
    FROM ticketing_internal.pool_availability(p_function_id) AS pool
    LEFT JOIN unnest(v_freed) AS freed ON freed.capacity_pool_id = pool.capacity_pool_id;

    SELECT jsonb_agg(
        jsonb_build_object(
            'event_id', event.event_id,
            'slug', event.slug,
            'title', event.title,
            'starts_at', event.starts_at,
            'ends_at', event.ends_at,
            'is_active', event.is_active,
            'places_left', pool.reserved
        ) ORDER BY event.starts_at, event.title
    )
    INTO v_events
    FROM ticketing.events AS event
    LEFT JOIN unnest(v_pools) AS pool ON pool.capacity_pool_id = event.event_id
    WHERE event.function_id = p_function_id;

    WITH offer AS (
        SELECT
            ticket_type.*,
            event.starts_at,
            (
                SELECT min(pool.reserved)
                FROM ticketing.ticket_type_pools AS membership
                INNER JOIN unnest(v_pools) AS pool ON pool.capacity_pool_id = membership.capacity_pool_id
                WHERE membership.function_id = p_function_id
                    AND membership.ticket_type_id = ticket_type.ticket_type_id
            ) AS places_left,
            coalesce(v_closed, CASE
                WHEN NOT ticket_type.is_active OR NOT event.is_active THEN 'inactive'
                WHEN v_now < ticket_type.sale_starts_at THEN 'not_yet'
                WHEN v_now >= ticket_type.sale_ends_at THEN 'ended'
            END) AS off_sale
        FROM ticketing.ticket_types AS ticket_type
        INNER JOIN ticketing.events AS event
            ON event.function_id = ticket_type.function_id
            AND event.event_id = ticket_type.event_id
        WHERE ticket_type.function_id = p_function_id
    ),
    item AS (
        SELECT item.package_id, item.ticket_type_id, item.quantity, offer.off_sale, offer.starts_at
        FROM ticketing.package_items AS item
        INNER JOIN offer ON offer.ticket_type_id = item.ticket_type_id
        WHERE item.function_id = p_function_id
    ),
    -- how many places one package takes of each pool, through its tickets and by itself
    need AS (
        SELECT part.package_id, part.capacity_pool_id, sum(part.places) AS places
        FROM (
            SELECT item.package_id, membership.capacity_pool_id, item.quantity AS places
            FROM item
            INNER JOIN ticketing.ticket_type_pools AS membership
                ON membership.function_id = p_function_id
                AND membership.ticket_type_id = item.ticket_type_id
            UNION ALL
            SELECT membership.package_id, membership.capacity_pool_id, 1
            FROM ticketing.package_pools AS membership
            WHERE membership.function_id = p_function_id
        ) AS part
        GROUP BY part.package_id, part.capacity_pool_id
    ),
    bundle AS (
        SELECT
            package.*,
            contents.items,
            (
                SELECT min(div(pool.reserved, need.places))::integer
                FROM need
                INNER JOIN unnest(v_pools) AS pool ON pool.capacity_pool_id = need.capacity_pool_id
                WHERE need.package_id = package.package_id
            ) AS places_left,
            coalesce(v_closed, CASE
                WHEN NOT package.is_active OR contents.off_sale @> '{inactive}' THEN 'inactive'
                WHEN v_now < package.sale_starts_at OR contents.off_sale @> '{not_yet}' THEN 'not_yet'
                WHEN v_now >= package.sale_ends_at OR contents.off_sale @> '{ended}' THEN 'ended'
            END) AS off_sale
        FROM ticketing.packages AS package
        CROSS JOIN LATERAL (
            SELECT
                jsonb_agg(
                    jsonb_build_object('ticket_type_id', item.ticket_type_id, 'quantity', item.quantity)
                    ORDER BY item.starts_at, item.ticket_type_id
                ) AS items,
                array_agg(item.off_sale) FILTER (WHERE item.off_sale IS NOT NULL) AS off_sale
            FROM item
            WHERE item.package_id = package.package_id
        ) AS contents
        WHERE package.function_id = p_function_id
    )
    SELECT
        (
            SELECT jsonb_agg(
                jsonb_build_object(
                    'ticket_type_id', offer.ticket_type_id,
                    'event_id', offer.event_id,
                    'name', offer.name,
                    'description', offer.description,
                    'price', offer.price,
                    'sale_starts_at', offer.sale_starts_at,
                    'sale_ends_at', offer.sale_ends_at,
                    'min_per_attendee', offer.min_per_attendee,
                    'max_per_attendee', offer.max_per_attendee,
                    'max_per_registration', offer.max_per_registration,
                    'eligibility', offer.eligibility,
                    'places_left', offer.places_left,
                    'status', coalesce(offer.off_sale, CASE offer.places_left WHEN 0 THEN 'sold_out' ELSE 'on_sale' END)
                ) ORDER BY offer.starts_at, offer.name
            )
            FROM offer
        ),
        (
            SELECT jsonb_agg(
                jsonb_build_object(
                    'package_id', bundle.package_id,
                    'name', bundle.name,
                    'description', bundle.description,
                    'price', bundle.price,
                    'registration_types', bundle.registration_types,
                    'sale_starts_at', bundle.sale_starts_at,
                    'sale_ends_at', bundle.sale_ends_at,
                    'min_per_attendee', bundle.min_per_attendee,
                    'max_per_attendee', bundle.max_per_attendee,
                    'max_per_registration', bundle.max_per_registration,
                    'eligibility', bundle.eligibility,
                    'items', bundle.items,
                    'places_left', bundle.places_left,
                    'status', coalesce(
                        bundle.off_sale, CASE bundle.places_left WHEN 0 THEN 'sold_out' ELSE 'on_sale' END
                    )
                ) ORDER BY bundle.name
            )
            FROM bundle
        )
    INTO v_ticket_types, v_packages;

    RETURN jsonb_build_object(
        'function', jsonb_build_object(
            'function_id', v_function.function_id,
            'slug', v_function.slug,
            'name', v_function.name,
            'timezone', v_function.timezone,
            'status', v_function.status,
            'selection_mode', v_function.selection_mode,
            'starts_at', v_function.starts_at,
            'ends_at', v_function.ends_at,
            'registration_opens_at', v_function.registration_opens_at,
            'registration_closes_at', v_function.registration_closes_at
        ),
        'currency', v_function.currency,
        'events', coalesce(v_events, '[]'),
        'ticket_types', coalesce(v_ticket_types, '[]'),
        'packages', coalesce(v_packages, '[]'),
        'server_time', v_now
    );
END
$$;

COMMENT ON FUNCTION ticketing.get_ticket_availability IS
'Everything that draws the selection step: what is on sale, for how much, for whom, and how many are left.

Parameters:
- p_function_id: a published function.
- p_registration_id: a registration, yours or of your organisation, whose own places count as free.

Returns {function: {function_id, slug, name, timezone, status, selection_mode, starts_at, ends_at, registration_opens_at,
registration_closes_at}, currency, events: [{event_id, slug, title, starts_at, ends_at, is_active, places_left}],
ticket_types: [{ticket_type_id, event_id, name, description, price, sale_starts_at, sale_ends_at, min_per_attendee,
max_per_attendee, max_per_registration, eligibility, places_left, status}], packages: [{package_id, name, description, price,
registration_types, sale_starts_at, sale_ends_at, min_per_attendee, max_per_attendee, max_per_registration, eligibility, items:
[{ticket_type_id, quantity}], places_left, status}], server_time}. places_left: how many can be added now (of a package, as
often as all its contents are there); null: no limit. status: on_sale, sold_out, not_yet, ended or inactive.

Raises TK002 registration_not_found, TK008 function_not_found.';

GRANT EXECUTE ON FUNCTION ticketing.get_ticket_availability TO anon,
authenticated,
service_role;
