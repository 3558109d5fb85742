-- Guarantees: changes written under the returned epoch follow all earlier changes of the feed, also
-- those that readers have seen and that this server has lost.
-- Transaction ids order the feed and only grow while a server is the primary, so one check per
-- server start is enough: a promoted standby has never stored its own start time, and neither has a
-- restored database. The timeline tells that transactions may be lost, which the ids cannot.
-- Lock order: the row of feed_epoch, never waiting.

CREATE OR REPLACE FUNCTION ticketing_internal.feed_epoch()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_server CONSTANT text := ticketing_internal.server_identity();
    v_epoch bigint;
BEGIN
    -- in one snapshot, because another session may store the epoch meanwhile
    SELECT greatest(
        ticketing_internal.current_epoch(),
        CASE WHEN stored.server <> v_server THEN stored.epoch + 1 END
    )
    INTO v_epoch
    FROM ticketing_internal.feed_epoch AS stored;

    -- The first session stores the epoch; others compute the same value without waiting.
    PERFORM stored.epoch
    FROM ticketing_internal.feed_epoch AS stored
    WHERE stored.server_started_at <> pg_postmaster_start_time()
    FOR NO KEY UPDATE SKIP LOCKED;

    IF found THEN
        UPDATE ticketing_internal.feed_epoch AS stored
        SET epoch = v_epoch, server_started_at = pg_postmaster_start_time(), server = v_server
        WHERE stored.is_only_row;
    END IF;
    RETURN v_epoch;
END
$$;

COMMENT ON FUNCTION ticketing_internal.feed_epoch IS
'The current epoch of the change feed; raised when this is another server, or another timeline of it, than at the last change,
or when its transaction ids are below those already in the feed.';
