-- Whether the hold of a registration is used up: it is over, and the break since then is too short
-- for another. Holding again after a short break continues the hold: otherwise a registration could
-- keep capacity without end by giving it up for a moment. A hold that staff have granted is not
-- used up before it ends.

CREATE OR REPLACE FUNCTION ticketing_internal.hold_available_at(
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
    v_stopped_at CONSTANT timestamptz := coalesce(p_registration.hold_expires_at, p_registration.held_until);
    v_available_at CONSTANT timestamptz := v_stopped_at + make_interval(mins => p_function.hold_minutes);
BEGIN
    IF v_stopped_at <= p_now
        AND p_now < v_available_at
        AND p_registration.held_since + make_interval(mins => p_function.max_hold_minutes) <= p_now
        AND (p_registration.hold_granted_until > p_now) IS NOT TRUE
    THEN
        RETURN v_available_at;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION ticketing_internal.hold_available_at IS
'When a registration whose hold is used up at p_now can hold tickets again; null if its hold is not used up.';
