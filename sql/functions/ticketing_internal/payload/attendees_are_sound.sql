-- Are attendee objects of the documented shape? In bulk casts, as the readers do it; what is wrong
-- with those that are not is left to payload_issues.

CREATE OR REPLACE FUNCTION ticketing_internal.attendees_are_sound(p_attendees jsonb)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- all types at once, since starting the matcher costs more than what it reads
    c_types CONSTANT text := '^[A-Za-z][A-Za-z_-]{0,49}( [A-Za-z][A-Za-z_-]{0,49})*$';
BEGIN
    RETURN jsonb_array_length(p_attendees) <= 500
        AND pg_column_size(p_attendees) <= 1048576
        AND (
            SELECT
                coalesce(bool_and(
                    coalesce(jsonb_typeof(attendee."attendeeId") = 'string', FALSE)
                    AND coalesce(jsonb_typeof(attendee."attendeeType") = 'string', FALSE)
                    -- or it could pass for two
                    AND (attendee."attendeeType" #>> '{}') NOT LIKE '% %'
                    AND coalesce(jsonb_typeof(attendee."isPrimary") IN ('boolean', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee.title) IN ('string', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee."firstName") IN ('string', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee."lastName") IN ('string', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee."primaryEmail") IN ('string', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee."primaryPhone") IN ('string', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee.partner) IN ('string', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee."partnerOf") IN ('string', 'null'), TRUE)
                    AND coalesce(jsonb_typeof(attendee."guestOfId") IN ('string', 'null'), TRUE)
                    -- always so, but none of them may be a text that cannot be cast
                    AND num_nulls(
                        (attendee."attendeeId" #>> '{}')::uuid, (attendee.partner #>> '{}')::uuid,
                        (attendee."partnerOf" #>> '{}')::uuid, (attendee."guestOfId" #>> '{}')::uuid
                    ) >= 0
                ), TRUE)
                AND coalesce(string_agg(attendee."attendeeType" #>> '{}', ' ') ~ c_types, TRUE)
            FROM jsonb_to_recordset(p_attendees) AS attendee (
                "attendeeId" jsonb, "attendeeType" jsonb, "isPrimary" jsonb, title jsonb, "firstName" jsonb,
                "lastName" jsonb, "primaryEmail" jsonb, "primaryPhone" jsonb, partner jsonb, "partnerOf" jsonb,
                "guestOfId" jsonb
            )
        );
EXCEPTION
    WHEN data_exception THEN
        RETURN FALSE;
END
$$;

COMMENT ON FUNCTION ticketing_internal.attendees_are_sound IS
'Whether p_attendees is certainly what payload_schema says of p_attendees; false also when that takes a closer look.';
