-- Guarantees: reports differences between the privileges in this database and those of the
-- package, and settings of the deployment that weaken security. Reads only the system catalogs
-- and reports only what is certain. The command `ticketing doctor` displays the result.
-- Locks: none.

CREATE OR REPLACE FUNCTION ticketing_internal.security_findings()
RETURNS TABLE (finding text, object text, remedy text)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT * FROM ticketing_internal.row_security_findings()
    UNION ALL
    SELECT * FROM ticketing_internal.object_findings()
    UNION ALL
    SELECT * FROM ticketing_internal.grant_findings()
    UNION ALL
    SELECT * FROM ticketing_internal.role_findings()
    UNION ALL
    SELECT * FROM ticketing_internal.setting_findings();
END
$$;

COMMENT ON FUNCTION ticketing_internal.security_findings IS
'One row per privilege, role or setting that gives callers more or less than the package grants, with its remedy. No
rows mean that no problem is known.';
