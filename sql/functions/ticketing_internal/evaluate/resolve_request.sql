-- Resolve whom a request is about: its lines by attendee_id, in the order of the attendees, with
-- each package and ticket type once per attendee.
--
-- A selection of an unknown attendee, or a second one of the same, leaves the request unresolved;
-- find_reference_issues says what is wrong with it.

CREATE OR REPLACE FUNCTION ticketing_internal.resolve_request(
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request
)
RETURNS ticketing_internal.request
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- longer lists are not searched line by line: merge_lines sorts them
    c_few CONSTANT integer := 100;
    v_request ticketing_internal.request := p_request;
    v_selection_lines ticketing_internal.selection_line [] := p_request.selection_lines;
    v_attendee ticketing_internal.attendee;
    v_attendee_ids uuid [] := '{}';
    v_client_attendee_ids uuid [] := '{}';
    v_selection ticketing_internal.selection;
    v_line ticketing_internal.selection_line := p_request.selection_lines[1];
    v_lines ticketing_internal.selection_line [];
    v_next integer := 1;
    v_index integer := 0;
    v_last_index integer := 0;
    v_named_ids uuid [] := '{}';
    v_subject_id uuid;
    v_subject_ids uuid [];
    v_is_ordered boolean := TRUE;
    v_is_by_id boolean := TRUE;
    v_is_merged boolean := TRUE;
BEGIN
    FOREACH v_attendee IN ARRAY p_attendees LOOP
        v_attendee_ids := array_append(v_attendee_ids, v_attendee.attendee_id);
        v_client_attendee_ids := array_append(v_client_attendee_ids, v_attendee.client_attendee_id);
    END LOOP;

    FOREACH v_selection IN ARRAY p_request.selections LOOP
        -- attendees are mostly named in their order, so the next one is tried first
        v_index := CASE
            WHEN v_selection.attendee_ref IN (v_attendee_ids[v_index + 1], v_client_attendee_ids[v_index + 1])
                THEN v_index + 1
            ELSE coalesce(
                array_position(v_attendee_ids, v_selection.attendee_ref),
                array_position(v_client_attendee_ids, v_selection.attendee_ref)
            )
        END;
        IF v_index IS NOT NULL THEN
            v_is_ordered := v_is_ordered AND v_index > v_last_index;
            v_last_index := v_index;
            v_named_ids := array_append(v_named_ids, v_attendee_ids[v_index]);
        END IF;
        IF v_is_by_id AND v_selection.attendee_ref IS DISTINCT FROM v_attendee_ids[v_index] THEN
            v_is_by_id := FALSE;
            v_lines := v_selection_lines[:v_next - 1];
        END IF;

        -- lines are in the order of the selections that they come from
        v_subject_ids := '{}';
        WHILE v_line.attendee_ref = v_selection.attendee_ref LOOP
            v_subject_id := coalesce(v_line.package_id, v_line.ticket_type_id);
            v_is_merged := v_is_merged AND v_line.quantity > 0 AND cardinality(v_subject_ids) < c_few
                AND v_subject_id <> ALL(v_subject_ids);
            v_subject_ids := array_append(v_subject_ids, v_subject_id);
            IF NOT v_is_by_id THEN
                v_line.attendee_ref := coalesce(v_attendee_ids[v_index], v_line.attendee_ref);
                v_lines := array_append(v_lines, v_line);
            END IF;
            v_next := v_next + 1;
            v_line := v_selection_lines[v_next];
        END LOOP;
    END LOOP;

    IF NOT v_is_by_id THEN
        v_request.selection_lines := v_lines;
    END IF;
    IF v_is_ordered THEN
        v_request.is_resolved := cardinality(v_named_ids) = cardinality(p_request.selections);
        v_request.attendee_ids := v_named_ids;
    ELSE
        v_request.attendee_ids := ARRAY(
            SELECT attendee.attendee_id
            FROM unnest(p_attendees) AS attendee
            INNER JOIN (SELECT DISTINCT unnest(v_named_ids) AS attendee_id) AS named
                ON named.attendee_id = attendee.attendee_id
            ORDER BY attendee.position
        );
        v_request.is_resolved := cardinality(v_request.attendee_ids) = cardinality(p_request.selections);
    END IF;
    v_request.lines := CASE
        WHEN v_is_merged AND v_is_ordered AND v_request.is_resolved THEN v_request.selection_lines
        ELSE ticketing_internal.merge_lines(p_attendees, v_request.selection_lines)
    END;
    RETURN v_request;
END
$$;

COMMENT ON FUNCTION ticketing_internal.resolve_request IS
'p_request with selection_lines by attendee_id, is_resolved, attendee_ids and lines.';
