-- Stores a payment or refund. Its reference is used once: a payment cannot pay for two
-- registrations.
--
-- Lock order: the caller has locked the registration.
-- Errors: TK007, for a reference that a concurrent call has used for another registration (one for
-- this registration would have waited for its lock).

CREATE OR REPLACE FUNCTION ticketing_internal.record_payment(
    p_registration ticketing.registrations,
    p_payment ticketing.payments,
    p_now timestamptz
)
RETURNS ticketing.payments
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_payment ticketing.payments := p_payment;
BEGIN
    v_payment.function_id := p_registration.function_id;
    v_payment.payment_id := gen_random_uuid();
    v_payment.registration_id := p_registration.registration_id;
    v_payment.kind := coalesce(p_payment.kind, 'payment');
    v_payment.paid_at := coalesce(p_payment.paid_at, p_now);
    v_payment.created_at := p_now;

    INSERT INTO ticketing.payments
    SELECT v_payment.*
    ON CONFLICT (function_id, provider, reference) DO NOTHING;
    IF NOT found THEN
        PERFORM ticketing_internal.raise_reference_used(
            CASE v_payment.kind WHEN 'refund' THEN 'p_refund' ELSE 'p_payment' END, v_payment.reference
        );
    END IF;
    RETURN v_payment;
END
$$;

COMMENT ON FUNCTION ticketing_internal.record_payment IS
'Stores p_payment, as read_payment or read_refund has read it, for p_registration, and returns it as it is stored.';
