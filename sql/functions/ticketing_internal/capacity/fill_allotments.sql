-- Set places of a crowded pool aside: those who come next find them without waiting for its row.
--
-- An allotment that is used up is filled again; when all are in use, there will be twice as many.
-- Each gets a small part of what is left, so that the last places are sold from the pool itself,
-- one buyer after the other.
-- Lock order: the caller holds the pool; an allotment in use is passed over, never waited for.

CREATE OR REPLACE FUNCTION ticketing_internal.fill_allotments(
    p_function_id uuid,
    p_capacity_pool_id uuid,
    p_wanted integer,
    p_left integer
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_most_allotments CONSTANT integer := 64;
    c_most_places CONSTANT integer := 1000;
    v_places CONSTANT integer := least(c_most_places, p_left / (2 * c_most_allotments));
    v_filled integer;
BEGIN
    IF v_places = 0 THEN
        RETURN;
    END IF;

    UPDATE ticketing_internal.capacity_allotments AS allotment
    SET available = allotment.available + v_places
    WHERE allotment.function_id = p_function_id
        AND allotment.capacity_pool_id = p_capacity_pool_id
        AND allotment.allotment = (
            SELECT unused.allotment
            FROM ticketing_internal.capacity_allotments AS unused
            WHERE unused.function_id = p_function_id
                AND unused.capacity_pool_id = p_capacity_pool_id
                AND unused.available < p_wanted
            LIMIT 1
            FOR NO KEY UPDATE SKIP LOCKED
        );
    GET DIAGNOSTICS v_filled = ROW_COUNT;

    IF v_filled = 0 THEN
        INSERT INTO ticketing_internal.capacity_allotments (function_id, capacity_pool_id, allotment, available)
        SELECT p_function_id, p_capacity_pool_id, number, v_places
        FROM (
            SELECT count(*) AS allotments
            FROM ticketing_internal.capacity_allotments AS allotment
            WHERE allotment.function_id = p_function_id
                AND allotment.capacity_pool_id = p_capacity_pool_id
        ) AS there
        CROSS JOIN generate_series(
            there.allotments + 1, least(2 * there.allotments + 1, c_most_allotments)
        ) AS number;
        GET DIAGNOSTICS v_filled = ROW_COUNT;
    END IF;

    UPDATE ticketing.capacity_pools AS pool
    SET reserved = pool.reserved + v_filled * v_places
    WHERE pool.function_id = p_function_id
        AND pool.capacity_pool_id = p_capacity_pool_id
        AND v_filled > 0;
END
$$;

COMMENT ON FUNCTION ticketing_internal.fill_allotments IS
'Moves some of the p_left free places of a pool, which the caller has locked, into allotments, since he has found none with
p_wanted places that nobody was using.';
