-- Only what is paid is amended, and only as long as the caller may change it.

CREATE OR REPLACE FUNCTION ticketing_internal.require_amendable(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_now timestamptz
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_registration.status <> 'completed' THEN
        PERFORM ticketing_internal.raise_issues('TK003', jsonb_build_array(ticketing_internal.issue(
            'not_editable', 'p_registration_id',
            format('The registration is %s; only one that is paid can be amended.', p_registration.status),
            p_expected => '["completed"]', p_actual => to_jsonb(p_registration.status)
        )));
    END IF;
    PERFORM ticketing_internal.require_changeable(p_function, p_registration, p_now);
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_amendable IS
'Raises TK003 for a registration that is not completed, and to its owner after the changes_until of p_function.';
