-- The same error for a registration that does not exist and for one that the caller may not
-- access, so that ids cannot be probed.
--
-- Errors: TK002.

CREATE OR REPLACE FUNCTION ticketing_internal.raise_registration_not_found(
    p_path text DEFAULT 'p_registration_id'
)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ticketing_internal.raise_issues('TK002', jsonb_build_array(ticketing_internal.issue(
        'registration_not_found', p_path, 'There is no such registration, or it is not yours.'
    )));
END
$$;

COMMENT ON FUNCTION ticketing_internal.raise_registration_not_found IS
'Raises TK002; p_path is the path of the registration id in the arguments. Never returns.';
