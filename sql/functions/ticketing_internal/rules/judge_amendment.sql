-- What an evaluation means for a registration that is paid. Its rules are those of every selection,
-- but for three: what was wrong before does not forbid a correction, sale windows do not bind
-- staff, and owners have deadlines.
--
-- Errors: TK001, for more tickets than a registration may have.

CREATE OR REPLACE FUNCTION ticketing_internal.judge_amendment(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request,
    p_evaluation ticketing_internal.evaluation,
    p_now timestamptz
)
RETURNS ticketing_internal.amendment
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_sale_windows CONSTANT text [] := '{registration_not_open,registration_closed,not_yet_on_sale,sale_ended}';
    c_most_tickets CONSTANT integer := 10000;
    v_is_staff CONSTANT boolean := ticketing_internal.acts_for_organisation(p_function.function_id);
    -- also of a request that selects nothing, which has no line
    v_path CONSTANT text := coalesce(substring(p_request.selections[1].path FROM '^[a-z_]+'), 'p_registration_id');
    v_registration ticketing.registrations := p_registration;
    v_ticket ticketing_internal.planned_ticket;
    v_is_empty boolean := TRUE;
    v_tickets bigint;
    v_amendment ticketing_internal.amendment;
BEGIN
    v_amendment.issues := p_evaluation.issues;
    IF v_amendment.issues <> '[]' THEN
        v_amendment.issues := ticketing_internal.grown_issues(
            p_evaluation.issues,
            (ticketing_internal.evaluate_selections(
                p_function, p_registration, p_attendees,
                ticketing_internal.stored_request(ARRAY(
                    -- those whom the request decides about
                    SELECT stored
                    FROM unnest(ticketing_internal.stored_selections(p_attendees)) AS stored
                    INNER JOIN unnest(p_evaluation.selections) AS named ON named.attendee_ref = stored.attendee_ref
                )), NULL, p_now
            )).issues,
            p_evaluation.tickets
        );
        IF v_is_staff THEN
            v_amendment.issues := (
                SELECT coalesce(jsonb_agg(issue.value ORDER BY issue.ordinality), '[]')
                FROM jsonb_array_elements(v_amendment.issues) WITH ORDINALITY AS issue
                WHERE issue.value ->> 'code' <> ALL(c_sale_windows)
            );
        END IF;
        v_amendment.waived := ARRAY(
            SELECT DISTINCT issue.value ->> 'code' AS code
            FROM jsonb_array_elements(p_evaluation.issues) AS issue
            WHERE NOT v_amendment.issues @> jsonb_build_array(issue.value)
            ORDER BY code
        );
    END IF;

    -- A ticket that is exchanged stays, cancelled: without a limit, a registration would grow with
    -- every exchange.
    SELECT count(*)
    INTO v_tickets
    FROM ticketing.tickets AS ticket
    WHERE ticket.function_id = p_registration.function_id
        AND ticket.registration_id = p_registration.registration_id;
    FOREACH v_ticket IN ARRAY p_evaluation.tickets LOOP
        v_is_empty := v_is_empty AND v_ticket.change = 'removed';
        v_tickets := v_tickets + (v_ticket.change = 'added')::integer;
    END LOOP;
    IF v_tickets > c_most_tickets THEN
        PERFORM ticketing_internal.raise_issues('TK001', jsonb_build_array(ticketing_internal.issue(
            'too_large', v_path,
            format('A registration can have at most %s tickets, with those that are cancelled.', c_most_tickets),
            p_expected => to_jsonb(c_most_tickets), p_actual => to_jsonb(v_tickets)
        )));
    END IF;
    -- what is selected but unknown is told as such
    IF v_is_empty AND NOT EXISTS (SELECT FROM unnest(p_evaluation.lines) AS line WHERE line.quantity > 0) THEN
        v_amendment.issues := v_amendment.issues || ticketing_internal.issue(
            'registration_empty', v_path, 'No ticket would be left; cancel the registration instead.'
        );
    END IF;

    v_registration.subtotal := p_evaluation.subtotal;
    v_registration.total := greatest(0.00, p_evaluation.subtotal + p_registration.adjustment);
    v_amendment.ledger := ticketing_internal.read_ledger(v_registration);
    IF NOT v_is_staff THEN
        v_amendment.issues := ticketing_internal.find_deadline_issues(
            p_function, v_path,
            (v_amendment.ledger).refund_due > (ticketing_internal.read_ledger(p_registration)).refund_due,
            p_now
        ) || v_amendment.issues;
    END IF;
    RETURN v_amendment;
END
$$;

COMMENT ON FUNCTION ticketing_internal.judge_amendment IS
'What p_evaluation of p_request, for p_registration, which is completed, and its p_attendees, would amend: see the type. Deadlines and sale windows
are those of the caller.';
