-- Is a payment of the documented shape? What is wrong with one that is not is left to
-- payload_issues.

CREATE OR REPLACE FUNCTION ticketing_internal.payment_is_sound(p_payment jsonb)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- all that is matched in one text, since starting the matcher costs more than what it reads; what
    -- has spaces of its own could pass for two
    RETURN pg_column_size(p_payment) <= 1048576
        AND p_payment - '{reference,amount,currency,fee_amount,provider,paid_at}'::text[] = '{}'
        AND jsonb_typeof(p_payment -> 'reference') = 'string'
        AND length(p_payment ->> 'reference') BETWEEN 1 AND 200
        AND coalesce(jsonb_typeof(p_payment -> 'provider') IN ('string', 'null'), TRUE)
        AND coalesce(length(p_payment ->> 'provider') BETWEEN 1 AND 50, TRUE)
        AND concat(
            p_payment ->> 'currency', p_payment ->> 'amount', p_payment ->> 'fee_amount', p_payment ->> 'paid_at'
        ) NOT LIKE '% %'
        AND concat_ws(
            ' ', p_payment ->> 'currency', p_payment ->> 'amount', coalesce(p_payment ->> 'fee_amount', '0'),
            p_payment ->> 'paid_at'
        ) ~ (
            '^[A-Z]{3}( [0-9]{1,10}([.][0-9]{1,2}0{0,20})?){2}'
            '( [0-9]{4}(-[0-9]{2}){2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?$'
        )
        -- always so, but it may be no time that exists
        AND coalesce((p_payment ->> 'paid_at')::timestamptz > '-infinity', TRUE);
EXCEPTION
    WHEN data_exception THEN
        RETURN FALSE;
END
$$;

COMMENT ON FUNCTION ticketing_internal.payment_is_sound IS
'Whether p_payment is certainly what payload_schema says of it; null or false also when that takes a closer look.';
