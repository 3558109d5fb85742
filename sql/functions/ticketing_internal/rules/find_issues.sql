-- Find everything that is wrong with a request, rule by rule. Mostly nothing is: cheap questions
-- decide whether a rule has to look.

CREATE OR REPLACE FUNCTION ticketing_internal.find_issues(
    p_function ticketing.functions,
    p_registration ticketing.registrations,
    p_attendees ticketing_internal.attendee[],
    p_request ticketing_internal.request,
    p_tickets jsonb,
    p_catalogue ticketing_internal.catalogue,
    p_plan ticketing_internal.planned_ticket[],
    p_now timestamptz
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_registration_type CONSTANT text := p_registration.registration_type;
    v_package ticketing.packages;
    v_terms ticketing_internal.ticket_type_terms;
    v_expanded ticketing_internal.expanded_package [];
    v_line ticketing_internal.selection_line;
    v_ticket_type_ids uuid [];
    v_attendee_id uuid;
    v_has_package boolean;
    v_is_mixed boolean := FALSE;
    v_has_wrong_contents boolean := FALSE;
    v_has_other_type boolean := FALSE;
    v_has_terms boolean := FALSE;
    v_has_rules boolean := FALSE;
    v_tickets_differ boolean := FALSE;
    v_subjects ticketing_internal.rule_subject [];
    v_issues jsonb := '[]';
BEGIN
    -- Most ticket types and packages are on sale, without limits, and for all attendees.
    FOREACH v_terms IN ARRAY coalesce(p_catalogue.ticket_types, '{}') LOOP
        v_has_terms := v_has_terms OR coalesce(
            NOT v_terms.is_active OR p_now < v_terms.sale_starts_at OR p_now >= v_terms.sale_ends_at
            OR v_terms.min_per_attendee > 1 OR v_terms.max_per_attendee IS NOT NULL
            OR v_terms.max_per_registration IS NOT NULL,
            FALSE
        );
        v_has_rules := v_has_rules OR v_terms.eligibility -> 'rules' <> '[]';
    END LOOP;

    IF p_catalogue.packages IS NOT NULL THEN
        FOREACH v_package IN ARRAY p_catalogue.packages LOOP
            v_has_other_type := v_has_other_type OR v_registration_type <> ALL(v_package.registration_types);
            v_has_terms := v_has_terms OR coalesce(
                NOT v_package.is_active OR p_now < v_package.sale_starts_at OR p_now >= v_package.sale_ends_at
                OR v_package.min_per_attendee > 1 OR v_package.max_per_attendee IS NOT NULL
                OR v_package.max_per_registration IS NOT NULL,
                FALSE
            );
            v_has_rules := v_has_rules OR v_package.eligibility -> 'rules' <> '[]';
        END LOOP;

        v_expanded := p_catalogue.expanded_packages;
        FOREACH v_line IN ARRAY p_request.selection_lines LOOP
            v_ticket_type_ids := v_expanded[array_position(p_catalogue.package_ids, v_line.package_id)].ticket_type_ids;
            v_has_wrong_contents := v_has_wrong_contents OR NOT coalesce(
                v_line.contents @> v_ticket_type_ids AND v_line.contents <@ v_ticket_type_ids, TRUE
            );
        END LOOP;

        FOREACH v_line IN ARRAY p_request.lines LOOP
            v_is_mixed := v_is_mixed
                OR v_line.attendee_ref = v_attendee_id AND (v_line.package_id IS NOT NULL) <> v_has_package;
            v_attendee_id := v_line.attendee_ref;
            v_has_package := v_line.package_id IS NOT NULL;
        END LOOP;
    END IF;

    IF p_request.submitted_tickets IS NOT NULL THEN
        -- tickets_differ looks at them in any order, now that they are parsed
        v_tickets_differ := NOT ticketing_internal.tickets_match(
            p_function.currency, p_registration.registration_id, p_attendees, p_request.attendee_ids, p_tickets, p_plan,
            p_in_any_order => FALSE
        ) AND ticketing_internal.tickets_differ(
            p_function.currency, p_registration.registration_id, p_attendees, p_request, p_plan
        );
    END IF;

    IF NOT p_request.is_resolved OR NOT p_catalogue.is_complete OR v_has_wrong_contents OR v_tickets_differ THEN
        v_issues := ticketing_internal.find_reference_issues(
                ticketing_internal.attendees_without_data(p_attendees), p_request, p_catalogue
            )
            || ticketing_internal.find_ticket_reference_issues(
                p_registration.registration_id, p_function.currency,
                ticketing_internal.attendees_without_data(p_attendees), p_request, p_catalogue, p_plan
            );
    END IF;

    IF v_has_other_type OR v_is_mixed AND p_function.selection_mode = 'exclusive' THEN
        v_issues := v_issues || ticketing_internal.find_composition_issues(
            p_function, v_registration_type, ticketing_internal.attendees_without_data(p_attendees), p_request,
            p_catalogue
        );
    END IF;

    IF v_has_terms
        OR v_has_rules
        AND NOT ticketing_internal.are_eligible(v_registration_type, p_attendees, p_request.lines, p_catalogue)
    THEN
        v_subjects := ticketing_internal.list_rule_subjects(
            ticketing_internal.attendees_without_data(p_attendees), p_request, p_catalogue
        );
        v_issues := v_issues
            || ticketing_internal.find_eligibility_issues(
                v_registration_type, p_attendees, p_catalogue, v_subjects
            )
            || ticketing_internal.find_limit_issues(v_subjects, p_plan);
    END IF;

    IF v_subjects IS NOT NULL OR p_function.status <> 'published'
        OR p_now < p_function.registration_opens_at OR p_now >= p_function.registration_closes_at
    THEN
        v_issues := v_issues || ticketing_internal.find_sale_issues(
            p_function, v_subjects, p_plan, ticketing_internal.selecting_argument(p_request), p_now
        );
    END IF;

    IF v_tickets_differ THEN
        v_issues := v_issues || ticketing_internal.find_ticket_issues(
            ticketing_internal.attendees_without_data(p_attendees), p_request, p_catalogue, p_plan
        );
    END IF;
    RETURN v_issues;
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_issues IS
'All issues of a resolved request and its plan at p_now, but those of capacity; [] when there are none.';
