-- Reads p_registration_data, the wizard's registration object, into a typed row.
--
-- Errors: a data exception if it is not of the documented shape or lacks what this caller must
-- send; registration_data_issues then says why.

CREATE OR REPLACE FUNCTION ticketing_internal.read_registration(p_data jsonb, p_is_service boolean)
RETURNS ticketing_internal.submitted_registration
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_sum CONSTANT text := '^[0-9]{1,10}([.][0-9]{1,30})?$';
    c_max_sum CONSTANT numeric := 9999999999.99;
    v_primary CONSTANT jsonb := nullif(p_data -> 'primaryAttendee', 'null');
    v_additional CONSTANT jsonb := coalesce(nullif(p_data -> 'additionalAttendees', 'null'), '[]');
    v_contact CONSTANT jsonb := nullif(p_data -> 'billingDetails', 'null');
    v_registration ticketing_internal.submitted_registration;
    v_is_sound boolean;
BEGIN
    IF ticketing_internal.is_bounded(p_data) IS NOT TRUE THEN
        RAISE data_exception;
    END IF;
    SELECT
        (registration."functionId" #>> '{}')::uuid,
        (registration."registrationId" #>> '{}')::uuid,
        (registration."authUserId" #>> '{}')::uuid,
        rtrim(coalesce(registration."registrationType", 'individuals'), 's') || 's',
        round((registration.subtotal #>> '{}')::numeric, 2),
        coalesce(jsonb_typeof(registration."functionId") = 'string', FALSE)
        AND coalesce(jsonb_typeof(registration."registrationId") IN ('string', 'null'), TRUE)
        AND coalesce(jsonb_typeof(registration."authUserId") IN ('string', 'null'), TRUE)
        AND coalesce(registration."registrationType" IN (
            'individual', 'individuals', 'lodge', 'lodges', 'delegation', 'delegations'
        ), TRUE)
        -- a string as text, because numeric reads more than amounts
        AND coalesce(CASE jsonb_typeof(registration.subtotal)
            WHEN 'number' THEN registration.subtotal::numeric BETWEEN 0 AND c_max_sum
            ELSE registration.subtotal #>> '{}' ~ c_sum
        END, TRUE)
    INTO
        v_registration.function_id, v_registration.registration_id, v_registration.owner_id,
        v_registration.registration_type, v_registration.subtotal, v_is_sound
    FROM jsonb_to_record(p_data) AS registration (
        "functionId" jsonb, "registrationId" jsonb, "registrationType" text, "authUserId" jsonb, subtotal jsonb
    );

    IF NOT coalesce(
        v_is_sound
        AND jsonb_typeof(v_additional) = 'array'
        AND coalesce(jsonb_typeof(v_contact) = 'object', TRUE)
        AND coalesce(jsonb_typeof(v_contact -> 'title') IN ('string', 'null'), TRUE)
        AND coalesce(jsonb_typeof(v_contact -> 'firstName') IN ('string', 'null'), TRUE)
        AND coalesce(jsonb_typeof(v_contact -> 'lastName') IN ('string', 'null'), TRUE)
        AND coalesce(jsonb_typeof(v_contact -> 'emailAddress') IN ('string', 'null'), TRUE)
        AND coalesce(jsonb_typeof(v_contact -> 'mobileNumber') IN ('string', 'null'), TRUE)
        AND (
            v_primary IS NOT NULL OR (v_registration.registration_type <> 'individuals' AND v_contact IS NOT NULL)
        )
        AND (NOT p_is_service OR v_registration.owner_id IS NOT NULL),
        FALSE
    ) THEN
        RAISE data_exception;
    END IF;

    v_registration.registration_id := coalesce(v_registration.registration_id, gen_random_uuid());
    v_registration.booking_contact := v_contact;
    v_registration.registration_data := p_data - '{primaryAttendee,additionalAttendees}'::text[]
        || jsonb_build_object('registrationId', v_registration.registration_id);
    -- a lodge or delegation without a primary attendee books through its contact, who then holds the
    -- tickets
    v_registration.attendees := ticketing_internal.read_attendees(jsonb_build_array(coalesce(
        v_primary,
        ticketing_internal.contact_attendee(v_registration.registration_id, v_contact)
    )) || v_additional);
    RETURN v_registration;
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_registration IS
'p_data as a typed row; without a primary attendee, one made of its billingDetails comes first, with the registration id
as its attendeeId. Raises a data exception (SQLSTATE class 22) when registration_data_issues has issues.';
