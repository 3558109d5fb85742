-- Whether the caller is the service: a back end, or a DBA in psql. Decided by the database role
-- alone, never by a claim.

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
'True if the role of the caller is service_role or a member of it.';
