-- How many decimals amounts of a currency have in answers. Stored amounts have two, whatever the
-- currency.

CREATE OR REPLACE FUNCTION ticketing_internal.currency_decimals(p_currency text)
RETURNS integer
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- the currencies of ISO 4217 without a minor unit
    RETURN CASE
        WHEN p_currency IN (
            'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF',
            'XOF', 'XPF'
        ) THEN 0
        ELSE 2
    END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.currency_decimals IS
'0 for a currency without a minor unit, 2 for all others.';
