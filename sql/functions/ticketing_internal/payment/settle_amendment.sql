-- The money of an amendment, and the record of it.
--
-- Guarantees: an amendment comes with a payment exactly if an amount is due after it, and of
-- exactly this amount; what is paid stays paid.
-- Lock order: the caller has locked the registration.
-- Errors: TK007.

CREATE OR REPLACE FUNCTION ticketing_internal.settle_amendment(
    p_registration ticketing.registrations,
    p_request ticketing_internal.request,
    p_amendment ticketing_internal.amendment,
    p_subtotal numeric,
    p_is_changed boolean,
    p_now timestamptz
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_currency CONSTANT text := p_registration.currency;
    v_payment CONSTANT ticketing.payments := p_request.payment;
    v_amount CONSTANT numeric := ticketing_internal.scale_amount(v_payment.amount - v_payment.surcharge_amount, v_currency);
    v_amount_due CONSTANT numeric := ticketing_internal.scale_amount((p_amendment.ledger).amount_due, v_currency);
    v_registration ticketing.registrations := p_registration;
BEGIN
    IF v_payment.reference IS NULL AND v_amount_due > 0 THEN
        PERFORM ticketing_internal.raise_issues('TK007', jsonb_build_array(ticketing_internal.issue(
            'payment_required', 'p_payment', format('The change costs %s %s more.', v_amount_due, v_currency),
            p_expected => to_jsonb(v_amount_due)
        )));
    ELSIF v_payment.reference IS NOT NULL AND v_amount_due = 0 THEN
        PERFORM ticketing_internal.raise_issues('TK007', jsonb_build_array(ticketing_internal.issue(
            'nothing_due', 'p_payment', 'The change costs nothing more; void the payment.',
            p_expected => to_jsonb(v_amount_due), p_actual => to_jsonb(v_amount)
        )));
    ELSIF v_payment.reference IS NOT NULL THEN
        PERFORM ticketing_internal.require_matching_payment(v_payment, v_amount_due, v_currency);
        PERFORM ticketing_internal.record_payment(p_registration, v_payment, p_now);
    END IF;

    IF p_is_changed THEN
        v_registration.revision := p_registration.revision + 1;
        PERFORM ticketing_internal.record_registration_change(
            v_registration, 'amended',
            jsonb_build_object('subtotal', ticketing_internal.scale_amount(p_registration.subtotal, v_currency)),
            jsonb_build_object('subtotal', ticketing_internal.scale_amount(p_subtotal, v_currency)) || CASE
                WHEN cardinality(p_amendment.waived) > 0 THEN jsonb_build_object('waived', p_amendment.waived)
                ELSE '{}'
            END,
            p_now, p_request.reason
        );
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.settle_amendment IS
'Stores the payment of p_request (without a reference: none came) for p_amendment, after which the tickets of p_registration cost
p_subtotal, and records the amendment unless it changes nothing.';
