-- Load the part of a catalogue that a request is about: the packages and ticket types that its
-- lines and submitted tickets name, those of the tickets stored, and what the packages contain.

CREATE OR REPLACE FUNCTION ticketing_internal.load_catalogue(
    p_function ticketing.functions,
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
    v_package_ids uuid [] := '{}';
    v_ticket_type_ids uuid [] := '{}';
    v_line ticketing_internal.selection_line;
    v_submitted ticketing_internal.submitted_ticket;
    v_ticket ticketing_internal.planned_ticket;
BEGIN
    FOREACH v_line IN ARRAY p_request.selection_lines LOOP
        IF v_line.package_id IS NULL THEN
            v_ticket_type_ids := array_append(v_ticket_type_ids, v_line.ticket_type_id);
        ELSE
            v_package_ids := array_append(v_package_ids, v_line.package_id);
        END IF;
    END LOOP;
    FOREACH v_submitted IN ARRAY coalesce(p_request.submitted_tickets, '{}') LOOP
        v_ticket_type_ids := array_append(v_ticket_type_ids, v_submitted.ticket_type_id);
        IF v_submitted.package_id IS NOT NULL THEN
            v_package_ids := array_append(v_package_ids, v_submitted.package_id);
        END IF;
    END LOOP;
    FOREACH v_ticket IN ARRAY p_stored LOOP
        v_ticket_type_ids := array_append(v_ticket_type_ids, v_ticket.ticket_type_id);
        -- a package that is held keeps its price and contents
        IF v_ticket.package_id IS NOT NULL AND NOT p_is_held THEN
            v_package_ids := array_append(v_package_ids, v_ticket.package_id);
        END IF;
    END LOOP;

    IF v_package_ids <> '{}' THEN
        SELECT array_agg(package.package_id), array_agg(package)
        INTO v_catalogue.package_ids, v_catalogue.packages
        FROM ticketing.packages AS package
        WHERE package.function_id = p_function.function_id AND package.package_id = ANY(v_package_ids);

        SELECT array_agg(item ORDER BY item.package_id, event.starts_at, item.ticket_type_id)
        INTO v_catalogue.items
        FROM ticketing.package_items AS item
        INNER JOIN ticketing.ticket_types AS ticket_type
            ON ticket_type.function_id = item.function_id AND ticket_type.ticket_type_id = item.ticket_type_id
        INNER JOIN ticketing.events AS event
            ON event.function_id = ticket_type.function_id AND event.event_id = ticket_type.event_id
        WHERE item.function_id = p_function.function_id AND item.package_id = ANY(v_catalogue.package_ids);

        v_ticket_type_ids := v_ticket_type_ids || ARRAY(
            SELECT item.ticket_type_id FROM unnest(v_catalogue.items) AS item
        );
    END IF;

    SELECT
        array_agg(ticket_type.ticket_type_id),
        array_agg(ROW(
            ticket_type.ticket_type_id, ticket_type.event_id, event.starts_at, ticket_type.name, ticket_type.price,
            ticket_type.is_active AND event.is_active, ticket_type.sale_starts_at,
            -- as in describe_ticket_types
            coalesce(ticket_type.sale_ends_at, event.ends_at, p_function.ends_at),
            ticket_type.min_per_attendee, ticket_type.max_per_attendee, ticket_type.max_per_registration,
            ticket_type.eligibility
        )::ticketing_internal.ticket_type_terms),
        array_agg(ROW(
            'added', NULL, NULL, ticket_type.event_id, ticket_type.ticket_type_id, NULL, NULL, ticket_type.price,
            ticket_type.price, NULL
        )::ticketing_internal.planned_ticket)
    INTO v_catalogue.ticket_type_ids, v_catalogue.ticket_types, v_catalogue.tickets
    FROM ticketing.ticket_types AS ticket_type
    INNER JOIN ticketing.events AS event
        ON event.function_id = ticket_type.function_id AND event.event_id = ticket_type.event_id
    WHERE ticket_type.function_id = p_function.function_id AND ticket_type.ticket_type_id = ANY(v_ticket_type_ids);

    v_catalogue.is_complete := v_package_ids <@ coalesce(v_catalogue.package_ids, '{}')
        AND v_ticket_type_ids <@ coalesce(v_catalogue.ticket_type_ids, '{}');
    IF v_catalogue.package_ids IS NOT NULL THEN
        v_catalogue.expanded_packages := ticketing_internal.expand_packages(v_catalogue, p_function.currency);
    END IF;
    RETURN v_catalogue;
END
$$;

COMMENT ON FUNCTION ticketing_internal.load_catalogue IS
'The packages, package items, ticket types (with their events) and expanded packages that p_request and p_stored name;
is_complete is false when something named does not exist in the function. p_is_held: whether the hold of p_stored lives.';
