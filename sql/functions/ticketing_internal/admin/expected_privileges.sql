-- The privileges that the package grants to its callers: security_findings compares them with the
-- actual ones.

CREATE OR REPLACE FUNCTION ticketing_internal.expected_privileges()
RETURNS TABLE (target text, role_id oid, privilege text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH rpcs (proname, rolnames) AS (
        VALUES
        ('get_ticket_availability', '{anon,authenticated,service_role}'::name[]),
        ('quote_ticket_selections', '{anon,authenticated,service_role}'),
        ('create_individual_registration_with_tickets', '{authenticated,service_role}'),
        ('create_individual_registration_jsonb', '{authenticated,service_role}'),
        ('get_registration', '{authenticated,service_role}'),
        ('persist_attendee_tickets', '{authenticated,service_role}'),
        ('persist_ticket_selections', '{authenticated,service_role}'),
        ('start_payment', '{authenticated,service_role}'),
        ('cancel_registration', '{authenticated,service_role}'),
        ('import_catalogue', '{authenticated,service_role}'),
        ('complete_registration_payment', '{service_role}'),
        ('record_refund', '{service_role}'),
        ('release_expired_holds', '{service_role}'),
        ('get_ticket_changes', '{service_role}'),
        ('repair_capacity', '{service_role}'),
        ('check_integrity', '{service_role,ticketing_reader}')
    )
    SELECT 'SCHEMA ticketing' AS target, caller.oid AS role_id, 'USAGE' AS privilege
    FROM ticketing_internal.caller_roles() AS caller
    UNION ALL
    SELECT 'FUNCTION ' || function.name, caller.oid, 'EXECUTE'
    FROM ticketing_internal.installed_functions() AS function
    INNER JOIN rpcs AS rpc ON rpc.proname = function.proname AND function.nspname = 'ticketing'
    INNER JOIN ticketing_internal.caller_roles() AS caller ON caller.rolname = ANY(rpc.rolnames)
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
