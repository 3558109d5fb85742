-- List who still needs a ticket.

CREATE OR REPLACE FUNCTION ticketing_internal.list_attendees_without_tickets(
    p_attendees ticketing_internal.attendee[],
    p_tickets ticketing_internal.planned_ticket[],
    p_leaving uuid[] DEFAULT '{}'
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
                'attendee_id', attendee.attendee_id,
                'client_attendee_id', attendee.client_attendee_id,
                'name', attendee.name
            ) ORDER BY attendee.position
        ), '[]')
        FROM unnest(p_attendees) AS attendee
        LEFT JOIN (
            SELECT DISTINCT ticket.attendee_id
            FROM unnest(p_tickets) AS ticket
            WHERE ticket.change <> 'removed'
        ) AS holder
            ON holder.attendee_id = attendee.attendee_id
        WHERE holder.attendee_id IS NULL
            AND attendee.attendee_id <> ALL(p_leaving)
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.list_attendees_without_tickets IS
'[{attendee_id, client_attendee_id, name}] of the attendees, except p_leaving, who hold none of p_tickets.';
