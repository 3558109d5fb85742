-- A completed or cancelled registration stays as it is.

CREATE OR REPLACE FUNCTION ticketing_internal.require_editable(
    p_registration ticketing.registrations
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF p_registration.status IN ('completed', 'cancelled') THEN
        PERFORM ticketing_internal.raise_issues('TK003', jsonb_build_array(ticketing_internal.issue(
            'not_editable', 'p_registration_id', format('The registration is %s.', p_registration.status),
            p_expected => '["draft", "pending", "expired"]', p_actual => to_jsonb(p_registration.status)
        )));
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_editable IS
'Raises TK003 for a registration that is completed or cancelled.';
