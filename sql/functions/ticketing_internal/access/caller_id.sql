-- The user on whose behalf the call is made. Claims that say nothing usable (absent, empty, no
-- JSON, no UUID) make a caller nobody; they never fail, so that nobody learns from an error how
-- claims are read.

CREATE OR REPLACE FUNCTION ticketing_internal.caller_id()
RETURNS uuid
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- cast here, since what RETURN casts by itself fails outside the block
    RETURN (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;
EXCEPTION
    WHEN data_exception OR program_limit_exceeded THEN
        RETURN NULL;
END
$$;

COMMENT ON FUNCTION ticketing_internal.caller_id IS
'The sub claim of request.jwt.claims, which PostgREST and the Python client set for each transaction; null for nobody.';

-- for the policies of the tables; by name users cannot call it, for the schema is closed to them
GRANT EXECUTE ON FUNCTION ticketing_internal.caller_id TO authenticated;
