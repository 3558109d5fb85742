-- Guarantees: the tickets of all listed attendees become exactly the submitted ones, and
-- selected_tickets in attendee_data agrees with them; or nothing changes and all issues are
-- listed.
-- Lock order: the catalogue (shared), the registration, its owner, overdue registrations, capacity
-- pools in id order.
-- Errors: 42501, TK002, TK001, TK003, TK006, TK004, TK005.

CREATE OR REPLACE FUNCTION ticketing.persist_attendee_tickets(
    p_registration_id uuid,
    p_tickets jsonb,
    p_attendee_updates jsonb DEFAULT '[]',
    p_expected_revision integer DEFAULT NULL
)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Planning costs more than executing these queries, so plans are generic and cached. Without
-- sequential scans, a plan cached while the tables were small stays good: every access is by key.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_access ticketing_internal.access := ticketing_internal.authorise_registration(p_registration_id);
    v_function_id uuid := v_access.function_id;
    v_attendee_updates jsonb := coalesce(nullif(p_attendee_updates, 'null'), '[]');
    v_request ticketing_internal.request;
    v_registration ticketing.registrations;
    v_function ticketing.functions;
BEGIN
    BEGIN
        -- the evaluator reads the rows, and only if they differ from its plan
        IF p_tickets IS NULL THEN
            RAISE data_exception;
        END IF;
        v_request.selections := ticketing_internal.read_attendee_updates(v_attendee_updates);
        v_request.selection_lines := ticketing_internal.read_selection_lines(v_request.selections);
    EXCEPTION
        WHEN data_exception THEN
            PERFORM ticketing_internal.raise_invalid_payload(
                ARRAY['p_tickets', 'p_attendee_updates'], ARRAY[p_tickets, v_attendee_updates]
            );
    END;

    v_request.expected_revision := p_expected_revision;

    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);

    SELECT function.*
    INTO v_function
    FROM ticketing.functions AS function
    WHERE function.function_id = v_function_id;

    RETURN ticketing_internal.persist_selections(v_function, v_registration, v_request, p_tickets, clock_timestamp());
END
$$;

COMMENT ON FUNCTION ticketing.persist_attendee_tickets IS
'Makes the tickets of all attendees listed in either array exactly the submitted ones.

Only the difference is written: unchanged tickets keep their ids and prices, and attendees that are
not listed keep theirs.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: own registrations; staff also those of their organisation
- `service_role`: all registrations

### Parameters
- `p_registration_id`: the registration.
- `p_tickets`: at most 2,000 tickets, each an object of `attendee_id` (either id of the attendee),
  `event_id`, `ticket_type_id` and, optionally, `package_id`, `price_paid`, `original_price`,
  `currency`, `ticket_id`, `registration_id`, `client_attendee_id`, `status`, `payment_status`,
  `is_partner_ticket`, `holder`. Absent values are filled in, present ones must agree. A `holder`
  is ignored: that is for `assign_tickets`.
- `p_attendee_updates`: at most 500 objects of `attendee_id` and `selected_tickets`: `{packages:
  [{packageId, quantity, tickets?}], individualTickets: [{ticketId, quantity}]}`, where `tickets` is
  `[{ticketId, quantity}]`. An attendee with an empty selection loses all tickets; one listed only
  in `p_tickets` gets the selection that matches these tickets.
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

GRANT EXECUTE ON FUNCTION ticketing.persist_attendee_tickets TO anon, authenticated, service_role;
