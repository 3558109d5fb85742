-- Does a text name one moment? Without an offset it would mean another moment in every session.

CREATE OR REPLACE FUNCTION ticketing_internal.is_timestamp(p_text text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM p_text::timestamptz;
    RETURN p_text ~ '^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$';
EXCEPTION
    WHEN data_exception THEN
        RETURN FALSE;
END
$$;

COMMENT ON FUNCTION ticketing_internal.is_timestamp(text) IS
'Whether a text is an ISO 8601 date and time with an offset from UTC that exists in the calendar.';

REVOKE ALL ON FUNCTION ticketing_internal.is_timestamp(text) FROM public;
