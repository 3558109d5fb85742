-- Tells a visitor to sign in, before anything is read of what the call is about.
--
-- Errors: 42501.

CREATE OR REPLACE FUNCTION ticketing_internal.raise_not_authenticated(p_path text)
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM ticketing_internal.raise_issues('42501', jsonb_build_array(ticketing_internal.issue(
        'not_authenticated', p_path, 'Sign in to make this call.'
    )), 'Sign in, and send the token of the user with the call.');
END
$$;

COMMENT ON FUNCTION ticketing_internal.raise_not_authenticated IS
'Raises 42501; p_path is the path of the first argument. Never returns.';
