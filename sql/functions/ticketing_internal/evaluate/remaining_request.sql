-- What remains selected when tickets are cancelled by name, for the attendees who have them.

CREATE OR REPLACE FUNCTION ticketing_internal.remaining_request(
    p_registration ticketing.registrations,
    p_cancelled_ids uuid[]
)
RETURNS ticketing_internal.request
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_selections ticketing_internal.selection [];
BEGIN
    WITH ticket AS (
        SELECT
            stored.attendee_id,
            stored.package_id,
            CASE WHEN stored.package_id IS NULL THEN stored.ticket_type_id END AS ticket_type_id,
            stored.package_number,
            stored.ticket_id = ANY(p_cancelled_ids) AS is_cancelled
        FROM ticketing.tickets AS stored
        WHERE stored.function_id = p_registration.function_id
            AND stored.registration_id = p_registration.registration_id
            AND stored.status = 'Active'
    ),
    line AS (
        SELECT
            ticket.attendee_id,
            ticket.package_id,
            ticket.ticket_type_id,
            CASE
                WHEN ticket.package_id IS NULL THEN count(*)
                ELSE count(DISTINCT ticket.package_number)
            END AS quantity
        FROM ticket
        WHERE NOT ticket.is_cancelled
        GROUP BY ticket.attendee_id, ticket.package_id, ticket.ticket_type_id
    )
    SELECT array_agg(ROW(
        attendee.attendee_id,
        -- in the order in which they were selected
        jsonb_build_object(
            'packages', coalesce((
                SELECT jsonb_agg(
                    jsonb_build_object('packageId', line.package_id, 'quantity', line.quantity)
                    ORDER BY selected.ordinality, line.package_id
                )
                FROM line
                LEFT JOIN jsonb_array_elements(attendee.selected_tickets -> 'packages')
                    WITH ORDINALITY AS selected ON selected.value ->> 'packageId' = line.package_id::text
                WHERE line.attendee_id = attendee.attendee_id AND line.package_id IS NOT NULL
            ), '[]'),
            'individualTickets', coalesce((
                SELECT jsonb_agg(
                    jsonb_build_object('ticketId', line.ticket_type_id, 'quantity', line.quantity)
                    ORDER BY selected.ordinality, line.ticket_type_id
                )
                FROM line
                LEFT JOIN jsonb_array_elements(attendee.selected_tickets -> 'individualTickets')
                    WITH ORDINALITY AS selected ON selected.value ->> 'ticketId' = line.ticket_type_id::text
                WHERE line.attendee_id = attendee.attendee_id AND line.package_id IS NULL
            ), '[]')
        ),
        'p_ticket_ids'
    )::ticketing_internal.selection)
    INTO v_selections
    FROM (
        SELECT stored.attendee_id, stored.attendee_data -> 'selected_tickets' AS selected_tickets
        FROM ticketing.attendees AS stored
        WHERE stored.function_id = p_registration.function_id
            AND stored.registration_id = p_registration.registration_id
            AND EXISTS (
                SELECT
                FROM ticket
                WHERE ticket.attendee_id = stored.attendee_id AND ticket.is_cancelled
            )
    ) AS attendee;
    RETURN ticketing_internal.stored_request(coalesce(v_selections, '{}'));
END
$$;

COMMENT ON FUNCTION ticketing_internal.remaining_request IS
'The request that leaves the attendees who have tickets in p_cancelled_ids with all others that they have.';
