-- A point in time as people write it: the clock of a time zone, and its offset from UTC, no matter
-- which time zone the session has.

CREATE OR REPLACE FUNCTION ticketing_internal.offset_time(p_time timestamptz, p_timezone text)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_local CONSTANT timestamp := p_time AT TIME ZONE p_timezone;
    v_minutes CONSTANT integer := extract(EPOCH FROM v_local - (p_time AT TIME ZONE 'UTC')) / 60;
BEGIN
    RETURN rtrim(rtrim(to_char(v_local, 'YYYY-MM-DD"T"HH24:MI:SS.US'), '0'), '.')
        || CASE WHEN v_minutes < 0 THEN '-' ELSE '+' END
        || to_char(abs(v_minutes) / 60, 'FM00') || ':' || to_char(abs(v_minutes) % 60, 'FM00');
END
$$;

COMMENT ON FUNCTION ticketing_internal.offset_time IS
'ISO 8601: 2031-05-08T09:00:00+02:00.';
