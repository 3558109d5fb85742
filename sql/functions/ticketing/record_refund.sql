-- Guarantees: no more is given back than is due, nor for tickets than they cost, nor as surcharge
-- than was paid as such; the same reference again gets the same answer, or is refused if it says
-- something else.
-- Lock order: the catalogue (shared), the registration.
-- Errors: 42501, TK002, TK001, TK007, TK004.

CREATE OR REPLACE FUNCTION ticketing.record_refund(p_registration_id uuid, p_refund jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_access ticketing_internal.access;
    v_function_id uuid;
    v_registration ticketing.registrations;
    v_refund ticketing.payments;
    v_stored ticketing.payments;
    v_tickets ticketing_internal.planned_ticket[];
    v_most numeric;
    v_issues jsonb;
    v_ticket_issues jsonb;
    v_is_settled boolean;
    v_ledger ticketing_internal.ledger;
    v_now timestamptz;
    v_answer ticketing_internal.refund_answer;
    v_last_change ticketing_internal.feed_cursor;
BEGIN
    PERFORM ticketing_internal.require_service();
    v_access := ticketing_internal.authorise_registration(p_registration_id);
    v_function_id := v_access.function_id;
    v_refund := ticketing_internal.read_refund(p_refund);
    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);
    v_now := clock_timestamp();

    v_stored := ticketing_internal.find_payment(v_function_id, v_refund.provider, v_refund.reference);
    IF v_stored.payment_id IS NOT NULL THEN
        IF (p_registration_id, v_refund.kind, v_refund.amount, v_refund.surcharge_amount, v_refund.currency,
            v_refund.ticket_ids)
            IS DISTINCT FROM (v_stored.registration_id, v_stored.kind, v_stored.amount, v_stored.surcharge_amount,
            v_stored.currency, v_stored.ticket_ids)
        THEN
            PERFORM ticketing_internal.raise_reference_used('p_refund', v_refund.reference);
        END IF;
        v_refund := v_stored;
        v_ledger := ticketing_internal.read_ledger(v_registration);
    ELSE
        v_tickets := ticketing_internal.load_tickets(v_function_id, p_registration_id, 'Cancelled', 'Paid');
        v_ticket_issues := ticketing_internal.find_refund_ticket_issues(v_registration, p_refund -> 'ticket_ids');
        IF v_ticket_issues = '[]' THEN
            SELECT sum(ticket.price_paid)
            INTO v_most
            FROM unnest(v_tickets) AS ticket
            WHERE ticket.ticket_id = ANY(v_refund.ticket_ids);
        END IF;
        v_issues := ticketing_internal.find_refund_issues(v_registration, v_refund, v_most);
        IF v_issues <> '[]' THEN
            PERFORM ticketing_internal.raise_issues('TK007', v_issues || v_ticket_issues);
        ELSIF v_ticket_issues <> '[]' THEN
            PERFORM ticketing_internal.raise_issues('TK004', v_ticket_issues);
        END IF;

        v_refund := ticketing_internal.record_payment(v_registration, v_refund, v_now);

        -- with the last of what is due back, all that is cancelled is refunded; returning a surcharge
        -- refunds only tickets that are named
        v_ledger := ticketing_internal.read_ledger(v_registration);
        v_is_settled := v_ledger.refund_due = 0 AND v_refund.amount > v_refund.surcharge_amount;
        v_tickets := ARRAY(
            SELECT ticket
            FROM unnest(v_tickets) AS ticket
            WHERE v_is_settled OR ticket.ticket_id = ANY(v_refund.ticket_ids)
        );
        UPDATE ticketing.tickets AS ticket
        SET payment_status = 'Refunded', updated_at = v_now
        FROM unnest(v_tickets) AS refunded
        WHERE ticket.function_id = v_function_id
            AND ticket.ticket_id = refunded.ticket_id;

        v_registration.revision := v_registration.revision + 1;
        v_registration.payment_status := ticketing_internal.settled_status(v_registration, v_ledger);
        v_last_change := ticketing_internal.record_changes(
            v_registration, v_registration.revision, ticketing_internal.mark_tickets(v_tickets, 'refunded'), v_now
        );
        UPDATE ticketing.registrations AS registration
        SET
            payment_status = v_registration.payment_status,
            revision = v_registration.revision,
            last_change_epoch = v_last_change.epoch,
            last_change_transaction_id = v_last_change.transaction_id,
            updated_at = v_now
        WHERE registration.function_id = v_function_id
            AND registration.registration_id = p_registration_id;
    END IF;

    v_answer.success := TRUE;
    v_answer.registration_id := p_registration_id;
    v_answer.payment_id := v_refund.payment_id;
    v_answer.status := v_registration.status;
    v_answer.payment_status := v_registration.payment_status;
    v_answer.revision := v_registration.revision;
    v_answer.amount := ticketing_internal.scale_amount(v_refund.amount, v_refund.currency);
    v_answer.surcharge_amount := ticketing_internal.scale_amount(v_refund.surcharge_amount, v_refund.currency);
    v_answer.refund_due := ticketing_internal.scale_amount(v_ledger.refund_due, v_refund.currency);
    v_answer.currency := v_refund.currency;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.record_refund IS
'Records money given back: for tickets that are cancelled, a discount, or of a surcharge.

At most the `refund_due` of the registration can be given back, and at most its surcharge. The
tickets named become Refunded; once nothing more is due back, all its cancelled tickets do, and so
does the registration if it is cancelled.

### Callers
- `service_role`: all registrations

### Parameters
- `p_registration_id`: a registration with something due back.
- `p_refund`: the refund, in major units: an object of `reference`, `amount` (above 0), `currency`
  and, optionally, `surcharge_amount` (0), `provider` (default, compared without case) and
  `ticket_ids` (none). `amount` minus `surcharge_amount` is at most what is due back and, if tickets
  are named, at most what they cost together; `surcharge_amount` at most what was paid as surcharge
  and not given back yet. The tickets named are cancelled and not refunded yet.

### Returns
`refund_answer`: the refund and its registration.

### Raises
- `42501` not_allowed: the caller is not the service
- `TK001` invalid_payload: an argument does not have the documented shape, or exceeds a limit
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK004` selection_invalid: a ticket named is not cancelled, is refunded already, or does not exist
- `TK007` payment_conflict: more than can be refunded, another currency, or a reference used
  otherwise

### Retry
The same reference with the same amounts, currency and tickets gets the same answer and records
nothing.';

GRANT EXECUTE ON FUNCTION ticketing.record_refund TO service_role;
