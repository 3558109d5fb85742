-- How messages tell a time: on the clock of the event function, which is where buyers look at it.

CREATE OR REPLACE FUNCTION ticketing_internal.local_time(p_time timestamptz, p_timezone text)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('%s (%s)', to_char(p_time AT TIME ZONE p_timezone, 'YYYY-MM-DD HH24:MI'), p_timezone);
END
$$;

COMMENT ON FUNCTION ticketing_internal.local_time IS
'p_time to the minute on the clock of p_timezone, with its name.';
