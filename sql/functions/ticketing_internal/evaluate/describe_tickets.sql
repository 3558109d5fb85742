-- Planned tickets in full, as callers see them. What a quote answers can be sent to
-- persist_attendee_tickets as it is.

CREATE OR REPLACE FUNCTION ticketing_internal.describe_tickets(
    p_tickets ticketing_internal.planned_ticket[],
    p_attendees ticketing_internal.attendee[],
    p_currency text,
    p_attendee_ids uuid[]
)
RETURNS ticketing_internal.quoted_ticket[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_is_whole CONSTANT boolean := ticketing_internal.currency_decimals(p_currency) = 0;
BEGIN
    RETURN ARRAY(
        SELECT ROW(
            ticket.attendee_id, attendee.client_attendee_id, ticket.event_id, ticket.ticket_type_id, ticket.package_id,
            CASE WHEN v_is_whole THEN trim_scale(ticket.price_paid) ELSE ticket.price_paid END,
            CASE WHEN v_is_whole THEN trim_scale(ticket.original_price) ELSE ticket.original_price END,
            p_currency, 'Active', 'Unpaid', ticket.is_partner_ticket
        )::ticketing_internal.quoted_ticket
        FROM unnest(p_tickets) WITH ORDINALITY AS ticket
        INNER JOIN unnest(p_attendees) AS attendee ON attendee.attendee_id = ticket.attendee_id
        WHERE ticket.change <> 'removed'
            AND ticket.attendee_id = ANY(p_attendee_ids)
        ORDER BY ticket.ordinality
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.describe_tickets IS
'The tickets that a plan leaves the attendees in p_attendee_ids with, as full ticket objects without ticket_id.';
