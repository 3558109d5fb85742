-- The roles that requests run as.

CREATE OR REPLACE FUNCTION ticketing_internal.caller_roles()
RETURNS TABLE (oid oid, rolname name, is_user boolean)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT role.oid, role.rolname, role.rolname IN ('anon', 'authenticated') AS is_user
    FROM pg_catalog.pg_roles AS role
    WHERE role.rolname IN ('anon', 'authenticated', 'service_role', 'ticketing_reader');
END
$$;

COMMENT ON FUNCTION ticketing_internal.caller_roles IS
'The caller roles that exist. is_user: anon and authenticated, which run the requests of users.';
