-- The functions of the package.

CREATE OR REPLACE FUNCTION ticketing_internal.installed_functions()
RETURNS TABLE (
    oid oid,
    name text,
    proname name,
    nspname name,
    proowner oid,
    proconfig text[],
    proacl aclitem[]
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        routine.oid,
        routine.oid::regprocedure::text AS name,
        routine.proname,
        namespace.nspname,
        routine.proowner,
        routine.proconfig,
        -- without an ACL, PUBLIC may execute a function
        coalesce(routine.proacl, acldefault('f', routine.proowner)) AS proacl
    FROM pg_catalog.pg_proc AS routine
    INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = routine.pronamespace
    WHERE namespace.nspname IN ('ticketing', 'ticketing_internal');
END
$$;

COMMENT ON FUNCTION ticketing_internal.installed_functions IS
'All functions of the schemas of the package, with the effective ACL.';
