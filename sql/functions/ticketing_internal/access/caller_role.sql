-- The database role of the caller, which decides whether the caller is the service. current_user
-- cannot be used: inside a SECURITY DEFINER function it is the owner of the package. Claims
-- cannot be used either: any session can set them.

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
'The role that the caller has set, as PostgREST does for every request; otherwise the login role.';
