-- Write the difference that a plan makes: tickets, the change feed, selections, attendees who
-- leave, and the registration with its next revision.

CREATE OR REPLACE FUNCTION ticketing_internal.write_plan(
    p_registration ticketing.registrations,
    p_tickets ticketing_internal.planned_ticket[],
    p_subtotal numeric,
    p_summary ticketing_internal.plan_summary,
    p_leaving uuid[],
    p_now timestamptz
)
RETURNS ticketing.registrations
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := p_registration.function_id;
    v_registration_id CONSTANT uuid := p_registration.registration_id;
    v_registration ticketing.registrations := p_registration;
BEGIN
    v_registration.revision := p_registration.revision + 1;

    IF p_summary.removed_ids IS NOT NULL THEN
        DELETE FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = v_function_id
            AND ticket.registration_id = v_registration_id
            AND ticket.ticket_id = ANY(p_summary.removed_ids);
    END IF;

    IF p_summary.added > 0 THEN
        INSERT INTO ticketing.tickets (
            function_id, ticket_id, registration_id, owner_id, attendee_id, event_id, ticket_type_id, package_id,
            package_number, price_paid, original_price, currency, is_partner_ticket, created_at, updated_at
        )
        SELECT
            v_function_id, ticket.ticket_id, v_registration_id, p_registration.owner_id, ticket.attendee_id,
            ticket.event_id, ticket.ticket_type_id, ticket.package_id, ticket.package_number, ticket.price_paid,
            ticket.original_price, p_registration.currency, ticket.is_partner_ticket, p_now, p_now
        FROM unnest(p_tickets) AS ticket
        WHERE ticket.change = 'added';
    END IF;

    IF p_summary.removed_ids IS NOT NULL OR p_summary.added > 0 THEN
        v_registration := ticketing_internal.record_changes(
            v_registration, v_registration.revision, p_tickets, p_now
        );
    END IF;

    IF p_summary.attendee_updates IS NOT NULL THEN
        UPDATE ticketing.attendees AS attendee
        SET
            attendee_data = attendee.attendee_data
            || jsonb_build_object('selected_tickets', selection.selected_tickets),
            updated_at = p_now
        FROM unnest(p_summary.attendee_updates) AS selection
        WHERE attendee.function_id = v_function_id
            AND attendee.registration_id = v_registration_id
            AND attendee.attendee_id = selection.attendee_ref;
    END IF;

    IF cardinality(p_leaving) > 0 THEN
        DELETE FROM ticketing.attendees AS attendee
        WHERE attendee.function_id = v_function_id
            AND attendee.registration_id = v_registration_id
            AND attendee.attendee_id = ANY(p_leaving);
    END IF;

    UPDATE ticketing.registrations AS registration
    SET
        status = v_registration.status,
        revision = v_registration.revision,
        subtotal = p_subtotal,
        total = p_subtotal,
        hold_expires_at = v_registration.hold_expires_at,
        held_since = v_registration.held_since,
        held_until = v_registration.held_until,
        last_change_epoch = v_registration.last_change_epoch,
        last_change_transaction_id = v_registration.last_change_transaction_id,
        updated_at = p_now
    WHERE registration.function_id = v_function_id
        AND registration.registration_id = v_registration_id;
    RETURN v_registration;
END
$$;

COMMENT ON FUNCTION ticketing_internal.write_plan IS
'Stores the plan in p_tickets with its subtotal, the selections in p_summary, and status and hold of p_registration (locked),
deletes the attendees in p_leaving, and returns the registration as it is then. The capacity is left to the caller.';
