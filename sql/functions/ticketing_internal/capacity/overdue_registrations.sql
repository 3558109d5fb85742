-- The overdue registrations of a function: past their hold, but not marked as expired yet.

CREATE OR REPLACE FUNCTION ticketing_internal.overdue_registrations(
    p_function_id uuid,
    p_except uuid,
    p_now timestamptz
)
RETURNS uuid[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(registration.registration_id), '{}')
        FROM ticketing.registrations AS registration
        WHERE registration.function_id = p_function_id
            AND registration.status IN ('draft', 'pending')
            AND registration.hold_expires_at <= p_now
            AND registration.registration_id IS DISTINCT FROM p_except
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.overdue_registrations IS
'Ids of the registrations that are overdue at p_now, except p_except.';
