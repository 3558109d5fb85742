-- What selections contain, line by line: the only reader of the wizard's {"packages",
-- "individualTickets"}. Anything odd raises a data exception, as in read_tickets.
--
-- Quantities of the tickets inside a package are the catalogue's: here they only have to be
-- quantities.

CREATE OR REPLACE FUNCTION ticketing_internal.read_selection_lines(
    p_selections ticketing_internal.selection[]
)
RETURNS ticketing_internal.selection_line[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_lines ticketing_internal.selection_line [];
    v_package_lines ticketing_internal.selection_line [];
    v_refs uuid[];
    v_is_sound boolean;
    v_has_packages boolean;
BEGIN
    SELECT
        array_agg(ROW(
            selection.attendee_ref, NULL, line.ticket_type_id, line.quantity, NULL,
            selection.path || '.individualTickets[' || line.ordinality - 1 || ']'
        )::ticketing_internal.selection_line ORDER BY selection.position, line.ordinality)
        FILTER (WHERE line.ordinality IS NOT NULL),
        bool_and(
            coalesce(selection.selected_tickets - '{packages,individualTickets}'::text[] = '{}', FALSE)
            AND coalesce(line.is_sound, TRUE)
        ),
        bool_or(coalesce(selection.selected_tickets -> 'packages', '[]') NOT IN ('[]', 'null'))
    INTO v_lines, v_is_sound, v_has_packages
    FROM unnest(p_selections) WITH ORDINALITY AS selection (attendee_ref, selected_tickets, path, position)
    LEFT JOIN LATERAL (
        SELECT
            ticket.ordinality,
            (ticket.value ->> 'ticketId')::uuid AS ticket_type_id,
            (ticket.value ->> 'quantity')::integer AS quantity,
            ticket.value - '{ticketId,quantity}'::text[] = '{}'
            AND jsonb_typeof(ticket.value -> 'ticketId') IS NOT DISTINCT FROM 'string'
            AND jsonb_typeof(ticket.value -> 'quantity') IS NOT DISTINCT FROM 'number'
            AND (ticket.value ->> 'quantity')::integer BETWEEN 0 AND 1000 AS is_sound
        FROM jsonb_array_elements(nullif(selection.selected_tickets -> 'individualTickets', 'null'))
            WITH ORDINALITY AS ticket
    ) AS line ON TRUE;

    IF NOT coalesce(v_is_sound, FALSE) AND cardinality(p_selections) > 0 THEN
        RAISE data_exception;
    END IF;
    IF NOT coalesce(v_has_packages, FALSE) THEN
        RETURN coalesce(v_lines, '{}');
    END IF;

    SELECT
        array_agg(ROW(
            selection.attendee_ref, (package.value ->> 'packageId')::uuid, NULL,
            (package.value ->> 'quantity')::integer, content.ticket_type_ids,
            selection.path || '.packages[' || package.ordinality - 1 || ']'
        )::ticketing_internal.selection_line ORDER BY selection.position, package.ordinality),
        bool_and(
            package.value - '{packageId,quantity,tickets}'::text[] = '{}'
            AND jsonb_typeof(package.value -> 'packageId') IS NOT DISTINCT FROM 'string'
            AND jsonb_typeof(package.value -> 'quantity') IS NOT DISTINCT FROM 'number'
            AND (package.value ->> 'quantity')::integer BETWEEN 0 AND 1000
            AND coalesce(content.is_sound, TRUE)
        )
    INTO v_package_lines, v_is_sound
    FROM unnest(p_selections) WITH ORDINALITY AS selection (attendee_ref, selected_tickets, path, position)
    CROSS JOIN LATERAL jsonb_array_elements(nullif(selection.selected_tickets -> 'packages', 'null'))
        WITH ORDINALITY AS package
    CROSS JOIN LATERAL (
        SELECT
            coalesce(
                array_agg(
                    CASE jsonb_typeof(ticket.value -> 'ticketId')
                        WHEN 'object' THEN ticket.value -> 'ticketId' ->> 'event_ticket_id'
                        ELSE ticket.value ->> 'ticketId'
                    END::uuid
                    ORDER BY ticket.ordinality
                ),
                -- an empty list says that nothing is in the package, an absent one says nothing
                CASE jsonb_typeof(package.value -> 'tickets') WHEN 'array' THEN '{}'::uuid[] END
            ) AS ticket_type_ids,
            bool_and(
                ticket.value - '{ticketId,quantity}'::text[] = '{}'
                AND jsonb_typeof(ticket.value -> 'quantity') IS NOT DISTINCT FROM 'number'
                AND (ticket.value ->> 'quantity')::integer BETWEEN 0 AND 1000
                AND CASE jsonb_typeof(ticket.value -> 'ticketId')
                    WHEN 'string' THEN TRUE
                    WHEN 'object' THEN
                        (ticket.value -> 'ticketId') - '{event_ticket_id,quantity}'::text[] = '{}'
                        AND jsonb_typeof(ticket.value -> 'ticketId' -> 'event_ticket_id')
                        IS NOT DISTINCT FROM 'string'
                        AND coalesce(jsonb_typeof(ticket.value -> 'ticketId' -> 'quantity'), 'null')
                        IN ('number', 'null')
                        AND coalesce((ticket.value -> 'ticketId' ->> 'quantity')::integer, 0) BETWEEN 0 AND 1000
                    ELSE FALSE
                END
            ) AS is_sound
        FROM jsonb_array_elements(nullif(package.value -> 'tickets', 'null')) WITH ORDINALITY AS ticket
    ) AS content;

    IF NOT coalesce(v_is_sound, TRUE) THEN
        RAISE data_exception;
    END IF;
    IF v_lines IS NULL THEN
        RETURN v_package_lines;
    END IF;

    -- attendee by attendee, packages first
    v_refs := ARRAY(SELECT selection.attendee_ref FROM unnest(p_selections) AS selection);
    SELECT array_agg(
        ROW(
            line.attendee_ref, line.package_id, line.ticket_type_id, line.quantity, line.contents, line.path
        )::ticketing_internal.selection_line
        ORDER BY array_position(v_refs, line.attendee_ref), line.position
    )
    INTO v_lines
    FROM unnest(v_package_lines || v_lines) WITH ORDINALITY AS line (
        attendee_ref, package_id, ticket_type_id, quantity, contents, path, position
    );
    RETURN v_lines;
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_selection_lines(ticketing_internal.selection[]) IS
'The lines of selections in their order, packages first; raises a data exception (SQLSTATE class 22) when a selection is
not {"packages": [{"packageId", "quantity", "tickets"?}], "individualTickets": [{"ticketId", "quantity"}]}.';

REVOKE ALL ON FUNCTION ticketing_internal.read_selection_lines(
    ticketing_internal.selection[]
) FROM public;
