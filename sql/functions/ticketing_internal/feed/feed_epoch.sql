-- Guarantees: changes written under the returned epoch follow all earlier changes of the feed.
-- Transaction ids order the feed and only grow while a server runs, so one check per server start
-- is enough: a database restored into another server has a start time that it does not know, and
-- then compares the ids in the feed with those of the server.
-- Lock order: the row of feed_epoch, never waiting.

CREATE OR REPLACE FUNCTION ticketing_internal.feed_epoch()
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_epoch CONSTANT integer := ticketing_internal.current_epoch();
BEGIN
    -- The first session stores the epoch; others compute the same value without waiting.
    PERFORM stored.epoch
    FROM ticketing_internal.feed_epoch AS stored
    WHERE stored.server_started_at <> pg_postmaster_start_time()
    FOR NO KEY UPDATE SKIP LOCKED;

    IF found THEN
        UPDATE ticketing_internal.feed_epoch AS stored
        SET epoch = v_epoch, server_started_at = pg_postmaster_start_time()
        WHERE stored.is_only_row;
    END IF;
    RETURN v_epoch;
END
$$;

COMMENT ON FUNCTION ticketing_internal.feed_epoch IS
'The current epoch of the change feed; raised if the transaction ids of this server are below those already in the feed.';
