-- Guarantees: reserved capacity becomes sold, tickets become Paid, and the registration gets a
-- confirmation number, all in one step. An expired registration takes its capacity again, at the
-- stored prices.
-- Lock order: the caller has locked the registration; overdue registrations; capacity pools last.
-- Errors: TK005; 40001 while another transaction is changing the capacity.

CREATE OR REPLACE FUNCTION ticketing_internal.complete_registration(
    p_registration ticketing.registrations,
    p_now timestamptz
)
RETURNS ticketing.registrations
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_registration ticketing.registrations := p_registration;
    v_tickets CONSTANT ticketing_internal.planned_ticket[] :=
        ticketing_internal.load_tickets(p_registration.function_id, p_registration.registration_id);
    v_changes CONSTANT ticketing_internal.capacity_change[] := ticketing_internal.scale_changes(
        ticketing_internal.registration_capacity(p_registration.function_id, ARRAY[p_registration.registration_id]),
        CASE p_registration.status WHEN 'expired' THEN 0 ELSE -1 END,
        1
    );
    v_reclaimed record;
    v_taken integer;
    v_last_change ticketing_internal.feed_cursor;
BEGIN
    v_registration.status := 'completed';
    v_registration.payment_status := 'Paid';
    v_registration.confirmation_number := ticketing_internal.new_confirmation_number();
    v_registration.hold_expires_at := NULL;
    v_registration.revision := p_registration.revision + 1;

    v_reclaimed := ticketing_internal.reclaim_expired_holds(
        p_registration.function_id, v_changes, p_registration.registration_id, p_now
    );
    v_last_change := ticketing_internal.record_changes(
        v_registration, v_registration.revision, ticketing_internal.mark_tickets(v_tickets, 'paid'), p_now
    );

    UPDATE ticketing.tickets AS ticket
    SET payment_status = 'Paid', updated_at = p_now
    WHERE ticket.function_id = p_registration.function_id
        AND ticket.registration_id = p_registration.registration_id
        AND ticket.status = 'Active';

    UPDATE ticketing.registrations AS registration
    SET
        status = v_registration.status,
        payment_status = v_registration.payment_status,
        confirmation_number = v_registration.confirmation_number,
        hold_expires_at = NULL,
        revision = v_registration.revision,
        last_change_epoch = v_last_change.epoch,
        last_change_transaction_id = v_last_change.transaction_id,
        updated_at = p_now
    WHERE registration.function_id = p_registration.function_id
        AND registration.registration_id = p_registration.registration_id;

    v_taken := ticketing_internal.take_capacity(p_registration.function_id, v_reclaimed.r_changes);
    IF v_taken < cardinality(v_reclaimed.r_changes) THEN
        PERFORM ticketing_internal.raise_sold_out(
            p_registration.function_id, ticketing_internal.mark_tickets(v_tickets, 'retaken'), v_changes,
            v_reclaimed.r_changes, '{}', p_registration.registration_id, p_now,
            p_taken => v_reclaimed.r_changes[:v_taken]
        );
    END IF;
    RETURN v_registration;
END
$$;

COMMENT ON FUNCTION ticketing_internal.complete_registration IS
'Completes a locked registration that is draft, pending or expired, and returns the new state. Raises TK005 if the capacity
of an expired one is no longer available.';
