-- Guarantees: the counters say what the tickets say, also while sales go on: these wait for a
-- moment, function by function.
-- Lock order: function by function in id order: its catalogue, alone; its pools in id order.
-- Errors: 42501, TK008, TK004.

CREATE OR REPLACE FUNCTION ticketing.repair_capacity(p_function_id uuid DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_function_id uuid;
    v_issues jsonb;
    v_repaired integer := 0;
BEGIN
    PERFORM ticketing_internal.require_service();
    PERFORM ticketing_internal.require_read_committed();
    IF p_function_id IS NOT NULL THEN
        PERFORM ticketing_internal.require_function(p_function_id, 'p_function_id');
    END IF;

    FOR v_function_id IN
        SELECT function.function_id
        FROM ticketing.functions AS function
        WHERE p_function_id IS NULL OR function.function_id = p_function_id
        ORDER BY function.function_id
    LOOP
        PERFORM ticketing_internal.lock_catalogue(v_function_id, p_is_exclusive => TRUE);
        PERFORM pool.capacity_pool_id
        FROM ticketing.capacity_pools AS pool
        WHERE pool.function_id = v_function_id
        ORDER BY pool.capacity_pool_id
        FOR NO KEY UPDATE;

        SELECT jsonb_agg(ticketing_internal.issue(
            'capacity_below_use', 'p_function_id',
            format('%s has %s places and %s tickets; cancel some or raise its capacity first.', pool.name,
                pool.capacity, counted.reserved + counted.sold),
            p_name => pool.name, p_expected => to_jsonb(counted.reserved + counted.sold),
            p_actual => to_jsonb(pool.capacity)
        ))
        INTO v_issues
        FROM ticketing.capacity_pools AS pool
        INNER JOIN ticketing_internal.count_capacity(v_function_id) AS counted
            ON counted.capacity_pool_id = pool.capacity_pool_id
        WHERE pool.function_id = v_function_id
            AND counted.reserved + counted.sold > pool.capacity;
        IF v_issues IS NOT NULL THEN
            PERFORM ticketing_internal.raise_issues('TK004', v_issues);
        END IF;

        v_repaired := v_repaired + (
            SELECT count(*)
            FROM ticketing_internal.pool_availability(v_function_id) AS pool
            INNER JOIN ticketing_internal.count_capacity(v_function_id) AS counted
                ON counted.capacity_pool_id = pool.capacity_pool_id
            WHERE (pool.reserved, pool.sold) <> (counted.reserved, counted.sold)
        );

        -- what is set aside is nobody's: whoever sells holds the catalogue
        DELETE FROM ticketing_internal.capacity_allotments AS allotment
        WHERE allotment.function_id = v_function_id;

        UPDATE ticketing.capacity_pools AS pool
        SET reserved = counted.reserved, sold = counted.sold
        FROM ticketing_internal.count_capacity(v_function_id) AS counted
        WHERE pool.function_id = v_function_id
            AND pool.capacity_pool_id = counted.capacity_pool_id
            AND (pool.reserved, pool.sold) <> (counted.reserved, counted.sold);
    END LOOP;

    RETURN jsonb_build_object('success', TRUE, 'pools_repaired', v_repaired, 'server_time', clock_timestamp());
END
$$;

COMMENT ON FUNCTION ticketing.repair_capacity IS
'Counts the places of every pool from its tickets and corrects the counters that differ, for when somebody has edited rows by
hand. Sales of the function wait meanwhile.

Parameters:
- p_function_id: the function; absent: all of them, one after the other.

Returns {success, pools_repaired, server_time}.

Raises 42501 insufficient_privilege, TK004 selection_invalid (a pool has more tickets than
places, or the transaction is not READ COMMITTED), TK008 function_not_found.';

GRANT EXECUTE ON FUNCTION ticketing.repair_capacity TO service_role;
