-- Is what is added on sale now? What is only kept was on sale when it was added.

CREATE OR REPLACE FUNCTION ticketing_internal.find_sale_issues(
    p_function ticketing.functions,
    p_subjects ticketing_internal.rule_subject[],
    p_plan ticketing_internal.planned_ticket[],
    p_root text,
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
    v_closed CONSTANT text := CASE
        WHEN p_function.status <> 'published' THEN 'function_not_published'
        WHEN p_now < p_function.registration_opens_at THEN 'registration_not_open'
        WHEN p_now >= p_function.registration_closes_at THEN 'registration_closed'
    END;
    v_off_sale CONSTANT ticketing_internal.rule_subject [] := ARRAY(
        SELECT subject
        FROM unnest(p_subjects) AS subject
        WHERE NOT subject.is_active
            OR p_now < subject.sale_starts_at
            OR p_now >= subject.sale_ends_at
    );
    v_issues jsonb;
BEGIN
    IF v_closed IS NULL AND v_off_sale = '{}' THEN
        RETURN '[]';
    END IF;

    WITH added AS (
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
            subject.*,
            CASE
                WHEN NOT subject.is_active THEN 'inactive'
                WHEN p_now < subject.sale_starts_at THEN 'not_yet_on_sale'
                ELSE 'sale_ended'
            END AS code
        FROM unnest(v_off_sale) AS subject
        INNER JOIN added
            ON added.attendee_id = (subject.attendee).attendee_id
            AND added.package_key = subject.package_key
            AND added.subject_id = subject.subject_id
    )
    SELECT jsonb_agg(problem.issue ORDER BY problem.position)
    INTO v_issues
    FROM (
        SELECT
            0,
            ticketing_internal.issue(
                v_closed,
                p_root,
                CASE v_closed
                    WHEN 'function_not_published' THEN format('%s is not on sale.', p_function.name)
                    WHEN 'registration_not_open' THEN format('Registration for %s opens %s.', p_function.name,
                        ticketing_internal.local_time(p_function.registration_opens_at, p_function.timezone))
                    ELSE format('Registration for %s closed %s.', p_function.name,
                        ticketing_internal.local_time(p_function.registration_closes_at, p_function.timezone))
                END,
                p_item_name => p_function.name,
                p_expected => CASE v_closed
                    WHEN 'registration_not_open' THEN to_jsonb(p_function.registration_opens_at)
                    WHEN 'registration_closed' THEN to_jsonb(p_function.registration_closes_at)
                END
            )
        WHERE v_closed IS NOT NULL AND EXISTS (SELECT FROM added)
        UNION ALL
        SELECT
            off_sale.position,
            ticketing_internal.issue(
                off_sale.code, off_sale.path,
                CASE off_sale.code
                    WHEN 'inactive' THEN format('%s is not on sale.', off_sale.name)
                    WHEN 'not_yet_on_sale' THEN format('%s is on sale from %s.', off_sale.name,
                        ticketing_internal.local_time(off_sale.sale_starts_at, p_function.timezone))
                    ELSE format('%s was on sale until %s.', off_sale.name,
                        ticketing_internal.local_time(off_sale.sale_ends_at, p_function.timezone))
                END,
                off_sale.attendee, off_sale.ticket_type_id, off_sale.package_id, off_sale.name,
                CASE off_sale.code
                    WHEN 'not_yet_on_sale' THEN to_jsonb(off_sale.sale_starts_at)
                    WHEN 'sale_ended' THEN to_jsonb(off_sale.sale_ends_at)
                END
            )
        FROM off_sale
    ) AS problem (position, issue);

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_sale_issues IS
'Issues of what is added while it, or the whole function, is not on sale at p_now; p_root: the
argument that the issues of the function are about; [] when there are none.';
