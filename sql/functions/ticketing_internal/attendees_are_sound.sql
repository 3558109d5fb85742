-- Are attendee objects of the documented shape? In bulk casts, as the readers do it; what is wrong
-- with those that are not is left to payload_issues.

CREATE OR REPLACE FUNCTION ticketing_internal.attendees_are_sound(p_attendees jsonb)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_types CONSTANT text := '^([A-Za-z][A-Za-z_-]{0,49}( |$))*$';
BEGIN
    RETURN jsonb_array_length(p_attendees) <= 500
        AND pg_column_size(p_attendees) <= 1048576
        AND (
            SELECT
                coalesce(bool_and(
                    attendee."attendeeId" IS NOT NULL
                    AND coalesce(jsonb_typeof(attendee."attendeeType") = 'string', FALSE)
                    -- or it could pass for two
                    AND (attendee."attendeeType" #>> '{}') NOT LIKE '% %'
                    AND coalesce(jsonb_typeof(attendee."isPrimary") IN ('boolean', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee.title) IN ('string', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee."firstName") IN ('string', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee."lastName") IN ('string', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee."primaryEmail") IN ('string', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee."primaryPhone") IN ('string', 'null'), TRUE)
                ), TRUE)
                AND coalesce(string_agg(attendee."attendeeType" #>> '{}', ' ') ~ c_types, TRUE)
            FROM jsonb_to_recordset(p_attendees) AS attendee (
                "attendeeId" uuid, "attendeeType" jsonb, "isPrimary" jsonb, title jsonb, "firstName" jsonb,
                "lastName" jsonb, "primaryEmail" jsonb, "primaryPhone" jsonb, partner uuid, "partnerOf" uuid,
                "guestOfId" uuid
            )
        );
EXCEPTION
    WHEN data_exception THEN
        RETURN FALSE;
END
$$;

COMMENT ON FUNCTION ticketing_internal.attendees_are_sound(jsonb) IS
'Whether p_attendees is certainly what payload_schema says of p_attendees; false also when that takes a closer look.';

REVOKE ALL ON FUNCTION ticketing_internal.attendees_are_sound(jsonb) FROM public;
