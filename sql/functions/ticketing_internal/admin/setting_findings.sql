-- The part of security_findings about settings of roles and databases.

CREATE OR REPLACE FUNCTION ticketing_internal.setting_findings()
RETURNS TABLE (finding text, object text, remedy text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH settings AS (
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
    SELECT
        'PostgREST exposes an internal schema.',
        format('%s: %s', setting.target, setting.entry),
        format('Remove it: ALTER %s SET pgrst.db_schemas = ...', setting.target)
    FROM settings AS setting
    WHERE setting.name = 'pgrst.db_schemas'
        AND setting.entry ~ E'\\mticketing_(internal|install)\\M'

    UNION ALL
    SELECT
        'A default request.jwt.claims makes requests without a token run as this user.',
        format('%s: %s', setting.target, setting.entry),
        format('ALTER %s RESET request.jwt.claims', setting.target)
    FROM settings AS setting
    WHERE setting.name = 'request.jwt.claims'

    UNION ALL
    SELECT
        'Queries that row security would filter fail.',
        format('%s: %s', setting.target, setting.entry),
        format('ALTER %s RESET row_security', setting.target)
    FROM settings AS setting
    WHERE setting.name = 'row_security'
        AND split_part(setting.entry, '=', 2) NOT IN ('on', 'true', 'yes', '1');
END
$$;

COMMENT ON FUNCTION ticketing_internal.setting_findings IS
'Settings that weaken security, in the form of security_findings.';
