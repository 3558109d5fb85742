-- What is known of an attendee: columns win over keys of the same name.

CREATE OR REPLACE FUNCTION ticketing_internal.attendee_fact(
    p_fact text,
    p_registration_type text,
    p_attendee_type text,
    p_attendee_data jsonb
)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE p_fact
        WHEN 'attendee_type' THEN to_jsonb(p_attendee_type)
        WHEN 'registration_type' THEN to_jsonb(p_registration_type)
        ELSE p_attendee_data -> p_fact
    END;
END
$$;

COMMENT ON FUNCTION ticketing_internal.attendee_fact IS
'The fact that a rule asks for: attendee_type, registration_type, or any top-level key of attendee_data; null when it is not
there.';
