-- The payment status of a registration, in one place: what is cancelled is Refunded once money was
-- given back and nothing more is due back. A fee that is kept can make that so, and the end of one
-- undo it.

CREATE OR REPLACE FUNCTION ticketing_internal.settled_status(
    p_registration ticketing.registrations, p_ledger ticketing_internal.ledger
)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- issued once, on completion
    IF p_registration.confirmation_number IS NULL THEN
        RETURN 'Unpaid';
    END IF;
    IF p_registration.status = 'cancelled' AND p_ledger.refunded > 0 AND p_ledger.refund_due = 0 THEN
        RETURN 'Refunded';
    END IF;
    RETURN 'Paid';
END
$$;

COMMENT ON FUNCTION ticketing_internal.settled_status IS
'The payment_status that p_registration has by its status and p_ledger, its ledger: Unpaid, Paid or Refunded.';
