-- The row security policies of the package.

CREATE OR REPLACE FUNCTION ticketing_internal.installed_policies()
RETURNS TABLE (
    oid oid,
    name text,
    relation_id oid,
    polroles oid[],
    is_for_users boolean,
    polpermissive boolean,
    commands text[],
    condition text,
    check_condition text
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        policy.oid,
        format('%I ON %s', policy.polname, relation.name) AS name,
        relation.oid AS relation_id,
        policy.polroles,
        EXISTS (
            SELECT
            FROM ticketing_internal.caller_roles() AS caller
            WHERE caller.is_user AND caller.oid = ANY(policy.polroles)
        ) AS is_for_users,
        policy.polpermissive,
        CASE policy.polcmd
            WHEN 'r' THEN '{SELECT}'
            WHEN 'a' THEN '{INSERT}'
            WHEN 'w' THEN '{UPDATE}'
            WHEN 'd' THEN '{DELETE}'
            ELSE '{SELECT,INSERT,UPDATE,DELETE}'
        END::text[] AS commands,
        pg_get_expr(policy.polqual, policy.polrelid) AS condition,
        pg_get_expr(policy.polwithcheck, policy.polrelid) AS check_condition
    FROM pg_catalog.pg_policy AS policy
    INNER JOIN ticketing_internal.installed_relations() AS relation ON relation.oid = policy.polrelid;
END
$$;

COMMENT ON FUNCTION ticketing_internal.installed_policies IS
'All policies on the tables of the package. is_for_users: it applies to anon or authenticated; commands: what it applies to.';
