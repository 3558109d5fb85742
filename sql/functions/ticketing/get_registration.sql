-- Guarantees: a consistent snapshot from which a wizard can resume on any device; registration
-- and ticket_selections sent back unchanged change nothing. Read-only.
-- Locks: none.
-- Errors: TK002.

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
    v_function_id uuid := ticketing_internal.authorise_registration(p_registration_id);
    v_now timestamptz := statement_timestamp();
    v_registration ticketing.registrations;
    v_attendees jsonb;
    v_wizard_attendees jsonb;
    v_has_contact boolean;
    v_selections jsonb;
    v_tickets jsonb;
    v_without_tickets jsonb;
BEGIN
    SELECT registration.*
    INTO v_registration
    FROM ticketing.registrations AS registration
    WHERE registration.function_id = v_function_id
        AND registration.registration_id = p_registration_id;

    WITH with_ticket AS (
        SELECT DISTINCT ticket.attendee_id
        FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = v_function_id
            AND ticket.registration_id = p_registration_id
            AND ticket.status = 'Active'
    )
    SELECT
        jsonb_agg(
            jsonb_build_object(
                'attendee_id', attendee.attendee_id,
                'client_attendee_id', attendee.client_attendee_id,
                'attendee_type', attendee.attendee_type,
                'is_primary', attendee.is_primary,
                'is_partner', attendee.is_partner,
                'related_attendee_id', attendee.related_attendee_id,
                'title', attendee.title,
                'first_name', attendee.first_name,
                'last_name', attendee.last_name,
                'email', attendee.email,
                'phone', attendee.phone,
                'attendee_data', attendee.attendee_data
            ) ORDER BY attendee.position
        ),
        -- the contact of a lodge comes from billingDetails, it is no attendee of the wizard
        jsonb_agg(attendee.attendee_data - 'selected_tickets' ORDER BY attendee.position)
        FILTER (WHERE attendee.client_attendee_id <> p_registration_id),
        coalesce(bool_or(attendee.client_attendee_id = p_registration_id), FALSE),
        jsonb_object_agg(attendee.client_attendee_id, attendee.attendee_data -> 'selected_tickets'),
        jsonb_agg(
            jsonb_build_object(
                'attendee_id', attendee.attendee_id,
                'client_attendee_id', attendee.client_attendee_id,
                'name', ticketing_internal.attendee_name(
                    attendee.first_name, attendee.last_name, attendee.attendee_type
                )
            ) ORDER BY attendee.position
        ) FILTER (WHERE with_ticket.attendee_id IS NULL)
    INTO v_attendees, v_wizard_attendees, v_has_contact, v_selections, v_without_tickets
    FROM ticketing.attendees AS attendee
    LEFT JOIN with_ticket ON with_ticket.attendee_id = attendee.attendee_id
    WHERE attendee.function_id = v_function_id
        AND attendee.registration_id = p_registration_id;

    SELECT jsonb_agg(
        jsonb_build_object(
            'ticket_id', ticket.ticket_id,
            'attendee_id', ticket.attendee_id,
            'client_attendee_id', attendee.client_attendee_id,
            'event_id', ticket.event_id,
            'ticket_type_id', ticket.ticket_type_id,
            'package_id', ticket.package_id,
            'price_paid', ticket.price_paid,
            'original_price', ticket.original_price,
            'currency', ticket.currency,
            'status', ticket.status,
            'payment_status', ticket.payment_status,
            'is_partner_ticket', ticket.is_partner_ticket
        ) ORDER BY
            attendee.position, ticket.package_id, ticket.package_number, event.starts_at, ticket.ticket_type_id,
            ticket.created_at, ticket.ticket_id
    )
    INTO v_tickets
    FROM ticketing.tickets AS ticket
    INNER JOIN ticketing.attendees AS attendee
        ON attendee.function_id = ticket.function_id
        AND attendee.registration_id = ticket.registration_id
        AND attendee.attendee_id = ticket.attendee_id
    INNER JOIN ticketing.events AS event
        ON event.function_id = ticket.function_id
        AND event.event_id = ticket.event_id
    WHERE ticket.function_id = v_function_id
        AND ticket.registration_id = p_registration_id;

    RETURN jsonb_build_object(
        'registration_id', p_registration_id,
        'function_id', v_function_id,
        'registration_type', v_registration.registration_type,
        -- an overdue hold counts as expired, released or not
        'status', CASE
            WHEN v_registration.status IN ('draft', 'pending') AND v_registration.hold_expires_at <= v_now
                THEN 'expired'
            ELSE v_registration.status
        END,
        'payment_status', v_registration.payment_status,
        'revision', v_registration.revision,
        'registration', v_registration.registration_data || CASE
            WHEN v_has_contact THEN jsonb_build_object('additionalAttendees', coalesce(v_wizard_attendees, '[]'))
            ELSE jsonb_build_object(
                'primaryAttendee', v_wizard_attendees -> 0, 'additionalAttendees', v_wizard_attendees - 0
            )
        END,
        'ticket_selections', coalesce(v_selections, '{}'),
        'attendees', coalesce(v_attendees, '[]'),
        'tickets', coalesce(v_tickets, '[]'),
        'attendees_without_tickets', coalesce(v_without_tickets, '[]'),
        'subtotal', v_registration.subtotal,
        'total', v_registration.total,
        'currency', v_registration.currency,
        'confirmation_number', v_registration.confirmation_number,
        'hold_expires_at', v_registration.hold_expires_at,
        'server_time', v_now
    );
END
$$;

COMMENT ON FUNCTION ticketing.get_registration IS
'Returns all that a wizard needs to resume a registration on any device.

Parameters:
- p_registration_id: a registration that the caller owns or whose organisation the caller works for; any for the service.

Returns {registration_id, function_id, registration_type, status, payment_status, revision, registration, ticket_selections,
attendees, tickets, attendees_without_tickets, subtotal, total, currency, confirmation_number, hold_expires_at, server_time}.
registration and ticket_selections are the wizard''s own objects: sent back unchanged (to
create_individual_registration_with_tickets and persist_ticket_selections) they change nothing. attendees: {attendee_id,
client_attendee_id, attendee_type, is_primary, is_partner, related_attendee_id, title, first_name, last_name, email, phone,
attendee_data}. tickets: {ticket_id, attendee_id, client_attendee_id, event_id, ticket_type_id, package_id, price_paid,
original_price, currency, status, payment_status, is_partner_ticket}. attendees_without_tickets: {attendee_id,
client_attendee_id, name}. status is the status as of now: expired if the hold is overdue.

Raises TK002 registration_not_found.';

GRANT EXECUTE ON FUNCTION ticketing.get_registration TO authenticated, service_role;
