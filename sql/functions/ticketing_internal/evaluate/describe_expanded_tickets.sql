-- Planned tickets by attendee, package and ticket type, as the wizard lists them. Their price is
-- the list price of one ticket; the shares of a package's price are those of describe_tickets.

CREATE OR REPLACE FUNCTION ticketing_internal.describe_expanded_tickets(
    p_tickets ticketing_internal.planned_ticket[],
    p_attendees ticketing_internal.attendee[],
    p_currency text,
    p_attendee_ids uuid[]
)
RETURNS ticketing_internal.expanded_ticket[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_is_whole CONSTANT boolean := ticketing_internal.currency_decimals(p_currency) = 0;
BEGIN
    RETURN ARRAY(
        SELECT ROW(
            line.attendee_id, line.event_id, line.ticket_type_id, line.package_id,
            CASE WHEN v_is_whole THEN trim_scale(line.original_price) ELSE line.original_price END,
            line.package_id IS NOT NULL, line.quantity
        )::ticketing_internal.expanded_ticket
        FROM (
            SELECT
                attendee.client_attendee_id AS attendee_id,
                ticket.event_id,
                ticket.ticket_type_id,
                ticket.package_id,
                max(ticket.original_price) AS original_price,
                count(*) AS quantity,
                min(ticket.ordinality) AS position
            FROM unnest(p_tickets) WITH ORDINALITY AS ticket
            INNER JOIN unnest(p_attendees) AS attendee ON attendee.attendee_id = ticket.attendee_id
            WHERE ticket.change <> 'removed' AND ticket.attendee_id = ANY(p_attendee_ids)
            GROUP BY attendee.client_attendee_id, ticket.event_id, ticket.ticket_type_id, ticket.package_id
        ) AS line
        ORDER BY line.position
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.describe_expanded_tickets IS
'The tickets that a plan leaves the attendees in p_attendee_ids with, one entry for each attendee, package and ticket type.';
