-- Guarantees: the same evaluation as a write, by the same code. Read-only.
-- Locks: none.
-- Errors: TK008, TK002, TK001; what a write would raise as TK004 or TK005 is answered as issues.

CREATE OR REPLACE FUNCTION ticketing.quote_ticket_selections(
    p_function_id uuid,
    p_selections jsonb,
    p_attendees jsonb DEFAULT '[]',
    p_registration_type text DEFAULT 'individuals',
    p_registration_id uuid DEFAULT NULL
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    v_function ticketing.functions;
    v_registration ticketing.registrations;
    v_wizard_attendees jsonb := coalesce(nullif(p_attendees, 'null'), '[]');
    v_submitted ticketing_internal.submitted_attendee [];
    v_registration_type text := coalesce(p_registration_type, 'individuals');
    v_issues jsonb := '[]';
    v_request ticketing_internal.request;
    v_attendees ticketing_internal.attendee [] := '{}';
    v_evaluation ticketing_internal.evaluation;
    v_owner_id uuid;
    v_hold ticketing_internal.planned_hold;
    v_amendment ticketing_internal.amendment;
    v_attendee_ids uuid [];
    v_answer ticketing_internal.quote_answer;
BEGIN
    IF p_registration_id IS NOT NULL
        AND (ticketing_internal.authorise_registration(p_registration_id, TRUE)).function_id IS DISTINCT FROM p_function_id
    THEN
        PERFORM ticketing_internal.raise_registration_not_found();
    END IF;
    v_function := ticketing_internal.require_function(p_function_id, 'p_function_id');

    BEGIN
        v_request.selections := ticketing_internal.read_selections(p_selections);
        v_request.selection_lines := ticketing_internal.read_selection_lines(v_request.selections);
    EXCEPTION
        WHEN data_exception THEN
            v_issues := ticketing_internal.unreadable_issues(ARRAY['p_selections'], ARRAY[p_selections]);
    END;
    BEGIN
        v_submitted := ticketing_internal.read_attendees(v_wizard_attendees);
    EXCEPTION
        WHEN data_exception THEN
            v_issues := v_issues || ticketing_internal.unreadable_issues(
                ARRAY['p_attendees'], ARRAY[v_wizard_attendees]
            );
    END;
    IF v_registration_type NOT IN ('individuals', 'lodges', 'delegations') THEN
        v_issues := v_issues || ticketing_internal.schema_issues(
            to_jsonb(v_registration_type),
            ticketing_internal.payload_schema('p_registration_data') -> 'properties' -> 'registrationType',
            'p_registration_type'
        );
    END IF;
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK001', v_issues);
    END IF;

    IF p_registration_id IS NULL THEN
        v_registration.registration_type := rtrim(v_registration_type, 's') || 's';
    ELSE
        SELECT registration.*
        INTO v_registration
        FROM ticketing.registrations AS registration
        WHERE registration.function_id = p_function_id
            AND registration.registration_id = p_registration_id;
        v_attendees := ticketing_internal.load_attendees(p_function_id, p_registration_id);
    END IF;
    -- an amendment knows no more than what is stored
    IF v_registration.status = 'completed' THEN
        v_submitted := '{}';
    END IF;
    v_attendees := ticketing_internal.quote_attendees(v_attendees, v_submitted);

    v_evaluation := ticketing_internal.evaluate_selections(
        v_function, v_registration, v_attendees, v_request, NULL, statement_timestamp()
    );

    v_issues := ticketing_internal.find_attendees_named_twice(v_attendees, v_submitted);
    IF v_registration.status = 'completed' THEN
        v_amendment := ticketing_internal.judge_amendment(
            v_function, v_registration, v_attendees, v_request, v_evaluation, statement_timestamp()
        );
        v_evaluation.issues := v_amendment.issues;
        v_answer.amount_due := ticketing_internal.scale_amount((v_amendment.ledger).amount_due, v_function.currency);
        v_answer.refund_due := ticketing_internal.scale_amount((v_amendment.ledger).refund_due, v_function.currency);
    END IF;
    IF v_registration.status = 'cancelled' THEN
        v_issues := v_issues || ticketing_internal.issue(
            'not_editable', 'p_registration_id', 'The registration is cancelled.',
            p_expected => '["draft", "pending", "expired", "completed"]', p_actual => to_jsonb(v_registration.status)
        );
    END IF;
    v_issues := v_issues || v_evaluation.issues;
    -- no limit of holds concerns a visitor
    v_owner_id := ticketing_internal.bound_owner(v_registration);
    IF p_registration_id IS NOT NULL OR v_owner_id IS NOT NULL THEN
        v_hold := ticketing_internal.plan_hold(
            v_function, v_registration,
            ticketing_internal.summarise_plan(v_attendees, v_evaluation, v_function.currency), statement_timestamp()
        );
        IF v_hold.is_taken THEN
            v_issues := v_issues || ticketing_internal.find_hold_issues(
                v_function, v_registration, v_evaluation, v_hold, v_owner_id, statement_timestamp()
            );
        END IF;
    END IF;
    IF v_evaluation.may_be_short AND v_hold.is_given_up IS NOT TRUE THEN
        v_issues := v_issues || ticketing_internal.find_capacity_issues(
            p_function_id, v_evaluation.tickets, v_evaluation.changes, v_evaluation.lines, p_registration_id,
            statement_timestamp()
        );
    END IF;

    SELECT array_agg(selection.attendee_ref)
    INTO v_attendee_ids
    FROM unnest(v_evaluation.selections) AS selection;

    v_answer.expanded_tickets := ticketing_internal.describe_expanded_tickets(
        v_evaluation.tickets, v_attendees, v_function.currency, v_attendee_ids
    );
    v_answer.valid := v_issues = '[]';
    v_answer.issues := ticketing_internal.first_issues(v_issues);
    v_answer.issues_total := jsonb_array_length(v_issues);
    v_answer.issues_truncated := v_answer.issues_total >= ticketing_internal.most_issues();
    v_answer.tickets := ticketing_internal.describe_tickets(
        v_evaluation.tickets, v_attendees, v_function.currency, v_attendee_ids
    );
    v_answer.attendees_without_tickets := ticketing_internal.list_attendees_without_tickets(
        v_attendees, v_evaluation.tickets
    );
    v_answer.subtotal := ticketing_internal.scale_amount(v_evaluation.subtotal, v_function.currency);
    v_answer.total := ticketing_internal.scale_amount(
        greatest(0.00, v_evaluation.subtotal + coalesce(v_registration.adjustment, 0)), v_function.currency
    );
    v_answer.currency := v_function.currency;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.quote_ticket_selections IS
'Checks and prices a selection exactly as persisting it would, and writes nothing. For a paid
registration it answers what `amend_registration` would do, and what is due then.

What breaks a rule, or is sold out, is answered in `issues`. The `tickets` of the answer can be
passed to `persist_attendee_tickets` unchanged.

### Callers
- `anon`: published functions
- `authenticated`: published functions and own registrations; staff also the drafts and
  registrations of their organisation
- `service_role`: all functions and registrations

### Parameters
- `p_function_id`: the function.
- `p_selections`: the `ticketSelections` of the wizard, as in `persist_ticket_selections`.
- `p_attendees`: at most 500 attendee objects of the wizard; `attendeeId` and `attendeeType` are
  required, all other keys are facts for eligibility rules.
- `p_registration_type`: the type of the registration. One of `individual`, `individuals`, `lodge`,
  `lodges`, `delegation`, `delegations`.
- `p_registration_id`: a registration. Its attendees and its type are used, its own capacity counts
  as free, and unless it is paid `p_attendees` adds attendees, and facts to its own.

### Returns
`quote_answer`: prices and all problems.

### Raises
- `TK001` invalid_payload: an argument does not have the documented shape, or exceeds a limit
- `TK002` registration_not_found: it does not exist, or the caller may not see it
- `TK008` function_not_found: it does not exist, or is not published to the caller

### Retry
Repeating the call is safe, because it writes nothing.';

GRANT EXECUTE ON FUNCTION ticketing.quote_ticket_selections TO anon, authenticated, service_role;
