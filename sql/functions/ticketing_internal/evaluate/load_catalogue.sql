-- Load the part of a catalogue that a request is about: the packages and ticket types that its
-- lines and submitted tickets name, those of the tickets stored, and what the packages contain.

CREATE OR REPLACE FUNCTION ticketing_internal.load_catalogue(
    p_function_id uuid,
    p_request ticketing_internal.request,
    p_stored ticketing_internal.planned_ticket[],
    p_is_held boolean
)
RETURNS ticketing_internal.catalogue
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_catalogue ticketing_internal.catalogue;
    v_package_ids uuid [];
    v_ticket_type_ids uuid [];
BEGIN
    SELECT
        coalesce(array_agg(DISTINCT named.package_id) FILTER (WHERE named.package_id IS NOT NULL), '{}'),
        coalesce(array_agg(DISTINCT named.ticket_type_id) FILTER (WHERE named.ticket_type_id IS NOT NULL), '{}')
    INTO v_package_ids, v_ticket_type_ids
    FROM (
        SELECT line.package_id, line.ticket_type_id
        FROM unnest(p_request.selection_lines) AS line
        UNION ALL
        SELECT ticket.package_id, ticket.ticket_type_id
        FROM unnest(p_request.submitted_tickets) AS ticket
        UNION ALL
        -- a package that is held keeps its price and contents
        SELECT CASE WHEN NOT p_is_held THEN ticket.package_id END, ticket.ticket_type_id
        FROM unnest(p_stored) AS ticket
    ) AS named;

    IF v_package_ids <> '{}' THEN
        SELECT array_agg(package.package_id), array_agg(package)
        INTO v_catalogue.package_ids, v_catalogue.packages
        FROM ticketing.packages AS package
        WHERE package.function_id = p_function_id AND package.package_id = ANY(v_package_ids);

        SELECT array_agg(item ORDER BY item.package_id, event.starts_at, item.ticket_type_id)
        INTO v_catalogue.items
        FROM ticketing.package_items AS item
        INNER JOIN ticketing.ticket_types AS ticket_type
            ON ticket_type.function_id = item.function_id AND ticket_type.ticket_type_id = item.ticket_type_id
        INNER JOIN ticketing.events AS event
            ON event.function_id = ticket_type.function_id AND event.event_id = ticket_type.event_id
        WHERE item.function_id = p_function_id AND item.package_id = ANY(v_catalogue.package_ids);

        v_ticket_type_ids := ARRAY(
            SELECT unnest(v_ticket_type_ids)
            UNION
            SELECT item.ticket_type_id FROM unnest(v_catalogue.items) AS item
        );
    END IF;

    SELECT
        array_agg(ticket_type.ticket_type_id),
        array_agg(ROW(
            ticket_type.ticket_type_id, ticket_type.event_id, event.starts_at, ticket_type.name, ticket_type.price,
            ticket_type.is_active AND event.is_active, ticket_type.sale_starts_at, ticket_type.sale_ends_at,
            ticket_type.min_per_attendee, ticket_type.max_per_attendee, ticket_type.max_per_registration,
            ticket_type.eligibility
        )::ticketing_internal.ticket_type_terms),
        array_agg(ROW(
            'added', NULL, NULL, ticket_type.event_id, ticket_type.ticket_type_id, NULL, NULL, ticket_type.price,
            ticket_type.price, NULL, NULL
        )::ticketing_internal.planned_ticket)
    INTO v_catalogue.ticket_type_ids, v_catalogue.ticket_types, v_catalogue.tickets
    FROM ticketing.ticket_types AS ticket_type
    INNER JOIN ticketing.events AS event
        ON event.function_id = ticket_type.function_id AND event.event_id = ticket_type.event_id
    WHERE ticket_type.function_id = p_function_id AND ticket_type.ticket_type_id = ANY(v_ticket_type_ids);

    v_catalogue.is_complete := cardinality(v_package_ids) = coalesce(cardinality(v_catalogue.package_ids), 0)
        AND cardinality(v_ticket_type_ids) = coalesce(cardinality(v_catalogue.ticket_type_ids), 0);
    IF v_catalogue.package_ids IS NOT NULL THEN
        v_catalogue.expanded_packages := ticketing_internal.expand_packages(v_catalogue);
    END IF;
    RETURN v_catalogue;
END
$$;

COMMENT ON FUNCTION ticketing_internal.load_catalogue IS
'The packages, package items, ticket types (with their events) and expanded packages that p_request and p_stored name;
is_complete is false when something named does not exist in the function. p_is_held: whether the hold of p_stored lives.';
