-- An attendee who leaves a registration selects nothing.

CREATE OR REPLACE FUNCTION ticketing_internal.empty_selections(p_attendee_ids uuid[])
RETURNS ticketing_internal.selection[]
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW(leaving, '{}'::jsonb, 'p_registration_data.additionalAttendees')::ticketing_internal.selection
        FROM unnest(p_attendee_ids) AS leaving
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.empty_selections IS
'An empty selection of each attendee in p_attendee_ids, as if p_registration_data selected it.';
