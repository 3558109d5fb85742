-- Take all pools of a function whole: the place in the queue of each, its row, and what was set
-- aside of it.
--
-- Lock order: pool by pool in the order of their ids; see take_places.

CREATE OR REPLACE FUNCTION ticketing_internal.lock_pools(p_function_id uuid)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_capacity_pool_id uuid;
BEGIN
    FOR v_capacity_pool_id IN
        SELECT pool.capacity_pool_id
        FROM ticketing.capacity_pools AS pool
        WHERE pool.function_id = p_function_id
        ORDER BY pool.capacity_pool_id
    LOOP
        PERFORM pg_advisory_xact_lock(uuid_hash_extended(v_capacity_pool_id, uuid_hash_extended(p_function_id, 0)));

        PERFORM pool.capacity_pool_id
        FROM ticketing.capacity_pools AS pool
        WHERE pool.function_id = p_function_id
            AND pool.capacity_pool_id = v_capacity_pool_id
        FOR NO KEY UPDATE;

        PERFORM ticketing_internal.recall_allotments(p_function_id, v_capacity_pool_id);
    END LOOP;
END
$$;

COMMENT ON FUNCTION ticketing_internal.lock_pools(uuid) IS
'Locks all pools of a function, with all of their free places in them, for somebody who is going to change them.';

REVOKE ALL ON FUNCTION ticketing_internal.lock_pools(uuid) FROM public;
