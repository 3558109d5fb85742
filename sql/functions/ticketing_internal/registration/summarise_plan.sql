-- Summarise what a plan changes. Attendees, selections and tickets are all in the order of the
-- attendees.

CREATE OR REPLACE FUNCTION ticketing_internal.summarise_plan(
    p_attendees ticketing_internal.attendee[],
    p_evaluation ticketing_internal.evaluation,
    p_currency text
)
RETURNS ticketing_internal.plan_summary
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- a list of hundreds is slow to search for each ticket
    v_are_all_named CONSTANT boolean := cardinality(p_evaluation.selections) = cardinality(p_attendees);
    v_is_whole CONSTANT boolean := ticketing_internal.currency_decimals(p_currency) = 0;
    v_summary ticketing_internal.plan_summary;
    v_index integer := 1;
    v_selection ticketing_internal.selection;
    v_updates ticketing_internal.selection [];
    v_named_ids uuid [];
    v_ticket ticketing_internal.planned_ticket;
    v_holder_id uuid;
    v_holders integer := 0;
    v_added integer := 0;
    v_removed_ids uuid [];
    v_tickets ticketing_internal.persisted_ticket [] := '{}';
BEGIN
    FOREACH v_selection IN ARRAY p_evaluation.selections LOOP
        WHILE p_attendees[v_index].attendee_id <> v_selection.attendee_ref LOOP
            v_index := v_index + 1;
        END LOOP;
        IF p_attendees[v_index].attendee_data -> 'selected_tickets' IS DISTINCT FROM v_selection.selected_tickets THEN
            v_updates := array_append(v_updates, v_selection);
        END IF;
        IF NOT v_are_all_named THEN
            v_named_ids := array_append(v_named_ids, v_selection.attendee_ref);
        END IF;
    END LOOP;

    FOREACH v_ticket IN ARRAY p_evaluation.tickets LOOP
        IF v_ticket.change = 'removed' THEN
            v_removed_ids := array_append(v_removed_ids, v_ticket.ticket_id);
            CONTINUE;
        END IF;
        IF v_ticket.change = 'added' THEN
            v_added := v_added + 1;
        END IF;
        IF v_are_all_named OR v_ticket.attendee_id = ANY(v_named_ids) THEN
            v_tickets := array_append(v_tickets, ROW(
                v_ticket.ticket_id, v_ticket.attendee_id, v_ticket.ticket_type_id, v_ticket.package_id,
                CASE WHEN v_is_whole THEN trim_scale(v_ticket.price_paid) ELSE v_ticket.price_paid END
            )::ticketing_internal.persisted_ticket);
        END IF;
        IF v_ticket.attendee_id IS DISTINCT FROM v_holder_id THEN
            v_holder_id := v_ticket.attendee_id;
            v_holders := v_holders + 1;
        END IF;
    END LOOP;

    v_summary.added := v_added;
    v_summary.removed_ids := v_removed_ids;
    v_summary.attendee_updates := v_updates;
    v_summary.holders := v_holders;
    v_summary.tickets := v_tickets;
    RETURN v_summary;
END
$$;

COMMENT ON FUNCTION ticketing_internal.summarise_plan IS
'What the plan of an evaluation changes for p_attendees, all attendees of the registration. Prices of its tickets have the
decimals of p_currency.';
