-- May the attendees hold what they select? The rules of a package bind every attendee who selects
-- it, those of a ticket type also the attendee who gets it inside a package.

CREATE OR REPLACE FUNCTION ticketing_internal.find_eligibility_issues(
    p_registration_type text,
    p_subjects ticketing_internal.rule_subject[]
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_issues jsonb;
BEGIN
    WITH tested_rule AS (
        SELECT
            subject.position,
            subject.subject_id,
            rule.value ->> 'type' AS fact,
            rule.value AS rule,
            fact.value AS fact_value,
            ticketing_internal.rule_is_met(rule.value, fact.value) AS is_met
        FROM unnest(p_subjects) AS subject
        CROSS JOIN LATERAL jsonb_array_elements(subject.eligibility -> 'rules') AS rule
        CROSS JOIN LATERAL ticketing_internal.attendee_fact(
            rule.value ->> 'type', p_registration_type, (subject.attendee).attendee_type, (subject.attendee).attendee_data
        ) AS fact (value)
        WHERE subject.eligibility -> 'rules' <> '[]'
    ),
    tested AS (
        SELECT
            tested_rule.position,
            tested_rule.subject_id,
            bool_or(tested_rule.is_met) AS any_met,
            bool_and(tested_rule.is_met) AS all_met,
            jsonb_agg(tested_rule.rule) FILTER (WHERE NOT tested_rule.is_met) AS unmet_rules,
            jsonb_object_agg(tested_rule.fact, CASE
                WHEN length(tested_rule.fact_value::text) > 200 THEN to_jsonb(left(tested_rule.fact_value #>> '{}', 200) || '…')
                ELSE tested_rule.fact_value
            END) FILTER (WHERE NOT tested_rule.is_met) AS facts,
            array_agg(DISTINCT tested_rule.fact) FILTER (WHERE tested_rule.is_met IS NULL) AS missing_facts
        FROM tested_rule
        GROUP BY tested_rule.position, tested_rule.subject_id
    ),
    -- With AND one unmet rule decides, with OR only all of them do; otherwise a missing fact may still
    -- help.
    refused AS (
        SELECT
            subject.*,
            tested.unmet_rules,
            tested.facts,
            tested.missing_facts,
            CASE subject.eligibility ->> 'operator'
                WHEN 'OR' THEN tested.missing_facts IS NULL
                ELSE NOT coalesce(tested.all_met, TRUE)
            END AS is_final
        FROM tested
        INNER JOIN unnest(p_subjects) AS subject ON subject.position = tested.position AND subject.subject_id = tested.subject_id
        WHERE CASE subject.eligibility ->> 'operator'
            WHEN 'OR' THEN NOT coalesce(tested.any_met, FALSE)
            ELSE NOT coalesce(tested.all_met, FALSE) OR tested.missing_facts IS NOT NULL
        END
    )
    SELECT jsonb_agg(problem.issue ORDER BY problem.position)
    INTO v_issues
    FROM (
        SELECT
            refused.position,
            ticketing_internal.issue(
                'not_eligible', refused.path,
                format('%s is not eligible for %s: requires %s.', (refused.attendee).name, refused.name, (
                    SELECT string_agg(
                        concat_ws(
                            ' ', rule.value ->> 'type', replace(rule.value ->> 'operator', '_', ' '),
                            rule.value ->> 'value'
                        ),
                        CASE refused.eligibility ->> 'operator' WHEN 'OR' THEN ' or ' ELSE ' and ' END
                    )
                    FROM jsonb_array_elements(refused.unmet_rules) AS rule
                )),
                refused.attendee, refused.ticket_type_id, refused.package_id, refused.name, refused.unmet_rules, refused.facts
            )
        FROM refused
        WHERE refused.is_final

        UNION ALL
        SELECT
            refused.position,
            ticketing_internal.issue(
                'fact_missing', refused.path,
                format('We need %s of %s to tell whether %s is available.', fact, (refused.attendee).name, refused.name),
                refused.attendee, refused.ticket_type_id, refused.package_id, refused.name, to_jsonb(fact)
            )
        FROM refused
        CROSS JOIN LATERAL unnest(refused.missing_facts) AS fact
        WHERE NOT refused.is_final
    ) AS problem (position, issue);

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_eligibility_issues IS
'Issues of rule subjects that the facts of their attendees (columns, then keys of attendee_data) and the registration
type do not allow, or not yet; [] when there are none.';
