-- Guarantees: all refunds together never exceed what was paid; the same reference again gets the
-- same answer.
-- Lock order: the catalogue (shared), the registration.
-- Errors: 42501, TK002, TK001, TK007, TK004.

CREATE OR REPLACE FUNCTION ticketing.record_refund(p_registration_id uuid, p_refund jsonb)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id uuid;
    v_registration ticketing.registrations;
    v_refund ticketing.payments;
    v_stored ticketing.payments;
    v_refundable numeric;
    v_ticket_ids uuid[];
    v_tickets ticketing_internal.planned_ticket[];
    v_now timestamptz;
    v_issues jsonb;
    v_answer ticketing_internal.refund_answer;
BEGIN
    PERFORM ticketing_internal.require_service();
    v_function_id := ticketing_internal.authorise_registration(p_registration_id);
    v_issues := ticketing_internal.payload_issues('p_refund', p_refund);
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK001', v_issues);
    END IF;
    v_refund := ticketing_internal.read_payment(p_refund - 'ticket_ids');

    v_registration := ticketing_internal.lock_registration(v_function_id, p_registration_id);
    v_now := clock_timestamp();

    v_stored := ticketing_internal.find_payment(v_function_id, v_refund.provider, v_refund.reference);
    IF v_stored.payment_id IS NOT NULL THEN
        PERFORM ticketing_internal.require_matching_payment(
            p_registration_id, 'refund', 'p_refund', v_refund, v_stored, v_stored.amount
        );
        v_refund := v_stored;
    ELSE
        IF v_registration.status <> 'cancelled' OR v_registration.payment_status = 'Unpaid' THEN
            PERFORM ticketing_internal.raise_issues('TK007', jsonb_build_array(ticketing_internal.issue(
                'not_refundable', 'p_registration_id', 'Only a cancelled registration that was paid can be refunded.',
                p_actual => to_jsonb(v_registration.status)
            )));
        END IF;

        v_stored := v_refund;
        v_stored.registration_id := p_registration_id;
        v_stored.kind := 'refund';
        v_stored.currency := v_registration.currency;
        PERFORM ticketing_internal.require_matching_payment(
            p_registration_id, 'refund', 'p_refund', v_refund, v_stored, v_stored.amount
        );

        SELECT coalesce(sum(CASE payment.kind WHEN 'payment' THEN payment.amount ELSE -payment.amount END), 0)
        INTO v_refundable
        FROM ticketing.payments AS payment
        WHERE payment.function_id = v_function_id
            AND payment.registration_id = p_registration_id;
        IF v_refund.amount > v_refundable THEN
            PERFORM ticketing_internal.raise_issues('TK007', jsonb_build_array(ticketing_internal.issue(
                'refund_too_large', 'p_refund.amount', format('Only %s can still be refunded.', v_refundable),
                p_expected => to_jsonb(v_refundable), p_actual => to_jsonb(v_refund.amount)
            )));
        END IF;

        -- the tickets in ticket_ids, or all that are not refunded yet
        IF jsonb_typeof(p_refund -> 'ticket_ids') = 'array' THEN
            SELECT array_agg(DISTINCT element.value::uuid)
            INTO v_ticket_ids
            FROM jsonb_array_elements_text(p_refund -> 'ticket_ids') AS element;
        END IF;
        v_tickets := ARRAY(
            SELECT ticket
            FROM unnest(ticketing_internal.load_tickets(v_function_id, p_registration_id, 'Cancelled', 'Paid')) AS ticket
            WHERE v_ticket_ids IS NULL OR ticket.ticket_id = ANY(v_ticket_ids)
        );

        SELECT jsonb_agg(ticketing_internal.issue(
            'ticket_not_found', format('p_refund.ticket_ids[%s]', element.ordinality - 1),
            'The registration has no paid and unrefunded ticket with this id.', p_actual => to_jsonb(element.value)
        ) ORDER BY element.ordinality)
        INTO v_issues
        FROM jsonb_array_elements_text(
            CASE WHEN v_ticket_ids IS NULL THEN '[]' ELSE p_refund -> 'ticket_ids' END
        ) WITH ORDINALITY AS element
        WHERE NOT EXISTS (SELECT FROM unnest(v_tickets) AS ticket WHERE ticket.ticket_id = element.value::uuid);
        IF v_issues IS NOT NULL THEN
            PERFORM ticketing_internal.raise_issues('TK004', v_issues);
        END IF;

        v_refund.payment_id := gen_random_uuid();
        INSERT INTO ticketing.payments (
            function_id, payment_id, registration_id, provider, reference, kind, amount, fee_amount, currency, paid_at,
            created_at
        )
        VALUES (
            v_function_id, v_refund.payment_id, p_registration_id, v_refund.provider, v_refund.reference, 'refund',
            v_refund.amount, 0, v_refund.currency, v_now, v_now
        )
        ON CONFLICT (function_id, provider, reference) DO NOTHING;
        IF NOT found THEN
            PERFORM ticketing_internal.raise_issues('TK007', jsonb_build_array(ticketing_internal.issue(
                'reference_used', 'p_refund.reference', 'The reference is already used for another payment or refund.',
                p_actual => to_jsonb(v_refund.reference)
            )));
        END IF;

        UPDATE ticketing.tickets AS ticket
        SET payment_status = 'Refunded', updated_at = v_now
        WHERE ticket.function_id = v_function_id
            AND ticket.registration_id = p_registration_id
            AND ticket.payment_status = 'Paid'
            AND (v_ticket_ids IS NULL OR ticket.ticket_id = ANY(v_ticket_ids));

        -- the registration is Refunded once all its tickets are
        v_registration.revision := v_registration.revision + 1;
        IF NOT EXISTS (
            SELECT
            FROM ticketing.tickets AS ticket
            WHERE ticket.function_id = v_function_id
                AND ticket.registration_id = p_registration_id
                AND ticket.payment_status = 'Paid'
        ) THEN
            v_registration.payment_status := 'Refunded';
        END IF;
        v_registration := ticketing_internal.record_changes(
            v_registration, v_registration.revision, ticketing_internal.mark_tickets(v_tickets, 'refunded'), v_now
        );
        UPDATE ticketing.registrations AS registration
        SET
            payment_status = v_registration.payment_status,
            revision = v_registration.revision,
            last_change_epoch = v_registration.last_change_epoch,
            last_change_transaction_id = v_registration.last_change_transaction_id,
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
    v_answer.currency := v_refund.currency;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.record_refund IS
'Records a refund of a cancelled registration.

All its tickets, or those in `ticket_ids`, become Refunded; with the last of them so does the
registration.

### Callers
- `service_role`: all registrations

### Parameters
- `p_registration_id`: a registration that was paid and is cancelled.
- `p_refund`: the refund, in major units: an object of `reference`, `amount`, `currency` and,
  optionally, `provider` (default) and `ticket_ids` (all). All refunds together are at most what was
  paid, fee included.

### Returns
`refund_answer`: the refund and its registration.

### Raises
- `42501` insufficient_privilege: the caller is not the service
- `TK001` invalid_payload: an argument does not have the documented shape, or exceeds a limit
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK004` selection_invalid: the registration has no such paid ticket
- `TK007` payment_conflict: nothing can be refunded, or amount, currency or reference disagrees

### Retry
The same reference again gets the same answer and records nothing.';

GRANT EXECUTE ON FUNCTION ticketing.record_refund TO service_role;
