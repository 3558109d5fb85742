-- Guarantees: afterwards the tickets of every attendee named are exactly those given, and each
-- selected_tickets in attendee_data says the same; or nothing has changed and every problem is
-- listed.
-- Lock order: the registration, then its capacity pools in id order.
-- Errors: TK002, TK001, TK003, TK006, TK004, TK005.

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
-- Plans made anew for every call cost more than these queries take; and a plan that is kept must
-- not have been made for tables that were still empty: every access here is by key.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_function_id uuid := ticketing_internal.authorise_registration(p_registration_id);
    v_attendee_updates jsonb := coalesce(nullif(p_attendee_updates, 'null'), '[]');
    v_request ticketing_internal.request;
    v_registration ticketing.registrations;
    v_function ticketing.functions;
BEGIN
    BEGIN
        -- what is in them is looked at when it is known what should be
        IF p_tickets IS NULL THEN
            RAISE data_exception;
        END IF;
        v_request.selections := ticketing_internal.read_attendee_updates(v_attendee_updates);
        v_request.selection_lines := ticketing_internal.read_selection_lines(v_request.selections);
    EXCEPTION
        WHEN data_exception THEN
            PERFORM ticketing_internal.raise_invalid_payload(jsonb_build_object(
                'p_tickets', p_tickets, 'p_attendee_updates', v_attendee_updates
            ));
    END;

    v_request.expected_revision := p_expected_revision;

    v_registration := ticketing_internal.lock_registration(v_function_id, p_registration_id);

    SELECT function.*
    INTO v_function
    FROM ticketing.functions AS function
    WHERE function.function_id = v_function_id;

    RETURN ticketing_internal.persist_selections(v_function, v_registration, v_request, p_tickets, clock_timestamp());
END
$$;

COMMENT ON FUNCTION ticketing.persist_attendee_tickets IS
'Makes the tickets of every attendee named in either array exactly those given, as a difference: unchanged tickets keep
their ids and prices, and attendees named nowhere are untouched.

Parameters:
- p_registration_id: the registration, yours or of your organisation.
- p_tickets: [{attendee_id, event_id, ticket_type_id, package_id?, price_paid?, original_price?, currency?, ticket_id?,
  registration_id?, client_attendee_id?, status?, payment_status?, is_partner_ticket?}], at most 2,000. Attendees by either
  of their ids; what is absent is filled in, what is present must agree.
- p_attendee_updates: [{attendee_id, selected_tickets: {packages: [{packageId, quantity, tickets: [{ticketId,
  quantity}]?}], individualTickets: [{ticketId, quantity}]}}], at most 500. An attendee with nothing selected is cleared;
  one named only in p_tickets gets the selection that his tickets amount to.
- p_expected_revision: the revision that the caller has seen; another one stored is refused.

Returns {success, registration_id, revision, status, tickets_created, tickets_removed, tickets_unchanged,
attendees_updated, attendees_without_tickets, subtotal, total, currency, hold_expires_at, server_time, tickets}; tickets are
those of the attendees named: {ticket_id, attendee_id, ticket_type_id, package_id, price_paid}.

Raises TK001 invalid_payload, TK002 registration_not_found, TK003 registration_not_editable, TK004 selection_invalid,
TK005 sold_out, TK006 revision_conflict.';

GRANT EXECUTE ON FUNCTION ticketing.persist_attendee_tickets TO authenticated, service_role;
