-- The ledger: what was paid and given back, and what is due either way. Whatever needs one of these
-- amounts, for a registration in any status, takes it from here.

CREATE OR REPLACE FUNCTION ticketing_internal.read_ledger(p_registration ticketing.registrations)
RETURNS ticketing_internal.ledger
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ledger ticketing_internal.ledger;
BEGIN
    SELECT
        coalesce(sum(payment.amount - payment.surcharge_amount) FILTER (WHERE payment.kind = 'payment'), 0),
        coalesce(sum(payment.amount - payment.surcharge_amount) FILTER (WHERE payment.kind = 'refund'), 0),
        coalesce(sum(payment.surcharge_amount) FILTER (WHERE payment.kind = 'payment'), 0),
        coalesce(sum(payment.surcharge_amount) FILTER (WHERE payment.kind = 'refund'), 0)
    INTO v_ledger.paid, v_ledger.refunded, v_ledger.surcharge_paid, v_ledger.surcharge_refunded
    FROM ticketing.payments AS payment
    WHERE payment.function_id = p_registration.function_id
        AND payment.registration_id = p_registration.registration_id;

    v_ledger.amount_due := CASE p_registration.status
        WHEN 'cancelled' THEN 0
        ELSE greatest(0, p_registration.total - v_ledger.paid + v_ledger.refunded)
    END;
    v_ledger.refund_due := greatest(0, v_ledger.paid - v_ledger.refunded - p_registration.total);
    RETURN v_ledger;
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_ledger IS
'The ledger of p_registration: its payments and refunds, and with its total and status what is due.';
