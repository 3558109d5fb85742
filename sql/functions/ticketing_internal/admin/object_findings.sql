-- The part of security_findings about the definition of objects: indexes, search_path, owners.

CREATE OR REPLACE FUNCTION ticketing_internal.object_findings()
RETURNS TABLE (finding text, object text, remedy text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        'A foreign key has no index: deleting a referenced row scans the whole table.',
        format('%I ON %s', key.conname, relation.name),
        format(
            'CREATE INDEX CONCURRENTLY ON %s (%s)', relation.name,
            (
                SELECT string_agg(quote_ident(attribute.attname), ', ' ORDER BY key_column.position)
                FROM unnest(key.conkey) WITH ORDINALITY AS key_column (number, position)
                INNER JOIN pg_catalog.pg_attribute AS attribute
                    ON attribute.attrelid = key.conrelid AND attribute.attnum = key_column.number
            )
        )
    FROM pg_catalog.pg_constraint AS key
    INNER JOIN ticketing_internal.installed_relations() AS relation ON relation.oid = key.conrelid
    WHERE key.contype = 'f'
        AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_index AS index
            WHERE index.indrelid = key.conrelid
                AND index.indisvalid
                -- starts with these columns, in any order
                AND (index.indkey::smallint[])[:least(cardinality(key.conkey), index.indnkeyatts) - 1] @> key.conkey
                -- a partial index may leave out rows with a null key
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
        'A function has no fixed search_path: its caller decides what its names refer to.',
        function.name,
        format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', function.name)
    FROM ticketing_internal.installed_functions() AS function
    WHERE 'search_path=pg_catalog, pg_temp' <> ALL(coalesce(function.proconfig, '{}'))

    UNION ALL
    SELECT
        'The comment of an RPC does not name its callers, so its privileges cannot be checked.',
        function.name,
        format('Write it again, as in sql/functions/ticketing/%s.sql, before any other remedy', function.proname)
    FROM ticketing_internal.installed_functions() AS function
    WHERE function.nspname = 'ticketing' AND function.callers = '{}'

    UNION ALL
    SELECT
        'The owner of an object is not ticketing_owner.',
        owned.name,
        format('ALTER %s OWNER TO ticketing_owner', owned.name)
    FROM (
        SELECT 'SCHEMA ' || namespace.nspname, namespace.nspowner
        FROM pg_catalog.pg_namespace AS namespace
        WHERE namespace.nspname IN ('ticketing', 'ticketing_internal')
        UNION ALL
        SELECT relation.kind || ' ' || relation.name, relation.relowner
        FROM ticketing_internal.installed_relations() AS relation
        UNION ALL
        SELECT 'FUNCTION ' || function.name, function.proowner
        FROM ticketing_internal.installed_functions() AS function
        UNION ALL
        SELECT 'TYPE ' || type.oid::regtype, type.typowner
        FROM pg_catalog.pg_type AS type
        INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = type.typnamespace
        LEFT JOIN pg_catalog.pg_class AS relation ON relation.oid = type.typrelid
        WHERE namespace.nspname IN ('ticketing', 'ticketing_internal')
            -- types of tables and arrays have the owner of the table or element type
            AND type.typtype <> 'b' AND coalesce(relation.relkind, 'c') = 'c'
    ) AS owned (name, owner_id)
    WHERE owned.owner_id <> 'ticketing_owner'::regrole;
END
$$;

COMMENT ON FUNCTION ticketing_internal.object_findings IS
'Objects whose definition differs from what the package installs, in the form of security_findings.';
