-- Refuses a database in which another role could run code as the current role: run it before
-- anything else of the package is installed, read or called. `ticketing` does so in every command.
--
-- Trusted are the current role, superusers, ticketing_owner, and members of ticketing_owner that a
-- superuser or the current role has admitted. The schemas of the package and all that is in them
-- have to belong to trusted roles, ticketing_install may contain the installation records only, and
-- ticketing_owner may have no other members. A role may have created any of these beforehand:
-- CREATE on the database is enough for schemas, CREATEROLE for ticketing_owner.

DO $$
DECLARE
    v_trusted oid [];
    v_problem record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', TRUE);

    v_trusted := array(
        SELECT role.oid
        FROM pg_roles AS role
        WHERE role.rolsuper
            OR role.rolname IN (current_user, 'ticketing_owner')
            OR EXISTS (
                SELECT
                FROM pg_auth_members AS membership
                INNER JOIN pg_roles AS owner ON owner.oid = membership.roleid AND owner.rolname = 'ticketing_owner'
                INNER JOIN pg_roles AS grantor ON grantor.oid = membership.grantor
                WHERE membership.member = role.oid
                    AND (grantor.rolsuper OR grantor.rolname = current_user)
                    -- Since PostgreSQL 16, a role that creates another becomes a member without either
                    -- option, and a superuser counts as the grantor.
                    AND (
                        coalesce((to_jsonb(membership) ->> 'inherit_option')::boolean, TRUE)
                        OR coalesce((to_jsonb(membership) ->> 'set_option')::boolean, TRUE)
                    )
            )
    );

    FOR v_problem IN
        WITH namespace AS (
            SELECT
                schema.oid,
                schema.nspname,
                schema.nspowner
            FROM pg_namespace AS schema
            WHERE schema.nspname IN ('ticketing', 'ticketing_internal', 'ticketing_install')
        ),

        content AS (
            SELECT
                entry.classid,
                entry.objid,
                namespace.nspname,
                object.type,
                object.name,
                object.identity
            FROM namespace
            INNER JOIN pg_depend AS entry
                ON entry.refclassid = 'pg_namespace'::regclass
                AND entry.refobjid = namespace.oid
                AND entry.deptype = 'n'
            CROSS JOIN LATERAL pg_identify_object(entry.classid, entry.objid, 0) AS object
        )

        SELECT
            format('schema %I belongs to %I', namespace.nspname, namespace.nspowner::regrole) AS what,
            format(
                'if %1$s installed the package, connect as %1$s or let a superuser GRANT ticketing_owner TO %1$s; '
                'otherwise DROP SCHEMA %2$I CASCADE', namespace.nspowner::regrole, namespace.nspname
            ) AS remedy
        FROM namespace
        WHERE namespace.nspowner <> ALL(v_trusted)

        UNION ALL
        SELECT
            format('%s %s belongs to %s', content.type, content.identity, owner.refobjid::regrole),
            format(
                'drop it, or ALTER %s %s OWNER TO %s', upper(content.type), content.identity,
                CASE content.nspname WHEN 'ticketing_install' THEN quote_ident(current_user) ELSE 'ticketing_owner' END
            )
        FROM content
        -- what belongs to the first superuser has no entry
        INNER JOIN pg_shdepend AS owner
            ON owner.classid = content.classid AND owner.objid = content.objid AND owner.objsubid = 0
            AND owner.deptype = 'o'
            AND owner.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        WHERE owner.refobjid <> ALL(v_trusted)

        UNION ALL
        SELECT
            format('%s %s is not one of the installation records', content.type, content.identity),
            'drop it, or move it to another schema'
        FROM content
        WHERE content.nspname = 'ticketing_install'
            AND (
                content.type <> 'table'
                OR content.name NOT IN (
                    '_yoyo_log', '_yoyo_migration', '_yoyo_version', 'yoyo_lock', 'migration_files',
                    'replaceable_files'
                )
            )

        UNION ALL
        SELECT
            format('%s %s is not part of the package', object.type, object.identity),
            'drop it'
        FROM content
        INNER JOIN pg_trigger AS trigger ON trigger.tgrelid = content.objid AND NOT trigger.tgisinternal
        INNER JOIN pg_proc AS function ON function.oid = trigger.tgfoid
        CROSS JOIN LATERAL pg_identify_object('pg_trigger'::regclass, trigger.oid, 0) AS object
        WHERE content.classid = 'pg_class'::regclass
            AND (content.nspname = 'ticketing_install' OR function.proowner <> ALL(v_trusted))

        UNION ALL
        SELECT
            format('%s is a member of ticketing_owner, admitted by no superuser', membership.member::regrole),
            format(
                'let a superuser REVOKE ticketing_owner FROM %1$s GRANTED BY %2$s CASCADE, and GRANT ticketing_owner '
                'TO %1$s again if it may own everything of the package',
                membership.member::regrole, (array_agg(membership.grantor::regrole ORDER BY membership.grantor))[1]
            )
        FROM pg_auth_members AS membership
        INNER JOIN pg_roles AS owner ON owner.oid = membership.roleid AND owner.rolname = 'ticketing_owner'
        WHERE membership.member <> ALL(v_trusted)
        GROUP BY membership.member
    LOOP
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('%s, which could run code as %s', v_problem.what, current_user),
            HINT = v_problem.remedy;
    END LOOP;
END
$$;
