-- Whether a transaction keeps a row locked, and has done so while a hundred others began. A row is
-- usually locked for some milliseconds, by a call that changes it or takes its capacity. An overdue
-- registration that stays locked is not free for anyone, and callers must be told so.
--
-- xmax is the locking transaction (see System Columns in the PostgreSQL manual), by the last 32
-- bits of its id. It stays when that transaction has ended, so its state is looked up. A row that
-- several transactions have locked at once has the id of their group instead, which reads as an id
-- of long ago: the row counts as free.

CREATE OR REPLACE FUNCTION ticketing_internal.is_locked_long(p_xmax xid)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    c_transactions CONSTANT bigint := 100;
    c_ids CONSTANT bigint := 4294967296;
    v_next bigint;
    v_id bigint;
BEGIN
    IF p_xmax = '0' THEN
        RETURN FALSE;
    END IF;
    v_next := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
    -- the latest transaction before v_next with these bits
    v_id := v_next - 1 - (v_next - 1 - p_xmax::text::bigint + c_ids) % c_ids;
    RETURN v_id > 0
        AND v_id < v_next - c_transactions
        -- later ids may be those of savepoints of this transaction
        AND v_id < coalesce(pg_current_xact_id_if_assigned()::text::bigint, v_next)
        -- null: too long ago to be known
        AND coalesce(pg_xact_status(v_id::text::xid8) = 'in progress', FALSE);
END
$$;

COMMENT ON FUNCTION ticketing_internal.is_locked_long IS
'Whether the transaction in the xmax of a row, another than this one, still runs a hundred transactions after it began.';
