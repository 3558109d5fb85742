-- May everybody have what he would hold? Seen in one pass over the plan; who may not have what, and
-- why, is left to find_eligibility_issues.
--
-- Called by evaluate_selections alone, with its settings.

CREATE OR REPLACE FUNCTION ticketing_internal.are_eligible(
    p_registration_type text,
    p_people ticketing_internal.person[],
    p_named uuid[],
    p_plan ticketing_internal.planned_ticket[],
    p_packages ticketing.packages[],
    p_offers ticketing_internal.offer[]
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT
        FROM (
            SELECT DISTINCT ticket.attendee_id, subject.subject_id
            FROM unnest(p_plan) AS ticket
            CROSS JOIN LATERAL (VALUES (ticket.ticket_type_id), (ticket.package_id)) AS subject (subject_id)
            WHERE ticket.change <> 'removed' AND ticket.attendee_id = ANY(p_named)
        ) AS held
        INNER JOIN (
            SELECT offer.ticket_type_id AS subject_id, offer.eligibility FROM unnest(p_offers) AS offer
            UNION ALL
            SELECT package.package_id, package.eligibility FROM unnest(p_packages) AS package
        ) AS subject
            ON subject.subject_id = held.subject_id AND subject.eligibility -> 'rules' <> '[]'
        INNER JOIN unnest(p_people) AS person ON person.attendee_id = held.attendee_id
        CROSS JOIN LATERAL (
            SELECT
                bool_or(tested.is_met) AS any_met,
                bool_and(coalesce(tested.is_met, FALSE)) AS all_met
            FROM (
                SELECT ticketing_internal.rule_is_met(rule.value, ticketing_internal.attendee_fact(
                    rule.value ->> 'type', p_registration_type, person.attendee_type, person.attendee_data
                )) AS is_met
                FROM jsonb_array_elements(subject.eligibility -> 'rules') AS rule
            ) AS tested
        ) AS rules
        WHERE NOT coalesce(
            CASE subject.eligibility ->> 'operator' WHEN 'OR' THEN rules.any_met ELSE rules.all_met END, FALSE
        )
    );
END
$$;

COMMENT ON FUNCTION ticketing_internal.are_eligible(
    text,
    ticketing_internal.person[],
    uuid[],
    ticketing_internal.planned_ticket[],
    ticketing.packages[],
    ticketing_internal.offer[]
) IS
'Whether every attendee in p_named meets the rules of all that p_plan leaves him with.';

REVOKE ALL ON FUNCTION ticketing_internal.are_eligible(
    text,
    ticketing_internal.person[],
    uuid[],
    ticketing_internal.planned_ticket[],
    ticketing.packages[],
    ticketing_internal.offer[]
) FROM public;
