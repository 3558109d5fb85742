-- Do the rows that the caller gave say, one by one and in the same order, what the plan says?
-- Mostly they do. Then they need not be read into rows of ours: whatever agrees with the plan is of
-- the documented shape. Anything else is read, and looked at more closely.
--
-- Never raises, whatever p_tickets may be. Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.tickets_match(
    p_currency text,
    p_registration_id uuid,
    p_attendee_ids uuid[],
    p_client_attendee_ids uuid[],
    p_named uuid[],
    p_tickets jsonb,
    p_plan ticketing_internal.planned_ticket[]
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- what a row has to say and what it may say besides
    c_names CONSTANT text [] := '{attendee_id,event_id,ticket_type_id,package_id,price_paid,original_price}';
    c_other_names CONSTANT text [] := '{ticket_id,registration_id,client_attendee_id,currency,status,payment_status,
        is_partner_ticket}';
    -- rows say what they cost all of them or none
    v_says_price CONSTANT boolean := p_tickets -> 0 ? 'price_paid';
    v_says_original_price CONSTANT boolean := p_tickets -> 0 ? 'original_price';
    v_plan ticketing_internal.planned_ticket [] := p_plan;
    v_do_agree boolean;
BEGIN
    IF jsonb_typeof(p_tickets) <> 'array' OR pg_column_size(p_tickets) > 1048576 THEN
        RETURN FALSE;
    END IF;
    -- as long as the request when everybody is named and nothing is removed
    IF cardinality(p_named) <> cardinality(p_attendee_ids) OR cardinality(v_plan) <> jsonb_array_length(p_tickets) THEN
        v_plan := ARRAY(
            SELECT ticket
            FROM unnest(p_plan) AS ticket
            WHERE ticket.change <> 'removed' AND ticket.attendee_id = ANY(p_named)
        );
    END IF;

    -- CASE, because an element that is no object cannot even be looked at
    SELECT coalesce(bool_and(coalesce(CASE WHEN jsonb_typeof(planned.given) = 'object' THEN
        planned.change <> 'removed'
        AND planned.given ->> 'ticket_type_id' = planned.ticket_type_id::text
        AND planned.given ->> 'event_id' = planned.event_id::text
        AND planned.given ->> 'package_id' IS NOT DISTINCT FROM planned.package_id::text
        -- as text, with two decimals, one or none: as numbers, also what is no amount can be equal
        AND CASE
            WHEN v_says_price THEN planned.given ->> 'price_paid' IN (
                planned.price_paid::text,
                rtrim(planned.price_paid::text, '0') || '0',
                rtrim(rtrim(planned.price_paid::text, '0'), '.')
            )
            ELSE NOT planned.given ? 'price_paid'
        END
        AND CASE
            WHEN v_says_original_price THEN planned.given ->> 'original_price' IN (
                planned.original_price::text,
                rtrim(planned.original_price::text, '0') || '0',
                rtrim(rtrim(planned.original_price::text, '0'), '.')
            )
            ELSE NOT planned.given ? 'original_price'
        END
        AND (
            planned.given ->> 'attendee_id' = planned.attendee_id::text AND planned.given - c_names = '{}'
            OR planned.given ->> 'attendee_id' IN (
                planned.attendee_id::text,
                p_client_attendee_ids[array_position(p_attendee_ids, planned.attendee_id)]::text
            )
            AND coalesce(
                planned.given ->> 'client_attendee_id'
                = p_client_attendee_ids[array_position(p_attendee_ids, planned.attendee_id)]::text,
                TRUE
            )
            AND CASE planned.change
                WHEN 'added' THEN planned.given ->> 'ticket_id' IS NULL
                ELSE coalesce(planned.given ->> 'ticket_id' = planned.ticket_id::text, TRUE)
            END
            AND coalesce(planned.given ->> 'registration_id' = p_registration_id::text, TRUE)
            AND coalesce(planned.given ->> 'currency' = p_currency, TRUE)
            AND coalesce(planned.given ->> 'status' = 'Active', TRUE)
            AND coalesce(planned.given ->> 'payment_status' = 'Unpaid', TRUE)
            AND coalesce(jsonb_typeof(planned.given -> 'is_partner_ticket') IN ('boolean', 'null'), TRUE)
            AND planned.given - c_names - c_other_names = '{}'
        )
    END, FALSE)), TRUE)
    INTO v_do_agree
    FROM ROWS FROM (jsonb_array_elements(p_tickets), unnest(v_plan)) AS planned (
        given, change, ticket_id, attendee_id, event_id, ticket_type_id, package_id, package_number, price_paid,
        original_price, is_partner_ticket
    );
    RETURN v_do_agree;
END
$$;

COMMENT ON FUNCTION ticketing_internal.tickets_match IS
'True when p_tickets, as the caller sent them, are ticket for ticket what p_plan leaves the attendees in p_named with; false
for anything else, also of another shape than documented. p_attendee_ids and p_client_attendee_ids: of everybody, at the same
places.';
