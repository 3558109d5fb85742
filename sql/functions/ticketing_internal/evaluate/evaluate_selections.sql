-- The evaluator: what a request would make of a registration, and everything that is wrong with
-- it. A quote and every write go through here, so no rule is written twice.
--
-- It expands the declared selections through the catalogue into the tickets that should exist,
-- matches these with the tickets stored (the plan) and with the submitted tickets, and applies the
-- rules: those on who may hold what to everything the attendees named would hold, those on prices
-- and sale windows to what is added. A ticket that is held or paid keeps its price; once its hold
-- is over it counts as added. Capacity is left to the caller: a quote looks, a write takes.
--
-- Reads only and takes no lock.
-- Errors: TK001, for a request beyond the limits and for p_tickets of another shape than
-- documented.

CREATE OR REPLACE FUNCTION ticketing_internal.evaluate_selections(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request,
    p_tickets jsonb,
    p_now timestamptz
)
RETURNS ticketing_internal.evaluation
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
-- The steps join arrays, whose sizes the planner cannot know: a nested loop is right for ten rows
-- and ruinous for 2,000. What is disabled adds so much to the cost of a plan that JIT would compile
-- it, for seconds.
SET enable_nestloop = off
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $$
DECLARE
    c_max_tickets CONSTANT integer := 2000;
    -- what numeric(12, 2) holds
    c_max_subtotal CONSTANT numeric := 9999999999.99;
    -- whether the stored tickets are counted in their pools, and whether their hold lives
    v_is_counted CONSTANT boolean := coalesce(p_registration.status IN ('draft', 'pending', 'completed'), FALSE);
    v_is_held boolean := v_is_counted
        AND coalesce(p_registration.status = 'completed' OR p_registration.hold_expires_at > p_now, FALSE);
    v_stored ticketing_internal.planned_ticket [] := '{}';
    v_declared CONSTANT ticketing_internal.request := ticketing_internal.resolve_request(p_attendees, p_request);
    v_request ticketing_internal.request;
    v_catalogue ticketing_internal.catalogue;
    v_plan ticketing_internal.plan;
    v_capacity record;
BEGIN
    -- The whole registration, since limits per registration and totals need all of it.
    IF p_registration.registration_id IS NOT NULL THEN
        v_stored := ticketing_internal.load_tickets(p_function.function_id, p_registration.registration_id);
        IF p_request.cancelled_ids IS NOT NULL THEN
            v_stored := ticketing_internal.place_last(v_stored, p_request.cancelled_ids);
        END IF;
        IF NOT v_is_held AND v_stored <> '{}' THEN
            -- nothing can be held anew: a ticket that is not given up stays what it was, whatever it costs now
            v_is_held := ticketing_internal.hold_available_at(p_function, p_registration, p_now) IS NOT NULL;
        END IF;
    END IF;

    -- Plan. Submitted tickets are parsed only if nothing else says what is selected, or in a second
    -- pass if they do not match the plan of the first.
    FOR v_pass IN 1..2 LOOP
        v_request := v_declared;
        IF p_tickets IS NOT NULL AND (v_pass = 2 OR p_request.selections = '{}') THEN
            BEGIN
                v_request.submitted_tickets := ticketing_internal.read_submitted_tickets(p_tickets);
            EXCEPTION
                WHEN data_exception THEN
                    PERFORM ticketing_internal.raise_invalid_payload(ARRAY['p_tickets'], ARRAY[p_tickets]);
            END;
        END IF;

        v_catalogue := ticketing_internal.load_catalogue(p_function, v_request, v_stored, v_is_held);
        IF v_request.submitted_tickets IS NOT NULL OR NOT v_is_held AND v_stored <> '{}' THEN
            v_request := ticketing_internal.infer_selections(
                p_attendees, v_request, v_catalogue, CASE WHEN NOT v_is_held THEN v_stored END
            );
        END IF;

        v_plan := ticketing_internal.expand_lines(p_attendees, v_request.lines, v_catalogue, c_max_tickets);
        IF v_stored <> '{}' AND v_plan.tickets IS NOT NULL THEN
            v_plan := ticketing_internal.match_tickets(
                p_attendees, v_request.attendee_ids, v_plan.tickets, v_stored, v_is_held
            );
        END IF;

        EXIT WHEN p_tickets IS NULL OR v_request.submitted_tickets IS NOT NULL
            OR ticketing_internal.tickets_match(
                p_function.currency, p_registration.registration_id, p_attendees, v_declared.attendee_ids, p_tickets,
                v_plan.tickets, p_in_any_order => TRUE
            );
    END LOOP;

    IF v_plan.tickets IS NULL OR v_plan.subtotal > c_max_subtotal THEN
        PERFORM ticketing_internal.raise_issues('TK001', jsonb_build_array(ticketing_internal.issue(
            'too_large', ticketing_internal.selecting_argument(v_request),
            format('The request amounts to more than %s tickets, or the registration to more than %s.',
                c_max_tickets, c_max_subtotal),
            p_expected => to_jsonb(c_max_tickets)
        )));
    END IF;

    v_capacity := ticketing_internal.capacity_changes(p_function.function_id, v_plan.tickets, v_is_counted);
    RETURN ROW(
        ticketing_internal.canonical_selections(v_request, v_catalogue),
        v_request.selection_lines || v_request.inferred_lines,
        v_plan.tickets,
        v_plan.subtotal,
        v_capacity.r_changes,
        v_capacity.r_may_be_short,
        ticketing_internal.find_issues(
            p_function, p_registration, p_attendees, v_request, p_tickets, v_catalogue, v_plan.tickets, p_now
        )
    )::ticketing_internal.evaluation;
END
$$;

COMMENT ON FUNCTION ticketing_internal.evaluate_selections IS
'Evaluates p_request, with p_tickets as sent (null: none to compare), for the attendees of a registration (or of a
quote without one: then p_registration has only its type) at p_now. Selections and lines of the evaluation are by
attendee_id.';
