-- Looks up a payment or refund by the reference of its provider.

CREATE OR REPLACE FUNCTION ticketing_internal.find_payment(
    p_function_id uuid, p_provider text, p_reference text
)
RETURNS ticketing.payments
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_payment ticketing.payments;
BEGIN
    SELECT payment.*
    INTO v_payment
    FROM ticketing.payments AS payment
    WHERE payment.function_id = p_function_id
        AND payment.provider = p_provider
        AND payment.reference = p_reference;
    RETURN v_payment;
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_payment IS
'The payment or refund recorded with this reference; all nulls if there is none.';
