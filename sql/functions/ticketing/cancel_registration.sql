-- Guarantees: the capacity is free at commit; tickets and history are kept; the registration costs
-- no more than its adjustment from now on, so that the rest of what was paid is due back.
-- Cancelling again changes nothing.
-- Lock order: the catalogue (shared), the registration, its capacity pools in id order.
-- Errors: 42501, TK002, TK003.

CREATE OR REPLACE FUNCTION ticketing.cancel_registration(
    p_registration_id uuid, p_reason text DEFAULT NULL
)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_access ticketing_internal.access := ticketing_internal.authorise_registration(p_registration_id);
    v_function_id uuid := v_access.function_id;
    v_registration ticketing.registrations :=
        ticketing_internal.lock_registration(v_access, p_registration_id);
    v_now timestamptz := clock_timestamp();
    v_status text;
    v_tickets ticketing_internal.planned_ticket[];
    v_capacity ticketing_internal.capacity_change[];
    v_answer ticketing_internal.cancel_answer;
    v_last_change ticketing_internal.feed_cursor;
    v_ledger ticketing_internal.ledger;
BEGIN
    IF v_registration.status <> 'cancelled' THEN
        PERFORM ticketing_internal.require_cancellable(v_registration, v_now);

        v_tickets := ticketing_internal.mark_tickets(
            ticketing_internal.load_tickets(v_function_id, p_registration_id), 'cancelled'
        );
        v_capacity := ticketing_internal.registration_capacity(v_function_id, ARRAY[p_registration_id]);

        UPDATE ticketing.tickets AS ticket
        SET status = 'Cancelled', updated_at = v_now
        WHERE ticket.function_id = v_function_id
            AND ticket.registration_id = p_registration_id
            AND ticket.status = 'Active';

        v_last_change := ticketing_internal.record_changes(
            v_registration, v_registration.revision + 1, v_tickets, v_now
        );
        v_status := v_registration.status;
        v_registration.status := 'cancelled';
        v_registration.subtotal := 0;
        v_registration.total := greatest(0.00, v_registration.adjustment);
        v_ledger := ticketing_internal.read_ledger(v_registration);
        v_registration.payment_status := ticketing_internal.settled_status(v_registration, v_ledger);
        UPDATE ticketing.registrations AS registration
        SET
            status = v_registration.status,
            payment_status = v_registration.payment_status,
            subtotal = v_registration.subtotal,
            hold_expires_at = NULL,
            cancellation_reason = left(p_reason, 1000),
            revision = v_registration.revision + 1,
            last_change_epoch = v_last_change.epoch,
            last_change_transaction_id = v_last_change.transaction_id,
            updated_at = v_now
        WHERE registration.function_id = v_function_id
            AND registration.registration_id = p_registration_id;

        PERFORM ticketing_internal.take_capacity(v_function_id, ticketing_internal.scale_changes(
            v_capacity,
            CASE WHEN v_status IN ('draft', 'pending') THEN -1 ELSE 0 END,
            CASE WHEN v_status = 'completed' THEN -1 ELSE 0 END
        )) WHERE v_status <> 'expired';

        v_registration.revision := v_registration.revision + 1;
    ELSE
        v_ledger := ticketing_internal.read_ledger(v_registration);
    END IF;

    v_answer.success := TRUE;
    v_answer.registration_id := p_registration_id;
    v_answer.status := 'cancelled';
    v_answer.payment_status := v_registration.payment_status;
    v_answer.revision := v_registration.revision;
    v_answer.tickets_cancelled := coalesce(cardinality(v_tickets), 0);
    v_answer.refund_due := ticketing_internal.scale_amount(v_ledger.refund_due, v_registration.currency);
    v_answer.currency := v_registration.currency;
    v_answer.server_time := v_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.cancel_registration IS
'Cancels a registration: its tickets become Cancelled and its capacity is free.

Its history is kept. Its tickets cost nothing from then on: what was paid for it becomes its
`refund_due`, less an adjustment that is kept as a fee. Tickets that were cancelled before stay as
they are.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: own registrations until they are paid, and paid ones until the `refunds_until` of
  the function, or while nothing that was paid is left; staff those of their organisation, always
- `service_role`: all registrations

### Parameters
- `p_registration_id`: the registration.
- `p_reason`: the reason, stored with the registration (the first 1,000 characters).

### Returns
`cancel_answer`: the cancelled registration.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK003` registration_not_editable: it is paid, and its owner calls after `refunds_until`

### Retry
A repeated call changes nothing and answers that 0 tickets were cancelled.';

GRANT EXECUTE ON FUNCTION ticketing.cancel_registration TO anon, authenticated, service_role;
