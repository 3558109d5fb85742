-- What a plan takes from each pool: every ticket one place of all the pools of its type, every
-- package, besides, one of all the pools of its own; and whether there are places enough, as far as
-- an unlocked look at the counters can say.

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
    -- by how much the places of each of these types change
    v_places integer [] := '{}';
    v_place integer;
    v_package_ids uuid [];
    v_pool_ids uuid [];
BEGIN
    r_changes := '{}';
    r_may_be_short := FALSE;
    FOREACH v_ticket IN ARRAY p_plan LOOP
        -- what is there afterwards is what is there before
        CONTINUE WHEN p_is_counted AND v_ticket.change = 'kept';
        v_place := array_position(v_ticket_type_ids, v_ticket.ticket_type_id);
        IF v_place IS NULL THEN
            v_ticket_type_ids := array_append(v_ticket_type_ids, v_ticket.ticket_type_id);
            v_places := array_append(v_places, 0);
            v_place := cardinality(v_places);
        END IF;
        v_places[v_place] := v_places[v_place] + (v_ticket.change <> 'removed')::integer
            - (p_is_counted AND v_ticket.change <> 'added')::integer;
        IF v_ticket.package_id IS NOT NULL AND array_position(v_package_ids, v_ticket.package_id) IS NULL THEN
            v_package_ids := array_append(v_package_ids, v_ticket.package_id);
        END IF;
    END LOOP;

    IF v_ticket_type_ids = '{}' THEN
        RETURN;
    END IF;

    SELECT
        array_agg(ROW(pool.capacity_pool_id, pool.places, 0)::ticketing_internal.capacity_change),
        array_agg(pool.capacity_pool_id)
    INTO r_changes, v_pool_ids
    FROM (
        SELECT
            membership.capacity_pool_id,
            sum(v_places[array_position(v_ticket_type_ids, membership.ticket_type_id)])::integer AS places
        FROM ticketing.ticket_type_pools AS membership
        WHERE membership.function_id = p_function_id
            AND membership.ticket_type_id = ANY(v_ticket_type_ids)
        GROUP BY membership.capacity_pool_id
        HAVING sum(v_places[array_position(v_ticket_type_ids, membership.ticket_type_id)]) <> 0
        ORDER BY membership.capacity_pool_id
    ) AS pool;
    r_changes := coalesce(r_changes, '{}');

    -- by their ids, since a join would read all pools of the function
    SELECT coalesce(bool_or(
        r_changes[array_position(v_pool_ids, pool.capacity_pool_id)].reserved
        > greatest(pool.capacity - pool.reserved - pool.sold, 0)
    ), FALSE)
    INTO r_may_be_short
    FROM ticketing.capacity_pools AS pool
    WHERE pool.function_id = p_function_id AND pool.capacity_pool_id = ANY(v_pool_ids);

    -- few packages have places of their own
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
                ROW(pool.capacity_pool_id, pool.places, 0)::ticketing_internal.capacity_change
            )),
            -- nobody has looked at these
            TRUE
        INTO r_changes, r_may_be_short
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
END
$$;

COMMENT ON FUNCTION ticketing_internal.capacity_changes IS
'The pools whose counters a plan changes, in id order, and by how much (r_changes); and FALSE when all of them have places
enough (r_may_be_short). p_is_counted: whether the tickets stored are in the counters now; when not (an expired
registration), those kept take their places again.';
