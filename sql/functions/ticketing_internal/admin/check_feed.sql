-- The part of check_integrity about the change feed: the last change of each ticket against the
-- ticket, and transaction ids against those of this server.

CREATE OR REPLACE FUNCTION ticketing_internal.check_feed()
RETURNS TABLE (check_name text, function_id uuid, registration_id uuid, detail jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        'change_feed',
        coalesce(ticket.function_id, history.function_id),
        coalesce(ticket.registration_id, history.registration_id),
        jsonb_build_object(
            'ticket_id', coalesce(ticket.ticket_id, history.ticket_id),
            'ticket', ticket.status || ' ' || ticket.payment_status,
            'last_change', history.last_change
        )
    FROM ticketing.tickets AS ticket
    FULL JOIN (
        SELECT
            change.function_id,
            change.registration_id,
            change.ticket_id,
            (array_agg(
                change.change ORDER BY change.epoch DESC, change.transaction_id DESC, change.change_id DESC
            ))[1] AS last_change
        -- all functions: the check covers the whole database
        FROM ticketing.ticket_changes AS change
        -- whom a ticket admits is no state of it
        WHERE change.change <> 'assigned'
        GROUP BY change.function_id, change.registration_id, change.ticket_id
    ) AS history
        ON history.function_id = ticket.function_id
        AND history.registration_id = ticket.registration_id
        AND history.ticket_id = ticket.ticket_id
    WHERE coalesce(history.last_change, 'nothing') <> CASE
        WHEN ticket.ticket_id IS NULL THEN 'removed'
        WHEN ticket.payment_status = 'Refunded' THEN 'refunded'
        WHEN ticket.status = 'Cancelled' THEN 'cancelled'
        WHEN ticket.payment_status = 'Paid' THEN 'paid'
        ELSE 'added'
    END
        -- a ticket whose history has been deleted
        AND NOT (history.last_change IS NULL AND EXISTS (
            SELECT FROM ticketing_internal.feed_epoch AS stored WHERE stored.first_epoch > 0
        ))

    UNION ALL
    SELECT
        'feed_order',
        ahead.function_id,
        NULL,
        jsonb_build_object('transaction_id', ahead.transaction_id::text, 'epoch', ahead.epoch)
    FROM (
        SELECT change.function_id, change.epoch, max(change.transaction_id) AS transaction_id
        -- all functions: the check covers the whole database
        FROM ticketing.ticket_changes AS change
        INNER JOIN ticketing_internal.feed_epoch AS current ON current.epoch <= change.epoch
        WHERE (SELECT stored.server_started_at FROM ticketing_internal.feed_epoch AS stored) = pg_postmaster_start_time()
            -- the transaction of this call is still running
            AND change.transaction_id IS DISTINCT FROM pg_current_xact_id_if_assigned()
        GROUP BY change.function_id, change.epoch
    ) AS ahead
    WHERE ahead.transaction_id >= pg_snapshot_xmax(pg_current_snapshot());
END
$$;

COMMENT ON FUNCTION ticketing_internal.check_feed IS
'Differences in the change feed (change_feed, feed_order), in the form of check_integrity.';
