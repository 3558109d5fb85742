-- The part of check_integrity about money: totals against tickets, payments against totals.

CREATE OR REPLACE FUNCTION ticketing_internal.check_ledger()
RETURNS TABLE (check_name text, function_id uuid, registration_id uuid, detail jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        'registration_totals',
        registration.function_id,
        registration.registration_id,
        jsonb_build_object('subtotal', registration.subtotal, 'total', registration.total, 'tickets', active.price)
    -- all functions: the check covers the whole database
    FROM ticketing.registrations AS registration
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(ticket.price_paid), 0) AS price
        FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = registration.function_id
            AND ticket.registration_id = registration.registration_id
            AND ticket.status = 'Active'
    ) AS active
    WHERE registration.status <> 'cancelled'
        AND (registration.subtotal <> active.price OR registration.total <> active.price)

    UNION ALL
    SELECT
        'payments',
        registration.function_id,
        registration.registration_id,
        jsonb_build_object(
            'total', registration.total, 'payment_status', registration.payment_status, 'paid', ledger.paid,
            'given_back', ledger.refunded
        )
    -- all functions: the check covers the whole database
    FROM ticketing.registrations AS registration
    CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(payment.amount) FILTER (WHERE payment.kind = 'payment'), 0) AS gross,
            coalesce(sum(payment.amount - payment.fee_amount) FILTER (WHERE payment.kind = 'payment'), 0) AS paid,
            coalesce(sum(payment.amount) FILTER (WHERE payment.kind = 'refund'), 0) AS refunded
        FROM ticketing.payments AS payment
        WHERE payment.function_id = registration.function_id
            AND payment.registration_id = registration.registration_id
    ) AS ledger
    WHERE ledger.paid <> CASE registration.payment_status WHEN 'Unpaid' THEN 0 ELSE registration.total END
        OR ledger.refunded > ledger.gross;
END
$$;

COMMENT ON FUNCTION ticketing_internal.check_ledger IS
'Differences in amounts (registration_totals, payments), in the form of check_integrity.';
