-- Guarantees: the named tickets admit the given people, all other tickets whom they did; or nothing
-- changes and all issues are listed. Tickets keep their ids and prices.
-- Lock order: the catalogue (shared), the registration.
-- Errors: 42501, TK002, TK001, TK003, TK006, TK004.

CREATE OR REPLACE FUNCTION ticketing.assign_tickets(
    p_registration_id uuid, p_holders jsonb, p_expected_revision integer DEFAULT NULL
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
    v_holders ticketing_internal.submitted_holder [];
    v_registration ticketing.registrations;
    v_function ticketing.functions;
    v_now timestamptz;
    v_issues jsonb;
    v_tickets ticketing_internal.planned_ticket [];
    v_old_holders jsonb [];
    v_new_holders jsonb [];
    v_last_change ticketing_internal.feed_cursor;
    v_answer ticketing_internal.assign_answer;
BEGIN
    BEGIN
        v_holders := ticketing_internal.read_holders(p_holders);
    EXCEPTION
        WHEN data_exception THEN
            PERFORM ticketing_internal.raise_invalid_payload(ARRAY['p_holders'], ARRAY[p_holders]);
    END;

    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);
    v_now := clock_timestamp();

    SELECT function.*
    INTO v_function
    FROM ticketing.functions AS function
    WHERE function.function_id = v_function_id;

    PERFORM ticketing_internal.require_changeable(v_function, v_registration, v_now);

    v_issues := ticketing_internal.find_holder_issues(v_registration, v_holders);
    SELECT
        coalesce(array_agg(
            ROW(
                'assigned', ticket.ticket_id, ticket.attendee_id, ticket.event_id, ticket.ticket_type_id,
                ticket.package_id, ticket.package_number, ticket.price_paid, ticket.original_price,
                ticket.is_partner_ticket
            )::ticketing_internal.planned_ticket ORDER BY submitted.position
        ), '{}'),
        array_agg(stored.holder_data ORDER BY submitted.position),
        array_agg(submitted.holder ORDER BY submitted.position)
    INTO v_tickets, v_old_holders, v_new_holders
    FROM unnest(v_holders) AS submitted
    INNER JOIN ticketing.tickets AS ticket
        ON ticket.function_id = v_function_id
        AND ticket.registration_id = p_registration_id
        AND ticket.ticket_id = submitted.ticket_id
    LEFT JOIN ticketing.ticket_holders AS stored
        ON stored.function_id = ticket.function_id
        AND stored.ticket_id = ticket.ticket_id
    WHERE stored.holder_data IS DISTINCT FROM submitted.holder;

    IF p_expected_revision <> v_registration.revision AND (v_tickets <> '{}' OR v_issues <> '[]') THEN
        PERFORM ticketing_internal.raise_revision_conflict(p_expected_revision, v_registration.revision);
    END IF;
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK004', v_issues);
    END IF;

    IF v_tickets <> '{}' THEN
        PERFORM ticketing_internal.save_holders(v_registration, v_holders, v_now);
        PERFORM ticketing_internal.require_bounded_data(v_registration, 'p_holders');
        v_registration.revision := v_registration.revision + 1;
        v_last_change := ticketing_internal.record_changes(v_registration, v_registration.revision, v_tickets, v_now);
        FOR v_index IN 1..cardinality(v_tickets) LOOP
            PERFORM ticketing_internal.record_registration_change(
                v_registration, 'ticket_assigned', v_old_holders[v_index], v_new_holders[v_index], v_now,
                p_attendee_id => (v_tickets[v_index]).attendee_id, p_ticket_id => (v_tickets[v_index]).ticket_id
            );
        END LOOP;
        UPDATE ticketing.registrations AS registration
        SET
            revision = v_registration.revision,
            last_change_epoch = v_last_change.epoch,
            last_change_transaction_id = v_last_change.transaction_id,
            updated_at = v_now
        WHERE registration.function_id = v_function_id
            AND registration.registration_id = p_registration_id;
    END IF;

    v_answer.success := TRUE;
    v_answer.registration_id := p_registration_id;
    v_answer.revision := v_registration.revision;
    v_answer.status := v_registration.status;
    v_answer.tickets_assigned := cardinality(v_tickets);
    v_answer.server_time := v_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.assign_tickets IS
'Names the people whom tickets admit, where these are not the attendees who have them; also after
payment.

A lodge buys ten tickets for its contact and names the guests later. Tickets keep their ids, attendees
and prices; whom they admit is no fact for eligibility rules. `get_registration` answers the `holder`
of each ticket: sent back unchanged, it changes nothing.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: own registrations, completed ones until `changes_until` of the function; staff also
  those of their organisation, at any time
- `service_role`: all registrations

### Parameters
- `p_registration_id`: the registration.
- `p_holders`: 1 to 2,000 objects of `ticket_id` and `holder`: an object of `firstName`, `lastName` and,
  optionally, `title`, `email`, `phone`; other keys are stored unchanged. Without a `holder` the
  ticket admits its attendee again. Tickets that are not named keep their holders.
- `p_expected_revision`: the revision that the caller has read; the call is refused if another one
  is stored.

### Returns
`assign_answer`: what has changed.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `TK001` invalid_payload: an argument does not have the documented shape, or exceeds a limit; the
  registration would have more than 2 MiB of data
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK003` registration_not_editable: it is cancelled, or completed and its owner may not change it any
  more
- `TK004` selection_invalid: a ticket is not one of the registration, cancelled, or named twice
- `TK006` revision_conflict: another revision is stored, and the call would change something

### Retry
A repeated call finds its state stored: it succeeds, whatever revision it expects, and changes
nothing.';

GRANT EXECUTE ON FUNCTION ticketing.assign_tickets TO anon, authenticated, service_role;
