-- By how much a plan changes each pool: a ticket takes one unit of every pool of its ticket type,
-- a package besides that one unit of every pool of its own. Also answers whether a pool may have
-- too little left, as far as the counters tell without a lock.

CREATE OR REPLACE FUNCTION ticketing_internal.capacity_changes(
    p_function_id uuid,
    p_plan ticketing_internal.planned_ticket[],
    p_is_counted boolean,
    OUT r_changes ticketing_internal.capacity_change[],
    OUT r_may_be_short boolean
)
RETURNS record
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_ticket ticketing_internal.planned_ticket;
    v_ticket_type_ids uuid [] := '{}';
    -- by how much the number of tickets of each of these types changes
    v_quantities integer [] := '{}';
    v_index integer;
    v_package_ids uuid [];
BEGIN
    r_changes := '{}';
    r_may_be_short := FALSE;
    FOREACH v_ticket IN ARRAY p_plan LOOP
        -- a kept ticket changes no counter
        CONTINUE WHEN p_is_counted AND v_ticket.change = 'kept';
        v_index := array_position(v_ticket_type_ids, v_ticket.ticket_type_id);
        IF v_index IS NULL THEN
            v_ticket_type_ids := array_append(v_ticket_type_ids, v_ticket.ticket_type_id);
            v_quantities := array_append(v_quantities, 0);
            v_index := cardinality(v_quantities);
        END IF;
        v_quantities[v_index] := v_quantities[v_index] + (v_ticket.change <> 'removed')::integer
            - (p_is_counted AND v_ticket.change <> 'added')::integer;
        IF v_ticket.package_id IS NOT NULL AND array_position(v_package_ids, v_ticket.package_id) IS NULL THEN
            v_package_ids := array_append(v_package_ids, v_ticket.package_id);
        END IF;
    END LOOP;

    IF v_ticket_type_ids = '{}' THEN
        RETURN;
    END IF;

    SELECT
        array_agg(ROW(pool.capacity_pool_id, pool.amount, 0)::ticketing_internal.capacity_change),
        -- one by one: a join would read all pools of the function
        bool_or(pool.amount > (
            SELECT greatest(stored.capacity - stored.reserved - stored.sold, 0)
            FROM ticketing.capacity_pools AS stored
            WHERE stored.function_id = p_function_id AND stored.capacity_pool_id = pool.capacity_pool_id
        ))
    INTO r_changes, r_may_be_short
    FROM (
        SELECT
            membership.capacity_pool_id,
            sum(v_quantities[array_position(v_ticket_type_ids, membership.ticket_type_id)])::integer AS amount
        FROM ticketing.ticket_type_pools AS membership
        WHERE membership.function_id = p_function_id
            AND membership.ticket_type_id = ANY(v_ticket_type_ids)
        GROUP BY membership.capacity_pool_id
        HAVING sum(v_quantities[array_position(v_ticket_type_ids, membership.ticket_type_id)]) <> 0
        ORDER BY membership.capacity_pool_id
    ) AS pool;
    r_changes := coalesce(r_changes, '{}');
    r_may_be_short := coalesce(r_may_be_short, FALSE);

    -- few packages have pools of their own
    IF v_package_ids IS NULL THEN
        RETURN;
    END IF;
    IF EXISTS (
        SELECT
        FROM ticketing.package_pools AS membership
        WHERE membership.function_id = p_function_id AND membership.package_id = ANY(v_package_ids)
    ) THEN
        SELECT
            ticketing_internal.merge_changes(r_changes || array_agg(
                ROW(pool.capacity_pool_id, pool.amount, 0)::ticketing_internal.capacity_change
            )),
            -- the counters of these pools were not read
            TRUE
        INTO r_changes, r_may_be_short
        FROM (
            SELECT membership.capacity_pool_id, sum(packaged.amount)::integer AS amount
            FROM (
                SELECT
                    ticket.package_id,
                    bool_or(ticket.change <> 'removed')::integer
                    - (p_is_counted AND bool_or(ticket.change <> 'added'))::integer AS amount
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
END
$$;

COMMENT ON FUNCTION ticketing_internal.capacity_changes IS
'The changes that a plan makes to the counters of pools, in id order (r_changes); r_may_be_short is false when each of
these pools has enough capacity left. p_is_counted: whether the counters include the stored tickets; if not (an expired
registration), kept tickets take capacity again.';
