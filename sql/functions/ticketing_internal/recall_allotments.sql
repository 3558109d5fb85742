-- Give back to a pool what was set aside of it.
--
-- Lock order: the pool, then its allotments; it waits for those who are using one. See take_places.

CREATE OR REPLACE FUNCTION ticketing_internal.recall_allotments(
    p_function_id uuid,
    p_capacity_pool_id uuid
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_aside record;
BEGIN
    WITH recalled AS (
        DELETE FROM ticketing_internal.capacity_allotments AS allotment
        WHERE allotment.function_id = p_function_id
            AND allotment.capacity_pool_id = p_capacity_pool_id
        RETURNING allotment.places, allotment.sold
    )
    SELECT sum(recalled.places) AS places, sum(recalled.sold) AS sold INTO v_aside FROM recalled;

    IF v_aside.places IS NOT NULL THEN
        UPDATE ticketing.capacity_pools AS pool
        SET reserved = pool.reserved - v_aside.places - v_aside.sold, sold = pool.sold + v_aside.sold
        WHERE pool.function_id = p_function_id
            AND pool.capacity_pool_id = p_capacity_pool_id;
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.recall_allotments(uuid, uuid) IS
'Puts the places of all allotments of a pool, which the caller has locked, back into it.';

REVOKE ALL ON FUNCTION ticketing_internal.recall_allotments(uuid, uuid) FROM public;
