-- The part of check_integrity about selections: selected_tickets of attendees and contents of
-- packages against tickets.

CREATE OR REPLACE FUNCTION ticketing_internal.check_selections()
RETURNS TABLE (check_name text, function_id uuid, registration_id uuid, detail jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        'selected_tickets',
        difference.function_id,
        difference.registration_id,
        jsonb_build_object(
            'attendee_id', difference.attendee_id, 'package_id', difference.package_id,
            'ticket_type_id', difference.ticket_type_id, 'selected', difference.selected, 'stored', difference.stored
        )
    FROM (
        SELECT
            line.function_id,
            line.registration_id,
            line.attendee_id,
            line.package_id,
            line.ticket_type_id,
            sum(line.selected) AS selected,
            sum(line.stored) AS stored
        FROM (
            SELECT
                attendee.function_id,
                attendee.registration_id,
                attendee.attendee_id,
                (package.value ->> 'packageId')::uuid AS package_id,
                NULL::uuid AS ticket_type_id,
                (package.value ->> 'quantity')::bigint AS selected,
                0::bigint AS stored
            -- all functions: the check covers the whole database
            FROM ticketing.attendees AS attendee
            CROSS JOIN LATERAL jsonb_array_elements(attendee.attendee_data #> '{selected_tickets,packages}') AS package
            UNION ALL
            SELECT
                attendee.function_id,
                attendee.registration_id,
                attendee.attendee_id,
                NULL,
                (ticket.value ->> 'ticketId')::uuid,
                (ticket.value ->> 'quantity')::bigint,
                0
            -- all functions: the check covers the whole database
            FROM ticketing.attendees AS attendee
            CROSS JOIN LATERAL jsonb_array_elements(
                attendee.attendee_data #> '{selected_tickets,individualTickets}'
            ) AS ticket
            UNION ALL
            SELECT
                ticket.function_id,
                ticket.registration_id,
                ticket.attendee_id,
                ticket.package_id,
                CASE WHEN ticket.package_id IS NULL THEN ticket.ticket_type_id END,
                0,
                CASE
                    WHEN ticket.package_id IS NULL THEN count(*)
                    ELSE count(DISTINCT ticket.package_number)
                END
            -- all functions: the check covers the whole database
            FROM ticketing.tickets AS ticket
            WHERE ticket.status = 'Active'
            GROUP BY
                ticket.function_id, ticket.registration_id, ticket.attendee_id, ticket.package_id,
                CASE WHEN ticket.package_id IS NULL THEN ticket.ticket_type_id END
        ) AS line
        GROUP BY line.function_id, line.registration_id, line.attendee_id, line.package_id, line.ticket_type_id
        HAVING sum(line.selected) <> sum(line.stored)
    ) AS difference
    INNER JOIN ticketing.registrations AS registration
        ON registration.function_id = difference.function_id
        AND registration.registration_id = difference.registration_id
    WHERE registration.status <> 'cancelled'

    UNION ALL
    SELECT
        'package_contents',
        copy.function_id,
        copy.registration_id,
        jsonb_build_object(
            'attendee_id', copy.attendee_id, 'package_id', copy.package_id, 'package_number', copy.package_number,
            'tickets', copy.tickets, 'contents', contents.tickets
        )
    FROM (
        SELECT
            part.function_id,
            part.registration_id,
            part.attendee_id,
            part.package_id,
            part.package_number,
            jsonb_object_agg(part.ticket_type_id, part.quantity) AS tickets
        FROM (
            SELECT
                ticket.function_id, ticket.registration_id, ticket.attendee_id, ticket.package_id, ticket.package_number,
                ticket.ticket_type_id, count(*) AS quantity
            -- all functions: the check covers the whole database
            FROM ticketing.tickets AS ticket
            WHERE ticket.package_id IS NOT NULL AND ticket.status = 'Active'
            GROUP BY
                ticket.function_id, ticket.registration_id, ticket.attendee_id, ticket.package_id,
                ticket.package_number, ticket.ticket_type_id
        ) AS part
        GROUP BY part.function_id, part.registration_id, part.attendee_id, part.package_id, part.package_number
    ) AS copy
    INNER JOIN (
        SELECT
            item.function_id,
            item.package_id,
            jsonb_object_agg(item.ticket_type_id, item.quantity) AS tickets
        -- all functions: the check covers the whole database
        FROM ticketing.package_items AS item
        GROUP BY item.function_id, item.package_id
    ) AS contents
        ON contents.function_id = copy.function_id
        AND contents.package_id = copy.package_id
    WHERE copy.tickets <> contents.tickets;
END
$$;

COMMENT ON FUNCTION ticketing_internal.check_selections IS
'Differences between selections and tickets (selected_tickets, package_contents), in the form of check_integrity.';
