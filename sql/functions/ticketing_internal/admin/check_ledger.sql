-- The part of check_integrity about money: totals and payments against tickets.

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
        jsonb_build_object('subtotal', registration.subtotal, 'tickets', active.price)
    -- all functions: the check covers the whole database
    FROM ticketing.registrations AS registration
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(ticket.price_paid), 0) AS price
        FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = registration.function_id
            AND ticket.registration_id = registration.registration_id
            AND ticket.status = 'Active'
    ) AS active
    WHERE registration.subtotal <> active.price

    UNION ALL
    SELECT
        'payments',
        registration.function_id,
        registration.registration_id,
        jsonb_build_object(
            'status', registration.status, 'payment_status', registration.payment_status, 'total', registration.total,
            'adjustment', registration.adjustment, 'tickets', bought.price
        ) || to_jsonb(ledger)
    -- all functions: the check covers the whole database
    FROM ticketing.registrations AS registration
    CROSS JOIN LATERAL ticketing_internal.read_ledger(registration) AS ledger
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(ticket.price_paid), 0) AS price
        FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = registration.function_id
            AND ticket.registration_id = registration.registration_id
            AND ticket.payment_status <> 'Unpaid'
    ) AS bought
    WHERE ledger.refunded > ledger.paid
        OR ledger.surcharge_refunded > ledger.surcharge_paid
        OR (registration.status = 'completed' AND ledger.amount_due > 0)
        OR registration.payment_status <> ticketing_internal.settled_status(registration, ledger)
        OR (registration.payment_status = 'Unpaid' AND ledger.paid + ledger.surcharge_paid > 0)
        -- All tickets were bought at once, at their prices, unless another change is recorded.
        OR (ledger.paid <> bought.price AND registration.adjustment = 0 AND NOT EXISTS (
            SELECT
            FROM ticketing.registration_changes AS change
            WHERE change.function_id = registration.function_id
                AND change.registration_id = registration.registration_id
                AND change.change IN ('adjusted', 'amended')
        ) AND NOT EXISTS (
            -- history has been deleted
            SELECT FROM ticketing_internal.feed_epoch AS stored WHERE stored.first_epoch > 0
        ))
        -- an array has no foreign key
        OR EXISTS (
            SELECT
            FROM ticketing.payments AS refund
            CROSS JOIN unnest(refund.ticket_ids) AS named (ticket_id)
            LEFT JOIN ticketing.tickets AS ticket
                ON ticket.function_id = refund.function_id
                AND ticket.registration_id = refund.registration_id
                AND ticket.ticket_id = named.ticket_id
            WHERE refund.function_id = registration.function_id
                AND refund.registration_id = registration.registration_id
                AND ticket.payment_status IS DISTINCT FROM 'Refunded'
        );
END
$$;

COMMENT ON FUNCTION ticketing_internal.check_ledger IS
'Differences in amounts (registration_totals, payments), in the form of check_integrity.';
