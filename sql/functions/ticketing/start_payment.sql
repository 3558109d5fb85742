-- Guarantees: an amount due is answered only if all rules hold now: the stored selection is
-- evaluated and persisted again.
-- Lock order: the catalogue (shared), the registration, its owner, overdue registrations, capacity
-- pools in id order.
-- Errors: 42501, TK002, TK003, TK006, TK004, TK005.

CREATE OR REPLACE FUNCTION ticketing.start_payment(
    p_registration_id uuid,
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
    v_access ticketing_internal.access := ticketing_internal.authorise_registration(p_registration_id);
    v_function_id uuid := v_access.function_id;
    v_registration ticketing.registrations :=
        ticketing_internal.lock_registration(v_access, p_registration_id);
    v_now timestamptz := clock_timestamp();
    v_was_pending boolean;
    v_revision integer := v_registration.revision;
    v_function ticketing.functions;
    v_attendees ticketing_internal.attendee[];
    v_request ticketing_internal.request;
    v_issues jsonb;
    v_ledger ticketing_internal.ledger;
    v_answer ticketing_internal.start_payment_answer;
BEGIN
    PERFORM ticketing_internal.require_editable(v_registration);
    IF p_expected_revision <> v_registration.revision THEN
        PERFORM ticketing_internal.raise_revision_conflict(p_expected_revision, v_registration.revision);
    END IF;

    SELECT function.*
    INTO v_function
    FROM ticketing.functions AS function
    WHERE function.function_id = v_function_id;

    v_attendees := ticketing_internal.load_attendees(v_function_id, p_registration_id);
    v_request := ticketing_internal.stored_request(ticketing_internal.stored_selections(v_attendees));

    SELECT jsonb_agg(ticketing_internal.issue(
        'attendee_without_ticket', 'p_registration_id', format('%s has no ticket yet.', attendee.name), attendee
    ))
    INTO v_issues
    FROM unnest(v_attendees) AS attendee
    WHERE NOT EXISTS (
        SELECT
        FROM unnest(ticketing_internal.load_tickets(v_function_id, p_registration_id)) AS ticket
        WHERE ticket.attendee_id = attendee.attendee_id
    );
    v_issues := coalesce(v_issues, '[]')
        || ticketing_internal.find_contact_issues(v_registration.booking_contact);

    v_was_pending := v_registration.status = 'pending' AND v_registration.hold_expires_at > v_now;
    PERFORM ticketing_internal.persist_selections(
        v_function, v_registration, v_request, NULL, v_now, p_issues => v_issues
    );
    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);

    v_ledger := ticketing_internal.read_ledger(v_registration);

    IF v_ledger.amount_due = 0 THEN
        -- one call, one revision: reinstating and completing are the same change
        v_registration.revision := v_revision;
        v_registration := ticketing_internal.complete_registration(v_registration, v_now);
    ELSIF NOT v_was_pending THEN
        -- once per started payment, within the limit of all holds plus payment_minutes
        v_registration.status := 'pending';
        v_registration.hold_expires_at := ticketing_internal.extend_hold_for_payment(
            v_function, v_registration, v_now
        );
        UPDATE ticketing.registrations AS registration
        SET
            status = v_registration.status,
            hold_expires_at = v_registration.hold_expires_at,
            updated_at = v_now
        WHERE registration.function_id = v_function_id
            AND registration.registration_id = p_registration_id;
    END IF;

    v_answer.success := TRUE;
    v_answer.registration_id := p_registration_id;
    v_answer.status := v_registration.status;
    v_answer.amount_due := ticketing_internal.scale_amount(v_ledger.amount_due, v_registration.currency);
    v_answer.currency := v_registration.currency;
    v_answer.confirmation_number := v_registration.confirmation_number;
    v_answer.revision := v_registration.revision;
    v_answer.hold_expires_at := v_registration.hold_expires_at;
    v_answer.server_time := v_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.start_payment IS
'Checks a registration as a whole before payment, makes it pending and extends its hold.

Every attendee needs a ticket, all rules must hold, and there must be a booking contact. The hold is
extended once, by the `payment_minutes` of the function. If nothing is due, the registration is
completed at once. A persist that changes something makes it draft again, so that an outdated amount
is never paid.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: own registrations; staff also those of their organisation
- `service_role`: all registrations

### Parameters
- `p_registration_id`: the registration.
- `p_expected_revision`: the revision that the caller has read; the call is refused if another one
  is stored.

### Returns
`start_payment_answer`: the amount due.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK003` registration_not_editable: it is completed or cancelled
- `TK004` selection_invalid: the selection breaks a rule
- `TK005` sold_out: not enough capacity is left
- `TK006` revision_conflict: another revision is stored

### Retry
A repeated call answers the same amount and extends the hold no further; a completed registration is
refused.';

GRANT EXECUTE ON FUNCTION ticketing.start_payment TO anon, authenticated, service_role;
