-- Whether the caller acts as the service: a back end, or a DBA in psql. Decided by the role
-- alone.

CREATE OR REPLACE FUNCTION ticketing_internal.caller_is_service()
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN pg_has_role(ticketing_internal.caller_role(), 'service_role', 'MEMBER');
END
$$;

COMMENT ON FUNCTION ticketing_internal.caller_is_service IS
'True when the role of the caller is, or is a member of, service_role.';
