-- Guarantees: all later changes stand in the feed after all earlier ones, and after all that
-- readers have seen, also of a state of the database that is lost.
-- Waits for the transactions that change tickets, so that none records a change in the epoch that
-- ends here. Those at REPEATABLE READ and SERIALIZABLE that have read before fail with 40001.
-- Lock order: all imports, the catalogue of each function in id order (exclusive), its row, the
-- epoch.
-- Waits at most 1 s for each lock.
-- Errors: 42501, TK004, 55P03.

CREATE OR REPLACE FUNCTION ticketing.begin_feed_epoch()
RETURNS jsonb
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- buyers queue behind a call that waits for the catalogue
SET lock_timeout = '1s'
AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_function_id uuid;
    v_answer ticketing_internal.begin_feed_epoch_answer;
BEGIN
    PERFORM ticketing_internal.require_service();
    PERFORM ticketing_internal.require_read_committed();
    PERFORM pg_advisory_xact_lock(ticketing_internal.lock_key('import'));

    FOR v_function_id IN
        SELECT function.function_id
        -- all functions: the epoch is that of the whole feed
        FROM ticketing.functions AS function
        ORDER BY function.function_id
    LOOP
        PERFORM ticketing_internal.lock_catalogue(v_function_id, p_is_exclusive => TRUE);
        -- written for older snapshots, see lock_catalogue
        UPDATE ticketing.functions AS function
        SET updated_at = function.updated_at
        WHERE function.function_id = v_function_id;
    END LOOP;

    -- The time in milliseconds: a lost state may have had epochs that this one does not know of, and they
    -- began earlier.
    UPDATE ticketing_internal.feed_epoch AS stored
    SET
        epoch = greatest(stored.epoch + 1, floor(extract(EPOCH FROM v_now) * 1000)::bigint),
        server_started_at = pg_postmaster_start_time(),
        server = ticketing_internal.server_identity()
    WHERE stored.is_only_row
    RETURNING stored.epoch INTO v_answer.epoch;

    v_answer.success := TRUE;
    v_answer.server_time := v_now;
    RETURN to_jsonb(v_answer);
END
$$;

COMMENT ON FUNCTION ticketing.begin_feed_epoch IS
'Begins a new epoch of the change feed, after an older state of the database was restored.

A failover begins one by itself, and so does what PostgreSQL knows to be another server or timeline.
It does not notice a restored snapshot of a volume, or a copy that was started as it is. Call this
after every restore, before applications connect: no reader then skips a change that is made after it.

### Callers
- `service_role`: the feed of the whole database

### Returns
`begin_feed_epoch_answer`: the epoch of all changes from now on.

### Raises
- `42501` not_allowed: the caller is not the service
- `TK004` selection_invalid: the transaction is not READ COMMITTED

### Retry
A repeated call begins one more epoch, which changes nothing for readers. The call waits at most a
second for each lock and raises 55P03 then, so that buyers who have come after it do not wait for
long; repeat it.';

GRANT EXECUTE ON FUNCTION ticketing.begin_feed_epoch TO service_role;
