-- Guarantees: the counters of all pools equal the numbers counted from the tickets. Safe during
-- sales: sales of a function wait while its pools are recounted.
-- Lock order, per function in id order: the catalogue (exclusive), overdue registrations, capacity
-- pools in id order.
-- Waits at most 1 s for each lock.
-- Errors: 42501, TK008, TK004, 55P03.

CREATE OR REPLACE FUNCTION ticketing.repair_capacity(p_function_id uuid DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- buyers queue behind a call that waits for the catalogue
SET lock_timeout = '1s'
AS $$
DECLARE
    v_function_id uuid;
    v_issues jsonb;
    v_repaired integer := 0;
    v_answer ticketing_internal.repair_answer;
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

        -- where the tickets do not fit, what is overdue expires: all of it, because the counters, by
        -- which a buyer would find less, may be wrong
        PERFORM ticketing_internal.expire_overdue(v_function_id, NULL, NULL, NULL, clock_timestamp())
        WHERE EXISTS (
            SELECT
            FROM ticketing.capacity_pools AS pool
            INNER JOIN ticketing_internal.count_capacity(v_function_id) AS counted
                ON counted.capacity_pool_id = pool.capacity_pool_id
            WHERE pool.function_id = v_function_id
                AND counted.reserved + counted.sold > pool.capacity
        );

        PERFORM pool.capacity_pool_id
        FROM ticketing.capacity_pools AS pool
        WHERE pool.function_id = v_function_id
        ORDER BY pool.capacity_pool_id
        FOR NO KEY UPDATE;

        SELECT jsonb_agg(ticketing_internal.issue(
            'capacity_below_use', 'p_function_id',
            format('%s has a capacity of %s and %s tickets; cancel tickets or raise its capacity first.',
                pool.name, pool.capacity, counted.reserved + counted.sold),
            p_item_name => pool.name, p_expected => to_jsonb(counted.reserved + counted.sold),
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

        -- no sale can be using an allotment: every sale holds the catalogue lock
        DELETE FROM ticketing_internal.capacity_allotments AS allotment
        WHERE allotment.function_id = v_function_id;

        UPDATE ticketing.capacity_pools AS pool
        SET reserved = counted.reserved, sold = counted.sold
        FROM ticketing_internal.count_capacity(v_function_id) AS counted
        WHERE pool.function_id = v_function_id
            AND pool.capacity_pool_id = counted.capacity_pool_id
            AND (pool.reserved, pool.sold) <> (counted.reserved, counted.sold);
    END LOOP;

    v_answer.success := TRUE;
    v_answer.pools_repaired := v_repaired;
    v_answer.server_time := clock_timestamp();
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.repair_capacity IS
'Recounts the capacity of every pool from its tickets and corrects counters that differ.

They differ, for example, after rows were edited by hand. Sales of a function wait while it is
recounted.

### Callers
- `service_role`: all functions

### Parameters
- `p_function_id`: the function; absent: all functions, one after the other.

### Returns
`repair_answer`: how many pools were corrected.

### Raises
- `42501` not_allowed: the caller is not the service
- `TK004` selection_invalid: a pool has more tickets than capacity, overdue ones aside, or the transaction is not READ
  COMMITTED
- `TK008` function_not_found: it does not exist

### Retry
A repeated call corrects nothing, unless counters differ again. The call waits at most a second for
each lock and raises 55P03 then, so that buyers who have come after it do not wait for long; repeat
it.';

GRANT EXECUTE ON FUNCTION ticketing.repair_capacity TO service_role;
