-- Load the attendees of a registration, in its order, as the evaluator sees them.

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
        -- attendee_name, written out: this runs for every attendee of every call
        left(coalesce(
            nullif(concat_ws(' ', nullif(trim(attendee.first_name), ''), nullif(trim(attendee.last_name), '')), ''),
            attendee.attendee_type
        ), 200),
        attendee.attendee_type,
        attendee.is_partner,
        attendee.attendee_data,
        attendee.index
    )::ticketing_internal.attendee)
    INTO v_attendees
    FROM (
        SELECT
            stored.*,
            row_number() OVER (ORDER BY stored.position, stored.attendee_id) AS index
        FROM ticketing.attendees AS stored
        WHERE stored.function_id = p_function_id
            AND stored.registration_id = p_registration_id
    ) AS attendee;

    RETURN coalesce(v_attendees, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.load_attendees IS
'Every attendee of a registration with the facts that rules look at, in the order of the wizard.';
