-- The database role of the caller, which decides who is the service. Not current_user: inside a
-- definer function that is the owner of the package. Not a claim: any session can set claims.

CREATE OR REPLACE FUNCTION ticketing_internal.caller_role()
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(nullif(nullif(current_setting('role', true), 'none'), ''), session_user);
END
$$;

COMMENT ON FUNCTION ticketing_internal.caller_role IS
'The role that the caller has set (as PostgREST does for every request), or else the one it has logged in with.';
