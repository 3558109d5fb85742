-- May the attendees hold what they select? The rules of a package bind every attendee who selects
-- it, those of a ticket type also the attendee who gets it inside a package.
--
-- Facts and rules can be long, and lines many: each rule is applied once per attendee, and no row
-- carries a fact.

CREATE OR REPLACE FUNCTION ticketing_internal.find_eligibility_issues(
    p_registration_type text,
    p_attendees ticketing_internal.attendee[],
    p_catalogue ticketing_internal.catalogue,
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
    WITH ruled AS (
        SELECT terms.ticket_type_id AS subject_id, terms.eligibility
        FROM unnest(p_catalogue.ticket_types) AS terms
        UNION ALL
        SELECT package.package_id, package.eligibility
        FROM unnest(p_catalogue.packages) AS package
    ),
    rule AS (
        SELECT
            ruled.subject_id, ruled.eligibility ->> 'operator' AS operator, rule.ordinality AS number,
            rule.value ->> 'type' AS fact, rule.value AS rule,
            rule.value || jsonb_build_object('value', ticketing_internal.shown_value(rule.value -> 'value')) AS shown
        FROM ruled
        CROSS JOIN LATERAL jsonb_array_elements(ruled.eligibility -> 'rules') WITH ORDINALITY AS rule
    ),
    -- by the index of the attendee
    held AS (
        SELECT DISTINCT (subject.attendee).position AS attendee_index, subject.subject_id
        FROM unnest(p_subjects) AS subject
    ),
    tested_rule AS (
        SELECT
            held.attendee_index, held.subject_id, rule.operator, rule.number, rule.fact,
            ticketing_internal.rule_is_met(rule.rule, ticketing_internal.attendee_fact(
                rule.fact, p_registration_type, (p_attendees[held.attendee_index]).attendee_type,
                (p_attendees[held.attendee_index]).attendee_data
            )) AS is_met
        FROM held
        INNER JOIN rule ON rule.subject_id = held.subject_id
    ),
    tested AS (
        SELECT
            tested_rule.attendee_index,
            tested_rule.subject_id,
            tested_rule.operator,
            bool_or(tested_rule.is_met) AS any_met,
            bool_and(tested_rule.is_met) AS all_met,
            array_agg(DISTINCT tested_rule.fact) FILTER (WHERE tested_rule.is_met IS NULL) AS missing_facts
        FROM tested_rule
        GROUP BY tested_rule.attendee_index, tested_rule.subject_id, tested_rule.operator
    ),
    -- With AND one unmet rule decides, with OR only all of them do; otherwise a missing fact may still
    -- help.
    refused AS (
        SELECT tested.*, CASE tested.operator
            WHEN 'OR' THEN tested.missing_facts IS NULL
            ELSE NOT coalesce(tested.all_met, TRUE)
        END AS is_final
        FROM tested
        WHERE CASE tested.operator
            WHEN 'OR' THEN NOT coalesce(tested.any_met, FALSE)
            ELSE NOT coalesce(tested.all_met, FALSE) OR tested.missing_facts IS NOT NULL
        END
    ),
    listed AS (
        SELECT subject.*, refused.attendee_index, refused.is_final, missing.fact
        FROM refused
        INNER JOIN unnest(p_subjects) AS subject
            ON (subject.attendee).position = refused.attendee_index AND subject.subject_id = refused.subject_id
        CROSS JOIN LATERAL unnest(
            CASE WHEN refused.is_final THEN ARRAY[NULL]::text[] ELSE refused.missing_facts END
        ) AS missing (fact)
        ORDER BY subject.position
        LIMIT ticketing_internal.most_issues()
    ),
    unmet AS (
        SELECT
            final.attendee_index,
            final.subject_id,
            jsonb_agg(rule.shown ORDER BY rule.number) AS rules,
            jsonb_object_agg(rule.fact, ticketing_internal.shown_value(ticketing_internal.attendee_fact(
                rule.fact, p_registration_type, (p_attendees[final.attendee_index]).attendee_type,
                (p_attendees[final.attendee_index]).attendee_data
            ))) AS facts,
            left(string_agg(
                concat_ws(' ', rule.fact, replace(rule.shown ->> 'operator', '_', ' '), rule.shown ->> 'value'),
                CASE rule.operator WHEN 'OR' THEN ' or ' ELSE ' and ' END ORDER BY rule.number
            ), 500) AS words
        FROM (
            SELECT DISTINCT listed.attendee_index, listed.subject_id FROM listed WHERE listed.is_final
        ) AS final
        INNER JOIN tested_rule
            ON tested_rule.attendee_index = final.attendee_index AND tested_rule.subject_id = final.subject_id
        INNER JOIN rule ON rule.subject_id = tested_rule.subject_id AND rule.number = tested_rule.number
        WHERE NOT tested_rule.is_met
        GROUP BY final.attendee_index, final.subject_id
    )
    SELECT jsonb_agg(CASE
        WHEN listed.is_final THEN ticketing_internal.issue(
            'not_eligible', listed.path,
            format('%s is not eligible for %s: requires %s.', (listed.attendee).name, listed.name, unmet.words),
            listed.attendee, listed.ticket_type_id, listed.package_id, listed.name, unmet.rules, unmet.facts
        )
        ELSE ticketing_internal.issue(
            'fact_missing', listed.path,
            format('We need %s of %s to tell whether %s is available.', listed.fact, (listed.attendee).name, listed.name),
            listed.attendee, listed.ticket_type_id, listed.package_id, listed.name, to_jsonb(listed.fact)
        )
    END ORDER BY listed.position)
    INTO v_issues
    FROM listed
    LEFT JOIN unmet ON unmet.attendee_index = listed.attendee_index AND unmet.subject_id = listed.subject_id;

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_eligibility_issues IS
'Issues of rule subjects that the facts of their attendees (columns, then keys of attendee_data) and the registration
type do not allow, or not yet; [] when there are none.';
