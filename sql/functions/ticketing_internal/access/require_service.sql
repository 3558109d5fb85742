-- Calls that only the service makes are granted to it alone; this also stops a user who has been
-- given more than he should.

CREATE OR REPLACE FUNCTION ticketing_internal.require_service()
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT ticketing_internal.caller_is_service() THEN
        PERFORM ticketing_internal.raise_issues('42501', jsonb_build_array(ticketing_internal.issue(
            'not_allowed', '', 'Only the service may make this call.'
        )));
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_service IS
 'Raises 42501 unless the caller is the service.';
