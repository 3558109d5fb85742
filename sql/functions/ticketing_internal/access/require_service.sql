-- Calls for the service only are granted to the service only. This check also rejects a user
-- whose role was granted too much.
--
-- Errors: 42501.

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
