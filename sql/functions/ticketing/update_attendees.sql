-- Guarantees: the named attendees have the given values, all other values and attendees stay; or
-- nothing changes and all issues are listed. Tickets keep their ids and prices, and attendees hold
-- none that their new values do not allow.
-- Lock order: the catalogue (shared), the registration.
-- Errors: 42501, TK002, TK001, TK003, TK006, TK004.

CREATE OR REPLACE FUNCTION ticketing.update_attendees(
    p_registration_id uuid, p_attendees jsonb, p_expected_revision integer DEFAULT NULL
)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_access ticketing_internal.access := ticketing_internal.authorise_registration(p_registration_id);
    v_function_id uuid := v_access.function_id;
    v_submitted ticketing_internal.submitted_attendee [];
    v_registration ticketing.registrations;
    v_function ticketing.functions;
    v_now timestamptz;
    v_stored ticketing_internal.attendee [];
    v_changed ticketing_internal.submitted_attendee [];
    v_named_ids uuid [];
    v_request ticketing_internal.request;
    v_issues jsonb;
    v_previous_issues jsonb := '[]';
    v_answer ticketing_internal.update_attendees_answer;
BEGIN
    BEGIN
        v_submitted := ticketing_internal.read_attendees(p_attendees);
    EXCEPTION
        WHEN data_exception THEN
            PERFORM ticketing_internal.raise_invalid_payload(ARRAY['p_attendees'], ARRAY[p_attendees]);
    END;
    IF v_submitted = '{}' THEN
        PERFORM ticketing_internal.raise_issues('TK001', jsonb_build_array(ticketing_internal.issue(
            'invalid_value', 'p_attendees', 'p_attendees must not be empty.', p_expected => '1', p_actual => '0'
        )));
    END IF;

    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);
    v_now := clock_timestamp();

    SELECT function.*
    INTO v_function
    FROM ticketing.functions AS function
    WHERE function.function_id = v_function_id;

    v_stored := ticketing_internal.load_attendees(v_function_id, p_registration_id);
    v_changed := ticketing_internal.merge_attendees(v_registration, v_stored, v_submitted);
    PERFORM ticketing_internal.require_changeable(v_function, v_registration, v_now);

    v_issues := ticketing_internal.find_attendees_named_twice(v_stored, v_submitted);
    IF p_expected_revision <> v_registration.revision AND (v_changed <> '{}' OR v_issues <> '[]') THEN
        PERFORM ticketing_internal.raise_revision_conflict(p_expected_revision, v_registration.revision);
    END IF;
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK004', v_issues);
    END IF;

    v_answer.attendees_added := 0;
    IF v_changed <> '{}' THEN
        SELECT array_agg(attendee.attendee_id ORDER BY submitted.position)
        INTO v_named_ids
        FROM unnest(v_submitted) AS submitted
        LEFT JOIN unnest(v_stored) AS attendee
            ON submitted.attendee_ref IN (attendee.attendee_id, attendee.client_attendee_id);

        v_request.selections := '{}';
        IF v_registration.status = 'completed' THEN
            -- the same question with the facts exchanged: which breaches are there already?
            v_previous_issues := ticketing_internal.find_changed_fact_issues(
                v_function, v_registration, v_registration.registration_type, ARRAY(
                    SELECT ROW(
                        attendee.attendee_id, attendee.client_attendee_id, attendee.name, changed.attendee_type,
                        changed.is_partner, changed.attendee_data, attendee.position
                    )::ticketing_internal.attendee
                    FROM unnest(v_changed) AS changed
                    INNER JOIN unnest(v_stored) AS attendee ON attendee.client_attendee_id = changed.attendee_ref
                ), v_request, '[]', '{}', v_named_ids
            );
        END IF;
        PERFORM ticketing_internal.save_attendees(v_registration, v_changed, v_now, p_is_partial => TRUE);
        PERFORM ticketing_internal.require_bounded_data(v_registration, 'p_attendees');
        v_issues := ticketing_internal.grown_issues(ticketing_internal.find_changed_fact_issues(
            v_function, v_registration, v_registration.registration_type, v_stored, v_request, '[]', '{}', v_named_ids
        ), v_previous_issues);
        IF v_issues <> '[]' THEN
            PERFORM ticketing_internal.raise_issues('TK004', v_issues);
        END IF;

        v_registration.revision := v_registration.revision + 1;
        -- a payment that has started was for what was there before
        v_registration.status := CASE v_registration.status
            WHEN 'pending' THEN 'draft' ELSE v_registration.status
        END;
        v_answer.attendees_added := ticketing_internal.record_attendee_changes(
            v_registration, v_stored, v_changed, v_now
        );
        UPDATE ticketing.registrations AS registration
        SET
            status = v_registration.status,
            revision = v_registration.revision,
            updated_at = v_now
        WHERE registration.function_id = v_function_id
            AND registration.registration_id = p_registration_id;
    END IF;

    v_answer.success := TRUE;
    v_answer.registration_id := p_registration_id;
    v_answer.revision := v_registration.revision;
    v_answer.status := v_registration.status;
    v_answer.attendees_updated := cardinality(v_changed) - v_answer.attendees_added;
    SELECT array_agg(
        ROW(attendee.attendee_id, attendee.client_attendee_id)::ticketing_internal.attendee_ids
        ORDER BY submitted.position
    )
    INTO v_answer.attendees
    FROM unnest(v_submitted) AS submitted
    INNER JOIN ticketing.attendees AS attendee
        ON attendee.function_id = v_function_id
        AND attendee.registration_id = p_registration_id
        AND submitted.attendee_ref IN (attendee.attendee_id, attendee.client_attendee_id);
    v_answer.server_time := v_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.update_attendees IS
'Changes names, contact data, types and other values of attendees, or adds attendees; also after
payment.

Keys that are given replace those stored, and null clears one; keys that are not given stay, and so do
attendees who are not named. Tickets keep their ids and prices. Who holds tickets that the new values
do not allow is refused; once a registration is completed, breaches that were there before are not
looked at.

A started payment has to be started again: a pending registration becomes a draft, and keeps its hold.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: own registrations, completed ones until `changes_until` of the function; staff also
  those of their organisation, at any time
- `service_role`: all registrations

### Parameters
- `p_registration_id`: the registration.
- `p_attendees`: 1 to 500 attendee objects of the wizard; `attendeeId` (either id of the attendee) and
  `attendeeType` are required. One whose `attendeeId` is not known is added at the end.
  `selected_tickets` is ignored.
- `p_expected_revision`: the revision that the caller has read; the call is refused if another one
  is stored.

### Returns
`update_attendees_answer`: what has changed.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `TK001` invalid_payload: an argument does not have the documented shape, or exceeds a limit; the
  registration would have more than 500 attendees, or more than 2 MiB of data
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK003` registration_not_editable: it is cancelled, or completed and its owner may not change it any
  more
- `TK004` selection_invalid: an attendee is named twice, or may not hold the tickets any more
- `TK006` revision_conflict: another revision is stored, and the call would change something

### Retry
A repeated call finds its state stored: it succeeds, whatever revision it expects, and changes
nothing.';

GRANT EXECUTE ON FUNCTION ticketing.update_attendees TO anon, authenticated, service_role;
