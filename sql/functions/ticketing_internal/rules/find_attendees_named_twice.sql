-- Is every attendee listed once, whichever of the two ids is used?

CREATE OR REPLACE FUNCTION ticketing_internal.find_attendees_named_twice(
    p_attendees ticketing_internal.attendee[],
    p_submitted ticketing_internal.submitted_attendee[]
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb;
BEGIN
    SELECT jsonb_agg(
        CASE
            WHEN (duplicate.attendee).attendee_id IS NULL THEN ticketing_internal.issue(
                'attendee_named_twice', format('p_attendees[%s].attendeeId', duplicate.position),
                'The same attendee is listed twice; send one entry per attendee.',
                p_actual => to_jsonb(duplicate.attendee_ref)
            )
            ELSE ticketing_internal.issue(
                'attendee_named_twice', format('p_attendees[%s].attendeeId', duplicate.position),
                format('%s is listed twice; send one entry per attendee.', (duplicate.attendee).name),
                duplicate.attendee
            )
        END ORDER BY duplicate.position
    )
    INTO v_issues
    FROM (
        SELECT
            submitted.position,
            submitted.attendee_ref,
            reference.attendee,
            row_number() OVER (
                PARTITION BY coalesce((reference.attendee).attendee_id, submitted.attendee_ref)
                ORDER BY submitted.position
            ) AS occurrence
        FROM (
            -- without the objects, which can be large
            SELECT
                each.position,
                each.attendee_ref
            FROM unnest(p_submitted) AS each
        ) AS submitted
        LEFT JOIN ticketing_internal.attendee_references(
            ticketing_internal.attendees_without_data(p_attendees)
        ) AS reference ON reference.ref = submitted.attendee_ref
    ) AS duplicate
    WHERE duplicate.occurrence > 1;

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_attendees_named_twice IS
'Issues of the elements of p_attendees, as read in p_submitted, that name an attendee again, one of those in p_attendees or one that
is new; [] when there are none.';
