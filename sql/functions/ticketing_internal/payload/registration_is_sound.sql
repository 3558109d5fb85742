-- Is a registration object of the documented shape? In bulk casts, as the readers do it; what is
-- wrong with one that is not is left to payload_issues.

CREATE OR REPLACE FUNCTION ticketing_internal.registration_is_sound(p_data jsonb)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_amount CONSTANT text := '^[0-9]{1,10}([.][0-9]{1,2}0{0,20})?$';
    v_primary CONSTANT jsonb := nullif(p_data -> 'primaryAttendee', 'null');
    v_additional CONSTANT jsonb := coalesce(nullif(p_data -> 'additionalAttendees', 'null'), '[]');
BEGIN
    RETURN pg_column_size(p_data) <= 1048576
        AND jsonb_typeof(v_additional) = 'array'
        AND jsonb_array_length(v_additional) <= 499
        AND ticketing_internal.attendees_are_sound(
            CASE WHEN v_primary IS NULL THEN '[]' ELSE jsonb_build_array(v_primary) END || v_additional
        )
        AND (
            SELECT
                coalesce(jsonb_typeof(registration."functionId") = 'string', FALSE)
                AND coalesce(jsonb_typeof(registration."registrationId") IN ('string', 'null'), TRUE)
                AND coalesce(jsonb_typeof(registration."authUserId") IN ('string', 'null'), TRUE)
                -- always so, but none of them may be a text that cannot be cast
                AND num_nulls(
                    (registration."functionId" #>> '{}')::uuid, (registration."registrationId" #>> '{}')::uuid,
                    (registration."authUserId" #>> '{}')::uuid
                ) >= 0
                AND coalesce(registration."registrationType" IN (
                    'individual', 'individuals', 'lodge', 'lodges', 'delegation', 'delegations'
                ), TRUE)
                AND coalesce(registration.subtotal ~ c_amount, TRUE)
                AND coalesce(jsonb_typeof(registration."billingDetails") IN ('object', 'null'), TRUE)
                AND coalesce(jsonb_typeof(registration."billingDetails" -> 'title') IN ('string', 'null'), TRUE)
                AND coalesce(jsonb_typeof(registration."billingDetails" -> 'firstName') IN ('string', 'null'), TRUE)
                AND coalesce(jsonb_typeof(registration."billingDetails" -> 'lastName') IN ('string', 'null'), TRUE)
                AND coalesce(jsonb_typeof(registration."billingDetails" -> 'emailAddress') IN ('string', 'null'), TRUE)
                AND coalesce(jsonb_typeof(registration."billingDetails" -> 'mobileNumber') IN ('string', 'null'), TRUE)
            FROM jsonb_to_record(p_data) AS registration (
                "functionId" jsonb, "registrationId" jsonb, "registrationType" text, "authUserId" jsonb, subtotal text,
                "billingDetails" jsonb
            )
        );
EXCEPTION
    WHEN data_exception THEN
        RETURN FALSE;
END
$$;

COMMENT ON FUNCTION ticketing_internal.registration_is_sound IS
'Whether p_data is certainly what payload_schema says of p_registration_data; false also when that takes a closer look.';
