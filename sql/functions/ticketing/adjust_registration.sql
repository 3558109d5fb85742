-- Guarantees: the total changes, tickets and payments stay; what is completed or cancelled never
-- has an amount due because of it; the old and the new adjustment are recorded with the reason. The
-- same adjustment again changes nothing.
-- Lock order: the catalogue (shared), the registration.
-- Errors: 42501, TK002, TK001, TK007.

CREATE OR REPLACE FUNCTION ticketing.adjust_registration(
    p_registration_id uuid, p_adjustment numeric, p_reason text
)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_access ticketing_internal.access := ticketing_internal.authorise_registration(p_registration_id);
    v_registration ticketing.registrations;
    v_ledger ticketing_internal.ledger;
    v_issues jsonb;
    v_before numeric;
    v_kept numeric;
    v_now timestamptz;
    v_answer ticketing_internal.adjust_answer;
BEGIN
    PERFORM ticketing_internal.require_staff(v_access.function_id, p_is_for_admins => TRUE);
    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);
    v_now := clock_timestamp();

    v_issues := ticketing_internal.find_adjustment_issues(v_registration, p_adjustment, p_reason);
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK001', v_issues);
    END IF;

    v_before := v_registration.adjustment;
    v_registration.adjustment := p_adjustment;
    v_registration.total := greatest(0.00, v_registration.subtotal + v_registration.adjustment);
    v_ledger := ticketing_internal.read_ledger(v_registration);

    IF v_registration.adjustment <> v_before THEN
        v_kept := v_ledger.paid - v_ledger.refunded;
        IF v_registration.status IN ('completed', 'cancelled') AND v_registration.total > v_kept THEN
            PERFORM ticketing_internal.raise_issues('TK007', jsonb_build_array(ticketing_internal.issue(
                'payment_required', 'p_adjustment',
                format('What is %s can have no amount due: %s was paid and not given back, and it would cost %s.',
                    v_registration.status,
                    ticketing_internal.scale_amount(v_kept, v_registration.currency),
                    ticketing_internal.scale_amount(v_registration.total, v_registration.currency)
                ),
                p_expected => to_jsonb(ticketing_internal.scale_amount(
                    v_registration.total - v_kept, v_registration.currency
                ))
            )));
        END IF;

        v_registration.status := CASE v_registration.status WHEN 'pending' THEN 'draft' ELSE v_registration.status END;
        v_registration.payment_status := ticketing_internal.settled_status(v_registration, v_ledger);
        v_registration.revision := v_registration.revision + 1;
        UPDATE ticketing.registrations AS registration
        SET
            status = v_registration.status,
            payment_status = v_registration.payment_status,
            adjustment = v_registration.adjustment,
            revision = v_registration.revision,
            updated_at = v_now
        WHERE registration.function_id = v_access.function_id
            AND registration.registration_id = p_registration_id;

        PERFORM ticketing_internal.record_registration_change(
            v_registration, 'adjusted',
            jsonb_build_object('adjustment', ticketing_internal.scale_amount(v_before, v_registration.currency)),
            jsonb_build_object(
                'adjustment', ticketing_internal.scale_amount(v_registration.adjustment, v_registration.currency)
            ),
            v_now, p_reason
        );
    END IF;

    v_answer.success := TRUE;
    v_answer.registration_id := p_registration_id;
    v_answer.status := v_registration.status;
    v_answer.payment_status := v_registration.payment_status;
    v_answer.revision := v_registration.revision;
    v_answer.subtotal := ticketing_internal.scale_amount(v_registration.subtotal, v_registration.currency);
    v_answer.adjustment := ticketing_internal.scale_amount(v_registration.adjustment, v_registration.currency);
    v_answer.total := ticketing_internal.scale_amount(v_registration.total, v_registration.currency);
    v_answer.paid := ticketing_internal.scale_amount(v_ledger.paid, v_registration.currency);
    v_answer.refunded := ticketing_internal.scale_amount(v_ledger.refunded, v_registration.currency);
    v_answer.amount_due := ticketing_internal.scale_amount(v_ledger.amount_due, v_registration.currency);
    v_answer.refund_due := ticketing_internal.scale_amount(v_ledger.refund_due, v_registration.currency);
    v_answer.currency := v_registration.currency;
    v_answer.server_time := v_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.adjust_registration IS
'Sets the adjustment of a registration: what it costs less, or more, than its tickets.

A negative adjustment is a discount, up to a complimentary registration; the total is never below 0.
A positive one is a fee, such as what is kept after a cancellation. It replaces the one before. On a
completed or cancelled registration it changes what is due back, and never makes an amount due. A
pending registration becomes draft again, so that an outdated amount is never paid; one with nothing
due is completed by the next `start_payment`.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: registrations of organisations in which the caller is owner or admin
- `service_role`: all registrations

### Parameters
- `p_registration_id`: the registration, in any status.
- `p_adjustment`: the adjustment, in major units, with no more decimals than its currency has.
- `p_reason`: the reason, 1 to 1,000 characters; recorded, and not shown to the owner.

### Returns
`adjust_answer`: the registration and its money.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `42501` not_allowed: the caller is neither an owner or admin of the organisation nor the service
- `TK001` invalid_payload: an argument is missing, or out of range
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK007` payment_conflict: a completed or cancelled registration would cost more than was paid

### Retry
The same adjustment again changes nothing and answers the same.';

GRANT EXECUTE ON FUNCTION ticketing.adjust_registration TO anon, authenticated, service_role;
