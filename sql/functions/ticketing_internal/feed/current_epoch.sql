-- The epoch of a change made now, as far as transaction ids tell. Writes nothing and does not need
-- the timeline of the server, so that readers of a hot standby can call it.

CREATE OR REPLACE FUNCTION ticketing_internal.current_epoch()
RETURNS bigint
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_epoch bigint;
    v_verified_at timestamptz;
BEGIN
    SELECT stored.epoch, stored.server_started_at
    INTO v_epoch, v_verified_at
    FROM ticketing_internal.feed_epoch AS stored;

    -- all functions: the epoch is that of the whole feed
    IF v_verified_at <> pg_postmaster_start_time() AND EXISTS (
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
    RETURN v_epoch;
END
$$;

COMMENT ON FUNCTION ticketing_internal.current_epoch IS
'The stored epoch, or the next one if the feed already has transaction ids that this server has yet to assign.';
