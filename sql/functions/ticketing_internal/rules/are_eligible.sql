-- May all attendees hold what they select? One pass over the lines; who may not hold what, and why,
-- is left to find_eligibility_issues.

CREATE OR REPLACE FUNCTION ticketing_internal.are_eligible(
    p_registration_type text,
    p_attendees ticketing_internal.attendee[],
    p_lines ticketing_internal.selection_line[],
    p_catalogue ticketing_internal.catalogue
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_expanded ticketing_internal.expanded_package [] := p_catalogue.expanded_packages;
    v_terms ticketing_internal.ticket_type_terms;
    v_package ticketing.packages;
    v_ruled_ids uuid [] := '{}';
    v_eligibilities jsonb [] := '{}';
    v_line ticketing_internal.selection_line;
    v_attendee ticketing_internal.attendee;
    v_index integer := 1;
    v_subject_ids uuid [];
    v_subject_id uuid;
    v_eligibility jsonb;
    v_seen jsonb [];
    v_rules jsonb;
    v_rule jsonb;
    v_is_met boolean;
BEGIN
    FOREACH v_terms IN ARRAY coalesce(p_catalogue.ticket_types, '{}') LOOP
        IF v_terms.eligibility -> 'rules' <> '[]' THEN
            v_ruled_ids := array_append(v_ruled_ids, v_terms.ticket_type_id);
            v_eligibilities := array_append(v_eligibilities, v_terms.eligibility);
        END IF;
    END LOOP;
    FOREACH v_package IN ARRAY coalesce(p_catalogue.packages, '{}') LOOP
        IF v_package.eligibility -> 'rules' <> '[]' THEN
            v_ruled_ids := array_append(v_ruled_ids, v_package.package_id);
            v_eligibilities := array_append(v_eligibilities, v_package.eligibility);
        END IF;
    END LOOP;

    FOREACH v_line IN ARRAY p_lines LOOP
        v_subject_ids := array_append(
            v_expanded[array_position(p_catalogue.package_ids, v_line.package_id)].ticket_type_ids,
            coalesce(v_line.package_id, v_line.ticket_type_id)
        );
        CONTINUE WHEN NOT v_ruled_ids && v_subject_ids;
        IF v_line.attendee_ref IS DISTINCT FROM v_attendee.attendee_id THEN
            WHILE p_attendees[v_index].attendee_id <> v_line.attendee_ref LOOP
                v_index := v_index + 1;
            END LOOP;
            v_attendee := p_attendees[v_index];
            v_seen := '{}';
        END IF;

        FOREACH v_subject_id IN ARRAY v_subject_ids LOOP
            v_eligibility := v_eligibilities[array_position(v_ruled_ids, v_subject_id)];
            CONTINUE WHEN v_eligibility IS NULL OR v_eligibility = ANY(v_seen);
            v_seen := array_append(v_seen, v_eligibility);

            -- one rule that is met decides for OR, one that is not decides for AND
            v_rules := v_eligibility -> 'rules';
            FOR v_rule_index IN 0..jsonb_array_length(v_rules) - 1 LOOP
                v_rule := v_rules -> v_rule_index;
                v_is_met := coalesce(ticketing_internal.rule_is_met(v_rule, ticketing_internal.attendee_fact(
                    v_rule ->> 'type', p_registration_type, v_attendee.attendee_type, v_attendee.attendee_data
                )), FALSE);
                EXIT WHEN v_is_met = coalesce(v_eligibility ->> 'operator' = 'OR', FALSE);
            END LOOP;
            IF NOT v_is_met THEN
                RETURN FALSE;
            END IF;
        END LOOP;
    END LOOP;
    RETURN TRUE;
END
$$;

COMMENT ON FUNCTION ticketing_internal.are_eligible IS
'Whether every attendee meets the rules of all packages and ticket types that p_lines (in the order of p_attendees)
select, those inside packages included.';
