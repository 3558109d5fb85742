-- p_attendee_updates as one selection per attendee named. Anything odd raises a data exception,
-- as in read_tickets.

CREATE OR REPLACE FUNCTION ticketing_internal.read_attendee_updates(p_attendee_updates jsonb)
RETURNS ticketing_internal.selection[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_selections ticketing_internal.selection [];
    v_is_sound boolean;
BEGIN
    IF p_attendee_updates IS NULL THEN
        RAISE data_exception;
    END IF;

    SELECT
        array_agg(ROW(
            (element.value ->> 'attendee_id')::uuid,
            element.value -> 'selected_tickets',
            'p_attendee_updates[' || element.ordinality - 1 || '].selected_tickets'
        )::ticketing_internal.selection),
        bool_and(
            coalesce(jsonb_typeof(element.value -> 'attendee_id') = 'string', FALSE)
            AND element.value - '{attendee_id,selected_tickets}'::text[] = '{}'
        )
    INTO v_selections, v_is_sound
    FROM jsonb_array_elements(p_attendee_updates) WITH ORDINALITY AS element;

    IF NOT coalesce(v_is_sound, TRUE) OR cardinality(v_selections) > 500
        OR pg_column_size(p_attendee_updates) > 1048576
    THEN
        RAISE data_exception;
    END IF;
    RETURN coalesce(v_selections, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.read_attendee_updates(jsonb) IS
'The elements of p_attendee_updates in their order; raises a data exception (SQLSTATE class 22) when they are not of the
documented shape. What each selects is read by read_selection_lines.';

REVOKE ALL ON FUNCTION ticketing_internal.read_attendee_updates(jsonb) FROM public;
