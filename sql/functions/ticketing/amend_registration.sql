-- Guarantees: the tickets of all listed attendees become exactly those of their selections,
-- together with the money that this takes; or nothing changes and all issues are listed. The same
-- payment again changes nothing.
-- Lock order: the catalogue (shared), the registration, its owner, overdue registrations, capacity
-- pools in id order.
-- Errors: 42501, TK002, TK001, TK007 (a reference used otherwise), TK003, TK006, TK004, TK005,
-- TK007.

CREATE OR REPLACE FUNCTION ticketing.amend_registration(
    p_registration_id uuid,
    p_selections jsonb,
    p_payment jsonb DEFAULT NULL,
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
    v_payment jsonb := nullif(p_payment, 'null');
    v_request ticketing_internal.request;
    v_registration ticketing.registrations;
BEGIN
    IF v_payment IS NOT NULL AND NOT ticketing_internal.caller_is_service() THEN
        PERFORM ticketing_internal.raise_issues('42501', jsonb_build_array(ticketing_internal.issue(
            'not_allowed', 'p_payment', 'Only the service may record a payment.'
        )));
    END IF;
    BEGIN
        v_request.selections := ticketing_internal.read_selections(p_selections);
        v_request.selection_lines := ticketing_internal.read_selection_lines(v_request.selections);
        IF v_payment IS NOT NULL THEN
            v_request.payment := ticketing_internal.read_payment(v_payment);
        END IF;
    EXCEPTION
        WHEN data_exception THEN
            PERFORM ticketing_internal.raise_invalid_payload(
                ARRAY['p_selections'] || CASE WHEN v_payment IS NOT NULL THEN ARRAY['p_payment'] ELSE '{}' END,
                ARRAY[p_selections] || CASE WHEN v_payment IS NOT NULL THEN ARRAY[v_payment] ELSE '{}' END
            );
    END;
    v_request.expected_revision := p_expected_revision;

    v_registration := ticketing_internal.lock_registration(v_access, p_registration_id);
    RETURN ticketing_internal.amend_selections(v_registration, v_request, clock_timestamp());
END
$$;

COMMENT ON FUNCTION ticketing.amend_registration IS
'Makes the tickets of a paid registration those of a new selection, together with its money.

Attendees that are not listed keep their tickets. Tickets that are kept keep their ids and prices;
those that go become Cancelled, and their capacity is free at once; those that come cost what they
cost today, and are Paid. What the change costs comes with it as a payment; what it saves becomes
the `refund_due` of the registration. `quote_ticket_selections` tells both before.

### Callers
- `anon`: only to be told to sign in
- `authenticated`: own registrations until the `changes_until` of the function, and with a refund
  until its `refunds_until`, without a payment; staff also those of their organisation, at any time
- `service_role`: all registrations

### Parameters
- `p_registration_id`: a registration that is completed.
- `p_selections`: the `ticketSelections` of the wizard, as in `persist_ticket_selections`. The owner
  is bound by sale windows, staff and the service are not.
- `p_payment`: the payment as the provider reports it, as in `complete_registration_payment`;
  `amount` minus `surcharge_amount` must equal what is due after the change. Without it nothing may
  be due. Only the service may send one.
- `p_expected_revision`: the revision that the caller has read; the call is refused if another one
  is stored.

### Returns
`amend_answer`: what has changed, and the money after it.

### Raises
- `42501` not_authenticated: the caller is not signed in
- `42501` not_allowed: a payment, and the caller is not the service
- `TK001` invalid_payload: an argument does not have the documented shape, or exceeds a limit
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK003` registration_not_editable: it is not completed, or its owner may not change it any more
- `TK004` selection_invalid: the selection breaks a rule, would leave no ticket, or a refund after
  refunds have ended for its owner
- `TK005` sold_out: not enough capacity is left
- `TK006` revision_conflict: another revision is stored, and the call would change something
- `TK007` payment_conflict: a payment is missing, is not needed, or disagrees

### Retry
With the same payment a repeated call changes nothing and answers the state as it is then. Without
one it finds its state stored and succeeds, whatever revision it expects.';

GRANT EXECUTE ON FUNCTION ticketing.amend_registration TO anon, authenticated, service_role;
