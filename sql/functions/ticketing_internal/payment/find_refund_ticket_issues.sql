-- Whether the tickets that a refund names may be refunded.

CREATE OR REPLACE FUNCTION ticketing_internal.find_refund_ticket_issues(
    p_registration ticketing.registrations, p_ticket_ids jsonb
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb;
BEGIN
    SELECT jsonb_agg(CASE
        WHEN ticket.status = 'Active' THEN ticketing_internal.issue(
            'ticket_not_cancelled', format('p_refund.ticket_ids[%s]', named.ordinality - 1),
            'The ticket is still in force.', p_ticket_type_id => ticket.ticket_type_id,
            p_item_name => ticket_type.name, p_actual => to_jsonb(named.value)
        )
        ELSE ticketing_internal.issue(
            'ticket_not_found', format('p_refund.ticket_ids[%s]', named.ordinality - 1),
            'The registration has no paid and unrefunded ticket with this id.', p_actual => to_jsonb(named.value)
        )
    END ORDER BY named.ordinality)
    INTO v_issues
    FROM jsonb_array_elements_text(nullif(p_ticket_ids, 'null')) WITH ORDINALITY AS named
    LEFT JOIN ticketing.tickets AS ticket
        ON ticket.function_id = p_registration.function_id
        AND ticket.registration_id = p_registration.registration_id
        AND ticket.ticket_id = named.value::uuid
    LEFT JOIN ticketing.ticket_types AS ticket_type
        ON ticket_type.function_id = ticket.function_id
        AND ticket_type.ticket_type_id = ticket.ticket_type_id
    WHERE (ticket.status = 'Cancelled' AND ticket.payment_status = 'Paid') IS NOT TRUE;
    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_refund_ticket_issues IS
'Issues of p_ticket_ids, the ticket_ids of a refund (null: none): tickets in force, refunded already, or not of
p_registration.';
