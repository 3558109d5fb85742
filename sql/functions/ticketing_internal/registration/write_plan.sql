-- Write the difference that a plan makes: tickets, the change feed, selections, attendees who
-- leave, and the registration with its next revision. What is paid and goes is cancelled, not
-- deleted; what comes with it is paid.

CREATE OR REPLACE FUNCTION ticketing_internal.write_plan(
    p_registration ticketing.registrations,
    p_status text,
    p_hold ticketing_internal.planned_hold,
    p_tickets ticketing_internal.planned_ticket[],
    p_subtotal numeric,
    p_summary ticketing_internal.plan_summary,
    p_leaving uuid[],
    p_now timestamptz
)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := p_registration.function_id;
    v_registration_id CONSTANT uuid := p_registration.registration_id;
    v_is_paid CONSTANT boolean := p_status = 'completed';
    v_revision CONSTANT integer := p_registration.revision + 1;
    v_last_change ticketing_internal.feed_cursor;
BEGIN
    IF p_summary.removed_ids IS NOT NULL AND v_is_paid THEN
        UPDATE ticketing.tickets AS ticket
        SET status = 'Cancelled', updated_at = p_now
        WHERE ticket.function_id = v_function_id
            AND ticket.registration_id = v_registration_id
            AND ticket.ticket_id = ANY(p_summary.removed_ids);
    ELSIF p_summary.removed_ids IS NOT NULL THEN
        DELETE FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = v_function_id
            AND ticket.registration_id = v_registration_id
            AND ticket.ticket_id = ANY(p_summary.removed_ids);
    END IF;

    IF p_summary.added > 0 THEN
        INSERT INTO ticketing.tickets (
            function_id, ticket_id, registration_id, owner_id, attendee_id, event_id, ticket_type_id, package_id,
            package_number, price_paid, original_price, currency, payment_status, is_partner_ticket, created_at,
            updated_at
        )
        SELECT
            v_function_id, ticket.ticket_id, v_registration_id, p_registration.owner_id, ticket.attendee_id,
            ticket.event_id, ticket.ticket_type_id, ticket.package_id, ticket.package_number, ticket.price_paid,
            ticket.original_price, p_registration.currency, CASE WHEN v_is_paid THEN 'Paid' ELSE 'Unpaid' END,
            ticket.is_partner_ticket, p_now, p_now
        FROM unnest(p_tickets) AS ticket
        WHERE ticket.change = 'added';
    END IF;

    IF p_summary.removed_ids IS NOT NULL OR p_summary.added > 0 THEN
        v_last_change := ticketing_internal.record_changes(
            p_registration, v_revision,
            CASE WHEN v_is_paid THEN ticketing_internal.amended_tickets(p_tickets) ELSE p_tickets END, p_now
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
        status = p_status,
        revision = v_revision,
        subtotal = p_subtotal,
        hold_expires_at = p_hold.expires_at,
        held_since = p_hold.held_since,
        held_until = p_hold.held_until,
        last_change_epoch = coalesce(v_last_change.epoch, registration.last_change_epoch),
        last_change_transaction_id = coalesce(v_last_change.transaction_id, registration.last_change_transaction_id),
        updated_at = p_now
    WHERE registration.function_id = v_function_id
        AND registration.registration_id = v_registration_id;
    RETURN v_revision;
END
$$;

COMMENT ON FUNCTION ticketing_internal.write_plan IS
'Stores the plan in p_tickets with its subtotal, the selections in p_summary, and p_status and p_hold of p_registration (locked),
deletes the attendees in p_leaving, and returns the revision that it has then. The capacity is left to the caller.';
