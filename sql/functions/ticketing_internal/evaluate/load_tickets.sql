-- Load the tickets of a registration as a plan that keeps them, the oldest first.

CREATE OR REPLACE FUNCTION ticketing_internal.load_tickets(
    p_function_id uuid,
    p_registration_id uuid,
    p_status text DEFAULT 'Active',
    p_payment_status text DEFAULT NULL
)
RETURNS ticketing_internal.planned_ticket[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_tickets ticketing_internal.planned_ticket[];
BEGIN
    SELECT array_agg(ROW(
        'kept', ticket.ticket_id, ticket.attendee_id, ticket.event_id, ticket.ticket_type_id, ticket.package_id,
        ticket.package_number, ticket.price_paid, ticket.original_price, ticket.is_partner_ticket
    )::ticketing_internal.planned_ticket ORDER BY ticket.created_at, ticket.ticket_id)
    INTO v_tickets
    FROM ticketing.tickets AS ticket
    WHERE ticket.function_id = p_function_id
        AND ticket.registration_id = p_registration_id
        AND ticket.status = p_status
        AND (p_payment_status IS NULL OR ticket.payment_status = p_payment_status);

    RETURN coalesce(v_tickets, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.load_tickets IS
'The tickets of a registration that have p_status and, unless it is null, p_payment_status, as a plan that keeps them,
the oldest first.';
