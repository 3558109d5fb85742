-- The payments and refunds of a registration, as its owner sees them.

CREATE OR REPLACE FUNCTION ticketing_internal.list_payments(p_registration ticketing.registrations)
RETURNS ticketing_internal.registration_payment[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_payments ticketing_internal.registration_payment[];
BEGIN
    SELECT array_agg(ROW(
        payment.payment_id, payment.kind, payment.reference, payment.provider,
        ticketing_internal.scale_amount(payment.amount, payment.currency),
        ticketing_internal.scale_amount(payment.surcharge_amount, payment.currency),
        payment.currency, payment.ticket_ids, payment.paid_at
    )::ticketing_internal.registration_payment ORDER BY payment.paid_at, payment.created_at, payment.payment_id)
    INTO v_payments
    FROM ticketing.payments AS payment
    WHERE payment.function_id = p_registration.function_id
        AND payment.registration_id = p_registration.registration_id;

    RETURN coalesce(v_payments, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.list_payments IS
'The payments and refunds of p_registration, the oldest first.';
