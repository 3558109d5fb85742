-- The evaluator: what a request would make of a registration, and everything that is wrong with
-- it. A quote and every write go through here, so no rule is written twice.
--
-- It expands the declared selections through the catalogue into the tickets that should exist,
-- compares these with the tickets stored (the plan: kept, added, removed) and with the rows that
-- the caller gave, and applies the rules: those about who may hold what to everything the
-- attendees named would hold, those about prices, windows and places to what is added. A ticket
-- already held keeps its price while its hold lives; once that is over, what was held counts as
-- added.
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
    v_package_ids uuid [];
    v_offer_ids uuid [];
    v_lines ticketing_internal.selection_line [];
    v_named uuid [];
    v_plan ticketing_internal.planned_ticket [];
    v_choices ticketing_internal.choice[];
    v_demands ticketing_internal.pool_demand [];
    v_issues jsonb;
BEGIN
    -- What is stored: the whole registration, since limits per registration and totals need all of
    -- it.
    IF p_registration.registration_id IS NOT NULL THEN
        v_stored := ticketing_internal.stored_tickets(v_function_id, p_registration.registration_id);
    END IF;

    -- The part of the catalogue that the request is about.
    SELECT array_agg(DISTINCT wanted.package_id) INTO v_package_ids
    FROM (
        SELECT line.package_id FROM unnest(p_lines) AS line
        UNION ALL
        SELECT ticket.package_id FROM unnest(p_tickets) AS ticket
        UNION ALL
        SELECT ticket.package_id FROM unnest(v_stored) AS ticket WHERE NOT v_is_held
    ) AS wanted
    WHERE wanted.package_id IS NOT NULL;

    IF v_package_ids IS NOT NULL THEN
        SELECT array_agg(package) INTO v_packages
        FROM ticketing.packages AS package
        WHERE package.function_id = v_function_id AND package.package_id = ANY(v_package_ids);

        SELECT array_agg(item) INTO v_items
        FROM ticketing.package_items AS item
        WHERE item.function_id = v_function_id AND item.package_id = ANY(v_package_ids);
    END IF;

    SELECT array_agg(DISTINCT wanted.ticket_type_id) INTO v_offer_ids
    FROM (
        SELECT line.ticket_type_id FROM unnest(p_lines) AS line
        UNION ALL
        SELECT ticket.ticket_type_id FROM unnest(p_tickets) AS ticket
        UNION ALL
        SELECT ticket.ticket_type_id FROM unnest(v_stored) AS ticket
        UNION ALL
        SELECT item.ticket_type_id FROM unnest(v_items) AS item
    ) AS wanted;

    SELECT array_agg(ROW(
        ticket_type.ticket_type_id, ticket_type.event_id, event.starts_at, ticket_type.name, ticket_type.price,
        ticket_type.is_active AND event.is_active, ticket_type.sale_starts_at, ticket_type.sale_ends_at,
        ticket_type.min_per_attendee, ticket_type.max_per_attendee, ticket_type.max_per_registration,
        ticket_type.eligibility
    )::ticketing_internal.offer)
    INTO v_offers
    FROM ticketing.ticket_types AS ticket_type
    INNER JOIN ticketing.events AS event
        ON event.function_id = ticket_type.function_id AND event.event_id = ticket_type.event_id
    WHERE ticket_type.function_id = v_function_id AND ticket_type.ticket_type_id = ANY(v_offer_ids);

    -- Whom the request names, and the lines of each by attendee id. An attendee named only by given
    -- tickets declares what these amount to; when the hold is over, everybody else declares again
    -- what is stored.
    WITH reference AS (
        SELECT person.attendee_id AS ref, person.attendee_id FROM unnest(p_people) AS person
        UNION
        SELECT person.client_attendee_id, person.attendee_id FROM unnest(p_people) AS person
    ),
    declared AS (
        SELECT DISTINCT reference.attendee_id
        FROM unnest(p_selections) AS selection
        INNER JOIN reference ON reference.ref = selection.attendee_ref
    ),
    given AS (
        SELECT reference.attendee_id, ticket.package_id, ticket.ticket_type_id, ticket.path, ticket.position
        FROM unnest(p_tickets) WITH ORDINALITY AS ticket (
            path, ticket_id, registration_id, attendee_ref, client_attendee_ref, event_id, ticket_type_id, package_id,
            price_paid, original_price, currency, position
        )
        INNER JOIN reference ON reference.ref = ticket.attendee_ref
        LEFT JOIN declared ON declared.attendee_id = reference.attendee_id
        WHERE declared.attendee_id IS NULL
    ),
    implied AS (
        SELECT given.attendee_id, given.package_id, given.ticket_type_id, given.path, given.position
        FROM given
        UNION ALL
        SELECT ticket.attendee_id, ticket.package_id, ticket.ticket_type_id, 'p_registration_id', 0
        FROM unnest(v_stored) AS ticket
        LEFT JOIN declared ON declared.attendee_id = ticket.attendee_id
        LEFT JOIN given ON given.attendee_id = ticket.attendee_id
        WHERE NOT v_is_held AND declared.attendee_id IS NULL AND given.attendee_id IS NULL
    ),
    counted AS (
        SELECT
            implied.attendee_id,
            implied.package_id,
            implied.ticket_type_id,
            count(*)::integer AS quantity,
            (array_agg(implied.path ORDER BY implied.position))[1] AS path,
            min(implied.position) AS position
        FROM implied
        GROUP BY implied.attendee_id, implied.package_id, implied.ticket_type_id
    ),
    line AS (
        SELECT
            reference.attendee_id, line.package_id, line.ticket_type_id, line.quantity, line.contents, line.path,
            0 AS source, line.position
        FROM unnest(p_lines) WITH ORDINALITY AS line (
            attendee_ref, package_id, ticket_type_id, quantity, contents, path, position
        )
        INNER JOIN reference ON reference.ref = line.attendee_ref
        UNION ALL
        SELECT
            counted.attendee_id, NULL, counted.ticket_type_id, counted.quantity, NULL, counted.path, 1,
            counted.position
        FROM counted
        WHERE counted.package_id IS NULL
        UNION ALL
        SELECT
            counted.attendee_id,
            counted.package_id,
            NULL,
            -- as many packages as explain every ticket: too few tickets then show as an incomplete
            -- package
            max((counted.quantity + item.quantity - 1) / item.quantity),
            NULL,
            (array_agg(counted.path ORDER BY counted.position))[1],
            1,
            min(counted.position)
        FROM counted
        INNER JOIN unnest(v_items) AS item
            ON item.package_id = counted.package_id AND item.ticket_type_id = counted.ticket_type_id
        GROUP BY counted.attendee_id, counted.package_id
    )
    SELECT
        (SELECT array_agg(ROW(
            line.attendee_id, line.package_id, line.ticket_type_id, line.quantity, line.contents, line.path
        )::ticketing_internal.selection_line ORDER BY line.source, line.position) FROM line),
        (SELECT array_agg(named.attendee_id) FROM (
            SELECT declared.attendee_id FROM declared
            UNION
            SELECT implied.attendee_id FROM implied
        ) AS named)
    INTO v_lines, v_named;

    -- The plan. Packages come and go as a whole: copy by copy, each with all its tickets. Of
    -- individual tickets the oldest are kept. A ticket held too long is kept only if it still costs
    -- the same.
    v_plan := ticketing_internal.plan_tickets(
        p_people, v_named, v_lines, v_stored, v_packages, v_items, v_offers, v_is_held, c_most_tickets,
        c_most_money
    );
    IF v_plan IS NULL THEN
        PERFORM ticketing_internal.refuse('TK001', jsonb_build_array(ticketing_internal.issue(
            'too_large', substring(v_lines[1].path FROM '^[a-z_]+'),
            format('The request amounts to more than %s tickets, or the registration to more than %s.',
                c_most_tickets, c_most_money),
            p_expected => to_jsonb(c_most_tickets)
        )));
    END IF;

    v_choices := ticketing_internal.list_choices(p_people, v_lines, v_packages, v_items, v_offers);
    v_demands := ticketing_internal.count_pool_demands(v_function_id, v_plan, v_is_counted);

    v_issues := ticketing_internal.find_reference_issues(
            p_registration.registration_id, p_function.currency, p_people, p_selections, p_lines, p_tickets, v_plan,
            v_packages, v_items, v_offers
        )
        || ticketing_internal.find_composition_issues(
            p_function, p_registration.registration_type, p_people, p_selections, v_lines, v_packages
        )
        || ticketing_internal.find_eligibility_issues(p_registration.registration_type, v_choices)
        || ticketing_internal.find_limit_issues(v_choices, v_plan)
        || ticketing_internal.find_sale_issues(
            p_function, v_choices, v_plan, substring(v_lines[1].path FROM '^[a-z_]+'), p_now
        )
        || CASE WHEN p_tickets IS NULL THEN '[]'::jsonb ELSE ticketing_internal.find_ticket_issues(
            p_people, v_named, p_selections, v_lines, p_tickets, v_plan, v_packages, v_items, v_offers
        ) END
        || ticketing_internal.find_place_issues(
            v_function_id, v_plan, v_demands, v_lines, p_registration.registration_id, p_now
        );

    RETURN ROW(
        ticketing_internal.canonical_selections(v_named, v_lines, v_items, v_offers),
        v_lines, v_plan, v_demands, v_issues
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
