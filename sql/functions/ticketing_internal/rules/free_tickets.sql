-- What is free of a plan, and so counts against the limit of its owner although it needs no
-- payment. A package that costs something is bought, with all that is in it.

CREATE OR REPLACE FUNCTION ticketing_internal.free_tickets(
    p_tickets ticketing_internal.planned_ticket[]
)
RETURNS ticketing_internal.planned_ticket[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW(
            ticket.change, ticket.ticket_id, ticket.attendee_id, ticket.event_id, ticket.ticket_type_id,
            ticket.package_id, ticket.package_number, ticket.price_paid, ticket.original_price, ticket.is_partner_ticket
        )::ticketing_internal.planned_ticket
        FROM (
            SELECT
                planned.*,
                max(planned.price_paid) OVER (
                    PARTITION BY planned.attendee_id, planned.package_id, planned.package_number, planned.change = 'removed'
                ) AS package_price
            FROM unnest(p_tickets) AS planned
        ) AS ticket
        WHERE ticket.price_paid = 0
            AND (ticket.package_id IS NULL OR ticket.package_price = 0)
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.free_tickets IS
'Those of p_tickets that cost nothing, unless they are in a package that costs something.';
