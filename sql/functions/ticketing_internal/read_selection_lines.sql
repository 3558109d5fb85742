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
    v_is_sound boolean;
BEGIN
    SELECT
        array_agg(ROW(
            selection.attendee_ref, line.package_id, line.ticket_type_id, line.quantity, line.contents, line.path
        )::ticketing_internal.selection_line ORDER BY selection.position, line.kind, line.position)
        FILTER (WHERE line.path IS NOT NULL),
        bool_and(
            coalesce(selection.selected_tickets - '{packages,individualTickets}'::text[] = '{}', FALSE)
            AND coalesce(line.is_sound, TRUE)
        )
    INTO v_lines, v_is_sound
    FROM unnest(p_selections) WITH ORDINALITY AS selection (attendee_ref, selected_tickets, path, position)
    LEFT JOIN LATERAL (
        SELECT
            1 AS kind,
            package.ordinality AS position,
            (package.value ->> 'packageId')::uuid AS package_id,
            NULL::uuid AS ticket_type_id,
            (package.value ->> 'quantity')::integer AS quantity,
            content.ticket_type_ids AS contents,
            selection.path || '.packages[' || package.ordinality - 1 || ']' AS path,
            package.value - '{packageId,quantity,tickets}'::text[] = '{}'
            AND jsonb_typeof(package.value -> 'packageId') IS NOT DISTINCT FROM 'string'
            AND jsonb_typeof(package.value -> 'quantity') IS NOT DISTINCT FROM 'number'
            AND (package.value ->> 'quantity')::integer BETWEEN 0 AND 1000
            AND coalesce(content.is_sound, TRUE) AS is_sound
        FROM jsonb_array_elements(nullif(selection.selected_tickets -> 'packages', 'null'))
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
        ) AS content
        UNION ALL
        SELECT
            2,
            ticket.ordinality,
            NULL,
            (ticket.value ->> 'ticketId')::uuid,
            (ticket.value ->> 'quantity')::integer,
            NULL,
            selection.path || '.individualTickets[' || ticket.ordinality - 1 || ']',
            ticket.value - '{ticketId,quantity}'::text[] = '{}'
            AND jsonb_typeof(ticket.value -> 'ticketId') IS NOT DISTINCT FROM 'string'
            AND jsonb_typeof(ticket.value -> 'quantity') IS NOT DISTINCT FROM 'number'
            AND (ticket.value ->> 'quantity')::integer BETWEEN 0 AND 1000
        FROM jsonb_array_elements(nullif(selection.selected_tickets -> 'individualTickets', 'null'))
            WITH ORDINALITY AS ticket
    ) AS line ON TRUE;

    IF NOT coalesce(v_is_sound, FALSE) AND cardinality(p_selections) > 0 THEN
        RAISE data_exception;
    END IF;
    RETURN coalesce(v_lines, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_selection_lines(ticketing_internal.selection[]) IS
'The lines of selections in their order, packages first; raises a data exception (SQLSTATE class 22) when a selection is
not {"packages": [{"packageId", "quantity", "tickets"?}], "individualTickets": [{"ticketId", "quantity"}]}.';

REVOKE ALL ON FUNCTION ticketing_internal.read_selection_lines(
    ticketing_internal.selection[]
) FROM public;
