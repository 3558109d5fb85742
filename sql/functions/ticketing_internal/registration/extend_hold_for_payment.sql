-- Extend the hold of a registration for its payment: by payment_minutes, beyond the limit of all
-- holds by no more than these. A hold that staff have granted for longer stays as it is.

CREATE OR REPLACE FUNCTION ticketing_internal.extend_hold_for_payment(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_now timestamptz
)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN greatest(p_registration.hold_expires_at, least(
        p_registration.hold_expires_at + make_interval(mins => p_function.payment_minutes),
        -- a payment that is started, given up and started again extends the hold once
        p_now + make_interval(mins => p_function.hold_minutes + p_function.payment_minutes),
        p_registration.held_since
        + make_interval(mins => p_function.max_hold_minutes + p_function.payment_minutes)
    ));
END
$$;

COMMENT ON FUNCTION ticketing_internal.extend_hold_for_payment IS
'Until when a payment started at p_now holds the tickets of a registration, whose hold has just been renewed.';
