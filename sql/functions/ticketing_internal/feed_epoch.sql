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
    v_epoch integer;
    v_verified timestamptz;
BEGIN
    SELECT stored.epoch, stored.server_started_at
    INTO v_epoch, v_verified
    FROM ticketing_internal.feed_epoch AS stored;

    IF v_verified = pg_postmaster_start_time() THEN
        RETURN v_epoch;
    END IF;

    SELECT stored.epoch
    INTO v_epoch
    FROM ticketing_internal.feed_epoch AS stored
    FOR NO KEY UPDATE;

    -- all functions: the epoch is that of the whole feed
    IF EXISTS (
        SELECT
        FROM ticketing.functions AS function
        CROSS JOIN LATERAL (
            SELECT change.transaction_id
            FROM ticketing.ticket_changes AS change
            WHERE change.function_id = function.function_id
                AND change.epoch = v_epoch
            ORDER BY change.transaction_id DESC
            LIMIT 1
        ) AS latest
        WHERE latest.transaction_id >= pg_snapshot_xmax(pg_current_snapshot())
    ) THEN
        v_epoch := v_epoch + 1;
    END IF;

    UPDATE ticketing_internal.feed_epoch AS stored
    SET epoch = v_epoch, server_started_at = pg_postmaster_start_time();
    RETURN v_epoch;
END
$$;

COMMENT ON FUNCTION ticketing_internal.feed_epoch() IS
'The current epoch of the change feed, raised when this server counts its transactions from lower than
the feed already knows.';

REVOKE ALL ON FUNCTION ticketing_internal.feed_epoch() FROM public;
