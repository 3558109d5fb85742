-- Extend the hold of a registration: up to its limit, and never shorter than it is. A hold that is
-- over starts anew.

CREATE OR REPLACE FUNCTION ticketing_internal.extend_hold(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_now timestamptz
)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_hold_expires_at CONSTANT timestamptz := p_now + make_interval(mins => p_function.hold_minutes);
BEGIN
    IF p_registration.status <> 'expired' AND p_registration.hold_expires_at > p_now THEN
        RETURN greatest(p_registration.hold_expires_at, least(
            v_hold_expires_at,
            p_registration.created_at + make_interval(mins => p_function.max_hold_minutes)
        ));
    END IF;
    RETURN v_hold_expires_at;
END
$$;

COMMENT ON FUNCTION ticketing_internal.extend_hold IS
'Until when a persist at p_now holds the tickets of a registration.';
