-- Guarantees: registration, attendees and tickets are stored together or not at all; the same
-- registrationId again from the same owner updates the registration instead of creating another.
-- Lock order: the catalogue (shared), the entry in registration_index (if new), the registration,
-- its owner, overdue registrations, capacity pools in id order.
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
    v_tickets jsonb := coalesce(nullif(p_tickets, 'null'), '[]');
    v_issues jsonb := '[]';
    v_function ticketing.functions;
    v_function_id uuid;
    v_registration_id uuid;
    v_submitted ticketing_internal.submitted_registration;
    v_registration ticketing.registrations;
    v_is_new boolean;
    v_is_changed boolean;
    v_leaving uuid [];
    v_previous ticketing_internal.attendee [];
    v_request ticketing_internal.request;
    v_persisted jsonb;
    v_answer ticketing_internal.create_answer;
BEGIN
    IF v_owner_id IS NULL AND NOT v_is_service THEN
        PERFORM ticketing_internal.raise_not_authenticated('p_registration_data');
    END IF;

    -- Shape. TK008 and TK002 take precedence over the issues of the rest.
    BEGIN
        v_submitted := ticketing_internal.read_registration(v_data, v_is_service);
        v_owner_id := CASE WHEN v_is_service THEN v_submitted.owner_id ELSE v_owner_id END;
    EXCEPTION
        WHEN data_exception THEN
            v_issues := ticketing_internal.registration_data_issues(v_data, v_is_service);
            v_owner_id := CASE WHEN v_is_service THEN NULL ELSE v_owner_id END;
            v_submitted := ticketing_internal.read_registration_ids(v_data);
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
        -- p_tickets too, although they are compared later: an unreadable request must write nothing
        PERFORM ticketing_internal.read_submitted_tickets(v_tickets);
        v_request.selections := ticketing_internal.read_attendee_updates(v_updates);
        v_request.selection_lines := ticketing_internal.read_selection_lines(v_request.selections);
    EXCEPTION
        WHEN data_exception THEN
            v_issues := v_issues || ticketing_internal.unreadable_issues(
                ARRAY['p_tickets', 'p_attendee_updates'], ARRAY[v_tickets, v_updates]
            );
    END;
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK001', v_issues);
    END IF;

    -- The registration: created, or locked if it exists. A concurrent call with the same registrationId
    -- waits here. The catalogue comes before any row that refers to the function: an import that holds
    -- this lock may be writing it.
    PERFORM ticketing_internal.lock_catalogue(v_function_id, p_is_exclusive => FALSE);
    INSERT INTO ticketing.registration_index (registration_id, function_id)
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

    SELECT entry.function_id
    INTO v_function_id
    FROM ticketing.registration_index AS entry
    WHERE entry.registration_id = v_registration_id;
    IF v_function_id <> v_function.function_id THEN
        PERFORM ticketing_internal.raise_issues('TK004', jsonb_build_array(ticketing_internal.issue(
            'function_mismatch', 'p_registration_data.functionId', 'The registration belongs to another function.',
            p_expected => to_jsonb(v_function_id), p_actual => to_jsonb(v_function.function_id)
        )));
    END IF;
    v_registration := ticketing_internal.lock_registration(
        ROW(v_function_id, v_owner_id)::ticketing_internal.access, v_registration_id
    );
    IF v_registration.owner_id <> v_owner_id THEN
        -- transferred while this call waited
        PERFORM ticketing_internal.raise_registration_not_found('p_registration_data.registrationId');
    END IF;
    v_now := clock_timestamp();
    PERFORM ticketing_internal.require_editable(v_registration);

    IF NOT v_is_new THEN
        v_previous := ticketing_internal.load_attendees(v_function_id, v_registration_id);
        v_is_changed := ticketing_internal.update_registration(v_registration, v_submitted, v_now);
    END IF;
    SELECT saved.r_is_changed OR v_is_changed, saved.r_leaving
    INTO v_is_changed, v_leaving
    FROM ticketing_internal.save_attendees(v_registration, v_submitted.attendees, v_now) AS saved;

    IF NOT v_is_new AND v_is_changed THEN
        v_issues := ticketing_internal.find_changed_fact_issues(
            v_function, v_registration, v_submitted.registration_type, v_previous, v_request, v_tickets, v_leaving
        );
    END IF;
    v_registration.registration_type := v_submitted.registration_type;
    v_request.expected_revision := p_expected_revision;
    v_request.claimed_subtotal := v_submitted.subtotal;
    v_persisted := ticketing_internal.persist_selections(
        v_function, v_registration, v_request, v_tickets, v_now, v_is_changed, v_leaving, v_issues
    );

    -- the answer of a persist, and what only this call answers
    v_answer.created := v_is_new;
    v_answer."registrationId" := v_registration_id;
    v_answer."confirmationNumber" := v_registration.confirmation_number;
    v_answer.attendees := ARRAY(
        SELECT ROW(attendee.attendee_id, attendee.client_attendee_id)::ticketing_internal.attendee_ids
        FROM ticketing.attendees AS attendee
        WHERE attendee.function_id = v_function_id
            AND attendee.registration_id = v_registration_id
        ORDER BY attendee.position
    );
    RETURN to_jsonb(v_answer) || v_persisted;
END
$$;

COMMENT ON FUNCTION ticketing.create_individual_registration_with_tickets IS
'Stores a registration, its attendees and their tickets in one transaction.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: own registrations
- `service_role`: registrations of any user

### Parameters
- `p_registration_data`: the registration object of the wizard. Required: `functionId`, and
  `primaryAttendee` with `attendeeId` and `attendeeType` (optional for lodges and delegations:
  without it, the booking contact in `billingDetails` becomes an attendee of type contact, with the
  registration id as client id). Also read: `registrationId`, `registrationType`,
  `additionalAttendees`, `billingDetails`, `subtotal` (compared with the tickets unless 0),
  `authUserId` (the owner if the service calls, which must send it). Others are stored unchanged.
- `p_tickets`, `p_attendee_updates`, `p_expected_revision`: as in `persist_attendee_tickets`.

### Returns
`create_answer`: what has changed, and the state after it.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `TK001` invalid_payload: an argument does not have the documented shape, or exceeds a limit
- `TK002` registration_not_found: the registration belongs to another owner
- `TK003` registration_not_editable: it is completed or cancelled
- `TK004` selection_invalid: the selection breaks a rule
- `TK005` sold_out: not enough capacity is left
- `TK006` revision_conflict: another revision is stored, and the call would change something
- `TK008` function_not_found: it does not exist, or is not published to the caller

### Retry
The same `registrationId` again updates the registration: its attendees become exactly the submitted
ones (others leave with their tickets); selections that are not submitted stay. Without a
`registrationId`, each call creates another registration.';

GRANT EXECUTE ON FUNCTION ticketing.create_individual_registration_with_tickets
TO anon, authenticated, service_role;
