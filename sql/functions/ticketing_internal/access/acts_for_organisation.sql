-- Whether the caller acts for the organisation: what binds owners (limits, deadlines, sale windows
-- after payment) does not bind those who answer for it.

CREATE OR REPLACE FUNCTION ticketing_internal.acts_for_organisation(p_function_id uuid)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ticketing_internal.caller_is_service()
        OR ticketing_internal.member_role(p_function_id, ticketing_internal.caller_id()) IS NOT NULL;
END
$$;

COMMENT ON FUNCTION ticketing_internal.acts_for_organisation IS
'True if the caller is the service, or a member of the organisation of the function.';
