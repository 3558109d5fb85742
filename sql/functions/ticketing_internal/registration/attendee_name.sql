-- The name of an attendee in messages and lists.

CREATE OR REPLACE FUNCTION ticketing_internal.attendee_name(
    p_first_name text, p_last_name text, p_attendee_type text
)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(
        nullif(concat_ws(' ', nullif(trim(p_first_name), ''), nullif(trim(p_last_name), '')), ''),
        p_attendee_type
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.attendee_name IS
'First and last name, as far as known; without either, the type of the attendee.';
