-- Bring a plan into the order of the submitted tickets, so that the two can be compared one by one.
-- Sorting both by the same keys costs a fraction of parsing what was sent.
--
-- Never raises, whatever the elements of p_tickets are.

CREATE OR REPLACE FUNCTION ticketing_internal.arrange_tickets(
    p_tickets jsonb,
    p_plan ticketing_internal.planned_ticket[],
    p_attendee_ids uuid[],
    p_client_attendee_ids uuid[]
)
RETURNS ticketing_internal.planned_ticket[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- either every ticket names its attendee by this id or none does
    v_is_by_client_id CONSTANT boolean := p_tickets -> 0 ->> 'attendee_id' = ANY(p_client_attendee_ids::text []);
    v_plan CONSTANT ticketing_internal.planned_ticket [] := ARRAY(
        SELECT ticket
        FROM unnest(p_plan) AS ticket
        ORDER BY
            CASE
                WHEN v_is_by_client_id
                    THEN p_client_attendee_ids[array_position(p_attendee_ids, ticket.attendee_id)]
                ELSE ticket.attendee_id
            END,
            ticket.package_id, ticket.ticket_type_id,
            ticket.price_paid::text COLLATE "C", ticket.original_price::text COLLATE "C",
            CASE WHEN ticket.change <> 'added' THEN ticket.ticket_id END
    );
BEGIN
    -- The texts of ids and of prices have the order of the values, also of prices with fewer decimals:
    -- those of tickets of one type differ by cents.
    RETURN ARRAY(
        SELECT v_plan[sorted.index]
        FROM (
            SELECT
                ticket.ordinality,
                row_number() OVER (
                    ORDER BY
                        (ticket.value ->> 'attendee_id') COLLATE "C",
                        (ticket.value ->> 'package_id') COLLATE "C",
                        (ticket.value ->> 'ticket_type_id') COLLATE "C",
                        (ticket.value ->> 'price_paid') COLLATE "C",
                        (ticket.value ->> 'original_price') COLLATE "C",
                        (ticket.value ->> 'ticket_id') COLLATE "C"
                ) AS index
            FROM jsonb_array_elements(p_tickets) WITH ORDINALITY AS ticket
        ) AS sorted
        ORDER BY sorted.ordinality
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.arrange_tickets IS
'p_plan, of as many tickets as the array p_tickets, with each ticket where p_tickets has one of its kind, if it has. p_attendee_ids
and p_client_attendee_ids: both ids of the attendees, in the same order.';
