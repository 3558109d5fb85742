-- The rules of what may be chosen. Eligibility, limits and exclusivity look at everything that
-- the attendees named would hold; activity, windows and the function look at what is added.
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.find_rule_issues(
    p_function ticketing.functions,
    p_registration_type text,
    p_people ticketing_internal.person[],
    p_selections ticketing_internal.selection[],
    p_lines ticketing_internal.selection_line[],
    p_plan ticketing_internal.planned_ticket[],
    p_packages ticketing.packages[],
    p_items ticketing.package_items[],
    p_offers ticketing_internal.offer[],
    p_now timestamptz
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- stands for "no package" in joins, which have no use for null
    c_none CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    c_time_format CONSTANT text := 'YYYY-MM-DD HH24:MI "UTC"';
    v_issues jsonb;
BEGIN
    WITH line AS (
        SELECT line.*, person
        FROM unnest(p_lines) WITH ORDINALITY AS line (
            attendee_id, package_id, ticket_type_id, quantity, contents, path, position
        )
        INNER JOIN unnest(p_people) AS person ON person.attendee_id = line.attendee_id
        WHERE line.quantity > 0
    ),
    -- Every package and every ticket type that a line amounts to: what can be forbidden, off sale,
    -- or too many. (position, subject_id) is its key; package_key is the package it comes in,
    -- c_none for an individual ticket.
    chosen AS (
        SELECT
            line.position,
            package.package_id AS subject_id,
            package.package_id AS package_key,
            line.path,
            line.attendee_id,
            line.person,
            package.package_id,
            NULL::uuid AS ticket_type_id,
            package.name,
            package.is_active,
            package.sale_starts_at,
            package.sale_ends_at,
            package.min_per_attendee,
            package.max_per_attendee,
            package.max_per_registration,
            package.eligibility::jsonb AS eligibility
        FROM line
        INNER JOIN unnest(p_packages) AS package ON package.package_id = line.package_id
        UNION ALL
        SELECT
            line.position,
            offer.ticket_type_id,
            coalesce(line.package_id, c_none),
            line.path || coalesce('.tickets[' || array_position(line.contents, offer.ticket_type_id) - 1 || ']', ''),
            line.attendee_id,
            line.person,
            line.package_id,
            offer.ticket_type_id,
            offer.name,
            offer.is_active,
            offer.sale_starts_at,
            offer.sale_ends_at,
            offer.min_per_attendee,
            offer.max_per_attendee,
            offer.max_per_registration,
            offer.eligibility
        FROM line
        LEFT JOIN unnest(p_items) AS item ON item.package_id = line.package_id
        INNER JOIN unnest(p_offers) AS offer
            ON offer.ticket_type_id = coalesce(line.ticket_type_id, item.ticket_type_id)
    ),
    -- how many of each an attendee would hold; a package counts once for each of its copies
    held AS (
        SELECT ticket.attendee_id, ticket.ticket_type_id AS subject_id, count(*) AS quantity
        FROM unnest(p_plan) AS ticket
        WHERE ticket.change <> 'removed'
        GROUP BY ticket.attendee_id, ticket.ticket_type_id
        UNION ALL
        SELECT ticket.attendee_id, ticket.package_id, count(DISTINCT ticket.package_number)
        FROM unnest(p_plan) AS ticket
        WHERE ticket.change <> 'removed' AND ticket.package_id IS NOT NULL
        GROUP BY ticket.attendee_id, ticket.package_id
    ),
    held_together AS (
        SELECT held.subject_id, sum(held.quantity) AS quantity
        FROM held
        GROUP BY held.subject_id
    ),
    -- each limited thing at the first place where an attendee chooses it
    limited AS (
        SELECT
            chosen.*,
            held.quantity,
            held_together.quantity AS quantity_together,
            row_number() OVER (
                PARTITION BY chosen.attendee_id, chosen.subject_id ORDER BY chosen.position
            ) AS attendee_occurrence,
            row_number() OVER (PARTITION BY chosen.subject_id ORDER BY chosen.position) AS occurrence
        FROM chosen
        INNER JOIN held ON held.attendee_id = chosen.attendee_id AND held.subject_id = chosen.subject_id
        INNER JOIN held_together ON held_together.subject_id = chosen.subject_id
        WHERE chosen.min_per_attendee > 1
            OR chosen.max_per_attendee IS NOT NULL
            OR chosen.max_per_registration IS NOT NULL
    ),
    -- the rules of each chosen thing against the facts of its attendee; null: the fact is not known
    tested_rule AS (
        SELECT
            chosen.position,
            chosen.subject_id,
            rule.value ->> 'type' AS fact,
            rule.value AS rule,
            fact.value AS fact_value,
            CASE
                WHEN coalesce(jsonb_typeof(fact.value), 'null') = 'null' THEN NULL
                ELSE CASE rule.value ->> 'operator'
                    WHEN 'equals' THEN fact.value = rule.value -> 'value'
                    WHEN 'not_equals' THEN fact.value <> rule.value -> 'value'
                    WHEN 'in' THEN EXISTS (
                        SELECT FROM jsonb_array_elements(rule.value -> 'value') AS choice WHERE choice.value = fact.value
                    )
                    ELSE NOT EXISTS (
                        SELECT FROM jsonb_array_elements(rule.value -> 'value') AS choice WHERE choice.value = fact.value
                    )
                END
            END AS is_met
        FROM chosen
        CROSS JOIN LATERAL jsonb_array_elements(chosen.eligibility -> 'rules') AS rule
        CROSS JOIN LATERAL (
            SELECT CASE rule.value ->> 'type'
                WHEN 'attendee_type' THEN to_jsonb((chosen.person).attendee_type)
                WHEN 'registration_type' THEN to_jsonb(p_registration_type)
                ELSE (chosen.person).attendee_data -> (rule.value ->> 'type')
            END AS value
        ) AS fact
        WHERE chosen.eligibility -> 'rules' <> '[]'
    ),
    tested AS (
        SELECT
            tested_rule.position,
            tested_rule.subject_id,
            bool_or(tested_rule.is_met) AS any_met,
            bool_and(tested_rule.is_met) AS all_met,
            jsonb_agg(tested_rule.rule) FILTER (WHERE NOT tested_rule.is_met) AS unmet_rules,
            jsonb_object_agg(tested_rule.fact, tested_rule.fact_value) FILTER (WHERE NOT tested_rule.is_met) AS facts,
            array_agg(DISTINCT tested_rule.fact) FILTER (WHERE tested_rule.is_met IS NULL) AS missing_facts
        FROM tested_rule
        GROUP BY tested_rule.position, tested_rule.subject_id
    ),
    -- With AND one unmet rule refuses for good, and with OR only all of them do; otherwise a
    -- missing fact may still help.
    refused AS (
        SELECT
            chosen.*,
            tested.unmet_rules,
            tested.facts,
            tested.missing_facts,
            CASE chosen.eligibility ->> 'operator'
                WHEN 'OR' THEN tested.missing_facts IS NULL
                ELSE NOT coalesce(tested.all_met, TRUE)
            END AS is_final
        FROM tested
        INNER JOIN chosen ON chosen.position = tested.position AND chosen.subject_id = tested.subject_id
        WHERE CASE chosen.eligibility ->> 'operator'
            WHEN 'OR' THEN NOT coalesce(tested.any_met, FALSE)
            ELSE NOT coalesce(tested.all_met, FALSE) OR tested.missing_facts IS NOT NULL
        END
    ),
    added AS (
        SELECT ticket.attendee_id, coalesce(ticket.package_id, c_none) AS package_key, ticket.ticket_type_id AS subject_id
        FROM unnest(p_plan) AS ticket
        WHERE ticket.change IN ('added', 'retaken')
        UNION
        SELECT ticket.attendee_id, ticket.package_id, ticket.package_id
        FROM unnest(p_plan) AS ticket
        WHERE ticket.change IN ('added', 'retaken') AND ticket.package_id IS NOT NULL
    ),
    off_sale AS (
        SELECT
            chosen.*,
            CASE
                WHEN NOT chosen.is_active THEN 'inactive'
                WHEN p_now < chosen.sale_starts_at THEN 'not_yet_on_sale'
                ELSE 'sale_ended'
            END AS code
        FROM chosen
        INNER JOIN added
            ON added.attendee_id = chosen.attendee_id
            AND added.package_key = chosen.package_key
            AND added.subject_id = chosen.subject_id
        WHERE NOT chosen.is_active
            OR p_now < chosen.sale_starts_at
            OR p_now >= chosen.sale_ends_at
    ),
    closed AS (
        SELECT CASE
            WHEN p_function.status <> 'published' THEN 'function_not_published'
            WHEN p_now < p_function.registration_opens_at THEN 'registration_not_open'
            WHEN p_now >= p_function.registration_closes_at THEN 'registration_closed'
        END AS code
        WHERE EXISTS (SELECT FROM added)
    ),
    problem (position, issue) AS (
        SELECT
            mixed.position,
            ticketing_internal.issue(
                'mixed_selection', coalesce(selection.path, mixed.path),
                format('%s can hold packages or individual tickets, not both.', (mixed.person).name),
                mixed.person
            )
        FROM (
            SELECT
                line.person,
                min(line.position) AS position,
                (array_agg(line.path ORDER BY line.position))[1] AS path
            FROM line
            GROUP BY line.person
            HAVING bool_or(line.package_id IS NULL) AND bool_or(line.package_id IS NOT NULL)
        ) AS mixed
        LEFT JOIN unnest(p_selections) AS selection
            ON selection.attendee_ref IN ((mixed.person).attendee_id, (mixed.person).client_attendee_id)
        WHERE p_function.selection_mode = 'exclusive'

        UNION ALL
        SELECT
            line.position,
            ticketing_internal.issue(
                'registration_type_not_allowed', line.path,
                format('%s is for %s, not for %s.', package.name,
                    array_to_string(package.registration_types, ' and '), p_registration_type),
                line.person, NULL, line.package_id, package.name,
                to_jsonb(package.registration_types), to_jsonb(p_registration_type)
            )
        FROM line
        INNER JOIN unnest(p_packages) AS package ON package.package_id = line.package_id
        WHERE p_registration_type <> ALL(package.registration_types)

        UNION ALL
        SELECT
            refused.position,
            ticketing_internal.issue(
                'not_eligible', refused.path,
                format('%s may not have %s: it needs %s.', (refused.person).name, refused.name, (
                    SELECT string_agg(
                        concat_ws(
                            ' ', rule.value ->> 'type', replace(rule.value ->> 'operator', '_', ' '),
                            rule.value ->> 'value'
                        ),
                        CASE refused.eligibility ->> 'operator' WHEN 'OR' THEN ' or ' ELSE ' and ' END
                    )
                    FROM jsonb_array_elements(refused.unmet_rules) AS rule
                )),
                refused.person, refused.ticket_type_id, refused.package_id, refused.name, refused.unmet_rules, refused.facts
            )
        FROM refused
        WHERE refused.is_final

        UNION ALL
        SELECT
            refused.position,
            ticketing_internal.issue(
                'fact_missing', refused.path,
                format('%s is only for some; %s of %s is not known yet.', refused.name, fact, (refused.person).name),
                refused.person, refused.ticket_type_id, refused.package_id, refused.name, to_jsonb(fact)
            )
        FROM refused
        CROSS JOIN LATERAL unnest(refused.missing_facts) AS fact
        WHERE NOT refused.is_final

        UNION ALL
        SELECT
            limited.position,
            ticketing_internal.issue(
                fault.code, limited.path, fault.message, limited.person, limited.ticket_type_id, limited.package_id,
                limited.name, to_jsonb(fault.expected), to_jsonb(fault.actual)
            )
        FROM limited
        CROSS JOIN LATERAL (
            SELECT
                'below_minimum' AS code,
                format('%s needs at least %s of %s, not %s.', (limited.person).name, limited.min_per_attendee,
                    limited.name, limited.quantity) AS message,
                limited.min_per_attendee AS expected,
                limited.quantity::numeric AS actual
            WHERE limited.quantity < limited.min_per_attendee AND limited.attendee_occurrence = 1
            UNION ALL
            SELECT
                'above_maximum',
                format('%s may have at most %s of %s, not %s.', (limited.person).name, limited.max_per_attendee,
                    limited.name, limited.quantity),
                limited.max_per_attendee,
                limited.quantity
            WHERE limited.quantity > limited.max_per_attendee AND limited.attendee_occurrence = 1
            UNION ALL
            SELECT
                'above_registration_maximum',
                format('A registration may have at most %s of %s, not %s.', limited.max_per_registration,
                    limited.name, limited.quantity_together),
                limited.max_per_registration,
                limited.quantity_together
            WHERE limited.quantity_together > limited.max_per_registration AND limited.occurrence = 1
        ) AS fault

        UNION ALL
        SELECT
            off_sale.position,
            ticketing_internal.issue(
                off_sale.code, off_sale.path,
                CASE off_sale.code
                    WHEN 'inactive' THEN format('%s is not on sale.', off_sale.name)
                    WHEN 'not_yet_on_sale' THEN format('%s is on sale from %s.', off_sale.name,
                        to_char(off_sale.sale_starts_at AT TIME ZONE 'UTC', c_time_format))
                    ELSE format('%s was on sale until %s.', off_sale.name,
                        to_char(off_sale.sale_ends_at AT TIME ZONE 'UTC', c_time_format))
                END,
                off_sale.person, off_sale.ticket_type_id, off_sale.package_id, off_sale.name,
                CASE off_sale.code
                    WHEN 'not_yet_on_sale' THEN to_jsonb(off_sale.sale_starts_at)
                    WHEN 'sale_ended' THEN to_jsonb(off_sale.sale_ends_at)
                END
            )
        FROM off_sale

        UNION ALL
        SELECT
            0,
            ticketing_internal.issue(
                closed.code,
                substring((SELECT line.path FROM line ORDER BY line.position LIMIT 1) FROM '^[a-z_]+'),
                CASE closed.code
                    WHEN 'function_not_published' THEN format('%s is not on sale.', p_function.name)
                    WHEN 'registration_not_open' THEN format('Registration for %s opens %s.', p_function.name,
                        to_char(p_function.registration_opens_at AT TIME ZONE 'UTC', c_time_format))
                    ELSE format('Registration for %s closed %s.', p_function.name,
                        to_char(p_function.registration_closes_at AT TIME ZONE 'UTC', c_time_format))
                END,
                p_name => p_function.name,
                p_expected => CASE closed.code
                    WHEN 'registration_not_open' THEN to_jsonb(p_function.registration_opens_at)
                    WHEN 'registration_closed' THEN to_jsonb(p_function.registration_closes_at)
                END
            )
        FROM closed
        WHERE closed.code IS NOT NULL
    )
    SELECT jsonb_agg(problem.issue ORDER BY problem.position)
    INTO v_issues
    FROM problem;

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_rule_issues(
    ticketing.functions,
    text,
    ticketing_internal.person[],
    ticketing_internal.selection[],
    ticketing_internal.selection_line[],
    ticketing_internal.planned_ticket[],
    ticketing.packages[],
    ticketing.package_items[],
    ticketing_internal.offer[],
    timestamptz
) IS
'Issues of a request that chooses what its attendees may not have, too many or too few of it, or what is not on sale at
p_now; [] when there are none.';

REVOKE ALL ON FUNCTION ticketing_internal.find_rule_issues(
    ticketing.functions,
    text,
    ticketing_internal.person[],
    ticketing_internal.selection[],
    ticketing_internal.selection_line[],
    ticketing_internal.planned_ticket[],
    ticketing.packages[],
    ticketing.package_items[],
    ticketing_internal.offer[],
    timestamptz
) FROM public;
