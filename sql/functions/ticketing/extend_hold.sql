-- Guarantees: while the registration holds tickets, it holds them at least until then; a hold that
-- is over takes its capacity again, under all rules of now, or the call changes nothing. Nothing
-- makes a hold shorter.
-- Lock order: the catalogue (shared), the registration, its owner, overdue registrations, capacity
-- pools in id order.
-- Errors: 42501, TK002, TK001, TK003, TK004, TK005.

CREATE OR REPLACE FUNCTION ticketing.extend_hold(p_registration_id uuid, p_until timestamptz)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    -- years of four digits are what all callers can read
    c_latest CONSTANT timestamptz := '9999-01-01 00:00+00';
    v_access ticketing_internal.access := ticketing_internal.authorise_registration(p_registration_id);
    v_function_id uuid := v_access.function_id;
    v_registration ticketing.registrations;
    v_function ticketing.functions;
    v_before timestamptz;
    v_now timestamptz;
    v_answer ticketing_internal.extend_hold_answer;
BEGIN
    PERFORM ticketing_internal.require_staff(v_function_id);
    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);
    v_now := clock_timestamp();

    SELECT function.*
    INTO v_function
    FROM ticketing.functions AS function
    WHERE function.function_id = v_function_id;

    IF p_until IS NULL THEN
        PERFORM ticketing_internal.raise_issues('TK001', jsonb_build_array(ticketing_internal.issue(
            'missing_key', 'p_until', 'p_until is missing.'
        )));
    ELSIF p_until <= v_now OR p_until > least(v_function.starts_at, c_latest) THEN
        PERFORM ticketing_internal.raise_issues('TK001', jsonb_build_array(ticketing_internal.issue(
            'invalid_value', 'p_until',
            CASE
                WHEN p_until <= v_now THEN 'p_until must be later than now.'
                WHEN v_function.starts_at <= c_latest THEN format('Tickets can be held until the start, %s, at most.',
                    ticketing_internal.local_time(v_function.starts_at, v_function.timezone))
                ELSE 'p_until is too late.'
            END,
            p_expected => to_jsonb(v_function.starts_at), p_actual => to_jsonb(p_until)
        )));
    END IF;
    PERFORM ticketing_internal.require_editable(v_registration);

    v_before := v_registration.hold_granted_until;
    IF v_before IS DISTINCT FROM p_until THEN
        UPDATE ticketing.registrations AS registration
        SET hold_granted_until = p_until
        WHERE registration.function_id = v_function_id
            AND registration.registration_id = p_registration_id;
        v_registration.hold_granted_until := p_until;
    END IF;

    PERFORM ticketing_internal.persist_selections(
        v_function, v_registration,
        ticketing_internal.stored_request(ticketing_internal.stored_selections(
            ticketing_internal.load_attendees(v_function_id, p_registration_id)
        )),
        NULL, v_now
    );
    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);

    IF v_before IS DISTINCT FROM p_until THEN
        PERFORM ticketing_internal.record_registration_change(
            v_registration, 'hold_extended',
            jsonb_build_object('hold_granted_until', v_before), jsonb_build_object('hold_granted_until', p_until),
            v_now
        );
    END IF;

    v_answer.success := TRUE;
    v_answer.registration_id := p_registration_id;
    v_answer.status := v_registration.status;
    v_answer.revision := v_registration.revision;
    v_answer.hold_granted_until := v_registration.hold_granted_until;
    v_answer.hold_expires_at := v_registration.hold_expires_at;
    v_answer.server_time := v_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.extend_hold IS
'Lets a registration hold its unpaid tickets until a time, such as for a bank transfer or an invoice.

The limits of holds (`hold_minutes`, `max_hold_minutes`) do not end it before. The grant stays with
the registration: also other tickets that it holds meanwhile are held until then. A hold that is over
takes its capacity again, as if the tickets were selected now. An earlier time than granted before
replaces the grant, and shortens no hold.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: registrations of organisations in which the caller is a member
- `service_role`: all registrations

### Parameters
- `p_registration_id`: a registration that is draft, pending or expired.
- `p_until`: until when it may hold tickets: later than now, at most the start of the function.

### Returns
`extend_hold_answer`: the registration and its hold.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `42501` not_allowed: the caller is neither a member of the organisation nor the service
- `TK001` invalid_payload: the time is missing, past, or after the start of the function
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK003` registration_not_editable: it is completed or cancelled
- `TK004` selection_invalid: the hold is over, and the selection breaks a rule
- `TK005` sold_out: the hold is over, and not enough capacity is left

### Retry
The same time again changes nothing but renews the hold.';

GRANT EXECUTE ON FUNCTION ticketing.extend_hold TO anon, authenticated, service_role;
