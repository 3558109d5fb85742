-- What a plan takes from each pool: every ticket one place of all the pools of its type, every
-- package, besides, one of all the pools of its own.

CREATE OR REPLACE FUNCTION ticketing_internal.count_pool_demands(
    p_function_id uuid,
    p_plan ticketing_internal.planned_ticket[],
    p_is_counted boolean
)
RETURNS ticketing_internal.pool_demand[]
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ticket_type_ids uuid [];
    v_package_ids uuid [];
    v_demands ticketing_internal.pool_demand [];
BEGIN
    SELECT
        array_agg(DISTINCT ticket.ticket_type_id),
        array_agg(DISTINCT ticket.package_id) FILTER (WHERE ticket.package_id IS NOT NULL)
    INTO v_ticket_type_ids, v_package_ids
    FROM unnest(p_plan) AS ticket
    WHERE NOT p_is_counted OR ticket.change <> 'kept';

    IF v_ticket_type_ids IS NULL THEN
        RETURN '{}';
    END IF;

    -- what is there afterwards, less what is there before
    SELECT array_agg(
        ROW(pool.capacity_pool_id, pool.places, 0)::ticketing_internal.pool_demand ORDER BY pool.capacity_pool_id
    )
    INTO v_demands
    FROM (
        SELECT membership.capacity_pool_id, sum(typed.places)::integer AS places
        FROM (
            SELECT
                ticket.ticket_type_id,
                sum((ticket.change <> 'removed')::integer - (p_is_counted AND ticket.change <> 'added')::integer)
                AS places
            FROM unnest(p_plan) AS ticket
            GROUP BY ticket.ticket_type_id
        ) AS typed
        INNER JOIN ticketing.ticket_type_pools AS membership
            ON membership.function_id = p_function_id
            AND membership.ticket_type_id = ANY(v_ticket_type_ids)
            AND membership.ticket_type_id = typed.ticket_type_id
        GROUP BY membership.capacity_pool_id
        HAVING sum(typed.places) <> 0
    ) AS pool;

    -- few packages have places of their own
    IF v_package_ids IS NOT NULL AND EXISTS (
        SELECT
        FROM ticketing.package_pools AS membership
        WHERE membership.function_id = p_function_id AND membership.package_id = ANY(v_package_ids)
    ) THEN
        SELECT ticketing_internal.merge_demands(v_demands || array_agg(
            ROW(pool.capacity_pool_id, pool.places, 0)::ticketing_internal.pool_demand
        ))
        INTO v_demands
        FROM (
            SELECT membership.capacity_pool_id, sum(packaged.places)::integer AS places
            FROM (
                SELECT
                    ticket.package_id,
                    bool_or(ticket.change <> 'removed')::integer
                    - (p_is_counted AND bool_or(ticket.change <> 'added'))::integer AS places
                FROM unnest(p_plan) AS ticket
                WHERE ticket.package_id IS NOT NULL
                GROUP BY ticket.attendee_id, ticket.package_id, ticket.package_number
            ) AS packaged
            INNER JOIN ticketing.package_pools AS membership
                ON membership.function_id = p_function_id
                AND membership.package_id = ANY(v_package_ids)
                AND membership.package_id = packaged.package_id
            GROUP BY membership.capacity_pool_id
        ) AS pool;
    END IF;

    RETURN coalesce(v_demands, '{}');
END
$$;

COMMENT ON FUNCTION ticketing_internal.count_pool_demands(uuid, ticketing_internal.planned_ticket[], boolean) IS
'The pools whose counters a plan changes, in id order, and by how much. p_is_counted: whether the tickets stored are in the
counters now; when not (an expired registration), those kept take their places again.';

REVOKE ALL ON FUNCTION ticketing_internal.count_pool_demands(
    uuid, ticketing_internal.planned_ticket[], boolean
) FROM public;
