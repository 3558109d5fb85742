-- Reads p_tickets into rows, all casts in one pass.
--
-- Errors: a data exception if it is not of the documented shape. The caller then asks
-- payload_issues what is wrong, so that only faulty requests pay for the explanation.

CREATE OR REPLACE FUNCTION ticketing_internal.read_submitted_tickets(p_tickets jsonb)
RETURNS ticketing_internal.submitted_ticket[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- all amounts in one text: starting the regular expression costs more than matching it; an amount
    -- with a space inside fails its cast to numeric
    c_amounts CONSTANT text := '^[0-9]{1,10}([.][0-9]{1,2}0{0,20})?( [0-9]{1,10}([.][0-9]{1,2}0{0,20})?)*$';
    v_tickets ticketing_internal.submitted_ticket [];
    v_is_sound boolean;
BEGIN
    IF NOT coalesce(ticketing_internal.is_bounded(p_tickets) AND jsonb_array_length(p_tickets) <= 2000, FALSE) THEN
        RAISE data_exception;
    END IF;

    SELECT
        array_agg(ROW(
            'p_tickets[' || ticket.ordinality - 1 || ']', ticket.ticket_id, ticket.registration_id,
            ticket.attendee_id, ticket.client_attendee_id, ticket.event_id, ticket.ticket_type_id, ticket.package_id,
            ticket.price_paid::numeric, ticket.original_price::numeric, ticket.currency #>> '{}', ticket.ordinality
        )::ticketing_internal.submitted_ticket),
        bool_and(
            ticket.attendee_id IS NOT NULL AND ticket.event_id IS NOT NULL AND ticket.ticket_type_id IS NOT NULL
            AND coalesce(ticket.status = 'Active', TRUE)
            AND coalesce(ticket.payment_status = 'Unpaid', TRUE)
            AND coalesce(jsonb_typeof(ticket.currency) IN ('string', 'null'), TRUE)
            AND coalesce(jsonb_typeof(ticket.is_partner_ticket) IN ('boolean', 'null'), TRUE)
            AND coalesce(jsonb_typeof(ticket.holder) IN ('object', 'null'), TRUE)
            AND ticket.value - '{ticket_id,registration_id,attendee_id,client_attendee_id,event_id,ticket_type_id,
                package_id,price_paid,original_price,currency,status,payment_status,is_partner_ticket,holder}'::text[] = '{}'
        )
        -- as text, because numeric reads more than amounts
        AND coalesce(string_agg(ticket.price_paid, ' ') ~ c_amounts, TRUE)
        AND coalesce(string_agg(ticket.original_price, ' ') ~ c_amounts, TRUE)
    INTO v_tickets, v_is_sound
    -- the same array twice, side by side: as columns, and as whole objects to find unknown keys
    FROM ROWS FROM (
        jsonb_to_recordset(p_tickets) AS (
            ticket_id uuid, registration_id uuid, attendee_id uuid, client_attendee_id uuid, event_id uuid,
            ticket_type_id uuid, package_id uuid, price_paid text, original_price text, currency jsonb, status text,
            payment_status text, is_partner_ticket jsonb, holder jsonb
        ),
        jsonb_array_elements(p_tickets)
    ) WITH ORDINALITY AS ticket;

    IF NOT coalesce(v_is_sound, TRUE) THEN
        RAISE data_exception;
    END IF;
    RETURN coalesce(v_tickets, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_submitted_tickets IS
'The elements of p_tickets in their order; raises a data exception (SQLSTATE class 22) when they are not of the
documented shape.';
