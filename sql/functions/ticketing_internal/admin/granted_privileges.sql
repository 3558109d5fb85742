-- The privileges on objects of the package that roles other than the owner have.

CREATE OR REPLACE FUNCTION ticketing_internal.granted_privileges()
RETURNS TABLE (target text, name text, privilege text, grantee oid, grantee_name text, clause text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH objects AS (
        SELECT
            'SCHEMA ' || namespace.nspname AS target,
            NULL::name AS column_name,
            namespace.nspowner AS owner_id,
            namespace.nspacl AS acl
        FROM pg_catalog.pg_namespace AS namespace
        WHERE namespace.nspname IN ('ticketing', 'ticketing_internal', 'ticketing_install')
        UNION ALL
        SELECT relation.kind || ' ' || relation.name, NULL, relation.relowner, relation.relacl
        FROM ticketing_internal.installed_relations() AS relation
        UNION ALL
        SELECT relation.kind || ' ' || relation.name, attribute.attname, relation.relowner, attribute.attacl
        FROM ticketing_internal.installed_relations() AS relation
        INNER JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = relation.oid
        UNION ALL
        SELECT 'FUNCTION ' || function.name, NULL, function.proowner, function.proacl
        FROM ticketing_internal.installed_functions() AS function
    )
    SELECT
        object.target,
        object.target || coalesce('.' || quote_ident(object.column_name), '') AS name,
        privilege.privilege_type AS privilege,
        privilege.grantee,
        grantee.name AS grantee_name,
        privilege.privilege_type || coalesce(' (' || quote_ident(object.column_name) || ')', '') AS clause
    FROM objects AS object
    CROSS JOIN LATERAL aclexplode(object.acl) AS privilege
    CROSS JOIN LATERAL (
        SELECT CASE privilege.grantee WHEN 0 THEN 'PUBLIC' ELSE privilege.grantee::regrole::text END AS name
    ) AS grantee
    WHERE privilege.grantee <> object.owner_id;
END
$$;

COMMENT ON FUNCTION ticketing_internal.granted_privileges IS
'Every privilege granted on a schema, table, column, view, sequence or function of the package. target: the object as in
GRANT; name: target, with the column if any; clause: the privilege as in REVOKE; grantee: 0 for PUBLIC.';
