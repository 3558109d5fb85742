-- Lists ticket types and packages of a plan for which the pools have too little capacity left.
-- Capacity held by overdue registrations counts as free. Reads without locks, so this only
-- advises: take_capacity decides. Most buyers are refused while an event sells out, so this looks
-- at the pools that are short, and costs the same however many holds are open elsewhere.

CREATE OR REPLACE FUNCTION ticketing_internal.find_capacity_issues(
    p_function_id uuid,
    p_plan ticketing_internal.planned_ticket[],
    p_changes ticketing_internal.capacity_change[],
    p_lines ticketing_internal.selection_line[],
    p_registration_id uuid,
    p_now timestamptz,
    p_reclaimed ticketing_internal.capacity_change[] DEFAULT '{}'
)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_pool_ids uuid [];
    v_short_ids uuid [];
    v_overdue ticketing_internal.capacity_change[];
    v_issues jsonb;
BEGIN
    SELECT array_agg(change.capacity_pool_id)
    INTO v_pool_ids
    FROM unnest(p_changes) AS change
    WHERE change.reserved + change.sold > 0;

    IF v_pool_ids IS NULL THEN
        RETURN '[]';
    END IF;

    -- with enough capacity left, overdue registrations need not be known
    SELECT array_agg(pool.capacity_pool_id)
    INTO v_short_ids
    FROM ticketing.capacity_pools AS pool
    INNER JOIN unnest(p_changes) AS change ON change.capacity_pool_id = pool.capacity_pool_id
    WHERE pool.function_id = p_function_id
        AND pool.capacity_pool_id = ANY(v_pool_ids)
        AND change.reserved + change.sold > pool.capacity - pool.reserved - pool.sold;
    IF v_short_ids IS NULL THEN
        RETURN '[]';
    END IF;

    v_overdue := ticketing_internal.merge_changes(p_reclaimed || ticketing_internal.registration_capacity(
        p_function_id,
        ticketing_internal.overdue_registrations(p_function_id, p_registration_id, p_now, v_short_ids)
    ));

    WITH short_pool AS (
        SELECT
            pool.capacity_pool_id,
            change.reserved + change.sold AS requested,
            pool.capacity - pool.reserved - pool.sold + coalesce(overdue.reserved, 0) AS available
        FROM ticketing_internal.pool_availability(p_function_id) AS pool
        INNER JOIN unnest(p_changes) AS change ON change.capacity_pool_id = pool.capacity_pool_id
        LEFT JOIN unnest(v_overdue) AS overdue ON overdue.capacity_pool_id = pool.capacity_pool_id
        WHERE pool.capacity_pool_id = ANY(v_short_ids)
            AND change.reserved + change.sold
            > pool.capacity - pool.reserved - pool.sold + coalesce(overdue.reserved, 0)
    ),
    ticket AS (
        SELECT ticket.*
        FROM unnest(p_plan) WITH ORDINALITY AS ticket
        WHERE ticket.change IN ('added', 'retaken')
    ),
    subject AS (
        SELECT
            'ticket type' AS kind,
            ticket_type.ticket_type_id AS subject_id,
            ticket_type.name,
            membership.capacity_pool_id
        FROM ticketing.ticket_type_pools AS membership
        INNER JOIN ticketing.ticket_types AS ticket_type
            ON ticket_type.function_id = membership.function_id
            AND ticket_type.ticket_type_id = membership.ticket_type_id
        WHERE membership.function_id = p_function_id
        UNION ALL
        SELECT 'package', package.package_id, package.name, membership.capacity_pool_id
        FROM ticketing.package_pools AS membership
        INNER JOIN ticketing.packages AS package
            ON package.function_id = membership.function_id
            AND package.package_id = membership.package_id
        WHERE membership.function_id = p_function_id
    ),
    -- every ticket type and package with a short pool; of several such pools the one with the least left
    short AS (
        SELECT DISTINCT ON (subject.kind, subject.subject_id)
            subject.kind,
            subject.subject_id,
            subject.name,
            pool.requested,
            pool.available
        FROM subject
        INNER JOIN short_pool AS pool ON pool.capacity_pool_id = subject.capacity_pool_id
        ORDER BY subject.kind, subject.subject_id, pool.available, subject.capacity_pool_id
    ),
    found AS (
        SELECT
            short.kind,
            short.subject_id,
            short.name,
            short.requested,
            short.available,
            min(ticket.ordinality) AS position,
            (array_agg(ticket.attendee_id ORDER BY ticket.ordinality))[1] AS first_attendee_id,
            (array_agg(ticket.package_id ORDER BY ticket.ordinality))[1] AS first_package_id,
            array_agg(DISTINCT ticket.attendee_id) AS attendee_ids
        FROM short
        INNER JOIN ticket
            ON CASE short.kind WHEN 'package' THEN ticket.package_id ELSE ticket.ticket_type_id END = short.subject_id
        GROUP BY short.kind, short.subject_id, short.name, short.requested, short.available
    )
    SELECT jsonb_agg(
        ticketing_internal.issue(
            'sold_out', coalesce(line.path, 'p_registration_id'),
            CASE
                WHEN found.available <= 0 THEN format('%s is sold out.', found.name)
                ELSE format('Only %s of %s left; %s requested.', found.available, found.name, found.requested)
            END,
            NULL,
            CASE found.kind WHEN 'ticket type' THEN found.subject_id END,
            CASE found.kind WHEN 'package' THEN found.subject_id END,
            found.name
        ) || jsonb_build_object(
            'requested', found.requested,
            'available', greatest(found.available, 0),
            'attendee_ids', found.attendee_ids
        ) ORDER BY found.position, found.kind
    )
    INTO v_issues
    FROM found
    LEFT JOIN LATERAL (
        SELECT line.path
        FROM unnest(p_lines) AS line
        WHERE line.attendee_ref = found.first_attendee_id
            AND (
                line.package_id = found.first_package_id
                OR (found.first_package_id IS NULL AND line.ticket_type_id = found.subject_id)
            )
        LIMIT 1
    ) AS line ON TRUE;

    RETURN coalesce(v_issues, '[]');
END
$$;

COMMENT ON FUNCTION ticketing_internal.find_capacity_issues IS
'One sold_out issue for each ticket type and package that is added and has a pool with too little capacity left:
requested (what the whole request takes from that pool), available (what is left in it, overdue holds at p_now included,
except that of p_registration_id itself) and attendee_ids; [] when there are none. p_reclaimed: capacity that the call
has already reclaimed from overdue registrations or taken itself.';
