-- List who still needs a ticket.

CREATE OR REPLACE FUNCTION ticketing_internal.list_attendees_without_tickets(
    p_attendees ticketing_internal.attendee[],
    p_tickets ticketing_internal.planned_ticket[],
    p_leaving uuid[] DEFAULT '{}'
)
RETURNS ticketing_internal.attendee_without_tickets[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW(
            attendee.attendee_id, attendee.client_attendee_id, attendee.name
        )::ticketing_internal.attendee_without_tickets
        FROM unnest(p_attendees) AS attendee
        LEFT JOIN (
            SELECT DISTINCT ticket.attendee_id
            FROM unnest(p_tickets) AS ticket
            WHERE ticket.change <> 'removed'
        ) AS holder
            ON holder.attendee_id = attendee.attendee_id
        WHERE holder.attendee_id IS NULL
            AND attendee.attendee_id <> ALL(p_leaving)
        ORDER BY attendee.position
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.list_attendees_without_tickets IS
'The attendees, except p_leaving, who hold none of p_tickets.';
