-- The attendees of a registration, as the evaluator sees them, in its order.

CREATE OR REPLACE FUNCTION ticketing_internal.load_attendees(
    p_function_id uuid, p_registration_id uuid
)
RETURNS ticketing_internal.attendee[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_attendees ticketing_internal.attendee [];
BEGIN
    SELECT array_agg(ROW(
        attendee.attendee_id,
        attendee.client_attendee_id,
        coalesce(
            nullif(concat_ws(' ', nullif(trim(attendee.first_name), ''), nullif(trim(attendee.last_name), '')), ''),
            attendee.attendee_type
        ),
        attendee.attendee_type,
        attendee.is_partner,
        attendee.attendee_data
    )::ticketing_internal.attendee ORDER BY attendee.position, attendee.attendee_id)
    INTO v_attendees
    FROM ticketing.attendees AS attendee
    WHERE attendee.function_id = p_function_id
        AND attendee.registration_id = p_registration_id;

    RETURN coalesce(v_attendees, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.load_attendees IS
'Every attendee of a registration with the facts that rules look at, in the order of the wizard.';
