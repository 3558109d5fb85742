-- The epoch that changes are recorded in. Transaction ids, which order the feed, only ever grow
-- while a server runs, so verifying once for every start of a server is enough: a database
-- restored into another one finds itself on a start it does not know, and then looks whether the
-- feed already has transactions that this server is yet to come to.

CREATE OR REPLACE FUNCTION ticketing_internal.feed_epoch()
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_epoch CONSTANT integer := ticketing_internal.current_epoch();
BEGIN
    -- Whoever comes first writes it down; the others come to the same epoch by themselves and do
    -- not wait for him.
    PERFORM stored.epoch
    FROM ticketing_internal.feed_epoch AS stored
    WHERE stored.server_started_at <> pg_postmaster_start_time()
    FOR NO KEY UPDATE SKIP LOCKED;

    IF found THEN
        UPDATE ticketing_internal.feed_epoch AS stored
        SET epoch = v_epoch, server_started_at = pg_postmaster_start_time();
    END IF;
    RETURN v_epoch;
END
$$;

COMMENT ON FUNCTION ticketing_internal.feed_epoch IS
'The current epoch of the change feed, raised when this server counts its transactions from lower than
the feed already knows.';
