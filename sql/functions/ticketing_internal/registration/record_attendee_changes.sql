-- Records what a call has made of attendees: one change for each, with only the values that differ.
--
-- Lock order: the caller has locked the registration.

CREATE OR REPLACE FUNCTION ticketing_internal.record_attendee_changes(
    p_registration ticketing.registrations,
    p_previous ticketing_internal.attendee[],
    p_changed ticketing_internal.submitted_attendee[],
    p_now timestamptz
)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_change record;
    v_old_values jsonb;
    v_new_values jsonb;
    v_added integer := 0;
BEGIN
    FOR v_change IN
        SELECT
            stored.attendee_id,
            previous.attendee_data - 'selected_tickets' AS old_data,
            changed.attendee_data AS new_data
        FROM unnest(p_changed) AS changed
        INNER JOIN ticketing.attendees AS stored
            ON stored.function_id = p_registration.function_id
            AND stored.registration_id = p_registration.registration_id
            AND stored.client_attendee_id = changed.attendee_ref
        LEFT JOIN unnest(p_previous) AS previous ON previous.client_attendee_id = changed.attendee_ref
        ORDER BY changed.position
    LOOP
        IF v_change.old_data IS NULL THEN
            v_added := v_added + 1;
            PERFORM ticketing_internal.record_registration_change(
                p_registration, 'attendee_added', NULL, v_change.new_data, p_now,
                p_attendee_id => v_change.attendee_id
            );
        ELSE
            SELECT
                jsonb_object_agg(entry.key, v_change.old_data -> entry.key) FILTER (WHERE v_change.old_data ? entry.key),
                jsonb_object_agg(entry.key, entry.value)
            INTO v_old_values, v_new_values
            FROM jsonb_each(v_change.new_data) AS entry
            WHERE v_change.old_data -> entry.key IS DISTINCT FROM entry.value;

            PERFORM ticketing_internal.record_registration_change(
                p_registration, 'attendee_updated', v_old_values, v_new_values, p_now,
                p_attendee_id => v_change.attendee_id
            );
        END IF;
    END LOOP;
    RETURN v_added;
END
$$;

COMMENT ON FUNCTION ticketing_internal.record_attendee_changes IS
'Records that p_changed, saved in p_registration (with its new revision), were added or updated, p_previous being the attendees
before; how many were added.';
