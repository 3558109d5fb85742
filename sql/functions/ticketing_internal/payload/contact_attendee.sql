-- The attendee through whom a lodge or delegation without a primary attendee books.

CREATE OR REPLACE FUNCTION ticketing_internal.contact_attendee(
    p_registration_id uuid, p_contact jsonb
)
RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'attendeeId', p_registration_id,
        'attendeeType', 'contact',
        'title', p_contact -> 'title',
        'firstName', p_contact -> 'firstName',
        'lastName', p_contact -> 'lastName',
        'primaryEmail', p_contact -> 'emailAddress',
        'primaryPhone', p_contact -> 'mobileNumber'
    ));
END
$$;

COMMENT ON FUNCTION ticketing_internal.contact_attendee IS
'The attendee object that p_contact, the billingDetails of a registration, makes: of type contact, with the registration id as its
attendeeId.';
