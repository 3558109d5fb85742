-- Moves free capacity of a contended pool into allotments, so that the next buyers take it without
-- waiting for the row of the pool.
--
-- An allotment with too little left is filled again; when all are in use, their number doubles.
-- Each gets a small part of what is free, so that the last tickets are sold from the pool itself,
-- one buyer after the other.
-- Lock order: the caller has locked the pool; an allotment in use is skipped, never waited for.

CREATE OR REPLACE FUNCTION ticketing_internal.fill_allotments(
    p_function_id uuid,
    p_capacity_pool_id uuid,
    p_requested integer,
    p_free integer
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_max_allotments CONSTANT integer := 64;
    c_max_per_allotment CONSTANT integer := 1000;
    v_amount CONSTANT integer := least(c_max_per_allotment, p_free / (2 * c_max_allotments));
    v_filled integer;
BEGIN
    IF v_amount = 0 THEN
        RETURN;
    END IF;

    UPDATE ticketing_internal.capacity_allotments AS allotment
    SET available = allotment.available + v_amount
    WHERE allotment.function_id = p_function_id
        AND allotment.capacity_pool_id = p_capacity_pool_id
        AND allotment.allotment = (
            SELECT candidate.allotment
            FROM ticketing_internal.capacity_allotments AS candidate
            WHERE candidate.function_id = p_function_id
                AND candidate.capacity_pool_id = p_capacity_pool_id
                AND candidate.available < p_requested
            LIMIT 1
            FOR NO KEY UPDATE SKIP LOCKED
        );
    GET DIAGNOSTICS v_filled = ROW_COUNT;

    IF v_filled = 0 THEN
        INSERT INTO ticketing_internal.capacity_allotments (function_id, capacity_pool_id, allotment, available)
        SELECT p_function_id, p_capacity_pool_id, number, v_amount
        FROM (
            SELECT count(*) AS allotments
            FROM ticketing_internal.capacity_allotments AS allotment
            WHERE allotment.function_id = p_function_id
                AND allotment.capacity_pool_id = p_capacity_pool_id
        ) AS existing
        CROSS JOIN generate_series(
            existing.allotments + 1, least(2 * existing.allotments + 1, c_max_allotments)
        ) AS number;
        GET DIAGNOSTICS v_filled = ROW_COUNT;
    END IF;

    UPDATE ticketing.capacity_pools AS pool
    SET reserved = pool.reserved + v_filled * v_amount
    WHERE pool.function_id = p_function_id
        AND pool.capacity_pool_id = p_capacity_pool_id
        AND v_filled > 0;
END
$$;

COMMENT ON FUNCTION ticketing_internal.fill_allotments IS
'Moves some of the p_free free capacity of a pool, which the caller has locked, into allotments. Called when no
allotment with at least p_requested was available without waiting.';
