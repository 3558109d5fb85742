-- The evaluator: what a request would make of a registration, and everything that is wrong with
-- it. A quote and every write go through here, so no rule is written twice.
--
-- It expands the declared selections through the catalogue into the tickets that should exist,
-- compares these with the tickets stored (the plan: kept, added, removed) and with the rows that
-- the caller gave, and applies the rules: those about who may hold what to everything the
-- attendees named would hold, those about prices and windows to what is added. A ticket already
-- held keeps its price while its hold lives; once that is over, what was held counts as added.
-- Whether there are places is for the caller to ask: a quote looks, a write takes.
--
-- Reads only, locks nothing, raises only TK001: for a request beyond the limits, and for p_tickets
-- of another shape than documented.

CREATE OR REPLACE FUNCTION ticketing_internal.evaluate_selections(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_attendees ticketing_internal.attendee[],
    p_selections ticketing_internal.selection[],
    p_lines ticketing_internal.selection_line[],
    p_tickets jsonb,
    p_now timestamptz,
    p_is_unlike boolean DEFAULT FALSE
)
RETURNS ticketing_internal.evaluation
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
-- every step joins arrays, whose sizes the planner cannot know: a nested loop is right for ten rows
-- and ruin for 2,000
SET enable_nestloop = off
SET plan_cache_mode = force_generic_plan
-- what is disabled adds so much to the cost of a plan that JIT would compile it, for seconds
SET jit = off
AS $$
DECLARE
    c_most_tickets CONSTANT integer := 2000;
    -- what numeric(12, 2) holds
    c_most_money CONSTANT numeric := 9999999999.99;
    -- up to so many are looked through one by one
    c_few CONSTANT integer := 100;
    -- the argument that a path is in
    c_root CONSTANT text := '^[a-z_]+';
    v_function_id CONSTANT uuid := p_function.function_id;
    -- whether the stored tickets are counted in their pools, and whether nobody can take their
    -- places away any more
    v_is_counted CONSTANT boolean := coalesce(p_registration.status IN ('draft', 'pending'), FALSE);
    v_is_held CONSTANT boolean := v_is_counted AND coalesce(p_registration.hold_expires_at > p_now, FALSE);
    v_stored ticketing_internal.planned_ticket [] := '{}';
    v_packages ticketing.packages [];
    v_items ticketing.package_items [];
    v_offers ticketing_internal.ticket_type_terms [];
    v_units ticketing_internal.package_unit [];
    v_unit_ids uuid [];
    v_starts timestamptz [];
    v_found_package_ids uuid [];
    v_expanded ticketing_internal.expanded_package [];
    v_attendee ticketing_internal.attendee;
    v_attendee_ids uuid [] := '{}';
    v_client_attendee_ids uuid [] := '{}';
    v_selection ticketing_internal.selection;
    v_line ticketing_internal.selection_line;
    v_tickets ticketing_internal.submitted_ticket [];
    v_given ticketing_internal.submitted_ticket;
    v_ticket ticketing_internal.planned_ticket;
    v_ref uuid;
    v_person integer := 0;
    v_last_person integer := 0;
    v_people_selected integer [] := '{}';
    v_place integer := 1;
    v_subject_id uuid;
    v_subject_ids uuid [];
    v_package_ids uuid [] := '{}';
    v_offer_ids uuid [] := '{}';
    v_lines ticketing_internal.selection_line [] := '{}';
    -- whether every attendee is named by the database's id, so that lines are as they are to be
    v_is_by_id boolean := TRUE;
    -- whether these are already as merge_lines would make them
    v_is_tidy boolean := TRUE;
    v_tidy_lines ticketing_internal.selection_line [];
    v_is_named boolean [];
    v_named uuid [];
    v_declared uuid [];
    v_is_implied boolean := FALSE;
    v_implied record;
    v_plan ticketing_internal.planned_ticket [];
    v_choices ticketing_internal.rule_subject[];
    -- what is not for everyone, and for whom it is
    v_ruled_ids uuid [];
    v_ruled_offer_ids uuid [];
    v_eligibilities jsonb [];
    v_offer_eligibilities jsonb [];
    v_has_limits boolean;
    -- whether a package is for registrations of another type
    v_is_for_others boolean;
    -- whether somebody chooses packages and individual tickets
    v_is_mixed boolean := FALSE;
    v_is_single boolean;
    -- whether a line says that something else is in its package
    v_is_odd boolean := FALSE;
    v_content_ids uuid [];
    v_is_guided boolean;
    v_is_unlike boolean;
    v_issues jsonb := '[]';
    v_places record;
BEGIN
    -- What is stored: the whole registration, since limits per registration and totals need all of
    -- it.
    IF p_registration.registration_id IS NOT NULL THEN
        v_stored := ticketing_internal.load_tickets(v_function_id, p_registration.registration_id);
    END IF;

    -- Whom the request names, the lines of each by attendee id, and the part of the catalogue that it is
    -- about. People are mostly named in their order, so that the next one is looked at first.
    FOREACH v_attendee IN ARRAY p_attendees LOOP
        v_attendee_ids := array_append(v_attendee_ids, v_attendee.attendee_id);
        v_client_attendee_ids := array_append(v_client_attendee_ids, v_attendee.client_attendee_id);
    END LOOP;
    v_is_named := array_fill(FALSE, ARRAY[cardinality(p_attendees)]);

    FOREACH v_selection IN ARRAY p_selections LOOP
        v_person := CASE
            WHEN v_selection.attendee_ref IN (v_attendee_ids[v_person + 1], v_client_attendee_ids[v_person + 1])
                THEN v_person + 1
            ELSE coalesce(
                array_position(v_attendee_ids, v_selection.attendee_ref),
                array_position(v_client_attendee_ids, v_selection.attendee_ref)
            )
        END;
        v_people_selected := array_append(v_people_selected, v_person);
        IF v_person IS NOT NULL THEN
            v_is_tidy := v_is_tidy AND v_person > v_last_person;
            v_last_person := v_person;
            v_is_named[v_person] := TRUE;
        END IF;
        v_is_by_id := v_is_by_id AND coalesce(v_selection.attendee_ref = v_attendee_ids[v_person], FALSE);
    END LOOP;
    IF v_is_by_id THEN
        v_lines := p_lines;
    END IF;

    FOREACH v_line IN ARRAY p_lines LOOP
        -- lines are in the order of the selections that they come from
        IF v_line.attendee_ref IS DISTINCT FROM v_ref THEN
            v_ref := v_line.attendee_ref;
            WHILE p_selections[v_place].attendee_ref <> v_ref LOOP
                v_place := v_place + 1;
            END LOOP;
            v_person := v_people_selected[v_place];
            v_subject_ids := '{}';
        END IF;
        v_subject_id := coalesce(v_line.package_id, v_line.ticket_type_id);
        v_is_tidy := v_is_tidy AND v_line.quantity > 0 AND cardinality(v_subject_ids) < c_few
            AND v_subject_id <> ALL(v_subject_ids);
        v_subject_ids := array_append(v_subject_ids, v_subject_id);
        IF NOT v_is_by_id AND v_person IS NOT NULL THEN
            v_line.attendee_ref := v_attendee_ids[v_person];
            v_lines := array_append(v_lines, v_line);
        END IF;
        IF v_line.package_id IS NULL THEN
            IF cardinality(v_offer_ids) > c_few OR v_subject_id <> ALL(v_offer_ids) THEN
                v_offer_ids := array_append(v_offer_ids, v_subject_id);
            END IF;
        ELSIF cardinality(v_package_ids) > c_few OR v_subject_id <> ALL(v_package_ids) THEN
            v_package_ids := array_append(v_package_ids, v_subject_id);
        END IF;
    END LOOP;

    -- Mostly the rows that the caller gave say what the lines say, and then that is all there is to know
    -- of them. They are read beforehand when there are no lines, or once they were found to say something
    -- else.
    v_is_guided := p_is_unlike OR p_selections = '{}';
    IF v_is_guided AND p_tickets IS NOT NULL THEN
        BEGIN
            v_tickets := ticketing_internal.read_tickets(p_tickets);
        EXCEPTION
            WHEN data_exception THEN
                PERFORM ticketing_internal.raise_invalid_payload(jsonb_build_object('p_tickets', p_tickets));
        END;
        v_ref := NULL;
        v_person := 0;
        FOREACH v_given IN ARRAY v_tickets LOOP
            IF v_given.attendee_ref IS DISTINCT FROM v_ref THEN
                v_ref := v_given.attendee_ref;
                v_person := CASE
                    WHEN v_ref IN (v_attendee_ids[v_person + 1], v_client_attendee_ids[v_person + 1]) THEN v_person + 1
                    ELSE coalesce(array_position(v_attendee_ids, v_ref), array_position(v_client_attendee_ids, v_ref))
                END;
                v_is_implied := v_is_implied OR NOT coalesce(v_is_named[v_person], TRUE);
            END IF;
            IF cardinality(v_offer_ids) > c_few OR v_given.ticket_type_id <> ALL(v_offer_ids) THEN
                v_offer_ids := array_append(v_offer_ids, v_given.ticket_type_id);
            END IF;
            IF v_given.package_id IS NOT NULL
                AND (cardinality(v_package_ids) > c_few OR v_given.package_id <> ALL(v_package_ids))
            THEN
                v_package_ids := array_append(v_package_ids, v_given.package_id);
            END IF;
        END LOOP;
    END IF;

    FOREACH v_ticket IN ARRAY v_stored LOOP
        IF cardinality(v_offer_ids) > c_few OR v_ticket.ticket_type_id <> ALL(v_offer_ids) THEN
            v_offer_ids := array_append(v_offer_ids, v_ticket.ticket_type_id);
        END IF;
        IF NOT v_is_held AND v_ticket.package_id IS NOT NULL
            AND (cardinality(v_package_ids) > c_few OR v_ticket.package_id <> ALL(v_package_ids))
        THEN
            v_package_ids := array_append(v_package_ids, v_ticket.package_id);
        END IF;
    END LOOP;

    IF cardinality(v_package_ids) > c_few THEN
        v_package_ids := ARRAY(SELECT DISTINCT unnest(v_package_ids));
    END IF;

    IF v_package_ids <> '{}' THEN
        SELECT
            array_agg(package),
            array_agg(package.package_id),
            array_agg(package.package_id) FILTER (WHERE package.eligibility -> 'rules' <> '[]'),
            array_agg(package.eligibility) FILTER (WHERE package.eligibility -> 'rules' <> '[]'),
            bool_or(p_registration.registration_type <> ALL(package.registration_types)),
            bool_or(coalesce(
                NOT package.is_active OR p_now < package.sale_starts_at OR p_now >= package.sale_ends_at
                OR package.min_per_attendee > 1 OR package.max_per_attendee IS NOT NULL
                OR package.max_per_registration IS NOT NULL,
                FALSE
            ))
        INTO v_packages, v_found_package_ids, v_ruled_ids, v_eligibilities, v_is_for_others, v_has_limits
        FROM ticketing.packages AS package
        WHERE package.function_id = v_function_id AND package.package_id = ANY(v_package_ids);

        -- and what is in them
        v_offer_ids := v_offer_ids || ARRAY(
            SELECT DISTINCT item.ticket_type_id
            FROM ticketing.package_items AS item
            WHERE item.function_id = v_function_id
                AND item.package_id = ANY(v_package_ids)
                AND item.ticket_type_id <> ALL(v_offer_ids)
        );
    END IF;
    IF cardinality(v_offer_ids) > c_few THEN
        v_offer_ids := ARRAY(SELECT DISTINCT unnest(v_offer_ids));
    END IF;

    SELECT
        array_agg(ROW(
            ticket_type.ticket_type_id, ticket_type.event_id, event.starts_at, ticket_type.name, ticket_type.price,
            ticket_type.is_active AND event.is_active, ticket_type.sale_starts_at, ticket_type.sale_ends_at,
            ticket_type.min_per_attendee, ticket_type.max_per_attendee, ticket_type.max_per_registration,
            ticket_type.eligibility
        )::ticketing_internal.ticket_type_terms),
        array_agg(ROW(
            NULL, ticket_type.ticket_type_id, 1, ticket_type.price, ticket_type.price, ticket_type.event_id
        )::ticketing_internal.package_unit),
        array_agg(ticket_type.ticket_type_id),
        array_agg(event.starts_at),
        -- most things are for everyone, on sale and without limits
        array_agg(ticket_type.ticket_type_id) FILTER (WHERE ticket_type.eligibility -> 'rules' <> '[]'),
        array_agg(ticket_type.eligibility) FILTER (WHERE ticket_type.eligibility -> 'rules' <> '[]'),
        coalesce(v_has_limits, FALSE) OR bool_or(coalesce(
            NOT ticket_type.is_active OR NOT event.is_active
            OR p_now < ticket_type.sale_starts_at OR p_now >= ticket_type.sale_ends_at
            OR ticket_type.min_per_attendee > 1 OR ticket_type.max_per_attendee IS NOT NULL
            OR ticket_type.max_per_registration IS NOT NULL,
            FALSE
        ))
    INTO v_offers, v_units, v_unit_ids, v_starts, v_ruled_offer_ids, v_offer_eligibilities, v_has_limits
    FROM ticketing.ticket_types AS ticket_type
    INNER JOIN ticketing.events AS event
        ON event.function_id = ticket_type.function_id AND event.event_id = ticket_type.event_id
    WHERE ticket_type.function_id = v_function_id AND ticket_type.ticket_type_id = ANY(v_offer_ids);

    IF v_packages IS NOT NULL THEN
        SELECT array_agg(item ORDER BY
            array_position(v_found_package_ids, item.package_id),
            v_starts[array_position(v_unit_ids, item.ticket_type_id)],
            item.ticket_type_id)
        INTO v_items
        FROM ticketing.package_items AS item
        WHERE item.function_id = v_function_id AND item.package_id = ANY(v_found_package_ids);
    END IF;

    -- An attendee named only by given tickets declares what these amount to; when the hold is over,
    -- everybody else declares again what is stored.
    IF FALSE <> ALL(v_is_named) THEN
        v_named := v_attendee_ids;
    ELSE
        v_named := ARRAY(
            SELECT v_attendee_ids[person.position]
            FROM unnest(v_is_named) WITH ORDINALITY AS person (is_named, position)
            WHERE person.is_named
        );
    END IF;
    v_declared := v_named;
    IF v_is_implied OR (NOT v_is_held AND v_stored <> '{}') THEN
        v_implied := ticketing_internal.infer_lines(
            p_attendees, v_named, v_tickets, CASE WHEN NOT v_is_held THEN v_stored END, v_items
        );
        v_lines := v_lines || v_implied.r_lines;
        v_named := ARRAY(
            SELECT person.attendee_id
            FROM unnest(v_attendee_ids) WITH ORDINALITY AS person (attendee_id, position)
            LEFT JOIN unnest(v_implied.r_named) AS implied (attendee_id) ON implied.attendee_id = person.attendee_id
            WHERE v_is_named[person.position] OR implied.attendee_id IS NOT NULL
            ORDER BY person.position
        );
        v_is_tidy := v_implied.r_named IS NULL AND v_is_tidy;
    END IF;
    v_tidy_lines := CASE WHEN v_is_tidy THEN v_lines ELSE ticketing_internal.merge_lines(p_attendees, v_lines) END;

    -- The plan. Packages come and go as a whole: copy by copy, each with all its tickets. Of
    -- individual tickets the oldest are kept. A ticket held too long is kept only if it still costs
    -- the same.
    IF v_packages IS NOT NULL THEN
        v_expanded := ticketing_internal.allocate_package_prices(v_packages, v_items, v_unit_ids, v_units);
    END IF;
    v_plan := ticketing_internal.plan_tickets(
        p_attendees, v_named, v_tidy_lines, v_stored, v_unit_ids, v_units, v_found_package_ids, v_expanded, v_is_held,
        c_most_tickets, c_most_money
    );

    -- Do the rows that the caller gave say the same? Rows alone can make a request too large or not.
    v_is_unlike := p_tickets IS NOT NULL AND (v_plan IS NULL OR NOT ticketing_internal.tickets_match(
        p_function.currency, p_registration.registration_id, v_attendee_ids, v_client_attendee_ids,
        -- whom tickets alone could name is not known before they are read
        CASE WHEN v_is_guided THEN v_named ELSE v_declared END,
        p_tickets, v_plan
    ));
    IF v_is_unlike AND NOT v_is_guided THEN
        RETURN ticketing_internal.evaluate_selections(
            p_function, p_registration, p_attendees, p_selections, p_lines, p_tickets, p_now, p_is_unlike => TRUE
        );
    END IF;
    IF v_plan IS NULL THEN
        PERFORM ticketing_internal.raise_issues('TK001', jsonb_build_array(ticketing_internal.issue(
            'too_large', substring(v_lines[1].path FROM c_root),
            format('The request amounts to more than %s tickets, or the registration to more than %s.',
                c_most_tickets, c_most_money),
            p_expected => to_jsonb(c_most_tickets)
        )));
    END IF;
    v_is_unlike := v_is_unlike AND ticketing_internal.tickets_differ(
        p_function.currency, p_registration.registration_id, p_attendees, v_named, v_tickets, v_plan
    );

    -- What is wrong with it. Mostly nothing: whether there can be something at all is known by now
    -- or quickly seen, and only then it is looked for.
    IF v_packages IS NOT NULL THEN
        FOREACH v_line IN ARRAY v_lines LOOP
            v_content_ids := v_expanded[array_position(v_found_package_ids, v_line.package_id)].ticket_type_ids;
            v_is_odd := v_is_odd OR NOT coalesce(
                v_line.contents @> v_content_ids AND v_line.contents <@ v_content_ids, TRUE
            );
        END LOOP;
        IF p_function.selection_mode = 'exclusive' THEN
            v_ref := NULL;
            FOREACH v_line IN ARRAY v_tidy_lines LOOP
                v_is_mixed := v_is_mixed
                    OR v_line.attendee_ref = v_ref AND (v_line.package_id IS NULL) <> v_is_single;
                v_ref := v_line.attendee_ref;
                v_is_single := v_line.package_id IS NULL;
            END LOOP;
        END IF;
    END IF;
    IF v_is_unlike
        OR cardinality(p_selections) <> cardinality(v_declared)
        OR cardinality(v_offer_ids) <> coalesce(cardinality(v_offers), 0)
        OR cardinality(v_package_ids) <> coalesce(cardinality(v_packages), 0)
        OR v_is_odd
    THEN
        v_issues := ticketing_internal.find_reference_issues(
            p_registration.registration_id, p_function.currency, p_attendees, p_selections, p_lines, v_tickets, v_plan,
            v_packages, v_items, v_offers
        );
    END IF;
    IF v_is_for_others OR v_is_mixed THEN
        v_issues := v_issues || ticketing_internal.find_composition_issues(
            p_function, p_registration.registration_type, p_attendees, p_selections, v_lines, v_packages
        );
    END IF;
    v_ruled_ids := v_ruled_ids || v_ruled_offer_ids;
    IF v_has_limits OR v_ruled_ids IS NOT NULL AND NOT ticketing_internal.are_eligible(
        p_registration.registration_type, p_attendees, v_named, v_plan, v_ruled_ids,
        v_eligibilities || v_offer_eligibilities
    ) THEN
        v_choices := ticketing_internal.list_rule_subjects(p_attendees, v_lines, v_packages, v_items, v_offers);
        v_issues := v_issues
            || ticketing_internal.find_eligibility_issues(p_registration.registration_type, v_choices)
            || ticketing_internal.find_limit_issues(v_choices, v_plan);
    END IF;
    IF v_choices IS NOT NULL OR p_function.status <> 'published'
        OR p_now < p_function.registration_opens_at OR p_now >= p_function.registration_closes_at
    THEN
        v_issues := v_issues || ticketing_internal.find_sale_issues(
            p_function, v_choices, v_plan, substring(v_lines[1].path FROM c_root), p_now
        );
    END IF;
    IF v_is_unlike THEN
        v_issues := v_issues || ticketing_internal.find_ticket_issues(
            p_attendees, v_named, p_selections, v_lines, v_tickets, v_plan, v_packages, v_items, v_offers
        );
    END IF;

    v_places := ticketing_internal.capacity_changes(v_function_id, v_plan, v_is_counted);
    RETURN ROW(
        ticketing_internal.canonical_selections(v_named, v_tidy_lines, v_found_package_ids, v_expanded),
        v_lines, v_plan, v_places.r_changes, v_issues, v_places.r_may_be_short
    )::ticketing_internal.evaluation;
END
$$;

COMMENT ON FUNCTION ticketing_internal.evaluate_selections IS
'What a request makes of a registration: p_function and p_registration (of a quote without one, a row with no
registration_id), p_attendees (all its attendees), p_selections and their p_lines, p_tickets (as the caller sent them; null:
he gave none, and none are compared), p_now (the time to judge by), p_is_unlike (whether p_tickets are known to say
something else than p_lines).';
