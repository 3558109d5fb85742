-- Locks which pools the ticket types and packages of a function belong to: shared while tickets
-- change, exclusively while pools change. Otherwise a ticket could take capacity from one set of
-- pools and be counted in another.
--
-- An advisory lock, because every sale takes it: it writes nothing, and shared holders never wait
-- for each other. Only an import and a recount take it exclusively, for milliseconds. It is not
-- enough where the snapshot is older than the lock (REPEATABLE READ, SERIALIZABLE): there the row
-- lock fails with 40001 if the catalogue has changed since. That is why an import always writes the
-- row of the function.
--
-- Lock order: before any row of the function.
-- Errors: 40001; TK004 for an exclusive lock outside of READ COMMITTED.

CREATE OR REPLACE FUNCTION ticketing_internal.lock_catalogue(
    p_function_id uuid, p_is_exclusive boolean
)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_key CONSTANT bigint := ticketing_internal.lock_key('catalogue', p_function_id);
BEGIN
    IF p_is_exclusive THEN
        PERFORM ticketing_internal.require_read_committed();
        PERFORM pg_advisory_xact_lock(v_key);
    ELSIF NOT pg_try_advisory_xact_lock_shared(v_key) THEN
        -- tried first, because an expression costs a tenth of a statement
        PERFORM pg_advisory_xact_lock_shared(v_key);
    END IF;

    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM function.function_id
        FROM ticketing.functions AS function
        WHERE function.function_id = p_function_id
        FOR SHARE;
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.lock_catalogue IS
'Locks which ticket types and packages of a function are in which pools until the end of the transaction: shared to
change tickets, exclusively to change or recount pools.';
