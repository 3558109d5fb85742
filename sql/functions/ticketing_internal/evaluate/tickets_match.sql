-- Do the submitted tickets say, one by one, what the plan says? Mostly they do, and then they need
-- no parsing: what agrees with the plan is of the documented shape.
--
-- Never raises, whatever the tickets are.

CREATE OR REPLACE FUNCTION ticketing_internal.tickets_match(
    p_currency text,
    p_registration_id uuid,
    p_attendees ticketing_internal.attendee[],
    p_attendee_ids uuid[],
    p_tickets jsonb,
    p_plan ticketing_internal.planned_ticket[],
    p_in_any_order boolean
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- the keys that the first comparison covers, and those that may stand beside them
    c_keys CONSTANT text [] := '{attendee_id,event_id,ticket_type_id,package_id,price_paid,original_price}';
    c_other_keys CONSTANT text [] := '{ticket_id,registration_id,client_attendee_id,currency,status,payment_status,
        is_partner_ticket}';
    -- either every ticket has a price or none has
    v_has_price CONSTANT boolean := p_tickets -> 0 ? 'price_paid';
    v_has_original_price CONSTANT boolean := p_tickets -> 0 ? 'original_price';
    v_plan ticketing_internal.planned_ticket [] := p_plan;
    v_attendee ticketing_internal.attendee;
    v_ids uuid [] := '{}';
    v_client_ids uuid [] := '{}';
BEGIN
    IF p_plan IS NULL OR jsonb_typeof(p_tickets) <> 'array' OR NOT ticketing_internal.is_bounded(p_tickets) THEN
        RETURN FALSE;
    END IF;
    -- the same length when all attendees are named and nothing is removed
    IF cardinality(p_attendee_ids) <> cardinality(p_attendees)
        OR cardinality(v_plan) <> jsonb_array_length(p_tickets)
    THEN
        v_plan := ARRAY(
            SELECT ticket
            FROM unnest(p_plan) AS ticket
            WHERE ticket.change <> 'removed' AND ticket.attendee_id = ANY(p_attendee_ids)
        );
    END IF;
    FOREACH v_attendee IN ARRAY p_attendees LOOP
        v_ids := array_append(v_ids, v_attendee.attendee_id);
        v_client_ids := array_append(v_client_ids, v_attendee.client_attendee_id);
    END LOOP;

    -- As sent, then sorted. The first difference ends a comparison.
    FOR v_attempt IN 1..2 LOOP
        -- CASE, because an element that is no object has no keys to look at. Prices are compared as
        -- text, with two decimals, one or none: as numbers, also what is no amount can be equal.
        IF NOT EXISTS (
            SELECT
            FROM ROWS FROM (jsonb_array_elements(p_tickets), unnest(v_plan)) AS ticket
            WHERE NOT coalesce(CASE WHEN jsonb_typeof(ticket.value) = 'object' THEN
                ticket.change <> 'removed'
                AND ticket.value ->> 'ticket_type_id' = ticket.ticket_type_id::text
                AND ticket.value ->> 'event_id' = ticket.event_id::text
                AND ticket.value ->> 'package_id' IS NOT DISTINCT FROM ticket.package_id::text
                AND CASE
                    WHEN v_has_price THEN ticket.value ->> 'price_paid' IN (
                        ticket.price_paid::text,
                        rtrim(ticket.price_paid::text, '0') || '0',
                        rtrim(rtrim(ticket.price_paid::text, '0'), '.')
                    )
                    ELSE NOT ticket.value ? 'price_paid'
                END
                AND CASE
                    WHEN v_has_original_price THEN ticket.value ->> 'original_price' IN (
                        ticket.original_price::text,
                        rtrim(ticket.original_price::text, '0') || '0',
                        rtrim(rtrim(ticket.original_price::text, '0'), '.')
                    )
                    ELSE NOT ticket.value ? 'original_price'
                END
                AND (
                    ticket.value ->> 'attendee_id' = ticket.attendee_id::text AND ticket.value - c_keys = '{}'
                    OR ticket.value ->> 'attendee_id' IN (
                        ticket.attendee_id::text, v_client_ids[array_position(v_ids, ticket.attendee_id)]::text
                    )
                    AND coalesce(
                        ticket.value ->> 'client_attendee_id'
                        = v_client_ids[array_position(v_ids, ticket.attendee_id)]::text,
                        TRUE
                    )
                    AND CASE ticket.change
                        WHEN 'added' THEN ticket.value ->> 'ticket_id' IS NULL
                        ELSE coalesce(ticket.value ->> 'ticket_id' = ticket.ticket_id::text, TRUE)
                    END
                    AND coalesce(ticket.value ->> 'registration_id' = p_registration_id::text, TRUE)
                    AND coalesce(ticket.value ->> 'currency' = p_currency, TRUE)
                    AND coalesce(ticket.value ->> 'status' = 'Active', TRUE)
                    AND coalesce(ticket.value ->> 'payment_status' = 'Unpaid', TRUE)
                    AND coalesce(jsonb_typeof(ticket.value -> 'is_partner_ticket') IN ('boolean', 'null'), TRUE)
                    AND ticket.value - c_keys - c_other_keys = '{}'
                )
            END, FALSE)
        ) THEN
            RETURN TRUE;
        END IF;
        EXIT WHEN v_attempt = 2 OR NOT p_in_any_order OR cardinality(v_plan) <> jsonb_array_length(p_tickets);
        v_plan := ticketing_internal.arrange_tickets(p_tickets, v_plan, v_ids, v_client_ids);
    END LOOP;
    RETURN FALSE;
END
$$;

COMMENT ON FUNCTION ticketing_internal.tickets_match IS
'True when p_tickets, as sent, are one by one what p_plan leaves the attendees in p_attendee_ids with, in the same
order or in any; false for anything else, also for a null plan and for tickets of another shape than documented.';
