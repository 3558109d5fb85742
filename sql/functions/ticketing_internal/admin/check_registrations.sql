-- The part of check_integrity about registrations: their status against their tickets, and the
-- index that finds their function.

CREATE OR REPLACE FUNCTION ticketing_internal.check_registrations()
RETURNS TABLE (check_name text, function_id uuid, registration_id uuid, detail jsonb)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        'registration_state',
        registration.function_id,
        registration.registration_id,
        jsonb_build_object(
            'status', registration.status, 'payment_status', registration.payment_status,
            'hold_expires_at', registration.hold_expires_at, 'tickets', stored.states
        )
    -- all functions: the check covers the whole database
    FROM ticketing.registrations AS registration
    CROSS JOIN LATERAL (
        SELECT
            coalesce(bool_or(ticket.status = 'Active'), FALSE) AS has_active,
            coalesce(jsonb_agg(DISTINCT ticket.status || ' ' || ticket.payment_status), '[]') AS states
        FROM ticketing.tickets AS ticket
        WHERE ticket.function_id = registration.function_id
            AND ticket.registration_id = registration.registration_id
    ) AS stored
    WHERE CASE registration.status
        -- beside its tickets in force there may be some that were cancelled since it was paid
        WHEN 'completed' THEN NOT stored.has_active
            OR NOT stored.states <@ '["Active Paid", "Cancelled Paid", "Cancelled Refunded"]'
        WHEN 'cancelled' THEN NOT stored.states <@ CASE registration.payment_status
            WHEN 'Unpaid' THEN '["Cancelled Unpaid"]'::jsonb
            ELSE '["Cancelled Paid", "Cancelled Refunded"]'
        END
        WHEN 'expired' THEN NOT stored.states <@ '["Active Unpaid"]'
        ELSE NOT stored.states <@ '["Active Unpaid"]'
            OR stored.has_active <> (registration.hold_expires_at IS NOT NULL)
    END

    UNION ALL
    SELECT
        'registration_index',
        coalesce(registration.function_id, entry.function_id),
        coalesce(registration.registration_id, entry.registration_id),
        jsonb_build_object('stored_in', registration.function_id, 'indexed_in', entry.function_id)
    FROM ticketing.registrations AS registration
    FULL JOIN ticketing.registration_index AS entry
        ON entry.registration_id = registration.registration_id
        AND entry.function_id = registration.function_id
    WHERE registration.registration_id IS NULL OR entry.registration_id IS NULL;
END
$$;

COMMENT ON FUNCTION ticketing_internal.check_registrations IS
'Differences in registrations (registration_state, registration_index), in the form of check_integrity.';
