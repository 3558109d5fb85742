-- Amounts as answers show them. Where many amounts are answered at once, the query does the same
-- without a call for each: a stored amount has two decimals already.

CREATE OR REPLACE FUNCTION ticketing_internal.scale_amount(p_amount numeric, p_currency text)
RETURNS numeric
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE ticketing_internal.currency_decimals(p_currency)
        -- not rounded: an amount that should not be there must not look like another
        WHEN 0 THEN trim_scale(p_amount)
        ELSE round(p_amount, 2)
    END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.scale_amount IS
'p_amount with the decimals of its currency: 0.00 and 12.50, or a whole number.';
