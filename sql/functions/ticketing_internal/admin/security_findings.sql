-- What is wrong with the privileges of this database: what somebody has changed since the package
-- was installed, and what a deployment has set up so that it gives more away than it should. Reads
-- the catalogs alone, and says only what is certain. `ticketing doctor` shows it.

CREATE OR REPLACE FUNCTION ticketing_internal.security_findings()
RETURNS TABLE (finding text, object text, remedy text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH
    -- -- what is ours, and who calls it

    callers AS (
        SELECT role.oid, role.rolname, role.rolname IN ('anon', 'authenticated') AS is_user
        FROM pg_catalog.pg_roles AS role
        WHERE role.rolname IN ('anon', 'authenticated', 'service_role', 'ticketing_reader')
    ),
    schemas AS (
        SELECT namespace.oid, namespace.nspname, namespace.nspowner, namespace.nspacl
        FROM pg_catalog.pg_namespace AS namespace
        WHERE namespace.nspname IN ('ticketing', 'ticketing_internal')
    ),
    relations AS (
        SELECT
            relation.oid,
            relation.oid::regclass::text AS name,
            CASE relation.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
            relation.relkind,
            schema.nspname,
            relation.relowner,
            relation.relacl,
            relation.relrowsecurity,
            relation.reloptions
        FROM pg_catalog.pg_class AS relation
        INNER JOIN schemas AS schema ON schema.oid = relation.relnamespace
        WHERE relation.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    ),
    functions AS (
        SELECT
            routine.oid,
            routine.oid::regprocedure::text AS name,
            routine.proname,
            schema.nspname,
            routine.proowner,
            routine.proconfig,
            -- a function of which nothing is said is executable by PUBLIC
            coalesce(routine.proacl, acldefault('f', routine.proowner)) AS proacl
        FROM pg_catalog.pg_proc AS routine
        INNER JOIN schemas AS schema ON schema.oid = routine.pronamespace
    ),
    policies AS (
        SELECT
            policy.oid,
            format('%I ON %s', policy.polname, relation.name) AS name,
            relation.oid AS relation_id,
            relation.nspname,
            policy.polroles,
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
        INNER JOIN relations AS relation ON relation.oid = policy.polrelid
    ),

    -- -- what the package lets callers do

    rpcs (proname, rolnames) AS (
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
    ),
    allowed AS (
        SELECT 'SCHEMA ticketing' AS target, caller.oid AS role_id, 'USAGE' AS privilege
        FROM callers AS caller
        UNION ALL
        SELECT 'FUNCTION ' || function.name, caller.oid, 'EXECUTE'
        FROM functions AS function
        INNER JOIN rpcs AS rpc ON rpc.proname = function.proname AND function.nspname = 'ticketing'
        INNER JOIN callers AS caller ON caller.rolname = ANY(rpc.rolnames)
        UNION ALL
        -- what a policy calls runs with the rights of whoever reads the table
        SELECT DISTINCT 'FUNCTION ' || function.name, caller.oid, 'EXECUTE'
        FROM policies AS policy
        INNER JOIN pg_catalog.pg_depend AS called
            ON called.classid = 'pg_policy'::regclass
            AND called.objid = policy.oid
            AND called.refclassid = 'pg_proc'::regclass
        INNER JOIN functions AS function ON function.oid = called.refobjid
        INNER JOIN callers AS caller ON caller.oid = ANY(policy.polroles)
        UNION ALL
        SELECT DISTINCT 'TABLE ' || relation.name, caller.oid, command.privilege
        FROM policies AS policy
        INNER JOIN relations AS relation ON relation.oid = policy.relation_id
        INNER JOIN callers AS caller ON caller.oid = ANY(policy.polroles)
        CROSS JOIN unnest(policy.commands) AS command (privilege)
        WHERE policy.polpermissive
            AND relation.nspname = 'ticketing'
            AND (command.privilege = 'SELECT' OR caller.rolname = 'service_role')
        UNION ALL
        -- a view shows nobody more than the tables do, unless there is a finding about it
        SELECT 'TABLE ' || relation.name, caller.oid, 'SELECT'
        FROM relations AS relation
        CROSS JOIN callers AS caller
        WHERE relation.relkind = 'v' AND relation.nspname = 'ticketing'
    ),

    -- -- what they are let do

    objects AS (
        SELECT
            'SCHEMA ' || namespace.nspname AS target,
            NULL::name AS column_name,
            namespace.nspowner AS owner_id,
            namespace.nspacl AS acl
        FROM pg_catalog.pg_namespace AS namespace
        WHERE namespace.nspname IN ('ticketing', 'ticketing_internal', 'ticketing_install')
        UNION ALL
        SELECT relation.kind || ' ' || relation.name, NULL, relation.relowner, relation.relacl
        FROM relations AS relation
        UNION ALL
        SELECT relation.kind || ' ' || relation.name, attribute.attname, relation.relowner, attribute.attacl
        FROM relations AS relation
        INNER JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = relation.oid
        UNION ALL
        SELECT 'FUNCTION ' || function.name, NULL, function.proowner, function.proacl
        FROM functions AS function
    ),
    granted AS (
        SELECT
            found.target,
            found.target || coalesce('.' || quote_ident(found.column_name), '') AS name,
            privilege.privilege_type AS privilege,
            privilege.grantee,
            grantee.name AS grantee_name,
            privilege.privilege_type || coalesce(' (' || quote_ident(found.column_name) || ')', '') AS clause
        FROM objects AS found
        CROSS JOIN LATERAL aclexplode(found.acl) AS privilege
        CROSS JOIN LATERAL (
            SELECT CASE privilege.grantee WHEN 0 THEN 'PUBLIC' ELSE privilege.grantee::regrole::text END AS name
        ) AS grantee
        WHERE privilege.grantee <> found.owner_id
    ),
    settings AS (
        SELECT
            setting.entry,
            split_part(setting.entry, '=', 1) AS name,
            CASE
                WHEN stored.setrole = 0 AND stored.setdatabase = 0 THEN 'ROLE ALL'
                ELSE concat_ws(
                    ' IN ',
                    'ROLE ' || nullif(stored.setrole, 0)::regrole,
                    'DATABASE ' || quote_ident(database.datname)
                )
            END AS target
        FROM pg_catalog.pg_db_role_setting AS stored
        LEFT JOIN pg_catalog.pg_database AS database ON database.oid = stored.setdatabase
        CROSS JOIN LATERAL unnest(stored.setconfig) AS setting (entry)
        WHERE stored.setdatabase = 0 OR database.datname = current_database()
    )

    -- -- tables and policies

    SELECT
        'Row security is off: who may read the table reads all of it.',
        relation.name,
        format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation.name)
    FROM relations AS relation
    WHERE relation.relkind IN ('r', 'p') AND NOT relation.relrowsecurity

    UNION ALL
    SELECT
        'A policy is for everybody.',
        policy.name,
        format('Say whom it is for: ALTER POLICY %s TO ...', policy.name)
    FROM policies AS policy
    WHERE 0 = ANY(policy.polroles)

    UNION ALL
    SELECT
        'A policy shows users every row.',
        policy.name,
        format('DROP POLICY %s', policy.name)
    FROM policies AS policy
    WHERE policy.polpermissive
        AND policy.condition = 'true'
        AND EXISTS (SELECT FROM callers AS caller WHERE caller.is_user AND caller.oid = ANY(policy.polroles))

    UNION ALL
    SELECT
        'A policy lets users write; they write through RPCs, which check what they write.',
        policy.name,
        format('DROP POLICY %s', policy.name)
    FROM policies AS policy
    WHERE policy.polpermissive
        AND policy.commands <> '{SELECT}'
        AND EXISTS (SELECT FROM callers AS caller WHERE caller.is_user AND caller.oid = ANY(policy.polroles))

    UNION ALL
    SELECT
        'A policy asks again for each row who is reading.',
        policy.name,
        format('Write (SELECT function()) instead of function(): ALTER POLICY %s ...', policy.name)
    FROM policies AS policy
    WHERE concat_ws(' ', policy.condition, policy.check_condition)
        ~ E'(?<!SELECT [(]*)\\m(current_setting|auth[.]\\w+|ticketing(_internal)?[.]\\w+)[(]'

    UNION ALL
    SELECT
        'A foreign key has no index: deleting what it refers to reads the whole table.',
        format('%I ON %s', key.conname, relation.name),
        format(
            'CREATE INDEX CONCURRENTLY ON %s (%s)', relation.name,
            (
                SELECT string_agg(quote_ident(attribute.attname), ', ' ORDER BY place.position)
                FROM unnest(key.conkey) WITH ORDINALITY AS place (number, position)
                INNER JOIN pg_catalog.pg_attribute AS attribute
                    ON attribute.attrelid = key.conrelid AND attribute.attnum = place.number
            )
        )
    FROM pg_catalog.pg_constraint AS key
    INNER JOIN relations AS relation ON relation.oid = key.conrelid
    WHERE key.contype = 'f'
        AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_index AS index
            WHERE index.indrelid = key.conrelid
                AND index.indisvalid
                -- these columns in whatever order, before any other
                AND (index.indkey::smallint[])[:least(cardinality(key.conkey), index.indnkeyatts) - 1] @> key.conkey
                -- an index without the rows that refer to nothing will do
                AND (
                    index.indpred IS NULL
                    OR pg_get_expr(index.indpred, index.indrelid) IN (
                        SELECT format('(%I IS NOT NULL)', attribute.attname)
                        FROM pg_catalog.pg_attribute AS attribute
                        WHERE attribute.attrelid = key.conrelid AND attribute.attnum = ANY(key.conkey)
                    )
                )
        )

    UNION ALL
    SELECT
        'A view shows what its owner may read, not what its reader may.',
        relation.name,
        CASE relation.relkind
            WHEN 'v' THEN format('ALTER VIEW %s SET (security_invoker = true)', relation.name)
            ELSE format('Move it to another schema: ALTER MATERIALIZED VIEW %s SET SCHEMA ...', relation.name)
        END
    FROM relations AS relation
    WHERE relation.relkind = 'm'
        OR relation.relkind = 'v'
        AND NOT coalesce(relation.reloptions, '{}') && '{security_invoker=true,security_invoker=on,security_invoker=1}'

    -- -- functions

    UNION ALL
    SELECT
        'The search_path of a function is not pinned: who calls it chooses what its names mean.',
        function.name,
        format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', function.name)
    FROM functions AS function
    WHERE 'search_path=pg_catalog, pg_temp' <> ALL(coalesce(function.proconfig, '{}'))

    -- -- owners and privileges

    UNION ALL
    SELECT
        'Something belongs to another role than ticketing_owner.',
        owned.name,
        format('ALTER %s OWNER TO ticketing_owner', owned.name)
    FROM (
        SELECT 'SCHEMA ' || schema.nspname, schema.nspowner
        FROM schemas AS schema
        UNION ALL
        SELECT relation.kind || ' ' || relation.name, relation.relowner
        FROM relations AS relation
        UNION ALL
        SELECT 'FUNCTION ' || function.name, function.proowner
        FROM functions AS function
        UNION ALL
        SELECT 'TYPE ' || type.oid::regtype, type.typowner
        FROM pg_catalog.pg_type AS type
        INNER JOIN schemas AS schema ON schema.oid = type.typnamespace
        LEFT JOIN pg_catalog.pg_class AS relation ON relation.oid = type.typrelid
        -- those of tables and of arrays go with what they are of
        WHERE type.typtype <> 'b' AND coalesce(relation.relkind, 'c') = 'c'
    ) AS owned (name, owner_id)
    WHERE owned.owner_id <> 'ticketing_owner'::regrole

    UNION ALL
    SELECT
        format('PUBLIC has privileges: %s.', string_agg(granted.privilege, ', ' ORDER BY granted.privilege)),
        granted.name,
        format(
            'REVOKE %s ON %s FROM PUBLIC', string_agg(granted.clause, ', ' ORDER BY granted.clause), granted.target
        )
    FROM granted
    WHERE granted.grantee = 0
    GROUP BY granted.target, granted.name

    UNION ALL
    SELECT
        format(
            '%s has privileges beyond the package''s: %s.', caller.rolname,
            string_agg(granted.privilege, ', ' ORDER BY granted.privilege)
        ),
        granted.name,
        format(
            'REVOKE %s ON %s FROM %s', string_agg(granted.clause, ', ' ORDER BY granted.clause),
            granted.target, granted.grantee_name
        )
    FROM granted
    INNER JOIN callers AS caller
        ON granted.grantee = caller.oid
        -- or by way of a role of the deployment's own
        OR granted.grantee NOT IN (SELECT known.oid FROM callers AS known)
        AND granted.grantee <> 0
        AND NOT pg_has_role(granted.grantee, 'ticketing_owner', 'MEMBER')
        AND pg_has_role(caller.oid, granted.grantee, 'USAGE')
    WHERE NOT EXISTS (
            SELECT
            FROM allowed
            WHERE allowed.target = granted.target
                AND allowed.role_id = caller.oid
                AND allowed.privilege = granted.privilege
        )
    GROUP BY caller.rolname, granted.target, granted.name, granted.grantee_name

    UNION ALL
    SELECT
        format(
            '%s lacks privileges that the package gives: %s.', caller.rolname,
            string_agg(allowed.privilege, ', ' ORDER BY allowed.privilege)
        ),
        allowed.target,
        format(
            'GRANT %s ON %s TO %s', string_agg(allowed.privilege, ', ' ORDER BY allowed.privilege),
            allowed.target, caller.rolname
        )
    FROM allowed
    INNER JOIN callers AS caller ON caller.oid = allowed.role_id
    LEFT JOIN relations AS relation ON 'TABLE ' || relation.name = allowed.target
    WHERE relation.relkind IS DISTINCT FROM 'v'
        AND NOT EXISTS (
            SELECT
            FROM granted
            WHERE granted.name = allowed.target
                AND granted.grantee = caller.oid
                AND granted.privilege = allowed.privilege
        )
    GROUP BY caller.rolname, allowed.target

    UNION ALL
    SELECT
        'What is created later is open to others from the start.',
        format('%s of %s%s', kind.name, stored.defaclrole::regrole, ' in ' || schema.nspname),
        format(
            'ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE ALL ON %s FROM %s', stored.defaclrole::regrole,
            ' IN SCHEMA ' || schema.nspname, kind.name, grantee.name
        )
    FROM pg_catalog.pg_default_acl AS stored
    LEFT JOIN schemas AS schema ON schema.oid = stored.defaclnamespace
    CROSS JOIN LATERAL (
        SELECT DISTINCT CASE privilege.grantee WHEN 0 THEN 'PUBLIC' ELSE privilege.grantee::regrole::text END AS name
        FROM aclexplode(stored.defaclacl) AS privilege
        WHERE privilege.grantee = 0 OR privilege.grantee IN (SELECT caller.oid FROM callers AS caller)
    ) AS grantee
    INNER JOIN (
        VALUES ('r', 'TABLES'), ('S', 'SEQUENCES'), ('f', 'FUNCTIONS'), ('n', 'SCHEMAS')
    ) AS kind (code, name) ON kind.code = stored.defaclobjtype::text
    WHERE schema.oid IS NOT NULL
        OR stored.defaclnamespace = 0 AND stored.defaclrole = 'ticketing_owner'::regrole

    UNION ALL
    SELECT
        'What is created later is open to others from the start.',
        'FUNCTIONS of ticketing_owner',
        'ALTER DEFAULT PRIVILEGES FOR ROLE ticketing_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC'
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_default_acl AS stored
        WHERE stored.defaclrole = 'ticketing_owner'::regrole
            AND stored.defaclnamespace = 0
            AND stored.defaclobjtype = 'f'
    )

    -- -- the deployment: roles

    UNION ALL
    SELECT
        'A role that requests run as, or that owns the functions they call, is a superuser.',
        role.rolname::text,
        format('ALTER ROLE %I NOSUPERUSER', role.rolname)
    FROM pg_catalog.pg_roles AS role
    WHERE role.rolsuper
        AND (
            role.rolname IN ('authenticator', 'ticketing_owner')
            OR role.oid IN (SELECT caller.oid FROM callers AS caller)
        )

    UNION ALL
    SELECT
        'Row security does not bind a role of users.',
        role.rolname::text,
        format('ALTER ROLE %I NOBYPASSRLS', role.rolname)
    FROM pg_catalog.pg_roles AS role
    INNER JOIN callers AS caller ON caller.oid = role.oid
    WHERE role.rolbypassrls AND caller.is_user

    UNION ALL
    SELECT
        'Somebody may log in as ticketing_owner.',
        role.rolname::text,
        'ALTER ROLE ticketing_owner NOLOGIN'
    FROM pg_catalog.pg_roles AS role
    WHERE role.rolname = 'ticketing_owner' AND role.rolcanlogin

    UNION ALL
    SELECT
        'A role that requests run as is a member of a role that may do more.',
        format('%s in %s', member.rolname, role.rolname),
        format('REVOKE %I FROM %I', role.rolname, member.rolname)
    FROM pg_catalog.pg_roles AS member
    LEFT JOIN callers AS caller ON caller.oid = member.oid
    INNER JOIN pg_catalog.pg_roles AS role ON role.oid <> member.oid
    WHERE (caller.oid IS NOT NULL OR member.rolname = 'authenticator')
        AND NOT member.rolsuper -- which is a finding of its own, and a member of everything
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
        'Users may create objects.',
        place.name,
        format('REVOKE CREATE ON %s FROM PUBLIC, %I', place.name, caller.rolname)
    FROM callers AS caller
    INNER JOIN pg_catalog.pg_roles AS role ON role.oid = caller.oid AND NOT role.rolsuper
    CROSS JOIN LATERAL (
        SELECT 'SCHEMA public' AS name
        FROM pg_catalog.pg_namespace AS namespace
        WHERE namespace.nspname = 'public' AND has_schema_privilege(caller.oid, namespace.oid, 'CREATE')
        UNION ALL
        SELECT 'DATABASE ' || quote_ident(current_database())
        WHERE has_database_privilege(caller.oid, current_database(), 'CREATE')
    ) AS place
    WHERE caller.is_user

    -- -- the deployment: settings

    UNION ALL
    SELECT
        'PostgREST is told to expose a schema that nobody calls.',
        format('%s: %s', setting.target, setting.entry),
        format('Take it out: ALTER %s SET pgrst.db_schemas = ...', setting.target)
    FROM settings AS setting
    WHERE setting.name = 'pgrst.db_schemas'
        AND setting.entry ~ E'\\mticketing_(internal|install)\\M'

    UNION ALL
    SELECT
        'Whoever says nothing about himself is taken for this user.',
        format('%s: %s', setting.target, setting.entry),
        format('ALTER %s RESET request.jwt.claims', setting.target)
    FROM settings AS setting
    WHERE setting.name = 'request.jwt.claims'

    UNION ALL
    SELECT
        'Reads that row security limits fail.',
        format('%s: %s', setting.target, setting.entry),
        format('ALTER %s RESET row_security', setting.target)
    FROM settings AS setting
    WHERE setting.name = 'row_security'
        AND split_part(setting.entry, '=', 2) NOT IN ('on', 'true', 'yes', '1');
END
$$;

COMMENT ON FUNCTION ticketing_internal.security_findings IS
'What gives callers more, or less, than the package means to: a row for each finding, with what to do about it. No rows
mean that none is known.';
