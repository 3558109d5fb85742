-- Guarantees: registration, attendees and tickets are stored together or not at all; the same
-- registrationId again from the same owner updates what it made instead of making another.
-- Lock order: the catalogue of the function, the entry in registration_index (only while it is
-- new), the registration, then its capacity pools in id order.
-- Errors: 42501, TK008, TK002, TK001, TK003, TK006, TK004, TK005.

CREATE OR REPLACE FUNCTION ticketing.create_individual_registration_with_tickets(
    p_registration_data jsonb,
    p_tickets jsonb DEFAULT '[]',
    p_attendee_updates jsonb DEFAULT '[]',
    p_expected_revision integer DEFAULT NULL
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
    v_now timestamptz;
    v_is_service boolean := ticketing_internal.caller_is_service();
    v_owner_id uuid := ticketing_internal.caller_id();
    v_data jsonb := coalesce(p_registration_data, 'null');
    v_updates jsonb := coalesce(nullif(p_attendee_updates, 'null'), '[]');
    v_given jsonb := coalesce(nullif(p_tickets, 'null'), '[]');
    v_issues jsonb := '[]';
    v_function ticketing.functions;
    v_function_id uuid;
    v_registration_id uuid;
    v_submitted ticketing_internal.submitted_registration;
    v_registration ticketing.registrations;
    v_is_new boolean;
    v_is_changed boolean;
    v_leaving uuid [];
    v_selections ticketing_internal.selection [];
    v_lines ticketing_internal.selection_line [];
    v_answer jsonb;
BEGIN
    IF v_owner_id IS NULL AND NOT v_is_service THEN
        PERFORM ticketing_internal.raise_issues('42501', jsonb_build_array(ticketing_internal.issue(
            'not_authenticated', 'p_registration_data', 'Only a signed-in user can make a registration.'
        )));
    END IF;

    -- Shape. Whether function and registration are there and open to the caller is said before what
    -- is wrong with the rest.
    BEGIN
        v_submitted := ticketing_internal.read_registration(v_data, v_is_service);
        v_owner_id := CASE WHEN v_is_service THEN v_submitted.owner_id ELSE v_owner_id END;
    EXCEPTION
        WHEN data_exception THEN
            v_issues := ticketing_internal.registration_data_issues(v_data, v_is_service);
            v_owner_id := CASE WHEN v_is_service THEN NULL ELSE v_owner_id END;
            IF jsonb_typeof(v_data -> 'functionId') = 'string'
                AND ticketing_internal.is_uuid(v_data ->> 'functionId')
            THEN
                v_submitted.function_id := v_data ->> 'functionId';
            END IF;
            IF jsonb_typeof(v_data -> 'registrationId') = 'string'
                AND ticketing_internal.is_uuid(v_data ->> 'registrationId')
            THEN
                v_submitted.registration_id := v_data ->> 'registrationId';
            END IF;
    END;
    v_registration_id := v_submitted.registration_id;
    IF v_submitted.function_id IS NOT NULL THEN
        v_function := ticketing_internal.require_function(v_submitted.function_id, 'p_registration_data.functionId');
        v_function_id := v_function.function_id;
    END IF;
    IF NOT ticketing_internal.may_create_registration(v_registration_id, v_owner_id) THEN
        PERFORM ticketing_internal.raise_registration_not_found('p_registration_data.registrationId');
    END IF;
    BEGIN
        -- also what is compared later: nothing is written for a request that cannot be read
        PERFORM ticketing_internal.read_tickets(v_given);
        v_selections := ticketing_internal.read_attendee_updates(v_updates);
        v_lines := ticketing_internal.read_selection_lines(v_selections);
    EXCEPTION
        WHEN data_exception THEN
            v_issues := v_issues || ticketing_internal.unreadable_issues(jsonb_build_object(
                'p_tickets', v_given, 'p_attendee_updates', v_updates
            ));
    END;
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK001', v_issues);
    END IF;

    -- The registration: made, or locked when it is there already. Of two that make the same one,
    -- the second waits here.
    -- before any row that refers to the function, which an import holding this lock may be writing
    PERFORM ticketing_internal.lock_catalogue(v_function_id, p_is_exclusive => FALSE);
    INSERT INTO ticketing.registration_index AS known (registration_id, function_id)
    VALUES (v_registration_id, v_function_id)
    ON CONFLICT (registration_id) DO NOTHING;
    v_is_new := found;
    v_now := clock_timestamp();

    IF v_is_new THEN
        INSERT INTO ticketing.registrations (
            function_id, registration_id, owner_id, registration_type, booking_contact, registration_data, currency,
            created_at, updated_at
        )
        VALUES (
            v_function_id, v_registration_id, v_owner_id, v_submitted.registration_type, v_submitted.booking_contact,
            v_submitted.registration_data, v_function.currency, v_now, v_now
        );
        v_is_changed := TRUE;
    ELSIF NOT ticketing_internal.may_create_registration(v_registration_id, v_owner_id) THEN
        PERFORM ticketing_internal.raise_registration_not_found('p_registration_data.registrationId');
    END IF;

    SELECT known.function_id
    INTO v_function_id
    FROM ticketing.registration_index AS known
    WHERE known.registration_id = v_registration_id;
    IF v_function_id <> v_function.function_id THEN
        PERFORM ticketing_internal.raise_issues('TK004', jsonb_build_array(ticketing_internal.issue(
            'function_mismatch', 'p_registration_data.functionId', 'The registration is for another function.',
            p_expected => to_jsonb(v_function_id), p_actual => to_jsonb(v_function.function_id)
        )));
    END IF;
    v_registration := ticketing_internal.lock_registration(v_function_id, v_registration_id);
    v_now := clock_timestamp();

    PERFORM ticketing_internal.require_editable(v_registration);

    IF NOT v_is_new THEN
        UPDATE ticketing.registrations AS registration
        SET
            registration_type = v_submitted.registration_type,
            booking_contact = v_submitted.booking_contact,
            registration_data = v_submitted.registration_data,
            updated_at = v_now
        WHERE registration.function_id = v_function_id
            AND registration.registration_id = v_registration_id
            AND (registration.registration_type, registration.booking_contact, registration.registration_data)
            IS DISTINCT FROM (
                v_submitted.registration_type, v_submitted.booking_contact, v_submitted.registration_data
            );
        v_is_changed := found;
        v_registration.registration_type := v_submitted.registration_type;
    END IF;

    SELECT saved.r_is_changed OR v_is_changed, saved.r_leaving
    INTO v_is_changed, v_leaving
    FROM ticketing_internal.save_attendees(v_registration, v_submitted.attendees, v_now) AS saved;

    v_answer := ticketing_internal.persist_selections(
        v_function, v_registration, v_selections, v_lines, v_given, p_expected_revision, v_now,
        v_is_changed, v_leaving, v_submitted.subtotal
    );

    RETURN v_answer || jsonb_build_object(
        'registrationId', v_registration_id,
        'confirmationNumber', v_registration.confirmation_number,
        'attendees', (
            SELECT coalesce(jsonb_agg(
                jsonb_build_object(
                    'attendee_id', attendee.attendee_id, 'client_attendee_id', attendee.client_attendee_id
                ) ORDER BY attendee.position
            ), '[]')
            FROM ticketing.attendees AS attendee
            WHERE attendee.function_id = v_function_id
                AND attendee.registration_id = v_registration_id
        )
    );
END
$$;

COMMENT ON FUNCTION ticketing.create_individual_registration_with_tickets IS
'Stores a registration, its attendees and their tickets in one transaction. The same registrationId again from the same
owner updates instead: the attendees become exactly those given (one left out goes, with his tickets), and selections not
mentioned stay.

Parameters:
- p_registration_data: the wizard''s registration object. Required: functionId, and primaryAttendee with attendeeId and
  attendeeType (for lodges and delegations it may be absent: the booking contact of billingDetails then becomes an attendee
  of type contact, whose client id is the id of the registration). Also read: registrationId (made by the client, so that a
  repeated call is recognised), registrationType, additionalAttendees, billingDetails, subtotal (compared with the tickets
  when it is not 0), authUserId (the owner when the service calls; required then). Everything else is kept as it is.
- p_tickets, p_attendee_updates, p_expected_revision: as in persist_attendee_tickets.

Returns what persist_attendee_tickets returns, with attendees: [{attendee_id, client_attendee_id}], and registrationId and
confirmationNumber.

Raises 42501 insufficient_privilege, TK001 invalid_payload, TK002 registration_not_found, TK003 registration_not_editable,
TK004 selection_invalid, TK005 sold_out, TK006 revision_conflict, TK008 function_not_found.';

GRANT EXECUTE ON FUNCTION ticketing.create_individual_registration_with_tickets TO authenticated, service_role;
