-- Guarantees: a consistent snapshot from which a wizard can resume on any device; registration
-- and ticket_selections sent back unchanged change nothing. Read-only.
-- Locks: none.
-- Errors: 42501, TK002.

CREATE OR REPLACE FUNCTION ticketing.get_registration(p_registration_id uuid)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_function_id uuid := (ticketing_internal.authorise_registration(p_registration_id)).function_id;
    v_now timestamptz := statement_timestamp();
    v_registration ticketing.registrations;
    v_ledger ticketing_internal.ledger;
    v_decimals integer;
    v_wizard_attendees jsonb;
    v_has_contact boolean;
    v_answer ticketing_internal.registration_answer;
BEGIN
    SELECT registration.*
    INTO v_registration
    FROM ticketing.registrations AS registration
    WHERE registration.function_id = v_function_id
        AND registration.registration_id = p_registration_id;
    v_decimals := ticketing_internal.currency_decimals(v_registration.currency);

    WITH with_ticket AS (
        SELECT DISTINCT ticket.attendee_id
        FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = v_function_id
            AND ticket.registration_id = p_registration_id
            AND ticket.status = 'Active'
    )
    SELECT
        coalesce(array_agg(
            ROW(
                attendee.attendee_id, attendee.client_attendee_id, attendee.attendee_type, attendee.is_primary,
                attendee.is_partner, attendee.related_attendee_id, attendee.title, attendee.first_name,
                attendee.last_name, attendee.email, attendee.phone, attendee.attendee_data
            )::ticketing_internal.registration_attendee ORDER BY attendee.position
        ), '{}'),
        jsonb_agg(attendee.attendee_data - 'selected_tickets' ORDER BY attendee.position)
        FILTER (WHERE NOT attendee.is_contact),
        coalesce(bool_or(attendee.is_contact), FALSE),
        coalesce(
            jsonb_object_agg(attendee.client_attendee_id, attendee.attendee_data -> 'selected_tickets'), '{}'
        ),
        coalesce(array_agg(
            ROW(
                attendee.attendee_id, attendee.client_attendee_id,
                ticketing_internal.attendee_name(attendee.first_name, attendee.last_name, attendee.attendee_type)
            )::ticketing_internal.attendee_without_tickets ORDER BY attendee.position
        ) FILTER (WHERE with_ticket.attendee_id IS NULL), '{}')
    INTO
        v_answer.attendees, v_wizard_attendees, v_has_contact, v_answer.ticket_selections,
        v_answer.attendees_without_tickets
    FROM (
        SELECT
            stored.*,
            -- made of the billingDetails of a lodge or delegation: no attendee of the wizard
            v_registration.registration_type <> 'individuals'
            AND stored.client_attendee_id = p_registration_id
            AND stored.attendee_data - 'selected_tickets' = ticketing_internal.contact_attendee(
                p_registration_id, v_registration.booking_contact
            ) AS is_contact
        FROM ticketing.attendees AS stored
        WHERE stored.function_id = v_function_id
            AND stored.registration_id = p_registration_id
    ) AS attendee
    LEFT JOIN with_ticket ON with_ticket.attendee_id = attendee.attendee_id;

    SELECT coalesce(array_agg(
        ROW(
            ticket.ticket_id, ticket.attendee_id, attendee.client_attendee_id, ticket.event_id,
            ticket.ticket_type_id, ticket.package_id,
            CASE v_decimals WHEN 0 THEN trim_scale(ticket.price_paid) ELSE ticket.price_paid END,
            CASE v_decimals WHEN 0 THEN trim_scale(ticket.original_price) ELSE ticket.original_price END,
            ticket.currency, ticket.status, ticket.payment_status, ticket.is_partner_ticket, holder.holder_data
        )::ticketing_internal.registration_ticket ORDER BY
            attendee.position, ticket.package_id, ticket.package_number, event.starts_at, ticket.ticket_type_id,
            ticket.created_at, ticket.ticket_id
    ), '{}')
    INTO v_answer.tickets
    FROM ticketing.tickets AS ticket
    INNER JOIN ticketing.attendees AS attendee
        ON attendee.function_id = ticket.function_id
        AND attendee.registration_id = ticket.registration_id
        AND attendee.attendee_id = ticket.attendee_id
    INNER JOIN ticketing.events AS event
        ON event.function_id = ticket.function_id
        AND event.event_id = ticket.event_id
    LEFT JOIN ticketing.ticket_holders AS holder
        ON holder.function_id = ticket.function_id
        AND holder.ticket_id = ticket.ticket_id
    WHERE ticket.function_id = v_function_id
        AND ticket.registration_id = p_registration_id;

    v_answer.registration_id := p_registration_id;
    v_answer.function_id := v_function_id;
    v_answer.registration_type := v_registration.registration_type;
    -- what is overdue or abandoned counts as expired, released or not
    v_answer.status := CASE
        WHEN v_registration.is_open AND (
            v_registration.hold_expires_at <= v_now
            OR (v_registration.hold_expires_at IS NULL AND v_registration.updated_at <= v_now - interval '24 hours')
        )
            THEN 'expired'
        ELSE v_registration.status
    END;
    v_answer.payment_status := v_registration.payment_status;
    v_answer.revision := v_registration.revision;
    v_answer.registration := v_registration.registration_data || CASE
        WHEN v_has_contact THEN jsonb_build_object('additionalAttendees', coalesce(v_wizard_attendees, '[]'))
        ELSE jsonb_build_object(
            'primaryAttendee', v_wizard_attendees -> 0, 'additionalAttendees', v_wizard_attendees - 0
        )
    END;
    v_answer.payments := ticketing_internal.list_payments(v_registration);
    v_answer.subtotal := ticketing_internal.scale_amount(v_registration.subtotal, v_registration.currency);
    v_answer.adjustment := ticketing_internal.scale_amount(v_registration.adjustment, v_registration.currency);
    v_answer.total := ticketing_internal.scale_amount(v_registration.total, v_registration.currency);
    v_ledger := ticketing_internal.read_ledger(v_registration);
    v_answer.paid := ticketing_internal.scale_amount(v_ledger.paid, v_registration.currency);
    v_answer.refunded := ticketing_internal.scale_amount(v_ledger.refunded, v_registration.currency);
    v_answer.amount_due := ticketing_internal.scale_amount(v_ledger.amount_due, v_registration.currency);
    v_answer.refund_due := ticketing_internal.scale_amount(v_ledger.refund_due, v_registration.currency);
    v_answer.currency := v_registration.currency;
    v_answer.confirmation_number := v_registration.confirmation_number;
    v_answer.hold_expires_at := v_registration.hold_expires_at;
    v_answer.hold_granted_until := v_registration.hold_granted_until;
    v_answer.server_time := v_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.get_registration IS
'Returns all that a wizard needs to resume a registration on any device.

`registration` and `ticket_selections` are the own objects of the wizard: sent back unchanged, to
`create_individual_registration_with_tickets` and `persist_ticket_selections`, they change nothing.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: own registrations; staff also those of their organisation
- `service_role`: all registrations

### Parameters
- `p_registration_id`: the registration.

### Returns
`registration_answer`: the registration as of now.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `TK002` registration_not_found: it does not exist, or the caller may not see it

### Retry
Repeating the call is safe, because it writes nothing.';

GRANT EXECUTE ON FUNCTION ticketing.get_registration TO anon, authenticated, service_role;
