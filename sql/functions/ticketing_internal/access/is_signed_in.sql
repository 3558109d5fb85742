-- Visitors can execute the calls of users, to be told to sign in.

CREATE OR REPLACE FUNCTION ticketing_internal.is_signed_in(p_caller_id uuid)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN p_caller_id IS NOT NULL OR ticketing_internal.caller_is_service();
END
$$;

COMMENT ON FUNCTION ticketing_internal.is_signed_in IS
'True if the caller is a user (p_caller_id is the caller_id) or the service.';
