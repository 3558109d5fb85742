-- The attendees in the wizard's registration object, the primary one first. A lodge or
-- delegation without one books through its contact, who then holds the tickets.

CREATE OR REPLACE FUNCTION ticketing_internal.list_attendees(p_data jsonb, p_registration_id uuid)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_contact CONSTANT jsonb := nullif(p_data -> 'billingDetails', 'null');
BEGIN
    RETURN jsonb_build_array(coalesce(
        nullif(p_data -> 'primaryAttendee', 'null'),
        jsonb_strip_nulls(jsonb_build_object(
            'attendeeId', p_registration_id,
            'attendeeType', 'contact',
            'title', v_contact -> 'title',
            'firstName', v_contact -> 'firstName',
            'lastName', v_contact -> 'lastName',
            'primaryEmail', v_contact -> 'emailAddress',
            'primaryPhone', v_contact -> 'mobileNumber'
        ))
    )) || coalesce(nullif(p_data -> 'additionalAttendees', 'null'), '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.list_attendees IS
'The attendee objects of p_registration_data; without a primary attendee, one made of its billingDetails comes first, with
the registration id as its attendeeId.';
