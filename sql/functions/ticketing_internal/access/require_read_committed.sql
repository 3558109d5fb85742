-- What counts the tickets must see them as they are now: with a snapshot from before, what was sold
-- since would be left out.
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
            'What is sold must be seen as it is now: call in READ COMMITTED.',
            p_expected => to_jsonb('read committed'::text),
            p_actual => to_jsonb(current_setting('transaction_isolation'))
        )));
    END IF;
END
$$;

COMMENT ON FUNCTION ticketing_internal.require_read_committed IS
'Raises TK004 in a transaction that is not READ COMMITTED.';
