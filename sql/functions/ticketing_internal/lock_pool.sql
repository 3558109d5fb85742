-- Take a pool whole: its place in the queue, its row, and what was set aside of it.
--
-- Lock order: pools in the order of their ids; see take_places.

CREATE OR REPLACE FUNCTION ticketing_internal.lock_pool(
    p_function_id uuid,
    p_capacity_pool_id uuid
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_capacity_pool_id, 0));

    PERFORM pool.capacity_pool_id
    FROM ticketing.capacity_pools AS pool
    WHERE pool.function_id = p_function_id
        AND pool.capacity_pool_id = p_capacity_pool_id
    FOR NO KEY UPDATE;

    PERFORM ticketing_internal.recall_allotments(p_function_id, p_capacity_pool_id);
END
$$;

COMMENT ON FUNCTION ticketing_internal.lock_pool(uuid, uuid) IS
'Locks a pool, with all of its free places in it, for somebody who is going to count or change it.';

REVOKE ALL ON FUNCTION ticketing_internal.lock_pool(uuid, uuid) FROM public;
