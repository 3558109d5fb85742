COMMENT ON COLUMN ticketing.capacity_pools.reserved IS 'Places held by tickets not paid yet.';
COMMENT ON COLUMN ticketing.capacity_pools.sold IS 'Places of paid tickets.';

-- what is set aside goes back
UPDATE ticketing.capacity_pools AS pool
SET reserved = whole.reserved, sold = whole.sold
FROM ticketing_internal.pool_places AS whole
WHERE
    whole.function_id = pool.function_id
    AND whole.capacity_pool_id = pool.capacity_pool_id
    AND (whole.reserved, whole.sold) <> (pool.reserved, pool.sold);

DROP VIEW ticketing_internal.pool_places;

DROP TABLE ticketing_internal.capacity_allotments;
