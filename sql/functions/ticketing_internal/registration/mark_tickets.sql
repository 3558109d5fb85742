-- A plan in which the same happens to every ticket.

CREATE OR REPLACE FUNCTION ticketing_internal.mark_tickets(
    p_tickets ticketing_internal.planned_ticket[],
    p_change text
)
RETURNS ticketing_internal.planned_ticket[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(ROW(
            p_change, ticket.ticket_id, ticket.attendee_id, ticket.event_id, ticket.ticket_type_id, ticket.package_id,
            ticket.package_number, ticket.price_paid, ticket.original_price, ticket.is_partner_ticket
        )::ticketing_internal.planned_ticket), '{}')
        FROM unnest(p_tickets) AS ticket
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.mark_tickets IS
'p_tickets with p_change (paid, cancelled, refunded, retaken) as the change of each.';
