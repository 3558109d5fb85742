-- Guarantees: exactly the tickets named become Cancelled, or nothing changes and all issues are
-- listed. Packages stay whole.
-- Lock order: the catalogue (shared), the registration, overdue registrations, capacity pools in id
-- order.
-- Errors: 42501, TK002, TK001, TK003, TK006, TK004.

CREATE OR REPLACE FUNCTION ticketing.cancel_tickets(
    p_registration_id uuid,
    p_ticket_ids jsonb,
    p_reason text DEFAULT NULL,
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
    v_issues jsonb := ticketing_internal.payload_issues('p_ticket_ids', p_ticket_ids);
    v_ticket_ids uuid [];
    v_registration ticketing.registrations;
    v_request ticketing_internal.request;
BEGIN
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK001', v_issues);
    END IF;
    v_ticket_ids := ARRAY(SELECT element.value::uuid FROM jsonb_array_elements_text(p_ticket_ids) AS element);

    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);
    v_issues := ticketing_internal.find_cancelled_ticket_issues(v_registration, v_ticket_ids);
    IF v_registration.status = 'completed' AND v_issues = '[]' THEN
        -- undone if the amendment is refused
        PERFORM ticketing_internal.number_packages(v_registration, v_ticket_ids);
    END IF;

    v_request := ticketing_internal.remaining_request(v_registration, v_ticket_ids);
    v_request.expected_revision := p_expected_revision;
    v_request.cancelled_ids := v_ticket_ids;
    v_request.reason := left(p_reason, 1000);
    RETURN ticketing_internal.amend_selections(v_registration, v_request, clock_timestamp(), v_issues);
END
$$;

COMMENT ON FUNCTION ticketing.cancel_tickets IS
'Cancels single tickets of a paid registration: an amendment that takes these out.

Their capacity is free at once, and what they cost becomes the `refund_due` of the registration. The
tickets of a package are cancelled together. The last tickets of a registration are cancelled by
`cancel_registration`.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: own registrations until the `changes_until` of the function, and with a refund
  until its `refunds_until`; staff also those of their organisation, at any time
- `service_role`: all registrations

### Parameters
- `p_registration_id`: a registration that is completed.
- `p_ticket_ids`: the ids of 1 to 2,000 tickets. Those that are Cancelled already stay so.
- `p_reason`: the reason, recorded for staff (the first 1,000 characters).
- `p_expected_revision`: the revision that the caller has read; the call is refused if another one
  is stored.

### Returns
`amend_answer`: what has changed, and the money after it.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `TK001` invalid_payload: an argument does not have the documented shape, or exceeds a limit
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK003` registration_not_editable: it is not completed, or its owner may not change it any more
- `TK004` selection_invalid: a ticket does not exist or is only a part of a package, none would be
  left, the attendee would hold too few of a kind, or refunds have ended for its owner
- `TK006` revision_conflict: another revision is stored, and the call would change something

### Retry
A repeated call finds the tickets cancelled and changes nothing.';

GRANT EXECUTE ON FUNCTION ticketing.cancel_tickets TO anon, authenticated, service_role;
