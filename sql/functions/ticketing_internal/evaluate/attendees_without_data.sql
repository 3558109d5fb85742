-- Attendees as issues name them. The data of one attendee can be most of a request, and a join
-- copies it into every line and every issue.

CREATE OR REPLACE FUNCTION ticketing_internal.attendees_without_data(
    p_attendees ticketing_internal.attendee[]
)
RETURNS ticketing_internal.attendee[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_attendee ticketing_internal.attendee;
    v_attendees ticketing_internal.attendee [] := '{}';
BEGIN
    FOREACH v_attendee IN ARRAY p_attendees LOOP
        v_attendee.attendee_data := NULL;
        v_attendees := array_append(v_attendees, v_attendee);
    END LOOP;
    RETURN v_attendees;
END
$$;

COMMENT ON FUNCTION ticketing_internal.attendees_without_data IS
'p_attendees with null as attendee_data.';
