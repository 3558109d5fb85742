-- Whether a text is a UUID, decided by the cast itself, so that the two cannot disagree.

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
