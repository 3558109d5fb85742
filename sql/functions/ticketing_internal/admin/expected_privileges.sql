-- The privileges that the package grants to its callers: security_findings compares them with the
-- actual ones. Those of an RPC are described by its comment, so that its file says everything.

CREATE OR REPLACE FUNCTION ticketing_internal.expected_privileges()
RETURNS TABLE (target text, role_id oid, privilege text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 'SCHEMA ticketing' AS target, caller.oid AS role_id, 'USAGE' AS privilege
    FROM ticketing_internal.caller_roles() AS caller
    UNION ALL
    SELECT 'FUNCTION ' || function.name, caller.oid, 'EXECUTE'
    FROM ticketing_internal.installed_functions() AS function
    INNER JOIN ticketing_internal.caller_roles() AS caller ON caller.rolname = ANY(function.callers)
    WHERE function.nspname = 'ticketing'
    UNION ALL
    -- functions in a policy run with the rights of the role that reads the table
    SELECT DISTINCT 'FUNCTION ' || function.name, caller.oid, 'EXECUTE'
    FROM ticketing_internal.installed_policies() AS policy
    INNER JOIN pg_catalog.pg_depend AS called
        ON called.classid = 'pg_policy'::regclass
        AND called.objid = policy.oid
        AND called.refclassid = 'pg_proc'::regclass
    INNER JOIN ticketing_internal.installed_functions() AS function ON function.oid = called.refobjid
    INNER JOIN ticketing_internal.caller_roles() AS caller ON caller.oid = ANY(policy.polroles)
    UNION ALL
    SELECT DISTINCT 'TABLE ' || relation.name, caller.oid, command.privilege
    FROM ticketing_internal.installed_policies() AS policy
    INNER JOIN ticketing_internal.installed_relations() AS relation ON relation.oid = policy.relation_id
    INNER JOIN ticketing_internal.caller_roles() AS caller ON caller.oid = ANY(policy.polroles)
    CROSS JOIN unnest(policy.commands) AS command (privilege)
    WHERE policy.polpermissive
        AND relation.nspname = 'ticketing'
        AND (command.privilege = 'SELECT' OR caller.rolname = 'service_role')
    UNION ALL
    -- a view shows no more than its tables do, or there is a finding about it
    SELECT 'TABLE ' || relation.name, caller.oid, 'SELECT'
    FROM ticketing_internal.installed_relations() AS relation
    CROSS JOIN ticketing_internal.caller_roles() AS caller
    WHERE relation.relkind = 'v' AND relation.nspname = 'ticketing';
END
$$;

COMMENT ON FUNCTION ticketing_internal.expected_privileges IS
'Every privilege that a caller role should have. target: the object as in GRANT, a function with its argument types.';
