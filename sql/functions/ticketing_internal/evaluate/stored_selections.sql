-- What all attendees of a registration have selected, for calls that name the registration alone.

CREATE OR REPLACE FUNCTION ticketing_internal.stored_selections(
    p_attendees ticketing_internal.attendee[]
)
RETURNS ticketing_internal.selection[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW(
            attendee.attendee_id, attendee.attendee_data -> 'selected_tickets', 'p_registration_id'
        )::ticketing_internal.selection
        FROM unnest(p_attendees) AS attendee
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.stored_selections IS
'The stored selection of each of p_attendees, as one of p_registration_id.';
