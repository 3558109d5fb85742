-- What is wrong with the money of a payment or refund, whatever is due.

CREATE OR REPLACE FUNCTION ticketing_internal.find_money_issues(
    p_argument text, p_payment ticketing.payments, p_currency text
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb := '[]';
BEGIN
    IF ticketing_internal.currency_decimals(p_currency) = 0
        AND (mod(p_payment.amount, 1) <> 0 OR mod(p_payment.surcharge_amount, 1) <> 0)
    THEN
        v_issues := v_issues || ticketing_internal.issue(
            'amount_mismatch', p_argument || '.amount', format('%s has no decimals: amounts are whole.', p_currency),
            p_actual => to_jsonb(p_payment.amount)
        );
    END IF;
    IF p_payment.currency <> p_currency THEN
        v_issues := v_issues || ticketing_internal.issue(
            'currency_mismatch', p_argument || '.currency', format('Prices are in %s.', p_currency),
            p_expected => to_jsonb(p_currency), p_actual => to_jsonb(p_payment.currency)
        );
    END IF;
    RETURN v_issues;
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_money_issues IS
'Issues of p_payment, given as p_argument, for a registration in p_currency: another currency, or amounts that this one
cannot have.';
