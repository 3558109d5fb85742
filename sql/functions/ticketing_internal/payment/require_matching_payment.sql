-- Guarantees: returns only if a reported payment is of the expected amount, without its surcharge,
-- and currency.
-- Errors: TK007.

CREATE OR REPLACE FUNCTION ticketing_internal.require_matching_payment(
    p_payment ticketing.payments,
    p_amount_due numeric,
    p_currency text
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_amount CONSTANT numeric := ticketing_internal.scale_amount(
        p_payment.amount - p_payment.surcharge_amount, p_currency
    );
    v_amount_due CONSTANT numeric := ticketing_internal.scale_amount(p_amount_due, p_currency);
    v_issues jsonb := '[]';
BEGIN
    IF v_amount <> v_amount_due THEN
        v_issues := v_issues || ticketing_internal.issue(
            'amount_mismatch', 'p_payment.amount',
            format('%s minus a surcharge of %s is not the expected %s.', p_payment.amount, p_payment.surcharge_amount,
                v_amount_due),
            p_expected => to_jsonb(v_amount_due), p_actual => to_jsonb(v_amount)
        );
    END IF;
    v_issues := v_issues || ticketing_internal.find_money_issues('p_payment', p_payment, p_currency);
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK007', v_issues);
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_matching_payment IS
'Raises TK007 unless p_payment minus its surcharge equals p_amount_due, in p_currency.';
