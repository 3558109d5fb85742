-- Guarantees: returns only if a reported payment is the expected one: same registration, kind,
-- amount without surcharge, and currency.
-- Errors: TK007.

CREATE OR REPLACE FUNCTION ticketing_internal.require_matching_payment(
    p_registration_id uuid,
    p_payment ticketing.payments,
    p_expected ticketing.payments,
    p_amount_due numeric
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_amount CONSTANT numeric := ticketing_internal.scale_amount(
        p_payment.amount - p_payment.surcharge_amount, p_expected.currency
    );
    v_amount_due CONSTANT numeric := ticketing_internal.scale_amount(p_amount_due, p_expected.currency);
    v_issues jsonb := '[]';
BEGIN
    IF p_expected.registration_id <> p_registration_id OR p_expected.kind <> 'payment' THEN
        PERFORM ticketing_internal.raise_reference_used('p_payment', p_payment.reference);
    END IF;

    IF v_amount <> v_amount_due THEN
        v_issues := v_issues || ticketing_internal.issue(
            'amount_mismatch', 'p_payment.amount',
            format('%s minus a surcharge of %s is not the expected %s.', p_payment.amount, p_payment.surcharge_amount,
                v_amount_due),
            p_expected => to_jsonb(v_amount_due), p_actual => to_jsonb(v_amount)
        );
    END IF;
    v_issues := v_issues || ticketing_internal.find_money_issues('p_payment', p_payment, p_expected.currency);
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK007', v_issues);
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_matching_payment IS
'Raises TK007 unless p_payment minus its surcharge equals p_amount_due, and p_expected is a payment for p_registration_id
in the currency of p_payment.';
