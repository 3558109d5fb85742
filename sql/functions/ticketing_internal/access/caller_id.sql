-- The user that the call is made for. Unusable claims (absent, empty, no JSON, no sub) make the
-- caller a visitor. They never raise an error, since errors would reveal how claims are read. The
-- role decides as well, so that claims alone make no user of a visitor.
--
-- SECURITY DEFINER, because policies call it with the rights of the role that reads, which cannot
-- call claimed_user_id.

CREATE OR REPLACE FUNCTION ticketing_internal.caller_id()
RETURNS uuid
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_user_id uuid;
BEGIN
    -- the role of users first, as the call of a function costs microseconds
    IF current_setting('role') <> 'authenticated'
        AND NOT pg_has_role(ticketing_internal.caller_role(), 'authenticated', 'USAGE')
        AND NOT ticketing_internal.caller_is_service()
    THEN
        RETURN NULL;
    END IF;
    v_user_id := nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub';
    -- a UUID of a version up to 7, or none: no more is to be done, and most calls end here
    IF v_user_id IS NULL OR get_byte(uuid_send(v_user_id), 6) < 128 THEN
        RETURN v_user_id;
    END IF;
    RETURN ticketing_internal.claimed_user_id();
EXCEPTION
    WHEN data_exception OR program_limit_exceeded THEN
        RETURN ticketing_internal.claimed_user_id();
END
$$;

COMMENT ON FUNCTION ticketing_internal.caller_id IS
'The user that the sub claim of request.jwt.claims names, which PostgREST and the Python client set for each transaction; null
for a visitor, which every role is that neither has the rights of authenticated nor is the service.';

-- Policies of the tables need this. Users cannot call it by name: they have no USAGE on the schema.
GRANT EXECUTE ON FUNCTION ticketing_internal.caller_id TO authenticated;
