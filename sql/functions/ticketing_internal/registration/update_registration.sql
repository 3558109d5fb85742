-- Stores the wizard's object of a registration that exists: its type, contact and data.
-- Lock order: the caller has locked the registration.

CREATE OR REPLACE FUNCTION ticketing_internal.update_registration(
    p_registration ticketing.registrations,
    p_submitted ticketing_internal.submitted_registration,
    p_now timestamptz
)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE ticketing.registrations AS registration
    SET
        registration_type = p_submitted.registration_type,
        booking_contact = p_submitted.booking_contact,
        registration_data = p_submitted.registration_data,
        updated_at = p_now
    WHERE registration.function_id = p_registration.function_id
        AND registration.registration_id = p_registration.registration_id
        AND (registration.registration_type, registration.booking_contact, registration.registration_data)
        IS DISTINCT FROM (
            p_submitted.registration_type, p_submitted.booking_contact, p_submitted.registration_data
        );
    RETURN found;
END
$$;

COMMENT ON FUNCTION ticketing_internal.update_registration IS
'Updates p_registration from p_submitted; whether anything has changed.';
