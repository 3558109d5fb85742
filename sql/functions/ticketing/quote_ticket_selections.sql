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
    v_attendee_ids uuid [];
    v_expanded jsonb;
BEGIN
    IF p_registration_id IS NOT NULL
        AND ticketing_internal.authorise_registration(p_registration_id) IS DISTINCT FROM p_function_id
    THEN
        PERFORM ticketing_internal.raise_registration_not_found();
    END IF;
    v_function := ticketing_internal.require_function(p_function_id, 'p_function_id');

    BEGIN
        v_request.selections := ticketing_internal.read_selections(p_selections);
        v_request.selection_lines := ticketing_internal.read_selection_lines(v_request.selections);
    EXCEPTION
        WHEN data_exception THEN
            v_issues := ticketing_internal.unreadable_issues(jsonb_build_object('p_selections', p_selections));
    END;
    BEGIN
        v_submitted := ticketing_internal.read_attendees(v_wizard_attendees);
    EXCEPTION
        WHEN data_exception THEN
            v_issues := v_issues || ticketing_internal.unreadable_issues(
                jsonb_build_object('p_attendees', v_wizard_attendees)
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
    v_attendees := ticketing_internal.quote_attendees(v_attendees, v_submitted);

    v_evaluation := ticketing_internal.evaluate_selections(
        v_function, v_registration, v_attendees, v_request, NULL, statement_timestamp()
    );

    SELECT jsonb_agg(ticketing_internal.issue(
        'attendee_named_twice', format('p_attendees[%s].attendeeId', duplicate.position),
        format('%s is listed twice; send one entry per attendee.', (duplicate.attendee).name), duplicate.attendee
    ) ORDER BY duplicate.position)
    INTO v_issues
    FROM (
        SELECT
            submitted.position,
            attendee,
            row_number() OVER (PARTITION BY attendee.attendee_id ORDER BY submitted.position) AS occurrence
        FROM unnest(v_submitted) AS submitted
        INNER JOIN unnest(v_attendees) AS attendee
            ON submitted.attendee_ref IN (attendee.attendee_id, attendee.client_attendee_id)
    ) AS duplicate
    WHERE duplicate.occurrence > 1;
    v_issues := coalesce(v_issues, '[]') || v_evaluation.issues;
    IF v_evaluation.may_be_short THEN
        v_issues := v_issues || ticketing_internal.find_capacity_issues(
            p_function_id, v_evaluation.tickets, v_evaluation.changes, v_evaluation.lines, p_registration_id,
            statement_timestamp()
        );
    END IF;

    SELECT array_agg(selection.attendee_ref)
    INTO v_attendee_ids
    FROM unnest(v_evaluation.selections) AS selection;

    -- price is the list price of one ticket; tickets has the shares of a package's price
    SELECT jsonb_agg(
        jsonb_build_object(
            'attendeeId', line.attendee_id,
            'eventId', line.event_id,
            'ticketTypeId', line.ticket_type_id,
            'packageId', line.package_id,
            'price', line.original_price,
            'isFromPackage', line.package_id IS NOT NULL,
            'quantity', line.quantity
        ) ORDER BY line.position
    )
    INTO v_expanded
    FROM (
        SELECT
            attendee.client_attendee_id AS attendee_id,
            ticket.event_id,
            ticket.ticket_type_id,
            ticket.package_id,
            max(ticket.original_price) AS original_price,
            count(*) AS quantity,
            min(ticket.ordinality) AS position
        FROM unnest(v_evaluation.tickets) WITH ORDINALITY AS ticket
        INNER JOIN unnest(v_attendees) AS attendee ON attendee.attendee_id = ticket.attendee_id
        WHERE ticket.change <> 'removed' AND ticket.attendee_id = ANY(v_attendee_ids)
        GROUP BY attendee.client_attendee_id, ticket.event_id, ticket.ticket_type_id, ticket.package_id
    ) AS line;

    RETURN jsonb_build_object(
        'valid', v_issues = '[]',
        'issues', v_issues,
        'expanded_tickets', coalesce(v_expanded, '[]'),
        'tickets', ticketing_internal.describe_tickets(
            v_evaluation.tickets, v_attendees, v_function.currency, v_attendee_ids
        ),
        'attendees_without_tickets', ticketing_internal.list_attendees_without_tickets(
            v_attendees, v_evaluation.tickets
        ),
        'subtotal', v_evaluation.subtotal,
        'currency', v_function.currency
    );
END
$$;

COMMENT ON FUNCTION ticketing.quote_ticket_selections IS
'Checks and prices a selection exactly as persisting it would, and writes nothing.

Parameters:
- p_function_id: a published function.
- p_selections: the wizard''s ticketSelections, as in persist_ticket_selections.
- p_attendees: the wizard''s attendee objects (attendeeId and attendeeType required; all other keys are facts for eligibility
  rules), at most 500.
- p_registration_type: individuals, lodges or delegations.
- p_registration_id: a registration that the caller owns or whose organisation the caller works for; any for the service. Its
  attendees and its type are used, its own capacity counts as free, and p_attendees adds facts to its attendees.

Returns {valid, issues, expanded_tickets, tickets, attendees_without_tickets, subtotal, currency}: issues as an error would
list them; expanded_tickets {attendeeId, eventId, ticketTypeId, packageId, price (list price of one ticket), isFromPackage,
quantity}; tickets of the attendees in p_selections, which can be passed to persist_attendee_tickets unchanged; subtotal of
all tickets that the registration would have.

Raises TK001 invalid_payload, TK002 registration_not_found, TK008 function_not_found.';

GRANT EXECUTE ON FUNCTION ticketing.quote_ticket_selections TO anon, authenticated, service_role;
