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
-- Reads only, locks nothing, raises only for a request beyond the limits (TK001).

CREATE OR REPLACE FUNCTION ticketing_internal.evaluate_selections(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_people ticketing_internal.person[],
    p_selections ticketing_internal.selection[],
    p_lines ticketing_internal.selection_line[],
    p_tickets ticketing_internal.given_ticket[],
    p_now timestamptz
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
    v_function_id CONSTANT uuid := p_function.function_id;
    -- whether the stored tickets are counted in their pools, and whether nobody can take their
    -- places away any more
    v_is_counted CONSTANT boolean := coalesce(p_registration.status IN ('draft', 'pending'), FALSE);
    v_is_held CONSTANT boolean := v_is_counted AND coalesce(p_registration.hold_expires_at > p_now, FALSE);
    v_stored ticketing_internal.planned_ticket [];
    v_packages ticketing.packages [];
    v_items ticketing.package_items [];
    v_offers ticketing_internal.offer [];
    v_units ticketing_internal.package_unit [];
    v_package_ids uuid [];
    v_offer_ids uuid [];
    v_lines ticketing_internal.selection_line [];
    v_named uuid [];
    v_given uuid [];
    v_known integer;
    v_implied record;
    v_root text;
    v_plan ticketing_internal.planned_ticket [];
    v_choices ticketing_internal.choice[];
    v_has_rules boolean;
    v_has_limits boolean;
    v_is_unlike boolean;
    v_issues jsonb := '[]';
BEGIN
    -- What is stored: the whole registration, since limits per registration and totals need all of
    -- it.
    IF p_registration.registration_id IS NOT NULL THEN
        v_stored := ticketing_internal.stored_tickets(v_function_id, p_registration.registration_id);
    END IF;

    -- In one pass: whom the request names, the lines of each by attendee id, and the part of the
    -- catalogue that it is about.
    SELECT
        array_agg(DISTINCT reference.attendee_id)
        FILTER (WHERE named.is_selection AND reference.attendee_id IS NOT NULL),
        array_agg(DISTINCT reference.attendee_id)
        FILTER (WHERE named.is_ticket AND reference.attendee_id IS NOT NULL),
        array_agg(ROW(
            reference.attendee_id, named.package_id, named.ticket_type_id, named.quantity, named.contents, named.path
        )::ticketing_internal.selection_line ORDER BY named.position)
        FILTER (WHERE named.path IS NOT NULL AND reference.attendee_id IS NOT NULL),
        array_agg(DISTINCT named.package_id) FILTER (WHERE named.package_id IS NOT NULL),
        array_agg(DISTINCT named.ticket_type_id) FILTER (WHERE named.ticket_type_id IS NOT NULL)
    INTO v_named, v_given, v_lines, v_package_ids, v_offer_ids
    FROM (
        SELECT
            line.attendee_ref, line.package_id, line.ticket_type_id, line.quantity, line.contents, line.path,
            line.position, FALSE AS is_selection, FALSE AS is_ticket
        FROM unnest(p_lines) WITH ORDINALITY AS line (
            attendee_ref, package_id, ticket_type_id, quantity, contents, path, position
        )
        UNION ALL
        SELECT selection.attendee_ref, NULL, NULL, NULL, NULL, NULL, NULL, TRUE, FALSE
        FROM unnest(p_selections) AS selection
        UNION ALL
        SELECT ticket.attendee_ref, ticket.package_id, ticket.ticket_type_id, NULL, NULL, NULL, NULL, FALSE, TRUE
        FROM unnest(p_tickets) AS ticket
        UNION ALL
        SELECT
            NULL, CASE WHEN NOT v_is_held THEN ticket.package_id END, ticket.ticket_type_id, NULL, NULL, NULL, NULL,
            FALSE, FALSE
        FROM unnest(v_stored) AS ticket
    ) AS named
    LEFT JOIN (
        SELECT person.attendee_id AS ref, person.attendee_id FROM unnest(p_people) AS person
        UNION ALL
        SELECT person.client_attendee_id, person.attendee_id FROM unnest(p_people) AS person
        WHERE person.client_attendee_id <> person.attendee_id
    ) AS reference
        ON reference.ref = named.attendee_ref;
    v_known := cardinality(v_named);

    IF v_package_ids IS NOT NULL THEN
        SELECT
            array_agg(package),
            bool_or(package.eligibility -> 'rules' <> '[]'),
            bool_or(coalesce(
                NOT package.is_active OR p_now < package.sale_starts_at OR p_now >= package.sale_ends_at
                OR package.min_per_attendee > 1 OR package.max_per_attendee IS NOT NULL
                OR package.max_per_registration IS NOT NULL,
                FALSE
            ))
        INTO v_packages, v_has_rules, v_has_limits
        FROM ticketing.packages AS package
        WHERE package.function_id = v_function_id AND package.package_id = ANY(v_package_ids);

        SELECT array_agg(item) INTO v_items
        FROM ticketing.package_items AS item
        WHERE item.function_id = v_function_id AND item.package_id = ANY(v_package_ids);

        SELECT array_agg(DISTINCT wanted.ticket_type_id) INTO v_offer_ids
        FROM (
            SELECT unnest(v_offer_ids) AS ticket_type_id
            UNION ALL
            SELECT item.ticket_type_id FROM unnest(v_items) AS item
        ) AS wanted;
    END IF;

    SELECT
        array_agg(ROW(
            ticket_type.ticket_type_id, ticket_type.event_id, event.starts_at, ticket_type.name, ticket_type.price,
            ticket_type.is_active AND event.is_active, ticket_type.sale_starts_at, ticket_type.sale_ends_at,
            ticket_type.min_per_attendee, ticket_type.max_per_attendee, ticket_type.max_per_registration,
            ticket_type.eligibility
        )::ticketing_internal.offer),
        array_agg(ROW(
            NULL, ticket_type.ticket_type_id, 1, ticket_type.price, ticket_type.price
        )::ticketing_internal.package_unit),
        -- most things are for everyone, on sale and without limits
        coalesce(v_has_rules, FALSE) OR bool_or(ticket_type.eligibility -> 'rules' <> '[]'),
        coalesce(v_has_limits, FALSE) OR bool_or(coalesce(
            NOT ticket_type.is_active OR NOT event.is_active
            OR p_now < ticket_type.sale_starts_at OR p_now >= ticket_type.sale_ends_at
            OR ticket_type.min_per_attendee > 1 OR ticket_type.max_per_attendee IS NOT NULL
            OR ticket_type.max_per_registration IS NOT NULL,
            FALSE
        ))
    INTO v_offers, v_units, v_has_rules, v_has_limits
    FROM ticketing.ticket_types AS ticket_type
    INNER JOIN ticketing.events AS event
        ON event.function_id = ticket_type.function_id AND event.event_id = ticket_type.event_id
    WHERE ticket_type.function_id = v_function_id AND ticket_type.ticket_type_id = ANY(v_offer_ids);

    -- An attendee named only by given tickets declares what these amount to; when the hold is over,
    -- everybody else declares again what is stored.
    IF (NOT v_is_held AND cardinality(v_stored) > 0) OR NOT coalesce(v_given, '{}') <@ coalesce(v_named, '{}') THEN
        v_implied := ticketing_internal.imply_lines(
            p_people, v_named, p_tickets, CASE WHEN NOT v_is_held THEN v_stored END, v_items
        );
        v_lines := v_lines || v_implied.r_lines;
        v_named := v_named || v_implied.r_named;
    END IF;
    v_root := substring(v_lines[1].path FROM '^[a-z_]+');

    -- The plan. Packages come and go as a whole: copy by copy, each with all its tickets. Of
    -- individual tickets the oldest are kept. A ticket held too long is kept only if it still costs
    -- the same.
    IF v_packages IS NOT NULL THEN
        v_units := v_units || ticketing_internal.allocate_package_prices(v_packages, v_items, v_offers);
    END IF;
    v_plan := ticketing_internal.plan_tickets(
        p_people, v_named, v_lines, v_stored, v_units, v_offers, v_is_held, c_most_tickets, c_most_money
    );
    IF v_plan IS NULL THEN
        PERFORM ticketing_internal.refuse('TK001', jsonb_build_array(ticketing_internal.issue(
            'too_large', v_root,
            format('The request amounts to more than %s tickets, or the registration to more than %s.',
                c_most_tickets, c_most_money),
            p_expected => to_jsonb(c_most_tickets)
        )));
    END IF;

    -- What is wrong with it. Mostly nothing: whether there can be something at all is known by now
    -- or quickly seen, and only then it is looked for.
    v_is_unlike := p_tickets IS NOT NULL AND ticketing_internal.tickets_differ(
        p_function.currency, p_registration.registration_id, p_people, v_named, p_tickets, v_plan
    );
    IF v_is_unlike
        OR cardinality(p_selections) <> coalesce(v_known, 0)
        OR cardinality(v_offer_ids) <> coalesce(cardinality(v_offers), 0)
        OR cardinality(v_package_ids) <> coalesce(cardinality(v_packages), 0)
        OR v_packages IS NOT NULL AND EXISTS (
            SELECT
            FROM unnest(p_lines) AS line
            INNER JOIN (
                SELECT item.package_id, array_agg(item.ticket_type_id) AS ticket_type_ids
                FROM unnest(v_items) AS item
                GROUP BY item.package_id
            ) AS package ON package.package_id = line.package_id
            WHERE NOT (line.contents @> package.ticket_type_ids AND line.contents <@ package.ticket_type_ids)
        )
    THEN
        v_issues := ticketing_internal.find_reference_issues(
            p_registration.registration_id, p_function.currency, p_people, p_selections, p_lines, p_tickets, v_plan,
            v_packages, v_items, v_offers
        );
    END IF;
    IF v_packages IS NOT NULL THEN
        v_issues := v_issues || ticketing_internal.find_composition_issues(
            p_function, p_registration.registration_type, p_people, p_selections, v_lines, v_packages
        );
    END IF;
    IF v_has_limits OR v_has_rules AND NOT ticketing_internal.are_eligible(
        p_registration.registration_type, p_people, v_named, v_plan, v_packages, v_offers
    ) THEN
        v_choices := ticketing_internal.list_choices(p_people, v_lines, v_packages, v_items, v_offers);
        v_issues := v_issues
            || ticketing_internal.find_eligibility_issues(p_registration.registration_type, v_choices)
            || ticketing_internal.find_limit_issues(v_choices, v_plan);
    END IF;
    v_issues := v_issues || ticketing_internal.find_sale_issues(p_function, v_choices, v_plan, v_root, p_now);
    IF v_is_unlike THEN
        v_issues := v_issues || ticketing_internal.find_ticket_issues(
            p_people, v_named, p_selections, v_lines, p_tickets, v_plan, v_packages, v_items, v_offers
        );
    END IF;

    RETURN ROW(
        ticketing_internal.canonical_selections(v_named, v_lines, v_items, v_offers),
        v_lines, v_plan, ticketing_internal.count_pool_demands(v_function_id, v_plan, v_is_counted), v_issues
    )::ticketing_internal.evaluation;
END
$$;

COMMENT ON FUNCTION ticketing_internal.evaluate_selections(
    ticketing.functions,
    ticketing.registrations,
    ticketing_internal.person[],
    ticketing_internal.selection[],
    ticketing_internal.selection_line[],
    ticketing_internal.given_ticket[],
    timestamptz
) IS
'What a request makes of a registration: p_function and p_registration (of a quote without one, a row with no
registration_id), p_people (all its attendees), p_selections and their p_lines, p_tickets (null: the caller gave none, and
none are compared), p_now (the time to judge by).';

REVOKE ALL ON FUNCTION ticketing_internal.evaluate_selections(
    ticketing.functions,
    ticketing.registrations,
    ticketing_internal.person[],
    ticketing_internal.selection[],
    ticketing_internal.selection_line[],
    ticketing_internal.given_ticket[],
    timestamptz
) FROM public;
