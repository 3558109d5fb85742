-- Reads the wizard's attendee objects (p_attendees, or those of a registration) into rows, all
-- casts in one pass.
--
-- Errors: a data exception if they are not of the documented shape, as in read_submitted_tickets.

CREATE OR REPLACE FUNCTION ticketing_internal.read_attendees(p_attendees jsonb)
RETURNS ticketing_internal.submitted_attendee[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- all types in one text: starting the regular expression costs more than matching it
    c_types CONSTANT text := '^[A-Za-z][A-Za-z_-]{0,49}( [A-Za-z][A-Za-z_-]{0,49})*$';
    v_attendees ticketing_internal.submitted_attendee [];
    v_is_sound boolean;
BEGIN
    IF NOT coalesce(ticketing_internal.is_bounded(p_attendees) AND jsonb_array_length(p_attendees) <= 500, FALSE) THEN
        RAISE data_exception;
    END IF;

    SELECT
        array_agg(ROW(
            attendee.ordinality - 1,
            (attendee.attendee_id #>> '{}')::uuid,
            attendee.attendee_type #>> '{}',
            -- recorded states carry isPartner as a boolean or as the id of the other attendee
            coalesce(attendee.partner_of #>> '{}', nullif(attendee.is_partner, 'false')) IS NOT NULL,
            coalesce(attendee.partner_of #>> '{}', attendee.guest_of #>> '{}', attendee.partner #>> '{}')::uuid,
            attendee.title #>> '{}',
            attendee.first_name #>> '{}',
            attendee.last_name #>> '{}',
            attendee.email #>> '{}',
            attendee.phone #>> '{}',
            attendee.value
        )::ticketing_internal.submitted_attendee),
        bool_and(
            coalesce(jsonb_typeof(attendee.attendee_id) = 'string', FALSE)
            AND coalesce(jsonb_typeof(attendee.attendee_type) = 'string', FALSE)
            -- with a space it would count as two types below
            AND (attendee.attendee_type #>> '{}') NOT LIKE '% %'
            AND coalesce(jsonb_typeof(attendee.is_primary) IN ('boolean', 'null'), TRUE)
            AND coalesce(jsonb_typeof(attendee.title) IN ('string', 'null'), TRUE)
            AND coalesce(jsonb_typeof(attendee.first_name) IN ('string', 'null'), TRUE)
            AND coalesce(jsonb_typeof(attendee.last_name) IN ('string', 'null'), TRUE)
            AND coalesce(jsonb_typeof(attendee.email) IN ('string', 'null'), TRUE)
            AND coalesce(jsonb_typeof(attendee.phone) IN ('string', 'null'), TRUE)
            AND coalesce(jsonb_typeof(attendee.partner) IN ('string', 'null'), TRUE)
            AND coalesce(jsonb_typeof(attendee.partner_of) IN ('string', 'null'), TRUE)
            AND coalesce(jsonb_typeof(attendee.guest_of) IN ('string', 'null'), TRUE)
            -- always true, but each of them has to be a UUID, also those that related_ref leaves out
            AND num_nulls(
                (attendee.partner_of #>> '{}')::uuid, (attendee.guest_of #>> '{}')::uuid,
                (attendee.partner #>> '{}')::uuid
            ) >= 0
        ) AND string_agg(attendee.attendee_type #>> '{}', ' ') ~ c_types
    INTO v_attendees, v_is_sound
    -- the same array twice, side by side: as columns, and as whole objects
    FROM ROWS FROM (
        jsonb_to_recordset(p_attendees) AS (
            "attendeeId" jsonb, "attendeeType" jsonb, "isPrimary" jsonb, title jsonb, "firstName" jsonb,
            "lastName" jsonb, "primaryEmail" jsonb, "primaryPhone" jsonb, partner jsonb, "partnerOf" jsonb,
            "guestOfId" jsonb, "isPartner" text
        ),
        jsonb_array_elements(p_attendees)
    ) WITH ORDINALITY AS attendee (
        attendee_id, attendee_type, is_primary, title, first_name, last_name, email, phone, partner, partner_of,
        guest_of, is_partner, value, ordinality
    );

    IF v_attendees IS NOT NULL AND v_is_sound IS NOT TRUE THEN
        RAISE data_exception;
    END IF;
    RETURN coalesce(v_attendees, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_attendees IS
'The elements of p_attendees in their order; raises a data exception (SQLSTATE class 22) when they are not of the
documented shape.';
