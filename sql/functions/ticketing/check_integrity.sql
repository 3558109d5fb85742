-- Guarantees: no rows when counters, totals, selections, holds, payments, the index and the feed
-- all agree with the tickets. One statement, one snapshot; reads only, locks nothing, and can
-- run while sales go on.

CREATE OR REPLACE FUNCTION ticketing.check_integrity()
RETURNS TABLE (check_name text, function_id uuid, registration_id uuid, detail jsonb)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT ticketing_internal.caller_is_service()
        AND NOT pg_has_role(ticketing_internal.caller_role(), 'ticketing_reader', 'MEMBER')
    THEN
        PERFORM ticketing_internal.require_service();
    END IF;

    RETURN QUERY
    SELECT
        'pool_counters',
        function.function_id,
        NULL::uuid,
        jsonb_build_object(
            'capacity_pool_id', pool.capacity_pool_id,
            'stored', jsonb_build_object('reserved', pool.reserved, 'sold', pool.sold),
            'counted', jsonb_build_object('reserved', counted.reserved, 'sold', counted.sold)
        )
    FROM ticketing.functions AS function
    CROSS JOIN LATERAL ticketing_internal.count_capacity(function.function_id) AS counted
    INNER JOIN LATERAL ticketing_internal.pool_availability(function.function_id) AS pool
        ON pool.capacity_pool_id = counted.capacity_pool_id
    WHERE (pool.reserved, pool.sold) <> (counted.reserved, counted.sold)

    UNION ALL
    SELECT
        'registration_totals',
        registration.function_id,
        registration.registration_id,
        jsonb_build_object('subtotal', registration.subtotal, 'total', registration.total, 'tickets', held.price)
    -- all functions: of the whole database
    FROM ticketing.registrations AS registration
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(ticket.price_paid), 0) AS price
        FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = registration.function_id
            AND ticket.registration_id = registration.registration_id
            AND ticket.status = 'Active'
    ) AS held
    WHERE registration.status <> 'cancelled'
        AND (registration.subtotal <> held.price OR registration.total <> held.price)

    UNION ALL
    SELECT
        'selected_tickets',
        difference.function_id,
        difference.registration_id,
        jsonb_build_object(
            'attendee_id', difference.attendee_id, 'package_id', difference.package_id,
            'ticket_type_id', difference.ticket_type_id, 'selected', difference.selected, 'stored', difference.stored
        )
    FROM (
        SELECT
            line.function_id,
            line.registration_id,
            line.attendee_id,
            line.package_id,
            line.ticket_type_id,
            sum(line.selected) AS selected,
            sum(line.stored) AS stored
        FROM (
            SELECT
                attendee.function_id,
                attendee.registration_id,
                attendee.attendee_id,
                (package.value ->> 'packageId')::uuid AS package_id,
                NULL::uuid AS ticket_type_id,
                (package.value ->> 'quantity')::bigint AS selected,
                0::bigint AS stored
            -- all functions: of the whole database
            FROM ticketing.attendees AS attendee
            CROSS JOIN LATERAL jsonb_array_elements(attendee.attendee_data #> '{selected_tickets,packages}') AS package
            UNION ALL
            SELECT
                attendee.function_id,
                attendee.registration_id,
                attendee.attendee_id,
                NULL,
                (ticket.value ->> 'ticketId')::uuid,
                (ticket.value ->> 'quantity')::bigint,
                0
            -- all functions: of the whole database
            FROM ticketing.attendees AS attendee
            CROSS JOIN LATERAL jsonb_array_elements(
                attendee.attendee_data #> '{selected_tickets,individualTickets}'
            ) AS ticket
            UNION ALL
            SELECT
                ticket.function_id,
                ticket.registration_id,
                ticket.attendee_id,
                ticket.package_id,
                CASE WHEN ticket.package_id IS NULL THEN ticket.ticket_type_id END,
                0,
                CASE
                    WHEN ticket.package_id IS NULL THEN count(*)
                    ELSE count(DISTINCT ticket.package_number)
                END
            -- all functions: of the whole database
            FROM ticketing.tickets AS ticket
            WHERE ticket.status = 'Active'
            GROUP BY
                ticket.function_id, ticket.registration_id, ticket.attendee_id, ticket.package_id,
                CASE WHEN ticket.package_id IS NULL THEN ticket.ticket_type_id END
        ) AS line
        GROUP BY line.function_id, line.registration_id, line.attendee_id, line.package_id, line.ticket_type_id
        HAVING sum(line.selected) <> sum(line.stored)
    ) AS difference
    INNER JOIN ticketing.registrations AS registration
        ON registration.function_id = difference.function_id
        AND registration.registration_id = difference.registration_id
    WHERE registration.status <> 'cancelled'

    UNION ALL
    SELECT
        'package_contents',
        copy.function_id,
        copy.registration_id,
        jsonb_build_object(
            'attendee_id', copy.attendee_id, 'package_id', copy.package_id, 'package_number', copy.package_number,
            'tickets', copy.tickets, 'contents', contents.tickets
        )
    FROM (
        SELECT
            part.function_id,
            part.registration_id,
            part.attendee_id,
            part.package_id,
            part.package_number,
            jsonb_object_agg(part.ticket_type_id, part.quantity) AS tickets
        FROM (
            SELECT
                ticket.function_id, ticket.registration_id, ticket.attendee_id, ticket.package_id, ticket.package_number,
                ticket.ticket_type_id, count(*) AS quantity
            -- all functions: of the whole database
            FROM ticketing.tickets AS ticket
            WHERE ticket.package_id IS NOT NULL AND ticket.status = 'Active'
            GROUP BY
                ticket.function_id, ticket.registration_id, ticket.attendee_id, ticket.package_id,
                ticket.package_number, ticket.ticket_type_id
        ) AS part
        GROUP BY part.function_id, part.registration_id, part.attendee_id, part.package_id, part.package_number
    ) AS copy
    INNER JOIN (
        SELECT
            item.function_id,
            item.package_id,
            jsonb_object_agg(item.ticket_type_id, item.quantity) AS tickets
        -- all functions: of the whole database
        FROM ticketing.package_items AS item
        GROUP BY item.function_id, item.package_id
    ) AS contents
        ON contents.function_id = copy.function_id
        AND contents.package_id = copy.package_id
    WHERE copy.tickets <> contents.tickets

    UNION ALL
    SELECT
        'registration_state',
        registration.function_id,
        registration.registration_id,
        jsonb_build_object(
            'status', registration.status, 'payment_status', registration.payment_status,
            'hold_expires_at', registration.hold_expires_at, 'tickets', held.states
        )
    -- all functions: of the whole database
    FROM ticketing.registrations AS registration
    CROSS JOIN LATERAL (
        SELECT
            coalesce(bool_or(ticket.status = 'Active'), FALSE) AS has_active,
            jsonb_agg(DISTINCT ticket.status || ' ' || ticket.payment_status) AS states
        FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = registration.function_id
            AND ticket.registration_id = registration.registration_id
    ) AS held
    WHERE CASE registration.status
        WHEN 'completed' THEN held.states <> '["Active Paid"]'
        WHEN 'cancelled' THEN held.has_active OR CASE registration.payment_status
            WHEN 'Unpaid' THEN held.states <> '["Cancelled Unpaid"]'
            WHEN 'Refunded' THEN held.states <> '["Cancelled Refunded"]'
            ELSE held.states @> '["Cancelled Unpaid"]'
        END
        WHEN 'expired' THEN held.states <> '["Active Unpaid"]'
        ELSE held.states <> '["Active Unpaid"]' OR held.has_active <> (registration.hold_expires_at IS NOT NULL)
    END

    UNION ALL
    SELECT
        'payments',
        registration.function_id,
        registration.registration_id,
        jsonb_build_object(
            'total', registration.total, 'payment_status', registration.payment_status, 'paid', paid.paid,
            'given_back', paid.given_back
        )
    -- all functions: of the whole database
    FROM ticketing.registrations AS registration
    CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(payment.amount) FILTER (WHERE payment.kind = 'payment'), 0) AS gross,
            coalesce(sum(payment.amount - payment.fee_amount) FILTER (WHERE payment.kind = 'payment'), 0) AS paid,
            coalesce(sum(payment.amount) FILTER (WHERE payment.kind = 'refund'), 0) AS given_back
        FROM ticketing.payments AS payment
        WHERE payment.function_id = registration.function_id
            AND payment.registration_id = registration.registration_id
    ) AS paid
    WHERE paid.paid <> CASE registration.payment_status WHEN 'Unpaid' THEN 0 ELSE registration.total END
        OR paid.given_back > paid.gross

    UNION ALL
    SELECT
        'registration_index',
        coalesce(registration.function_id, known.function_id),
        coalesce(registration.registration_id, known.registration_id),
        jsonb_build_object('stored_in', registration.function_id, 'indexed_in', known.function_id)
    FROM ticketing.registrations AS registration
    FULL JOIN ticketing.registration_index AS known
        ON known.registration_id = registration.registration_id
        AND known.function_id = registration.function_id
    WHERE registration.registration_id IS NULL OR known.registration_id IS NULL

    UNION ALL
    SELECT
        'change_feed',
        coalesce(ticket.function_id, story.function_id),
        coalesce(ticket.registration_id, story.registration_id),
        jsonb_build_object(
            'ticket_id', coalesce(ticket.ticket_id, story.ticket_id),
            'ticket', ticket.status || ' ' || ticket.payment_status,
            'last_change', story.last_change
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
        -- all functions: of the whole database
        FROM ticketing.ticket_changes AS change
        GROUP BY change.function_id, change.registration_id, change.ticket_id
    ) AS story
        ON story.function_id = ticket.function_id
        AND story.registration_id = ticket.registration_id
        AND story.ticket_id = ticket.ticket_id
    WHERE coalesce(story.last_change, 'nothing') <> CASE
        WHEN ticket.ticket_id IS NULL THEN 'removed'
        WHEN ticket.payment_status = 'Refunded' THEN 'refunded'
        WHEN ticket.status = 'Cancelled' THEN 'cancelled'
        WHEN ticket.payment_status = 'Paid' THEN 'paid'
        ELSE 'added'
    END

    UNION ALL
    SELECT
        'feed_order',
        ahead.function_id,
        NULL,
        jsonb_build_object('transaction_id', ahead.transaction_id::text, 'epoch', ahead.epoch)
    FROM (
        SELECT change.function_id, change.epoch, max(change.transaction_id) AS transaction_id
        -- all functions: of the whole database
        FROM ticketing.ticket_changes AS change
        INNER JOIN ticketing_internal.feed_epoch AS current ON current.epoch <= change.epoch
        WHERE (SELECT stored.server_started_at FROM ticketing_internal.feed_epoch AS stored) = pg_postmaster_start_time()
            -- the caller's own is still running
            AND change.transaction_id IS DISTINCT FROM pg_current_xact_id_if_assigned()
        GROUP BY change.function_id, change.epoch
    ) AS ahead
    WHERE ahead.transaction_id >= pg_snapshot_xmax(pg_current_snapshot());
END
$$;

COMMENT ON FUNCTION ticketing.check_integrity IS
'Recounts everything that is stored twice and returns a row for each difference; no rows mean that all is well.

Returns rows (check_name, function_id, registration_id, detail): pool_counters (counters against tickets), registration_totals
(totals against tickets), selected_tickets (what attendees have chosen against tickets), package_contents (whole packages),
registration_state (status, holds and payment status against tickets), payments (money against totals), registration_index,
change_feed (the last change of each ticket against the ticket), feed_order (transactions ahead of this server).

Raises 42501 insufficient_privilege.';

GRANT EXECUTE ON FUNCTION ticketing.check_integrity TO service_role, ticketing_reader;
