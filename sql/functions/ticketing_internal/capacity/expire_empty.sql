-- Expires registrations that hold nothing and have been left alone: abandoned before a ticket was
-- selected, or after all were given up.
--
-- Lock order: as overdue registrations; never waits.

CREATE OR REPLACE FUNCTION ticketing_internal.expire_empty(
    p_function_id uuid,
    p_limit integer,
    p_now timestamptz
)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_registration_ids CONSTANT uuid[] := ARRAY(
        SELECT registration.registration_id
        FROM ticketing.registrations AS registration
        WHERE registration.function_id = p_function_id
            AND registration.is_open
            AND registration.hold_bucket IS NULL
            AND registration.updated_at <= p_now - interval '24 hours'
        LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    );
BEGIN
    UPDATE ticketing.registrations AS registration
    SET status = 'expired', updated_at = p_now
    WHERE registration.function_id = p_function_id
        AND registration.registration_id = ANY(v_registration_ids);
    RETURN cardinality(v_registration_ids);
END
$$;

COMMENT ON FUNCTION ticketing_internal.expire_empty IS
'Expires at most p_limit registrations that are draft or pending, hold nothing and have not changed for 24 hours; returns how
many.';
