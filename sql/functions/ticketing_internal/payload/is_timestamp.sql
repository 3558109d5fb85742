-- Whether a text is an unambiguous point in time. Without an offset it would mean another one in
-- every session.

CREATE OR REPLACE FUNCTION ticketing_internal.is_timestamp(p_text text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- without a backslash, whose meaning depends on standard_conforming_strings
    c_iso_8601 CONSTANT text :=
        '^[0-9]{4}(-[0-9]{2}){2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$';
BEGIN
    PERFORM p_text::timestamptz;
    RETURN p_text ~ c_iso_8601;
EXCEPTION
    WHEN data_exception THEN
        RETURN FALSE;
END
$$;

COMMENT ON FUNCTION ticketing_internal.is_timestamp IS
'Whether a text is an ISO 8601 date and time with an offset from UTC that exists in the calendar.';
