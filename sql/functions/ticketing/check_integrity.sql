-- Guarantees: no rows if counters, totals, selections, holds, payments, the index and the feed
-- all agree with the tickets. All checks use one snapshot. Read-only; can run during sales.
-- Locks: none.
-- Errors: 42501.

CREATE OR REPLACE FUNCTION ticketing.check_integrity()
RETURNS TABLE (check_name text, function_id uuid, registration_id uuid, detail jsonb)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT ticketing_internal.caller_is_service()
        AND NOT pg_has_role(ticketing_internal.caller_role(), 'ticketing_reader', 'MEMBER')
    THEN
        PERFORM ticketing_internal.require_service();
    END IF;

    RETURN QUERY
    SELECT * FROM ticketing_internal.check_capacity()
    UNION ALL
    SELECT * FROM ticketing_internal.check_ledger()
    UNION ALL
    SELECT * FROM ticketing_internal.check_selections()
    UNION ALL
    SELECT * FROM ticketing_internal.check_registrations()
    UNION ALL
    SELECT * FROM ticketing_internal.check_feed();
END
$$;

COMMENT ON FUNCTION ticketing.check_integrity IS
'Recounts all values that are stored twice and returns one row per inconsistency.

No rows mean that there is none.

### Callers
- `service_role`: everything
- `ticketing_reader`: everything

### Returns
`integrity_problem`: each row is one inconsistency, found by one of these checks.

- `pool_counters`: counters of pools against tickets, also tickets of what is no longer sold
- `pool_memberships`: pools of events, ticket types and packages against what must count in them
- `registration_totals`: totals against tickets
- `selected_tickets`: selections of attendees against tickets
- `package_contents`: whole packages
- `registration_state`: status, holds and payment status against tickets
- `payments`: money against totals
- `registration_index`: the index against the registrations
- `change_feed`: the last change of each ticket against the ticket
- `feed_order`: transaction ids ahead of this server

### Raises
- `42501` not_allowed: the caller is neither the service nor a reader

### Retry
Repeating the call is safe, because it writes nothing.';

GRANT EXECUTE ON FUNCTION ticketing.check_integrity TO service_role, ticketing_reader;
