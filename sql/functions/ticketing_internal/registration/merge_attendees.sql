-- What submitted attendee objects make of the stored ones: keys that are given replace, all others
-- stay. Objects are merged one by one: those of a registration can be larger together than an
-- argument may be.
--
-- Errors: TK001 (more attendees, or a larger object, than a call could have sent).

CREATE OR REPLACE FUNCTION ticketing_internal.merge_attendees(
    p_registration ticketing.registrations,
    p_stored ticketing_internal.attendee[],
    p_submitted ticketing_internal.submitted_attendee[]
)
RETURNS ticketing_internal.submitted_attendee[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_most_attendees CONSTANT integer := 500;
    v_indexes integer [];
    v_positions integer [];
    v_added_refs uuid [] := '{}';
    v_submitted ticketing_internal.submitted_attendee;
    v_stored ticketing_internal.attendee;
    v_before jsonb;
    v_merged jsonb;
    v_path text;
    v_changed ticketing_internal.submitted_attendee [] := '{}';
    v_issues jsonb := '[]';
BEGIN
    SELECT array_agg((reference.attendee).position ORDER BY submitted.position)
    INTO v_indexes
    FROM (
        -- without the objects, which can be large
        SELECT
            each.position,
            each.attendee_ref
        FROM unnest(p_submitted) AS each
    ) AS submitted
    LEFT JOIN ticketing_internal.attendee_references(
        ticketing_internal.attendees_without_data(p_stored)
    ) AS reference ON reference.ref = submitted.attendee_ref;

    v_positions := ARRAY(
        SELECT attendee.position
        FROM ticketing.attendees AS attendee
        WHERE attendee.function_id = p_registration.function_id
            AND attendee.registration_id = p_registration.registration_id
        ORDER BY attendee.position, attendee.attendee_id
    );

    FOREACH v_submitted IN ARRAY p_submitted LOOP
        v_path := format('p_attendees[%s]', v_submitted.position);
        v_stored := p_stored[v_indexes[v_submitted.position + 1]];
        v_merged := v_submitted.attendee_data - 'selected_tickets';
        IF v_stored.attendee_id IS NULL THEN
            CONTINUE WHEN v_submitted.attendee_ref = ANY(v_added_refs);
            v_added_refs := array_append(v_added_refs, v_submitted.attendee_ref);
            v_submitted.attendee_data := v_merged;
            v_submitted.position := coalesce(v_positions[cardinality(v_positions)], -1) + cardinality(v_added_refs);
            v_changed := array_append(v_changed, v_submitted);
            IF cardinality(p_stored) + cardinality(v_added_refs) > c_most_attendees THEN
                v_issues := v_issues || ticketing_internal.issue(
                    'too_large', v_path,
                    format('A registration has at most %s attendees.', c_most_attendees),
                    p_expected => to_jsonb(c_most_attendees)
                );
                EXIT;
            END IF;
            CONTINUE;
        END IF;

        v_before := v_stored.attendee_data - 'selected_tickets';
        -- it keeps the id by which the wizard knows it, whichever of the two it was named by
        v_merged := v_before || v_merged || jsonb_build_object(
            'attendeeId', coalesce(v_before -> 'attendeeId', to_jsonb(v_stored.client_attendee_id))
        );
        CONTINUE WHEN v_merged = v_before;

        v_merged := jsonb_build_array(v_merged);
        IF NOT ticketing_internal.is_bounded(v_merged) THEN
            v_issues := v_issues || ticketing_internal.bound_issues(v_path, v_merged);
            CONTINUE;
        END IF;
        v_submitted := (ticketing_internal.read_attendees(v_merged))[1];
        v_submitted.attendee_ref := v_stored.client_attendee_id;
        v_submitted.position := v_positions[v_stored.position];
        v_changed := array_append(v_changed, v_submitted);
    END LOOP;

    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK001', v_issues);
    END IF;
    RETURN v_changed;
END
$$;

COMMENT ON FUNCTION ticketing_internal.merge_attendees IS
'Those of p_submitted, as read from p_attendees, that are not among p_stored, the attendees of p_registration, or differ: whole,
merged with what is stored, each with the position and the client id that it has or gets in the registration.';
