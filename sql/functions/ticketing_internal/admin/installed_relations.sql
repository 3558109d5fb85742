-- The tables, views and sequences of the package.

CREATE OR REPLACE FUNCTION ticketing_internal.installed_relations()
RETURNS TABLE (
    oid oid,
    name text,
    kind text,
    relkind text,
    nspname name,
    relowner oid,
    relacl aclitem[],
    relrowsecurity boolean,
    reloptions text[]
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        relation.oid,
        relation.oid::regclass::text AS name,
        CASE relation.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
        relation.relkind::text AS relkind,
        namespace.nspname,
        relation.relowner,
        relation.relacl,
        relation.relrowsecurity,
        relation.reloptions
    FROM pg_catalog.pg_class AS relation
    INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    WHERE namespace.nspname IN ('ticketing', 'ticketing_internal')
        AND relation.relkind IN ('r', 'p', 'f', 'v', 'm', 'S');
END
$$;

COMMENT ON FUNCTION ticketing_internal.installed_relations IS
'All tables, views and sequences of the schemas of the package; kind is the keyword of GRANT and ALTER.';
