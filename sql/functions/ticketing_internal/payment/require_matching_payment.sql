-- Guarantees: returns only if a reported payment or refund is the expected one: same
-- registration, kind, amount and currency.
-- Errors: TK007.

CREATE OR REPLACE FUNCTION ticketing_internal.require_matching_payment(
    p_registration_id uuid,
    p_kind text,
    p_argument text,
    p_payment ticketing.payments,
    p_expected ticketing.payments,
    p_expected_amount numeric
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb := '[]';
BEGIN
    IF p_expected.registration_id <> p_registration_id OR p_expected.kind <> p_kind THEN
        v_issues := v_issues || ticketing_internal.issue(
            'reference_used', p_argument || '.reference', 'The reference is already used for another payment or refund.',
            p_actual => to_jsonb(p_payment.reference)
        );
    ELSE
        IF p_payment.amount - p_payment.fee_amount <> p_expected_amount THEN
            v_issues := v_issues || ticketing_internal.issue(
                'amount_mismatch', p_argument || '.amount',
                format('%s minus a fee of %s is not the expected %s.', p_payment.amount, p_payment.fee_amount,
                    p_expected_amount),
                p_expected => to_jsonb(p_expected_amount),
                p_actual => to_jsonb(p_payment.amount - p_payment.fee_amount)
            );
        END IF;
        IF ticketing_internal.currency_decimals(p_expected.currency) = 0
            AND (mod(p_payment.amount, 1) <> 0 OR mod(p_payment.fee_amount, 1) <> 0)
        THEN
            v_issues := v_issues || ticketing_internal.issue(
                'amount_mismatch', p_argument || '.amount',
                format('%s has no decimals: amounts are whole.', p_expected.currency),
                p_actual => to_jsonb(p_payment.amount)
            );
        END IF;
        IF p_payment.currency <> p_expected.currency THEN
            v_issues := v_issues || ticketing_internal.issue(
                'currency_mismatch', p_argument || '.currency', format('Prices are in %s.', p_expected.currency),
                p_expected => to_jsonb(p_expected.currency), p_actual => to_jsonb(p_payment.currency)
            );
        END IF;
    END IF;

    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK007', v_issues);
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_matching_payment IS
'Raises TK007 at p_argument unless p_payment minus its fee equals p_expected_amount, and p_expected has p_registration_id,
p_kind and the currency of p_payment.';
