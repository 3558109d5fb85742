-- Counting tickets for a pool requires READ COMMITTED: an older snapshot would miss tickets sold
-- since it was taken.
--
-- Errors: TK004.

CREATE OR REPLACE FUNCTION ticketing_internal.require_read_committed()
RETURNS void
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM ticketing_internal.raise_issues('TK004', jsonb_build_array(ticketing_internal.issue(
            'isolation_too_strict', 'transaction_isolation',
            'Requires READ COMMITTED.',
            p_expected => to_jsonb('read committed'::text),
            p_actual => to_jsonb(current_setting('transaction_isolation'))
        )));
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_read_committed IS
'Raises TK004 unless the transaction is READ COMMITTED.';
