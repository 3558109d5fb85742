-- Reads p_attendee_updates into one selection per element.
--
-- Errors: a data exception if it is not of the documented shape, as in read_submitted_tickets.

CREATE OR REPLACE FUNCTION ticketing_internal.read_attendee_updates(p_attendee_updates jsonb)
RETURNS ticketing_internal.selection[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_element jsonb;
    v_selections ticketing_internal.selection [] := '{}';
BEGIN
    IF NOT coalesce(
        ticketing_internal.is_bounded(p_attendee_updates) AND jsonb_array_length(p_attendee_updates) <= 500, FALSE
    ) THEN
        RAISE data_exception;
    END IF;

    FOR v_index IN 0..jsonb_array_length(p_attendee_updates) - 1 LOOP
        v_element := p_attendee_updates -> v_index;
        IF NOT coalesce(
            jsonb_typeof(v_element -> 'attendee_id') = 'string'
            AND v_element - '{attendee_id,selected_tickets}'::text[] = '{}',
            FALSE
        ) THEN
            RAISE data_exception;
        END IF;
        v_selections := array_append(v_selections, ROW(
            (v_element ->> 'attendee_id')::uuid, v_element -> 'selected_tickets',
            'p_attendee_updates[' || v_index || '].selected_tickets'
        )::ticketing_internal.selection);
    END LOOP;
    RETURN v_selections;
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_attendee_updates IS
'The elements of p_attendee_updates in their order; raises a data exception (SQLSTATE class 22) when they are not of the
documented shape. Their selected_tickets are read by read_selection_lines.';
