-- Too many or too few: limits per attendee and per registration, counted over everything that the
-- registration would hold, tickets inside packages included.

CREATE OR REPLACE FUNCTION ticketing_internal.find_limit_issues(
    p_subjects ticketing_internal.rule_subject[],
    p_plan ticketing_internal.planned_ticket[]
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- most ticket types and packages have no limits
    v_limited CONSTANT ticketing_internal.rule_subject [] := ARRAY(
        SELECT subject
        FROM unnest(p_subjects) AS subject
        WHERE subject.min_per_attendee > 1
            OR subject.max_per_attendee IS NOT NULL
            OR subject.max_per_registration IS NOT NULL
    );
    v_issues jsonb;
BEGIN
    IF v_limited = '{}' THEN
        RETURN '[]';
    END IF;

    -- how many of each an attendee would hold; a package counts once for each of its copies
    WITH held AS (
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
    -- each limited subject at the first line that selects it
    limited AS (
        SELECT
            subject.*,
            held.quantity,
            held_together.quantity AS quantity_together,
            row_number() OVER (
                PARTITION BY (subject.attendee).attendee_id, subject.subject_id ORDER BY subject.position
            ) AS attendee_occurrence,
            row_number() OVER (PARTITION BY subject.subject_id ORDER BY subject.position) AS occurrence
        FROM unnest(v_limited) AS subject
        INNER JOIN held ON held.attendee_id = (subject.attendee).attendee_id AND held.subject_id = subject.subject_id
        INNER JOIN held_together ON held_together.subject_id = subject.subject_id
    )
    SELECT jsonb_agg(problem.issue ORDER BY problem.position)
    INTO v_issues
    FROM (
        SELECT
            limited.position,
            ticketing_internal.issue(
                fault.code, limited.path, fault.message, limited.attendee, limited.ticket_type_id, limited.package_id,
                limited.name, to_jsonb(fault.expected), to_jsonb(fault.actual)
            )
        FROM limited
        CROSS JOIN LATERAL (
            SELECT
                'below_minimum' AS code,
                format('%s needs at least %s of %s, not %s.', (limited.attendee).name, limited.min_per_attendee,
                    limited.name, limited.quantity) AS message,
                limited.min_per_attendee AS expected,
                limited.quantity::numeric AS actual
            WHERE limited.quantity < limited.min_per_attendee AND limited.attendee_occurrence = 1
            UNION ALL
            SELECT
                'above_maximum',
                format('%s may have at most %s of %s, not %s.', (limited.attendee).name, limited.max_per_attendee,
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
    ) AS problem (position, issue);

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_limit_issues IS
'Issues of rule subjects of which the plan has more or fewer than their limits allow; [] when there are none.';
