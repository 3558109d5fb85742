-- Make the stored tickets exactly what was chosen: the one writer behind every RPC that persists
-- a selection.
--
-- Guarantees: evaluates first and writes only the difference; unchanged tickets keep their ids
-- and prices; attendees named nowhere are untouched; sending the same again writes nothing but
-- the renewed hold; a refusal writes nothing at all.
-- Lock order: the caller has locked the registration; the capacity pools come last (see
-- take_capacity).
-- Errors: TK001, TK003, TK006, TK004, TK005, in this order.

CREATE OR REPLACE FUNCTION ticketing_internal.persist_selections(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_selections ticketing_internal.selection[],
    p_lines ticketing_internal.selection_line[],
    p_tickets jsonb,
    p_expected_revision integer,
    p_now timestamptz,
    p_is_changed boolean DEFAULT FALSE,
    p_leaving uuid[] DEFAULT '{}',
    p_claimed_subtotal numeric DEFAULT NULL,
    p_issues jsonb DEFAULT '[]'
)
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id CONSTANT uuid := p_function.function_id;
    v_registration_id CONSTANT uuid := p_registration.registration_id;
    v_registration ticketing.registrations := p_registration;
    v_attendees ticketing_internal.attendee [] := ticketing_internal.load_attendees(v_function_id, v_registration_id);
    v_selections ticketing_internal.selection [] := p_selections;
    v_evaluation ticketing_internal.evaluation;
    v_plan ticketing_internal.planned_ticket [];
    v_changes ticketing_internal.capacity_change [];
    v_room record;
    v_taken integer;
    v_issues jsonb;
    v_selection ticketing_internal.selection;
    v_ticket ticketing_internal.planned_ticket;
    v_person integer := 1;
    v_holder_id uuid;
    v_updates ticketing_internal.selection [];
    v_named uuid [];
    -- mostly, and a list of hundreds is slow to look through for each ticket
    v_is_everyone boolean;
    v_removed uuid [];
    v_saved ticketing_internal.persisted_ticket [] := '{}';
    v_created integer := 0;
    v_subtotal numeric := 0;
    v_holders integer := 0;
    v_has_tickets boolean;
    v_is_changed boolean;
    v_status text := p_registration.status;
    v_revision integer := p_registration.revision;
    v_hold_expires_at timestamptz;
    v_answer jsonb;
BEGIN
    -- Evaluate. An attendee who leaves is one who chooses nothing.
    IF cardinality(p_leaving) > 0 THEN
        SELECT v_selections || array_agg(ROW(
            leaving, '{}'::jsonb, 'p_registration_data.additionalAttendees'
        )::ticketing_internal.selection)
        INTO v_selections
        FROM unnest(p_leaving) AS leaving;
    END IF;
    v_evaluation := ticketing_internal.evaluate_selections(
        p_function, p_registration, v_attendees, v_selections, p_lines, p_tickets, p_now
    );
    IF p_registration.status NOT IN ('draft', 'pending', 'expired') THEN
        PERFORM ticketing_internal.require_editable(p_registration);
    END IF;
    v_plan := v_evaluation.tickets;
    v_issues := p_issues || v_evaluation.issues;

    -- What would change. People, selections and tickets are all in the order of people.
    v_is_everyone := cardinality(v_evaluation.selections) = cardinality(v_attendees);
    FOREACH v_selection IN ARRAY v_evaluation.selections LOOP
        WHILE v_attendees[v_person].attendee_id <> v_selection.attendee_ref LOOP
            v_person := v_person + 1;
        END LOOP;
        IF v_attendees[v_person].attendee_data -> 'selected_tickets' IS DISTINCT FROM v_selection.selected_tickets THEN
            v_updates := array_append(v_updates, v_selection);
        END IF;
        IF NOT v_is_everyone THEN
            v_named := array_append(v_named, v_selection.attendee_ref);
        END IF;
    END LOOP;

    FOREACH v_ticket IN ARRAY v_plan LOOP
        IF v_ticket.change = 'removed' THEN
            v_removed := array_append(v_removed, v_ticket.ticket_id);
            CONTINUE;
        END IF;
        IF v_ticket.change = 'added' THEN
            v_created := v_created + 1;
        END IF;
        IF v_is_everyone OR v_ticket.attendee_id = ANY(v_named) THEN
            v_saved := array_append(v_saved, ROW(
                v_ticket.ticket_id, v_ticket.attendee_id, v_ticket.ticket_type_id, v_ticket.package_id, v_ticket.price_paid
            )::ticketing_internal.persisted_ticket);
        END IF;
        v_subtotal := v_subtotal + v_ticket.price_paid;
        IF v_ticket.attendee_id IS DISTINCT FROM v_holder_id THEN
            v_holder_id := v_ticket.attendee_id;
            v_holders := v_holders + 1;
        END IF;
    END LOOP;
    v_has_tickets := v_holders > 0;

    v_is_changed := p_is_changed OR v_created > 0 OR v_removed IS NOT NULL OR v_updates IS NOT NULL
        OR (p_registration.status = 'expired' AND v_has_tickets);

    -- Another tab has saved meanwhile. A retry whose first reply was lost finds its own state
    -- stored, and succeeds.
    IF p_expected_revision <> p_registration.revision AND (v_is_changed OR v_issues <> '[]') THEN
        PERFORM ticketing_internal.raise_revision_conflict(p_expected_revision, p_registration.revision);
    END IF;

    IF v_has_tickets AND p_claimed_subtotal NOT IN (0, v_subtotal) AND v_issues = '[]' THEN
        v_issues := jsonb_build_array(ticketing_internal.issue(
            'subtotal_mismatch', 'p_registration_data.subtotal',
            format('The tickets come to %s, not %s.', v_subtotal, p_claimed_subtotal),
            p_expected => to_jsonb(v_subtotal), p_actual => to_jsonb(p_claimed_subtotal)
        ));
    END IF;
    IF v_issues <> '[]' THEN
        v_issues := v_issues || ticketing_internal.find_capacity_issues(
            v_function_id, v_plan, v_evaluation.changes, v_evaluation.lines, v_registration_id, p_now
        );
        PERFORM ticketing_internal.raise_issues('TK004', v_issues);
    END IF;

    -- A living hold is renewed, up to its limit and never shortened; a new one starts when there is
    -- none.
    IF v_has_tickets THEN
        v_hold_expires_at := p_now + make_interval(mins => p_function.hold_minutes);
        IF p_registration.status <> 'expired' AND p_registration.hold_expires_at > p_now THEN
            v_hold_expires_at := greatest(p_registration.hold_expires_at, least(
                v_hold_expires_at,
                p_registration.created_at + make_interval(mins => p_function.max_hold_minutes)
            ));
        END IF;
    END IF;

    IF v_is_changed THEN
        v_changes := v_evaluation.changes;
        IF v_evaluation.may_be_short THEN
            v_room := ticketing_internal.reclaim_expired_holds(v_function_id, v_changes, v_registration_id, p_now);
            v_changes := v_room.r_changes;
            IF v_room.r_is_short THEN
                PERFORM ticketing_internal.raise_sold_out(
                    v_function_id, v_plan, v_evaluation.changes, v_changes, v_evaluation.lines, v_registration_id, p_now
                );
            END IF;
        END IF;

        -- Write the difference.
        v_status := 'draft';
        v_revision := p_registration.revision + 1;

        IF v_removed IS NOT NULL THEN
            DELETE FROM ticketing.tickets AS ticket
            WHERE ticket.function_id = v_function_id
                AND ticket.registration_id = v_registration_id
                AND ticket.ticket_id = ANY(v_removed);
        END IF;

        IF v_created > 0 THEN
            INSERT INTO ticketing.tickets (
                function_id, ticket_id, registration_id, owner_id, attendee_id, event_id, ticket_type_id, package_id,
                package_number, price_paid, original_price, currency, is_partner_ticket, created_at, updated_at
            )
            SELECT
                v_function_id, ticket.ticket_id, v_registration_id, p_registration.owner_id, ticket.attendee_id,
                ticket.event_id, ticket.ticket_type_id, ticket.package_id, ticket.package_number, ticket.price_paid,
                ticket.original_price, p_function.currency, ticket.is_partner_ticket, p_now, p_now
            FROM unnest(v_plan) AS ticket
            WHERE ticket.change = 'added';
        END IF;

        IF v_removed IS NOT NULL OR v_created > 0 THEN
            v_registration := ticketing_internal.record_changes(v_registration, v_revision, v_plan, p_now);
        END IF;

        IF v_updates IS NOT NULL THEN
            UPDATE ticketing.attendees AS attendee
            SET
                attendee_data = attendee.attendee_data
                || jsonb_build_object('selected_tickets', selection.selected_tickets),
                updated_at = p_now
            FROM unnest(v_updates) AS selection
            WHERE attendee.function_id = v_function_id
                AND attendee.registration_id = v_registration_id
                AND attendee.attendee_id = selection.attendee_ref;
        END IF;

        IF cardinality(p_leaving) > 0 THEN
            DELETE FROM ticketing.attendees AS attendee
            WHERE attendee.function_id = v_function_id
                AND attendee.registration_id = v_registration_id
                AND attendee.attendee_id = ANY(p_leaving);
        END IF;

        UPDATE ticketing.registrations AS registration
        SET
            status = v_status,
            revision = v_revision,
            subtotal = v_subtotal,
            total = v_subtotal,
            hold_expires_at = v_hold_expires_at,
            last_change_epoch = v_registration.last_change_epoch,
            last_change_transaction_id = v_registration.last_change_transaction_id,
            updated_at = p_now
        WHERE registration.function_id = v_function_id
            AND registration.registration_id = v_registration_id;
    ELSIF v_hold_expires_at IS DISTINCT FROM p_registration.hold_expires_at THEN
        UPDATE ticketing.registrations AS registration
        SET hold_expires_at = v_hold_expires_at
        WHERE registration.function_id = v_function_id
            AND registration.registration_id = v_registration_id;
    END IF;

    v_answer := jsonb_build_object(
        'success', TRUE,
        'registration_id', v_registration_id,
        'revision', v_revision,
        'status', v_status,
        'tickets_created', v_created,
        'tickets_removed', coalesce(cardinality(v_removed), 0),
        'tickets_unchanged', cardinality(v_saved) - v_created,
        'attendees_updated', coalesce(cardinality(v_updates), 0),
        'attendees_without_tickets', CASE
            WHEN v_holders = cardinality(v_attendees) THEN '[]'
            ELSE ticketing_internal.list_attendees_without_tickets(v_attendees, v_plan, p_leaving)
        END,
        'subtotal', v_subtotal,
        'total', v_subtotal,
        'currency', p_function.currency,
        'hold_expires_at', v_hold_expires_at,
        'server_time', p_now,
        'tickets', v_saved
    );

    -- The very last thing, since others wait for these places until this transaction ends. Somebody
    -- may have been quicker since they were looked at; raising takes everything above back.
    IF v_is_changed THEN
        v_taken := ticketing_internal.take_capacity(v_function_id, v_changes);
        IF v_taken < cardinality(v_changes) THEN
            PERFORM ticketing_internal.raise_sold_out(
                v_function_id, v_plan, v_evaluation.changes, v_changes, v_evaluation.lines, v_registration_id, p_now,
                p_taken => v_changes[:v_taken]
            );
        END IF;
    END IF;
    RETURN v_answer;
END
$$;

COMMENT ON FUNCTION ticketing_internal.persist_selections IS
'Persists selections of a locked registration and answers what a persist answers. p_tickets: as the caller sent them,
null for none to compare. p_is_changed: whether the same transaction has changed the registration or its attendees already.
p_leaving: attendees to be deleted with their tickets. p_issues: what the caller has found wrong already. p_claimed_subtotal: what the client thinks the tickets cost.';
