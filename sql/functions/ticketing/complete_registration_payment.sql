-- Guarantees: a payment of exactly the amount due is recorded once; the same reference again gets
-- the same answer.
-- Lock order: the catalogue (shared), the registration, overdue registrations, capacity pools in
-- id order.
-- Errors: 42501, TK002, TK001, TK003, TK007, TK004, TK005.

CREATE OR REPLACE FUNCTION ticketing.complete_registration_payment(
    p_registration_id uuid, p_payment jsonb
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
    v_access ticketing_internal.access;
    v_function_id uuid;
    v_registration ticketing.registrations;
    v_payment ticketing.payments;
    v_stored ticketing.payments;
    v_now timestamptz;
    v_issues jsonb;
    v_answer ticketing_internal.payment_answer;
BEGIN
    PERFORM ticketing_internal.require_service();
    v_access := ticketing_internal.authorise_registration(p_registration_id);
    v_function_id := v_access.function_id;
    BEGIN
        v_payment := ticketing_internal.read_payment(p_payment);
    EXCEPTION
        WHEN data_exception THEN
            PERFORM ticketing_internal.raise_issues('TK001', ticketing_internal.unreadable_issues(
                ARRAY['p_payment'], ARRAY[p_payment]
            ));
    END;

    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);
    v_now := clock_timestamp();

    v_stored := ticketing_internal.find_payment(v_function_id, v_payment.provider, v_payment.reference);
    IF v_stored.payment_id IS NULL THEN
        IF v_registration.status = 'cancelled' THEN
            PERFORM ticketing_internal.require_editable(v_registration);
        END IF;
        IF v_registration.status = 'completed' THEN
            PERFORM ticketing_internal.raise_issues('TK007', jsonb_build_array(ticketing_internal.issue(
                'already_paid', 'p_payment.reference',
                'The registration has already been paid with another reference; amend_registration takes payments of changes.'
            )));
        END IF;
    ELSIF v_stored.registration_id <> p_registration_id OR v_stored.kind <> 'payment' THEN
        PERFORM ticketing_internal.raise_reference_used('p_payment', v_payment.reference);
    END IF;
    PERFORM ticketing_internal.require_matching_payment(
        v_payment,
        CASE
            WHEN v_stored.payment_id IS NULL THEN (ticketing_internal.read_ledger(v_registration)).amount_due
            ELSE v_stored.amount - v_stored.surcharge_amount
        END,
        v_registration.currency
    );

    IF v_stored.payment_id IS NULL THEN
        -- A pending registration completes as start_payment promised; any other is judged now.
        IF v_registration.status <> 'pending' OR v_registration.hold_expires_at <= v_now THEN
            v_issues := ticketing_internal.find_holding_issues(v_registration, v_now);
            IF v_issues <> '[]' THEN
                PERFORM ticketing_internal.raise_issues('TK004', v_issues);
            END IF;
        END IF;
        v_payment := ticketing_internal.record_payment(v_registration, v_payment, v_now);
        v_registration := ticketing_internal.complete_registration(v_registration, v_now);
    ELSE
        v_payment := v_stored;
    END IF;

    v_answer.success := TRUE;
    v_answer.registration_id := p_registration_id;
    v_answer.payment_id := v_payment.payment_id;
    v_answer.status := v_registration.status;
    v_answer.payment_status := v_registration.payment_status;
    v_answer.confirmation_number := v_registration.confirmation_number;
    v_answer.revision := v_registration.revision;
    v_answer.total := ticketing_internal.scale_amount(
        v_payment.amount - v_payment.surcharge_amount, v_payment.currency
    );
    v_answer.currency := v_registration.currency;
    v_answer.paid_at := v_payment.paid_at;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.complete_registration_payment IS
'Records the payment of a registration and completes it.

Its tickets become Paid, its capacity sold, and it gets a confirmation number. If the hold has
expired, the capacity is taken again at the stored prices, or the call raises `TK005`: then void or
refund the payment.

### Callers
- `service_role`: all registrations

### Parameters
- `p_registration_id`: a registration that is draft, pending or expired.
- `p_payment`: the payment as the provider reports it, in major units: an object of `reference`,
  `amount`, `currency` and, optionally, `surcharge_amount` (0), `provider` (default, compared without
  case) and `paid_at` (now). The surcharge is the part of `amount` that the buyer paid on top, such as
  a card fee passed on, not what the provider keeps; `amount` minus `surcharge_amount` must equal the
  amount due. `fee_amount` is its older name.

### Returns
`payment_answer`: the payment and the completed registration.

### Raises
- `42501` not_allowed: the caller is not the service
- `TK001` invalid_payload: an argument does not have the documented shape, or exceeds a limit
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK003` registration_not_editable: it is cancelled
- `TK004` selection_invalid: the registration is not pending or its hold has expired, and it has no
  tickets, or an attendee may not hold what is held
- `TK005` sold_out: the hold has expired, and not enough capacity is left
- `TK007` payment_conflict: amount, currency or reference disagrees

### Retry
The same reference again gets the same answer and records nothing.';

GRANT EXECUTE ON FUNCTION ticketing.complete_registration_payment TO service_role;
