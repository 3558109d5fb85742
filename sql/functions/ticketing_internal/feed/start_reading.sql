-- Where a reader of the change feed continues. Refuses a cursor from which it would skip changes:
-- one before the history that is kept, and one whose change this server does not have in an epoch
-- that has not ended. Where it has ended, new changes come after the cursor all the same.
--
-- Comparing transaction ids would not do: a server that has lost a change may have assigned its id
-- again, and higher ones.
--
-- Errors: TK001.

CREATE OR REPLACE FUNCTION ticketing_internal.start_reading(p_after text, p_epoch bigint)
RETURNS ticketing_internal.feed_cursor
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_first ticketing_internal.feed_cursor;
    v_after ticketing_internal.feed_cursor;
BEGIN
    SELECT stored.first_epoch, stored.first_transaction_id, stored.first_change_id
    INTO v_first
    FROM ticketing_internal.feed_epoch AS stored;
    IF p_after IS NULL THEN
        RETURN v_first;
    END IF;

    v_after := ticketing_internal.read_cursor(p_after);
    IF v_after < v_first THEN
        PERFORM ticketing_internal.raise_issues(
            'TK001',
            jsonb_build_array(ticketing_internal.issue(
                'cursor_expired', 'p_after',
                'The changes after this cursor have been deleted; the cursor in expected is the first to continue from.',
                p_expected => to_jsonb(ticketing_internal.write_cursor(v_first)), p_actual => to_jsonb(p_after)
            )),
            'Compare what was derived from the feed with the registrations, and continue from the cursor in expected.'
        );
    END IF;

    IF (v_after).epoch >= p_epoch AND NOT EXISTS (
        SELECT
        -- all functions: one feed for the whole database
        FROM ticketing.functions AS function
        CROSS JOIN LATERAL (
            SELECT
            FROM ticketing.ticket_changes AS change
            WHERE change.function_id = function.function_id
                AND change.epoch = (v_after).epoch
                AND change.transaction_id = (v_after).transaction_id
                AND change.change_id = (v_after).change_id
            -- one look into the primary key for each function, instead of a join
            LIMIT 1
        ) AS change
    ) AND v_after <> v_first THEN
        PERFORM ticketing_internal.raise_issues(
            'TK001',
            jsonb_build_array(ticketing_internal.issue(
                'cursor_ahead', 'p_after',
                'The server does not have the change that the cursor points to: it lags behind, or has lost it.',
                p_actual => to_jsonb(p_after)
            )),
            'Try again with the same cursor: a standby catches up, and after a failover the next change continues the '
            'feed. If it persists, an older state was restored: read the feed from the beginning.'
        );
    END IF;
    RETURN v_after;
END
$$;

COMMENT ON FUNCTION ticketing_internal.start_reading IS
'The cursor in p_after, or the first one if it is null; raises TK001 if changes after it are not all there, or if
its change is not. p_epoch: the current epoch.';
