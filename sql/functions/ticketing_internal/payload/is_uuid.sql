-- Does a text read as a UUID? Asked of the server, so that the answer cannot differ from the
-- cast.

CREATE OR REPLACE FUNCTION ticketing_internal.is_uuid(p_text text)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM p_text::uuid;
    RETURN TRUE;
EXCEPTION
    WHEN data_exception THEN
        RETURN FALSE;
END
$$;

COMMENT ON FUNCTION ticketing_internal.is_uuid IS
 'Whether a text can be cast to uuid.';
