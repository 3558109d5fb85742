-- Make the stored tickets exactly what a request selects: the one writer behind every RPC that
-- persists a selection, before payment and after.
--
-- Guarantees: evaluates first and writes only the difference; unchanged tickets keep their ids and
-- prices; attendees named nowhere are untouched; sending the same again writes nothing but the
-- extended hold; a refusal writes nothing at all.
-- Lock order: the caller has locked the registration; the owner; overdue registrations; the
-- capacity pools last (see take_capacity).
-- Errors: TK001, TK003, TK006, TK004, TK005 and TK007 (an amendment), in this order.

CREATE OR REPLACE FUNCTION ticketing_internal.persist_selections(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_request ticketing_internal.request,
    p_tickets jsonb,
    p_now timestamptz,
    p_is_changed boolean DEFAULT FALSE,
    p_leaving uuid[] DEFAULT '{}',
    p_issues jsonb DEFAULT '[]'
)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := p_registration.function_id;
    v_registration_id CONSTANT uuid := p_registration.registration_id;
    v_attendees CONSTANT ticketing_internal.attendee [] := ticketing_internal.load_attendees(
        v_function_id, v_registration_id
    );
    v_status text := p_registration.status;
    v_revision integer := p_registration.revision;
    v_request ticketing_internal.request := p_request;
    v_evaluation ticketing_internal.evaluation;
    v_summary ticketing_internal.plan_summary;
    v_issues jsonb;
    v_is_changed boolean;
    v_amendment ticketing_internal.amendment;
    v_hold ticketing_internal.planned_hold;
    v_owner_id uuid;
    v_requested ticketing_internal.capacity_change [];
    v_changes ticketing_internal.capacity_change [];
    v_taken integer;
    v_answer ticketing_internal.persist_answer;
    v_json jsonb;
BEGIN
    -- Evaluate. An attendee who leaves selects nothing.
    IF cardinality(p_leaving) > 0 THEN
        v_request.selections := v_request.selections || ticketing_internal.empty_selections(p_leaving);
    END IF;
    v_evaluation := ticketing_internal.evaluate_selections(
        p_function, p_registration, v_attendees, v_request, p_tickets, p_now
    );
    IF p_request.is_amendment THEN
        PERFORM ticketing_internal.require_amendable(p_function, p_registration, p_now);
    ELSIF p_registration.status NOT IN ('draft', 'pending', 'expired') THEN
        PERFORM ticketing_internal.require_editable(p_registration);
    END IF;

    v_summary := ticketing_internal.summarise_plan(v_attendees, v_evaluation, p_function.currency);
    v_is_changed := p_is_changed OR v_summary.added > 0 OR v_summary.removed_ids IS NOT NULL
        OR v_summary.attendee_updates IS NOT NULL OR (p_registration.status = 'expired' AND v_summary.holders > 0);

    v_hold := ticketing_internal.plan_hold(p_function, p_registration, v_summary, p_now);
    v_issues := p_issues || v_evaluation.issues;
    IF p_request.is_amendment THEN
        v_amendment := ticketing_internal.judge_amendment(
            p_function, p_registration, v_attendees, p_request, v_evaluation, p_now
        );
        v_issues := p_issues || v_amendment.issues;
    END IF;
    IF v_hold.is_taken THEN
        -- a statement of its own: the next one then sees what the owner's other sessions have committed
        v_owner_id := ticketing_internal.lock_owner(p_registration);
        v_issues := v_issues || ticketing_internal.find_hold_issues(
            p_function, p_registration, v_evaluation, v_hold, v_owner_id, p_now
        );
    END IF;

    -- Refuse what another request has overtaken. A retry whose first reply was lost finds its own
    -- state stored, and succeeds.
    IF p_request.expected_revision <> p_registration.revision AND (v_is_changed OR v_issues <> '[]') THEN
        PERFORM ticketing_internal.raise_revision_conflict(p_request.expected_revision, p_registration.revision);
    END IF;

    -- Refuse what breaks a rule, with every issue.
    IF v_summary.holders > 0 AND p_request.claimed_subtotal NOT IN (0, v_evaluation.subtotal) AND v_issues = '[]' THEN
        v_issues := ticketing_internal.find_subtotal_issues(v_evaluation.subtotal, p_request.claimed_subtotal);
    END IF;
    IF v_issues <> '[]' THEN
        PERFORM ticketing_internal.raise_issues('TK004', v_issues || ticketing_internal.find_capacity_issues(
            v_function_id, v_evaluation.tickets, v_evaluation.changes, v_evaluation.lines, v_registration_id, p_now
        ));
    END IF;

    IF v_is_changed THEN
        IF v_hold.is_given_up IS NOT TRUE AND v_status <> 'completed' THEN
            v_status := 'draft';
        END IF;
        -- Reclaim expired holds where capacity may be short. What stays expired takes none.
        v_requested := CASE v_status
            WHEN 'expired' THEN '{}'
            WHEN 'completed' THEN ticketing_internal.scale_changes(v_evaluation.changes, 0, 1)
            ELSE v_evaluation.changes
        END;
        v_changes := v_requested;
        IF v_evaluation.may_be_short AND v_changes <> '{}' THEN
            v_changes := ticketing_internal.reclaim_for_plan(p_registration, v_evaluation, v_requested, p_now);
        END IF;
    END IF;
    IF p_request.is_amendment THEN
        PERFORM ticketing_internal.settle_amendment(
            p_registration, p_request, v_amendment, v_evaluation.subtotal, v_is_changed, p_now
        );
    END IF;
    IF v_is_changed THEN
        v_revision := ticketing_internal.write_plan(
            p_registration, v_status, v_hold, v_evaluation.tickets, v_evaluation.subtotal, v_summary, p_leaving, p_now
        );
    ELSIF v_hold.expires_at IS DISTINCT FROM p_registration.hold_expires_at THEN
        UPDATE ticketing.registrations AS registration
        SET hold_expires_at = v_hold.expires_at, held_since = v_hold.held_since
        WHERE registration.function_id = v_function_id
            AND registration.registration_id = v_registration_id;
    END IF;

    v_answer.success := TRUE;
    v_answer.registration_id := v_registration_id;
    v_answer.revision := v_revision;
    v_answer.status := v_status;
    v_answer.tickets_created := v_summary.added;
    v_answer.tickets_removed := coalesce(cardinality(v_summary.removed_ids), 0);
    v_answer.tickets_unchanged := cardinality(v_summary.tickets) - v_summary.added;
    v_answer.attendees_updated := coalesce(cardinality(v_summary.attendee_updates), 0);
    v_answer.attendees_without_tickets := CASE
        WHEN v_summary.holders = cardinality(v_attendees) THEN '{}'
        ELSE ticketing_internal.list_attendees_without_tickets(v_attendees, v_evaluation.tickets, p_leaving)
    END;
    v_answer.subtotal := ticketing_internal.scale_amount(v_evaluation.subtotal, p_function.currency);
    v_answer.total := ticketing_internal.scale_amount(
        greatest(0.00, v_evaluation.subtotal + p_registration.adjustment), p_function.currency
    );
    v_answer.currency := p_function.currency;
    v_answer.hold_expires_at := v_hold.expires_at;
    v_answer.server_time := p_now;
    v_answer.tickets := v_summary.tickets;
    v_json := to_jsonb(v_answer);

    -- Take the capacity: the very last thing, since others wait for these pools until this transaction
    -- ends. Another transaction may have taken it since it was looked at; raising undoes everything.
    IF v_is_changed THEN
        v_taken := ticketing_internal.take_capacity(v_function_id, v_changes);
        IF v_taken < cardinality(v_changes) THEN
            PERFORM ticketing_internal.raise_sold_out(
                v_function_id, v_evaluation.tickets, v_requested, v_changes, v_evaluation.lines, v_registration_id,
                p_now, p_taken => v_changes[:v_taken]
            );
        END IF;
    END IF;
    RETURN v_json;
END
$$;

COMMENT ON FUNCTION ticketing_internal.persist_selections IS
'Persists p_request, with p_tickets as sent (null: none to compare), for a locked registration and returns the answer
of a persist. p_is_changed: whether the same transaction has changed the registration or its attendees already.
p_leaving: attendees to be deleted with their tickets. p_issues: what the caller has found wrong already. An amendment persists a
registration that is completed, all others one that is not.';
