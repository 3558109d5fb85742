-- Planned tickets in full, as callers see them. What a quote answers can be sent to
-- persist_attendee_tickets as it is.

CREATE OR REPLACE FUNCTION ticketing_internal.describe_tickets(
    p_tickets ticketing_internal.planned_ticket[],
    p_attendees ticketing_internal.attendee[],
    p_currency text,
    p_attendee_ids uuid[]
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
                'attendee_id', ticket.attendee_id,
                'client_attendee_id', attendee.client_attendee_id,
                'event_id', ticket.event_id,
                'ticket_type_id', ticket.ticket_type_id,
                'package_id', ticket.package_id,
                'price_paid', ticket.price_paid,
                'original_price', ticket.original_price,
                'currency', p_currency,
                'status', 'Active',
                'payment_status', 'Unpaid',
                'is_partner_ticket', ticket.is_partner_ticket
            ) ORDER BY ticket.ordinality
        ), '[]')
        FROM unnest(p_tickets) WITH ORDINALITY AS ticket
        INNER JOIN unnest(p_attendees) AS attendee ON attendee.attendee_id = ticket.attendee_id
        WHERE ticket.change <> 'removed'
            AND ticket.attendee_id = ANY(p_attendee_ids)
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.describe_tickets IS
'The tickets that a plan leaves the attendees in p_attendee_ids with, as full ticket objects without ticket_id.';
