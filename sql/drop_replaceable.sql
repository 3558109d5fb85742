-- Drops what can be installed again: the views, functions and composite types of the package.
--
-- Run it as ticketing_owner, in the transaction that installs them again. By itself it drops
-- everything of these kinds that the current role owns in the schemas ticketing and
-- ticketing_internal, except functions that something else needs, such as a policy. `ticketing
-- migrate` narrows that with two settings, lists of names such as `type
-- ticketing_internal.attendee` with commas between them: ticketing.replaceable is what belongs to
-- the package, and ticketing.outdated is what of it has to go.
--
-- What is replaceable and depends on something that goes, goes too. Never CASCADE: any other object
-- that depends on it stops the block, and is named.

DO $$
DECLARE
    v_replaceable text[];
    v_outdated text[];
    v_drop record;
    v_dependents text;
BEGIN
    -- also for the files that are installed in the same transaction
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', TRUE);

    v_replaceable := string_to_array(nullif(current_setting('ticketing.replaceable', TRUE), ''), ',');
    v_outdated := string_to_array(nullif(current_setting('ticketing.outdated', TRUE), ''), ',');

    FOR v_drop IN
        WITH RECURSIVE
        objects AS (
            SELECT
                'pg_proc'::regclass AS class_id, p.oid AS object_id, 'function' AS kind,
                p.pronamespace AS namespace_id, p.proname AS name, p.proowner AS owner_id,
                p.oid::regprocedure::text AS identity
            FROM pg_proc AS p
            UNION ALL
            -- the relation behind a composite type stands for the type: its columns depend on others
            SELECT
                'pg_class'::regclass, c.oid, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'type' END,
                c.relnamespace, c.relname, c.relowner, c.oid::regclass::text
            FROM pg_class AS c
            WHERE c.relkind IN ('v', 'c')
        ),

        replaceable AS (
            SELECT
                o.class_id, o.object_id, o.kind, o.owner_id, o.identity,
                format('%s %s.%s', o.kind, n.nspname, o.name) AS name
            FROM objects AS o
            INNER JOIN pg_namespace AS n ON n.oid = o.namespace_id
            WHERE format('%s %s.%s', o.kind, n.nspname, o.name) = ANY(v_replaceable)
                OR (
                    v_replaceable IS NULL
                    AND n.nspname IN ('ticketing', 'ticketing_internal')
                    AND o.owner_id = current_user::regrole
                )
        ),

        uses AS (
            SELECT
                CASE WHEN r.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass END AS class_id,
                coalesce(r.ev_class, d.objid) AS object_id,
                CASE WHEN t.oid IS NULL THEN d.refclassid ELSE 'pg_class'::regclass END AS used_class_id,
                coalesce(nullif(e.typrelid, 0), t.typrelid, d.refobjid) AS used_object_id
            FROM pg_depend AS d
            LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
            LEFT JOIN pg_type AS t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
            LEFT JOIN pg_type AS e ON e.oid = t.typelem
            WHERE d.deptype = 'n'
        ),

        outdated AS (
            SELECT
                r.class_id,
                r.object_id
            FROM replaceable AS r
            WHERE r.name = ANY(v_outdated)
                OR (
                    v_outdated IS NULL
                    AND NOT (r.kind = 'function' AND EXISTS (
                        SELECT
                        FROM uses AS u
                        WHERE u.used_class_id = r.class_id
                            AND u.used_object_id = r.object_id
                            AND (u.class_id, u.object_id) NOT IN (SELECT class_id, object_id FROM replaceable)
                    ))
                )
            UNION
            SELECT
                r.class_id,
                r.object_id
            FROM outdated AS o
            INNER JOIN uses AS u ON u.used_class_id = o.class_id AND u.used_object_id = o.object_id
            INNER JOIN replaceable AS r ON r.class_id = u.class_id AND r.object_id = u.object_id
        )

        -- one statement for each kind, so that what depends on each other goes together
        SELECT
            format(
                'DROP %s %s',
                CASE r.kind WHEN 'function' THEN 'ROUTINE' ELSE upper(r.kind) END,
                string_agg(r.identity, ', ')
            ) AS statement,
            string_agg(r.identity, ', ') FILTER (WHERE NOT pg_has_role(r.owner_id, 'USAGE')) AS others
        FROM outdated AS o
        INNER JOIN replaceable AS r USING (class_id, object_id)
        GROUP BY r.kind
        ORDER BY r.kind = 'view' DESC, r.kind = 'function' DESC
    LOOP
        IF v_drop.others IS NOT NULL THEN
            RAISE insufficient_privilege USING MESSAGE = format(
                '%s has a name of this package, but another owner: drop or rename it, then install again',
                v_drop.others
            );
        END IF;
        EXECUTE v_drop.statement;
    END LOOP;
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        GET STACKED DIAGNOSTICS v_dependents = PG_EXCEPTION_DETAIL;
        RAISE dependent_objects_still_exist USING MESSAGE = format(
            '%s: drop it, install again, then create it again',
            replace(v_dependents, E'\n', ', ')
        );
END
$$;
