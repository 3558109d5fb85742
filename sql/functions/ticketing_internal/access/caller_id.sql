-- The user that the call is made for. Unusable claims (absent, empty, no JSON, no UUID) make the
-- caller a visitor. They never raise an error, since errors would reveal how claims are read.

CREATE OR REPLACE FUNCTION ticketing_internal.caller_id()
RETURNS uuid
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- cast explicitly: an implicit cast of RETURN would fail outside the block
    RETURN (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;
EXCEPTION
    WHEN data_exception OR program_limit_exceeded THEN
        RETURN NULL;
END
$$;

COMMENT ON FUNCTION ticketing_internal.caller_id IS
'The sub claim of request.jwt.claims, which PostgREST and the Python client set for each transaction; null for a visitor.';

-- Policies of the tables need this. Users cannot call it by name: they have no USAGE on the schema.
GRANT EXECUTE ON FUNCTION ticketing_internal.caller_id TO authenticated;
