-- The part of security_findings about row security: tables, policies, views.

CREATE OR REPLACE FUNCTION ticketing_internal.row_security_findings()
RETURNS TABLE (finding text, object text, remedy text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        'Row security is off: every role that may read the table reads all rows.',
        relation.name,
        format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation.name)
    FROM ticketing_internal.installed_relations() AS relation
    WHERE relation.relkind IN ('r', 'p') AND NOT relation.relrowsecurity

    UNION ALL
    SELECT
        'A policy applies to PUBLIC.',
        policy.name,
        format('Restrict it to roles: ALTER POLICY %s TO ...', policy.name)
    FROM ticketing_internal.installed_policies() AS policy
    WHERE 0 = ANY(policy.polroles)

    UNION ALL
    SELECT
        'A policy shows users every row.',
        policy.name,
        format('DROP POLICY %s', policy.name)
    FROM ticketing_internal.installed_policies() AS policy
    WHERE policy.polpermissive
        AND policy.condition = 'true'
        AND policy.is_for_users

    UNION ALL
    SELECT
        'A policy lets users write; writes belong in RPCs, which validate them.',
        policy.name,
        format('DROP POLICY %s', policy.name)
    FROM ticketing_internal.installed_policies() AS policy
    WHERE policy.polpermissive
        AND policy.commands <> '{SELECT}'
        AND policy.is_for_users

    UNION ALL
    SELECT
        'A policy determines the caller again for each row.',
        policy.name,
        format('Write (SELECT function()) instead of function(): ALTER POLICY %s ...', policy.name)
    FROM ticketing_internal.installed_policies() AS policy
    WHERE concat_ws(' ', policy.condition, policy.check_condition)
        ~ E'(?<!SELECT [(]*)\\m(current_setting|auth[.]\\w+|ticketing(_internal)?[.]\\w+)[(]'

    UNION ALL
    SELECT
        'A view runs with the rights of its owner instead of its reader.',
        relation.name,
        CASE relation.relkind
            WHEN 'v' THEN format('ALTER VIEW %s SET (security_invoker = true)', relation.name)
            ELSE format('Move it to another schema: ALTER MATERIALIZED VIEW %s SET SCHEMA ...', relation.name)
        END
    FROM ticketing_internal.installed_relations() AS relation
    WHERE relation.relkind = 'm'
        OR relation.relkind = 'v'
        AND NOT coalesce(relation.reloptions, '{}') && '{security_invoker=true,security_invoker=on,security_invoker=1}';
END
$$;

COMMENT ON FUNCTION ticketing_internal.row_security_findings IS
'Tables, policies and views that show or accept more rows than they should, in the form of security_findings.';
