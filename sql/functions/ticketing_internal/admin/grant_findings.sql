-- The part of security_findings about privileges: of PUBLIC, of the caller roles, and on objects
-- created later.

CREATE OR REPLACE FUNCTION ticketing_internal.grant_findings()
RETURNS TABLE (finding text, object text, remedy text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        format('PUBLIC has privileges: %s.', string_agg(granted.privilege, ', ' ORDER BY granted.privilege)),
        granted.name,
        format(
            'REVOKE %s ON %s FROM PUBLIC', string_agg(granted.clause, ', ' ORDER BY granted.clause), granted.target
        )
    FROM ticketing_internal.granted_privileges() AS granted
    WHERE granted.grantee = 0
    GROUP BY granted.target, granted.name

    UNION ALL
    SELECT
        format(
            '%s has privileges beyond those of the package: %s.', caller.rolname,
            string_agg(granted.privilege, ', ' ORDER BY granted.privilege)
        ),
        granted.name,
        format(
            'REVOKE %s ON %s FROM %s', string_agg(granted.clause, ', ' ORDER BY granted.clause),
            granted.target, granted.grantee_name
        )
    FROM ticketing_internal.granted_privileges() AS granted
    INNER JOIN ticketing_internal.caller_roles() AS caller
        ON granted.grantee = caller.oid
        -- or indirectly, through a role that is not of the package
        OR granted.grantee NOT IN (SELECT direct.oid FROM ticketing_internal.caller_roles() AS direct)
        AND granted.grantee <> 0
        AND NOT pg_has_role(granted.grantee, 'ticketing_owner', 'MEMBER')
        AND pg_has_role(caller.oid, granted.grantee, 'USAGE')
    WHERE NOT EXISTS (
        SELECT
        FROM ticketing_internal.expected_privileges() AS expected
        WHERE expected.target = granted.target
            AND expected.role_id = caller.oid
            AND expected.privilege = granted.privilege
    )
    GROUP BY caller.rolname, granted.target, granted.name, granted.grantee_name

    UNION ALL
    SELECT
        format(
            '%s lacks privileges of the package: %s.', caller.rolname,
            string_agg(expected.privilege, ', ' ORDER BY expected.privilege)
        ),
        expected.target,
        format(
            'GRANT %s ON %s TO %s', string_agg(expected.privilege, ', ' ORDER BY expected.privilege),
            expected.target, caller.rolname
        )
    FROM ticketing_internal.expected_privileges() AS expected
    INNER JOIN ticketing_internal.caller_roles() AS caller ON caller.oid = expected.role_id
    LEFT JOIN ticketing_internal.installed_relations() AS relation ON 'TABLE ' || relation.name = expected.target
    WHERE relation.relkind IS DISTINCT FROM 'v'
        AND NOT EXISTS (
            SELECT
            FROM ticketing_internal.granted_privileges() AS granted
            WHERE granted.name = expected.target
                AND granted.grantee = caller.oid
                AND granted.privilege = expected.privilege
        )
    GROUP BY caller.rolname, expected.target

    UNION ALL
    SELECT
        'Default privileges give access to objects created later.',
        format('%s of %s%s', kind.name, stored.defaclrole::regrole, ' in ' || namespace.nspname),
        format(
            'ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE ALL ON %s FROM %s', stored.defaclrole::regrole,
            ' IN SCHEMA ' || namespace.nspname, kind.name, grantee.name
        )
    FROM pg_catalog.pg_default_acl AS stored
    LEFT JOIN pg_catalog.pg_namespace AS namespace
        ON namespace.oid = stored.defaclnamespace
        AND namespace.nspname IN ('ticketing', 'ticketing_internal')
    CROSS JOIN LATERAL (
        SELECT DISTINCT CASE privilege.grantee WHEN 0 THEN 'PUBLIC' ELSE privilege.grantee::regrole::text END AS name
        FROM aclexplode(stored.defaclacl) AS privilege
        WHERE privilege.grantee = 0
            OR privilege.grantee IN (SELECT caller.oid FROM ticketing_internal.caller_roles() AS caller)
    ) AS grantee
    INNER JOIN (
        VALUES ('r', 'TABLES'), ('S', 'SEQUENCES'), ('f', 'FUNCTIONS'), ('n', 'SCHEMAS')
    ) AS kind (code, name) ON kind.code = stored.defaclobjtype::text
    WHERE namespace.oid IS NOT NULL
        OR stored.defaclnamespace = 0 AND stored.defaclrole = 'ticketing_owner'::regrole

    UNION ALL
    SELECT
        'Default privileges give access to objects created later.',
        'FUNCTIONS of ticketing_owner',
        'ALTER DEFAULT PRIVILEGES FOR ROLE ticketing_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC'
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_default_acl AS stored
        WHERE stored.defaclrole = 'ticketing_owner'::regrole
            AND stored.defaclnamespace = 0
            AND stored.defaclobjtype = 'f'
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.grant_findings IS
'Privileges that differ from those of the package, in the form of security_findings.';
