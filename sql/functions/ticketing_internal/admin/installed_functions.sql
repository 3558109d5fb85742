-- The functions of the package.

CREATE OR REPLACE FUNCTION ticketing_internal.installed_functions()
RETURNS TABLE (
    oid oid,
    name text,
    proname name,
    nspname name,
    proowner oid,
    proconfig text[],
    proacl aclitem[],
    callers text[]
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
        coalesce(routine.proacl, acldefault('f', routine.proowner)) AS proacl,
        ARRAY(
            SELECT line.role[1]
            FROM regexp_matches(
                split_part(split_part(obj_description(routine.oid, 'pg_proc'), E'### Callers\n', 2), E'\n\n', 1),
                '^- `(\w+)`:', 'gn'
            ) AS line (role)
        ) AS callers
    FROM pg_catalog.pg_proc AS routine
    INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = routine.pronamespace
    WHERE namespace.nspname IN ('ticketing', 'ticketing_internal');
END
$$;

COMMENT ON FUNCTION ticketing_internal.installed_functions IS
'All functions of the schemas of the package. proacl: the effective ACL; callers: the roles that its comment names under
Callers.';
