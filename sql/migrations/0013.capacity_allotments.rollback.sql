-- or places that somebody is just taking from an allotment would be lost
LOCK TABLE ticketing.capacity_pools IN ACCESS EXCLUSIVE MODE;
LOCK TABLE ticketing_internal.capacity_allotments IN ACCESS EXCLUSIVE MODE;

COMMENT ON COLUMN ticketing.capacity_pools.reserved IS 'Places held by tickets not paid yet.';
COMMENT ON COLUMN ticketing.capacity_pools.sold IS 'Places of paid tickets.';

-- what is set aside goes back
UPDATE ticketing.capacity_pools AS pool
SET
    reserved = pool.reserved - aside.places - aside.sold,
    sold = pool.sold + aside.sold
FROM (
    SELECT
        allotment.function_id,
        allotment.capacity_pool_id,
        sum(allotment.available) AS places,
        sum(allotment.sold) AS sold
    FROM ticketing_internal.capacity_allotments AS allotment
    GROUP BY allotment.function_id, allotment.capacity_pool_id
) AS aside
WHERE aside.function_id = pool.function_id AND aside.capacity_pool_id = pool.capacity_pool_id;

DROP TABLE ticketing_internal.capacity_allotments;
