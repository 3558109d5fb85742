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
        ticket.package_number, ticket.price_paid, ticket.original_price, ticket.is_partner_ticket, ticket.index
    )::ticketing_internal.planned_ticket)
    INTO v_tickets
    FROM (
        SELECT stored.*, row_number() OVER (ORDER BY stored.created_at, stored.ticket_id) AS index
        FROM ticketing.tickets AS stored
        WHERE stored.function_id = p_function_id
            AND stored.registration_id = p_registration_id
            AND stored.status = p_status
            AND (p_payment_status IS NULL OR stored.payment_status = p_payment_status)
    ) AS ticket;

    RETURN coalesce(v_tickets, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.load_tickets IS
'The tickets of a registration that have p_status and, unless it is null, p_payment_status, as a plan that keeps them, the oldest
first.';
