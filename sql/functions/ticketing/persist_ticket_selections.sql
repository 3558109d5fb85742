-- Guarantees: the tickets of all listed attendees become exactly those of their selections, or
-- nothing changes and all issues are listed.
-- Lock order: the catalogue (shared), the registration, its owner, overdue registrations, capacity
-- pools in id order.
-- Errors: 42501, TK002, TK001, TK003, TK006, TK004, TK005.

CREATE OR REPLACE FUNCTION ticketing.persist_ticket_selections(
    p_registration_id uuid,
    p_selections jsonb,
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
    v_request ticketing_internal.request;
    v_registration ticketing.registrations;
    v_function ticketing.functions;
BEGIN
    BEGIN
        v_request.selections := ticketing_internal.read_selections(p_selections);
        v_request.selection_lines := ticketing_internal.read_selection_lines(v_request.selections);
    EXCEPTION
        WHEN data_exception THEN
            PERFORM ticketing_internal.raise_invalid_payload(ARRAY['p_selections'], ARRAY[p_selections]);
    END;

    v_request.expected_revision := p_expected_revision;

    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);

    SELECT function.*
    INTO v_function
    FROM ticketing.functions AS function
    WHERE function.function_id = v_function_id;

    RETURN ticketing_internal.persist_selections(v_function, v_registration, v_request, NULL, clock_timestamp());
END
$$;

COMMENT ON FUNCTION ticketing.persist_ticket_selections IS
'Makes the tickets of all listed attendees exactly those of the `ticketSelections` of the wizard.

It expands packages, prices them and writes the difference. Attendees that are not listed keep their
tickets.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: own registrations; staff also those of their organisation
- `service_role`: all registrations

### Parameters
- `p_registration_id`: the registration.
- `p_selections`: an object with a selection for each attendee, by either id: `{packages:
  [{packageId, quantity, tickets?}], individualTickets: [{ticketId, quantity}]}`, where `tickets` is
  `[{ticketId, quantity}]`; at most 500 attendees and 2,000 tickets. Inside a package, `ticketId`
  may also be `{event_ticket_id, quantity}`. An attendee with an empty selection loses all tickets.
- `p_expected_revision`: the revision that the caller has read; the call is refused if another one
  is stored.

### Returns
`persist_answer`: what has changed, and the state after it.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `TK001` invalid_payload: an argument does not have the documented shape, or exceeds a limit
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK003` registration_not_editable: it is completed or cancelled
- `TK004` selection_invalid: the selection breaks a rule
- `TK005` sold_out: not enough capacity is left
- `TK006` revision_conflict: another revision is stored, and the call would change something

### Retry
A repeated call finds its state stored: it succeeds, whatever revision it expects, and only renews
the hold.';

GRANT EXECUTE ON FUNCTION ticketing.persist_ticket_selections TO anon, authenticated, service_role;
