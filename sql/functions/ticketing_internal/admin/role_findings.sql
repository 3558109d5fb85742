-- The part of security_findings about the roles of the deployment.

CREATE OR REPLACE FUNCTION ticketing_internal.role_findings()
RETURNS TABLE (finding text, object text, remedy text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        'A role that runs requests, or that owns the functions they call, is a superuser.',
        role.rolname::text,
        format('ALTER ROLE %I NOSUPERUSER', role.rolname)
    FROM pg_catalog.pg_roles AS role
    WHERE role.rolsuper
        AND (
            role.rolname IN ('authenticator', 'ticketing_owner')
            OR role.oid IN (SELECT caller.oid FROM ticketing_internal.caller_roles() AS caller)
        )

    UNION ALL
    SELECT
        'A role of users bypasses row security.',
        role.rolname::text,
        format('ALTER ROLE %I NOBYPASSRLS', role.rolname)
    FROM pg_catalog.pg_roles AS role
    INNER JOIN ticketing_internal.caller_roles() AS caller ON caller.oid = role.oid
    WHERE role.rolbypassrls AND caller.is_user

    UNION ALL
    SELECT
        'ticketing_owner can log in.',
        role.rolname::text,
        'ALTER ROLE ticketing_owner NOLOGIN'
    FROM pg_catalog.pg_roles AS role
    WHERE role.rolname = 'ticketing_owner' AND role.rolcanlogin

    UNION ALL
    SELECT
        'A role that runs requests is a member of a role with more rights.',
        format('%s in %s', member.rolname, role.rolname),
        format('REVOKE %I FROM %I', role.rolname, member.rolname)
    FROM pg_catalog.pg_roles AS member
    LEFT JOIN ticketing_internal.caller_roles() AS caller ON caller.oid = member.oid
    INNER JOIN pg_catalog.pg_roles AS role ON role.oid <> member.oid
    WHERE (caller.oid IS NOT NULL OR member.rolname = 'authenticator')
        -- a superuser counts as a member of every role, and has a finding of its own
        AND NOT member.rolsuper
        AND pg_has_role(member.oid, role.oid, 'MEMBER')
        AND (
            role.rolsuper
            OR role.rolname = 'ticketing_owner'
            OR role.rolname = 'service_role' AND member.rolname = 'ticketing_reader'
            OR caller.is_user
            AND (role.rolbypassrls OR role.rolname IN ('service_role', 'ticketing_reader') OR role.rolname ^@ 'pg_')
        )

    UNION ALL
    SELECT
        'Users can create objects.',
        target.name,
        format('REVOKE CREATE ON %s FROM PUBLIC, %I', target.name, caller.rolname)
    FROM ticketing_internal.caller_roles() AS caller
    INNER JOIN pg_catalog.pg_roles AS role ON role.oid = caller.oid AND NOT role.rolsuper
    CROSS JOIN LATERAL (
        SELECT 'SCHEMA public' AS name
        FROM pg_catalog.pg_namespace AS namespace
        WHERE namespace.nspname = 'public' AND has_schema_privilege(caller.oid, namespace.oid, 'CREATE')
        UNION ALL
        SELECT 'DATABASE ' || quote_ident(current_database())
        WHERE has_database_privilege(caller.oid, current_database(), 'CREATE')
    ) AS target
    WHERE caller.is_user;
END
$$;

COMMENT ON FUNCTION ticketing_internal.role_findings IS
'Roles with more rights than their purpose needs, in the form of security_findings.';
